"""GKE clusters: which there are, and the ways to reach each without a kubeconfig."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auditor.model.names import ClusterKey, is_loopback
from auditor.model.snapshot import JSON, Category, Coverage, Status, clusters_scope

from .compute import project_of
from .failures import RequestFailed, invalid
from .google import Endpoints, GoogleApi, part
from .joining import worse

LIST_PERMISSION = "container.clusters.list"
CONNECT_PERMISSION = "container.clusters.connect"
FIELDS = (
    *("id", "name", "selfLink", "location", "locations", "zone", "status", "createTime", "network", "subnetwork"),
    *("networkConfig", "fleet", "resourceLabels", "autopilot", "currentMasterVersion", "endpoint"),
    *("privateClusterConfig", "controlPlaneEndpointsConfig"),
)
"""What a snapshot keeps of a cluster: not masterAuth, which can hold a client key."""
_ALSO_NEEDED = ("masterAuth/clusterCaCertificate",)
GATEWAY = "Connect Gateway"
_ANSWER_KEYS = frozenset({"clusters", "missingZones"})


@dataclass(frozen=True, slots=True)
class Cluster:
    """One listed cluster, with what it takes to reach it."""

    key: ClusterKey
    resource: JSON
    """As it is kept in the snapshot."""
    authority: bytes
    """The PEM certificates of its own certificate authority; empty where the API gives none."""

    @property
    def id(self) -> str:
        return _text(self.resource, "id")

    @property
    def fleet_project(self) -> str:
        """Id or number of its fleet's project; "" where it is in none."""
        return _text(_object(self.resource, "fleet"), "project")


@dataclass(frozen=True, slots=True)
class ClusterList:
    """The clusters of one project as one request gave them."""

    coverage: Coverage
    clusters: tuple[Cluster, ...] = ()


def fetch(api: GoogleApi, project: str) -> ClusterList:
    """Every cluster of a project. Never raises RequestFailed: what went wrong is the coverage."""
    scope = clusters_scope(project)
    selection = f"missingZones,clusters({','.join((*FIELDS, *_ALSO_NEEDED))})"
    try:
        path = f"/v1/projects/{part(project)}/locations/-/clusters"
        return _read(scope, project, api.get("container", path, {"fields": selection}))
    except RequestFailed as failure:
        return ClusterList(Coverage(scope, Status.FAILED, failure.category, detail=failure.detail))


def _read(scope: str, project: str, answer: JSON) -> ClusterList:
    """An empty object is the API's way to say that there are none; any other key is another answer."""
    listed, zones = answer.get("clusters", []), answer.get("missingZones", [])
    if set(answer) - _ANSWER_KEYS or not isinstance(listed, list):
        raise invalid("the answer is not a list of clusters")
    if not isinstance(zones, list) or not all(isinstance(zone, str) for zone in zones):
        raise invalid("missingZones is not an array of zones")
    clusters, odd = _clusters_in(listed, partial(_cluster, project))
    coverage = Coverage(scope, Status.COMPLETE, count=len(clusters))
    if odd:
        coverage = coverage.weakened(Category.INVALID, odd)
    elif zones:
        missing = tuple(sorted(f"zones/{zone}" for zone in zones))
        coverage = replace(
            coverage, status=Status.PARTIAL, category=Category.UNREACHABLE, missing=missing, detail="missingZones"
        )
    return ClusterList(coverage, clusters)


def _clusters_in(
    resources: Sequence[Any], cluster_of: Callable[[Any], Cluster | None]
) -> tuple[tuple[Cluster, ...], str]:
    """The clusters among the elements of a list, and what is wrong with the others; "" where there are none."""
    found = [cluster_of(resource) for resource in resources]
    odd = [f"element {index} is not a cluster with name and location" for index, one in enumerate(found) if one is None]
    return tuple(cluster for cluster in found if cluster is not None), "; ".join(odd[:3])


def _cluster(project: str, resource: Any) -> Cluster | None:
    if not isinstance(resource, dict):
        return None
    name, location = _text(resource, "name"), _text(resource, "location") or _text(resource, "zone")
    if not re.fullmatch(r"[^/.][^/]*", name) or not re.fullmatch(r"[^/.][^/]*", location):
        return None
    authority = _text(_object(resource, "masterAuth"), "clusterCaCertificate")
    try:
        certificates = base64.b64decode(authority, validate=True)
    except (binascii.Error, ValueError):
        certificates = b""
    return Cluster(ClusterKey(project, location, name), project_of(resource, FIELDS), certificates)


def restored(coverage: Coverage, project: str, resources: Sequence[JSON]) -> ClusterList:
    """The list as a snapshot holds it. None of its clusters can be reached: a snapshot keeps no certificates. What is
    no cluster with name and location makes the list partial."""

    def as_kept(resource: JSON) -> Cluster | None:
        cluster = _cluster(project, resource)
        return None if cluster is None else Cluster(cluster.key, resource, b"")

    clusters, odd = _clusters_in(resources, as_kept)
    return ClusterList(coverage.weakened(Category.INVALID, odd) if odd else coverage, clusters)


