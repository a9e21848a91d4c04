"""Gateways, Multi Cluster Ingress, kubemci, service attachments, meshes (ownership.md, section 3, P11 to P13)."""

from __future__ import annotations

import json
from typing import Any

from worlds import formulas

from ..builder import (
    API,
    HERE,
    PROJECT,
    Cluster,
    World,
    gateway,
    gateway_annotations,
    live_gateway,
    subsetting,
    text,
    uid_of,
)
from ..telling import Expected, Told

IP, OTHER_IP = "203.0.113.10", "203.0.113.11"
REGION = f"regions/{HERE}"


def gateway_list_forbidden(world: World) -> Expected:
    """Section 6, step 1: "404 on the API group = none; 403 = unknown"."""
    prod = world.cluster("prod")
    places = gateway(world, prod, IP)
    world.gap(prod.scope("gateways"))
    return dict.fromkeys(places.values(), "unknown")


def gateway_deleted(world: World) -> Expected:
    """P11: the controller leaves a rule AND a reserved address; no mark but its code -> medium at best."""
    prod = world.cluster("prod")
    places = gateway(world, prod, IP)
    address = f"global/addresses/gkegw1-nv9e-default-gw-{formulas.base36('default;gw;;443', 12)}"
    world.put(
        address,
        address=IP,
        addressType="EXTERNAL",
        status="IN_USE",
        users=[f"{API}projects/{PROJECT}/{places['fr']}"],
    )
    return dict.fromkeys((*places.values(), address), "orphaned/medium")


def gateway_of_a_deleted_cluster(world: World) -> Expected:
    """P11 (c): the description names the cluster; its project's list was read without it: a dead cluster, high."""
    world.cluster("prod")
    places = gateway(world, Cluster("legacy"), IP, described=True)
    return dict.fromkeys(places.values(), "orphaned") | {places[part]: "orphaned/high" for part in ("fr", "tp", "um")}


def gateway_annotations_copied_by_a_backup(world: World) -> Expected:
    """Section 1, 5: an annotation proves in_use "only together with (a), (b) or (c)": the Gateway that a backup put
    into another cluster is served at another IP; the description of all front parts names the dead cluster."""
    restored = world.cluster("restored")
    places = gateway(world, Cluster("legacy"), IP, described=True)
    live_gateway(restored, OTHER_IP, places)
    return {places["fr"]: "orphaned", places["tp"]: "orphaned", places["um"]: "orphaned"}


def namesake_gateway_annotations_without_description(world: World) -> Expected:
    """The same without descriptions: the rule's IP is not the Gateway's, and nothing else is proven."""
    restored = world.cluster("restored")
    places = gateway(world, Cluster("legacy"), IP)
    live_gateway(restored, OTHER_IP, places)
    return {
        places["fr"]: "orphaned|unknown",
        places["tp"]: "orphaned|unknown|in_use",
        places["um"]: "orphaned|unknown|in_use",
        places["be"]: "orphaned|unknown|in_use",
        places["hc"]: "orphaned|unknown|in_use",
    }


def multi_cluster_gateway(world: World) -> Expected:
    """Section 1, 2: "Exceptions: fleet controllers (MCI, -mc Gateways: fleet host project)": the Gateway lives in a
    cluster of another project."""
    world.projects["acme-fleet"] = {"projectId": "acme-fleet", "projectNumber": "417203395512"}
    config = world.cluster("config")
    places = gateway(world, config, IP, code="", name="shop", prefix="gkemcg1", project="acme-fleet", described=True)
    config.add(
        "gateways",
        "default/shop",
        annotations=gateway_annotations(places, "417203395512"),
        spec={"gatewayClassName": "gke-l7-global-external-managed-mc", "listeners": [{"port": 80}]},
        status={"addresses": [{"value": IP}]},
    )
    return {f"acme-fleet:{place}": "in_use" for place in places.values()}


def multi_cluster_gateway_of_a_project_that_was_not_audited(world: World) -> Expected:
    """Section 1, 7: "Not seen is not gone: [...] unscanned service project -> unknown"."""
    world.cluster("prod")
    config = Cluster("config", project="acme-unseen")
    places = gateway(world, config, IP, code="", name="shop", prefix="gkemcg1", project=PROJECT, described=True)
    return {places["fr"]: "unknown", places["tp"]: "unknown", places["um"]: "unknown"}


