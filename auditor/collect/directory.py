"""Snapshots on disk: a folder or a .tar.gz of it, with a manifest or made by hand (docs/snapshot.md).

Reading never raises for what is wrong inside a snapshot: it becomes the coverage of the list concerned, always the more
careful of two readings. Only a path that holds no snapshot at all, or one whose manifest cannot be read, is an error.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import orjson

from auditor.errors import NotDelivered, NothingRead, UsageError
from auditor.model.names import ClusterKey
from auditor.model.snapshot import (
    API_GROUPS,
    COLLECTIONS,
    JSON,
    PLURALS,
    Category,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    not_collected,
    objects_scope,
    project_scope,
)

from .files import SnapshotFiles, UnreadableFileError, open_snapshot, write_files
from .joining import taken_apart
from .manifest import BrokenManifestError, Manifest, parse_manifest, write_manifest

MANIFEST = "snapshot.json"
CONFIRMATIONS = "confirm.json"
CONFIRM_SCOPE = "confirm"
"""The coverage of confirm.json itself; it stands in a snapshot only where that file could not be read in full."""

_GROUPS: Mapping[str, tuple[str, ...]] = {
    plural: (group, "extensions") if plural == "ingresses" else (group,)
    for group, plurals in API_GROUPS.items()
    for plural in plurals
}
_CONFIRM_STATUSES = ("same", "changed", "gone", "failed")
_NAMED_AT_MOST = 3

Value = TypeVar("Value")
Key = TypeVar("Key")


def read_snapshot(path: Path) -> Snapshot:
    """The snapshot at `path`, a folder or an archive.

    Raises UsageError where nothing stands at `path`, NothingRead for what is no snapshot, for an archive that is
    damaged or could do harm, and for a manifest that cannot be relied on.
    """
    files = open_snapshot(path)
    manifest = _read_manifest(path, files)
    lists = {
        scope: _read_list(scope, files.files[f"{scope}.json"])
        for scope in (name.removesuffix(".json") for name in sorted(files.files) if name.endswith(".json"))
        if _has_file(scope)
    }
    if not lists and not manifest.coverage:
        raise NothingRead(
            f"{path} is no snapshot: there is no list in it",
            "Name the folder that holds snapshot.json, projects/ and clusters/.",
        )
    coverage = {scope: _settle(scope, manifest, lists.get(scope)) for scope in sorted({*lists, *manifest.coverage})}
    coverage |= _empty_clusters(files, coverage)
    confirmations, confirm_problem = _read_confirmations(files)
    if confirm_problem is not None:
        coverage[CONFIRM_SCOPE] = confirm_problem
    return _assemble(files, manifest, lists, coverage, confirmations)


def read_snapshots(paths: Sequence[Path]) -> Snapshot:
    """Several snapshots, one dump for each project, say, as one.

    Raises what read_snapshot raises, and UsageError where two of them speak of the same scope.
    """
    if not paths:
        raise UsageError("No snapshot was named", "Name one with --snapshot PATH.")
    snapshots = [read_snapshot(path) for path in paths]
    if len(snapshots) == 1:
        return snapshots[0]
    owners: dict[str, Path] = {}
    for path, snapshot in zip(paths, snapshots, strict=True):
        for scope in snapshot.coverage:
            if scope != CONFIRM_SCOPE and scope in owners:
                raise UsageError(
                    f"{scope} is in {owners[scope]} and in {path}", "Name snapshots that have no list in common."
                )
            owners[scope] = path
    return _merged(snapshots)


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot: an archive where the name ends in .tar.gz or .tgz, else a folder. Equal snapshots, equal bytes.

    A list is written where it was read at least in part. Secrets have no place in it, nor have config maps other than
    kube-system/ingress-uid. Raises UsageError where a folder would have to be replaced, NotDelivered where it cannot be
    written.
    """
    values: dict[str, Any] = {}
    for (project, collection), resources in snapshot.compute.items():
        values[compute_scope(project, collection)] = list(resources)
    for project, clusters in snapshot.clusters.items():
        values[clusters_scope(project)] = list(clusters)
    for (cluster, plural), objects in snapshot.objects.items():
        values[objects_scope(cluster, plural)] = [obj for obj in objects if _is_kept(plural, obj)]
    for scope, coverage in snapshot.coverage.items():
        if _has_file(scope) and not scope.endswith("/project") and coverage.status in (Status.COMPLETE, Status.PARTIAL):
            values.setdefault(scope, [])
        elif values.get(scope) == []:
            del values[scope]  # a file beside "failed" or "absent" would contradict the manifest
    for project, described in snapshot.projects.items():
        if described is not None:
            values[project_scope(project)] = described
    folders = frozenset(f"projects/{project}" for project in snapshot.projects)
    _check_names(path, (*values, *folders))
    try:
        contents = {f"{scope}.json": _dump(value) for scope, value in values.items()}
        contents[MANIFEST] = write_manifest(snapshot)
        if snapshot.confirmations:
            contents[CONFIRMATIONS] = _dump(list(snapshot.confirmations))
    except TypeError as error:
        raise NotDelivered(f"{path}: the snapshot cannot be written as JSON: {error}") from error
    write_files(path, contents, folders)


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot as the archive that write_snapshot writes, to be kept in a store. Raises NotDelivered."""
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "snapshot.tar.gz"
        write_snapshot(snapshot, path)
        return path.read_bytes()


def _dump(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _check_names(path: Path, scopes: Iterable[str]) -> None:
    """Refuse names that would leave the snapshot, or that reading would pass over as hidden files."""
    for scope in scopes:
        if not (_has_file(scope) or scope.count("/") == 1) or any(part[:1] in ("", ".") for part in scope.split("/")):
            raise NotDelivered(f"{path}: {scope!r} cannot be a file of a snapshot")


# --- where things stand ---


def _has_file(scope: str) -> bool:
    """Whether this coverage scope is a list (or project.json) with a file of its own: SCOPE.json."""
    match scope.split("/"):
        case ["projects", _, "project"] | ["projects", _, "container", "clusters"]:
            return True
        case ["projects", _, "compute", collection]:
            return collection in COLLECTIONS
        case ["clusters", _, _, _, plural]:
            return plural in PLURALS
    return False


def _is_folder(name: str) -> bool:
    """Whether a snapshot has a folder of this shape."""
    match name.split("/"):
        case ["projects"] | ["projects", _] | ["projects", _, "compute" | "container"]:
            return True
        case ["clusters", *rest]:
            return len(rest) <= 3
    return False


def _unknown_names(files: SnapshotFiles) -> tuple[str, ...]:
    """What is no part of a snapshot, each named by its topmost folder that is none."""
    unknown: set[str] = set()
    for name in (*files.files, *files.folders):
        is_file = name in files.files
        if is_file and (name in (MANIFEST, CONFIRMATIONS) or (name.endswith(".json") and _has_file(name[:-5]))):
            continue
        parts = name.split("/")
        prefixes = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        odd = next((prefix for prefix in prefixes if not _is_folder(prefix)), name if is_file else None)
        if odd is not None:
            unknown.add(odd if odd in files.files else f"{odd}/")
    return tuple(sorted(unknown))


def _empty_clusters(files: SnapshotFiles, coverage: Mapping[str, Coverage]) -> dict[str, Coverage]:
    """A folder without a list is a cluster of which nothing was read, and it counts as living."""
    known = {scope.rpartition("/")[0] for scope in coverage}
    return {
        scope: not_collected(scope)
        for name in sorted(files.folders - known)
        if len(parts := name.split("/")) == 4 and parts[0] == "clusters"
        for scope in (objects_scope(ClusterKey(*parts[1:]), plural) for plural in PLURALS)
    }


# --- one list ---


@dataclass(slots=True)
class _List:
    """One file as read. With a `problem` nothing in it counts; `odd` says what else keeps it from being complete."""

    items: list[JSON] = field(default_factory=list)
    problem: str = ""
    odd: list[str] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    """Zones that the file itself says did not answer."""
    counts: tuple[int, ...] = ()
    """What a manifest may give as its count."""


def _read_list(scope: str, read: Callable[[], bytes]) -> _List:
    """Read and parse one file of a snapshot; never raises."""
    try:
        return _parse_list(scope, _load(read()))
    except (UnreadableFileError, ValueError) as error:
        return _List(problem=str(error))


def _load(raw: bytes) -> Any:
    """JSON that can also be written again. Raises ValueError: not UTF-8, not JSON, NaN, or nested too deeply."""
    try:
        value = orjson.loads(raw)
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from error
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"not usable as JSON: {error}") from error
    return value


def _parse_list(scope: str, value: Any) -> _List:
    match scope.split("/"):
        case ["projects", project, "project"]:
            return _parse_project(project, value)
        case ["projects", _, "container", _]:
            return _parse_clusters(value)
        case ["clusters", _, _, _, plural]:
            return _parse_objects(plural, value)
    if not isinstance(value, list):
        raise ValueError("not a JSON array")
    return _objects_among(value)


def _parse_project(project: str, value: Any) -> _List:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    named = value.get("projectId")
    if named != project:
        raise ValueError(f"it describes project {_brief(named)}, not {project}")
    return _List(items=[value], counts=(1,))


def _parse_clusters(value: Any) -> _List:
    """An array of clusters, or the Container API's answer with its missingZones."""
    if not isinstance(value, dict):
        if not isinstance(value, list):
            raise ValueError("not a JSON array of clusters")
        return _objects_among(value)
    clusters, zones = value.get("clusters"), value.get("missingZones", [])
    if not isinstance(clusters, list):
        raise ValueError("not a JSON array of clusters")
    found = _objects_among(clusters)
    if not isinstance(zones, list) or not all(isinstance(zone, str) for zone in zones):
        found.odd.append("missingZones is not an array of zones")
    else:
        found.missing = tuple(f"zones/{zone}" for zone in zones)
    return found


