"""Services of type LoadBalancer: what lives, what moved on, what was left (ownership.md, sections 3 and 6)."""

from __future__ import annotations

from datetime import timedelta

from worlds import formulas

from ..builder import (
    API,
    HERE,
    PROJECT,
    Cluster,
    World,
    l4_text,
    legacy,
    legacy_internal,
    service_text,
    stamp,
    subsetting,
    uid_of,
)
from ..telling import Expected, Told

IP, OTHER_IP = "203.0.113.10", "203.0.113.11"
OLD_UID, NEW_UID = uid_of("the old Service"), uid_of("the new Service")
OLD_NAME, NEW_NAME = formulas.service_name(OLD_UID), formulas.service_name(NEW_UID)
REGION = f"regions/{HERE}"


def recreated_service_that_wants_the_old_ip(world: World) -> Expected:
    """Section 6, step 6: "no hit, yet the object of that ns/name exists: compare IP and annotations. [...] Something
    agrees -> unknown"; "IP of the rule/address in spec.loadBalancerIP [...] -> address in_use"."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    rule = f"{REGION}/forwardingRules/{OLD_NAME}"
    world.put(f"{REGION}/addresses/shop", address=IP, addressType="EXTERNAL", status="IN_USE", users=[_link(rule)])
    prod.service("default/web", uid=NEW_UID, spec={"loadBalancerIP": IP})
    return {
        rule: "unknown",
        f"{REGION}/targetPools/{OLD_NAME}": "unknown",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "unknown",
        f"{REGION}/addresses/shop": "in_use",
    }


def recreated_service_that_names_the_old_address(world: World) -> Expected:
    """Fine point 6: "Something agrees (step 6) means the IP; an annotation alone never does." The address is named by
    a live object (x.addr.named_by_object), the rule is an orphan all the same."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    rule = f"{REGION}/forwardingRules/{OLD_NAME}"
    world.put(f"{REGION}/addresses/shop", address=IP, addressType="EXTERNAL", status="IN_USE", users=[_link(rule)])
    prod.service("default/web", uid=NEW_UID, annotations={"networking.gke.io/load-balancer-ip-addresses": "shop"})
    return {
        rule: "orphaned",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned",
        f"{REGION}/addresses/shop": "in_use",
    }


def service_of_a_foreign_class(world: World) -> Expected:
    """Section 3: "any other value: nobody in GKE, no GCP resources"; fine point 7: "load-balancer-cleanup on a
    Service of type LoadBalancer never counts"."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    prod.service(
        "default/web",
        uid=OLD_UID,
        ips=(OTHER_IP,),
        finalizers=["service.kubernetes.io/load-balancer-cleanup"],
        spec={"loadBalancerClass": "metallb.io/metallb"},
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned",
    }


def finalizer_left_on_a_clusterip_service(world: World) -> Expected:
    """Contract, idle in full: "it no longer wants a load balancer while a finalizer still holds it (older than a day
    by the resource's age)"."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    prod.service("default/web", uid=OLD_UID, finalizers=["gke.networking.io/l4-netlb-v1"], spec={"type": "ClusterIP"})
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "idle",
        f"{REGION}/targetPools/{OLD_NAME}": "idle|in_use",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "idle|in_use",
    }


def finalizer_of_another_path(world: World) -> Expected:
    """Fine point 7: "with the finalizer of the path that made this resource"."""
    prod = world.cluster("prod")
    subsetting(world, prod, "10.0.0.9")
    prod.service("default/web", uid=OLD_UID, finalizers=["gke.networking.io/l4-netlb-v1"], spec={"type": "ClusterIP"})
    name = formulas.l4_backend(prod.c8, "default", "web")
    return {
        f"{REGION}/forwardingRules/{formulas.l4_rule(prod.c8, 'default', 'web', 'tcp')}": "orphaned",
        f"{REGION}/backendServices/{name}": "orphaned",
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "orphaned",
        f"global/firewalls/{name}": "orphaned",
    }


