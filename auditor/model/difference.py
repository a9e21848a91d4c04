"""How two reports differ, as data; report/diff.py turns it into text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .finding import Finding, Verdict
from .report import Report


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two reports, in a few words."""

    name: str
    """As the user named it."""
    taken_at: datetime
    monthly: Mapping[Verdict, Decimal]
    """US dollars a month at list price, by verdict."""
    saving: Decimal
    total: Decimal
    counts: Mapping[Verdict, int]
    unpriced: Mapping[Verdict, int]
    """How many resources have no known price and are left out of the money, by verdict."""
    gaps: int
    """How many lists were not read in full."""


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that both reports have, with another verdict."""

    old: Finding
    new: Finding


@dataclass(frozen=True, slots=True)
class Incomparable:
    """A finding of one report that the other one says nothing of, whether it lacks it or has it."""

    finding: Finding
    is_in_new: bool
    reason: str
    """Why the other report says nothing of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is orphaned, unused, idle or unknown in one of two reports and was something else in the other."""

    old: Side
    new: Side
    appeared: tuple[Finding, ...]
    """Only in the new report, though the old one had looked there."""
    gone: tuple[Finding, ...]
    """Only in the old report, though the new one has looked there."""
    changed: tuple[Change, ...]
    incomparable: tuple[Incomparable, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.appeared or self.gone or self.changed or self.incomparable)


def side_of(report: Report, name: str) -> Side:
    """What is said of a report as a whole."""
    unpriced = dict.fromkeys(Verdict, 0)
    for finding in (*report.findings, *report.suppressed):
        unpriced[finding.verdict] += finding.cost is None or finding.cost.monthly is None
    return Side(
        name=name,
        taken_at=report.snapshot_taken_at,
        monthly=report.summary.monthly,
        saving=report.summary.saving,
        total=report.summary.total,
        counts=report.counts,
        unpriced=unpriced,
        gaps=len(report.gaps),
    )
