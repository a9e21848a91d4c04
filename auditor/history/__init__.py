"""Runs kept, and what is new, known or gone against them."""
