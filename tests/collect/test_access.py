"""check-access: what is missing, and the command that grants just that."""

from __future__ import annotations

import pytest
from googleserver import Fault, Manners, World

from auditor.collect.access import (
    KUBERNETES_LISTS,
    PROJECT_PERMISSIONS,
    Access,
    check_access,
    grant_in_cluster,
    grant_in_project,
)
from auditor.collect.google import Endpoints
from auditor.collect.live import Plan
from auditor.collect.patience import Patience
from auditor.collect.projects import parse_parent
from auditor.errors import NothingRead
from auditor.model.names import ClusterKey

from .driving import case, world_of

ORPHANED = "T02-service-deleted-cluster-alive"
EMAIL = "auditor@example-tools.iam.gserviceaccount.com"


def access(world: World, **plan: object) -> dict[str, Access]:
    what = Plan(endpoints=Endpoints(overrides=world.endpoints), **(plan or {"projects": world.scene.projects}))  # type: ignore[arg-type]
    found = check_access(what, Patience(timeout_s=5, retry_for_s=2), world.environment())
    assert [item.where for item in found] == sorted(item.where for item in found)
    return {item.where: item for item in found}


def test_an_account_that_may_read_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch) as world:
        found = access(world)
    assert set(found) == {
        "project acme-prod",
        "cluster acme-prod/europe-west1/prod",
        "cluster acme-prod/us-central1/staging",
    }
    assert all(item.is_complete for item in found.values())
    assert {item.command for item in found.values()} == {""}


def test_exactly_what_is_missing_in_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = frozenset({"compute.routes.list", "compute.globalForwardingRules.get"})
    with world_of(case(ORPHANED), monkeypatch, manners=Manners(denied=denied)) as world:
        found = access(world)["project acme-prod"]
    assert set(found.missing) == denied
    assert found.command == (
        "gcloud iam roles create gkeAuditor --project acme-prod "
        "--permissions=compute.globalForwardingRules.get,compute.routes.list && "
        "gcloud projects add-iam-policy-binding acme-prod "
        f"--member serviceAccount:{EMAIL} --role projects/acme-prod/roles/gkeAuditor"
    )


def test_exactly_what_is_missing_in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(
        case(ORPHANED), monkeypatch, manners=Manners(denied=frozenset({"networking.k8s.io/ingresses"}))
    ) as world:
        found = access(world)["cluster acme-prod/europe-west1/prod"]
    assert found.missing == ("list ingresses.networking.k8s.io",)
    assert found.command == (
        "gcloud container clusters get-credentials prod --location europe-west1 --project acme-prod && "
        "kubectl create clusterrole gke-auditor --verb=list --resource=ingresses.networking.k8s.io && "
        f"kubectl create clusterrolebinding gke-auditor --clusterrole=gke-auditor --user={EMAIL}"
    )


def test_the_one_config_map_needs_a_role_of_its_own() -> None:
    key = ClusterKey("_", "kubeconfig", "arn:cluster%2Fkops")
    assert grant_in_cluster(key, [], "a@b", with_uid=True) == (
        "kubectl --context arn:cluster/kops create role gke-auditor --namespace kube-system --verb=get "
        "--resource=configmaps --resource-name=ingress-uid && "
        "kubectl --context arn:cluster/kops create rolebinding gke-auditor --namespace kube-system "
        "--role=gke-auditor --user=a@b"
    )


def test_names_from_the_cloud_are_quoted_for_the_shell() -> None:
    assert "--project 'a;b'" in grant_in_project("a;b", ["x.y.z"], "user:m")
    assert grant_in_project("a", [], "user:m") == ""


def test_what_is_in_the_way_beside_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [
        Fault(("GET", "container/v1/projects/acme-prod"), "api_disabled"),
        Fault(("GET", "getXpnHost"), "api_disabled"),
    ]
    with world_of(case(ORPHANED), monkeypatch, faults=faults) as world:
        found = access(world)
    assert found["project acme-prod: clusters"].command == (
        "gcloud services enable container.googleapis.com --project acme-prod"
    )
    compute = found["project acme-prod: Compute Engine"]
    assert compute.command == "gcloud services enable compute.googleapis.com --project acme-prod"
    assert not compute.is_complete


