"""Findings become estimates. Pure."""
