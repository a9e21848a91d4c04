"""Snapshots on disk: every rule of docs/snapshot.md about manifest, files and archives."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect import directory
from auditor.collect.directory import read_snapshot, read_snapshots, write_snapshot
from auditor.collect.files import open_snapshot
from auditor.errors import NotDelivered, NothingRead, UsageError
from auditor.model import inventory
from auditor.model.names import ClusterKey
from auditor.model.snapshot import COLLECTIONS, PLURALS, Category, Coverage, Snapshot, Status

RULES = "projects/acme/compute/forwardingRules"
ADDRESSES = "projects/acme/compute/addresses"
CLUSTERS = "projects/acme/container/clusters"
PROJECT = "projects/acme/project"
PROD = "clusters/acme/europe-west1/prod"
SERVICES = f"{PROD}/services"
RULE = {
    "name": "rule-1",
    "selfLink": "https://www.googleapis.com/compute/v1/projects/acme/global/forwardingRules/rule-1",
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"namespace": "shop", "name": "web", "uid": "6c6b6b1e-0000-4000-8000-000000000001"},
}
PATH_TO_PROD = ClusterKey("acme", "europe-west1", "prod")

Files = dict[str, Any]
Make = Callable[..., Path]


def encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def manifest(*entries: Any, **more: Any) -> dict[str, Any]:
    return {"format": 1, "coverage": list(entries), **more}


def entry(scope: str, status: str, **more: Any) -> dict[str, Any]:
    return {"scope": scope, "status": status, **more}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a snapshot folder of the files given by relative name."""

    def make_folder(files: Files, name: str = "snapshot") -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for path, value in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(encoded(value))
        return root

    return make_folder


def state(coverage: Coverage) -> tuple[Status, Category | None]:
    return coverage.status, coverage.category


COMPLETE = (Status.COMPLETE, None)
FAILED_INVALID = (Status.FAILED, Category.INVALID)
PARTIAL_INVALID = (Status.PARTIAL, Category.INVALID)


# --- what is read ---


