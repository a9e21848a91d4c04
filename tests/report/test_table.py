from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.finding import Verdict
from auditor.model.report import Report
from auditor.report import table
from auditor.report.selection import Selection
from auditor.report.table import Layout

from . import hostile, sample
from .golden import assert_golden

ALL = Selection(verdicts=tuple(Verdict), show_suppressed=True)


def rows_of(shown: str) -> list[str]:
    """The lines of the first table."""
    lines = shown.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("----")) + 1
    return lines[first : lines.index("", first)]


@pytest.mark.parametrize(
    ("file_name", "selection", "layout"),
    [
        ("table-piped.txt", Selection(), Layout()),
        ("table-80.txt", Selection(), Layout(width=80)),
        ("table-100.txt", Selection(), Layout(width=100)),
        ("table-all.txt", ALL, Layout(width=120)),
        ("wide.txt", ALL, Layout(is_wide=True)),
    ],
)
def test_golden(file_name: str, selection: Selection, layout: Layout) -> None:
    assert_golden(file_name, table.render(sample.report(), selection, layout))


@pytest.mark.parametrize(("name", "report"), [("clean", sample.clean()), ("large", sample.large())])
def test_golden_of_the_other_reports(name: str, report: Report) -> None:
    assert_golden(f"table-{name}.txt", table.render(report, Selection(), Layout(width=120)))


def test_nothing_found_is_said_with_what_was_not_read() -> None:
    empty = replace(sample.with_findings(), gaps=sample.report().gaps, counts=dict.fromkeys(Verdict, 0))
    shown = table.render(empty, Selection(), Layout())
    assert "Nothing orphaned, unused, idle or unknown in what was read; see below what was not." in shown


def test_one_row_per_load_balancer_with_its_parts_counted() -> None:
    shown = table.render(sample.report(), Selection(), Layout())
    assert [line for line in rows_of(shown) if "shop/web" in line] == [
        "orphaned      26.28   42d  europe-west1  Service shop/web              +2  deleted cluster  203.0.113.7    "
        "cluster-deleted"
    ]


def test_a_load_balancer_with_two_verdicts_has_two_rows() -> None:
    rule, pool = sample.findings()[:2]
    split = sample.with_findings(rule, replace(pool, verdict=Verdict.UNKNOWN, reason="referrer-not-read"))
    assert [line.split()[0] for line in rows_of(table.render(split, Selection(), Layout()))] == ["orphaned", "unknown"]


def test_names_that_look_like_numbers_stay_names() -> None:
    names = ("0012", "1e5", "1_000", "nan", "0x1F")
    items = [sample.finding(sample.name("addresses", name), Verdict.UNUSED, "address-unused", "1.00") for name in names]
    shown = table.render(sample.with_findings(*items), Selection(), Layout())
    for name in names:
        assert f"address {name} " in shown


@given(st.integers(20, 260))
def test_rows_fit_the_terminal_and_keep_verdict_and_money(width: int) -> None:
    report = _with_long_names()
    shown = table.render(report, Selection(), Layout(width=width))
    body = [line for line in rows_of(shown) if not line.startswith("(left out")]
    assert all(len(line) <= max(width, 45) for line in body)  # verdict, money, age and 16 letters are always there
    assert [line.split()[:2] for line in body] == [["orphaned", "1,234,567.89"], ["unused", "10.22"]]


def _with_long_names() -> Report:
    rule = sample.finding(
        sample.name("forwardingRules", "k8s2-fr-" + "a" * 55, "regions/northamerica-northeast1"),
        Verdict.ORPHANED,
        "reserved-address-on-orphan",
        "1234567.89",
        owner=sample.Owner(f"kubeconfig:{'c' * 70}", "Service", "n" * 63, "s" * 63, live=False),
        ip="2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
    )
    address = sample.finding(sample.name("addresses", "b" * 63), Verdict.UNUSED, "address-unused", "10.22")
    return sample.with_findings(rule, address)


def test_piped_and_wide_output_never_shortens() -> None:
    for layout in (Layout(), Layout(is_wide=True)):
        shown = table.render(_with_long_names(), Selection(), layout)
        assert f"Service {'n' * 63}/{'s' * 63}" in shown
        assert "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff" in shown
        assert "…" not in shown


def test_commands_in_the_gap_box_stay_in_one_piece() -> None:
    shown = table.render(sample.report(), Selection(), Layout(width=40))
    assert sample.report().gaps[0].hint in shown


def test_every_gap_is_named_with_what_it_made_unknown() -> None:
    shown = table.render(sample.report(), Selection(verdicts=(Verdict.ORPHANED,)), Layout())
    assert "cluster example-prod/us-central1/staging: services: forbidden. 1 resource is unknown" in shown
    assert "project example-prod: addresses (regions/asia-east1): unreachable. No verdict is unknown" in shown


def test_hidden_verdicts_and_suppressed_ones_are_counted_with_their_money() -> None:
    shown = table.render(sample.report(), Selection(), Layout())
    assert "fresh-ip" not in shown
    assert "reserved-for-dr-1" not in shown
    assert "pending        1          1      10.22  hidden" in shown
    assert "Suppressed: 1 resource, US$10.22 a month" in shown


def test_what_filters_hide_is_counted() -> None:
    shown = table.render(sample.report(), Selection(regions=("us-central1",)), Layout())
    assert "old-newsletter-ip" not in shown
    assert "Hidden by filters: 4 resources." in shown


def test_money_that_is_not_known_is_never_zero() -> None:
    shown = table.render(sample.report(), Selection(), Layout())
    unknown = next(line for line in shown.splitlines() if line.startswith("unknown"))
    assert unknown.split()[1] == "—"
    assert "unknown        1          1          —" in shown


def test_color_only_where_it_is_allowed() -> None:
    plain = table.render(sample.report(), ALL, Layout())
    painted = table.render(sample.report(), ALL, Layout(has_color=True, has_links=True))
    assert "\x1b" not in plain
    assert "\x1b[31morphaned\x1b[0m" in painted
    assert "\x1b]8;;https://console.cloud.google.com/" in painted
    without = painted
    for finding in (*sample.report().findings, *sample.report().suppressed):
        without = without.replace(f"\x1b]8;;{table.text.console_url(finding.resource)}\x1b\\", "")
    without = without.replace("\x1b]8;;\x1b\\", "")
    for code in ("31", "33", "36", "35", "1", "2", "0"):
        without = without.replace(f"\x1b[{code}m", "")
    assert without == plain, "colour must not move a column"


@pytest.mark.parametrize("layout", [Layout(), Layout(width=100), Layout(is_wide=True)], ids=["piped", "100", "wide"])
@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless(text: str, layout: Layout) -> None:
    for report in (hostile.report(text), hostile.everywhere(text)):
        shown = table.render(report, ALL, layout)
        shown.encode("utf-8")
        assert not set(shown) & hostile.DANGEROUS
        assert len(shown) < 40_000
        assert sum(line.startswith(("unknown ", "orphaned ")) for line in shown.splitlines()) == 4, "a row was forged"
