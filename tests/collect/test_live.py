"""A whole live run: what it reads, in which order, and what a world that changes meanwhile makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from googleserver import Fault, Manners, Request, World

from auditor.collect.google import Endpoints
from auditor.collect.live import Plan, Progress, collect
from auditor.collect.patience import Patience
from auditor.collect.projects import parse_parent
from auditor.errors import NothingRead, UsageError
from auditor.model.finding import Verdict
from auditor.model.names import ClusterKey
from auditor.model.snapshot import (
    COLLECTIONS,
    JSON,
    PLURALS,
    Category,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    objects_scope,
)

from .driving import AS_OF, REPO, case, findings, roots_of_waste, run, waste, world_of

ORPHANED = "T02-service-deleted-cluster-alive"
DEAD_CLUSTER = "T05-cluster-deleted-tag-proves-it"
UNUSED = "T43-static-ip-that-nothing-names"
PROJECT = "acme-prod"
PROD = ClusterKey(PROJECT, "europe-west1", "prod")
STAGING = ClusterKey(PROJECT, "us-central1", "staging")


def status_of(snapshot: Snapshot, scope: str) -> Status:
    return snapshot.coverage[scope].status


def resource(snapshot: Snapshot, collection: str, name: str) -> JSON:
    return next(item for item in snapshot.compute[PROJECT, collection] if item["name"] == name)


def the_orphan(snapshot: Snapshot) -> JSON:
    (name,) = {root for root in roots_of_waste(snapshot) if root.collection == "forwardingRules"}
    return resource(snapshot, "forwardingRules", name.name)


def changed(snapshot: Snapshot, collection: str, name: str, **fields: Any) -> Snapshot:
    """The same world with other fields in one resource."""
    items = snapshot.compute[PROJECT, collection]
    made = tuple({**item, **fields} if item["name"] == name else item for item in items)
    return replace(snapshot, compute={**snapshot.compute, (PROJECT, collection): made})


def with_objects(snapshot: Snapshot, key: ClusterKey, plural: str, *more: JSON) -> Snapshot:
    return replace(
        snapshot,
        objects={**snapshot.objects, (key, plural): (*snapshot.objects[key, plural], *more)},
        coverage={scope: entry for scope, entry in snapshot.coverage.items() if scope != objects_scope(key, plural)}
        | {objects_scope(key, plural): replace(snapshot.coverage_of(objects_scope(key, plural)), count=None)},
    )


def when(world: World, happens: Any, becomes: Snapshot) -> None:
    """Let the world be another from the first request on for which `happens` holds."""
    done = threading.Event()
    lock = threading.Lock()

    def before(request: Request) -> None:
        with lock:
            if not done.is_set() and happens(request):
                done.set()
                world.show(becomes)

    world.before = before


# --- everything is read ---


def test_every_scope_has_its_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        snapshot = run(world).snapshot
    assert snapshot.taken_at == AS_OF
    assert snapshot.tool == "gke-auditor test"
    assert not [entry for entry in snapshot.coverage.values() if entry.is_gap]
    for collection in COLLECTIONS:
        assert status_of(snapshot, compute_scope(PROJECT, collection)) is Status.COMPLETE
    for plural in (*PLURALS, "identity"):
        assert objects_scope(PROD, plural) in snapshot.coverage
    assert status_of(snapshot, f"projects/{PROJECT}/project") is Status.COMPLETE
    assert (snapshot.projects[PROJECT] or {})["projectNumber"]


def test_nothing_secret_is_asked_for_or_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        snapshot = run(world).snapshot
        paths = [request.path for request in world.requests]
    assert not [path for path in paths if "secrets" in path or path.endswith("/configmaps")]
    assert {path for path in paths if "configmaps" in path} == {"/api/v1/namespaces/kube-system/configmaps/ingress-uid"}
    assert "masterAuth" not in repr(snapshot.clusters)
    assert not [request for request in world.requests if request.method != "GET" and request.service != "oauth2"]


def test_only_slices_of_services_behind_a_load_balancer_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case("T80-service-without-ready-pods"), monkeypatch) as world:
        snapshot = run(world).snapshot
        asked = [request for request in world.requests if request.path.endswith("/endpointslices")]
    assert asked
    assert all("service-name in (" in (request.value("labelSelector") or "") for request in asked)
    entry = snapshot.coverage[objects_scope(PROD, "endpointslices")]
    assert entry.services
    assert {finding.verdict for finding in findings(snapshot).values()} >= {Verdict.IDLE}


def test_a_project_without_a_name_is_that_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        assert set(run(world, projects=()).snapshot.projects) == {PROJECT}


def test_a_project_may_be_named_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        number = world.scene.numbers[PROJECT]
        assert set(run(world, projects=(number,)).snapshot.projects) == {PROJECT}
        snapshot = run(world, projects=("424242424242",)).snapshot
    assert status_of(snapshot, "projects/424242424242/project") is Status.FAILED


@pytest.mark.parametrize("name", [ORPHANED, UNUSED, "T37-v2-ingress"])
def test_links_that_name_projects_by_number_mean_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plain = case(name)
    number = str((plain.projects[PROJECT] or {})["projectNumber"])

    def numbered(value: Any) -> Any:
        return json.loads(json.dumps(value).replace(f"/projects/{PROJECT}/", f"/projects/{number}/"))

    compute = {
        key: tuple(
            {field: value if field == "selfLink" else numbered(value) for field, value in item.items()}
            for item in items
        )
        for key, items in plain.compute.items()
    }
    assert compute != plain.compute
    verdicts = {found: finding.verdict for found, finding in findings(plain).items()}
    with world_of(replace(plain, compute=compute), monkeypatch) as world:
        snapshot = run(world, projects=(PROJECT,)).snapshot
    assert {found: finding.verdict for found, finding in findings(snapshot).items()} == verdicts


def test_the_shared_vpc_host_of_a_project_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = case(ORPHANED)
    host = {"projectId": "acme-host", "projectNumber": "77", "xpnProjectStatus": "HOST"}
    both = replace(
        snapshot,
        projects={**snapshot.projects, "acme-host": host},
        compute={**snapshot.compute, **{("acme-host", name): () for name in COLLECTIONS}},
        coverage={
            **snapshot.coverage,
            **{
                scope: replace(snapshot.coverage_of(scope), status=Status.COMPLETE, category=None, detail="")
                for scope in (
                    *(compute_scope("acme-host", name) for name in COLLECTIONS),
                    "projects/acme-host/container/clusters",
                )
            },
        },
        clusters={**snapshot.clusters, "acme-host": ()},
    )
    with world_of(both, monkeypatch, manners=Manners(hosts={PROJECT: "acme-host"})) as world:
        found = run(world, projects=(PROJECT,)).snapshot
    assert set(found.projects) == {PROJECT, "acme-host"}
    assert status_of(found, "projects/acme-host/compute/firewalls") is Status.COMPLETE
    assert status_of(found, "projects/acme-host/service-projects") is Status.COMPLETE


def test_the_projects_of_an_organization_are_found_by_what_they_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        parent = parse_parent(*world.organization.split("/"))
        snapshot = run(world, parents=(parent,)).snapshot
        paths = {request.path for request in world.requests}
    assert set(snapshot.projects) == {PROJECT}
    entry = snapshot.coverage[parent.scope]
    assert (entry.status, entry.detail, entry.count) == (Status.COMPLETE, "", 1)
    assert "/v3/folders" not in paths


def test_without_asset_inventory_resource_manager_is_asked_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    manners = Manners(denied=frozenset({"cloudasset.assets.searchAllResources"}))
    said: list[str] = []
    with world_of(case(ORPHANED), monkeypatch, manners=manners) as world:
        parent = parse_parent(*world.organization.split("/"))
        snapshot = run(world, parents=(parent,), on_progress=lambda progress: said.append(progress.event)).snapshot
    assert set(snapshot.projects) == set(world.scene.projects)
    entry = snapshot.coverage[parent.scope]
    assert entry.status is Status.COMPLETE
    assert "by Resource Manager: Cloud Asset Inventory could not be asked (HTTP 403" in entry.detail
    assert [event for event in said if "by Resource Manager" in event]


def test_a_folder_that_cannot_be_listed_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"cloudasset.assets.searchAllResources", "resourcemanager.folders.list"}
    with world_of(case(ORPHANED), monkeypatch, manners=Manners(denied=frozenset(denied))) as world:
        parent = parse_parent(*world.organization.split("/"))
        snapshot = run(world, parents=(parent,)).snapshot
    entry = snapshot.coverage[parent.scope]
    assert (entry.status, entry.category) == (Status.PARTIAL, Category.FORBIDDEN)


@pytest.mark.parametrize("how", ["ip", "private", "dns", "gateway"])
def test_a_cluster_is_reached_in_each_way(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    with world_of(case(ORPHANED), monkeypatch, reach={"prod": how, "staging": how}) as world:
        snapshot = run(world).snapshot
    assert status_of(snapshot, objects_scope(PROD, "services")) is Status.COMPLETE
    assert waste(snapshot)


def test_a_clusters_own_authority_outranks_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CA bundle of the environment, in force for Google's hosts, does not know the cluster's certificate."""
    with world_of(case(ORPHANED), monkeypatch) as world:
        assert os.environ["REQUESTS_CA_BUNDLE"] == str(world.public_ca_file)
        assert status_of(run(world).snapshot, objects_scope(PROD, "services")) is Status.COMPLETE