def released_while_its_cluster_stops(world: World) -> Expected:
    """Contract, pending: "its owner or cluster is being created or deleted right now"."""
    prod = world.cluster("prod", status="STOPPING")
    legacy(world, prod, OLD_UID, IP)
    prod.service("default/web", uid=OLD_UID, finalizers=["gke.networking.io/l4-netlb-v1"], spec={"type": "ClusterIP"})
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "pending",
        f"{REGION}/targetPools/{OLD_NAME}": "pending",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "pending",
        f"global/httpHealthChecks/k8s-{prod.ingress_uid}-node": "pending",
        f"global/firewalls/k8s-{prod.ingress_uid}-node-http-hc": "pending",
    }


def mixed_protocols(world: World) -> Expected:
    """P4: "mixed protocol k8s2-tcp-, k8s2-udp- (one rule each)"; compute "all protocols wanted by spec.ports"."""
    prod = world.cluster("prod")
    subsetting(world, prod, IP, scheme="EXTERNAL")
    udp = formulas.l4_rule(prod.c8, "default", "web", "udp")
    name = formulas.l4_backend(prod.c8, "default", "web")
    backend = f"{API}projects/{PROJECT}/{REGION}/backendServices/{name}"
    world.put(
        f"{REGION}/forwardingRules/{udp}",
        description=l4_text("default/web"),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
        backendService=backend,
    )
    prod.service(
        "default/web",
        ips=(IP,),
        finalizers=["gke.networking.io/l4-netlb-v3"],
        spec={"ports": [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "name": "u"}]},
    )
    rule = formulas.l4_rule(prod.c8, "default", "web", "tcp")
    return {
        f"{REGION}/forwardingRules/{rule}": "in_use",
        f"{REGION}/forwardingRules/{udp}": "in_use",
        f"{REGION}/backendServices/{name}": "in_use",
    }


def protocol_no_longer_wanted(world: World) -> Expected:
    """Section 1, 8: "The object may exist and the resource be an orphan: [...] protocol changed". The old UDP rule has
    another IP than the Service."""
    prod = world.cluster("prod")
    subsetting(world, prod, "10.0.0.9")
    udp = formulas.l4_rule(prod.c8, "default", "web", "udp")
    world.put(
        f"{REGION}/forwardingRules/{udp}",
        description=l4_text("default/web"),
        IPAddress="10.0.0.7",
        loadBalancingScheme="INTERNAL",
    )
    prod.service(
        "default/web",
        ips=("10.0.0.9",),
        finalizers=["gke.networking.io/l4-ilb-v2"],
        annotations={"networking.gke.io/load-balancer-type": "Internal"},
    )
    return {
        f"{REGION}/forwardingRules/{udp}": "orphaned",
        f"{REGION}/forwardingRules/{formulas.l4_rule(prod.c8, 'default', 'web', 'tcp')}": "in_use",
    }


def dual_stack(world: World) -> Expected:
    """P3: "Dual stack: second rule/firewalls"; section 6: "IPv6 rules hold /96"."""
    prod = world.cluster("prod")
    name = subsetting(world, prod, IP, scheme="EXTERNAL", rule=OLD_NAME)
    backend = f"{API}projects/{PROJECT}/{REGION}/backendServices/{name}"
    world.put(
        f"{REGION}/forwardingRules/{OLD_NAME}-ipv6",
        description=l4_text("default/web"),
        IPAddress="2600:1900:4000:1:8000::/96",
        loadBalancingScheme="EXTERNAL",
        backendService=backend,
    )
    for suffix in ("ipv6", "fw-ipv6"):
        world.put(
            f"global/firewalls/{formulas.l4_firewall(prod.c8, 'default', 'web', suffix)}",
            description=l4_text("default/web"),
            targetTags=[prod.tag],
        )
    prod.service(
        "default/web",
        uid=OLD_UID,
        ips=(IP, "2600:1900:4000:1:8000::"),
        finalizers=["gke.networking.io/l4-netlb-v3"],
        spec={"ipFamilies": ["IPv4", "IPv6"]},
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "in_use",
        f"{REGION}/forwardingRules/{OLD_NAME}-ipv6": "in_use",
        f"global/firewalls/{formulas.l4_firewall(prod.c8, 'default', 'web', 'ipv6')}": "in_use",
        f"global/firewalls/{formulas.l4_firewall(prod.c8, 'default', 'web', 'fw-ipv6')}": "in_use",
    }


