"""Live runs against the loopback server: how they are made, and what must hold of them whatever goes wrong.

The clock runs as fast as somebody sleeps: a minute of back-off costs nothing, and only what the network keeps waiting
for costs time.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from googleserver import KINDS, SERVER_THREADS, Exchange, Fault, Manners, Request, World, serve
from googleserver.faults import kube_address
from googleserver.scene import ORGANIZATION

from auditor import pipeline
from auditor.collect import live
from auditor.collect.clusters import FIELDS
from auditor.collect.compute import TABLE, project_of
from auditor.collect.directory import read_snapshot
from auditor.collect.google import Endpoints
from auditor.collect.kubernetes import trimmed
from auditor.collect.patience import Patience
from auditor.collect.projects import Parent
from auditor.collect.quotas import Quota, Quotas, Turn
from auditor.data.tables import load_prices
from auditor.errors import ExitCode, NothingRead
from auditor.model.finding import WASTE
from auditor.model.names import COMPUTE_PREFIX, ClusterKey
from auditor.model.report import Report
from auditor.model.snapshot import (
    API_GROUPS,
    COLLECTIONS,
    JSON,
    PLURALS,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)
from auditor.outcome import exit_code

REPO = Path(__file__).resolve().parent.parent
MIN_AGE = timedelta(hours=1)
TOOL = "gke-auditor test"

# --- one run ---


def hurried(timeout_s: float, *, retry_for_s: float = 90.0) -> Patience:
    """Patience with a clock that each thread puts forward by sleeping."""
    slept = threading.local()

    def clock() -> float:
        return time.monotonic() + float(getattr(slept, "seconds", 0.0))

    def sleep(seconds: float) -> None:
        slept.seconds = getattr(slept, "seconds", 0.0) + seconds

    limits = Patience(timeout_s=timeout_s, retry_for_s=retry_for_s, clock=clock, sleep=sleep, random=lambda: 0.5)
    limits.quotas = _Unshared()
    return limits


class _Unshared(Quotas):
    """Where every thread has a clock of its own, none can tell another how long to wait."""

    def of(self, service: str, owner: str) -> Quota:
        return _QuotaOfThread()


class _QuotaOfThread(Quota):
    """What a connection keeps for all its threads, for each of them apart."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = threading.local()

    def turn(self, now: float) -> Turn:
        return self._own().turn(now)

    def refused(self, now: float, pause_s: float = 0.0) -> None:
        self._own().refused(now, pause_s)

    def answered(self, left_at: float) -> None:
        self._own().answered(left_at)

    def _own(self) -> Quota:
        if not hasattr(self._threads, "quota"):
            self._threads.quota = Quota()
        return self._threads.quota


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one live run: a snapshot and a report, or the error that stands in their place."""

    snapshot: Snapshot | None
    report: Report | None
    error: NothingRead | None
    took_s: float

    @property
    def waste(self) -> frozenset[str]:
        """What the report calls orphaned or unused."""
        if self.report is None:
            return frozenset()
        return frozenset(finding.resource.full for finding in self.report.findings if finding.verdict in WASTE)

    @property
    def gaps(self) -> Mapping[str, Coverage]:
        """What the run itself could not read, by scope."""
        if self.snapshot is None:
            return {}
        return {scope: coverage for scope, coverage in self.snapshot.coverage.items() if coverage.is_gap}

    @property
    def exit_code(self) -> ExitCode:
        """With --strict."""
        if self.report is None:
            return ExitCode.NOT_DONE
        return exit_code(self.report, fail_on=None, fail_over=None, strict=True)


def audit(snapshot: Snapshot, as_of: datetime) -> Report:
    options = pipeline.Options(now=as_of, as_of=as_of, min_age=MIN_AGE)
    return pipeline.audit(snapshot, options, load_prices())


def rehearse(
    world: World,
    as_of: datetime,
    *,
    patience: Patience | None = None,
    **plan: Any,
) -> Run:
    """One live run of all that a `served` world holds, or of `plan`, judged. Raises nothing but what is a bug."""
    what = live.Plan(endpoints=Endpoints(overrides=world.endpoints), **(plan or {"projects": world.scene.projects}))
    began = time.monotonic()
    try:
        collected = live.collect(
            what,
            patience or hurried(60),
            dict(os.environ),
            tool=TOOL,
            now=lambda: as_of,
            would_be_waste=partial(pipeline.would_be_waste, as_of=as_of, min_age=MIN_AGE),
        )
        if collected.interruption is not None:
            raise collected.interruption
    except NothingRead as error:
        return Run(None, None, error, time.monotonic() - began)
    took_s = time.monotonic() - began
    try:
        return Run(collected.snapshot, audit(collected.snapshot, as_of), None, took_s)
    except NothingRead as error:
        return Run(collected.snapshot, None, error, took_s)


@contextmanager
def served(snapshot: Snapshot, **manner: Any) -> Iterator[World]:
    """A server (see googleserver.serve) and, in the environment, what a user of its world has; no other credentials.

    The environment is changed once for all runs, and changed back only when their threads have ended: the C library
    looks things up in it (proxies, resolvers, certificates) and does not stand its being changed meanwhile.
    One world at a time: a second one would take the credentials of the first one's runs.
    """
    theirs = {name: None for name in os.environ if name.startswith(("GOOGLE_", "CLOUDSDK_"))}
    with serve(snapshot, **manner) as world:
        before = set(threading.enumerate())
        with patched_environment({**theirs, **world.environment()}):
            yield world
            world.faults = ()
            world.cut()
            for thread in set(threading.enumerate()) - before:
                if not thread.name.startswith(SERVER_THREADS):
                    thread.join(5)


@contextmanager
def patched_environment(wanted: Mapping[str, str | None]) -> Iterator[None]:
    """Variables set, or not set where the value is None, until the block ends."""
    kept = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        yield
    finally:
        _set(kept)


def _set(wanted: Mapping[str, str | None]) -> None:
    for name, value in wanted.items():
        if value is not None:
            os.environ[name] = value
        elif name in os.environ:
            del os.environ[name]


def organization_of(world: World) -> Mapping[str, Any]:
    """A plan that reads every project of the world's organization."""
    kind, _, number = world.organization.partition("/")
    return {"parents": (Parent(kind, number),)}


