"""One earlier run, as much of it as a comparison needs: what it reported, in full, and of everything else the verdict.

A report holds every judged resource, most of them in use; to make values of them all would cost ten times as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from auditor.model.finding import SHOWN_BY_DEFAULT, Finding, Verdict
from auditor.model.history import TrendPoint
from auditor.model.names import ClusterKey, ResourceName
from auditor.model.report import BLIND_TO_IDLE, Report
from auditor.model.report_document import JSON, SCHEMA_VERSION, NotAReport, read_report
from auditor.model.snapshot import cluster_of_scope, compute_scope

REPORTED = frozenset(SHOWN_BY_DEFAULT)
"""What a reader is told of: waste, idle, unknown. Everything else is quiet."""
_REPORTED_VALUES = frozenset(verdict.value for verdict in REPORTED)
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


@dataclass(frozen=True, slots=True)
class Reach:
    """What one run read, so that what is not in its report can be said not to be there."""

    projects: frozenset[str]
    gaps: Mapping[str, frozenset[str] | None]
    """By the scope of a list that was not read in full: the missing places; None = anything may be missing."""
    unread_clusters: frozenset[ClusterKey]
    """The clusters of which something was not read."""
    is_blind_to_idle: bool
    """Nobody looked whether anything does its work."""

    def covers(self, name: ResourceName) -> bool:
        """Whether the resource, if it had been there, would have been listed."""
        if name.project not in self.projects:
            return False
        scope = compute_scope(name.project, name.collection)
        if scope not in self.gaps:
            return True
        missing = self.gaps[scope]
        return missing is not None and name.scope not in missing and f"regions/{name.region}" not in missing

    def sees_work(self, finding: Finding) -> bool:
        """Whether an idle thing, if it is called in use, works again. It is called so, too, where nobody could look at
        its endpoints: then nothing has changed but what was read."""
        clusters = {cluster_of_scope(item.source) for item in finding.evidence}
        return not self.is_blind_to_idle and clusters.isdisjoint(self.unread_clusters)


def reach_of(report: Report) -> Reach:
    """What the run of this report read."""
    gaps = {
        gap.scope: frozenset(gap.missing) if gap.status == "partial" and gap.missing else None for gap in report.gaps
    }
    clusters = {cluster_of_scope(gap.scope) for gap in report.gaps}
    return Reach(
        projects=frozenset(report.projects),
        gaps=gaps,
        unread_clusters=frozenset(key for key in clusters if key is not None),
        is_blind_to_idle=any(note.startswith(BLIND_TO_IDLE) for note in report.notes),
    )


@dataclass(frozen=True, slots=True)
class Quiet:
    """A finding that an earlier run did not report: in use, pending or foreign."""

    verdict: Verdict
    first_seen: datetime | None
    runs_seen: int


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run."""

    taken_at: datetime
    projects: tuple[str, ...]
    parents: tuple[str, ...]
    reach: Reach
    reported: Mapping[str, Finding]
    """By id."""
    quiet: Mapping[str, Quiet]
    """By id."""
    lists_all_reported: bool
    """False for a report whose filters left something out: what it does not list may have been there."""
    lists_all_quiet: bool
    point: TrendPoint


def lists_all_reported(report: Report) -> bool:
    """Whether the findings of a report are all that were judged orphaned, unused, idle or unknown: one that was written
    with filters holds fewer than it counts."""
    listed = sum(finding.verdict in REPORTED for finding in (*report.findings, *report.suppressed))
    return listed == sum(report.counts.get(verdict, 0) for verdict in REPORTED)


def by_importance(finding: Finding) -> tuple[int, bool, Decimal, str]:
    """The order of reports: verdict, descending money with unknown amounts last, resource."""
    monthly = finding.cost.monthly if finding.cost else None
    return (finding.verdict.rank, monthly is None, -(monthly or Decimal(0)), finding.resource.full)


def point_of(report: Report) -> TrendPoint:
    """The money of one run, for the trend."""
    monthly = report.summary.monthly
    return TrendPoint(
        at=report.snapshot_taken_at,
        saving=report.summary.saving,
        idle=monthly[Verdict.IDLE],
        unknown=monthly[Verdict.UNKNOWN],
        total=report.summary.total,
        is_partial=bool(report.gaps),
    )


def read_past(document: Any) -> PastRun:
    """The earlier run that a parsed JSON report holds. Raises NotAReport, never anything else, for every other text."""
    if not isinstance(document, Mapping):
        raise NotAReport("it is no JSON object")
    if document.get("schema_version") != SCHEMA_VERSION:
        read_report(document)  # which says so
    items = [item for key in ("findings", "suppressed") for item in _objects(document, key)]
    told = [item for item in items if item.get("verdict") in _REPORTED_VALUES]
    report = read_report({**document, "findings": told, "suppressed": [], "gone": []})
    try:
        quiet = {str(item["id"]): _quiet(item) for item in items if item["verdict"] not in _REPORTED_VALUES}
    except (KeyError, TypeError, ValueError) as error:
        raise NotAReport(f"a finding is of the wrong form: {error}") from error
    return PastRun(
        taken_at=report.snapshot_taken_at,
        projects=report.projects,
        parents=report.parents,
        reach=reach_of(report),
        reported={finding.id: finding for finding in report.findings},
        quiet=quiet,
        lists_all_reported=lists_all_reported(report),
        lists_all_quiet=len(quiet) == sum(report.counts[verdict] for verdict in Verdict if verdict not in REPORTED),
        point=point_of(report),
    )


def _objects(document: JSON, key: str) -> Iterable[JSON]:
    if key not in document:
        raise NotAReport(f"{key} is missing")
    items = document[key]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NotAReport(f"{key} is no list of objects")
    return items


def _quiet(item: JSON) -> Quiet:
    history = item.get("history")
    if history is None:
        return Quiet(_VERDICTS[item["verdict"]], None, 1)
    first_seen = datetime.fromisoformat(history["first_seen"]).astimezone(UTC)
    return Quiet(_VERDICTS[item["verdict"]], first_seen, int(history["runs_seen"]))
