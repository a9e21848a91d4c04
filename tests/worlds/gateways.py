"""Lives of Gateways, Multi Cluster Ingress, kubemci and service attachments (ownership.md, P11 to P13).

The controllers of the first three are closed: names follow the forms that were observed, a hash whose inputs nobody
knows is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from auditor.model.names import ResourceName

from . import formulas
from .cloud import Claim, Fields, Role, Standing, State, compact
from .clusters import instance_groups, meta, put_firewall
from .life import DAY, Life, Owner, service_object
from .services import DELETING, GONE, IDLE, KEPT, LIVE, PATHS, balancer_object, endpoint_groups, neg_status

ANNOTATION = "networking.gke.io/"


@dataclass(frozen=True)
class Kind:
    class_: str
    scheme: str
    is_regional: bool = False
    is_multi_cluster: bool = False


KINDS = {
    "gateway-global": Kind("gke-l7-global-external-managed", "EXTERNAL_MANAGED"),
    "gateway-classic": Kind("gke-l7-gxlb", "EXTERNAL"),
    "gateway-internal": Kind("gke-l7-rilb", "INTERNAL_MANAGED", is_regional=True),
    "gateway-regional-external": Kind("gke-l7-regional-external-managed", "EXTERNAL_MANAGED", is_regional=True),
    "gateway-multi-cluster": Kind("gke-l7-global-external-managed-mc", "EXTERNAL_MANAGED", is_multi_cluster=True),
}


@dataclass(eq=False)
class Front:
    ip: str
    services: list[Owner]
    made: dict[str, list[ResourceName]] = field(default_factory=dict)
    """By the word of the Gateway's annotation."""


def front(
    life: Life,
    kind: Kind,
    owner: Owner,
    state: State,
    *,
    service: Owner | None = None,
    group_state: State | None = None,
    user_address: str = "",
) -> Front:
    """Rule, proxy, URL map, backends and the address that the controller reserves by itself."""
    cloud, cluster = life.cloud, life.cluster
    scope = life.regional if kind.is_regional else "global"
    begin = "gkemcg1" if kind.is_multi_cluster else f"gkegw1-{cluster.gateway_code}"
    text = compact({"k8sResource": f"/namespaces/{owner.namespace}/gateways/{owner.name}"} | _place(life))
    is_described = kind.is_multi_cluster or cloud.chance(0.5)
    claim = _claims(life, kind, state, is_described=is_described)
    service = service or Owner(owner.namespace, f"{owner.name[:12]}-svc{cloud.count('name')}", cloud.uid())
    made = Front(cloud.internal_ip() if kind.scheme == "INTERNAL_MANAGED" else cloud.external_ip(), [service])

    def name(body: str, hashed: str) -> str:
        return f"{begin}-{body[: 48 - len(begin)]}-{hashed}"

    def put(collection: str, called: str, fields: Fields, of: str, role: Role = Role.PART) -> ResourceName:
        body = fields | ({"description": text} if is_described and "description" not in fields else {})
        return life.put(scope, collection, called, body, claim(of, role))

    backends = []
    inputs = f"{service.namespace};{service.name};8080" + (";EXTERNAL_MANAGED" if kind.scheme != "EXTERNAL" else "")
    pairs = [
        (f"{service.namespace}-{service.name}-8080", formulas.base36(inputs, 12), service),
        ("kube-system-gw-serve404-80", formulas.base36(f"kube-system;gw-serve404;80;{owner.key}", 12), None),
    ]
    for body, hashed, behind in pairs if cloud.chance(0.5) else pairs[:1]:
        check_fields = {"type": "HTTP", "httpHealthCheck": {"requestPath": "/"}, "description": ""}
        check = put("healthChecks", name(body, hashed), check_fields, "health check")
        groups = _groups(life, kind, behind, state if group_state is None else group_state) if behind else []
        fields = {
            "loadBalancingScheme": kind.scheme,
            "protocol": "HTTP",
            "healthChecks": [cloud.link(check)],
            "backends": [{"group": link, "balancingMode": "RATE"} for link in life.links(groups)],
            "description": "",
        }
        backends.append(put("backendServices", name(body, hashed), fields, "backend service"))
        made.made.setdefault("health-checks", []).append(check)
    made.made["backend-services"] = backends
    listener = name(f"{owner.namespace}-{owner.name}", formulas.base36(f"{owner.namespace};{owner.name};80", 12))
    url_map_fields: Fields = {"defaultService": cloud.link(backends[-1])}
    if len(backends) > 1:
        rules = [{"priority": 1, "service": cloud.link(backends[0])}]
        url_map_fields["pathMatchers"] = [
            {"name": "m1", "defaultService": cloud.link(backends[-1]), "routeRules": rules}
        ]
    url_map = put("urlMaps", listener, url_map_fields, "URL map")
    proxy = put("targetHttpProxies", listener, {"urlMap": cloud.link(url_map)}, "proxy")
    rule_fields: Fields = {
        "IPAddress": made.ip,
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "target": cloud.link(proxy),
        "loadBalancingScheme": kind.scheme,
        "networkTier": "PREMIUM",
    }
    if kind.scheme == "INTERNAL_MANAGED":
        rule_fields |= {"network": cluster.network, "subnetwork": cluster.subnetwork}
    rule_name = name(f"{owner.namespace}-{owner.name}", cloud.letters(12))
    rule = put("forwardingRules", rule_name, rule_fields, "rule", Role.HEAD)
    address = user_address or address_name(life, kind, owner)
    address_text = {} if user_address else {"description": text if is_described else ""}
    held = life.address(scope, address, made.ip, claim("address", Role.PART), users=[rule], **address_text)
    made.made |= {"url-maps": [url_map], "target-http-proxies": [proxy], "forwarding-rules": [rule]}
    if not user_address:
        made.made["addresses"] = [held]
    if not kind.is_multi_cluster:
        made.made["firewalls"] = [_firewall(life, kind, state)]
    return made


