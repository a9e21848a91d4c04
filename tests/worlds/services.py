"""Lives of Services of type LoadBalancer: every path of ownership.md, section 3, P1 to P6, and every leak of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.model.names import ResourceName

from . import formulas
from .cloud import Fields, Role, Standing, State, compact
from .clusters import instance_groups, l4_health_check, l4_text, nodes_health_check
from .life import DAY, Life, Owner, service_object

CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}
OLD_INTERNAL = {"cloud.google.com/load-balancer-type": "Internal"}
GONE, LIVE, IDLE, DELETING, KEPT = State.GONE, State.LIVE, State.IDLE, State.DELETING, State.KEPT


@dataclass(eq=False)
class Balancer:
    """What a path made for one Service: the facts its live object would show."""

    ips: list[str] = field(default_factory=list)
    rules: list[ResourceName] = field(default_factory=list)
    annotations: Fields = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    ports: tuple[tuple[int, str, int | None], ...] = ((80, "TCP", 30080),)
    families: tuple[str, ...] = ("IPv4",)
    policy: str = "Cluster"


@dataclass(frozen=True)
class Path:
    """One way in which a Service of type LoadBalancer becomes a load balancer."""

    build: Callable[..., Balancer]
    finalizer: str
    annotations: tuple[Fields, ...]
    load_balancer_class: str
    is_internal: bool = False
    is_legacy: bool = False
    is_dual_stack: bool = False
    named_by_uid: bool = False
    """Its rule is called a<uid>, so an object made again gets another one."""


def legacy_external(life: Life, owner: Owner, state: State, *, ip: str = "", with_rule: bool = True) -> Balancer:
    """P1: rule -> target pool -> legacy health check, firewall rules."""
    cloud, cluster = life.cloud, life.cluster
    name, ip = formulas.service_name(owner.uid), ip or cloud.external_ip()
    is_local = life.is_local
    made = Balancer([ip], policy="Local" if is_local else "Cluster")
    marks, text = made.marks, compact({"kubernetes.io/service-name": owner.key})
    common: Fields = {"identity": name, "region": life.region}
    if is_local:
        fields = {
            "description": compact({"kubernetes.io/service-name": name}),
            "port": 31000,
            "requestPath": "/healthz",
        }
        claim = life.claim(state, Role.PART, marks, of="health check", **common)
        check = life.put("global", "httpHealthChecks", name, fields, claim)
    else:
        check = nodes_health_check(cloud, cluster, state)
        marks.add("provider")
    pool_fields = {
        "description": text,
        "healthChecks": [cloud.link(check)],
        "instances": _machine_links(life),
        "sessionAffinity": "NONE",
    }
    pool = life.put(
        life.regional, "targetPools", name, pool_fields, life.claim(state, Role.PART, marks, of="pool", **common)
    )
    if cluster.standing not in (Standing.DEAD, Standing.HIDDEN):
        marks.add("h8c")
    if with_rule:
        fields = {
            "IPAddress": ip,
            "IPProtocol": "TCP",
            "portRange": "80-80",
            "description": text,
            "target": cloud.link(pool),
            "loadBalancingScheme": "EXTERNAL",
            "networkTier": "PREMIUM",
            "labelFingerprint": "42WmSpB8rSM=",
        }
        made.rules.append(
            life.put(
                life.regional, "forwardingRules", name, fields, life.claim(state, Role.HEAD, marks, of="rule", **common)
            )
        )
    if state is GONE and cluster.standing is Standing.DEAD and cloud.chance(0.2):
        return made  # somebody has already removed its firewall rules: nothing shows the cluster's tag
    _legacy_firewalls(life, owner, state, ip, made, is_local=is_local)
    return made


def _legacy_firewalls(life: Life, owner: Owner, state: State, ip: str, made: Balancer, *, is_local: bool) -> None:
    name = formulas.service_name(owner.uid)
    if life.cluster.network_project.is_audited and life.cluster.standing is not Standing.NOT_GKE:
        made.marks.add("h8c")
    claim = life.claim(state, Role.PART, frozenset({"h8c"}), of="firewall", identity=name)
    life.firewall(f"k8s-fw-{name}", service_ip_text(owner, ip), claim, destinationRanges=[ip])
    if life.has_deny_rule:
        life.firewall(f"k8s-fw-{name}-deny", service_ip_text(owner, ip), claim, destinationRanges=[ip])
    if is_local:
        life.firewall(f"k8s-{name}-http-hc", service_ip_text(owner, ip), claim)


def service_ip_text(owner: Owner, ip: str) -> str:
    """The description of the legacy firewall rules: one space after the comma."""
    return f'{{"kubernetes.io/service-name":"{owner.key}", "kubernetes.io/service-ip":"{ip}"}}'


def legacy_internal(life: Life, owner: Owner, state: State, *, ip: str = "") -> Balancer:
    """P2: rule -> region backend service -> the cluster's instance groups."""
    cloud, cluster = life.cloud, life.cluster
    name, ip = formulas.service_name(owner.uid), ip or cloud.internal_ip()
    made = Balancer([ip])
    made.marks |= {"provider", "uid16"}
    if cluster.network_project.is_audited and cluster.standing is not Standing.NOT_GKE:
        made.marks.add("h8c")
    common: Fields = {"identity": name, "region": life.region}
    check_claim = life.claim(state, Role.PART, made.marks, of="health check", identity=name)
    check_fields = {"type": "HTTP", "httpHealthCheck": {"port": 10256}, "description": ""}
    check = life.put("global", "healthChecks", name, check_fields, check_claim)
    groups = instance_groups(cloud, cluster, state)
    backend_fields = {
        "description": compact({"kubernetes.io/service-name": owner.key}),
        "loadBalancingScheme": "INTERNAL",
        "protocol": "TCP",
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "CONNECTION"} for link in life.links(groups)],
    }
    backend = life.put(
        life.regional,
        "backendServices",
        name,
        backend_fields,
        life.claim(state, Role.PART, made.marks, of="backend service", **common),
    )
    text = compact({"kubernetes.io/service-name": owner.key})
    claim = life.claim(state, Role.HEAD, made.marks, of="rule", **common)
    fields = _internal_rule(life, ip, backend, text)
    made.rules.append(life.put(life.regional, "forwardingRules", name, fields, claim))
    firewall = life.claim(state, Role.PART, frozenset({"h8c"}), of="firewall", identity=name)
    life.firewall(f"k8s-fw-{name}", service_ip_text(owner, ip), firewall, destinationRanges=[ip])
    if cloud.chance(0.4):
        life.firewall(f"{name}-hc", "", firewall)
    return made