def multi_cluster_gateway_deleted(world: World) -> Expected:
    """P11: the config cluster named in the description lives and was read, without that Gateway."""
    prod = world.cluster("prod")
    places = gateway(world, prod, IP, code="", name="shop", prefix="gkemcg1", described=True)
    return {places[part]: "orphaned" for part in places}


def multi_cluster_ingress(world: World) -> Expected:
    """P12: live by status.cloudResources; the parts of another one, of which no object is left, are orphaned."""
    prod = world.cluster("prod")
    live, gone = _multi_cluster(world, "web", IP), _multi_cluster(world, "gone", OTHER_IP)
    prod.add(
        "multiclusteringresses",
        "default/web",
        status={
            "VIP": IP,
            "cloudResources": {
                "forwardingRules": [live["fr"].rpartition("/")[2]],
                "targetProxies": [live["tp"].rpartition("/")[2]],
                "urlMap": live["um"].rpartition("/")[2],
                "backendServices": [live["be"].rpartition("/")[2]],
                "healthChecks": [live["hc"].rpartition("/")[2]],
                "firewalls": ["mci-a1b2c3-main-l7"],
            },
        },
    )
    world.put("global/firewalls/mci-a1b2c3-main-l7", targetTags=[prod.tag])
    return (
        dict.fromkeys(live.values(), "in_use")
        | dict.fromkeys(gone.values(), "orphaned/medium")
        | {"global/firewalls/mci-a1b2c3-main-l7": "in_use"}
    )


def multi_cluster_ingress_of_another_fleet(world: World) -> Expected:
    """P12: "The 6 characters differ per fleet"; section 1, 6: ns/name alone never proves anything. The live one lists
    what it has."""
    prod = world.cluster("prod")
    live = _multi_cluster(world, "web", IP)
    dead = _multi_cluster(world, "web", OTHER_IP, code="zz9zz9")
    prod.add(
        "multiclusteringresses",
        "default/web",
        status={"VIP": IP, "cloudResources": {part: [place.rpartition("/")[2]] for part, place in live.items()}},
    )
    return dict.fromkeys(live.values(), "in_use") | dict.fromkeys(dead.values(), "orphaned|unknown")


def kubemci_with_a_living_cluster(world: World) -> Expected:
    """P12: no controller is left; a cluster that it served lives, so nothing is proven: unknown."""
    prod = world.cluster("prod")
    words = {
        "Description": "Forwarding Rule for kubernetes multicluster loadbalancer printer",
        "LoadBalancerName": "printer",
        "Clusters": [f"gke_{PROJECT}_{prod.location}_prod"],
        "IPAddress": IP,
    }
    url_map = world.put("global/urlMaps/mci1-um--printer", description=json.dumps(words))
    proxy = world.put("global/targetHttpProxies/mci1-tp--printer", urlMap=url_map)
    world.put(
        "global/forwardingRules/mci1-fw--printer",
        description=json.dumps(words),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
        target=proxy,
    )
    return {
        "global/forwardingRules/mci1-fw--printer": "unknown",
        "global/targetHttpProxies/mci1-tp--printer": "unknown",
        "global/urlMaps/mci1-um--printer": "unknown",
    }


def service_attachment_without_consumers(world: World) -> Expected:
    """Fine point 8: "A rule that a service attachment points at: unknown, unless the attachment itself is orphaned and
    has no connected consumer"."""
    prod = world.cluster("prod")
    places = _attached(world, prod, [])
    return dict.fromkeys(places.values(), "orphaned")


def service_attachment_with_a_consumer(world: World) -> Expected:
    """x.sa_connected: "Orphan by ownership, yet in use by a consumer: unknown, never safe to delete"."""
    prod = world.cluster("prod")
    places = _attached(world, prod, [{"status": "ACCEPTED", "pscConnectionId": "1"}])
    return dict.fromkeys(places.values(), "unknown")


def service_attachment_whose_consumers_left(world: World) -> Expected:
    """x.sa_connected names ACCEPTED and PENDING: a closed connection is none."""
    prod = world.cluster("prod")
    places = _attached(world, prod, [{"status": "CLOSED"}, {"status": "REJECTED"}])
    return dict.fromkeys(places.values(), "orphaned")