# --- the same through the network ---

_REACH = ("endpoint", "masterAuth", "privateClusterConfig", "controlPlaneEndpointsConfig")
_NOTHING_SAID = (None, "UNSPECIFIED_XPN_PROJECT_STATUS")
_PROJECT_FIELDS = ("projectId", "projectNumber", "xpnProjectStatus")


def projected(snapshot: Snapshot) -> dict[str, list[str]]:
    """The content of a snapshot, cut to what a live run reads, in an order that does not depend on the server's."""
    found: dict[str, list[str]] = {}
    for (project, collection), items in snapshot.compute.items():
        fields = TABLE[collection].fields
        kept = [project_of(item, fields) if fields else item for item in items]
        found[compute_scope(project, collection)] = _canonical(kept, ("kind", "id", "selfLink"))
    for project, clusters in snapshot.clusters.items():
        kept = [project_of(cluster, FIELDS) for cluster in clusters]
        found[clusters_scope(project)] = _canonical(kept, _REACH)
    for (cluster, plural), objects in snapshot.objects.items():
        kept = [trimmed(plural, obj) for obj in objects]
        found[objects_scope(cluster, plural)] = _canonical(kept, ("kind", "apiVersion"))
    for project, described in snapshot.projects.items():
        if described is not None:
            kept = [{name: described[name] for name in _PROJECT_FIELDS if described.get(name) not in _NOTHING_SAID}]
            found[project_scope(project)] = _canonical(kept, ())
    return {scope: items for scope, items in found.items() if items}


def _canonical(items: Iterable[JSON], without: tuple[str, ...]) -> list[str]:
    kept = [{name: value for name, value in item.items() if name not in without} for item in items]
    return sorted(json.dumps(item, sort_keys=True) for item in kept)