def ipv6_switched_off(world: World) -> Expected:
    """Section 7: "rule left on protocol + stack switch": the Service is IPv4 alone, its IPv6 rule stayed."""
    prod = world.cluster("prod")
    name = subsetting(world, prod, IP, scheme="EXTERNAL", rule=OLD_NAME)
    backend = f"{API}projects/{PROJECT}/{REGION}/backendServices/{name}"
    world.put(
        f"{REGION}/forwardingRules/{OLD_NAME}-ipv6",
        description=l4_text("default/web"),
        IPAddress="2600:1900:4000:1:8000::/96",
        loadBalancingScheme="EXTERNAL",
        backendService=backend,
    )
    prod.service("default/web", uid=OLD_UID, ips=(IP,), finalizers=["gke.networking.io/l4-netlb-v3"])
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "in_use",
        f"{REGION}/forwardingRules/{OLD_NAME}-ipv6": "orphaned",
        f"{REGION}/backendServices/{name}": "in_use",
    }


def legacy_internal_that_lives(world: World) -> Expected:
    """P2: rule, backend service, firewalls a<uid>, instance group and health check of the cluster."""
    prod = world.cluster("prod")
    name = legacy_internal(world, prod, OLD_UID, "10.0.0.9")
    prod.service(
        "default/web",
        uid=OLD_UID,
        ips=("10.0.0.9",),
        finalizers=["gke.networking.io/l4-ilb-v1"],
        annotations={"cloud.google.com/load-balancer-type": "internal"},
    )
    return {
        f"{REGION}/forwardingRules/{name}": "in_use",
        f"{REGION}/backendServices/{name}": "in_use",
        f"global/firewalls/k8s-fw-{name}": "in_use",
        f"global/firewalls/k8s-{prod.ingress_uid}-node-hc": "in_use",
        f"zones/{HERE}-b/instanceGroups/k8s-ig--{prod.ingress_uid}": "in_use",
    }


def legacy_internal_of_a_deleted_cluster(world: World) -> Expected:
    """Contract: "made by Kubernetes [...] no live object owns it"; cases/README: shared parts "are orphaned with a
    dead cluster"."""
    world.cluster("prod")
    dead = Cluster("legacy")
    name = legacy_internal(world, dead, OLD_UID, "10.0.0.9")
    return {
        f"{REGION}/forwardingRules/{name}": "orphaned/high",
        f"{REGION}/backendServices/{name}": "orphaned",
        f"global/firewalls/k8s-fw-{name}": "orphaned",
        f"global/firewalls/k8s-{dead.ingress_uid}-node-hc": "orphaned",
        f"global/healthChecks/k8s-{dead.ingress_uid}-node": "orphaned",
        f"zones/{HERE}-b/instanceGroups/k8s-ig--{dead.ingress_uid}": "orphaned",
    }


def openshift(world: World) -> Expected:
    """x.non_gke_cluster: "foreign"; fine point 4: "A node tag that is not GKE's outranks a uid16 that matches no
    living cluster, and spreads by uid16 to resources without tags."."""
    world.cluster("prod")
    shift = Cluster("shift")
    name = legacy_internal(world, shift, OLD_UID, "10.0.0.9", tag="infra-x7k2p-worker")
    return {
        f"{REGION}/forwardingRules/{name}": "foreign|unknown",
        f"{REGION}/backendServices/{name}": "foreign|unknown",
        f"global/firewalls/k8s-fw-{name}": "foreign|unknown",
        f"global/firewalls/k8s-{shift.ingress_uid}-node-hc": "foreign|unknown",
        f"global/healthChecks/k8s-{shift.ingress_uid}-node": "foreign|unknown",
        f"zones/{HERE}-b/instanceGroups/k8s-ig--{shift.ingress_uid}": "foreign|unknown",
    }