def address_name(life: Life, kind: Kind, owner: Owner) -> str:
    begin = "gkemcg1" if kind.is_multi_cluster else f"gkegw1-{life.cluster.gateway_code}"
    hashed = formulas.base36(f"{owner.namespace};{owner.name};;443", 12)
    return f"{begin}-{owner.namespace}-{owner.name}"[:48] + f"-{hashed}"


def _place(life: Life) -> Fields:
    return {"k8sCluster": life.cluster.labels["gateway"]}


def _claims(life: Life, kind: Kind, state: State, *, is_described: bool) -> Callable[[str, Role], Claim]:
    """Parts of a Gateway: the cluster stands in the description, or only its four-character code in the name."""

    def claim(of: str, role: Role) -> Claim:
        marks = {"cluster"} if is_described else set()
        made = life.claim(
            state,
            role,
            frozenset(marks if kind.is_multi_cluster else marks | {"code"}),
            of=of,
            plural="gateways",
            region=life.region if kind.is_regional else None,
            also=("unknown",) if kind.is_multi_cluster and state is GONE else (),
        )
        if is_described and state is GONE and of in ("backend service", "health check"):
            # shown only by the other parts of its load balancer
            return replace(made, beside_a_gap=frozenset({"orphaned", "unknown"}))
        return made

    return claim


def _firewall(life: Life, kind: Kind, state: State) -> ResourceName:
    scope = life.region if kind.is_regional else "global"
    name = f"gkegw1-{life.cluster.gateway_code}-l7-main-{scope}"
    # a part of the cluster: in use while it lives; without any Gateway left both readings are defensible
    also = ("orphaned",) if life.cluster.standing is Standing.READ and state is GONE else ()
    claim = life.claim(state, Role.SHARED, frozenset({"h8c"}), of="firewall", plural="gateways", also=also)
    if life.cluster.network_project.is_audited:
        life.cluster.join("code", "h8c")
    return put_firewall(life.cloud, life.cluster, name, "Ingress L7 firewall rule", claim)


def _groups(life: Life, kind: Kind, service: Owner, state: State) -> list[ResourceName]:
    name = formulas.endpoint_group(life.cluster.ingress_uid, service.namespace, service.name, "8080")
    also = ("unknown",) if kind.is_multi_cluster and state is GONE else ()
    return endpoint_groups(life, service, state, name, "8080", "GCE_VM_IP_PORT", "uid8", also=also)


