"""What a job does, keeps, tells and logs; how it takes signals; and what stops it before it asks anybody anything."""

from __future__ import annotations

import csv
import email
import io
import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from email.policy import default

import pytest
from deliver.smtpserver import Faults
from deliver.test_chat import hooked
from googleserver import Fault, World
from rehearsal import SMALL_MANNERS, served, small_world

from auditor.settings import variable

from .conftest import SUMMARY, TIMEOUT_S, Attempt, Job, reports_of, wait_for

EXECUTION = "gke-auditor-w47"
NO_MAIL = dict.fromkeys(("mail_to", "mail_from", "smtp_host", "smtp_port", "smtp_security"), "")
WITHIN_S = 10
"""From SIGTERM until Cloud Run kills."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with served(small_world(), manners=SMALL_MANNERS) as running:
        yield running


@pytest.fixture
def live(job: Job, world: World) -> Job:
    """The same job, of which everything is read from the servers of the world; its settings are a mounted file."""
    world.faults = ()
    world.forget()
    organization = world.organization.partition("/")[2]
    endpoints = ", ".join(f'"{name}={url}"' for name, url in world.endpoints.items())
    rest = "\n".join(f'{name} = "{value}"' for name, value in job.settings.items() if name != "snapshot")
    path = job.folder / "gke-auditor.toml"
    path.write_text(f'organization = ["{organization}"]\nendpoint = [{endpoints}]\n{rest}\n')
    return replace(job, settings={"config": str(path)}, surroundings=world.environment())


def test_a_clean_run(live: Job, world: World) -> None:
    ended = live.run(reports_snapshot="true")
    assert ended.code == 0, ended.lines
    last = ended.lines[-1]
    assert (last["severity"], last["message"]) == ("INFO", "audit finished")
    assert set(ended.summary) == SUMMARY
    (kept,) = live.names("runs/")
    assert EXECUTION in kept
    assert live.names("reports/") == [*reports_of(EXECUTION), f"reports/{EXECUTION}/snapshot.tar.gz"]
    report = json.loads(live.read(f"reports/{EXECUTION}/report.json"))
    numbers = ended.summary
    assert numbers["projects"] == len(report["scope"]["projects"])
    assert numbers["clusters"] == len(report["scope"]["clusters"])
    assert (numbers["gaps"], numbers["currency"]) == (0, "USD")
    money = report["summary"]["monthly"]
    assert f"{numbers['monthly']:.2f}" == str(Decimal(money["saving"]) - Decimal(money["suppressed"]))
    waste = {each["load_balancer"] or each["resource"] for each in report["findings"] if each["verdict"] in _WASTE}
    assert numbers["orphans"] == len(waste)
    assert list(csv.reader(io.StringIO(live.read(f"reports/{EXECUTION}/findings.csv.gaps.csv").decode())))[1:] == []
    assert b"<!doctype html>" in live.read(f"reports/{EXECUTION}/report.html")
    (mail,) = live.mail.received
    attached = {
        part.get_filename(): part.get_payload(decode=True)
        for part in email.message_from_bytes(mail.content, policy=default).iter_attachments()
    }
    for name in ("findings.csv", "report.html", "report.json"):
        assert attached[name] == live.read(f"reports/{EXECUTION}/{name}")
    for words in (
        "project example-prod: ",
        "Audited ",
        "Kept this run in gs://",
        "report.html",
        "Sent the report to 1",
    ):
        assert ended.said(words), words
    assert all(line["logging.googleapis.com/sourceLocation"]["file"].startswith("auditor/") for line in ended.lines)
    assert set(world.strays) <= {"iamcredentials.googleapis.com:443"}
    (live.folder / "snapshot.tar.gz").write_bytes(live.read(f"reports/{EXECUTION}/snapshot.tar.gz"))
    again = replace(live, settings={**live.settings, "snapshot": "snapshot.tar.gz", "organization": ""})
    (live.folder / "gke-auditor.toml").write_text(f'history = "{live.folder}/other"\n')
    retold = again.run("by-hand")
    assert retold.code == 0
    assert retold.said("Nobody is told")
    told = json.loads((live.folder / "other" / "reports" / "by-hand" / "report.json").read_text())
    assert {each["id"] for each in told["findings"]} == {each["id"] for each in report["findings"]}


_WASTE = ("orphaned", "unused")


def test_the_second_week_knows_the_first(job: Job) -> None:
    assert job.run("week-1", as_of="2026-11-15T06:00:00Z").code == 0
    second = job.run("week-2", as_of="2026-11-22T06:00:00Z")
    assert second.code == 0
    assert second.said("0 new, ")
    assert second.said("Not sent again")  # the same day for the clock, whatever --as-of says


def test_reports_may_stand_elsewhere(job: Job) -> None:
    ended = job.run(reports=str(job.folder / "reports"))
    assert ended.code == 0
    names = {path.name for path in (job.folder / "reports" / EXECUTION).iterdir()}
    assert names == {"findings.csv", "findings.csv.gaps.csv", "report.html", "report.json"}
    assert job.names("reports/") == []


def test_gaps_are_grouped_in_the_log_and_counted(job: Job) -> None:
    ended = job.run(**NO_MAIL)
    (line,) = ended.said("Not read in full: cluster example-dev/europe-west1-b/data: ")
    assert "roles/container.viewer" in line
    assert ended.summary["gaps"] > 1


def test_a_chat_is_told_once_and_its_address_is_in_no_log(job: Job) -> None:
    with hooked() as hook:
        secret = job.folder / "webhook"
        secret.write_text(hook.webhook.url)
        settings = {"chat_webhook_file": str(secret), "chat_kind": "slack", **NO_MAIL}
        first, second = job.run(**settings), job.run(attempt=1, **settings)
        assert (first.code, second.code) == (0, 0)
        assert len(hook.posted) == 1
    assert first.said("Posted the report to 127.0.0.1")
    assert second.said("Not sent again: this chat message")
    assert hook.webhook.url.partition("/services/")[2].partition("?")[0] not in json.dumps([first.lines, second.lines])


@pytest.mark.parametrize(("settings", "code"), [({"fail_on": "orphaned"}, 3), ({"strict": "true"}, 4)])
def test_what_was_found_is_an_exit_code_only_where_that_is_asked_for(
    job: Job, settings: dict[str, str], code: int
) -> None:
    ended = job.run(**settings)
    assert (ended.code, ended.lines[-1]["message"]) == (code, "audit finished")
    assert job.run(attempt=1, **settings).code == code
    assert len(job.mail.received) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"history": ""}, "--history"),
        ({"min_age": "soon"}, "GKE_AUDITOR_MIN_AGE"),
        ({"smtp_host": ""}, "--smtp-host"),
        ({"smtp_user": "auditor", "smtp_password_file": "/nowhere"}, "/nowhere"),
        ({"config": "/nowhere.toml"}, "/nowhere.toml"),
        ({"history": "ftp://x"}, "ftp://x"),
        ({"mail_to": ""}, "nobody to send it to"),
        ({"chat_webhook_file": "https://hooks.slack.com/services/T0/B0/abc"}, "itself was given"),
    ],
)
def test_a_bad_configuration_contacts_nobody(live: Job, world: World, settings: dict[str, str], words: str) -> None:
    (live.folder / "gke-auditor.toml").unlink()
    mail = {"mail_to": "ops@example.com", "mail_from": "a@example.com", "smtp_host": "127.0.0.1"}
    job = replace(live, settings={"history": "gs://audits/never", "organization": "1", **mail})
    ended = job.run(**settings)
    assert (ended.code, ended.lines[-1]["message"]) == (2, "audit not finished")
    assert any(words in line["message"] and line["severity"] == "ERROR" for line in ended.lines)
    assert (job.gate.asked, job.mail.connections, len(world.requests)) == ([], 0, 0)


def test_numbers_of_cloud_run_that_are_none_are_a_bad_configuration(job: Job) -> None:
    job.cloud_run = {"CLOUD_RUN_TASK_COUNT": "many"}
    ended = job.run()
    assert (ended.code, ended.lines[-1]["message"]) == (2, "audit not finished")
    assert ended.said("CLOUD_RUN_TASK_COUNT=many is no number")
    assert job.gate.asked == []


@pytest.mark.parametrize(
    ("content", "words"),
    [("mail_to = [", "is not valid TOML"), ("histroy = 'x'", "did you mean history?"), ("min_age = 'soon'", "min_age")],
)
def test_a_mounted_file_that_is_none_is_told_and_the_last_line_is_the_summary(
    job: Job, content: str, words: str
) -> None:
    (job.folder / "mounted.toml").write_text(content)
    ended = job.run(config=str(job.folder / "mounted.toml"))
    assert (ended.code, ended.lines[-1]["message"]) == (2, "audit not finished")
    assert ended.said(words)


def test_a_variable_that_is_empty_is_not_set(live: Job) -> None:
    """As Terraform leaves them. What the mounted file says holds then."""
    job = replace(live, surroundings={**live.surroundings, **dict.fromkeys(_EMPTY, "")})
    ended = job.run()
    assert ended.code == 0, ended.lines
    assert len(job.mail.received) == 1
    assert job.names("reports/") == reports_of(EXECUTION)


_EMPTY = [
    variable(name)
    for name in (
        *("history", "reports", "snapshot", "project", "folder", "organization", "min_age", "fail_on", "fail_over"),
        *("mail_to", "mail_from", "smtp_host", "smtp_port", "smtp_security", "smtp_user", "smtp_password_file"),
        *("chat_webhook_file", "strict", "quiet", "verbose", "log_format", "concurrency", "send_when"),
    )
]


# Dying while the world is read, and signals


def test_a_job_that_is_killed_while_it_reads_leaves_nothing_and_is_tried_again(live: Job, world: World) -> None:
    world.faults = (Fault(("", "aggregated/addresses"), "hung"),)
    first = live.start()
    wait_for(lambda: world.hits[0])
    first.kill()
    world.cut()
    assert live.names("") == []
    world.faults = ()
    assert live.run(attempt=1).code == 0
    assert len(live.mail.received) == 1


def terminated(attempt: Attempt) -> None:
    began = time.monotonic()
    attempt.process.send_signal(signal.SIGTERM)
    ended = attempt.end()
    assert ended.code == 143
    assert time.monotonic() - began < WITHIN_S
    assert ended.lines[-1]["message"] == "audit not finished"


def test_sigterm_ends_the_reading(live: Job, world: World) -> None:
    world.faults = (Fault(("", "aggregated/addresses"), "hung"),)
    attempt = live.start()
    wait_for(lambda: world.hits[0])
    terminated(attempt)
    world.cut()
    assert live.names("") == []
    assert live.mail.received == []


def test_sigterm_while_a_report_is_written_leaves_whole_files(job: Job) -> None:
    moment = job.gate.rule("write", "report.html", "after")
    attempt = job.start()
    wait_for(moment.is_reached.is_set)
    terminated(attempt)
    assert job.names("reports/") == reports_of(EXECUTION)[:3]
    assert b"</html>" in job.read(f"reports/{EXECUTION}/report.html")
    assert job.mail.received == []


def test_sigterm_ends_a_job_that_hangs_where_no_exception_reaches_it(job: Job) -> None:
    """The runs are read by a pool of threads, whose end Python waits for."""
    assert job.run("week-1").code == 0
    moment = job.gate.rule("read", "runs/", "after")
    attempt = job.start("week-2", timeout="60s")
    wait_for(moment.is_reached.is_set)
    terminated(attempt)


def test_sigterm_before_a_mail_is_handed_over_leaves_it_to_the_next_attempt(job: Job) -> None:
    """The server accepts the connection and never greets."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        attempt = job.start(smtp_port=str(silent.getsockname()[1]))
        silent.settimeout(TIMEOUT_S)
        connection, _ = silent.accept()
        with connection:
            assert job.markers() == ["sending"]
            terminated(attempt)
    assert job.markers() == []
    assert job.run(attempt=1).code == 0
    assert len(job.mail.received) == 1


