"""The loopback server is checked with the real client libraries before anything is concluded from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import google.auth
import google.auth.exceptions
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions as api_errors
from google.auth import impersonated_credentials
from google.auth.transport.requests import AuthorizedSession
from google.auth.transport.requests import Request as AuthRequest
from google.cloud import compute_v1
from google.oauth2 import service_account
from googleserver import Fault, Manners, World, serve
from googleserver.certificates import private_text
from googleserver.exchange import UnsupportedError
from googleserver.selection import InvalidSelectionError, apply, check_compute, parse
from kubernetes import client as kube

from auditor.collect.directory import read_snapshot
from auditor.model.names import ClusterKey
from auditor.model.snapshot import COLLECTIONS, Category, Coverage, Snapshot, Status

REPO = Path(__file__).resolve().parent.parent
RECORDED = REPO / "fixtures" / "kube-apiserver"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
PROD = "example-prod"
SHOP = ClusterKey(PROD, "us-central1", "shop")


@pytest.fixture(scope="module")
def demo() -> Snapshot:
    return read_snapshot(REPO / "fixtures" / "demo")


@pytest.fixture(scope="module")
def whole(demo: Snapshot) -> Snapshot:
    """The demo, as if its project had been read in full."""
    lists = {(PROD, collection): demo.compute.get((PROD, collection), ()) for collection in COLLECTIONS}
    scopes = [f"projects/{PROD}/compute/{collection}" for collection in COLLECTIONS]
    coverage = {scope: Coverage(scope, Status.COMPLETE) for scope in scopes}
    return replace(demo, compute={**demo.compute, **lists}, coverage={**demo.coverage, **coverage})


@pytest.fixture
def world(demo: Snapshot) -> Iterator[World]:
    with serve(demo) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def credentials(world: World) -> service_account.Credentials:
    return service_account.Credentials.from_service_account_file(world.credentials_file, scopes=SCOPES)


def session(world: World) -> AuthorizedSession:
    return AuthorizedSession(credentials(world))


def get(world: World, path: str, service: str = "compute", **query: str) -> requests.Response:
    with session(world) as asking:
        return asking.get(world.endpoints[service] + path, params=query, timeout=10)


def names(items: Any) -> list[str]:
    return sorted(item["name"] for item in items)


def listed(world: World, path: str, key: str, service: str, **query: str) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    token = ""
    while True:
        value = get(world, path, service, **query, **({"pageToken": token} if token else {})).json()
        found += value.get(key, [])
        token = value.get("nextPageToken", "")
        if not token:
            return found


def cluster_client(world: World, token: str | None = None, host: str | None = None) -> kube.ApiClient:
    """The kubernetes client with the cluster's own authority, as a collector makes it."""
    described = get(world, f"/v1/projects/{PROD}/locations/us-central1/clusters/shop", "container").json()
    configuration = kube.Configuration()
    configuration.host = host or f"https://{described['endpoint']}"
    authority = world.folder / "client-ca.pem"
    if host is None:
        authority.write_bytes(b64decode(described["masterAuth"]["clusterCaCertificate"]))
        configuration.ssl_ca_cert = str(authority)
    else:
        configuration.ssl_ca_cert = str(world.public_ca_file)
    token = token or world.tokens.give()[0]
    for name in ("authorization", "BearerToken"):
        configuration.api_key[name] = token
        configuration.api_key_prefix[name] = "Bearer"
    return kube.ApiClient(configuration)


# --- Compute ---


def test_the_typed_client_reads_every_rule(world: World, demo: Snapshot) -> None:
    client = compute_v1.ForwardingRulesClient(
        credentials=credentials(world), client_options={"api_endpoint": world.compute_url}
    )
    pages = list(client.aggregated_list(project=PROD).pages)
    found = [rule.name for page in pages for part in page.items.values() for rule in part.forwarding_rules]
    assert sorted(found) == names(demo.compute[PROD, "forwardingRules"])
    empty = [part.warning.code for page in pages for part in page.items.values() if not part.forwarding_rules]
    assert len(empty) > 40
    assert set(empty) == {"NO_RESULTS_ON_PAGE"}