def _parse_objects(plural: str, value: Any) -> _List:
    """Kubernetes objects: an array, or a List object as kubectl prints it."""
    cut_off = False
    if isinstance(value, dict):
        kind, metadata = value.get("kind"), value.get("metadata", {})
        if not isinstance(kind, str) or not kind.endswith("List") or not isinstance(value.get("items"), list):
            raise ValueError("neither a JSON array nor a List of objects")
        if kind != "List":
            _check_kind(plural, {**value, "kind": kind.removesuffix("List")})
        cut_off = not isinstance(metadata, dict) or bool(metadata.get("continue") or metadata.get("remainingItemCount"))
        value = value["items"]
    elif not isinstance(value, list):
        raise ValueError("neither a JSON array nor a List of objects")
    found = _objects_among(value, lambda obj: _check_kind(plural, obj))
    if cut_off:
        found.odd.append("the list was cut off: it names a page that follows")
    kept = [obj for obj in found.items if _is_kept(plural, obj)]
    if len(kept) < len(found.items):
        found.counts = (*found.counts, len(kept))
        found.items = kept
    return found


def _check_kind(plural: str, obj: JSON) -> None:
    """Raises ValueError for an object of another kind or API group than its file: Istio has gateways too, Knative
    services. Objects inside a typed list carry neither field."""
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if kind is not None and (not isinstance(kind, str) or plural not in (f"{kind.lower()}s", f"{kind.lower()}es")):
        raise ValueError(f"is of kind {_brief(kind)}")
    if version is not None:
        group = version.rpartition("/")[0] if isinstance(version, str) else None
        if group not in _GROUPS[plural]:
            raise ValueError(f"is of API version {_brief(version)}")


