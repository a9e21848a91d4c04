"""The commands: parse, wire, print, exit code. Nothing is decided here."""

from __future__ import annotations

import difflib
import gc
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.shell_completion import get_completion_class

from . import __version__, settings
from .console import NOT_FINISHED, Console, TerminalConsole, may_use_color, open_console
from .errors import AuditorError, ExitCode, NotFound, UsageError
from .execution import as_told, read_execution
from .files import STDOUT, is_stream, write_file, write_files, write_stdout
from .options import (
    SETTINGS_FILE,
    UNKNOWN_VARIABLES,
    as_of_option,
    common_options,
    exit_options,
    filter_options,
    history_option,
    history_options,
    ignore_option,
    keep_option,
    live_options,
    log_option,
    mail_options,
    min_age_option,
    options,
    parts_options,
    report_option,
    report_options,
    reports_options,
    snapshot_options,
)
from .parameters import DIFF_FORMATS, TABLES, parse_execution, parse_part
from .settings import Settings

if TYPE_CHECKING:
    from .model.report import Report
    from .report.selection import Selection

PROGRAM = "gke-auditor"
DEFAULT_COMMAND = "audit"
JOB = "job"
GROUPINGS = ("project", "cluster", "namespace", "owner", "load-balancer")
COMPLETION_VARIABLE = "_GKE_AUDITOR_COMPLETE"
CONTEXT = {
    "auto_envvar_prefix": settings.ENVIRONMENT_PREFIX,
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
}


class _CommandsWithDefault(click.Group):
    """`gke-auditor --snapshot PATH` is `gke-auditor audit --snapshot PATH`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and (not args or (args[0].startswith("-") and args[0] not in _OPTIONS_OF_GROUP)):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A word that is no command is often a snapshot, or a command with a letter amiss."""
        word = args[0]
        if not ctx.resilient_parsing and word not in self.commands:
            close = difflib.get_close_matches(word, self.commands, n=1)
            if os.path.exists(word):
                raise UsageError(f"{word} is no command", f"To audit that snapshot: {PROGRAM} audit --snapshot {word}")
            raise UsageError(
                f"{word} is no command",
                f"Did you mean {close[0]}?" if close else f"{PROGRAM} --help lists the commands.",
            )
        return super().resolve_command(ctx, args)


_OPTIONS_OF_GROUP = frozenset({"-h", "--help", "--version"})


@click.group(cls=_CommandsWithDefault, context_settings=CONTEXT, no_args_is_help=False)
@click.version_option(__version__, prog_name=PROGRAM)
def commands() -> None:
    """Find, prove and price the load balancers and addresses that GKE left behind.

    Without a command: audit. Nothing is ever changed or deleted.
    """


@commands.command(
    DEFAULT_COMMAND,
    context_settings=CONTEXT,
    short_help="Judge and price load balancers and addresses (the default).",
)
@options(
    snapshot_options,
    live_options,
    keep_option,
    report_options,
    filter_options,
    history_options,
    exit_options,
    common_options,
)
@click.pass_context
def audit_command(ctx: click.Context, /, **parameters: Any) -> int:
    """Judge every load balancer part and address of the projects named, or of a snapshot, and price it.

    Filters only hide: counts, sums and exit codes are those of everything that was read.

    Exit codes: 0 done, 1 not done, 2 usage error, 3 found what --fail-on or --fail-over asks for, 4 incomplete and
    --strict given.
    """
    from . import audit_run  # noqa: PLC0415 - commands load what they need, --help nothing

    chosen, console = _start(ctx, parameters)
    _check_destinations(chosen)
    history = audit_run.open_history(chosen, console, os.environ)
    report = audit_run.audited(audit_run.read_inventory(chosen, console), chosen, history, _now())
    problem = audit_run.keep(report, history)
    _deliver(report, chosen, console)
    if problem is not None:
        raise problem
    return audit_run.exit_code_of(report, chosen)