def test_the_typed_client_gets_one_rule_and_hears_404(world: World, demo: Snapshot) -> None:
    rule = next(rule for rule in demo.compute[PROD, "forwardingRules"] if "/regions/us-central1/" in rule["selfLink"])
    client = compute_v1.ForwardingRulesClient(
        credentials=credentials(world), client_options={"api_endpoint": world.compute_url}
    )
    found = client.get(project=PROD, region="us-central1", forwarding_rule=rule["name"])
    assert found.I_p_address == rule["IPAddress"]
    with pytest.raises(api_errors.NotFound, match="was not found"):
        client.get(project=PROD, region="us-central1", forwarding_rule="gone")


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_collection_has_the_list_that_the_real_api_has(whole: Snapshot, collection: str) -> None:
    with serve(whole) as world:
        aggregated = get(world, f"/compute/v1/projects/{PROD}/aggregated/{collection}")
        plain = get(world, f"/compute/v1/projects/{PROD}/global/{collection}")
    assert plain.status_code == 200
    found = plain.json().get("items", [])
    if collection in {
        "firewalls",
        "routes",
        "httpHealthChecks",
        "httpsHealthChecks",
        "targetGrpcProxies",
        "targetSslProxies",
    }:
        assert aggregated.status_code == 404
    else:
        assert hasattr(compute_v1, f"AggregatedList{collection[0].upper()}{collection[1:]}Request")
        scopes = aggregated.json()["items"]
        found = [item for part in scopes.values() for item in part.get(collection, [])]
    assert names(found) == names(whole.compute[PROD, collection])


def test_pages_are_cut_across_scopes_and_add_up(world: World, demo: Snapshot) -> None:
    path = f"/compute/v1/projects/{PROD}/aggregated/forwardingRules"
    found, token, sizes = [], "", []
    while True:
        page = get(world, path, maxResults="3", **({"pageToken": token} if token else {})).json()
        items = [item for part in page["items"].values() for item in part.get("forwardingRules", [])]
        found += items
        sizes.append(len(items))
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert names(found) == names(demo.compute[PROD, "forwardingRules"])
    assert set(sizes[:-1]) == {3}
    for query in ({"pageToken": "nonsense"}, {"maxResults": "501"}):
        refused = get(world, path, **query)
        assert refused.status_code == 400
        assert refused.json()["error"]["errors"][0]["location"] == next(iter(query))


def test_partial_responses_hold_what_was_asked_for(world: World, demo: Snapshot) -> None:
    fields = "nextPageToken,unreachables,items/*(forwardingRules(name,target),warning/code)"
    value = get(world, f"/compute/v1/projects/{PROD}/aggregated/forwardingRules", fields=fields, maxResults="2").json()
    assert set(value) == {"items", "nextPageToken"}
    parts = value["items"].values()
    assert {key for part in parts for rule in part.get("forwardingRules", []) for key in rule} <= {"name", "target"}
    assert {key for part in parts for key in part.get("warning", {})} == {"code"}


@pytest.mark.parametrize("wrong", ["items/*/forwardingRules(nonsense)", "items/*/addresses", "items(", "name"])
def test_partial_responses_know_the_api(world: World, wrong: str) -> None:
    refused = get(world, f"/compute/v1/projects/{PROD}/aggregated/forwardingRules", fields=wrong)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("Invalid field selection")


def test_selections() -> None:
    value = {"a": [{"b": 1, "c": 2}, {"b": 3}], "d": {"x": {"e": 4, "f": 5}, "y": {"e": 6}}}
    assert apply(parse("a/b"), value) == {"a": [{"b": 1}, {"b": 3}]}
    assert apply(parse("a(b,c),d/*/e"), value) == {"a": value["a"], "d": {"x": {"e": 4}, "y": {"e": 6}}}
    assert apply(parse("d,d/x"), value) == {"d": value["d"]}
    for wrong in ("", "a,", "a(b", "/a", "a)b"):
        with pytest.raises(InvalidSelectionError):
            parse(wrong)
    check_compute("items/*/forwardingRules(IPAddress,labels/*),unreachables", "ForwardingRuleAggregatedList")
    check_compute("items/*/urlMaps(pathMatchers)", "UrlMapAggregatedList")


