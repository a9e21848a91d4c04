"""A job that dies, at any moment, and is started again; and what it speaks to failing."""

from __future__ import annotations

import json
import socket

import pytest
from deliver.smtpserver import Faults

from .conftest import Job, reports_of, wait_for

EXECUTION = "gke-auditor-w47"
MOMENTS = [
    ("list", "runs/", "before"),
    ("write", "runs/", "before"),
    ("write", "runs/", "after"),
    ("write", "findings.csv$", "after"),
    ("write", "report.json", "after"),
    ("write", "sent/", "before"),
]


@pytest.mark.parametrize(("method", "name", "act"), MOMENTS)
def test_a_job_that_is_killed_and_tried_again_does_everything_once(job: Job, method: str, name: str, act: str) -> None:
    """kill -9 is also how a task ends that has no memory left."""
    moment = job.gate.rule(method, name, act)
    first = job.start()
    wait_for(moment.is_reached.is_set)
    first.kill()
    job.gate.open()
    second = job.run(attempt=1)
    assert (second.code, second.lines[-1]["message"]) == (0, "audit finished")
    assert len(job.mail.received) == 1
    assert job.markers() == ["sent"]
    assert len(job.names("runs/")) == 1
    written = set(job.names("reports/")) - set(reports_of(EXECUTION))
    assert written == set(reports_of(EXECUTION, attempt=1))
    assert json.loads(job.read(reports_of(EXECUTION, attempt=1)[-1]))["history"]["runs"] == 0


def test_a_job_that_dies_when_the_mail_is_noted_sends_none_again(job: Job) -> None:
    moment = job.gate.rule("write", "sent/", "after", nth=1)
    first = job.start()
    wait_for(moment.is_reached.is_set)
    first.kill()
    job.gate.open()
    second = job.run(attempt=1)
    assert second.code == 0
    assert second.said("Not sent again: this mail was sent")
    assert len(job.mail.received) == 1


@pytest.mark.parametrize("nth", [0, 1])
def test_a_mail_that_may_have_gone_out_is_kept_and_not_sent_again(job: Job, nth: int) -> None:
    """Between the two notes nobody knows what became of it. That fails the execution: it is for people to look at."""
    moment = job.gate.rule("write", "sent/", "before" if nth else "after", nth=nth)
    first = job.start()
    wait_for(moment.is_reached.is_set)
    first.kill()
    gone = len(job.mail.received)
    assert gone == nth
    job.gate.open()
    second = job.run(attempt=1)
    assert second.code == 1
    assert second.lines[-1]["message"] == "audit not finished"
    assert set(second.summary) >= {"monthly", "orphans"}
    assert second.said("or has died over it")
    assert len(job.mail.received) == gone
    assert f"reports/{EXECUTION}-attempt-1/unsent.eml" in job.names("reports/")


def test_two_executions_at_once_send_one_mail(job: Job) -> None:
    """The second comes while the first is about to send: it fails for now, and its further attempt finds it done."""
    moment = job.gate.rule("write", "sent/", "after")
    first = job.start("gke-auditor-one")
    wait_for(moment.is_reached.is_set)
    second = job.run("gke-auditor-two")
    assert second.code == 1
    assert second.said("Another run is sending this mail")
    moment.may_go_on.set()
    assert first.end().code == 0
    again = job.run("gke-auditor-two", attempt=1)
    assert again.code == 0
    assert again.said("Not sent again")
    assert len(job.mail.received) == 1
    assert len(job.names("runs/")) == 2
    assert set(job.names("reports/")) >= {*reports_of("gke-auditor-one"), *reports_of("gke-auditor-two")}


def test_a_further_attempt_writes_its_report_beside_the_first(job: Job) -> None:
    """What stands under a retention policy can be neither replaced nor deleted (deploy/bucket.tf)."""
    job.run()
    first = {name: job.store.read(name) for name in job.names("reports/")}
    assert list(first) == reports_of(EXECUTION)
    job.run(attempt=1)
    assert {name: job.store.read(name) for name in first} == first, "content and version"
    assert set(job.names("reports/")) == {*first, *reports_of(EXECUTION, attempt=1)}