@commands.command("collect", context_settings=CONTEXT, short_help="Write a snapshot of the projects named.")
@click.option(
    "--output",
    "destination",
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="A new folder, or a .tar.gz.",
)
@click.option(
    "--part",
    type=parse_part,
    metavar="INDEX/COUNT",
    help="Read only this share of the projects, 0/8 to 7/8, and write it as a part for `gke-auditor merge`.",
)
@click.option(
    "--execution",
    type=parse_execution,
    metavar="NAME",
    help="What the parts of one execution are called together.  [with --part]",
)
@options(live_options, min_age_option, common_options)
@click.pass_context
def collect_command(
    ctx: click.Context,
    /,
    destination: Path,
    part: tuple[int, int] | None,
    execution: str | None,
    **parameters: Any,
) -> int:
    """Read the projects named and their clusters, and write what was read as a snapshot, with what was missing.

    What was read is written even when the run is interrupted. Audit it with `gke-auditor audit --snapshot PATH`.
    """
    from .live_run import read_world  # noqa: PLC0415 - commands load what they need, --help nothing
    from .report.text import plural  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    if (part is None) != (execution is None):
        raise UsageError("--part and --execution go together", "Name both, or leave both out.")
    if part is not None and execution is not None:
        from .tasks_run import collect_part  # noqa: PLC0415

        share = collect_part(chosen, console, part, execution, destination)
        console.say(f"Wrote {destination}, part {share.name}. When all are there: {PROGRAM} merge PART...")
        return ExitCode.OK
    snapshot = read_world(chosen, console, destination)
    gaps = sum(coverage.is_gap for coverage in snapshot.coverage.values())
    told = f", {plural(gaps, 'list')} not read in full" if gaps else ""
    console.say(
        f"Wrote {destination}: {plural(len(snapshot.projects), 'project')}{told}. "
        f"Audit it: {PROGRAM} audit --snapshot {destination}"
    )
    return ExitCode.OK


@commands.command("merge", context_settings=CONTEXT, short_help="Put the parts of several tasks together.")
@click.argument("places", nargs=-1, required=True, metavar="PART...")
@click.option(
    "--output",
    "destination",
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="A new folder, or a .tar.gz.",
)
@click.option(
    "--second-look/--no-second-look",
    default=False,
    help="Ask the live APIs once more about all that would be waste, as a run of its own does.",
)
@options(live_options, min_age_option, common_options)
@click.pass_context
def merge_command(
    ctx: click.Context, /, places: Sequence[str], destination: Path, second_look: bool, **parameters: Any
) -> int:
    """Write the parts of one execution, which several tasks have read, as one snapshot.

    PART is a part that `collect --part` wrote, a folder of parts, or gs://BUCKET/PREFIX/parts/EXECUTION/ where the
    tasks of a job keep theirs. A part that is missing is a gap over its projects. Audit the result with
    `gke-auditor audit --snapshot PATH`.
    """
    from .report.text import plural  # noqa: PLC0415
    from .tasks_run import merge_by_hand  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    merged = merge_by_hand(chosen, console, places, destination, os.environ, second_look=second_look)
    told = f", without {', '.join(merged.missing)}" if merged.missing else ""
    console.say(
        f"Wrote {destination}: {plural(len(merged.there), 'part')}{told}. "
        f"Audit it: {PROGRAM} audit --snapshot {destination}"
    )
    return ExitCode.OK


@commands.command("check-access", context_settings=CONTEXT, short_help="Say what the account may not read.")
@options(live_options, common_options)
@click.pass_context
def check_access_command(ctx: click.Context, /, **parameters: Any) -> int:
    """Say for each project and cluster what an audit would not be allowed to read, and which command grants it.

    Exit codes: 0 nothing is missing, 1 something is.
    """
    from .live_run import check  # noqa: PLC0415
    from .report import access  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    places = check(chosen, console)
    write_stdout(access.render(places))
    return ExitCode.OK if all(place.is_complete for place in places) else ExitCode.NOT_DONE


@commands.command("explain", context_settings=CONTEXT, short_help="Show the chain of evidence behind a verdict.")
@click.argument("resource")
@options(snapshot_options, live_options, keep_option, history_options, common_options)
@click.pass_context
def explain_command(ctx: click.Context, /, resource: str, **parameters: Any) -> int:
    """Show the chain behind a verdict: what a thing is, who made it, who was asked, what it costs.

    RESOURCE is a name, an IP, a full or relative resource name, a finding's id, or the namespace/name of an owner.
    """
    from . import audit_run  # noqa: PLC0415
    from .report import explain  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    history = audit_run.open_history(chosen, console, os.environ)
    inventory = audit_run.read_inventory(chosen, console)
    report = audit_run.audited(inventory, chosen, history, _now())
    found = explain.find(report, resource)
    if not found:
        close = explain.close_names(report, resource)
        raise NotFound(
            f"No judged resource of the snapshot is called {resource}",
            f"Did you mean {', '.join(close)}?" if close else "`gke-auditor audit --verdict all` lists all of them.",
        )
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    write_stdout(explain.render(report, inventory, found, width))
    return ExitCode.OK


