"""The world as the services see it at one moment: a snapshot, indexed, and what it says was not to be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from auditor.model.names import ClusterKey, parse_link
from auditor.model.snapshot import JSON, Category, Coverage, Snapshot, Status

from .exchange import Answer, Request
from .faults import spoil
from .quota import Quota

ORGANIZATION = "organizations/719203344817"
FOLDERS = {
    "folders/410000000101": ORGANIZATION,
    "folders/410000000102": "folders/410000000101",
}
"""Folder to parent: one in the organization, one in that folder."""
API_ROOT = "https://www.googleapis.com/compute/v1/"
_REGIONS_BY_AREA = {
    "africa": ("south1",),
    "asia": (
        "east1",
        "east2",
        "northeast1",
        "northeast2",
        "northeast3",
        "south1",
        "south2",
        "southeast1",
        "southeast2",
        "southeast3",
    ),
    "australia": ("southeast1", "southeast2"),
    "europe": (
        "central2",
        "north1",
        "north2",
        "southwest1",
        "west1",
        "west10",
        "west12",
        "west2",
        "west3",
        "west4",
        "west6",
        "west8",
        "west9",
    ),
    "me": ("central1", "central2", "west1"),
    "northamerica": ("northeast1", "northeast2", "south1"),
    "southamerica": ("east1", "west1"),
    "us": (
        "central1",
        "central2",
        "east1",
        "east4",
        "east5",
        "east7",
        "south1",
        "west1",
        "west2",
        "west3",
        "west4",
        "west8",
    ),
}
REGIONS = tuple(f"{area}-{place}" for area, places in _REGIONS_BY_AREA.items() for place in places)
_WAYS_IN = ("endpoint", "masterAuth", "privateClusterConfig", "controlPlaneEndpointsConfig")
_LOSSES: Mapping[Category | None, str] = {
    Category.API_DISABLED: "api_disabled",
    Category.BILLING_DISABLED: "billing_disabled",
    Category.FORBIDDEN: "forbidden",
    Category.UNAUTHENTICATED: "unauthenticated",
    Category.NOT_FOUND: "not_found",
    Category.QUOTA: "quota",
    Category.TIMEOUT: "s503",
    Category.UNREACHABLE: "s503",
    Category.INVALID: "garbage",
    Category.NOT_COLLECTED: "forbidden",
    Category.UNKNOWN: "s500",
    None: "forbidden",
}
"""How a list that the snapshot could not read answers when the snapshot is served."""


@dataclass(frozen=True)
class Manners:
    """How the double behaves, whatever the world is like."""

    page_size: int | None = None
    """An upper bound below the API's own: lists of a few objects have several pages."""
    denied: frozenset[str] = frozenset()
    """IAM permissions, and "GROUP/PLURAL" of Kubernetes (core: "/services"), that the caller does not have."""
    is_cluster_admin: bool = False
    """True: API groups that are not installed answer 404; else 403 comes first, as for least-privilege accounts."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Shared VPC: service project to host project, beside what the snapshot's networks give away."""
    quotas: tuple[Quota, ...] = ()
    """What is enforced; tests of quotas use a short minute."""
    inventory: Snapshot | None = None
    """What Cloud Asset Inventory lists, where it lags behind the world."""
    check_fields: bool = True
    """`fields` may only name what the API has (google-cloud-compute's types are asked)."""