def test_sigterm_after_a_mail_was_handed_over_leaves_the_doubt(job: Job) -> None:
    job.mail.faults = Faults(data=["hang"])
    attempt = job.start()
    wait_for(lambda: not job.mail.faults.data)
    terminated(attempt)
    assert job.markers() == ["sending"]
    assert job.run(attempt=1).code == 1
    assert job.mail.received == []


def test_a_move_to_another_machine_is_survived(live: Job, world: World) -> None:
    """SIGTSTP, connections that break, SIGCONT: nothing is lost by it."""
    requests = itertools.count()
    has_moved = threading.Event()
    attempt = live.start()

    def move(request: object) -> None:
        if next(requests) == 30:
            attempt.process.send_signal(signal.SIGTSTP)
            world.cut()
            attempt.process.send_signal(signal.SIGCONT)
            has_moved.set()

    world.before = move
    try:
        ended = attempt.end()
    finally:
        world.before = lambda request: None
    assert has_moved.is_set()
    assert (ended.code, ended.summary["gaps"]) == (0, 0)
    assert len(live.mail.received) == 1


def test_sigtstp_stops_nothing(live: Job, world: World) -> None:
    world.faults = (Fault(("", "aggregated/addresses"), "s503", times=2),)
    attempt = live.start()
    wait_for(lambda: world.hits[0])
    attempt.process.send_signal(signal.SIGTSTP)
    assert attempt.end().code == 0


