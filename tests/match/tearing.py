"""A snapshot of which a part is not known: what a gap may do to it (docs/snapshot.md, What a gap means)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from auditor.model.names import ClusterKey, region_of
from auditor.model.snapshot import Category, Coverage, Snapshot, Status, cluster_of_scope, clusters_scope

Objects = tuple[Mapping[str, Any], ...]


def torn(snapshot: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """Every way to know less, one at a time, with a label."""
    for scope in sorted(scope for scope, known in snapshot.coverage.items() if known.is_full):
        yield f"failed {scope}", with_list(snapshot, Coverage(scope, Status.FAILED, Category.FORBIDDEN), None)
        yield f"half of {scope}", _halved(snapshot, scope, 0)
        yield f"other half of {scope}", _halved(snapshot, scope, 1)
        yield from _without_one_region(snapshot, scope)
    for project in sorted(snapshot.projects):
        yield f"no project.json of {project}", replace(snapshot, projects={**snapshot.projects, project: None})
    for key in sorted(_clusters(snapshot)):
        yield f"nothing of {key.short}", _unread(snapshot, key)
        if not key.is_gke:
            continue  # nobody lists them, so that one that is not in the snapshot leaves no trace
        yield f"{key.short} in no list", _unlisted(snapshot, key)
        yield f"{key.short} neither in a list nor read", _unlisted(_forgotten(snapshot, key), key)


def with_list(snapshot: Snapshot, known: Coverage, kept: Objects | None) -> Snapshot:
    """One list of which only `kept` is left; None: no file at all."""
    parts = known.scope.split("/")
    changed = replace(snapshot, coverage={**snapshot.coverage, known.scope: known})
    if parts[0] == "clusters":
        return replace(changed, objects=_put(snapshot.objects, (ClusterKey(*parts[1:4]), parts[4]), kept))
    if parts[2] == "compute":
        return replace(changed, compute=_put(snapshot.compute, (parts[1], parts[3]), kept))
    if parts[2] == "container":
        return replace(changed, clusters=_put(snapshot.clusters, parts[1], kept))
    return replace(changed, projects={**snapshot.projects, parts[1]: None})


def _put(table: Mapping[Any, Objects], key: Any, kept: Objects | None) -> dict[Any, Objects]:
    rest = {other: value for other, value in table.items() if other != key}
    return rest if kept is None else {**rest, key: kept}


def _list_of(snapshot: Snapshot, scope: str) -> Objects:
    parts = scope.split("/")
    if parts[0] == "clusters":
        return snapshot.objects.get((ClusterKey(*parts[1:4]), parts[4]), ())
    if parts[2] == "compute":
        return snapshot.compute.get((parts[1], parts[3]), ())
    return snapshot.clusters.get(parts[1], ()) if parts[2] == "container" else ()


def _halved(snapshot: Snapshot, scope: str, rest: int) -> Snapshot:
    """A page is missing."""
    kept = tuple(obj for number, obj in enumerate(_list_of(snapshot, scope)) if number % 2 == rest)
    return with_list(snapshot, Coverage(scope, Status.PARTIAL, Category.TIMEOUT), kept)


def _without_one_region(snapshot: Snapshot, scope: str) -> Iterator[tuple[str, Snapshot]]:
    """One place did not answer: what stands in it is lost, and only that."""
    if "/compute/" not in scope and "/container/" not in scope:
        return
    found = _list_of(snapshot, scope)
    for region in sorted({place for obj in found if (place := _region(obj))} | {"us-east9"}):
        kept = tuple(obj for obj in found if _region(obj) != region)
        known = Coverage(scope, Status.PARTIAL, Category.UNREACHABLE, (f"regions/{region}",))
        yield f"{region} of {scope}", with_list(snapshot, known, kept)


def _region(obj: Mapping[str, Any]) -> str | None:
    if "location" in obj:
        return region_of(obj["location"])
    parts = obj["selfLink"].split("/")
    return None if "global" in parts else region_of(parts[parts.index("projects") + 3])


def _clusters(snapshot: Snapshot) -> set[ClusterKey]:
    return {key for scope in snapshot.coverage if (key := cluster_of_scope(scope)) is not None}


def _unread(snapshot: Snapshot, key: ClusterKey) -> Snapshot:
    coverage = {
        scope: known if cluster_of_scope(scope) != key else Coverage(scope, Status.FAILED, Category.UNREACHABLE)
        for scope, known in snapshot.coverage.items()
    }
    objects = {pair: value for pair, value in snapshot.objects.items() if pair[0] != key}
    return replace(snapshot, coverage=coverage, objects=objects)


def _forgotten(snapshot: Snapshot, key: ClusterKey) -> Snapshot:
    """Neither file nor scope of it is left."""
    coverage = {scope: known for scope, known in snapshot.coverage.items() if cluster_of_scope(scope) != key}
    return replace(_unread(snapshot, key), coverage=coverage)


def _unlisted(snapshot: Snapshot, key: ClusterKey) -> Snapshot:
    """Its project's list lacks it, and says that something is missing."""
    kept = tuple(
        obj
        for obj in snapshot.clusters.get(key.project, ())
        if (obj["name"], obj["location"]) != (key.name, key.location)
    )
    scope = clusters_scope(key.project)
    before = snapshot.coverage_of(scope)
    if before.is_gap and not before.missing:
        return snapshot
    missing = (*before.missing, f"zones/{_zone(key)}")
    return with_list(snapshot, Coverage(scope, Status.PARTIAL, Category.UNREACHABLE, missing), kept)


def _zone(key: ClusterKey) -> str:
    return key.location if region_of(key.location) != key.location else f"{key.location}-b"
