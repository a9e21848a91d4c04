from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest

from auditor.history.difference import difference
from auditor.model.difference import Difference
from auditor.model.finding import Finding, Verdict
from auditor.model.report import Gap
from auditor.report import diff

from . import hostile, sample
from .golden import assert_golden

WEEK = timedelta(days=7)
RENDERERS = {"table": diff.render_table, "markdown": diff.render_markdown}


def found() -> Difference:
    """Something new, gone and changed, and something that cannot be compared."""
    new = sample.report()
    shop, idle = new.findings[0], new.findings[4]
    before: list[Finding] = [
        replace(item, verdict=Verdict.PENDING) if item.load_balancer == shop.load_balancer else item
        for item in new.findings
        if item.resource != idle.resource and item.verdict is not Verdict.UNKNOWN
    ]
    before += [
        sample.finding(sample.name("addresses", "released-ip"), Verdict.UNUSED, "address-unused", "10.22"),
        sample.finding(
            sample.name("addresses", "lost-ip", "regions/asia-east1"), Verdict.UNUSED, "address-unused", None
        ),
    ]
    old = sample._report(before, [])
    rules = Gap(f"projects/{sample.PROJECT}/compute/forwardingRules", "partial", "unreachable", "", "", ("regions/x",))
    old = replace(old, snapshot_taken_at=sample.AS_OF - WEEK, gaps=(rules,))
    return difference(old, new, "monday.json", "snapshots/today.tar.gz")


@pytest.mark.parametrize("kind", RENDERERS)
def test_golden(kind: str) -> None:
    suffix = {"table": "txt", "markdown": "md"}[kind]
    assert_golden(f"diff.{suffix}", RENDERERS[kind](found()))


def test_golden_json() -> None:
    assert_golden("diff.json", diff.render_json(found()))


def test_json_says_what_the_difference_says() -> None:
    document = orjson.loads(diff.render_json(found()))
    assert [item["name"] for item in document["gone"]] == ["released-ip"]
    assert [(item["finding"]["name"], item["only_in"]) for item in document["not_compared"]] == [("lost-ip", "old")]
    assert {item["old"]["verdict"] for item in document["changed"]} == {"pending"}
    assert document["new"]["monthly"]["saving"] == f"{sample.report().summary.saving:.2f}"


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_nothing_differs(render: Callable[[Difference], str]) -> None:
    report = sample.clean()
    shown = render(difference(report, report, "a", "b"))
    assert "Nothing orphaned, unused, idle or unknown differs." in shown
    assert "New:" not in shown


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_an_amount_that_is_not_known_is_no_zero(render: Callable[[Difference], str]) -> None:
    item = sample.finding(sample.name("addresses", "x"), Verdict.UNUSED, "address-unused", None)
    shown = render(difference(sample.clean(), sample.with_findings(item, base=_counted(item)), "a", "b"))
    line = next(line for line in shown.splitlines() if "address x" in line)
    assert "—" in line
    assert "0.00" not in line


def _counted(*items: Finding) -> object:
    return sample._report(items, [])


@pytest.mark.parametrize("render", [*RENDERERS.values(), diff.render_json], ids=[*RENDERERS, "json"])
@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless(text: str, render: Callable[[Difference], str]) -> None:
    new = hostile.report(text)
    everything = [*new.findings, *new.suppressed]
    new = replace(new, counts={verdict: sum(item.verdict is verdict for item in everything) for verdict in Verdict})
    unread = replace(new, findings=(), suppressed=(), gaps=(), counts={}, projects=(text,))
    away = replace(new, findings=(), suppressed=(), gaps=(), counts={})
    changed = replace(new, findings=tuple(replace(item, verdict=Verdict.IDLE) for item in new.findings))
    for old in (unread, away, changed):
        shown = render(difference(old, new, text, text))
        shown.encode("utf-8")
        assert not set(shown) & hostile.DANGEROUS
        if render is not diff.render_json:
            assert max(len(line) for line in shown.splitlines()) < 5000


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_markdown_keeps_what_others_wrote_in_code_spans(text: str) -> None:
    """Outside of code spans stand only our own words: no link, no HTML, no bar that breaks a row."""
    new = hostile.report(text)
    old = replace(new, findings=(), suppressed=(), gaps=(), counts={})
    shown = diff.render_markdown(difference(old, replace(new, counts={Verdict.UNKNOWN: 2}), text, text))
    for line in shown.splitlines():
        pieces = line.split("`")
        assert len(pieces) % 2 == 1, "every code span is closed"
        outside = "".join(pieces[::2])
        assert not set(outside) & set("<>[]!@#\\{}") - set("#"), outside
        if line.startswith("| ") and "`" in line:
            assert outside.count("|") == 7 if "unknown" in outside else True
            assert all("|" not in piece.replace("\\|", "") for piece in pieces[1::2])


def test_more_and_less_are_told_apart() -> None:
    one = sample.report()
    cheaper = replace(one, summary=replace(one.summary, saving=one.summary.saving - Decimal(5)))
    assert "save US$5.00 less a month" in diff.render_table(difference(one, cheaper, "a", "b"))
    assert "save US$5.00 more a month" in diff.render_table(difference(cheaper, one, "a", "b"))