# --- every request, failed in every way ---

PASSING = {"quota": 1, "too_many": 1, "s500": 1, "s503": 2, "dropped": 1, "reset": 1, "unauthenticated": 1}
"""Kinds of fault that a run must get over, and how often each strikes then."""
OF_PAGES = frozenset({"lost_page", "expired_continue"})
"""Kinds that befall a list, not one of its pages."""
SLOW = frozenset({"hung", "dripping", "dripping_head"})
"""Kinds that cost a time-out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a clean run, apart from tokens and pages: what a fault is aimed at."""

    service: str
    method: str
    path: str
    selector: str
    """A label selector, or the folder or organization whose children are listed."""
    cluster: ClusterKey | None
    is_later_page: bool
    earlier: int = 0
    """How often the same had been asked before: the second look lists again, and clusters are listed three times."""

    @property
    def shape(self) -> str:
        """What sort of request it is: the same for every project, collection of one sort, cluster and name."""
        path = re.sub(r".*/gkeMemberships/[^/]+", "", self.path)
        path = re.sub(r"projects/[^/:]+", "projects/P", path)
        path = re.sub(r"(regions|zones)/[^/]+", r"\1/L", path)
        path = re.sub(r"/(organizations|folders)/\d+", r"/\1/N", path)
        path = re.sub(r"/(aggregated|global|regions/L|zones/L)/\w+", r"/\1/COLLECTION", path)
        path = re.sub(r"/COLLECTION/.+", "/COLLECTION/NAME", path)
        path = re.sub(r"/apis/(?!authorization)[^/]+/v\w+", "/apis/GROUP/V", path)
        path = re.sub(r"(/api/v1|GROUP/V)/(?!namespaces/)\w+$", r"\1/PLURAL", path)
        by_label = " by label" if self.selector and self.cluster else ""
        return f"{self.method} {self.service} {path}{by_label}{self._manner}"

    @property
    def _manner(self) -> str:
        page = " (a later page)" if self.is_later_page else ""
        return f"{page} (time {self.earlier + 1})" if self.earlier else page

    def __str__(self) -> str:
        where = f" of {self.cluster.short if self.cluster else self.selector}".removesuffix(" of ")
        return f"{self.method} {self.service}{self.path}{where}{self._manner}"

    def failing(self, kind: str, times: int | None = None, scope: str | None = None) -> Fault:
        """The fault that befalls this request, and the same one when it is asked later; one of pages befalls all pages
        of its list."""
        wanted = replace(self, earlier=0)
        begun = itertools.count()
        earlier = [-1]

        def befalls(request: Request) -> bool:
            found = asked(request)
            if not found.is_of_list(wanted):
                return False
            if not found.is_later_page:
                earlier[0] = next(begun)
            return earlier[0] >= self.earlier and (kind in OF_PAGES or found == wanted)

        return Fault(befalls, kind, times, 0, scope)

    def is_of_list(self, other: Asked) -> bool:
        """Whether it asks for a page of the same list; of what has no pages, for the same thing."""
        return replace(self, is_later_page=False) == replace(other, is_later_page=False)

    def can_suffer(self, kind: str) -> bool:
        """Whether this kind of fault can befall it: false saves a run that would be a clean one."""
        _, plural, _, name = kube_address(self.path) if self.cluster else ("", "", "", "")
        is_kube_list = bool(plural) and not name
        is_google_list = "/aggregated/" in self.path or self.path.endswith("/clusters")
        if kind == "unreachable_scope":
            return self.cluster is None and is_google_list
        if kind == "expired_continue":
            return is_kube_list and not self.is_later_page
        if kind == "lost_page":
            return self.service != "oauth2" and (self.cluster is None or is_kube_list) and not self.is_later_page
        return True

    def is_worth_a_run(self, kind: str, times: int | None) -> bool:
        """Whether a run with this fault is another one than the clean run, and what must come of it is known."""
        return self.can_suffer(kind) and (times is None or self.can_get_over(kind))

    def can_get_over(self, kind: str) -> bool:
        """Whether asking again is right: what a token endpoint refuses, it refuses for good."""
        return kind in PASSING and (self.service != "oauth2" or kind not in ("quota", "unauthenticated"))

    @property
    def scopes(self) -> frozenset[str]:
        """The coverage scopes, one of which must name the loss of this request's answer."""
        if self.cluster is not None:
            return frozenset(self._cluster_scopes(self.cluster))
        parts = self.path.strip("/").split("/")
        if self.service == "compute":
            return frozenset(_compute_scopes(parts[3], parts[4:]))
        if self.service == "container":
            return frozenset({clusters_scope(parts[2])})
        if self.path.endswith(":searchAllResources"):
            return frozenset({f"{parts[1]}/{parts[2].partition(':')[0]}/projects"})
        if self.path in ("/v3/projects", "/v3/folders"):
            return frozenset({f"{ORGANIZATION}/projects"})
        if self.path.startswith("/v3/projects/"):
            return frozenset({project_scope(parts[2])})
        return frozenset()

    def _cluster_scopes(self, cluster: ClusterKey) -> Iterator[str]:
        group, plural, _, _ = kube_address(self.path)
        if not plural:
            plurals = API_GROUPS.get(group, ()) if group else PLURALS
            yield from (objects_scope(cluster, name) for name in plurals)
        else:
            yield objects_scope(cluster, plural)


