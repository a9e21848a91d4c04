"""What can go wrong on the way: a plan of faults, and how each kind spoils an answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from auditor.model.names import parse_link

from . import refusals, selection
from .exchange import Answer, Request, answer

LIST_KEYS = ("items", "results", "assets", "projects", "folders", "resources", "services", "clusters")
LOST_PAGE_TOKEN = "bG9zdC1wYWdl"  # noqa: S105 - names a page


class Manner(StrEnum):
    """How the bytes of an answer travel."""

    SENT = "sent"
    TRUNCATED = "truncated"
    """Half of the body, with a Content-Length that fits the half."""
    DROPPED = "dropped"
    """Half of the body, then the connection is closed."""
    RESET = "reset"
    """The connection is closed before the first byte."""
    HUNG = "hung"
    """Nothing comes until the client or the server closes."""
    DRIPPING = "dripping"
    """A byte now and then: every read succeeds, the answer never ends."""
    DRIPPING_HEAD = "dripping_head"
    """The same, before the headers have ended."""


@dataclass(frozen=True, slots=True)
class Spoiled:
    answer: Answer
    manner: Manner = Manner.SENT
    is_spoiled: bool = True
    """False: this kind of fault cannot befall this request, the answer is the right one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: for the requests that match, after the first `after` of them, `times` times.

    `match` is a function, or a method ("" for any) and a regular expression that is searched in "SERVICE/PATH?QUERY".
    `scope` is the region or zone of unreachable_scope; without it, the first one that has something on the page.
    """

    match: Callable[[Request], bool] | tuple[str, str]
    kind: str
    times: int | None = None
    after: int = 0
    scope: str | None = None

    def matches(self, request: Request) -> bool:
        if callable(self.match):
            return self.match(request)
        method, pattern = self.match
        wanted = not method or method == request.method
        return wanted and re.search(pattern, f"{request.service}{request.target}") is not None


@dataclass(slots=True)
class Plan:
    """The faults of a server and how often each has struck; safe to use from many threads."""

    faults: tuple[Fault, ...] = ()
    hits: list[int] = field(default_factory=list)
    _seen: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Plan:
        planned = tuple(faults)
        unknown = [fault.kind for fault in planned if fault.kind not in KINDS]
        if unknown:
            raise ValueError(f"unknown kinds of fault: {unknown}; known: {sorted(KINDS)}")
        return cls(planned, [0] * len(planned), [0] * len(planned))

    def strike(self, request: Request, good: Callable[[], Answer], number: str) -> tuple[Spoiled, str]:
        """The answer after the first fault that is due for this request, and that fault's kind ("" for none)."""
        for index, fault in enumerate(self.faults):
            if not fault.matches(request) or not self._is_due(index, fault):
                continue
            spoiled = spoil(fault.kind, request, good, number, fault.scope)
            if spoiled.is_spoiled:
                return spoiled, fault.kind
            with self._lock:
                self.hits[index] -= 1
        return Spoiled(good(), is_spoiled=False), ""

    def _is_due(self, index: int, fault: Fault) -> bool:
        with self._lock:
            self._seen[index] += 1
            is_due = self._seen[index] > fault.after and (fault.times is None or self.hits[index] < fault.times)
            self.hits[index] += is_due
            return is_due


def spoil(kind: str, request: Request, good: Callable[[], Answer], number: str, scope: str | None = None) -> Spoiled:
    """The answer to a request that a fault of this kind befalls; `number` is that of the project concerned."""
    if request.path == "/token" and kind in _TOKEN_ERRORS:
        return Spoiled(_token_error(*_TOKEN_ERRORS[kind]))
    if kind in _REFUSALS:
        return Spoiled(_REFUSALS[kind](request, number))
    if kind in _MANNERS:
        return Spoiled(good(), _MANNERS[kind])
    return _REWRITES[kind](request, good(), scope)


# --- refusals ---


def _forbidden(request: Request, _: str) -> Answer:
    parts = [part for part in request.path.split("/") if part]
    if request.cluster is not None:
        group, plural, namespace, name = kube_address(request.path)
        verb = "get" if name else "list"
        return refusals.kube_forbidden(refusals.CALLER, verb, group, plural, namespace, name)
    project = parts[parts.index("projects") + 1] if "projects" in parts[:-1] else "-"
    return refusals.forbidden(request, permission_of(request), f"projects/{project}")


