"""A real SMTP server on loopback, with the faults that real ones have."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from googleserver.certificates import Authority, make_authority, server_context

USER, PASSWORD = "auditor", "correct horse battery"


@dataclass(frozen=True, slots=True)
class Received:
    """One message that the server accepted."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    user: str
    is_encrypted: bool


@dataclass(slots=True)
class Faults:
    """What goes wrong. Each list is used up from its front; an empty one means that all is well."""

    greetings: list[str] = field(default_factory=list)
    mail: list[str] = field(default_factory=list)
    recipients: Mapping[str, list[str]] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    """Answers after the final dot. "abort" closes the connection without one, "hang" never answers."""
    body: list[str] = field(default_factory=list)
    """ "abort" closes the connection while the message is being sent."""


@dataclass(slots=True)
class Server:
    port: int
    faults: Faults
    received: list[Received] = field(default_factory=list)
    connections: int = 0


class _Protocol(SMTP):
    def __init__(self, server: Server, opened: set[asyncio.BaseTransport], **settings: Any) -> None:
        super().__init__(_Handler(server), hostname="mail.test", timeout=120, **settings)
        self._server, self._opened = server, opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._opened.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            self._opened.discard(self.transport)
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if self._server.faults.body and self._server.faults.body.pop(0) == "abort":
            await self.push("354 go on")
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


@dataclass(slots=True)
class _Handler:
    server: Server

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.server.connections += 1
        session.host_name = hostname
        return (self.server.faults.greetings[:1] and [self.server.faults.greetings.pop(0)]) or responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.server.faults.mail.pop(0) if self.server.faults.mail else "250 OK"
        if answer == "abort":
            server.transport.abort()
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answers = self.server.faults.recipients.get(address, [])
        answer = answers.pop(0) if answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.server.faults.data.pop(0) if self.server.faults.data else "250 OK"
        if answer == "abort":
            server.transport.abort()
        elif answer == "hang":
            await asyncio.sleep(5)
        elif answer.startswith("250"):
            user = session.auth_data.login.decode() if session.auth_data else ""
            is_encrypted = session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None
            self.server.received.append(
                Received(
                    envelope.mail_from or "",
                    tuple(envelope.rcpt_tos),
                    bytes(envelope.content or b""),
                    user,
                    is_encrypted,
                )
            )
        return answer


def _sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_good, handled=False, auth_data=data)


@contextlib.contextmanager
def serving(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    faults: Faults | None = None,
) -> Iterator[Server]:
    """A server that demands STARTTLS and a login, one with TLS from the start, or, with neither, a plain one."""
    server = Server(0, faults or Faults())
    settings: dict[str, Any] = {}
    if starttls is not None:
        settings = {"tls_context": starttls, "require_starttls": True, "auth_required": True, "authenticator": _sign_in}
    elif tls is not None:
        settings = {"authenticator": _sign_in, "auth_require_tls": False}
    opened: set[asyncio.BaseTransport] = set()
    with _loop() as (loop, on_loop):

        async def start() -> asyncio.Server:
            return await loop.create_server(
                lambda: _Protocol(server, opened, loop=loop, **settings), "127.0.0.1", 0, ssl=tls
            )

        async def stop() -> None:
            listener.close()
            for transport in tuple(opened):
                transport.abort()  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)

        listener = on_loop(start())
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            on_loop(stop())


@contextlib.contextmanager
def _loop() -> Iterator[tuple[asyncio.AbstractEventLoop, Callable[[Any], Any]]]:
    """An event loop in a thread of its own, and how to run something on it."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: None)  # clients that go away in the middle are what is tested
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop, lambda task: asyncio.run_coroutine_threadsafe(task, loop).result(10)
    finally:
        left = asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        left.result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, and contexts of servers that it vouches for."""

    authority: Authority
    folder: Path
    bundle: Path

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        authority = make_authority("mail test authority")
        bundle = folder / "authority.pem"
        bundle.write_bytes(authority.pem)
        return cls(authority, folder, bundle)

    def good(self) -> ssl.SSLContext:
        return server_context(self.authority, self.folder, "good")

    def expired(self) -> ssl.SSLContext:
        return server_context(self.authority, self.folder, "expired", expires_in=timedelta(hours=-1))

    def of_another_host(self) -> ssl.SSLContext:
        return server_context(self.authority, self.folder, "other", names=(x509.DNSName("mail.example.com"),))

    def of_a_stranger(self) -> ssl.SSLContext:
        return server_context(make_authority("nobody knows it"), self.folder, "stranger")
