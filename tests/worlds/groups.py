"""Lives of standalone NEGs, of load balancers that people build on them, and of Services without a load balancer."""

from __future__ import annotations

from collections.abc import Callable

from auditor.model.names import ResourceName

from . import formulas
from .cloud import Fields, Standing, State, compact
from .life import Life, Owner, service_object
from .services import GONE, LIVE, endpoint_groups, neg_status


def standalone(life: Life, owner: Owner, state: State, **more: object) -> tuple[str, list[ResourceName]]:
    """NEGs that a Service asks for by annotation, under a name of its own or a generated one."""
    name = f"{owner.name[:20]}-neg-{life.cloud.letters(4)}"
    if life.cloud.chance(0.4):
        name = formulas.endpoint_group(life.cluster.ingress_uid, owner.namespace, owner.name, "80")
    is_generated = name.startswith("k8s1-")
    groups = endpoint_groups(
        life,
        owner,
        state,
        name,
        "80",
        "GCE_VM_IP_PORT",
        "uid8" if is_generated else "c8",
        **more,  # type: ignore[arg-type]
    )
    return name, groups


def wish(life: Life, name: str) -> Fields:
    exposed = {"80": {} if name.startswith("k8s1-") else {"name": name}}
    return {
        "cloud.google.com/neg": compact({"exposed_ports": exposed}),
        "cloud.google.com/neg-status": neg_status(life, {"80": name}),
    }


def live(life: Life) -> None:
    owner = life.owner()
    name, _ = standalone(life, owner, LIVE)
    headless: Fields = {"clusterIP": "None"} if life.cloud.chance(0.3) else {}
    life.add("services", service_object(life, owner, annotations=wish(life, name), **headless))
    life.slices(owner, is_ready=life.cloud.chance(0.8))


def no_endpoints(life: Life) -> None:
    """A NEG costs nothing: in_use, and idle is allowed for a part."""
    owner = life.owner()
    name, _ = standalone(life, owner, LIVE, also=("idle",))
    life.add("services", service_object(life, owner, annotations=wish(life, name)))
    life.slices(owner, is_ready=False)


def stripped(life: Life) -> None:
    owner = life.owner()
    name, groups = standalone(life, owner, GONE)
    life.lose("services", service_object(life, owner, annotations=wish(life, name)), groups)


def zone_without_nodes(life: Life) -> None:
    """Its Service lives, its zone has no nodes any more: the sweep does not look there."""
    owner = life.owner()
    name, groups = standalone(life, owner, LIVE)
    fields = dict(life.cloud.items[groups[0]].body)
    for key in ("kind", "id", "creationTimestamp", "name", "selfLink", "zone"):
        fields.pop(key)
    claim = life.claim(LIVE, of="NEG in a zone without nodes", region=life.region)
    life.put(f"zones/{life.region}-f", "networkEndpointGroups", name, fields, claim)
    life.add("services", service_object(life, owner, annotations=wish(life, name)))
    life.slices(owner, is_ready=True)


def without_description(life: Life) -> None:
    """An own name and an empty description: nothing but a live object can tell whose it is."""
    owner = life.owner()
    is_alive = life.cloud.chance(0.5)
    name = f"{owner.name[:20]}-neg-{life.cloud.letters(4)}"
    fields = {"networkEndpointType": "GCE_VM_IP_PORT", "network": life.cluster.network, "description": "", "size": 0}
    verdicts = ("in_use",) if is_alive else ("foreign", "unknown")
    claim = life.fixed(*verdicts, of="NEG without a description", state=LIVE if is_alive else GONE)
    for zone in life.cluster.zones:
        life.put(f"zones/{zone}", "networkEndpointGroups", name, fields, claim)
    if is_alive:
        life.add("services", service_object(life, owner, annotations=wish(life, name)))
        life.slices(owner, is_ready=True)


def behind_a_users_balancer(life: Life) -> None:
    """Terraform's load balancer on a GKE NEG: never GKE's, whether the NEG's Service lives or not."""
    owner = life.owner()
    is_alive = life.cluster.standing is Standing.READ and life.cloud.chance(0.5)
    if is_alive:
        name, groups = standalone(life, owner, LIVE)
        life.add("services", service_object(life, owner, annotations=wish(life, name)))
        life.slices(owner, is_ready=True)
    else:
        _, groups = standalone(life, owner, GONE, also=("orphaned", "unknown", "in_use"))
    users_balancer(life, f"tf-{life.cloud.letters(5)}", groups)


def users_balancer(life: Life, name: str, groups: list[ResourceName], *, labels: Fields | None = None) -> None:
    cloud = life.cloud
    claim = life.fixed("foreign", of="a person's load balancer", state=LIVE)
    check = life.put("global", "healthChecks", f"{name}-check", {"type": "HTTP"}, claim)
    fields: Fields = {
        "loadBalancingScheme": "EXTERNAL_MANAGED",
        "protocol": "HTTP",
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "RATE"} for link in life.links(groups)],
    }
    backend = life.put("global", "backendServices", f"{name}-backend", fields, claim)
    url_map = life.put("global", "urlMaps", f"{name}-map", {"defaultService": cloud.link(backend)}, claim)
    proxy = life.put("global", "targetHttpProxies", f"{name}-proxy", {"urlMap": cloud.link(url_map)}, claim)
    rule_fields: Fields = {
        "IPAddress": cloud.external_ip(),
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "target": cloud.link(proxy),
        "loadBalancingScheme": "EXTERNAL_MANAGED",
        "networkTier": "PREMIUM",
        "labels": labels or {"team": "web"},
    }
    life.put("global", "forwardingRules", f"{name}-rule", rule_fields, claim)