@dataclass(frozen=True)
class Scene:
    """A snapshot with what the services need to find things in it."""

    snapshot: Snapshot
    manners: Manners = Manners()
    reach: Mapping[ClusterKey, JSON] = field(default_factory=dict)
    """What of a cluster's description says how it is reached."""

    @cached_property
    def projects(self) -> tuple[str, ...]:
        named = {*self.snapshot.projects, *(project for project, _ in self.snapshot.compute), *self.snapshot.clusters}
        scopes = (scope.split("/") for scope in self.snapshot.coverage)
        named |= {parts[1] for parts in scopes if parts[0] == "projects" and len(parts) > 2}
        return tuple(sorted(named))

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        """Project id to number; the ones that the snapshot does not tell are made up."""
        made_up = {project: str(10**11 + int(_digest(project)[:9], 16)) for project in self.projects}
        told = {
            project: str(described["projectNumber"])
            for project, described in self.snapshot.projects.items()
            if described and described.get("projectNumber")
        }
        return made_up | told

    @cached_property
    def ids(self) -> Mapping[str, str]:
        """Project number, and id, to id."""
        return {number: project for project, number in self.numbers.items()} | {name: name for name in self.projects}

    def parent_of(self, project: str) -> str:
        """Every third project stands in the organization itself, in its folder, and in the folder below that."""
        return (ORGANIZATION, *FOLDERS)[self.projects.index(project) % 3]

    def ancestors_of(self, project: str) -> tuple[str, ...]:
        """Its folder, that folder's folder, ..., the organization."""
        found = [self.parent_of(project)]
        while found[-1] in FOLDERS:
            found.append(FOLDERS[found[-1]])
        return tuple(found)

    def within(self, parent: str) -> tuple[str, ...]:
        """The projects anywhere below a folder or organization, or the one project that is named."""
        if parent.startswith("projects/"):
            project = self.ids.get(parent.removeprefix("projects/"))
            return (project,) if project else ()
        return tuple(project for project in self.projects if parent in self.ancestors_of(project))

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """Service project to Shared VPC host: whose network its resources name."""
        found = dict(self.manners.hosts)
        shared = {
            project
            for project, described in self.snapshot.projects.items()
            if described and described.get("xpnProjectStatus") == "HOST"
        }
        for (project, _), items in self.snapshot.compute.items():
            for item in items:
                link = item.get("network") or item.get("subnetwork")
                name = parse_link(link, project=project, numbers=self.ids) if isinstance(link, str) else None
                if name is not None and name.project != project and name.project in shared:
                    found.setdefault(project, name.project)
        return found

    def items(self, project: str, collection: str) -> tuple[tuple[str, JSON], ...]:
        """The resources of one collection as the API gives them, each with its scope, in the API's order."""
        index = self._index.get((project, collection), {})
        return tuple((scope, item) for scope in sorted(index) for item in index[scope].values())

    def item(self, project: str, scope: str, collection: str, name: str) -> JSON | None:
        return self._index.get((project, collection), {}).get(scope, {}).get(name)

    @cached_property
    def _index(self) -> dict[tuple[str, str], dict[str, dict[str, JSON]]]:
        index: dict[tuple[str, str], dict[str, dict[str, JSON]]] = {}
        for (project, collection), items in self.snapshot.compute.items():
            scopes = index.setdefault((project, collection), {})
            for number, item in enumerate(sorted(items, key=lambda item: str(item.get("name")))):
                scope = _scope_of(item)
                name = str(item.get("name", number))
                scopes.setdefault(scope, {})[name] = self._complete(item, project, scope, collection)
        return index

    def _complete(self, item: JSON, project: str, scope: str, collection: str) -> JSON:
        """What every resource of the API has, though a snapshot made by hand need not."""
        relative = f"projects/{project}/{scope}/{collection}/{item.get('name')}"
        made = {
            "kind": f"compute#{singular(collection)}",
            "id": str(int(_digest(relative)[:15], 16)),
            "selfLink": API_ROOT + relative,
        }
        return {**made, **item}

    def clusters(self, project: str) -> tuple[JSON, ...]:
        """The project's clusters, with the loopback addresses at which they answer."""
        return tuple(self._reachable(project, cluster) for cluster in self.snapshot.clusters.get(project, ()))

    def _reachable(self, project: str, cluster: JSON) -> JSON:
        reach = self.reach.get(cluster_key(project, cluster))
        if reach is None:
            return cluster
        return {**{name: value for name, value in cluster.items() if name not in _WAYS_IN}, **reach}

    @cached_property
    def cluster_keys(self) -> tuple[ClusterKey, ...]:
        """The clusters that the projects list, and those that are no GKE clusters."""
        listed = [
            cluster_key(project, cluster)
            for project, clusters in self.snapshot.clusters.items()
            for cluster in clusters
        ]
        folders = {key for key, _ in self.snapshot.objects} | set(self.clusters_with_coverage)
        return (*listed, *sorted(key for key in folders if not key.is_gke))

    @cached_property
    def clusters_with_coverage(self) -> frozenset[ClusterKey]:
        parts = (scope.split("/") for scope in self.snapshot.coverage if scope.startswith("clusters/"))
        return frozenset(ClusterKey(*part[1:4]) for part in parts if len(part) == 5)

    @cached_property
    def silent_clusters(self) -> frozenset[ClusterKey]:
        """Clusters of which the snapshot could read nothing at all: nobody answers at their address."""
        known = {key for key, _ in self.snapshot.objects}
        return frozenset(key for key in self.cluster_keys if key not in known and not self._has_anything(key))

    def _has_anything(self, key: ClusterKey) -> bool:
        return any(
            coverage.status is not Status.FAILED
            for scope, coverage in self.snapshot.coverage.items()
            if scope.startswith(f"{key.folder}/")
        )

    def told(self, scope: str, request: Request, good: Callable[[], Answer]) -> Answer:
        """A list's answer, spoiled the way in which the snapshot itself could not read that list."""
        coverage = self.snapshot.coverage_of(scope)
        if coverage.is_full:
            return good()
        made = good
        for kind, lost in _losses(coverage):
            made = partial(_spoiled, kind, request, made, self.number_of(request), lost)
        return made()

    def number_of(self, request: Request) -> str:
        """The number of the project that a request is about."""
        parts = request.path.split("/")
        named = parts[parts.index("projects") + 1] if "projects" in parts[:-1] else ""
        return self.numbers.get(self.ids.get(named.partition(":")[0], ""), "100000000000")


def _spoiled(kind: str, request: Request, good: Callable[[], Answer], number: str, lost: str | None) -> Answer:
    return spoil(kind, request, good, number, lost).answer


def _losses(coverage: Coverage) -> list[tuple[str, str | None]]:
    if coverage.status is Status.FAILED:
        return [(_LOSSES[coverage.category], None)]
    if coverage.missing:
        return [("unreachable_scope", scope) for scope in coverage.missing]
    return [("lost_page", None)]


def singular(collection: str) -> str:
    """forwardingRules → forwardingRule, targetHttpProxies → targetHttpProxy, addresses → address."""
    if collection.endswith("ies"):
        return collection[:-3] + "y"
    return collection[:-2] if collection.endswith("sses") else collection[:-1]


def cluster_key(project: str, cluster: JSON) -> ClusterKey:
    return ClusterKey(project, str(cluster.get("location") or cluster.get("zone")), str(cluster["name"]))


def _scope_of(item: Mapping[str, Any]) -> str:
    link = item.get("selfLink")
    name = parse_link(link) if isinstance(link, str) else None
    if name is not None:
        return name.scope
    for kind in ("zone", "region"):
        if isinstance(item.get(kind), str) and item[kind]:
            return f"{kind}s/{item[kind].rpartition('/')[2]}"
    return "global"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
