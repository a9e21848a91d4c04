"""Three made-up reports: `report` (small, one of everything that a renderer must show), `clean` and `large`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from auditor.model import inventory as views
from auditor.model.finding import Confidence, Evidence, Finding, Owner, Verdict
from auditor.model.history import Accrual, FindingHistory, Novelty, ReportHistory, TrendPoint
from auditor.model.inventory import Inventory
from auditor.model.money import CENT, HOURS_PER_MONTH, Cost
from auditor.model.names import ResourceName
from auditor.model.report import ClusterRead, Gap, Report, Summary
from auditor.model.snapshot import Coverage, Snapshot, Status, compute_scope

AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
PROJECT = "example-prod"
PROD = f"//container.googleapis.com/projects/{PROJECT}/locations/europe-west1/clusters/prod"
STAGING = f"//container.googleapis.com/projects/{PROJECT}/locations/us-central1/clusters/staging"
RULES = f"projects/{PROJECT}/compute/forwardingRules"
CLUSTERS = f"projects/{PROJECT}/container/clusters"
STAGING_SERVICES = f"clusters/{PROJECT}/us-central1/staging/services"
EPHEMERAL = "The IP 203.0.113.7 is ephemeral: it is lost for good with its rule."
RESERVED = "A person reserved this address: ask before it goes."


def name(collection: str, short: str, scope: str = "regions/europe-west1", project: str = PROJECT) -> ResourceName:
    return ResourceName(project, scope, collection, short)


SHOP_RULE = name("forwardingRules", "a5f2e8c7d90b14c3fa1e6d2b7c8a9f01")


def finding(
    resource: ResourceName,
    verdict: Verdict,
    reason: str,
    monthly: str | None = "0.00",
    *,
    alone: str | None = None,
    days: int = 42,
    confidence: Confidence = Confidence.HIGH,
    evidence: tuple[Evidence, ...] = (Evidence("no live object owns it", RULES),),
    load_balancer: ResourceName | None = None,
    owner: Owner | None = None,
    ip: str | None = None,
    warnings: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    suppression: str | None = None,
) -> Finding:
    amount = None if monthly is None else Decimal(monthly)
    return Finding(
        resource=resource,
        verdict=verdict,
        reason=reason,
        confidence=confidence,
        evidence=evidence,
        created_at=AS_OF - timedelta(days=days),
        load_balancer=load_balancer,
        owner=owner,
        ip=ip,
        warnings=warnings,
        cost=Cost(amount, amount if alone is None else Decimal(alone), "USD", notes),
        suppression=suppression,
    )


def findings() -> list[Finding]:
    """In the order of a report."""
    dead = Owner("fingerprint:c8=559aead0", "Service", "shop", "web", live=False)
    api = Owner(PROD, "Ingress", "shop", "api", live=True)
    queue = Owner(STAGING, "Service", "jobs", "queue", live=True)
    lost = Owner(STAGING, "Service", "legacy", "billing", live=False)
    api_rule = name("forwardingRules", "k8s2-fr-559aead0-shop-api-qx7a1b2c", "global")
    queue_rule = name("forwardingRules", "ab12cd34ef56ab12cd34ef56ab12cd34", "regions/us-central1")
    lost_rule = name("forwardingRules", "aff00ff00ff00ff00ff00ff00ff00ff0", "regions/us-central1")
    return [
        finding(
            SHOP_RULE,
            Verdict.ORPHANED,
            "cluster-deleted",
            "26.28",
            alone="0.00",
            load_balancer=SHOP_RULE,
            owner=dead,
            ip="203.0.113.7",
            warnings=(EPHEMERAL,),
            notes=("Its pool has 6 rules; the first five cost a flat fee.",),
            evidence=(
                Evidence("the firewall's target tag names no living cluster", f"projects/{PROJECT}/compute/firewalls"),
                Evidence("1 cluster is listed, none has this mark", CLUSTERS),
                Evidence("no Service shop/web is in it", f"clusters/{PROJECT}/europe-west1/prod/services"),
            ),
        ),
        finding(
            name("targetPools", SHOP_RULE.name),
            Verdict.ORPHANED,
            "part-of-orphan",
            load_balancer=SHOP_RULE,
            owner=dead,
        ),
        finding(
            name("firewalls", f"k8s-fw-{SHOP_RULE.name}", "global"),
            Verdict.ORPHANED,
            "part-of-orphan",
            load_balancer=SHOP_RULE,
            owner=dead,
        ),
        finding(
            name("addresses", "old-newsletter-ip"),
            Verdict.UNUSED,
            "address-unused",
            "10.22",
            days=900,
            ip="203.0.113.80",
            warnings=(RESERVED,),
        ),
        finding(
            queue_rule,
            Verdict.IDLE,
            "no-ready-endpoints",
            "4.56",
            load_balancer=queue_rule,
            owner=queue,
            ip="198.51.100.20",
        ),
        finding(
            lost_rule,
            Verdict.UNKNOWN,
            "owner-not-read",
            None,
            confidence=Confidence.LOW,
            load_balancer=lost_rule,
            owner=lost,
            ip="198.51.100.21",
            evidence=(Evidence("the Services of us-central1/staging could not be read: forbidden", STAGING_SERVICES),),
        ),
        finding(name("addresses", "fresh-ip"), Verdict.PENDING, "too-young", "10.22", days=0, ip="203.0.113.99"),
        finding(api_rule, Verdict.IN_USE, "owned", "18.25", load_balancer=api_rule, owner=api, ip="203.0.113.10"),
        finding(name("forwardingRules", "office-vpn-esp"), Verdict.FOREIGN, "vpn", "0.00", ip="203.0.113.200"),
    ]


def suppressed() -> list[Finding]:
    return [
        finding(
            name("addresses", "reserved-for-dr-1"),
            Verdict.UNUSED,
            "address-unused",
            "10.22",
            ip="203.0.113.81",
            suppression="DR failover range, ticket OPS-123 (until 2027-03-31)",
        )
    ]


def report() -> Report:
    """The small one."""
    return _report(
        findings(),
        suppressed(),
        clusters=(ClusterRead(PROD, "RUNNING", "complete"), ClusterRead(STAGING, "RUNNING", "partial")),
        gaps=(
            Gap(
                STAGING_SERVICES,
                "failed",
                "forbidden",
                'services is forbidden: User "auditor@example.com" cannot list resource "services"',
                f"gcloud projects add-iam-policy-binding {PROJECT} --member user:YOUR_ACCOUNT "
                "--role roles/container.viewer",
                unknown_count=1,
            ),
            Gap(
                f"projects/{PROJECT}/compute/addresses",
                "partial",
                "unreachable",
                "",
                "Audit again when the places that are named as missing answer",
                missing=("regions/asia-east1",),
            ),
        ),
        notes=("1 resource has no known price and is left out of every sum: 1 unknown.",),
        warnings=("Ignore entry gke-auditor-ignore.toml:7: projects/x/global/addresses/y matches nothing: remove it.",),
    )


def clean() -> Report:
    """Everything was read, and nothing is left behind."""
    live = [item for item in findings() if item.verdict in (Verdict.IN_USE, Verdict.FOREIGN)]
    return _report(live, [], clusters=(ClusterRead(PROD, "RUNNING", "complete"),))


def large() -> Report:
    """400 findings of five projects, with gaps, suppressions and twelve earlier runs."""
    made = [_numbered(number) for number in range(400)]
    kept = sorted((item for item in made if item.suppression is None), key=_order)
    gone = tuple(
        replace(item, history=replace(item.history, novelty=Novelty.GONE, last_seen=AS_OF - WEEK))
        for item in (_numbered(number) for number in (400, 405, 410, 411))
        if item.history is not None
    )
    clusters = tuple(
        ClusterRead(_cluster_of(number), "RUNNING", "failed" if number == 3 else "complete") for number in range(6)
    )
    unread = _cluster_of(3).removeprefix("//container.googleapis.com/projects/").replace("/locations/", "/")
    folder = "clusters/" + unread.replace("/clusters/", "/")
    gaps = tuple(
        Gap(
            f"{folder}/{plural}",
            "failed",
            "forbidden",
            f'{plural} is forbidden: User "auditor@example.com" cannot list resource "{plural}"',
            "gcloud projects add-iam-policy-binding example-3 --member user:YOUR_ACCOUNT --role roles/container.viewer",
            unknown_count=9,
        )
        for plural in ("configmaps", "endpointslices", "gateways", "ingresses", "namespaces", "services")
    ) + tuple(
        Gap(
            f"projects/example-{number}/compute/addresses",
            "partial",
            "unreachable",
            "the scope did not answer",
            "Audit again when the places that are named as missing answer",
            missing=("regions/asia-east1",),
        )
        for number in (1, 4)
    )
    report = _report(
        kept,
        sorted((item for item in made if item.suppression is not None), key=_order),
        projects=tuple(f"example-{number}" for number in range(5)),
        clusters=clusters,
        gaps=gaps,
        notes=("9 resources have no known price and are left out of every sum: 9 unknown.",),
    )
    return replace(report, history=_history(report), gone=gone)


WEEK = timedelta(days=7)
_REASONS = {
    Verdict.ORPHANED: ("cluster-deleted", "owner-deleted", "owner-moved-on"),
    Verdict.UNUSED: ("address-unused",),
    Verdict.IDLE: ("no-ready-endpoints",),
    Verdict.UNKNOWN: ("owner-not-read",),
    Verdict.IN_USE: ("owned",),
    Verdict.FOREIGN: ("vpn",),
    Verdict.PENDING: ("too-young",),
}
_VERDICTS = (
    *(Verdict.ORPHANED,) * 4,
    *(Verdict.UNUSED,) * 2,
    Verdict.IDLE,
    Verdict.UNKNOWN,
    *(Verdict.IN_USE,) * 5,
    Verdict.FOREIGN,
    Verdict.PENDING,
)
_REGIONS = ("us-central1", "europe-west1", "asia-east1")
_TEAMS = ("shop", "search", "payments", "data-platform", "internal-tools")


def _cluster_of(number: int) -> str:
    region = _REGIONS[number % len(_REGIONS)]
    return f"//container.googleapis.com/projects/example-{number % 5}/locations/{region}/clusters/prod-{number}"


def _numbered(number: int) -> Finding:
    """One of many, the same each time: a rule, the part of one, or an address."""
    verdict = _VERDICTS[number * 7 % len(_VERDICTS)]
    scope, project = f"regions/{_REGIONS[number % 3]}", f"example-{number % 5}"
    is_address = verdict is Verdict.UNUSED or number % 11 == 0
    rule = name("forwardingRules", f"a{number:031x}", scope, project)
    resource = name("addresses", f"reserved-{number}", scope, project) if is_address else rule
    if not is_address and number % 3 == 0:
        resource = name("targetPools", rule.name, scope, project)
        rule = name("forwardingRules", f"a{number + 1:031x}", scope, project)
    is_dead = verdict is Verdict.ORPHANED and number % 2 == 0
    cluster = f"fingerprint:c8={number % 4:08x}" if is_dead else _cluster_of(number % 6)
    owner = Owner(
        cluster, "Service", _TEAMS[number % 5], f"web-{number}", live=verdict in (Verdict.IN_USE, Verdict.IDLE)
    )
    price = "0.00" if resource.collection == "targetPools" else f"{7 + number * 13 % 30}.{number * 37 % 100:02d}"
    monthly = None if verdict is Verdict.UNKNOWN and number % 2 else price
    runs = number % 13
    made = finding(
        resource,
        verdict,
        _REASONS[verdict][number % len(_REASONS[verdict])],
        monthly,
        days=20 + number * 3,
        confidence=Confidence.MEDIUM if number % 5 == 0 else Confidence.HIGH,
        load_balancer=None if is_address else rule,
        owner=None if verdict in (Verdict.UNUSED, Verdict.FOREIGN) else owner,
        ip=f"203.0.113.{number % 256}",
        warnings=(RESERVED,) if is_address else (),
        suppression="Kept for the fail-over test of spring, OPS-77 (until 2027-03-31)" if number % 40 == 7 else None,
    )
    amount = Decimal(monthly) if monthly is not None else None
    history = FindingHistory(
        novelty=None if verdict is Verdict.UNKNOWN else Novelty.KNOWN if runs else Novelty.NEW,
        first_seen=AS_OF - WEEK * runs,
        last_seen=AS_OF,
        runs_seen=runs + 1,
        accrued_since_first_seen=_accrual(amount, runs * 7),
        accrued_since_creation=_accrual(amount, 20 + number * 3),
    )
    return replace(made, history=history)


def _accrual(monthly: Decimal | None, days: int) -> Accrual | None:
    if monthly is None:
        return None
    high = (monthly * days * 24 / HOURS_PER_MONTH).quantize(CENT)
    return Accrual(Decimal("0.00"), high)


def _history(report: Report) -> ReportHistory:
    def point(weeks: int) -> TrendPoint:
        share = Decimal(100 - 4 * weeks + 9 * (weeks % 3)) / 100
        money = report.summary
        return TrendPoint(
            at=AS_OF - WEEK * weeks,
            saving=(money.saving * share).quantize(CENT),
            idle=(money.monthly[Verdict.IDLE] * share).quantize(CENT),
            unknown=(money.monthly[Verdict.UNKNOWN] * share).quantize(CENT),
            total=(money.total * share).quantize(CENT),
            is_partial=weeks in (0, 5),
        )

    return ReportHistory(
        source="gs://example-audits/weekly",
        runs=12,
        since=AS_OF - WEEK * 12,
        previous=AS_OF - WEEK,
        trend=(*(point(weeks) for weeks in range(12, 0, -1)), replace(point(0), saving=report.summary.saving)),
    )


def _order(item: Finding) -> tuple[int, Decimal, str]:
    monthly = item.cost.monthly if item.cost else None
    return (item.verdict.rank, -(monthly or Decimal(0)), item.resource.full)


def _report(
    items: Sequence[Finding],
    hushed: Sequence[Finding],
    *,
    projects: tuple[str, ...] = (PROJECT,),
    clusters: tuple[ClusterRead, ...] = (),
    gaps: tuple[Gap, ...] = (),
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Report:
    """A report whose counts and sums are those of its findings."""

    def sums(chosen: Sequence[Finding]) -> dict[Verdict, Decimal]:
        found = dict.fromkeys(Verdict, Decimal("0.00"))
        for item in chosen:
            found[item.verdict] += (item.cost.monthly if item.cost else None) or Decimal(0)
        return found

    everything = [*items, *hushed]
    monthly, hidden = sums(everything), sums(hushed)
    return Report(
        tool_version="0.1.0",
        generated_at=AS_OF,
        snapshot_taken_at=AS_OF,
        projects=projects,
        clusters=clusters,
        price_source="made-up list prices",
        prices_as_of=date(2026, 10, 7),
        gaps=gaps,
        counts={verdict: sum(item.verdict is verdict for item in everything) for verdict in Verdict},
        summary=Summary(
            "USD",
            monthly,
            saving=monthly[Verdict.ORPHANED] + monthly[Verdict.UNUSED],
            total=sum(monthly.values(), Decimal(0)),
            suppressed=hidden[Verdict.ORPHANED] + hidden[Verdict.UNUSED],
        ),
        findings=tuple(items),
        suppressed=tuple(hushed),
        notes=notes,
        warnings=warnings,
        settings={"min_age": "1h"},
    )


def with_findings(*items: Finding, base: Report | None = None) -> Report:
    """A report that holds only these."""
    return replace(base or report(), findings=items, suppressed=(), gaps=(), notes=(), warnings=())


def inventory() -> Inventory:
    """What a renderer may look up: the forwarding rules of the sample."""
    base = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
    rule = {
        "name": SHOP_RULE.name,
        "region": f"{base}/regions/europe-west1",
        "selfLink": f"{base}/regions/europe-west1/forwardingRules/{SHOP_RULE.name}",
        "IPAddress": "203.0.113.7",
        "IPProtocol": "TCP",
        "loadBalancingScheme": "EXTERNAL",
        "target": f"{base}/regions/europe-west1/targetPools/{SHOP_RULE.name}",
        "creationTimestamp": "2026-10-11T06:00:00.000-00:00",
    }
    scope = compute_scope(PROJECT, "forwardingRules")
    return views.build(
        Snapshot(
            coverage={scope: Coverage(scope, Status.COMPLETE)},
            compute={(PROJECT, "forwardingRules"): (rule,)},
        )
    )
