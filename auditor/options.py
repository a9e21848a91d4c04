"""The options of the commands: what each is called, takes, defaults to and says in --help.

The settings file is read here, too, by the first of them: it makes click's defaults, before any other is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from . import settings
from .console import LOG_FORMATS
from .errors import UsageError
from .execution import MOST_TASKS
from .files import STDOUT
from .model.finding import Verdict
from .outcome import FAIL_ON
from .parameters import (
    FORMATS,
    parse_address,
    parse_amount,
    parse_duration,
    parse_endpoint,
    parse_execution,
    parse_format_file,
    parse_host,
    parse_parent_number,
    parse_time,
    parse_universe,
)
from .settings import Settings

SETTINGS_FILE = f"{__name__}.settings_file"
UNKNOWN_VARIABLES = f"{__name__}.unknown_variables"
_FILE_OPTIONS = f"{__name__}.file_options"
"""Keys of click's per-run meta: the file that was read, warnings of variables that are no settings, and --config and
--no-config as they were given."""

Command = Callable[..., Any]


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in this order in --help."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


# The settings file


def _load_settings(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Read the settings file before any other option is looked at, and make it click's defaults.

    --config and --no-config come in either order; the second of them, given or not, knows both.
    """
    said = ctx.meta.setdefault(_FILE_OPTIONS, {})
    said[parameter.name] = value
    if len(said) < 2 or ctx.resilient_parsing:
        return value
    path = _settings_file(ctx, said["config"], said["no_config"])
    values = settings.read_file(path) if path else {}
    parameters = _known_parameters(ctx)
    ctx.default_map = dict(settings.default_map(path, values, parameters, os.environ, ctx))
    ctx.meta[SETTINGS_FILE] = path
    ctx.meta[UNKNOWN_VARIABLES] = settings.unknown_variables(parameters, os.environ)
    return value


def _settings_file(ctx: click.Context, config: Path | None, no_config: bool) -> Path | None:
    """Which file to read, if any: what the command line says outranks the environment."""
    config_is_typed, no_config_is_typed = (
        ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("config", "no_config")
    )
    if config_is_typed and no_config_is_typed:
        raise UsageError("--config and --no-config exclude each other")
    if no_config and not config_is_typed:
        return None
    return config or (settings.DEFAULT_PATH if settings.DEFAULT_PATH.is_file() else None)


def _known_parameters(ctx: click.Context) -> Mapping[str, click.Parameter]:
    """The options of all commands by name: one settings file serves them all."""
    group = ctx.find_root().command
    commands = group.commands.values() if isinstance(group, click.Group) else ()
    return {
        parameter.name: parameter
        for command in commands
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name and parameter.name not in settings.NOT_SETTINGS
    }


# Declarations

common_options = options(
    click.option("--no-config", is_flag=True, is_eager=True, callback=_load_settings, help="Read no settings file."),
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        callback=_load_settings,
        help=f"Settings file.  [default: {settings.DEFAULT_PATH}, if it is there]",
    ),
    click.option("-q", "--quiet", is_flag=True, help="No progress, no warnings, no summary on stderr."),
    click.option("-v", "--verbose", count=True, help="Say more on stderr; -vv shows tracebacks."),
    click.option(
        "--color",
        type=click.Choice(("auto", "always", "never")),
        default="auto",
        show_default=True,
        help="Colour. auto heeds NO_COLOR, FORCE_COLOR and TERM=dumb.",
    ),
)

min_age_option = click.option(
    "--min-age",
    type=parse_duration,
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="Call nothing younger orphaned or unused (90m, 1h, 7d).",
)