def _internal_rule(life: Life, ip: str, backend: ResourceName, text: str, protocol: str = "TCP") -> Fields:
    return {
        "IPAddress": ip,
        "IPProtocol": protocol,
        "ports": ["80"],
        "description": text,
        "backendService": life.cloud.link(backend),
        "loadBalancingScheme": "INTERNAL",
        "network": life.cluster.network,
        "subnetwork": life.cluster.subnetwork,
        "networkTier": "PREMIUM",
    }


def passthrough(
    life: Life,
    owner: Owner,
    state: State,
    *,
    is_external: bool,
    groups: str = "negs",
    is_dual_stack: bool = False,
    is_mixed: bool = False,
    protocol: str = "TCP",
    ip: str = "",
    also_for_groups: Iterable[str] = (),
) -> Balancer:
    """P3 and P4: rule(s) -> region backend service -> zonal NEGs or instance groups; firewall rules."""
    cloud, cluster = life.cloud, life.cluster
    c8, namespace, name = cluster.c8, owner.namespace, owner.name
    backend_name = formulas.l4_backend(c8, namespace, name)
    ip = ip or (cloud.external_ip() if is_external else cloud.internal_ip())
    is_local = life.is_local
    made = Balancer([ip], policy="Local" if is_local else "Cluster")
    made.marks.add("c8")
    made.ports = ((80, protocol, 30080),)
    common: Fields = {"identity": c8, "region": life.region}
    check = _l4_check(life, owner, state, is_external=is_external, is_local=is_local, ipv6=is_dual_stack)
    if groups == "negs":
        backends = endpoint_groups(life, owner, state, backend_name, "0", "GCE_VM_IP", "c8", also=also_for_groups)
        made.annotations["cloud.google.com/neg-status"] = neg_status(life, {"0": backend_name})
    else:
        backends = instance_groups(cloud, cluster, state)
    fields: Fields = {
        "description": l4_text(owner.key),
        "loadBalancingScheme": "EXTERNAL" if is_external else "INTERNAL",
        "protocol": "UNSPECIFIED" if is_mixed else protocol,
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "CONNECTION"} for link in life.links(backends)],
        "sessionAffinity": "NONE",
    }
    claim = life.claim(state, Role.PART, made.marks, of="backend service", **common)
    backend = life.put(life.regional, "backendServices", backend_name, fields, claim)
    if is_mixed:
        kinds = ("l3",) if cloud.chance(0.4) else ("tcp", "udp")
        made.ports = ((80, "TCP", 30080), (53, "UDP", 30053))
    else:
        kinds = (protocol.lower(),)
    for kind in kinds:
        is_uid_name = is_external and not is_mixed
        rule = formulas.service_name(owner.uid) if is_uid_name else formulas.l4_rule(c8, namespace, name, kind)
        _v2_rule(life, owner, state, made, backend, rule, kind, ip, is_external=is_external)
    if is_dual_stack:
        made.families = ("IPv4", "IPv6")
        made.ips.append(cloud.ipv6())
        second_rule(life, owner, state, made, backend, is_external=is_external, protocol=protocol)
        _v2_firewall(life, owner, state, formulas.l4_firewall(c8, namespace, name, "ipv6"), made.ips[-1])
        made.annotations["service.kubernetes.io/firewall-rule-ipv6"] = formulas.l4_firewall(c8, namespace, name, "ipv6")
    _v2_firewall(life, owner, state, backend_name, ip)
    if life.has_deny_rule:
        _v2_firewall(life, owner, state, formulas.l4_firewall_deny(c8, namespace, name, "deny"), ip)
    made.annotations |= {
        "service.kubernetes.io/backend-service": backend_name,
        "service.kubernetes.io/firewall-rule": backend_name,
        "service.kubernetes.io/healthcheck": check.name,
    }
    return made