def _is_kept(plural: str, obj: JSON) -> bool:
    """Config maps hold anything, also secrets: only the one that names the cluster is ever kept."""
    if plural != "configmaps":
        return True
    metadata = obj.get("metadata")
    named = (metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, Mapping) else None
    return named == ("kube-system", "ingress-uid")


def _objects_among(value: list[Any], check: Callable[[JSON], None] | None = None) -> _List:
    """The objects of an array that are objects and pass `check`; the others are named as odd."""
    found = _List(counts=(len(value),))
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            found.odd.append(f"element {index} is not an object")
            continue
        if check is not None:
            try:
                check(item)
            except ValueError as error:
                found.odd.append(f"element {index} {error}")
                continue
        found.items.append(item)
    return found


# --- what the file holds against what the manifest says ---


def _settle(scope: str, manifest: Manifest, found: _List | None) -> Coverage:
    """The more careful reading of the manifest's entry and of the file (docs/snapshot.md, Manifest)."""
    said = manifest.coverage.get(scope)
    if found is None:
        return _without_file(said) if said is not None else not_collected(scope)
    if found.problem:
        detail = _joined(f"{scope}.json: {found.problem}", said.detail if said is not None else "")
        return Coverage(scope, Status.FAILED, Category.INVALID, detail=detail)
    count = None if scope.endswith("/project") else len(found.items)
    settled = replace(said or Coverage(scope, Status.COMPLETE), count=count)
    odd = list(found.odd)
    if said is None and manifest.nameless:
        odd.append(f"{manifest.nameless}: it may be this one")
    if said is not None and not (said.status is Status.COMPLETE or said.status is Status.PARTIAL):
        odd.insert(0, f"the manifest says {said.status}, yet there is a file")
    if said is not None and said.count is not None and said.count not in found.counts:
        odd.append(f"the manifest counts {said.count}, the file holds {found.counts[0]}")
    if odd:
        detail = _joined(settled.detail, f"{scope}.json: {_few(odd)}")
        return replace(settled, status=Status.PARTIAL, category=Category.INVALID, missing=(), detail=detail)
    if found.missing:
        return _with_missing(settled, found.missing)
    return settled