live_options = options(
    click.option(
        "--project",
        multiple=True,
        metavar="ID",
        help="Read this project; with --snapshot, show only it.  [repeatable; default: that of the credentials]",
    ),
    click.option(
        "--folder",
        multiple=True,
        metavar="NUMBER",
        type=parse_parent_number("folders"),
        help="Read every project below this folder that has load balancers, addresses or clusters.  [repeatable]",
    ),
    click.option(
        "--organization",
        multiple=True,
        metavar="NUMBER",
        type=parse_parent_number("organizations"),
        help="The same for an organization.  [repeatable]",
    ),
    click.option("--impersonate-service-account", metavar="EMAIL", help="Read as this service account."),
    click.option("--quota-project", metavar="ID", help="Count the requests against the quota of this project."),
    click.option(
        "--kubeconfig",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Read the clusters of this kubeconfig too, those that are no GKE clusters.",
    ),
    click.option("--context", multiple=True, metavar="NAME", help="Only these contexts of it.  [repeatable]"),
    click.option(
        "--endpoint",
        multiple=True,
        metavar="SERVICE=URL",
        type=parse_endpoint,
        help="Where a Google API answers in a restricted network, e.g. compute=https://...  [repeatable]",
    ),
    click.option(
        "--universe-domain",
        metavar="DOMAIN",
        type=parse_universe,
        default=Settings().universe_domain,
        show_default=True,
        help="The domain of the Google Cloud universe.",
    ),
    click.option(
        "--inventory",
        type=click.Choice(("lists", "asset")),
        default=Settings().inventory,
        show_default=True,
        help="Read load balancers and addresses project by project, or from Cloud Asset Inventory as far as it goes. "
        "The second look asks the live API in either case.",
    ),
    click.option(
        "--concurrency",
        metavar="N",
        type=click.IntRange(1, 256),
        default=Settings().concurrency,
        show_default=True,
        help="Requests in flight at once.",
    ),
    click.option(
        "--timeout",
        type=parse_duration,
        metavar="DURATION",
        default="30s",
        show_default=True,
        help="The longest that one request may take.",
    ),
    click.option(
        "--deadline",
        type=parse_duration,
        metavar="DURATION",
        default="25m",
        show_default=True,
        help="The longest that reading may take; what is not read by then is a gap.",
    ),
)

parts_options = options(
    click.option(
        "--tasks",
        type=click.IntRange(1, MOST_TASKS),
        metavar="N",
        help="How many tasks share the reading.  [default: what CLOUD_RUN_TASK_COUNT says, or 1]",
    ),
    click.option(
        "--task",
        type=click.IntRange(0, MOST_TASKS - 1),
        metavar="I",
        help="Which of them this is, 0 to N-1. The first one, 0, puts the parts together, and mails.  "
        "[default: what CLOUD_RUN_TASK_INDEX says, or 0]",
    ),
    click.option(
        "--execution",
        type=parse_execution,
        metavar="NAME",
        help="What all tasks of one run, and their further attempts, are called together; the next run needs another "
        "name.  [default: what CLOUD_RUN_EXECUTION says]",
    ),
    click.option(
        "--parts-deadline",
        type=parse_duration,
        metavar="DURATION",
        default="20m",
        show_default=True,
        help="With several tasks: the longest that the first one waits for the parts of the others, counted from its "
        "start. A part that is missing then is a gap. Less than --deadline.",
    ),
)

keep_option = click.option(
    "--keep-snapshot",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Keep what a live run reads there, a new folder or .tar.gz, to audit it again with --snapshot.",
)

as_of_option = click.option(
    "--as-of",
    type=parse_time,
    metavar="TIME",
    help="Count ages up to this time (2026-11-22T06:00:00Z).  [default: when the snapshot was taken]",
)

ignore_option = click.option(
    "--ignore-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What to suppress, why and until when.  [default: gke-auditor-ignore.toml, if it is there]",
)

snapshot_options = options(
    click.option(
        "--snapshot",
        multiple=True,
        metavar="PATH",
        type=click.Path(path_type=Path),
        help="Audit this snapshot, a directory or .tar.gz, and ask nobody. Several are read as one.  [repeatable]",
    ),
    as_of_option,
    min_age_option,
    ignore_option,
)

report_options = options(
    click.option(
        "-o",
        "--format",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="Form of the report. wide never shortens; json is the stable form for programs; html is one page; csv has "
        "its gaps in FILE.gaps.csv.",
    ),
    click.option(
        "--output",
        metavar="FILE",
        default=STDOUT,
        show_default=True,
        help="Write the report there; - is stdout.",
    ),
    click.option(
        "--write",
        multiple=True,
        type=parse_format_file,
        metavar="FORMAT=FILE",
        help="Write the same report to a file too, in one more form.  [repeatable]",
    ),
)