def test_shared_vpc(demo: Snapshot) -> None:
    projects = {**demo.projects, "example-dev": {**(demo.projects["example-dev"] or {}), "xpnProjectStatus": "HOST"}}
    with serve(replace(demo, projects=projects), manners=Manners(hosts={PROD: "example-dev"})) as world:
        prefix = "/compute/v1/projects"
        assert get(world, f"{prefix}/example-dev").json()["xpnProjectStatus"] == "HOST"
        assert get(world, f"{prefix}/{PROD}").json()["xpnProjectStatus"] == "UNSPECIFIED_XPN_PROJECT_STATUS"
        assert get(world, f"{prefix}/{PROD}/getXpnHost").json()["name"] == "example-dev"
        assert "name" not in get(world, f"{prefix}/example-dev/getXpnHost").json()
        resources = get(world, f"{prefix}/example-dev/getXpnResources").json()["resources"]
        assert resources == [{"id": PROD, "type": "PROJECT"}]
        client = compute_v1.ProjectsClient(
            credentials=credentials(world), client_options={"api_endpoint": world.compute_url}
        )
        assert client.get_xpn_host(project=PROD).name == "example-dev"


def test_projects_go_by_number_too(world: World) -> None:
    by_number = get(world, "/compute/v1/projects/410000000001/global/forwardingRules").json()
    assert by_number == get(world, f"/compute/v1/projects/{PROD}/global/forwardingRules").json()
    assert get(world, "/compute/v1/projects/nobody/global/forwardingRules").status_code == 404


# --- projects and assets ---


def test_an_organization_is_found_by_tree_and_by_search(world: World, demo: Snapshot) -> None:
    found: list[str] = []
    parents = [world.organization, *world.folders]
    for parent in parents:
        projects = listed(world, "/v3/projects", "projects", "cloudresourcemanager", parent=parent)
        found += [project["projectId"] for project in projects]
    assert sorted(found) == sorted(demo.projects)
    folders = [
        folder["name"]
        for parent in parents
        for folder in listed(world, "/v3/folders", "folders", "cloudresourcemanager", parent=parent)
    ]
    assert folders == list(world.folders)
    searched = listed(world, "/v3/projects:search", "projects", "cloudresourcemanager", query="state:ACTIVE")
    assert sorted(project["projectId"] for project in searched) == sorted(demo.projects)
    assert searched[0]["name"].startswith("projects/4100")


def test_asset_search_pages_through_what_projects_own(world: World, demo: Snapshot) -> None:
    kinds = ["ForwardingRule", "GlobalForwardingRule", "Address", "GlobalAddress"]
    types = ",".join([f"compute.googleapis.com/{kind}" for kind in kinds] + ["container.googleapis.com/Cluster"])
    path = f"/v1/{world.organization}:searchAllResources"
    found = listed(world, path, "results", "cloudasset", assetTypes=types, pageSize="4")
    wanted = sum(
        len(demo.compute[project, name]) for project in demo.projects for name in ("forwardingRules", "addresses")
    )
    assert len(found) == wanted + sum(len(clusters) for clusters in demo.clusters.values())
    assert {asset["project"] for asset in found} == {"projects/410000000001", "projects/410000000002"}
    below = listed(world, f"/v1/{world.folders[0]}:searchAllResources", "results", "cloudasset", assetTypes=types)
    assert {asset["project"] for asset in below} == {"projects/410000000001"}


def test_permissions_are_tested(demo: Snapshot) -> None:
    denied = "compute.forwardingRules.list"
    with serve(demo, manners=Manners(denied=frozenset({denied}))) as world, session(world) as asking:
        url = f"{world.endpoints['cloudresourcemanager']}/v3/projects/{PROD}:testIamPermissions"
        asked = ["compute.addresses.list", denied, "compute.addresses.delete"]
        answered = asking.post(url, json={"permissions": asked}, timeout=10).json()
        assert answered == {"permissions": ["compute.addresses.list"]}
        refused = asking.get(f"{world.compute_url}/compute/v1/projects/{PROD}/aggregated/forwardingRules", timeout=10)
    assert refused.status_code == 403
    assert refused.json()["error"]["errors"][0]["reason"] == "forbidden"
    assert denied in refused.json()["error"]["message"]


