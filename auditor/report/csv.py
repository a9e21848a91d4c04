"""The report as CSV for spreadsheets and scripts: one flat row per finding, and the gaps as a table of their own.

Columns: docs/report.md. The rows are those of the table: what is suppressed stands in it with --show-suppressed only,
so that the sum of a column is the sum of what the reader was shown.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from auditor.model.finding import Finding, Owner, format_time
from auditor.model.history import Accrual, FindingHistory
from auditor.model.money import to_cents
from auditor.model.report import Gap, Report

from . import text
from .selection import Selection, select

SEPARATOR = " | "
"""Between several values of one cell; commas and semicolons would be taken for columns."""
LONGEST_PASSAGE = 2000
_LONGEST_CELL = 32_000
"""Spreadsheets cut a cell after 32,767 characters."""
_FORMULA = re.compile(r"(?:^|(?<=;))(?=[\s\"'\ufffd]*[=+\-@＝＋－＠])")
"""Where a spreadsheet would begin to calculate: a cell that starts so, also behind a semicolon, which is what parts the
columns where the comma is the decimal sign. The cleaning has made U+FFFD of tabs and carriage returns."""

_Cell = Callable[[Finding, datetime], str]


def render(report: Report, selection: Selection) -> str:
    """One row per selected finding under a header; money that is not known is an empty cell."""
    selected = select(report, selection)
    shown = (*selected.findings, *(selected.suppressed if selection.show_suppressed else ()))
    rows = ([cell(finding, report.snapshot_taken_at) for cell in _COLUMNS.values()] for finding in shown)
    return _written(tuple(_COLUMNS), rows)


def render_gaps(report: Report) -> str:
    """One row per list that was not read in full; the header alone where everything was read."""
    return _written(tuple(_GAP_COLUMNS), ([cell(gap) for cell in _GAP_COLUMNS.values()] for gap in report.gaps))


def _written(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue()


def _inert(value: str | None) -> str:
    """Text that came from the cloud: on one line, and behind an apostrophe where it would be a formula (OWASP, CSV
    injection). Compute and Kubernetes names never begin so; our numbers do not pass here, a negative one stays one."""
    return _FORMULA.sub("'", text.clean(value or "", LONGEST_PASSAGE))


def _joined(values: Iterable[str]) -> str:
    joined = SEPARATOR.join(_inert(value) for value in values)
    return joined if len(joined) <= _LONGEST_CELL else joined[: _LONGEST_CELL - 1] + "…"


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else str(to_cents(amount))


def _monthly(finding: Finding) -> str:
    return _amount(finding.cost.monthly) if finding.cost else ""


def _monthly_alone(finding: Finding) -> str:
    return _amount(finding.cost.monthly_if_deleted_alone) if finding.cost else ""


def _age_in_days(finding: Finding, as_of: datetime) -> str:
    if finding.created_at is None:
        return ""
    return str(max(0, (as_of - finding.created_at).days))


def _of_owner(field: Callable[[Owner], str | None]) -> _Cell:
    return lambda finding, _: _inert(field(finding.owner)) if finding.owner else ""


def _of_history(field: Callable[[FindingHistory], str | None]) -> _Cell:
    return lambda finding, _: (field(finding.history) or "") if finding.history else ""


def _low(accrual: Accrual | None) -> str:
    return _amount(accrual.low) if accrual else ""


def _high(accrual: Accrual | None) -> str:
    return _amount(accrual.high) if accrual else ""


_COLUMNS: dict[str, _Cell] = {
    "id": lambda finding, _: finding.id,
    "verdict": lambda finding, _: finding.verdict.value,
    "reason": lambda finding, _: _inert(finding.reason),
    "confidence": lambda finding, _: finding.confidence.value,
    "project": lambda finding, _: _inert(finding.resource.project),
    "location": lambda finding, _: _inert(finding.resource.location),
    "kind": lambda finding, _: _inert(finding.resource.collection),
    "name": lambda finding, _: _inert(finding.resource.name),
    "resource": lambda finding, _: _inert(finding.resource.full),
    "load_balancer": lambda finding, _: _inert(finding.load_balancer.full if finding.load_balancer else None),
    "owner_cluster": _of_owner(lambda owner: owner.cluster),
    "owner_kind": _of_owner(lambda owner: owner.kind),
    "owner_namespace": _of_owner(lambda owner: owner.namespace),
    "owner_name": _of_owner(lambda owner: owner.name),
    "owner_live": _of_owner(lambda owner: str(owner.live).lower()),
    "ip": lambda finding, _: _inert(finding.ip),
    "created_at": lambda finding, _: format_time(finding.created_at) or "",
    "age_days": _age_in_days,
    "monthly": lambda finding, _: _monthly(finding),
    "monthly_if_deleted_alone": lambda finding, _: _monthly_alone(finding),
    "currency": lambda finding, _: finding.cost.currency if finding.cost else "USD",
    "cost_notes": lambda finding, _: _joined(finding.cost.notes if finding.cost else ()),
    "novelty": _of_history(lambda history: history.novelty.value if history.novelty else ""),
    "first_seen": _of_history(lambda history: format_time(history.first_seen)),
    "last_seen": _of_history(lambda history: format_time(history.last_seen)),
    "runs_seen": _of_history(lambda history: str(history.runs_seen)),
    "accrued_since_first_seen_low": _of_history(lambda history: _low(history.accrued_since_first_seen)),
    "accrued_since_first_seen_high": _of_history(lambda history: _high(history.accrued_since_first_seen)),
    "accrued_since_creation_low": _of_history(lambda history: _low(history.accrued_since_creation)),
    "accrued_since_creation_high": _of_history(lambda history: _high(history.accrued_since_creation)),
    "suppression": lambda finding, _: _inert(finding.suppression),
    "warnings": lambda finding, _: _joined(finding.warnings),
    "evidence": lambda finding, _: _joined(f"{item.statement} ({item.source})" for item in finding.evidence),
    "console_url": lambda finding, _: _inert(text.console_url(finding.resource)),
}
_GAP_COLUMNS: dict[str, Callable[[Gap], str]] = {
    "scope": lambda gap: _inert(gap.scope),
    "status": lambda gap: _inert(gap.status),
    "category": lambda gap: _inert(gap.category),
    "missing": lambda gap: _joined(gap.missing),
    "unknown_count": lambda gap: str(gap.unknown_count),
    "detail": lambda gap: _inert(gap.detail),
    "hint": lambda gap: _inert(gap.hint),
}