@commands.command(
    "costs", context_settings=CONTEXT, short_help="Show who pays what: in use, idle and wasted side by side."
)
@click.option(
    "--by",
    type=click.Choice(GROUPINGS),
    default=Settings().by,
    show_default=True,
    help="What to add the money up by.",
)
@options(snapshot_options, live_options, keep_option, common_options)
@click.pass_context
def costs_command(ctx: click.Context, /, **parameters: Any) -> int:
    """Show who pays what for load balancers and addresses, in use, idle and wasted beside each other."""
    from . import audit_run  # noqa: PLC0415
    from .model.breakdown import Grouping, break_down, headings, total_row  # noqa: PLC0415
    from .report import costs  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    report = audit_run.audited(audit_run.read_inventory(chosen, console), chosen, None, _now())
    grouping = Grouping(chosen.by)
    groups = break_down((*report.findings, *report.suppressed), grouping)
    write_stdout(costs.render(report, headings(grouping), groups, total_row(groups)))
    return ExitCode.OK


@commands.command("mail", context_settings=CONTEXT, short_help="Send the report by e-mail, or to a chat.")
@click.option(
    "--dry-run",
    type=click.Path(path_type=Path),
    metavar="FILE.eml",
    help="Write the mail there to look at, and send nothing.",
)
@options(
    report_option,
    mail_options,
    snapshot_options,
    live_options,
    keep_option,
    filter_options,
    history_options,
    common_options,
)
@click.pass_context
def mail_command(ctx: click.Context, /, dry_run: Path | None, **parameters: Any) -> int:
    """Send the report of a snapshot, of a report file or of a live run, by e-mail and to a chat.

    Exit codes: 0 sent, or nothing to send; 1 not sent to everybody; 2 usage error.
    """
    from . import audit_run, mail_run  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    began, execution = _now(), read_execution(os.environ)
    plan = mail_run.plan_of(chosen, dry_run, os.environ)
    history = problem = None
    if chosen.report is not None:
        report = mail_run.read_report(chosen.report)
    else:
        history = audit_run.open_history(chosen, console, os.environ, tells=True)
        report = audit_run.audited(audit_run.read_inventory(chosen, console), chosen, history, _now())
        problem = audit_run.keep(report, history) if dry_run is None else None
    selection = audit_run.selection_of(chosen)
    note_told = history.note_told if history is not None else lambda report: None
    mail_run.deliver(
        report, selection, plan, console, now=_now(), execution=execution, began=began, note_told=note_told
    )
    if problem is not None:
        raise problem
    return ExitCode.OK


@commands.command(
    JOB, context_settings=CONTEXT, short_help="Audit, keep the run, write reports and mail, as a scheduled job."
)
@click.option(
    "--parts",
    multiple=True,
    metavar="PLACE",
    help="Judge these parts in place of reading: those of an execution whose first task has died, "
    "gs://BUCKET/PREFIX/parts/EXECUTION/, or parts that `collect --part` wrote.  [repeatable]",
)
@options(
    history_option,
    reports_options,
    mail_options,
    snapshot_options,
    live_options,
    filter_options,
    exit_options,
    parts_options,
    log_option,
    common_options,
)
@click.pass_context
def job_command(ctx: click.Context, /, execution: str | None, parts: Sequence[str], **parameters: Any) -> int:
    """Do everything that a scheduled run does: audit, compare with the history, keep the run and reports, tell people.

    Made for Cloud Run jobs, and started in the same way anywhere. What is sent, is sent once a day, whatever is started
    again. The last line of the log is a summary for programs.

    Exit codes: 0 done; 1 not done, or not all of it kept and sent; 2 usage error; 3 and 4 only where --fail-on,
    --fail-over or --strict asks for them, and Cloud Run then tries again; 143 terminated.
    """
    from . import job  # noqa: PLC0415

    chosen, _ = _start(ctx, parameters)
    environment = as_told(os.environ, tasks=chosen.tasks, task=chosen.task, name=execution)
    console = open_console(environment, chosen.log_format)
    console.quiet, console.verbose, console.color = chosen.quiet, chosen.verbose, chosen.color
    started = read_execution(environment)
    with job.heeding_signals(started, console):
        return job.run(chosen, console, started, environment, now=_now, clock=time.monotonic, parts=parts)


