"""A report in one sentence, for the foot of the table, stderr and logs."""

from __future__ import annotations

from decimal import Decimal

from auditor.model.finding import SHOWN_BY_DEFAULT, Verdict, format_time
from auditor.model.history import Novelty
from auditor.model.report import Report

from . import text
from .rows import fold
from .selection import Selected, Selection

_NAMES_SHOWN = 3


def scope_name(report: Report) -> str:
    """What was audited, for a subject or a title: the organization or folder, else the projects."""
    named = report.parents or report.projects
    shown = ", ".join(text.clean(name) for name in named[:_NAMES_SHOWN])
    more = len(named) - _NAMES_SHOWN
    return f"{shown} and {text.plural(more, 'more project')}" if more > 0 else shown


def snapshot_line(report: Report) -> str:
    """What the report is about, for its head: when, how much was read, prices of which day."""
    unread = sum(item.read != "complete" for item in report.clusters)
    clusters = text.plural(len(report.clusters), "cluster") + (f" ({unread} not read in full)" if unread else "")
    parts = [
        f"Snapshot of {format_time(report.snapshot_taken_at)}",
        text.plural(len(report.projects), "project"),
        clusters,
        f"list prices of {report.prices_as_of.isoformat()}",
    ]
    return " · ".join(parts)


def suppressed_sentence(report: Report) -> str:
    """How much somebody chose not to see; for reports in which something is suppressed."""
    known = [item.cost.monthly for item in report.suppressed if item.cost and item.cost.monthly is not None]
    return (
        f"Suppressed: {text.plural(len(report.suppressed), 'resource')}, "
        f"{text.dollars(sum(known, Decimal(0)))} a month "
        f"({text.dollars(report.summary.suppressed)} of the saving above)."
    )


def saving_sentence(report: Report) -> str:
    """What deleting everything orphaned and unused would save."""
    wasted = sum(report.counts.get(verdict, 0) for verdict in (Verdict.ORPHANED, Verdict.UNUSED))
    if not wasted:
        return "Nothing is orphaned or unused, so there is nothing to save."
    return (
        f"Deleting {text.plural(wasted, 'orphaned or unused resource')} would save "
        f"{text.dollars(report.summary.saving)} a month at list price."
    )


def nothing_sentence(report: Report, selection: Selection, selected: Selected) -> str:
    """What stands in place of rows where there are none; never that all is well where something was not read."""
    names = [text.verdict_name(verdict) for verdict in Verdict if verdict in selection.verdicts]
    asked = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    scope = " in what was read; see below what was not" if report.gaps else ""
    filtered = " that fits the filters" if selected.filtered_count else ""
    return f"Nothing {asked}{filtered}{scope}."


def summary_sentence(report: Report) -> str:
    """The audit in one line."""
    counts = ", ".join(
        f"{report.counts.get(verdict, 0):,} {text.verdict_name(verdict)}" for verdict in SHOWN_BY_DEFAULT
    )
    unread = f" {text.plural(len(report.gaps), 'list was', 'lists were')} not read in full." if report.gaps else ""
    return (
        f"Audited {text.plural(sum(report.counts.values()), 'resource')}: {counts}. {saving_sentence(report)}{unread}"
    )


def history_sentence(report: Report) -> str:
    """How many load balancers and addresses are new, known and gone; "" where no earlier run was asked."""
    history = report.history
    if history is None:
        return ""
    source = text.clean(history.source)
    runs = text.plural(history.runs, "earlier run")
    if history.previous is None and history.runs:
        return f"{runs} in {source}, but none that was told to anybody: nothing can be called new yet."
    if history.previous is None:
        return f"No earlier run of this scope in {source}: nothing can be called new yet."
    rows = [row for row in fold(report.findings) if row.verdict in SHOWN_BY_DEFAULT]
    novelties = [row.novelty for row in rows]
    counts = [f"{novelties.count(Novelty.NEW):,} new", f"{novelties.count(Novelty.KNOWN):,} known"]
    counts += [f"{novelties.count(None):,} not comparable"] if None in novelties else []
    counts.append(f"{len(fold(report.gone)):,} gone")
    return f"{', '.join(counts)} since {text.day(history.previous)} ({runs} in {source})."
