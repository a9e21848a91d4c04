"""snapshot.json, the manifest: what was read in full and what was not (docs/snapshot.md, Manifest)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from auditor.model.snapshot import Category, Coverage, Snapshot, Status

FORMAT = 1


class BrokenManifestError(Exception):
    """Nothing in a snapshot can be trusted; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read. Where there is none, every field is empty."""

    taken_at: datetime | None = None
    tool: str = ""
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    nameless: str = ""
    """What is wrong with entries whose scope cannot be read: they may speak of any list that no other entry names."""
    warnings: tuple[str, ...] = ()


def parse_manifest(raw: bytes) -> Manifest:
    """Read snapshot.json. An odd entry makes only its own scope failed / invalid.

    Raises BrokenManifestError where the whole says nothing that can be relied on.
    """
    hint = "Take a whole copy, or make the snapshot again: without its manifest nobody knows what is missing from it."
    try:
        manifest = orjson.loads(raw)
    except ValueError as error:
        raise BrokenManifestError(f"snapshot.json is not valid JSON: {error}", hint) from error
    if not isinstance(manifest, dict):
        raise BrokenManifestError("snapshot.json is not a JSON object", hint)
    number = manifest.get("format")
    if type(number) is not int:
        raise BrokenManifestError("snapshot.json names no format number", hint)
    if number != FORMAT:
        raise BrokenManifestError(
            f"snapshot.json has format {number}; this version reads format {FORMAT}",
            "Use the version of gke-auditor that wrote it, or a newer one.",
        )
    entries = manifest.get("coverage", [])
    if not isinstance(entries, list):
        raise BrokenManifestError("snapshot.json: coverage is not an array", hint)
    coverage, nameless = _parse_entries(entries)
    taken_at, warnings = _parse_taken_at(manifest.get("taken_at"))
    tool = manifest.get("tool")
    return Manifest(taken_at, tool if isinstance(tool, str) else "", coverage, nameless, warnings)


def write_manifest(snapshot: Snapshot) -> bytes:
    """snapshot.json for a snapshot, its entries in order of scope: equal snapshots, equal bytes."""
    manifest: dict[str, Any] = {"format": FORMAT}
    if snapshot.taken_at is not None:
        manifest["taken_at"] = snapshot.taken_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if snapshot.tool:
        manifest["tool"] = snapshot.tool
    manifest["coverage"] = [_entry(snapshot.coverage[scope]) for scope in sorted(snapshot.coverage)]
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _entry(coverage: Coverage) -> dict[str, Any]:
    entry: dict[str, Any] = {"scope": coverage.scope, "status": coverage.status.value}
    if coverage.count is not None:
        entry["count"] = coverage.count
    if coverage.category is not None:
        entry["category"] = coverage.category.value
    if coverage.missing:
        entry["missing"] = list(coverage.missing)
    if coverage.detail:
        entry["detail"] = coverage.detail
    if coverage.services is not None:
        entry["services"] = list(coverage.services)
    return entry


def _parse_taken_at(value: object) -> tuple[datetime | None, tuple[str, ...]]:
    if value is None:
        return None, ()
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC), ()
    except (ValueError, OverflowError):
        pass
    return None, (
        f"snapshot.json: taken_at is not a time with a zone ({str(value)[:40]!r}): "
        "without --as-of, ages are counted from now",
    )


def _parse_entries(entries: Iterable[object]) -> tuple[dict[str, Coverage], str]:
    """Coverage by scope, and what is wrong with entries whose scope is not known."""
    coverage: dict[str, Coverage] = {}
    nameless: list[str] = []
    for index, entry in enumerate(entries):
        scope = entry.get("scope") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(scope, str) or not scope:
            nameless.append(f"entry {index} of the manifest names no scope")
        elif scope in coverage:
            coverage[scope] = _invalid(scope, "the manifest names it twice")
        else:
            coverage[scope] = _parse_entry(scope, entry)
    return coverage, "; ".join(nameless[:3])


def _invalid(scope: str, detail: str) -> Coverage:
    return Coverage(scope, Status.FAILED, Category.INVALID, detail=detail)


def _parse_entry(scope: str, entry: Mapping[str, Any]) -> Coverage:
    """One entry. Whatever contradicts itself or is not understood says that nothing is known of its list."""
    status, category, detail, count = (entry.get(key) for key in ("status", "category", "detail", "count"))
    missing, services = _texts(entry.get("missing")), _texts(entry.get("services"))
    if status not in list(Status):
        return _invalid(scope, "the manifest gives a status that is not known")
    if category is not None and category not in list(Category):
        return _invalid(scope, "the manifest gives a category that is not known")
    if missing is None or services is None or not isinstance(detail, str | None):
        return _invalid(scope, "the manifest's entry has a field of the wrong type")
    if count is not None and (type(count) is not int or count < 0):
        return _invalid(scope, "the manifest's count is not a number")
    status = Status(status)
    is_gap = status in (Status.PARTIAL, Status.FAILED)
    if missing and not is_gap:
        return _invalid(scope, f"the manifest says {status}, and also that scopes are missing")
    if category is not None and not is_gap and (status, category) != (Status.ABSENT, Category.NOT_FOUND):
        return _invalid(scope, f"the manifest says {status}, and also {category}")
    return Coverage(
        scope=scope,
        status=status,
        category=Category(category) if category is not None else Category.UNKNOWN if is_gap else None,
        missing=missing,
        detail=detail or "",
        count=count,
        services=services if scope.endswith("/endpointslices") and "services" in entry else None,
    )


def _texts(value: object) -> tuple[str, ...] | None:
    """An array of strings as a tuple, () where there is none, None for anything else."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)