def _l4_check(life: Life, owner: Owner, state: State, *, is_external: bool, is_local: bool, ipv6: bool) -> ResourceName:
    if not is_local:
        return l4_health_check(life.cloud, life.cluster, state, is_external=is_external, ipv6=ipv6)
    c8 = life.cluster.c8
    name = formulas.l4_backend(c8, owner.namespace, owner.name)
    scope = life.regional if is_external else "global"
    region = life.region if is_external else None
    claim = life.claim(state, Role.PART, frozenset({"c8"}), of="health check", identity=c8, region=region)
    fields = {"type": "HTTP", "httpHealthCheck": {"port": 31500}, "description": l4_text(owner.key)}
    _v2_firewall(life, owner, state, formulas.l4_firewall(c8, owner.namespace, owner.name, "fw"), "")
    return life.put(scope, "healthChecks", name, fields, claim)


def _v2_rule(
    life: Life,
    owner: Owner,
    state: State,
    made: Balancer,
    backend: ResourceName,
    name: str,
    kind: str,
    ip: str,
    *,
    is_external: bool,
) -> None:
    protocol = {"tcp": "TCP", "udp": "UDP", "l3": "L3_DEFAULT"}[kind]
    fields = _internal_rule(life, ip, backend, l4_text(owner.key, ip=ip), protocol)
    if is_external:
        fields = {key: value for key, value in fields.items() if key not in ("network", "subnetwork", "ports")}
        fields |= {"loadBalancingScheme": "EXTERNAL", "portRange": "80-80" if kind != "l3" else None}
    claim = life.claim(state, Role.HEAD, made.marks, of="rule", identity=life.cluster.c8, region=life.region)
    made.rules.append(life.put(life.regional, "forwardingRules", name, fields, claim))
    made.annotations[f"service.kubernetes.io/{kind}-forwarding-rule"] = name


def second_rule(
    life: Life,
    owner: Owner,
    state: State,
    made: Balancer,
    backend: ResourceName,
    *,
    is_external: bool,
    protocol: str = "TCP",
    ip: str = "",
) -> ResourceName:
    """The IPv6 rule of a dual-stack Service; it holds a /96."""
    c8 = life.cluster.c8
    if is_external:
        name = formulas.service_name(owner.uid) + "-ipv6"
    else:
        name = formulas.l4_rule_ipv6(c8, owner.namespace, owner.name, protocol.lower())
    fields = _internal_rule(life, f"{ip or made.ips[-1]}/96", backend, l4_text(owner.key), protocol)
    fields |= {"ipVersion": "IPV6", "loadBalancingScheme": "EXTERNAL" if is_external else "INTERNAL"}
    claim = life.claim(state, Role.HEAD, made.marks, of="IPv6 rule", identity=c8, region=life.region)
    rule = life.put(life.regional, "forwardingRules", name, fields, claim)
    made.rules.append(rule)
    made.annotations[f"service.kubernetes.io/{protocol.lower()}-forwarding-rule-ipv6"] = name
    return rule


def _v2_firewall(life: Life, owner: Owner, state: State, name: str, ip: str, also: Iterable[str] = ()) -> None:
    claim = life.claim(state, Role.PART, frozenset({"c8"}), of="firewall", identity=life.cluster.c8, also=also)
    life.firewall(name, l4_text(owner.key), claim, destinationRanges=[ip] if ip else None)


