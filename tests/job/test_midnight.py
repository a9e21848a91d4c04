"""A further attempt after midnight: the markers are of days, and the mail is one all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deliver.smtpserver import Server, serving
from report import sample

from auditor import mail_run
from auditor.console import TerminalConsole
from auditor.errors import NotDelivered
from auditor.execution import Execution
from auditor.history_run import open_history
from auditor.model.report import Report
from auditor.report.selection import Selection
from auditor.settings import Settings

EVENING = datetime(2026, 11, 22, 23, 58, tzinfo=UTC)
FIRST, SECOND = Execution("job", "job-x7k2p"), Execution("job", "job-x7k2p", attempt=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def send(
    server: Server,
    folder: Path,
    execution: Execution,
    now: datetime,
    began: datetime | None = None,
    report: Report | None = None,
    project: tuple[str, ...] = (),
) -> None:
    chosen = Settings(
        history=str(folder),
        mail_to=("ops@example.com",),
        mail_from="auditor@example.com",
        smtp_host="127.0.0.1",
        smtp_port=server.port,
        smtp_security="plain",
        project=project,
    )
    plan = mail_run.plan_of(chosen, None, {})
    mail_run.deliver(
        report or sample.report(), Selection(), plan, TerminalConsole({}), now=now, execution=execution, began=began
    )


def test_a_further_attempt_after_midnight_sends_nothing(server: Server, tmp_path: Path) -> None:
    send(server, tmp_path, FIRST, EVENING)
    send(server, tmp_path, SECOND, EVENING + timedelta(minutes=10))
    assert len(server.received) == 1


def test_the_next_execution_sends_its_own(server: Server, tmp_path: Path) -> None:
    send(server, tmp_path, FIRST, EVENING)
    send(server, tmp_path, Execution("job", "job-b8r4s", attempt=1), EVENING + timedelta(minutes=10))
    assert len(server.received) == 2


def test_after_midnight_too_it_is_not_known_what_became_of_a_mail(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def killed(*arguments: object, progress: mail_run.mail.Progress) -> None:
        progress.may_have_arrived = True
        raise SystemExit(143)

    with monkeypatch.context() as patch:
        patch.setattr(mail_run.mail, "send", killed)
        with pytest.raises(SystemExit):
            send(server, tmp_path, FIRST, EVENING)
    with pytest.raises(NotDelivered, match="or has died over it"):
        send(server, tmp_path, SECOND, EVENING + timedelta(minutes=10))
    assert server.received == []
    send(server, tmp_path, SECOND, EVENING + timedelta(minutes=70))
    assert len(server.received) == 1


def test_a_run_of_each_evening_is_told_though_reading_it_ends_after_midnight_or_before(
    server: Server, tmp_path: Path
) -> None:
    """Two mails within one day (UTC), of two days."""
    began, slow, quick = EVENING, timedelta(minutes=9), timedelta(seconds=80)
    send(server, tmp_path, Execution("job", "job-1"), began + slow, began)
    next_evening = began + timedelta(days=1)
    send(server, tmp_path, Execution("job", "job-2"), next_evening + quick, next_evening)
    assert len(server.received) == 2


def test_a_further_attempt_that_finds_one_project_more_mails_nothing(server: Server, tmp_path: Path) -> None:
    """A Shared VPC host is found by asking for the projects that are named; that may fail."""
    found, less = (replace(sample.report(), parents=(), projects=names) for names in (("shop", "net"), ("shop",)))
    send(server, tmp_path, FIRST, EVENING, report=less, project=("shop",))
    send(server, tmp_path, SECOND, EVENING, report=found, project=("shop",))
    assert len(server.received) == 1


def test_a_further_attempt_that_finds_one_project_more_replaces_the_run(tmp_path: Path) -> None:
    found, less = (replace(sample.report(), parents=(), projects=names) for names in (("shop", "net"), ("shop",)))
    for attempt, report in enumerate((less, found)):
        chosen = Settings(history=str(tmp_path), project=("shop",))
        history = open_history(chosen, {"CLOUD_RUN_EXECUTION": "job-x", "CLOUD_RUN_TASK_ATTEMPT": str(attempt)})
        assert history is not None
        history.keep(report)
    assert len(list((tmp_path / "runs").iterdir())) == 1
