"""Recorded answers of the real Google APIs (test data of other projects, not part of this one) are audited."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.names import parse_ip
from auditor.model.snapshot import Snapshot

from .convert import World, connector_worlds, custodian_worlds, gcpdiag_worlds, with_nothing_missing

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "third-party"
AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
JSON = Mapping[str, Any]

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="LEFT OUT: the recorded API answers are not beside this checkout; only the restated shapes were tested",
)


def worlds() -> list[World]:
    if not RECORDINGS.is_dir():
        return []
    return [
        *gcpdiag_worlds(RECORDINGS / "gcpdiag"),
        *custodian_worlds(RECORDINGS / "cloud-custodian"),
        *connector_worlds(RECORDINGS / "k8s-config-connector"),
    ]


@functools.cache
def judged() -> list[tuple[str, bool, Snapshot, dict[str, Finding]]]:
    """Every world twice: as recorded, and claimed to be complete (the worst case for false orphans)."""
    result = []
    for world in worlds():
        for is_claimed, snapshot in ((False, world.snapshot), (True, with_nothing_missing(world.snapshot))):
            findings = judge(inventory.build(snapshot), as_of=AS_OF, min_age=timedelta(hours=1))
            result.append((world.name, is_claimed, snapshot, {item.resource.full: item for item in findings}))
    return result


def items(snapshot: Snapshot, collection: str) -> Iterator[tuple[str, JSON]]:
    """Full resource name and JSON of everything in one collection of all projects."""
    for (_, found), listed in snapshot.compute.items():
        if found == collection:
            for item in listed:
                yield "//compute.googleapis.com/projects/" + item["selfLink"].partition("/projects/")[2], item


def is_foreign_rule(rule: JSON) -> bool:
    """What a rule says of itself: none that GKE makes for a Service, an Ingress or a Gateway looks like this."""
    target = rule.get("target", "")
    foreign_targets = ("/targetVpnGateways/", "/serviceAttachments/", "/targetInstances/", "/targetGrpcProxies/")
    return (
        rule.get("loadBalancingScheme", "") in ("", "INTERNAL_SELF_MANAGED")
        or target in ("all-apis", "vpc-sc")
        or any(part in target for part in foreign_targets)
        or "pscConnectionId" in rule
    )


def is_foreign_address(address: JSON) -> bool:
    purposes = {"VPC_PEERING", "NAT_AUTO", "DNS_RESOLVER", "IPSEC_INTERCONNECT", "PRIVATE_SERVICE_CONNECT"}
    return address.get("purpose") in purposes or "ipCollection" in address or "prefixLength" in address


def is_idle(resource: str, address: JSON, snapshot: Snapshot) -> bool:
    """Nothing in the snapshot uses it, and nobody outside of it could."""
    rules = [rule for _, rule in items(snapshot, "forwardingRules")]
    ips = {parse_ip(rule["IPAddress"]) for rule in rules if "projects/" not in rule["IPAddress"]}
    nats = [nat for _, router in items(snapshot, "routers") for nat in router.get("nats", ())]
    project = snapshot.projects[resource.split("/")[4]] or {}
    is_shared = "subnetwork" in address and project.get("xpnProjectStatus") == "HOST"
    return (
        not is_foreign_address(address)
        and not address.get("users")
        and address.get("status") != "IN_USE"
        and parse_ip(address["address"]) not in ips
        and not any(resource.endswith(used) for nat in nats for used in nat.get("natIps", ()))
        and not is_shared
    )


def test_there_is_much_to_read() -> None:
    found = [snapshot for _, is_claimed, snapshot, _ in judged() if not is_claimed]
    assert sum(1 for snapshot in found for _ in items(snapshot, "forwardingRules")) > 40
    assert sum(1 for snapshot in found for _ in items(snapshot, "addresses")) > 40
    assert sum(len(clusters) for snapshot in found for clusters in snapshot.clusters.values()) > 30


def test_nothing_recorded_is_waste() -> None:
    """Not one recording holds all that could own its things: nothing of it may be orphaned or unused."""
    wrong = [
        f"{name}: {resource} {finding.verdict} ({finding.reason})"
        for name, is_claimed, _, findings in judged()
        for resource, finding in findings.items()
        if not is_claimed and finding.verdict in WASTE
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_orphaned_even_where_no_owner_could_be_missing() -> None:
    wrong = [
        f"{name}: {resource} ({finding.reason}, {finding.confidence})"
        for name, _, _, findings in judged()
        for resource, finding in findings.items()
        if finding.verdict is Verdict.ORPHANED
    ]
    assert not wrong, "\n".join(wrong)


def test_every_resource_has_one_verdict_with_evidence() -> None:
    for name, _, snapshot, findings in judged():
        assert set(findings) == {item.name.full for item in inventory.build(snapshot).judged()}, name
        assert all(finding.evidence for finding in findings.values()), name


def test_foreign_rules_are_foreign() -> None:
    """VPN, Private Service Connect (endpoints of GKE control planes among them), mesh, protocol forwarding."""
    checked, wrong = 0, []
    for name, is_claimed, snapshot, findings in judged():
        for resource, rule in items(snapshot, "forwardingRules"):
            if not is_foreign_rule(rule):
                continue
            checked += 1
            if findings[resource].verdict is not Verdict.FOREIGN:
                wrong.append(f"{name} claimed={is_claimed}: {resource} {findings[resource].verdict}")
    assert checked > 30
    assert not wrong, "\n".join(wrong)


def test_the_endpoints_of_control_planes_are_cluster_level_or_private_service_connect() -> None:
    name, _, snapshot, findings = next(entry for entry in judged() if entry[0] == "gcpdiag/gke1" and entry[1])
    endpoints = [resource for resource, rule in items(snapshot, "forwardingRules") if rule["name"].endswith("-pe")]
    assert len(endpoints) == 6, name
    assert {findings[resource].verdict for resource in endpoints} == {Verdict.FOREIGN}
    assert {findings[resource].reason for resource in endpoints} <= {"private-service-connect", "cluster-level"}


def test_load_balancers_that_people_made_are_foreign_once_all_was_read() -> None:
    for name, is_claimed, snapshot, findings in judged():
        for resource, _ in items(snapshot, "forwardingRules"):
            allowed = {Verdict.FOREIGN} if is_claimed else {Verdict.FOREIGN, Verdict.UNKNOWN}
            assert findings[resource].verdict in allowed, f"{name}: {resource} {findings[resource]}"


def test_foreign_addresses_are_foreign() -> None:
    """Peering ranges (also those without a status), addresses for Google APIs, one's own prefix."""
    checked, wrong = 0, []
    for name, is_claimed, snapshot, findings in judged():
        for resource, address in items(snapshot, "addresses"):
            if not is_foreign_address(address):
                continue
            checked += 1
            if findings[resource].verdict is not Verdict.FOREIGN:
                wrong.append(f"{name} claimed={is_claimed}: {resource} {findings[resource].verdict}")
    assert checked > 20
    assert not wrong, "\n".join(wrong)


def test_unused_are_exactly_the_idle_addresses() -> None:
    """Once everything is claimed to be read, an address that nothing uses is unused: no more, no fewer."""
    for name, is_claimed, snapshot, findings in judged():
        if not is_claimed:
            continue
        unused = {resource for resource, finding in findings.items() if finding.verdict is Verdict.UNUSED}
        idle = {resource for resource, item in items(snapshot, "addresses") if is_idle(resource, item, snapshot)}
        assert unused == idle, name


def test_node_pool_groups_are_cluster_level() -> None:
    checked = 0
    for name, _, snapshot, findings in judged():
        for resource, group in items(snapshot, "instanceGroups"):
            if group["name"].startswith(("gke-", "gk3-")) and group["name"].endswith("-grp"):
                checked += 1
                assert findings[resource].verdict is Verdict.FOREIGN, f"{name}: {findings[resource]}"
    assert checked > 100