def service_behind(life: Life, service: Owner, *, is_ready: bool = True) -> None:
    name = formulas.endpoint_group(life.cluster.ingress_uid, service.namespace, service.name, "8080")
    status = {"cloud.google.com/neg-status": neg_status(life, {"8080": name})}
    life.add("services", service_object(life, service, ports=((8080, "TCP", None),), annotations=status))
    life.slices(service, is_ready=is_ready)


def gateway_object(life: Life, kind: Kind, owner: Owner, made: Front, *, user_address: str = "") -> Fields:
    number = life.project.number
    obj = meta("gateway.networking.k8s.io/v1", "Gateway", owner.name, owner.namespace, uid=owner.uid)
    lists = {
        ANNOTATION + word: ", ".join(f"/projects/{number}/{part.scope}/{part.collection}/{part.name}" for part in parts)
        for word, parts in made.made.items()
    }
    obj["metadata"]["annotations"] = lists | {ANNOTATION + "last-reconcile-time": "2026-11-20T00:00:00Z"}
    obj["metadata"]["finalizers"] = ["gateway.finalizer.networking.gke.io"]
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    obj["spec"] = {"gatewayClassName": kind.class_, "listeners": listeners}
    if user_address:
        obj["spec"]["addresses"] = [{"type": "NamedAddress", "value": user_address}]
    return obj | {"status": {"addresses": [{"type": "IPAddress", "value": made.ip}] if made.ip else []}}


def route_object(life: Life, owner: Owner, services: Iterable[Owner]) -> Fields:
    obj = meta(
        "gateway.networking.k8s.io/v1", "HTTPRoute", f"{owner.name}-route", owner.namespace, uid=life.cloud.uid()
    )
    refs = [{"name": service.name, "port": 8080} for service in services]
    return obj | {"spec": {"parentRefs": [{"name": owner.name}], "rules": [{"backendRefs": refs}]}}


def _show(
    life: Life, kind: Kind, owner: Owner, made: Front, *, is_ready: bool = True, user_address: str = ""
) -> Fields:
    """The live objects of a Gateway: itself, its route and the Service behind."""
    obj = life.add("gateways", gateway_object(life, kind, owner, made, user_address=user_address))
    life.add("httproutes", route_object(life, owner, made.services))
    for service in made.services:
        service_behind(life, service, is_ready=is_ready)
    return obj


def _owner(life: Life, kind: Kind) -> Owner:
    """A Gateway. The names of a fleet's Gateways carry no code of a cluster, so theirs must differ in the fleet."""
    owner = life.owner(may_be_long=False)
    if kind.is_multi_cluster:
        owner.name = f"{owner.name}-{life.cloud.count('name')}"
    return owner


def live(life: Life, kind: Kind) -> None:
    owner = _owner(life, kind)
    _show(life, kind, owner, front(life, kind, owner, LIVE))


def no_endpoints(life: Life, kind: Kind) -> None:
    owner = _owner(life, kind)
    made = front(life, kind, owner, IDLE)
    for rule in made.made["forwarding-rules"]:  # a default backend of the controller's may count or not
        life.cloud.items[rule].claims.append(life.fixed("idle", "in_use", of="rule", state=LIVE))
    _show(life, kind, owner, made, is_ready=False)


def deleting(life: Life, kind: Kind) -> None:
    owner = _owner(life, kind)
    life.mark_deleted(_show(life, kind, owner, front(life, kind, owner, DELETING, group_state=LIVE)), DAY / 300)


def deletion_stuck(life: Life, kind: Kind) -> None:
    """Gateway API was switched off with the objects present: finalizers hang (ownership.md, section 7)."""
    owner = _owner(life, kind)
    life.mark_deleted(_show(life, kind, owner, front(life, kind, owner, IDLE)), 3 * DAY)


def deleted_cleanly(life: Life, kind: Kind) -> None:
    life.owner()