def openshift_without_the_shared_firewall(world: World) -> Expected:
    """The same where only the load balancer's own firewall tells that no GKE cluster made it."""
    world.cluster("prod")
    name = OLD_NAME
    group = world.put(f"zones/{HERE}-b/instanceGroups/k8s-ig--aaaabbbbccccdddd")
    backend = world.put(
        f"{REGION}/backendServices/{name}",
        description=service_text("default/web"),
        loadBalancingScheme="INTERNAL",
        backends=[{"group": group}],
    )
    world.put(
        f"{REGION}/forwardingRules/{name}",
        description=service_text("default/web"),
        IPAddress="10.0.0.9",
        loadBalancingScheme="INTERNAL",
        backendService=backend,
    )
    world.put(f"global/firewalls/k8s-fw-{name}", description=service_text("default/web"), targetTags=["infra-worker"])
    return {
        f"{REGION}/forwardingRules/{name}": "foreign|unknown",
        f"{REGION}/backendServices/{name}": "foreign|unknown",
        f"global/firewalls/k8s-fw-{name}": "foreign|unknown",
        f"zones/{HERE}-b/instanceGroups/k8s-ig--aaaabbbbccccdddd": "foreign|unknown",
    }


def instances_tell_that_it_is_no_gke_cluster(world: World) -> Expected:
    """Step 5: "Node tag or instances not of GKE form -> foreign"."""
    world.cluster("prod")
    node = world.put(f"zones/{HERE}-b/instances/nodes-hw3k", tags={"items": ["example-k8s-local-node"]})
    pool = world.put(f"{REGION}/targetPools/{OLD_NAME}", description=service_text("default/web"), instances=[node])
    world.put(
        f"{REGION}/forwardingRules/{OLD_NAME}",
        description=service_text("default/web"),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
        target=pool,
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "foreign|unknown",
        f"{REGION}/targetPools/{OLD_NAME}": "foreign|unknown",
    }


def firewall_name_shared_by_two_services(world: World) -> Expected:
    """l4v2.fw_cut: "the hash may be cut [...] and two Services can SHARE one name: never delete while any Service maps
    to it"."""
    prod = world.cluster("prod")
    names = ("a" * 30 + "-one", "a" * 30 + "-one")
    namespaces = ("team-payments-production-eu", "team-payments-production-us")
    firewalls = {
        formulas.l4_firewall(prod.c8, namespace, name, "fw-ipv6")
        for namespace, name in zip(namespaces, names, strict=True)
    }
    assert len(firewalls) == 1, "the suffix must cut the hash away"
    (firewall,) = firewalls
    world.put(
        f"global/firewalls/{firewall}",
        description=l4_text(f"{namespaces[0]}/{names[0]}"),
        targetTags=[prod.tag],
    )
    prod.service(
        f"{namespaces[1]}/{names[1]}",
        ips=(IP,),
        finalizers=["gke.networking.io/l4-netlb-v3"],
        spec={"ipFamilies": ["IPv6"]},
    )
    return {f"global/firewalls/{firewall}": "in_use"}


def deny_firewall_left(world: World) -> Expected:
    """Section 7, still possible, 6: the deny firewall stays when the Service goes."""
    prod = world.cluster("prod")
    world.put(
        f"global/firewalls/k8s-fw-{OLD_NAME}-deny", description=service_text("default/web"), targetTags=[prod.tag]
    )
    return {f"global/firewalls/k8s-fw-{OLD_NAME}-deny": "orphaned"}


def ipv6_temporary_address_left(world: World) -> Expected:
    """Section 7, still possible, 2: IPv6 temporary addresses have no delete call on Service deletion."""
    prod = world.cluster("prod")
    v2 = formulas.l4_rule_ipv6(prod.c8, "default", "web", "tcp")
    for name in (f"{OLD_NAME}-ipv6", v2):
        world.put(
            f"{REGION}/addresses/{name}",
            description=service_text("default/web"),
            address="2600:1900:4000:1:8000::",
            prefixLength=96,
            ipVersion="IPV6",
            addressType="EXTERNAL",
            status="RESERVED",
        )
    return {f"{REGION}/addresses/{OLD_NAME}-ipv6": "orphaned", f"{REGION}/addresses/{v2}": "orphaned"}


