"""From settings to a report: the steps that every command that audits has in common.

history = open_history(...)          what to compare with is looked at before anything else is asked
inventory = read_inventory(...)      the world, or a snapshot of it
report = audited(...)                judged, priced, and compared with the history
keep(report, history)                before anything is delivered
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from . import ignorefile, pipeline, settings
from .console import Console
from .data.tables import load_prices
from .errors import AuditorError, ExitCode, UsageError
from .match.suppress import IgnoreEntry
from .model.finding import Verdict
from .model.inventory import Inventory, build
from .model.money import PriceTable
from .model.report import Report
from .model.snapshot import Snapshot
from .outcome import exit_code
from .report import gaps
from .report.selection import Selection
from .settings import Settings

if TYPE_CHECKING:
    from .history_run import History


def read_snapshot(chosen: Settings, console: Console) -> Snapshot:
    """The world itself, or the snapshots that are named. Raises UsageError and NothingRead."""
    if chosen.is_live:
        from .live_run import read_world  # noqa: PLC0415 - the clients of Google, for live runs only

        return read_world(chosen, console, chosen.keep_snapshot)
    from .collect.directory import read_snapshots  # noqa: PLC0415

    if chosen.keep_snapshot is not None or chosen.folder or chosen.organization:
        raise UsageError(
            "--snapshot asks nobody: --folder, --organization and --keep-snapshot are for live runs",
            "Leave them out, or leave out --snapshot.",
        )
    with console.progress("Reading the snapshot"):
        return read_snapshots(chosen.snapshot)


def read_inventory(chosen: Settings, console: Console) -> Inventory:
    """The same as views."""
    return inventory_of(read_snapshot(chosen, console), console)


def inventory_of(snapshot: Snapshot, console: Console) -> Inventory:
    """A snapshot as views."""
    inventory = build(snapshot)
    console.detail(
        f"Read {len(inventory.resources)} resources of {len(inventory.projects)} projects "
        f"and {len(inventory.clusters)} clusters"
    )
    return inventory


def open_history(
    chosen: Settings,
    console: Console,
    environment: Mapping[str, str],
    *,
    random_id: str | None = None,
    tells: bool = False,
) -> History | None:
    """What to compare with; None where nothing is named. `tells`: for a mail, in which new is what no mail has told.
    Raises UsageError and NothingRead."""
    if chosen.history is None and chosen.baseline is None:
        return None
    from .history_run import open_history as opened  # noqa: PLC0415 - the clients of Google, for a bucket

    with console.progress("Reading the history"):
        return opened(chosen, environment, random_id=random_id, tells=tells)


def judged(inventory: Inventory, prices: PriceTable, chosen: Settings, now: datetime) -> Report:
    """The report on what was read, compared with nothing. Raises NothingRead."""
    options = pipeline.Options(
        now=now,
        as_of=chosen.as_of,
        min_age=chosen.min_age,
        ignore=_ignore_entries(chosen),
        settings=settings.shown_in_report(chosen),
    )
    return pipeline.assess(inventory, options, prices)


def audited(inventory: Inventory, chosen: Settings, history: History | None, now: datetime) -> Report:
    """The report on what was read, compared with the history. Raises NothingRead."""
    prices = load_prices()
    report = judged(inventory, prices, chosen, now)
    if history is None:
        return report
    from .history_run import with_history  # noqa: PLC0415

    return with_history(report, history, inventory, prices)


def keep(report: Report, history: History | None) -> AuditorError | None:
    """Keep the run before anything is delivered. What went wrong is told after the report, which is as good as ever."""
    try:
        if history is not None:
            history.keep(report)
    except AuditorError as error:
        return error
    return None


def exit_code_of(report: Report, chosen: Settings) -> ExitCode:
    """The exit code of an audit that was carried out."""
    fail_on = None if chosen.fail_on == "never" else Verdict(chosen.fail_on)
    return exit_code(report, fail_on=fail_on, fail_over=chosen.fail_over, strict=chosen.strict)


def selection_of(chosen: Settings) -> Selection:
    """What of the report is to be shown."""
    return Selection(
        verdicts=chosen.verdicts,
        projects=() if chosen.is_live else chosen.project,
        clusters=chosen.cluster,
        regions=chosen.region,
        namespaces=chosen.namespace,
        min_monthly=chosen.min_monthly,
        show_suppressed=chosen.show_suppressed,
    )


def say_gaps(report: Report, console: Console) -> None:
    """Where the report itself has no place for them, or is not at hand."""
    for group in gaps.group(report):
        remedy = f" → {group.hints[0]}" if group.hints else ""
        more = f" (and {len(group.hints) - 1} more of the kind)" if len(group.hints) > 1 else ""
        console.warning(f"Not read in full: {group.sentence}{remedy}{more}")


def _ignore_entries(chosen: Settings) -> tuple[IgnoreEntry, ...]:
    if chosen.ignore_file is not None:
        return ignorefile.read(chosen.ignore_file)
    return ignorefile.read(ignorefile.DEFAULT_PATH) if ignorefile.DEFAULT_PATH.is_file() else ()
