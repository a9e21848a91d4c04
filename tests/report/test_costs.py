from decimal import Decimal

import pytest

from auditor.data.tables import load_prices
from auditor.model.breakdown import Grouping, break_down, headings, total_row
from auditor.model.money import HOURS_PER_MONTH
from auditor.report import costs, prices

from . import hostile, sample
from .golden import assert_golden


def render(by: Grouping) -> str:
    report = sample.report()
    groups = break_down((*report.findings, *report.suppressed), by)
    return costs.render(report, headings(by), groups, total_row(groups))


@pytest.mark.parametrize("by", list(Grouping))
def test_golden(by: Grouping) -> None:
    assert_golden(f"costs-{by.value}.txt", render(by))


@pytest.mark.parametrize("by", list(Grouping))
def test_every_grouping_adds_up_to_the_total_of_the_report(by: Grouping) -> None:
    last = next(line for line in render(by).splitlines() if line.startswith("all "))
    assert f"{sample.report().summary.total:,.2f}" in last.split()


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless(text: str) -> None:
    report = hostile.report(text)
    groups = break_down((*report.findings, *report.suppressed), Grouping.OWNER)
    shown = costs.render(report, headings(Grouping.OWNER), groups, total_row(groups))
    shown.encode("utf-8")
    assert not set(shown) & hostile.DANGEROUS


def test_every_price_is_listed_and_no_unknown_one_is_zero() -> None:
    table = load_prices()
    lines = prices.render(table).splitlines()
    for price in table.prices.values():
        line = next(line for line in lines if line.split()[:2] == [price.key, price.region or "everywhere"])
        hourly, monthly = line.split()[2:4]
        if price.hourly is None:
            assert (hourly, monthly) == ("—", "—")
        else:
            assert Decimal(hourly) == price.hourly
            exact = price.hourly * HOURS_PER_MONTH * price.minimum_units
            assert abs(Decimal(monthly.replace(",", "")) - exact) <= Decimal("0.005")