def _without_file(said: Coverage) -> Coverage:
    """A scope of the manifest without a file of its own, or whose file is gone."""
    if not _has_file(said.scope):
        return said
    is_contradiction = said.status in (Status.COMPLETE, Status.PARTIAL) or (
        said.status is Status.ABSENT and said.count not in (None, 0)
    )
    if not is_contradiction:
        return replace(said, count=None)
    detail = _joined(f"the manifest says {said.status}, but there is no {said.scope}.json", said.detail)
    return Coverage(said.scope, Status.FAILED, Category.INVALID, detail=detail)


def _with_missing(coverage: Coverage, missing: tuple[str, ...]) -> Coverage:
    if coverage.status is Status.COMPLETE:
        return replace(
            coverage, status=Status.PARTIAL, category=Category.UNREACHABLE, missing=missing, detail="missingZones"
        )
    # A partial list that names no scopes may lack anything; naming some now would make it look better than it is.
    return replace(coverage, missing=tuple(sorted({*coverage.missing, *missing})) if coverage.missing else ())


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _brief(value: object) -> str:
    return repr(str(value)[:60])


def _few(texts: Sequence[str], at_most: int = _NAMED_AT_MOST) -> str:
    more = f" and {len(texts) - at_most} more" if len(texts) > at_most else ""
    return ", ".join(texts[:at_most]) + more


# --- manifest and confirmations ---


def _read_manifest(path: Path, files: SnapshotFiles) -> Manifest:
    read = files.files.get(MANIFEST)
    if read is None:
        if MANIFEST in files.folders:
            raise NothingRead(f"{path}: {MANIFEST} is a folder")
        return Manifest()
    try:
        return parse_manifest(read())
    except BrokenManifestError as error:
        raise NothingRead(f"{path}: {error}", error.hint) from error
    except UnreadableFileError as error:
        raise NothingRead(f"{path}: {MANIFEST}: {error}") from error


