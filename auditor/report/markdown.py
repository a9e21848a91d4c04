"""The report as GitHub flavoured Markdown, for an issue or $GITHUB_STEP_SUMMARY.

Stays below what the body of an issue may hold, 65,536 characters (a job summary may hold 1 MiB): the dearest load
balancers first, the rest counted.

Whatever came from the cloud is inert: words of harmless letters stand as they are, all others in code, where neither
Markdown nor GitHub's own links (@people, #issues, addresses, :emoji:) mean anything. Escaping would not do: GitHub
looks for @people and #issues after it has taken the backslashes away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from auditor.model.finding import SHOWN_BY_DEFAULT
from auditor.model.history import Novelty
from auditor.model.money import HOURS_PER_MONTH
from auditor.model.report import Report

from . import cautions, gaps, text
from .rows import Row, fold, what
from .selection import Selected, Selection, select
from .sentences import nothing_sentence, saving_sentence, scope_name, snapshot_line, suppressed_sentence
from .totals import shown_sum, totals

MOST_ROWS = 200
ISSUE_LIMIT = 65_536
_ROOM_FOR_ROWS = 32_000
_ROOM_FOR_CAUTIONS = 8_000
_ROOM_FOR_GAPS = 14_000
_ROOM_FOR_SUPPRESSED = 3_000
_ROOM_FOR_NOTES = 3_000
"""In bytes of UTF-8, which are never fewer than characters. The rest is for what does not grow."""
_MOST_CAUTIONS = 20
_MOST_HINTS = 3
_NAMES_SHOWN = 5
_LONGEST_CELL, _LONGEST_NAME, _LONGEST_SCOPE, _LONGEST_DETAIL, _LONGEST_COMMAND = 160, 60, 200, 300, 2000

_HARMLESS = re.compile(r"(?:[^\W_]|(?<=US)\$(?=\d)|[-–—/.…,;()'\"%?!=+·→×\ufffd])+:?")
_WORDLESS = re.compile(r"[-–—·→+]+")
_COMMAND = re.compile(r"\b(?:gcloud|kubectl) ")
_MEANINGFUL = re.compile(r"www\.|gh-\d", re.IGNORECASE)
"""What GitHub makes a link of though every letter of it is harmless."""
_STARTS_A_LIST = re.compile(r"\d+[.)]|[-+]+")


def render(report: Report, selection: Selection) -> str:
    """Headline, totals, one row per load balancer, what to read before deleting, and what was not read."""
    selected = select(report, selection)
    rows = fold(selected.findings)
    sections = [
        _headline(report),
        _partial(report),
        _totals(report, selected, selection),
        _findings(report, rows, selection, selected),
        _before_deleting(rows),
        _gaps(report),
        _suppressed(report, selected, selection),
        _notes(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(report: Report) -> str:
    lines = [f"## Load balancers and addresses: {inline(scope_name(report), _LONGEST_SCOPE)}"]
    lines.append(f"**{saving_sentence(report)}**{_novelty(report)}")
    lines.append(snapshot_line(report))
    return "\n\n".join(lines)


def _novelty(report: Report) -> str:
    """How it stands to the runs before, where they were asked."""
    if report.history is None:
        return ""
    told = [item.history.novelty for item in report.findings if item.history and item.verdict in SHOWN_BY_DEFAULT]
    since = f" since {text.day(report.history.previous)}" if report.history.previous else ""
    known = f"{told.count(Novelty.KNOWN):,} known, {len(report.gone):,} gone"
    return f" Resources: {told.count(Novelty.NEW):,} new{since}, {known}."


def _partial(report: Report) -> str:
    """An alert box of GitHub's."""
    if not report.gaps:
        return ""
    lists = text.plural(len(report.gaps), "list was", "lists were")
    return f"> [!WARNING]\n> Partial: {lists} not read in full. What was not read proves nothing."


# Tables