def controllers_address_in_use_by_nothing_visible(world: World) -> Expected:
    """x.addr.users: "Never unused"; contract, unknown: "the evidence contradicts itself"."""
    prod = world.cluster("prod")
    legacy(world, prod, NEW_UID, OTHER_IP)
    prod.service("default/other", uid=NEW_UID, ips=(OTHER_IP,))
    world.put(
        f"{REGION}/addresses/{OLD_NAME}",
        description=service_text("default/web"),
        address=IP,
        addressType="EXTERNAL",
        status="IN_USE",
    )
    return {f"{REGION}/addresses/{OLD_NAME}": "unknown"}


def temporary_address_of_a_deleted_service_on_no_rule(world: World) -> Expected:
    """P6: a temporary address left by a crash is "RESERVED and billed as idle after"; T26's sibling without a rule."""
    prod = world.cluster("prod")
    legacy(world, prod, NEW_UID, OTHER_IP)
    prod.service("default/other", uid=NEW_UID, ips=(OTHER_IP,))
    world.put(
        f"{REGION}/addresses/{OLD_NAME}",
        description=service_text("default/web"),
        address=IP,
        addressType="EXTERNAL",
        status="RESERVED",
    )
    return {f"{REGION}/addresses/{OLD_NAME}": "orphaned"}


