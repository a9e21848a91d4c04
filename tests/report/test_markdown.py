import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.finding import Owner, Verdict
from auditor.model.report import Gap, Report
from auditor.report import markdown, text
from auditor.report.rows import fold
from auditor.report.selection import Selection

from . import hostile, sample
from .golden import assert_golden

ALL = Selection(verdicts=tuple(Verdict), show_suppressed=True)
BLOCKS = {"h2", "h3", "p", "strong", "blockquote", "ul", "li", "pre", "code"}
CELLS = {"table", "thead", "tbody", "tr", "th", "td"}
WHAT_GITHUB_LINKS = re.compile(r"@\w|#\d|\bgh-\d|www\.|://|:(?!\d+:)[\w+-]+:|\[(?!!)|<", re.IGNORECASE)
"""In text outside of code: people, issues, addresses, emoji, links, HTML."""


@dataclass
class Page(HTMLParser):
    """What GitHub's own parser makes of Markdown: its tags, its text, and the part of the text outside of code."""

    written: str
    tags: list[str] = field(default_factory=list)
    said: str = ""
    prose: str = ""
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.feed(cmarkgfm.github_flavored_markdown_to_html(self.written, Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside.append(tag)
        if tag == "pre":
            self.commands.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside.pop()

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_data(self, data: str) -> None:
        self.said += data
        if "pre" in self.inside:
            self.commands[-1] += data
        self.prose += "…" if "code" in self.inside else data


def assert_inert(written: str, columns: int, rows: int) -> Page:
    page = Page(written)
    assert set(page.tags) <= BLOCKS | CELLS
    assert not WHAT_GITHUB_LINKS.search(page.prose)
    assert page.tags.count("table") == 2
    table = written.partition("| Verdict |")[2].partition("\n\n")[0].splitlines()[1:]
    assert [line.count("|") for line in table] == [columns + 1] * (rows + 1), "a cell or a row was forged"
    return page


@pytest.mark.parametrize(
    ("name", "report", "selection"),
    [
        ("clean", sample.clean(), Selection()),
        ("small", sample.report(), Selection(show_suppressed=True)),
        ("large", sample.large(), Selection()),
    ],
)
def test_golden(name: str, report: Report, selection: Selection) -> None:
    assert_golden(f"markdown-{name}.md", markdown.render(report, selection))
    assert markdown.render(report, selection) == markdown.render(report, selection)


def test_it_is_read_by_github_as_it_was_meant() -> None:
    page = assert_inert(markdown.render(sample.report(), Selection()), columns=9, rows=4)
    assert (page.tags.count("h2"), page.tags.count("blockquote"), page.tags.count("tr")) == (1, 1, 9 + 5)
    assert page.commands == [f"{sample.report().gaps[0].hint}\n"]
    assert "→ Audit again when the places that are named as missing answer" in page.prose


def test_the_headline_says_saving_and_what_is_new_and_that_it_is_partial() -> None:
    shown = markdown.render(sample.large(), Selection())
    assert "would save US$2,138.82 a month at list price.** Resources: 14 new since 2026-11-15, 169 known, 4 gone." in (
        shown
    )
    assert "> Partial: 8 lists were not read in full." in shown
    clean = markdown.render(sample.clean(), Selection())
    assert "nothing to save" in clean
    assert "Partial" not in clean


def test_nothing_found_is_said_with_what_was_not_read() -> None:
    empty = replace(sample.with_findings(), gaps=sample.report().gaps, counts=dict.fromkeys(Verdict, 0))
    shown = markdown.render(empty, Selection())
    assert "Nothing orphaned, unused, idle or unknown in what was read; see below what was not." in shown


def test_the_dearest_200_are_listed_and_the_rest_is_counted() -> None:
    rows = len(fold(item for item in sample.large().findings if item.verdict in Selection().verdicts))
    shown = markdown.render(sample.large(), Selection())
    listed = shown.partition("| Verdict |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(listed) == markdown.MOST_ROWS
    assert f"… and {rows - markdown.MOST_ROWS} more" in shown


@pytest.mark.parametrize("said", ["x" * 300, "|" * 300, "\U0001f600" * 300, "` " * 300, "<&" * 150])
def test_it_fits_the_body_of_an_issue_whatever_stands_in_it(said: str) -> None:
    report = sample.large()
    owner = Owner(said, said, said, said, live=False)
    odd = tuple(replace(item, owner=owner, ip=said, warnings=(f"{item.id} {said}",)) for item in report.findings)
    gaps = tuple(Gap(f"{number}{said}", "failed", said, said, f"gcloud {said}", (said,)) for number in range(300))
    noted = replace(report, findings=odd, gaps=gaps, notes=(said,) * 50, warnings=(said,) * 50, suppressed=odd[:300])
    shown = markdown.render(noted, ALL)
    assert len(shown.encode()) <= markdown.ISSUE_LIMIT
    assert re.search(r"^… and \d+ more: see another format\.$", shown, re.MULTILINE)
    assert re.search(r"^- … and \d+ more lists: see another format$", shown, re.MULTILINE)
    assert len(re.findall(r"^- … and \d+ more: see another format$", shown, re.MULTILINE)) >= 2
    Page(shown)


def test_hidden_and_suppressed_ones_are_counted() -> None:
    shown = markdown.render(sample.report(), Selection(regions=("us-central1",)))
    assert "Hidden by filters: 4 resources. Totals count them." in shown
    assert "| pending | 1 | 1 | 10.22 | not listed |" in shown
    assert "Suppressed: 1 resource, US$10.22 a month" in shown
    assert "OPS-123" not in shown


def test_money_that_is_not_known_is_never_zero() -> None:
    shown = markdown.render(sample.report(), Selection())
    assert "| unknown | — | 42d |" in shown
    assert "| unknown | 1 | 1 | — |" in shown


@pytest.mark.parametrize("said", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_inert_and_readable(said: str) -> None:
    for report, columns in ((hostile.report(said), 9), (hostile.everywhere(said), 10)):
        shown = markdown.render(report, ALL)
        shown.encode("utf-8")
        assert not set(shown) & hostile.DANGEROUS
        page = assert_inert(shown, columns, rows=1)
        readable = " ".join(text.clean(said).replace("|", "¦").split())
        assert page.said.count(readable) >= 3, "in the warning, the suppression and the note"
        assert page.commands or "gcloud" not in shown


@settings(deadline=None)
@given(st.text("`~|\\<>&[]()!*_#@:;-+=.$^{}1aw\n\t ", max_size=30))
def test_no_text_does_anything(said: str) -> None:
    owner = Owner(said, said, said, f"a{said}", live=False)
    item = replace(sample.findings()[0], owner=owner, ip=f"a{said}", warnings=(f"a{said}", said), reason=said)
    gap = Gap(f"projects/{said}", "failed", "forbidden", said, f"gcloud {said}")
    report = replace(sample.with_findings(item), gaps=(gap,), notes=(said,))
    shown = markdown.render(report, ALL)
    page = assert_inert(shown, columns=9, rows=1)
    (command,) = page.commands
    assert command == f"gcloud {text.clean(said)}\n"


@pytest.mark.parametrize("command", ["```", "``````", "~~~", "```sh\n```\n<b>", "    x"])
def test_nothing_ends_a_block_of_code_but_its_end(command: str) -> None:
    page = Page("\n".join([*markdown.fenced(command), "", "*after*"]))
    assert page.commands == [f"{text.clean(command)}\n"]
    assert page.tags == ["pre", "code", "p", "em"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Service shop/web", "Service shop/web"),
        ("ask before it goes: US$10.22 a month", "ask before it goes: US$10.22 a month"),
        ("— and 12.5% - or", "— and 12.5% - or"),
        ("1. first", "`1.` first"),
        ("- a + b", "`-` a + b"),
        ("*b* _c_ plain", "`*b* _c_` plain"),
        ("a `tick", "a `` `tick ``"),
        ("``", "``` `` ```"),
        ("mail me@example.com GH-7 #7 www.example.com", "mail `me@example.com GH-7 #7 www.example.com`"),
        ("a\nb | c", "a�b `¦` c"),
    ],
)
def test_words_of_harmless_letters_stand_as_they_are(said: str, shown: str) -> None:
    assert markdown.inline(said) == shown
