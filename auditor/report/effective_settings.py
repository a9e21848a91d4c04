"""The settings in force and where each came from, as `gke-auditor config` prints them."""

from __future__ import annotations

from collections.abc import Sequence

from . import text
from .drawing import draw


def render(rows: Sequence[tuple[str, str, str]]) -> str:
    """Rows of name, value and origin."""
    cells = [[text.clean(cell, 2000) for cell in row] for row in rows]
    return draw(["Setting", "Value", "From"], cells, ["left"] * 3) + "\n"
