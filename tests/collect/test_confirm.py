"""The second look: how each kind is asked for, and what counts as the same thing."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest
from google.cloud import compute_v1
from googleserver import Fault, World

from auditor.collect.confirm import GETS, is_same, observed
from auditor.collect.patience import Patience
from auditor.model.names import ResourceName, parse_link
from auditor.model.snapshot import JUDGED_COLLECTIONS, Snapshot

from .driving import case, run, world_of

PROJECT = "acme-prod"
TARGET = "https://www.googleapis.com/compute/v1/projects/acme/regions/r1/targetPools/p"


def test_every_judged_kind_can_be_asked_for() -> None:
    assert {collection for collection, _ in GETS} == set(JUDGED_COLLECTIONS)


@pytest.mark.parametrize(("kind", "get"), [(kind, get) for kind, get in GETS.items() if get.client])
def test_every_client_and_its_arguments_exist(kind: tuple[str, str], get: Any) -> None:
    client = getattr(compute_v1, get.client)
    arguments = set(inspect.signature(client.get).parameters)
    place = {"regions": {"region"}, "zones": {"zone"}, "global": set()}[kind[1]]
    assert {"project", get.argument, *place} <= arguments
    assert {"region", "zone"} & arguments == place


def test_the_permission_of_each_is_the_apis_name_for_it() -> None:
    permissions = {get.permission for get in GETS.values()}
    assert {
        "compute.forwardingRules.get",
        "compute.globalForwardingRules.get",
        "compute.addresses.get",
        "compute.globalAddresses.get",
        "compute.backendServices.get",
        "compute.regionBackendServices.get",
    } <= permissions
    assert "compute.regionInstanceGroups.get" not in permissions  # the API has no such permission
    assert all(name.startswith("compute.") and name.endswith(".get") for name in permissions)


def test_what_is_compared() -> None:
    rule = {"id": 4711, "fingerprint": "f=", "creationTimestamp": "t", "backendService": TARGET, "description": "x"}
    assert observed(rule) == {"id": "4711", "fingerprint": "f=", "creationTimestamp": "t", "target": TARGET}
    assert observed({"users": [], "target": ""}) == {}


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({}, {}, True),
        ({"id": "1"}, {"id": "1"}, True),
        ({"id": "1"}, {"id": "2"}, False),
        ({"fingerprint": "a"}, {"fingerprint": "b"}, False),
        ({"creationTimestamp": "a"}, {"creationTimestamp": "b"}, False),
        ({}, {"fingerprint": "b"}, True),  # a dump that did not keep it
        ({"target": TARGET}, {"target": TARGET.replace("www.googleapis.com", "compute.googleapis.com")}, True),
        ({"target": TARGET}, {"target": TARGET + "2"}, False),
        ({"target": TARGET}, {}, False),
        ({}, {"target": TARGET}, False),
        ({}, {"users": [TARGET]}, False),
        ({"users": [TARGET, "b"]}, {"users": ["b", TARGET]}, True),
        ({"users": [TARGET]}, {"users": [TARGET, "b"]}, False),
        ({"usedBy": [TARGET, "b"]}, {"usedBy": ["b", TARGET]}, True),
        ({}, {"usedBy": [TARGET]}, False),
    ],
)
def test_what_counts_as_the_same(before: dict[str, Any], now: dict[str, Any], same: bool) -> None:
    assert is_same(before, now) is same


# --- through the real clients ---


def test_a_url_map_that_begins_to_use_a_backend_service_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what points at a resource only addresses and backend services tell, the latter also across projects."""
    before = case("T37-v2-ingress")
    project = next(iter(before.projects))
    user = {"reference": TARGET.replace("acme", "other").replace("targetPools", "urlMaps")}
    listed = before.compute[project, "backendServices"]
    known = tuple({**item, "usedBy": [user]} for item in listed)
    used = tuple({**item, "usedBy": [user, {"reference": f"{user['reference']}-2"}]} for item in listed)
    names = [name for item in listed if (name := parse_link(str(item["selfLink"]))) is not None]
    for now, status in ((known, "same"), (used, "changed")):
        world_before = replace(before, compute={**before.compute, (project, "backendServices"): known})
        world_after = replace(before, compute={**before.compute, (project, "backendServices"): now})
        with world_of(world_before, monkeypatch) as world:

            def wanted(snapshot: Snapshot, world: World = world, after: Snapshot = world_after) -> list[ResourceName]:
                world.show(after)
                return names

            snapshot = run(world, would_be_waste=wanted).snapshot
        assert {look["status"] for look in snapshot.confirmations} == {status}


def names_in(world: World, collection: str) -> list[ResourceName]:
    found = [parse_link(str(item["selfLink"])) for _, item in world.scene.items(PROJECT, collection)]
    return [name for name in found if name is not None]


def looks(world: World, wanted: list[ResourceName], **plan: Any) -> dict[str, str]:
    snapshot = run(world, would_be_waste=lambda snapshot: wanted, **plan).snapshot
    return {look["resource"].rpartition("/")[2]: look["status"] for look in snapshot.confirmations}


@pytest.mark.parametrize("name", ["controllers-orphaned", "T37-v2-ingress", "T60-neg-of-a-deleted-service"])
def test_things_of_every_kind_that_did_not_change_are_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with world_of(case(name), monkeypatch) as world:
        project = world.scene.projects[0]
        wanted = [
            found
            for collection in JUDGED_COLLECTIONS
            for _, item in world.scene.items(project, collection)
            if (found := parse_link(str(item["selfLink"]))) is not None
        ]
        snapshot = run(world, would_be_waste=lambda snapshot: wanted).snapshot
    assert len({found.collection for found in wanted}) >= 3
    assert len(snapshot.confirmations) == len(wanted)
    assert {look["status"] for look in snapshot.confirmations} == {"same"}
    assert [look["resource"] for look in snapshot.confirmations] == sorted(found.full for found in wanted)


@pytest.mark.parametrize("kind", ["forbidden", "garbage", "truncated", "wrong_kind", "s503", "dropped", "hung"])
def test_a_look_that_fails_in_any_way_is_a_gap(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    with world_of(case("T43-static-ip-that-nothing-names"), monkeypatch) as world:
        (wanted,) = names_in(world, "addresses")[:1]
        world.faults = [Fault(("GET", rf"/addresses/{wanted.name}$"), kind)]
        slow = Patience(timeout_s=1.5, retry_for_s=2)
        snapshot = run(world, would_be_waste=lambda snapshot: [wanted], patience=slow).snapshot
    assert [look["status"] for look in snapshot.confirmations] == ["failed"]
    entry = snapshot.coverage[f"confirm/{wanted.full}"]
    assert entry.is_gap
    assert entry.detail


def test_a_passing_failure_is_got_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case("T43-static-ip-that-nothing-names"), monkeypatch) as world:
        (wanted,) = names_in(world, "addresses")[:1]
        for kind in ("quota", "s503", "dropped", "s500"):
            world.faults = [Fault(("GET", rf"/addresses/{wanted.name}$"), kind, times=1)]
            assert list(looks(world, [wanted]).values()) == ["same"], kind
            assert world.hits == (1,)
