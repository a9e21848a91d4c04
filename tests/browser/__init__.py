"""Tests that open pages in a real browser, off the network."""

from __future__ import annotations

import shutil

NO_BROWSER = "no Chromium is installed, so nobody looked at the pages. Run scripts/install-browser."
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def browser_path() -> str | None:
    """The Chromium of this machine; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)
