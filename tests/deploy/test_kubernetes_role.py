"""deploy/kubernetes: the cluster role has exactly what the code lists in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from auditor.collect.access import KUBERNETES_LISTS, KUBERNETES_ROLE
from auditor.collect.kubernetes import INGRESS_UID

REPO = Path(__file__).resolve().parents[2]
OBJECTS = {
    entry["kind"]: entry for entry in yaml.safe_load_all((REPO / "deploy" / "kubernetes" / "auditor.yaml").read_text())
}


def granted(role: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return sorted(
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    )


def test_cluster_role_lists_exactly_what_the_code_lists() -> None:
    assert granted(OBJECTS["ClusterRole"]) == sorted(("list", group, plural) for group, plural in KUBERNETES_LISTS)
    assert not any("resourceNames" in rule for rule in OBJECTS["ClusterRole"]["rules"])


def test_one_config_map_can_be_read_and_no_other() -> None:
    namespace, name = INGRESS_UID
    role = OBJECTS["Role"]
    assert granted(role) == [("get", "", "configmaps")]
    assert role["metadata"]["namespace"] == namespace
    assert [rule["resourceNames"] for rule in role["rules"]] == [[name]]


def test_both_are_bound_to_the_account_that_is_put_in() -> None:
    for binding, role in (("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")):
        bound = OBJECTS[binding]
        assert bound["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": KUBERNETES_ROLE}
        assert [(subject["kind"], subject["name"]) for subject in bound["subjects"]] == [("User", "AUDITOR_ACCOUNT")]
        assert bound["metadata"].get("namespace") == OBJECTS[role]["metadata"].get("namespace")


def test_names_are_those_that_check_access_would_make() -> None:
    assert {entry["metadata"]["name"] for entry in OBJECTS.values()} == {KUBERNETES_ROLE}
