"""Says loudly at the end of a run what was left out for want of a browser."""

from __future__ import annotations

import pytest

from tests.browser import NO_BROWSER


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(report.longrepr)]
    if left_out:
        terminalreporter.section("LEFT OUT", red=True, bold=True)
        terminalreporter.line(f"{len(left_out)} tests were not run: {NO_BROWSER}")
