"""The report as a message for Google Chat or Slack: the digest of the mail, shorter, in the service's own markup.

Limits: Slack 50 blocks, 3,000 letters to a section's text, 150 to a header's
(https://docs.slack.dev/reference/block-kit/blocks); Google Chat 32,000 bytes to a message
(https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from auditor.model.letter import ChatService
from auditor.model.report import Report

from . import text
from .digest import Digest, Limits, Remedy, Thing, digest
from .selection import Selection

_LIMITS = Limits(things=10, gaps=3)
_SLACK_SECTION, _SLACK_HEADER, _SLACK_BLOCKS = 3_000, 150, 50
_GOOGLE_LETTERS = 7_500
"""Of up to four bytes each."""
_NO_WIDTH = "\u200b"
_SIGNS = "*_~`@"
_LIKE_BACKTICK = "ˋ"


def render(report: Report, selection: Selection, service: ChatService) -> str:
    """The JSON that the service's incoming webhook takes."""
    said = digest(report, selection, _LIMITS)
    message = _slack(said) if service is ChatService.SLACK else _google(said)
    return orjson.dumps(message).decode()


@dataclass(frozen=True, slots=True)
class _Markup:
    """How a service writes what others wrote, so that nothing of it is markup, a link or a mention."""

    brackets: Mapping[str, str]
    """What the signs of links, mentions and escapes are written as."""

    def text(self, written: str) -> str:
        """Signs that would pair up to markup, and @, lose their meaning by a letter of no width after them."""
        for sign in _SIGNS:
            written = written.replace(sign, sign + _NO_WIDTH)
        return self._bracketed(written)

    def code(self, written: str) -> str:
        """A command as it can be copied."""
        return f"`{self._bracketed(written.replace('`', _LIKE_BACKTICK))}`"

    def link(self, thing: Thing) -> str:
        return f"<{thing.link}|{self.text(thing.name).replace('|', '¦')}>"

    def _bracketed(self, written: str) -> str:
        for sign, replacement in self.brackets.items():
            written = written.replace(sign, replacement)
        return written


_SLACK = _Markup({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""https://docs.slack.dev/messaging/formatting-message-text: a mention is <!here> or <@U1>; without < there is none."""
_GOOGLE = _Markup({"<": "‹", ">": "›"})
"""Google Chat knows no escapes: < begins links and mentions (<users/all>)."""


def _slack(said: Digest) -> Mapping[str, Any]:
    """Blocks, and `text` for notifications. `verbatim` keeps Slack from making links and mentions of plain words."""
    headline = {"type": "plain_text", "text": _cut(said.headline, _SLACK_HEADER), "emoji": False}
    blocks: list[Mapping[str, Any]] = [{"type": "header", "text": headline}]
    for section in _packed(_paragraphs(said, _SLACK), _SLACK_SECTION):
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": section, "verbatim": True}})
    return {
        "text": _SLACK.text(said.subject),
        "blocks": blocks[:_SLACK_BLOCKS],
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _google(said: Digest) -> Mapping[str, Any]:
    paragraphs = [f"*{_GOOGLE.text(said.headline)}*", *_paragraphs(said, _GOOGLE)]
    shown, *cut_off = _packed(paragraphs, _GOOGLE_LETTERS)
    return {"text": f"{shown}\n…" if cut_off else shown}


def _paragraphs(said: Digest, markup: _Markup) -> Iterator[str]:
    """The digest in words."""
    yield "\n".join(markup.text(line) for line in (said.lead, f"{said.scope}, {said.taken}", said.compared) if line)
    if said.unread:
        yield f"*Partial:* {markup.text(said.unread)}"
    for group in said.groups:
        yield "\n".join([f"*{markup.text(group.title)}*", *(_thing(thing, markup) for thing in group.things)])
    if said.more_things or not said.groups:
        yield markup.text(said.more_things or said.nothing)
    for gap in said.gaps:
        yield "\n".join([markup.text(gap.sentence), *(_remedy(remedy, markup) for remedy in gap.remedies[:1])])


def _remedy(remedy: Remedy, markup: _Markup) -> str:
    return markup.code(remedy.text) if remedy.is_command else markup.text(remedy.text)


def _thing(thing: Thing, markup: _Markup) -> str:
    mark = "*NEW* " if thing.is_new else ""
    price = thing.money if thing.money == text.UNKNOWN else f"US${thing.money}/month"
    about = " · ".join([text.verdict_name(thing.verdict), price, *([thing.ip] if thing.ip else []), *thing.details])
    return f"• {mark}{markup.link(thing)}: {markup.text(about)} · {thing.age} old"


def _packed(paragraphs: Iterator[str] | Sequence[str], limit: int) -> Iterator[str]:
    """Paragraphs joined into as few texts of at most `limit` letters as hold them; lines are never cut in two."""
    held = ""
    for paragraph in paragraphs:
        for index, line in enumerate(paragraph.split("\n")):
            gap = "" if not held else "\n\n" if index == 0 else "\n"
            if len(held) + len(gap) + len(line) > limit and held:
                yield held
                held, gap = "", ""
            held += gap + (line if len(line) <= limit else _cut(line, limit))
    yield held


def _cut(written: str, limit: int) -> str:
    return written if len(written) <= limit else written[: limit - 1] + "…"
