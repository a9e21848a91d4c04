"""check-access as text: what is missing where, and the command that grants just that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from . import drawing
from .text import clean


class Place(Protocol):
    """One project, folder, organization or cluster that was asked."""

    @property
    def where(self) -> str: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def command(self) -> str: ...
    @property
    def problem(self) -> str: ...


def render(places: Sequence[Place]) -> str:
    """A table of all places, then for each incomplete one everything that is missing and what mends it."""
    rows = [[clean(place.where), _state(place)] for place in places]
    lines = [drawing.draw(("Where", "Access"), rows, ("left", "left")), ""]
    for place in places:
        if not place.missing and not place.problem:
            continue
        lines.append(clean(place.where))
        if place.problem:
            lines.append(f"  {clean(place.problem)}")
        lines += [f"  missing: {clean(item)}" for item in place.missing]
        if place.command:
            lines += [
                "  grant it with:" if place.missing else "  next step:",
                *(f"    {clean(line)}" for line in place.command.splitlines()),
            ]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _state(place: Place) -> str:
    if place.problem:
        return "could not be asked" if not place.missing else "incomplete"
    return f"{len(place.missing)} missing" if place.missing else "complete"
