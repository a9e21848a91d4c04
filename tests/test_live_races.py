"""The world changes while it is read, at whatever moment: what is called waste is waste when the run ends.

A load balancer is made, or deleted with its owner; a cluster is made, or deleted with all that it owned; what nobody
owned finds an owner. The change comes with the n-th request, for many n.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from googleserver import Request, World
from googleserver.kubernetes_api import KINDS
from rehearsal import SecondLookBegins, audit, read_in_full, rehearse, served

from auditor.collect.directory import read_snapshot
from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.names import parse_link
from auditor.model.snapshot import JSON, Snapshot

REPO = Path(__file__).resolve().parent.parent
AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
PROD = "example-prod"
EVERY = 6
"""The change comes with every sixth request, and with those between in a second test."""


def demo() -> Snapshot:
    """The demo's first project with its cluster, read in full."""
    whole = read_snapshot(REPO / "fixtures" / "demo")
    compute = {key: items for key, items in whole.compute.items() if key[0] == PROD}
    coverage = {scope: entry for scope, entry in whole.coverage.items() if "/example-dev/" not in scope}
    projects = {PROD: whole.projects[PROD]}
    clusters = {PROD: whole.clusters[PROD]}
    return read_in_full(replace(whole, compute=compute, coverage=coverage, projects=projects, clusters=clusters))


def waste(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(f.resource.full for f in audit(snapshot, AS_OF).findings if f.verdict in WASTE)


def without(snapshot: Snapshot, is_gone: Callable[[Finding], bool]) -> Snapshot:
    """The same world after these things, and the objects that owned them, were deleted."""
    gone = [finding for finding in audit(snapshot, AS_OF).findings if is_gone(finding)]
    assert gone
    names = {finding.resource for finding in gone}
    owners = {(f.owner.kind, f.owner.namespace, f.owner.name) for f in gone if f.owner is not None and f.owner.live}

    def stays(item: JSON) -> bool:
        return parse_link(str(item["selfLink"])) not in names

    def is_left(plural: str, obj: JSON) -> bool:
        return (KINDS[plural], obj["metadata"].get("namespace"), obj["metadata"]["name"]) not in owners

    compute = {key: tuple(item for item in items if stays(item)) for key, items in snapshot.compute.items()}
    objects = {
        (key, plural): tuple(obj for obj in items if is_left(plural, obj))
        for (key, plural), items in snapshot.objects.items()
    }
    return replace(snapshot, compute=compute, objects=objects)


def of_one_load_balancer(snapshot: Snapshot, verdict: Verdict) -> Callable[[Finding], bool]:
    """All parts of the first load balancer with a live Service or Ingress of its own, or of the first one left."""
    roots = {
        finding.load_balancer
        for finding in audit(snapshot, AS_OF).findings
        if finding.verdict is verdict and finding.load_balancer == finding.resource
    }
    root = min(roots, key=str)
    return lambda finding: finding.load_balancer == root


def without_cluster(snapshot: Snapshot) -> Snapshot:
    """The cluster is deleted, and with it its nodes and what its controllers had made."""
    clean = without(snapshot, lambda finding: finding.owner is not None and finding.owner.live)
    machines = tuple(item for item in clean.compute[PROD, "instances"] if not item["name"].startswith(("gke-", "gk3-")))
    compute = {**clean.compute, (PROD, "instances"): machines}
    objects = {(key, plural): items for (key, plural), items in clean.objects.items() if not key.is_gke}
    coverage = {scope: entry for scope, entry in clean.coverage.items() if not scope.startswith("clusters/")}
    return replace(clean, clusters={PROD: ()}, objects=objects, compute=compute, coverage=coverage)


def adopted(snapshot: Snapshot) -> Snapshot:
    """Every address that nothing used is on a virtual machine now."""
    unused = waste(snapshot)
    user = f"https://www.googleapis.com/compute/v1/projects/{PROD}/zones/us-central1-a/instances/new"

    def in_use(item: JSON) -> JSON:
        name = parse_link(str(item["selfLink"]))
        return {**item, "status": "IN_USE", "users": [user]} if name is not None and name.full in unused else item

    addresses = tuple(in_use(item) for item in snapshot.compute[PROD, "addresses"])
    return replace(snapshot, compute={**snapshot.compute, (PROD, "addresses"): addresses})


def changes() -> Iterator[tuple[str, Snapshot, Snapshot]]:
    """Pairs of worlds: before and after."""
    world = demo()
    live = without(world, of_one_load_balancer(world, Verdict.IN_USE))
    left = without(world, of_one_load_balancer(world, Verdict.ORPHANED))
    no_cluster = without_cluster(world)
    yield "a load balancer is made", live, world
    yield "a load balancer is deleted with its owner", world, live
    yield "an orphan is cleaned up", world, left
    yield "a cluster is made", no_cluster, world
    yield "a cluster is deleted", world, no_cluster
    yield "unused addresses are adopted", world, adopted(world)


CHANGES = list(changes())


def without_ingresses(snapshot: Snapshot) -> Snapshot:
    """The Ingresses were deleted, and nobody cleaned up behind them."""
    objects = {key: () if key[1] == "ingresses" else items for key, items in snapshot.objects.items()}
    return replace(snapshot, objects=objects)


class Turn:
    """Changes the world with the n-th request; never once the second look has begun."""

    def __init__(self, world: World, after: Snapshot, number: int) -> None:
        self.world = world
        self.after = after
        self.left = number
        self.is_made = False
        self._begins = SecondLookBegins()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> None:
        with self._lock:
            self.left -= request.service not in ("oauth2", "connectgateway")
            is_due = self.left < 0 and not self.is_made
            if not self._begins.with_or_before(request) and is_due:
                self.is_made = True
                self.world.show(self.after)


@pytest.mark.parametrize("shift", range(2))
@pytest.mark.parametrize(("what", "before", "after"), CHANGES, ids=[what for what, _, _ in CHANGES])
def test_a_change_at_any_moment_makes_no_false_orphan(what: str, before: Snapshot, after: Snapshot, shift: int) -> None:
    try_every(before, after, range(shift * EVERY // 2, 1000, EVERY))


def test_an_orphan_that_finds_its_owner_again_is_no_waste() -> None:
    try_every(without_ingresses(demo()), demo(), range(30, 1000, 2))


def try_every(before: Snapshot, after: Snapshot, numbers: Iterable[int]) -> None:
    right = waste(after)
    tried = 0
    for number in numbers:
        with served(before) as world:
            turn = Turn(world, after, number)
            world.before = turn
            run = rehearse(world, AS_OF)
        if not turn.is_made:
            break
        tried += 1
        assert run.error is None, run.error
        assert run.waste <= right, f"the change came with request {number}"
    assert tried >= 4