def users_service_attachment_on_an_orphaned_rule(world: World) -> Expected:
    """x.sa_target: "PSC producer: deleting breaks consumers": unknown."""
    prod = world.cluster("prod")
    subsetting(world, prod, "10.0.0.9")
    rule = f"{REGION}/forwardingRules/{formulas.l4_rule(prod.c8, 'default', 'web', 'tcp')}"
    world.put(f"{REGION}/serviceAttachments/mine", targetService=f"{API}projects/{PROJECT}/{rule}")
    name = formulas.l4_backend(prod.c8, "default", "web")
    return {
        rule: "unknown",
        f"{REGION}/backendServices/{name}": "unknown",
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "unknown",
        f"global/firewalls/{name}": "unknown",
        f"{REGION}/serviceAttachments/mine": "foreign",
    }


def users_service_attachment_on_an_internal_alb(world: World) -> Expected:
    """x.sa_target speaks of any forwarding rule: one of an internal Ingress as well."""
    prod = world.cluster("prod")
    name = formulas.ingress_v2(prod.kube_system_uid, "default", "web", "fr")
    rule = world.put(f"{REGION}/forwardingRules/{name}", IPAddress="10.0.0.9", loadBalancingScheme="INTERNAL_MANAGED")
    world.put(f"{REGION}/serviceAttachments/mine", targetService=rule)
    return {f"{REGION}/forwardingRules/{name}": "unknown", f"{REGION}/serviceAttachments/mine": "foreign"}


def live_service_attachment(world: World) -> Expected:
    """P13: the name holds the UID of the CR."""
    prod = world.cluster("prod")
    uid = uid_of("attachment")
    places = _attached(world, prod, [], uid=uid)
    prod.add("serviceattachments", "default/web", uid=uid)
    prod.service(
        "default/web",
        ips=("10.0.0.9",),
        finalizers=["gke.networking.io/l4-ilb-v2"],
        annotations={"networking.gke.io/load-balancer-type": "Internal"},
    )
    return dict.fromkeys(places.values(), "in_use")


def private_service_connect_and_mesh(world: World) -> Expected:
    """x.psc_googleapis, x.psc_consumer, x.sca, x.traffic_director, x.mesh_names: foreign."""
    world.cluster("prod")
    fields: dict[str, dict[str, Any]] = {
        "global/forwardingRules/googleapis": {"target": "all-apis", "loadBalancingScheme": ""},
        "global/forwardingRules/vpcsc": {"target": "vpc-sc"},
        f"{REGION}/forwardingRules/consumer": {
            "target": f"{API}projects/x/regions/{HERE}/serviceAttachments/y",
            "pscConnectionId": "1",
        },
        f"{REGION}/forwardingRules/sca-auto-fr-0a1b": {"loadBalancingScheme": ""},
        "global/forwardingRules/gkemcs-acme-prod-main": {"loadBalancingScheme": "INTERNAL_SELF_MANAGED"},
        "global/forwardingRules/mesh": {"loadBalancingScheme": "INTERNAL_SELF_MANAGED"},
        "global/backendServices/gkemcs-shop-web-80": {"loadBalancingScheme": "INTERNAL_SELF_MANAGED"},
        "global/healthChecks/gsmrsvd-x": {},
        f"{REGION}/forwardingRules/gke-legacy-4b68ab38-0a1b2c3d-pe": {"pscConnectionId": "2"},
        f"{REGION}/addresses/gke-legacy-4b68ab38-0a1b2c3d-pe": {
            "purpose": "GCE_ENDPOINT",
            "address": "10.0.0.2",
            "addressType": "INTERNAL",
            "status": "IN_USE",
        },
        "global/firewalls/gke-legacy-4b68ab38-mcsd": {"targetTags": ["gke-legacy-4b68ab38-node"]},
        "global/firewalls/gke-legacy-4b68ab38-exkubelet": {"targetTags": ["gke-legacy-4b68ab38-node"]},
        "global/firewalls/gke-4b68ab38-ipv6-all": {},
        f"zones/{HERE}-b/instanceGroups/gk3-legacy-pool-1-0a1b2c3d-grp": {},
    }
    for where, body in fields.items():
        world.put(where, **body)
    return dict.fromkeys(fields, "foreign")


