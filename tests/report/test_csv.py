import csv as standard_csv
import io
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.finding import Owner, Verdict
from auditor.model.report import Report
from auditor.report import csv, text
from auditor.report.selection import Selection

from . import hostile, sample
from .golden import assert_golden

REPO = Path(__file__).resolve().parents[2]
ALL = Selection(verdicts=tuple(Verdict), show_suppressed=True)
DEAR = Selection(min_monthly=Decimal(33), show_suppressed=True)
NUMBERS = frozenset({"age_days", "monthly", "monthly_if_deleted_alone", "runs_seen", "unknown_count"})
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def parsed(written: str) -> list[dict[str, str]]:
    rows = list(standard_csv.reader(io.StringIO(written), strict=True))
    assert all(len(row) == len(rows[0]) for row in rows)
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def named(report: Report, name: str) -> dict[str, str]:
    (row,) = (row for row in parsed(csv.render(report, ALL)) if row["name"] == name and row["kind"] != "targetPools")
    return row


@pytest.mark.parametrize(
    ("name", "report", "selection"),
    [
        ("clean", sample.clean(), Selection()),
        ("small", sample.report(), ALL),
        ("large", sample.large(), DEAR),
    ],
)
def test_golden(name: str, report: Report, selection: Selection) -> None:
    assert_golden(f"csv-{name}.csv", csv.render(report, selection))
    assert_golden(f"csv-{name}.csv.gaps.csv", csv.render_gaps(report))
    assert csv.render(report, selection) == csv.render(report, selection)


def test_every_column_is_documented_in_its_order() -> None:
    page = (REPO / "docs" / "report.md").read_text("utf-8")
    section = page.partition("## CSV")[2].partition("\n## ")[0]
    columns = list(parsed(csv.render(sample.report(), ALL))[0])
    gap_columns = list(parsed(csv.render_gaps(sample.report()))[0])
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    assert [name for line in listed for name in re.findall(r"`(\w+)`", line)] == [*columns, *gap_columns]


def test_one_row_per_finding_with_its_facts() -> None:
    rows = parsed(csv.render(sample.report(), Selection()))
    assert [row["name"] for row in rows] == [item.resource.name for item in sample.findings()[:6]]
    row = named(sample.report(), sample.SHOP_RULE.name)
    assert (row["verdict"], row["monthly"], row["monthly_if_deleted_alone"]) == ("orphaned", "26.28", "0.00")
    assert (row["owner_cluster"], row["owner_live"]) == ("fingerprint:c8=559aead0", "false")
    assert (row["created_at"], row["age_days"]) == ("2026-10-11T06:00:00Z", "42")
    assert row["evidence"].split(csv.SEPARATOR)[1] == (
        "1 cluster is listed, none has this mark (projects/example-prod/container/clusters)"
    )


def test_history_stands_in_columns_that_are_always_there() -> None:
    row = next(row for row in parsed(csv.render(sample.large(), ALL)) if row["novelty"] == "known")
    assert row["first_seen"] < row["last_seen"] == "2026-11-22T06:00:00Z"
    assert int(row["runs_seen"]) > 1
    assert Decimal(row["accrued_since_creation_low"]) <= Decimal(row["accrued_since_creation_high"])
    assert named(sample.report(), "fresh-ip")["novelty"] == ""


def test_money_that_is_not_known_is_an_empty_cell_and_a_negative_amount_a_number() -> None:
    lost = "aff00ff00ff00ff00ff00ff00ff00ff0"
    assert named(sample.report(), lost)["monthly"] == ""
    item = sample.finding(sample.name("addresses", "ip"), Verdict.UNUSED, "address-unused", "1234567.8", alone="-7.3")
    row = named(sample.with_findings(item), "ip")
    assert (row["monthly"], row["monthly_if_deleted_alone"]) == ("1234567.80", "-7.30")


def test_what_is_suppressed_stands_in_it_only_when_asked_for() -> None:
    assert "reserved-for-dr-1" not in csv.render(sample.report(), Selection())
    rows = parsed(csv.render(sample.report(), Selection(show_suppressed=True)))
    assert [row["name"] for row in rows if row["suppression"]] == ["reserved-for-dr-1"]
    assert rows[-1]["suppression"] == "DR failover range, ticket OPS-123 (until 2027-03-31)"


def test_gaps_are_a_table_of_their_own() -> None:
    first, second = parsed(csv.render_gaps(sample.report()))
    assert (first["scope"], first["category"], first["unknown_count"]) == (sample.STAGING_SERVICES, "forbidden", "1")
    assert first["hint"].startswith("gcloud projects add-iam-policy-binding")
    assert second["missing"] == "regions/asia-east1"
    assert csv.render_gaps(sample.clean()).splitlines() == ["scope,status,category,missing,unknown_count,detail,hint"]


def assert_inert(written: str) -> None:
    for row in parsed(written):
        for column, cell in row.items():
            if column not in NUMBERS and not column.startswith("accrued"):
                assert not cell.startswith(STARTS_A_FORMULA), (column, cell)
    # Where the comma is the decimal sign, spreadsheets part the columns at semicolons.
    for cells in standard_csv.reader(io.StringIO(written), delimiter=";"):
        assert not [cell for cell in cells if cell.lstrip(" \"'").startswith(STARTS_A_FORMULA) and cell[:1] != "'"]


@pytest.mark.parametrize("said", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless_and_readable(said: str) -> None:
    for report in (hostile.report(said), hostile.everywhere(said)):
        for written in (csv.render(report, ALL), csv.render_gaps(report)):
            written.encode("utf-8")
            assert not set(written) & hostile.DANGEROUS
            assert written.count("\n") == len(parsed(written)) + 1, "a row was forged"
            assert_inert(written)
        row, hidden = parsed(csv.render(report, ALL))
        shown = text.clean(said, csv.LONGEST_PASSAGE)
        assert row["owner_name"].removeprefix("'") == shown
        assert hidden["suppression"].removeprefix("'") == shown
        assert max(len(cell) for cell in row.values()) <= 32_767


@settings(deadline=None)
@given(st.text("=+-@＝;,|\"'\t\n a", max_size=12))
def test_no_text_becomes_a_formula_or_another_cell(said: str) -> None:
    (item,) = sample.with_findings(sample.findings()[0]).findings
    odd = replace(item, owner=Owner(said, said, said, said, live=False), warnings=(said, said))
    written = csv.render(sample.with_findings(odd), ALL)
    assert len(parsed(written)) == 1
    assert_inert(written)