def test_executions_that_race_send_one_mail(job: Job) -> None:
    racing = [job.start(f"gke-auditor-{number}") for number in range(3)]
    ended = [attempt.end() for attempt in racing]
    assert {each.code for each in ended} <= {0, 1}
    assert [each.code for each in ended].count(0) >= 1
    assert len(job.mail.received) == 1
    assert job.markers() == ["sent"]
    assert len(job.names("runs/")) == 3


# What it speaks to


def test_without_a_mail_server_everything_is_kept_and_the_next_attempt_mails_once(job: Job) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        first = job.run(smtp_port=str(closed.getsockname()[1]))
    assert first.code == 1
    assert first.lines[-1]["severity"] == "ERROR"
    assert first.said("did not take the mail for ops@example.com")
    unsent = f"reports/{EXECUTION}/unsent.eml"
    assert first.said(unsent)
    assert b"\nMessage-ID: " in job.read(unsent).replace(b"\r\n", b"\n")
    assert set(job.names("reports/")) == {*reports_of(EXECUTION), unsent}
    assert len(job.names("runs/")) == 1
    assert job.markers() == []
    assert job.run(attempt=1).code == 0
    assert len(job.mail.received) == 1
    assert job.run(attempt=2).code == 0
    assert len(job.mail.received) == 1


def test_a_place_that_takes_no_reports_costs_no_mail(job: Job) -> None:
    job.gate.rule("write", "reports/", "refuse", nth=None)
    ended = job.run()
    assert ended.code == 1
    assert ended.said("Cannot write gs://audits/")
    assert len(job.mail.received) == 1
    assert len(job.names("runs/")) == 1


def test_a_history_that_takes_no_run_costs_neither_report_nor_mail(job: Job) -> None:
    job.gate.rule("write", "runs/", "refuse", nth=None)
    ended = job.run()
    assert ended.code == 1
    assert job.names("reports/") == reports_of(EXECUTION)
    assert len(job.mail.received) == 1


def test_a_mail_that_cannot_be_noted_before_is_kept(job: Job) -> None:
    job.gate.rule("write", "sent/", "refuse", nth=None)
    ended = job.run()
    assert ended.code == 1
    assert job.mail.received == []
    assert ended.said(f"reports/{EXECUTION}/unsent.eml")
    job.gate.open()
    assert job.run(attempt=1).code == 0
    assert len(job.mail.received) == 1


def test_a_mail_that_cannot_be_noted_afterwards_is_sent_all_the_same(job: Job) -> None:
    job.gate.rule("write", "sent/", "refuse", nth=1)
    ended = job.run()
    assert ended.code == 0
    assert ended.said("could not be noted")
    assert len(job.mail.received) == 1


def test_a_refused_recipient_fails_the_run_and_is_not_written_to_twice(job: Job) -> None:
    job.mail.faults = Faults(recipients={"cfo@example.com": ["550 nobody of that name"]})
    ended = job.run(mail_to="ops@example.com cfo@example.com")
    assert ended.code == 1
    assert ended.said("cfo@example.com was refused")
    assert job.run(attempt=1, mail_to="ops@example.com cfo@example.com").code == 0
    assert [item.recipients for item in job.mail.received] == [("ops@example.com",)]


def test_a_place_that_cannot_be_read_is_known_before_anything_is_asked(job: Job) -> None:
    job.gate.rule("list", "runs/", "refuse", nth=None)
    ended = job.run(snapshot="/nowhere/at/all")
    assert ended.code == 1
    assert ended.said("Cannot read gs://audits/")
    assert not ended.said("/nowhere")
    assert ended.summary.keys() == {"duration_s"}
