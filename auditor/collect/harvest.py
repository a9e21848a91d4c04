"""What a live run has read so far, as it comes in from many threads, and the snapshot that it makes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.model.names import ClusterKey, ResourceName
from auditor.model.snapshot import (
    COLLECTIONS,
    JSON,
    PLURALS,
    Category,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)

from . import identity
from .assets import is_of_inventory
from .clusters import Cluster, ClusterList, combined
from .compute import Listed
from .confirm import Look
from .crew import Milestone
from .projects import Description
from .shares import Share, left_to_others

SECOND_LOOK = "confirm"
"""The second look as a whole; it stands in a snapshot only where it was broken off, or is due."""
_INTERRUPTED = "interrupted before it was read"
_DUE = "Cloud Asset Inventory lags behind, and nobody has looked twice yet: merge with --second-look"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come. `event` says in words what has just been done; most of the time it is empty."""

    projects: int = 0
    projects_done: int = 0
    clusters: int = 0
    clusters_done: int = 0
    requests: int = 0
    gaps: int = 0
    event: str = ""


@dataclass(slots=True)
class ProjectState:
    """What is known of one project so far."""

    id: str
    description: Description
    is_described: Milestone = field(default_factory=lambda: Milestone(3))
    lists: dict[str, Listed] = field(default_factory=dict)
    is_listed: Milestone = field(default_factory=lambda: Milestone(len(COLLECTIONS)))
    first: ClusterList | None = None
    second: ClusterList | None = None
    third: ClusterList | None = None
    """With the second look; None without one."""
    clusters_are_read: Milestone = field(default_factory=Milestone)
    """Every cluster of the first list."""
    service_projects: Coverage | None = None

    def clusters(self) -> ClusterList:
        """All lists of its clusters together. One of the first two that did not happen leaves a gap, and so does a
        cluster that its nodes tell of and no list."""
        scope = clusters_scope(self.id)
        unread = ClusterList(Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail=_INTERRUPTED))
        both = combined(self.first or unread, self.second or unread)
        found = both if self.third is None else combined(both, self.third)
        machines = self.lists.get("instances")
        if machines is None or found.coverage.status is Status.FAILED:
            return found
        node = identity.unlisted_node(found.clusters, found.coverage.missing, machines.items)
        if not node:
            return found
        detail = f"VM {node} runs as a node of a cluster that is not in the list"
        return replace(found, coverage=found.coverage.weakened(Category.INVALID, detail))

    def is_gone(self, key: ClusterKey) -> bool:
        """Whether a cluster that was listed first had been deleted by the time of the second list."""
        found = self.second
        return found is not None and found.coverage.is_full and key not in {item.key for item in found.clusters}

    def coverage(self) -> Iterator[Coverage]:
        """Of its lists as far as they are read, of its description and of its clusters."""
        lists = dict(self.lists)
        yield from (lists[name].coverage for name in COLLECTIONS if name in lists)
        yield self.description.coverage()
        yield self.clusters().coverage
        if self.service_projects is not None:
            yield self.service_projects


@dataclass(slots=True)
class ClusterState:
    """What is known of one cluster so far."""

    key: ClusterKey
    listed: Cluster | None
    """None: a cluster of a kubeconfig."""
    lists: dict[str, Listed] = field(default_factory=dict)
    identity: Coverage | None = None
    is_read: Milestone = field(default_factory=lambda: Milestone(len(PLURALS)))

    def coverage(self) -> Iterator[Coverage]:
        yield from (listed.coverage for listed in dict(self.lists).values())
        if self.identity is not None:
            yield self.identity

    def disown(self, why: str) -> None:
        """The endpoint may have answered for another cluster: of this one nothing is known."""
        for plural in PLURALS:
            scope = objects_scope(self.key, plural)
            self.lists[plural] = Listed(Coverage(scope, Status.FAILED, Category.INVALID, detail=why))
        self.identity = Coverage(objects_scope(self.key, "identity"), Status.FAILED, Category.INVALID, detail=why)