def endpoint_groups(
    life: Life,
    owner: Owner,
    state: State,
    name: str,
    port: str,
    kind: str,
    mark: str,
    *,
    also: Iterable[str] = (),
    with_description: bool = True,
    with_object: bool = True,
) -> list[ResourceName]:
    """The zonal NEGs of a Service port under one name, and the object that the NEG controller keeps beside them."""
    cluster = life.cluster
    keys = {
        "cluster-uid": cluster.kube_system_uid,
        "namespace": owner.namespace,
        "service-name": owner.name,
        "port": port,
    }
    marks = {mark} if mark == "c8" else {mark, "c8"}
    if mark == "uid8" and with_description:
        cluster.join("uid8", "c8")
    claim = life.claim(
        state,
        Role.PART,
        frozenset(marks) if with_description else frozenset(),
        of="NEG",
        identity=cluster.c8 if mark == "c8" else cluster.ingress_uid[:8],
        region=life.region,
        also=also,
    )
    fields = {
        "description": compact(keys) if with_description else "",
        "networkEndpointType": kind,
        "network": cluster.network,
        "subnetwork": cluster.subnetwork,
        "size": 1,
    }
    groups = [life.put(f"zones/{zone}", "networkEndpointGroups", name, fields, claim) for zone in cluster.zones]
    if state in (LIVE, IDLE, DELETING) and with_object and cluster.standing is Standing.READ:
        life.add("servicenetworkendpointgroups", endpoint_group_object(life, owner, name, port, groups))
    return groups


def endpoint_group_object(life: Life, owner: Owner, name: str, port: str, groups: Iterable[ResourceName]) -> Fields:
    return {
        "apiVersion": "networking.gke.io/v1beta1",
        "kind": "ServiceNetworkEndpointGroup",
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "uid": life.cloud.uid(),
            "finalizers": ["networking.gke.io/neg-finalizer"],
            "labels": {
                "networking.gke.io/managed-by": "neg-controller",
                "networking.gke.io/service-name": owner.name,
                "networking.gke.io/service-port": port,
            },
        },
        "spec": {},
        "status": {"networkEndpointGroups": [{"selfLink": link} for link in life.links(groups)]},
    }


def neg_status(life: Life, names: dict[str, str]) -> str:
    return compact({"network_endpoint_groups": names, "zones": list(life.cluster.zones)})


def _machine_links(life: Life) -> list[str]:
    return [
        life.cloud.link(ResourceName(life.project.id, f"zones/{zone}", "instances", name))
        for zone, name in life.cluster.nodes
    ]


def _internal(life: Life, owner: Owner, state: State, **more: Any) -> Balancer:
    return passthrough(life, owner, state, is_external=False, protocol=life.cloud.dice.choice(("TCP", "UDP")), **more)


def _internal_dual(life: Life, owner: Owner, state: State, **more: Any) -> Balancer:
    return passthrough(life, owner, state, is_external=False, is_dual_stack=True, **more)


def _external_negs(life: Life, owner: Owner, state: State, **more: Any) -> Balancer:
    return passthrough(life, owner, state, is_external=True, **more)


def _external_groups(life: Life, owner: Owner, state: State, **more: Any) -> Balancer:
    more.pop("also_for_groups", None)
    return passthrough(life, owner, state, is_external=True, groups="instance groups", **more)


def _external_dual(life: Life, owner: Owner, state: State, **more: Any) -> Balancer:
    return passthrough(life, owner, state, is_external=True, is_dual_stack=True, **more)


def _external_mixed(life: Life, owner: Owner, state: State, **more: Any) -> Balancer:
    return passthrough(life, owner, state, is_external=True, is_mixed=True, **more)


RBS = {"cloud.google.com/l4-rbs": "enabled"}
CLASS = "networking.gke.io/l4-regional-"
PATHS = {
    "service-external-legacy": Path(
        legacy_external,
        "gke.networking.io/l4-netlb-v1",
        ({},),
        CLASS + "external-legacy",
        is_legacy=True,
        named_by_uid=True,
    ),
    "service-internal-legacy": Path(
        legacy_internal,
        "gke.networking.io/l4-ilb-v1",
        (INTERNAL, OLD_INTERNAL),
        CLASS + "internal-legacy",
        is_internal=True,
        is_legacy=True,
        named_by_uid=True,
    ),
    "service-internal-subsetting": Path(
        _internal, "gke.networking.io/l4-ilb-v2", (INTERNAL, OLD_INTERNAL), CLASS + "internal", is_internal=True
    ),
    "service-internal-dual-stack": Path(
        _internal_dual,
        "gke.networking.io/l4-ilb-v2",
        (INTERNAL,),
        CLASS + "internal",
        is_internal=True,
        is_dual_stack=True,
    ),
    "service-external-negs": Path(
        _external_negs, "gke.networking.io/l4-netlb-v3", (RBS,), CLASS + "external", named_by_uid=True
    ),
    "service-external-instance-groups": Path(
        _external_groups, "gke.networking.io/l4-netlb-v2", (RBS,), CLASS + "external", named_by_uid=True
    ),
    "service-external-dual-stack": Path(
        _external_dual,
        "gke.networking.io/l4-netlb-v3",
        (RBS,),
        CLASS + "external",
        is_dual_stack=True,
        named_by_uid=True,
    ),
    "service-external-mixed-protocols": Path(
        _external_mixed, "gke.networking.io/l4-netlb-v3", (RBS,), CLASS + "external"
    ),
}


