"""Who pays what for load balancers and addresses: findings with their cost, grouped (`gke-auditor costs --by`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .finding import WASTE, Finding, Verdict
from .money import NOTHING

PRICED_COLLECTIONS = frozenset({"forwardingRules", "addresses"})


class Grouping(StrEnum):
    """What `--by` takes."""

    PROJECT = "project"
    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    OWNER = "owner"
    LOAD_BALANCER = "load-balancer"


@dataclass(frozen=True, slots=True)
class Row:
    """One group: its money and how many forwarding rules and addresses it has, each by verdict."""

    key: tuple[str, ...]
    """As many words as `headings` of the grouping; empty for what belongs to no group (no owner, ...)."""
    monthly: Mapping[Verdict, Decimal]
    """Every verdict, NOTHING where the group has none."""
    counts: Mapping[Verdict, int]
    unpriced: int
    """How many of them have no known price and are in no sum."""

    @property
    def total(self) -> Decimal:
        return sum(self.monthly.values(), NOTHING)

    @property
    def saving(self) -> Decimal:
        return sum((self.monthly[verdict] for verdict in WASTE), NOTHING)


def headings(by: Grouping) -> tuple[str, ...]:
    """What the words of a key are. A namespace and an owner are only known by their cluster."""
    return {
        Grouping.PROJECT: ("project",),
        Grouping.CLUSTER: ("cluster",),
        Grouping.NAMESPACE: ("cluster", "namespace"),
        Grouping.OWNER: ("cluster", "kind", "namespace", "name"),
        Grouping.LOAD_BALANCER: ("load balancer",),
    }[by]


def break_down(findings: Iterable[Finding], by: Grouping) -> tuple[Row, ...]:
    """One row for each group, the dearest first; what belongs to no group comes last.

    `findings` carry their cost, suppressed ones among them. The rows add up to summary.total, and each of their
    verdicts to summary.monthly (docs/report.md, Money): parts cost nothing and are left out, what has no known price
    is counted in `unpriced`.
    """
    groups: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.resource.collection in PRICED_COLLECTIONS or _amount(finding):
            groups[_key(finding, by)].append(finding)
    rows = [_row(key, members) for key, members in groups.items()]
    return tuple(sorted(rows, key=lambda row: (not row.key, -row.total, row.key)))


def total_row(rows: Sequence[Row]) -> Row:
    """All rows in one, under an empty key."""
    return Row(
        key=(),
        monthly={verdict: sum((row.monthly[verdict] for row in rows), NOTHING) for verdict in Verdict},
        counts={verdict: sum(row.counts[verdict] for row in rows) for verdict in Verdict},
        unpriced=sum(row.unpriced for row in rows),
    )


def _row(key: tuple[str, ...], members: Sequence[Finding]) -> Row:
    monthly, counts, unpriced = dict.fromkeys(Verdict, NOTHING), dict.fromkeys(Verdict, 0), 0
    for finding in members:
        amount = _amount(finding)
        counts[finding.verdict] += 1
        if amount is None:
            unpriced += 1
        else:
            monthly[finding.verdict] += amount
    return Row(key, monthly, counts, unpriced)


def _key(finding: Finding, by: Grouping) -> tuple[str, ...]:
    """The words of the group a finding belongs to; empty where it belongs to none."""
    if by is Grouping.PROJECT:
        return (finding.resource.project,)
    if by is Grouping.LOAD_BALANCER:
        return (finding.load_balancer.full,) if finding.load_balancer else ()
    owner = finding.owner
    if owner is None:
        return ()
    if by is Grouping.CLUSTER:
        return (owner.cluster,) if owner.cluster else ()
    if by is Grouping.NAMESPACE:
        return (owner.cluster or "", owner.namespace) if owner.namespace else ()
    return (owner.cluster or "", owner.kind or "", owner.namespace or "", owner.name) if owner.name else ()


def _amount(finding: Finding) -> Decimal | None:
    return finding.cost.monthly if finding.cost else None
