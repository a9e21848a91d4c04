"""From settings to a history: what an audit is compared with, and where it is kept (docs/report.md, History).

The order of a run: open the history, so that a bad one is known before anything else is asked; audit; compare; keep
the run; and only then deliver. A crash before the run is kept loses nothing, for it reported nothing; one after it is
mended by a further attempt of the same execution, which replaces the run and does not take it for an earlier one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .cost.accrual import accrue
from .deliver.storage import Store
from .errors import AuditorError, UsageError
from .execution import read_execution
from .history.compare import NO_OLDER_RUNS, OlderRuns, compare
from .history.past import PastRun, read_past
from .history.runs import FOLDER, EarlierRuns, KeptRun, earlier_runs, execution_of, keep_run, list_runs, read_runs
from .history.told import note_told, read_told
from .model.finding import Verdict, format_time
from .model.inventory import Inventory
from .model.money import PriceTable
from .model.report import Report
from .model.report_document import NotAReport
from .report import json
from .report.selection import Selection
from .report_files import not_a_report, read_document
from .settings import Settings
from .store_run import store_at

_EVERYTHING = Selection(verdicts=tuple(Verdict))


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """--history: the runs of a store, and this run among them afterwards."""

    store: Store
    execution: str
    """The same for every attempt of one execution."""
    projects: tuple[str, ...] = ()
    """Those that are named for a live run: what else it finds may be more or less in a further attempt."""
    tells: bool = False
    """What the run finds is sent to people: what they were not told of is new to them, whatever earlier runs knew."""

    def compared(self, report: Report) -> Report:
        """The report with what the earlier runs knew. Where they cannot be listed any more: without, and a warning."""
        complaints: list[str] = []
        try:
            runs = list_runs(self.store, complaints.append)
        except AuditorError as error:
            return _warned(report, [f"There is no history in this report: {error.message}"])
        before = earlier_runs(runs, report.snapshot_taken_at, self._attempt_of(report))
        whole = self._compare(report, before.kept, before.older, complaints)
        if self.tells:
            whole = self._as_news(report, whole, before, complaints)
        return _warned(whole, list(dict.fromkeys(complaints)))

    def _as_news(self, report: Report, whole: Report, before: EarlierRuns, complaints: list[str]) -> Report:
        """The same comparison, in which new and gone is what nobody was told of yet. Where that cannot be known, as it
        was."""
        try:
            told = read_told(self.store, report.snapshot_taken_at)
        except AuditorError as error:
            complaints.append(f"What is called known may never have been told: {error.message}")
            return whole
        known = told.runs(before.kept)
        if known == before.kept or whole.history is None:
            return whole
        news = self._compare(report, known, before.older if known else NO_OLDER_RUNS, complaints)
        previous = news.history.previous if news.history else None
        return replace(news, history=replace(whole.history, previous=previous))

    def _compare(self, report: Report, runs: Sequence[KeptRun], older: OlderRuns, complaints: list[str]) -> Report:
        return compare(report, read_runs(self.store, runs, complaints.append), self.store.location, older)

    def keep(self, report: Report) -> None:
        """Keep the report as this execution's run, whole and unfiltered. Raises NotDelivered or NothingRead."""
        document = json.render(report, _EVERYTHING).encode()
        keep_run(self.store, document, report.snapshot_taken_at, self._attempt_of(report))

    def note_told(self, report: Report) -> None:
        """Note that people know of this run: it was sent to them, or holds nothing that is to be sent. Raises
        NotDelivered or NothingRead."""
        note_told(self.store, report.snapshot_taken_at, self._attempt_of(report))

    def _attempt_of(self, report: Report) -> str:
        """What further attempts have in common: the execution and the scope, for one execution may audit several."""
        scope = "\n".join(sorted(report.parents or self.projects or report.projects))
        return f"{self.execution}-{hashlib.sha256(scope.encode(errors='replace')).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """--baseline: one report file, which is never written to."""

    path: str
    run: PastRun

    def compared(self, report: Report) -> Report:
        """The report with what the baseline knew."""
        compared = compare(report, [self.run], self.path)
        complaints = []
        if self.run.taken_at >= report.snapshot_taken_at:
            complaints.append(
                f"The baseline {self.path} is of {format_time(self.run.taken_at)}, which is not before this audit: "
                "nothing was compared with it."
            )
        elif not compared.history or not compared.history.runs:
            complaints.append(f"The baseline {self.path} is of other projects: nothing was compared with it.")
        if not self.run.lists_all_reported:
            complaints.append(
                f"The baseline {self.path} was written with filters: what it leaves out is called neither new nor gone."
            )
        return _warned(compared, complaints)

    def keep(self, report: Report) -> None:
        """A baseline stays as it is."""

    def note_told(self, report: Report) -> None:
        """Nor does anybody ask what was told of it."""


History = KeptHistory | Baseline


def open_history(
    chosen: Settings, environment: Mapping[str, str], *, random_id: str | None = None, tells: bool = False
) -> History | None:
    """What the settings name to compare with; None if nothing. Raises UsageError or NothingRead: a history that
    cannot be read is no empty one. Reads the baseline, or lists the runs once."""
    if chosen.history is not None and chosen.baseline is not None:
        raise UsageError(
            "--history and --baseline exclude each other", "A history compares with the last runs by itself."
        )
    if chosen.baseline is not None:
        path = str(chosen.baseline)
        try:
            return Baseline(path, read_past(read_document(path)))
        except NotAReport as error:
            raise not_a_report(path, error) from error
    if chosen.history is None:
        return None
    store = store_at(chosen.history, chosen, environment)
    store.names(FOLDER)
    execution = execution_of(read_execution(environment).name or random_id or secrets.token_hex(4))
    return KeptHistory(store, execution, chosen.project if chosen.is_live else (), tells)


def with_history(report: Report, history: History | None, inventory: Inventory, prices: PriceTable) -> Report:
    """The report compared with its history, and what everything has cost since; the same without a history."""
    return report if history is None else accrue(history.compared(report), inventory, prices)


def _warned(report: Report, complaints: list[str]) -> Report:
    return replace(report, warnings=(*report.warnings, *complaints)) if complaints else report
