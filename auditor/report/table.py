"""The report as a table for people: one row per load balancer, totals, and every gap in a box.

Made for the reader who is about to delete something: verdict and money are never shortened, what was not read and
what to look at first stand below the rows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.model.finding import Verdict
from auditor.model.history import Novelty
from auditor.model.report import Report

from . import cautions, gaps, text
from .drawing import SEPARATOR_WIDTH, draw
from .rows import Row, fold, what
from .selection import Selected, Selection, select
from .sentences import history_sentence, nothing_sentence, saving_sentence, snapshot_line, suppressed_sentence
from .totals import shown_sum, totals

_ANSI = {
    Verdict.ORPHANED: "31",
    Verdict.UNUSED: "33",
    Verdict.IDLE: "36",
    Verdict.UNKNOWN: "35",
}
_BOLD, _DIM = "1", "2"
_MOST_WARNINGS = 8
_MOST_GONE = 8
_UNBOUNDED = 10**6
_MOST_HINTS = 2
_NAMES_SHOWN = 3
_SAYS_LESS = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """`width` None = never shorten (piped output, wide). `has_links` allows terminal hyperlinks."""

    width: int | None = None
    has_color: bool = False
    has_links: bool = False
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cell: Callable[[Row], str]
    align: str = "left"
    narrowest: int | None = None
    """How narrow its cells may be made; None = they are never shortened."""
    comfortable: int | None = None
    """How wide it had better stay: columns that say less are left out before its cells get narrower than that."""
    narrow_rank: int = 0
    """On a terminal that is too narrow for all, the highest rank is left out first; 0 = always there."""

    @property
    def says_less(self) -> bool:
        return self.narrow_rank >= _SAYS_LESS


def render(report: Report, selection: Selection, layout: Layout) -> str:
    """The table with its totals, warnings and gaps, each only where there is something to say."""
    selected = select(report, selection)
    sections = [
        snapshot_line(report),
        _findings(report, selected, selection, layout),
        _suppressed(report, selected, selection, layout),
        _gone(report, layout),
        _totals(report, selected, selection, layout),
        _before_deleting(selected, layout),
        _notes("Notes", report.notes, layout),
        _notes("Warnings", report.warnings, layout),
        _gap_box(report, layout),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _findings(report: Report, selected: Selected, selection: Selection, layout: Layout) -> str:
    rows = fold(selected.findings)
    if rows:
        return _table(rows, report, layout)
    return nothing_sentence(report, selection, selected)


def _suppressed(report: Report, selected: Selected, selection: Selection, layout: Layout) -> str:
    if not (selection.show_suppressed and selected.suppressed):
        return ""
    lines = ["Suppressed:", _table(fold(selected.suppressed), report, layout)]
    lines += [
        f"  {text.clean(row.head.resource.relative)}: {text.clean(row.head.suppression or '')}"
        for row in fold(selected.suppressed)
    ]
    return "\n".join(lines)


def _gone(report: Report, layout: Layout) -> str:
    """What earlier runs reported and this one, having looked, does not find."""
    if report.history is None or not report.gone:
        return ""
    rows = fold(report.gone)
    shown = rows if layout.is_wide else rows[:_MOST_GONE]
    lines = [
        f"was {text.verdict_name(row.verdict)}, {text.money(row.monthly)} a month: {_label(row)} "
        f"({text.clean(row.root.project)}/{text.clean(row.root.location)}), last seen {text.day(_last_seen(row))}"
        for row in shown
    ]
    more = len(rows) - len(shown)
    lines += [f"… and {more:,} more: see --format wide"] if more else []
    return "\n".join(
        [_paint(f"Gone since {text.day(report.history.previous)}:", _BOLD, layout), *_wrapped(lines, layout)]
    )


def _last_seen(row: Row) -> datetime | None:
    return row.history.last_seen if row.history else None


# Rows


def _table(rows: Sequence[Row], report: Report, layout: Layout) -> str:
    columns = _wide_columns(report) if layout.is_wide else _columns(report)
    cells = {column.title: [column.cell(row) for row in rows] for column in columns}
    left_out: list[str] = []
    if layout.width is not None:
        columns, left_out = _fitting(columns, cells, layout.width)
        cells = _shortened(columns, cells, layout.width)
    painted = [
        [_painted(column.title, cells[column.title][index], row, layout) for column in columns]
        for index, row in enumerate(rows)
    ]
    drawn = draw([column.title for column in columns], painted, [column.align for column in columns])
    if left_out:
        drawn += f"\n(left out on this narrow terminal: {', '.join(left_out)}; --format wide shows all)"
    return drawn


def _columns(report: Report) -> list[_Column]:
    has_one_project = len(report.projects) <= 1

    def where(row: Row) -> str:
        location = row.root.location
        return text.clean(location if has_one_project else f"{row.root.project}/{location}")

    return [
        _verdict_column(),
        _Column("US$/month", _money, align="right"),
        _age_column(report.snapshot_taken_at),
        *_seen_columns(report),
        _Column("Where", where, narrowest=11, comfortable=22, narrow_rank=4),
        _Column("What", what, narrowest=16, comfortable=24),
        _Column("Parts", lambda row: f"+{row.part_count}" if row.part_count else "", align="right", narrow_rank=5),
        _Column("Cluster", lambda row: text.cluster_name(row.owner, row.verdict), narrowest=15, narrow_rank=2),
        _Column("IP", _ips, narrowest=15, narrow_rank=1),
        _Column("Why", lambda row: text.clean(row.head.reason), narrowest=15, narrow_rank=3),
    ]


def _wide_columns(report: Report) -> list[_Column]:
    def all_ips(row: Row) -> str:
        return text.clean(", ".join(row.ips)) or text.UNKNOWN

    def object_name(row: Row) -> str:
        return (text.object_name(row.owner) if row.owner else "") or text.UNKNOWN

    return [
        _verdict_column(),
        _Column("US$/month", _money, align="right"),
        _Column("Alone", _money_alone, align="right"),
        _age_column(report.snapshot_taken_at),
        *_seen_columns(report),
        *_accrued_columns(report),
        _Column("Project", lambda row: text.clean(row.root.project)),
        _Column("Location", lambda row: text.clean(row.root.location)),
        _Column("Object", object_name),
        _Column("Cluster", lambda row: text.cluster_name(row.owner, row.verdict, full=True)),
        _Column("IP", all_ips),
        _Column("Why", lambda row: text.clean(row.head.reason)),
        _Column("Confidence", lambda row: row.head.confidence.value),
        _Column("Resource", lambda row: text.clean(row.head.resource.relative)),
        _Column("Parts", _part_names),
        _Column("Id", lambda row: row.head.id),
        _Column("Console", lambda row: text.console_url(row.head.resource)),
    ]


def _verdict_column() -> _Column:
    return _Column("Verdict", lambda row: text.verdict_name(row.verdict))


def _age_column(as_of: datetime) -> _Column:
    return _Column("Age", lambda row: text.age(row.head.created_at, as_of), align="right")


def _seen_columns(report: Report) -> list[_Column]:
    """Whether earlier runs saw it; only where some were asked."""
    return [_Column("Seen", _seen, narrow_rank=2)] if report.history else []


def _seen(row: Row) -> str:
    history = row.history
    if history is None or history.novelty is None:
        return text.UNKNOWN
    return "new" if history.novelty is Novelty.NEW else text.plural(history.runs_seen, "run")


def _accrued_columns(report: Report) -> list[_Column]:
    """What it has cost since the first run that saw it, and since it was made."""
    if not report.history:
        return []

    def since_first_seen(row: Row) -> str:
        return text.accrual(row.history.accrued_since_first_seen if row.history else None)

    def since_creation(row: Row) -> str:
        return text.accrual(row.history.accrued_since_creation if row.history else None)

    return [
        _Column("US$ since seen", since_first_seen, align="right"),
        _Column("US$ since made", since_creation, align="right"),
    ]


def _money(row: Row) -> str:
    return shown_sum(row.monthly, [row])


def _money_alone(row: Row) -> str:
    return text.money(row.head.cost.monthly_if_deleted_alone if row.head.cost else None)


def _ips(row: Row) -> str:
    if not row.ips:
        return text.UNKNOWN
    more = f" +{len(row.ips) - 1}" if len(row.ips) > 1 else ""
    return text.clean(row.ips[0]) + more


def _part_names(row: Row) -> str:
    """Which kinds the row stands for, most of them first: "2 firewall rules, 1 address"."""
    counts: dict[str, int] = {}
    for finding in row.findings[1:]:
        counts[finding.resource.collection] = counts.get(finding.resource.collection, 0) + 1
    return ", ".join(_counted(collection, count) for collection, count in counts.items())


def _counted(collection: str, count: int) -> str:
    name = text.kind_name(collection)
    plural = name[:-1] + "ies" if name.endswith("proxy") else name + ("es" if name.endswith("s") else "s")
    return text.plural(count, name, plural)


def _fitting(columns: list[_Column], cells: Mapping[str, Sequence[str]], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that fit, and the titles of the others.

    First those that say less go until the rest fits in comfort, then any that may until it fits at its narrowest.
    """
    kept, left_out = list(columns), []
    for is_comfortable in (True, False):
        while _least_width(kept, cells, is_comfortable=is_comfortable) > width:
            may_go = [column for column in kept if (column.says_less if is_comfortable else column.narrow_rank)]
            if not may_go:
                break
            least = max(may_go, key=lambda column: column.narrow_rank)
            kept.remove(least)
            left_out.append(least.title)
    return kept, left_out


