"""One scheduled run, as a Cloud Run job starts it: audit, keep, write reports, tell people, and say how it ended.

The order is what makes it safe to be killed and started again at any moment (docs/job.md):

    settings and secrets are checked     nothing is contacted before they are good
    the place is opened                  a history that cannot be read is known before anything is asked
    read, judge, compare
    keep the run                         a further attempt of the execution replaces it
    write the reports                    under the name of the execution, those of a further attempt beside the first
    mail and chat                        once, whoever starts it again: markers say what was sent
    the summary                          the last line of the log

What fails after the audit keeps nothing else back: each step is tried, and the exit code tells of the first failure.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from types import FrameType
from typing import NoReturn

from . import __version__, audit_run, mail_run
from .collect.directory import pack_snapshot
from .collect.shares import Share
from .console import NOT_FINISHED, Console
from .deliver.storage import Store, put
from .errors import AuditorError, ExitCode, UsageError
from .execution import Execution
from .history.runs import execution_of, list_runs
from .history_run import KeptHistory
from .model.finding import WASTE, format_time
from .model.letter import Attachment
from .model.report import Report
from .model.snapshot import Snapshot
from .report import csv
from .report.rows import fold
from .report.selection import Selection
from .report.sentences import history_sentence, summary_sentence
from .settings import Settings
from .store_run import store_at
from .tasks_run import longest_execution, read_in_parts, read_left_parts

FINISHED, PART_FINISHED = "audit finished", "part finished"
"""The messages of the last line, beside NOT_FINISHED; log-based metrics look for the first (deploy/alerts.tf)."""
REPORTS_FOLDER = "reports/"
GRACE_S = 8.0
"""From SIGTERM until the program ends itself, whatever it hangs on: Cloud Run kills it after 10 seconds."""
_LAST_LINE_S = 0.5
"""For the last line, whose stream may hang, too."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where this execution keeps things; all of it was opened before anything was read."""

    history: KeptHistory
    reports: Store
    folder: str
    """What the names of this execution's reports begin with."""
    plan: mail_run.Plan | None
    """None: nobody is to be told."""


@dataclass(slots=True)
class _Course:
    """How far a run has come, for the last line of its log."""

    report: Report | None = None
    ended: str = NOT_FINISHED


# Running


def run(
    chosen: Settings,
    console: Console,
    execution: Execution,
    environment: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    parts: Sequence[str] = (),
) -> int:
    """Carry out one run, and return its exit code. Raises nothing: whatever happens, the last line of the log is the
    summary.

    `parts` are places of parts whose first task has died: they are judged in place of what would be read.
    """
    began = clock()
    course = _Course()
    try:
        code = _carried_out(lambda: _carry_out(chosen, console, execution, environment, parts, now, course), console)
    except SystemExit:  # whatever was being done, and also while its failure was told
        console.error("Terminated", "What was read is dropped. Nothing was written or sent by halves.")
        code = ExitCode.TERMINATED
    summary = {**_numbers(course.report), "duration_s": round(clock() - began, 1)}
    console.finish(course.ended, summary, is_good=course.ended != NOT_FINISHED)
    return code


