"""Connections on which no answer takes longer than it may, however slowly a server speaks.

A socket's own time-out begins anew with every byte. So each read gets only what is left of the time for the whole
answer. Made for the pools of urllib3, on which both requests and the kubernetes client stand.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
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


class _Limited(io.RawIOBase):
    """What a socket receives until a moment of the monotonic clock; from then on every read is a TimeoutError."""

    def __init__(self, received: io.RawIOBase, connection: socket.socket, until: float) -> None:
        self._received = received
        self._connection = connection
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _LimitedResponse(http.client.HTTPResponse):
    """An answer that must have come, to its last byte, within so many seconds from now."""

    def __init__(self, connection: socket.socket, *arguments: Any, limit_s: float, **options: Any) -> None:
        super().__init__(connection, *arguments, **options)
        until = time.monotonic() + limit_s
        self.fp = io.BufferedReader(_Limited(self.fp.detach(), connection, until))


class _InTime:
    """A connection whose answers must be there within the read time-out."""

    sock: socket.socket | None
    timeout: float | None
    response_class: Any

    def getresponse(self, *arguments: Any, **options: Any) -> Any:
        limit_s = self._limit_s()
        if limit_s is not None:
            self.response_class = partial(_LimitedResponse, limit_s=limit_s)
        return super().getresponse(*arguments, **options)  # type: ignore[misc]

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
