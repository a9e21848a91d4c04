"""Which living clusters could own a resource, and which gaps may hide another (ownership.md, section 6, step 5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..model.compute import Resource
from ..model.inventory import Inventory
from ..model.names import ClusterKey, ResourceName, region_of
from ..model.snapshot import PARTS, Category, Coverage, clusters_scope, compute_scope
from .makers import FLEET_FAMILIES, Family, Maker


@dataclass(frozen=True, slots=True)
class Candidates:
    """The living clusters that could own a resource. `gaps` are the scopes that may hide one more."""

    clusters: tuple[ClusterKey, ...]
    gaps: tuple[str, ...] = ()
    may_be_beyond: bool = False
    """An owner in a project that was not audited cannot be excluded: fleets, Shared VPC."""


_FLEET_LIKE = FLEET_FAMILIES | {Family.TENANT_ENDPOINT_GROUP}


def candidates_of(inventory: Inventory, resource: Resource, maker: Maker) -> Candidates:
    """Every living cluster that could have made a resource, by project and region alone: a single-cluster controller
    makes what is regional or zonal in its cluster's own region only (ownership.md, section 6, step 5)."""
    name = resource.name
    if maker.family in _FLEET_LIKE:
        return everywhere(inventory)
    if stands_in_shared_network(inventory, resource):
        return everywhere(inventory)
    return in_project(inventory, name.project, name.region)


def in_project(inventory: Inventory, project: str, region: str | None) -> Candidates:
    """The clusters of one project, and those that are no GKE clusters: their project and region are not known."""
    clusters = tuple(
        key
        for key in inventory.clusters
        if not key.is_gke or (key.project == project and (region is None or key.region == region))
    )
    scope = clusters_scope(project)
    hidden = hides_cluster_at(inventory.coverage_of(scope), region)
    return Candidates(clusters, (scope,) if hidden else ())


def everywhere(inventory: Inventory) -> Candidates:
    """All clusters of the snapshot; a lost page of the projects may hide more."""
    gaps = [clusters_scope(project) for project in inventory.projects]
    gaps = [scope for scope in gaps if inventory.coverage_of(scope).is_gap]
    gaps += [scope for scope, known in inventory.coverage.items() if known.is_gap and is_discovery(scope)]
    return Candidates(tuple(inventory.clusters), tuple(sorted(gaps)), may_be_beyond=True)


def hiding_fleet_members(inventory: Inventory) -> tuple[str, ...]:
    """The lists that may hide a cluster of any project's fleet, which works in the fleet's project whatever its own
    (ownership.md, section 1, exceptions).

    Of these are not: a project whose Kubernetes Engine API is off and none of whose VMs is a node. What an API that is
    off once made is not proven gone by it alone.
    """
    gaps = everywhere(inventory).gaps
    coverage_of = inventory.coverage_of
    empty = {
        project
        for project in inventory.projects
        if coverage_of(clusters_scope(project)).category is Category.API_DISABLED
        and coverage_of(compute_scope(project, "instances")).is_full
    }
    if empty:  # else nothing is to be learnt from the machines
        empty -= {
            name.project
            for name, resource in inventory.resources.items()
            if name.collection == "instances" and (has_node_name(name.name) or has_node_labels(resource.labels))
        }
    of_empty = {clusters_scope(project) for project in empty}
    return tuple(scope for scope in gaps if scope not in of_empty)


def has_node_name(name: str) -> bool:
    """Whether a VM is called as nodes of GKE are; anybody may call one so."""
    return name.startswith(("gke-", "gk3-"))


def has_node_labels(labels: Iterable[str]) -> bool:
    """Whether a VM bears the labels that GKE gives its nodes."""
    return any(label.startswith("goog-k8s-") for label in labels)


def is_discovery(scope: str) -> bool:
    """organizations/O/projects, folders/F/projects, projects/P/service-projects (docs/snapshot.md), and the part of a
    task that was lost: it alone may have known of a project."""
    return scope.startswith(("organizations/", "folders/")) or scope.endswith("/service-projects") or is_part(scope)


def is_part(scope: str) -> bool:
    """parts/EXECUTION/INDEX-of-COUNT: what one of many tasks should have read (docs/scale.md)."""
    return scope.startswith(f"{PARTS}/")


def stands_in_shared_network(inventory: Inventory, resource: Resource) -> bool:
    """A firewall rule of a project that is, or may be, a Shared VPC host: its owner may stand in another project."""
    project = inventory.projects.get(resource.name.project)
    is_host = project is None or project.is_shared_vpc_host is not False
    return is_host and resource.name.collection == "firewalls"


def hides_cluster_at(coverage: Coverage, location: str | None) -> bool:
    """Whether a list of clusters may lack one that matters in `location` (a region or zone; None = anywhere)."""
    if coverage.is_full:
        return False
    if coverage.status == "failed" or not coverage.missing or location is None:
        return True
    wanted = region_of(location)
    return any(region_of(scope) in (None, wanted) for scope in coverage.missing)


def hides_referrer_of(coverage: Coverage, name: ResourceName) -> bool:
    """Whether a Compute list may lack something that points at `name`.

    What is regional or zonal is used from its own region or globally; what is global from anywhere (a Standard tier
    rule is regional and points at a global proxy; pricing.md, section 1.2).
    """
    return hides_in(coverage, {name.region})


def hides_in(coverage: Coverage, regions: Collection[str | None]) -> bool:
    """Whether a Compute list may lack something global or of one of these regions; None among them = of any."""
    if coverage.is_full:
        return False
    if coverage.status == "failed" or not coverage.missing or not regions or None in regions:
        return True
    return any(region_of(scope) in (None, *regions) for scope in coverage.missing)


def union(parts: Iterable[Candidates]) -> Candidates:
    """The candidates of several questions taken together."""
    items = list(parts)
    return Candidates(
        tuple(dict.fromkeys(key for item in items for key in item.clusters)),
        tuple(dict.fromkeys(scope for item in items for scope in item.gaps)),
        any(item.may_be_beyond for item in items),
    )