@commands.command("diff", context_settings=CONTEXT, short_help="Say what differs between two reports or snapshots.")
@click.argument("old")
@click.argument("new")
@click.option(
    "-o",
    "--format",
    "diff_format",
    type=click.Choice(DIFF_FORMATS),
    default=DIFF_FORMATS[0],
    show_default=True,
    help="Form of the difference.",
)
@options(as_of_option, min_age_option, ignore_option, common_options)
@click.pass_context
def diff_command(ctx: click.Context, /, old: str, new: str, diff_format: str, **parameters: Any) -> int:
    """Say what is new, what is gone, which verdicts changed, and what that means in money.

    OLD and NEW are each a report that was written with --format json, compressed or not (- is stdin), or a snapshot,
    a directory or .tar.gz, which is audited first. What one of them did not read is neither new nor gone.
    """
    from .audit_run import judged  # noqa: PLC0415
    from .data.tables import load_prices  # noqa: PLC0415
    from .diff_run import differ  # noqa: PLC0415
    from .model.inventory import build  # noqa: PLC0415
    from .report.diff import RENDERERS  # noqa: PLC0415

    chosen, console = _start(ctx, parameters)
    with console.progress("Comparing"):
        found = differ(old, new, lambda snapshot: judged(build(snapshot), load_prices(), chosen, _now()))
    write_stdout(RENDERERS[diff_format](found))
    return ExitCode.OK


@commands.command("prices", context_settings=CONTEXT)
@common_options
@click.pass_context
def prices_command(ctx: click.Context, /, **parameters: Any) -> int:
    """Print the list prices in force, their date and their source."""
    from .data.tables import load_prices  # noqa: PLC0415
    from .report import prices  # noqa: PLC0415

    _start(ctx, parameters)
    write_stdout(prices.render(load_prices()))
    return ExitCode.OK


@commands.command("config", context_settings=CONTEXT)
@options(
    snapshot_options,
    live_options,
    keep_option,
    report_options,
    filter_options,
    history_options,
    exit_options,
    report_option,
    mail_options,
    parts_options,
    reports_options,
    log_option,
    common_options,
)
@click.pass_context
def config_command(ctx: click.Context, /, **parameters: Any) -> int:
    """Print the settings in force, and where each came from.

    Takes every option of audit and mail, to show what it would change.
    """
    from .report import effective_settings  # noqa: PLC0415

    _start(ctx, parameters)
    write_stdout(effective_settings.render(settings.origins(ctx, ctx.meta[SETTINGS_FILE])))
    return ExitCode.OK


@commands.command("version", context_settings=CONTEXT)
@common_options
@click.pass_context
def version_command(ctx: click.Context, /, **parameters: Any) -> int:
    """Print the version."""
    _start(ctx, parameters)
    write_stdout(f"{PROGRAM} {__version__} (Python {platform.python_version()})\n")
    return ExitCode.OK


