"""The HTML report in a browser: at two widths, light and dark, with and without JavaScript, on paper."""

from __future__ import annotations

import socket
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from auditor.model.finding import Verdict
from auditor.report import html
from auditor.report.selection import Selection
from tests.report import hostile, sample

from .conftest import Opener

REPORTS = {"clean": sample.clean, "small": sample.report, "large": sample.large}
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


@cache
def page_of(name: str) -> str:
    selection = Selection(verdicts=tuple(Verdict)) if name == "small" else Selection()
    return html.render(REPORTS[name](), selection)


def overflow(page: Page) -> Any:
    """What sticks out of the page to the right, other than what scrolls in a box of its own."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll("body *")]
                .filter((item) => item.getBoundingClientRect().right > width + 1)
                .map((item) => item.outerHTML.slice(0, 120));
        }"""
    )


def column(page: Page, name: str) -> list[str]:
    """The texts of one column, top to bottom, of the things that are shown."""
    return page.locator(f"#table .thing:visible .row .{name}").all_inner_texts()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(1200, "light"), (1000, "dark"), (900, "light"), (768, "light"), (375, "dark"), (320, "light")],
)
@pytest.mark.parametrize("name", REPORTS)
def test_fits_the_screen_and_is_silent(open_page: Opener, name: str, width: int, scheme: str) -> None:
    opened = open_page(page_of(name), width=width, scheme=scheme)
    assert overflow(opened.page) == []
    opened.page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    assert overflow(opened.page) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.complaints == []
    assert opened.requests == []


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (375, "dark")])
@pytest.mark.parametrize("name", ["clean", "small"])
def test_axe_finds_nothing_to_complain_about(open_page: Opener, name: str, width: int, scheme: str) -> None:
    """Contrast, names, roles, headings, landmarks: with everything open."""
    opened = open_page(page_of(name), width=width, scheme=scheme)
    opened.page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    opened.page.evaluate(AXE)
    result = opened.page.evaluate("axe.run()")
    told = [
        f"{found['id']}: {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        for node in found["nodes"]
    ]
    assert told == []
    assert len(result["passes"]) > 15


def test_axe_finds_nothing_in_a_long_report(open_page: Opener) -> None:
    """Of the dearest things only: axe takes half a minute for all of them."""
    opened = open_page(html.render(sample.large(), Selection(min_monthly=Decimal(36))))
    opened.page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    opened.page.evaluate(AXE)
    result = opened.page.evaluate("axe.run()")
    assert [(found["id"], found["nodes"][0]["html"]) for found in result["violations"]] == []


@pytest.mark.parametrize("key", hostile.TEXTS)
def test_hostile_text_is_inert_and_readable(open_page: Opener, key: str) -> None:
    written = html.render(hostile.report(hostile.TEXTS[key]), Selection())
    opened = open_page(written, width=375)
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe, object, embed, base, link, form:not(#filters)").count() == 0
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].flatMap((item) => [...item.attributes])"
            ".filter((item) => item.name.startsWith('on') || item.name === 'style').map((item) => item.name)"
        )
        == []
    )
    assert {
        link.split("?")[0].split("/")[2] if link.startswith("https://") else link[:1]
        for link in page.locator("a").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
    } <= {"#", "console.cloud.google.com"}
    assert overflow(page) == []
    page.locator("#filter-text").fill("nothing has this text")
    page.locator("#filter-text").fill("")
    assert opened.complaints == []
    assert opened.requests == []


def test_hostile_text_is_shown_as_it_was_written(open_page: Opener) -> None:
    page = open_page(html.render(hostile.report(hostile.TEXTS["script"]), Selection())).page
    assert "<script>alert(1)</script>" in page.locator(".thing .c-what").inner_text()