def _compute_scopes(project: str, rest: list[str]) -> Iterator[str]:
    match rest:
        case [] | ["getXpnHost"]:
            yield project_scope(project)
        case ["getXpnResources"]:
            yield f"projects/{project}/service-projects"
        case ["aggregated" | "global", collection] if collection in COLLECTIONS:
            yield compute_scope(project, collection)
        case _:
            yield f"confirm/{COMPUTE_PREFIX}projects/{project}/{'/'.join(rest)}"


def asked(request: Any) -> Asked:
    return Asked(
        request.service,
        request.method,
        request.path,
        request.value("labelSelector") or request.value("parent") or "",
        request.cluster,
        request.is_later_page,
    )


class SecondLookBegins:
    """Tells a run's second look from all before it: that asks for a single resource, for a list that was asked for
    before, or for the clusters a third time. Not safe to use from several threads at once."""

    def __init__(self) -> None:
        self._counts: dict[Asked, int] = {}
        self._has_begun = False

    def with_or_before(self, request: Request) -> bool:
        """Whether the second look has begun by this request."""
        found = asked(request)
        self._counts[found] = self._counts.get(found, 0) + (not request.is_later_page)
        if found.service == "container":
            self._has_begun |= self._counts[found] > 2
        elif found.service == "compute" or found.cluster is not None:
            is_single = any(scope.startswith("confirm/") for scope in found.scopes)
            self._has_begun |= is_single or self._counts[found] > 1
        return self._has_begun


def everything_asked(exchanges: Iterable[Exchange]) -> tuple[Asked, ...]:
    """The different requests of a run, in the order in which they were first answered."""
    begun: dict[Asked, int] = {}
    found: dict[Asked, None] = {}
    for exchange in exchanges:
        request = asked(exchange.request)
        first_page = replace(request, is_later_page=False)
        if not request.is_later_page:
            begun[first_page] = begun.get(first_page, 0) + 1
        earlier = 0 if request.service == "oauth2" else begun.get(first_page, 1) - 1
        found[replace(request, earlier=earlier)] = None
    return tuple(found)


def one_of_each_shape(requests: Iterable[Asked]) -> tuple[Asked, ...]:
    return tuple({request.shape: request for request in reversed(list(requests))}.values())


