"""A report in one sentence, for the foot of the table, stderr and logs."""

from __future__ import annotations

from auditor.model.finding import SHOWN_BY_DEFAULT, Verdict
from auditor.model.history import Novelty
from auditor.model.report import Report

from . import text
from .rows import fold

_NAMES_SHOWN = 3


def scope_name(report: Report) -> str:
    """What was audited, for a subject or a title: the organization or folder, else the projects."""
    named = report.parents or report.projects
    shown = ", ".join(text.clean(name) for name in named[:_NAMES_SHOWN])
    more = len(named) - _NAMES_SHOWN
    return f"{shown} and {text.plural(more, 'more project')}" if more > 0 else shown


def saving_sentence(report: Report) -> str:
    """What deleting everything orphaned and unused would save."""
    wasted = sum(report.counts.get(verdict, 0) for verdict in (Verdict.ORPHANED, Verdict.UNUSED))
    if not wasted:
        return "Nothing is orphaned or unused, so there is nothing to save."
    return (
        f"Deleting {text.plural(wasted, 'orphaned or unused resource')} would save "
        f"{text.dollars(report.summary.saving)} a month at list price."
    )


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
    if history.previous is None:
        return f"No earlier run of this scope in {source}: nothing can be called new yet."
    rows = [row for row in fold(report.findings) if row.verdict in SHOWN_BY_DEFAULT]
    novelties = [row.novelty for row in rows]
    counts = [f"{novelties.count(Novelty.NEW):,} new", f"{novelties.count(Novelty.KNOWN):,} known"]
    counts += [f"{novelties.count(None):,} not comparable"] if None in novelties else []
    counts.append(f"{len(fold(report.gone)):,} gone")
    runs = text.plural(history.runs, "earlier run")
    return f"{', '.join(counts)} since {text.day(history.previous)} ({runs} in {source})."