def permission_of(request: Request) -> str:
    """The IAM permission that a Google request needs, for the text of a refusal."""
    parts = [part for part in request.path.split("/") if part]
    is_list = "aggregated" in parts or len(parts) % 2 == 1
    verb = "list" if is_list else "get"
    if request.service == "compute":
        if parts[-2:-1] == ["projects"]:
            return "compute.projects.get"
        return f"compute.{parts[-1] if is_list else parts[-2]}.{verb}"
    if request.service == "container":
        return f"container.clusters.{'list' if parts[-1] == 'clusters' else 'get'}"
    return f"{request.service}.{parts[-1].rpartition(':')[2]}.{verb}"


def kube_address(path: str) -> tuple[str, str, str, str]:
    """API group, plural, namespace and name of a Kubernetes request; "" for what it does not have."""
    if "/gkeMemberships/" in path:
        path = "/" + path.partition("/gkeMemberships/")[2].partition("/")[2]
    parts = [part for part in path.split("/") if part]
    group, rest = ("", parts[2:]) if parts[:1] == ["api"] else ("".join(parts[1:2]), parts[3:])
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    elif rest[:1] == ["namespaces"] and len(rest) == 2:
        namespace = rest[1]
    return group, "".join(rest[:1]), namespace, "".join(rest[1:2])


def _missing(request: Request, _: str) -> Answer:
    if request.cluster is not None:
        group, plural, _, name = kube_address(request.path)
        return refusals.kube_not_found(group, plural, name) if name else refusals.no_such_page()
    path = request.path.lstrip("/")
    return refusals.not_found(request, path[path.find("projects/") :] if "projects/" in path else path)


_REFUSALS: Mapping[str, Callable[[Request, str], Answer]] = {
    "forbidden": _forbidden,
    "api_disabled": lambda request, number: refusals.api_disabled(request, number, old_form=False),
    "access_not_configured": lambda request, number: refusals.api_disabled(request, number, old_form=True),
    "billing_disabled": refusals.billing_disabled,
    "unauthenticated": lambda request, _: refusals.unauthenticated(request),
    "not_found": _missing,
    "quota": refusals.quota_exceeded,
    "too_many": lambda request, _: refusals.too_many_requests(request),
    "s500": lambda request, _: refusals.server_error(request, 500),
    "s503": lambda request, _: refusals.server_error(request, 503),
    "garbage": lambda request, _: Answer(
        200,
        b"<!DOCTYPE html><html><head><title>Sign in to the guest network</title></head><body>Welcome</body></html>",
        "text/html; charset=utf-8",
    ),
    "wrong_kind": lambda request, _: _other_kind(request),
}
_TOKEN_ERRORS: Mapping[str, tuple[int, str, str]] = {
    "forbidden": (403, "access_denied", "Account restricted."),
    "unauthenticated": (401, "invalid_client", "The OAuth client was deleted."),
    "not_found": (400, "invalid_grant", "Invalid grant: account not found"),
    "api_disabled": (400, "invalid_grant", "Invalid JWT Signature."),
    "access_not_configured": (400, "invalid_grant", "Invalid JWT Signature."),
    "billing_disabled": (400, "invalid_grant", "Invalid JWT Signature."),
    "s500": (500, "internal_failure", "Backend Error"),
    "s503": (503, "temporarily_unavailable", "Backend Error"),
    "too_many": (429, "rate_limit_exceeded", "Too many requests"),
    "quota": (403, "rate_limit_exceeded", "Rate limit exceeded"),
}


def _token_error(code: int, error: str, description: str) -> Answer:
    return answer({"error": error, "error_description": description}, code)


def _other_kind(request: Request) -> Answer:
    if request.cluster is not None:
        return refusals.kube_answer(
            {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}
        )
    return answer({"kind": "storage#buckets", "items": []})


# --- the way ---

_MANNERS: Mapping[str, Manner] = {
    "truncated": Manner.TRUNCATED,
    "dropped": Manner.DROPPED,
    "reset": Manner.RESET,
    "hung": Manner.HUNG,
    "dripping": Manner.DRIPPING,
    "dripping_head": Manner.DRIPPING_HEAD,
}

# --- lists with something missing ---


