"""The shapes that the real APIs answer with, restated with made-up values, so that every clone tests them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.snapshot import Category, Snapshot, Status

from .convert import snapshot_of, with_nothing_missing

AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
JSON = Mapping[str, Any]
P = "example-net"
API = f"https://www.googleapis.com/compute/v1/projects/{P}"
TENANT = "https://www.googleapis.com/compute/v1/projects/q1b2c3d4e5f6a7b8c-tp"
REGION = f"{API}/regions/europe-west4"
OWN_SLICE = 11 * 4  # more scopes than any edited recording has


def resource(kind: str, scope: str, collection: str, name: str, **fields: Any) -> dict[str, Any]:
    """One Compute resource as the API prints it; `scope` is "global" or "regions/R"."""
    base = {
        "kind": f"compute#{kind}",
        "id": "4711004711004711",
        "creationTimestamp": "2026-02-03T04:05:06.789-08:00",
        "name": name,
        "selfLink": f"{API}/{scope}/{collection}/{name}",
    }
    where = {} if scope == "global" else {"region": f"{API}/{scope}"}
    return base | where | fields


def rule(name: str, scope: str = "regions/europe-west4", **fields: Any) -> dict[str, Any]:
    return resource("forwardingRule", scope, "forwardingRules", name, **({"IPAddress": "192.0.2.10"} | fields))


def address(name: str, scope: str = "regions/europe-west4", **fields: Any) -> dict[str, Any]:
    return resource("address", scope, "addresses", name, **({"address": "192.0.2.20"} | fields))


FOREIGN_RULES = [
    pytest.param(
        rule(
            "gk3-checkout-0a1b2c3d-4e5f6071-pe",
            IPAddress="10.10.0.5",
            target=f"{TENANT}/regions/europe-west4/serviceAttachments/gke-0a1b2c3d44556677-89ab-cdef-sa",
            pscConnectionId="81818181818181",
            pscConnectionStatus="ACCEPTED",
            network=f"{API}/global/networks/default",
        ),
        id="control-plane-endpoint",
    ),
    pytest.param(
        rule(
            "to-google", "global", IPAddress="10.9.9.9", target="all-apis", loadBalancingScheme="", pscConnectionId="7"
        ),
        id="private-service-connect-to-google-apis",
    ),
    pytest.param(
        rule(
            "sca-auto-fr-3f2a9c1e",
            IPAddress="10.10.0.6",
            target=f"{TENANT}/regions/europe-west4/serviceAttachments/cache-sa",
            pscConnectionStatus="ACCEPTED",
        ),
        id="service-connectivity-automation",
    ),
    *(
        pytest.param(
            rule(
                f"vpn-{protocol.lower()}{port}",
                IPProtocol=protocol,
                loadBalancingScheme="EXTERNAL",
                target=f"{REGION}/targetVpnGateways/office",
                **({"portRange": f"{port}-{port}"} if port else {}),
            ),
            id=f"vpn-{protocol}-{port}",
        )
        for protocol, port in (("ESP", ""), ("UDP", "500"), ("UDP", "4500"))
    ),
    pytest.param(
        rule(
            "mesh",
            "global",
            IPAddress="0.0.0.0",  # noqa: S104 (what the API prints for a mesh)
            loadBalancingScheme="INTERNAL_SELF_MANAGED",
            target=f"{API}/global/targetGrpcProxies/mesh",
        ),
        id="mesh",
    ),
    pytest.param(
        rule(
            "to-one-vm",
            loadBalancingScheme="EXTERNAL",
            target=f"{API}/zones/europe-west4-a/targetInstances/bastion",
        ),
        id="protocol-forwarding",
    ),
    *(
        pytest.param(
            rule(
                f"site-{proxy.lower()}",
                "global",
                loadBalancingScheme="EXTERNAL_MANAGED",
                target=f"{API}/global/target{proxy}Proxies/site",
            ),
            id=f"user-{proxy}-proxy",
        )
        for proxy in ("Http", "Https", "Tcp", "Ssl")
    ),
    pytest.param(
        rule(
            "shop-internal",
            IPAddress="10.10.0.9",
            loadBalancingScheme="INTERNAL_MANAGED",
            target=f"{REGION}/targetTcpProxies/shop",
        ),
        id="internal-proxy",
    ),
    pytest.param(
        rule("by-hand", loadBalancingScheme="INTERNAL", backendService=f"{REGION}/backendServices/by-hand"),
        id="internal-passthrough",
    ),
]
FOREIGN_ADDRESSES = [
    pytest.param(
        address("psa", "global", address="10.64.0.0", addressType="INTERNAL", purpose="VPC_PEERING", prefixLength=16),
        id="peering-range-without-status",
    ),
    pytest.param(
        address(
            "google-managed-services-default",
            "global",
            address="10.80.0.0",
            addressType="INTERNAL",
            purpose="VPC_PEERING",
            prefixLength=22,
            status="RESERVED",
        ),
        id="peering-range-reserved",
    ),
    pytest.param(
        address("apis", "global", address="10.9.9.9", addressType="INTERNAL", purpose="PRIVATE_SERVICE_CONNECT"),
        id="address-for-google-apis",
    ),
    pytest.param(address("nat-auto-ip-11-0-17", purpose="NAT_AUTO", status="IN_USE"), id="nat"),
    pytest.param(
        address("own", ipCollection=f"{REGION}/publicDelegatedPrefixes/ours", status="RESERVED"), id="own-prefix"
    ),
]


def audit(snapshot: Snapshot) -> dict[str, Finding]:
    findings = judge(inventory.build(snapshot), as_of=AS_OF, min_age=timedelta(hours=1))
    return {finding.resource.name: finding for finding in findings}


@pytest.mark.parametrize("item", [*FOREIGN_RULES, *FOREIGN_ADDRESSES])
def test_foreign_shapes(item: JSON) -> None:
    """Foreign once all was read; never waste while nothing else was."""
    snapshot = snapshot_of([item], P)
    assert audit(snapshot)[item["name"]].verdict not in WASTE
    assert audit(with_nothing_missing(snapshot))[item["name"]].verdict is Verdict.FOREIGN


def test_address_of_a_rule_that_was_not_listed_is_not_unused() -> None:
    """A name that a redaction broke, the controller's description, and a user that stands in no list."""
    held = address(
        "a5xq3zbrafckaoaf03ac394",
        addressType="EXTERNAL",
        status="RESERVED",
        description='{"kubernetes.io/service-name":"watch/board"}',
        users=[f"{REGION}/forwardingRules/a5xq3zbrafckaoaf03ac394"],
    )
    for snapshot in (snapshot_of([held], P), with_nothing_missing(snapshot_of([held], P))):
        assert audit(snapshot)[held["name"]].verdict not in WASTE


