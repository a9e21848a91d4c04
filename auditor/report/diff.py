"""How two reports differ: as a table for people, as Markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from auditor.model.difference import Change, Difference, Incomparable, Side
from auditor.model.finding import Finding, Verdict, format_time
from auditor.model.names import ResourceName
from auditor.model.nouns import noun

from . import json, text
from .drawing import draw
from .rows import Row, fold
from .selection import place

SCHEMA_VERSION = 1
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Section:
    """A title and the table under it."""

    title: str
    columns: Sequence[str]
    align: Sequence[str]
    rows: Sequence[Sequence[str]]


def render_table(difference: Difference) -> str:
    """For a terminal or a log."""
    parts = [_head(difference)]
    for section in _sections(difference):
        parts.append(f"{section.title}:\n" + draw(section.columns, section.rows, section.align))
    unclear = _unclear(difference)
    if unclear:
        parts.append("\n".join(["Could not be compared; what was not read proves nothing:", *_indented(unclear)]))
    money = _money(difference)
    parts.append(draw(money.columns, money.rows, money.align))
    parts.append(_sentence(difference))
    return "\n\n".join(parts) + "\n"


def render_markdown(difference: Difference) -> str:
    """For an issue or a job summary: every name in a code span, where nothing means anything."""
    parts = [f"From {_named_in_code(difference.old)} to {_named_in_code(difference.new)}"]
    for section in _sections(difference):
        parts.append(f"### {section.title}\n\n{_markdown_table(section)}")
    unclear = _unclear(difference)
    if unclear:
        lines = [f"- {_code(line)}" for line in unclear]
        parts.append("\n".join(["### Could not be compared", "", *lines]))
    parts += [_markdown_table(_money(difference)), _sentence(difference)]
    return "\n\n".join(parts) + "\n"


def render_json(difference: Difference) -> str:
    """For programs: the findings as they stand in their reports."""
    return json.written(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": "difference",
            "old": _side(difference.old),
            "new": _side(difference.new),
            "appeared": [json.finding_document(finding) for finding in difference.appeared],
            "gone": [json.finding_document(finding) for finding in difference.gone],
            "changed": [
                {"old": json.finding_document(change.old), "new": json.finding_document(change.new)}
                for change in difference.changed
            ],
            "not_compared": [
                {
                    "finding": json.finding_document(item.finding),
                    "only_in": "new" if item.is_in_new else "old",
                    "reason": item.reason,
                }
                for item in difference.incomparable
            ],
        }
    )


def _side(side: Side) -> Mapping[str, Any]:
    amounts = {verdict.value: json.amount_text(side.monthly.get(verdict)) for verdict in Verdict}
    return {
        "name": side.name,
        "snapshot_taken_at": format_time(side.taken_at),
        "complete": not side.gaps,
        "counts": {verdict.value: side.counts.get(verdict, 0) for verdict in Verdict},
        "monthly": {**amounts, "saving": json.amount_text(side.saving), "total": json.amount_text(side.total)},
    }


# What is said


def _head(difference: Difference) -> str:
    return f"From {_named(difference.old)} to {_named(difference.new)}"


def _named(side: Side) -> str:
    return f"{text.clean(side.name)} {_when(side)}"


def _when(side: Side) -> str:
    gaps = f", {text.plural(side.gaps, 'list')} not read in full" if side.gaps else ""
    return f"({format_time(side.taken_at)}{gaps})"


def _sections(difference: Difference) -> list[_Section]:
    sections = []
    for title, findings in (("New", difference.appeared), ("Gone", difference.gone)):
        rows = fold(findings)
        if rows:
            lines = [[text.verdict_name(row.verdict), text.money(row.monthly), *_names(row)] for row in rows]
            columns = ["Verdict" if title == "New" else "Was", "US$/month", *_NAMES]
            sections.append(_Section(_counted(title, rows, findings), columns, ("left", "right", *_LEFT), lines))
    if difference.changed:
        changes = _fold_changes(difference.changed)
        title = _counted("Changed", changes, difference.changed)
        columns = ["Was", "Now", "Before", "US$/month", *_NAMES]
        align = ["left", "left", "right", "right", *_LEFT]
        sections.append(_Section(title, columns, align, [_change(change) for change in changes]))
    return sections


_NAMES = ("Where", "What", "Parts", "Why")
_LEFT = ("left", "left", "right", "left")
_FROM_THE_CLOUD = frozenset({"Where", "What", "Why"})


def _counted(title: str, things: Sequence[object], resources: Sequence[object]) -> str:
    return f"{title}: {text.plural(len(things), 'thing')}, {text.plural(len(resources), 'resource')}"


def _names(row: Row) -> list[str]:
    where = f"{text.clean(row.root.project)}/{text.clean(row.root.location)}"
    parts = f"+{row.part_count}" if row.part_count else ""
    hushed = " (suppressed)" if row.head.suppression is not None else ""
    return [where, _what(row), parts, text.clean(row.head.reason) + hushed]


def _what(row: Row) -> str:
    name = text.object_name(row.owner) if row.owner else ""
    return name or text.clean(f"{noun(row.head.resource.collection)} {row.head.resource.name}")


def _fold_changes(changes: Iterable[Change]) -> list[tuple[Verdict, Decimal | None, Row]]:
    """One row for the parts of one load balancer that changed alike: the verdict before, the money before, the row."""
    groups: dict[tuple[ResourceName, Verdict, Verdict], list[Change]] = {}
    for change in changes:
        groups.setdefault((place(change.new), change.old.verdict, change.new.verdict), []).append(change)
    return [
        (was, _sum(change.old for change in group), fold(change.new for change in group)[0])
        for (_, was, _), group in groups.items()
    ]


def _sum(findings: Iterable[Finding]) -> Decimal | None:
    """The sum of what is known; None where nothing is known."""
    amounts = [finding.cost.monthly if finding.cost else None for finding in findings]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if any(known) or len(known) == len(amounts) else None


def _change(change: tuple[Verdict, Decimal | None, Row]) -> list[str]:
    was, before, row = change
    verdicts = [text.verdict_name(was), text.verdict_name(row.verdict)]
    return [*verdicts, text.money(before), text.money(row.monthly), *_names(row)]


def _unclear(difference: Difference) -> list[str]:
    """One line for each reason, with what it is about."""
    groups: dict[tuple[bool, str], list[Incomparable]] = {}
    for item in difference.incomparable:
        groups.setdefault((item.is_in_new, item.reason), []).append(item)
    lines = []
    for (is_in_new, reason), items in groups.items():
        here, there = ("new", "old") if is_in_new else ("old", "new")
        shown = [f"{text.verdict_name(item.finding.verdict)} {item.finding.resource.name}" for item in items]
        more = f" and {len(shown) - _NAMES_SHOWN} more" if len(shown) > _NAMES_SHOWN else ""
        names = text.clean(", ".join(shown[:_NAMES_SHOWN]))
        lines.append(
            f"In the {there} report {text.clean(reason)}; the {here} one has "
            f"{text.plural(len(items), 'resource')} ({names}{more})"
        )
    return lines


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _money(difference: Difference) -> _Section:
    sides = (difference.old, difference.new)
    rows = [_amounts(text.verdict_name(verdict), [_of_verdict(side, verdict) for side in sides]) for verdict in Verdict]
    rows.append(_amounts("all", [_of_all(side) for side in sides]))
    columns = ("Total", "Resources before", "now", "US$/month before", "now", "difference")
    return _Section("Money", columns, ("left", *("right",) * 5), rows)


@dataclass(frozen=True, slots=True)
class _Amount:
    """The money of one side, and how many resources it is of and leaves out."""

    monthly: Decimal
    count: int
    unpriced: int

    def __str__(self) -> str:
        """A sum that leaves something out is marked; one that leaves everything out is no 0.00."""
        if not self.unpriced:
            return text.money(self.monthly)
        return f"{text.money(self.monthly)}+" if self.monthly else text.UNKNOWN


def _of_verdict(side: Side, verdict: Verdict) -> _Amount:
    return _Amount(side.monthly[verdict], side.counts.get(verdict, 0), side.unpriced[verdict])


def _of_all(side: Side) -> _Amount:
    return _Amount(side.total, sum(side.counts.values()), sum(side.unpriced.values()))


def _amounts(title: str, amounts: Sequence[_Amount]) -> list[str]:
    before, now = amounts
    change = now.monthly - before.monthly
    signed = f"{change:+,.2f}" if change else text.money(change)
    if text.UNKNOWN in (str(before), str(now)):
        signed = text.UNKNOWN
    return [title, f"{before.count:,}", f"{now.count:,}", str(before), str(now), signed]


def _sentence(difference: Difference) -> str:
    change = difference.new.saving - difference.old.saving
    amount = text.dollars(abs(change))
    said = f"{amount} more a month" if change > 0 else f"{amount} less a month" if change < 0 else "as much as before"
    nothing = "Nothing orphaned, unused, idle or unknown differs. " if difference.is_empty else ""
    return (
        f"{nothing}Deleting everything orphaned and unused would save {said}: "
        f"{text.dollars(difference.new.saving)} at list price."
    )


# Markdown


def _markdown_table(section: _Section) -> str:
    ruler = [" ---: |" if align == "right" else " --- |" for align in section.align]
    head = "|" + "".join(f" {title} |" for title in section.columns)
    body = [
        "|" + "".join(f" {_code(cell) if title in _FROM_THE_CLOUD else cell} |" for title, cell in named)
        for named in (tuple(zip(section.columns, row, strict=True)) for row in section.rows)
    ]
    return "\n".join([head, "|" + "".join(ruler), *body])


def _named_in_code(side: Side) -> str:
    return f"{_code(side.name)} {_when(side)}"


def _code(cell: str) -> str:
    """A code span: no link, mention, image or HTML has a meaning in it; a backtick or a bar would end it."""
    return "`" + text.clean(cell).replace("`", "'").replace("|", "\\|") + "`"


RENDERERS: Mapping[str, Callable[[Difference], str]] = {
    "table": render_table,
    "markdown": render_markdown,
    "json": render_json,
}
"""By --format."""