def _read_confirmations(files: SnapshotFiles) -> tuple[tuple[JSON, ...], Coverage | None]:
    """What the second look saw, and what is wrong with confirm.json. One that cannot be read counts as failed."""
    read = files.files.get(CONFIRMATIONS)
    if read is None:
        return (), None
    try:
        value = _load(read())
        if not isinstance(value, list):
            raise ValueError("not a JSON array")
    except (UnreadableFileError, ValueError) as error:
        return (), Coverage(CONFIRM_SCOPE, Status.FAILED, Category.INVALID, detail=f"{CONFIRMATIONS}: {error}")
    looks: dict[str, JSON] = {}
    odd: list[str] = []
    for index, item in enumerate(value):
        resource = item.get("resource") if isinstance(item, dict) else None
        if not isinstance(resource, str) or not resource:
            odd.append(f"element {index} names no resource")
        elif resource in looks:
            odd.append(f"{resource} stands in it twice")
            looks[resource] = {"resource": resource, "status": "failed"}
        elif item.get("status") not in _CONFIRM_STATUSES:
            odd.append(f"element {index} has a status that is not known")
            looks[resource] = {"resource": resource, "status": "failed"}
        else:
            looks[resource] = item
    if not odd:
        return tuple(looks.values()), None
    detail = f"{CONFIRMATIONS}: {_few(odd)}"
    return tuple(looks.values()), Coverage(CONFIRM_SCOPE, Status.PARTIAL, Category.INVALID, detail=detail)


# --- the whole ---


def _assemble(
    files: SnapshotFiles,
    manifest: Manifest,
    lists: Mapping[str, _List],
    coverage: Mapping[str, Coverage],
    confirmations: tuple[JSON, ...],
) -> Snapshot:
    projects: dict[str, JSON | None] = {
        parts[1]: None
        for name in sorted(files.folders)
        if len(parts := name.split("/")) == 2 and parts[0] == "projects"
    }
    compute: dict[tuple[str, str], tuple[JSON, ...]] = {}
    clusters: dict[str, tuple[JSON, ...]] = {}
    objects: dict[tuple[ClusterKey, str], tuple[JSON, ...]] = {}
    for scope, found in lists.items():
        if found.problem:
            continue
        match scope.split("/"):
            case ["projects", project, "project"]:
                projects[project] = found.items[0]
            case ["projects", project, "compute", collection]:
                compute[project, collection] = tuple(found.items)
            case ["projects", project, "container", _]:
                clusters[project] = tuple(found.items)
            case ["clusters", project, location, name, plural]:
                objects[ClusterKey(project, location, name), plural] = tuple(found.items)
    warnings = [*files.warnings, *manifest.warnings]
    unknown = _unknown_names(files)
    if unknown:
        warnings.append(f"No part of a snapshot, left out: {_few(unknown, 10)}")
    if manifest.nameless:
        warnings.append(f"snapshot.json: {manifest.nameless}; lists that it does not name count as not read in full")
    if CONFIRM_SCOPE in coverage:
        warnings.append(f"{coverage[CONFIRM_SCOPE].detail}: what the second look saw is not known in full")
    return Snapshot(
        taken_at=manifest.taken_at,
        tool=manifest.tool,
        coverage=coverage,
        projects=projects,
        compute=compute,
        clusters=clusters,
        objects=objects,
        confirmations=confirmations,
        warnings=tuple(warnings),
    )


def _merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Snapshots without a common scope as one. Its time is the oldest: a thing counts as younger, never as older."""
    times = sorted(snapshot.taken_at for snapshot in snapshots if snapshot.taken_at is not None)
    warnings = [warning for snapshot in snapshots for warning in snapshot.warnings]
    warnings += taken_apart("snapshots", times)
    projects = _union(snapshot.projects for snapshot in snapshots)
    projects |= {key: value for snapshot in snapshots for key, value in snapshot.projects.items() if value is not None}
    return Snapshot(
        taken_at=times[0] if times else None,
        tool=", ".join(dict.fromkeys(snapshot.tool for snapshot in snapshots if snapshot.tool)),
        coverage=_union(snapshot.coverage for snapshot in snapshots),
        projects=projects,
        compute=_union(snapshot.compute for snapshot in snapshots),
        clusters=_union(snapshot.clusters for snapshot in snapshots),
        objects=_union(snapshot.objects for snapshot in snapshots),
        confirmations=tuple(look for snapshot in snapshots for look in snapshot.confirmations),
        warnings=tuple(warnings),
    )


def _union(parts: Iterable[Mapping[Key, Value]]) -> dict[Key, Value]:
    return {key: value for part in parts for key, value in part.items()}
