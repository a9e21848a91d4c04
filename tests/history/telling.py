"""Made-up runs: which resources a run lists with which verdict, and what it did not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import orjson
from report import sample

from auditor.history.past import PastRun, read_past
from auditor.model.finding import Finding, Verdict
from auditor.model.names import ResourceName
from auditor.model.report import Gap, Report
from auditor.model.snapshot import compute_scope
from auditor.report import json
from auditor.report.selection import Selection

EVERYTHING = Selection(verdicts=tuple(Verdict))
DAY = timedelta(days=1)


def at(day: int) -> datetime:
    return sample.AS_OF + day * DAY


def named(name: str, project: str = "p", region: str = "us-central1") -> ResourceName:
    return ResourceName(project, f"regions/{region}", "addresses", name)


def gap(project: str = "p", *missing: str, status: str = "failed", collection: str = "addresses") -> Gap:
    return Gap(compute_scope(project, collection), status, "unreachable", "", "Audit again", missing=missing)


def run(
    day: int,
    verdicts: Mapping[ResourceName | str, str],
    *,
    projects: Sequence[str] = ("p",),
    gaps: Sequence[Gap] = (),
    suppressed: bool = False,
) -> Report:
    """The report of one run, every judged resource in it."""
    findings = tuple(
        sample.finding(named(key) if isinstance(key, str) else key, Verdict(verdict), "made-up", "7.30")
        for key, verdict in verdicts.items()
    )
    hushed = tuple(replace(finding, suppression="wanted") for finding in findings) if suppressed else ()
    report = sample._report(() if suppressed else findings, hushed, projects=tuple(projects), gaps=tuple(gaps))
    return replace(report, snapshot_taken_at=at(day), generated_at=at(day))


def document(report: Report, selection: Selection = EVERYTHING) -> object:
    return orjson.loads(json.render(report, selection))


def past(report: Report, selection: Selection = EVERYTHING) -> PastRun:
    """The report as a later run reads it."""
    return read_past(document(report, selection))


def found(report: Report, key: ResourceName | str) -> Finding:
    name = named(key) if isinstance(key, str) else key
    return next(finding for finding in (*report.findings, *report.suppressed) if finding.resource == name)


def told(report: Report, key: ResourceName | str = "a") -> tuple[str | None, int, int]:
    """Novelty, the day of the first run that saw it, and how many runs did."""
    history = found(report, key).history
    assert history is not None
    return (
        history.novelty.value if history.novelty else None,
        (history.first_seen - sample.AS_OF) // DAY,
        history.runs_seen,
    )


def gone(report: Report) -> set[str]:
    return {finding.resource.name for finding in report.gone}
