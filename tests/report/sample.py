"""A made-up report that holds one of everything that a renderer must show, built by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from auditor.model import inventory as views
from auditor.model.finding import Confidence, Evidence, Finding, Owner, Verdict
from auditor.model.inventory import Inventory
from auditor.model.money import Cost
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
    everything = [*findings(), *suppressed()]
    monthly = {
        verdict: sum(
            (item.cost.monthly for item in everything if item.verdict is verdict and item.cost and item.cost.monthly),
            Decimal("0.00"),
        )
        for verdict in Verdict
    }
    return Report(
        tool_version="0.1.0",
        generated_at=AS_OF,
        snapshot_taken_at=AS_OF,
        projects=(PROJECT,),
        clusters=(ClusterRead(PROD, "RUNNING", "complete"), ClusterRead(STAGING, "RUNNING", "partial")),
        price_source="made-up list prices",
        prices_as_of=date(2026, 10, 7),
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
        counts={verdict: sum(item.verdict is verdict for item in everything) for verdict in Verdict},
        summary=Summary(
            "USD",
            monthly,
            saving=monthly[Verdict.ORPHANED] + monthly[Verdict.UNUSED],
            total=sum(monthly.values(), Decimal(0)),
            suppressed=Decimal("10.22"),
        ),
        findings=tuple(findings()),
        suppressed=tuple(suppressed()),
        notes=("1 resource has no known price and is left out of every sum: 1 unknown.",),
        warnings=("Ignore entry gke-auditor-ignore.toml:7: projects/x/global/addresses/y matches nothing: remove it.",),
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
