"""The snapshot: plain API JSON and, for every list, whether it was read in full.

The file layout is that of docs/snapshot.md; collect/directory.py reads and writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from .names import ClusterKey

JSON = Mapping[str, Any]

JUDGED_COLLECTIONS = (
    "forwardingRules",
    "addresses",
    "backendServices",
    "targetPools",
    "targetHttpProxies",
    "targetHttpsProxies",
    "targetTcpProxies",
    "targetSslProxies",
    "targetGrpcProxies",
    "urlMaps",
    "networkEndpointGroups",
    "instanceGroups",
    "healthChecks",
    "httpHealthChecks",
    "httpsHealthChecks",
    "firewalls",
    "sslCertificates",
    "serviceAttachments",
)
CONTEXT_COLLECTIONS = (
    "targetInstances",
    "targetVpnGateways",
    "instances",
    "routers",
    "routes",
    "subnetworks",
    "disks",
)
COLLECTIONS = JUDGED_COLLECTIONS + CONTEXT_COLLECTIONS

API_GROUPS: Mapping[str, tuple[str, ...]] = {
    "": ("namespaces", "services", "nodes", "persistentvolumes", "configmaps"),
    "networking.k8s.io": ("ingresses", "ingressclasses"),
    "discovery.k8s.io": ("endpointslices",),
    "gateway.networking.k8s.io": ("gateways", "gatewayclasses", "httproutes"),
    "networking.gke.io": (
        "serviceattachments",
        "servicenetworkendpointgroups",
        "multiclusteringresses",
        "multiclusterservices",
        "managedcertificates",
        "networkendpointgroupbindings",
    ),
}
PLURALS = tuple(plural for plurals in API_GROUPS.values() for plural in plurals)

PARTS = "parts"
"""The beginning of the coverage scope of one task's part: parts/EXECUTION/INDEX-of-COUNT (docs/scale.md)."""


class Status(StrEnum):
    """How much of one list is known."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    ABSENT = "absent"
    """The API answered that the kind does not exist there: there are provably no objects of it."""


class Category(StrEnum):
    """Why a list is not known in full."""

    API_DISABLED = "api_disabled"
    BILLING_DISABLED = "billing_disabled"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    NOT_FOUND = "not_found"
    QUOTA = "quota"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"
    NOT_COLLECTED = "not_collected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of one list. `missing` names the scopes that did not answer; empty = anything may be missing."""

    scope: str
    status: Status
    category: Category | None = None
    missing: tuple[str, ...] = ()
    detail: str = ""
    count: int | None = None
    services: tuple[str, ...] | None = None
    """EndpointSlices only: the list is complete for these Services ("namespace/name") and says nothing of others."""

    @property
    def is_full(self) -> bool:
        """Nothing of this kind can exist that is not in the list."""
        return self.status in (Status.COMPLETE, Status.ABSENT)

    @property
    def is_gap(self) -> bool:
        return self.status in (Status.PARTIAL, Status.FAILED)

    def weakened(self, category: Category, detail: str) -> Coverage:
        """This coverage after one more thing was found wrong with its list: anything may be missing."""
        status = Status.FAILED if self.status is Status.FAILED else Status.PARTIAL
        details = "; ".join(part for part in (self.detail, detail) if part)
        return replace(self, status=status, category=self.category or category, missing=(), detail=details)


def compute_scope(project: str, collection: str) -> str:
    return f"projects/{project}/compute/{collection}"


def clusters_scope(project: str) -> str:
    return f"projects/{project}/container/clusters"


def project_scope(project: str) -> str:
    return f"projects/{project}/project"


def objects_scope(cluster: ClusterKey, plural: str) -> str:
    return f"{cluster.folder}/{plural}"


def cluster_of_scope(scope: str) -> ClusterKey | None:
    """The cluster that a coverage scope "clusters/P/L/C/..." speaks of, or None."""
    parts = scope.split("/")
    return ClusterKey(*parts[1:4]) if len(parts) == 5 and parts[0] == "clusters" else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the audit knows about the world. Never mutated after it is made."""

    taken_at: datetime | None = None
    tool: str = ""
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    projects: Mapping[str, JSON | None] = field(default_factory=dict)
    """By project id: project.json, or None where there is none."""
    compute: Mapping[tuple[str, str], tuple[JSON, ...]] = field(default_factory=dict)
    """By (project id, collection)."""
    clusters: Mapping[str, tuple[JSON, ...]] = field(default_factory=dict)
    """By project id: the GKE clusters as the Container API lists them."""
    objects: Mapping[tuple[ClusterKey, str], tuple[JSON, ...]] = field(default_factory=dict)
    """By (cluster, plural): Kubernetes objects."""
    confirmations: tuple[JSON, ...] = ()
    """What the second look saw (confirm.json)."""
    warnings: tuple[str, ...] = ()

    def coverage_of(self, scope: str) -> Coverage:
        """What is known of one list; what nobody mentions was not collected."""
        known = self.coverage.get(scope)
        return known if known is not None else not_collected(scope)


def not_collected(scope: str) -> Coverage:
    return Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail="not in the snapshot")
