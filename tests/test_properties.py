"""What must hold in every world: order does not matter, and knowing less never makes waste."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import World, make_world

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import WASTE, Finding
from auditor.model.names import ClusterKey
from auditor.model.snapshot import Category, Coverage, Snapshot, Status, cluster_of_scope

MIN_AGE = timedelta(hours=1)
SEEDS = range(0, 200, 2)
SCOPES_OF_A_WORLD = 8
Key = TypeVar("Key")
JSON = Mapping[str, Any]


def findings_of(snapshot: Snapshot, world: World) -> tuple[Finding, ...]:
    return judge(inventory.build(snapshot), as_of=world.as_of, min_age=MIN_AGE)


def wasted(findings: tuple[Finding, ...]) -> frozenset[str]:
    return frozenset(finding.resource.full for finding in findings if finding.verdict in WASTE)


# Order


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_the_order_of_the_lists_changes_nothing(seed: int, order: random.Random) -> None:
    world = make_world(seed)
    assert findings_of(_shuffled(world.snapshot, order), world) == findings_of(world.snapshot, world)


def _shuffled(snapshot: Snapshot, order: random.Random) -> Snapshot:
    def mixed(table: Mapping[Key, Any]) -> dict[Key, Any]:
        keys = order.sample(list(table), len(table))
        return {key: _mixed(table[key]) for key in keys}

    def _mixed(value: Any) -> Any:
        return tuple(order.sample(list(value), len(value))) if isinstance(value, tuple) else value

    return replace(
        snapshot,
        coverage=mixed(snapshot.coverage),
        projects=mixed(snapshot.projects),
        compute=mixed(snapshot.compute),
        clusters=mixed(snapshot.clusters),
        objects=mixed(snapshot.objects),
    )


# Gaps


@pytest.mark.parametrize("seed", SEEDS)
def test_knowing_less_never_makes_waste(seed: int) -> None:
    """Scopes failed, scopes partial with some objects lost, files removed, clusters dropped: nothing new is waste."""
    world = make_world(seed)
    full = wasted(findings_of(world.snapshot, world))
    dice = random.Random(seed)  # noqa: S311 - dice of a test
    for label, torn in _torn(world, dice):
        more = wasted(findings_of(torn, world)) - full
        told = "\n  ".join(f"{name}\n    {world.why.get(name)}" for name in sorted(more))
        assert not more, f"seed {seed}: after {label} these became waste\n  {told}"


def _torn(world: World, dice: random.Random) -> Iterator[tuple[str, Snapshot]]:
    snapshot = world.snapshot
    scopes = sorted(snapshot.coverage)
    for scope in dice.sample(scopes, min(SCOPES_OF_A_WORLD, len(scopes))):
        way = dice.choice((_failed, _file_removed, _partial, _partial_in_one_place))
        yield f"{way.__name__}({scope})", way(snapshot, scope, dice)
    for project in sorted(snapshot.clusters):
        scope = f"projects/{project}/container/clusters"
        yield f"_failed({scope})", _failed(snapshot, scope, dice)
        yield f"_partial({scope})", _partial(snapshot, scope, dice)
        yield f"_failed(projects/{project}/project)", _failed(snapshot, f"projects/{project}/project", dice)
    clusters = {key for scope in scopes if (key := cluster_of_scope(scope)) is not None}
    for key in sorted(clusters):
        yield f"_cluster_dropped({key.short})", _cluster_dropped(snapshot, key)


def _with(snapshot: Snapshot, coverage: Coverage, *, kept: tuple[JSON, ...] | None) -> Snapshot:
    """The snapshot with another coverage of one list, of which `kept` is left; None: no file at all."""
    parts = coverage.scope.split("/")
    changed = replace(snapshot, coverage={**snapshot.coverage, coverage.scope: coverage})
    if parts[0] == "clusters":
        key = (ClusterKey(*parts[1:4]), parts[4])
        return replace(changed, objects=_put(snapshot.objects, key, kept))
    if parts[2] == "compute":
        return replace(changed, compute=_put(snapshot.compute, (parts[1], parts[3]), kept))
    if parts[2] == "container":
        return replace(changed, clusters=_put(snapshot.clusters, parts[1], kept))
    file = snapshot.projects.get(parts[1]) if kept is not None else None
    return replace(changed, projects={**snapshot.projects, parts[1]: file})


def _put(table: Mapping[Key, tuple[JSON, ...]], key: Key, kept: tuple[JSON, ...] | None) -> dict[Key, Any]:
    rest = {other: value for other, value in table.items() if other != key}
    return rest if kept is None else {**rest, key: kept}


def _list_of(snapshot: Snapshot, scope: str) -> tuple[JSON, ...]:
    parts = scope.split("/")
    if parts[0] == "clusters":
        return snapshot.objects.get((ClusterKey(*parts[1:4]), parts[4]), ())
    if parts[2] == "compute":
        return snapshot.compute.get((parts[1], parts[3]), ())
    return snapshot.clusters.get(parts[1], ()) if parts[2] == "container" else ()


def _failed(snapshot: Snapshot, scope: str, dice: random.Random) -> Snapshot:
    category = dice.choice((Category.FORBIDDEN, Category.TIMEOUT, Category.API_DISABLED))
    return _with(snapshot, Coverage(scope, Status.FAILED, category), kept=None)


def _file_removed(snapshot: Snapshot, scope: str, dice: random.Random) -> Snapshot:
    """The manifest names it, its file is not there (docs/snapshot.md)."""
    return _with(snapshot, Coverage(scope, Status.FAILED, Category.INVALID, detail="no file"), kept=None)


def _partial(snapshot: Snapshot, scope: str, dice: random.Random) -> Snapshot:
    """A page is missing: any of the objects may be lost."""
    kept = tuple(obj for obj in _list_of(snapshot, scope) if dice.random() < 0.5)
    return _with(snapshot, Coverage(scope, Status.PARTIAL, Category.TIMEOUT), kept=kept)


def _partial_in_one_place(snapshot: Snapshot, scope: str, dice: random.Random) -> Snapshot:
    """One region or zone did not answer: what stands in it is lost, and only that."""
    if scope.startswith("clusters/") or "/compute/" not in scope:
        return _partial(snapshot, scope, dice)
    found = _list_of(snapshot, scope)
    places = sorted({_place(obj) for obj in found} - {"global"})
    place = dice.choice(places) if places else "regions/us-east9"
    kept = tuple(obj for obj in found if _place(obj) != place)
    return _with(snapshot, Coverage(scope, Status.PARTIAL, Category.UNREACHABLE, (place,)), kept=kept)


def _place(obj: JSON) -> str:
    parts = obj["selfLink"].split("/")
    return "global" if "global" in parts else "/".join(parts[-4:-2])


def _cluster_dropped(snapshot: Snapshot, key: ClusterKey) -> Snapshot:
    """No file of the cluster is left, and the manifest still names it, or the list of clusters does."""
    is_listed = any(obj["name"] == key.name for obj in snapshot.clusters.get(key.project, ()))
    coverage = {
        scope: known if cluster_of_scope(scope) != key else Coverage(scope, Status.FAILED, Category.NOT_COLLECTED)
        for scope, known in snapshot.coverage.items()
        if cluster_of_scope(scope) != key or not is_listed
    }
    objects = {pair: value for pair, value in snapshot.objects.items() if pair[0] != key}
    return replace(snapshot, coverage=coverage, objects=objects)


# Owners


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), choice=st.randoms(use_true_random=False))
def test_a_living_owner_more_never_makes_waste(seed: int, choice: random.Random) -> None:
    """Objects of another world, under names that are free here, put into any cluster that was read."""
    world, other = make_world(seed), make_world(choice.randrange(10_000))
    before = wasted(findings_of(world.snapshot, world))
    guests = [
        (plural, obj)
        for (_, plural), objects in other.snapshot.objects.items()
        for obj in objects
        if plural in ("services", "ingresses", "gateways", "serviceattachments")
    ]
    hosts = sorted({key for key, _ in world.snapshot.objects})
    if not guests or not hosts:
        return
    plural, obj = choice.choice(guests)
    key = (choice.choice(hosts), plural)
    scope = f"{key[0].folder}/{plural}"
    if not world.snapshot.coverage[scope].is_full:
        return
    guest = {**obj, "metadata": {**obj["metadata"], "name": "guest-" + obj["metadata"]["name"][:40]}}
    there = (*world.snapshot.objects.get(key, ()), guest)
    coverage = {**world.snapshot.coverage, scope: Coverage(scope, Status.COMPLETE, count=len(there))}
    more = replace(world.snapshot, coverage=coverage, objects={**world.snapshot.objects, key: there})
    assert not wasted(findings_of(more, world)) - before
