"""What earlier runs knew: of a finding, and of the whole scope (docs/report.md, History)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Novelty(StrEnum):
    """How a finding stands to the runs before."""

    NEW = "new"
    KNOWN = "known"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Accrual:
    """What something has cost so far, in US dollars at today's list price: at least `low`, at most `high`.

    A range, for nobody knows with how many others it shared a flat minimum in the past (docs/pricing.md, Accrual).
    """

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class FindingHistory:
    """What the runs before say of one finding."""

    novelty: Novelty | None
    """None = cannot be told: what it depends on was not read this time."""
    first_seen: datetime
    """The first run that reported it (UTC); this run's own time for what is new."""
    last_seen: datetime
    """The last run that reported it: this one, but for what is gone."""
    runs_seen: int
    """How many runs have reported it, this one among them."""
    accrued_since_first_seen: Accrual | None = None
    """None where its price is not known."""
    accrued_since_creation: Accrual | None = None
    """None where its price or its age is not known."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The money of one run, in US dollars a month at list price: orphaned and unused (`saving`), idle, unknown."""

    at: datetime
    saving: Decimal
    idle: Decimal
    unknown: Decimal
    total: Decimal
    is_partial: bool
    """Something was not read in full then, so that the sums may be too low."""


@dataclass(frozen=True, slots=True)
class ReportHistory:
    """The runs that a report was compared with."""

    source: str
    """Where they are kept, as the user named it."""
    runs: int
    """How many earlier runs there are."""
    since: datetime | None
    """The time of the first of them."""
    previous: datetime | None
    """The time of the last of them."""
    trend: tuple[TrendPoint, ...] = ()
    """The runs from the oldest to this one, this one included."""