def _unreachable_scope(request: Request, good: Answer, scope: str | None) -> Spoiled:
    """A region or zone did not answer: its part of an aggregated list is a warning, a cluster list names it."""
    if good.status != 200 or request.method != "GET":
        return Spoiled(good, is_spoiled=False)
    value = good.value
    if "/aggregated/" in request.path and request.service == "compute":
        return _unreachable_in_aggregated(request, value, scope)
    if request.service == "container" and request.path.endswith("/clusters"):
        clusters = value.get("clusters", [])
        zone = scope.rpartition("/")[2] if scope else (clusters[0]["location"] if clusters else "asia-east1-a")
        kept = [cluster for cluster in clusters if cluster["location"] != zone]
        left = {**({"clusters": kept} if kept else {}), "missingZones": [zone]}
        return Spoiled(answer(selection.as_asked(request, left)))
    return Spoiled(good, is_spoiled=False)


def _unreachable_in_aggregated(request: Request, value: Any, scope: str | None) -> Spoiled:
    collection = request.path.rpartition("/")[2]
    scopes = value.setdefault("items", {})
    found = (name for name, part in scopes.items() if part.get(collection) and name != "global")
    lost = scope or next(found, next((name for name in scopes if name != "global"), "regions/asia-east1"))
    if request.is_later_page and lost not in scopes:
        return Spoiled(answer(value), is_spoiled=False)
    warning = {
        "code": "UNREACHABLE",
        "message": f"The scope '{lost}' is unreachable.",
        "data": [{"key": "scope", "value": lost}],
    }
    scopes[lost] = {"warning": warning}
    project = parse_link(f"{request.path.partition('/aggregated/')[0]}/global/x/y")
    prefix = f"projects/{project.project}/" if project else ""
    value["unreachables"] = sorted({*value.get("unreachables", ()), prefix + lost})
    return Spoiled(answer(selection.as_asked(request, value)))


def _lost_page(request: Request, good: Answer, _: str | None) -> Spoiled:
    """There is a page after the first, and it cannot be had."""
    if request.is_later_page:
        if request.cluster is not None:
            text = "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning"
            return Spoiled(refusals.status(400, "BadRequest", f"{text} of value"))
        return Spoiled(refusals.invalid(request, "Invalid value for field 'pageToken': 'expired'.", "pageToken"))
    return _with_next_page(request, good)


def _expired_continue(request: Request, good: Answer, _: str | None) -> Spoiled:
    if request.cluster is None:
        return Spoiled(good, is_spoiled=False)
    if request.is_later_page:
        fresh = {"continue": "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoibnMwL3N2Yy0wMDA1MFx1MDAwMCJ9"}
        return Spoiled(refusals.status(410, "Expired", refusals.EXPIRED, metadata=fresh))
    return _with_next_page(request, good)


def _with_next_page(request: Request, good: Answer) -> Spoiled:
    """The first page, which now says that another follows."""
    if good.status != 200 or request.method != "GET":
        return Spoiled(good, is_spoiled=False)
    value = good.value
    if request.cluster is not None:
        if "items" not in value:
            return Spoiled(good, is_spoiled=False)
        value["metadata"].setdefault("continue", LOST_PAGE_TOKEN)
        return Spoiled(refusals.kube_answer(value))
    has_pages = request.service != "container" and not request.path.endswith("getXpnHost")
    is_list = any(key in value for key in LIST_KEYS) or value.get("kind", "").endswith("List") or value == {}
    if not has_pages or not is_list:
        return Spoiled(good, is_spoiled=False)
    value.setdefault("nextPageToken", LOST_PAGE_TOKEN)
    return Spoiled(answer(selection.as_asked(request, value)))


def _empty_object(request: Request, good: Answer, _: str | None) -> Spoiled:
    """{} in place of an answer; of most of Google's lists that would be the truth of an empty one."""
    if request.cluster is None and (request.service not in ("compute", "oauth2") or "getXpn" in request.path):
        return Spoiled(good, is_spoiled=False)
    return Spoiled(answer({}))


_REWRITES: Mapping[str, Callable[[Request, Answer, str | None], Spoiled]] = {
    "empty_object": _empty_object,
    "unreachable_scope": _unreachable_scope,
    "lost_page": _lost_page,
    "expired_continue": _expired_continue,
}
KINDS = frozenset({*_REFUSALS, *_MANNERS, *_REWRITES})