def balancer_object(
    life: Life, path: Path, owner: Owner, made: Balancer, *, ips: list[str] | None = None, **more: Any
) -> Fields:
    """The live Service of type LoadBalancer that owns `made`; the path chosen by annotation or by class."""
    annotations = dict(life.cloud.dice.choice(path.annotations))
    load_balancer_class = None
    if life.cloud.chance(0.3):
        annotations, load_balancer_class = {}, path.load_balancer_class
    annotations |= {} if path.is_legacy else made.annotations
    annotations |= more.pop("annotations", {})
    ranges = ["198.51.100.0/24"] if life.cloud.chance(0.2) else None
    return service_object(
        life,
        owner,
        type_="LoadBalancer",
        ports=made.ports,
        ips=made.ips if ips is None else ips,
        annotations=annotations,
        finalizers=[path.finalizer, CLEANUP],
        families=made.families,
        **{
            "loadBalancerClass": load_balancer_class,
            "externalTrafficPolicy": made.policy,
            "loadBalancerSourceRanges": ranges,
        }
        | more,
    )


# The fates. Each takes a life and its path.


def live(life: Life, path: Path) -> None:
    owner = life.owner()
    made = path.build(life, owner, LIVE)
    more: Fields = {"selector": None} if life.cloud.chance(0.1) else {}
    life.add("services", balancer_object(life, path, owner, made, **more))
    life.slices(owner, is_ready=True)


def no_endpoints(life: Life, path: Path) -> None:
    owner = life.owner()
    life.add("services", balancer_object(life, path, owner, path.build(life, owner, IDLE)))
    life.slices(owner, is_ready=False)


def deleting(life: Life, path: Path) -> None:
    owner = life.owner()
    obj = life.add("services", balancer_object(life, path, owner, path.build(life, owner, DELETING)))
    life.mark_deleted(obj, DAY / 300)
    life.slices(owner, is_ready=True)


def deletion_stuck(life: Life, path: Path) -> None:
    owner = life.owner()
    obj = life.add("services", balancer_object(life, path, owner, path.build(life, owner, IDLE)))
    life.mark_deleted(obj, 3 * DAY)
    life.slices(owner, is_ready=life.cloud.chance(0.5))


def deleted_cleanly(life: Life, path: Path) -> None:
    """Nothing is left but what the cluster shares."""
    life.owner()
    if path.is_legacy and not path.is_internal:
        nodes_health_check(life.cloud, life.cluster, LIVE)
    elif not path.is_legacy:
        l4_health_check(life.cloud, life.cluster, LIVE, is_external=not path.is_internal, ipv6=path.is_dual_stack)


def stripped(life: Life, path: Path) -> None:
    """Somebody patched the finalizers away and deleted the object; also: the cluster itself is gone."""
    owner = life.owner()
    made = path.build(life, owner, GONE)
    life.lose("services", balancer_object(life, path, owner, made), made.rules)


def recreated(life: Life, path: Path) -> None:
    """Made anew under its name: what carries the UID is left, what carries the name is taken over."""
    owner = life.owner()
    if path.named_by_uid:
        path.build(life, owner, GONE)  # what carries only the name gains the claim of the new object below
    owner = life.again(owner)
    life.add("services", balancer_object(life, path, owner, path.build(life, owner, LIVE)))
    life.slices(owner, is_ready=True)


def recreated_with_the_same_ip(life: Life, path: Path) -> None:
    """A new UID, and its status shows the IP of the old rule: the facts disagree, nothing may be called waste."""
    owner = life.owner()
    made = path.build(life, owner, KEPT)
    life.add("services", balancer_object(life, path, life.again(owner), made))
    life.slices(owner, is_ready=True)


def type_switched(life: Life, path: Path) -> None:
    """Now a ClusterIP without any finalizer."""
    owner = life.owner()
    path.build(life, owner, GONE, **_groups_may_live(path))
    life.add("services", service_object(life, owner))
    life.slices(owner, is_ready=True)