# --- who is asking ---


def test_tokens_are_asked_for_and_end(world: World) -> None:
    with session(world) as asking:
        url = f"{world.compute_url}/compute/v1/projects/{PROD}"
        assert asking.get(url, timeout=10).status_code == 200
        world.expire_tokens()
        assert asking.get(url, timeout=10).status_code == 200
    assert [exchange.status for exchange in world.exchanges if exchange.request.service == "compute"] == [200, 401, 200]
    assert [request.path for request in world.requests if request.service == "oauth2"] == ["/token", "/token"]


def test_without_a_good_token_nothing_is_told(world: World) -> None:
    for headers in ({}, {"Authorization": "Bearer ya29.made-up"}, {"Authorization": "Basic eDp5"}):
        refused = requests.get(f"{world.compute_url}/compute/v1/projects/{PROD}", headers=headers, timeout=10)
        assert refused.status_code == 401
        assert refused.json()["error"]["status"] == "UNAUTHENTICATED"


def test_a_key_of_somebody_else_gets_no_token(world: World) -> None:
    key = json.loads(world.credentials_file.read_text())
    key["private_key"] = private_text(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    wrong = service_account.Credentials.from_service_account_info(key, scopes=SCOPES)
    with pytest.raises(google.auth.exceptions.RefreshError, match="Invalid JWT Signature"):
        wrong.refresh(AuthRequest())


def test_default_credentials_come_from_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    found, project = google.auth.default(scopes=SCOPES)
    found.refresh(AuthRequest())
    assert project == world.project
    assert found.valid


def test_the_metadata_server_gives_tokens(world: World) -> None:
    program = (
        "import google.auth.compute_engine as ce, google.auth.transport.requests as t\n"
        "c = ce.Credentials(); c.refresh(t.Request()); print(c.token)"
    )
    environment = {**os.environ, "GCE_METADATA_HOST": world.metadata_host}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert world.tokens.accepts(f"Bearer {done.stdout.strip()}")


def test_impersonation(world: World) -> None:
    found = impersonated_credentials.Credentials(
        source_credentials=credentials(world),
        target_principal="reader@example-prod.iam.gserviceaccount.com",
        target_scopes=SCOPES,
        iam_endpoint_override=f"{world.identity_url}/v1/projects/-/serviceAccounts/reader@x:generateAccessToken",
    )
    with AuthorizedSession(found) as asking:
        assert asking.get(f"{world.compute_url}/compute/v1/projects/{PROD}", timeout=10).status_code == 200


# --- clusters ---


def test_the_kubernetes_client_reads_a_cluster_page_by_page(world: World, demo: Snapshot) -> None:
    api = kube.CoreV1Api(cluster_client(world))
    found, token = [], None
    while True:
        page = api.list_service_for_all_namespaces(limit=2, _continue=token)
        found += page.items
        token = page.metadata._continue
        assert bool(token) == bool(page.metadata.remaining_item_count)
        if not token:
            break
    assert sorted(item.metadata.uid for item in found) == sorted(
        obj["metadata"]["uid"] for obj in demo.objects[SHOP, "services"]
    )


def test_custom_resources_and_discovery(world: World, demo: Snapshot) -> None:
    client = cluster_client(world)
    groups = {group.name for group in kube.ApisApi(client).get_api_versions().groups}
    assert {"gateway.networking.k8s.io", "networking.k8s.io"} <= groups
    gateways = kube.CustomObjectsApi(client).list_cluster_custom_object("gateway.networking.k8s.io", "v1", "gateways")
    assert [item["kind"] for item in gateways["items"]] == ["Gateway"] * len(demo.objects[SHOP, "gateways"])


def test_label_selectors(world: World, demo: Snapshot) -> None:
    api = kube.DiscoveryV1Api(cluster_client(world))
    everything = demo.objects[SHOP, "endpointslices"]
    service = everything[0]["metadata"]["labels"]["kubernetes.io/service-name"]
    some = api.list_endpoint_slice_for_all_namespaces(label_selector=f"kubernetes.io/service-name in ({service},x)")
    assert 0 < len(some.items) < len(everything)
    assert {item.metadata.labels["kubernetes.io/service-name"] for item in some.items} == {service}
    others = api.list_endpoint_slice_for_all_namespaces(label_selector=f"kubernetes.io/service-name notin ({service})")
    assert len(some.items) + len(others.items) == len(everything)


def test_single_objects_and_what_an_auditor_may_not_read(world: World) -> None:
    api = kube.CoreV1Api(cluster_client(world))
    assert api.read_namespaced_config_map("ingress-uid", "kube-system").data["uid"]
    assert api.read_namespace("kube-system").metadata.uid
    for refused in (api.list_config_map_for_all_namespaces, api.list_secret_for_all_namespaces):
        with pytest.raises(kube.ApiException) as error:
            refused()
        assert error.value.status == 403


def test_access_reviews(demo: Snapshot) -> None:
    with serve(demo, manners=Manners(denied=frozenset({"/nodes"}))) as world:
        api = kube.AuthorizationV1Api(cluster_client(world))
        allowed = {}
        for plural, verb in (("services", "list"), ("nodes", "list"), ("secrets", "list"), ("services", "delete")):
            wanted = kube.V1ResourceAttributes(verb=verb, resource=plural, group="")
            spec = kube.V1SelfSubjectAccessReviewSpec(resource_attributes=wanted)
            review = api.create_self_subject_access_review(kube.V1SelfSubjectAccessReview(spec=spec))
            allowed[plural, verb] = review.status.allowed
    assert [word for word, is_allowed in allowed.items() if is_allowed] == [("services", "list")]


def test_each_cluster_has_its_own_authority(world: World, tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{world.cluster_ports[SHOP]}/version"
    token = {"Authorization": f"Bearer {world.tokens.give()[0]}"}
    own = tmp_path / "own.pem"
    own.write_bytes(world.authorities[SHOP])
    assert requests.get(url, headers=token, verify=str(own), timeout=10).status_code == 200
    for other in (str(world.public_ca_file), True):
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, headers=token, verify=other, timeout=10)


@pytest.mark.parametrize("how", ["dns", "gateway"])
def test_dns_endpoint_and_gateway_have_public_certificates(demo: Snapshot, how: str) -> None:
    with serve(demo, reach={"shop": how}) as world:
        described = get(world, f"/v1/projects/{PROD}/locations/us-central1/clusters/shop", "container").json()
        assert "masterAuth" not in described
        if how == "dns":
            host = "https://" + described["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["endpoint"]
        else:
            place = described["fleet"]["membership"].rpartition("/")[2]
            path = f"/v1/projects/410000000001/locations/global/gkeMemberships/{place}"
            host = world.endpoints["connectgateway"] + path
            found = get(world, f"/v1/projects/{PROD}/locations/-/memberships", "gkehub").json()["resources"]
            assert found[0]["name"].endswith("memberships/shop")
        services = kube.CoreV1Api(cluster_client(world, host=host)).list_service_for_all_namespaces()
    assert len(services.items) == len(demo.objects[SHOP, "services"])


def test_nobody_answers_for_a_cluster_of_which_nothing_is_known(world: World) -> None:
    clusters = get(world, "/v1/projects/example-dev/locations/-/clusters", "container").json()["clusters"]
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"https://{clusters[0]['endpoint']}/version", timeout=5)


@pytest.mark.parametrize(
    ("recorded", "path", "manners", "faults"),
    [
        ("unauthorized-bad-token", "/api/v1/services", Manners(), ()),
        ("anonymous", "/api/v1/services", Manners(), ()),
        ("forbidden-list-nodes-but-services-ok", "/api/v1/nodes", Manners(denied=frozenset({"/nodes"})), ()),
        (
            "not-installed-gateway-api",
            "/apis/gateway.networking.k8s.io/v1/gateways",
            Manners(is_cluster_admin=True),
            (),
        ),
        ("forbidden-before-404-gateway-api", "/apis/gateway.networking.k8s.io/v1/gateways", Manners(), ()),
        ("bad-limit", "/api/v1/services?limit=x", Manners(), ()),
        ("bad-continue", "/api/v1/services?continue=x", Manners(), ()),
        ("ok-list-ingresses-empty", "/apis/networking.k8s.io/v1/ingresses", Manners(), ()),
        ("not-acceptable", "/api/v1/services", Manners(), ()),
        ("expired-continue", "/api/v1/services?continue=x", Manners(), (Fault(("", "services"), "expired_continue"),)),
    ],
)
def test_a_cluster_answers_as_recorded(
    demo: Snapshot, recorded: str, path: str, manners: Manners, faults: tuple[Fault, ...]
) -> None:
    absent = {f"{SHOP.folder}/{plural}": Status.ABSENT for plural in ("gateways", "gatewayclasses", "httproutes")}
    coverage = {**demo.coverage, **{scope: Coverage(scope, status) for scope, status in absent.items()}}
    emptied = {**demo.objects, (SHOP, "ingresses"): ()}
    with serve(replace(demo, coverage=coverage, objects=emptied), manners=manners, faults=faults) as world:
        headers = {"Authorization": f"Bearer {world.tokens.give()[0]}"}
        if recorded == "anonymous":
            headers = {}
        elif recorded == "unauthorized-bad-token":
            headers = {"Authorization": "Bearer wrong"}
        elif recorded == "not-acceptable":
            headers["Accept"] = "text/csv"
        authority = world.folder / "own.pem"
        authority.write_bytes(world.authorities[SHOP])
        url = f"https://127.0.0.1:{world.cluster_ports[SHOP]}{path}"
        answered = requests.get(url, headers=headers, verify=str(authority), timeout=10)
    head = (RECORDED / f"{recorded}.headers").read_text().split("\n")
    assert f"HTTP/2 {answered.status_code}" == head[0].strip()
    kind = next(line.partition(":")[2].strip() for line in head if line.lower().startswith("content-type"))
    assert answered.headers["Content-Type"] == kind
    wanted = (
        (RECORDED / f"{recorded}.body").read_text().replace("auditor", "auditor@example-tools.iam.gserviceaccount.com")
    )
    if kind == "application/json":
        want, got = json.loads(wanted), answered.json()
        for value in (want, got):
            value["metadata"].pop("resourceVersion", None)
        assert got == want
    else:
        assert answered.text == wanted


# --- faults ---


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("forbidden", 403, "compute.addresses.list"),
        ("api_disabled", 403, "SERVICE_DISABLED"),
        ("access_not_configured", 403, "accessNotConfigured"),
        ("billing_disabled", 403, "BILLING_DISABLED"),
        ("unauthenticated", 401, "UNAUTHENTICATED"),
        ("not_found", 404, "notFound"),
        ("quota", 403, "rateLimitExceeded"),
        ("too_many", 429, "exhausted"),
        ("s500", 500, "internalError"),
        ("s503", 503, "backendError"),
        ("garbage", 200, "<!DOCTYPE html>"),
        ("wrong_kind", 200, "storage#buckets"),
        ("empty_object", 200, "{}"),
    ],
)
def test_refusals(demo: Snapshot, kind: str, status: int, word: str) -> None:
    with serve(demo, faults=[Fault(("GET", "aggregated/addresses"), kind, times=1)]) as world:
        path = f"/compute/v1/projects/{PROD}/aggregated/addresses"
        answered = requests.get(
            world.compute_url + path, headers={"Authorization": f"Bearer {world.tokens.give()[0]}"}, timeout=10
        )
        assert (answered.status_code, word in answered.text) == (status, True), answered.text
        assert get(world, path).status_code == 200
        assert world.hits == (1,)


