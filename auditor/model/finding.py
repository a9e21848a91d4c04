"""What the audit says about one resource. Verdicts are those of docs/report.md."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from .history import FindingHistory
from .money import Cost
from .names import ResourceName


class Verdict(StrEnum):
    """In the order in which reports list them."""

    ORPHANED = "orphaned"
    UNUSED = "unused"
    IDLE = "idle"
    UNKNOWN = "unknown"
    IN_USE = "in_use"
    PENDING = "pending"
    FOREIGN = "foreign"

    @property
    def rank(self) -> int:
        return list(Verdict).index(self)


WASTE = frozenset({Verdict.ORPHANED, Verdict.UNUSED})
SHOWN_BY_DEFAULT = (Verdict.ORPHANED, Verdict.UNUSED, Verdict.IDLE, Verdict.UNKNOWN)


class Confidence(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact behind a verdict; `source` is the coverage scope it was read from."""

    statement: str
    source: str
    others: tuple[str, ...] = ()
    """Further scopes that the statement is about, of which a report says no more than their number."""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, *self.others)


@dataclass(frozen=True, slots=True)
class Owner:
    """The Kubernetes object that owns a resource, or owned it. `cluster` is a full name or a "fingerprint:..."."""

    cluster: str | None
    kind: str | None
    namespace: str | None
    name: str | None
    live: bool

    def __str__(self) -> str:
        name = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.kind or 'object'} {name}".strip()


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one judged resource."""

    resource: ResourceName
    verdict: Verdict
    reason: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    created_at: datetime | None = None
    load_balancer: ResourceName | None = None
    owner: Owner | None = None
    ip: str | None = None
    """Without prefix length."""
    warnings: tuple[str, ...] = ()
    observed: Mapping[str, Any] | None = None
    """What a clean-up compares: id, fingerprint, creationTimestamp, target, users."""
    cost: Cost | None = None
    suppression: str | None = None
    """The reason somebody gave for not wanting to see it; None where it is not suppressed."""
    history: FindingHistory | None = None
    """What earlier runs knew of it; None where no earlier run was asked."""

    @property
    def id(self) -> str:
        """First 16 hex digits of SHA-256 of resource, newline, created_at as in the report (docs/report.md)."""
        key = f"{self.resource.full}\n{format_time(self.created_at) or ''}"
        return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:16]

    @property
    def sources(self) -> frozenset[str]:
        """Every scope that its evidence speaks of."""
        return frozenset(source for evidence in self.evidence for source in evidence.sources)


def format_time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z; fractions of a second only where there are some."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")
