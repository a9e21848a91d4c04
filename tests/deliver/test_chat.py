"""Posting to a webhook on loopback: what is sent, what is tried again, and that the address is told to nobody."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from auditor.deliver.chat import PerhapsPosted, Webhook, post, webhook_of
from auditor.errors import NotDelivered, UsageError
from auditor.model.letter import ChatService

SECRET = "T000/B000/XXXXsecretXXXX"  # noqa: S105
MESSAGE = json.dumps({"text": "héllo"})


@dataclass
class Hook:
    """A webhook that answers as it is told to, then with 200."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    posted: list[tuple[str, str, bytes]] = field(default_factory=list)
    port: int = 0
    delay_s: float = 0.0

    @property
    def webhook(self) -> Webhook:
        return webhook_of(f"http://127.0.0.1:{self.port}/services/{SECRET}?key=k&token=t0k3n", ChatService.SLACK)


@contextlib.contextmanager
def hooked(*answers: tuple[int, dict[str, str], bytes], delay_s: float = 0.0) -> Iterator[Hook]:
    hook = Hook(list(answers), delay_s=delay_s)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posted.append((self.path, self.headers["Content-Type"], body))
            status, headers, words = hook.answers.pop(0) if hook.answers else (200, {}, b"ok")
            time.sleep(hook.delay_s)
            if status == 0:
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(words)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(words)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


def failure(webhook: Webhook, waits: list[float], timeout_s: float = 5.0) -> NotDelivered:
    with pytest.raises(NotDelivered) as raised:
        post(webhook, MESSAGE, timeout_s, waits.append)
    for secret in (SECRET, "t0k3n", "XXXX"):
        assert secret not in raised.value.message + raised.value.hint + repr(webhook)
        assert raised.value.__cause__ is None
    return raised.value


def test_the_message_is_posted_as_it_is() -> None:
    with hooked() as hook:
        post(hook.webhook, MESSAGE)
    assert hook.posted == [
        (f"/services/{SECRET}?key=k&token=t0k3n", "application/json; charset=UTF-8", MESSAGE.encode())
    ]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_may_pass_is_tried_again_after_a_while(status: int) -> None:
    waits: list[float] = []
    with hooked((status, {}, b"later"), (status, {"Retry-After": "7"}, b"")) as hook:
        post(hook.webhook, MESSAGE, 5, waits.append)
    assert len(hook.posted) == 3
    assert waits == [1, 7]


@pytest.mark.parametrize(("written", "waited"), [("3600", 30), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("-5", 1)])
def test_how_long_to_wait_is_bounded(written: str, waited: float) -> None:
    waits: list[float] = []
    with hooked((429, {"Retry-After": written}, b"")) as hook:
        post(hook.webhook, MESSAGE, 5, waits.append)
    assert waits == [waited]


def test_patience_ends() -> None:
    waits: list[float] = []
    with hooked(*[(503, {}, b"down")] * 9) as hook:
        assert "503 down" in failure(hook.webhook, waits).message
    assert len(hook.posted) == 3


@pytest.mark.parametrize(
    ("status", "words"), [(400, b"invalid_payload"), (403, b"action_prohibited"), (404, b"no_service"), (410, b"")]
)
def test_a_refusal_is_told_in_the_services_words_and_not_tried_again(status: int, words: bytes) -> None:
    waits: list[float] = []
    with hooked((status, {}, words)) as hook:
        error = failure(hook.webhook, waits)
    assert f"{status} {words.decode()}".strip() in error.message
    assert "new incoming webhook" in error.hint
    assert waits == []


def test_an_answer_that_repeats_the_address_is_not_repeated() -> None:
    words = f"POST /services/{SECRET} key=k&token=t0k3n\r\n\x1b[31m".encode() + b"x" * 100_000
    with hooked((400, {}, words)) as hook:
        error = failure(hook.webhook, [])
    assert "\x1b" not in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with hooked() as elsewhere, hooked((status, {"Location": f"http://127.0.0.1:{elsewhere.port}/x"}, b"")) as hook:
        assert "elsewhere" in failure(hook.webhook, []).message
    assert elsewhere.posted == []


def test_no_answer_in_time_is_doubt_and_not_tried_again() -> None:
    waits: list[float] = []
    with hooked(delay_s=0.6) as hook:
        error = failure(hook.webhook, waits, timeout_s=0.2)
    assert isinstance(error, PerhapsPosted)
    assert "no answer within 0.2 seconds" in error.message
    assert len(hook.posted) == 1


def test_a_connection_that_breaks_before_the_answer_is_doubt() -> None:
    with hooked((0, {}, b"")) as hook:
        assert isinstance(failure(hook.webhook, []), PerhapsPosted)
    assert len(hook.posted) == 1


def test_nobody_listening_is_tried_again_and_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    waits: list[float] = []
    error = failure(webhook_of(f"http://127.0.0.1:{port}/{SECRET}", ChatService.GOOGLE), waits)
    assert not isinstance(error, PerhapsPosted)
    assert "no connection" in error.message
    assert len(waits) == 2


# Addresses


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t\n", ChatService.GOOGLE),
        ("https://hooks.slack.com/services/T0/B0/x", ChatService.SLACK),
        ("  https://HOOKS.slack.com/services/T0/B0/x", ChatService.SLACK),
    ],
)
def test_services_are_told_by_their_hosts(url: str, service: ChatService) -> None:
    assert webhook_of(url).service is service


def test_another_host_needs_the_service_named() -> None:
    with pytest.raises(UsageError, match=r"chat\.example\.com is not known") as raised:
        webhook_of(f"https://chat.example.com/{SECRET}")
    assert "--chat-kind" in raised.value.hint
    assert webhook_of(f"https://chat.example.com/{SECRET}", ChatService.SLACK).host == "chat.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "",
        SECRET,
        f"http://hooks.slack.com/{SECRET}",
        f"http://10.0.0.1/{SECRET}",
        f"ftp://hooks.slack.com/{SECRET}",
        f"file:///{SECRET}",
        f"https://user:pass@hooks.slack.com/{SECRET}",
        f"https://hooks.slack.com:99999/{SECRET}",
        f"https://hooks.slack.com/{SECRET} more",
        f"https://hooks.slack.com/{SECRET}\nhttps://hooks.slack.com/other",
        f"https://[::1/{SECRET}",
        f"https://hooks.slack.com/{SECRET}\x1b",
        f"https://hooks.sl\u0430ck.com/{SECRET}",
        f"https://hooks.slack.com.evil.example/{SECRET}",
    ],
)
def test_what_is_no_webhook_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        webhook_of(url)
    assert "secret" not in raised.value.message + raised.value.hint
    assert raised.value.__cause__ is None
