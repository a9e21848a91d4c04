"""What the table and explain say where earlier runs were asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from auditor.model.finding import Finding, Verdict
from auditor.model.history import Accrual, FindingHistory, Novelty, ReportHistory, TrendPoint
from auditor.model.report import Report
from auditor.report import explain, table
from auditor.report.selection import Selection
from auditor.report.sentences import history_sentence
from auditor.report.table import Layout

from . import hostile, sample
from .golden import assert_golden

WEEK = timedelta(days=7)


def with_history() -> Report:
    """The small report, three weeks after the first run: one thing new, one that cannot be told, the rest known."""
    report = sample.report()

    def told(item: Finding) -> Finding:
        novelty, runs = Novelty.KNOWN, 3
        if item.verdict is Verdict.UNKNOWN:
            novelty, runs = None, 1
        elif item.resource.name == "old-newsletter-ip":
            novelty, runs = Novelty.NEW, 1
        first = sample.AS_OF - WEEK * (runs - 1)
        range_of = Accrual(Decimal("0.00"), Decimal("10.08")) if runs == 3 else Accrual(Decimal(0), Decimal(0))
        known = FindingHistory(novelty, first, sample.AS_OF, runs, range_of, Accrual(Decimal(0), Decimal("30.24")))
        return replace(item, history=known)

    lost = sample.finding(
        sample.name("addresses", "released-ip"), Verdict.UNUSED, "address-unused", "10.22", ip="203.0.113.9"
    )
    seen = FindingHistory(Novelty.GONE, sample.AS_OF - WEEK * 2, sample.AS_OF - WEEK, 2)
    none = Decimal("0.00")
    point = TrendPoint(sample.AS_OF, report.summary.saving, none, none, report.summary.total, True)
    return replace(
        report,
        findings=tuple(told(item) for item in report.findings),
        suppressed=tuple(told(item) for item in report.suppressed),
        gone=(replace(lost, history=seen),),
        history=ReportHistory("gs://example-audits/weekly", 2, sample.AS_OF - WEEK * 2, sample.AS_OF - WEEK, (point,)),
    )


@pytest.mark.parametrize(
    ("file_name", "layout"),
    [
        ("history-piped.txt", Layout()),
        ("history-100.txt", Layout(width=100)),
        ("history-wide.txt", Layout(is_wide=True)),
    ],
)
def test_golden_table(file_name: str, layout: Layout) -> None:
    assert_golden(file_name, table.render(with_history(), Selection(), layout))


def test_golden_explanation() -> None:
    report = with_history()
    found = (report.findings[0], report.findings[3], report.findings[5])
    assert_golden("history-explain.txt", explain.render(report, sample.inventory(), found))


def test_without_a_history_nothing_of_it_is_said() -> None:
    report = sample.report()
    shown = table.render(report, Selection(), Layout(is_wide=True))
    assert "Seen" not in shown
    assert "Gone" not in shown
    assert history_sentence(report) == ""
    assert "Earlier runs" not in explain.render(report, sample.inventory(), report.findings)


def test_the_sentence_counts_things_as_the_table_shows_them() -> None:
    assert history_sentence(with_history()) == (
        "1 new, 2 known, 1 not comparable, 1 gone since 2026-11-15 (2 earlier runs in gs://example-audits/weekly)."
    )


def test_a_first_run_calls_nothing_new() -> None:
    report = with_history()
    first = replace(report, history=replace(report.history, runs=0, since=None, previous=None), gone=())
    assert history_sentence(first).startswith("No earlier run of this scope in gs://example-audits/weekly")


def test_many_gone_things_are_counted() -> None:
    report = with_history()
    (lost,) = report.gone
    many = tuple(replace(lost, resource=replace(lost.resource, name=f"ip-{number}")) for number in range(20))
    shown = table.render(replace(report, gone=many), Selection(), Layout())
    assert "… and 12 more: see --format wide" in shown
    assert "ip-19" in table.render(replace(report, gone=many), Selection(), Layout(is_wide=True))


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless(text: str) -> None:
    report = hostile.report(text)
    known = with_history()
    seen = known.gone[0].history
    report = replace(
        report,
        history=replace(known.history, source=text),
        gone=tuple(replace(item, history=seen) for item in report.findings),
        findings=tuple(replace(item, history=seen) for item in report.findings),
    )
    for layout in (Layout(), Layout(is_wide=True), Layout(width=80)):
        shown = table.render(report, Selection(), layout)
        shown.encode("utf-8")
        assert not set(shown) & hostile.DANGEROUS
    shown = explain.render(report, sample.inventory(), report.findings)
    assert not set(shown) & hostile.DANGEROUS
