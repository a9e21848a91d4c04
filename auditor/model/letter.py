"""What a renderer composes and a deliverer carries away: a mail before it becomes MIME, a chat service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that the HTML body shows by `cid:NAME`."""

    name: str
    content: bytes
    alternative: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with the mail."""

    name: str
    media_type: str
    """ "text/csv", ..."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One report as a mail. `text` and `html` say the same."""

    subject: str
    """One line without control characters."""
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


class ChatService(StrEnum):
    """Who answers at an incoming webhook."""

    GOOGLE = "google"
    SLACK = "slack"
