"""Addresses: who holds them, who names them, which are never flagged (ownership.md, section 5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from worlds import formulas

from ..builder import API, HERE, PROJECT, Cluster, World, legacy, uid_of
from ..telling import Expected, Told

IP, OTHER_IP = "203.0.113.10", "203.0.113.11"
UID = uid_of("web")
NAME = formulas.service_name(UID)
REGION = f"regions/{HERE}"


def held_by_a_rule_of_a_project_that_was_not_audited(world: World) -> Expected:
    """x.addr.users: "a user that was not read (another project) -> unknown"."""
    world.cluster("prod")
    user = f"{API}projects/elsewhere/{REGION}/forwardingRules/x"
    world.put(f"{REGION}/addresses/shop", address=IP, addressType="EXTERNAL", status="IN_USE", users=[user])
    return {f"{REGION}/addresses/shop": "unknown"}


def held_by_a_rule_of_another_audited_project(world: World) -> Expected:
    """x.addr.users: "Any user in use -> in_use"."""
    world.projects["acme-service"] = {"projectId": "acme-service", "projectNumber": "5"}
    far = world.cluster("far", project="acme-service")
    name = formulas.service_name(UID)
    rule = world.put(
        f"{REGION}/forwardingRules/{name}",
        project="acme-service",
        IPAddress="10.0.0.9",
        loadBalancingScheme="INTERNAL",
    )
    far.service(
        "default/web", uid=UID, ips=("10.0.0.9",), annotations={"networking.gke.io/load-balancer-type": "Internal"}
    )
    world.put(
        f"{REGION}/addresses/shop",
        address="10.0.0.9",
        addressType="INTERNAL",
        status="IN_USE",
        subnetwork=f"{API}projects/{PROJECT}/{REGION}/subnetworks/main",
        users=[rule],
    )
    return {f"{REGION}/addresses/shop": "in_use"}


def held_by_a_rule_that_names_it_by_link(world: World) -> Expected:
    """IPAddress may be written as the address's link; then that is what joins them."""
    address = world.put(f"{REGION}/addresses/shop", address=IP, addressType="EXTERNAL", status="RESERVED")
    world.put(f"{REGION}/forwardingRules/front", IPAddress=address, loadBalancingScheme="EXTERNAL")
    return {f"{REGION}/addresses/shop": "foreign", f"{REGION}/forwardingRules/front": "foreign"}


def shared_vip(world: World) -> Expected:
    """Fine point 9: "SHARED_LOADBALANCER_VIP: judged like any address; several rules may hold it"."""
    world.cluster("prod")
    for name, users in (("held", True), ("free", False)):
        world.put(
            f"{REGION}/addresses/{name}",
            address=f"10.0.0.{len(name) + users}",
            addressType="INTERNAL",
            purpose="SHARED_LOADBALANCER_VIP",
            status="IN_USE" if users else "RESERVED",
            users=[f"{API}projects/{PROJECT}/{REGION}/forwardingRules/{NAME}"] if users else None,
        )
    world.put(
        f"{REGION}/forwardingRules/{NAME}",
        IPAddress="10.0.0.5",
        loadBalancingScheme="INTERNAL",
    )
    return {
        f"{REGION}/addresses/held": "orphaned",
        f"{REGION}/addresses/free": "unused",
        f"{REGION}/forwardingRules/{NAME}": "orphaned",
    }


def ipv6_static_address(world: World) -> Expected:
    """x.addr.bm: "IPv6 LB addresses carry prefixLength 96: do not exclude those"."""
    prod = world.cluster("prod")
    for name, ip in (("six", "2600:1901:0:1::"), ("six-named", "2600:1901:0:2::")):
        world.put(
            f"global/addresses/{name}",
            address=ip,
            addressType="EXTERNAL",
            ipVersion="IPV6",
            prefixLength=96,
            status="RESERVED",
        )
    prod.ingress("default/web", annotations={"kubernetes.io/ingress.global-static-ip-name": "six-named"})
    return {"global/addresses/six": "unused", "global/addresses/six-named": "in_use"}