# Several tasks


def test_tasks_share_the_reading_and_the_first_one_mails_once(live: Job, world: World) -> None:
    for index in ("1", "2"):
        live.cloud_run = {"CLOUD_RUN_TASK_INDEX": index, "CLOUD_RUN_TASK_COUNT": "3"}
        ended = live.run()
        assert (ended.code, ended.lines[-1]["message"]) == (0, "part finished")
    assert live.mail.received == []
    live.cloud_run = {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "3"}
    ended = live.run()
    assert (ended.code, ended.lines[-1]["message"]) == (0, "audit finished")
    assert len(live.mail.received) == 1
    assert [name.rpartition("/")[2] for name in live.names("parts/gke-auditor-w47/")] == [
        "0-of-3.tar.gz",
        "1-of-3.tar.gz",
        "2-of-3.tar.gz",
    ]


def test_a_task_that_died_is_a_gap_and_the_mail_says_so(live: Job, world: World) -> None:
    live.cloud_run = {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "2"}
    ended = live.run(parts_deadline="5s", strict="true")
    assert (ended.code, ended.lines[-1]["message"]) == (4, "audit finished")
    assert ended.said("Part 1-of-2 of execution gke-auditor-w47 is missing")
    assert len(live.mail.received) == 1


def test_parts_whose_first_task_has_died_are_judged_by_another_execution(live: Job, world: World) -> None:
    def as_task(index: int) -> dict[str, str]:
        return {"CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_COUNT": "3"}

    live.cloud_run = as_task(0)
    first = live.start()
    wait_for(lambda: bool(live.names("parts/gke-auditor-w47/")))
    first.kill()
    for index in (1, 2):
        live.cloud_run = as_task(index)
        live.run()
    assert live.mail.received == []
    live.cloud_run = {}
    left = f"{live.store.location}/parts/gke-auditor-w47/"
    ended = live.run("gke-auditor-again", parts=left)
    assert (ended.code, ended.lines[-1]["message"], ended.summary["gaps"]) == (0, "audit finished", 0)
    assert len(live.mail.received) == 1
    by_parts = json.loads(live.read("reports/gke-auditor-again/report.json"))
    live.run("gke-auditor-whole")
    whole = json.loads(live.read("reports/gke-auditor-whole/report.json"))
    assert by_parts["summary"] == whole["summary"]
    assert len(live.mail.received) == 1


@pytest.mark.parametrize("settings", [{"parts": "parts/x/", "snapshot": "demo"}, {"parts": "parts/x/", "tasks": "2"}])
def test_parts_are_put_together_by_one_task_that_reads_nothing_else(live: Job, settings: dict[str, str]) -> None:
    ended = live.run(**settings)
    assert ended.code == 2
    assert ended.said("--parts puts together")
