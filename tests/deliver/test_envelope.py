"""The MIME message: its parts, its headers, and what stays the same when it is sent again."""

from __future__ import annotations

import email
import gzip
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report import hostile, sample

from auditor.deliver.envelope import Envelope, compressed, fitting, message_of, shortest_encoding
from auditor.model.letter import Attachment, Letter, Picture
from auditor.report.email import LARGEST_HTML, compose
from auditor.report.selection import Selection

NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
PICTURE = Picture("trend", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "It went up.")
CSV = Attachment("findings.csv", "text/csv", "a,b\n1,—\n".encode())
JSON = Attachment("report.json", "application/json", b'{"a": 1}\n')


def envelope(**changes: object) -> Envelope:
    values = {
        "sender": "auditor@example.com",
        "recipients": ("ops@example.com", "finance@example.com"),
        "scope": "organizations/123",
        "occasion": "weekly-x7k2p",
        "date": NOW,
    }
    return Envelope(**{**values, **changes})  # type: ignore[arg-type]


def letter(name: str = "report") -> Letter:
    report = getattr(sample, name)()
    return compose(report, Selection(), attached=("findings.csv",), trend=PICTURE if report.history else None)


def parsed(message: EmailMessage) -> EmailMessage:
    """What a mail program makes of the bytes."""
    again = email.message_from_bytes(message.as_bytes(), policy=default)
    assert isinstance(again, EmailMessage)
    for part in again.walk():
        assert not part.defects
    return again


def shape(part: EmailMessage) -> object:
    if not part.is_multipart():
        return part.get_content_type()
    return (part.get_content_type(), *(shape(child) for child in part.iter_parts()))


def test_the_parts() -> None:
    message = parsed(message_of(letter("large"), envelope(), (CSV, JSON)))
    assert shape(message) == (
        "multipart/mixed",
        ("multipart/alternative", "text/plain", ("multipart/related", "text/html", "image/png")),
        "text/csv",
        "application/json",
    )


def test_a_letter_without_picture_and_attachments_is_two_alternatives() -> None:
    assert shape(parsed(message_of(letter(), envelope()))) == ("multipart/alternative", "text/plain", "text/html")


@pytest.mark.parametrize("name", ["clean", "report", "large"])
def test_bodies_picture_and_attachments_arrive_as_they_were_composed(name: str) -> None:
    composed = letter(name)
    message = parsed(message_of(composed, envelope(), (CSV, JSON)))
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == composed.text  # lines of a mail end with CR LF
    assert html.get_content().replace("\r\n", "\n") == composed.html
    assert [(item.get_filename(), item.get_payload(decode=True)) for item in message.iter_attachments()] == [
        (CSV.name, CSV.content),
        (JSON.name, JSON.content),
    ]
    pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert [part.get_payload(decode=True) for part in pictures] == [item.content for item in composed.pictures]
    assert [part["Content-ID"] for part in pictures] == ["<trend>"] * len(composed.pictures)
    assert ("cid:trend" in composed.html) == bool(pictures)


@pytest.mark.parametrize("name", ["clean", "report", "large"])
def test_the_encoded_html_is_at_most_80_kb(name: str) -> None:
    message = message_of(letter(name), envelope())
    assert len(_encoded_html(message)) <= LARGEST_HTML


@pytest.mark.parametrize("kind", hostile.TEXTS)
def test_hostile_text_injects_no_header_and_no_part(kind: str) -> None:
    composed = compose(hostile.report(hostile.TEXTS[kind]), Selection())
    made = message_of(composed, envelope(scope=hostile.TEXTS[kind]), (CSV,))
    message = parsed(made)
    assert message.keys() == parsed(message_of(letter(), envelope(), (CSV,))).keys()
    assert message["Subject"] == composed.subject
    assert message["To"] == "ops@example.com, finance@example.com"
    assert shape(message) == ("multipart/mixed", ("multipart/alternative", "text/plain", "text/html"), "text/csv")
    assert len(_encoded_html(made)) <= LARGEST_HTML
    made.as_bytes().decode("ascii")
    assert max(len(line) for line in made.as_bytes().split(b"\r\n")) <= 998


_KEYS = message_of(Letter("s", "t", "h"), envelope()).keys()


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=200))
def test_any_text_survives(text: str) -> None:
    composed = compose(hostile.report(text), Selection())
    message = parsed(message_of(composed, envelope(scope=text)))
    assert message.keys() == _KEYS
    assert message["Subject"] == composed.subject


