"""How a report stands to the runs before it: new, known or gone (docs/report.md, History). Pure.

The runs are gone through once, from the oldest to the newest, and only a few words are kept of each finding: linear in
the number of findings, and one earlier run in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto

from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.history import FindingHistory, Novelty, ReportHistory, TrendPoint
from auditor.model.report import Report

from .past import REPORTED, PastRun, Reach, by_importance, point_of, reach_of


class Kind(Enum):
    """The classes of verdicts: within one, a finding stays the same to a reader."""

    WASTE = auto()
    IDLE = auto()
    UNKNOWN = auto()
    QUIET = auto()


_KINDS = {
    Verdict.ORPHANED: Kind.WASTE,
    Verdict.UNUSED: Kind.WASTE,
    Verdict.IDLE: Kind.IDLE,
    Verdict.UNKNOWN: Kind.UNKNOWN,
    Verdict.IN_USE: Kind.QUIET,
    Verdict.PENDING: Kind.QUIET,
    Verdict.FOREIGN: Kind.QUIET,
}
_SEEN = {
    Kind.WASTE: WASTE,
    Kind.IDLE: frozenset({Verdict.IDLE}),
    Kind.UNKNOWN: REPORTED,
    Kind.QUIET: frozenset({Verdict.IN_USE, Verdict.PENDING, Verdict.FOREIGN}),
}
"""By the class of a finding now: the verdicts of an earlier run that mean it has seen it."""
_SAYS_NOTHING = frozenset({Verdict.UNKNOWN, Verdict.PENDING})
"""Verdicts that, where they are no sighting, end no streak."""
_HARMLESS = frozenset({Verdict.IN_USE, Verdict.FOREIGN})


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """An earlier run that could not be read: what it says is not known, and may be anything."""

    taken_at: datetime


@dataclass(frozen=True, slots=True)
class OlderRuns:
    """The runs before the oldest that is read. The oldest passes on what it knew from them."""

    count: int
    since: datetime | None
    """The time of the first of them."""


NO_OLDER_RUNS = OlderRuns(0, None)


@dataclass(slots=True)
class _Track:
    """What the runs so far say of one finding that is there now."""

    finding: Finding
    sightings: frozenset[Verdict]
    first_seen: datetime | None = None
    runs_seen: int = 0
    """Of the streak that lasts until the run looked at last."""
    said_at: datetime | None = None
    """The last run that says anything of it."""
    is_looked_for: bool = False
    """Some run would have seen it, had it been there as it is now."""

    def see(self, at: datetime, first_seen: datetime | None, runs_seen: int) -> None:
        """One more run has seen it. The first run that says anything of it passes on what it knew from runs before."""
        if self.runs_seen:
            self.runs_seen += 1
        elif self.said_at is None and first_seen is not None:
            self.first_seen, self.runs_seen = min(first_seen, at), max(runs_seen, 1)
        else:
            self.first_seen, self.runs_seen = at, 1
        self.said_at = at

    def end(self, at: datetime) -> None:
        """A run that would have seen it has not."""
        self.first_seen, self.runs_seen, self.said_at = None, 0, at


@dataclass(frozen=True, slots=True)
class _Reported:
    finding: Finding
    at: datetime
    """When it was reported last."""
    is_sure: bool
    """Nothing that was not read can have made it look so."""


@dataclass(slots=True)
class _Past:
    """What is kept of the runs while they go by."""

    tracks: dict[str, _Track]
    """By id: what is there now."""
    last_report: dict[str, _Reported] = field(default_factory=dict)
    """By id: what runs reported and none has found harmless since: as the last one that called it waste or idle has it,
    else the last one that called it unknown."""
    times: list[datetime] = field(default_factory=list)
    taken_in: set[tuple[datetime, frozenset[str]]] = field(default_factory=set)
    broken: list[datetime] = field(default_factory=list)
    trend: list[TrendPoint] = field(default_factory=list)


def compare(
    current: Report, earlier: Iterable[PastRun | BrokenRun], source: str, older: OlderRuns = NO_OLDER_RUNS
) -> Report:
    """The same report with a history on every finding, what is gone, and the runs that it was compared with.

    `earlier` are the runs from the oldest to the newest, no other attempt of this run among them; those not taken
    before this one, those that audited nothing of its projects, and doubles are passed over. `source` is where they
    are kept. Accrued money is not filled in (cost/accrual.py).
    """
    everything = (*current.findings, *current.suppressed)
    past = _Past({item.id: _Track(item, _SEEN[_KINDS[item.verdict]]) for item in everything})
    for run in earlier:
        if isinstance(run, BrokenRun):
            past.broken.append(run.taken_at)
        elif run.taken_at < current.snapshot_taken_at and _concerns(run, current):
            _take_in(past, run, current)
    reach = reach_of(current)

    def with_history(findings: Sequence[Finding]) -> tuple[Finding, ...]:
        return tuple(replace(item, history=_history_of(item, past, current, reach)) for item in findings)

    times = past.times
    return replace(
        current,
        findings=with_history(current.findings),
        suppressed=with_history(current.suppressed),
        gone=_gone(current, past, reach),
        history=ReportHistory(
            source=source,
            runs=len(times) + older.count,
            since=older.since or (times[0] if times else None),
            previous=times[-1] if times else None,
            trend=(*past.trend, point_of(current)),
        ),
    )


def _concerns(run: PastRun, current: Report) -> bool:
    return not set(run.projects).isdisjoint(current.projects) or bool(set(run.parents) & set(current.parents))


def _take_in(past: _Past, run: PastRun, current: Report) -> None:
    at = run.taken_at
    snapshot = (at, frozenset(run.projects))
    if snapshot in past.taken_in:  # audited twice
        return
    past.taken_in.add(snapshot)
    past.times.append(at)
    if _has_scope_of(run, current):
        past.trend.append(run.point)
    for key, track in past.tracks.items():
        _follow(track, key, run)
    _remember_reports(past, run)


def _has_scope_of(run: PastRun, current: Report) -> bool:
    if run.parents or current.parents:
        return set(run.parents) == set(current.parents)
    return set(run.projects) == set(current.projects)


def _follow(track: _Track, key: str, run: PastRun) -> None:
    """What one run says of one finding."""
    at = run.taken_at
    found = run.reported.get(key)
    quiet = run.quiet.get(key) if found is None else None
    verdict = found.verdict if found else quiet.verdict if quiet else None
    track.is_looked_for = track.is_looked_for or _looks_for(verdict, track, run)
    if found is not None and found.verdict in track.sightings:
        history = found.history
        track.see(at, history.first_seen if history else None, history.runs_seen if history else 1)
    elif quiet is not None and quiet.verdict in track.sightings:
        track.see(at, quiet.first_seen, quiet.runs_seen)
    elif found is not None and not _clears(run.reach, found):
        return  # called idle by a run that could not tell
    elif _says_that_it_is_not(verdict, track, run):
        track.end(at)


def _looks_for(verdict: Verdict | None, track: _Track, run: PastRun) -> bool:
    """Whether a run would have seen a finding, had it been there as it is now: it lists it, or read its list."""
    if verdict is None:
        return run.reach.covers(track.finding.resource) and _shows_all(track, run)
    return verdict not in _HARMLESS or _clears(run.reach, track.finding)


def _shows_all(track: _Track, run: PastRun) -> bool:
    """Whether no filter of the run's report can have left out a finding."""
    return run.lists_all_quiet if Verdict.IN_USE in track.sightings else run.lists_all_reported


