"""Two readings of the same list as one: the second look reads lists again, for something may have been made since."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auditor.model.snapshot import JSON, Coverage, Status

from .compute import Listed

_TIMES_APART = timedelta(hours=1)


def joined(first: Listed, again: Listed, key_of: Callable[[JSON], Hashable]) -> Listed:
    """What two readings of one list saw together.

    Of what both saw the later state counts; what was gone the second time stays as it was first read. A second reading
    that is not whole may lack what was made meanwhile, so the list counts as not read in full.
    """
    both = {key_of(item): item for item in first.items} | {key_of(item): item for item in again.items}
    items = tuple(both.values())
    statuses = {first.coverage.status, again.coverage.status}
    coverage = worse(first.coverage, again.coverage)
    if statuses <= {Status.ABSENT, Status.FAILED}:
        status = Status.FAILED if Status.FAILED in statuses else Status.ABSENT
        return Listed(replace(coverage, status=status), items)
    if coverage.is_full:
        coverage = replace(coverage, status=Status.COMPLETE)
    return Listed(replace(coverage, count=len(items)), items)


def worse(first: Coverage, again: Coverage) -> Coverage:
    """The more careful coverage of two readings: what either of them lacks is missing."""
    if first.is_full and again.is_full:
        return again
    gaps = [coverage for coverage in (first, again) if coverage.is_gap]
    are_both_failed = all(coverage.status is Status.FAILED for coverage in (first, again))
    is_open = any(not gap.missing for gap in gaps)
    details = [first.detail] if first.is_gap else []
    if again.is_gap and again.detail not in first.detail:
        details.append(f"when it was listed again: {again.detail}")
    return Coverage(
        again.scope,
        Status.FAILED if are_both_failed else Status.PARTIAL,
        gaps[0].category,
        missing=() if is_open else tuple(sorted({scope for gap in gaps for scope in gap.missing})),
        detail="; ".join(details),
    )


def object_key(obj: JSON) -> Hashable:
    """Namespace and name; an odd object, which the inventory will name as a gap, is itself."""
    metadata = obj.get("metadata")
    names = (metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, dict) else (None, None)
    return names if isinstance(names[1], str) and isinstance(names[0], str | None) else repr(obj)


def resource_key(resource: JSON) -> Hashable:
    """Its link from "projects/" on; an odd resource is itself."""
    link = resource.get("selfLink")
    return link.partition("/projects/")[2] if isinstance(link, str) and "/projects/" in link else repr(resource)


def taken_apart(what: str, times: Sequence[datetime]) -> tuple[str, ...]:
    """The warning on `what` ("snapshots") that was taken at these times and is read as one; () where they are close."""
    if not times or max(times) - min(times) <= _TIMES_APART:
        return ()
    return (
        f"The {what} were taken at different times, from {min(times).isoformat()} to {max(times).isoformat()}: "
        "what changed in between may look left behind",
    )
