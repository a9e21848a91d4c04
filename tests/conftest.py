"""What holds for the whole run: what interrupts it, and that it says loudly what was left out for want of a browser."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from commandline import Run, caller
from standin import judge_by_name

from auditor import pipeline
from tests.browser import NO_BROWSER

_HEEDED = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "STORAGE_EMULATOR_HOST")
"""Variables that the command heeds, and that have not its own prefix."""


def pytest_configure() -> None:
    """A run that a shell starts in the background inherits a deaf ear for Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(report.longrepr)]
    if left_out:
        terminalreporter.section("LEFT OUT", red=True, bold=True)
        terminalreporter.line(f"{len(left_out)} tests were not run: {NO_BROWSER}")


@pytest.fixture
def bare_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder to work in, and no variable that says how."""
    for name in [name for name in os.environ if name.startswith("GKE_AUDITOR") or name in _HEEDED]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def judged_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts come from a stand-in: what a resource's name begins with."""
    monkeypatch.setattr(pipeline, "judge", judge_by_name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)
