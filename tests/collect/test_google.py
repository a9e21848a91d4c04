"""Endpoints, tokens, and what becomes of every kind of answer."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from google.auth.exceptions import RefreshError, TransportError
from requests.exceptions import ReadTimeout

from auditor.collect.failures import RequestFailed
from auditor.collect.google import (
    Endpoints,
    Network,
    Tokens,
    network_of,
    parse_endpoint,
    parse_universe,
    sign_in,
)
from auditor.collect.patience import Patience
from auditor.errors import NothingRead, UsageError
from auditor.model.snapshot import Category

from .stub import Clock, Credentials, Reply, Stub, api, patience, serve


def failure_from(reply: Reply, *, timeout_s: float = 5) -> tuple[RequestFailed, int]:
    """What one answer, given for ever, means, and how often it was asked for."""
    clock = Clock()
    with serve(lambda number, path: reply) as stub, pytest.raises(RequestFailed) as caught:
        api(stub, patience(clock, timeout_s=timeout_s, retry_for_s=3)).get("compute", "/x")
    return caught.value, len(stub.asked)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"


# --- endpoints ---


def test_services_answer_at_their_public_host_or_at_the_one_that_is_named() -> None:
    endpoints = Endpoints(overrides={"compute": "https://compute-psc.p.googleapis.com"})
    assert endpoints.root("compute") == "https://compute-psc.p.googleapis.com"
    assert endpoints.root("container") == "https://container.googleapis.com"
    assert Endpoints("example.goog").root("compute") == "https://compute.example.goog"


def test_connect_gateway_has_a_host_for_each_region_and_a_bare_one_for_global_memberships() -> None:
    assert Endpoints().gateway("global") == "https://connectgateway.googleapis.com"
    assert Endpoints().gateway("us-central1") == "https://us-central1-connectgateway.googleapis.com"
    assert Endpoints(overrides={"connectgateway": "https://g"}).gateway("us-central1") == "https://g"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("compute=https://psc.p.googleapis.com", ("compute", "https://psc.p.googleapis.com")),
        ("compute=http://127.0.0.1:8080/compute/v1/", ("compute", "http://127.0.0.1:8080")),
        ("container=http://localhost:1", ("container", "http://localhost:1")),
        ("dns=http://[::1]:8", ("dns", "http://[::1]:8")),
        ("bigquery=https://b.example:8443/", ("bigquery", "https://b.example:8443")),
    ],
)
def test_endpoint_is_read(text: str, expected: tuple[str, str]) -> None:
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("compute", "SERVICE=URL"),
        ("bucket=https://x", "SERVICE=URL"),
        ("compute=psc.p.googleapis.com", "no URL"),
        ("compute=ftp://x", "no URL"),
        ("compute=http://10.0.0.1", "loopback"),
        ("compute=http://127.0.0.1.evil.example", "loopback"),
        ("compute=https://x/other/path", "path"),
        ("container=https://x/compute/v1", "path"),
        ("compute=https://user:secret@x", "only scheme"),
        ("compute=https://x?y=z", "only scheme"),
        ("compute=https://x:port", "no URL"),
    ],
)
def test_endpoint_that_cannot_be_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_endpoint(text)


ISSUED = (
    "compute container cloudresourcemanager cloudasset serviceusage gkehub connectgateway cloudbilling logging "
    "monitoring dns storage bigquery"
)


@pytest.mark.parametrize("service", ISSUED.split())
def test_every_service_can_have_an_endpoint_of_its_own(service: str) -> None:
    assert parse_endpoint(f"{service}=https://{service}-x.p.googleapis.com") == (
        service,
        f"https://{service}-x.p.googleapis.com",
    )
    with pytest.raises(ValueError, match="loopback"):
        parse_endpoint(f"{service}=http://{service}-x.p.googleapis.com")


def test_universe_domain_is_a_domain() -> None:
    assert parse_universe(" Example.GOOG ") == "example.goog"
    for text in ("googleapis", "https://x.y", "a b.c", "x.y/", ""):
        with pytest.raises(ValueError, match="no domain"):
            parse_universe(text)


def test_network_settings_come_from_the_environment() -> None:
    found = network_of({"https_proxy": "http://p:3128", "NO_PROXY": "10.0.0.0/8", "CURL_CA_BUNDLE": "/ca.pem"})
    assert found == Network("/ca.pem", "http://p:3128", "10.0.0.0/8")
    assert network_of({}) == Network()


def test_a_ca_bundle_that_is_none_is_a_mistake_of_the_environment(tmp_path: Path) -> None:
    for content in (None, "no certificate"):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(UsageError, match=r"CA bundle .*ca\.pem cannot be used"):
            Network(str(path)).context()


def test_certificates_are_verified_and_so_are_their_names() -> None:
    context = Network().context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.get_ca_certs()
    assert Network().context() is not context


# --- answers ---


def test_a_json_object_is_returned_and_the_question_carries_the_token() -> None:
    with serve(lambda number, path: Reply(body=b'{"a": [1]}')) as stub:
        answer = api(stub, Patience()).get("compute", "/x", {"maxResults": 500, "types": ("a", "b")})
    assert answer == {"a": [1]}
    path, headers = stub.asked[0]
    assert path == "/x?maxResults=500&types=a&types=b"
    assert headers["authorization"] == "Bearer token-1"


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(json.dumps({"x": "y" * 100_000}).encode())
    with serve(lambda number, path: Reply(body=packed, headers={"Content-Encoding": "gzip"})) as stub:
        assert len(api(stub, Patience()).get("compute", "/x")["x"]) == 100_000


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(body=b'{"items": [{"name": "a"}, {"na'), "not valid JSON"),
        (Reply(body=b""), "not valid JSON"),
        (Reply(body=b" <!DOCTYPE html><html>", headers={"Content-Type": "text/html"}), "web page"),
        (Reply(body=b"[]"), "list in place of an object"),
        (Reply(body=b"null"), "in place of an object"),
        (Reply(302, b"", {"Location": "https://login.example/"}), "HTTP 302"),
        (Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}), "damaged"),
    ],
)
def test_a_wrong_answer_is_invalid_and_asked_for_once(reply: Reply, words: str) -> None:
    failure, count = failure_from(reply)
    assert failure.category is Category.INVALID
    assert words in failure.detail
    assert count == 1


@pytest.mark.parametrize("reply", [Reply(body=None), Reply(body=b'{"a": 1}' * 99, cut_at=20), Reply(503, b"")])
def test_a_dropped_connection_and_a_busy_service_are_asked_again(reply: Reply) -> None:
    failure, count = failure_from(reply)
    assert failure.category is Category.UNREACHABLE
    assert count > 1
    assert f"asked {count} times" in failure.detail


def test_what_works_at_the_third_time_is_an_answer() -> None:
    clock = Clock()
    replies = [Reply(body=None), Reply(503, b"{}"), Reply(body=b'{"ok": 1}')]
    with serve(lambda number, path: replies[number]) as stub:
        assert api(stub, patience(clock)).get("compute", "/x") == {"ok": 1}


def test_a_silent_server_costs_one_time_out_and_is_asked_once() -> None:
    began = time.monotonic()
    with serve(lambda number, path: Reply(hangs=True)) as stub:
        with pytest.raises(RequestFailed) as caught:
            api(stub, Patience(timeout_s=0.3)).get("compute", "/x")
        took = time.monotonic() - began
    assert caught.value.category is Category.TIMEOUT
    assert caught.value.detail == "no answer within 0.3 s"
    assert len(stub.asked) == 1
    assert 0.3 <= took < 1.5


@pytest.mark.parametrize("said", [HEAD, b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_server_that_never_comes_to_an_end_costs_one_time_out(said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()
    began = time.monotonic()

    def drip() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(said)
        with contextlib.suppress(OSError):  # the client has had enough
            while not is_over.wait(0.05):
                connection.sendall(b" ")
        connection.close()

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    stub = Stub(f"http://127.0.0.1:{listener.getsockname()[1]}", [])
    try:
        with pytest.raises(RequestFailed, match=r"within 0\.4 s") as caught:
            api(stub, Patience(timeout_s=0.4)).get("compute", "/x")
        assert time.monotonic() - began < 2
    finally:
        stub.opened[0].close()
        is_over.set()
        thread.join(5)
        listener.close()
    assert caught.value.category is Category.TIMEOUT


def test_a_refused_connection_is_unreachable_and_not_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock = Clock()
    with pytest.raises(RequestFailed, match="no connection") as caught:
        api(Stub(url, []), patience(clock)).get("compute", "/x")
    assert caught.value.category is Category.UNREACHABLE
    assert clock.pauses == []


def test_a_certificate_that_nobody_signed_is_told_and_not_asked_again() -> None:
    with serve(lambda number, path: Reply()) as stub:
        clock = Clock()
        wrong = Stub(stub.url.replace("http:", "https:"), [])
        with pytest.raises(RequestFailed) as caught:
            api(wrong, patience(clock, timeout_s=2)).get("compute", "/x")
    assert caught.value.category is Category.UNREACHABLE


# --- tokens ---


def test_a_refused_token_is_replaced_once() -> None:
    credentials = Credentials()
    replies = [Reply(401, b"{}"), Reply(body=b'{"ok": 1}')]
    with serve(lambda number, path: replies[number]) as stub:
        assert api(stub, Patience(), credentials).get("compute", "/x") == {"ok": 1}
    assert [headers["authorization"] for _, headers in stub.asked] == ["Bearer token-1", "Bearer token-2"]


def test_an_account_that_is_refused_for_good_is_unauthenticated() -> None:
    failure, count = failure_from(Reply(401, b"{}"))
    assert failure.category is Category.UNAUTHENTICATED
    assert count == 2


def test_many_threads_get_one_new_token() -> None:
    credentials = Credentials()
    tokens = Tokens(credentials, Patience(), Network())  # type: ignore[arg-type]
    ready = threading.Barrier(16)

    def ask() -> None:
        ready.wait()
        tokens.current()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert credentials.count == 1
    assert tokens.replace("token-1") == "token-2"
    assert tokens.replace("token-1") == "token-2"  # another thread has seen to it


@pytest.mark.parametrize(
    ("error", "category", "is_transient"),
    [
        (RefreshError("invalid_grant: Bad Request"), Category.UNAUTHENTICATED, False),
        (RefreshError("internal", retryable=True), Category.UNAUTHENTICATED, True),
        (TransportError("Connection aborted"), Category.UNREACHABLE, True),
        (TransportError(ReadTimeout("Read timed out. (read timeout=3)")), Category.TIMEOUT, False),
    ],
)
def test_a_token_that_cannot_be_had(error: Any, category: Category, is_transient: bool) -> None:
    limits = patience(Clock(), retry_for_s=1)
    with pytest.raises(RequestFailed, match="no access token") as caught:
        Tokens(Credentials(error), limits, Network()).current()  # type: ignore[arg-type]
    assert (caught.value.category, caught.value.is_transient) == (category, is_transient)


def test_without_credentials_nothing_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(NothingRead, match="no usable Google credentials") as caught:
        sign_in(Patience(), Network(), Endpoints())
    assert "gcloud auth application-default login" in caught.value.hint


def test_credentials_that_are_no_json_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(NothingRead, match="no usable Google credentials"):
        sign_in(Patience(), Network(), Endpoints())