class Harvest:
    """Everything that a run has read. `lock` guards it; nobody waits for anything while holding it."""

    def __init__(
        self,
        taken_at: datetime | None,
        tool: str,
        on_progress: Callable[[Progress], object],
        share: Share | None = None,
    ) -> None:
        self.taken_at = taken_at
        self.tool = tool
        self.share = share
        """None: the run reads everything, and leaves nothing to others."""
        self.lock = threading.Lock()
        self.projects: dict[str, ProjectState] = {}
        self.clusters: dict[ClusterKey, ClusterState] = {}
        self.other: dict[str, Coverage] = {}
        """Coverage beside projects and clusters: of folders, organizations, and projects that were not found."""
        self._left: set[str] = set()
        self.wanted_looks: tuple[ResourceName, ...] = ()
        self.looks: dict[ResourceName, Look] = {}
        self.was_interrupted = False
        self.has_looked_twice = False
        """The second look is over. One that was broken off proves nothing: an owner may stand in what it left out."""
        self._on_progress = on_progress
        self._counts = {"projects_done": 0, "clusters_done": 0, "requests": 0, "gaps": 0}

    # --- taking in ---

    def add_project(self, project: str) -> ProjectState | None:
        """The state of a project that is new; None for one that is being read already."""
        with self.lock:
            if project in self.projects:
                return None
            state = self.projects[project] = ProjectState(project, Description(project))
            return state

    def add_cluster(self, key: ClusterKey, listed: Cluster | None) -> ClusterState:
        """The state of a cluster, in place of one of the same name that was deleted meanwhile."""
        state = ClusterState(key, listed)
        with self.lock:
            self.clusters[key] = state
        return state

    def leave(self, folder: str) -> None:
        """Another task reads this project ("projects/ID") or context, unless this one is led to it all the same."""
        with self.lock:
            self._left.add(folder)

    def number_of(self, project: str) -> str:
        """A project's number; "" while it is not known."""
        state = self.projects.get(project)
        return state.description.number if state is not None else ""

    def count(self, name: str, *coverages: Coverage) -> None:
        """One more of something is done, and these coverages came of it."""
        with self.lock:
            if name:
                self._counts[name] += 1
            self._counts["gaps"] += sum(coverage.is_gap for coverage in coverages)

    def tell(self, event: str = "") -> None:
        """Let the onlooker know how far the run has come."""
        with self.lock:
            progress = Progress(len(self.projects), clusters=len(self.clusters), event=event, **self._counts)
        self._on_progress(progress)

    def drop_twins(self) -> list[str]:
        """Two clusters with one kube-system UID: a context that is a GKE cluster is left out, and of two GKE clusters
        nothing is known, for one endpoint answered for both. Returns a sentence for each."""
        by_uid: dict[str, list[ClusterState]] = {}
        for key in sorted(self.clusters):
            namespaces = self.clusters[key].lists.get("namespaces")
            uid = identity.uid_of(namespaces.items) if namespaces is not None else ""
            if uid:
                by_uid.setdefault(uid, []).append(self.clusters[key])
        said: list[str] = []
        for twins in by_uid.values():
            listed = [state for state in twins if state.key.is_gke]
            if len(listed) > 1:
                why = f"the same cluster answers for {', '.join(state.key.short for state in listed)}"
                said.append(why)
                for state in listed:
                    state.disown(why)
            for state in twins if listed else ():
                if not state.key.is_gke:
                    said.append(f"{state.key.short} is {listed[0].key.short}: left out")
                    del self.clusters[state.key]
        return said

    # --- the snapshot ---

    def snapshot(self) -> Snapshot:
        """Everything as far as it was read. What an interruption has kept from being read is a gap."""
        with self.lock:
            projects = sorted(self.projects.items())
            clusters = sorted(self.clusters.items())
            coverages = list(self.other.values())
            left = self._left - {f"projects/{project}" for project in self.projects}
            looks = sorted(self.looks.values(), key=lambda look: look.resource.full) if self.has_looked_twice else []
        compute: dict[tuple[str, str], tuple[JSON, ...]] = {}
        listed_clusters: dict[str, tuple[JSON, ...]] = {}
        objects: dict[tuple[ClusterKey, str], tuple[JSON, ...]] = {}
        for project, state in projects:
            coverages += state.coverage()
            compute |= {(project, name): listed.items for name, listed in _read(state.lists)}
            both = state.clusters()
            if both.coverage.status is not Status.FAILED:
                listed_clusters[project] = tuple(cluster.resource for cluster in both.clusters)
        for key, cluster in clusters:
            coverages += cluster.coverage()
            objects |= {(key, plural): listed.items for plural, listed in _read(cluster.lists)}
        coverages += [look.coverage for look in looks if look.coverage.is_gap]
        if self.share is not None:
            coverages += left_to_others(self.share, left)
            if any(is_of_inventory(listed.coverage) for _, state in projects for listed in dict(state.lists).values()):
                coverages.append(Coverage(SECOND_LOOK, Status.FAILED, Category.NOT_COLLECTED, detail=_DUE))
        by_scope = {coverage.scope: coverage for coverage in coverages}
        seen = frozenset(look.resource for look in looks)
        for scope in self._expected(dict(projects), dict(clusters), seen):
            if scope not in by_scope:
                by_scope[scope] = Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail=_INTERRUPTED)
        return Snapshot(
            taken_at=self.taken_at,
            tool=self.tool,
            coverage=dict(sorted(by_scope.items())),
            projects={project: state.description.document() for project, state in projects},
            compute=compute,
            clusters=listed_clusters,
            objects=objects,
            confirmations=tuple(look.document() for look in looks),
        )

    def _expected(
        self, projects: Iterable[str], clusters: Iterable[ClusterKey], seen: Collection[ResourceName]
    ) -> Iterator[str]:
        """Every scope that a run which comes to its end has an answer for."""
        for project in projects:
            yield project_scope(project)
            yield clusters_scope(project)
            yield from (compute_scope(project, collection) for collection in COLLECTIONS)
        for key in clusters:
            yield from (objects_scope(key, plural) for plural in (*PLURALS, "identity"))
        yield from (f"confirm/{name.full}" for name in self.wanted_looks if name not in seen)
        if self.was_interrupted or (self.wanted_looks and not self.has_looked_twice):
            yield SECOND_LOOK  # nobody looked twice at what is waste by as much as was read until then


def _read(lists: dict[str, Listed]) -> Sequence[tuple[str, Listed]]:
    """The lists of which anything was read; an absent one has no file in a snapshot."""
    known = (Status.COMPLETE, Status.PARTIAL)
    return [(name, listed) for name, listed in sorted(dict(lists).items()) if listed.coverage.status in known]