def stripped(life: Life, kind: Kind) -> None:
    """Deleted without its finalizer; also: its cluster, or the whole API, is gone."""
    owner = _owner(life, kind)
    made = front(life, kind, owner, GONE)
    life.lose("gateways", gateway_object(life, kind, owner, made), made.made["forwarding-rules"])


def address_left(life: Life, kind: Kind) -> None:
    """The static address that the controller reserved by itself."""
    owner = _owner(life, kind)
    ip = life.cloud.internal_ip() if kind.scheme == "INTERNAL_MANAGED" else life.cloud.external_ip()
    claim = _claims(life, kind, GONE, is_described=kind.is_multi_cluster)("address", Role.PART)
    text = compact(_place(life)) if kind.is_multi_cluster else ""
    scope = life.regional if kind.is_regional else "global"
    life.address(scope, address_name(life, kind, owner), ip, claim, description=text)


def user_address(life: Life, kind: Kind) -> None:
    owner, name = _owner(life, kind), f"ip-of-{life.cloud.letters(5)}"
    made = front(life, kind, owner, LIVE, user_address=name)
    _show(life, kind, owner, made, user_address=name)


def user_address_without_rule(life: Life, kind: Kind) -> None:
    """Named by a Gateway that has no load balancer yet."""
    owner, name = _owner(life, kind), f"ip-of-{life.cloud.letters(5)}"
    scope = life.regional if kind.is_regional else "global"
    ip = life.cloud.internal_ip() if kind.scheme == "INTERNAL_MANAGED" else life.cloud.external_ip()
    life.address(scope, name, ip, life.claim(LIVE, of="named by a Gateway", plural="gateways"))
    life.add("gateways", gateway_object(life, kind, owner, Front("", []), user_address=name))


def scope_switched(life: Life, kind: Kind) -> None:
    """Global became internal: the Gateway lists only the new load balancer."""
    owner = _owner(life, kind)
    old = front(life, kind, owner, GONE, group_state=LIVE)
    [service] = old.services
    inner = KINDS["gateway-internal"]
    made = front(life, inner, owner, LIVE, service=service)
    found = life.cluster.objects["servicenetworkendpointgroups"]
    found[:] = list({obj["metadata"]["name"]: obj for obj in found}.values())
    _show(life, inner, owner, made)


GATEWAY_FATES: dict[str, Callable[[Life, Kind], None]] = {
    "live": live,
    "no-endpoints": no_endpoints,
    "deleting": deleting,
    "deletion-stuck": deletion_stuck,
    "deleted-cleanly": deleted_cleanly,
    "stripped": stripped,
    "stripped-young": stripped,
    "cluster-deleted": stripped,
    "recreated": live,
    "api-removed": stripped,
    "address-left": address_left,
    "user-address": user_address,
    "user-address-without-rule": user_address_without_rule,
}
ONLY: dict[str, dict[str, Callable[[Life, Kind], None]]] = {"gateway-global": {"scope-switched": scope_switched}}
GATEWAY_GAP_FATES: dict[str, Callable[[Life, Kind], None]] = {
    "cluster-not-readable": live,
    "leaked-in-a-cluster-not-readable": stripped,
    "cluster-changing": live,
    "gateways-not-readable": live,
    "leaked-where-gateways-are-not-readable": stripped,
    "cluster-deleted-beside-a-gap": stripped,
}


def fates_of(maker: str) -> dict[str, Callable[[Life, Kind], None]]:
    return GATEWAY_FATES | ONLY.get(maker, {})


def live_life(life: Life) -> None:
    (fates_of(life.maker) | GATEWAY_GAP_FATES)[life.fate](life, KINDS[life.maker])


# Multi Cluster Ingress