def _natural_width(column: _Column, cells: Mapping[str, Sequence[str]]) -> int:
    return max(len(column.title), *(len(cell) for cell in cells[column.title]))


def _floor(column: _Column, *, is_comfortable: bool) -> int:
    return (column.comfortable if is_comfortable else None) or column.narrowest or _UNBOUNDED


def _least_width(columns: Sequence[_Column], cells: Mapping[str, Sequence[str]], *, is_comfortable: bool) -> int:
    widths = [min(_natural_width(column, cells), _floor(column, is_comfortable=is_comfortable)) for column in columns]
    return sum(widths) + SEPARATOR_WIDTH * (len(columns) - 1)


def _shortened(columns: Sequence[_Column], cells: Mapping[str, Sequence[str]], width: int) -> dict[str, list[str]]:
    """The same cells, the widest columns that may lose letters cut down until the row fits, in comfort if it can."""
    widths = {column.title: _natural_width(column, cells) for column in columns}
    excess = sum(widths.values()) + SEPARATOR_WIDTH * (len(columns) - 1) - width
    for is_comfortable in (True, False):
        floors = {column.title: _floor(column, is_comfortable=is_comfortable) for column in columns}
        while excess > 0:
            shrinkable = [title for title, least in floors.items() if widths[title] > least]
            if not shrinkable:
                break
            widths[max(shrinkable, key=lambda title: widths[title])] -= 1
            excess -= 1
    return {title: [text.shorten(cell, limit) for cell in cells[title]] for title, limit in widths.items()}


