"""Tables of text, drawn by tabulate: headings, a rule, rows; numbers are never parsed out of names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabulate import tabulate

SEPARATOR_WIDTH = 2
_ESCAPES = re.compile(r"\x1b\]8;;.*?\x1b\\|\x1b\[[0-9;]*m")


def draw(titles: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str]) -> str:
    """One line per row, columns as wide as their widest cell; `align` is "left" or "right" for each column.

    Cells may hold colours and links, which take no room. The headings are rows to tabulate, which would pad them.
    """
    columns = list(zip(titles, *rows, strict=True))
    rule = ["-" * max(_visible_width(cell) for cell in column) for column in columns]
    drawn = tabulate([titles, rule, *rows], tablefmt="plain", disable_numparse=True, colalign=align)
    return "\n".join(line.rstrip() for line in drawn.splitlines())


def _visible_width(cell: str) -> int:
    return len(_ESCAPES.sub("", cell))
