"""The list of clusters, and the ways to reach one."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from auditor.collect.clusters import Cluster, ClusterList, combined, fetch, ways
from auditor.collect.google import Endpoints
from auditor.model.names import ClusterKey
from auditor.model.snapshot import Category, Coverage, Status

from .stub import Clock, Reply, api, patience, serve

PEM = b"-----BEGIN CERTIFICATE-----\n..."
SCOPE = "projects/acme/container/clusters"


def resource(name: str = "prod", **more: Any) -> dict[str, Any]:
    authority = {"clusterCaCertificate": b64encode(PEM).decode(), "clientKey": "SECRET", "password": "SECRET"}
    return {
        "name": name,
        "location": "r1",
        "id": "559aead0",
        "endpoint": "203.0.113.9",
        "masterAuth": authority,
        **more,
    }


def listed(body: Any) -> ClusterList:
    with serve(lambda number, path: Reply(body=json.dumps(body).encode())) as stub:
        found = fetch(api(stub, patience(Clock())), "acme")
    assert stub.asked[0][0].startswith("/v1/projects/acme/locations/-/clusters?fields=")
    return found


def cluster(authority: bytes = PEM, **more: Any) -> Cluster:
    return Cluster(ClusterKey("acme", "r1", "prod"), {**resource(), **more}, authority)


def kinds(found: Cluster, endpoints: Endpoints | None = None, number: str = "") -> list[tuple[str, str, bool]]:
    return [(way.kind, way.url, bool(way.authority)) for way in ways(found, endpoints or Endpoints(), lambda _: number)]


# --- the list ---


def test_clusters_are_listed_without_what_can_be_a_secret() -> None:
    found = listed({"clusters": [resource(), resource("two", nodeConfig={"metadata": {"key": "SECRET"}})]})
    assert [item.key.name for item in found.clusters] == ["prod", "two"]
    assert found.coverage == Coverage(SCOPE, Status.COMPLETE, count=2)
    assert found.clusters[0].authority == PEM
    assert "SECRET" not in repr([item.resource for item in found.clusters])


def test_an_empty_object_says_that_there_are_none() -> None:
    assert listed({}) == ClusterList(Coverage(SCOPE, Status.COMPLETE, count=0))


def test_zones_that_do_not_answer_are_named() -> None:
    found = listed({"clusters": [resource()], "missingZones": ["us-east1-b", "r2"]})
    assert found.coverage.status is Status.PARTIAL
    assert found.coverage.category is Category.UNREACHABLE
    assert found.coverage.missing == ("zones/r2", "zones/us-east1-b")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "storage#buckets", "items": []},
        {"clusters": {}},
        {"clusters": None},
        {"missingZones": "us-east1-b"},
        {"error": "x"},
    ],
)
def test_another_answer_is_never_no_clusters(body: Any) -> None:
    found = listed(body)
    assert (found.coverage.status, found.coverage.category) == (Status.FAILED, Category.INVALID)


@pytest.mark.parametrize("odd", ["text", {"location": "r1"}, {"name": "../x", "location": "r1"}, {"name": "x"}])
def test_one_odd_cluster_makes_the_list_partial(odd: Any) -> None:
    found = listed({"clusters": [odd, resource()]})
    assert [item.key.name for item in found.clusters] == ["prod"]
    assert (found.coverage.status, found.coverage.category, found.coverage.missing) == (
        Status.PARTIAL,
        Category.INVALID,
        (),
    )


# --- two looks ---


def look(*names: str, status: Status = Status.COMPLETE, missing: tuple[str, ...] = (), id_: str = "1") -> ClusterList:
    category = Category.UNREACHABLE if status in (Status.PARTIAL, Status.FAILED) else None
    coverage = Coverage(SCOPE, status, category, missing=missing, detail="x" if category else "")
    return ClusterList(
        coverage, tuple(Cluster(ClusterKey("acme", "r1", name), {"name": name, "id": id_}, b"") for name in names)
    )


def test_two_looks_know_what_either_saw() -> None:
    both = combined(look("old", "gone"), look("old", "new"))
    assert [item.key.name for item in both.clusters] == ["gone", "new", "old"]
    assert both.coverage == Coverage(SCOPE, Status.COMPLETE, count=3)


@pytest.mark.parametrize(
    ("first", "second", "status", "missing"),
    [
        (look(status=Status.FAILED), look("a"), Status.PARTIAL, ()),
        (look("a"), look(status=Status.FAILED), Status.PARTIAL, ()),
        (look(status=Status.FAILED), look(status=Status.FAILED), Status.FAILED, ()),
        (look("a"), look("a", status=Status.PARTIAL, missing=("zones/z",)), Status.PARTIAL, ("zones/z",)),
        (
            look(status=Status.PARTIAL, missing=("zones/y",)),
            look(status=Status.PARTIAL, missing=("zones/z",)),
            Status.PARTIAL,
            ("zones/y", "zones/z"),
        ),
        (look(status=Status.PARTIAL), look(status=Status.PARTIAL, missing=("zones/z",)), Status.PARTIAL, ()),
    ],
)
def test_the_more_careful_of_two_looks_counts(
    first: ClusterList, second: ClusterList, status: Status, missing: tuple[str, ...]
) -> None:
    coverage = combined(first, second).coverage
    assert (coverage.status, coverage.missing) == (status, missing)


def test_a_cluster_that_was_made_again_meanwhile_is_a_gap() -> None:
    both = combined(look("a", id_="1"), look("a", id_="2"))
    assert [item.id for item in both.clusters] == ["2"]
    assert both.coverage.status is Status.PARTIAL
    assert "made again" in both.coverage.detail


# --- ways ---


def test_a_public_ip_endpoint_is_trusted_by_the_clusters_own_authority() -> None:
    assert kinds(cluster()) == [("IP endpoint", "https://203.0.113.9", True)]


def test_all_ways_in_their_order() -> None:
    everything = cluster(
        controlPlaneEndpointsConfig={
            "dnsEndpointConfig": {"endpoint": "gke-x.r1.gke.goog", "allowExternalTraffic": True},
            "ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": True, "privateEndpoint": "10.0.0.2"},
        },
        fleet={"project": "123", "membership": "//gkehub.googleapis.com/projects/123/locations/r1/memberships/prod"},
    )
    assert kinds(everything) == [
        ("DNS endpoint", "https://gke-x.r1.gke.goog", False),
        ("IP endpoint", "https://203.0.113.9", True),
        ("private IP endpoint", "https://10.0.0.2", True),
        (
            "Connect Gateway",
            "https://r1-connectgateway.googleapis.com/v1/projects/123/locations/r1/gkeMemberships/prod",
            False,
        ),
    ]


def test_a_dns_endpoint_that_is_closed_to_the_outside_is_no_way() -> None:
    config = {"dnsEndpointConfig": {"endpoint": "gke-x.r1.gke.goog", "allowExternalTraffic": False}}
    assert kinds(cluster(controlPlaneEndpointsConfig=config)) == [("IP endpoint", "https://203.0.113.9", True)]


def test_ip_endpoints_that_are_switched_off_are_no_way() -> None:
    assert kinds(cluster(controlPlaneEndpointsConfig={"ipEndpointsConfig": {"enabled": False}})) == []


@pytest.mark.parametrize(
    "config",
    [
        {"privateClusterConfig": {"enablePrivateEndpoint": True, "privateEndpoint": "10.0.0.2"}},
        {
            "controlPlaneEndpointsConfig": {
                "ipEndpointsConfig": {"enablePublicEndpoint": False, "privateEndpoint": "10.0.0.2"}
            }
        },
    ],
)
def test_of_a_cluster_without_public_endpoint_only_the_private_one_is_tried(config: Any) -> None:
    assert kinds(cluster(**config)) == [("private IP endpoint", "https://10.0.0.2", True)]


def test_an_ip_endpoint_without_a_known_authority_is_no_way() -> None:
    assert kinds(cluster(authority=b"")) == []


@pytest.mark.parametrize("fleet_project", ["123456", ""])
def test_connect_gateway_wants_the_number_of_the_fleets_project(fleet_project: str) -> None:
    fleet = {"project": fleet_project, "membership": "projects/acme/locations/global/memberships/prod"}
    config = {"ipEndpointsConfig": {"enabled": False}}
    found = kinds(cluster(fleet=fleet, controlPlaneEndpointsConfig=config), number="123456")
    host = "https://connectgateway.googleapis.com"
    assert found == [("Connect Gateway", f"{host}/v1/projects/123456/locations/global/gkeMemberships/prod", False)]


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("203.0.113.9:6443", None),  # a port is for tests on loopback
        ("evil.example/path", None),
        ("user@evil.example", None),
        ("", None),
    ],
)
def test_only_an_address_can_be_an_endpoint(endpoint: str, url: str | None) -> None:
    assert [way.url for way in ways(cluster(endpoint=endpoint), Endpoints(), lambda _: "")] == ([url] if url else [])
