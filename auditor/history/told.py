"""Which runs readers were told of: an empty note told/<snapshot time>-<execution>.json for each (docs/report.md).

A run is kept before it is mailed, for a crash in between must lose nothing. So that what it found is not taken for
known where the mail failed, or where another run's was the mail of the day, news is what is in no run that was told.

A note is only ever created: two runs at once lose nothing, and a bucket whose objects cannot be replaced will do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from auditor.deliver.storage import Store

from .runs import KeptRun, parse_stem, stem_of

FOLDER = "told/"
_ENDING = ".json"


@dataclass(frozen=True, slots=True)
class Told:
    """What readers know of."""

    until: datetime | None
    """The newest run that they were told of; None: they were told of none."""
    executions: frozenset[str]
    """Those that told something themselves: a further attempt may have kept a later run since."""

    def runs(self, kept: Iterable[KeptRun]) -> tuple[KeptRun, ...]:
        """Those of the runs whose findings are no news: they were told, or a later one was."""
        until = self.until
        if until is None:
            return ()
        return tuple(run for run in kept if run.at <= until or run.execution in self.executions)


def note_told(store: Store, taken_at: datetime, execution: str) -> None:
    """Note that this run was told. Raises NotDelivered or NothingRead where that fails."""
    store.create(f"{FOLDER}{stem_of(taken_at, execution)}{_ENDING}", b"{}\n")


def read_told(store: Store, taken_at: datetime) -> Told:
    """What was told of runs not later than `taken_at` (one whose clock was ahead would hide all that come), by the
    names of the notes alone. Raises NothingRead."""
    names = [name.removeprefix(FOLDER).removesuffix(_ENDING) for name in store.names(FOLDER)]
    stems = [stem for name in names if (stem := parse_stem(name)) is not None and stem[0] <= taken_at]
    return Told(max((at for at, _ in stems), default=None), frozenset(execution for _, execution in stems))
