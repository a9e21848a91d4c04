"""Who pays what for load balancers and addresses, as `gke-auditor costs --by` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from auditor.model.breakdown import Row
from auditor.model.finding import Verdict, format_time
from auditor.model.names import COMPUTE_PREFIX
from auditor.model.report import Report

from . import text
from .drawing import draw

_ORDER = (
    Verdict.IN_USE,
    Verdict.IDLE,
    Verdict.ORPHANED,
    Verdict.UNUSED,
    Verdict.UNKNOWN,
    Verdict.PENDING,
    Verdict.FOREIGN,
)
_ALWAYS = frozenset({Verdict.IN_USE, Verdict.IDLE, Verdict.ORPHANED, Verdict.UNUSED})


def render(report: Report, headings: Sequence[str], groups: Sequence[Row], total: Row) -> str:
    """One line for each group, live and wasted money side by side, and the total, which is the report's."""
    shown = [verdict for verdict in _ORDER if verdict in _ALWAYS or total.counts[verdict]]
    has_unpriced = bool(total.unpriced)
    titles = [heading.capitalize() for heading in headings]
    lines = [[*_key(group, len(titles)), *_amounts(group, shown, has_unpriced)] for group in groups]
    lines.append([*_padded(("all",), len(titles)), *_amounts(total, shown, has_unpriced)])
    numbers = [*(text.verdict_name(verdict).capitalize() for verdict in shown), "Total", "Rules + IPs"]
    numbers += ["Not priced"] if has_unpriced else []
    drawn = draw([*titles, *numbers], lines, ["left"] * len(titles) + ["right"] * len(numbers))
    head = (
        f"US$ a month at list price ({report.prices_as_of.isoformat()}), "
        f"snapshot of {format_time(report.snapshot_taken_at)}"
    )
    notes = [f"  {text.clean(note, 2000)}" for note in report.notes]
    if report.gaps:
        notes.append(f"  {text.plural(len(report.gaps), 'list was', 'lists were')} not read in full: see the audit.")
    return "\n".join([head, "", drawn, *(["", *notes] if notes else []), ""])


def _key(group: Row, width: int) -> list[str]:
    if not group.key:
        return _padded(("(none)",), width)
    return _padded(tuple(text.cluster_label(word) for word in group.key), width)


def _padded(words: tuple[str, ...], width: int) -> list[str]:
    shown = [word.removeprefix(COMPUTE_PREFIX) or text.UNKNOWN for word in words]
    return shown + [""] * (width - len(shown))


def _amounts(group: Row, shown: Sequence[Verdict], has_unpriced: bool) -> list[str]:
    """A verdict of which the group has nothing stays empty."""
    cells = [
        _amount(group.monthly[verdict], group.counts[verdict], group.unpriced) if group.counts[verdict] else ""
        for verdict in shown
    ]
    count = sum(group.counts.values())
    cells += [_amount(group.total, count, group.unpriced), f"{count:,}"]
    return [*cells, f"{group.unpriced:,}" if group.unpriced else ""] if has_unpriced else cells


def _amount(amount: Decimal, count: int, unpriced: int) -> str:
    """Nothing is only called 0.00 where something of it has a known price."""
    return text.UNKNOWN if not amount and unpriced >= count else text.money(amount)
