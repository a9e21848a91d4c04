"""The measuring itself: what scripts/bench --live takes for the longest chain of requests that wait for one another."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest
from rehearsal import REPO, rehearse, served

from auditor.model.snapshot import Snapshot


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    sys.path.insert(0, str(REPO / "scripts"))
    try:
        return importlib.import_module("bench_live")
    finally:
        sys.path.remove(str(REPO / "scripts"))


def asked(path: str, cluster: str = "", selector: str = "", service: str = "compute") -> dict[str, Any]:
    return {"service": service, "cluster": cluster, "path": path, "selector": selector, "status": 200}


def run_of(snapshot: Snapshot) -> list[dict[str, Any]]:
    with served(snapshot) as world:
        run = rehearse(world, snapshot.taken_at)  # type: ignore[arg-type]
        assert not run.gaps
        return [
            asked(
                each.path,
                each.cluster.short if each.cluster else "",
                each.value("labelSelector") or "",
                each.service,
            )
            for each in world.requests
        ]


def test_the_chain_of_a_project_with_a_cluster_and_waste(bench: ModuleType) -> None:
    """Token, clusters, API groups, what they serve, Services, EndpointSlices, clusters again, second look."""
    requests = run_of(bench.many(2))
    begun = bench._second_look_of(requests)
    assert 0 < begun < len(requests)
    assert bench.longest_chain(requests[:begun]) == 7
    assert bench.longest_chain(requests) == 8
    looks = [each for each in requests if bench._is_look(each["path"])]
    assert looks
    assert not [each for each in requests[:begun] if each in looks]


def test_a_group_that_is_installed_meanwhile_lengthens_the_second_look(bench: ModuleType) -> None:
    clusters = [asked("/v1/projects/p/locations/-/clusters", service="container")]
    discovery = [asked("/apis", "p/l/c"), asked("/apis/gateway.networking.k8s.io/v1", "p/l/c")]
    first = [asked("/token", service="oauth2"), *clusters, *clusters]
    assert bench.longest_chain([*first, *clusters, *discovery]) == bench.longest_chain(first) + 2


def test_pages_of_a_second_list_lengthen_the_chain(bench: ModuleType) -> None:
    clusters = [asked("/v1/projects/p/locations/-/clusters", service="container")]
    services = [asked("/api/v1/services", "p/l/c")]
    first = [asked("/token", service="oauth2"), *clusters, *services, *clusters]
    assert bench.longest_chain([*first, *clusters, *services]) == bench.longest_chain(first) + 1
    assert bench.longest_chain([*first, *clusters, *services * 3]) == bench.longest_chain(first) + 3


def test_pages_lengthen_the_chain_where_others_wait_for_them(bench: ModuleType) -> None:
    token = asked("/token", service="oauth2")
    clusters = [asked("/v1/projects/p/locations/-/clusters", service="container")] * 2
    pages = [asked("/compute/v1/projects/p/aggregated/addresses")] * 5
    assert bench.longest_chain([token, *clusters]) == 3
    assert bench.longest_chain([token, *clusters, *pages]) == 1 + 5 + 1
    discovery = [asked("/apis", "p/l/c"), asked("/apis/networking.k8s.io/v1", "p/l/c")]
    services = [asked("/api/v1/services", "p/l/c")] * 3
    nodes = [asked("/api/v1/nodes", "p/l/c")] * 2
    slices = [asked("/apis/discovery.k8s.io/v1/endpointslices", "p/l/c", "kubernetes.io/service-name in (a)")]
    assert bench.longest_chain([token, *clusters, *discovery, *services, *nodes, *slices]) == 1 + 3 + 4 + 1
    assert bench.longest_chain([token, *clusters, *pages, *discovery, *services, *slices]) == 1 + 5 + 4 + 1