def external_name_service(world: World) -> Expected:
    """P14: ExternalName makes nothing: what is left of the Service of that name is an orphan."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    prod.add("services", "default/web", uid=OLD_UID, spec={"type": "ExternalName", "externalName": "example.com"})
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned",
    }


def standalone_class_with_a_custom_rule(world: World) -> Expected:
    """P5: "the rule(s) named in custom-forwarding-rule and their backend service are the user's. Never flag those"."""
    prod = world.cluster("prod")
    group_name = formulas.l4_backend(prod.c8, "default", "web")
    words = {"cluster-uid": prod.kube_system_uid, "namespace": "default", "service-name": "web", "port": "0"}
    group = world.put(
        f"zones/{HERE}-b/networkEndpointGroups/{group_name}",
        networkEndpointType="GCE_VM_IP",
        description=str(words).replace("'", '"'),
    )
    backend = world.put(f"{REGION}/backendServices/mine", loadBalancingScheme="EXTERNAL", backends=[{"group": group}])
    world.put(f"{REGION}/forwardingRules/mine", IPAddress=IP, loadBalancingScheme="EXTERNAL", backendService=backend)
    prod.service(
        "default/web",
        annotations={"networking.gke.io/custom-forwarding-rule": "mine"},
        spec={"loadBalancerClass": "networking.gke.io/standalone-passthrough-lb-neg"},
    )
    return {
        f"{REGION}/forwardingRules/mine": "in_use|foreign",
        f"{REGION}/backendServices/mine": "in_use|foreign",
        f"zones/{HERE}-b/networkEndpointGroups/{group_name}": "in_use",
    }


def internal_to_external_with_one_backend_name(world: World) -> Expected:
    """Fine point on scheme: "Hit with fitting kind, scope and scheme -> in_use": the EXTERNAL rule and backend service
    of the Service that is internal now have no owner."""
    prod = world.cluster("prod")
    name = formulas.l4_backend(prod.c8, "default", "web")
    subsetting(world, prod, IP, scheme="EXTERNAL", rule=OLD_NAME)
    prod.service(
        "default/web",
        uid=OLD_UID,
        ips=("10.0.0.9",),
        finalizers=["gke.networking.io/l4-ilb-v2"],
        annotations={"networking.gke.io/load-balancer-type": "Internal"},
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned",
        f"{REGION}/backendServices/{name}": "orphaned",
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "in_use|orphaned",
        f"global/firewalls/{name}": "in_use|orphaned",
    }


def reconciling_and_error_clusters_are_judged_as_usual(world: World) -> Expected:
    """x.cluster_stopping: "RECONCILING, DEGRADED, ERROR: judge as usual if its API could be read, else unknown"."""
    sick = world.cluster("prod", status="ERROR")
    legacy(world, sick, OLD_UID, IP)
    busy = world.cluster("busy", status="RECONCILING")
    legacy(world, busy, NEW_UID, OTHER_IP, owner="default/other")
    world.gap(busy.scope("services"))
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned",
        f"{REGION}/forwardingRules/{NEW_NAME}": "unknown",
        f"{REGION}/targetPools/{NEW_NAME}": "unknown",
        f"global/firewalls/k8s-fw-{NEW_NAME}": "unknown",
    }


def provisioning_cluster_beside(world: World) -> Expected:
    """x.cluster_stopping: PROVISIONING -> pending where the owner is, or may be, that cluster; the node tag of a dead
    cluster is not its own."""
    world.cluster("prod")
    fresh = world.cluster("fresh", status="PROVISIONING")
    for plural in ("namespaces", "services", "configmaps", "ingresses"):
        world.gap(fresh.scope(plural))
    dead = Cluster("legacy")
    legacy(world, dead, OLD_UID, IP)
    legacy(world, fresh, NEW_UID, OTHER_IP)
    lone = formulas.service_name(uid_of("a third"))
    world.put(
        f"{REGION}/forwardingRules/{lone}",
        description=service_text("default/third"),
        IPAddress="203.0.113.12",
        loadBalancingScheme="EXTERNAL",
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-{dead.ingress_uid}-node-http-hc": "orphaned",
        f"global/httpHealthChecks/k8s-{dead.ingress_uid}-node": "orphaned",
        f"{REGION}/forwardingRules/{NEW_NAME}": "pending",
        f"{REGION}/targetPools/{NEW_NAME}": "pending",
        f"global/firewalls/k8s-fw-{NEW_NAME}": "pending",
        f"{REGION}/forwardingRules/{lone}": "pending|unknown",
    }


def second_look(world: World) -> Expected:
    """Contract, snapshot: "the second look; failed -> that verdict is unknown"; changed or gone: not waste any more."""
    prod = world.cluster("prod")
    expected: dict[str, str] = {}
    for status, verdict in (("same", "orphaned"), ("changed", "pending"), ("gone", "pending"), ("failed", "unknown")):
        name = formulas.service_name(uid_of(status))
        where = f"{REGION}/forwardingRules/{name}"
        world.put(where, description=service_text(f"default/{status}"), IPAddress=IP, loadBalancingScheme="EXTERNAL")
        world.put(f"global/firewalls/k8s-fw-{name}", targetTags=[prod.tag])
        full = f"//compute.googleapis.com/projects/{PROJECT}/{where}"
        world.confirmations.append({"resource": full, "status": status})
        expected |= {where: verdict, f"global/firewalls/k8s-fw-{name}": verdict}
    return expected


def no_creation_time(world: World) -> Expected:
    """Step 3: age turns a would-be orphan into pending while it is young; where nothing tells it, nothing is proven."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    for item in world.resources[PROJECT, "forwardingRules"]:
        del item["creationTimestamp"]
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "unknown",
        f"{REGION}/targetPools/{OLD_NAME}": "unknown",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "unknown",
    }


