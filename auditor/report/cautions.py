"""What to know before something is deleted: each distinct warning once, with the things that it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import text
from .rows import Row


@dataclass(frozen=True, slots=True)
class Caution:
    text: str
    """In full where it is about one thing, without its IP where it is about several."""
    about: tuple[Row, ...]


def group(rows: Iterable[Row]) -> tuple[Caution, ...]:
    """The warnings of all rows in their order; those that differ by an IP count as one."""
    found: dict[str, list[tuple[str, Row]]] = {}
    for row in rows:
        for warning in row.warnings:
            found.setdefault(_without_ips(warning, row), []).append((text.clean(warning), row))
    return tuple(
        Caution(members[0][0] if len(members) == 1 else shared, tuple(row for _, row in members))
        for shared, members in found.items()
    )


def _without_ips(warning: str, row: Row) -> str:
    for ip in row.ips:
        warning = warning.replace(f" {ip}", "")
    return text.clean(warning)