def _painted(title: str, cell: str, row: Row, layout: Layout) -> str:
    if title == "Verdict":
        return _paint(cell, _ANSI.get(row.verdict, _DIM), layout)
    if title == "Seen" and cell == "new":
        return _paint(cell, _BOLD, layout)
    if title == "What" and layout.has_links:
        # OSC 8: terminals show the text and open the address; others show the text.
        return f"\x1b]8;;{text.console_url(row.head.resource)}\x1b\\{cell}\x1b]8;;\x1b\\"
    return cell


def _paint(word: str, code: str, layout: Layout) -> str:
    return f"\x1b[{code}m{word}\x1b[0m" if layout.has_color else word


# Totals


def _totals(report: Report, selected: Selected, selection: Selection, layout: Layout) -> str:
    lines = [
        [
            _total_name(line.verdict, layout),
            f"{line.things:,}",
            f"{line.resources:,}",
            line.money,
            "" if line.verdict is None or line.verdict in selection.verdicts else "hidden",
        ]
        for line in totals(report)
    ]
    align = ("left", "right", "right", "right", "left")
    drawn = draw(["Total", "Things", "Resources", "US$/month", ""], lines, align)
    return "\n".join([drawn, "", *_sentences(report, selected)])


def _total_name(verdict: Verdict | None, layout: Layout) -> str:
    if verdict is None:
        return _paint("all", _BOLD, layout)
    return _paint(text.verdict_name(verdict), _ANSI.get(verdict, _DIM), layout)


