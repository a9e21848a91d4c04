"""The HTML report as text: what stands in it, that hostile text stays text, its size and speed."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from auditor import cli
from auditor.model.finding import Owner, Verdict
from auditor.model.report import Report
from auditor.report import charts, html
from auditor.report.selection import Selection
from auditor.report.text import console_url

from . import hostile, sample
from .golden import assert_golden

ALLOWED_TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title style body a header p h1 h2 h3 span time main section div strong small ul li figure "
        "details summary form label input fieldset legend select option button table caption thead tbody tfoot tr th "
        "td dl dt dd code pre footer script svg g path text defs use",
    )
)
VOID = frozenset({"meta", "input", "path", "use"})
CONSOLE = "https://console.cloud.google.com/"


class Page(HTMLParser):
    """Every tag with its attributes, the text, and whether tags close in the order in which they open."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(written)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def with_class(self, name: str) -> int:
        return sum(name in (attributes.get("class") or "").split() for _, attributes in self.tags)


def everything() -> Selection:
    return Selection(verdicts=tuple(Verdict))


def normalised(written: str) -> str:
    """Without what is tested elsewhere: pictures (their bytes are matplotlib's), style, script and their hashes."""
    for tag in ("style", "script", "svg"):
        written = re.sub(rf"<{tag}\b.*?</{tag}>", f"<{tag}/>", written, flags=re.DOTALL)
    return re.sub(r"sha256-[A-Za-z0-9+/=]*", "sha256-…", written)


@pytest.mark.parametrize(
    ("report", "selection", "name"),
    [
        (sample.clean(), Selection(), "html-clean.html"),
        (sample.report(), everything(), "html-small.html"),
        (sample.large(), Selection(min_monthly=Decimal(33)), "html-large.html"),
    ],
    ids=["clean", "small", "large"],
)
def test_golden(report: Report, selection: Selection, name: str) -> None:
    assert_golden(name, normalised(html.render(report, selection)))


def test_each_thing_has_one_row_whatever_is_asked() -> None:
    page = Page(html.render(sample.large(), everything()))
    by_default = Page(html.render(sample.large(), Selection()))
    assert page.with_class("thing") == len(
        {(html.fold([item])[0].root, item.verdict) for item in sample.large().findings}
    )
    assert 0 < by_default.with_class("thing") < page.with_class("thing")


def test_what_is_not_known_is_never_nothing() -> None:
    item = sample.finding(sample.name("addresses", "a"), Verdict.UNUSED, "address-unused", None)
    report = replace(
        sample.with_findings(item),
        summary=replace(sample.report().summary, saving=Decimal(0), monthly=dict.fromkeys(Verdict, Decimal(0))),
    )
    page = Page(html.render(report, Selection()))
    assert "no known price" in page.text
    assert "at least US$0.00" in page.text
    assert 'class="c-money" data-value="">—</td>' in html.render(report, Selection())


def test_a_page_without_gaps_is_not_called_partial() -> None:
    assert "Partial." not in Page(html.render(sample.clean(), Selection())).text
    assert "Partial." in Page(html.render(sample.report(), Selection())).text


def test_sums_do_not_depend_on_filters() -> None:
    whole = Page(html.render(sample.large(), everything())).text
    part = Page(html.render(sample.large(), Selection(projects=("example-1",)))).text
    sums = "US$2,138.82 a month"
    assert sums in whole
    assert sums in part
    assert "resources are hidden by the filters of this run" in part


def test_new_known_and_gone_are_counted_against_the_last_run() -> None:
    page = Page(html.render(sample.large(), Selection()))
    assert re.search(r"14 new 169 known and 4 gone since the run of 2026-11-15", page.text)
    assert page.with_class("new") == 14 + 1


def test_without_history_nothing_is_called_new() -> None:
    page = Page(html.render(sample.report(), Selection()))
    assert page.with_class("new") == 0
    assert "since the run of" not in page.text


@pytest.mark.parametrize("key", hostile.TEXTS)
def test_hostile_text_stays_text(key: str) -> None:
    report = hostile.report(hostile.TEXTS[key])
    gone = tuple(replace(item, verdict=Verdict.UNUSED) for item in report.findings)
    with_trend = replace(report, gone=gone, history=sample.large().history)
    written = html.render(with_trend, Selection())
    written.encode("utf-8")
    assert not set(written) & (hostile.DANGEROUS - {"\n"})
    page = Page(written)
    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert sum(tag == "style" for tag, _ in page.tags) == 1
    for tag, attributes in page.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc", "action")
        ]
        link = attributes.get("href")
        if link is not None:
            assert link.startswith("#") or (tag == "a" and link.startswith(CONSOLE))
            assert "noopener" in (attributes.get("rel") or "") or link.startswith("#")
    assert len(written) < 150_000