GROUP_FATES: dict[str, Callable[[Life], None]] = {
    "live": live,
    "no-endpoints": no_endpoints,
    "stripped": stripped,
    "stripped-young": stripped,
    "cluster-deleted": stripped,
    "zone-without-nodes": zone_without_nodes,
    "without-description": without_description,
    "behind-a-users-balancer": behind_a_users_balancer,
    "behind-a-users-balancer-cluster-deleted": behind_a_users_balancer,
}
GROUP_GAP_FATES: dict[str, Callable[[Life], None]] = {
    "cluster-not-readable": live,
    "cluster-changing": live,
    "services-not-readable": live,
    "cluster-deleted-beside-a-gap": stripped,
}


# The class networking.gke.io/standalone-passthrough-lb-neg (P5)


def passthrough_groups(life: Life, *, is_alive: bool) -> None:
    """GKE makes the NEGs; rule, backend service and health check are the user's."""
    cloud, owner = life.cloud, life.owner()
    name = formulas.l4_backend(life.cluster.c8, owner.namespace, owner.name)
    state = LIVE if is_alive else GONE
    also = ("in_use",) if is_alive else ("orphaned", "unknown", "in_use")
    groups = endpoint_groups(life, owner, state, name, "0", "GCE_VM_IP", "c8", also=also)
    own = f"nlb-{cloud.letters(5)}"
    is_read = life.cluster.standing is Standing.READ
    rule_verdicts = {"foreign"}
    if is_alive:
        rule_verdicts = {"in_use"} if is_read else {"foreign", "unknown"}
    part = life.fixed(*rule_verdicts, "foreign", of="the user's part", state=LIVE)
    check = life.put(life.regional, "healthChecks", f"{own}-check", {"type": "TCP"}, part)
    fields: Fields = {
        "loadBalancingScheme": "EXTERNAL",
        "protocol": "TCP",
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "CONNECTION"} for link in life.links(groups)],
    }
    backend = life.put(life.regional, "backendServices", f"{own}-backend", fields, part)
    ip = cloud.external_ip()
    rule_fields: Fields = {
        "IPAddress": ip,
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "backendService": cloud.link(backend),
        "loadBalancingScheme": "EXTERNAL",
        "networkTier": "PREMIUM",
    }
    claim = life.fixed(*rule_verdicts, of="the user's rule", state=LIVE)
    rule = life.put(life.regional, "forwardingRules", f"{own}-rule", rule_fields, claim)
    if is_alive:
        named = rule.name if cloud.chance(0.5) else cloud.link(rule)
        annotations = {
            "networking.gke.io/custom-forwarding-rule": named,
            "cloud.google.com/neg-status": neg_status(life, {"0": name}),
        }
        obj = service_object(
            life,
            owner,
            type_="LoadBalancer",
            ips=[ip],
            annotations=annotations,
            loadBalancerClass="networking.gke.io/standalone-passthrough-lb-neg",
            finalizers=["gke.networking.io/l4-standalone-neg-v1"],
        )
        life.add("services", obj)
        life.slices(owner, is_ready=True)


PASSTHROUGH_FATES: dict[str, Callable[[Life], None]] = {
    "live": lambda life: passthrough_groups(life, is_alive=True),
    "stripped": lambda life: passthrough_groups(life, is_alive=False),
    "cluster-deleted": lambda life: passthrough_groups(life, is_alive=False),
}
PASSTHROUGH_GAP_FATES: dict[str, Callable[[Life], None]] = {
    "cluster-not-readable": lambda life: passthrough_groups(life, is_alive=True),
}


# Services that make nothing


def plain_service(life: Life) -> None:
    """ClusterIP, headless, ExternalName, NodePort, a foreign class: nothing in the cloud, only a name in the way."""
    owner = life.owner()
    port = life.cloud.node_port()
    forms: dict[str, Fields] = {
        "cluster-ip": {},
        "headless": {"clusterIP": "None"},
        "external-name": {"type_": "ExternalName", "externalName": "db.example.com", "clusterIP": None},
        "node-port": {"type_": "NodePort", "ports": ((80, "TCP", port),)},
        "foreign-class": {"type_": "LoadBalancer", "loadBalancerClass": "example.com/metal", "ips": ["192.0.2.31"]},
        "external-ips": {"externalIPs": ["192.0.2.32"]},
        "without-selector": {"selector": None},
    }
    life.add("services", service_object(life, owner, **forms[life.fate]))
    if life.fate != "external-name":
        life.slices(owner, is_ready=True)


PLAIN_FATES: dict[str, Callable[[Life], None]] = dict.fromkeys(
    (
        "cluster-ip",
        "headless",
        "external-name",
        "node-port",
        "foreign-class",
        "external-ips",
        "without-selector",
    ),
    plain_service,
)
