from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report import sample

from auditor.history.difference import difference
from auditor.history.past import REPORTED, reach_of
from auditor.model.difference import Difference
from auditor.model.finding import Verdict
from auditor.model.report import BLIND_TO_IDLE, Report

from .telling import gap, named, run
from .test_compare import pasts


def differ(old: Report, new: Report) -> Difference:
    return difference(old, new, "old.json", "new.json")


def names(findings: object) -> set[str]:
    return {finding.resource.name for finding in findings}


def test_new_gone_and_changed() -> None:
    found = differ(
        run(1, {"a": "orphaned", "b": "orphaned", "c": "in_use", "d": "pending", "e": "idle"}),
        run(2, {"a": "orphaned", "c": "orphaned", "d": "in_use", "e": "in_use", "f": "unused", "g": "in_use"}),
    )
    assert names(found.appeared) == {"f"}
    assert names(found.gone) == {"b"}
    assert {(item.new.resource.name, item.old.verdict.value, item.new.verdict.value) for item in found.changed} == {
        ("c", "in_use", "orphaned"),
        ("e", "idle", "in_use"),
    }
    assert found.incomparable == ()
    assert (found.old.name, found.new.name) == ("old.json", "new.json")


def test_a_report_does_not_differ_from_itself() -> None:
    for report in (sample.report(), sample.clean(), sample.large()):
        assert differ(report, report).is_empty


def test_suppressing_is_no_difference() -> None:
    assert differ(run(1, {"a": "orphaned"}), run(2, {"a": "orphaned"}, suppressed=True)).is_empty


@pytest.mark.parametrize(
    ("unread", "reason"),
    [
        (run(2, {}, gaps=[gap()]), "projects/p/compute/addresses was not read in full"),
        (run(2, {}, projects=("q",)), "project p was not audited"),
    ],
)
def test_what_was_not_read_cannot_be_compared(unread: Report, reason: str) -> None:
    whole = run(1, {"a": "orphaned", "b": "in_use"})
    for found, is_in_new in ((differ(whole, unread), False), (differ(unread, whole), True)):
        assert not found.gone
        assert not found.appeared
        assert [(item.finding.resource.name, item.is_in_new, item.reason) for item in found.incomparable] == [
            ("a", is_in_new, reason)
        ]


def test_idle_that_nobody_looked_at_cannot_be_compared() -> None:
    idle, unseen = (
        run(1, {"a": "idle"}),
        replace(run(2, {"a": "in_use"}), notes=(f"{BLIND_TO_IDLE}: no EndpointSlices.",)),
    )
    for found, is_in_new in ((differ(idle, unseen), False), (differ(unseen, idle), True)):
        (item,) = found.incomparable
        assert (item.finding.verdict, item.is_in_new) == (Verdict.IDLE, is_in_new)
        assert "nobody could look" in item.reason
        assert not found.changed
    assert len(differ(idle, run(2, {"a": "in_use"})).changed) == 1


def test_a_filtered_report_does_not_say_what_is_not_there() -> None:
    whole = run(1, {"a": "orphaned", "b": "orphaned"})
    filtered = replace(whole, findings=whole.findings[:1])
    (item,) = differ(filtered, whole).incomparable
    assert "filters" in item.reason


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pasts(), st.randoms())
def test_the_difference_turned_round_is_the_other_way_round(reports: list[Report], random: object) -> None:
    old, new = random.choice(reports), random.choice(reports)
    there, back = differ(old, new), differ(new, old)
    assert names(there.appeared) == names(back.gone)
    assert names(there.gone) == names(back.appeared)
    assert {(item.old.id, item.new.id) for item in there.changed} == {
        (item.new.id, item.old.id) for item in back.changed
    }
    assert {item.finding.id for item in there.incomparable} == {item.finding.id for item in back.incomparable}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pasts(), st.randoms())
def test_every_finding_that_differs_is_told_once(reports: list[Report], random: object) -> None:
    old, new = random.choice(reports), random.choice(reports)
    found = differ(old, new)
    before = {item.id: item.verdict for item in old.findings}
    after = {item.id: item.verdict for item in new.findings}
    expected = {
        key
        for key in before.keys() | after.keys()
        if before.get(key) is not after.get(key) and REPORTED & {before.get(key), after.get(key)}
    }
    told = [
        *(item.id for item in (*found.appeared, *found.gone)),
        *(item.new.id for item in found.changed),
        *(item.finding.id for item in found.incomparable),
    ]
    assert sorted(told) == sorted(expected)
    assert all(reach_of(new).covers(item.resource) for item in found.gone)
    assert all(reach_of(old).covers(item.resource) for item in found.appeared)


def test_the_order_is_that_of_reports() -> None:
    found = differ(run(1, {}), run(2, {"z": "unused", "b": "orphaned", "a": "orphaned", "u": "unknown"}))
    assert [item.resource.name for item in found.appeared] == ["a", "b", "z", "u"]
    assert found.new.counts[Verdict.ORPHANED] == 2
    assert named("a") in {item.resource for item in found.appeared}