def kubernetes_rule_on_a_person_s_address(world: World) -> Expected:
    """x.addr.users: "Any user in use -> in_use": two rules of two owners on one IP, one of them an orphan."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    legacy(world, prod, NEW_UID, IP, owner="default/other")
    prod.service("default/other", uid=NEW_UID, ips=(IP,))
    world.put(
        f"{REGION}/addresses/shop",
        address=IP,
        addressType="EXTERNAL",
        status="IN_USE",
        users=[_link(f"{REGION}/forwardingRules/{OLD_NAME}"), _link(f"{REGION}/forwardingRules/{NEW_NAME}")],
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned|unknown",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned|unknown",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned|unknown",
        f"{REGION}/forwardingRules/{NEW_NAME}": "in_use",
        f"{REGION}/addresses/shop": "in_use",
    }


def cluster_made_again_under_its_name(world: World) -> Expected:
    """Section 1, 6: "re-created objects": the new cluster has the name, the namespace and the Service, but neither id
    nor UIDs of the old one."""
    world.cluster("prod").service("default/web", uid=NEW_UID, ips=(OTHER_IP,))
    old = Cluster("prod", id="0" * 64, kube_system_uid=uid_of("old kube-system"), ingress_uid="0123456789abcdef")
    legacy(world, old, OLD_UID, IP)
    name = subsetting(world, old, "10.0.0.9")
    rule = formulas.l4_rule(old.c8, "default", "web", "tcp")
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "orphaned/high",
        f"{REGION}/targetPools/{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{OLD_NAME}": "orphaned",
        f"global/firewalls/k8s-{old.ingress_uid}-node-http-hc": "orphaned",
        f"global/httpHealthChecks/k8s-{old.ingress_uid}-node": "orphaned",
        f"{REGION}/forwardingRules/{rule}": "orphaned/high",
        f"{REGION}/backendServices/{name}": "orphaned",
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "orphaned",
        f"global/firewalls/{name}": "orphaned",
    }


def zonal_cluster(world: World) -> Expected:
    """Step 5: "a zonal cluster counts for its zone's region"."""
    prod = world.cluster("prod", location=f"{HERE}-b")
    legacy(world, prod, OLD_UID, IP)
    legacy(world, prod, NEW_UID, OTHER_IP, owner="default/other")
    prod.service("default/web", uid=OLD_UID, ips=(IP,), finalizers=["gke.networking.io/l4-netlb-v1"])
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "in_use",
        f"{REGION}/forwardingRules/{NEW_NAME}": "orphaned",
        f"{REGION}/targetPools/{NEW_NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{NEW_NAME}": "orphaned",
    }


def service_deleting_since_days_and_since_a_minute(world: World) -> Expected:
    """Contract, idle in full: "its deletionTimestamp is more than a day old"; fresher is pending."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    legacy(world, prod, NEW_UID, OTHER_IP, owner="default/other")
    finalizers = ["gke.networking.io/l4-netlb-v1"]
    prod.service(
        "default/web", uid=OLD_UID, ips=(IP,), finalizers=finalizers, deletionTimestamp=stamp(timedelta(days=3))
    )
    prod.service(
        "default/other",
        uid=NEW_UID,
        ips=(OTHER_IP,),
        finalizers=finalizers,
        deletionTimestamp=stamp(timedelta(hours=2)),
    )
    return {
        f"{REGION}/forwardingRules/{OLD_NAME}": "idle",
        f"{REGION}/forwardingRules/{NEW_NAME}": "pending",
    }


def protocol_forwarding_and_mirroring(world: World) -> Expected:
    """x.target_instance and x.mirroring: foreign, whatever the name."""
    world.cluster("prod")
    world.put(
        f"{REGION}/forwardingRules/forwarded",
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
        target=f"{API}projects/{PROJECT}/zones/{HERE}-b/targetInstances/vm",
    )
    world.put(
        f"{REGION}/forwardingRules/{OLD_NAME}",
        description=service_text("default/web"),
        IPAddress="10.0.0.8",
        loadBalancingScheme="INTERNAL",
        isMirroringCollector=True,
    )
    return {f"{REGION}/forwardingRules/forwarded": "foreign", f"{REGION}/forwardingRules/{OLD_NAME}": "foreign"}


def terraform_labels_on_a_rule(world: World) -> Expected:
    """x.cnrm_tf: "labels.goog-terraform-provisioned set: foreign"."""
    world.cluster("prod")
    world.put(
        f"{REGION}/forwardingRules/{OLD_NAME}",
        description=service_text("default/web"),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
        labels={"goog-terraform-provisioned": "true"},
    )
    return {f"{REGION}/forwardingRules/{OLD_NAME}": "foreign"}


