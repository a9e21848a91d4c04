"""What report/json.py writes, model/report_document.py reads: the same report, and nothing else than a report."""

import contextlib
import json as standard_json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.finding import Finding, Verdict
from auditor.model.money import Cost
from auditor.model.report import Report
from auditor.model.report_document import NotAReport, read_report
from auditor.report import json
from auditor.report.selection import Selection

from . import hostile, sample

ALL = Selection(verdicts=tuple(Verdict))
REPORTS = {"small": sample.report, "clean": sample.clean, "large": sample.large}


def written(report: Report) -> str:
    return json.render(report, ALL)


def document(report: Report) -> dict:
    return standard_json.loads(written(report))


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_a_report_comes_back_as_it_was(make) -> None:
    assert read_report(document(make())) == make()


def plainly_named(finding: Finding, name: str) -> Finding:
    """Compute's own names are lower-case letters, digits and dashes; all else can hold anything."""
    return replace(finding, resource=replace(finding.resource, name=name))


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_comes_back_and_is_written_the_same_again(text: str) -> None:
    made = hostile.report(text)
    made = replace(
        made,
        findings=tuple(plainly_named(item, "a1") for item in made.findings),
        suppressed=tuple(plainly_named(item, "b2") for item in made.suppressed),
    )
    first = written(made)
    assert written(read_report(standard_json.loads(first))) == first


def test_a_finding_without_a_price_stays_without() -> None:
    (finding, *_) = sample.findings()
    unpriced: Finding = replace(finding, cost=Cost(None, None))
    (read,) = read_report(document(sample.with_findings(unpriced))).findings
    assert read.cost == Cost(None, None)


def test_unknown_keys_are_left_out() -> None:
    known = document(sample.report())
    known["invented_later"] = {"x": 1}
    known["findings"][0]["invented_later"] = True
    assert read_report(known) == sample.report()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.update(schema_version=2), "schema_version is 2"),
        (lambda it: it.pop("summary"), "summary is missing"),
        (lambda it: it.update(findings={}), "wrong form"),
        (lambda it: it["findings"][0].update(resource="projects/p"), "no full resource name"),
        (lambda it: it["findings"][0].update(verdict="doomed"), "doomed"),
        (lambda it: it["findings"][0]["cost"].update(monthly=7.3), "7.3"),
        (lambda it: it["findings"][0]["cost"].update(monthly="NaN"), "NaN"),
        (lambda it: it.update(generated_at="2026-11-22T06:00:00"), "time zone"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(change, said: str) -> None:
    broken = document(sample.report())
    change(broken)
    with pytest.raises(NotAReport, match=said):
        read_report(broken)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SMALL = written(replace(sample.with_findings(*sample.large().findings[:2]), history=sample.large().history))
PATHS = [("summary",), ("coverage", "gaps"), ("findings",), ("findings", 0), ("findings", 0, "cost"), ("history",)]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PATHS), st.sampled_from(["", "monthly", "resource", "trend", "owner", "created_at"]), ANYTHING)
def test_nothing_but_not_a_report_is_raised(path, key, value) -> None:
    broken = standard_json.loads(SMALL)
    place = broken
    for step in path[:-1]:
        place = place[step]
    if key and isinstance(place[path[-1]], dict):
        place[path[-1]][key] = value
    else:
        place[path[-1]] = value
    with contextlib.suppress(NotAReport):
        read_report(broken)
