"""What is new is what no mail has told yet: not what no run has kept."""

from __future__ import annotations

import email
from email.policy import default

from deliver.smtpserver import Faults

from .conftest import Job, wait_for

BEFORE, NOW = "2026-11-22T06:00:00Z", "2026-11-29T06:00:00Z"
"""At the second the demo has one more orphan, which was too young at the first."""
AFTERWARDS, LATER = "2026-11-29T06:01:00Z", "2026-12-06T06:00:00Z"
NEWS, NO_NEWS = "1 new orphaned load balancer, 14 in all", "Nothing new, 14 "
EVERYTHING = "8 orphaned load balancers and 3 unused addresses"


def leads(job: Job) -> list[str]:
    """What the subjects of all mails begin with."""
    mails = [email.message_from_bytes(mail.content, policy=default) for mail in job.mail.received]
    return [str(mail["Subject"]).partition(" · ")[0] for mail in mails]


def refuse(job: Job) -> None:
    """The server takes the next mail for nobody."""
    job.mail.faults = Faults(mail=["550 not today"])


def test_what_a_mail_that_failed_had_to_tell_is_told_by_the_next_one(job: Job) -> None:
    assert job.run("week-1", as_of=BEFORE).code == 0
    for attempt in (0, 1):
        refuse(job)
        assert job.run("week-2", attempt, as_of=NOW, mail_to="b@example.com").code == 1
    third = job.run("week-3", as_of=LATER, mail_to="b@example.com", send_when="new")
    assert third.code == 0
    assert third.said("Sent the report")
    assert leads(job) == [EVERYTHING, NEWS]
    assert job.run("week-4", as_of="2026-12-13T06:00:00Z", mail_to="c@example.com", send_when="new").code == 0
    assert leads(job) == [EVERYTHING, NEWS]


def test_where_the_very_first_mail_failed_the_second_one_is_sent(job: Job) -> None:
    refuse(job)
    assert job.run("week-1", as_of=BEFORE).code == 1
    second = job.run("week-2", as_of="2026-11-22T06:05:00Z", send_when="new")
    assert second.code == 0
    assert second.said("1 earlier run in gs://")
    assert len(job.mail.received) == 1


def test_a_second_run_on_the_same_day_takes_no_news_from_the_next_mail(job: Job) -> None:
    """Somebody starts the job by hand, after the mail of the day."""
    assert job.run("week-1", as_of=BEFORE).code == 0
    assert job.run("by-hand", as_of=NOW).said("Not sent again")
    assert job.run("week-2", as_of=LATER, mail_to="b@example.com", send_when="new").code == 0
    assert leads(job) == [EVERYTHING, NEWS]


def test_of_two_executions_at_once_the_one_that_mails_tells_the_news(job: Job) -> None:
    assert job.run("week-1", as_of=BEFORE).code == 0
    moment = job.gate.rule("write", "sent/", "before")
    first = job.start("one", as_of=NOW, mail_to="b@example.com")
    wait_for(moment.is_reached.is_set)
    assert [name for name in job.names("runs/") if "-one-" in name]
    second = job.run("two", as_of=AFTERWARDS, mail_to="b@example.com")
    assert second.code == 0
    assert leads(job) == [EVERYTHING, NEWS]
    first.kill()


def test_what_was_told_is_known_whatever_attempt_kept_it_last(job: Job) -> None:
    """With --strict every execution has two attempts; the second one keeps a later run, and mails nothing."""
    assert job.run("week-1", as_of=BEFORE).code == 0
    assert job.run("week-2", as_of=NOW, mail_to="b@example.com", strict="true").code == 4
    assert job.run("week-2", 1, as_of=AFTERWARDS, mail_to="b@example.com", strict="true").said("Not sent again")
    third = job.run("week-3", as_of=LATER, mail_to="c@example.com", send_when="new")
    assert third.said("Nothing sent")
    assert leads(job) == [EVERYTHING, NEWS]


def test_what_was_kept_while_nobody_was_to_be_told_is_known(job: Job) -> None:
    silent = dict.fromkeys(("mail_to", "mail_from", "smtp_host", "smtp_port", "smtp_security"), "")
    assert job.run("week-1", as_of=BEFORE, **silent).said("Nobody is told")
    assert job.run("week-2", as_of=NOW).code == 0
    assert leads(job) == [NEWS]


def test_a_note_that_cannot_be_written_is_told_and_only_repeats_the_news(job: Job) -> None:
    assert job.run("week-1", as_of=BEFORE).code == 0
    job.gate.rule("write", "told/", "refuse", nth=None)
    second = job.run("week-2", as_of=NOW, mail_to="b@example.com")
    assert second.code == 0
    assert second.said("may be called new once more")
    job.gate.open()
    assert job.run("week-3", as_of=LATER, mail_to="c@example.com").code == 0
    assert leads(job) == [EVERYTHING, NEWS, NEWS]