def multi_cluster_ingress(life: Life, owner: Owner, state: State) -> tuple[str, dict[str, list[str] | str]]:
    """A fleet's load balancer: its owner lives in the config cluster alone. Returns its IP and status."""
    cloud = life.cloud
    code, ip = cloud.letters(6), cloud.external_ip()

    def claim(of: str, role: Role = Role.PART) -> Claim:
        # nothing in it tells its config cluster, which may be in another project of the fleet: unknown is allowed
        also = ("unknown",) if state is GONE else ()
        return life.claim(state, role, of=of, plural="multiclusteringresses", also=also)

    service = Owner(owner.namespace, f"mci-{owner.name[:12]}-mcs-svc-{cloud.letters(12)}", cloud.uid())
    group = formulas.endpoint_group(life.cluster.ingress_uid, service.namespace, service.name, "8080")
    also = ("unknown",) if state is GONE else ()
    groups = endpoint_groups(life, service, state, group, "8080", "GCE_VM_IP_PORT", "uid8", also=also)
    if state is not GONE:
        status = {"cloud.google.com/neg-status": neg_status(life, {"8080": group})}
        headless = service_object(
            life, service, ports=((8080, "TCP", None),), annotations=status, clusterIP="None", selector={"app": "x"}
        )
        life.add("services", headless)
        life.slices(service, is_ready=True)
    backend_name = f"mci-{code}-8080-{owner.namespace}-{owner.name[:12]}-mcs"
    check = life.put("global", "healthChecks", backend_name, {"type": "HTTP"}, claim("health check"))
    backend_fields = {
        "loadBalancingScheme": "EXTERNAL",
        "protocol": "HTTP",
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "RATE"} for link in life.links(groups)],
    }
    backend = life.put("global", "backendServices", backend_name, backend_fields, claim("backend service"))
    front_name = f"mci-{code}-{owner.namespace}-{owner.name}"
    url_map = life.put("global", "urlMaps", front_name, {"defaultService": cloud.link(backend)}, claim("URL map"))
    proxy = life.put("global", "targetHttpProxies", front_name, {"urlMap": cloud.link(url_map)}, claim("proxy"))
    rule_fields = {
        "IPAddress": ip,
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "target": cloud.link(proxy),
        "loadBalancingScheme": "EXTERNAL",
        "networkTier": "PREMIUM",
    }
    rule_name = f"mci-{code}-fw-{owner.namespace}-{owner.name}"
    rule = life.put("global", "forwardingRules", rule_name, rule_fields, claim("rule", Role.HEAD))
    marked = replace(claim("firewall"), marks=frozenset({"h8c"}))
    firewall_claim = replace(marked, also=marked.also | {"in_use"}) if life.cluster.is_living else marked
    firewall = put_firewall(cloud, life.cluster, f"mci-{code}-main-l7", "", firewall_claim)
    return ip, {
        "backendServices": [backend.name],
        "firewalls": [firewall.name],
        "forwardingRules": [rule.name],
        "healthChecks": [check.name],
        "networkEndpointGroups": [f"{name.scope}/networkEndpointGroups/{name.name}" for name in groups],
        "targetProxies": [proxy.name],
        "urlMap": url_map.name,
    }


def _mci_object(life: Life, owner: Owner, ip: str, resources: Fields, annotations: Fields | None = None) -> Fields:
    obj = meta("networking.gke.io/v1", "MultiClusterIngress", owner.name, owner.namespace, uid=owner.uid)
    obj["metadata"]["annotations"] = annotations or {}
    obj["spec"] = {"template": {"spec": {"backend": {"serviceName": f"{owner.name[:12]}-mcs", "servicePort": 8080}}}}
    return obj | {"status": {"VIP": ip, "cloudResources": resources}}


def mci_live(life: Life) -> None:
    owner = life.owner(may_be_long=False)
    ip, resources = multi_cluster_ingress(life, owner, LIVE)
    life.add("multiclusteringresses", _mci_object(life, owner, ip, dict(resources)))


def mci_stripped(life: Life) -> None:
    """Its object is gone, or the whole kind: the fleet feature was switched off."""
    multi_cluster_ingress(life, life.owner(may_be_long=False), GONE)


def mci_address(life: Life) -> None:
    """A person's address that the annotation networking.gke.io/static-ip names by URL or by IP."""
    owner, name = life.owner(may_be_long=False), f"ip-of-{life.cloud.letters(5)}"
    ip, resources = multi_cluster_ingress(life, owner, LIVE)
    rule = next(part for part in life.parts if part.collection == "forwardingRules")
    claim = life.claim(LIVE, of="reserved by a person", plural="multiclusteringresses")
    address = life.address("global", name, ip, claim, users=[rule] if life.cloud.chance(0.6) else [])
    wish = ip if life.cloud.chance(0.5) else life.cloud.link(address)
    life.add("multiclusteringresses", _mci_object(life, owner, ip, dict(resources), {ANNOTATION + "static-ip": wish}))