def test_a_refusal_that_no_permission_explains_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service perimeter refuses what IAM allows."""
    faults = [Fault(("GET", "container/v1/projects/acme-prod"), "forbidden"), Fault(("GET", "getXpnHost"), "forbidden")]
    with world_of(case(ORPHANED), monkeypatch, faults=faults) as world:
        found = access(world)
    assert found["project acme-prod"].is_complete
    assert "403" in found["project acme-prod: clusters"].problem
    assert "403" in found["project acme-prod: Compute Engine"].problem


def test_a_missing_permission_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = frozenset({"container.clusters.list", "compute.projects.get"})
    faults = [Fault(("GET", "container/v1/projects/acme-prod"), "forbidden"), Fault(("GET", "getXpnHost"), "forbidden")]
    with world_of(case(ORPHANED), monkeypatch, manners=Manners(denied=denied), faults=faults) as world:
        found = access(world)
    assert set(found) == {"project acme-prod"}
    assert set(found["project acme-prod"].missing) == denied


def test_a_cluster_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch, reach={"prod": "closed"}) as world:
        found = access(world)["cluster acme-prod/europe-west1/prod"]
    assert "no connection" in found.problem
    assert found.command.endswith("--enable-dns-access")


def test_an_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    for denied in (frozenset[str](), frozenset({"cloudasset.assets.searchAllResources"})):
        with world_of(case(ORPHANED), monkeypatch, manners=Manners(denied=denied)) as world:
            parent = parse_parent(*world.organization.split("/"))
            found = access(world, parents=(parent,))
        assert set(found[parent.name].missing) == denied
        assert ("roles/cloudasset.viewer" in found[parent.name].command) == bool(denied)
        assert "project acme-prod" in found


@pytest.mark.parametrize("denied", [frozenset[str](), frozenset({"cloudasset.assets.listResource"})])
def test_the_inventory_is_tried_where_it_would_be_asked(
    monkeypatch: pytest.MonkeyPatch, denied: frozenset[str]
) -> None:
    with world_of(case(ORPHANED), monkeypatch, manners=Manners(denied=denied)) as world:
        parent = parse_parent(*world.organization.split("/"))
        below = access(world, parents=(parent,), asks_inventory=True)
        named = access(world, projects=("acme-prod",), asks_inventory=True)
        without = access(world, parents=(parent,)) | access(world, projects=("acme-prod",))
    assert set(below[parent.name].missing) == set(named["project acme-prod"].missing) == denied
    assert ("roles/cloudasset.viewer" in below[parent.name].command) == bool(denied)
    assert ("--permissions=cloudasset.assets.listResource" in named["project acme-prod"].command) == bool(denied)
    assert below["project acme-prod"].is_complete
    assert all(item.is_complete for item in without.values())


def test_an_inventory_that_does_not_answer_is_told_with_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of(case(ORPHANED), monkeypatch, faults=[Fault(("GET", "/assets"), "api_disabled")]) as world:
        parent = parse_parent(*world.organization.split("/"))
        found = access(world, parents=(parent,), asks_inventory=True)[parent.name]
    assert not found.missing
    assert found.problem
    assert "gcloud services enable cloudasset.googleapis.com" in found.command


def test_without_a_sign_in_there_is_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [Fault(("POST", "oauth2/token"), "unauthenticated")]
    with world_of(case(ORPHANED), monkeypatch, faults=faults) as world, pytest.raises(NothingRead):
        access(world)


def test_what_is_asked_for_is_what_an_audit_reads() -> None:
    assert {"compute.projects.get", "resourcemanager.projects.get", "container.clusters.list"} <= set(
        PROJECT_PERMISSIONS
    )
    assert not [name for name in PROJECT_PERMISSIONS if not name.endswith((".get", ".list", ".connect"))]
    assert ("", "services") in KUBERNETES_LISTS
    assert not [plural for _, plural in KUBERNETES_LISTS if plural in ("secrets", "configmaps", "pods")]