@pytest.mark.parametrize("kind", ["truncated", "dropped", "reset", "hung", "dripping"])
def test_broken_ways(demo: Snapshot, kind: str) -> None:
    with serve(demo, faults=[Fault(("GET", "aggregated/addresses"), kind)]) as world, session(world) as asking:
        asking.get(world.compute_url + f"/compute/v1/projects/{PROD}", timeout=10)
        url = world.compute_url + f"/compute/v1/projects/{PROD}/aggregated/addresses"
        if kind == "truncated":
            with pytest.raises(requests.exceptions.JSONDecodeError):
                asking.get(url, timeout=10).json()
        elif kind == "dripping":
            started = asking.get(url, timeout=0.5, stream=True)
            assert len(started.raw.read(5)) == 5
            started.close()
        else:
            wanted = requests.exceptions.Timeout if kind == "hung" else requests.exceptions.RequestException
            with pytest.raises(wanted):
                asking.get(url, timeout=0.3)


def test_a_hung_request_ends_with_the_server(demo: Snapshot) -> None:
    ended = threading.Event()

    def ask(url: str, token: str) -> None:
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        ended.set()

    with serve(demo, faults=[Fault(("", "."), "hung")]) as world:
        token, _ = world.tokens.give()
        asking = threading.Thread(target=ask, args=(world.compute_url + "/compute/v1/projects/x", token))
        asking.start()
        while not world.requests:
            time.sleep(0.01)
    assert ended.wait(5)