filter_options = options(
    click.option(
        "--verdict",
        multiple=True,
        type=click.Choice((*(verdict.value for verdict in Verdict), "all")),
        default=Settings().verdict,
        show_default=True,
        help="Show only these verdicts.  [repeatable]",
    ),
    click.option(
        "--cluster",
        multiple=True,
        metavar="NAME",
        help="Show only what belongs to this cluster: name, location/name or project/location/name.  [repeatable]",
    ),
    click.option("--region", multiple=True, metavar="REGION", help="Show only this region, or global.  [repeatable]"),
    click.option(
        "-n",
        "--namespace",
        multiple=True,
        metavar="NAME",
        help="Show only what belongs to objects of this namespace.  [repeatable]",
    ),
    click.option(
        "--min-monthly",
        type=parse_amount,
        metavar="AMOUNT",
        help="Show only load balancers and addresses of at least this many US$ a month, or of unknown price.",
    ),
    click.option(
        "--show-suppressed/--no-show-suppressed", help="Show suppressed findings in table, csv and markdown, too."
    ),
)

report_option = click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Send this report, which --format json wrote (.json or .json.gz), and audit nothing.",
)

mail_options = options(
    click.option(
        "--to", "mail_to", multiple=True, type=parse_address, metavar="ADDRESS", help="Mail it to them.  [repeatable]"
    ),
    click.option("--from", "mail_from", type=parse_address, metavar="ADDRESS", help="Who sends it: a role address."),
    click.option("--smtp-host", type=parse_host, metavar="HOST", help="The server to send by."),
    click.option(
        "--smtp-port",
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="Its port.  [default: 587, with --smtp-security tls 465]",
    ),
    click.option(
        "--smtp-security",
        type=click.Choice(("auto", "starttls", "tls", "plain")),
        default=Settings().smtp_security,
        show_default=True,
        help="auto is tls on port 465, else starttls, and never less. plain is for a server on this machine.",
    ),
    click.option("--smtp-user", metavar="NAME", help="Sign in as this user."),
    click.option(
        "--smtp-password-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Where the password stands, alone on one line: a file or a mounted secret.",
    ),
    click.option(
        "--chat-webhook-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Post a summary to the incoming webhook (Google Chat, Slack) whose URL stands in this file.",
    ),
    click.option(
        "--chat-kind",
        type=click.Choice(("auto", "google", "slack")),
        default=Settings().chat_kind,
        show_default=True,
        help="What the webhook speaks. auto tells Google Chat and Slack by their hosts.",
    ),
    click.option(
        "--send-when",
        type=click.Choice(("always", "findings", "new")),
        default=Settings().send_when,
        show_default=True,
        help="findings: only if something is orphaned or unused, or was not read. "
        "new: only if no earlier run has seen some of it, or something was not read that was before.",
    ),
)

exit_options = options(
    click.option(
        "--fail-on",
        type=click.Choice(("never", *(verdict.value for verdict in FAIL_ON))),
        default="never",
        show_default=True,
        help="Exit with 3 if there is something of this verdict or a worse one: orphaned > unused > idle > unknown.",
    ),
    click.option(
        "--fail-over",
        type=parse_amount,
        metavar="AMOUNT",
        help="Exit with 3 if at least this many US$ a month could be saved.",
    ),
    click.option("--strict/--no-strict", help="Exit with 4 if something was not read in full."),
)


history_option = click.option(
    "--history",
    metavar="PLACE",
    help="Compare with the runs kept there, a folder or gs://BUCKET/PREFIX; audit, mail and job keep theirs there.",
)

history_options = options(
    history_option,
    click.option(
        "--baseline",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Compare with this one report, written with --format json.",
    ),
)

reports_options = options(
    click.option(
        "--reports",
        metavar="PLACE",
        help="Write report.html, report.json and findings.csv there, in a folder for each execution.  [default: "
        "reports/ in the place of --history]",
    ),
    click.option(
        "--reports-snapshot/--no-reports-snapshot",
        help="Put the snapshot beside them, too, to audit it again.",
    ),
)

log_option = click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    default=Settings().log_format,
    show_default=True,
    help="How stderr is written. auto is json on Cloud Run, else text.",
)