def _groups_may_live(path: Path) -> Fields:
    """A NEG belongs to its Service, and that Service lives: in_use is allowed for it."""
    return {} if path.is_legacy else {"also_for_groups": ("in_use",)}


def finalizer_without_wish(life: Life, path: Path) -> None:
    """Now a ClusterIP, but the finalizer of the path still holds the load balancer."""
    owner = life.owner()
    made = path.build(life, owner, IDLE)
    obj = service_object(
        life,
        owner,
        ports=made.ports,
        ips=made.ips,
        finalizers=[path.finalizer],
        annotations=made.annotations,
        families=made.families,
    )
    life.add("services", obj)
    life.slices(owner, is_ready=True)


def class_switched(life: Life, path: Path) -> None:
    """The same object (the same UID) now asks another controller, which serves it under another IP."""
    owner = life.owner()
    path.build(life, owner, GONE, **_groups_may_live(path))
    obj = service_object(
        life,
        owner,
        type_="LoadBalancer",
        ips=["192.0.2.55"],
        loadBalancerClass="example.com/metal",
        finalizers=["example.com/metal"],
    )
    life.add("services", obj)
    life.slices(owner, is_ready=True)


def namesake_elsewhere(life: Life, path: Path) -> None:
    """A namesake lives in another cluster; its annotations were copied from here by a restored backup."""
    owner = life.owner()
    made = path.build(life, owner, GONE)
    elsewhere = [
        cluster
        for cluster in life.cloud.clusters
        if cluster.standing is Standing.READ and cluster is not life.cluster and cluster.project is life.project
    ]
    if not elsewhere:
        return
    other = Life(life.cloud, life.maker, life.fate, elsewhere[0])
    if (owner.namespace, owner.name) in other.cluster.names:
        return
    other.cluster.names.add((owner.namespace, owner.name))
    other.ensure_namespace(owner.namespace)
    twin = other.again(owner)
    twin_made = path.build(other, twin, LIVE)
    copied = {key: value for key, value in made.annotations.items() if "neg-status" not in key}
    obj = balancer_object(other, path, twin, twin_made)
    obj["metadata"]["annotations"] = copied | obj["metadata"]["annotations"]
    other.add("services", obj)
    other.slices(twin, is_ready=True)


def temporary_address_kept(life: Life, path: Path) -> None:
    """The address of a sync was forgotten while its rule lives."""
    owner = life.owner()
    made = path.build(life, owner, LIVE)
    rule = made.rules[0]
    claim = life.claim(LIVE, of="temporary address", region=life.region)
    text = compact({"kubernetes.io/service-name": owner.key})
    life.address(life.regional, rule.name, made.ips[0], claim, users=[rule], description=text)
    life.add("services", balancer_object(life, path, owner, made))
    life.slices(owner, is_ready=True)


def temporary_address_moved_on(life: Life, path: Path) -> None:
    """The address of a sync was forgotten, and the Service uses another IP."""
    owner = life.owner()
    made = path.build(life, owner, LIVE)
    ip = life.cloud.internal_ip() if path.is_internal else life.cloud.external_ip()
    marks = frozenset({"c8"} if not path.named_by_uid else {"owner"})
    claim = life.claim(GONE, Role.PART, marks, of="temporary address", region=life.region)
    text = compact({"kubernetes.io/service-name": owner.key})
    life.address(life.regional, made.rules[0].name, ip, claim, description=text)
    life.add("services", balancer_object(life, path, owner, made))
    life.slices(owner, is_ready=True)


def temporary_address_left(life: Life, path: Path) -> None:
    """Everything was deleted but the address of the last sync."""
    owner = life.owner()
    text = compact({"kubernetes.io/service-name": owner.key})
    ip = life.cloud.internal_ip() if path.is_internal else life.cloud.external_ip()
    life.address(life.regional, _rule_name(life, path, owner), ip, _address_left(life, path), description=text)


def ipv6_address_left(life: Life, path: Path) -> None:
    """IPv6 temporary addresses have no delete call (ownership.md, section 7)."""
    owner = life.owner()
    if path.named_by_uid:
        name = formulas.service_name(owner.uid) + "-ipv6"
    else:
        name = formulas.l4_rule_ipv6(life.cluster.c8, owner.namespace, owner.name, "tcp")
    text = compact({"kubernetes.io/service-name": owner.key})
    life.address(life.regional, name, life.cloud.ipv6(), _address_left(life, path), description=text)


def _address_left(life: Life, path: Path) -> Any:
    marks = frozenset() if path.named_by_uid else frozenset({"c8"})
    identity = "" if path.named_by_uid else life.cluster.c8
    return life.claim(GONE, Role.PART, marks, of="temporary address", region=life.region, identity=identity)