def idle_gateway(world: World) -> Expected:
    """Contract, idle: every Service that a route puts behind the Gateway has no ready endpoint; without the routes
    nobody knows what stands behind it."""
    expected = {}
    for name, ip, is_read in (("prod", IP, True), ("dark", OTHER_IP, False)):
        cluster = world.cluster(name)
        places = gateway(world, cluster, ip, code=f"{name}", name=f"gw-{name}")
        live_gateway(cluster, ip, places, f"default/gw-{name}")
        cluster.service("default/web", spec={"type": "ClusterIP"}, ready=False)
        cluster.add(
            "httproutes",
            "default/r",
            spec={"parentRefs": [{"name": f"gw-{name}"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
        )
        if not is_read:
            world.gap(cluster.scope("httproutes"))
        expected[places["fr"]] = "idle" if is_read else "in_use"
    return expected


def gateway_firewall(world: World) -> Expected:
    """Fine point 13: "A Gateway firewall without the 4-character cluster code: in_use if a live Gateway lists it;
    unknown while any candidate has Gateways or was not read; else orphaned"."""
    prod = world.cluster("prod")
    places = gateway(world, prod, IP)
    live_gateway(prod, IP, places)["metadata"]["annotations"]["networking.gke.io/firewalls"] = (
        "/projects/417203395511/global/firewalls/gkegw1-l7-main-global"
    )
    prod.service("default/web", spec={"type": "ClusterIP"})
    world.put("global/firewalls/gkegw1-l7-main-global")
    world.put(f"global/firewalls/gkegw1-l7-main-{HERE}")
    return {
        "global/firewalls/gkegw1-l7-main-global": "in_use",
        f"global/firewalls/gkegw1-l7-main-{HERE}": "unknown",
    }


def gateway_firewall_without_any_gateway(world: World) -> Expected:
    """Fine point 13, its end."""
    world.cluster("prod")
    world.put("global/firewalls/gkegw1-l7-main-global")
    return {"global/firewalls/gkegw1-l7-main-global": "orphaned"}


def _multi_cluster(world: World, name: str, ip: str, code: str = "a1b2c3") -> dict[str, str]:
    places = {
        "fr": f"global/forwardingRules/mci-{code}-fw-default-{name}",
        "tp": f"global/targetHttpProxies/mci-{code}-default-{name}",
        "um": f"global/urlMaps/mci-{code}-default-{name}",
        "be": f"global/backendServices/mci-{code}-8080-default-{name}-mcs",
        "hc": f"global/healthChecks/mci-{code}-8080-default-{name}-mcs",
    }
    check = world.put(places["hc"])
    backend = world.put(places["be"], loadBalancingScheme="EXTERNAL", healthChecks=[check])
    url_map = world.put(places["um"], defaultService=backend)
    proxy = world.put(places["tp"], urlMap=url_map)
    world.put(places["fr"], IPAddress=ip, loadBalancingScheme="EXTERNAL", target=proxy)
    return places


def _attached(
    world: World, cluster: Cluster, endpoints: list[dict[str, str]], uid: str = uid_of("gone")
) -> dict[str, str]:
    name = formulas.l4_backend(cluster.c8, "default", "web")
    rule = f"{REGION}/forwardingRules/{formulas.l4_rule(cluster.c8, 'default', 'web', 'tcp')}"
    subsetting(world, cluster, "10.0.0.9")
    attachment = formulas.service_attachment(cluster.kube_system_uid, "default", "web", uid)
    world.put(
        f"{REGION}/serviceAttachments/{attachment}",
        description=text(
            k8sResource="/namespaces/default/serviceattachments/web",
            k8sCluster=f"/regions/{HERE}/clusters/{cluster.name}",
        ),
        targetService=f"{API}projects/{PROJECT}/{rule}",
        connectedEndpoints=endpoints,
    )
    return {
        "sa": f"{REGION}/serviceAttachments/{attachment}",
        "fr": rule,
        "be": f"{REGION}/backendServices/{name}",
        "neg": f"zones/{HERE}-b/networkEndpointGroups/{name}",
        "fw": f"global/firewalls/{name}",
    }


TOLD: tuple[Told, ...] = (
    gateway_list_forbidden,
    gateway_deleted,
    gateway_of_a_deleted_cluster,
    gateway_annotations_copied_by_a_backup,
    namesake_gateway_annotations_without_description,
    multi_cluster_gateway,
    multi_cluster_gateway_of_a_project_that_was_not_audited,
    multi_cluster_gateway_deleted,
    multi_cluster_ingress,
    multi_cluster_ingress_of_another_fleet,
    kubemci_with_a_living_cluster,
    service_attachment_without_consumers,
    service_attachment_with_a_consumer,
    service_attachment_whose_consumers_left,
    users_service_attachment_on_an_orphaned_rule,
    users_service_attachment_on_an_internal_alb,
    live_service_attachment,
    private_service_connect_and_mesh,
    idle_gateway,
    gateway_firewall,
    gateway_firewall_without_any_gateway,
)
