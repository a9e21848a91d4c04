"""The one place that knows the order of the stages: inventory, verdicts, money, suppressions, report. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from . import __version__
from .cost.estimate import estimate, notes_on_sums, summarise
from .errors import NothingRead
from .gaps import clusters_read, find_gaps, find_notes
from .match import judge
from .match.suppress import IgnoreEntry, suppress
from .model import inventory as views
from .model.finding import WASTE, Finding, Verdict
from .model.inventory import Inventory
from .model.money import PriceTable
from .model.names import ResourceName
from .model.report import Report
from .model.snapshot import JUDGED_COLLECTIONS, Snapshot, Status, compute_scope

STALE_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Options:
    """What an audit depends on besides the snapshot and the prices. `now` is the clock, read once by the caller."""

    now: datetime
    as_of: datetime | None = None
    min_age: timedelta = timedelta(hours=1)
    ignore: tuple[IgnoreEntry, ...] = ()
    settings: Mapping[str, Any] | None = None
    """What the report says about the settings it was made with."""


def audit(snapshot: Snapshot, options: Options, prices: PriceTable) -> Report:
    """The report on one snapshot. Raises NothingRead if there is no list at all that could be judged."""
    return assess(views.build(snapshot), options, prices)


def assess(inventory: Inventory, options: Options, prices: PriceTable) -> Report:
    """The same for a snapshot that is parsed already.

    Ages count from --as-of, else from when the snapshot was taken, else from now (docs/snapshot.md).
    """
    _check_that_something_was_read(inventory)
    as_of = options.as_of or inventory.taken_at or options.now
    judged = judge(inventory, as_of=as_of, min_age=options.min_age)
    costs = estimate(judged, inventory, prices)
    priced = [replace(finding, cost=costs[finding.resource]) for finding in judged]
    suppressed = suppress(priced, inventory, options.ignore, (options.as_of or options.now).date())
    findings = tuple(sorted(suppressed.findings, key=_order))
    return Report(
        tool_version=__version__,
        generated_at=options.as_of or options.now,
        snapshot_taken_at=as_of,
        projects=tuple(inventory.projects),
        clusters=clusters_read(inventory),
        price_source=prices.source,
        prices_as_of=prices.as_of,
        gaps=find_gaps(inventory, findings),
        counts=_counts(findings),
        summary=summarise(findings, prices.currency),
        findings=tuple(finding for finding in findings if finding.suppression is None),
        suppressed=tuple(finding for finding in findings if finding.suppression is not None),
        notes=(*notes_on_sums(findings), *find_notes(inventory)),
        warnings=(*_age_warnings(inventory, options), *inventory.warnings, *suppressed.warnings),
        settings=options.settings,
        parents=_parents(inventory),
    )


def would_be_waste(snapshot: Snapshot, *, as_of: datetime, min_age: timedelta) -> tuple[ResourceName, ...]:
    """What a live run asks for once more before it calls it waste: the root of each would-be orphaned load balancer,
    each would-be orphaned or unused address, each backend service (something else may begin to use it, and it alone
    of all parts tells by whom it is used), and what stands alone."""
    judged = {finding.resource: finding for finding in judge(views.build(snapshot), as_of=as_of, min_age=min_age)}
    wasted = [finding for finding in judged.values() if finding.verdict in WASTE]
    roots = {
        finding.load_balancer: None
        for finding in wasted
        if finding.load_balancer is not None and judged[finding.load_balancer].verdict in WASTE
    }
    alone = {
        finding.resource: None
        for finding in wasted
        if finding.load_balancer not in roots or finding.resource.collection in ("addresses", "backendServices")
    }
    return tuple(roots | alone)


def _parents(inventory: Inventory) -> tuple[str, ...]:
    """The folders and organizations that were searched for projects, whether that succeeded or not."""
    scopes = (scope for scope in inventory.coverage if scope.startswith(("organizations/", "folders/")))
    return tuple(sorted(scope.removesuffix("/projects") for scope in scopes))


def _check_that_something_was_read(inventory: Inventory) -> None:
    """A report on nothing would read like a clean bill of health."""
    scopes = [compute_scope(project, collection) for project in inventory.projects for collection in JUDGED_COLLECTIONS]
    if any(inventory.coverage_of(scope).status is not Status.FAILED for scope in scopes):
        return
    reasons = dict.fromkeys(coverage.detail for scope in scopes if (coverage := inventory.coverage_of(scope)).detail)
    raise NothingRead(
        f"Not one list of load balancer parts could be read in {_named(inventory.projects) or 'any project'}"
        + (f": {'; '.join(list(reasons)[:3])}" if reasons else ""),
        "A snapshot holds projects/<project-id>/compute/<collection>.json; docs/snapshot.md shows the layout.",
    )


def _named(projects: Iterable[str]) -> str:
    names = list(projects)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more projects" if len(names) > 3 else "")


def _order(finding: Finding) -> tuple[int, bool, Decimal, str]:
    """Verdict, descending money with unknown amounts last, resource (docs/report.md, Order and determinism)."""
    monthly = finding.cost.monthly if finding.cost else None
    return (finding.verdict.rank, monthly is None, -(monthly or Decimal(0)), finding.resource.full)


def _counts(findings: Sequence[Finding]) -> Mapping[Verdict, int]:
    counts = dict.fromkeys(Verdict, 0)
    for finding in findings:
        counts[finding.verdict] += 1
    return counts


def _age_warnings(inventory: Inventory, options: Options) -> Iterator[str]:
    reference = options.as_of or options.now
    if inventory.taken_at is None:
        if options.as_of is None:
            yield "The snapshot does not say when it was taken: ages count from now; --as-of TIME sets them right."
        return
    age = reference - inventory.taken_at
    if age > STALE_AFTER:
        days = age // timedelta(days=1)
        yield (
            f"The snapshot is {days} {'day' if days == 1 else 'days'} old: what it shows may be in use again or gone. "
            "Take a new one before anything is deleted."
        )
    elif age < -STALE_AFTER:
        yield "The snapshot was taken after the time that the audit is for: check --as-of and the clock."
