"""The parts of one execution as one snapshot: what several tasks have read is taken once, what none has is a gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from auditor.errors import UsageError
from auditor.model.names import ClusterKey
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

from .clusters import combined
from .compute import Listed
from .harvest import Harvest
from .joining import joined, object_key, resource_key, worse
from .restoring import listed_clusters, restore
from .shares import Share, is_left, parse_scope

Key = TypeVar("Key")

NOT_A_PART = "Merge the parts of one execution; several whole snapshots are read as one by --snapshot A --snapshot B."


@dataclass(frozen=True, slots=True)
class Part:
    """What one task has read."""

    share: Share
    left: frozenset[str]
    """The projects ("projects/ID") and contexts that it knew of and left to others."""
    snapshot: Snapshot
    """Without any word about those."""


def part_of(snapshot: Snapshot, where: str) -> Part:
    """The part that a snapshot is. Raises UsageError, which names `where` it stood, for one that is none."""
    shares = [share for scope in snapshot.coverage if (share := parse_scope(scope)) is not None]
    if len(shares) != 1:
        raise UsageError(f"{where} is no part of an execution", NOT_A_PART)
    share = shares[0]
    left = frozenset(snapshot.coverage[share.scope].missing)
    coverage = {
        scope: known for scope, known in snapshot.coverage.items() if scope != share.scope and not is_left(scope, left)
    }
    return Part(share, left, replace(snapshot, coverage=coverage))


def merge(parts: Sequence[Part]) -> Snapshot:
    """One snapshot of all parts of an execution, whatever their order; parts that are not there are gaps.

    Raises UsageError for parts that do not belong together.
    """
    _check(parts)
    ordered = sorted(parts, key=_time_and_index)
    merging = _Merging()
    for part in ordered:
        merging.add(part.snapshot)
    for coverage in _missing(ordered):
        merging.coverage.setdefault(coverage.scope, coverage)
    times = sorted(part.snapshot.taken_at for part in ordered if part.snapshot.taken_at is not None)
    snapshot = Snapshot(
        taken_at=times[0] if times else None,
        tool=", ".join(dict.fromkeys(part.snapshot.tool for part in ordered if part.snapshot.tool)),
        coverage=dict(sorted(merging.coverage.items())),
        projects=dict(sorted(merging.projects.items())),
        compute=dict(sorted(merging.compute.items())),
        clusters=dict(sorted(merging.clusters.items())),
        objects=dict(sorted(merging.objects.items())),
        warnings=tuple(dict.fromkeys(warning for part in ordered for warning in part.snapshot.warnings)),
    )
    return _without_twins(snapshot)


def _time_and_index(part: Part) -> tuple[datetime, int]:
    return part.snapshot.taken_at or datetime.min.replace(tzinfo=UTC), part.share.index


def _check(parts: Sequence[Part]) -> None:
    if not parts:
        raise UsageError("There is no part to merge", NOT_A_PART)
    first, seen = parts[0].share, set[int]()
    for share in (part.share for part in parts):
        if (share.execution, share.count) != (first.execution, first.count):
            raise UsageError(
                f"{share.scope} and {first.scope} are parts of different executions",
                "Merge the parts of one execution at a time.",
            )
        if share.index in seen:
            raise UsageError(f"{share.scope} was named twice", "Name each part once.")
        seen.add(share.index)


@dataclass(slots=True)
class _Merging:
    """One part after the other, the oldest first: of what several have read, the later state counts."""

    coverage: dict[str, Coverage] = field(default_factory=dict)
    projects: dict[str, JSON | None] = field(default_factory=dict)
    compute: dict[tuple[str, str], tuple[JSON, ...]] = field(default_factory=dict)
    clusters: dict[str, tuple[JSON, ...]] = field(default_factory=dict)
    objects: dict[tuple[ClusterKey, str], tuple[JSON, ...]] = field(default_factory=dict)

    def add(self, snapshot: Snapshot) -> None:
        twice = self.coverage.keys() & snapshot.coverage.keys()
        both = {scope: self._both(scope, snapshot) for scope in sorted(twice)}
        self.projects |= {key: value for key, value in snapshot.projects.items() if value or key not in self.projects}
        self.compute |= {key: items for key, items in snapshot.compute.items() if compute_scope(*key) not in twice}
        self.clusters |= {key: items for key, items in snapshot.clusters.items() if clusters_scope(key) not in twice}
        self.objects |= {key: items for key, items in snapshot.objects.items() if objects_scope(*key) not in twice}
        self.coverage |= {**snapshot.coverage, **both}

    def _both(self, scope: str, snapshot: Snapshot) -> Coverage:
        """What two parts know of one list together, always the more careful reading."""
        known, again = self.coverage[scope], snapshot.coverage[scope]
        match scope.split("/"):
            case ["projects", project, "compute", collection]:
                key = (project, collection)
                found = joined(
                    Listed(known, self.compute.get(key, ())),
                    Listed(again, snapshot.compute.get(key, ())),
                    resource_key,
                )
                _put(self.compute, key, found)
                return found.coverage
            case ["projects", project, "container", "clusters"]:
                lists = combined(
                    listed_clusters(Snapshot(coverage=self.coverage, clusters=self.clusters), project),
                    listed_clusters(snapshot, project),
                )
                if lists.coverage.status is not Status.FAILED:
                    self.clusters[project] = tuple(cluster.resource for cluster in lists.clusters)
                return lists.coverage
            case ["clusters", project, location, name, plural] if plural in PLURALS:
                at = (ClusterKey(project, location, name), plural)
                found = joined(
                    Listed(known, self.objects.get(at, ())),
                    Listed(again, snapshot.objects.get(at, ())),
                    object_key,
                )
                _put(self.objects, at, found)
                return _with_services(found.coverage, known, again)
        return worse(known, again)


def _put(table: dict[Key, tuple[JSON, ...]], key: Key, found: Listed) -> None:
    if found.coverage.status in (Status.COMPLETE, Status.PARTIAL):
        table[key] = found.items


def _with_services(coverage: Coverage, known: Coverage, again: Coverage) -> Coverage:
    """EndpointSlices that are complete for the Services of one part are so for those of the other, too."""
    if coverage.is_full and known.services is not None and again.services is not None:
        return replace(coverage, services=tuple(sorted({*known.services, *again.services})))
    return coverage


# --- what is missing ---


def _missing(parts: Sequence[Part]) -> Iterator[Coverage]:
    """The parts that are not there, and all that was left to them, or to a task that did not come upon it."""
    share = parts[0].share
    there = {part.share.index for part in parts}
    for index in sorted(set(range(share.count)) - there):
        yield _not_there(share.of(index).scope, share.of(index))
    for folder in sorted({folder for part in parts for folder in part.left}):
        kind, _, name = folder.partition("/")
        owner = share.of(share.index_of(name) if kind == "projects" else 0)
        for scope in scopes_of(folder):
            if owner.index not in there:
                yield _not_there(scope, owner)
            else:
                detail = f"part {owner.name} of execution {owner.execution} has not come upon it, though others have"
                yield Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail=detail)


def _not_there(scope: str, share: Share) -> Coverage:
    return Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail=not_there(share))


def not_there(share: Share) -> str:
    """Why nothing is known of what a task should have read."""
    return f"part {share.name} of execution {share.execution} is missing"


def scopes_of(folder: str) -> Iterator[str]:
    """Everything that is read of a project or of a context."""
    match folder.split("/"):
        case ["projects", project]:
            yield project_scope(project)
            yield clusters_scope(project)
            yield from (compute_scope(project, collection) for collection in COLLECTIONS)
        case ["clusters", project, location, name]:
            key = ClusterKey(project, location, name)
            yield from (objects_scope(key, plural) for plural in (*PLURALS, "identity"))


def _without_twins(snapshot: Snapshot) -> Snapshot:
    """Two clusters for which one endpoint answered may stand in different parts."""
    harvest = Harvest(snapshot.taken_at, snapshot.tool, lambda progress: None)
    restore(harvest, snapshot)
    if not harvest.drop_twins():
        return snapshot
    return replace(harvest.snapshot(), warnings=snapshot.warnings)
