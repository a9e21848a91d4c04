"""Which exit code an audit that was carried out ends with (docs/report.md, Exit codes)."""

from __future__ import annotations

from decimal import Decimal

from .errors import ExitCode
from .model.finding import Verdict
from .model.report import Report

FAIL_ON = (Verdict.ORPHANED, Verdict.UNUSED, Verdict.IDLE, Verdict.UNKNOWN)
"""In descending order: --fail-on idle also fails on what stands before it."""


def exit_code(report: Report, *, fail_on: Verdict | None, fail_over: Decimal | None, strict: bool) -> ExitCode:
    """3 outranks 4. What is suppressed does not count, what a filter hides does.

    `fail_over` is compared with the saving less what of it is suppressed; where nothing can be saved it never fails.
    """
    if fail_on is not None:
        counted = FAIL_ON[: FAIL_ON.index(fail_on) + 1]
        if any(finding.verdict in counted for finding in report.findings):
            return ExitCode.FOUND
    saving = report.summary.saving - report.summary.suppressed
    if fail_over is not None and saving > 0 and saving >= fail_over:
        return ExitCode.FOUND
    return ExitCode.INCOMPLETE if strict and report.gaps else ExitCode.OK