def links_with_project_numbers(world: World) -> Expected:
    """Section 6: "Project number and ID both occur in URLs: map them"."""
    prod = world.cluster("prod")
    legacy(world, prod, OLD_UID, IP)
    number = "417203395511"
    for item in world.resources[PROJECT, "forwardingRules"]:
        item["target"] = item["target"].replace(PROJECT, number)
    rule = f"{REGION}/forwardingRules/{OLD_NAME}"
    world.put(
        f"{REGION}/addresses/shop",
        address=IP,
        addressType="EXTERNAL",
        status="IN_USE",
        users=[_link(rule).replace(PROJECT, number)],
    )
    prod.service("default/web", uid=OLD_UID, ips=(IP,))
    return {rule: "in_use", f"{REGION}/targetPools/{OLD_NAME}": "in_use", f"{REGION}/addresses/shop": "in_use"}


def internal_rule_as_next_hop_in_the_host_project(world: World) -> Expected:
    """x.next_hop_ilb: "some route.nextHopIlb is this rule or its IP: unknown". The route stands where the network is,
    in the Shared VPC host project."""
    world.projects["acme-host"] = {"projectId": "acme-host", "projectNumber": "5", "xpnProjectStatus": "HOST"}
    prod = world.cluster("prod")
    network = f"{API}projects/acme-host/global/networks/shared"
    subsetting(world, prod, "10.0.0.9", network=network)
    rule = f"{REGION}/forwardingRules/{formulas.l4_rule(prod.c8, 'default', 'web', 'tcp')}"
    world.put("global/routes/through", project="acme-host", network=network, nextHopIlb=_link(rule))
    name = formulas.l4_backend(prod.c8, "default", "web")
    return {
        rule: "unknown",
        f"{REGION}/backendServices/{name}": "unknown",
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "unknown",
        f"global/firewalls/{name}": "unknown",
    }


def backend_service_of_dead_cluster_used_by_number(world: World) -> Expected:
    """Contract: in_use, "another resource in use owns or needs it": the user's URL map names the backend service by
    the project's number."""
    world.cluster("prod")
    dead = Cluster("legacy")
    name = formulas.endpoint_group(dead.ingress_uid, "default", "web", "80")
    world.put(f"global/backendServices/{name}", loadBalancingScheme="EXTERNAL")
    number = f"{API}projects/417203395511"
    url_map = world.put("global/urlMaps/mine", defaultService=f"{number}/global/backendServices/{name}")
    proxy = world.put("global/targetHttpProxies/mine", urlMap=url_map)
    world.put("global/forwardingRules/mine", target=proxy, IPAddress=IP, loadBalancingScheme="EXTERNAL")
    return {
        f"global/backendServices/{name}": "in_use",
        "global/urlMaps/mine": "foreign",
        "global/targetHttpProxies/mine": "foreign",
        "global/forwardingRules/mine": "foreign",
    }


def _link(where: str) -> str:
    return f"{API}projects/{PROJECT}/{where}"


TOLD: tuple[Told, ...] = (
    recreated_service_that_wants_the_old_ip,
    recreated_service_that_names_the_old_address,
    service_of_a_foreign_class,
    finalizer_left_on_a_clusterip_service,
    finalizer_of_another_path,
    released_while_its_cluster_stops,
    mixed_protocols,
    protocol_no_longer_wanted,
    dual_stack,
    ipv6_switched_off,
    legacy_internal_that_lives,
    legacy_internal_of_a_deleted_cluster,
    openshift,
    openshift_without_the_shared_firewall,
    instances_tell_that_it_is_no_gke_cluster,
    firewall_name_shared_by_two_services,
    deny_firewall_left,
    ipv6_temporary_address_left,
    controllers_address_in_use_by_nothing_visible,
    temporary_address_of_a_deleted_service_on_no_rule,
    external_name_service,
    standalone_class_with_a_custom_rule,
    internal_to_external_with_one_backend_name,
    reconciling_and_error_clusters_are_judged_as_usual,
    provisioning_cluster_beside,
    second_look,
    no_creation_time,
    kubernetes_rule_on_a_person_s_address,
    cluster_made_again_under_its_name,
    zonal_cluster,
    service_deleting_since_days_and_since_a_minute,
    protocol_forwarding_and_mirroring,
    terraform_labels_on_a_rule,
    links_with_project_numbers,
    internal_rule_as_next_hop_in_the_host_project,
    backend_service_of_dead_cluster_used_by_number,
)
