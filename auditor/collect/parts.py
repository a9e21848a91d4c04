"""The parts of one execution as one snapshot: what several tasks have read is taken once, what none has is a gap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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
from .joining import joined, object_key, resource_key, taken_apart, worse
from .projects import HOST
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
    """The part that a snapshot is. Raises UsageError, which names `where` it stood, for one that is none: for whole
    snapshots, for merged parts, and for one that does not say when it was taken."""
    shares = [share for scope in snapshot.coverage if (share := parse_scope(scope)) is not None]
    if len(shares) != 1 or not _is_written_by_its_task(snapshot, shares[0]):
        raise UsageError(f"{where} is no part of an execution", NOT_A_PART)
    if snapshot.taken_at is None:
        raise UsageError(f"{where} does not say when it was taken", "Collect it again; its manifest is damaged.")
    share = shares[0]
    left = frozenset(snapshot.coverage[share.scope].missing)

    def is_ours(scope: str) -> bool:
        return scope != share.scope and not is_left(scope, left)

    ours = replace(
        snapshot,
        coverage={scope: known for scope, known in snapshot.coverage.items() if is_ours(scope)},
        projects={key: told for key, told in snapshot.projects.items() if is_ours(project_scope(key))},
        compute={key: items for key, items in snapshot.compute.items() if is_ours(compute_scope(*key))},
        clusters={key: items for key, items in snapshot.clusters.items() if is_ours(clusters_scope(key))},
        objects={key: items for key, items in snapshot.objects.items() if is_ours(objects_scope(*key))},
    )
    return Part(share, left, ours)


def _is_written_by_its_task(snapshot: Snapshot, share: Share) -> bool:
    """Merged parts of which one is missing name that one, too: as a gap, and they may have been looked at twice."""
    own = snapshot.coverage[share.scope]
    has_left = own.status is Status.PARTIAL and own.category is Category.NOT_COLLECTED and bool(own.missing)
    return (own.status is Status.COMPLETE or has_left) and not snapshot.confirmations


def merge(parts: Sequence[Part]) -> Snapshot:
    """One snapshot of all parts of an execution, whatever their order; parts that are not there are gaps.

    Raises UsageError for parts that do not belong together.
    """
    _check(parts)
    ordered = sorted(parts, key=_time_and_index)
    merging = _Merging()
    for part in ordered:
        merging.add(part.snapshot)
    for coverage in list(_missing(ordered, merging.coverage)):
        merging.coverage.setdefault(coverage.scope, coverage)
    times = sorted(_time_and_index(part)[0] for part in ordered)
    warnings = [warning for part in ordered for warning in part.snapshot.warnings]
    snapshot = Snapshot(
        taken_at=times[0],
        tool=ordered[0].snapshot.tool,
        coverage=dict(sorted(merging.coverage.items())),
        projects=dict(sorted(merging.projects.items())),
        compute=dict(sorted(merging.compute.items())),
        clusters=dict(sorted(merging.clusters.items())),
        objects=dict(sorted(merging.objects.items())),
        warnings=tuple(dict.fromkeys((*warnings, *taken_apart("parts", times)))),
    )
    return _without_twins(snapshot)


def _time_and_index(part: Part) -> tuple[datetime, int]:
    return part.snapshot.taken_at or datetime.min.replace(tzinfo=UTC), part.share.index


def _check(parts: Sequence[Part]) -> None:
    if not parts:
        raise UsageError("There is no part to merge", NOT_A_PART)
    first, seen = parts[0], set[int]()
    for part in parts:
        why = why_apart(part, first)
        if why:
            raise UsageError(
                f"{part.share.scope} and {first.share.scope} are parts of different {why}",
                "Merge the parts of one execution at a time, collected with one version of gke-auditor.",
            )
        if part.share.index in seen:
            raise UsageError(f"{part.share.scope} was named twice", "Name each part once.")
        seen.add(part.share.index)


def why_apart(part: Part, other: Part) -> str:
    """What keeps two parts from belonging together, in one word; "" where they do. Another version may read fewer
    fields, and so miss what tells an owner."""
    if (part.share.execution, part.share.count) != (other.share.execution, other.share.count):
        return "executions"
    return "versions" if part.snapshot.tool != other.snapshot.tool else ""


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
        described = {key: self._described(key, snapshot) for key in snapshot.projects}
        both = {scope: self._both(scope, snapshot) for scope in sorted(twice)}
        self.projects |= described
        self.compute |= {key: items for key, items in snapshot.compute.items() if compute_scope(*key) not in twice}
        self.clusters |= {key: items for key, items in snapshot.clusters.items() if clusters_scope(key) not in twice}
        self.objects |= {key: items for key, items in snapshot.objects.items() if objects_scope(*key) not in twice}
        self.coverage |= {**snapshot.coverage, **both}

    def _described(self, project: str, snapshot: Snapshot) -> JSON | None:
        """The project.json that says most: the whole one of two; of two whole ones that of a Shared VPC host, for it
        may be one by now, else the later."""
        known, again = self.projects.get(project), snapshot.projects[project]
        if not known or not again:
            return known or again
        scope = project_scope(project)
        is_known, is_known_again = (coverage[scope].is_full for coverage in (self.coverage, snapshot.coverage))
        if is_known != is_known_again:
            return known if is_known else again
        return known if known.get("xpnProjectStatus") == HOST else again

    def _both(self, scope: str, snapshot: Snapshot) -> Coverage:
        """What two parts know of one list together. Everything counts that either has seen, and the list is whole if
        one of them has read all of it: unlike the second of two looks, the other one has not to prove anything."""
        known, again = _weighed(self.coverage[scope], snapshot.coverage[scope])
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
                first = listed_clusters(Snapshot(coverage=self.coverage, clusters=self.clusters), project)
                second = listed_clusters(snapshot, project)
                known, again = _weighed(first.coverage, second.coverage)
                lists = combined(replace(first, coverage=known), replace(second, coverage=again))
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


def _weighed(known: Coverage, again: Coverage) -> tuple[Coverage, Coverage]:
    """The coverages of two first readings of one list: a whole one counts for both.

    Not beside one that is `invalid`, where something answered that should not have, nobody knows to which of them; nor
    where one has seen objects of a kind that was absent for the other. Nor of a search for projects, where why one task
    knew less has to be told.
    """
    whole, gap = (known, again) if known.is_full else (again, known)
    is_of_one_place = known.scope.startswith(("projects/", "clusters/"))
    is_odd = gap.category is Category.INVALID or (whole.status is Status.ABSENT and gap.status is Status.PARTIAL)
    if not whole.is_full or gap.is_full or is_odd or not is_of_one_place:
        return known, again
    return whole, whole


# --- what is missing ---


def _missing(parts: Sequence[Part], known: Collection[str]) -> Iterator[Coverage]:
    """The parts that are not there or lack a project, and what was left to them and nobody has read.

    `known` are the scopes that somebody has. A part that lacks a project is a gap as a whole: nobody knows what the
    clusters of that project own or name elsewhere, as members of a fleet, say.
    """
    share = parts[0].share
    there = {part.share.index for part in parts}
    for index in sorted(set(range(share.count)) - there):
        yield _gap_of(share.of(index).scope, not_there(share.of(index)))
    for folder in sorted({folder for part in parts for folder in part.left}):
        scopes = list(scopes_of(folder))
        if any(scope in known for scope in scopes):
            continue
        kind, _, name = folder.partition("/")
        owner = share.of(share.index_of(name) if kind == "projects" else 0)
        why = lacks(owner) if owner.index in there else not_there(owner)
        yield from (_gap_of(scope, why) for scope in (*scopes, owner.scope))


def _gap_of(scope: str, why: str) -> Coverage:
    return Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail=why)


def not_there(share: Share) -> str:
    """Why nothing is known of what a task should have read."""
    return f"part {share.name} of execution {share.execution} is missing"


def lacks(share: Share) -> str:
    """Why nothing is known of a project that a task should have read, and did not know."""
    return f"part {share.name} of execution {share.execution} has not come upon it, though others have"


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
