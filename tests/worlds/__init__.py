"""Worlds with known truth, made by living lives (see generate.py)."""

from .generate import CLEAN, GAPS, World, make_world

__all__ = ["CLEAN", "GAPS", "World", "make_world"]
