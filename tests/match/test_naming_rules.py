"""The name formulas against golden names, and every naming rule against its examples and counterexamples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.match import naming
from auditor.match.makers import NOT_KUBERNETES, Role, classify, find_rule
from auditor.model import compute
from auditor.model.compute import Reader, Resource
from auditor.model.snapshot import JUDGED_COLLECTIONS

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
VECTORS = json.loads((FIXTURES / "names.json").read_text(encoding="utf-8"))["vectors"]
RULES = json.loads((FIXTURES / "naming_rules.json").read_text(encoding="utf-8"))["rules"]
ROLES = {
    "candidate": Role.CANDIDATE,
    "companion": Role.COMPANION,
    "shared": Role.SHARED,
    "foreign": Role.FOREIGN,
}
JSON = Mapping[str, Any]


def _l4(function: Callable[..., str]) -> Callable[[JSON], str]:
    """The formulas of k8s2- names of Services start from the code of the cluster, not from the UID behind it."""

    def name(inputs: JSON) -> str:
        rest = {key: value for key, value in inputs.items() if key not in ("kube_system_uid", "namespace", "name")}
        code = naming.cluster_code(inputs["kube_system_uid"])
        return function(code, inputs["namespace"], inputs["name"], **rest)

    return name


def _direct(function: Callable[..., str], **renamed: str) -> Callable[[JSON], str]:
    def name(inputs: JSON) -> str:
        return function(**{renamed.get(key, key): value for key, value in inputs.items()})

    return name


def _v2_certificate(inputs: JSON) -> str:
    stem = naming.ingress_v2_certificate_stem(inputs["kube_system_uid"], inputs["namespace"], inputs["name"])
    return f"{stem}-{inputs['cert_hash']}"


def _v1_certificate(inputs: JSON) -> str:
    stem = naming.ingress_v1_certificate_stem(inputs["ingress_uid"], inputs["namespace"], inputs["name"])
    return naming.cut62(f"{stem}-{inputs['cert_hash']}--{inputs['ingress_uid']}")


FORMULAS: Mapping[str, Callable[[JSON], str]] = {
    "service.legacy": _direct(naming.service_load_balancer),
    "service.legacy_ipv6": lambda inputs: naming.service_load_balancer(inputs["service_uid"]) + "-ipv6",
    "service.legacy_firewall": lambda inputs: "k8s-fw-" + naming.service_load_balancer(inputs["service_uid"]),
    "l4.backend": _l4(naming.l4_backend),
    "l4.neg_other_subnet": _l4(naming.l4_endpoint_group_in_subnet),
    "l4.rule": _l4(naming.l4_rule),
    "l4.rule_ipv6": _l4(naming.l4_rule_ipv6),
    "l4.firewall": _l4(naming.l4_backend),
    "l4.firewall_deny": _l4(naming.l4_firewall_deny),
    "l4.firewall_other": _l4(naming.l4_firewall_other),
    "ingress.v2": _direct(naming.ingress_v2),
    "ingress.v2_certificate": _v2_certificate,
    "ingress.v1": _direct(naming.ingress_v1),
    "ingress.v1_certificate": _v1_certificate,
    "neg": _direct(naming.endpoint_group, name="service"),
    "neg.other_subnet": _direct(naming.endpoint_group_in_subnet, name="service"),
    "ingress.regional_external_backend": _direct(naming.regional_external_backend, name="service"),
    "service_attachment": _direct(naming.service_attachment),
}


def test_there_are_vectors_for_every_formula() -> None:
    assert {vector["formula"] for vector in VECTORS} == set(FORMULAS)
    assert len(VECTORS) > 200


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['formula']}-{vector['name']}")
def test_vector(vector: JSON) -> None:
    """The formula gives the golden name, and a resource of that name is known as made by that controller."""
    assert FORMULAS[vector["formula"]](vector["inputs"]) == vector["name"]
    found = find_rule(vector["collection"], vector["name"])
    assert found is not None
    rule, marks = found
    assert rule.id == vector["rule"]
    if "c8" in marks:
        assert marks["c8"] == naming.cluster_code(vector["inputs"]["kube_system_uid"])
    if "uid8" in marks:
        assert marks["uid8"] == vector["inputs"]["ingress_uid"][:8]


@pytest.mark.parametrize(
    ("limit", "parts", "fitted"),
    [
        (9, ("abc", "defgh"), ("abc", "defgh")),
        (8, ("abc", "defgh"), ("abc", "defgh")),
        (6, ("abc", "defgh"), ("abc", "def")),
        (4, ("abcdefgh", "x"), ("abcd", "")),
    ],
)
def test_fit(limit: int, parts: tuple[str, ...], fitted: tuple[str, ...]) -> None:
    assert naming.fit(limit, *parts) == fitted


def rules_with_names() -> Iterator[JSON]:
    """Rules for kinds that the audit judges and that have a name pattern."""
    for rule in RULES:
        if rule.get("regex") and set(rule["collections"]) & set(JUDGED_COLLECTIONS):
            yield rule


def pairs(key: str) -> list[Any]:
    return [
        pytest.param(rule, collection, name, id=f"{rule['id']}-{collection}-{name}")
        for rule in rules_with_names()
        for collection in rule["collections"]
        if collection in JUDGED_COLLECTIONS
        for name in rule[key]
    ]


def test_every_rule_has_an_example() -> None:
    assert all(rule["examples"] for rule in rules_with_names())


@pytest.mark.parametrize(("rule", "collection", "name"), pairs("examples"))
def test_example_is_found_by_its_rule_and_by_no_earlier_one(rule: JSON, collection: str, name: str) -> None:
    found = find_rule(collection, name)
    assert found is not None
    assert (found[0].id, found[0].role) == (rule["id"], ROLES[rule["role"]])


@pytest.mark.parametrize(("rule", "collection", "name"), pairs("counterexamples"))
def test_counterexample_is_not_found_by_the_rule(rule: JSON, collection: str, name: str) -> None:
    found = find_rule(collection, name)
    assert found is None or found[0].id != rule["id"]


def resource(collection: str, name: str, **fields: Any) -> Resource:
    scopes = {"networkEndpointGroups": {"zone": "zones/europe-west1-b"}, "instanceGroups": {"zone": "europe-west1-b"}}
    item = {"name": name, "creationTimestamp": "2026-01-02T03:04:05Z", **scopes.get(collection, {}), **fields}
    return compute.parse(item, Reader("example-prod", collection, {}))


NAMES_OF_ANYBODY = frozenset(
    {
        "k8s--node",
        "k8s-be-31234",
        "k8s-fw-l7",
        "k8s-ig",
        "k8s-um-default-web",
        "k8s-um-01234567890123456789012345678901234567890123456789-01230",
    }
)
"""Names of the oldest clusters, and cut ones: no mark of a cluster is in them, and a person may give such a name."""


@pytest.mark.parametrize(("rule", "collection", "name"), pairs("examples"))
def test_example_with_a_mark_is_classified_by_its_name_alone(rule: JSON, collection: str, name: str) -> None:
    maker = classify(resource(collection, name))
    if name in NAMES_OF_ANYBODY:
        assert maker == NOT_KUBERNETES
    else:
        assert (maker.rule, maker.role) == (rule["id"], ROLES[rule["role"]])


@pytest.mark.parametrize(
    ("collection", "name", "fields", "rule"),
    [
        (
            "forwardingRules",
            "k8s-fw-default-web",
            {"description": '{"kubernetes.io/ingress-name": "a/b"}'},
            "ing1.front",
        ),
        ("firewalls", "k8s-fw-l7", {"description": "GCE L7 firewall rule"}, "ing.fw"),
        ("urlMaps", "k8s-um-default-web", {"defaultService": "global/backendServices/k8s-be-30001"}, "ing1.front"),
        (
            "healthChecks",
            "k8s-be-30001",
            {"description": "Default kubernetes L7 Loadbalancing health check."},
            "ing.be_nodeport",
        ),
    ],
)
def test_name_without_a_mark_needs_a_second_witness(collection: str, name: str, fields: JSON, rule: str) -> None:
    assert classify(resource(collection, name)) == NOT_KUBERNETES
    assert classify(resource(collection, name, **fields)).rule == rule


def test_description_alone_makes_an_endpoint_group_kubernetes() -> None:
    """Rule neg.custom has no name pattern: a NEG with a name of its own is known by its description."""
    described = {"cluster-uid": "u", "namespace": "shop", "service-name": "web", "port": "80"}
    maker = classify(resource("networkEndpointGroups", "my-own-name", description=json.dumps(described)))
    assert (maker.rule, maker.owner) == ("neg.custom", ("shop", "web"))


@pytest.mark.parametrize(
    "description",
    [
        "",
        "{",
        "[]",
        '{"kubernetes.io/service-name": "no-slash"}',
        '{"kubernetes.io/service-name": 7}',
        '{"kubernetes.io/service-name": "/"}',
        "kubernetes.io/service-name: shop/web",
    ],
)
def test_description_of_nobody_makes_nothing_kubernetes(description: str) -> None:
    assert classify(resource("forwardingRules", "frontend", description=description)) == NOT_KUBERNETES
