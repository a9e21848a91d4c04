"""The mail's subject, text and HTML: whole, from the three reports; small, inert and the same in both forms."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.finding import WASTE, Verdict
from auditor.model.history import FindingHistory, Novelty
from auditor.model.letter import Letter, Picture
from auditor.model.report import Report
from auditor.report import email
from auditor.report.digest import subject
from auditor.report.email import LARGEST_HTML, WIDTH, compose
from auditor.report.selection import Selection

from . import hostile, sample
from .golden import assert_golden

REPORTS = {"clean": sample.clean, "small": sample.report, "large": sample.large}
TREND = Picture("trend", b"\x89PNG", "Over 13 runs from 2026-08-30 to 2026-11-22 it went up.")
FILES = ("findings.csv", "findings.csv.gaps.csv", "report.html", "report.json.gz")


def letter_on(report: Report, selection: Selection | None = None) -> Letter:
    trend = TREND if report.history else None
    return compose(report, selection or Selection(), attached=FILES, trend=trend)


@pytest.mark.parametrize("name", REPORTS)
def test_golden(name: str) -> None:
    letter = letter_on(REPORTS[name]())
    assert_golden(f"mail-{name}.txt", f"Subject: {letter.subject}\n\n{letter.text}")
    assert_golden(f"mail-{name}.html", letter.html)


# The subject


def with_novelty(novelty: Novelty | None, *verdicts: Verdict) -> Report:
    """One address or rule for each verdict, each of US$ 7.30."""
    items = []
    for number, verdict in enumerate(verdicts):
        kind = "addresses" if verdict is Verdict.UNUSED else "forwardingRules"
        resource = sample.name(kind, f"n{number}")
        found = sample.finding(resource, verdict, "x", "7.30", load_balancer=None if kind == "addresses" else resource)
        history = FindingHistory(novelty, sample.AS_OF, sample.AS_OF, 1) if novelty else None
        items.append(replace(found, history=history))
    report = sample.with_findings(*items)
    wasted = [item for item in items if item.verdict in (Verdict.ORPHANED, Verdict.UNUSED)]
    summary = replace(report.summary, saving=Decimal("7.30") * len(wasted), suppressed=Decimal(0))
    return replace(report, summary=summary, history=sample.large().history if novelty else None)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            with_novelty(Novelty.NEW, *[Verdict.ORPHANED] * 3),
            "3 new orphaned load balancers · US$21.90/month · example-prod",
        ),
        (
            with_novelty(Novelty.KNOWN, Verdict.ORPHANED, Verdict.UNUSED),
            "Nothing new, 1 orphaned load balancer and 1 unused address · US$14.60/month · example-prod",
        ),
        (with_novelty(None, Verdict.UNUSED, Verdict.IDLE), "1 unused address · US$7.30/month · example-prod"),
        (with_novelty(None, Verdict.IDLE), "Nothing orphaned or unused · example-prod"),
        (sample.clean(), "Nothing orphaned or unused · example-prod"),
        (
            replace(sample.clean(), gaps=sample.report().gaps),
            "Nothing orphaned or unused in what was read · example-prod · partial",
        ),
        (
            replace(with_novelty(None, Verdict.UNUSED), parents=("organizations/123",)),
            "1 unused address · US$7.30/month · organizations/123",
        ),
    ],
)
def test_subject(report: Report, expected: str) -> None:
    assert subject(report) == expected


def test_the_new_ones_stand_first_and_all_are_counted() -> None:
    old, new = with_novelty(Novelty.KNOWN, Verdict.ORPHANED), with_novelty(Novelty.NEW, *[Verdict.ORPHANED] * 3)
    kept = replace(old.findings[0], resource=sample.name("forwardingRules", "old"), load_balancer=None)
    report = replace(new, findings=(*new.findings, replace(kept, load_balancer=kept.resource)))
    assert subject(report).startswith("3 new orphaned load balancers, 4 in all · ")


def test_what_is_suppressed_is_not_counted_in_the_subject_and_its_money_is_that_of_every_other_form() -> None:
    report = sample.report()
    assert report.summary.suppressed == Decimal("10.22")
    assert f"US${report.summary.saving}/month" in subject(report)
    assert "1 unused address" in subject(report)
    assert "with US$10.22 in the saving above" in letter_on(report).text.replace("\n", " ")


def test_what_is_all_suppressed_is_nothing_to_save() -> None:
    report = sample.report()
    hushed = tuple(replace(item, suppression="kept") for item in report.findings if item.verdict in WASTE)
    rest = tuple(item for item in report.findings if item.verdict not in WASTE)
    summary = replace(report.summary, suppressed=report.summary.saving)
    kept = replace(report, findings=rest, suppressed=(*report.suppressed, *hushed), summary=summary)
    assert subject(kept) == "Nothing orphaned or unused in what was read · example-prod · partial"


def test_what_has_no_known_price_marks_the_sum() -> None:
    report = with_novelty(None, Verdict.UNUSED, Verdict.UNUSED)
    first = report.findings[0]
    unpriced = replace(first, cost=replace(first.cost, monthly=None))
    partly = replace(report, findings=(unpriced, report.findings[1]))
    assert "US$14.60+/month" in subject(partly)
    nothing = replace(report, findings=(unpriced,), summary=replace(report.summary, saving=Decimal(0)))
    assert subject(nothing) == "1 unused address · example-prod"
    assert "Nothing of it has a known price" in letter_on(nothing).text


def test_filters_hide_nothing_from_the_subject() -> None:
    letter = letter_on(sample.report(), Selection(verdicts=(Verdict.IDLE,)))
    assert letter.subject == letter_on(sample.report()).subject
    assert "shop/web" not in letter.text
    assert "jobs/queue" in letter.text


# The bodies


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_fits_a_terminal_but_for_commands(name: str) -> None:
    for line in letter_on(REPORTS[name]()).text.splitlines():
        assert len(line) <= WIDTH or line.startswith("  → gcloud "), line


@pytest.mark.parametrize("name", REPORTS)
def test_text_and_html_give_the_same_numbers(name: str) -> None:
    letter = letter_on(REPORTS[name]())
    amounts = re.compile(r"(?<![\d.])\d[\d,]*\.\d\d\+?(?![\d.])")
    seen = " ".join(_Reader.of(letter.html).texts)
    assert sorted(amounts.findall(letter.subject + letter.text)) == sorted(amounts.findall(seen))


@pytest.mark.parametrize("name", REPORTS)
def test_every_sentence_of_the_text_stands_in_the_html(name: str) -> None:
    letter = letter_on(REPORTS[name]())
    seen = _words(" ".join(_Reader.of(letter.html).texts))
    for line in (
        "Partial",
        "earlier runs",
        "suppressed",
        "roles/container.viewer",
        "Before you delete",
        "deletes nothing",
    ):
        assert (line.lower() in _words(letter.text)) == (line.lower() in seen), line


def _words(text: str) -> str:
    return " ".join(text.lower().split())


def test_at_most_25_things_the_new_ones_first_then_the_dearest_that_can_be_saved() -> None:
    letter = letter_on(sample.large())
    names = _Reader.of(letter.html).links
    assert len(names) == 25
    assert "New: 12\n" in letter.text
    assert "Seen before: the 13 dearest of 198\n" in letter.text
    assert "… and 185 more things" in letter.text
    assert letter.text.index("New: 12") < letter.text.index("Seen before")


def test_things_that_cost_nothing_do_not_push_out_what_has_no_known_price() -> None:
    free = [
        sample.finding(sample.name("addresses", f"free-{number}"), Verdict.UNUSED, "address-unused", "0.00")
        for number in range(30)
    ]
    dear = sample.finding(sample.name("addresses", "dear-one"), Verdict.UNUSED, "address-unused", None)
    assert "dear-one" in letter_on(sample.with_findings(*free, dear)).text


def test_what_is_attached_and_what_was_too_large_is_said() -> None:
    letter = compose(sample.report(), Selection(), attached=("findings.csv",), left_out=("report.html",))
    for body in (letter.text, letter.html):
        assert "The whole report is attached: findings.csv." in body
        assert "Too large for a mail and left out: report.html." in body


def test_a_first_run_is_told_as_such_and_marks_nothing_as_new() -> None:
    report = with_novelty(Novelty.NEW, Verdict.ORPHANED)
    first = replace(report, history=replace(report.history, runs=0, since=None, previous=None, trend=()))
    letter = compose(first, Selection())
    assert "nothing can be called new yet" in " ".join(letter.text.split())
    assert letter.subject.startswith("1 orphaned load balancer · ")
    assert "To look at: 1" in letter.text


# What mail programs show


@pytest.mark.parametrize("name", REPORTS)
def test_the_html_asks_nobody_for_anything_and_runs_nothing(name: str) -> None:
    _assert_inert(letter_on(REPORTS[name]()).html)


@pytest.mark.parametrize("name", REPORTS)
def test_the_html_is_made_for_mail_programs(name: str) -> None:
    letter = letter_on(REPORTS[name]())
    page = _Reader.of(letter.html)
    assert page.attributes["html"][0]["lang"] == "en"
    assert {"name": "color-scheme", "content": "light dark"} in page.attributes["meta"]
    assert page.texts[0] == letter.subject  # the title
    assert all("alt" in picture for picture in page.attributes.get("img", []))
    assert all("scope" in head for head in page.attributes["th"])
    assert not {"svg", "script", "link", "form", "iframe", "object", "video"} & set(page.attributes)
    assert "var(--" not in letter.html
    assert "flex" not in letter.html
    styles = re.findall(r"<style[^>]*>(.*?)</style>", letter.html, re.DOTALL)
    assert len(styles) == 1
    assert len(styles[0]) < 16_000  # Gmail drops more than 16 KB of it
    assert "@media" in styles[0]


def test_bars_are_cells_with_a_colour_and_a_width() -> None:
    cells = _Reader.of(letter_on(sample.report()).html).attributes["td"]
    bars = [cell for cell in cells if "fill-" in cell.get("class", "")]
    assert [(cell["width"], cell["bgcolor"]) for cell in bars][:2] == [("100%", "#b0341a"), ("77%", "#d08000")]


# Size and hostility


@pytest.mark.parametrize("name", REPORTS)
def test_the_html_is_not_cut_by_gmail(name: str) -> None:
    assert email.encoded_size(letter_on(REPORTS[name]()).html) <= LARGEST_HTML


@pytest.mark.parametrize("kind", hostile.TEXTS)
def test_hostile_text_is_inert_in_every_part(kind: str) -> None:
    letter = letter_on(hostile.report(hostile.TEXTS[kind]))
    assert not set(letter.subject) & (hostile.DANGEROUS | {"\n", "\r"})
    assert len(letter.subject) < 250
    assert not set(letter.text) & hostile.DANGEROUS
    assert not set(letter.html) & hostile.DANGEROUS
    assert len(letter.text) < 20_000
    assert email.encoded_size(letter.html) <= LARGEST_HTML
    _assert_inert(letter.html)
    for body in (letter.subject, letter.text, letter.html):
        body.encode()


@pytest.mark.parametrize("filling", ["x", "\u4e2d", "\U0001f4a3", "&", '"', "<", "\x1b", "\ud800", "a b "])
def test_hundred_kilobytes_in_every_field_of_many_findings_stay_small(filling: str) -> None:
    monster = filling * (100_000 // len(filling))
    one = hostile.report(monster)
    safe = (filling * 60).encode("utf-8", "replace").decode()
    items = tuple(
        replace(
            one.findings[0],
            verdict=Verdict.ORPHANED,
            resource=sample.name("addresses", f"{safe}{number}"),
            load_balancer=None,
            warnings=(f"{number}{monster}",),
            reason=monster,
        )
        for number in range(60)
    )
    gaps = tuple(replace(one.gaps[0], scope=f"projects/{number}{monster}/x") for number in range(30))
    report = replace(one, findings=items, gaps=gaps, notes=(monster,) * 30, projects=tuple(monster for _ in range(9)))
    letter = letter_on(report)
    assert email.encoded_size(letter.html) <= LARGEST_HTML
    assert len(letter.text) < 60_000
    _assert_inert(letter.html)


@settings(deadline=None, max_examples=40)
@given(st.text(min_size=1, max_size=300))
def test_any_text_keeps_the_mail_well_formed(text: str) -> None:
    letter = letter_on(hostile.report(text))
    page = _Reader.of(letter.html)
    assert page.shape == _plain_shape()
    assert "\n" not in letter.subject


@cache
def _plain_shape() -> list[str]:
    return _Reader.of(letter_on(hostile.report("web")).html).shape


def _assert_inert(page: str) -> None:
    """Nothing is fetched, nothing runs, and no tag or attribute stands there that the template does not have."""
    read = _Reader.of(page)
    assert set(read.attributes) <= {
        "html", "head", "meta", "title", "style", "body", "table", "tbody", "tr", "td", "th", "h1", "h2", "p", "b",
        "a", "span", "br", "ul", "li", "code", "img",
    }  # fmt: skip
    for tag, all_attributes in read.attributes.items():
        for attributes in all_attributes:
            assert not [name for name in attributes if name.startswith("on")], tag
            for name in ("src", "background", "srcset"):
                assert attributes.get(name, "cid:trend") == "cid:trend"
            assert attributes.get("href", "https://console.cloud.google.com/").startswith(
                "https://console.cloud.google.com/"
            )
            assert "url(" not in attributes.get("style", "")
    assert "@import" not in page
    assert "<!--" not in page.replace("<!--[if mso]>", "")


class _Reader(html.parser.HTMLParser):
    """Tags with their attributes, texts and links in their order; every tag must be closed that needs to be."""

    EMPTY = frozenset({"meta", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.attributes: dict[str, list[dict[str, str]]] = {}
        self.texts: list[str] = []
        self.links: list[str] = []
        self.shape: list[str] = []
        self.stack: list[str] = []

    @classmethod
    def of(cls, page: str) -> _Reader:
        reader = cls()
        reader.feed(page)
        reader.close()
        assert reader.stack == []
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.setdefault(tag, []).append({name: value or "" for name, value in attrs})
        self.shape.append(tag)
        if tag not in self.EMPTY:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "style":
            return
        if data.strip():
            self.texts.append(data)
        if self.stack and self.stack[-1] == "a":
            self.links.append(data)
