"""Does the endpoint of a cluster answer for that cluster? An address may have passed on to another one.

What another cluster says about its objects would make everything of this one look left behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.model.names import ClusterKey, region_of
from auditor.model.snapshot import JSON, Category, Coverage, Status, objects_scope

from .clusters import Cluster
from .compute import Listed

_PROVIDER = re.compile(r"gce://([^/]+)/([^/]+)/([^/]+)\Z")
_NODE_TAG = re.compile(r"gk[e3]-.*-([0-9a-f]{8})-node\Z")
_RUNNING = frozenset({"PROVISIONING", "STAGING", "RUNNING", "REPAIRING"})


def uid_of(namespaces: Sequence[JSON]) -> str:
    """The UID of namespace kube-system; "" where it is not in the list."""
    for namespace in namespaces:
        metadata = _object(namespace, "metadata")
        if metadata.get("name") == "kube-system" and isinstance(metadata.get("uid"), str):
            return str(metadata["uid"])
    return ""


def check(
    key: ClusterKey,
    cluster: Cluster | None,
    namespaces: Listed,
    nodes: Listed,
    instances: Mapping[str, JSON],
) -> Coverage:
    """The coverage of clusters/.../identity: complete where nothing contradicts that this is the cluster.

    `cluster` is None for one of a kubeconfig. `instances` are the VMs of the cluster's project, by "ZONE/NAME"; the
    tag of a node's VM holds the beginning of its cluster's id (ownership.md, section 2).
    """
    scope = objects_scope(key, "identity")
    if not namespaces.coverage.is_full:
        category = namespaces.coverage.category
        return Coverage(scope, Status.FAILED, category, detail=f"namespaces: {namespaces.coverage.detail}")
    if not uid_of(namespaces.items):
        return Coverage(scope, Status.FAILED, Category.INVALID, detail="it has no namespace kube-system with a UID")
    if cluster is None:
        return Coverage(scope, Status.COMPLETE)
    wrong = _contradiction(cluster, nodes.items, instances)
    if wrong:
        detail = f"the endpoint answers for another cluster: {wrong}"
        return Coverage(scope, Status.FAILED, Category.INVALID, detail=detail)
    return Coverage(scope, Status.COMPLETE)


def _contradiction(cluster: Cluster, nodes: Sequence[JSON], instances: Mapping[str, JSON]) -> str:
    """What is wrong with the nodes; "" as soon as one of them proves that it is the cluster, or none says anything."""
    wrong = ""
    for node in nodes:
        provider = _object(node, "spec").get("providerID")
        match = _PROVIDER.match(provider) if isinstance(provider, str) else None
        if match is None:
            continue
        project, zone, name = match.groups()
        marks = _marks(instances.get(f"{zone}/{name}", {})) if cluster.id else frozenset()
        if project != cluster.key.project:
            wrong = wrong or f"node {name} is a VM of project {project}"
        elif cluster.id[:8] in marks:
            return ""
        elif marks:
            wrong = wrong or f"node {name} bears the mark {min(marks)} of another cluster"
    return wrong


def _marks(instance: JSON) -> frozenset[str]:
    """The beginnings of cluster ids in a VM's network tags."""
    tags = _object(instance, "tags").get("items")
    found = (_NODE_TAG.match(tag) for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
    return frozenset(match.group(1) for match in found if match)


def unlisted_node(clusters: Sequence[Cluster], missing: Sequence[str], instances: Sequence[JSON]) -> str:
    """The name of a VM that runs as a node of a cluster of its project which is not among `clusters`, as its tag tells;
    "" where there is none. Nodes do not outlive their cluster: a list without it is not whole, whatever it says.

    `missing` are the places that are known not to have answered: of nodes there nothing else is expected.
    """
    ids = {cluster.id[:8] for cluster in clusters}
    regions = {region_of(scope) for scope in missing}
    for instance in instances if "" not in ids else ():
        marks = _marks(instance) if instance.get("status") in _RUNNING else frozenset()
        if marks and not marks & ids and region_of(str(instance.get("zone", "")).rpartition("/")[2]) not in regions:
            return str(instance.get("name", ""))
    return ""


def by_place(instances: Sequence[JSON]) -> Mapping[str, JSON]:
    """VMs by "ZONE/NAME"."""
    return {f"{str(item.get('zone', '')).rpartition('/')[2]}/{item.get('name')}": item for item in instances}


def disowned(coverage: Coverage, why: str) -> Coverage:
    """The coverage of a list that another cluster may have given: nothing is known."""
    return Coverage(coverage.scope, Status.FAILED, Category.INVALID, detail=why)


def _object(value: JSON, key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
