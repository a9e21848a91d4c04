"""Why a request failed: every error answer and every broken connection becomes one category and one sentence.

The shapes are those of Google's APIs (the old `errors[].reason` and the newer ErrorInfo), of a Kubernetes API server
(Status) and of whatever else answers in their place: a proxy, a log-in page, nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from auditor.model.snapshot import Category

LONGEST_DETAIL = 400
_TRANSIENT_STATUSES: Mapping[int, Category] = {
    429: Category.QUOTA,
    500: Category.UNREACHABLE,
    502: Category.UNREACHABLE,
    503: Category.UNREACHABLE,
    504: Category.TIMEOUT,
}
_OTHER_STATUSES: Mapping[int, Category] = {
    400: Category.INVALID,
    401: Category.UNAUTHENTICATED,
    403: Category.FORBIDDEN,
    404: Category.NOT_FOUND,
    407: Category.UNREACHABLE,
    408: Category.TIMEOUT,
    410: Category.INVALID,
}
_DISABLED = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
_NO_BILLING = frozenset({"BILLING_DISABLED", "billingNotEnabled", "UREQ_PROJECT_BILLING_NOT_FOUND"})
_TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_USED_UP = frozenset({"quotaExceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED", "RESOURCE_QUOTA_EXCEEDED"})
_WRONG_QUOTA_PROJECT = "USER_PROJECT_DENIED"


class RequestFailed(Exception):
    """One request that brought no usable answer. `is_transient`: asking again may help."""

    def __init__(
        self,
        category: Category,
        detail: str,
        *,
        is_transient: bool = False,
        status: int | None = None,
        pause_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.category = category
        self.detail = one_line(detail)
        self.is_transient = is_transient
        self.status = status
        """The HTTP status; None where no answer came."""
        self.pause_s = pause_s
        """How long the answer asks to wait before the next try."""


def one_line(text: str) -> str:
    """A text from the cloud as one short line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_DETAIL else f"{line[: LONGEST_DETAIL - 1]}…"


def invalid(detail: str) -> RequestFailed:
    """An answer that is no answer to what was asked."""
    return RequestFailed(Category.INVALID, detail)


def failure_of(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> RequestFailed:
    """What an HTTP status other than 2xx and its body mean."""
    message, reasons = _read_error(body)
    detail = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    category, is_transient = _judge(status, message, reasons)
    return RequestFailed(
        category, detail, is_transient=is_transient, status=status, pause_s=_pause(headers) if is_transient else None
    )


def _judge(status: int, message: str, reasons: frozenset[str]) -> tuple[Category, bool]:
    if status in (400, 403, 404):
        words = message.lower()
        if reasons & _NO_BILLING or "billing to be enabled" in words or "billing is disabled" in words:
            return Category.BILLING_DISABLED, False
        if reasons & _DISABLED or ("has not been used in project" in words and "disabled" in words):
            return Category.API_DISABLED, False
        if reasons & _TOO_FAST:
            return Category.QUOTA, True
        if reasons & _USED_UP:
            return Category.QUOTA, False
    if status in _TRANSIENT_STATUSES:
        return _TRANSIENT_STATUSES[status], True
    if 300 <= status < 400:
        return Category.INVALID, False
    return _OTHER_STATUSES.get(status, Category.UNKNOWN), False


def _read_error(body: bytes) -> tuple[str, frozenset[str]]:
    """The message of an error body and every reason that it gives; ("", empty) for anything else than JSON."""
    try:
        parsed = orjson.loads(body)
    except ValueError:
        return "", frozenset()
    if isinstance(parsed, list) and len(parsed) == 1:  # some of Google's APIs wrap their errors
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return "", frozenset()
    error = parsed.get("error", parsed)
    if isinstance(error, str):  # OAuth: {"error": "invalid_grant", "error_description": ...}
        described = parsed.get("error_description")
        return f"{error}: {described}" if isinstance(described, str) else error, frozenset({error})
    if not isinstance(error, dict):
        return "", frozenset()
    message = error.get("message")
    return message if isinstance(message, str) else "", frozenset(_reasons(error))


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    for key in ("status", "reason"):
        if isinstance(error.get(key), str):
            yield error[key]
    for item in (*_dicts(error.get("errors")), *_dicts(error.get("details"))):
        if isinstance(item.get("reason"), str):
            yield item["reason"]


def _dicts(value: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def _pause(headers: Mapping[str, str] | None) -> float | None:
    """Retry-After in seconds; a date is not heeded, the back-off will do."""
    written = (headers or {}).get("Retry-After", "")
    return float(written) if written.isdigit() else None


def hint_for_start(failure: RequestFailed) -> str:
    """What to do where the very first request fails, before there is a report that could say it."""
    if _WRONG_QUOTA_PROJECT in failure.detail or "serviceusage.services.use" in failure.detail:
        return "Name a project that may be charged for quota with --quota-project, or leave that option out."
    steps = {
        Category.UNAUTHENTICATED: "gcloud auth application-default login",
        Category.TIMEOUT: "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), or raise --timeout.",
        Category.UNREACHABLE: "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE).",
    }
    return steps.get(failure.category, "gke-auditor check-access shows what the account may read.")
