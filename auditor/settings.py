"""The settings of a run: flags > environment > file > defaults, and where each came from.

click does the precedence: every option has an environment variable (GKE_AUDITOR_ and its name in capitals), and the
file becomes click's default map. What is added here is that the file and the environment are checked as a whole
first, so that every problem is reported at once.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .errors import UsageError
from .model.finding import SHOWN_BY_DEFAULT, Verdict, format_time
from .parameters import duration_text

ENVIRONMENT_PREFIX = "GKE_AUDITOR"
DEFAULT_PATH = Path("gke-auditor.toml")
NOT_SETTINGS = frozenset(
    {
        "config",
        "no_config",
        "help",
        "destination",
        "diff_format",
        "dry_run",
        "part",
        "parts",
        "execution",
        "second_look",
    }
)
"""Options that say where settings come from, or where and how one command writes: no settings themselves."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that flags, environment and file can set. A command that lacks an option has its default here."""

    snapshot: tuple[Path, ...] = ()
    folder: tuple[str, ...] = ()
    organization: tuple[str, ...] = ()
    impersonate_service_account: str | None = None
    quota_project: str | None = None
    kubeconfig: Path | None = None
    context: tuple[str, ...] = ()
    endpoint: tuple[tuple[str, str], ...] = ()
    universe_domain: str = "googleapis.com"
    inventory: str = "lists"
    concurrency: int = 32
    timeout: timedelta = timedelta(seconds=30)
    deadline: timedelta = timedelta(minutes=25)
    """Less than the 30 minutes after which a job on Cloud Run is ended: a report with gaps is better than none."""
    parts_deadline: timedelta = timedelta(minutes=20)
    """Less than `deadline`: the second look, and the report, come after all parts."""
    tasks: int | None = None
    """None: as many as Cloud Run says, or one."""
    task: int | None = None
    """Which of them this is; None: the one that Cloud Run says, or the first."""
    keep_snapshot: Path | None = None
    as_of: datetime | None = None
    min_age: timedelta = timedelta(hours=1)
    ignore_file: Path | None = None
    """None: gke-auditor-ignore.toml of the working directory, if it is there."""
    format: str = "table"
    output: str = "-"
    write: tuple[tuple[str, str], ...] = ()
    verdict: tuple[str, ...] = tuple(verdict.value for verdict in SHOWN_BY_DEFAULT)
    project: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    min_monthly: Decimal | None = None
    show_suppressed: bool = False
    fail_on: str = "never"
    fail_over: Decimal | None = None
    strict: bool = False
    history: str | None = None
    baseline: Path | None = None
    by: str = "project"
    report: Path | None = None
    """A report to mail, in place of an audit."""
    mail_to: tuple[str, ...] = ()
    mail_from: str | None = None
    smtp_host: str | None = None
    smtp_port: int | None = None
    """None: 587, or 465 where smtp_security is tls."""
    smtp_security: str = "auto"
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    chat_webhook_file: Path | None = None
    chat_kind: str = "auto"
    send_when: str = "always"
    reports: str | None = None
    """None: beside the runs of the history."""
    reports_snapshot: bool = False
    log_format: str = "auto"
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"

    @property
    def is_live(self) -> bool:
        """Without a snapshot or a report the world itself is read."""
        return not self.snapshot and self.report is None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts that are asked for, in the order of reports."""
        if "all" in self.verdict:
            return tuple(Verdict)
        return tuple(verdict for verdict in Verdict if verdict.value in self.verdict)


def from_parameters(parameters: Mapping[str, Any]) -> Settings:
    """The settings of one command: what click made of flags, environment and file."""
    names = {field.name for field in fields(Settings)}
    return Settings(**{name: value for name, value in parameters.items() if name in names})


def shown_in_report(settings: Settings) -> Mapping[str, Any]:
    """The settings that decide what a report says and shows, for the report itself."""
    return {
        "as_of": format_time(settings.as_of),
        "min_age": duration_text(settings.min_age),
        "verdict": [verdict.value for verdict in settings.verdicts],
        "project": [] if settings.is_live else list(settings.project),
        "cluster": list(settings.cluster),
        "region": list(settings.region),
        "namespace": list(settings.namespace),
        "min_monthly": None if settings.min_monthly is None else f"{settings.min_monthly:f}",
    }


# The file


def read_file(path: Path) -> Mapping[str, Any]:
    """The keys and values of a settings file. Raises UsageError that names the file and, for bad TOML, the line."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read the settings file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The settings file {path} is not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The settings file {path} is not valid TOML: {error}") from error