def test_googles_hosts_are_reached_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and the second look; what has an endpoint on this machine (NO_PROXY) is reached directly."""
    with world_of(case(ORPHANED), monkeypatch) as world:
        straight = run(world).snapshot
        elsewhere = {name: url for name, url in world.endpoints.items() if name != "cloudresourcemanager"}
        plan = Plan(projects=(PROJECT,), endpoints=Endpoints(overrides=elsewhere))
        snapshot = collect(plan, Patience(retry_for_s=1), world.environment(), tool="test").snapshot
        strays = set(world.strays)
    assert "cloudresourcemanager.googleapis.com:443" in strays
    entry = snapshot.coverage[f"projects/{PROJECT}/project"]
    assert (entry.status, entry.category) == (Status.PARTIAL, Category.UNREACHABLE)
    assert "the proxy failed" in entry.detail
    gaps = {scope for scope, coverage in snapshot.coverage.items() if coverage.is_gap}
    assert gaps == {f"projects/{PROJECT}/project"}
    assert not [coverage for coverage in straight.coverage.values() if coverage.is_gap]


def test_an_endpoint_that_a_run_does_not_need_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    unneeded = dict.fromkeys(
        ("serviceusage", "gkehub", "cloudbilling", "logging", "monitoring", "dns", "storage", "bigquery"),
        "http://127.0.0.1:9",  # nobody listens there
    )
    with world_of(case(ORPHANED), monkeypatch) as world:
        endpoints = Endpoints(overrides={**world.endpoints, **unneeded})
        plan = Plan(projects=(PROJECT,), endpoints=endpoints)
        snapshot = collect(plan, Patience(retry_for_s=1), world.environment(), tool="test").snapshot
    assert not [coverage for coverage in snapshot.coverage.values() if coverage.is_gap]


def test_a_cluster_behind_anothers_certificate_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        reach = world.scene.reach
        of_another = reach[STAGING]["masterAuth"]
        world.scene = replace(world.scene, reach={**reach, PROD: {**reach[PROD], "masterAuth": of_another}})
        snapshot = run(world).snapshot
    entry = snapshot.coverage[objects_scope(PROD, "services")]
    assert (entry.status, entry.category) == (Status.FAILED, Category.UNREACHABLE)
    assert "not trusted" in entry.detail
    assert not waste(snapshot)


def test_a_context_of_a_kubeconfig_adds_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case("E04-cluster-that-is-not-gke"), monkeypatch) as world:
        (other,) = (key for key in world.scene.cluster_keys if not key.is_gke)
        snapshot = run(
            world, projects=world.scene.projects, kubeconfig=world.kubeconfig_file, contexts=(other.name,)
        ).snapshot
    key = ClusterKey("_", "kubeconfig", other.name)
    assert status_of(snapshot, objects_scope(key, "services")) is Status.COMPLETE
    assert snapshot.objects[key, "services"]


def test_a_context_that_is_a_listed_cluster_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with world_of(case(ORPHANED), monkeypatch) as world:
        snapshot = run(
            world,
            projects=(PROJECT,),
            kubeconfig=world.kubeconfig_file,
            contexts=("prod",),
            on_progress=lambda progress: said.append(progress.event),
        ).snapshot
    assert not [scope for scope in snapshot.coverage if scope.startswith("clusters/_/")]
    assert "kubeconfig:prod is acme-prod/europe-west1/prod: left out" in said


def test_a_context_that_is_not_there_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        with pytest.raises(UsageError, match="no context nowhere"):
            run(world, kubeconfig=world.kubeconfig_file, contexts=("nowhere",))
        assert not world.requests


def test_two_clusters_behind_one_endpoint_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that passed on to another cluster of the project: its objects are not this one's."""
    with world_of(case(ORPHANED), monkeypatch, reach={"prod": "dns", "staging": "dns"}) as world:
        reach = world.scene.reach
        world.scene = replace(world.scene, reach={**reach, PROD: reach[STAGING]})
        snapshot = run(world).snapshot
    assert snapshot.coverage[objects_scope(PROD, "identity")].category is Category.INVALID
    assert status_of(snapshot, objects_scope(PROD, "services")) is Status.FAILED
    assert not waste(snapshot)