def _rule_name(life: Life, path: Path, owner: Owner) -> str:
    if path.named_by_uid:
        return formulas.service_name(owner.uid)
    return formulas.l4_rule(life.cluster.c8, owner.namespace, owner.name, "tcp")


def deny_firewall_left(life: Life, path: Path) -> None:
    owner = life.owner()
    if path.is_legacy:
        name, text = f"k8s-fw-{formulas.service_name(owner.uid)}-deny", service_ip_text(owner, life.cloud.external_ip())
        claim = life.claim(GONE, Role.PART, frozenset({"h8c"}), of="deny firewall")
    else:
        name = formulas.l4_firewall_deny(life.cluster.c8, owner.namespace, owner.name, "deny")
        text = l4_text(owner.key)
        claim = life.claim(GONE, Role.PART, frozenset({"c8"}), of="deny firewall", identity=life.cluster.c8)
    life.firewall(name, text, claim)


def firewall_left(life: Life, path: Path) -> None:
    """Refused in the host project (403), so it stays when everything else is deleted."""
    owner = life.owner()
    if path.is_legacy:
        name, text = f"k8s-fw-{formulas.service_name(owner.uid)}", service_ip_text(owner, life.cloud.external_ip())
        claim = life.claim(GONE, Role.PART, frozenset({"h8c"}), of="firewall")
    else:
        name, text = formulas.l4_backend(life.cluster.c8, owner.namespace, owner.name), l4_text(owner.key)
        claim = life.claim(GONE, Role.PART, frozenset({"c8"}), of="firewall", identity=life.cluster.c8)
    life.firewall(name, text, claim)


def pool_left(life: Life, path: Path) -> None:
    """The rule was already gone, so the controller skipped the pool and the firewall rule."""
    legacy_external(life, life.owner(), GONE, with_rule=False)


def scheme_switched(life: Life, path: Path) -> None:
    """External became internal: the same UID, another path."""
    owner = life.owner()
    legacy_external(life, owner, GONE)
    inner = PATHS["service-internal-subsetting"]
    life.add("services", balancer_object(life, inner, owner, inner.build(life, owner, LIVE)))
    life.slices(owner, is_ready=True)


def protocol_switched(life: Life, path: Path) -> None:
    """TCP became UDP: the rule of the old protocol stays on the backend service of the new one."""
    owner = life.owner()
    made = passthrough(life, owner, LIVE, is_external=False, protocol="UDP")
    backend = next(part for part in life.parts if part.collection == "backendServices")
    old = Balancer(marks=made.marks)
    name = formulas.l4_rule(life.cluster.c8, owner.namespace, owner.name, "tcp")
    _v2_rule(life, owner, GONE, old, backend, name, "tcp", life.cloud.internal_ip(), is_external=False)
    life.add("services", balancer_object(life, path, owner, made))
    life.slices(owner, is_ready=True)


def stack_switched(life: Life, path: Path) -> None:
    """Dual stack became IPv4 only: the IPv6 rule and its firewall rule stay."""
    owner = life.owner()
    is_external = not path.is_internal
    made = passthrough(life, owner, LIVE, is_external=is_external)
    backend = next(part for part in life.parts if part.collection == "backendServices")
    old = Balancer(marks=made.marks)
    ip = life.cloud.ipv6()
    second_rule(life, owner, GONE, old, backend, is_external=is_external, ip=ip)
    # a companion without referrers takes the verdict of the rules of its load balancer (ownership.md, fine point 12)
    firewall = formulas.l4_firewall(life.cluster.c8, owner.namespace, owner.name, "ipv6")
    _v2_firewall(life, owner, GONE, firewall, ip, also=("in_use",))
    life.add("services", balancer_object(life, path, owner, made))
    life.slices(owner, is_ready=True)


def next_hop(life: Life, path: Path) -> None:
    """Nothing owns it any more, and a route sends traffic to it."""
    made = path.build(life, life.owner(), KEPT)
    fields = {
        "network": life.cluster.network,
        "destRange": "172.20.0.0/16",
        "priority": 800,
        "nextHopIlb": life.cloud.link(made.rules[0]) if life.cloud.chance(0.6) else made.ips[0],
    }
    life.cloud.put(life.cluster.network_project, "global", "routes", f"to-{life.cloud.letters(5)}", fields)