def test_an_unreachable_scope_is_named_and_its_part_is_missing(demo: Snapshot) -> None:
    rules = "aggregated/forwardingRules"
    faults = [
        Fault(("GET", rules), "unreachable_scope", scope="regions/us-central1"),
        Fault(("GET", "/clusters"), "unreachable_scope"),
    ]
    with serve(demo, faults=faults) as world:
        value = get(world, f"/compute/v1/projects/{PROD}/{rules}", returnPartialSuccess="true").json()
        clusters = get(world, f"/v1/projects/{PROD}/locations/-/clusters", "container").json()
    assert value["unreachables"] == [f"projects/{PROD}/regions/us-central1"]
    assert value["items"]["regions/us-central1"]["warning"]["code"] == "UNREACHABLE"
    assert "forwardingRules" not in value["items"]["regions/us-central1"]
    assert clusters == {"missingZones": ["us-central1"]}


def test_a_lost_page(demo: Snapshot) -> None:
    faults = [Fault(("GET", "forwardingRules|v3/projects|/services"), "lost_page")]
    with serve(demo, faults=faults) as world:
        for path, service in (
            (f"/compute/v1/projects/{PROD}/aggregated/forwardingRules", "compute"),
            (f"/v3/projects?parent={world.organization}", "cloudresourcemanager"),
        ):
            token = get(world, path, service).json()["nextPageToken"]
            joint = "&" if "?" in path else "?"
            assert get(world, f"{path}{joint}pageToken={token}", service).status_code == 400
        api = kube.CoreV1Api(cluster_client(world))
        token = api.list_service_for_all_namespaces().metadata._continue
        with pytest.raises(kube.ApiException) as error:
            api.list_service_for_all_namespaces(_continue=token)
        assert error.value.status == 400


