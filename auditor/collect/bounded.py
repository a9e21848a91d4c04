"""Connections on which no answer takes longer than it may, however slowly a server speaks.

A socket's own time-out begins anew with every byte. So the head of an answer is cut off by a timer, and its body is
read as it arrives, with a look at the clock in between. Made for the pools of urllib3, on which both requests and the
kubernetes client stand.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from auditor.model.snapshot import Category

from .failures import RequestFailed

_CHUNK = 1 << 16


def read_body(raw: Any, *, is_over: Callable[[], bool], timeout_s: float) -> bytes:
    """The whole body of a urllib3 response, unpacked. Raises RequestFailed where it takes too long."""
    body = bytearray()
    read = getattr(raw, "read1", None)  # urllib3 1.26 lacks it
    try:
        while chunk := read(_CHUNK, decode_content=True) if read else raw.read(_CHUNK, decode_content=True):
            body += chunk
            if is_over():
                raise RequestFailed(Category.TIMEOUT, f"the answer did not end within {round(timeout_s, 1):g} s")
    except BaseException:
        raw.close()  # what is left of the answer must not be taken for the next one
        raise
    return bytes(body)


class _InTime:
    """A connection whose answer's head must be there within the read time-out."""

    sock: socket.socket | None
    timeout: float | None

    def getresponse(self, *arguments: Any, **options: Any) -> Any:
        connection, limit_s = self.sock, self._limit_s()
        if connection is None or limit_s is None:
            return super().getresponse(*arguments, **options)  # type: ignore[misc]
        has_ended = threading.Event()

        def cut_off() -> None:
            has_ended.set()
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

        timer = threading.Timer(limit_s, cut_off)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse(*arguments, **options)  # type: ignore[misc]
        except Exception as error:
            if has_ended.is_set():
                raise TimeoutError("timed out") from error
            raise
        finally:
            timer.cancel()
        if has_ended.is_set():  # a head that ends early counts as a whole one
            response.close()
            raise TimeoutError("timed out")
        return response

    def _limit_s(self) -> float | None:
        """urllib3 2 keeps the read time-out in the connection, 1.26 in the socket."""
        kept = self.timeout if isinstance(self.timeout, float | int) else None
        return kept if kept is not None else self.sock.gettimeout() if self.sock is not None else None


class _PlainInTime(_InTime, HTTPConnection):
    pass


class _SecureInTime(_InTime, HTTPSConnection):
    def connect(self) -> None:
        """A context of ours holds its authorities already: to load them for each connection takes 20 ms a time."""
        if isinstance(self.ssl_context, TrustedContext):
            self.ca_certs = self.ca_cert_dir = self.ca_cert_data = None
        super().connect()


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainInTime


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureInTime


class TrustedContext(ssl.SSLContext):
    """A TLS context whose authorities are loaded: the only ones that its connections trust."""


def trusting(authorities: str) -> TrustedContext:
    """A context that verifies servers and their names by a file or folder of authorities. Raises OSError."""
    context = TrustedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if Path(authorities).is_dir():
        context.load_verify_locations(capath=authorities)
    else:
        context.load_verify_locations(cafile=authorities)
    return context


def bound(manager: urllib3.PoolManager, context: TrustedContext | None = None) -> urllib3.PoolManager:
    """Let every connection that a pool manager makes from now on be one that answers in time, and trusts `context`."""
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    if context is not None:
        manager.connection_pool_kw["ssl_context"] = context
    return manager


class BoundedAdapter(HTTPAdapter):
    """requests' adapter with such connections; the body is read at once, within the time that the request may take."""

    def __init__(self, connections: int, clock: Callable[[], float], context: TrustedContext) -> None:
        self._clock = clock
        self._context = context
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        bound(self.poolmanager, self._context)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        return bound(super().proxy_manager_for(*arguments, **options), self._context)

    def send(
        self, request: Any, stream: bool = False, timeout: Any = None, *rest: Any, **options: Any
    ) -> requests.Response:
        total_s = timeout[1] if isinstance(timeout, tuple) else timeout
        until = self._clock() + total_s if total_s else float("inf")
        response = super().send(request, True, timeout, *rest, **options)
        try:
            response._content = read_body(response.raw, is_over=lambda: self._clock() > until, timeout_s=total_s or 0.0)
        except RequestFailed as failure:
            raise requests.exceptions.ReadTimeout(failure, request=request) from failure
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ConnectionError(error, request=request) from error
        return response
