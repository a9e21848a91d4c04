"""The second look looks at both sides: what would be waste, and what could own it by now.

Here the world changes at the last moment, with the first request of the second look; whatever is made then is seen.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from googleserver import Fault, Request, World
from googleserver.kubernetes_api import KINDS
from rehearsal import MIN_AGE, Run, SecondLookBegins, asked, audit, hurried, read_in_full, rehearse, served
from worlds import make_world

from auditor import pipeline
from auditor.collect import live
from auditor.collect.directory import read_snapshot, write_snapshot
from auditor.collect.google import Endpoints
from auditor.collect.rereading import OWNERS
from auditor.model.finding import WASTE, Verdict
from auditor.model.names import parse_link
from auditor.model.snapshot import JSON, PLURALS, Category, Coverage, Snapshot, Status, compute_scope, objects_scope
from auditor.report.json import render
from auditor.report.selection import Selection

REPO = Path(__file__).resolve().parent.parent
AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
EVERYTHING = Selection(verdicts=tuple(Verdict))
NOT_OWNERS = frozenset({"namespaces", "nodes", "configmaps"})
"""They tell which cluster is which; the second look reads the one config map again."""
SEEDS = (0, 1, 3, 42, 90)
"""Worlds without gaps."""


def demo() -> Snapshot:
    return read_in_full(read_snapshot(REPO / "fixtures" / "demo"))


def verdicts(snapshot: Snapshot, as_of: datetime) -> dict[str, Verdict]:
    return {finding.resource.full: finding.verdict for finding in audit(snapshot, as_of).findings}


def waste(snapshot: Snapshot, as_of: datetime) -> frozenset[str]:
    return frozenset(name for name, verdict in verdicts(snapshot, as_of).items() if verdict in WASTE)


def without(snapshot: Snapshot, plural: str) -> Snapshot:
    """The same world before the first object of a kind was made; what the controllers made is left over."""
    objects = {key: () if key[1] == plural else items for key, items in snapshot.objects.items()}
    coverage = {
        scope: replace(entry, count=None) if scope.endswith(f"/{plural}") else entry
        for scope, entry in snapshot.coverage.items()
    }
    return replace(snapshot, objects=objects, coverage=coverage)


class AtTheLastMoment:
    """Changes the world with the first request of the second look."""

    def __init__(self, world: World, after: Snapshot) -> None:
        self.world = world
        self.after = after
        self.is_made = False
        self._begins = SecondLookBegins()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> None:
        with self._lock:
            if self._begins.with_or_before(request) and not self.is_made:
                self.is_made = True
                self.world.show(self.after)


def at_the_last_moment(before: Snapshot, after: Snapshot, as_of: datetime, faults: Iterable[Fault] = ()) -> Run:
    with served(before) as world:
        world.faults = tuple(faults)
        change = AtTheLastMoment(world, after)
        world.before = change
        run = rehearse(world, as_of)
    assert change.is_made
    assert run.error is None, run.error
    return run


def verdict_in(run: Run, resource: str) -> tuple[Verdict, str]:
    assert run.report is not None
    return next((f.verdict, f.reason) for f in run.report.findings if f.resource.full == resource)


# --- owners that come ---


@pytest.mark.parametrize(
    ("seed", "plural"),
    [
        *((0, plural) for plural in ("services", "ingresses", "gateways")),
        *((42, plural) for plural in ("services", "ingresses", "gateways", "multiclusteringresses")),
        *((90, plural) for plural in ("services", "ingresses", "serviceattachments")),
    ],
)
def test_an_owner_made_after_its_list_was_read_is_seen(seed: int, plural: str) -> None:
    made = make_world(seed)
    before, right = without(made.snapshot, plural), waste(made.snapshot, made.as_of)
    assert waste(before, made.as_of) - right
    assert at_the_last_moment(before, made.snapshot, made.as_of).waste <= right


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_kind_can_own_anything(seed: int) -> None:
    """The list of what is read again is whole: the absence of any other kind makes nothing waste."""
    made = make_world(seed)
    right = waste(made.snapshot, made.as_of)
    for plural in set(PLURALS) - set(OWNERS) - NOT_OWNERS:
        assert waste(without(made.snapshot, plural), made.as_of) <= right, plural


def test_a_kind_installed_after_its_absence_was_noted_is_seen() -> None:
    made = make_world(0)
    kinds = ("gateways", "gatewayclasses", "httproutes")
    coverage = dict(made.snapshot.coverage)
    objects = {key: items for key, items in made.snapshot.objects.items() if key[1] not in kinds}
    for scope, entry in made.snapshot.coverage.items():
        if scope.rpartition("/")[2] in kinds and entry.is_full:
            coverage[scope] = replace(entry, status=Status.ABSENT, count=None)
    before = replace(made.snapshot, coverage=coverage, objects=objects)
    right = waste(made.snapshot, made.as_of)
    assert waste(before, made.as_of) - right
    assert at_the_last_moment(before, made.snapshot, made.as_of).waste <= right


def uncounted(coverage: Mapping[str, Coverage]) -> dict[str, Coverage]:
    """The same coverage, of lists that may have become shorter."""
    return {scope: replace(entry, count=None) for scope, entry in coverage.items()}


def test_a_cluster_made_after_the_second_list_of_clusters_is_read() -> None:
    after = demo()
    lists = {key: items for key, items in after.objects.items() if not key[0].is_gke}
    coverage = {scope: entry for scope, entry in after.coverage.items() if not scope.startswith("clusters/")}
    compute = {key: () if key[1] == "instances" else items for key, items in after.compute.items()}  # no nodes yet
    before = replace(
        after, clusters=dict.fromkeys(after.clusters, ()), objects=lists, compute=compute, coverage=uncounted(coverage)
    )
    assert waste(before, AS_OF) - waste(after, AS_OF)
    run = at_the_last_moment(before, after, AS_OF)
    assert run.waste <= waste(after, AS_OF)
    assert run.snapshot is not None
    assert set(run.snapshot.clusters) == set(after.clusters)
    assert [len(items) for items in run.snapshot.clusters.values()] == [len(v) for v in after.clusters.values()]


def with_resource(snapshot: Snapshot, project: str, collection: str, **resource: object) -> Snapshot:
    """The same world with one more Compute resource."""
    key = (project, collection)
    coverage = dict(snapshot.coverage)
    scope = compute_scope(*key)
    coverage[scope] = replace(snapshot.coverage_of(scope), count=None)
    made = {"creationTimestamp": "2026-11-22T05:59:30Z", "id": "4711", **resource}
    return replace(snapshot, compute={**snapshot.compute, key: (*snapshot.compute[key], made)}, coverage=coverage)


@pytest.mark.parametrize(
    ("left", "user", "field"),
    [
        ("targetPools", "forwardingRules", "target"),
        ("targetHttpProxies", "forwardingRules", "target"),
        ("urlMaps", "targetHttpProxies", "urlMap"),
        ("backendServices", "urlMaps", "defaultService"),
        ("networkEndpointGroups", "backendServices", "backends"),
    ],
)
def test_a_users_load_balancer_made_on_what_is_left_is_seen(left: str, user: str, field: str) -> None:
    """Of what points at it most parts do not tell, so that asking for the part alone would show nothing."""
    before, as_of = left_over(left)
    name = next(name for name in sorted(waste(before, as_of)) if f"/{left}/" in name)
    link = parse_link(name)
    assert link is not None
    scope = "global" if link.scope == "global" else f"regions/{link.region}"
    target = f"https://www.googleapis.com/compute/v1/{link.relative}"
    fields = {field: [{"group": target}] if field == "backends" else target}
    if scope != "global":
        fields["region"] = f"https://www.googleapis.com/compute/v1/projects/{link.project}/{scope}"
    self_link = f"https://www.googleapis.com/compute/v1/projects/{link.project}/{scope}/{user}/by-hand"
    after = with_resource(before, link.project, user, name="by-hand", selfLink=self_link, **fields)
    right = waste(after, as_of)
    assert name not in right
    run = at_the_last_moment(before, after, as_of)
    assert run.waste <= right


def left_over(collection: str) -> tuple[Snapshot, datetime]:
    """A world in which something of this kind is waste."""
    for seed in SEEDS:
        made = make_world(seed)
        if any(f"/{collection}/" in name for name in waste(made.snapshot, made.as_of)):
            return made.snapshot, made.as_of
    raise LookupError(collection)


# --- lists that cannot be had again ---


@pytest.mark.parametrize(("kind", "category"), [("forbidden", Category.FORBIDDEN), ("s503", Category.UNREACHABLE)])
def test_a_list_that_is_refused_the_second_time_leaves_it_unknown(kind: str, category: Category) -> None:
    world = demo()
    is_ingress = [
        f for f in audit(world, AS_OF).findings if f.verdict is Verdict.ORPHANED and "k8s2-" in str(f.resource)
    ]
    assert is_ingress
    fault = Fault(("GET", r"/apis/networking.k8s.io/v1/ingresses"), kind, after=2)
    with served(world) as server:
        clean = rehearse(server, AS_OF)
        clusters = len({key for key, _ in world.objects})
        server.faults = (replace(fault, after=clusters),)
        run = rehearse(server, AS_OF)
    assert clean.waste
    assert run.waste < clean.waste
    assert run.snapshot is not None
    gaps = {scope: entry for scope, entry in run.gaps.items() if scope.endswith("/ingresses")}
    assert len(gaps) == clusters
    assert {(entry.status, entry.category) for entry in gaps.values()} == {(Status.PARTIAL, category)}
    assert all(entry.detail.startswith("when it was listed again: ") for entry in gaps.values())
    lost = clean.waste - run.waste
    assert {verdict_in(run, name)[0] for name in lost} == {Verdict.UNKNOWN}


# --- owners that go ---


def owned_by(snapshot: Snapshot, as_of: datetime, plural: str) -> list[str]:
    """What has a live owner of a kind."""
    return [
        finding.resource.full
        for finding in audit(snapshot, as_of).findings
        if finding.owner is not None
        and finding.owner.live
        and finding.owner.kind == KINDS[plural]
        and finding.resource.collection == "forwardingRules"
        and finding.verdict in (Verdict.IN_USE, Verdict.IDLE)
    ]


def test_an_owner_that_vanished_meanwhile_still_counts() -> None:
    before = demo()
    run = at_the_last_moment(before, without(before, "ingresses"), AS_OF)
    assert owned_by(before, AS_OF, "ingresses")
    assert run.waste == waste(before, AS_OF)
    assert run.report is not None
    assert {name: verdict_in(run, name)[0] for name in verdicts(before, AS_OF)} == verdicts(before, AS_OF)


def turned_inside(snapshot: Snapshot) -> Snapshot:
    """Every Service is of type ClusterIP, without a finalizer or status."""

    def turned(service: JSON) -> JSON:
        metadata = {key: value for key, value in service["metadata"].items() if key != "finalizers"}
        return {**service, "metadata": metadata, "spec": {**service["spec"], "type": "ClusterIP"}, "status": {}}

    objects = {
        key: tuple(turned(item) for item in items) if key[1] == "services" else items
        for key, items in snapshot.objects.items()
    }
    return replace(snapshot, objects=objects)


def test_what_loses_its_owner_meanwhile_is_pending() -> None:
    """It had no second look of its own, and its controller may be taking it down right now."""
    before = demo()
    after = turned_inside(before)
    lost = waste(after, AS_OF) - waste(before, AS_OF)
    roots = [name for name in owned_by(before, AS_OF, "services") if name in lost]
    assert roots
    run = at_the_last_moment(before, after, AS_OF)
    assert run.waste <= waste(before, AS_OF)
    assert {verdict_in(run, name) for name in roots} == {(Verdict.PENDING, "changed-meanwhile")}


def test_what_loses_its_owner_in_a_second_look_that_is_broken_off_is_unknown(tmp_path: Path) -> None:
    """The lists of Services are there again, the rest is not: nothing has looked at what became waste by that."""
    before = demo()
    after = turned_inside(before)
    lost = waste(after, AS_OF) - waste(before, AS_OF)
    roots = [name for name in owned_by(before, AS_OF, "services") if name in lost]
    assert roots
    clusters = len({key for key, _ in before.objects})
    patience = hurried(60)
    with served(before) as world:
        change = AtTheLastMoment(world, after)
        again: list[str] = []

        def watch(request: Request) -> None:
            change(request)
            if change.is_made and request.path == "/api/v1/services":
                again.append(request.path)
            if len(again) == clusters and not timers:
                timers.append(threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)))
                timers[0].start()

        timers: list[threading.Timer] = []
        world.before = watch
        world.faults = (Fault(("GET", "aggregated/urlMaps"), "hung", after=len(before.projects)),)
        what = live.Plan(projects=world.scene.projects, endpoints=Endpoints(overrides=world.endpoints))
        collected = live.collect(
            what,
            patience,
            dict(os.environ),
            tool="gke-auditor test",
            now=lambda: AS_OF,
            would_be_waste=partial(pipeline.would_be_waste, as_of=AS_OF, min_age=MIN_AGE),
        )
    assert isinstance(collected.interruption, KeyboardInterrupt)
    write_snapshot(collected.snapshot, tmp_path / "kept")
    for snapshot in (collected.snapshot, read_snapshot(tmp_path / "kept")):
        found = verdicts(snapshot, AS_OF)
        assert not waste(snapshot, AS_OF)
        assert {found[name] for name in roots} == {Verdict.UNKNOWN}


# --- what is kept, and what is asked ---


@pytest.mark.parametrize("change", [lambda world: world, turned_inside, lambda world: without(world, "ingresses")])
def test_the_kept_snapshot_gives_the_same_report(tmp_path: Path, change: Callable[[Snapshot], Snapshot]) -> None:
    before = without(demo(), "services")
    run = at_the_last_moment(before, change(demo()), AS_OF)
    assert run.snapshot is not None
    assert run.report is not None
    for kept in (tmp_path / "kept", tmp_path / "kept.tar.gz"):
        write_snapshot(run.snapshot, kept)
        assert render(audit(read_snapshot(kept), AS_OF), EVERYTHING) == render(run.report, EVERYTHING)


def test_nothing_is_asked_twice_where_nothing_would_be_waste() -> None:
    whole = demo()
    compute = dict.fromkeys(whole.compute, ())
    with served(replace(whole, compute=compute)) as world:
        run = rehearse(world, AS_OF)
        lists = [asked(request) for request in world.requests if request.cluster is not None]
        of_clusters = [request for request in world.requests if request.service == "container"]
    assert run.error is None
    assert lists
    assert len(lists) == len(set(lists))
    assert len(of_clusters) == 2 * len(whole.clusters)


def test_each_list_of_owners_is_asked_for_twice_and_no_other() -> None:
    world = demo()
    with served(world) as server:
        assert rehearse(server, AS_OF).waste
        lists = [request.path.rpartition("/")[2] for request in server.requests if request.cluster is not None]
    clusters = len({key for key, _ in world.objects})
    for plural in PLURALS:
        absent = [k for k in {key for key, _ in world.objects} if not world.coverage_of(objects_scope(k, plural)).count]
        if plural in OWNERS and not absent:
            assert lists.count(plural) == 2 * clusters, plural
        elif plural not in OWNERS:
            assert lists.count(plural) <= clusters, plural
