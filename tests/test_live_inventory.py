"""`--inventory asset`: the first look by Cloud Asset Inventory comes to what the lists come to, never to more waste.

The inventory lags behind. What it shows wrongly, or not at all, is put right by the second look at the live API.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from googleserver import Fault, Manners, World
from googleserver.resources_api import SUPPORTED_ASSETS
from rehearsal import (
    MIN_AGE,
    SMALL_AS_OF,
    SMALL_MANNERS,
    TOOL,
    Asked,
    Run,
    Sweep,
    audit,
    everything_asked,
    hurried,
    one_of_each_shape,
    organization_of,
    projected,
    rehearse,
    served,
    small_world,
)
from worlds import make_world

from auditor import live_run, pipeline
from auditor.collect import assets, compute, live
from auditor.collect.failures import RequestFailed
from auditor.collect.google import Endpoints
from auditor.collect.parts import merge, part_of
from auditor.collect.shares import Share
from auditor.model.finding import WASTE, Verdict
from auditor.model.names import ResourceName, parse_link
from auditor.model.report import Report
from auditor.model.snapshot import JSON, Snapshot, compute_scope
from auditor.report.json import render
from auditor.report.selection import Selection
from auditor.settings import Settings

EVERYTHING = Selection(verdicts=tuple(Verdict))
SEEDS = (0, 1, 3, 42, 90)
"""Worlds without gaps."""
SEED_OF_SHARED_NETWORKS = 1
SEED_OF_YOUNG_ADDRESS = 31
READ_AT = "as Cloud Asset Inventory had it at 2026-11-22T06:00:00Z"
INSTEAD = "listed live: Cloud Asset Inventory could not be asked ("


def waste_of(report: Report) -> frozenset[str]:
    return frozenset(finding.resource.full for finding in report.findings if finding.verdict in WASTE)


def by_inventory(snapshot: Snapshot, as_of: datetime, inventory: Snapshot | None = None, **plan: object) -> Run:
    with served(snapshot, manners=Manners(page_size=7, inventory=inventory)) as world:
        run = rehearse(world, as_of, asks_inventory=True, **(plan or {"projects": world.scene.projects}))
    assert run.error is None, run.error
    return run


def lists_asked(world: World) -> list[tuple[str, str]]:
    """Project and collection of every first page of a Compute list."""
    parts = [request.path.split("/") for request in world.requests if not request.is_later_page]
    return [(path[4], path[-1]) for path in parts if path[1] == "compute" and path[5:6] in (["aggregated"], ["global"])]


# --- what is asked for ---


def test_every_asset_type_is_one_that_google_lists() -> None:
    assert set(assets.COLLECTION_OF) <= SUPPORTED_ASSETS
    assert set(assets.TYPES) <= set(compute.TABLE)


def test_an_asset_type_that_google_does_not_have_brings_the_live_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error to the API, never an empty list."""
    monkeypatch.setattr(assets, "_QUESTION", {**assets._QUESTION, "assetTypes": ("compute.googleapis.com/Firewal",)})
    run = by_inventory(small_world(), SMALL_AS_OF)
    assert run.snapshot is not None
    for project in run.snapshot.projects:
        assert run.snapshot.coverage_of(compute_scope(project, "firewalls")).detail.startswith(INSTEAD)


def asset(**changes: object) -> dict[str, object]:
    where = "projects/shop-prod/global/firewalls/k8s-fw"
    found: dict[str, object] = {
        "name": f"//compute.googleapis.com/{where}",
        "assetType": "compute.googleapis.com/Firewall",
        "resource": {"data": {"name": "k8s-fw", "selfLink": f"https://www.googleapis.com/compute/v1/{where}"}},
    }
    return found | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"name": "//compute.googleapis.com/projects/410000000001/global/firewalls/k8s-fw"},
        {"name": "//compute.googleapis.com/projects/other/global/firewalls/k8s-fw"},
        {"name": "//compute.googleapis.com/projects/shop-prod/global/firewalls/other"},
        {"assetType": "compute.googleapis.com/Address"},
        {"assetType": "compute.googleapis.com/FirewallPolicy"},
        {"resource": {}},
        {"resource": {"data": {"name": "k8s-fw"}}},
        {"resource": {"data": {"selfLink": "projects/410000000001/global/firewalls/k8s-fw"}}},
    ],
)
def test_an_asset_that_contradicts_itself_is_no_answer(changes: dict[str, object]) -> None:
    assert assets._resource_in(asset())[:2] == ("shop-prod", "firewalls")
    with pytest.raises(RequestFailed):
        assets._resource_in(asset(**changes))