def test_everything_has_its_place(make: Make) -> None:
    look = {"resource": "//compute.googleapis.com/projects/acme/global/addresses/a", "status": "same"}
    snapshot = read_snapshot(
        make(
            {
                "snapshot.json": manifest(
                    entry(RULES, "complete", count=1),
                    entry("organizations/12/projects", "partial", category="timeout"),
                    entry(f"{PROD}/identity", "failed", category="invalid", detail="another cluster answered"),
                    entry(f"{PROD}/endpointslices", "complete", services=["shop/web"]),
                    entry(f"{PROD}/gateways", "absent"),
                    taken_at="2026-11-22T07:00:00+01:00",
                    tool="gke-auditor 0.1.0",
                ),
                f"{PROJECT}.json": {"projectId": "acme", "projectNumber": "12"},
                f"{RULES}.json": [RULE],
                f"{CLUSTERS}.json": [{"name": "prod", "location": "europe-west1"}],
                f"{SERVICES}.json": {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": [SERVICE]},
                f"{PROD}/endpointslices.json": [],
                "clusters/_/kubeconfig/kops/services.json": [SERVICE],
                "confirm.json": [look],
            }
        )
    )
    assert snapshot.taken_at == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert snapshot.tool == "gke-auditor 0.1.0"
    assert snapshot.projects == {"acme": {"projectId": "acme", "projectNumber": "12"}}
    assert snapshot.compute == {("acme", "forwardingRules"): (RULE,)}
    assert snapshot.clusters == {"acme": ({"name": "prod", "location": "europe-west1"},)}
    assert snapshot.objects[PATH_TO_PROD, "services"] == (SERVICE,)
    assert snapshot.objects[ClusterKey("_", "kubeconfig", "kops"), "services"] == (SERVICE,)
    assert snapshot.confirmations == (look,)
    assert snapshot.warnings == ()
    assert state(snapshot.coverage["organizations/12/projects"]) == (Status.PARTIAL, Category.TIMEOUT)
    assert snapshot.coverage[f"{PROD}/identity"].detail == "another cluster answered"
    assert snapshot.coverage[f"{PROD}/endpointslices"].services == ("shop/web",)
    assert state(snapshot.coverage[f"{PROD}/gateways"]) == (Status.ABSENT, None)


def test_without_a_manifest_files_are_complete_and_the_rest_was_not_collected(make: Make) -> None:
    snapshot = read_snapshot(make({f"{RULES}.json": [RULE]}))
    assert state(snapshot.coverage_of(RULES)) == COMPLETE
    assert state(snapshot.coverage_of(ADDRESSES)) == (Status.FAILED, Category.NOT_COLLECTED)
    assert state(snapshot.coverage_of(PROJECT)) == (Status.FAILED, Category.NOT_COLLECTED)
    assert snapshot.taken_at is None


def test_a_scope_that_the_manifest_does_not_name_is_read_as_without_one(make: Make) -> None:
    snapshot = read_snapshot(make({"snapshot.json": manifest(), f"{RULES}.json": [RULE]}))
    assert state(snapshot.coverage_of(RULES)) == COMPLETE
    assert state(snapshot.coverage_of(ADDRESSES)) == (Status.FAILED, Category.NOT_COLLECTED)


@pytest.mark.parametrize(
    ("said", "value", "expected"),
    [
        (entry(RULES, "complete", count=1), None, FAILED_INVALID),
        (entry(RULES, "partial", category="timeout"), None, FAILED_INVALID),
        (entry(RULES, "absent", count=2), None, FAILED_INVALID),
        (entry(RULES, "absent"), None, (Status.ABSENT, None)),
        (entry(RULES, "failed", category="forbidden"), None, (Status.FAILED, Category.FORBIDDEN)),
        (entry(RULES, "failed"), None, (Status.FAILED, Category.UNKNOWN)),
        (entry(RULES, "failed", category="forbidden"), [RULE], PARTIAL_INVALID),
        (entry(RULES, "absent"), [RULE], PARTIAL_INVALID),
        (entry(RULES, "complete", count=2), [RULE], PARTIAL_INVALID),
        (entry(RULES, "complete", count=0), [RULE], PARTIAL_INVALID),
        (entry(RULES, "partial", category="unreachable", count=2), [RULE], PARTIAL_INVALID),
        (entry(RULES, "complete", count=1), [RULE], COMPLETE),
        (entry(RULES, "partial", category="unreachable"), [RULE], (Status.PARTIAL, Category.UNREACHABLE)),
        (entry(RULES, "complete", category="forbidden"), [RULE], PARTIAL_INVALID),
        (entry(RULES, "complete", missing=["regions/r"]), [RULE], PARTIAL_INVALID),
        (entry(RULES, "total"), [RULE], PARTIAL_INVALID),
        (entry(RULES, "total"), None, FAILED_INVALID),
        (entry(RULES, ["complete"]), None, FAILED_INVALID),
        (entry(RULES, "failed", category="moon"), None, FAILED_INVALID),
        (entry(RULES, "failed", category={}), None, FAILED_INVALID),
        (entry(RULES, "complete", count=True), [RULE], PARTIAL_INVALID),
        (entry(RULES, "complete", count=-1), [RULE], PARTIAL_INVALID),
        (entry(RULES, "complete", count="1"), [RULE], PARTIAL_INVALID),
        (entry(RULES, "partial", category="timeout", missing="regions/r"), [RULE], PARTIAL_INVALID),
        (entry(RULES, "partial", category="timeout", detail=[]), [RULE], PARTIAL_INVALID),
    ],
)
def test_the_more_careful_of_manifest_and_file_wins(
    make: Make, said: dict[str, Any], value: Any, expected: tuple[Status, Category | None]
) -> None:
    files: Files = {"snapshot.json": manifest(said), f"{ADDRESSES}.json": []}
    if value is not None:
        files[f"{RULES}.json"] = value
    snapshot = read_snapshot(make(files))
    coverage = snapshot.coverage_of(RULES)
    assert state(coverage) == expected
    assert coverage.detail or expected[1] is not Category.INVALID
    assert state(snapshot.coverage_of(ADDRESSES)) == COMPLETE
    assert snapshot.compute.get(("acme", "forwardingRules"), ()) == ((RULE,) if value else ())


def test_the_missing_scopes_of_a_partial_list_are_kept_unless_more_is_wrong(make: Make) -> None:
    said = entry(RULES, "partial", category="unreachable", missing=["regions/asia-east1"])
    whole = read_snapshot(make({"snapshot.json": manifest(said), f"{RULES}.json": [RULE]}))
    assert whole.coverage_of(RULES).missing == ("regions/asia-east1",)
    odd = read_snapshot(make({"snapshot.json": manifest(said), f"{RULES}.json": [RULE, 7]}))
    assert odd.coverage_of(RULES).missing == ()


def test_a_scope_named_twice_in_the_manifest_is_not_known(make: Make) -> None:
    twice = manifest(entry(RULES, "complete"), entry(RULES, "failed", category="forbidden"))
    snapshot = read_snapshot(make({"snapshot.json": twice, f"{RULES}.json": [RULE]}))
    assert state(snapshot.coverage_of(RULES)) == PARTIAL_INVALID
    assert "twice" in snapshot.coverage_of(RULES).detail


@pytest.mark.parametrize("odd", [7, None, {}, {"scope": 3, "status": "failed"}, {"scope": "", "status": "failed"}])
def test_an_entry_without_a_scope_may_speak_of_any_list_that_is_not_named(make: Make, odd: Any) -> None:
    said = manifest(odd, entry(ADDRESSES, "complete"))
    snapshot = read_snapshot(make({"snapshot.json": said, f"{RULES}.json": [RULE], f"{ADDRESSES}.json": []}))
    assert state(snapshot.coverage_of(RULES)) == PARTIAL_INVALID
    assert state(snapshot.coverage_of(ADDRESSES)) == COMPLETE
    assert "entry 0" in snapshot.warnings[0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "JSON"),
        (b"[", "JSON"),
        (b"<html>Sign in</html>", "JSON"),
        (b'[{"name": "caf\xe9"}]', "JSON"),
        (b'["\\ud800"]', "JSON"),
        (b"[NaN]", "JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "JSON"),
        (b"[" * 300 + b"]" * 300, "JSON"),
        (b"\xff\xfe[\x00]\x00", "JSON"),
        ({}, "array"),
        (None, "array"),
        ("text", "array"),
        ({"items": [RULE]}, "array"),
    ],
)
def test_a_broken_file_is_failed_and_named_and_never_an_empty_list(make: Make, value: Any, message: str) -> None:
    for number, scope in enumerate((RULES, CLUSTERS, SERVICES)):
        snapshot = read_snapshot(make({f"{scope}.json": value if value is not None else b"null"}, name=str(number)))
        coverage = snapshot.coverage_of(scope)
        assert state(coverage) == FAILED_INVALID
        assert f"{scope}.json" in coverage.detail
        assert message in coverage.detail
        assert (snapshot.compute, snapshot.clusters, snapshot.objects) == ({}, {}, {})