LONGEST_S = 90
"""After that a run counts as one that never ends."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A clean run and what is compared with it."""

    world: World
    as_of: datetime
    clean: Run
    plan: Mapping[str, Any]
    always: tuple[Fault, ...] = ()
    """What goes wrong in the clean run, too."""
    timeout_s: float = 0.5
    """Of the runs in which something hangs; all others have time enough."""

    def problems(self, request: Asked, kind: str, times: int | None = None) -> Iterator[str]:
        """Everything that is wrong with a run in which this request fails in this way; none = it went as it must."""
        if not request.is_worth_a_run(kind, times):
            return
        fault = request.failing(kind, times)
        self.world.faults = (fault, *self.always)
        # google-auth's own second tries at a token take real seconds.
        retry_for_s = 5.0 if request.service == "oauth2" else 90.0
        patience = hurried(self.timeout_s if kind in SLOW else 60, retry_for_s=retry_for_s)
        began = time.monotonic()
        try:
            run = self._run(patience)
        except Exception as error:
            self.world.faults = ()
            yield f"TRACEBACK {error!r}"
            return
        took_s = time.monotonic() - began
        hits = self.world.hits[0]
        self.world.faults = ()
        if run is None:
            self.world.cut()
            yield f"FOR EVER: no end after {LONGEST_S} s"
            return
        if not hits:
            return  # this kind cannot befall this request
        for resource in sorted(run.waste - self.clean.waste):
            yield f"FALSE ORPHAN {resource}"
        if run.exit_code is not self._due_exit_code(request, run):
            yield f"exit code {run.exit_code}, but {self._due_exit_code(request, run)} is due"
        if kind in SLOW and took_s > self.clean.took_s + 6 * self.timeout_s + 3:
            yield f"it took {took_s:.1f} s"
        if times is not None:
            yield from self._differences(run)
        elif not self._is_lost(request, kind, run):
            yield f"the loss is not named: gaps {sorted(set(run.gaps) - set(self.clean.gaps))}, waste lost: " + str(
                sorted(self.clean.waste - run.waste)
            )

    def _due_exit_code(self, request: Asked, run: Run) -> ExitCode:
        """With --strict. Only without a token or without a project is there no report."""
        if run.error is not None and request.service in ("oauth2", "cloudasset", "cloudresourcemanager"):
            return ExitCode.NOT_DONE
        return ExitCode.INCOMPLETE if run.gaps else ExitCode.OK

    def _run(self, patience: Patience) -> Run | None:
        """The run, in a thread that can be given up; None = it does not end."""
        runs: list[Run] = []
        errors: list[BaseException] = []

        def rehearsal() -> None:
            try:
                runs.append(rehearse(self.world, self.as_of, patience=patience, **self.plan))
            except BaseException as error:  # raised again below, in the thread of the test
                errors.append(error)

        thread = threading.Thread(target=rehearsal, daemon=True)
        thread.start()
        thread.join(LONGEST_S)
        if errors:
            raise errors[0]
        if not runs:
            faulthandler.dump_traceback(sys.__stderr__ or sys.stderr)  # where it hangs
        return runs[0] if runs else None

    def _differences(self, run: Run) -> Iterator[str]:
        """A fault that passes leaves no trace."""
        if run.error is not None:
            yield f"it was not got over: {run.error.message}"
        for scope in sorted(set(run.gaps) - set(self.clean.gaps)):
            yield f"it was not got over: {scope}: {run.gaps[scope].detail}"
        if run.waste != self.clean.waste and not set(run.gaps) - set(self.clean.gaps):
            yield f"other verdicts: {sorted(run.waste ^ self.clean.waste)}"

    def _is_lost(self, request: Asked, kind: str, run: Run) -> bool:
        """Whether the report says that this answer is missing."""
        if run.error is not None:
            return True
        if request.scopes & set(run.gaps):
            return True
        if request.path.endswith("/assets") and run.snapshot is not None:  # the projects are listed one by one instead
            return any("Inventory could not be asked" in entry.detail for entry in run.snapshot.coverage.values())
        if request.service == "cloudasset" and run.snapshot is not None:  # Resource Manager knows the projects, too
            return any(run.snapshot.coverage_of(scope).detail for scope in request.scopes)
        return kind in _TRUE_ANSWERS and _is_single(request)


