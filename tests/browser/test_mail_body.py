"""The HTML body of the mail in a browser: at two widths, light and dark, with images blocked, without scripts."""

from __future__ import annotations

import base64
import io
import os
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from auditor.model.letter import Picture
from auditor.report import charts
from auditor.report.email import compose
from auditor.report.selection import Selection
from tests.report import hostile, sample

from .conftest import Opener
from .test_report_page import AXE, overflow

REPORTS = {"clean": sample.clean, "small": sample.report, "large": sample.large}
DOCS = Path(__file__).parents[2] / "docs"
FILES = ("findings.csv", "findings.csv.gaps.csv", "report.html", "report.json")
DATA_URL = "data:image/png;base64,"


@cache
def body_of(name: str) -> str:
    """The body with its picture as in a mail program that blocks it: a cid: that leads nowhere."""
    report = REPORTS[name]()
    trend = Picture("trend", b"", "Over 13 runs it went up.") if report.history else None
    return compose(report, Selection(), attached=FILES, trend=trend).html


@pytest.mark.parametrize(
    ("width", "scheme"), [(1200, "light"), (1200, "dark"), (375, "light"), (375, "dark"), (320, "light")]
)
@pytest.mark.parametrize("name", REPORTS)
def test_fits_the_screen_and_asks_nobody(open_page: Opener, name: str, width: int, scheme: str) -> None:
    opened = open_page(body_of(name), width=width, scheme=scheme)
    assert overflow(opened.page) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in opened.requests if url != "cid:trend"] == []
    assert [
        text for text in opened.complaints if "cid:trend" not in text and "ERR_UNKNOWN_URL_SCHEME" not in text
    ] == []


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (375, "dark")])
@pytest.mark.parametrize("name", REPORTS)
def test_axe_finds_nothing_to_complain_about(open_page: Opener, name: str, width: int, scheme: str) -> None:
    """Contrast in both schemes, alternatives, headings, tables. A mail has no landmarks: its program has them."""
    opened = open_page(body_of(name), width=width, scheme=scheme)
    opened.page.evaluate(AXE)
    result = opened.page.evaluate("axe.run({rules: {region: {enabled: false}, 'landmark-one-main': {enabled: false}}})")
    told = [
        f"{found['id']}: {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        for node in found["nodes"]
    ]
    assert told == []
    assert len(result["passes"]) > 10


def test_bars_are_seen_with_images_blocked_and_as_long_as_their_money(open_page: Opener) -> None:
    page = open_page(body_of("small")).page
    widths = page.locator("td[class*='fill-']").evaluate_all("(bars) => bars.map((bar) => bar.offsetWidth)")
    assert len(widths) == 5
    assert widths[0] > widths[1] > widths[2] > 0
    colors = page.locator("td[class*='fill-']").evaluate_all(
        "(bars) => bars.map((bar) => getComputedStyle(bar).backgroundColor)"
    )
    assert len(set(colors)) >= 3
    assert "rgba(0, 0, 0, 0)" not in colors


def test_the_dark_style_reaches_what_has_inlined_colours(open_page: Opener) -> None:
    light, dark = (open_page(body_of("small"), scheme=scheme).page for scheme in ("light", "dark"))
    for selector in ("body", ".sheet", "h1", ".small", ".box", "a", ".orphaned", "td.fill-orphaned", "code"):
        script = f"(() => {{ const s = getComputedStyle(document.querySelector('{selector}')); "
        script += "return s.color + s.backgroundColor; })()"
        assert light.evaluate(script) != dark.evaluate(script), selector


def test_the_picture_scales_with_the_screen(open_page: Opener) -> None:
    page = open_page(_with_picture(), width=375).page
    picture = page.locator("img")
    assert picture.evaluate("(image) => image.complete && image.naturalWidth > 0")
    assert picture.evaluate("(image) => image.getBoundingClientRect().width") <= 340
    assert overflow(page) == []


@pytest.mark.parametrize("key", hostile.TEXTS)
def test_hostile_text_is_inert_and_does_not_stick_out(open_page: Opener, key: str) -> None:
    letter = compose(hostile.report(hostile.TEXTS[key]), Selection())
    opened = open_page(letter.html, width=375)
    assert opened.page.locator("script, img, iframe, object, embed, base, link, form").count() == 0
    assert overflow(opened.page) == []
    assert opened.complaints == []
    assert opened.requests == []


def _with_picture() -> str:
    report = sample.large()
    chart = next(chart for chart in charts.charts(report) if chart.key == "trend")
    trend = Picture("trend", charts.png(chart), chart.alternative.partition("\n")[0])
    body = compose(report, Selection(min_monthly=None), attached=FILES, trend=trend).html
    return body.replace("cid:trend", DATA_URL + base64.b64encode(trend.content).decode())


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"), [("mail", 720, 1500, "light"), ("mail-phone", 375, 1250, "dark")]
)
def test_the_screenshots_of_the_documents_are_small(
    open_page: Opener, name: str, width: int, height: int, scheme: str
) -> None:
    """UPDATE_GOLDEN=1 draws them anew. They are not compared: letters look different from machine to machine."""
    path = DOCS / f"{name}.png"
    if os.environ.get("UPDATE_GOLDEN"):
        page = open_page(_with_picture() if name == "mail" else body_of("small"), width=width, scheme=scheme).page
        seen = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
        with Image.open(io.BytesIO(seen)) as image:
            image.convert("RGB").quantize(160, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < 150_000
    with Image.open(path) as image:
        assert image.size == (width, height)
