"""What to read before deleting: each distinct warning once, with everything that it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import text
from .rows import Row


@dataclass(frozen=True, slots=True)
class SharedWarning:
    """A cleaned sentence, in full where it is about one thing, without the IP where it is about several."""

    sentence: str
    rows: tuple[Row, ...]


def shared_warnings(rows: Iterable[Row]) -> tuple[SharedWarning, ...]:
    """The warnings of `rows` in the order in which they come; those that differ only by an IP count as one."""
    about: dict[str, list[tuple[str, Row]]] = {}
    for row in rows:
        for warning in row.warnings:
            about.setdefault(_without_ips(warning, row), []).append((text.clean(warning), row))
    return tuple(
        SharedWarning(members[0][0] if len(members) == 1 else sentence, tuple(row for _, row in members))
        for sentence, members in about.items()
    )


def _without_ips(warning: str, row: Row) -> str:
    for ip in row.ips:
        warning = warning.replace(f" {ip}", "")
    return text.clean(warning)
