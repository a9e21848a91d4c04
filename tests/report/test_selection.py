from decimal import Decimal

import pytest

from auditor.model.finding import Verdict
from auditor.report.rows import fold
from auditor.report.selection import Selection, select, unmatched

from . import sample

ALL = tuple(Verdict)


def names(selection: Selection) -> list[str]:
    return [item.resource.name for item in select(sample.report(), selection).findings]


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(), 6),
        (Selection(verdicts=ALL), 9),
        (Selection(verdicts=ALL, projects=("example-prod",)), 9),
        (Selection(verdicts=ALL, projects=("other",)), 0),
        (Selection(verdicts=ALL, regions=("global",)), 1),
        (Selection(verdicts=ALL, regions=("europe-west1",)), 6),
        (Selection(verdicts=ALL, regions=("europe-west1", "global")), 7),
        (Selection(verdicts=ALL, namespaces=("shop",)), 4),
        (Selection(verdicts=ALL, clusters=("prod",)), 1),
        (Selection(verdicts=ALL, clusters=("europe-west1/prod",)), 1),
        (Selection(verdicts=ALL, clusters=("example-prod/europe-west1/prod",)), 1),
        (Selection(verdicts=ALL, clusters=(sample.PROD,)), 1),
        (Selection(verdicts=ALL, clusters=("c8=559aead0",)), 3),
        (Selection(verdicts=ALL, clusters=("staging",), namespaces=("jobs",)), 1),
    ],
)
def test_filters(selection: Selection, count: int) -> None:
    assert len(names(selection)) == count


def test_the_money_filter_takes_a_load_balancer_as_one_thing_and_keeps_the_unknown() -> None:
    shown = select(sample.report(), Selection(min_monthly=Decimal("10.22"))).findings
    assert [item.verdict.value for item in shown] == ["orphaned"] * 3 + ["unused", "unknown"]


def test_parts_without_an_owner_follow_their_load_balancer() -> None:
    rule = sample.findings()[0]
    part = sample.finding(
        sample.name("healthChecks", "hc", "global"),
        Verdict.ORPHANED,
        "part-of-orphan",
        load_balancer=rule.resource,
    )
    report = sample.with_findings(rule, part)
    for selection in (Selection(namespaces=("shop",)), Selection(regions=("europe-west1",))):
        assert select(report, selection).findings == (rule, part)


def test_filters_count_what_they_hide() -> None:
    selected = select(sample.report(), Selection(namespaces=("jobs",)))
    assert (len(selected.findings), selected.filtered_count) == (1, 5)


def test_a_filter_that_nothing_fits_is_said() -> None:
    wrong = Selection(projects=("exmaple-prod",), clusters=("prod", "prdo"), regions=("europe-west1",))
    assert [warning.split(":")[0] for warning in unmatched(sample.report(), wrong)] == [
        "--project exmaple-prod",
        "--cluster prdo",
    ]


def test_rows_keep_the_order_of_the_report_whatever_comes_in() -> None:
    rows = fold(sample.findings())
    assert rows == fold(reversed(sample.findings()))
    assert [row.verdict.value for row in rows] == [
        "orphaned",
        "unused",
        "idle",
        "unknown",
        "in_use",
        "pending",
        "foreign",
    ]


def test_the_root_speaks_for_its_row() -> None:
    row = fold(reversed(sample.findings()[:3]))[0]
    assert row.head.resource == sample.SHOP_RULE
    assert (row.part_count, row.monthly) == (2, Decimal("26.28"))
