"""What goes over the wire: one request, one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from auditor.model.names import ClusterKey

ABSENT_PARAMETERS = frozenset({"alt", "$alt", "prettyPrint", "key", "quotaUser"})
"""System parameters of every Google API; they change nothing that the double answers."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the double received it. `headers` are keyed in lower case, `at` is the monotonic clock."""

    service: str
    method: str
    path: str
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    body: bytes
    at: float
    target: str
    """The request line's path and query, undecoded."""
    cluster: ClusterKey | None = None

    def value(self, name: str) -> str | None:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else None

    def json(self) -> Any:
        return orjson.loads(self.body or b"null")

    @property
    def is_later_page(self) -> bool:
        return bool(self.value("pageToken") or self.value("continue"))


def make_request(
    service: str,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    at: float,
    cluster: ClusterKey | None = None,
) -> Request:
    parts = urlsplit(target)
    query = {name: tuple(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    lowered = {name.lower(): value for name, value in headers.items()}
    return Request(service, method, unquote(parts.path), query, lowered, body, at, target, cluster)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; Content-Length and Date are added where it is sent."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def value(self) -> Any:
        """The JSON in it. Raises ValueError where it is none."""
        return orjson.loads(self.body)


def answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A Google API's JSON answer."""
    fixed = (("Vary", "Origin, X-Origin, Referer"), ("Server", "ESF"), ("X-Content-Type-Options", "nosniff"))
    return Answer(status, orjson.dumps(value), headers=(*fixed, *headers))


class UnsupportedError(AssertionError):
    """The client asked for something that the double does not imitate: the test, not the client, is wrong."""


def check_parameters(request: Request, *known: str) -> None:
    """Raises UnsupportedError for a query parameter that the double would have to ignore."""
    unknown = set(request.query) - set(known) - ABSENT_PARAMETERS
    if unknown:
        raise UnsupportedError(f"{request.method} {request.target}: the double does not know {sorted(unknown)}")