def test_idle_address_is_unused_only_once_everything_was_read() -> None:
    snapshot = snapshot_of([address("forgotten", addressType="EXTERNAL", status="RESERVED")], P)
    assert audit(snapshot)["forgotten"].verdict is Verdict.UNKNOWN
    assert audit(with_nothing_missing(snapshot))["forgotten"].verdict is Verdict.UNUSED


def test_serverless_backend_of_a_user_is_foreign() -> None:
    group = resource(
        "networkEndpointGroup",
        "regions/europe-west4",
        "networkEndpointGroups",
        "run",
        networkEndpointType="SERVERLESS",
        cloudRun={"service": "site"},
    )
    backend = resource(
        "backendService",
        "global",
        "backendServices",
        "site",
        loadBalancingScheme="EXTERNAL_MANAGED",
        backends=[{"group": group["selfLink"]}],
    )
    found = audit(with_nothing_missing(snapshot_of([group, backend], P)))
    assert {found["run"].verdict, found["site"].verdict} == {Verdict.FOREIGN}


def aggregated(**answers: JSON) -> dict[str, Any]:
    """An aggregated list with an empty answer for every scope that is not given."""
    scopes: dict[str, Any] = {
        scope: {"warning": {"code": "NO_RESULTS_ON_PAGE", "data": [{"key": "scope", "value": scope}]}}
        for scope in ["global", *(f"regions/r{number}" for number in range(OWN_SLICE))]
    }
    scopes |= {key.replace("__", "/").replace("_", "-"): answer for key, answer in answers.items()}
    return {
        "kind": "compute#forwardingRuleAggregatedList",
        "id": f"projects/{P}/aggregated/forwardingRules",
        "items": scopes,
    }


RULES_SCOPE = f"projects/{P}/compute/forwardingRules"


def test_empty_scopes_of_an_aggregated_list_are_no_gap() -> None:
    listed = snapshot_of([aggregated(regions__europe_west4={"forwardingRules": [rule("by-hand")]})], P)
    assert listed.coverage[RULES_SCOPE].status is Status.COMPLETE
    assert len(listed.compute[P, "forwardingRules"]) == 1


def test_unreachable_scope_of_an_aggregated_list_is_a_gap() -> None:
    silent = {"warning": {"code": "UNREACHABLE", "data": [{"key": "scope", "value": "regions/asia-east9"}]}}
    found = snapshot_of([aggregated(regions__asia_east9=silent)], P).coverage[RULES_SCOPE]
    assert (found.status, found.category, found.missing) == (
        Status.PARTIAL,
        Category.UNREACHABLE,
        ("regions/asia-east9",),
    )


def test_first_page_of_a_list_is_a_gap() -> None:
    page = aggregated() | {"nextPageToken": "CAE="}
    assert snapshot_of([page], P).coverage[RULES_SCOPE].status is Status.PARTIAL


def test_list_of_one_scope_is_a_gap() -> None:
    page = {"kind": "compute#forwardingRuleList", "items": [rule("by-hand")], "selfLink": f"{REGION}/forwardingRules"}
    assert snapshot_of([page], P).coverage[RULES_SCOPE].status is Status.PARTIAL


def test_zones_that_did_not_answer_make_the_clusters_a_gap() -> None:
    cluster = {
        "name": "shop",
        "location": "europe-west4",
        "status": "RUNNING",
        "id": "0a1b2c3d" + "0" * 56,
        "selfLink": f"https://container.googleapis.com/v1/projects/{P}/locations/europe-west4/clusters/shop",
    }
    found = snapshot_of([{"clusters": [cluster], "missingZones": ["us-east1-b"]}], P)
    scope = found.coverage[f"projects/{P}/container/clusters"]
    assert (scope.status, scope.missing) == (Status.PARTIAL, ("zones/us-east1-b",))
    assert len(found.clusters[P]) == 1


def test_states_of_one_resource_are_one_resource() -> None:
    before, after = rule("by-hand", target="t"), rule("by-hand", target="t", labels={"team": "shop"})
    (kept,) = snapshot_of([before, after], P).compute[P, "forwardingRules"]
    assert kept["labels"] == {"team": "shop"}
