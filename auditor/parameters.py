"""What a value on the command line, in the environment or in the settings file may look like.

Each function is a click type: it takes the text, or a value that is converted already, and raises click.BadParameter
with a sentence for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import click

TABLES = ("table", "wide")
FORMATS = (*TABLES, "json", "csv", "markdown", "html", "sarif")
"""Every form but the tables is the module of auditor/report that bears its name."""
DIFF_FORMATS = ("table", "markdown", "json")
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_ADDRESS = re.compile(  # RFC 5321, Dot-string@Domain
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII
)
_LONGEST_ADDRESS = 254
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?|\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]+\]?", re.ASCII)
_LONGEST = timedelta(days=3650)
_YEARS = range(2000, 9000)


def parse_duration(value: str | timedelta) -> timedelta:
    """90m, 1h, 7d, 1h30m: days, hours, minutes and seconds in this order."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        raise click.BadParameter(f"{value!r} is no duration like 90m, 1h or 7d.")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        duration = timedelta.max
    if duration > _LONGEST:
        raise click.BadParameter(f"{value!r} is longer than ten years.")
    return duration


def parse_time(value: str | datetime) -> datetime:
    """A time as RFC 3339 writes it, with its zone; in UTC."""
    if isinstance(value, datetime):
        return value
    written = value.strip()
    if not _TIME.fullmatch(written):
        raise click.BadParameter(f"{value!r} is no time like 2026-11-22T06:00:00Z.")
    try:
        parsed = datetime.fromisoformat(written.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is no time of the calendar.") from None
    if parsed.year not in _YEARS:
        raise click.BadParameter(f"{value!r} is not in this age.")
    return parsed


def parse_endpoint(value: str | tuple[str, str]) -> tuple[str, str]:
    """SERVICE=URL."""
    from .collect import google  # noqa: PLC0415 - only where a live run is set up

    if isinstance(value, tuple):
        return value
    try:
        return google.parse_endpoint(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def parse_universe(value: str) -> str:
    """The domain of a Google Cloud universe."""
    from .collect import google  # noqa: PLC0415

    try:
        return google.parse_universe(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def parse_parent_number(kind: str) -> Callable[[str], str]:
    """The number of a folder or organization; `kind` is "folders" or "organizations"."""

    def parse(value: str) -> str:
        from .collect.projects import parse_parent  # noqa: PLC0415

        try:
            return parse_parent(kind, value).number
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from None

    return parse


def parse_amount(value: str | Decimal) -> Decimal:
    """An amount of US dollars a month, 0 or more."""
    try:
        amount = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no amount like 5 or 7.30.") from None
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{value!r} is no amount of 0 or more.")
    return amount


def parse_address(value: str) -> str:
    """One mail address without a name: what else a header can hold is refused."""
    written = value.strip()
    if len(written) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(written):
        raise click.BadParameter(f"{value!r:.80} is no address like ops@example.com.")
    return written


def parse_host(value: str) -> str:
    """The name or IP of a server, without scheme and port."""
    written = value.strip()
    if not _HOST.fullmatch(written):
        raise click.BadParameter(f"{value!r:.80} is no host like smtp.example.com.")
    return written.strip("[]")


def parse_format_file(value: str | tuple[str, str]) -> tuple[str, str]:
    """FORMAT=FILE, as --write takes it."""
    if isinstance(value, tuple):
        return value
    written_format, equals, path = value.partition("=")
    if written_format not in FORMATS or not equals or not path:
        raise click.BadParameter(f"{value!r} is not FORMAT=FILE with FORMAT one of {', '.join(FORMATS)}.")
    return (written_format, path)


def parse_part(value: str | tuple[int, int]) -> tuple[int, int]:
    """INDEX/COUNT, as --part takes it: 0/8 to 7/8."""
    if isinstance(value, tuple):
        return value
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", value.strip(), re.ASCII)
    if match is None or int(match[1]) >= int(match[2]):
        raise click.BadParameter(f"{value!r} is no INDEX/COUNT: parts count from 0, so that the last of 8 is 7/8.")
    return int(match[1]), int(match[2])


def parse_execution(value: str) -> str:
    """The name that all parts of one execution share."""
    written = value.strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", written, re.ASCII):
        raise click.BadParameter(f"{value!r:.120} is no name of letters, digits, dots and dashes.")
    return written


def duration_text(duration: timedelta) -> str:
    """The shortest way to write a duration that `parse_duration` reads back: 1h, 90s, 7d."""
    seconds = int(duration.total_seconds())
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