def user_address(life: Life, path: Path) -> None:
    """An address that a person reserved for a living Service."""
    owner = life.owner()
    made = path.build(life, owner, LIVE)
    name = f"ip-of-{life.cloud.letters(5)}"
    claim = life.claim(LIVE, of="reserved by a person", region=life.region)
    life.address(life.regional, name, made.ips[0], claim, users=_users(life, made))
    wish: Fields = {"loadBalancerIP": made.ips[0]}
    if life.cloud.chance(0.5):
        wish = {"annotations": {"networking.gke.io/load-balancer-ip-addresses": name}}
    life.add("services", balancer_object(life, path, owner, made, **wish))
    life.slices(owner, is_ready=True)


def user_address_on_an_orphan(life: Life, path: Path) -> None:
    owner = life.owner()
    made = path.build(life, owner, GONE)
    claim = life.claim(GONE, Role.PART, made.marks, of="reserved by a person", region=life.region)
    life.address(life.regional, f"ip-of-{life.cloud.letters(5)}", made.ips[0], claim, users=_users(life, made))
    life.lose("services", balancer_object(life, path, owner, made), made.rules)


def user_address_still_named(life: Life, path: Path) -> None:
    """The rule is an orphan, but a Service that waits for its load balancer names the address."""
    owner = life.owner()
    made = path.build(life, owner, GONE)
    for part in life.parts:  # the IP of an orphan, and a live object asks for it: unknown is allowed
        item = life.cloud.items[part]
        item.claims = [replace(claim, also=claim.also | {"unknown"}) for claim in item.claims]
    name = f"ip-of-{life.cloud.letters(5)}"
    claim = life.claim(LIVE, of="reserved by a person, named by a Service", region=life.region)
    life.address(life.regional, name, made.ips[0], claim, users=_users(life, made))
    other = life.owner()
    obj = balancer_object(life, path, other, Balancer(), ips=[], loadBalancerIP=made.ips[0])
    life.add("services", obj)
    life.slices(other, is_ready=True)


def _users(life: Life, made: Balancer) -> list[ResourceName]:
    return [rule for rule in made.rules if life.cloud.items[rule].body["IPAddress"] == made.ips[0]]


EVERY: dict[str, Callable[[Life, Path], None]] = {
    "live": live,
    "no-endpoints": no_endpoints,
    "deleting": deleting,
    "deletion-stuck": deletion_stuck,
    "deleted-cleanly": deleted_cleanly,
    "stripped": stripped,
    "stripped-young": stripped,
    "cluster-deleted": stripped,
    "recreated": recreated,
    "type-switched": type_switched,
    "finalizer-without-wish": finalizer_without_wish,
    "class-switched": class_switched,
    "namesake-elsewhere": namesake_elsewhere,
    "temporary-address-kept": temporary_address_kept,
    "temporary-address-moved-on": temporary_address_moved_on,
    "temporary-address-left": temporary_address_left,
    "user-address": user_address,
    "user-address-on-an-orphan": user_address_on_an_orphan,
}
ONLY: dict[str, dict[str, Callable[[Life, Path], None]]] = {
    "service-external-legacy": {
        "deny-firewall-left": deny_firewall_left,
        "firewall-left-in-host": firewall_left,
        "pool-left": pool_left,
        "scheme-switched": scheme_switched,
        "recreated-with-the-same-ip": recreated_with_the_same_ip,
        "user-address-still-named": user_address_still_named,
    },
    "service-internal-legacy": {"next-hop-of-a-route": next_hop},
    "service-internal-subsetting": {
        "protocol-switched": protocol_switched,
        "next-hop-of-a-route": next_hop,
        "firewall-left-in-host": firewall_left,
        "deny-firewall-left": deny_firewall_left,
    },
    "service-internal-dual-stack": {"ipv6-address-left": ipv6_address_left, "stack-switched": stack_switched},
    "service-external-dual-stack": {"ipv6-address-left": ipv6_address_left, "stack-switched": stack_switched},
    "service-external-negs": {"recreated-with-the-same-ip": recreated_with_the_same_ip},
}
GAP_FATES: dict[str, Callable[[Life, Path], None]] = {
    "cluster-not-readable": live,
    "leaked-in-a-cluster-not-readable": stripped,
    "cluster-changing": live,
    "service-project-not-audited": live,
    "services-not-readable": live,
    "leaked-where-services-are-not-readable": stripped,
    "cluster-deleted-beside-a-gap": stripped,
    "address-left-beside-a-gap": temporary_address_left,
}


def fates_of(maker: str) -> dict[str, Callable[[Life, Path], None]]:
    fates = EVERY | ONLY.get(maker, {})
    if maker == "service-external-mixed-protocols":
        fates = {name: fate for name, fate in fates.items() if not name.startswith("temporary-address")}
    return fates


def live_life(life: Life) -> None:
    fates = fates_of(life.maker) | GAP_FATES
    fates[life.fate](life, PATHS[life.maker])
