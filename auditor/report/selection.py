"""Which findings a reader asked to see. Filters only hide: counts, sums and exit codes stay (docs/report.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.finding import SHOWN_BY_DEFAULT, Finding, Verdict
from auditor.model.names import CONTAINER_PREFIX, ResourceName
from auditor.model.report import Report

from . import text


@dataclass(frozen=True, slots=True)
class Selection:
    """Empty = everything; several values of one filter are alternatives, several filters must all fit."""

    verdicts: tuple[Verdict, ...] = SHOWN_BY_DEFAULT
    projects: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    """A name, location/name, project/location/name, or as the report writes it."""
    regions: tuple[str, ...] = ()
    """ "global" for what stands in no region."""
    namespaces: tuple[str, ...] = ()
    min_monthly: Decimal | None = None
    """Per load balancer and verdict; what has no known price is shown."""
    show_suppressed: bool = False

    @property
    def has_filters(self) -> bool:
        """More than the choice of verdicts is asked for."""
        return bool(self.projects or self.clusters or self.regions or self.namespaces or self.min_monthly is not None)


@dataclass(frozen=True, slots=True)
class Selected:
    """What is left of a report, in its order, and how much of the asked verdicts the filters hide."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    filtered_count: int


def select(report: Report, selection: Selection) -> Selected:
    """Apply the verdicts and filters. A load balancer is filtered as one thing: its parts stay together."""
    owners = _OwnersOfLoadBalancers((*report.findings, *report.suppressed))
    asked = tuple(item for item in report.findings if item.verdict in selection.verdicts)
    hushed = tuple(item for item in report.suppressed if item.verdict in selection.verdicts)
    shown = _filter(asked, selection, owners)
    return Selected(shown, _filter(hushed, selection, owners), len(asked) - len(shown))


def place(finding: Finding) -> ResourceName:
    """What a finding is shown under: the root of its load balancer, else itself."""
    return finding.load_balancer or finding.resource


class _OwnersOfLoadBalancers:
    """The clusters and namespaces of every load balancer: parts such as health checks often name no owner."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.clusters: dict[ResourceName, set[str]] = {}
        self.namespaces: dict[ResourceName, set[str]] = {}
        for finding in findings:
            owner = finding.owner
            if owner is None:
                continue
            if owner.cluster:
                self.clusters.setdefault(place(finding), set()).update(_cluster_names(owner.cluster))
            if owner.namespace:
                self.namespaces.setdefault(place(finding), set()).add(owner.namespace)


def _cluster_names(cluster: str) -> set[str]:
    """Every way to write one cluster in a filter."""
    names = {cluster}
    if cluster.startswith(CONTAINER_PREFIX):
        short = text.short_cluster(cluster)
        names |= {short, short.partition("/")[2], short.rpartition("/")[2]}
    elif cluster.startswith(("kubeconfig:", "fingerprint:")):
        names.add(cluster.partition(":")[2])
    return names


def _filter(findings: tuple[Finding, ...], selection: Selection, owners: _OwnersOfLoadBalancers) -> tuple[Finding, ...]:
    if not selection.has_filters:
        return findings
    amounts = _amounts(findings)
    return tuple(item for item in findings if _fits(item, selection, owners, amounts))


def _fits(
    finding: Finding,
    selection: Selection,
    owners: _OwnersOfLoadBalancers,
    amounts: Mapping[tuple[ResourceName, Verdict], Decimal | None],
) -> bool:
    root = place(finding)
    if selection.projects and not {finding.resource.project, root.project} & set(selection.projects):
        return False
    if selection.regions and (root.region or "global") not in selection.regions:
        return False
    if selection.clusters and not owners.clusters.get(root, set()) & set(selection.clusters):
        return False
    if selection.namespaces and not owners.namespaces.get(root, set()) & set(selection.namespaces):
        return False
    amount = amounts[root, finding.verdict]
    return selection.min_monthly is None or amount is None or amount >= selection.min_monthly


def _amounts(findings: Iterable[Finding]) -> Mapping[tuple[ResourceName, Verdict], Decimal | None]:
    """The money of each load balancer by verdict; None where one of its parts has no known price."""
    amounts: dict[tuple[ResourceName, Verdict], Decimal | None] = {}
    for finding in findings:
        key = (place(finding), finding.verdict)
        before = amounts.get(key, Decimal(0))
        monthly = finding.cost.monthly if finding.cost else None
        amounts[key] = None if before is None or monthly is None else before + monthly
    return amounts


def unmatched(report: Report, selection: Selection) -> tuple[str, ...]:
    """One sentence for each filter value that no judged resource has: most likely a typing error."""
    findings = (*report.findings, *report.suppressed)
    owners = _OwnersOfLoadBalancers(findings)
    known = {
        "--project": {name for item in findings for name in (item.resource.project, place(item).project)},
        "--region": {place(item).region or "global" for item in findings},
        "--cluster": set().union(*owners.clusters.values()),
        "--namespace": set().union(*owners.namespaces.values()),
    }
    asked = {
        "--project": selection.projects,
        "--region": selection.regions,
        "--cluster": selection.clusters,
        "--namespace": selection.namespaces,
    }
    return tuple(
        f"{flag} {text.clean(value)}: no judged resource belongs to it, so it shows nothing"
        for flag, values in asked.items()
        for value in values
        if value not in known[flag]
    )