def combined(first: ClusterList, second: ClusterList) -> ClusterList:
    """What two lists of the same project saw together; a cluster that was made again counts as the later one.

    One that is gone in the second one stays: what it owned was seen while it lived. The coverage is the more careful
    of the two.
    """
    later = {cluster.key: cluster for cluster in second.clusters}
    both = {cluster.key: cluster for cluster in first.clusters} | later
    again = sorted(key.short for key in remade(first, second))
    coverage = worse(first.coverage, second.coverage)
    if again:
        coverage = coverage.weakened(Category.INVALID, f"made again while it was read: {', '.join(again)}")
    if coverage.status is not Status.FAILED:
        coverage = replace(coverage, count=len(both))
    return ClusterList(coverage, tuple(cluster for _, cluster in sorted(both.items())))


def new_in(first: ClusterList, second: ClusterList) -> tuple[Cluster, ...]:
    """The clusters of the second list that the first one does not have, or has as another one of the same name."""
    known = {cluster.key for cluster in first.clusters} - set(remade(first, second))
    return tuple(cluster for cluster in second.clusters if cluster.key not in known)


def remade(first: ClusterList, second: ClusterList) -> tuple[ClusterKey, ...]:
    """The clusters that bear the name of another one that the first look saw."""
    ids = {cluster.key: cluster.id for cluster in first.clusters}
    return tuple(cluster.key for cluster in second.clusters if ids.get(cluster.key, cluster.id) != cluster.id)


# --- ways to reach a cluster ---


@dataclass(frozen=True, slots=True)
class Way:
    """One address at which a cluster's API may answer."""

    kind: str
    url: str
    authority: bytes = b""
    """The only certificate authority to trust there; empty = the public ones."""

    @property
    def is_gateway(self) -> bool:
        """Whether Connect Gateway stands between, with a quota of its own."""
        return self.kind == GATEWAY


def ways(cluster: Cluster, endpoints: Endpoints, number_of: Callable[[str], str]) -> tuple[Way, ...]:
    """The ways that a cluster allows, the one to try first in front: DNS endpoint, public IP address, private IP
    address, Connect Gateway.

    DNS endpoints and Connect Gateway have public certificates; an IP address is trusted with the cluster's own
    authority only, so one without a known authority is no way at all. `number_of` gives a project's number.
    """
    return tuple(
        dict.fromkeys((*_by_name(cluster), *_by_address(cluster), *_by_gateway(cluster, endpoints, number_of)))
    )


def _by_name(cluster: Cluster) -> Iterator[Way]:
    config = _object(_object(cluster.resource, "controlPlaneEndpointsConfig"), "dnsEndpointConfig")
    host = _host(_text(config, "endpoint"))
    if host and config.get("allowExternalTraffic") is True:
        yield Way("DNS endpoint", f"https://{host}")


def _by_address(cluster: Cluster) -> Iterator[Way]:
    private_config = _object(cluster.resource, "privateClusterConfig")
    by_ip = _object(_object(cluster.resource, "controlPlaneEndpointsConfig"), "ipEndpointsConfig")
    if by_ip.get("enabled") is False or not cluster.authority:
        return
    is_public = (
        by_ip.get("enablePublicEndpoint") is not False and private_config.get("enablePrivateEndpoint") is not True
    )
    main = _text(cluster.resource, "endpoint")
    private = _text(by_ip, "privateEndpoint") or _text(private_config, "privateEndpoint")
    public = _text(by_ip, "publicEndpoint") or _text(private_config, "publicEndpoint")
    found = [("IP endpoint", main), ("public IP endpoint", public)] if is_public else []
    found.append(("private IP endpoint", private or ("" if is_public else main)))
    seen: set[str] = set()
    for kind, address in found:
        host = _host(address)
        if host and host not in seen:
            seen.add(host)
            yield Way(kind, f"https://{host}", cluster.authority)


def _by_gateway(cluster: Cluster, endpoints: Endpoints, number_of: Callable[[str], str]) -> Iterator[Way]:
    """Connect Gateway wants the number of the fleet's project, whichever way the membership is written."""
    fleet = _object(cluster.resource, "fleet")
    parts = _text(fleet, "membership").removeprefix("//gkehub.googleapis.com/").split("/")
    if len(parts) != 6 or (parts[0], parts[2], parts[4]) != ("projects", "locations", "memberships"):
        return
    project, location, name = parts[1], parts[3], parts[5]
    told = _text(fleet, "project")
    number = next((item for item in (project, told, number_of(project)) if item.isdigit()), project)
    path = f"/v1/projects/{part(number)}/locations/{part(location)}/gkeMemberships/{part(name)}"
    yield Way(GATEWAY, endpoints.gateway(location) + path)


def _host(text: str) -> str:
    """A host name or IP address as a URL writes it; "" for anything else. A port is for tests on loopback."""
    bare, colon, port = text.rpartition(":")
    if colon and port.isdigit() and is_loopback(bare):
        return text
    if re.fullmatch(r"[0-9a-fA-F:]+", text) and text.count(":") >= 2:
        return f"[{text}]"
    return text if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text, re.ASCII) else ""


def _object(value: JSON, key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: JSON, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