# --- credentials ---


def test_a_token_that_ends_during_the_run_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        count = 0

        def before(request: Request) -> None:
            nonlocal count
            count += 1
            if count == 12:
                world.expire_tokens()

        world.before = before
        snapshot = run(world).snapshot
    assert not [entry for entry in snapshot.coverage.values() if entry.is_gap]


def test_an_account_without_tokens_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        world_of(case(ORPHANED), monkeypatch, faults=[Fault(("POST", "oauth2/token"), "not_found")]) as world,
        pytest.raises(NothingRead, match="Cannot sign in") as caught,
    ):
        run(world)
    assert caught.value.hint == "gcloud auth application-default login"


# --- races ---


def test_a_load_balancer_made_between_the_stages_is_no_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is there when Compute is listed, the Service only afterwards: it is listed afterwards, too."""
    finished = case("T01-plain-legacy-service")
    begun = replace(finished, objects={**finished.objects, (PROD, "services"): ()})
    assert waste(begun)
    assert not waste(finished)
    with world_of(begun, monkeypatch) as world:
        listed = {f"/compute/v1/projects/{PROJECT}/{place}" for place in ("aggregated/forwardingRules",)}
        seen: list[str] = []

        def compute_is_over(request: Request) -> bool:
            seen.append(request.path)
            return request.service == "kubernetes" and request.path == "/api/v1/services"

        when(world, compute_is_over, finished)
        snapshot = run(world).snapshot
        assert listed <= set(seen[: seen.index("/api/v1/services")])
    assert not waste(snapshot)


def test_owners_are_listed_after_every_compute_list_of_their_project(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch, latency_s=0.01) as world:
        run(world)
        paths = [request.path for request in world.requests]
    collection = re.compile(r"/compute/v1/projects/acme-prod/(aggregated|global)/\w+")
    lists = [index for index, path in enumerate(paths) if collection.fullmatch(path) and paths.index(path) == index]
    owners = [paths.index(path) for path in ("/api/v1/services", "/apis/networking.k8s.io/v1/ingresses")]
    first, again, at_last = (index for index, path in enumerate(paths) if path.endswith("/locations/-/clusters"))
    owners_again = [len(paths) - 1 - paths[::-1].index(paths[index]) for index in owners]
    assert len(lists) == len(COLLECTIONS)
    assert first < max(lists) < min(owners) <= max(owners) < again < min(at_last, *owners_again)


def test_a_cluster_made_between_the_stages_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its load balancer is in the Compute lists, the cluster only in the second list of clusters."""
    finished = case("T01-plain-legacy-service")
    others = tuple(item for item in finished.clusters[PROJECT] if item["name"] != "prod")
    begun = replace(finished, clusters={PROJECT: others})
    with world_of(begun, monkeypatch) as world:
        when(world, lambda request: request.path == "/api/v1/services", finished)
        snapshot = run(world).snapshot
    assert {item["name"] for item in snapshot.clusters[PROJECT]} == {"prod", "staging"}
    assert status_of(snapshot, objects_scope(PROD, "services")) is Status.COMPLETE
    assert not waste(snapshot)


