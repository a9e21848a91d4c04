"""docs/report.md, History: each sentence once as an example, and all of them together against random pasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report import sample

from auditor.history.compare import BrokenRun, OlderRuns, compare
from auditor.history.past import reach_of, read_past
from auditor.model.finding import WASTE, Evidence, Verdict
from auditor.model.history import Novelty
from auditor.model.names import ResourceName
from auditor.model.report import BLIND_TO_IDLE, Gap, Report
from auditor.model.report_document import NotAReport
from auditor.report.selection import Selection

from .telling import at, document, found, gap, gone, named, past, run, told

PLACE = "gs://audits/weekly"


def compared(current: Report, *earlier: Report) -> Report:
    return compare(current, [past(report) for report in earlier], PLACE)


def test_what_no_run_has_seen_is_new_and_what_one_has_is_known() -> None:
    now = run(3, {"a": "orphaned", "b": "unused", "c": "orphaned"})
    report = compared(now, run(1, {"a": "orphaned", "c": "in_use"}), run(2, {"a": "unused", "c": "in_use"}))
    assert told(report, "a") == ("known", 1, 3)
    assert told(report, "b") == ("new", 3, 1)
    assert told(report, "c") == ("new", 3, 1)
    assert report.history.runs == 2
    assert (report.history.since, report.history.previous) == (at(1), at(2))
    assert report.history.source == PLACE


def test_without_an_earlier_run_nothing_is_new() -> None:
    report = compared(run(1, {"a": "orphaned"}))
    assert told(report) == (None, 1, 1)
    assert report.history.runs == 0
    assert report.history.previous is None
    assert [point.at for point in report.history.trend] == [at(1)]


def test_a_streak_ends_where_a_run_looked_and_did_not_see_it() -> None:
    seen, away = {"a": "orphaned"}, {}
    assert told(compared(run(4, seen), run(1, seen), run(2, away), run(3, seen))) == ("known", 3, 2)
    assert told(compared(run(4, seen), run(1, seen), run(2, seen), run(3, away))) == ("new", 4, 1)
    assert told(compared(run(4, seen), run(1, seen), run(2, {"a": "in_use"}), run(3, seen))) == ("known", 3, 2)


@pytest.mark.parametrize(
    "silent",
    [
        run(2, {}, gaps=[gap()]),
        run(2, {}, gaps=[gap(status="partial")]),
        run(2, {}, gaps=[gap("p", "regions/us-central1", status="partial")]),
        run(2, {"a": "unknown"}),
        run(2, {"a": "pending"}),
        run(2, {"b": "orphaned"}, projects=("q",)),
    ],
    ids=["failed", "partial", "place missing", "unknown", "pending", "other project"],
)
def test_a_run_that_says_nothing_neither_counts_nor_ends_a_streak(silent: Report) -> None:
    seen = {"a": "orphaned"}
    assert told(compared(run(3, seen), run(1, seen), silent)) == ("known", 1, 2)
    report = compared(run(3, {}), run(1, seen), silent)
    assert gone(report) == {"a"}


def test_a_place_that_is_not_missing_was_read() -> None:
    elsewhere = run(2, {}, gaps=[gap("p", "regions/asia-east1", status="partial")])
    assert told(compared(run(3, {"a": "orphaned"}), run(1, {"a": "orphaned"}), elsewhere)) == ("new", 3, 1)


@pytest.mark.parametrize(
    "gaps", [[gap()], [gap(status="partial")], [gap("p", "regions/us-central1", status="partial")]]
)
def test_what_was_not_read_this_time_is_neither_new_nor_gone(gaps: Sequence[Gap]) -> None:
    earlier = run(1, {"a": "orphaned"})
    report = compared(run(2, {"b": "orphaned"}, gaps=gaps), earlier)
    assert gone(report) == set()
    assert told(report, "b")[0] is None
    assert gone(compared(run(2, {}, projects=("q", "p")), earlier)) == {"a"}
    assert gone(compared(run(2, {}, projects=("q",)), run(1, {"a": "orphaned"}, projects=("p", "q")))) == set()


@pytest.mark.parametrize("verdict", ["unknown", "pending"])
def test_what_cannot_be_told_now_is_not_gone(verdict: str) -> None:
    assert gone(compared(run(2, {"a": verdict}), run(1, {"a": "orphaned"}))) == set()


@pytest.mark.parametrize("verdict", ["in_use", "foreign"])
def test_what_is_harmless_now_is_gone(verdict: str) -> None:
    report = compared(run(3, {"a": verdict}), run(1, {"a": "orphaned"}), run(2, {"a": "orphaned"}))
    assert gone(report) == {"a"}
    (finding,) = report.gone
    assert finding.verdict is Verdict.ORPHANED
    assert finding.history.novelty is Novelty.GONE
    assert finding.history.last_seen == at(2)


def test_a_doubt_that_is_cleared_is_not_gone() -> None:
    assert gone(compared(run(2, {"a": "in_use"}), run(1, {"a": "unknown"}))) == set()
    assert gone(compared(run(2, {}), run(1, {"a": "unknown"}))) == {"a"}
    report = compared(run(3, {"a": "in_use"}), run(1, {"a": "orphaned"}), run(2, {"a": "unknown"}))
    (finding,) = report.gone
    assert finding.verdict is Verdict.ORPHANED, "as the last run has it that was sure"
    assert finding.history.last_seen == at(2)


CLUSTER = "clusters/p/us-central1/shop"


def _about_cluster(report: Report) -> Report:
    evidence = (Evidence("There is no ready endpoint behind Service a.", f"{CLUSTER}/endpointslices"),)
    return replace(report, findings=tuple(replace(item, evidence=evidence) for item in report.findings))


@pytest.mark.parametrize(
    "blind",
    [
        {"gaps": (Gap(f"{CLUSTER}/endpointslices", "failed", "forbidden", "", ""),)},
        {"gaps": (Gap(f"{CLUSTER}/httproutes", "partial", "timeout", "", ""),)},
        {"notes": (f"{BLIND_TO_IDLE}: no EndpointSlices of p/us-central1/shop.",)},
    ],
)
def test_idle_that_nobody_looked_at_is_neither_gone_nor_new(blind: dict[str, Any]) -> None:
    """Without a look at its endpoints an idle load balancer is called in use."""
    first = _about_cluster(run(1, {"a": "idle"}))
    unseen = replace(_about_cluster(run(2, {"a": "in_use"})), **blind)
    report = compared(unseen, first)
    assert gone(report) == set()
    assert told(report)[0] is None
    assert told(compared(_about_cluster(run(3, {"a": "idle"})), first, unseen)) == ("known", 1, 2)
    assert gone(compared(run(3, {"a": "in_use"}), first, unseen)) == {"a"}
    elsewhere = replace(unseen, gaps=(Gap("clusters/p/us-central1/other/services", "failed", "", "", ""),), notes=())
    assert gone(compared(elsewhere, first)) == {"a"}


def test_gone_is_told_once() -> None:
    first = run(1, {"a": "orphaned"})
    second = compared(run(2, {}), first)
    assert gone(second) == {"a"}
    assert gone(compared(run(3, {}), first, second)) == set()


def test_unknown_is_known_after_waste_but_never_new() -> None:
    assert told(compared(run(3, {"a": "unknown"}), run(1, {"a": "orphaned"}), run(2, {"a": "idle"}))) == ("known", 1, 3)
    assert told(compared(run(3, {"a": "unknown"}), run(2, {}))) == (None, 3, 1)


def test_proof_of_what_was_unknown_is_new() -> None:
    assert told(compared(run(2, {"a": "orphaned"}), run(1, {"a": "unknown"}))) == ("new", 2, 1)


def test_a_project_that_nobody_audited_before_tells_nothing() -> None:
    there = named("a", "q")
    report = compared(run(2, {there: "orphaned"}, projects=("p", "q")), run(1, {}))
    assert told(report, there) == (None, 2, 1)


@pytest.mark.parametrize(
    "gaps", [[gap()], [gap(status="partial")], [gap("p", "regions/us-central1", status="partial")]]
)
def test_a_list_that_nobody_could_read_before_tells_nothing(gaps: Sequence[Gap]) -> None:
    """Else the first run with a new permission would call everything new that is there for years."""
    seen, unread = {"a": "orphaned"}, run(2, {}, gaps=gaps)
    assert told(compared(run(3, seen), unread)) == (None, 3, 1)
    assert told(compared(run(3, seen), run(1, {}), unread)) == ("new", 3, 1), "one run has looked for it"


def test_what_was_not_looked_at_before_is_not_new_for_being_idle() -> None:
    blind = replace(
        _about_cluster(run(2, {"a": "in_use"})), gaps=(Gap(f"{CLUSTER}/endpointslices", "failed", "forbidden", "", ""),)
    )
    idle = _about_cluster(run(3, {"a": "idle"}))
    assert told(compared(idle, blind)) == (None, 3, 1)
    assert told(compared(idle, _about_cluster(run(1, {"a": "in_use"})), blind)) == ("new", 3, 1)


def test_a_name_made_again_is_a_new_thing() -> None:
    before = run(1, {"a": "orphaned"})
    now = run(2, {"a": "orphaned"})
    again = replace(now, findings=tuple(replace(item, created_at=at(1) + timedelta(hours=3)) for item in now.findings))
    report = compared(again, before)
    assert told(report) == ("new", 2, 1)
    assert gone(report) == {"a"}


def test_runs_that_are_not_earlier_or_doubled_do_not_count() -> None:
    seen = {"a": "orphaned"}
    report = compared(run(3, seen), run(1, seen), run(1, seen), run(3, seen), run(4, {}))
    assert told(report) == ("known", 1, 2)
    assert report.history.runs == 1


def test_suppressed_findings_have_a_history_too() -> None:
    report = compared(run(2, {"a": "orphaned"}, suppressed=True), run(1, {"a": "orphaned"}, suppressed=True))
    assert told(report) == ("known", 1, 2)
    assert gone(compared(run(2, {}), run(1, {"a": "orphaned"}, suppressed=True))) == {"a"}


def test_a_broken_run_may_have_seen_anything() -> None:
    now, first = run(3, {"a": "orphaned"}), run(1, {})
    assert told(compare(now, [past(first), BrokenRun(at(2))], PLACE)) == (None, 3, 1)
    assert told(compare(now, [BrokenRun(at(0)), past(first)], PLACE)) == ("new", 3, 1)
    seen = past(run(1, {"a": "orphaned"}))
    assert told(compare(now, [seen, BrokenRun(at(2))], PLACE)) == ("known", 1, 2)
    assert told(compare(now, [BrokenRun(at(2))], PLACE)) == (None, 3, 1)


def test_the_oldest_run_that_is_read_passes_on_what_it_knew() -> None:
    seen = {"a": "orphaned"}
    second = compared(run(2, seen), run(1, seen))
    third = compared(run(3, seen), run(1, seen), second)
    report = compare(run(4, seen), [past(third)], PLACE, OlderRuns(2, at(1)))
    assert told(report) == ("known", 1, 4)
    assert report.history.runs == 3
    assert report.history.since == at(1)


def test_a_filtered_baseline_does_not_make_the_rest_new() -> None:
    whole = run(1, {"a": "orphaned", "b": "unused"})
    filtered = past(whole, Selection(regions=("europe-west1",)))
    report = compare(run(2, {"a": "orphaned", "c": "orphaned"}), [filtered], "baseline.json")
    assert not filtered.lists_all_reported
    assert gone(report) == set()
    assert [told(report, name)[0] for name in ("a", "c")] == [None, None]
    shown = past(whole, Selection())
    assert shown.lists_all_reported
    assert gone(compare(run(2, {}), [shown], "baseline.json")) == {"a", "b"}


def test_the_trend_is_that_of_runs_of_the_same_scope() -> None:
    report = compared(
        run(4, {"a": "orphaned"}),
        run(1, {"a": "orphaned", "b": "unused"}, gaps=[gap()]),
        run(2, {"a": "orphaned"}, projects=("p", "q")),
        run(3, {"a": "idle"}),
    )
    assert [(point.at, point.saving, point.idle, point.is_partial) for point in report.history.trend] == [
        (at(1), Decimal("14.60"), Decimal(0), True),
        (at(3), Decimal(0), Decimal("7.30"), False),
        (at(4), Decimal("7.30"), Decimal(0), False),
    ]


def test_nothing_else_of_the_report_changes() -> None:
    now = sample.report()
    report = compared(now, replace(now, snapshot_taken_at=at(-7)))
    bare = replace(
        report,
        history=None,
        gone=(),
        findings=tuple(replace(item, history=None) for item in report.findings),
        suppressed=tuple(replace(item, history=None) for item in report.suppressed),
    )
    assert bare == now


# Random pasts

_NAMES = tuple(
    named(name, project, region)
    for name in ("a", "b")
    for project in ("p", "q")
    for region in ("us-central1", "asia-east1")
)
_GAPS = {
    "failed": lambda project: [gap(project)],
    "partial": lambda project: [gap(project, status="partial")],
    "asia": lambda project: [gap(project, "regions/asia-east1", status="partial")],
}


@st.composite
def runs(draw: st.DrawFn, day: int, *, with_gaps: bool = True) -> Report:
    """Without gaps every run says something of everything."""
    projects = draw(st.sampled_from([("p",), ("q",), ("p", "q"), ("p", "q")])) if with_gaps else ("p", "q")
    allowed = [verdict for verdict in Verdict if with_gaps or verdict not in (Verdict.UNKNOWN, Verdict.PENDING)]
    gaps = {}
    for project in projects:
        kind = draw(st.sampled_from(["", "", *_GAPS])) if with_gaps else ""
        if kind:
            gaps[project] = kind
    verdicts = {}
    for name in _NAMES:
        verdict = draw(st.sampled_from(["", Verdict.ORPHANED, Verdict.ORPHANED, *allowed]))
        kind = gaps.get(name.project)
        is_listed = name.project in projects and kind != "failed" and not (kind == "asia" and "asia" in name.scope)
        if verdict and is_listed:
            verdicts[name] = str(verdict)
    return run(
        day, verdicts, projects=projects, gaps=[item for project, kind in gaps.items() for item in _GAPS[kind](project)]
    )


@st.composite
def pasts(draw: st.DrawFn, *, with_gaps: bool = True) -> list[Report]:
    """The runs from the oldest to the current one."""
    return [draw(runs(day, with_gaps=with_gaps)) for day in range(draw(st.integers(1, 6)))]


@dataclass(frozen=True)
class Oracle:
    """The text of docs/report.md, run by run backwards, without any of the bookkeeping of `compare`."""

    earlier: list[Report]
    current: Report

    def verdict(self, report: Report, name: ResourceName) -> Verdict | None:
        return next((item.verdict for item in report.findings if item.resource == name), None)

    def read(self, report: Report, name: ResourceName) -> bool:
        if name.project not in report.projects:
            return False
        gaps = [item for item in report.gaps if f"projects/{name.project}/" in item.scope]
        return all(item.status == "partial" and item.missing and name.scope not in item.missing for item in gaps)

    def has_seen(self, report: Report, name: ResourceName) -> bool:
        then, now = self.verdict(report, name), self.verdict(self.current, name)
        if then is None:
            return False
        if now is Verdict.UNKNOWN:
            return then in WASTE | {Verdict.IDLE, Verdict.UNKNOWN}
        classes = (WASTE, {Verdict.IDLE}, {Verdict.IN_USE, Verdict.PENDING, Verdict.FOREIGN})
        return any(then in group and now in group for group in classes)

    def says_nothing(self, report: Report, name: ResourceName) -> bool:
        return not self.read(report, name) or self.verdict(report, name) in (Verdict.UNKNOWN, Verdict.PENDING)

    def looks_for(self, report: Report, name: ResourceName) -> bool:
        return self.verdict(report, name) is not None or self.read(report, name)

    def streak(self, name: ResourceName) -> list[Report]:
        found = []
        for report in reversed(self.earlier):
            if self.has_seen(report, name):
                found.append(report)
            elif not self.says_nothing(report, name):
                break
        return found

    def told(self, name: ResourceName) -> tuple[str | None, int, int]:
        today = (self.current.snapshot_taken_at - sample.AS_OF) // timedelta(days=1)
        streak = self.streak(name)
        if streak:
            return "known", (streak[-1].snapshot_taken_at - sample.AS_OF) // timedelta(days=1), len(streak) + 1
        cannot_tell = (
            self.verdict(self.current, name) is Verdict.UNKNOWN
            or not self.read(self.current, name)
            or not any(self.looks_for(report, name) for report in self.earlier)
        )
        return (None if cannot_tell else "new"), today, 1

    def gone(self) -> set[ResourceName]:
        return {name for name in _NAMES if self.is_gone(name)}

    def is_gone(self, name: ResourceName) -> bool:
        now = self.verdict(self.current, name)
        if now not in (None, Verdict.IN_USE, Verdict.FOREIGN) or not self.read(self.current, name):
            return False
        reported = set()
        for report in reversed(self.earlier):
            verdict = self.verdict(report, name)
            if verdict in WASTE | {Verdict.IDLE, Verdict.UNKNOWN}:
                reported.add(verdict)
            elif self.read(report, name) and verdict is not Verdict.PENDING:
                break
        return bool(reported if now is None else reported - {Verdict.UNKNOWN})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pasts())
def test_any_past_is_told_as_the_text_says(reports: list[Report]) -> None:
    *earlier, current = reports
    report = compared(current, *earlier)
    oracle = Oracle([item for item in earlier if set(item.projects) & set(current.projects)], current)
    for finding in current.findings:
        assert told(report, finding.resource) == oracle.told(finding.resource)
    assert {finding.resource for finding in report.gone} == oracle.gone()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pasts())
def test_nothing_is_new_or_gone_that_stands_in_a_gap(reports: list[Report]) -> None:
    *earlier, current = reports
    report = compared(current, *earlier)
    reach = reach_of(current)
    assert all(reach.covers(finding.resource) for finding in report.gone)
    for finding in report.findings:
        assert finding.history.novelty is not Novelty.NEW or reach.covers(finding.resource)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pasts(with_gaps=False), st.integers(1, 3))
def test_few_runs_are_enough_where_nothing_was_missing(reports: list[Report], window: int) -> None:
    """Each run passes on what it knew: the last ones tell the same as all of them."""
    kept: list[Report] = []
    for current in reports:
        whole = compared(current, *reports[: len(kept)])
        few = compare(current, [past(report) for report in kept[-window:]], PLACE)
        for finding in current.findings:
            assert found(few, finding.resource).history == found(whole, finding.resource).history
        assert gone(few) == gone(whole)
        kept.append(few)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pasts())
def test_the_order_of_findings_does_not_matter(reports: list[Report]) -> None:
    *earlier, current = reports
    turned = replace(current, findings=current.findings[::-1])
    one, other = compared(current, *earlier), compared(turned, *earlier)
    assert one.findings == other.findings[::-1]
    assert one.gone == other.gone


# Reading


def test_an_earlier_run_is_read_as_it_was_written() -> None:
    report = sample.large()
    read = past(report)
    everything = (*report.findings, *report.suppressed)
    assert read.taken_at == report.snapshot_taken_at
    assert set(read.reported) | set(read.quiet) == {finding.id for finding in everything}
    for finding in everything:
        if finding.id in read.reported:
            assert read.reported[finding.id].verdict is finding.verdict
        else:
            quiet = read.quiet[finding.id]
            assert quiet.verdict is finding.verdict
            assert (quiet.first_seen, quiet.runs_seen) == (finding.history.first_seen, finding.history.runs_seen)
    assert read.lists_all_reported
    assert read.lists_all_quiet


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["findings", "counts", "coverage", "snapshot_taken_at", "scope", "summary", "schema_version"]),
    st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.none()), st.just({}), st.just([{}])),
)
def test_what_is_no_report_is_said_to_be_none(key: str, value: object) -> None:
    damaged = {**document(run(1, {"a": "orphaned", "b": "in_use"})), key: value}
    try:
        read_past(damaged)
    except NotAReport:
        return
    assert key in ("findings", "counts"), "everything else is needed"


@pytest.mark.parametrize("value", [None, 1, "x", [], [1]])
def test_no_object_is_no_report(value: object) -> None:
    with pytest.raises(NotAReport):
        read_past(value)


def test_a_quiet_finding_of_the_wrong_form_is_no_report() -> None:
    whole = document(run(1, {"b": "in_use"}))
    for change in ({"id": None, "verdict": 3}, {"history": 7}, {"history": {"first_seen": "x", "runs_seen": 1}}):
        item = {**whole["findings"][0], **change}
        with pytest.raises(NotAReport):
            read_past({**whole, "findings": [item]})