# --- the same ---


@pytest.mark.parametrize("seed", SEEDS)
def test_the_report_is_that_of_the_lists(seed: int) -> None:
    made = make_world(seed)
    with served(made.snapshot) as world:
        by_lists = rehearse(world, made.as_of, projects=world.scene.projects)
    run = by_inventory(made.snapshot, made.as_of)
    assert run.snapshot is not None
    assert by_lists.snapshot is not None
    assert projected(run.snapshot) == projected(by_lists.snapshot)
    assert run.report is not None
    assert by_lists.report is not None
    assert render(run.report, EVERYTHING) == render(by_lists.report, EVERYTHING)


def test_an_organization_is_asked_for_once_and_its_projects_not_for_what_was_there() -> None:
    snapshot = small_world()
    nothing = replace(snapshot, compute=dict.fromkeys(snapshot.compute, ()))
    with served(nothing, manners=Manners(page_size=5)) as world:  # without a Shared VPC host, which is asked for itself
        run = rehearse(world, SMALL_AS_OF, asks_inventory=True, **organization_of(world))
        listings = [request for request in world.requests if request.path.endswith("/assets")]
        asked = lists_asked(world)
    assert run.error is None
    assert run.snapshot is not None
    assert not run.gaps
    assert run.snapshot.projects
    assert [request.path for request in listings] == [f"/v1/{world.organization}/assets"]
    assert sorted(asked) == sorted(
        (project, name) for project in run.snapshot.projects for name in compute.TABLE if name not in assets.TYPES
    )
    for project in run.snapshot.projects:
        for name in compute.TABLE:
            told = run.snapshot.coverage_of(compute_scope(project, name)).detail
            assert told == (READ_AT if name in assets.TYPES else "")


def test_what_travels_beyond_the_fields_of_a_list_is_not_kept() -> None:
    snapshot = small_world()
    key = next(key for key, items in snapshot.compute.items() if key[1] == "forwardingRules" and items)
    more = tuple({**item, "metadata": "secret"} for item in snapshot.compute[key])
    run = by_inventory(replace(snapshot, compute={**snapshot.compute, key: more}), SMALL_AS_OF)
    assert run.snapshot is not None
    assert len(run.snapshot.compute[key]) == len(more)
    assert not any("metadata" in item for item in run.snapshot.compute[key])


def test_a_task_takes_its_share_of_the_organization() -> None:
    with served(small_world(), manners=SMALL_MANNERS) as world:
        by_lists, runs = [], []
        for asks_inventory, kept in ((False, by_lists), (True, runs)):
            for index in range(2):
                plan = {**organization_of(world), "share": Share("monday", index, 2)}
                run = rehearse(world, SMALL_AS_OF, asks_inventory=asks_inventory, **plan)
                assert run.snapshot is not None
                kept.append(projected(run.snapshot))
    assert runs == by_lists


# --- an inventory that lags ---


def without(snapshot: Snapshot, collection: str) -> Snapshot:
    """The world before anything of a collection was made."""
    return replace(snapshot, compute={k: () if k[1] == collection else items for k, items in snapshot.compute.items()})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("collection", sorted(assets.TYPES))
def test_what_the_inventory_lacks_makes_no_orphan(seed: int, collection: str) -> None:
    made = make_world(seed)
    right = waste_of(audit(made.snapshot, made.as_of))
    assert by_inventory(made.snapshot, made.as_of, without(made.snapshot, collection)).waste <= right


def left_over(collection: str) -> tuple[Snapshot, datetime, ResourceName]:
    """A world in which something of this kind is waste, and its name."""
    for seed in SEEDS:
        made = make_world(seed)
        for name in sorted(waste_of(audit(made.snapshot, made.as_of))):
            link = parse_link(name)
            if link is not None and link.collection == collection:
                return made.snapshot, made.as_of, link
    raise LookupError(collection)