def _table(titles: Sequence[str], aligned_right: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Unlike those of tabulate, its cells are not padded: in 64 KiB every space counts."""
    right = frozenset(aligned_right)
    rule = ["-:" if title in right else "-" for title in titles]
    return "\n".join(_line(cells) for cells in (titles, rule, *rows))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _totals(report: Report, selected: Selected, selection: Selection) -> str:
    rows = [
        [
            "**all**" if line.verdict is None else text.verdict_name(line.verdict),
            f"{line.things:,}",
            f"{line.resources:,}",
            line.money,
            "" if line.verdict is None or line.verdict in selection.verdicts else "not listed",
        ]
        for line in totals(report)
    ]
    drawn = _table(["Total", "Things", "Resources", "US$/month", ""], ["Things", "Resources", "US$/month"], rows)
    if not selected.filtered_count:
        return drawn
    return f"{drawn}\n\nHidden by filters: {text.plural(selected.filtered_count, 'resource')}. Totals count them."


def _findings(report: Report, rows: Sequence[Row], selection: Selection, selected: Selected) -> str:
    if not rows:
        return nothing_sentence(report, selection, selected)
    titles = ["Verdict", "US$/month", "Age", "Where", "What", "Parts", "Cluster", "IP", "Why"]
    if report.history is not None:
        titles.append("Seen")
    kept = _within(_ROOM_FOR_ROWS, [_line(_cells(row, report)) for row in rows[:MOST_ROWS]])
    drawn = _table(titles, ["US$/month", "Age", "Parts"], [])
    section = "\n".join(["### What was found", "", drawn, *kept])
    more = len(rows) - len(kept)
    return f"{section}\n\n… and {more:,} more: see another format." if more else section


def _cells(row: Row, report: Report) -> list[str]:
    location = row.root.location
    where = location if len(report.projects) <= 1 else f"{row.root.project}/{location}"
    cells = [
        text.verdict_name(row.verdict),
        shown_sum(row.monthly, [row]),
        text.age(row.head.created_at, report.snapshot_taken_at),
        _name(where, _LONGEST_CELL),
        _name(what(row), _LONGEST_CELL),
        f"+{row.part_count}" if row.part_count else "",
        _name(text.cluster_name(row.owner, row.verdict), _LONGEST_CELL),
        _ips(row),
        _name(row.head.reason, _LONGEST_CELL),
    ]
    if report.history is not None:
        cells.append(_seen(row))
    return cells


def _ips(row: Row) -> str:
    if not row.ips:
        return text.UNKNOWN
    more = f" +{len(row.ips) - 1}" if len(row.ips) > 1 else ""
    return _name(row.ips[0], _LONGEST_NAME) + more


def _seen(row: Row) -> str:
    """new, or in how many runs; of a load balancer's parts the one that speaks for it."""
    history = row.head.history
    if history is None or history.novelty is None:
        return text.UNKNOWN
    return "**new**" if history.novelty is Novelty.NEW else f"{history.runs_seen:,} runs"


# Below the tables


def _before_deleting(rows: Sequence[Row]) -> str:
    everything = [f"- {inline(caution.text)} ({_few(caution.about)})" for caution in cautions.group(rows)]
    if not everything:
        return ""
    return "\n".join(["### Before you delete", "", *_bullets(everything, _ROOM_FOR_CAUTIONS, _MOST_CAUTIONS)])


def _few(rows: Sequence[Row]) -> str:
    names = [_name(what(row), _LONGEST_NAME) for row in rows[:_NAMES_SHOWN]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _gaps(report: Report) -> str:
    groups = gaps.group(report)
    if not groups:
        return ""
    kept = _within(_ROOM_FOR_GAPS, ["\n".join(_gap_lines(group)) for group in groups])
    more = sum(group.count for group in groups[len(kept) :])
    rest = [f"- … and {text.plural(more, 'more list')}: see another format"] if more else []
    return "\n".join(["### Not read in full", "", *kept, *rest]).rstrip()


def _gap_lines(group: gaps.GapGroup) -> list[str]:
    lines = [f"- {inline(group.sentence, 3 * text.LONGEST)}"]
    lines += [f"  ({inline(detail, _LONGEST_DETAIL)})" for detail in group.details[:1]]
    for hint in group.hints[:_MOST_HINTS]:
        lines += _hint_lines(hint)
    more = len(group.hints) - _MOST_HINTS
    if more > 0:
        lines.append(f"  … and {more:,} more of the kind")
    return lines


def _hint_lines(hint: str) -> list[str]:
    if not _COMMAND.search(hint):
        return [f"  → {inline(hint, _LONGEST_COMMAND)}"]
    return ["", *(f"  {line}" for line in fenced(hint)), ""]


def _suppressed(report: Report, selected: Selected, selection: Selection) -> str:
    if not report.suppressed:
        return ""
    said = suppressed_sentence(report)
    if not (selection.show_suppressed and selected.suppressed):
        return said
    lines = [
        f"- {_name(what(row), _LONGEST_NAME)}: {inline(row.head.suppression or '', _LONGEST_DETAIL)}"
        for row in fold(selected.suppressed)
    ]
    return "\n".join([said, "", *_bullets(lines, _ROOM_FOR_SUPPRESSED, MOST_ROWS)])


def _notes(report: Report) -> str:
    notes = [*report.notes, *(f"Warning: {warning}" for warning in report.warnings)]
    shown = _bullets([f"- {inline(note)}" for note in notes], _ROOM_FOR_NOTES, MOST_ROWS)
    computed = (
        f"List prices of {report.prices_as_of.isoformat()} in {inline(report.summary.currency)} for {HOURS_PER_MONTH} "
        "hours a month, without traffic and without your contract. The parts of one load balancer share its price."
    )
    return "\n".join(["### How it was computed", "", computed, *(["", *shown] if shown else [])])


def _bullets(lines: Sequence[str], room: int, most: int) -> list[str]:
    kept = _within(room, lines[:most])
    more = len(lines) - len(kept)
    return [*kept, f"- … and {more:,} more: see another format"] if more else kept


# Text


def inline(said: str, limit: int = text.LONGEST) -> str:
    """Text of any origin as Markdown that reads the same and does nothing: on one line, and with no | in it."""
    words = text.clean(said, limit).replace("|", "¦").split()
    runs = groupby(enumerate(words), key=lambda item: _is_harmless(item[1], is_first=item[0] == 0))
    spans = ((is_harmless, " ".join(word for _, word in run)) for is_harmless, run in runs)
    return " ".join(span if is_harmless else _code(span) for is_harmless, span in spans)


def _name(said: str, limit: int) -> str:
    """A name; one that is too long loses its middle, for names differ at both ends."""
    return inline(text.shorten(said, limit), limit)


def _is_harmless(word: str, *, is_first: bool) -> bool:
    if is_first and _STARTS_A_LIST.fullmatch(word):
        return False
    if _WORDLESS.fullmatch(word):
        return True
    has_letters = any(letter.isalnum() for letter in word)
    return has_letters and _HARMLESS.fullmatch(word) is not None and not _MEANINGFUL.search(word)


def _code(said: str) -> str:
    marks = "`" * (_longest_run(said) + 1)
    pad = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{marks}{pad}{said}{pad}{marks}"


def fenced(command: str) -> list[str]:
    """A command of one line in a block of code that nothing in it can end."""
    shown = text.clean(command, _LONGEST_COMMAND)
    marks = "`" * max(3, _longest_run(shown) + 1)
    return [f"{marks}sh", shown, marks]


def _longest_run(said: str) -> int:
    return max((len(run) for run in re.findall("`+", said)), default=0)


def _within(room: int, lines: Iterable[str]) -> list[str]:
    """As many of the lines, from the first, as fit into so many bytes."""
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            break
        kept.append(line)
    return kept