def test_what_is_hostile_can_still_be_read() -> None:
    page = Page(html.render(hostile.report(hostile.TEXTS["script"]), Selection()))
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in page.text
    assert "{{ 7*7 }}{% raw %}${7*7}" in Page(html.render(hostile.report(hostile.TEXTS["template"]), Selection())).text


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else() -> None:
    written = html.render(sample.report(), Selection())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written)
    assert policy
    stated = policy.group(1).replace("&#39;", "'")
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", written, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content.group(1).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in stated
    assert stated.startswith("default-src 'none';")
    assert "unsafe" not in stated


def test_ids_are_used_once_and_links_inside_the_page_lead_somewhere() -> None:
    for report in (sample.report(), sample.large(), sample.clean()):
        page = Page(html.render(report, everything()))
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = {attributes.get("href") or "" for _, attributes in page.tags}
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_filters_that_hide_all_that_is_suppressed_leave_no_dead_link() -> None:
    page = Page(html.render(sample.report(), Selection(regions=("us-central1",))))
    assert "US$10.22 of it is suppressed." in page.text
    assert not [attributes for _, attributes in page.tags if attributes.get("href") == "#suppressed"]


def test_console_links_are_ours() -> None:
    written = html.render(sample.report(), Selection())
    assert f'href="{console_url(sample.SHOP_RULE)}"' in written


def test_headings_do_not_skip_a_level() -> None:
    for report in (sample.report(), sample.large(), sample.clean()):
        levels = [int(tag[1]) for tag, _ in Page(html.render(report, Selection())).tags if tag in ("h1", "h2", "h3")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_unknown_says_how_to_find_out() -> None:
    """The remedy of the gap that a verdict waits for stands with the thing, not only with the gap."""
    written = html.render(sample.report(), Selection())
    thing = written[written.index("Service legacy/billing") :]
    thing = thing[: thing.index("</tbody>")]
    assert "To find out" in thing
    assert "gcloud projects add-iam-policy-binding example-prod" in thing


def test_a_page_whose_charts_cannot_be_drawn_says_them_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(chart: charts.Chart) -> str:
        raise OSError("no folder to write to")

    monkeypatch.setattr(html, "svg", fails)
    written = html.render(sample.report(), Selection())
    assert "<svg" not in written
    assert "<details open><summary>The same in words" in written
    assert "unidentified (c8=559aead0): US$26.28" in written


def test_four_hundred_findings_are_a_page_of_less_than_700_kilobytes() -> None:
    assert len(html.render(sample.large(), Selection()).encode()) < 700_000


def test_the_same_report_is_the_same_page() -> None:
    assert html.render(sample.large(), everything()) == html.render(sample.large(), everything())


def test_time_grows_with_the_findings_and_not_faster() -> None:
    """20,000 findings take seconds."""

    def seconds(count: int) -> float:
        items = [
            sample.finding(
                sample.name("forwardingRules", f"r{number}", project=f"p-{number % 300}"),
                Verdict.ORPHANED,
                "owner-deleted",
                "7.30",
                ip=f"203.0.113.{number % 256}",
                owner=Owner(sample.PROD, "Service", "shop", f"web-{number}", live=False),
                warnings=(f"The IP 203.0.113.{number % 256} is ephemeral: it is lost for good with its rule.",),
            )
            for number in range(count)
        ]
        report = sample.with_findings(*items)
        html.render(sample.report(), Selection())  # loads what is loaded once
        start = time.process_time()
        html.render(report, Selection())
        return time.process_time() - start

    few, many = seconds(300), seconds(3_000)
    assert many < 40 * few
    assert many < 10


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--format html to a file or stdout and --write html=FILE give the same page."""
    demo = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
    audit = ["audit", "--no-config", "--snapshot", str(demo), "--as-of", "2026-11-22T06:00:00Z"]
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    assert cli.run([*audit, "--format", "html", "--output", str(one), "--write", f"html={other}"]) == 0
    assert "Audited 89 resources" in capsys.readouterr().err
    assert cli.run([*audit, "--format", "html"]) == 0
    written = one.read_text("utf-8")
    assert written == other.read_text("utf-8") == capsys.readouterr().out
    page = Page(written)
    assert "US$83.95 a month could be saved at list price: 9 load balancers, 3 addresses and 2 other parts" in page.text
    assert page.with_class("thing") == 15


def test_templates_are_in_the_package() -> None:
    folder = Path(html.__file__).with_name("templates")
    assert {"report.html", "style.css", "script.js"} <= {path.name for path in folder.iterdir()}
