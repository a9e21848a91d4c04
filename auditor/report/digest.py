"""A report cut down to what fits a mail or a chat message: counts, money, the dearest things, what was not read.

Everything here is cleaned and short, whatever the cloud says; what is left out is counted. Mail (email.py) and chat
(chat.py) print the same digest, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.breakdown import Grouping, break_down
from auditor.model.finding import SHOWN_BY_DEFAULT, WASTE, Verdict
from auditor.model.history import Novelty
from auditor.model.report import Report

from . import cautions, gaps, text
from .rows import Row, fold, what
from .selection import Selection, select
from .sentences import history_sentence, nothing_sentence, scope_name
from .totals import Total, shown_sum, totals

_MOST_HINTS = 2
_NAMES_SHOWN = 3
_COMMANDS = ("gcloud ", "kubectl ", "gke-auditor ")
_LONGEST_SCOPE = 60
_LONGEST_NAME, _LONGEST_DETAIL = 64, 48


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each kind is said, and how long a sentence and a command may be."""

    things: int = 25
    gaps: int = 8
    cautions: int = 6
    gone: int = 5
    projects: int = 8
    notes: int = 5
    sentence: int = 300
    command: int = 500


@dataclass(frozen=True, slots=True)
class Thing:
    """One load balancer or lone resource as a line."""

    verdict: Verdict
    money: str
    monthly: Decimal | None
    age: str
    name: str
    ip: str
    details: tuple[str, ...]
    """Where it is, its cluster, why, its parts."""
    is_new: bool
    link: str
    """Its page in the Cloud Console."""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a small table with a bar. `share` is per cent of the longest bar, 0 to 100."""

    label: str
    things: str
    money: str
    share: int
    verdict: Verdict | None = None
    """What its bar is painted as."""


@dataclass(frozen=True, slots=True)
class Remedy:
    text: str

    @property
    def is_command(self) -> bool:
        """To be copied to a shell, not a sentence."""
        return self.text.startswith(_COMMANDS)


@dataclass(frozen=True, slots=True)
class Unread:
    """Lists of one place that were not read in full, and what mends it."""

    sentence: str
    detail: str
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """Empty texts and tuples where there is nothing to say."""

    subject: str
    headline: str
    """The whole report in half a sentence."""
    lead: str
    """What that is made of: how many things, how many of them new."""
    scope: str
    taken: str
    unread: str
    """That something was not read in full, and what it means."""
    verdicts: tuple[Line, ...]
    total: Line
    suppressed: str
    compared: str
    """How this run stands to the earlier ones."""
    groups: tuple[Group, ...]
    """What is new, then the rest: of each the dearest, what is orphaned or unused before what is not."""
    more_things: str
    nothing: str
    """Said where there are no groups."""
    gone_title: str
    gone: tuple[str, ...]
    more_gone: str
    projects: tuple[Line, ...]
    more_projects: str
    cautions: tuple[str, ...]
    more_cautions: str
    gaps: tuple[Unread, ...]
    more_gaps: str
    notes: tuple[str, ...]
    more_notes: str
    foot: str


def digest(report: Report, selection: Selection, limits: Limits) -> Digest:
    """The report within `limits`, of its things the dearest that `selection` shows. Counts and sums are whole."""
    selected = select(report, selection)
    rows = fold(selected.findings)
    things = _groups(report, rows, limits.things)
    left = len(rows) - sum(len(group.things) for group in things)
    wasted = _wasted(report)
    unread = gaps.group(report)
    projects = _projects(report)
    warned = cautions.group(rows)
    gone = sorted(fold(report.gone), key=lambda row: -(row.monthly or 0))
    notes = (*report.notes, *report.warnings)
    saving = _saving(report, wasted)
    return Digest(
        subject=subject(report),
        headline=f"{saving} a month could be saved" if saving else _nothing_wasted(report, wasted),
        lead=_lead(report, wasted) if wasted else "",
        scope=_scope(report),
        taken=f"{report.snapshot_taken_at:%Y-%m-%d %H:%M} UTC",
        unread=_unread(report),
        verdicts=_verdicts(report),
        total=_total(report),
        suppressed=_suppressed(report),
        compared=history_sentence(report),
        groups=things,
        more_things=_more(left, "thing", "things"),
        nothing=nothing_sentence(report, selection, selected),
        gone_title=_gone_title(gone),
        gone=tuple(_gone_line(row) for row in gone[: limits.gone]),
        more_gone=_more(len(gone) - limits.gone, "thing", "things"),
        projects=projects[: limits.projects],
        more_projects=_more(len(projects) - limits.projects, "project", "projects"),
        cautions=tuple(_caution_line(item, limits) for item in warned[: limits.cautions]),
        more_cautions=_more(len(warned) - limits.cautions, "warning", "warnings"),
        gaps=tuple(_gap(group, limits) for group in unread[: limits.gaps]),
        more_gaps=_more(len(unread) - limits.gaps, "place", "places"),
        notes=tuple(text.clean(note, limits.sentence) for note in notes[: limits.notes]),
        more_notes=_more(len(notes) - limits.notes, "note", "notes"),
        foot=_foot(report),
    )


def subject(report: Report) -> str:
    """What a reader sees in the list of mails: the new things first, how many, their money, where, "partial".

    One line of at most about 200 letters. Suppressed things do not count, filters hide nothing from it.
    """
    wasted = _wasted(report)
    lead = _lead(report, wasted, is_short=True) if wasted else _nothing_wasted(report, wasted)
    saving = _saving(report, wasted)
    parts = [lead, f"{saving}/month" if saving else "", _scope(report), "partial" if report.gaps else ""]
    return " · ".join(part for part in parts if part)


# What is waste


def _wasted(report: Report) -> tuple[Row, ...]:
    return fold(item for item in report.findings if item.verdict in WASTE)


def unseen_waste(report: Report) -> tuple[Row, ...]:
    """What is orphaned or unused, not suppressed, and was seen by no earlier run, even where none could see it."""
    return tuple(row for row in _wasted(report) if row.novelty is not Novelty.KNOWN)


def _has_earlier_runs(report: Report) -> bool:
    return report.history is not None and report.history.previous is not None


def _saving(report: Report, wasted: Sequence[Row]) -> str:
    """ "US$58.40"; with a plus where something has no known price; "" where nothing is known to cost anything.

    The same sum as in every other form of the report, with what is suppressed: pools are charged together, so that
    what is left without it is not what deleting the rest would save.
    """
    if not wasted or report.summary.saving <= report.summary.suppressed:
        return ""
    return text.dollars(report.summary.saving) + ("+" if any(row.unpriced_count for row in wasted) else "")


def _nothing_wasted(report: Report, wasted: Sequence[Row]) -> str:
    if wasted:
        return "Nothing of it has a known price" if any(row.unpriced_count for row in wasted) else "Nothing to save"
    return "Nothing orphaned or unused" + (" in what was read" if report.gaps else "")


def _lead(report: Report, wasted: Sequence[Row], *, is_short: bool = False) -> str:
    """ "3 new orphaned load balancers, 12 in all"."""
    if not _has_earlier_runs(report):
        return _counted(wasted, is_short=is_short)
    new = [row for row in wasted if row.novelty is Novelty.NEW]
    if not new:
        return f"Nothing new, {_counted(wasted, is_short=is_short)}"
    more = f", {len(wasted):,} in all" if len(new) < len(wasted) else ""
    return _counted(new, "new ", is_short=is_short) + more


def _counted(rows: Sequence[Row], adjective: str = "", *, is_short: bool = False) -> str:
    """ "3 orphaned load balancers and 2 unused addresses".

    In a subject all addresses are one number, and parts are not named beside other things.
    """
    balancers = [row for row in rows if _is_load_balancer(row)]
    orphaned = [row for row in rows if row.verdict is Verdict.ORPHANED and _is_lone_address(row)]
    unused = [row for row in rows if row.verdict is Verdict.UNUSED]
    parts = len(rows) - len(balancers) - len(orphaned) - len(unused)
    named = [_named(len(balancers), f"{adjective}orphaned load balancer", "s")]
    if is_short and orphaned and unused:
        named.append(_named(len(orphaned) + len(unused), f"{adjective}orphaned or unused address", "es"))
    else:
        named.append(_named(len(orphaned), f"{adjective}orphaned address", "es"))
        named.append(_named(len(unused), f"{adjective}unused address", "es"))
    if not is_short or len(rows) == parts:
        named.append(_named(parts, f"{adjective}orphaned part", "s"))
    return _listed([name for name in named if name])


def _named(count: int, noun: str, ending: str) -> str:
    return text.plural(count, noun, noun + ending) if count else ""


def _listed(names: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is_load_balancer(row: Row) -> bool:
    return row.verdict is Verdict.ORPHANED and any(item.load_balancer is not None for item in row.findings)


def _is_lone_address(row: Row) -> bool:
    return not _is_load_balancer(row) and row.head.resource.collection == "addresses"


# Sums


def _verdicts(report: Report) -> tuple[Line, ...]:
    """A line for each verdict that reports show, and for each other one that there is something of."""
    amounts = {verdict: report.summary.monthly.get(verdict) or Decimal(0) for verdict in Verdict}
    longest = max(amounts.values())
    return tuple(
        Line(
            text.verdict_name(item.verdict),
            _things(item, report),
            item.money,
            _share(amounts[item.verdict], longest),
            item.verdict,
        )
        for item in totals(report)
        if item.verdict is not None and (item.resources or item.verdict in SHOWN_BY_DEFAULT)
    )


def _total(report: Report) -> Line:
    total = totals(report)[-1]
    return Line("all", _things(total, report), total.money, 0)


def _things(total: Total, report: Report) -> str:
    """How many things; — where a report that was read from a file counts more resources than it lists."""
    listed = sum(total.verdict in (None, item.verdict) for item in (*report.findings, *report.suppressed))
    return text.UNKNOWN if listed < total.resources else f"{total.things:,}"


def _share(amount: Decimal, longest: Decimal) -> int:
    """Per cent of the longest bar; what is more than nothing has a bar that can be seen."""
    return max(1, int(amount * 100 / longest)) if amount > 0 and longest > 0 else 0


def _projects(report: Report) -> tuple[Line, ...]:
    """What each project could save, the most first; nothing where there is one project only."""
    rows = [row for row in break_down((*report.findings, *report.suppressed), Grouping.PROJECT) if row.total]
    rows.sort(key=lambda row: (-row.saving, -row.total, row.key))
    if len(rows) < 2:
        return ()
    longest = rows[0].saving
    return tuple(
        Line(
            text.shorten(text.clean(" ".join(row.key)), _LONGEST_NAME),
            text.money(row.total),
            text.money(row.saving),
            _share(row.saving, longest),
            Verdict.ORPHANED,
        )
        for row in rows
    )


def _suppressed(report: Report) -> str:
    if not report.suppressed:
        return ""
    count = len(report.suppressed)
    amount = report.summary.suppressed
    of_saving = f" and with {text.dollars(amount)} in the saving above" if amount else ""
    return f"{text.plural(count, 'resource is', 'resources are')} suppressed: counted in this table{of_saving}."


# Things


def _groups(report: Report, rows: Sequence[Row], most: int) -> tuple[Group, ...]:
    is_told = _has_earlier_runs(report)
    new: list[Row] = []
    rest: list[Row] = []
    for row in rows:
        is_new = is_told and row.verdict in WASTE and row.novelty is Novelty.NEW
        (new if is_new else rest).append(row)
    groups, room = [], most
    for title, members in (("New", new), ("Seen before" if new else "To look at", rest)):
        shown = sorted(members, key=_urgency)[:room]
        room -= len(shown)
        if shown:
            told = f"the {len(shown)} dearest of {len(members):,}" if len(shown) < len(members) else f"{len(members):,}"
            groups.append(Group(f"{title}: {told}", tuple(_thing(row, report) for row in shown)))
    return tuple(groups)


def _urgency(row: Row) -> tuple[bool, Decimal, bool, int, str]:
    """What can be saved before what cannot, the dearest first; what has no known price before what costs nothing."""
    amount = row.monthly or Decimal(0)
    return (row.verdict not in WASTE, -amount, row.monthly is not None, row.verdict.rank, row.head.resource.full)


def _thing(row: Row, report: Report) -> Thing:
    has_one_project = len(report.projects) <= 1
    location = text.clean(row.root.location)
    where = location if has_one_project else f"{text.clean(row.root.project)}/{location}"
    cluster = text.cluster_name(row.owner, row.verdict)
    details = [where, cluster if cluster != text.UNKNOWN else "", row.head.reason]
    details.append(text.plural(row.part_count, "part") if row.part_count else "")
    more = f" +{len(row.ips) - 1}" if len(row.ips) > 1 else ""
    return Thing(
        verdict=row.verdict,
        money=shown_sum(row.monthly, [row]),
        monthly=row.monthly,
        age=text.age(row.head.created_at, report.snapshot_taken_at),
        name=text.shorten(what(row), _LONGEST_NAME),
        ip=text.shorten(text.clean(row.ips[0]), 39) + more if row.ips else "",
        details=tuple(text.shorten(text.clean(detail), _LONGEST_DETAIL) for detail in details if detail),
        is_new=row.novelty is Novelty.NEW,
        link=text.console_url(row.head.resource),
    )


def _more(count: int, one: str, many: str) -> str:
    return f"… and {text.plural(count, f'more {one}', f'more {many}')}" if count > 0 else ""


# Earlier runs


def _gone_title(gone: Sequence[Row]) -> str:
    freed = sum((row.monthly or Decimal(0) for row in gone), Decimal(0))
    return f"Gone: {len(gone):,}" + (f", {text.dollars(freed)} a month" if freed else "")


def _gone_line(row: Row) -> str:
    ip = f" {text.shorten(text.clean(row.ips[0]), 39)}" if row.ips else ""
    amount = f", {text.dollars(row.monthly)} a month" if row.monthly else ""
    return f"{text.shorten(what(row), _LONGEST_NAME)}{ip}: was {text.verdict_name(row.verdict)}{amount}"


# What to know


def _caution_line(caution: cautions.Caution, limits: Limits) -> str:
    labels = [_label(row) for row in caution.about]
    shown = ", ".join(labels[:_NAMES_SHOWN])
    more = len(labels) - _NAMES_SHOWN
    return f"{text.clean(caution.text, limits.sentence)} [{shown}{f' and {more} more' if more > 0 else ''}]"


def _label(row: Row) -> str:
    ip = f" {text.shorten(text.clean(row.ips[0]), 39)}" if row.ips else ""
    return text.shorten(what(row), _LONGEST_DETAIL) + ip


def _unread(report: Report) -> str:
    if not report.gaps:
        return ""
    unknown = report.counts.get(Verdict.UNKNOWN, 0)
    lists = text.plural(len(report.gaps), "list was", "lists were")
    told = f" {text.plural(unknown, 'resource is', 'resources are')} unknown." if unknown else ""
    return f"{lists} not read in full, and what was not read proves nothing.{told} See below what mends it."


def _gap(group: gaps.GapGroup, limits: Limits) -> Unread:
    lists = text.shorten(", ".join(group.lists), limits.sentence)
    place = text.shorten(group.place, 2 * _LONGEST_NAME)
    return Unread(
        sentence=f"{place}: {lists}: {text.clean(group.category.replace('_', ' '), _LONGEST_DETAIL)}. {group.effect}",
        detail=text.shorten(group.details[0], limits.sentence * 2 // 3) if group.details else "",
        remedies=tuple(Remedy(text.clean(hint, limits.command)) for hint in group.hints[:_MOST_HINTS]),
    )


def _scope(report: Report) -> str:
    return text.shorten(scope_name(report), _LONGEST_SCOPE) or "no project"


def _foot(report: Report) -> str:
    clusters = text.plural(len(report.clusters), "cluster")
    unread = sum(item.read != "complete" for item in report.clusters)
    return (
        f"{text.plural(len(report.projects), 'project')}, {clusters}"
        f"{f' ({unread} not read in full)' if unread else ''}. List prices of {report.prices_as_of.isoformat()}, "
        f"730 hours to the month, without traffic and discounts. gke-auditor {text.clean(report.tool_version, 40)} "
        "only reads: it deletes nothing."
    )