def _says_that_it_is_not(verdict: Verdict | None, track: _Track, run: PastRun) -> bool:
    """Whether a run that has not seen a finding would have: it read the list, and calls it something else."""
    if verdict in _SAYS_NOTHING or not run.reach.covers(track.finding.resource):
        return False
    if verdict is not None:
        return verdict not in _HARMLESS or _clears(run.reach, track.finding)
    return _shows_all(track, run)


def _clears(reach: Reach, finding: Finding) -> bool:
    """Whether a run could tell an idle thing from one that works; everything else does not depend on that."""
    return finding.verdict is not Verdict.IDLE or reach.sees_work(finding)


def _remember_reports(past: _Past, run: PastRun) -> None:
    """Keep what this run reports; forget what it, having read its list, finds harmless or does not find."""
    for key, last in list(past.last_report.items()):
        finding = last.finding
        if key in run.reported or not run.reach.covers(finding.resource):
            continue
        quiet = run.quiet.get(key)
        if quiet is None:
            is_over = run.lists_all_reported
        else:
            is_over = quiet.verdict in _HARMLESS and _clears(run.reach, finding)
        if is_over:
            del past.last_report[key]
    for key, finding in run.reported.items():
        before = past.last_report.get(key)
        if finding.verdict is Verdict.UNKNOWN and before is not None:
            past.last_report[key] = replace(before, at=run.taken_at)
        else:
            is_sure = finding.verdict is not Verdict.UNKNOWN and _clears(run.reach, finding)
            past.last_report[key] = _Reported(finding, run.taken_at, is_sure)


def _history_of(finding: Finding, past: _Past, current: Report, reach: Reach) -> FindingHistory:
    now, track = current.snapshot_taken_at, past.tracks[finding.id]
    if track.runs_seen and track.first_seen is not None:
        return FindingHistory(Novelty.KNOWN, track.first_seen, now, track.runs_seen + 1)
    reported = past.last_report.get(finding.id)
    may_be_idle_still = finding.verdict in _HARMLESS and reported is not None and not _clears(reach, reported.finding)
    may_have_been_seen = any(track.said_at is None or time >= track.said_at for time in past.broken)
    is_told = (
        finding.verdict is not Verdict.UNKNOWN
        and track.is_looked_for
        and reach.covers(finding.resource)
        and _clears(reach, finding)
        and not may_be_idle_still
        and not may_have_been_seen
    )
    return FindingHistory(Novelty.NEW if is_told else None, now, now, 1)


def _gone(current: Report, past: _Past, reach: Reach) -> tuple[Finding, ...]:
    verdicts = {item.id: item.verdict for item in (*current.findings, *current.suppressed)}
    found = []
    for key, last in past.last_report.items():
        verdict = verdicts.get(key)
        # Where a run was not sure and this one finds it harmless, nothing has gone but the doubt.
        is_cleared = verdict in _HARMLESS and last.is_sure and _clears(reach, last.finding)
        if (verdict is None or is_cleared) and reach.covers(last.finding.resource):
            found.append(replace(last.finding, history=_last_history(last.finding, last.at)))
    return tuple(sorted(found, key=by_importance))


def _last_history(finding: Finding, at: datetime) -> FindingHistory:
    """What its own run knew of it: that run was the last to see it."""
    known = finding.history
    if known is None:
        return FindingHistory(Novelty.GONE, at, at, 1)
    return replace(known, novelty=Novelty.GONE, first_seen=min(known.first_seen, at), last_seen=at)
