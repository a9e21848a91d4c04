"""Which resources are one load balancer, and what it is called (docs/report.md, Verdicts)."""

from __future__ import annotations

from collections.abc import Mapping

from worlds import formulas

from .builder import API, HERE, PROJECT, World, ingress_v1, ingress_v2
from .situations import addresses, fleets, services

IP, OTHER_IP = "203.0.113.10", "203.0.113.11"
REGION = f"regions/{HERE}"


def roots(world: World, project: str = PROJECT) -> Mapping[str, str | None]:
    """By place: the place of the load balancer's root."""
    return {
        name.removeprefix(f"{project}/"): None
        if finding.load_balancer is None
        else finding.load_balancer.relative.removeprefix(f"projects/{project}/")
        for name, finding in world.findings().items()
    }


def test_ipv4_and_ipv6_of_one_service_are_one() -> None:
    world = World()
    services.dual_stack(world)
    assert set(roots(world).values()) == {f"{REGION}/forwardingRules/{services.OLD_NAME}"}


def test_tcp_and_udp_of_one_service_are_one() -> None:
    world = World()
    services.mixed_protocols(world)
    (root,) = set(roots(world).values())
    assert root is not None
    assert root.startswith(f"{REGION}/forwardingRules/k8s2-tcp-"), "the first of its rules by resource"


def test_http_and_https_of_one_ingress_are_one() -> None:
    world = World()
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    https = world.put(
        places["tp"].replace("-tp-", "-ts-").replace("HttpProxies", "HttpsProxies"),
        urlMap=f"{API}projects/{PROJECT}/{places['um']}",
    )
    second = places["fr"].replace("-fr-", "-fs-")
    world.put(second, IPAddress=OTHER_IP, loadBalancingScheme="EXTERNAL", target=https)
    assert set(roots(world).values()) == {min(places["fr"], second)}


def test_without_a_rule_the_topmost_part_is_the_root() -> None:
    world = World()
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    world.resources[PROJECT, "forwardingRules"].clear()
    assert set(roots(world).values()) == {places["tp"]}


def test_two_ingresses_on_one_service_are_two() -> None:
    """What they share is shared by all Ingresses of the cluster (ownership.md, section 3, P8)."""
    world = World()
    prod = world.cluster("prod")
    one, two = ingress_v1(world, prod, IP), ingress_v1(world, prod, OTHER_IP, owner="default/other")
    for collection in ("backendServices", "healthChecks", "networkEndpointGroups"):
        world.resources[PROJECT, collection].pop()
    found = roots(world)
    assert found[one["um"]] == one["fr"]
    assert found[two["um"]] == two["fr"]


def test_rules_of_a_person_that_meet_on_a_url_map_are_one() -> None:
    """Contract: "rules that share an IP or a part that is not shared by the whole cluster (HTTP and HTTPS, ...)"."""
    world = World()
    world.cluster("prod")
    check = world.put("global/healthChecks/tf")
    for name, ips in (("shop", (IP, OTHER_IP)), ("wiki", ("203.0.113.12",))):
        backend = world.put(
            f"global/backendServices/{name}", loadBalancingScheme="EXTERNAL_MANAGED", healthChecks=[check]
        )
        url_map = world.put(f"global/urlMaps/{name}", defaultService=backend)
        for number, ip in enumerate(ips):
            proxy = world.put(f"global/targetHttpProxies/{name}-{number}", urlMap=url_map)
            rule = f"global/forwardingRules/{name}-{number}"
            world.put(rule, IPAddress=ip, loadBalancingScheme="EXTERNAL_MANAGED", target=proxy)
    found = roots(world)
    assert {found[f"global/forwardingRules/shop-{number}"] for number in range(2)} == {"global/forwardingRules/shop-0"}
    assert found["global/urlMaps/shop"] == "global/forwardingRules/shop-0"
    assert found["global/forwardingRules/wiki-0"] == "global/forwardingRules/wiki-0"


def test_what_a_cluster_shares_and_what_is_no_load_balancer_belongs_to_none() -> None:
    world = World()
    services.legacy_internal_of_a_deleted_cluster(world)
    addresses.ranges_and_purposes(world)
    fleets.private_service_connect_and_mesh(world)
    found = roots(world)
    shared = [name for name in found if "k8s-ig--" in name or name.endswith(("-node", "-node-hc"))]
    assert len(shared) == 3
    for name in (*shared, f"{REGION}/addresses/nat", f"{REGION}/forwardingRules/consumer"):
        assert found[name] is None, name


def test_a_service_attachment_is_a_part_of_the_load_balancer_it_publishes() -> None:
    world = World()
    places = fleets.service_attachment_without_consumers(world)
    assert set(roots(world).values()) == {name for name in places if "/forwardingRules/" in name}


def test_an_orphaned_rule_and_a_persons_address_are_one() -> None:
    world = World()
    addresses.reserved_on_an_orphaned_rule(world)
    found = roots(world)
    rule = f"{REGION}/forwardingRules/{addresses.NAME}"
    assert found[f"{REGION}/addresses/shop"] == found[f"global/firewalls/k8s-fw-{addresses.NAME}"] == rule


def test_the_firewall_of_a_service_of_another_project_follows_its_rule() -> None:
    world = World()
    world.projects["acme-host"] = {"projectId": "acme-host", "projectNumber": "5", "xpnProjectStatus": "HOST"}
    prod = world.cluster("prod")
    name = formulas.service_name(services.OLD_UID)
    rule = f"{REGION}/forwardingRules/{name}"
    world.put(rule, IPAddress=IP, loadBalancingScheme="EXTERNAL")
    world.put(f"global/firewalls/k8s-fw-{name}", project="acme-host", targetTags=[prod.tag])
    assert roots(world)[f"acme-host/global/firewalls/k8s-fw-{name}"] == rule


def test_a_cluster_known_by_its_marks_alone_is_named_by_the_contract() -> None:
    """Contract, field formats: fingerprint:c8=..., fingerprint:uid=..., fingerprint:cluster-id=...; a Gateway's code
    is none of these."""
    world = World()
    services.cluster_made_again_under_its_name(world)
    fleets.gateway_deleted(world)
    owners = {name: finding.owner for name, finding in world.findings().items()}
    clusters = {owner.cluster for owner in owners.values() if owner is not None and owner.cluster is not None}
    assert {text.partition("=")[0] for text in clusters if text.startswith("fingerprint:")} == {
        "fingerprint:c8",
        "fingerprint:uid",
        "fingerprint:cluster-id",
    }
