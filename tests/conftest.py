"""What holds for the whole run: what interrupts it, and that it says loudly what was left out for want of a browser."""

from __future__ import annotations

import signal

import pytest

from tests.browser import NO_BROWSER


def pytest_configure() -> None:
    """A run that a shell starts in the background inherits a deaf ear for Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(report.longrepr)]
    if left_out:
        terminalreporter.section("LEFT OUT", red=True, bold=True)
        terminalreporter.line(f"{len(left_out)} tests were not run: {NO_BROWSER}")
