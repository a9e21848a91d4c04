"""One cluster's API server: recorded answers, lists that break off, kinds that are not served."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration

from auditor.collect.failures import RequestFailed
from auditor.collect.kubernetes import (
    RESTARTS,
    ClusterApi,
    Connector,
    Served,
    connect,
    context_key,
    context_of,
    core,
    fetch,
    fetch_groups,
    fetch_ingress_uid,
    fetch_kinds,
    find_contexts,
    locate,
    trimmed,
    versions_of_interest,
)
from auditor.errors import UsageError
from auditor.model.names import ClusterKey
from auditor.model.snapshot import Category, Status

from .stub import Clock, Reply, Stub, patience, serve

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "kube-apiserver"
KEY = ClusterKey("acme", "r1", "prod")
SERVICES = core("services")


def recorded(name: str) -> Reply:
    status = int((RECORDED / f"{name}.headers").read_text().split()[1])
    headers = dict(
        line.split(": ", 1) for line in (RECORDED / f"{name}.headers").read_text().splitlines() if ": " in line
    )
    return Reply(status, (RECORDED / f"{name}.body").read_bytes(), {"Content-Type": headers["content-type"]})


def said(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


@contextmanager
def answering(*replies: Reply) -> Iterator[tuple[ClusterApi, Stub, Clock]]:
    """An API server that gives these answers in turn, the last one for ever."""
    clock = Clock()
    with serve(lambda number, path: replies[min(number, len(replies) - 1)]) as stub:
        configuration: Any = Configuration()
        configuration.host = stub.url
        configuration.retries = False
        api = ClusterApi(ApiClient(configuration), patience(clock, timeout_s=5, retry_for_s=5), None)
        yield api, stub, clock
        api.close()


def page(names: str, token: str = "", **metadata: Any) -> dict[str, Any]:
    items = [{"metadata": {"name": name, "namespace": "n"}} for name in names]
    return {
        "kind": "ServiceList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1", **({"continue": token} if token else {}), **metadata},
        "items": items,
    }


def names_of(items: Any) -> str:
    return "".join(item["metadata"]["name"] for item in items)


# --- lists ---


def test_a_recorded_page_and_the_one_after_it() -> None:
    first = json.loads(recorded("ok-list-services-limit3").body or b"")
    with answering(recorded("ok-list-services-limit3"), said(page("z"))) as (api, stub, _):
        listed = fetch(api, KEY, SERVICES)
    assert listed.coverage.status is Status.COMPLETE
    assert listed.coverage.scope == "clusters/acme/r1/prod/services"
    assert listed.coverage.count == len(first["items"]) + 1
    assert "managedFields" not in repr(listed.items)
    assert [item["spec"] for item in listed.items[:-1]] == [item["spec"] for item in first["items"]]
    assert stub.asked[0][0] == "/api/v1/services?limit=500"
    assert f"continue={first['metadata']['continue']}" in stub.asked[1][0]


def test_a_recorded_empty_list() -> None:
    with answering(recorded("ok-list-ingresses-empty")) as (api, _, _):
        listed = fetch(api, KEY, Served("networking.k8s.io/v1", "ingresses", "Ingress"))
    assert (listed.coverage.status, listed.coverage.count, listed.items) == (Status.COMPLETE, 0, ())


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("forbidden-list-services", Category.FORBIDDEN),
        ("anonymous", Category.FORBIDDEN),
        ("unauthorized-bad-token", Category.UNAUTHENTICATED),
        ("not-installed-gateway-api", Category.NOT_FOUND),
        ("bad-limit", Category.INVALID),
    ],
)
def test_a_recorded_refusal_is_a_gap(name: str, category: Category) -> None:
    with answering(recorded(name)) as (api, stub, _):
        listed = fetch(api, KEY, SERVICES)
    assert (listed.coverage.status, listed.coverage.category) == (Status.FAILED, category)
    assert listed.items == ()
    assert len(stub.asked) == 1


def test_a_list_that_expires_is_begun_again() -> None:
    with answering(said(page("ab", "t1")), recorded("expired-continue"), said(page("cd", "t2")), said(page("e"))) as (
        api,
        stub,
        _,
    ):
        listed = fetch(api, KEY, SERVICES)
    assert names_of(listed.items) == "cde"
    assert listed.coverage.status is Status.COMPLETE
    assert ["continue" in path for path, _ in stub.asked] == [False, True, False, True]
    fresh = json.loads(recorded("expired-continue").body or b"")["metadata"]["continue"]
    assert not [path for path, _ in stub.asked if fresh in path]


def test_a_list_that_always_expires_is_a_gap() -> None:
    with answering(*[said(page("ab", "t")), recorded("expired-continue")] * (RESTARTS + 2)) as (api, stub, _):
        listed = fetch(api, KEY, SERVICES)
    assert (listed.coverage.status, listed.coverage.category) == (Status.PARTIAL, Category.INVALID)
    assert names_of(listed.items) == "ab"
    assert len(stub.asked) == 2 * (RESTARTS + 1)


def test_a_page_that_is_lost_leaves_the_ones_before_it() -> None:
    with answering(said(page("ab", "t")), recorded("bad-continue")) as (api, _, _):
        listed = fetch(api, KEY, SERVICES)
    assert (listed.coverage.status, listed.coverage.category) == (Status.PARTIAL, Category.INVALID)
    assert listed.coverage.detail.startswith("page 2: HTTP 400: invalid continue token")
    assert listed.coverage.missing == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []},
        {**page("a"), "apiVersion": "v2"},
        {**page("a"), "metadata": None},
        {**page("a"), "items": {}},
        page("a", remainingItemCount=7),
        {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "rows": []},
        {"kind": "Status", "status": "Failure", "code": 403},
    ],
)
def test_another_answer_is_never_an_empty_list(body: Any) -> None:
    with answering(said(body)) as (api, _, _):
        listed = fetch(api, KEY, SERVICES)
    assert (listed.coverage.status, listed.coverage.category) == (Status.FAILED, Category.INVALID)


def test_one_odd_object_makes_the_list_partial() -> None:
    body = page("a")
    body["items"].append("b")
    with answering(said(body)) as (api, _, _):
        listed = fetch(api, KEY, SERVICES)
    assert (listed.coverage.status, listed.coverage.category) == (Status.PARTIAL, Category.INVALID)
    assert names_of(listed.items) == "a"


def test_a_busy_server_is_asked_again() -> None:
    with answering(Reply(429, b"", {"Retry-After": "1"}), Reply(body=None), said(page("a"))) as (api, _, clock):
        assert fetch(api, KEY, SERVICES).coverage.status is Status.COMPLETE
    assert clock.pauses[0] == 1


def test_a_silent_server_costs_one_time_out() -> None:
    with serve(lambda number, path: Reply(hangs=True)) as stub:
        configuration: Any = Configuration()
        configuration.host, configuration.retries = stub.url, False
        api = ClusterApi(ApiClient(configuration), patience(Clock(), timeout_s=0.2), None)
        listed = fetch(api, KEY, SERVICES)
        api.close()
    assert (listed.coverage.status, listed.coverage.category) == (Status.FAILED, Category.TIMEOUT)
    assert len(stub.asked) == 1


def test_what_is_kept_of_an_object() -> None:
    node = {
        "metadata": {"name": "n", "managedFields": [1], "labels": {"a": "b"}},
        "spec": {"providerID": "gce://p/z/n"},
        "status": {"addresses": [1], "images": [2], "conditions": [3]},
    }
    kept = {"metadata": {"name": "n", "labels": {"a": "b"}}, "spec": node["spec"], "status": {"addresses": [1]}}
    assert trimmed("nodes", node) == kept
    assert trimmed("services", {"status": {"x": 1}, "metadata": None}) == {"status": {"x": 1}, "metadata": None}


# --- the one config map ---


def test_the_ingress_uid() -> None:
    config_map = {
        "kind": "ConfigMap",
        "metadata": {"name": "ingress-uid", "namespace": "kube-system"},
        "data": {"uid": "x"},
    }
    with answering(said(config_map)) as (api, stub, _):
        listed = fetch_ingress_uid(api, KEY)
    assert (listed.coverage.status, listed.coverage.count) == (Status.COMPLETE, 1)
    assert stub.asked[0][0] == "/api/v1/namespaces/kube-system/configmaps/ingress-uid"


def test_only_the_api_server_can_say_that_there_is_none() -> None:
    missing = {
        "kind": "Status",
        "status": "Failure",
        "reason": "NotFound",
        "message": 'configmaps "ingress-uid" not found',
    }
    with answering(said(missing, 404)) as (api, _, _):
        assert fetch_ingress_uid(api, KEY).coverage.status is Status.COMPLETE
    for reply in (recorded("not-installed-gateway-api"), said({"kind": "ConfigMap", "metadata": {"name": "other"}})):
        with answering(reply) as (api, _, _):
            assert fetch_ingress_uid(api, KEY).coverage.status is Status.FAILED


# --- discovery ---


def test_recorded_groups() -> None:
    with answering(recorded("api-groups")) as (api, _, _):
        groups = fetch_groups(api)
    assert groups["networking.k8s.io"][0] == "v1"
    assert "gateway.networking.k8s.io" not in groups
    assert set(versions_of_interest(groups)) >= {"networking.k8s.io/v1", "discovery.k8s.io/v1"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "APIGroupList"},
        {"kind": "APIGroupList", "groups": []},
        {"kind": "APIGroupList", "groups": [{}]},
        {"kind": "x", "groups": []},
    ],
)
def test_groups_that_cannot_be_read(body: Any) -> None:
    with answering(said(body)) as (api, _, _), pytest.raises(RequestFailed) as caught:
        fetch_groups(api)
    assert caught.value.category is Category.INVALID


def test_the_kinds_of_a_version() -> None:
    body = {"kind": "APIResourceList", "groupVersion": "g/v1", "resources": [{"name": "things", "kind": "Thing"}]}
    with answering(said(body)) as (api, _, _):
        assert fetch_kinds(api, "g/v1") == {"things": "Thing"}
        with pytest.raises(RequestFailed):
            fetch_kinds(api, "g/v2")


@pytest.mark.parametrize("resources", [None, [], [{}], "things"])
def test_a_version_that_serves_nothing_does_not_say_that_a_kind_is_absent(resources: Any) -> None:
    body = {"kind": "APIResourceList", "groupVersion": "g/v1", "resources": resources}
    with answering(said(body)) as (api, _, _), pytest.raises(RequestFailed) as caught:
        fetch_kinds(api, "g/v1")
    assert caught.value.category is Category.INVALID


GROUPS: Mapping[str, tuple[str, ...]] = {"networking.k8s.io": ("v1", "v1beta1"), "extensions": ("v1beta1",)}
LOST = RequestFailed(Category.TIMEOUT, "slow")


@pytest.mark.parametrize(
    ("plural", "kinds", "expected"),
    [
        ("ingresses", {"networking.k8s.io/v1": {"ingresses": "Ingress"}}, "networking.k8s.io/v1"),
        (
            "ingresses",
            {"networking.k8s.io/v1": {}, "networking.k8s.io/v1beta1": {"ingresses": "Ingress"}},
            "networking.k8s.io/v1beta1",
        ),
        (
            "ingresses",
            {
                "networking.k8s.io/v1": {},
                "networking.k8s.io/v1beta1": {},
                "extensions/v1beta1": {"ingresses": "Ingress"},
            },
            "extensions/v1beta1",
        ),
        ("ingresses", {"networking.k8s.io/v1": {}, "networking.k8s.io/v1beta1": {}, "extensions/v1beta1": {}}, None),
        ("ingresses", {"networking.k8s.io/v1": LOST, "networking.k8s.io/v1beta1": {}, "extensions/v1beta1": {}}, LOST),
        ("gateways", {}, None),
    ],
)
def test_where_a_kind_is_served(plural: str, kinds: Any, expected: Any) -> None:
    found = locate(plural, GROUPS, kinds)
    assert (found.version if isinstance(found, Served) else found) == expected


def test_a_kind_that_was_not_asked_about_is_not_absent() -> None:
    assert isinstance(locate("ingresses", GROUPS, {}), RequestFailed)


# --- ways and contexts ---


def failing(failure: RequestFailed) -> Callable[[], ClusterApi]:
    def make() -> ClusterApi:
        raise failure

    return make


def test_the_first_way_that_answers_is_taken() -> None:
    with answering(recorded("api-groups")) as (api, _, _):
        found = connect([("DNS endpoint", failing(LOST)), ("IP endpoint", lambda: api)])
    assert found.way == "IP endpoint"


def test_what_became_of_every_way_is_told() -> None:
    refused = RequestFailed(Category.FORBIDDEN, "HTTP 403")
    with pytest.raises(RequestFailed, match="DNS endpoint: slow; IP endpoint: HTTP 403") as caught:
        connect([("DNS endpoint", failing(LOST)), ("IP endpoint", failing(refused))])
    assert caught.value.category is Category.FORBIDDEN
    with pytest.raises(RequestFailed, match="allows no way in") as caught:
        connect([])
    assert caught.value.category is Category.UNREACHABLE


@pytest.mark.parametrize("context", ["prod", "arn:aws:eks:eu-west-1:1:cluster/kops", ".hidden", "a/b/c"])
def test_a_context_as_a_folder_and_back(context: str) -> None:
    key = context_key(context)
    assert "/" not in key.name
    assert not key.name.startswith(".")
    assert context_of(key) == context


def test_contexts_of_a_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "config"
    entry = {"cluster": "c", "user": "u"}
    config = {
        "contexts": [{"name": "one", "context": entry}, {"name": "two", "context": entry}],
        "current-context": "two",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps(config))
    assert find_contexts(path, ()) == ("two",)
    assert find_contexts(path, ("one", "two", "one")) == ("one", "two")
    with pytest.raises(UsageError, match="no context three"):
        find_contexts(path, ("three",))
    with pytest.raises(UsageError, match="Cannot read"):
        find_contexts(tmp_path / "none", ())
    with pytest.raises(UsageError, match="Cannot read"):
        find_contexts(tmp_path / "none", ("one",))


def test_a_broken_current_context_does_not_touch_the_others(tmp_path: Path) -> None:
    path = tmp_path / "config"
    context = {"name": "one", "context": {"cluster": "c", "user": "u"}}
    path.write_text(json.dumps({"contexts": [context], "current-context": "gone", "clusters": [], "users": []}))
    assert find_contexts(path, ("one",)) == ("one",)
    with pytest.raises(UsageError):
        find_contexts(path, ())


def _kubeconfig_with(tmp_path: Path, user: dict[str, Any]) -> Path:
    path = tmp_path / "config"
    config = {
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(config))
    return path


def test_a_plug_in_that_hangs_costs_one_time_out(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["20"]}
    limits = patience(Clock(), timeout_s=0.2)
    connector = Connector(None, limits, None, tmp_path, 4)  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(RequestFailed, match="plug-in") as caught:
        connector.by_context(_kubeconfig_with(tmp_path, {"exec": plugin}), "one")
    assert caught.value.category is Category.TIMEOUT
    assert time.monotonic() - began < 10


def test_a_kubeconfig_that_is_no_yaml_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("contexts: [{name: one")
    connector = Connector(None, patience(Clock()), None, tmp_path, 4)  # type: ignore[arg-type]
    with pytest.raises(RequestFailed, match="cannot be used") as caught:
        connector.by_context(path, "one")
    assert caught.value.category is Category.UNAUTHENTICATED


def test_a_kubeconfig_that_cannot_be_used_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps({"contexts": [{"name": "one", "context": {"cluster": "none", "user": "u"}}]}))
    limits = patience(Clock())
    connector = Connector(None, limits, None, tmp_path, 4)  # type: ignore[arg-type]
    with pytest.raises(RequestFailed, match="kubeconfig") as caught:
        connector.by_context(path, "one")
    assert caught.value.category is Category.UNAUTHENTICATED