def _carried_out(carry_out: Callable[[], ExitCode], console: Console) -> ExitCode:
    """Carry a run out, and tell what keeps it from its end. Raises SystemExit alone."""
    try:
        return carry_out()
    except AuditorError as error:
        console.error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        console.error("Interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:  # the last line of defence: what it was, and a summary all the same
        _tell_bug(error, console)
        return ExitCode.NOT_DONE


def _tell_bug(error: Exception, console: Console) -> None:
    hint = "Report it with the traceback that stands in the log of a Cloud Run job, or else with that of -vv."
    console.bug(error, f"This is a bug in gke-auditor {__version__}: {type(error).__name__}: {error}", hint)


def _carry_out(
    chosen: Settings,
    console: Console,
    execution: Execution,
    environment: Mapping[str, str],
    parts: Sequence[str],
    now: Callable[[], datetime],
    course: _Course,
) -> ExitCode:
    execution = execution if execution.name else replace(execution, name=secrets.token_hex(4))
    _check(chosen, execution, parts)
    plan = mail_run.plan_of(chosen, None, environment) if chosen.mail_to or chosen.chat_webhook_file else None
    began = now()
    place = _open(chosen, console, execution, environment, plan)
    _check_name(chosen, execution, place.history, now())
    if parts:
        snapshot: Snapshot | None = read_left_parts(chosen, console, parts, environment)
    else:
        snapshot = _read(chosen, console, execution, place.history.store)
    if snapshot is None:
        course.ended = PART_FINISHED
        return ExitCode.OK
    inventory = audit_run.inventory_of(snapshot, console)
    report = course.report = audit_run.audited(inventory, chosen, place.history, now())
    _tell(report, console)
    is_kept = _tried(console, lambda: _keep_run(report, place, console))
    selection = audit_run.selection_of(chosen)
    forms = mail_run.attachments_of(report, selection)
    more = _more_files(report, snapshot if chosen.reports_snapshot else None)
    is_written = _tried(console, lambda: _write([*forms, *more], place, console))
    is_sent = _tried(console, lambda: _send(report, selection, forms, place, execution, console, began, now()))
    if not (is_kept and is_written and is_sent):
        return ExitCode.NOT_DONE
    course.ended = FINISHED
    return audit_run.exit_code_of(report, chosen)


def _check(chosen: Settings, execution: Execution, parts: Sequence[str]) -> None:
    if parts and (execution.tasks > 1 or not chosen.is_live):
        raise UsageError(
            "--parts puts together what the tasks of an earlier execution have read: with one task, and no --snapshot",
            "On Cloud Run: gcloud run jobs execute JOB --tasks 1 --args job,--parts,gs://BUCKET/parts/EXECUTION/",
        )
    if execution.tasks > 1 and not chosen.is_live:
        raise UsageError(
            f"The job was started with {execution.tasks} tasks, and a snapshot needs one", "Set its task count to 1."
        )
    if chosen.history is None:
        raise UsageError(
            "The job has no place for its runs, its reports and the markers that keep a mail from going out twice",
            "Name --history gs://BUCKET/PREFIX, or a folder that outlives the run.",
        )
    if not chosen.mail_to and (chosen.mail_from or chosen.smtp_host or chosen.smtp_user or chosen.smtp_password_file):
        raise UsageError(
            "There is a server or a sender for the mail, and nobody to send it to",
            "Name --to ADDRESS (GKE_AUDITOR_MAIL_TO), or leave out what else belongs to the mail.",
        )


def _check_name(chosen: Settings, execution: Execution, history: KeptHistory, now: datetime) -> None:
    """A name that somebody gave may be that of an earlier run, which this one would replace, and whose parts it would
    take for those of its own tasks. Cloud Run never gives one twice."""
    if execution.is_on_cloud_run or not chosen.is_live or chosen.as_of is not None:
        return
    before = now - longest_execution(chosen)
    runs = list_runs(history.store, lambda complaint: None)
    earlier = [run for run in runs if run.execution.rpartition("-")[0] == history.execution and run.at < before]
    if earlier:
        raise UsageError(
            f"There was a run of execution {execution.name} already: {format_time(earlier[-1].at)}",
            "Give every run a name of its own with --execution, such as the name of the Kubernetes Job; only the tasks "
            "of one run, and their further attempts, share it.",
        )


def _read(chosen: Settings, console: Console, execution: Execution, store: Store) -> Snapshot | None:
    """The world, or the snapshots that are named; None where this task has read its part, and another one does the
    rest."""
    if execution.tasks > 1:
        share = Share(execution_of(execution.name), execution.task, execution.tasks)
        return read_in_parts(chosen, console, share, store, clock=time.monotonic, sleep=time.sleep)
    return audit_run.read_snapshot(chosen, console)


def _open(
    chosen: Settings,
    console: Console,
    execution: Execution,
    environment: Mapping[str, str],
    plan: mail_run.Plan | None,
) -> _Place:
    """Raises UsageError, and NothingRead for a place that cannot be read."""
    own = None if chosen.reports is None else store_at(chosen.reports, chosen, environment)
    history = audit_run.open_history(chosen, console, environment, random_id=execution.name, tells=plan is not None)
    if not isinstance(history, KeptHistory):
        raise TypeError("a job compares with kept runs")
    folder = f"{'' if own else REPORTS_FOLDER}{_report_of(execution)}/"
    reports = own or history.store
    if own is not None:
        own.names(folder)
    if plan is not None:
        keep = _keeper_of_unsent(reports, f"{folder}unsent.eml", plan.keep_unsent)
        plan = replace(plan, open_markers=lambda: history.store, keep_unsent=keep)
    return _Place(history, reports, folder, plan)


def _report_of(execution: Execution) -> str:
    """The folder of an attempt's report: its own, for what stands under a retention policy is written once."""
    name = execution_of(execution.name)
    return f"{name}-attempt-{execution.attempt}" if execution.attempt else name


def _keeper_of_unsent(reports: Store, name: str, otherwise: mail_run.KeepUnsent) -> mail_run.KeepUnsent:
    """Keep a message that could not be sent beside the reports: the disk of a job goes with it."""

    def keep(message: EmailMessage) -> str:
        try:
            put(reports, name, message.as_bytes())
        except AuditorError as error:
            return f"{error.message}\n{otherwise(message)}"
        return f"The mail is kept in {_shown(reports, name)}"

    return keep


def _tell(report: Report, console: Console) -> None:
    """What the report says, for those who read the log only."""
    for warning in report.warnings:
        console.warning(warning)
    audit_run.say_gaps(report, console)
    console.say(" ".join(part for part in (summary_sentence(report), history_sentence(report)) if part))


def _tried(console: Console, step: Callable[[], None]) -> bool:
    """Whether a step went well; if not, it was told. A bug in one is no reason to leave out the others."""
    try:
        step()
    except AuditorError as error:
        console.error(error.message, error.hint)
    except Exception as error:
        _tell_bug(error, console)
    else:
        return True
    return False


def _numbers(report: Report | None) -> dict[str, str | float]:
    """What a metric can be made of; what is suppressed is no news."""
    if report is None:
        return {}
    saving = report.summary.saving - report.summary.suppressed
    return {
        "projects": len(report.projects),
        "clusters": len(report.clusters),
        "gaps": len(report.gaps),
        "orphans": sum(row.verdict in WASTE for row in fold(report.findings)),
        "monthly": float(saving),
        "currency": report.summary.currency,
    }


# Keeping and telling


def _keep_run(report: Report, place: _Place, console: Console) -> None:
    place.history.keep(report)
    console.say(f"Kept this run in {place.history.store.location}.")


def _more_files(report: Report, snapshot: Snapshot | None) -> list[Attachment]:
    """What stands beside the forms of the report and is not mailed. The gaps are written even where there are none:
    whoever reads the folder by a program finds the same files each time."""
    files = [] if report.gaps else [Attachment("findings.csv.gaps.csv", "text/csv", csv.render_gaps(report).encode())]
    if snapshot is not None:
        files.append(Attachment("snapshot.tar.gz", "application/gzip", pack_snapshot(snapshot)))
    return files


def _write(files: Sequence[Attachment], place: _Place, console: Console) -> None:
    for file in files:
        put(place.reports, f"{place.folder}{file.name}", file.content)
    names = ", ".join(file.name for file in files)
    console.say(f"Wrote {_shown(place.reports, place.folder)}: {names}.")


def _send(
    report: Report,
    selection: Selection,
    forms: tuple[Attachment, ...],
    place: _Place,
    execution: Execution,
    console: Console,
    began: datetime,
    now: datetime,
) -> None:
    if place.plan is None:
        console.say("Nobody is told: neither --to nor --chat-webhook-file is given.")
        place.history.note_told(report)
        return
    mail_run.deliver(
        report,
        selection,
        place.plan,
        console,
        now=now,
        execution=execution,
        began=began,
        attachments=forms,
        note_told=place.history.note_told,
    )


def _shown(store: Store, name: str) -> str:
    """Where a name of a store stands."""
    return f"{store.location.rstrip('/')}/{name}"


# Signals


@contextmanager
def heeding_signals(execution: Execution, console: Console) -> Iterator[None]:
    """Until the block ends, SIGTERM raises SystemExit(143) in the main thread, and ends the program after GRACE_S even
    where that thread hangs in something that no exception breaks off (a look-up of a name, a pool of threads). The log
    has its last line then, too.

    On Cloud Run SIGTSTP, which comes before the job moves to another machine, stops nothing: what breaks by the move is
    asked again. https://cloud.google.com/run/docs/container-contract#jobs-forced-termination
    """
    hearing, telling = socket.socketpair()
    telling.setblocking(False)
    wakeup = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    is_over = threading.Event()
    threading.Thread(target=_end_at_last, args=(hearing, is_over, console), name="job-signals", daemon=True).start()
    kept = {signal.SIGTERM: signal.signal(signal.SIGTERM, _terminated)}
    if execution.is_on_cloud_run and hasattr(signal, "SIGTSTP"):
        kept[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        is_over.set()
        for number, handler in kept.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        telling.close()


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # one is enough, and what it set off must come to its end
    raise SystemExit(ExitCode.TERMINATED)


def _end_at_last(hearing: socket.socket, is_over: threading.Event, console: Console) -> None:
    """A byte comes for each signal, whatever the main thread is doing; nothing when there are none to come."""
    began = time.monotonic()
    with hearing:
        while heard := hearing.recv(64):
            if signal.SIGTERM in heard:
                time.sleep(GRACE_S)
                if not is_over.is_set():
                    summary = {"duration_s": round(time.monotonic() - began, 1)}
                    last = threading.Thread(
                        target=console.finish, args=(NOT_FINISHED, summary), kwargs={"is_good": False}, daemon=True
                    )
                    last.start()
                    last.join(_LAST_LINE_S)
                os._exit(ExitCode.TERMINATED)