def test_a_list_of_clusters_that_is_empty_while_their_nodes_run_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Container API says "none" with an empty object, and so may anything that answers in its place."""
    whole = case(ORPHANED)
    coverage = {scope: entry for scope, entry in whole.coverage.items() if not scope.startswith("clusters/")}
    empty = replace(whole, clusters=dict.fromkeys(whole.clusters, ()), objects={}, coverage=coverage)
    assert waste(empty)
    with world_of(empty, monkeypatch) as world:
        snapshot = run(world).snapshot
    entry = snapshot.coverage[clusters_scope(PROJECT)]
    assert (entry.status, entry.category) == (Status.PARTIAL, Category.INVALID)
    assert "runs as a node of a cluster that is not in the list" in entry.detail
    assert not waste(snapshot)


def test_a_cluster_deleted_between_the_stages_still_owns_what_it_owned(monkeypatch: pytest.MonkeyPatch) -> None:
    before = case("T01-plain-legacy-service")
    others = tuple(item for item in before.clusters[PROJECT] if item["name"] != "prod")
    after = replace(before, clusters={PROJECT: others})
    for moment in ("/apis", "/api/v1/services"):
        with world_of(before, monkeypatch) as world:
            when(world, lambda request, moment=moment: request.path == moment, after)
            snapshot = run(world, patience=Patience(timeout_s=5, retry_for_s=0.1)).snapshot
        assert "prod" in {item["name"] for item in snapshot.clusters[PROJECT]}
        assert not waste(snapshot)


OTHER_TARGET = "https://x/projects/acme-prod/regions/europe-west1/targetPools/other"


@pytest.mark.parametrize("change", [{"target": OTHER_TARGET}, {"id": "1"}, {"fingerprint": "new="}])
def test_an_orphan_that_changed_before_the_second_look_is_pending(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    before = case(ORPHANED)
    rule = the_orphan(before)
    before = changed(before, "forwardingRules", rule["name"], fingerprint="old=", id="4711")
    after = changed(before, "forwardingRules", rule["name"], **change)
    with world_of(before, monkeypatch) as world:
        when(world, lambda request: request.path.endswith(f"/forwardingRules/{rule['name']}"), after)
        snapshot = run(world).snapshot
    assert [look["status"] for look in snapshot.confirmations] == ["changed"]
    assert not waste(snapshot)
    assert Verdict.PENDING in {finding.verdict for finding in findings(snapshot).values()}


def test_an_address_that_was_adopted_before_the_second_look_is_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    before = case(UNUSED)
    (root,) = roots_of_waste(before)
    user = "https://www.googleapis.com/compute/v1/projects/acme-prod/regions/europe-west1/forwardingRules/new"
    after = changed(before, "addresses", root.name, status="IN_USE", users=[user])
    with world_of(before, monkeypatch) as world:
        when(world, lambda request: request.path.endswith(f"/addresses/{root.name}"), after)
        snapshot = run(world).snapshot
    assert not waste(snapshot)
    (look,) = snapshot.confirmations
    assert look["observed"]["users"] == [user]


def test_an_orphan_that_is_gone_at_the_second_look_is_no_waste(monkeypatch: pytest.MonkeyPatch) -> None:
    before = case(ORPHANED)
    name = the_orphan(before)["name"]
    rules = tuple(item for item in before.compute[PROJECT, "forwardingRules"] if item["name"] != name)
    after = replace(before, compute={**before.compute, (PROJECT, "forwardingRules"): rules})
    with world_of(before, monkeypatch) as world:
        when(world, lambda request: request.path.endswith(f"/forwardingRules/{name}"), after)
        snapshot = run(world).snapshot
    assert [look["status"] for look in snapshot.confirmations] == ["gone"]
    assert not waste(snapshot)


def test_a_second_look_that_fails_makes_the_verdict_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        world.faults = [Fault(("GET", r"compute.*/forwardingRules/\w+"), "forbidden")]
        snapshot = run(world).snapshot
    (scope,) = (scope for scope in snapshot.coverage if scope.startswith("confirm/"))
    assert snapshot.coverage[scope].category is Category.FORBIDDEN
    assert not waste(snapshot)


# --- interruption, progress, speed ---


def test_an_interrupted_run_ends_at_once_and_keeps_what_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[float] = []

    def interrupt(progress: Progress) -> None:
        if progress.requests >= 30 and not began:
            began.append(time.monotonic())
            os.kill(os.getpid(), 2)

    with world_of(case(ORPHANED), monkeypatch, faults=[Fault(("GET", "aggregated/disks"), "hung")]) as world:
        found = run(world, on_progress=interrupt)
        took = time.monotonic() - began[0]
    assert isinstance(found.interruption, KeyboardInterrupt)
    assert took < 1
    unread = found.snapshot.coverage[compute_scope(PROJECT, "disks")]
    assert (unread.status, unread.category) == (Status.FAILED, Category.NOT_COLLECTED)
    assert [entry for entry in found.snapshot.coverage.values() if entry.status is Status.COMPLETE]
    assert found.snapshot.coverage["confirm"].is_gap, "nobody looked twice at what was read in full until then"
    assert not waste(found.snapshot)


def test_a_second_look_that_is_broken_off_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule was found the same, but whether it has an owner by now was not yet asked everywhere."""
    began: list[float] = []

    def interrupt(request: Request) -> None:
        if "/forwardingRules/" in request.path and not began:
            began.append(time.monotonic())
            threading.Timer(0.3, os.kill, (os.getpid(), 2)).start()

    again = Fault(("GET", "/apis/networking.k8s.io/v1/ingresses"), "hung", after=2)
    with world_of(case(ORPHANED), monkeypatch, faults=[again]) as world:
        world.before = interrupt
        found = run(world, patience=Patience(timeout_s=30, retry_for_s=5))
    assert isinstance(found.interruption, KeyboardInterrupt)
    assert not found.snapshot.confirmations
    assert [scope for scope, entry in found.snapshot.coverage.items() if scope.startswith("confirm/") and entry.is_gap]
    assert not waste(found.snapshot)


