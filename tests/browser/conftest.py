"""One browser for each test process, a new context for each page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from . import ARGUMENTS, NO_BROWSER, browser_path


@dataclass
class Opened:
    """A page with what it said and what it asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Opener = Callable[..., Opened]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = browser_path()
    if path is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens HTML from a file: open_page(text, width=375, scheme="dark", javascript=False)."""
    with ExitStack() as contexts:

        def open_it(
            text: str, *, width: int = 1200, height: int = 900, scheme: Any = "light", javascript: bool = True
        ) -> Opened:
            file = tmp_path / f"page-{len(list(tmp_path.iterdir()))}.html"
            file.write_text(text, "utf-8")
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                java_script_enabled=javascript,
                reduced_motion="reduce",
                locale="en-US",
            )
            contexts.callback(context.close)
            opened = Opened(context.new_page())
            opened.page.on("console", lambda message: opened.complaints.append(message.text))
            opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
            opened.page.on("dialog", lambda dialog: (opened.complaints.append(dialog.message), dialog.dismiss()))
            opened.page.on("request", lambda request: opened.requests.append(request.url))
            opened.page.goto(file.as_uri())
            assert opened.requests.pop(0) == file.as_uri()
            return opened

        yield open_it