def terraform_labels(world: World) -> Expected:
    """x.cnrm_tf: "An address of theirs that nothing uses is unused, with a warning to release it in its own tool"."""
    world.cluster("prod")
    world.put(
        "global/addresses/tf",
        address=IP,
        addressType="EXTERNAL",
        status="RESERVED",
        labels={"goog-terraform-provisioned": "true"},
    )
    return {"global/addresses/tf": "unused"}


def in_use_by_nothing_visible(world: World) -> Expected:
    """Contract, unknown: "the evidence contradicts itself"; x.addr.users: "Never unused"."""
    world.cluster("prod")
    world.put("global/addresses/shop", address=IP, addressType="EXTERNAL", status="IN_USE")
    return {"global/addresses/shop": "unknown"}


def reserved_on_an_orphaned_rule(world: World) -> Expected:
    """Contract: "an address that a person reserved and that only orphaned rules use is orphaned too [...] unless a
    live object names it: then in_use"."""
    world.cluster("prod")
    dead = Cluster("legacy")
    legacy(world, dead, UID, IP)
    world.put(
        f"{REGION}/addresses/shop",
        address=IP,
        addressType="EXTERNAL",
        status="IN_USE",
        users=[f"{API}projects/{PROJECT}/{REGION}/forwardingRules/{NAME}"],
    )
    return {
        f"{REGION}/addresses/shop": "orphaned",
        f"{REGION}/forwardingRules/{NAME}": "orphaned",
        f"{REGION}/targetPools/{NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{NAME}": "orphaned",
        f"global/firewalls/k8s-{dead.ingress_uid}-node-http-hc": "orphaned",
        f"global/httpHealthChecks/k8s-{dead.ingress_uid}-node": "orphaned",
    }


def ranges_and_purposes(world: World) -> Expected:
    """Section 5, x.addr.*: never flagged."""
    world.cluster("prod")
    bodies: dict[str, dict[str, Any]] = {
        "peering": {"purpose": "VPC_PEERING", "prefixLength": 16, "address": "10.9.0.0", "addressType": "INTERNAL"},
        "nat": {"purpose": "NAT_AUTO", "address": IP},
        "dns": {"purpose": "DNS_RESOLVER", "address": "10.0.0.3", "addressType": "INTERNAL"},
        "ipsec": {"purpose": "IPSEC_INTERCONNECT", "address": "10.8.0.0", "prefixLength": 29},
        "psc": {"purpose": "PRIVATE_SERVICE_CONNECT", "address": "10.0.0.4", "addressType": "INTERNAL"},
        "byoip": {"address": "198.51.100.7", "publicDelegatedPrefix": "pdp", "addressType": "EXTERNAL"},
        "vm": {
            "purpose": "GCE_ENDPOINT",
            "address": "10.0.0.5",
            "addressType": "INTERNAL",
            "users": [f"{API}projects/{PROJECT}/zones/{HERE}-b/instances/vm"],
        },
        "sca-auto-addr-0a1b": {"address": "10.0.0.6", "addressType": "INTERNAL"},
    }
    for name, body in bodies.items():
        fields: dict[str, Any] = {"status": "RESERVED", **body}
        world.put(f"{REGION}/addresses/{name}", **fields)
    return {f"{REGION}/addresses/{name}": "foreign" for name in bodies}


def held_by_router_or_vm(world: World) -> Expected:
    """Fine point 10: "held by a VM or a router: in_use"; x.addr.nat_manual: nat.natIps or nat.drainNatIps names it."""
    world.cluster("prod")
    first = world.put(f"{REGION}/addresses/one", address=IP, addressType="EXTERNAL", status="RESERVED")
    second = world.put(f"{REGION}/addresses/two", address=OTHER_IP, addressType="EXTERNAL", status="RESERVED")
    world.put(f"{REGION}/routers/r", nats=[{"natIps": [first], "drainNatIps": [second]}])
    world.put(f"{REGION}/addresses/vm", address="203.0.113.12", addressType="EXTERNAL", status="RESERVED")
    world.put(
        f"zones/{HERE}-b/instances/vm",
        networkInterfaces=[{"networkIP": "10.0.0.7", "accessConfigs": [{"natIP": "203.0.113.12"}]}],
    )
    return {f"{REGION}/addresses/{name}": "in_use" for name in ("one", "two", "vm")}


