from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import parameters


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("90m", timedelta(minutes=90)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("0s", timedelta(0)),
        (" 1h ", timedelta(hours=1)),
    ],
)
def test_durations(written: str, expected: timedelta) -> None:
    assert parameters.parse_duration(written) == expected


@pytest.mark.parametrize(
    "written", ["", "1", "h", "-1h", "1.5h", "1h1d", "1w", "1h 2m", "9999999999d", "999999999d", "٣h"]
)
def test_what_is_no_duration(written: str) -> None:
    with pytest.raises(click.BadParameter):
        parameters.parse_duration(written)


@given(st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_durations_are_written_as_they_are_read(duration: timedelta) -> None:
    whole = timedelta(seconds=int(duration.total_seconds()))
    assert parameters.parse_duration(parameters.duration_text(whole)) == whole


@pytest.mark.parametrize(
    "written", ["2026-11-22T06:00:00Z", "2026-11-22T07:00:00+01:00", "2026-11-22t06:00:00z", "2026-11-22 06:00:00.000Z"]
)
def test_times_are_read_into_utc(written: str) -> None:
    assert parameters.parse_time(written) == datetime(2026, 11, 22, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22",
        "2026-11-22T06:00:00",
        "yesterday",
        "",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:00",
    ],
)
def test_what_is_no_time(written: str) -> None:
    with pytest.raises(click.BadParameter):
        parameters.parse_time(written)


@pytest.mark.parametrize(("written", "expected"), [("5", Decimal(5)), ("7.30", Decimal("7.30")), ("0", Decimal(0))])
def test_amounts(written: str, expected: Decimal) -> None:
    assert parameters.parse_amount(written) == expected


@pytest.mark.parametrize("written", ["-1", "NaN", "Infinity", "1,5", "$5", ""])
def test_what_is_no_amount(written: str) -> None:
    with pytest.raises(click.BadParameter):
        parameters.parse_amount(written)


@pytest.mark.parametrize("written", ["json", "json=", "=file", "yaml=file"])
def test_what_is_no_format_and_file(written: str) -> None:
    with pytest.raises(click.BadParameter):
        parameters.parse_format_file(written)


def test_a_file_name_may_hold_an_equals_sign() -> None:
    assert parameters.parse_format_file("json=a=b.json") == ("json", "a=b.json")


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (parameters.parse_duration, timedelta(hours=1)),
        (parameters.parse_time, datetime(2026, 1, 1, tzinfo=UTC)),
        (parameters.parse_amount, Decimal(5)),
        (parameters.parse_format_file, ("json", "file")),
    ],
)
def test_what_is_converted_already_stays(parse: Callable[[Any], Any], value: Any) -> None:
    assert parse(value) == value


@pytest.mark.parametrize("written", ["ops@example.com", " a.b+c@x-1.example ", "o'neil@example.com", "root@localhost"])
def test_addresses(written: str) -> None:
    assert parameters.parse_address(written) == written.strip()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ops",
        "@example.com",
        "ops@",
        "a@b@c",
        "a b@example.com",
        "a@example.com,b@example.com",
        "Ops <ops@example.com>",
        '"a b"@example.com',
        ".a@example.com",
        "a..b@example.com",
        "a@example..com",
        "a@[127.0.0.1]",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\n\nb",
        "\u00fc@example.com",
        "a@\u0435xample.com",
        "a@example.com\x00",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(click.BadParameter, match="is no address"):
        parameters.parse_address(written)


@given(st.text(alphabet='ab@.,;<>()"\\ \r\n\t:\u00fc-', max_size=30))
def test_an_address_that_is_taken_cannot_leave_its_header(written: str) -> None:
    try:
        address = parameters.parse_address(written)
    except click.BadParameter:
        return
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' ,;<>()[]"\\:')
    assert address.count("@") == 1


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("smtp.example.com", "smtp.example.com"),
        (" localhost ", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_hosts(written: str, host: str) -> None:
    assert parameters.parse_host(written) == host


@pytest.mark.parametrize(
    "written", ["", "smtp://x", "x:25", "x y", "x/y", "x\n", "user@x", "\u0435xample.com", "x..y", "[x]"]
)
def test_what_is_no_host(written: str) -> None:
    with pytest.raises(click.BadParameter, match="is no host"):
        parameters.parse_host(written.replace("x\n", "x\ny"))