def test_a_broken_file_beside_a_failed_entry_keeps_what_the_manifest_said(make: Make) -> None:
    said = manifest(entry(RULES, "failed", category="forbidden", detail="403 at the front door"))
    coverage = read_snapshot(make({"snapshot.json": said, f"{RULES}.json": b"["})).coverage_of(RULES)
    assert state(coverage) == FAILED_INVALID
    assert "403 at the front door" in coverage.detail


def test_one_odd_element_is_named_and_the_rest_is_kept(make: Make) -> None:
    snapshot = read_snapshot(make({f"{RULES}.json": [RULE, 1, "x", None, []]}))
    coverage = snapshot.coverage_of(RULES)
    assert state(coverage) == PARTIAL_INVALID
    assert "element 1" in coverage.detail
    assert "1 more" in coverage.detail
    assert coverage.count == 1
    assert snapshot.compute["acme", "forwardingRules"] == (RULE,)


@pytest.mark.parametrize(
    ("plural", "stranger"),
    [
        ("services", {"kind": "Service", "apiVersion": "serving.knative.dev/v1", "metadata": {}}),
        ("services", {"kind": "Pod", "apiVersion": "v1", "metadata": {}}),
        ("services", {"kind": 7, "metadata": {}}),
        ("gateways", {"kind": "Gateway", "apiVersion": "networking.istio.io/v1", "metadata": {}}),
        ("ingresses", {"kind": "Ingress", "apiVersion": "config.openshift.io/v1", "metadata": {}}),
        ("ingresses", {"kind": "Ingress", "apiVersion": 1, "metadata": {}}),
        ("managedcertificates", {"kind": "Certificate", "apiVersion": "networking.gke.io/v1", "metadata": {}}),
    ],
)
def test_objects_of_another_kind_or_group_do_not_belong(make: Make, plural: str, stranger: dict[str, Any]) -> None:
    scope = f"{PROD}/{plural}"
    snapshot = read_snapshot(make({f"{scope}.json": [stranger]}))
    assert state(snapshot.coverage_of(scope)) == PARTIAL_INVALID
    assert "element 0" in snapshot.coverage_of(scope).detail
    assert snapshot.objects[PATH_TO_PROD, plural] == ()


KINDS = {
    "namespaces": ("v1", "Namespace"),
    "services": ("v1", "Service"),
    "ingresses": ("extensions/v1beta1", "Ingress"),
    "ingressclasses": ("networking.k8s.io/v1", "IngressClass"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "gatewayclasses": ("gateway.networking.k8s.io/v1", "GatewayClass"),
    "httproutes": ("gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
    "multiclusteringresses": ("networking.gke.io/v1", "MultiClusterIngress"),
    "servicenetworkendpointgroups": ("networking.gke.io/v1beta1", "ServiceNetworkEndpointGroup"),
}


@pytest.mark.parametrize("plural", KINDS)
def test_every_form_that_kubectl_and_the_api_print_is_read(make: Make, plural: str) -> None:
    version, kind = KINDS[plural]
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}}
    bare = {"metadata": {"name": "a"}}
    forms: list[Any] = [
        [obj],
        [bare],
        {"kind": "List", "apiVersion": "v1", "items": [obj]},
        {"kind": f"{kind}List", "apiVersion": version, "metadata": {"resourceVersion": "7"}, "items": [bare]},
    ]
    for number, form in enumerate(forms):
        snapshot = read_snapshot(make({f"{PROD}/{plural}.json": form}, name=f"form{number}"))
        assert state(snapshot.coverage_of(f"{PROD}/{plural}")) == COMPLETE
        assert len(snapshot.objects[PATH_TO_PROD, plural]) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"kind": "List", "items": [SERVICE], "metadata": {"continue": "abc"}}, PARTIAL_INVALID),
        ({"kind": "List", "items": [SERVICE], "metadata": {"remainingItemCount": 3}}, PARTIAL_INVALID),
        ({"kind": "List", "items": [SERVICE], "metadata": []}, PARTIAL_INVALID),
        ({"kind": "List", "items": None}, FAILED_INVALID),
        ({"kind": "List"}, FAILED_INVALID),
        ({"kind": "PodList", "apiVersion": "v1", "items": []}, FAILED_INVALID),
        ({"kind": "ServiceList", "apiVersion": "serving.knative.dev/v1", "items": []}, FAILED_INVALID),
        ({"kind": "Table", "rows": []}, FAILED_INVALID),
        ({"kind": "Status", "status": "Failure", "code": 403}, FAILED_INVALID),
        (SERVICE, FAILED_INVALID),
    ],
)
def test_answers_that_are_no_whole_list(make: Make, answer: Any, expected: tuple[Status, Category | None]) -> None:
    snapshot = read_snapshot(make({f"{SERVICES}.json": answer}))
    assert state(snapshot.coverage_of(SERVICES)) == expected