def in_use(world: Snapshot, address: ResourceName) -> Snapshot:
    """The world after a virtual machine has begun to use an address."""
    key = (address.project, "addresses")
    root = f"https://www.googleapis.com/compute/v1/projects/{address.project}"
    use = {"status": "IN_USE", "users": [f"{root}/zones/europe-west1-b/instances/by-hand"]}
    items = tuple(
        {**item, **use} if str(item["selfLink"]).endswith(f"/{address.relative}") else item
        for item in world.compute[key]
    )
    return replace(world, compute={**world.compute, key: items})


def used_since() -> tuple[Snapshot, Snapshot, datetime, ResourceName]:
    """The world before and after somebody has put an address to use that was left over, and its name."""
    before, as_of, name = left_over("addresses")
    return before, in_use(before, name), as_of, name


def test_an_address_used_since_is_no_waste() -> None:
    before, after, as_of, name = used_since()
    right = waste_of(audit(after, as_of))
    assert name.full not in right
    assert name.full in by_inventory(before, as_of).waste
    assert by_inventory(after, as_of, before).waste <= right


@pytest.mark.parametrize("left", ["targetPools", "targetHttpProxies"])
def test_a_rule_made_since_keeps_what_it_points_at(left: str) -> None:
    before, as_of, name = left_over(left)
    key = (name.project, "forwardingRules")
    root = "https://www.googleapis.com/compute/v1/"
    rule = {
        "name": "by-hand",
        "id": "4711",
        "creationTimestamp": "2026-11-22T05:59:30Z",
        "selfLink": f"{root}projects/{name.project}/{name.scope}/forwardingRules/by-hand",
        "target": f"{root}{name.relative}",
    }
    if name.scope != "global":
        rule["region"] = f"{root}projects/{name.project}/{name.scope}"
    coverage = {scope: replace(entry, count=None) for scope, entry in before.coverage.items()}
    after = replace(before, compute={**before.compute, key: (*before.compute[key], rule)}, coverage=coverage)
    right = waste_of(audit(after, as_of))
    assert name.full not in right
    assert name.full in by_inventory(before, as_of).waste
    assert by_inventory(after, as_of, before).waste <= right


def test_what_is_too_young_today_is_looked_at_twice_too() -> None:
    """Who audits the snapshot tomorrow has nothing but the inventory to go by, where nobody did."""
    made = make_world(SEED_OF_YOUNG_ADDRESS)
    young = next(
        finding.resource
        for finding in audit(made.snapshot, made.as_of).findings
        if finding.resource.collection == "addresses" and finding.reason == "too-young"
    )
    # Nothing else there would be waste.
    alone = {
        key: tuple(item for item in items if str(item["selfLink"]).endswith(young.relative))
        if key[0] == young.project
        else items
        for key, items in made.snapshot.compute.items()
    }
    coverage = {scope: replace(entry, count=None) for scope, entry in made.snapshot.coverage.items()}
    before = replace(made.snapshot, compute=alone, coverage=coverage)
    after = in_use(before, young)
    tomorrow = made.as_of + timedelta(days=1)
    assert young.full in waste_of(audit(before, tomorrow))
    with served(after, manners=Manners(inventory=before)) as world:
        collected = live.collect(
            live.Plan(world.scene.projects, endpoints=Endpoints(overrides=world.endpoints), asks_inventory=True),
            hurried(60),
            dict(os.environ),
            tool=TOOL,
            now=lambda: made.as_of,
            would_be_waste=live_run._finder(Settings(as_of=made.as_of, min_age=MIN_AGE)),
        )
    assert waste_of(audit(collected.snapshot, tomorrow)) <= waste_of(audit(after, tomorrow))


