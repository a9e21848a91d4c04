"""Whether an endpoint answers for the cluster that was meant."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.collect.clusters import Cluster
from auditor.collect.compute import Listed
from auditor.collect.identity import by_place, check, unlisted_node
from auditor.model.names import ClusterKey
from auditor.model.snapshot import Category, Coverage, Status

KEY = ClusterKey("acme", "us-central1", "prod")
CLUSTER = Cluster(KEY, {"name": "prod", "id": "559aead08264"}, b"")
NAMESPACES = ({"metadata": {"name": "kube-system", "uid": "u-1"}},)


def listed(*items: Any, status: Status = Status.COMPLETE) -> Listed:
    category = Category.FORBIDDEN if status is Status.FAILED else None
    return Listed(Coverage("x", status, category, detail="HTTP 403" if category else ""), items)


def node(name: str, project: str = "acme") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"providerID": f"gce://{project}/us-central1-b/{name}"}}


def machine(name: str, *tags: str) -> dict[str, Any]:
    return {"name": name, "zone": "https://x/zones/us-central1-b", "tags": {"items": list(tags)}}


def checked(
    nodes: list[Any], *machines: Any, cluster: Cluster | None = CLUSTER, namespaces: Any = NAMESPACES
) -> Coverage:
    return check(KEY, cluster, listed(*namespaces), listed(*nodes), by_place(machines))


def test_nothing_against_it() -> None:
    assert checked([]).status is Status.COMPLETE
    assert checked([node("n1"), {}, {"spec": {"providerID": "aws:///x"}}]).status is Status.COMPLETE
    assert checked([node("n1")], machine("n1", "gke-prod-559aead0-node")).status is Status.COMPLETE
    assert checked([node("n1")], machine("n1", "web", "gke-prod-node")).status is Status.COMPLETE


@pytest.mark.parametrize(
    ("nodes", "machines", "words"),
    [
        ([node("n1", "other")], [], "project other"),
        ([node("n1")], [machine("n1", "gke-prod-00000000-node")], "mark 00000000"),
        ([node("n1")], [machine("n1", "gk3-prod-00000000-node")], "mark 00000000"),
    ],
)
def test_the_machines_of_another_cluster(nodes: list[Any], machines: list[Any], words: str) -> None:
    found = checked(nodes, *machines)
    assert (found.scope, found.status, found.category) == (f"{KEY.folder}/identity", Status.FAILED, Category.INVALID)
    assert words in found.detail


def test_one_machine_that_bears_the_right_mark_is_proof() -> None:
    nodes = [node("n1", "tenant-project"), node("n2")]
    assert checked(nodes, machine("n2", "gke-prod-559aead0-node")).status is Status.COMPLETE


def test_without_its_kube_system_it_is_not_known_whose_it_is() -> None:
    assert checked([], namespaces=()).category is Category.INVALID
    found = check(KEY, CLUSTER, listed(status=Status.FAILED), listed(), {})
    assert (found.status, found.category) == (Status.FAILED, Category.FORBIDDEN)


def test_of_a_cluster_of_a_kubeconfig_nothing_else_is_known() -> None:
    assert checked([node("n1", "other")], cluster=None).status is Status.COMPLETE


def running(name: str, *tags: str, **fields: Any) -> dict[str, Any]:
    return {**machine(name, *tags), "status": "RUNNING", **fields}


HIDDEN = running("n1", "gke-hidden-00000000-node")


@pytest.mark.parametrize("clusters", [(), (CLUSTER,)])
def test_a_node_that_runs_tells_of_a_cluster_that_is_not_listed(clusters: tuple[Cluster, ...]) -> None:
    others = [running("n0", "gke-prod-559aead0-node")] if clusters else []
    assert unlisted_node(clusters, (), [*others, HIDDEN]) == "n1"


@pytest.mark.parametrize(
    "instance",
    [
        running("n1", "gke-prod-559aead0-node"),
        running("n1", "gke-hidden-00000000-node", status="TERMINATED"),
        running("n1", "web"),
        {"name": "n1", "status": "RUNNING", "tags": 7},
        {},
    ],
)
def test_what_is_no_node_of_an_unlisted_cluster(instance: dict[str, Any]) -> None:
    assert unlisted_node((CLUSTER,), (), [instance]) == ""


def test_a_place_that_did_not_answer_explains_its_nodes() -> None:
    assert unlisted_node((), ("zones/us-central1-c",), [HIDDEN]) == ""
    assert unlisted_node((), ("zones/us-east1-c",), [HIDDEN]) == "n1"


def test_a_cluster_without_an_id_may_be_any() -> None:
    assert unlisted_node((Cluster(KEY, {"name": "prod"}, b""),), (), [HIDDEN]) == ""
