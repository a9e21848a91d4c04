"""The report added up by verdict: things as rows count them, resources, money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.finding import Verdict
from auditor.model.report import Report

from . import text
from .rows import Row, fold


@dataclass(frozen=True, slots=True)
class Total:
    """One line; `verdict` None is the line of all. Suppressed and hidden findings are counted."""

    verdict: Verdict | None
    things: int
    resources: int
    money: str


def totals(report: Report) -> tuple[Total, ...]:
    """A line for each verdict in the order of reports, and one for all."""
    rows = fold((*report.findings, *report.suppressed))
    everything = Total(None, len(rows), sum(report.counts.values()), shown_sum(report.summary.total, rows))
    return (*(_line(verdict, report, rows) for verdict in Verdict), everything)


def _line(verdict: Verdict, report: Report, rows: Sequence[Row]) -> Total:
    alike = [row for row in rows if row.verdict is verdict]
    money = shown_sum(report.summary.monthly.get(verdict), alike)
    return Total(verdict, len(alike), report.counts.get(verdict, 0), money)


def shown_sum(amount: Decimal | None, rows: Sequence[Row]) -> str:
    """A sum that leaves something out is marked; one that leaves everything out is no 0.00."""
    if not any(row.unpriced_count for row in rows):
        return text.money(amount)
    return f"{text.money(amount)}+" if amount else text.UNKNOWN
