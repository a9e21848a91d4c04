"""One row per load balancer and verdict: to a user one load balancer is one thing (docs/report.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.finding import Finding, Owner, Verdict
from auditor.model.history import FindingHistory, Novelty
from auditor.model.names import ResourceName
from auditor.model.snapshot import JUDGED_COLLECTIONS

from . import text
from .selection import place

_KIND_ORDER = {collection: index for index, collection in enumerate(JUDGED_COLLECTIONS)}


@dataclass(frozen=True, slots=True)
class Row:
    """The findings of one load balancer that share a verdict, or one lone resource. `head` speaks for all."""

    root: ResourceName
    verdict: Verdict
    head: Finding
    findings: tuple[Finding, ...]

    @property
    def part_count(self) -> int:
        return len(self.findings) - 1

    @property
    def monthly(self) -> Decimal | None:
        """The sum of what is known; None where nothing is known or what is known is nothing."""
        known = [item.cost.monthly for item in self.findings if item.cost and item.cost.monthly is not None]
        total = sum(known, Decimal(0))
        return None if self.unpriced_count and not total else total

    @property
    def unpriced_count(self) -> int:
        return sum(item.cost is None or item.cost.monthly is None for item in self.findings)

    @property
    def owner(self) -> Owner | None:
        owners = [item.owner for item in (self.head, *self.findings) if item.owner is not None]
        return next((owner for owner in owners if owner.name), owners[0] if owners else None)

    @property
    def ips(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.ip for item in (self.head, *self.findings) if item.ip))

    @property
    def history(self) -> FindingHistory | None:
        """What earlier runs say of the head; None where none was asked."""
        return self.head.history

    @property
    def novelty(self) -> Novelty | None:
        return self.history.novelty if self.history else None

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for item in (self.head, *self.findings) for text in item.warnings))


def fold(findings: Iterable[Finding]) -> tuple[Row, ...]:
    """Findings folded into rows, in the order of the report: verdict, descending money, resource."""
    groups: dict[tuple[ResourceName, Verdict], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((place(finding), finding.verdict), []).append(finding)
    rows = [_row(root, verdict, members) for (root, verdict), members in groups.items()]
    return tuple(sorted(rows, key=_order))


def what(row: Row) -> str:
    """What a row is to a reader: the Kubernetes object, else the resource that speaks for it."""
    name = text.object_name(row.owner) if row.owner else ""
    resource = row.head.resource
    return name or text.clean(f"{text.kind_name(resource.collection)} {resource.name}")


def _row(root: ResourceName, verdict: Verdict, members: list[Finding]) -> Row:
    def speaks_first(finding: Finding) -> tuple[bool, int, str]:
        collection = finding.resource.collection
        return (finding.resource != root, _KIND_ORDER.get(collection, len(_KIND_ORDER)), finding.resource.full)

    ordered = tuple(sorted(members, key=speaks_first))
    return Row(root, verdict, ordered[0], ordered)


def _order(row: Row) -> tuple[int, Decimal, str]:
    return (row.verdict.rank, -(row.monthly or Decimal(0)), row.head.resource.full)
