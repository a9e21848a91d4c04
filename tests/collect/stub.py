"""A loopback server with answers that a test writes out: for what one answer means, not for a whole world."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from auditor.collect.google import Endpoints, GoogleApi, Network, Tokens
from auditor.collect.patience import Patience


@dataclass(frozen=True)
class Reply:
    """One answer; `body` None closes the connection without a word, `hangs` never says one."""

    status: int = 200
    body: bytes | None = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    cut_at: int | None = None
    """Bytes after which the connection breaks, though more were announced."""


@dataclass
class Stub:
    url: str
    asked: list[tuple[str, dict[str, str]]]
    """Path with query, and headers, of each request."""
    opened: list[GoogleApi] = field(default_factory=list)


@contextmanager
def serve(reply: Callable[[int, str], Reply]) -> Iterator[Stub]:
    """`reply` gets the number of the request (from 0) and its path."""
    asked: list[tuple[str, dict[str, str]]] = []
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            said = reply(len(asked) - 1, self.path)
            if said.hangs:
                closing.wait(20)
            if said.hangs or said.body is None:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body[: said.cut_at])
            self.close_connection = said.cut_at is not None

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        stub = Stub(f"http://127.0.0.1:{server.server_address[1]}", asked)
        yield stub
        for opened in stub.opened:
            opened.close()
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def patience(clock: Clock, **limits: float) -> Patience:
    return Patience(clock=clock, sleep=clock.sleep, random=lambda: 1.0, **limits)  # type: ignore[arg-type]


class Credentials:
    """Credentials that give a new token whenever they are asked for one."""

    universe_domain = "googleapis.com"

    def __init__(self, error: Exception | None = None) -> None:
        self.token: str | None = None
        self.valid = False
        self.error = error
        self.count = 0

    def refresh(self, request: object) -> None:
        if self.error is not None:
            raise self.error
        self.count += 1
        self.token = f"token-{self.count}"
        self.valid = True

    def before_request(self, request: object, method: str, url: str, headers: dict[str, str]) -> None:
        headers["authorization"] = f"Bearer {self.token}"


def api(stub: Stub, limits: Patience, credentials: Credentials | None = None) -> GoogleApi:
    network = Network()
    tokens = Tokens(credentials or Credentials(), limits, network)  # type: ignore[arg-type]
    services = ("compute", "container", "cloudresourcemanager", "cloudasset")
    made = GoogleApi(tokens, Endpoints(overrides=dict.fromkeys(services, stub.url)), limits, network, connections=4)
    stub.opened.append(made)
    return made