def in_a_shared_network() -> tuple[Snapshot, Snapshot, datetime, ResourceName]:
    """A world before and after a load balancer without a Service was made in a service project, where nothing else is;
    its firewall rule, in the Shared VPC host, was there before. A route of the host needs it, so neither is waste."""
    made = make_world(SEED_OF_SHARED_NETWORKS)
    whole = replace(
        made.snapshot,
        coverage={scope: replace(entry, count=None) for scope, entry in made.snapshot.coverage.items()},
    )
    firewall, rule = next(
        (finding.resource, finding.load_balancer)
        for finding in audit(whole, made.as_of).findings
        if finding.resource.collection == "firewalls"
        and finding.verdict in WASTE
        and finding.load_balancer is not None
        and finding.load_balancer.project != finding.resource.project
    )
    mark = rule.name.split("-", 2)[2].removesuffix("-ipv6")

    def only(items: tuple[JSON, ...], collection: str) -> tuple[JSON, ...]:
        return tuple(item for item in items if collection in assets.TYPES and mark in str(item["name"]))

    resources = {key: only(items, key[1]) if key[0] == rule.project else items for key, items in whole.compute.items()}
    rules = resources[rule.project, "forwardingRules"]
    assert rules
    root = f"https://www.googleapis.com/compute/v1/projects/{firewall.project}/global/routes"
    routes = tuple(
        {
            "name": f"by-hand-{number}",
            "id": str(4711 + number),
            "creationTimestamp": "2026-01-22T05:59:30Z",
            "selfLink": f"{root}/by-hand-{number}",
            "network": item["network"],
            "nextHopIlb": item["selfLink"],
            "destRange": "10.99.0.0/24",
        }
        for number, item in enumerate(rules)
    )
    resources[firewall.project, "routes"] = (*resources.get((firewall.project, "routes"), ()), *routes)
    before = {key: () if key[0] == rule.project else items for key, items in resources.items()}
    return replace(whole, compute=before), replace(whole, compute=resources), made.as_of, firewall


def test_a_firewall_of_a_shared_network_waits_for_load_balancers_of_every_project() -> None:
    before, after, as_of, firewall = in_a_shared_network()
    right = waste_of(audit(after, as_of))
    assert firewall.full not in right
    assert firewall.full in waste_of(audit(before, as_of))
    assert by_inventory(after, as_of, before).waste <= right


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_gone_since_is_no_waste(seed: int) -> None:
    made = make_world(seed)
    now = without(without(made.snapshot, "forwardingRules"), "addresses")
    found = by_inventory(now, made.as_of, made.snapshot).waste
    assert {parse_link(name).collection for name in found}.isdisjoint({"forwardingRules", "addresses"})  # type: ignore[union-attr]


# --- parts that rest on it ---


def parts_by_inventory(world: World, as_of: datetime, count: int = 2) -> list[Snapshot]:
    """What the tasks of one execution read, whoever looks twice."""
    found = []
    for index in range(count):
        run = rehearse(world, as_of, **organization_of(world), share=Share("monday", index, count), asks_inventory=True)
        assert run.snapshot is not None
        found.append(run.snapshot)
    return found


def looked_at_again(world: World, as_of: datetime, merged: Snapshot) -> Snapshot:
    """By somebody who does not know how the parts were read."""
    plan = live.Plan(endpoints=Endpoints(overrides=world.endpoints), **organization_of(world))
    would_be_waste = partial(pipeline.would_be_waste, as_of=as_of, min_age=MIN_AGE)
    return live.look_again(plan, hurried(60), dict(os.environ), merged, would_be_waste=would_be_waste).snapshot


def test_merged_parts_prove_nothing_until_somebody_looks_twice() -> None:
    before, after, as_of, name = used_since()
    right = waste_of(audit(after, as_of))
    with served(after, manners=Manners(page_size=7, inventory=before)) as world:
        merged = merge([part_of(part, "monday") for part in parts_by_inventory(world, as_of)])
        world.forget()
        again = looked_at_again(world, as_of, merged)
        asked = lists_asked(world)
    assert waste_of(audit(merged, as_of)) == frozenset()
    assert merged.coverage_of("confirm").is_gap
    assert "confirm" not in again.coverage
    assert waste_of(audit(again, as_of))
    assert waste_of(audit(again, as_of)) <= right
    assert {collection for project, collection in asked if project == name.project} >= set(assets.TYPES)