def test_the_deadline_of_the_run_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with world_of(case(ORPHANED), monkeypatch, faults=[Fault(("GET", "compute"), "s503")]) as world:
        snapshot = run(world, patience=Patience(timeout_s=5, retry_for_s=60, deadline_s=2)).snapshot
    assert time.monotonic() - began < 5
    assert not waste(snapshot)
    assert snapshot.coverage[compute_scope(PROJECT, "disks")].is_gap


def test_progress_counts_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Progress] = []
    lock = threading.Lock()

    def keep(progress: Progress) -> None:
        with lock:
            seen.append(progress)

    with world_of(case("T09-cluster-api-unreachable"), monkeypatch) as world:
        run(world, on_progress=keep)
        requests = len([request for request in world.requests if request.service != "oauth2"])
    last = max(seen, key=lambda progress: (progress.projects_done, progress.requests))
    assert (last.projects, last.projects_done, last.clusters, last.clusters_done) == (1, 1, 2, 2)
    assert last.requests >= requests
    assert last.gaps > 0
    events = [progress.event for progress in seen if progress.event]
    assert [event for event in events if event.startswith(f"project {PROJECT}: ")]
    assert [event for event in events if event.startswith(f"cluster {PROJECT}/us-central1/staging: ")]


def test_requests_are_in_flight_together_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch, latency_s=0.05) as world:
        run(world, projects=(PROJECT,), concurrency=8)
        assert 4 <= world.most_in_flight <= 8
        world.forget()
        run(world, projects=(PROJECT,), concurrency=1)
        assert world.most_in_flight == 1


FIRST_REQUEST = """
import sys
from auditor.collect import live, google
from auditor.collect.patience import Patience
def no_more(*arguments, **options):
    heavy = ("kubernetes", "google.cloud.compute_v1", "pydantic", "grpc", "proto")
    loaded = [name for name in sys.modules if name.startswith(tuple(f"{each}." for each in heavy)) or name in heavy]
    print("loaded:", loaded)
    raise SystemExit(0)
import socket
socket.socket.connect = no_more
live.collect(live.Plan(projects=("p",)), Patience(), {}, tool="t")
"""


def test_the_first_request_leaves_before_heavy_libraries_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        done = subprocess.run(
            [sys.executable, "-c", FIRST_REQUEST],
            env={**os.environ, **world.environment()},
            cwd=REPO,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "loaded: []\n", done.stderr


def test_the_age_of_things_counts_from_the_beginning_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        taken_at = run(world).snapshot.taken_at
    assert taken_at is not None
    assert taken_at.tzinfo is not None
    assert taken_at - AS_OF == timedelta(0)
