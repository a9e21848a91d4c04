"""gke-auditor mail as a user runs it: what arrives, what is said, what is noted, and the exit code."""

from __future__ import annotations

import email
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path

import pytest
from deliver.conftest import storage_server
from deliver.smtpserver import PASSWORD, USER, Certificates, Faults, Server, serving
from deliver.test_chat import Hook, hooked
from rehearsal import SMALL_MANNERS, served, small_world
from report import sample

from auditor import cli, mail_run
from auditor.deliver.envelope import fitting
from auditor.deliver.mail import send
from auditor.errors import NotDelivered, NothingRead
from auditor.model.finding import Verdict
from auditor.model.history import ReportHistory, TrendPoint
from auditor.model.report import Report
from auditor.report import csv, html
from auditor.report import json as json_report
from auditor.report.email import compose
from auditor.report.selection import Selection
from auditor.report_files import read_report_file

DEMO = Path(__file__).parents[1] / "fixtures" / "demo"
__all__ = ["storage_server"]
TO, FROM = ("--to", "ops@example.com"), ("--from", "auditor@example.com")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _surroundings(certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    monkeypatch.delenv("CLOUD_RUN_EXECUTION", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mail_run.mail, "send", partial(send, sleep=lambda seconds: None))


class Told:
    """Exit code, stdout and stderr of one command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> None:
        capsys.readouterr()
        self.code = cli.run(["mail", *arguments])
        captured = capsys.readouterr()
        self.out = captured.out
        self.err = " ".join(captured.err.split())


@pytest.fixture
def mailed(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    return lambda *arguments: Told(capsys, arguments)


def report_file(folder: Path, report: Report | None = None, name: str = "report.json") -> tuple[str, str]:
    content = json_report.render(report or sample.report(), Selection()).encode()
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return "--report", str(path)


@pytest.fixture
def plain() -> Iterator[Server]:
    with serving() as server:
        yield server


def at(server: Server) -> tuple[str, ...]:
    return *TO, *FROM, "--smtp-host", "127.0.0.1", "--smtp-port", str(server.port), "--smtp-security", "plain"


def received(server: Server) -> list[EmailMessage]:
    messages = []
    for item in server.received:
        message = email.message_from_bytes(item.content, policy=default)
        assert isinstance(message, EmailMessage)
        messages.append(message)
    return messages


# What arrives


@pytest.mark.parametrize("name", ["report.json", "report.json.gz"])
def test_a_report_file_is_mailed_whole(
    mailed: Callable[..., Told], certificates: Certificates, tmp_path: Path, name: str
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    login = ("--smtp-user", USER, "--smtp-password-file", str(tmp_path / "password"))
    with serving(starttls=certificates.good()) as server:
        place = ("--smtp-host", "localhost", "--smtp-port", str(server.port))
        told = mailed(*report_file(tmp_path, name=name), *TO, "--to", "cfo@example.com", *FROM, *place, *login, "-vv")
    assert (told.code, told.out) == (0, ""), told.err
    assert "Sent the report to 2 recipients." in told.err
    assert PASSWORD not in told.err
    assert [(item.recipients, item.user, item.is_encrypted) for item in server.received] == [
        (("ops@example.com", "cfo@example.com"), USER, True)
    ]
    (message,) = received(server)
    report, selection = read_report_file(str(tmp_path / name)), Selection()
    attached = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
    assert attached == {
        "findings.csv": csv.render(report, selection).encode(),
        "findings.csv.gaps.csv": csv.render_gaps(report).encode(),
        "report.html": html.render(report, selection).encode(),
        "report.json": json_report.render(report, selection).encode(),
    }
    composed = compose(report, selection, attached=tuple(attached))
    assert message["Subject"] == composed.subject
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == composed.text


def test_a_snapshot_is_audited_and_mailed(mailed: Callable[..., Told], plain: Server) -> None:
    told = mailed("--snapshot", str(DEMO), *at(plain))
    assert told.code == 0, told.err
    (message,) = received(plain)
    assert message["Subject"].endswith("· example-dev, example-prod · partial")


def test_a_live_run_is_mailed(tmp_path: Path) -> None:
    with served(small_world(), manners=SMALL_MANNERS) as world:
        command = [sys.executable, "-m", "auditor", "mail", "--organization", world.organization.partition("/")[2]]
        command += [*world.endpoint_flags(), "--dry-run", str(tmp_path / "live.eml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    message = email.message_from_bytes((tmp_path / "live.eml").read_bytes(), policy=default)
    assert f" · {world.organization}" in message["Subject"]


def test_filters_hold_for_the_mail_and_what_comes_with_it(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path
) -> None:
    whole = report_file(tmp_path, sample.large())
    told = mailed(*whole, *at(plain), "--project", "example-2", "--region", "nowhere-1")
    assert told.code == 0, told.err
    assert "--region nowhere-1: no judged resource belongs to it" in told.err
    told = mailed(*whole, *at(plain), "--project", "example-2")
    assert told.code == 0, told.err
    (_, message) = received(plain)
    (findings,) = [part for part in message.iter_attachments() if part.get_filename() == "findings.csv"]
    lines = findings.get_payload(decode=True).decode().splitlines()  # type: ignore[union-attr]
    assert len(lines) > 10
    assert all("example-2" in line for line in lines[1:])
    assert "156 in all" in message["Subject"]


def test_tls_from_the_start_is_asked_for_by_its_name(mailed: Callable[..., Told], certificates: Certificates) -> None:
    with serving(tls=certificates.good()) as server:
        place = ("--smtp-host", "localhost", "--smtp-port", str(server.port), "--smtp-security", "tls")
        told = mailed("--snapshot", str(DEMO), *TO, *FROM, *place)
    assert told.code == 0, told.err
    assert [item.is_encrypted for item in server.received] == [True]


def test_a_chart_comes_along_where_there_are_runs(mailed: Callable[..., Told], plain: Server, tmp_path: Path) -> None:
    told = mailed(*report_file(tmp_path, sample.large()), *at(plain))
    assert told.code == 0, told.err
    (message,) = received(plain)
    pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in pictures] == ["<trend>"]
    assert pictures[0].get_payload(decode=True).startswith(b"\x89PNG")  # type: ignore[union-attr]
    assert "findings.csv.gaps.csv" in [part.get_filename() for part in message.iter_attachments()]


def test_what_is_too_large_is_left_out_and_said(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_run, "fitting", partial(fitting, limit=700_000))
    told = mailed(*report_file(tmp_path, sample.large()), *at(plain))
    assert told.code == 0, told.err
    (message,) = received(plain)
    assert "report.html" not in [part.get_filename() for part in message.iter_attachments()]
    body = message.get_body(("plain",))
    assert body is not None
    for words in (told.err, " ".join(body.get_content().split())):
        assert "Too large for a mail and left out: " in words
        assert "report.html" in words


def test_the_execution_of_a_job_names_the_message(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-x7k2p")
    mailed(*report_file(tmp_path), *at(plain))
    mailed(*report_file(tmp_path, sample.large(), "large.json"), *at(plain), "--quiet")
    mailed(*report_file(tmp_path), *at(plain))
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-b8r4s")
    mailed(*report_file(tmp_path), *at(plain))
    first, other_scope, retry, next_week = received(plain)
    assert first["Message-ID"] == retry["Message-ID"]
    assert len({item["Message-ID"] for item in (first, other_scope, next_week)}) == 3
    assert first["References"] == next_week["References"] != other_scope["References"]


# A dry run


def test_a_dry_run_needs_no_server_and_writes_what_would_be_sent(mailed: Callable[..., Told], tmp_path: Path) -> None:
    told = mailed("--snapshot", str(DEMO), "--dry-run", "out.eml")
    assert told.code == 0, told.err
    assert "Nothing was sent. Wrote out.eml." in told.err
    message = email.message_from_bytes((tmp_path / "out.eml").read_bytes(), policy=default)
    assert message["To"] == "gke-auditor@localhost"


def test_a_dry_run_goes_to_stdout_as_a_dash(mailed: Callable[..., Told], tmp_path: Path) -> None:
    told = mailed("--snapshot", str(DEMO), "--dry-run", "-")
    assert told.code == 0, told.err
    message = email.message_from_string(told.out, policy=default)
    assert message["Subject"].startswith("8 orphaned load balancers")
    assert next(part.get_filename() for part in message.iter_attachments()) == "findings.csv"
    assert list(tmp_path.glob("-*")) == []
    (tmp_path / "hook").write_text("https://hooks.slack.com/services/x\n")
    told = mailed("--snapshot", str(DEMO), "--dry-run", "-", "--chat-webhook-file", "hook")
    assert (told.code, told.out) == (2, "")


def test_a_dry_run_contacts_nobody_and_notes_nothing(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path
) -> None:
    with hooked() as hook:
        chat = chat_options(tmp_path, hook)
        told = mailed(
            *("--snapshot", str(DEMO), "--dry-run", "out.eml", "--history", str(tmp_path / "kept")), *at(plain), *chat
        )
    assert told.code == 0, told.err
    assert plain.connections == 0
    assert hook.posted == []
    assert not list((tmp_path / "kept").rglob("*.json*"))
    assert json.loads((tmp_path / "out.chat.json").read_text())["blocks"]


def test_a_dry_run_that_cannot_write_is_not_done(mailed: Callable[..., Told]) -> None:
    told = mailed("--snapshot", str(DEMO), "--dry-run", "no/such/folder/out.eml")
    assert told.code == 1
    assert "Cannot write no/such/folder/out.eml: No such file or directory" in told.err


# What goes wrong


def test_what_cannot_be_sent_is_kept(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with serving(faults=Faults(recipients={"ops@example.com": ["550 5.1.1 no such user"]})) as server:
        told = mailed(*report_file(tmp_path), *at(server))
    assert told.code == 1
    assert "did not take the mail for ops@example.com: 550 5.1.1 no such user" in told.err
    (kept,) = tmp_path.glob("gke-auditor-unsent-*.eml")
    assert f"The mail is kept in {kept}" in told.err
    assert email.message_from_bytes(kept.read_bytes(), policy=default)["To"] == "ops@example.com"
    assert kept.stat().st_mode & 0o077 == 0


def test_what_cannot_be_kept_here_is_kept_with_the_temporary_files(
    mailed: Callable[..., Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "gone")
    with serving(faults=Faults(mail=["550 no"])) as server:
        told = mailed(*report_file(tmp_path), *at(server))
    assert told.code == 1
    assert f"The mail is kept in {elsewhere}" in told.err


def test_a_refused_recipient_is_named_and_makes_the_exit_code(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with serving(faults=Faults(recipients={"cfo@example.com": ["550 5.7.1 not you"]})) as server:
        told = mailed(*report_file(tmp_path), *at(server), "--to", "cfo@example.com")
    assert told.code == 1
    assert "Sent the report to 1 recipient; cfo@example.com was refused: 550 5.7.1 not you" in told.err
    assert len(server.received) == 1


def test_a_mail_in_doubt_is_told_as_such(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with serving(faults=Faults(data=["abort"])) as server:
        told = mailed(*report_file(tmp_path), *at(server))
    assert told.code == 1
    assert "the mail to ops@example.com may have been sent: the server closed the connection" in told.err
    assert "It is not sent again." in told.err
    assert server.connections == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"schema_version": 99}', "schema_version is 99"),
        (b'{"schema_version": 1}', "is missing"),
        (b"\x1f\x8bbroken", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_a_broken_report_file_is_a_clear_error(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "broken.json").write_bytes(content)
    told = mailed("--report", str(tmp_path / "broken.json"), *at(plain))
    assert told.code == 1
    assert "broken.json" in told.err
    assert words in told.err
    assert "--format json" in told.err
    assert "bug" not in told.err
    assert plain.connections == 0


def test_a_report_whose_filters_hide_waste_is_refused(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path
) -> None:
    content = json_report.render(sample.report(), Selection(verdicts=(Verdict.IDLE,)))
    (tmp_path / "idle.json").write_text(content)
    told = mailed("--report", "idle.json", *at(plain))
    assert told.code == 2
    assert "idle.json was written with filters that hide 5 resources of what is orphaned or unused" in told.err
    assert plain.connections == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Nobody to send to"),
        ((*TO, "--smtp-host", "localhost"), "Name --from ADDRESS"),
        ((*TO, *FROM), "Name --smtp-host HOST"),
        ((*TO, *FROM, "--smtp-host", "localhost", "--smtp-user", "x"), "go together"),
        (
            (*TO, *FROM, "--smtp-host", "mail.example.com", "--smtp-security", "plain"),
            "is for a server on this machine",
        ),
        ((*TO, *FROM, "--smtp-host", "localhost", "--smtp-user", "x", "--smtp-password-file", "none"), "No such file"),
        ((*TO, *FROM, "--smtp-host", "localhost", "--send-when", "new"), "needs earlier runs to compare with"),
        (("--to", "a@example.com,b@example.com"), "is no address"),
        (("--to", "a@example.com\r\nBcc: victim@example.com"), "is no address"),
        (("--to", "Ops <ops@example.com>"), "is no address"),
        (("--to", "\u00fcber@example.com"), "is no address"),
        (("--from", "nobody"), "is no address"),
        (("--smtp-host", "smtp://mail.example.com"), "is no host"),
        (("--smtp-host", "mail.example.com:25"), "is no host"),
        (("--smtp-port", "0"), "0 is not in the range"),
        (("--report", "x.json", *TO, *FROM, "--smtp-host", "localhost"), "--report is a report already"),
        (("--chat-webhook-file", "none"), "Cannot read the chat webhook from none"),
    ],
)
def test_usage_errors_contact_nobody(mailed: Callable[..., Told], arguments: Sequence[str], words: str) -> None:
    told = mailed("--snapshot", str(DEMO), *arguments)
    assert told.code == 2
    assert words in told.err


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff", b"tab\tinside"])
def test_a_file_that_holds_no_secret_is_refused_without_telling_it(
    mailed: Callable[..., Told], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "password").write_bytes(content)
    login = ("--smtp-user", "x", "--smtp-password-file", str(tmp_path / "password"))
    told = mailed("--snapshot", str(DEMO), *TO, *FROM, "--smtp-host", "localhost", *login)
    assert told.code == 2
    assert str(tmp_path / "password") in told.err
    assert "two" not in told.err


# When

PARTIAL = replace(sample.clean(), gaps=sample.report().gaps)


def after(report: Report, *, was_partial: bool) -> Report:
    """The same report, compared with one that was read in full or not."""
    zero, now = Decimal(0), report.snapshot_taken_at
    points = [(now - sample.WEEK, was_partial), (now, bool(report.gaps))]
    trend = tuple(TrendPoint(at, zero, zero, zero, zero, is_partial) for at, is_partial in points)
    return replace(report, history=ReportHistory("kept", 1, points[0][0], points[0][0], trend))


@pytest.mark.parametrize(
    ("send_when", "report", "is_sent"),
    [
        ("always", sample.clean(), True),
        ("findings", sample.clean(), False),
        ("findings", sample.report(), True),
        ("findings", replace(sample.clean(), gaps=sample.report().gaps), True),
        ("findings", replace(sample.clean(), suppressed=sample.report().suppressed), False),
        ("new", sample.large(), True),
        ("new", after(sample.clean(), was_partial=False), False),
        ("new", after(sample.clean(), was_partial=True), False),
        ("new", after(PARTIAL, was_partial=False), True),
        ("new", after(PARTIAL, was_partial=True), False),
        ("new", replace(PARTIAL, history=ReportHistory("kept", 0, None, None)), True),
    ],
)
def test_send_when(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, send_when: str, report: Report, is_sent: bool
) -> None:
    told = mailed(*report_file(tmp_path, report), *at(plain), "--send-when", send_when)
    assert told.code == 0, told.err
    assert len(plain.received) == is_sent
    assert ("Nothing sent" in told.err) == (not is_sent)


def test_new_asks_for_a_report_that_was_compared(mailed: Callable[..., Told], plain: Server, tmp_path: Path) -> None:
    told = mailed(*report_file(tmp_path), *at(plain), "--send-when", "new")
    assert told.code == 2
    assert plain.connections == 0


def test_new_is_what_no_kept_run_has_seen(mailed: Callable[..., Told], plain: Server, tmp_path: Path) -> None:
    """A week later the demo has one more orphan, which was too young before; after that there is nothing new."""
    arguments = ("--snapshot", str(DEMO), *at(plain), *history(tmp_path))
    first = mailed(*arguments, "--send-when", "new", "--as-of", "2026-11-22T06:00:00Z")
    second = mailed(*arguments, "--send-when", "new", "--as-of", "2026-11-29T06:00:00Z", "--to", "a@example.com")
    third = mailed(*arguments, "--send-when", "new", "--as-of", "2026-12-06T06:00:00Z", "--to", "b@example.com")
    fourth = mailed(*arguments, "--as-of", "2026-12-13T06:00:00Z", "--to", "c@example.com")
    assert [told.code for told in (first, second, third, fourth)] == [0, 0, 0, 0]
    assert "Nothing sent: there is nothing that --send-when new asks for." in third.err
    leads = [message["Subject"].partition(" · ")[0] for message in received(plain)]
    assert leads == [
        "8 orphaned load balancers and 3 unused addresses",
        "1 new orphaned load balancer, 14 in all",
        "Nothing new, 9 orphaned load balancers and 3 unused addresses",
    ]


# Never twice


def history(tmp_path: Path) -> tuple[str, str]:
    return "--history", str(tmp_path / "kept")


def markers(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "kept" / "sent").glob("*.json"))


def test_a_second_run_on_the_same_day_sends_nothing(mailed: Callable[..., Told], plain: Server, tmp_path: Path) -> None:
    for words in ("Sent the report to 1 recipient.", "Not sent again: this mail was sent at"):
        told = mailed("--snapshot", str(DEMO), *at(plain), *history(tmp_path))
        assert told.code == 0, told.err
        assert words in told.err
    assert len(plain.received) == 1
    (marker,) = markers(tmp_path)
    assert json.loads(marker.read_text())["state"] == "sent"
    assert json.loads(marker.read_text())["message_id"] == received(plain)[0]["Message-ID"]
    other = mailed("--snapshot", str(DEMO), *at(plain), "--to", "cfo@example.com", *history(tmp_path))
    assert other.code == 0, other.err
    assert len(plain.received) == 2


def test_markers_stand_in_a_bucket_too(
    mailed: Callable[..., Told],
    plain: Server,
    tmp_path: Path,
    storage_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_server)
    place = ("--history", f"gs://audits/{tmp_path.name}")
    for words in ("Sent the report to 1 recipient.", "Not sent again"):
        told = mailed(*report_file(tmp_path), *at(plain), *place)
        assert told.code == 0, told.err
        assert words in told.err
    assert len(plain.received) == 1


def test_a_refused_mail_may_be_sent_the_same_day(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with serving(faults=Faults(mail=["550 no"])) as server:
        assert mailed(*report_file(tmp_path), *at(server), *history(tmp_path)).code == 1
        assert markers(tmp_path) == []
        assert mailed(*report_file(tmp_path), *at(server), *history(tmp_path)).code == 0
    assert len(server.received) == 1


@pytest.mark.parametrize("faults", [Faults(data=["abort"]), Faults(recipients={"cfo@example.com": ["550 no"]})])
def test_what_some_got_or_may_have_got_is_not_sent_again(
    mailed: Callable[..., Told], tmp_path: Path, faults: Faults
) -> None:
    with serving(faults=faults) as server:
        arguments = (*report_file(tmp_path), *at(server), "--to", "cfo@example.com", *history(tmp_path))
        assert mailed(*arguments).code == 1
        connections = server.connections
        told = mailed(*arguments)
    assert told.code == 0
    assert "Not sent again" in told.err
    assert server.connections == connections


def test_a_run_that_died_is_repeated_when_it_is_stale_under_its_own_message_id(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object, progress: mail_run.mail.Progress) -> None:
        progress.may_have_arrived = True
        raise SystemExit(143)

    with monkeypatch.context() as dying:
        dying.setattr(mail_run.mail, "send", die)
        with pytest.raises(SystemExit):
            cli.run(["mail", *report_file(tmp_path), *at(plain), *history(tmp_path)])
    (marker,) = markers(tmp_path)
    first = json.loads(marker.read_text())
    assert first["state"] == "sending"
    told = mailed(*report_file(tmp_path), *at(plain), *history(tmp_path))
    assert told.code == 1
    assert "Another run is sending this mail since" in told.err
    stale = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
    marker.write_text(json.dumps({**first, "at": stale}))
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "another")
    told = mailed(*report_file(tmp_path), *at(plain), *history(tmp_path))
    assert told.code == 0, told.err
    assert "may have sent this mail already" in told.err
    assert [message["Message-ID"] for message in received(plain)] == [first["message_id"]]


def test_a_marker_that_cannot_be_written_afterwards_is_a_warning(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_run.marker, "confirm", lambda *arguments: False)
    told = mailed(*report_file(tmp_path), *at(plain), *history(tmp_path))
    assert told.code == 0
    assert "it may be sent once more" in told.err


def test_a_marker_that_cannot_be_taken_away_does_not_hide_the_refusal(
    mailed: Callable[..., Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise NotDelivered("Cannot reach the bucket")

    monkeypatch.setattr(mail_run.marker, "withdraw", fail)
    with serving(faults=Faults(mail=["550 no"])) as server:
        told = mailed(*report_file(tmp_path), *at(server), *history(tmp_path))
    assert told.code == 1
    assert "Cannot reach the bucket. The marker sent/" in told.err
    assert "550 no" in told.err
    assert len(list(tmp_path.glob("*.eml"))) == 1


def test_without_a_place_for_markers_nothing_is_sent_and_the_mail_is_kept(
    mailed: Callable[..., Told], plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise NothingRead("Cannot reach the bucket")

    monkeypatch.setattr(mail_run.marker, "claim", fail)
    told = mailed(*report_file(tmp_path), *at(plain), *history(tmp_path))
    assert told.code == 1
    assert "Cannot reach the bucket" in told.err
    assert plain.connections == 0
    assert len(list(tmp_path.glob("*.eml"))) == 1


# Chat


def chat_options(folder: Path, hook: Hook) -> tuple[str, ...]:
    (folder / "webhook").write_text(hook.webhook.url + "\n")
    return "--chat-webhook-file", str(folder / "webhook"), "--chat-kind", "slack"


def test_a_chat_message_alone(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with hooked() as hook:
        told = mailed(*report_file(tmp_path), *chat_options(tmp_path, hook), "-vv")
    assert told.code == 0, told.err
    assert "Posted the report to 127.0.0.1." in told.err
    assert "secret" not in told.err
    assert json.loads(hook.posted[0][2])["text"] == compose(sample.report(), Selection()).subject


def test_the_chat_message_is_posted_once_a_day_too(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with hooked() as hook:
        arguments = (*report_file(tmp_path), *chat_options(tmp_path, hook), *history(tmp_path))
        assert mailed(*arguments).code == 0
        assert "this chat message was sent" in mailed(*arguments).err
    assert len(hook.posted) == 1
    (marker,) = markers(tmp_path)
    assert "secret" not in marker.read_text() + marker.name


def test_a_mail_that_fails_does_not_keep_the_chat_message_back(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with serving(faults=Faults(mail=["550 no"])) as server, hooked() as hook:
        told = mailed(*report_file(tmp_path), *at(server), *chat_options(tmp_path, hook))
    assert told.code == 1
    assert len(hook.posted) == 1
    assert "did not take the mail" in told.err


def test_both_may_fail_and_both_are_told(mailed: Callable[..., Told], tmp_path: Path) -> None:
    with serving(faults=Faults(mail=["550 no"])) as server, hooked((404, {}, b"no_service")) as hook:
        told = mailed(*report_file(tmp_path), *at(server), *chat_options(tmp_path, hook))
    assert told.code == 1
    assert "404 no_service" in told.err
    assert "550 no" in told.err