@commands.command(
    "completion", context_settings=CONTEXT, short_help="Print the completion script of bash, zsh or fish."
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@common_options
@click.pass_context
def completion_command(ctx: click.Context, /, shell: str, **parameters: Any) -> int:
    """Print the completion script of a shell: eval "$(gke-auditor completion bash)"."""
    _start(ctx, parameters)
    completion = get_completion_class(shell)
    if completion is None:
        raise UsageError(f"There is no completion for {shell}")
    write_stdout(completion(commands, {}, PROGRAM, COMPLETION_VARIABLE).source() + "\n")
    return ExitCode.OK


# Wiring


def _start(ctx: click.Context, parameters: Mapping[str, Any]) -> tuple[Settings, Console]:
    """The settings of this run, and its console set to them."""
    chosen = settings.from_parameters(parameters)
    console: Console = ctx.obj
    console.quiet, console.verbose, console.color = chosen.quiet, chosen.verbose, chosen.color
    for warning in ctx.meta.get(UNKNOWN_VARIABLES, ()):
        console.warning(warning)
    return chosen, console


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _check_destinations(chosen: Settings) -> None:
    """Raises UsageError where one form would be written over another, or after it on stdout."""
    paths = [*(path for _, path in chosen.write), chosen.output]
    for path in paths:
        if paths.count(path) > 1:
            place = "stdout" if path == STDOUT else path
            raise UsageError(
                f"Two forms of the report would go to {place}",
                "Choose what goes to stdout with --format; --output and --write FORMAT=FILE name a file for each form.",
            )


def _deliver(report: Report, chosen: Settings, console: Console) -> None:
    """Files first, stdout last: a reader who stops reading must not cost anybody a file."""
    from .audit_run import selection_of  # noqa: PLC0415
    from .report.selection import unmatched  # noqa: PLC0415
    from .report.sentences import history_sentence, summary_sentence  # noqa: PLC0415

    selection = selection_of(chosen)
    is_table_shown = chosen.format in TABLES and chosen.output == STDOUT
    if not is_table_shown:  # the table says these itself
        for warning in report.warnings:
            console.warning(warning)
    for warning in unmatched(report, selection):
        console.warning(warning)
    for written_format, path in chosen.write:
        _write(report, selection, written_format, path, chosen, console)
    _write(report, selection, chosen.format, chosen.output, chosen, console)
    if not is_table_shown:
        console.say(" ".join(part for part in (summary_sentence(report), history_sentence(report)) if part))


def _write(
    report: Report, selection: Selection, written_format: str, path: str, chosen: Settings, console: Console
) -> None:
    """One form to its place. A CSV file always has its gaps in one beside it: none of an earlier run stays there."""
    from . import audit_run  # noqa: PLC0415

    is_terminal = path == STDOUT and sys.stdout.isatty()
    content = _render(report, selection, written_format, chosen, is_terminal=is_terminal)
    if written_format == "csv" and not is_stream(path):
        from .report import csv  # noqa: PLC0415

        write_files([(Path(path), content), (Path(f"{path}.gaps.csv"), csv.render_gaps(report))])
        return
    if path == STDOUT:
        write_stdout(content)
    else:
        write_file(Path(path), content)
    if written_format == "csv":
        audit_run.say_gaps(report, console)


def _render(report: Report, selection: Selection, written_format: str, chosen: Settings, *, is_terminal: bool) -> str:
    if written_format not in TABLES:
        renderer = import_module(f".report.{written_format}", __package__)
        rendered: str = renderer.render(report, selection)
        return rendered
    from .report import table  # noqa: PLC0415

    is_wide = written_format == "wide"
    is_shown = chosen.output == STDOUT and (is_terminal or chosen.color == "always")
    has_color = is_shown and may_use_color(sys.stdout, chosen.color, os.environ)
    layout = table.Layout(
        width=shutil.get_terminal_size().columns if is_terminal and not is_wide else None,
        has_color=has_color,
        has_links=has_color and is_terminal,
        is_wide=is_wide,
    )
    return table.render(report, selection, layout)


# Running


def main() -> NoReturn:
    """The command `gke-auditor`."""
    gc.disable()  # an audit's values live until it ends: looking for cycles among them costs a third of its time
    signal.signal(signal.SIGTERM, _terminated)
    console = _console()
    if not isinstance(console, TerminalConsole):
        from .log import adopt_libraries  # noqa: PLC0415

        adopt_libraries(console)
    code = run(sys.argv[1:], console)
    gc.freeze()  # Python looks for them once more as it ends, among all that the libraries hold: half a second
    sys.exit(code)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(ExitCode.TERMINATED)


def run(args: Sequence[str], console: Console | None = None) -> int:
    """Run one command line and return its exit code: stdout gets the report, stderr everything else."""
    console = console or _console()
    try:
        result = commands.main(args=list(args), prog_name=PROGRAM, standalone_mode=False, obj=console)
        return int(result or 0)
    except BaseException as error:
        code = _tell(error, console)
        if list(args[:1]) == [JOB]:  # it never came to its own end: what counts finished runs must hear of it
            console.finish(NOT_FINISHED, {}, is_good=False)
        if isinstance(error, SystemExit):
            raise
        return code


def _tell(error: BaseException, console: Console) -> int:
    """Say what ended a run; its exit code."""
    if isinstance(error, click.ClickException):
        if isinstance(console, TerminalConsole):
            error.show()
        else:
            console.error(error.format_message())
        return error.exit_code
    if isinstance(error, AuditorError):
        console.error(error.message, error.hint)
        return error.exit_code
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        console.error("Interrupted")
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return ExitCode.NOT_DONE
    if not isinstance(error, SystemExit):
        _unexpected(error, console)  # the last line of defence: one line, not a traceback
    return ExitCode.NOT_DONE


def _console() -> Console:
    """What is wrong with the settings must be told as everything else is: of them, this one is asked for first."""
    return open_console(os.environ, os.environ.get(settings.variable("log_format"), ""))


def _unexpected(error: BaseException, console: Console) -> None:
    console.bug(
        error,
        f"This is a bug in {PROGRAM} {__version__}: {type(error).__name__}: {error}",
        "No audit was carried out. Run it again with -vv for the traceback, and report it with that.",
    )
