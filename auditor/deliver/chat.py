"""Post a message to an incoming webhook of Google Chat or Slack. The address is a secret: no error and no log has it.

https://developers.google.com/workspace/chat/quickstart/webhooks, https://api.slack.com/messaging/webhooks
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auditor.errors import NotDelivered, UsageError
from auditor.model.letter import ChatService
from auditor.model.names import is_loopback

if TYPE_CHECKING:
    import requests

_HOSTS = {"chat.googleapis.com": ChatService.GOOGLE, "hooks.slack.com": ChatService.SLACK}
_WAITS_S = (1.0, 4.0)
_LONGEST_WAIT_S = 30.0
_LONGEST_ANSWER = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class PerhapsPosted(NotDelivered):
    """The message was handed over, and no answer came."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post. Its text never shows the path, which is the secret."""

    url: str
    service: ChatService

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def __repr__(self) -> str:
        return f"Webhook({self.host}, {self.service.value})"


def webhook_of(written: str, service: ChatService | None = None) -> Webhook:
    """The webhook that a secret holds. `service` None = told by its host. Raises UsageError, without the address."""
    url = written.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        raise UsageError("The chat webhook is no URL", _FORMS) from None
    if not host or any(letter.isspace() or not letter.isprintable() for letter in url) or not url.isascii():
        raise UsageError("The chat webhook is no URL", _FORMS)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise UsageError("The chat webhook must be an https URL", _FORMS)
    if parts.username is not None:
        raise UsageError("The chat webhook must hold no user and no password", _FORMS)
    known = service or _HOSTS.get(host)
    if known is None:
        raise UsageError(f"{host} is not known as a chat service", "Say what it speaks: --chat-kind google or slack.")
    return Webhook(url, known)


_FORMS = "The file must hold one URL: https://chat.googleapis.com/v1/spaces/... or https://hooks.slack.com/services/..."


def post(webhook: Webhook, message: str, timeout_s: float = 30.0, sleep: Callable[[float], None] = time.sleep) -> None:
    """Post a JSON message. Raises NotDelivered, with the service's words; PerhapsPosted if
    the message may have been posted.

    A connection that was never made, and what the service says it did not do (429, 5xx), is tried three times.
    """
    for wait_s in (*_WAITS_S, None):
        answer = _ask(webhook, message.encode(), timeout_s)
        if answer.is_good:
            return
        if wait_s is None or not answer.may_pass:
            break
        sleep(max(wait_s, answer.retry_after_s))
    if answer.is_in_doubt:
        raise PerhapsPosted(f"The chat message to {webhook.host} may have been posted, or not: {answer.words}")
    raise NotDelivered(f"{webhook.host} did not take the chat message: {answer.words}", answer.advice)


@dataclass(frozen=True, slots=True)
class _Answer:
    words: str = ""
    is_good: bool = False
    may_pass: bool = False
    is_in_doubt: bool = False
    retry_after_s: float = 0.0
    advice: str = ""


def _ask(webhook: Webhook, content: bytes, timeout_s: float) -> _Answer:
    """One request. The errors of requests tell the address, so that nothing of their text is kept."""
    import requests  # noqa: PLC0415 - only where something is posted

    headers = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": "gke-auditor"}
    try:
        with (
            requests.Session() as session,
            session.post(
                webhook.url, data=content, headers=headers, timeout=timeout_s, allow_redirects=False, stream=True
            ) as response,
        ):
            return _judge(webhook, response)
    except requests.exceptions.SSLError:
        return _Answer("its certificate is not good", advice="SSL_CERT_FILE names further authorities to trust.")
    except requests.exceptions.ConnectTimeout:
        return _Answer(f"no connection within {timeout_s:g} seconds", may_pass=True)
    except requests.exceptions.Timeout:
        return _Answer(f"no answer within {timeout_s:g} seconds", is_in_doubt=True)
    except requests.exceptions.ConnectionError as error:
        if _never_connected(error):
            return _Answer("no connection", may_pass=True)
        return _Answer("the connection broke", is_in_doubt=True)
    except (requests.exceptions.RequestException, OSError) as error:
        return _Answer(f"the request failed ({type(error).__name__})", is_in_doubt=True)


def _never_connected(error: Exception) -> bool:
    """Whether not even a connection was made, so that nothing was handed over."""
    import urllib3.exceptions  # noqa: PLC0415

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)


def _judge(webhook: Webhook, response: requests.Response) -> _Answer:
    status = response.status_code
    if 200 <= status < 300:
        return _Answer(is_good=True)
    if 300 <= status < 400:
        return _Answer(f"{status}: it sends us elsewhere, and a message is not carried to another address")
    said = next(response.iter_content(4 * _LONGEST_ANSWER), b"").decode("utf-8", "replace")
    for secret in (webhook.url, urlsplit(webhook.url).path, urlsplit(webhook.url).query):
        said = said.replace(secret, "…") if len(secret) > 1 else said
    said = _CONTROL.sub(" ", said)[:_LONGEST_ANSWER].strip()
    may_pass = status == 429 or status >= 500
    return _Answer(
        f"{status} {said}".strip(),
        may_pass=may_pass,
        retry_after_s=_seconds(response.headers.get("Retry-After", "")),
        advice="" if may_pass else "Make a new incoming webhook if this one was revoked.",
    )


def _seconds(written: str) -> float:
    """Retry-After in seconds, at most half a minute; a date counts as nothing."""
    return min(float(written), _LONGEST_WAIT_S) if written.isascii() and written.isdigit() else 0.0