def test_missing_zones_of_the_container_api_make_the_list_partial(make: Make) -> None:
    answer = {"clusters": [{"name": "prod", "location": "europe-west1"}], "missingZones": ["us-east1-b"]}
    snapshot = read_snapshot(make({f"{CLUSTERS}.json": answer}))
    coverage = snapshot.coverage_of(CLUSTERS)
    assert state(coverage) == (Status.PARTIAL, Category.UNREACHABLE)
    assert coverage.missing == ("zones/us-east1-b",)
    assert len(snapshot.clusters["acme"]) == 1

    whole = read_snapshot(make({f"{CLUSTERS}.json": {"clusters": []}}, name="whole"))
    assert state(whole.coverage_of(CLUSTERS)) == COMPLETE
    odd = read_snapshot(make({f"{CLUSTERS}.json": {"clusters": [], "missingZones": "us-east1-b"}}, name="odd"))
    assert state(odd.coverage_of(CLUSTERS)) == PARTIAL_INVALID


def test_missing_zones_never_narrow_a_gap_without_names(make: Make) -> None:
    answer = {"clusters": [], "missingZones": ["us-east1-b"]}
    for missing, expected in (([], ()), (["zones/a"], ("zones/a", "zones/us-east1-b"))):
        said = manifest(entry(CLUSTERS, "partial", category="timeout", missing=missing))
        snapshot = read_snapshot(make({"snapshot.json": said, f"{CLUSTERS}.json": answer}))
        assert snapshot.coverage_of(CLUSTERS).missing == expected


@pytest.mark.parametrize("value", [{}, [], {"projectId": "other"}, {"projectId": 3}, b"{", {"projectNumber": "12"}])
def test_a_project_json_that_is_not_this_project_is_not_known(make: Make, value: Any) -> None:
    snapshot = read_snapshot(make({f"{PROJECT}.json": value, f"{RULES}.json": []}))
    assert state(snapshot.coverage_of(PROJECT)) == FAILED_INVALID
    assert snapshot.projects == {"acme": None}
    assert inventory.build(snapshot).projects["acme"].is_shared_vpc_host is None


def test_config_maps_other_than_the_ingress_uid_are_dropped_without_a_word(make: Make) -> None:
    def config_map(namespace: str, name: str) -> dict[str, Any]:
        return {
            "kind": "ConfigMap",
            "metadata": {"namespace": namespace, "name": name},
            "data": {"password": "hunter2"},
        }

    scope = f"{PROD}/configmaps"
    many = [config_map("kube-system", "ingress-uid"), config_map("shop", "ingress-uid"), config_map("kube-system", "x")]
    for count in (1, 3):
        said = manifest(entry(scope, "complete", count=count))
        snapshot = read_snapshot(make({"snapshot.json": said, f"{scope}.json": many}))
        assert state(snapshot.coverage_of(scope)) == COMPLETE
        assert snapshot.coverage_of(scope).count == 1
        assert snapshot.objects[PATH_TO_PROD, "configmaps"] == (many[0],)
        assert snapshot.warnings == ()


