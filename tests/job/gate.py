"""A gate in front of the storage server: it sees every request, and holds or refuses those that a test names."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field

PATIENCE_S = 60


@dataclass(slots=True)
class Rule:
    """What happens to the `nth` request of a method whose object's name fits, counted from 0; None = to each."""

    method: str
    name: str
    act: str
    """before: held, and never has an effect; after: its effect is there, its answer is held; refuse: 403."""
    nth: int | None = 0
    seen: int = 0
    is_reached: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def is_for(self, method: str, name: str) -> bool:
        if method != self.method or not re.search(self.name, name):
            return False
        self.seen += 1
        return self.nth is None or self.seen - 1 == self.nth

    def hold(self) -> None:
        self.is_reached.set()
        self.may_go_on.wait(PATIENCE_S)


@dataclass(slots=True)
class Gate:
    endpoint: str = ""
    rules: list[Rule] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and name of each request: write, read, list, delete."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rule(self, method: str, name: str, act: str, nth: int | None = 0) -> Rule:
        self.rules.append(Rule(method, name, act, nth))
        return self.rules[-1]

    def rule_for(self, method: str, name: str) -> Rule | None:
        with self.lock:
            self.asked.append((method, name))
            return next((rule for rule in self.rules if rule.is_for(method, name)), None)

    def open(self) -> None:
        """Let everything pass again."""
        for rule in self.rules:
            rule.may_go_on.set()
        self.rules.clear()


@contextlib.contextmanager
def gate_before(server: str, port: int = 0) -> Iterator[Gate]:
    gate = Gate()
    backend = urllib.parse.urlsplit(server).netloc

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            rule = gate.rule_for(*_told(self.command, self.path, body))
            if rule is not None and rule.act == "before":
                rule.hold()
                self.close_connection = True
                return
            if rule is not None and rule.act == "refuse":
                self._answer(403, {"Content-Type": "application/json"}, b'{"error": {"code": 403, "message": "no"}}')
                return
            connection = http.client.HTTPConnection(backend, timeout=30)
            with contextlib.closing(connection):
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                content = response.read()
            if rule is not None and rule.act == "after":
                rule.hold()
            unwanted = ("content-length", "transfer-encoding", "connection", "date")
            self._answer(
                response.status, {k: v for k, v in response.getheaders() if k.lower() not in unwanted}, content
            )

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            with contextlib.suppress(OSError):  # who asked may have been killed
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _pass  # noqa: N815 - names of http.server

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *arguments: object) -> None:
            pass

    with Server(("127.0.0.1", port), Handler) as running:
        gate.endpoint = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield gate
        finally:
            gate.open()
            running.shutdown()
            thread.join()


def _told(command: str, path: str, body: bytes) -> tuple[str, str]:
    """What a request does, in the words of a store."""
    parts = urllib.parse.urlsplit(path)
    if parts.path.startswith("/upload/"):
        named = re.search(rb'"name": ?"([^"]+)"', body)
        return "write", named[1].decode() if named else ""
    name = urllib.parse.unquote(parts.path.partition("/o/")[2])
    if not name:
        return "list", urllib.parse.parse_qs(parts.query).get("prefix", [""])[0]
    return {"GET": "read", "DELETE": "delete"}.get(command, command), name