@pytest.mark.parametrize("count", [1, 3])
def test_tasks_that_ask_the_inventory_come_to_the_report_of_the_lists(count: int) -> None:
    with served(small_world(), manners=SMALL_MANNERS) as world:
        by_lists = rehearse(world, SMALL_AS_OF, **organization_of(world))
        parts = parts_by_inventory(world, SMALL_AS_OF, count)
        merged = looked_at_again(world, SMALL_AS_OF, merge([part_of(part, "monday") for part in parts]))
    assert by_lists.report is not None
    assert by_lists.waste
    assert waste_of(audit(merged, SMALL_AS_OF)) == by_lists.waste
    assert {finding.resource: finding.verdict for finding in audit(merged, SMALL_AS_OF).findings} == {
        finding.resource: finding.verdict for finding in by_lists.report.findings
    }


def test_parts_of_lists_are_what_they_were() -> None:
    with served(small_world(), manners=SMALL_MANNERS) as world:
        run = rehearse(world, SMALL_AS_OF, **organization_of(world), share=Share("monday", 0, 2))
    assert run.snapshot is not None
    assert "confirm" not in run.snapshot.coverage


def test_nothing_is_due_where_nothing_would_be_waste() -> None:
    snapshot = small_world()
    nothing = replace(snapshot, compute=dict.fromkeys(snapshot.compute, ()))
    with served(nothing) as world:
        merged = merge([part_of(part, "monday") for part in parts_by_inventory(world, SMALL_AS_OF)])
        again = looked_at_again(world, SMALL_AS_OF, merged)
    assert merged.coverage_of("confirm").is_gap
    assert not [scope for scope, coverage in again.coverage.items() if coverage.is_gap]


# --- an inventory that cannot be had ---


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: Fault(("GET", "/assets"), "forbidden"),
        lambda world: Fault(("GET", "/assets"), "api_disabled"),
        lambda world: Fault(("GET", "/assets"), "lost_page"),
    ],
)
def test_the_projects_are_listed_instead_and_it_is_said(spoil: Callable[[World], Fault]) -> None:
    with served(small_world(), manners=replace(SMALL_MANNERS, page_size=500)) as world:
        by_lists = rehearse(world, SMALL_AS_OF, **organization_of(world))
        world.faults = (spoil(world),)
        run = rehearse(world, SMALL_AS_OF, asks_inventory=True, **organization_of(world))
        assert world.hits[0]
    assert run.snapshot is not None
    assert by_lists.snapshot is not None
    assert set(run.gaps) == set(by_lists.gaps)
    assert projected(run.snapshot) == projected(by_lists.snapshot)
    assert run.report is not None
    assert by_lists.report is not None
    assert render(run.report, EVERYTHING) == render(by_lists.report, EVERYTHING)
    told = [
        run.snapshot.coverage_of(compute_scope(p, name)).detail for p in small_world().projects for name in assets.TYPES
    ]
    assert all(detail.startswith(INSTEAD) for detail in told)


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Sweep, tuple[Asked, ...]]]:
    """A clean run, and what it asks of the inventory."""
    with served(small_world(), manners=SMALL_MANNERS) as world:
        plan = {**organization_of(world), "asks_inventory": True}
        clean = rehearse(world, SMALL_AS_OF, **plan)
        assert clean.error is None
        assert clean.waste
        asked = one_of_each_shape(everything_asked(world.exchanges))
        yield Sweep(world, SMALL_AS_OF, clean, plan), tuple(one for one in asked if one.path.endswith("/assets"))


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        *((kind, None) for kind in ("forbidden", "api_disabled", "not_found", "unauthenticated", "s503", "garbage")),
        *((kind, None) for kind in ("truncated", "wrong_kind", "empty_object", "lost_page", "dropped")),
        *((kind, None) for kind in ("hung", "dripping", "dripping_head")),
        *((kind, 1) for kind in ("too_many", "dropped", "reset")),
        ("s503", 2),
    ],
)
def test_no_fault_makes_an_orphan_and_every_loss_is_named(
    small: tuple[Sweep, tuple[Asked, ...]], kind: str, times: int | None
) -> None:
    sweep, requests = small
    assert requests
    found = [f"{request}: {problem}" for request in requests for problem in sweep.problems(request, kind, times)]
    assert not found, "\n".join(found)