MCI_FATES: dict[str, Callable[[Life], None]] = {
    "live": mci_live,
    "stripped": mci_stripped,
    "api-removed": mci_stripped,
    "cluster-deleted": mci_stripped,
    "user-address": mci_address,
}
MCI_GAP_FATES: dict[str, Callable[[Life], None]] = {"cluster-not-readable": mci_live}


# kubemci


def kubemci(life: Life, *, is_alive: bool) -> None:
    """The retired command line tool. No object in any cluster could prove that it is still wanted."""
    cloud, cluster = life.cloud, life.cluster
    owner = life.owner(may_be_long=False)
    balancer, port, ip = f"{owner.namespace}-{owner.name}", cloud.node_port(), cloud.external_ip()
    verdicts = ("in_use", "unknown") if is_alive else ("orphaned", "unknown")
    claim = life.fixed(*verdicts, of="kubemci", state=LIVE if is_alive else GONE)
    context = f"gke_{cluster.project.id}_{cluster.location}_{cluster.name}"
    keys = {
        "Description": f"Backend service for kubernetes multicluster loadbalancer {balancer}",
        "LoadBalancerName": balancer,
        "Clusters": [context],
        "IPAddress": ip,
    }
    text = compact(keys)
    groups = instance_groups(cloud, cluster, KEPT if is_alive else GONE)
    if not is_alive:  # allowed for the groups too, as their only user is judged so
        for group in groups:
            cloud.items[group].claims.append(life.fixed("orphaned", "unknown", of="instance group"))
    check_text = f"Health check for service {owner.key} as part of kubernetes multicluster loadbalancer {balancer}"
    check_fields = {"type": "HTTP", "httpHealthCheck": {"port": port}, "description": check_text}
    check = life.put("global", "healthChecks", f"mci1-hc-{port}--{balancer}", check_fields, claim)
    fields: Fields = {
        "loadBalancingScheme": "EXTERNAL",
        "protocol": "HTTP",
        "description": text,
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "RATE"} for link in life.links(groups)],
    }
    backend = life.put("global", "backendServices", f"mci1-be-{port}--{balancer}", fields, claim)
    map_fields = {"defaultService": cloud.link(backend), "description": text}
    url_map = life.put("global", "urlMaps", f"mci1-um--{balancer}", map_fields, claim)
    proxy_fields = {"urlMap": cloud.link(url_map), "description": text}
    proxy = life.put("global", "targetHttpProxies", f"mci1-tp--{balancer}", proxy_fields, claim)
    rule_fields = {
        "IPAddress": ip,
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "target": cloud.link(proxy),
        "loadBalancingScheme": "EXTERNAL",
        "networkTier": "PREMIUM",
        "description": text,
    }
    life.put("global", "forwardingRules", f"mci1-fw--{balancer}", rule_fields, claim)
    if is_alive:
        service = Owner(owner.namespace, owner.name, cloud.uid())
        life.add("services", service_object(life, service, type_="NodePort", ports=((80, "TCP", port),)))
        life.slices(service, is_ready=True)
        obj = meta("networking.k8s.io/v1", "Ingress", owner.name, owner.namespace, uid=owner.uid)
        links = ",".join(life.links(groups))
        obj["metadata"]["annotations"] = {
            "kubernetes.io/ingress.class": "gce-multi-cluster",
            "ingress.gcp.kubernetes.io/instance-groups": json.dumps([{"Name": groups[0].name, "Zone": links}]),
        }
        backend_ref = {"service": {"name": owner.name, "port": {"number": 80}}}
        life.add("ingresses", obj | {"spec": {"defaultBackend": backend_ref}, "status": {"loadBalancer": {}}})


# Service attachments (Private Service Connect, producer side)