def default_map(
    path: Path | None,
    values: Mapping[str, Any],
    parameters: Mapping[str, click.Parameter],
    environment: Mapping[str, str],
    ctx: click.Context,
) -> Mapping[str, Any]:
    """The file as click's default map, after file and environment were checked as a whole.

    `parameters` are those of all commands by name: a file is for all of them. Raises UsageError with every problem.
    """
    problems: list[str] = []
    defaults: dict[str, Any] = {}
    for key, value in values.items():
        parameter = parameters.get(key)
        if parameter is None:
            problems.append(f"{path}: {key}: unknown key{_suggestion(key, parameters)}")
            continue
        try:
            defaults[key] = _checked(parameter, value, ctx)
        except ValueError as error:
            problems.append(f"{path}: {key}: {error}")
    problems += _problems_in_environment(parameters, environment, ctx)
    if problems:
        raise UsageError(
            "\n".join(problems),
            "Nothing was read. `gke-auditor config` shows every setting; `gke-auditor audit --help` what each may be.",
        )
    return defaults


def _suggestion(key: str, parameters: Mapping[str, click.Parameter]) -> str:
    close = difflib.get_close_matches(key.replace("-", "_"), parameters, n=1)
    return f"; did you mean {close[0]}?" if close else f"; allowed: {', '.join(sorted(parameters))}"


def _checked(parameter: click.Parameter, value: Any, ctx: click.Context) -> Any:
    """A value of the file in the form that click takes. Raises ValueError if it is of the wrong type or not allowed."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false")
        return value
    if isinstance(value, list) and not parameter.multiple:
        raise ValueError("must be one value, not a list")
    written = [_scalar(item) for item in (value if isinstance(value, list) else [value])]
    for item in written:
        _convert(parameter, item, ctx)
    return written if parameter.multiple else written[0]


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | datetime):
        raise ValueError(f"{value!r} is of the wrong type")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _convert(parameter: click.Parameter, value: str, ctx: click.Context) -> None:
    try:
        parameter.type.convert(value, parameter, ctx)
    except click.BadParameter as error:
        raise ValueError(error.message.rstrip(".")) from error


# The environment


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{ENVIRONMENT_PREFIX}_{name.upper()}"


def _problems_in_environment(
    parameters: Mapping[str, click.Parameter], environment: Mapping[str, str], ctx: click.Context
) -> Iterator[str]:
    for name, parameter in parameters.items():
        written = environment.get(variable(name), "")
        if not written:
            continue
        values = parameter.type.split_envvar_value(written) if parameter.multiple else [written]
        for value in values:
            try:
                _convert(parameter, value, ctx)
            except ValueError as error:
                yield f"environment: {variable(name)}: {error}"


def unknown_variables(parameters: Mapping[str, click.Parameter], environment: Mapping[str, str]) -> Sequence[str]:
    """Warnings on variables that look like settings and are none.

    Not errors: Kubernetes sets GKE_AUDITOR_PORT and the like in every pod beside a Service named gke-auditor.
    """
    known = {variable(name) for name in (*parameters, *NOT_SETTINGS)}
    return [
        f"The environment variable {name} is no setting and is not used."
        for name in sorted(environment)
        if name.startswith(f"{ENVIRONMENT_PREFIX}_") and name not in known
    ]


# Where each came from


def origins(ctx: click.Context, path: Path | None) -> Sequence[tuple[str, str, str]]:
    """Name, value and origin of every setting of a command, in the order of its options."""
    rows = []
    for parameter in ctx.command.params:
        name = parameter.name
        if name is None or name in NOT_SETTINGS:
            continue
        origins_by_source = {
            ParameterSource.COMMANDLINE: "command line",
            ParameterSource.ENVIRONMENT: f"environment {variable(name)}",
            ParameterSource.DEFAULT_MAP: f"file {path}",
        }
        source = ctx.get_parameter_source(name) or ParameterSource.DEFAULT
        rows.append((name, _shown(ctx.params.get(name)), origins_by_source.get(source, "default")))
    return rows


def _shown(value: Any) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, datetime):
        return format_time(value) or ""
    if isinstance(value, tuple):
        return " ".join("=".join(item) if isinstance(item, tuple) else str(item) for item in value)
    return str(value)
