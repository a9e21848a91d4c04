"""A letter as a MIME message: its parts, its headers, and a name that is the same whenever it is sent again.

Rules: RFC 5322 (Message-ID, References), RFC 3834 (Auto-Submitted), RFC 2919 (List-Id). Nothing in it counts who reads
it: no picture, no link and no address of ours is fetched.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.quoprimime import body_encode
from typing import Literal

from auditor.model.letter import Attachment, Letter

SENDER_NAME = "gke-auditor"
LARGEST_MESSAGE = 15_000_000
"""Bytes; many servers take 20 or 25 MB, some less."""
_ROOM_FOR_BODIES = 600_000
_BASE64_GROWTH = 4 / 3 * 78 / 76
_POLICY = SMTP.clone(max_line_length=78, cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom, and which sending this is."""

    sender: str
    recipients: tuple[str, ...]
    scope: str
    """What the mail is about, always in the same words: mails on one scope make a thread."""
    occasion: str
    """What is the same for every attempt to send one mail: the name of an execution, or the day."""
    date: datetime

    @property
    def message_id(self) -> str:
        """Of occasion, scope and recipients, so that a second attempt bears the same."""
        return self._named("message", self.occasion, self.scope, *sorted(self.recipients))

    @property
    def thread_id(self) -> str:
        """What all mails on a scope answer to; no such mail exists."""
        return self._named("thread", self.scope)

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]

    def _named(self, *words: str) -> str:
        digest = hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()[:32]
        return f"<{digest}@{self.domain}>"


def message_of(
    letter: Letter, envelope: Envelope, attachments: Sequence[Attachment] = (), message_id: str = ""
) -> EmailMessage:
    """mixed(alternative(text, related(html, pictures)), attachments), with all headers.

    `message_id` repeats that of an earlier attempt; empty = the envelope's own.
    """
    message = EmailMessage(policy=_POLICY)
    for name, value in _headers(letter, envelope, message_id or envelope.message_id):
        message[name] = value
    message.set_raw("Subject", _encoded(letter.subject))
    message.set_content(_whole_lines(letter.text), cte=shortest_encoding(letter.text))
    message.add_alternative(_whole_lines(letter.html), subtype="html", cte=shortest_encoding(letter.html))
    html = next(part for part in message.iter_parts() if part.get_content_subtype() == "html")
    for picture in letter.pictures:
        file_name = f"{picture.name}.png"
        html.add_related(
            picture.content, "image", "png", cid=f"<{picture.name}>", disposition="inline", filename=file_name
        )
    for attachment in attachments:
        kind, _, subtype = attachment.media_type.partition("/")
        parameters = {"charset": "utf-8"} if kind == "text" else {}
        message.add_attachment(attachment.content, kind, subtype, filename=attachment.name, params=parameters)
    return message


def _headers(letter: Letter, envelope: Envelope, message_id: str) -> Iterable[tuple[str, object]]:
    sender = Address(SENDER_NAME, addr_spec=envelope.sender)
    yield "From", sender
    yield "To", [Address(addr_spec=recipient) for recipient in envelope.recipients]
    yield "Date", envelope.date
    yield "Message-ID", message_id
    yield "In-Reply-To", envelope.thread_id
    yield "References", envelope.thread_id
    yield "Auto-Submitted", "auto-generated"
    yield "X-Auto-Response-Suppress", "All"
    yield "List-Id", f"{SENDER_NAME} <{SENDER_NAME}.{envelope.domain}>"
    yield "List-Unsubscribe", f"<mailto:{envelope.sender}?subject=unsubscribe>"


def _encoded(subject: str) -> str:
    """A subject as RFC 2047 writes it. EmailMessage would break it beside a letter that is not ASCII, and put a second
    space there; whole words of one encoding come back as they were."""
    charset = "us-ascii" if subject.isascii() else "utf-8"
    return Header(_whole_lines(subject), charset, maxlinelen=76, header_name="Subject").encode(linesep="\r\n")


def shortest_encoding(content: str) -> Literal["base64", "quoted-printable"]:
    """Quoted-printable can be read in the raw message; base64 is shorter where much is not ASCII."""
    raw = content.encode("utf-8", "replace")
    quoted = len(body_encode(raw.decode("latin-1")))
    return "quoted-printable" if quoted <= len(base64.encodebytes(raw)) else "base64"


def _whole_lines(content: str) -> str:
    """Text that can be encoded, whatever it holds."""
    return content.encode("utf-8", "replace").decode()


def fitting(attachments: Sequence[Attachment], limit: int = LARGEST_MESSAGE) -> tuple[Attachment, ...]:
    """Those that a message of at most `limit` bytes has room for, the largest left out first."""
    kept = list(attachments)
    while kept and sum(len(item.content) for item in kept) * _BASE64_GROWTH + _ROOM_FOR_BODIES > limit:
        kept.remove(max(kept, key=lambda item: len(item.content)))
    return tuple(kept)


def compressed(attachment: Attachment) -> Attachment:
    """The same as .gz; the same content gives the same bytes."""
    return Attachment(f"{attachment.name}.gz", "application/gzip", gzip.compress(attachment.content, mtime=0))
