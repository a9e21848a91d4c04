"""Tiny worlds: a few rules and addresses as the API lists them, and hand-made findings about them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib import resources
from typing import Any

import orjson

from auditor.cost.estimate import estimate
from auditor.data.tables import load_prices
from auditor.model.finding import Confidence, Evidence, Finding, Owner, Verdict
from auditor.model.inventory import Inventory, build
from auditor.model.money import Cost, PriceTable
from auditor.model.names import ResourceName
from auditor.model.snapshot import COLLECTIONS, Category, Coverage, Snapshot, Status, compute_scope

PRICES = load_prices()
RAW_PRICES = orjson.loads(resources.files("auditor.data").joinpath("prices.json").read_bytes())
API = "https://www.googleapis.com/compute/v1"


def link(project: str, location: str, collection: str, name: str) -> str:
    scope = "global" if location == "global" else f"regions/{location}"
    return f"{API}/projects/{project}/{scope}/{collection}/{name}"


@dataclass
class World:
    """Grows thing by thing; every list counts as read in full unless `gap` says otherwise."""

    objects: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    verdicts: dict[ResourceName, Verdict] = field(default_factory=dict)
    gaps: dict[str, Coverage] = field(default_factory=dict)

    def add(
        self, verdict: str | None, collection: str, name: str, *, location: str = "global", project: str = "p", **fields
    ) -> ResourceName:
        obj = {"name": name, "selfLink": link(project, location, collection, name), **fields}
        if location != "global":
            obj["region"] = f"{API}/projects/{project}/regions/{location}"
        self.objects[project, collection].append(obj)
        scope = "global" if location == "global" else f"regions/{location}"
        known = ResourceName(project, scope, collection, name)
        if verdict:
            self.verdicts[known] = Verdict(verdict)
        return known

    def rule(
        self, verdict: str, name: str, *, location: str = "global", project: str = "p", proxy: str = "", **fields
    ) -> ResourceName:
        """A forwarding rule; external passthrough or, with `proxy`, on that collection of target proxies."""
        fields.setdefault("loadBalancingScheme", "EXTERNAL")
        if proxy:
            fields["target"] = link(project, location, proxy, name)
        return self.add(verdict, "forwardingRules", name, location=location, project=project, **fields)

    def rules(self, count: int, orphans: int, *, prefix: str = "r", **fields) -> list[ResourceName]:
        """So many rules of one pool, the first ones orphaned."""
        return [
            self.rule("orphaned" if number < orphans else "in_use", f"{prefix}{number:02}", **fields)
            for number in range(count)
        ]

    def address(
        self, verdict: str, name: str, ip: str, *, location: str = "global", project: str = "p", **fields
    ) -> ResourceName:
        fields = {"addressType": "EXTERNAL", "status": "IN_USE" if fields.get("users") else "RESERVED", **fields}
        return self.add(verdict, "addresses", name, location=location, project=project, address=ip, **fields)

    def instance(self, name: str, *, zone: str = "us-central1-a", project: str = "p", **fields) -> str:
        """A VM; what it returns is its link."""
        url = f"{API}/projects/{project}/zones/{zone}/instances/{name}"
        self.objects[project, "instances"].append({"name": name, "selfLink": url, "zone": zone, **fields})
        return url

    def gap(self, project: str, collection: str, *missing: str) -> None:
        scope = compute_scope(project, collection)
        self.gaps[scope] = Coverage(scope, Status.PARTIAL, Category.UNREACHABLE, missing=missing)

    @property
    def snapshot(self) -> Snapshot:
        projects = sorted({project for project, _ in self.objects})
        scopes = [compute_scope(project, collection) for project in projects for collection in COLLECTIONS]
        coverage = {scope: Coverage(scope, Status.COMPLETE) for scope in scopes} | self.gaps
        return Snapshot(coverage=coverage, compute={key: tuple(items) for key, items in self.objects.items()})

    @property
    def inventory(self) -> Inventory:
        return build(self.snapshot)

    @property
    def findings(self) -> list[Finding]:
        return [finding(name, verdict) for name, verdict in self.verdicts.items()]

    def costs(self, prices: PriceTable = PRICES) -> dict[ResourceName, Cost]:
        return dict(estimate(self.findings, self.inventory, prices))

    def priced(self, prices: PriceTable = PRICES) -> list[Finding]:
        """The findings with their cost."""
        costs = self.costs(prices)
        return [replace(item, cost=costs[item.resource]) for item in self.findings]

    def saving(self, prices: PriceTable = PRICES) -> Decimal:
        """What the orphaned and unused ones cost together."""
        waste = [item for item in self.priced(prices) if item.verdict in (Verdict.ORPHANED, Verdict.UNUSED)]
        return sum((item.cost.monthly for item in waste), Decimal(0))


def finding(
    name: ResourceName,
    verdict: Verdict,
    *,
    owner: Owner | None = None,
    load_balancer: ResourceName | None = None,
    cost: Cost | None = None,
    suppression: str | None = None,
) -> Finding:
    return Finding(
        resource=name,
        verdict=verdict,
        reason="made-by-hand",
        confidence=Confidence.HIGH,
        evidence=(Evidence("said so", compute_scope(name.project, name.collection)),),
        owner=owner,
        load_balancer=load_balancer,
        cost=cost,
        suppression=suppression,
    )