def test_the_policy_stops_what_would_still_get_in(open_page: Opener) -> None:
    """Were markup of others ever to come through, it could neither run nor load anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        evil = f'<img src="{address}" onerror="alert(1)"><script>alert(2)</script><p style="color: red">'
        opened = open_page(page_of("small").replace("<main>", f"<main>{evil}"))
        with pytest.raises(TimeoutError):
            server.accept()
    assert len([text for text in opened.complaints if "Content Security Policy" in text]) >= 3
    assert not {"1", "2"} & set(opened.complaints)


def test_sorting_by_mouse_and_what_is_unknown_stays_last(open_page: Opener) -> None:
    page = open_page(page_of("large")).page
    heading = page.locator("#table thead .c-money")

    def amounts() -> list[float | None]:
        return [None if text == "—" else float(text.replace(",", "")) for text in column(page, "c-money")]

    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    falling = amounts()
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = amounts()
    known = [amount for amount in falling if amount is not None]
    assert known == sorted(known, reverse=True)
    assert [amount for amount in rising if amount is not None] == sorted(known)
    assert len(known) < len(falling)
    assert falling[len(known) :] == rising[len(known) :] == [None] * (len(falling) - len(known))


def test_sorting_by_keyboard(open_page: Opener) -> None:
    page = open_page(page_of("large")).page
    page.locator("#open-all").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "What"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    names = column(page, "c-what")
    assert names[0].startswith("address reserved-5")
    assert names[-1].startswith("Service shop/web-")
    assert [text.startswith("address") for text in names] == sorted(
        (text.startswith("address") for text in names), reverse=True
    )
    assert page.locator("#table th[aria-sort]").count() == 1
    page.keyboard.press("Space")
    assert page.locator("#table thead .c-what").get_attribute("aria-sort") == "descending"


def test_filters_by_text_verdict_project_and_novelty(open_page: Opener) -> None:
    page = open_page(page_of("large")).page
    count = page.locator("#count")
    total = page.locator("#table .thing").count()
    expect(count).to_contain_text(f"Showing {total} of {total}")
    page.locator("#filter-text").fill("SERVICE shop/web")
    shown = column(page, "c-what")
    assert 0 < len(shown) < total
    assert all("Service shop/web" in text for text in shown)
    expect(count).to_contain_text(f"Showing {len(shown)} of {total}")
    page.locator("#filter-text").fill("")
    page.get_by_label("orphaned").uncheck()
    assert "orphaned" not in column(page, "c-verdict")
    page.get_by_label("orphaned").check()
    page.locator("#filter-project").select_option("example-2")
    assert {text.partition("\n")[2] for text in column(page, "c-where")} == {"example-2"}
    page.locator("#filter-project").select_option("")
    page.get_by_label("only new").check()
    assert len(column(page, "c-what")) == 14
    assert all("new" in text for text in column(page, "c-verdict"))


def test_the_sum_of_what_is_shown_is_right(open_page: Opener) -> None:
    page = open_page(page_of("large")).page
    page.locator("#filter-text").fill("payments")
    amounts = [text.replace(",", "") for text in column(page, "c-money")]
    expected = sum(float(text) for text in amounts if text != "—")
    expect(page.locator("#count")).to_contain_text(f"US$ {expected:,.2f} a month")


def test_details_open_by_keyboard_and_all_at_once(open_page: Opener) -> None:
    page = open_page(page_of("small")).page
    first = page.locator("#table details").first
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(first.get_by_text("the firewall's target tag names no living cluster")).to_be_visible()
    page.get_by_role("button", name="Open all").click()
    assert page.locator("#table details:not([open])").count() == 0
    page.get_by_role("button", name="Close all").click()
    assert page.locator("#table details[open]").count() == 0


def test_a_link_to_a_thing_opens_it(open_page: Opener) -> None:
    page = open_page(page_of("small")).page
    page.get_by_role("link", name="address old-newsletter-ip 203.0.113.80").click()
    thing = page.locator(".thing:target")
    expect(thing).to_contain_text("old-newsletter-ip")
    assert thing.locator("details").get_attribute("open") is not None


def test_the_skip_link_comes_first_and_leads_to_the_table(open_page: Opener) -> None:
    page = open_page(page_of("small")).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to what was found"
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "things"


@pytest.mark.parametrize("width", [1200, 375])
def test_without_javascript_everything_is_there(open_page: Opener, width: int) -> None:
    opened = open_page(page_of("large"), width=width, javascript=False)
    page = opened.page
    expect(page.locator("#filters")).to_be_hidden()
    assert page.locator("#table button").count() == 0
    assert page.locator(".thing").count() == page.locator(".thing:visible").count()
    details = page.locator("#table details").first
    details.locator("summary").click()
    expect(details.get_by_text("Confirm by hand")).to_be_visible()
    assert opened.complaints == []


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_on_paper_the_evidence_is_open_and_the_controls_are_gone(open_page: Opener, javascript: bool) -> None:
    page = open_page(page_of("small"), javascript=javascript).page
    page.emulate_media(media="print")
    expect(page.locator("#filters")).to_be_hidden()
    shown = page.locator(".evidence").first.bounding_box()
    assert shown is not None
    assert shown["height"] > 10
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_paper_is_light_even_where_the_screen_is_dark(open_page: Opener) -> None:
    page = open_page(page_of("small"), scheme="dark").page
    dark = page.evaluate("getComputedStyle(document.body).color")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 41)" != dark


def test_charts_take_the_colours_of_the_scheme(open_page: Opener) -> None:
    def fill(scheme: str) -> Any:
        page = open_page(page_of("small"), scheme=scheme).page
        return page.evaluate("getComputedStyle(document.querySelector('.fill-orphaned')).fill")

    assert fill("light") == "rgb(176, 52, 26)"
    assert fill("dark") == "rgb(217, 81, 47)"


def test_pictures_have_words(open_page: Opener) -> None:
    page = open_page(page_of("large")).page
    pictures = page.get_by_role("img")
    assert pictures.count() == 3
    for figure in page.locator("figure").all():
        figure.locator("summary").click()
        expect(figure.locator("li").first).to_be_visible()
