"""Who asks: the scopes of the credentials, another account in their place, and whose quota is used."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest
from googleserver import Fault, Request, World

from auditor.collect.google import SCOPES
from auditor.errors import NothingRead

from .driving import case, run, world_of

ORPHANED = "T02-service-deleted-cluster-alive"
READER = "reader@acme-prod.iam.gserviceaccount.com"
HOP = "hop@acme-prod.iam.gserviceaccount.com"


def of_service(world: World, *services: str) -> list[Request]:
    return [request for request in world.requests if request.service in services]


def impersonations(world: World) -> list[Request]:
    return [request for request in of_service(world, "oauth2") if request.path.endswith(":generateAccessToken")]


def test_tokens_are_for_google_cloud_and_for_kubernetes_rules_about_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SCOPES == (
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/userinfo.email",
    )
    with world_of(case(ORPHANED), monkeypatch) as world:
        run(world)
        asked = of_service(world, "oauth2")
    assertions = [parse_qs(request.body.decode())["assertion"][0] for request in asked]
    claims = [json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "==")) for text in assertions]
    assert {claim["scope"] for claim in claims} == {" ".join(SCOPES)}


def test_a_service_account_is_impersonated_through_its_delegates(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        collected = run(world, projects=("acme-prod",), impersonate=f"{HOP},{READER}")
        (asked,) = impersonations(world)
        others = {request.headers["authorization"] for request in world.requests if request.service != "oauth2"}
    assert not [coverage for coverage in collected.snapshot.coverage.values() if coverage.is_gap]
    assert asked.path == f"/v1/projects/-/serviceAccounts/{READER}:generateAccessToken"
    question = asked.json()
    assert set(question["scope"]) == set(SCOPES)
    assert [name.rpartition("/")[2] for name in question["delegates"]] == [HOP]
    assert asked.headers["authorization"] not in others
    assert len(others) == 1


@pytest.mark.parametrize("kind", ["s503", "too_many", "s500", "dropped"])
def test_an_impersonation_is_asked_again_when_the_service_is_busy(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    faults = [Fault(("POST", ":generateAccessToken"), kind, times=1)]
    with world_of(case(ORPHANED), monkeypatch, faults=faults) as world:
        collected = run(world, projects=("acme-prod",), impersonate=READER)
        assert len(impersonations(world)) == 2
    assert not [coverage for coverage in collected.snapshot.coverage.values() if coverage.is_gap]


@pytest.mark.parametrize(
    ("kind", "said", "hint"),
    [
        ("forbidden", "403", "gcloud iam service-accounts add-iam-policy-binding reader@"),
        ("api_disabled", "has not been used", "gcloud services enable iamcredentials.googleapis.com"),
        ("garbage", "Cannot sign in as reader@", "gcloud"),
    ],
)
def test_an_impersonation_that_is_refused_says_why(
    monkeypatch: pytest.MonkeyPatch, kind: str, said: str, hint: str
) -> None:
    faults = [Fault(("POST", ":generateAccessToken"), kind)]
    with world_of(case(ORPHANED), monkeypatch, faults=faults) as world, pytest.raises(NothingRead) as caught:
        run(world, projects=("acme-prod",), impersonate=READER)
    assert said in caught.value.message
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("impersonate", ["", READER])
def test_a_quota_project_is_named_to_every_google_api_and_to_no_cluster(
    monkeypatch: pytest.MonkeyPatch, impersonate: str
) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        run(world, projects=("acme-prod",), impersonate=impersonate, quota_project="acme-tools")
        apis = of_service(world, "compute", "container", "cloudresourcemanager")
        clusters = [request for request in world.requests if request.cluster is not None]
    assert any(request.path.count("/") > 6 for request in apis), "the second look is one of them"
    assert {request.headers.get("x-goog-user-project") for request in apis} == {"acme-tools"}
    assert clusters
    assert not [request for request in clusters if "x-goog-user-project" in request.headers]
