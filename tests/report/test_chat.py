"""The chat messages: whole, within the services' limits, and without a mention or a link that others wrote."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.letter import ChatService
from auditor.model.report import Report
from auditor.report import chat
from auditor.report.digest import subject
from auditor.report.selection import Selection

from . import hostile, sample
from .golden import assert_golden

REPORTS = {"clean": sample.clean, "small": sample.report, "large": sample.large}
OUR_LINK = re.compile(r"<https://console\.cloud\.google\.com/[^<>|\s]*\|[^<>|\n]*>")
MENTIONS = {
    "slack everybody": "<!here> <!channel> <!everyone> @here @channel",
    "slack user": "<@U012AB3CD> <#C123|general> <!subteam^S1>",
    "google everybody": "<users/all> @all",
    "google link": "<https://evil.example|console>",
    "escaped already": "&lt;!here&gt; &amp;",
    "pipes": "a|b|c>",
    "markup": "*bold* _it_ ~gone~ `code` ```block```",
    "new line": "a\n> quote\n* list",
}


def slack(report: Report) -> dict[str, Any]:
    return dict(json.loads(chat.render(report, Selection(), ChatService.SLACK)))


def google(report: Report) -> dict[str, Any]:
    return dict(json.loads(chat.render(report, Selection(), ChatService.GOOGLE)))


@pytest.mark.parametrize("service", ChatService)
@pytest.mark.parametrize("name", REPORTS)
def test_golden(name: str, service: ChatService) -> None:
    message = json.loads(chat.render(REPORTS[name](), Selection(), service))
    assert_golden(f"chat-{service.value}-{name}.json", json.dumps(message, indent=1, ensure_ascii=False) + "\n")


def test_both_services_say_the_same() -> None:
    report = sample.large()
    words = " ".join(block["text"]["text"] for block in slack(report)["blocks"])
    for number in ("US$2,138.82", "8 new orphaned load balancers", "14 new, 169 known", "8 lists were not read"):
        assert number in words
        assert number in google(report)["text"]
    assert slack(report)["text"] == subject(report)


def test_commands_can_be_copied() -> None:
    command = sample.report().gaps[0].hint
    assert f"`{command}`" in slack(sample.report())["blocks"][1]["text"]["text"]
    assert f"`{command}`" in google(sample.report())["text"]


@pytest.mark.parametrize("text", [*hostile.TEXTS.values(), *MENTIONS.values()], ids=[*hostile.TEXTS, *MENTIONS])
def test_hostile_text_is_inert_and_within_the_limits(text: str) -> None:
    report = hostile.report(text)
    _assert_slack(slack(report))
    _assert_google(google(report))


@pytest.mark.parametrize("filling", ["x", "&", "<", "*", "\U0001f4a3", "`"])
def test_large_reports_of_long_texts_stay_within_the_limits(filling: str) -> None:
    one = hostile.report(filling * 100_000)
    finding = one.findings[0]
    items = tuple(replace(finding, resource=item.resource, load_balancer=None) for item in sample.large().findings[:40])
    crowd = replace(one, findings=items)
    _assert_slack(slack(crowd))
    _assert_google(google(crowd))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_any_text_is_inert(text: str) -> None:
    _assert_slack(slack(hostile.report(text)))
    _assert_google(google(hostile.report(text)))


def _assert_slack(message: dict[str, Any]) -> None:
    blocks = message["blocks"]
    assert 1 <= len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        assert block["text"]["verbatim"] is True
        assert 1 <= len(block["text"]["text"]) <= 3000
        _assert_plain(block["text"]["text"])
        unescaped = re.sub(r"&(amp|lt|gt);", "", OUR_LINK.sub("", block["text"]["text"]))
        assert "&" not in unescaped
    _assert_plain(message["text"])
    assert (message["link_names"], message["unfurl_links"], message["unfurl_media"]) == (False, False, False)


def _assert_google(message: dict[str, Any]) -> None:
    assert list(message) == ["text"]
    assert len(json.dumps(message, ensure_ascii=False).encode()) <= 32_000
    _assert_plain(message["text"])


def _assert_plain(written: str) -> None:
    """No bracket but those of our links to the console, no mention, no pair of signs that others wrote."""
    without_links = OUR_LINK.sub("", written)
    assert "<" not in without_links
    assert ">" not in without_links
    without_code = re.sub(r"`[^`\n]*`", "", without_links)
    assert not re.search(r"@[a-z]", without_code)
    assert "`" not in without_code.replace("`\u200b", "")
    assert not set(written) & (hostile.DANGEROUS - {"\u200b"})