def attachment(
    life: Life, owner: Owner, uid: str, rule: ResourceName, state: State, *, has_consumer: bool = False
) -> ResourceName:
    cluster = life.cluster
    cluster.publishes = True
    name = formulas.service_attachment(cluster.kube_system_uid, owner.namespace, owner.name, uid)
    keys = {
        "k8sResource": f"/namespaces/{owner.namespace}/serviceattachments/{owner.name}",
        "k8sCluster": cluster.labels["attachment"],
    }
    consumer = {
        "status": "ACCEPTED",
        "pscConnectionId": "66112233",
        "endpoint": "https://www.googleapis.com/compute/v1/projects/consumer-1/regions/r/forwardingRules/theirs",
    }
    fields = {
        "description": compact(keys),
        "targetService": life.cloud.link(rule),
        "producerForwardingRule": life.cloud.link(rule),
        "connectionPreference": "ACCEPT_AUTOMATIC",
        "natSubnets": [cluster.subnetwork],
        "connectedEndpoints": [consumer] if has_consumer else [],
    }
    claim = life.claim(
        state,
        Role.HEAD,
        frozenset({"c8", "cluster"}),
        of="service attachment",
        identity=cluster.c8,
        plural="serviceattachments",
        region=life.region,
    )
    return life.put(life.regional, "serviceAttachments", name, fields, claim)


def attachment_object(life: Life, owner: Owner, uid: str, service: str, made: ResourceName) -> Fields:
    obj = meta("networking.gke.io/v1", "ServiceAttachment", owner.name, owner.namespace, uid=uid)
    obj["metadata"]["finalizers"] = ["networking.gke.io/service-attachment-finalizer"]
    obj["spec"] = {"connectionPreference": "ACCEPT_AUTOMATIC", "resourceRef": {"kind": "Service", "name": service}}
    return obj | {"status": {"serviceAttachmentURL": life.cloud.link(made)}}


PATH = PATHS["service-internal-subsetting"]


def _published(life: Life, state: State) -> tuple[Owner, ResourceName]:
    owner = life.owner()
    made = PATH.build(life, owner, state)
    if state is LIVE:
        life.add("services", balancer_object(life, PATH, owner, made))
        life.slices(owner, is_ready=True)
    return owner, made.rules[0]


def attachment_live(life: Life) -> None:
    owner, rule = _published(life, LIVE)
    uid = life.cloud.uid()
    made = attachment(life, owner, uid, rule, LIVE, has_consumer=life.cloud.chance(0.5))
    life.add("serviceattachments", attachment_object(life, owner, uid, owner.name, made))


def attachment_left(life: Life) -> None:
    """The object is gone, nobody is connected; its Service lives, or is gone as well."""
    has_service = life.cluster.standing is Standing.READ and life.cloud.chance(0.5)
    owner, rule = _published(life, LIVE if has_service else GONE)
    uid = life.cloud.uid()
    made = attachment(life, owner, uid, rule, GONE)
    life.lose("serviceattachments", attachment_object(life, owner, uid, owner.name, made), [made])


def attachment_with_consumers(life: Life) -> None:
    """All objects are gone, yet a consumer is connected."""
    owner, rule = _published(life, KEPT)
    attachment(life, owner, life.cloud.uid(), rule, KEPT, has_consumer=True)


def attachment_recreated(life: Life) -> None:
    """The UID of the object is in the name: the first one's attachment is left."""
    owner, rule = _published(life, LIVE)
    attachment(life, owner, life.cloud.uid(), rule, GONE)
    uid = life.cloud.uid()
    made = attachment(life, owner, uid, rule, LIVE)
    life.add("serviceattachments", attachment_object(life, owner, uid, owner.name, made))


ATTACHMENT_FATES: dict[str, Callable[[Life], None]] = {
    "live": attachment_live,
    "stripped": attachment_left,
    "cluster-deleted": attachment_left,
    "recreated": attachment_recreated,
    "consumers-connected": attachment_with_consumers,
    "consumers-connected-cluster-deleted": attachment_with_consumers,
}
ATTACHMENT_GAP_FATES: dict[str, Callable[[Life], None]] = {
    "cluster-not-readable": attachment_live,
    "cluster-changing": attachment_live,
}