def _sentences(report: Report, selected: Selected) -> list[str]:
    lines = [saving_sentence(report)]
    if report.history is not None:
        lines.append(history_sentence(report))
    if report.suppressed:
        lines.append(suppressed_sentence(report))
    if selected.filtered_count:
        lines.append(f"Hidden by filters: {text.plural(selected.filtered_count, 'resource')}. Totals count them.")
    return lines


# What to read before deleting


def _before_deleting(selected: Selected, layout: Layout) -> str:
    """Each distinct warning once, with the things that it is about; warnings that differ by an IP count as one."""
    everything = [
        f"{caution.text} [{_few([_label(row) for row in caution.about], layout)}]"
        for caution in cautions.group(fold(selected.findings))
    ]
    if not everything:
        return ""
    shown = everything if layout.is_wide else everything[:_MOST_WARNINGS]
    lines = [_paint("Before you delete:", _BOLD, layout), *_wrapped(shown, layout)]
    if len(everything) > len(shown):
        lines.append(f"  … and {text.plural(len(everything) - len(shown), 'more warning')}: see --format wide")
    return "\n".join(lines)


def _label(row: Row) -> str:
    ip = f" {text.clean(row.ips[0])}" if row.ips else ""
    return text.shorten(what(row), 60) + ip


def _few(names: Sequence[str], layout: Layout) -> str:
    if layout.is_wide or len(names) <= _NAMES_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMES_SHOWN])} and {len(names) - _NAMES_SHOWN} more"


def _notes(title: str, notes: Sequence[str], layout: Layout) -> str:
    if not notes:
        return ""
    return "\n".join([_paint(f"{title}:", _BOLD, layout), *_wrapped((text.clean(note) for note in notes), layout)])


def _wrapped(items: Iterable[str], layout: Layout) -> list[str]:
    """Indented items, wrapped to the terminal; never inside a word, so that names and commands can be copied."""
    lines = []
    for item in items:
        if layout.width is None:
            lines.append(f"  {item}")
            continue
        lines += textwrap.wrap(
            item,
            max(20, layout.width),
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _gap_box(report: Report, layout: Layout) -> str:
    """Open to the right: commands stand in one piece, however long, and can be copied."""
    groups = gaps.group(report)
    if not groups:
        return ""
    title = f"Not read in full: {text.plural(len(report.gaps), 'list')}. What was not read proves nothing."
    lines = [f"┌─ {_paint(title, _BOLD, layout)}"]
    for index, group in enumerate(groups):
        if index:
            lines.append("│")
        lines += [f"│ {line}" if line else "│" for line in _gap_lines(group, layout)]
    lines.append("└─")
    return "\n".join(lines)


def _gap_lines(group: gaps.GapGroup, layout: Layout) -> list[str]:
    inner = Layout(width=None if layout.width is None else layout.width - 2)
    lines = [line.removeprefix("  ") for line in _wrapped([group.sentence], inner)]
    for detail in group.details[:1]:
        lines += _wrapped([f"({text.shorten(detail, 200)})"], inner)
    lines += [f"  → {hint}" for hint in group.hints[:_MOST_HINTS]]
    if len(group.hints) > _MOST_HINTS:
        lines.append(f"  → and {len(group.hints) - _MOST_HINTS} more of the kind: --format json has them all")
    return lines
