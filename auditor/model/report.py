"""The report as data; renderers in auditor/report turn it into text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .finding import Finding, Verdict
from .history import ReportHistory

BLIND_TO_IDLE = "Load balancers without ready endpoints were not looked for"
"""How the note begins that says so: in such a report nothing of a cluster in it is idle, whether it works or not."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One list that was not read in full, what that made unknown, and the remedy."""

    scope: str
    status: str
    category: str
    detail: str
    hint: str
    missing: tuple[str, ...] = ()
    unknown_count: int = 0
    """How many judged resources are `unknown` because of it."""


@dataclass(frozen=True, slots=True)
class ClusterRead:
    """One cluster of the scope: how the Container API calls its state, and how much of it was read."""

    cluster: str
    status: str
    read: str
    """complete, partial or failed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Money by verdict, before any filter. None where nothing could be priced."""

    currency: str
    monthly: Mapping[Verdict, Decimal]
    saving: Decimal
    total: Decimal
    suppressed: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a renderer may say. `findings` and `suppressed` are sorted and unfiltered."""

    tool_version: str
    generated_at: datetime
    snapshot_taken_at: datetime
    projects: tuple[str, ...]
    clusters: tuple[ClusterRead, ...]
    price_source: str
    prices_as_of: date
    gaps: tuple[Gap, ...]
    counts: Mapping[Verdict, int]
    summary: Summary
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None
    parents: tuple[str, ...] = ()
    """The folders and organizations that were searched for projects: "organizations/123"; empty for named projects."""
    history: ReportHistory | None = None
    """The earlier runs that this one was compared with; None where there was nothing to compare with."""
    gone: tuple[Finding, ...] = ()
    """What an earlier run reported and this one, though it read everything that it could be in, did not find or calls
    something harmless now; each as it was then, with `history.novelty` "gone"."""