def _encoded_html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    payload = part.get_payload()
    assert isinstance(payload, str)
    return payload


# Headers


def test_the_headers() -> None:
    message = parsed(message_of(letter(), envelope()))
    assert message["From"] == "gke-auditor <auditor@example.com>"
    assert message["To"] == "ops@example.com, finance@example.com"
    assert message["Date"].datetime == NOW
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["List-Id"] == "gke-auditor <gke-auditor.example.com>"
    assert message["List-Unsubscribe"] == "<mailto:auditor@example.com?subject=unsubscribe>"
    assert message["In-Reply-To"] == message["References"] == envelope().thread_id
    assert all(len(message.get_all(name, [])) == 1 for name in message)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=250))
def test_a_subject_comes_back_to_the_letter(subject: str) -> None:
    raw = message_of(Letter(subject, "text\n", "html\n"), envelope()).as_bytes()
    (line,) = re.findall(rb"^Subject:.*(?:\r\n[ \t].*)*", raw, re.MULTILINE)
    assert all(len(part) <= 78 for part in line.split(b"\r\n")) or b"=?" not in line
    again = email.message_from_bytes(raw, policy=default)
    assert again["Subject"].split() == subject.split()
    if " ".join(subject.split()) == subject:
        assert again["Subject"] == subject


@pytest.mark.parametrize("count", range(1, 40))
def test_a_subject_of_ours_has_no_second_space_wherever_it_is_broken(count: int) -> None:
    subject = f"Nothing new, {'9' * count} orphaned load balancers · US$76.65/month · example-prod · partial"
    again = email.message_from_bytes(message_of(Letter(subject, "t\n", "h\n"), envelope()).as_bytes(), policy=default)
    assert again["Subject"] == subject


def test_a_second_attempt_bears_the_same_message_id_whatever_the_order_of_recipients() -> None:
    first = envelope()
    later = envelope(date=datetime(2026, 11, 23, tzinfo=UTC), recipients=("finance@example.com", "ops@example.com"))
    assert first.message_id == later.message_id
    assert first.message_id.endswith("@example.com>")


@pytest.mark.parametrize(
    "change", [{"occasion": "weekly-b"}, {"scope": "organizations/9"}, {"recipients": ("ops@example.com",)}]
)
def test_another_execution_scope_or_reader_is_another_message(change: dict[str, object]) -> None:
    assert envelope(**change).message_id != envelope().message_id


def test_mails_on_one_scope_are_one_thread() -> None:
    assert envelope(occasion="weekly-b", recipients=("x@example.com",)).thread_id == envelope().thread_id
    assert envelope(scope="organizations/9").thread_id != envelope().thread_id
    assert envelope().thread_id != envelope().message_id


def test_the_message_id_of_an_earlier_attempt_is_kept() -> None:
    message = message_of(letter(), envelope(), message_id="<first@example.com>")
    assert message["Message-ID"] == "<first@example.com>"


# Sizes


def test_what_does_not_fit_is_left_out_the_largest_first() -> None:
    small, middle, large = (Attachment(f"{size}", "text/csv", b"x" * size) for size in (1_000, 2_000_000, 8_000_000))
    assert fitting((small, middle, large)) == (small, middle, large)
    assert fitting((small, middle, large), limit=5_000_000) == (small, middle)
    assert fitting((small, middle, large), limit=1_000) == ()


def test_a_message_with_what_fits_is_within_the_limit() -> None:
    parts = [Attachment(f"{number}", "text/csv", b"x" * 150_000) for number in range(12)]
    kept = fitting(parts, limit=2_000_000)
    assert 0 < len(kept) < len(parts)
    assert len(message_of(letter("large"), envelope(), kept).as_bytes()) <= 2_000_000


def test_compressing_gives_the_same_bytes_each_time() -> None:
    assert compressed(JSON) == compressed(JSON)
    assert compressed(JSON).name == "report.json.gz"
    assert gzip.decompress(compressed(JSON).content) == JSON.content


def test_the_shorter_encoding_is_taken() -> None:
    assert shortest_encoding("plain text\n") == "quoted-printable"
    assert shortest_encoding("中文" * 100) == "base64"
