"""A snapshot as what a run has read so far: what an earlier run, or many tasks, have read is looked at again."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model.names import ClusterKey
from auditor.model.snapshot import (
    COLLECTIONS,
    PLURALS,
    Coverage,
    Snapshot,
    cluster_of_scope,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)

from .clusters import Cluster, ClusterList, restored
from .compute import Listed
from .crew import Milestone
from .harvest import ClusterState, Harvest, ProjectState
from .projects import Description


def restore(harvest: Harvest, snapshot: Snapshot) -> None:
    """Put a snapshot into an empty harvest, whose own snapshot is then equal to it but for its confirmations."""
    listed = {project: listed_clusters(snapshot, project) for project in _projects(snapshot)}
    for project, found in listed.items():
        harvest.projects[project] = _project(snapshot, project, found)
    known = {cluster.key: cluster for found in listed.values() for cluster in found.clusters}
    for key in _clusters(snapshot):
        harvest.clusters[key] = _cluster(snapshot, key, known)
    told = {coverage.scope for state in harvest.projects.values() for coverage in state.coverage()}
    told |= {coverage.scope for state in harvest.clusters.values() for coverage in state.coverage()}
    harvest.other |= {
        scope: coverage
        for scope, coverage in snapshot.coverage.items()
        if scope not in told and not scope.startswith("confirm/")
    }


def listed_clusters(snapshot: Snapshot, project: str) -> ClusterList:
    """A project's list of clusters."""
    return restored(snapshot.coverage_of(clusters_scope(project)), project, snapshot.clusters.get(project, ()))


def _projects(snapshot: Snapshot) -> list[str]:
    """The projects that a run began to read; of others nothing but a failure may be known."""
    scopes = (scope.split("/") for scope in snapshot.coverage)
    return sorted(
        {parts[1] for parts in scopes if parts[0] == "projects" and parts[2:-1] in (["container"], ["compute"])}
    )


def _project(snapshot: Snapshot, project: str, listed: ClusterList) -> ProjectState:
    coverage = snapshot.coverage_of(project_scope(project))
    return ProjectState(
        project,
        Description.restored(project, snapshot.projects.get(project), coverage),
        is_described=Milestone(0),
        lists={
            name: Listed(snapshot.coverage_of(compute_scope(project, name)), snapshot.compute.get((project, name), ()))
            for name in COLLECTIONS
        },
        is_listed=Milestone(0),
        first=listed,
        second=listed,
        service_projects=snapshot.coverage.get(f"projects/{project}/service-projects"),
    )


def _clusters(snapshot: Snapshot) -> list[ClusterKey]:
    return sorted({key for scope in snapshot.coverage if (key := cluster_of_scope(scope)) is not None})


def _cluster(snapshot: Snapshot, key: ClusterKey, known: Mapping[ClusterKey, Cluster]) -> ClusterState:
    identity: Coverage | None = snapshot.coverage.get(objects_scope(key, "identity"))
    lists = {
        plural: Listed(snapshot.coverage_of(objects_scope(key, plural)), snapshot.objects.get((key, plural), ()))
        for plural in PLURALS
    }
    return ClusterState(key, known.get(key), lists, identity, Milestone(0))