_TRUE_ANSWERS = frozenset({"not_found"})
"""What no client can tell from the truth: a resource that is looked at once more may be gone by then."""


def _is_single(request: Asked) -> bool:
    if request.cluster is not None:
        return bool(kube_address(request.path)[3])
    return any(scope.startswith("confirm/") for scope in request.scopes)


MOST_IMPORTANT: tuple[tuple[str, int | None], ...] = (
    ("forbidden", None),
    ("api_disabled", None),
    ("not_found", None),
    ("unauthenticated", None),
    ("too_many", 1),
    ("s503", 2),
    ("s503", None),
    ("truncated", None),
    ("garbage", None),
    ("wrong_kind", None),
    ("dropped", None),
    ("dropped", 1),
    ("hung", None),
    ("dripping_head", None),
    ("unreachable_scope", None),
    ("lost_page", None),
    ("expired_continue", None),
)
"""What the tests try; the other kinds differ from one of these in the text of the answer or the speed of the drip."""


NAMED_FAULTS: tuple[tuple[str, int | None], ...] = (
    ("forbidden", None),
    ("api_disabled", None),
    ("not_found", None),
    ("too_many", 1),
    ("s503", 2),
    ("s503", None),
    ("truncated", None),
    ("garbage", None),
    ("dropped", None),
    ("hung", None),
    ("unreachable_scope", None),
    ("lost_page", None),
)
"""What scripts/soak tries with every request: the ways to fail that a live run is promised to stand."""

EVERY_FAULT: tuple[tuple[str, int | None], ...] = tuple(
    (kind, times) for kind in sorted(KINDS) for times in ((None, PASSING[kind]) if kind in PASSING else (None,))
)
"""Every kind for ever, and those that pass as often as they do."""


SMALL_AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
SMALL_SERVICE, SMALL_HOST = "example-prod", "example-dev"
SMALL_MANNERS = Manners(page_size=5, hosts={SMALL_SERVICE: SMALL_HOST})
"""How the small world is served: in pages of five."""


def small_world() -> Snapshot:
    """The demo, read in full, its second project a Shared VPC host without clusters."""
    demo = read_snapshot(REPO / "fixtures" / "demo")
    host = {**(demo.projects[SMALL_HOST] or {}), "xpnProjectStatus": "HOST"}
    clusters = {SMALL_SERVICE: demo.clusters[SMALL_SERVICE], SMALL_HOST: ()}
    compute = {**demo.compute, (SMALL_HOST, "instances"): ()}  # its nodes are gone with its clusters
    return read_in_full(replace(demo, projects={**demo.projects, SMALL_HOST: host}, clusters=clusters, compute=compute))


def read_in_full(snapshot: Snapshot) -> Snapshot:
    """A snapshot whose gaps are filled with nothing: a small world of which everything can be read."""
    coverage = dict(snapshot.coverage)
    compute = dict(snapshot.compute)
    objects = dict(snapshot.objects)
    for project in snapshot.projects:
        for collection in COLLECTIONS:
            compute.setdefault((project, collection), ())
            coverage[compute_scope(project, collection)] = Coverage(compute_scope(project, collection), Status.COMPLETE)
    for project, clusters in snapshot.clusters.items():
        for cluster in clusters:
            key = ClusterKey(project, str(cluster["location"]), str(cluster["name"]))
            for plural in PLURALS:
                scope = objects_scope(key, plural)
                if snapshot.coverage_of(scope).status is not Status.ABSENT:
                    objects.setdefault((key, plural), ())
                    coverage[scope] = Coverage(scope, Status.COMPLETE)
            if not objects[key, "namespaces"]:
                uid = str(uuid.uuid5(uuid.NAMESPACE_URL, key.full))
                objects[key, "namespaces"] = ({"metadata": {"name": "kube-system", "uid": uid}},)
    return replace(snapshot, compute=compute, objects=objects, coverage=coverage)