def address_of_a_shared_subnetwork(world: World) -> Expected:
    """x.addr.sharedvpc: "address in a host project, its subnetwork shared to service projects that were not scanned:
    unknown"."""
    world.projects[PROJECT] = {"projectId": PROJECT, "projectNumber": "1", "xpnProjectStatus": "HOST"}
    subnetwork = f"{API}projects/{PROJECT}/{REGION}/subnetworks/main"
    world.put(
        f"{REGION}/addresses/shop",
        address="10.0.0.9",
        addressType="INTERNAL",
        status="RESERVED",
        subnetwork=subnetwork,
    )
    world.put("global/addresses/outside", address=IP, addressType="EXTERNAL", status="RESERVED")
    return {f"{REGION}/addresses/shop": "unknown", "global/addresses/outside": "unused"}


def project_file_missing(world: World) -> Expected:
    """Contract, snapshot: project.json "Not there or failed: not known, and a firewall rule or address of a subnetwork
    whose owner is not proven inside the project is at most unknown"."""
    world.projects[PROJECT] = None
    prod = world.cluster("prod")
    world.put(
        f"{REGION}/addresses/shop",
        address="10.0.0.9",
        addressType="INTERNAL",
        status="RESERVED",
        subnetwork=f"{API}projects/{PROJECT}/{REGION}/subnetworks/main",
    )
    world.put(f"global/firewalls/k8s-fw-{NAME}", targetTags=["gke-legacy-4b68ab38-node"])
    proven = formulas.service_name(uid_of("proven"))
    world.put(f"global/firewalls/k8s-fw-{proven}", targetTags=[prod.tag])
    return {
        f"{REGION}/addresses/shop": "unknown",
        f"global/firewalls/k8s-fw-{NAME}": "unknown",
        f"global/firewalls/k8s-fw-{proven}": "orphaned",
    }


def young_addresses(world: World) -> Expected:
    """Contract, pending: "would be orphaned or unused, but is younger than --min-age"; "Age never changes any other
    verdict"."""
    prod = world.cluster("prod")
    young = timedelta(minutes=5)
    world.put("global/addresses/shop", age=young, address=IP, addressType="EXTERNAL", status="RESERVED")
    world.put("global/addresses/named", age=young, address=OTHER_IP, addressType="EXTERNAL", status="RESERVED")
    world.put("global/addresses/held", age=young, address="203.0.113.12", addressType="EXTERNAL", status="IN_USE")
    prod.ingress("default/web", annotations={"kubernetes.io/ingress.global-static-ip-name": "named"})
    return {"global/addresses/shop": "pending", "global/addresses/named": "in_use", "global/addresses/held": "unknown"}


def named_by_multi_cluster_ingress(world: World) -> Expected:
    """P12 (d): "annotation networking.gke.io/static-ip (IP or URL of an address)"."""
    prod = world.cluster("prod")
    link = world.put("global/addresses/by-link", address=IP, addressType="EXTERNAL", status="RESERVED")
    world.put("global/addresses/by-ip", address=OTHER_IP, addressType="EXTERNAL", status="RESERVED")
    prod.add("multiclusteringresses", "default/web", annotations={"networking.gke.io/static-ip": link})
    prod.add("multiclusteringresses", "default/api", annotations={"networking.gke.io/static-ip": OTHER_IP})
    return {"global/addresses/by-link": "in_use", "global/addresses/by-ip": "in_use"}


TOLD: tuple[Told, ...] = (
    held_by_a_rule_of_a_project_that_was_not_audited,
    held_by_a_rule_of_another_audited_project,
    held_by_a_rule_that_names_it_by_link,
    shared_vip,
    ipv6_static_address,
    terraform_labels,
    in_use_by_nothing_visible,
    reserved_on_an_orphaned_rule,
    ranges_and_purposes,
    held_by_router_or_vm,
    address_of_a_shared_subnetwork,
    project_file_missing,
    young_addresses,
    named_by_multi_cluster_ingress,
)