def test_config_maps_and_names_out_of_place_are_never_written(tmp_path: Path) -> None:
    secret = {"kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "db"}, "data": {"password": "hunter2"}}
    scope = f"{PROD}/configmaps"
    snapshot = Snapshot(
        coverage={scope: Coverage(scope, Status.COMPLETE)}, objects={(PATH_TO_PROD, "configmaps"): (secret,)}
    )
    write_snapshot(snapshot, tmp_path / "out")
    assert b"hunter2" not in b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.json"))
    for key in (
        (PATH_TO_PROD, "secrets"),
        (ClusterKey("_", "kubeconfig", ".."), "services"),
        (ClusterKey("_", "kubeconfig", "a/b"), "services"),
        (ClusterKey("_", "kubeconfig", ""), "services"),
    ):
        with pytest.raises(NotDelivered):
            write_snapshot(Snapshot(objects={key: (secret,)}), tmp_path / "bad")
        assert not (tmp_path / "bad").exists()


def test_an_empty_cluster_folder_is_a_living_cluster_of_which_nothing_was_read(make: Make) -> None:
    root = make({f"{RULES}.json": []})
    (root / "clusters/acme/europe-west1/ghost").mkdir(parents=True)
    snapshot = read_snapshot(root)
    ghost = ClusterKey("acme", "europe-west1", "ghost")
    assert ghost in inventory.build(snapshot).clusters
    for plural in PLURALS:
        assert state(snapshot.coverage[f"{ghost.folder}/{plural}"]) == (Status.FAILED, Category.NOT_COLLECTED)


def test_strange_files_are_named_and_hidden_ones_are_not(make: Make) -> None:
    snapshot = read_snapshot(
        make(
            {
                f"{RULES}.json": [],
                "README.md": b"hello",
                "notes/a.txt": b"",
                "notes/deep/b.txt": b"",
                "projects/acme/compute/forwardingrules.json": [],
                "projects/acme/compute/forwardingRules.json.bak": b"",
                f"{SERVICES}.json": [],
                f"{PROD}/secrets.json": [],
                ".git/config": b"",
                "projects/.DS_Store": b"",
                "projects/acme/compute/._forwardingRules.json": b"\x00",
            }
        )
    )
    (warning,) = snapshot.warnings
    for name in (
        "README.md",
        "notes/",
        "compute/forwardingrules.json",
        "forwardingRules.json.bak",
        f"{PROD}/secrets.json",
    ):
        assert name in warning
    for name in ("notes/a", ".git", ".DS_Store", "._"):
        assert name not in warning
    assert set(snapshot.coverage) == {RULES, SERVICES}


@pytest.mark.parametrize("taken_at", ["yesterday", "2026-11-22T06:00:00", 7, "0001-01-01T00:00:00+23:00", []])
def test_a_time_that_is_none_is_a_warning(make: Make, taken_at: Any) -> None:
    snapshot = read_snapshot(make({"snapshot.json": manifest(taken_at=taken_at), f"{RULES}.json": []}))
    assert snapshot.taken_at is None
    assert "taken_at" in snapshot.warnings[0]


# --- the second look ---


def test_a_broken_second_look_is_a_gap_and_a_warning(make: Make) -> None:
    snapshot = read_snapshot(make({f"{RULES}.json": [], "confirm.json": b"{"}))
    assert snapshot.confirmations == ()
    assert state(snapshot.coverage_of(directory.CONFIRM_SCOPE)) == FAILED_INVALID
    assert any("confirm.json" in warning for warning in snapshot.warnings)


def test_odd_elements_of_the_second_look_count_as_failed(make: Make) -> None:
    looks = [
        {"resource": "//a", "status": "same"},
        {"resource": "//b", "status": "fine"},
        {"resource": "//c", "status": "same"},
        {"resource": "//c", "status": "gone"},
        {"status": "same"},
    ]
    snapshot = read_snapshot(make({f"{RULES}.json": [], "confirm.json": looks}))
    assert {look["resource"]: look["status"] for look in snapshot.confirmations} == {
        "//a": "same",
        "//b": "failed",
        "//c": "failed",
    }
    assert state(snapshot.coverage_of(directory.CONFIRM_SCOPE)) == PARTIAL_INVALID


# --- what is no snapshot ---


def test_a_missing_path_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path / "file" / "below"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UsageError, match="no such snapshot"):
            read_snapshot(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 5000, "not valid JSON"),
        ([], "not a JSON object"),
        ({}, "format number"),
        ({"format": "1"}, "format number"),
        ({"format": True}, "format number"),
        ({"format": 2}, "format 2"),
        ({"format": 1, "coverage": None}, "coverage"),
        ({"format": 1, "coverage": {}}, "coverage"),
    ],
)
def test_a_manifest_that_cannot_be_relied_on_is_an_error(make: Make, value: Any, message: str) -> None:
    with pytest.raises(NothingRead, match=message) as caught:
        read_snapshot(make({"snapshot.json": value, f"{RULES}.json": []}))
    assert "snapshot" in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_what_holds_no_list_is_no_snapshot(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow/projects/acme/compute").mkdir(parents=True)
    (tmp_path / "text.tar.gz").write_bytes(b"no archive")
    (tmp_path / "nothing.tar.gz").write_bytes(b"")
    for path in (
        tmp_path / "empty",
        tmp_path / "hollow",
        tmp_path / "text.tar.gz",
        tmp_path / "nothing.tar.gz",
        make({"snapshot.json": manifest()}, name="bare"),
        make({"holiday.jpg": b"\xff\xd8"}, name="pictures"),
    ):
        with pytest.raises(NothingRead):
            read_snapshot(path)


def test_a_manifest_alone_is_a_snapshot_of_gaps(make: Make) -> None:
    said = manifest(entry(RULES, "failed", category="forbidden"))
    assert state(read_snapshot(make({"snapshot.json": said})).coverage_of(RULES)) == (Status.FAILED, Category.FORBIDDEN)


# --- links and other strange things in a folder ---


def test_a_link_that_leads_out_is_refused_and_named(make: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('[{"name": "private"}]')
    root = make({f"{ADDRESSES}.json": []})
    (root / f"{RULES}.json").symlink_to(secret)
    (root / f"{PROD}").mkdir(parents=True)
    (root / f"{SERVICES}.json").symlink_to("../../../../projects/acme/compute/addresses.json")
    (root / f"{PROD}/ingresses.json").symlink_to(root / f"{PROD}/ingresses.json")
    (root / f"{PROD}/nodes.json").symlink_to("nowhere")
    snapshot = read_snapshot(root)
    assert state(snapshot.coverage_of(RULES)) == FAILED_INVALID
    assert "link" in snapshot.coverage_of(RULES).detail
    assert ("acme", "forwardingRules") not in snapshot.compute
    assert state(snapshot.coverage_of(SERVICES)) == COMPLETE
    assert state(snapshot.coverage_of(f"{PROD}/ingresses")) == FAILED_INVALID
    assert state(snapshot.coverage_of(f"{PROD}/nodes")) == FAILED_INVALID


def test_a_linked_folder_is_not_followed_but_its_cluster_is_known(make: Make, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "services.json").write_text("[]")
    root = make({f"{RULES}.json": []})
    (root / "clusters/acme/europe-west1").mkdir(parents=True)
    (root / PROD).symlink_to(elsewhere)
    snapshot = read_snapshot(root)
    assert state(snapshot.coverage_of(SERVICES)) == (Status.FAILED, Category.NOT_COLLECTED)
    assert PATH_TO_PROD in inventory.build(snapshot).clusters
    assert any("link to a folder" in warning for warning in snapshot.warnings)


def test_pipes_and_folders_in_place_of_files_do_not_stop_the_reading(make: Make) -> None:
    root = make({f"{ADDRESSES}.json": [], "snapshot.json": manifest(entry(f"{PROD}/nodes", "complete"))})
    os.mkfifo(root / f"{RULES}.json")
    (root / f"{PROD}/nodes.json").mkdir(parents=True)
    snapshot = read_snapshot(root)
    assert state(snapshot.coverage_of(RULES)) == FAILED_INVALID
    assert state(snapshot.coverage_of(f"{PROD}/nodes")) == FAILED_INVALID


def test_names_that_are_not_utf8_are_a_warning(make: Make) -> None:
    root = make({f"{RULES}.json": []})
    Path(os.fsdecode(os.fsencode(root) + b"/projects/caf\xe9")).mkdir()
    snapshot = read_snapshot(root)
    (warning,) = snapshot.warnings
    warning.encode()
    assert "caf\\udce9" in warning
    assert set(snapshot.projects) == {"acme"}


def test_a_huge_file_is_not_read(make: Make) -> None:
    root = make({f"{RULES}.json": [], f"{ADDRESSES}.json": b"[" + b" " * 200 + b"]"})
    files = open_snapshot(root, max_bytes=100)
    assert files.files[f"{RULES}.json"]() == b"[]"
    with pytest.raises(Exception, match="larger"):
        files.files[f"{ADDRESSES}.json"]()


# --- archives ---


def archive(path: Path, members: list[tuple[str, bytes | tarfile.TarInfo]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize("prefix", ["", "./", "my dump/", "./my dump/"])
def test_an_archive_may_have_one_folder_around_it(tmp_path: Path, prefix: str) -> None:
    members: list[tuple[str, bytes | tarfile.TarInfo]] = [
        (f"{prefix}snapshot.json", encoded(manifest(entry(RULES, "complete", count=1)))),
        (f"{prefix}{RULES}.json", encoded([RULE])),
        (f"{prefix}._snapshot.json", b"\x00\x05\x16\x07"),
        (f"{prefix}projects/ghost", special(f"{prefix}projects/ghost", tarfile.DIRTYPE)),
    ]
    for name in ("a.tar.gz", "b.tgz", "no-ending"):
        snapshot = read_snapshot(archive(tmp_path / name, members))
        assert state(snapshot.coverage_of(RULES)) == COMPLETE
        assert snapshot.compute["acme", "forwardingRules"] == (RULE,)
        assert snapshot.projects == {"acme": None, "ghost": None}
        assert snapshot.warnings == ()


def test_an_archive_unzipped_on_its_way_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", [(f"{RULES}.json", encoded([RULE]))])
    plain = tmp_path / "a.tar"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert read_snapshot(plain).compute == {("acme", "forwardingRules"): (RULE,)}


@pytest.mark.parametrize(
    "bad",
    [
        [("/etc/passwd", b"")],
        [("../up.json", b"")],
        [("projects/../../up.json", b"")],
        [("l", special("projects/acme/project.json", tarfile.SYMTYPE, "/etc/passwd"))],
        [("l", special(f"{ADDRESSES}.json", tarfile.LNKTYPE, f"{RULES}.json"))],
        [("d", special("projects/null", tarfile.CHRTYPE))],
        [("p", special("projects/pipe", tarfile.FIFOTYPE))],
        [(f"{RULES}.json", b"[]")],
        [(f"./{RULES}.json", b"[]")],
        [("d", special(f"{RULES}.json", tarfile.DIRTYPE))],
    ],
)
def test_an_archive_that_could_do_harm_is_refused_as_a_whole(
    tmp_path: Path, bad: list[tuple[str, bytes | tarfile.TarInfo]]
) -> None:
    path = archive(tmp_path / "bad.tar.gz", [(f"{RULES}.json", encoded([RULE])), *bad])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NothingRead) as caught:
        read_snapshot(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.tar.gz", [(f"{RULES}.json", b" " * 1_000_000)])
    assert path.stat().st_size < 10_000
    with pytest.raises(NothingRead, match="larger"):
        open_snapshot(path, max_bytes=100_000)


def test_no_cut_of_an_archive_is_read(tmp_path: Path) -> None:
    members: list[tuple[str, bytes | tarfile.TarInfo]] = [
        (f"{RULES}.json", encoded([RULE])),
        ("clusters/_/x/kops/services.json", encoded([SERVICE])),
    ]
    whole = archive(tmp_path / "whole.tar.gz", members).read_bytes()
    cut = tmp_path / "cut.tar.gz"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(NothingRead):
            read_snapshot(cut)
    # The same for a tar that was cut before it was zipped: a list lost at a member's border would go unseen.
    tar = gzip.decompress(whole)
    for length in range(0, 4 * 512 + 1, 512):
        cut.write_bytes(gzip.compress(tar[:length]))
        with pytest.raises(NothingRead):
            read_snapshot(cut)
    for position in (512 * 2, 512 * 2 + 148):
        cut.write_bytes(gzip.compress(tar[:position] + b"\xff" * 8 + tar[position + 8 :]))
        with pytest.raises(NothingRead):
            read_snapshot(cut)


# --- several as one ---


def test_several_snapshots_are_one(make: Make) -> None:
    first = make({f"{RULES}.json": [RULE], "snapshot.json": manifest(taken_at="2026-11-22T06:00:00Z")}, name="first")
    second = make(
        {
            f"{ADDRESSES}.json": [],
            f"{PROJECT}.json": {"projectId": "acme"},
            "projects/other/compute/addresses.json": [],
            "snapshot.json": manifest(taken_at="2026-11-21T06:00:00Z", tool="scripts/dump"),
        },
        name="second",
    )
    merged = read_snapshots([first, second])
    assert set(merged.coverage) == {RULES, ADDRESSES, PROJECT, "projects/other/compute/addresses"}
    assert merged.projects == {"acme": {"projectId": "acme"}, "other": None}
    assert merged.taken_at == datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert merged.tool == "scripts/dump"
    assert any("different times" in warning for warning in merged.warnings)
    assert replace(read_snapshots([second, first]), warnings=()) == replace(merged, warnings=())
    assert read_snapshots([first]) == read_snapshot(first)


def test_the_same_scope_twice_names_both_paths(make: Make) -> None:
    first, second = (make({f"{RULES}.json": []}, name=name) for name in ("first", "second"))
    with pytest.raises(UsageError) as caught:
        read_snapshots([first, second])
    for text in (RULES, str(first), str(second)):
        assert text in caught.value.message
    with pytest.raises(UsageError):
        read_snapshots([first, first])
    with pytest.raises(UsageError):
        read_snapshots([])


# --- writing ---


def some_snapshot() -> Snapshot:
    return Snapshot(
        taken_at=datetime(2026, 11, 22, 6, tzinfo=UTC),
        tool="t",
        coverage={
            RULES: Coverage(RULES, Status.COMPLETE, count=1),
            ADDRESSES: Coverage(ADDRESSES, Status.FAILED, Category.FORBIDDEN, detail="403"),
        },
        projects={"acme": None},
        compute={("acme", "forwardingRules"): (RULE,)},
    )


@pytest.mark.parametrize("name", ["out", "out.tar.gz", "out.tgz"])
def test_equal_snapshots_give_equal_bytes_and_nothing_is_left_beside(tmp_path: Path, name: str) -> None:
    def contents(root: Path) -> dict[str, bytes]:
        files = root.rglob("*") if root.is_dir() else [root]
        return {str(path.relative_to(root)): path.read_bytes() for path in files if path.is_file()}

    shuffled = replace(some_snapshot(), coverage=dict(reversed(some_snapshot().coverage.items())))
    for number, snapshot in enumerate((some_snapshot(), shuffled)):
        (tmp_path / str(number)).mkdir()
        write_snapshot(snapshot, tmp_path / str(number) / name)
        assert [path.name for path in (tmp_path / str(number)).iterdir()] == [name]
    assert contents(tmp_path / "0" / name) == contents(tmp_path / "1" / name)


def test_a_folder_is_never_replaced_and_an_archive_is(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/keep").write_text("me")
    with pytest.raises(UsageError, match="folder already"):
        write_snapshot(some_snapshot(), tmp_path / "full")
    assert (tmp_path / "full/keep").read_text() == "me"
    (tmp_path / "empty").mkdir()
    write_snapshot(some_snapshot(), tmp_path / "empty")
    (tmp_path / "old.tar.gz").write_text("old")
    write_snapshot(some_snapshot(), tmp_path / "old.tar.gz")
    assert read_snapshot(tmp_path / "empty") == read_snapshot(tmp_path / "old.tar.gz") == some_snapshot()


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    for name in ("missing/out", "missing/out.tar.gz"):
        with pytest.raises(NotDelivered, match="cannot be written"):
            write_snapshot(some_snapshot(), tmp_path / name)
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    odd = replace(some_snapshot(), compute={("acme", "forwardingRules"): ({"deep": deep},)})
    with pytest.raises(NotDelivered, match="JSON"):
        write_snapshot(odd, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_list_of_a_failed_scope_does_not_become_a_file(tmp_path: Path) -> None:
    snapshot = replace(some_snapshot(), compute={("acme", "forwardingRules"): (RULE,), ("acme", "addresses"): ()})
    write_snapshot(snapshot, tmp_path / "out")
    assert read_snapshot(tmp_path / "out") == some_snapshot()


# --- properties ---

NAMES = st.text(st.characters(categories=["Ll", "Lu", "Nd"]) | st.sampled_from("-_: %é"), min_size=1, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.lists(
    st.dictionaries(
        st.text(min_size=1, max_size=4).filter(lambda key: key not in ("kind", "apiVersion")), VALUES, max_size=3
    ),
    max_size=3,
).map(tuple)
DETAILS = st.text(max_size=10)
CATEGORIES = st.sampled_from(Category)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Snapshots in which every list has its coverage, as a live run makes them."""
    coverage: dict[str, Coverage] = {}

    def cover(scope: str, items: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """Cover one list; the items if it is one that has some."""
        status = draw(st.sampled_from(Status))
        if status is Status.COMPLETE:
            coverage[scope] = Coverage(scope, status, count=None if items is None else len(items))
        elif status is Status.PARTIAL:
            missing = tuple(draw(st.lists(NAMES, max_size=2)))
            count = None if items is None else len(items)
            coverage[scope] = Coverage(scope, status, draw(CATEGORIES), missing, draw(DETAILS), count)
        elif status is Status.FAILED:
            coverage[scope] = Coverage(scope, status, draw(CATEGORIES), detail=draw(DETAILS))
        else:
            coverage[scope] = Coverage(scope, status)
        return items if status in (Status.COMPLETE, Status.PARTIAL) else None

    projects: dict[str, Any] = {}
    compute: dict[tuple[str, str], Any] = {}
    clusters: dict[str, Any] = {}
    objects: dict[tuple[ClusterKey, str], Any] = {}
    for project in draw(st.sets(NAMES, min_size=1, max_size=2)):
        projects[project] = None
        described = {"projectId": project, "projectNumber": draw(st.text(max_size=3))}
        if cover(f"projects/{project}/project", None) is None and coverage[f"projects/{project}/project"].is_full:
            projects[project] = described
        if coverage[f"projects/{project}/project"].status is Status.PARTIAL:
            projects[project] = described
        if coverage[f"projects/{project}/project"].status is Status.ABSENT:
            projects[project] = None
        for collection in draw(st.sets(st.sampled_from(COLLECTIONS), max_size=2)):
            if (items := cover(f"projects/{project}/compute/{collection}", draw(OBJECTS))) is not None:
                compute[project, collection] = items
        if (items := cover(f"projects/{project}/container/clusters", draw(OBJECTS))) is not None:
            clusters[project] = items
    for parts in draw(st.sets(st.tuples(st.just("_") | NAMES, NAMES, NAMES), max_size=2)):
        key = ClusterKey(*parts)
        for plural in draw(st.sets(st.sampled_from([p for p in PLURALS if p != "configmaps"]), min_size=1, max_size=2)):
            if (items := cover(f"{key.folder}/{plural}", draw(OBJECTS))) is not None:
                objects[key, plural] = items
    for extra in draw(st.sets(st.sampled_from(["organizations/1/projects", "confirm///x/y", "folders/2/projects"]))):
        cover(extra, None)
    looks = draw(st.sets(st.text(min_size=1, max_size=5), max_size=2))
    return Snapshot(
        taken_at=draw(st.none() | st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
        tool=draw(st.text(max_size=5)),
        coverage=coverage,
        projects=projects,
        compute=compute,
        clusters=clusters,
        objects=objects,
        confirmations=tuple({"resource": look, "status": draw(st.sampled_from(["same", "gone"]))} for look in looks),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshot=snapshots())
@pytest.mark.parametrize("name", ["snapshot", "snapshot.tar.gz"])
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, name: str, snapshot: Snapshot
) -> None:
    path = tmp_path_factory.mktemp("round") / name
    write_snapshot(snapshot, path)
    assert read_snapshot(path) == snapshot


WHOLE: Files = {
    "snapshot.json": manifest(
        entry(RULES, "complete", count=1),
        entry(CLUSTERS, "complete"),
        entry(SERVICES, "complete", count=1),
        entry(PROJECT, "complete"),
    ),
    f"{RULES}.json": [RULE],
    f"{CLUSTERS}.json": [{"name": "prod", "location": "europe-west1"}],
    f"{SERVICES}.json": {"kind": "List", "apiVersion": "v1", "items": [SERVICE], "metadata": {"resourceVersion": ""}},
    f"{PROJECT}.json": {"projectId": "acme", "projectNumber": "12"},
}
SCOPES = (RULES, CLUSTERS, SERVICES, PROJECT)


@settings(max_examples=150, deadline=None)
@given(
    scope=st.sampled_from(SCOPES),
    with_manifest=st.booleans(),
    corruption=st.sampled_from([b"{}", b"null", b'"x"', b"[1]", b"<!doctype html><title>Sign in</title>", b"", b"\xff"])
    | st.floats(0, 1, exclude_max=True),
)
def test_no_corruption_of_one_file_is_complete_or_raises(
    tmp_path_factory: pytest.TempPathFactory, scope: str, with_manifest: bool, corruption: bytes | float
) -> None:
    root = tmp_path_factory.mktemp("broken")
    for path, value in WHOLE.items():
        if path != "snapshot.json" or with_manifest:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(encoded(value))
    whole = encoded(WHOLE[f"{scope}.json"])
    broken = corruption if isinstance(corruption, bytes) else whole[: int(len(whole) * corruption)]
    (root / f"{scope}.json").write_bytes(broken)
    snapshot = read_snapshot(root)
    assert not snapshot.coverage_of(scope).is_full
    assert f"{scope}.json" in snapshot.coverage_of(scope).detail
    for other in SCOPES:
        assert other == scope or snapshot.coverage_of(other).is_full


@settings(max_examples=100, deadline=None)
@given(entries=st.lists(VALUES | st.fixed_dictionaries({"scope": st.sampled_from(SCOPES) | VALUES, "status": VALUES})))
def test_no_manifest_entry_raises_or_makes_a_broken_list_whole(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Any]
) -> None:
    root = tmp_path_factory.mktemp("entries")
    (root / f"{RULES}.json").parent.mkdir(parents=True)
    (root / f"{RULES}.json").write_bytes(b"[")
    (root / "snapshot.json").write_bytes(encoded(manifest(*entries)))
    snapshot = read_snapshot(root)
    assert not snapshot.coverage_of(RULES).is_full
    assert not snapshot.coverage_of(SERVICES).is_full