def test_faults_can_wait_and_end(demo: Snapshot) -> None:
    with serve(
        demo, faults=[Fault(lambda request: request.path.endswith("/addresses"), "s500", times=2, after=1)]
    ) as world:
        with session(world) as asking:
            url = f"{world.compute_url}/compute/v1/projects/{PROD}/global/addresses"
            asking.get(f"{world.compute_url}/compute/v1/projects/{PROD}", timeout=10)
            token = asking.credentials.token
        headers = {"Authorization": f"Bearer {token}"}
        assert [requests.get(url, headers=headers, timeout=10).status_code for _ in range(5)] == [
            200,
            500,
            500,
            200,
            200,
        ]
        assert [exchange.fault for exchange in world.exchanges][-5:] == ["", "s500", "s500", "", ""]
    with pytest.raises(ValueError, match="unknown kinds"), serve(demo, faults=[Fault(("", "."), "typo")]):
        pass


# --- what the snapshot itself could not read ---


def test_gaps_of_the_snapshot_are_served(demo: Snapshot) -> None:
    def gap(scope: str, status: Status, category: Category, *missing: str) -> tuple[str, Coverage]:
        return scope, Coverage(scope, status, category, missing)

    gaps = dict(
        [
            gap(f"projects/{PROD}/compute/addresses", Status.FAILED, Category.FORBIDDEN),
            gap(
                f"projects/{PROD}/compute/forwardingRules",
                Status.PARTIAL,
                Category.UNREACHABLE,
                "regions/us-east4",
                "regions/me-west1",
            ),
            gap(f"projects/{PROD}/compute/firewalls", Status.PARTIAL, Category.INVALID),
            gap(f"{SHOP.folder}/services", Status.FAILED, Category.UNAUTHENTICATED),
            gap(f"{SHOP.folder}/gateways", Status.ABSENT, Category.NOT_FOUND),
        ]
    )
    with serve(replace(demo, coverage={**demo.coverage, **gaps})) as world:
        prefix = f"/compute/v1/projects/{PROD}"
        assert get(world, f"{prefix}/aggregated/addresses").status_code == 403
        lost = get(world, f"{prefix}/aggregated/forwardingRules").json()["unreachables"]
        assert lost == [f"projects/{PROD}/regions/me-west1", f"projects/{PROD}/regions/us-east4"]
        token = get(world, f"{prefix}/global/firewalls").json()["nextPageToken"]
        assert get(world, f"{prefix}/global/firewalls", pageToken=token).status_code == 400
        client = cluster_client(world)
        with pytest.raises(kube.ApiException) as error:
            kube.CoreV1Api(client).list_service_for_all_namespaces()
        assert error.value.status == 401
        resources = kube.CustomObjectsApi(client).get_api_resources("gateway.networking.k8s.io", "v1").resources
        served = {resource.name for resource in resources}
        assert "httproutes" in served
        assert "gateways" not in served


