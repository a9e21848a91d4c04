"""Sockets and threads: HTTP/1.1 with keep-alive on loopback, one thread for each connection."""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any

from auditor.model.names import ClusterKey

from .exchange import Answer, Request, make_request
from .faults import Manner

Respond = Callable[[Request], tuple[Answer, Manner]]
SERVER_THREADS = "googleserver"
"""The name of every thread of a server."""
SILENCE = "silence"
"""The service of a port that accepts connections and says nothing."""
DRIP_EVERY_S = 0.02
HANDSHAKE_TIMEOUT_S = 5


class Listeners:
    """Loopback ports, each of one service; what arrives goes to `respond`. Closing ends every connection."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.closing = threading.Event()
        self.strays: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._sockets: list[socket.socket] = []
        self._wake, woken = socket.socketpair()
        self._selector.register(woken, selectors.EVENT_READ)
        self._sockets.append(woken)
        self._acceptor = threading.Thread(target=self._accept, name=SERVER_THREADS, daemon=True)
        self._acceptor.start()

    def open(self, service: str, *, tls: ssl.SSLContext | None = None, cluster: ClusterKey | None = None) -> int:
        """Listen on a port of the system's choice and return it."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, (service, tls, cluster))
        self._sockets.append(listener)
        self._wake.send(b"x")
        return int(listener.getsockname()[1])

    def close(self) -> None:
        """Stop listening, cut every connection, wait for the threads."""
        self.closing.set()
        self._wake.send(b"x")
        self._acceptor.join(5)
        for thread in self.cut().values():
            thread.join(5)
        for listener in (*self._sockets, self._wake):
            listener.close()
        self._selector.close()

    def cut(self) -> dict[socket.socket, threading.Thread]:
        """Break off every connection; their threads end soon."""
        with self._lock:
            left = dict(self._connections)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        return left

    def _accept(self) -> None:
        while not self.closing.is_set():
            for key, _ in self._selector.select():
                if key.data is None:
                    key.fileobj.recv(64)  # type: ignore[union-attr]
                    continue
                with contextlib.suppress(OSError):
                    connection, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    self._serve_in_thread(connection, *key.data)

    def wait_until_somebody_closes(self, connection: socket.socket, at_most_s: float | None = None) -> bool:
        """Whether the client or the server has closed, within the time given."""
        until = None if at_most_s is None else time.monotonic() + at_most_s
        while not self.closing.is_set():
            wait_s = 0.05 if until is None else min(0.05, max(0.0, until - time.monotonic()))
            readable, _, _ = select.select([connection], [], [], wait_s)
            if readable and not connection.recv(4096):
                return True
            if until is not None and time.monotonic() >= until:
                return False
        return True

    def _serve_in_thread(
        self, connection: socket.socket, service: str, tls: ssl.SSLContext | None, cluster: ClusterKey | None
    ) -> None:
        arguments = (connection, service, tls, cluster)
        thread = threading.Thread(target=self._serve, args=arguments, name=SERVER_THREADS, daemon=True)
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, raw: socket.socket, service: str, tls: ssl.SSLContext | None, cluster: ClusterKey | None) -> None:
        """One connection until either side closes it. What a client breaks off is its own affair."""
        connection = raw
        try:
            raw.setblocking(True)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                raw.settimeout(HANDSHAKE_TIMEOUT_S)
                connection = tls.wrap_socket(raw, server_side=True)
                connection.settimeout(None)
                with self._lock:
                    self._connections[connection] = self._connections.pop(raw)
            if service == SILENCE:
                self.wait_until_somebody_closes(connection)
            else:
                _Conversation(connection, service, cluster, self)
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            with self._lock:
                self._connections.pop(raw, None)
                self._connections.pop(connection, None)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class _Conversation(BaseHTTPRequestHandler):
    """One connection; the standard library reads the requests, the answers are written in one piece."""

    protocol_version = "HTTP/1.1"
    rbufsize = 65536

    def __init__(
        self, connection: socket.socket, service: str, cluster: ClusterKey | None, listeners: Listeners
    ) -> None:
        self.service, self.cluster, self.listeners = service, cluster, listeners
        super().__init__(connection, connection.getsockname(), None)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass

    def answer(self) -> None:
        """Read one request, let the services answer it, write the answer in its manner."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = make_request(
            self.service, self.command, self.path, dict(self.headers), body, time.monotonic(), self.cluster
        )
        answer, manner = self.listeners.respond(request)
        if manner is not Manner.SENT:
            self.close_connection = True
        length = len(answer.body)
        if manner is Manner.TRUNCATED:
            length //= 2
        head = _head(answer, length, closes=self.close_connection)
        match manner:
            case Manner.RESET:
                return
            case Manner.HUNG:
                self.listeners.wait_until_somebody_closes(self.connection)
            case Manner.DRIPPING | Manner.DRIPPING_HEAD:
                self._send(head if manner is Manner.DRIPPING else head.rstrip() + b"\r\nX-Slow: ")
                while not self.listeners.wait_until_somebody_closes(self.connection, DRIP_EVERY_S):
                    self._send(b" ")
            case Manner.DROPPED:
                self._send(head + answer.body[: length // 2])
            case _:
                self._send(head + answer.body[:length])

    def do_CONNECT(self) -> None:
        """Somebody takes this port for a proxy, as `environment` says: nothing leaves this machine."""
        self.listeners.strays.append(self.path)
        self.close_connection = True
        self._send(b"HTTP/1.1 403 Nothing leaves this machine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815 - the standard library's names

    def _send(self, raw: bytes) -> None:
        self.connection.sendall(raw)


def _head(answer: Answer, length: int, *, closes: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Status')}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {length}",
        f"Date: {formatdate(usegmt=True)}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    if closes:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_PHRASES = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    406: "Not Acceptable",
    410: "Gone",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
