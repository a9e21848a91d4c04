"""Error bodies as the real APIs write them, and the category of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.failures import LONGEST_DETAIL, failure_of
from auditor.model.snapshot import Category

REPO = Path(__file__).resolve().parents[2]
RECORDED = REPO / "fixtures" / "kube-apiserver"
THIRD_PARTY = REPO.parent / "shared" / "recorded" / "third-party"

DISABLED = (
    "Compute Engine API has not been used in project 123456789012 before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/compute.googleapis.com/overview?project=123456789012 then retry."
)
INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def google(code: int, message: str, *, reason: str = "", info: str = "", status: str = "") -> bytes:
    """An error body with the old reason, the newer ErrorInfo, or both."""
    error: dict[str, Any] = {"code": code, "message": message}
    if status:
        error["status"] = status
    if reason:
        error["errors"] = [{"message": message, "domain": "usageLimits", "reason": reason}]
    if info:
        error["details"] = [{"@type": INFO, "reason": info, "domain": "googleapis.com", "metadata": {}}]
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("status", "body", "category", "is_transient"),
    [
        (403, google(403, DISABLED, reason="accessNotConfigured"), Category.API_DISABLED, False),
        (403, google(403, DISABLED, info="SERVICE_DISABLED", status="PERMISSION_DENIED"), Category.API_DISABLED, False),
        (403, google(403, DISABLED, status="PERMISSION_DENIED"), Category.API_DISABLED, False),
        (403, google(403, "This API method requires billing to be enabled."), Category.BILLING_DISABLED, False),
        (403, google(403, "Billing is off", info="BILLING_DISABLED"), Category.BILLING_DISABLED, False),
        (403, google(403, "Rate Limit Exceeded", reason="rateLimitExceeded"), Category.QUOTA, True),
        (403, google(403, "Quota exceeded", info="RATE_LIMIT_EXCEEDED"), Category.QUOTA, True),
        (403, google(403, "Daily limit", reason="dailyLimitExceeded"), Category.QUOTA, False),
        (429, google(429, "Too many", status="RESOURCE_EXHAUSTED"), Category.QUOTA, True),
        (403, google(403, "Required 'compute.x.list' permission", reason="forbidden"), Category.FORBIDDEN, False),
        (403, google(403, "no", info="USER_PROJECT_DENIED"), Category.FORBIDDEN, False),
        (401, google(401, "Invalid credentials", status="UNAUTHENTICATED"), Category.UNAUTHENTICATED, False),
        (404, google(404, "not found", reason="notFound"), Category.NOT_FOUND, False),
        (400, google(400, "Invalid value for field 'pageToken'"), Category.INVALID, False),
        (500, b"", Category.UNREACHABLE, True),
        (502, b"<html>", Category.UNREACHABLE, True),
        (503, google(503, "backend"), Category.UNREACHABLE, True),
        (504, b"", Category.TIMEOUT, True),
        (302, b"", Category.INVALID, False),
        (418, b"[]", Category.UNKNOWN, False),
        (403, b'[{"error": {"message": "wrapped", "status": "PERMISSION_DENIED"}}]', Category.FORBIDDEN, False),
        (400, b'{"error": "invalid_grant", "error_description": "Bad Request"}', Category.INVALID, False),
    ],
)
def test_category_of_a_google_answer(status: int, body: bytes, category: Category, is_transient: bool) -> None:
    failure = failure_of(status, body)
    assert (failure.category, failure.is_transient, failure.status) == (category, is_transient, status)
    assert str(status) in failure.detail


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("anonymous", Category.FORBIDDEN),
        ("forbidden-list-services", Category.FORBIDDEN),
        ("forbidden-before-404-gateway-api", Category.FORBIDDEN),
        ("forbidden-list-nodes-but-services-ok", Category.FORBIDDEN),
        ("unauthorized-bad-token", Category.UNAUTHENTICATED),
        ("not-installed-gateway-api", Category.NOT_FOUND),
        ("bad-continue", Category.INVALID),
        ("bad-limit", Category.INVALID),
        ("expired-continue", Category.INVALID),
        ("not-acceptable", Category.UNKNOWN),
    ],
)
def test_category_of_a_recorded_kubernetes_answer(name: str, category: Category) -> None:
    status = int((RECORDED / f"{name}.headers").read_text().split()[1])
    body = (RECORDED / f"{name}.body").read_bytes()
    failure = failure_of(status, body)
    assert failure.category is category
    assert not failure.is_transient
    if name != "not-installed-gateway-api":  # that one is no JSON
        assert " ".join(json.loads(body)["message"].split())[:60] in failure.detail


def test_category_of_answers_recorded_from_the_real_apis() -> None:
    path = THIRD_PARTY / "k8s-config-connector" / "errors.json"
    if not path.is_file():
        pytest.skip("LEFT OUT: the recordings of other projects are not here")
    seen: dict[int, set[Category]] = {}
    for record in json.loads(path.read_text()):
        failure = failure_of(record["status"], json.dumps(record["body"]).encode())
        if "has not been used in project" in failure.detail:
            assert failure.category is Category.API_DISABLED
        seen.setdefault(record["status"], set()).add(failure.category)
    assert seen[403] == {Category.API_DISABLED, Category.FORBIDDEN}
    assert seen[404] == {Category.NOT_FOUND}


def test_disabled_apis_recorded_from_the_real_apis() -> None:
    recordings = sorted((THIRD_PARTY / "cloud-custodian").glob("*-api-disabled/*.json"))
    if not recordings:
        pytest.skip("LEFT OUT: the recordings of other projects are not here")
    for path in recordings:
        record = json.loads(path.read_text())
        if record["headers"]["status"] == "403":
            failure = failure_of(403, json.dumps(record["body"]).encode())
            assert failure.category is Category.API_DISABLED, path


def test_a_long_message_of_many_lines_becomes_one_short_line() -> None:
    failure = failure_of(403, google(403, "a\nb\t c " + "x" * 5000))
    assert failure.detail.startswith("HTTP 403: a b c xxx")
    assert len(failure.detail) == LONGEST_DETAIL


def test_what_an_answer_asks_to_wait_is_read() -> None:
    assert failure_of(429, b"", {"Retry-After": "7"}).pause_s == 7
    assert failure_of(429, b"", {"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"}).pause_s is None
    assert failure_of(403, b"", {"Retry-After": "7"}).pause_s is None