# --- the double itself ---


def test_a_request_that_the_double_does_not_know_fails_the_test(demo: Snapshot) -> None:
    with pytest.raises(UnsupportedError, match="filter"), serve(demo) as world:
        assert get(world, f"/compute/v1/projects/{PROD}/global/addresses", filter="name=x").status_code == 500


def test_latency_and_concurrency_are_seen(demo: Snapshot) -> None:
    with serve(demo, latency_s=0.1) as world:
        headers = {"Authorization": f"Bearer {world.tokens.give()[0]}"}
        url = f"{world.compute_url}/compute/v1/projects/{PROD}"
        asking = [
            threading.Thread(target=requests.get, args=(url,), kwargs={"headers": headers, "timeout": 10})
            for _ in range(8)
        ]
        began = time.monotonic()
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert time.monotonic() - began >= 0.1
        assert world.most_in_flight == 8
        assert len(world.requests) == 8


def test_the_world_can_change(world: World, demo: Snapshot) -> None:
    path = f"/v1/projects/{PROD}/locations/-/clusters"
    new = {"name": "new", "location": "us-east1", "status": "PROVISIONING"}
    key = ClusterKey(PROD, "us-east1", "new")
    later = replace(
        demo,
        clusters={**demo.clusters, PROD: (new,)},
        objects={**demo.objects, (key, "services"): ()},
    )
    before = get(world, path, "container").json()["clusters"]
    authority = world.folder / "own.pem"
    authority.write_bytes(world.authorities[SHOP])
    world.show(later)
    after = get(world, path, "container").json()["clusters"]
    assert [cluster["name"] for cluster in before] == ["shop"]
    assert [cluster["name"] for cluster in after] == ["new"]
    assert after[0]["endpoint"].startswith("127.0.0.1:")
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(
            f"https://{before[0]['endpoint']}/version",
            headers={"Authorization": f"Bearer {world.tokens.give()[0]}"},
            verify=str(authority),
            timeout=5,
        )


def test_closing_is_quick(demo: Snapshot) -> None:
    with serve(demo) as world:
        get(world, f"/compute/v1/projects/{PROD}")
        began = time.monotonic()
    assert time.monotonic() - began < 1
