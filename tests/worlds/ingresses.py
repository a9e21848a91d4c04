"""Lives of Ingresses: v1 and v2 names, external, internal and regional external (ownership.md, P7 to P10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.model.names import ResourceName

from . import formulas
from .cloud import Claim, Cluster, Fields, Role, Standing, State, compact
from .clusters import instance_groups, l7_firewall, meta
from .life import DAY, Life, Owner, service_object
from .services import DELETING, GONE, IDLE, LIVE, endpoint_groups, neg_status

FINALIZERS = {"v1": "networking.gke.io/ingress-finalizer", "v2": "networking.gke.io/ingress-finalizer-V2"}
CLASS = "kubernetes.io/ingress.class"
CHECK_TEXTS = (
    "Default kubernetes L7 Loadbalancing health check for NEG.",
    "Kubernetes L7 health check generated with readiness probe settings for NEG.",
    "Kubernetes L7 health check generated with BackendConfig CRD for NEG.",
)


@dataclass(frozen=True)
class Kind:
    """One way in which an Ingress becomes a load balancer."""

    naming: str
    class_: str
    scheme: str
    is_regional: bool


KINDS = {
    "ingress-v1": Kind("v1", "gce", "EXTERNAL", is_regional=False),
    "ingress-v2": Kind("v2", "gce", "EXTERNAL", is_regional=False),
    "ingress-internal": Kind("v2", "gce-internal", "INTERNAL_MANAGED", is_regional=True),
    "ingress-regional-external": Kind("v2", "gce-regional-external", "EXTERNAL_MANAGED", is_regional=True),
}


@dataclass(eq=False)
class Front:
    """What one Ingress got: the facts that its live object would show."""

    ip: str
    rules: list[ResourceName] = field(default_factory=list)
    annotations: Fields = field(default_factory=dict)
    backends: list[Owner] = field(default_factory=list)
    uses_default: bool = False


def backend(
    life: Life,
    kind: Kind,
    service: Owner,
    state: State,
    *,
    group_state: State | None = None,
    node_port: int | None = None,
    ingress_uid: str = "",
    also: Iterable[str] = (),
) -> ResourceName:
    """NEGs or the cluster's instance groups, a health check and a backend service.

    `state` is the Ingress's, `group_state` that of the Service, which owns the NEGs.
    """
    cloud, cluster = life.cloud, life.cluster
    uid = ingress_uid or cluster.ingress_uid
    scope = life.regional if kind.is_regional else "global"
    if node_port:
        name, mark = f"k8s-be-{node_port}--{uid}", "uid16"
        groups = instance_groups(cloud, cluster, state) if not ingress_uid else []
    else:
        group_name, mark = formulas.endpoint_group(uid, service.namespace, service.name, "80"), "uid8"
        name = group_name
        if kind.class_ == "gce-regional-external":
            name = formulas.regional_external_backend(uid, service.namespace, service.name, "80")
        owner_state = state if group_state is None else group_state
        groups = endpoint_groups(life, service, owner_state, group_name, "80", "GCE_VM_IP_PORT", "uid8")
    claim = life.claim(
        state,
        Role.PART,
        frozenset({mark}),
        of="backend",
        identity=uid if node_port else uid[:8],
        plural="ingresses",
        region=life.region if kind.is_regional else None,
        also=also if state is GONE else (),
    )
    keys: Fields = {
        "kubernetes.io/service-name": service.key,
        "kubernetes.io/service-port": "&ServiceBackendPort{Name:,Number:80,}",
    } | ({} if node_port else {"x-features": ["NEG"]})
    text = cloud.dice.choice(CHECK_TEXTS)
    if cloud.chance(0.2):
        text = compact(
            {
                "k8sCluster": f"/locations/{cluster.location}/clusters/{cluster.name}",
                "k8sResource": f"/namespaces/{service.namespace}/services/{service.name}",
                "config": "Default",
            }
        )
    check_fields = {"type": "HTTP", "httpHealthCheck": {"requestPath": "/"}, "description": text}
    check = life.put(scope, "healthChecks", name, check_fields, claim)
    fields = {
        "description": compact(keys).replace("&", "\\u0026"),
        "loadBalancingScheme": kind.scheme,
        "protocol": "HTTP",
        "healthChecks": [cloud.link(check)],
        "backends": [{"group": link, "balancingMode": "RATE"} for link in life.links(groups)],
    }
    return life.put(scope, "backendServices", name, fields, claim)


def default_backend(life: Life, kind: Kind, state: State) -> ResourceName:
    """The cluster's own default backend, used by every Ingress without one of its own."""
    cluster = life.cluster
    service = Owner("kube-system", "default-http-backend", life.cloud.uid())
    lives = cluster.standing is not Standing.DEAD
    if lives and ("kube-system", service.name) not in cluster.names:
        annotations = {
            "cloud.google.com/neg": compact({"ingress": True}),
            "cloud.google.com/neg-status": neg_status(
                life, {"80": formulas.endpoint_group(cluster.ingress_uid, "kube-system", service.name, "80")}
            ),
        }
        obj = service_object(
            life, service, type_="NodePort", ports=((80, "TCP", life.cloud.node_port()),), annotations=annotations
        )
        life.add("services", obj)
        life.slices(service, is_ready=True)
        is_first = True
    else:
        is_first = False
    cluster.names.add(("kube-system", service.name))
    group_state = LIVE if lives else GONE
    part = Life(life.cloud, life.maker, f"{life.fate} (default backend)", cluster, life.is_young)
    made = backend(part, kind, service, state, group_state=group_state, also=("in_use", "idle") if lives else ())
    life.parts += part.parts
    if not is_first:
        _drop_twin(cluster)
    return made


def _drop_twin(cluster: Cluster) -> None:
    """The NEG's object is kept once, however many Ingresses use the default backend."""
    found = {
        (obj["metadata"]["namespace"], obj["metadata"]["name"]): obj
        for obj in reversed(cluster.objects.get("servicenetworkendpointgroups", []))
    }
    if found:
        cluster.objects["servicenetworkendpointgroups"] = list(reversed(found.values()))


def front(
    life: Life,
    kind: Kind,
    owner: Owner,
    state: State,
    services: Iterable[tuple[Owner, ResourceName]],
    *,
    ip: str = "",
    ingress_uid: str = "",
    has_https: bool | None = None,
    address_name: str = "",
    user_certificate: str = "",
    managed_certificate: str = "",
    cluster: Cluster | None = None,
    uses_default: bool | None = None,
) -> Front:
    """Rules, proxies, URL map(s), certificates and addresses of one Ingress."""
    cloud = life.cloud
    names = _Names(cluster or life.cluster, owner, kind, ingress_uid)
    ip = ip or (cloud.internal_ip() if kind.scheme == "INTERNAL_MANAGED" else cloud.external_ip())
    scope = life.regional if kind.is_regional else "global"
    made = Front(ip, backends=[service for service, _ in services])
    has_https = cloud.chance(0.4) if has_https is None else has_https
    has_https = has_https or bool(user_certificate or managed_certificate)
    part_claim = _claims(life, kind, state, names)
    targets = [target for _, target in services]
    url_map_fields: Fields = {"defaultService": cloud.link(targets[0])}
    made.uses_default = cloud.chance(0.4) if uses_default is None else uses_default
    if made.uses_default:
        fallback = default_backend(life, kind, state)
        rules = [{"paths": [f"/{place}/*"], "service": cloud.link(target)} for place, target in enumerate(targets)]
        matcher = {"name": "host1", "defaultService": cloud.link(fallback), "pathRules": rules}
        hosts = [{"hosts": ["a.example.com"], "pathMatcher": "host1"}]
        url_map_fields = {"defaultService": cloud.link(fallback), "hostRules": hosts, "pathMatchers": [matcher]}
    elif len(targets) > 1:
        rules = [{"paths": [f"/{place}/*"], "service": cloud.link(target)} for place, target in enumerate(targets)]
        matcher = {"name": "host1", "defaultService": cloud.link(targets[0]), "pathRules": rules}
        url_map_fields |= {"hostRules": [{"hosts": ["*"], "pathMatcher": "host1"}], "pathMatchers": [matcher]}
    url_map = life.put(scope, "urlMaps", names.of("um"), url_map_fields, part_claim("URL map", names.of("um")))
    http_map = url_map
    if has_https and kind.naming == "v2" and cloud.chance(0.4):
        redirect = {"defaultUrlRedirect": {"httpsRedirect": True, "redirectResponseCode": "FOUND"}}
        http_map = life.put(scope, "urlMaps", names.of("rm"), redirect, part_claim("redirect map", names.of("rm")))
        made.annotations["ingress.kubernetes.io/redirect-url-map"] = names.of("rm")
    text = f'{{"kubernetes.io/ingress-name": "{owner.key}"}}'
    if kind.naming == "v1" and names.is_whole("fw") and cloud.chance(0.15):
        text = ""  # rules older than June 2019 have none
    _proxy_and_rule(life, kind, names, made, http_map, text, part_claim, is_https=False)
    if has_https:
        certificates = _certificates(life, names, part_claim, scope, user_certificate, managed_certificate, state)
        _proxy_and_rule(life, kind, names, made, url_map, text, part_claim, is_https=True, certificates=certificates)
    if address_name or has_https:
        claim = part_claim("address", address_name or names.of("fw"))
        fields: Fields = {"purpose": "SHARED_LOADBALANCER_VIP"} if kind.scheme == "INTERNAL_MANAGED" else {}
        life.address(scope, address_name or names.of("fw"), ip, claim, users=made.rules, **fields)
    if address_name:
        word = "regional" if kind.is_regional else "global"
        made.annotations[f"kubernetes.io/ingress.{word}-static-ip-name"] = address_name
    made.annotations["ingress.kubernetes.io/url-map"] = names.of("um")
    if (life.cluster.standing is not Standing.DEAD or cloud.chance(0.8)) and not ingress_uid:
        l7_firewall(cloud, life.cluster, state)
    return made


class _Names:
    """The names of one Ingress's parts. Parts are given by their v1 word; v2 has words of its own."""

    V2 = {"fw": "fr", "fws": "fs", "tp": "tp", "tps": "ts", "um": "um", "rm": "rm"}  # noqa: RUF012 - read only

    def __init__(self, cluster: Cluster, owner: Owner, kind: Kind, ingress_uid: str) -> None:
        self.cluster, self.owner, self.kind = cluster, owner, kind
        self.ingress_uid = ingress_uid or cluster.ingress_uid

    def of(self, part: str) -> str:
        if self.kind.naming == "v1":
            return formulas.ingress_v1(self.ingress_uid, self.owner.namespace, self.owner.name, part)
        word = self.V2[part]
        return formulas.ingress_v2(self.cluster.kube_system_uid, self.owner.namespace, self.owner.name, word)

    def certificate(self, certificate_hash: str) -> str:
        owner = self.owner
        if self.kind.naming == "v1":
            return formulas.ingress_v1_certificate(self.ingress_uid, owner.namespace, owner.name, certificate_hash)
        uid = self.cluster.kube_system_uid
        return formulas.ingress_v2_certificate(uid, owner.namespace, owner.name, certificate_hash)

    def is_whole(self, part: str) -> bool:
        return self.kind.naming == "v2" or self.of(part).endswith(f"--{self.ingress_uid}")


def _claims(life: Life, kind: Kind, state: State, names: _Names) -> Callable[..., Claim]:
    """A maker of claims for the parts of one front; a v1 name whose uid is cut away carries no mark."""

    def claim(of: str, name: str, role: Role = Role.PART) -> Claim:
        is_cut = kind.naming == "v1" and name.startswith("k8s-") and not name.endswith(f"--{names.ingress_uid}")
        mark = "uid16" if kind.naming == "v1" else "c8"
        return life.claim(
            state,
            role,
            frozenset({"uid8"} if is_cut else {mark}),  # without a mark of its own: that of its backends
            of=of,
            identity=names.ingress_uid if kind.naming == "v1" else names.cluster.c8,
            plural="ingresses",
            region=life.region if kind.is_regional else None,
            also=("unknown",) if is_cut and state is GONE else (),
        )

    return claim


def _proxy_and_rule(
    life: Life,
    kind: Kind,
    names: _Names,
    made: Front,
    url_map: ResourceName,
    text: str,
    claim: Callable[..., Claim],
    *,
    is_https: bool,
    certificates: Iterable[ResourceName] = (),
) -> None:
    cloud = life.cloud
    scope = life.regional if kind.is_regional else "global"
    proxy_name = names.of("tps" if is_https else "tp")
    proxy_fields: Fields = {"description": text, "urlMap": cloud.link(url_map)}
    if is_https:
        proxy_fields["sslCertificates"] = life.links(certificates)
    collection = "targetHttpsProxies" if is_https else "targetHttpProxies"
    proxy = life.put(scope, collection, proxy_name, proxy_fields, claim("proxy", proxy_name))
    rule_name = names.of("fws" if is_https else "fw")
    fields: Fields = {
        "IPAddress": made.ip,
        "IPProtocol": "TCP",
        "portRange": "443-443" if is_https else "80-80",
        "description": text,
        "target": cloud.link(proxy),
        "loadBalancingScheme": kind.scheme,
        "networkTier": "PREMIUM",
    }
    if kind.scheme == "INTERNAL_MANAGED":
        fields |= {"network": life.cluster.network, "subnetwork": life.cluster.subnetwork}
    made.rules.append(life.put(scope, "forwardingRules", rule_name, fields, claim("rule", rule_name, Role.HEAD)))
    word = "https-" if is_https else ""
    made.annotations[f"ingress.kubernetes.io/{word}forwarding-rule"] = rule_name
    made.annotations[f"ingress.kubernetes.io/{word}target-proxy"] = proxy_name


def _certificates(
    life: Life,
    names: _Names,
    claim: Callable[..., Claim],
    scope: str,
    user_certificate: str,
    managed_certificate: str,
    state: State,
) -> list[ResourceName]:
    if managed_certificate:
        managed = claim("managed certificate", "mcrt")
        return [life.put(scope, "sslCertificates", managed_certificate, {"type": "MANAGED"}, managed)]
    if user_certificate:
        verdicts = {"in_use"} if state is LIVE else {"foreign"}
        if life.cluster.standing is not Standing.READ:
            verdicts = {"foreign", "unknown", "in_use"}
        users = life.fixed(*verdicts, of="a person's certificate", state=state)
        return [life.put(scope, "sslCertificates", user_certificate, {"type": "SELF_MANAGED"}, users)]
    name = names.certificate(life.cloud.hexadecimal(16))
    return [life.put(scope, "sslCertificates", name, {"type": "SELF_MANAGED"}, claim("certificate", name))]


def ingress_object(
    life: Life,
    kind: Kind,
    owner: Owner,
    made: Front,
    *,
    class_: str | None = None,
    class_name: str | None = None,
    finalizers: list[str] | None = None,
    ip: str | None = None,
    annotations: Fields | None = None,
    is_old_form: bool = False,
) -> Fields:
    """networking.k8s.io/v1, or extensions/v1beta1 with serviceName and servicePort."""
    cloud = life.cloud
    version = "extensions/v1beta1" if is_old_form else "networking.k8s.io/v1"
    obj = meta(version, "Ingress", owner.name, owner.namespace, uid=owner.uid)
    classes: Fields = {CLASS: kind.class_ if class_ is None else class_}
    if class_ is None and kind.class_ == "gce" and cloud.chance(0.3):
        classes = {} if cloud.chance(0.5) else {CLASS: ""}
    if class_name:
        classes = {}
    wanted = [FINALIZERS[kind.naming]] if finalizers is None else finalizers
    if finalizers is None and kind.naming == "v1" and cloud.chance(0.3):
        wanted = []  # without any finalizer the names are v1 as well
    obj["metadata"]["annotations"] = made.annotations | classes | (annotations or {})
    obj["metadata"]["finalizers"] = wanted
    backends = [_backend_ref(service, is_old_form=is_old_form) for service in made.backends]
    word = "backend" if is_old_form else "defaultBackend"
    paths = [
        {"path": f"/{place}/*", "pathType": "ImplementationSpecific", "backend": item}
        for place, item in enumerate(backends)
    ]
    rules = [{"host": "a.example.com", "http": {"paths": paths}}]
    spec: Fields = {word: backends[0]} if len(backends) == 1 else {word: backends[0], "rules": rules}
    if made.uses_default:
        spec = {"rules": rules}
    if class_name:
        spec["ingressClassName"] = class_name
    shown = made.ip if ip is None else ip
    return obj | {"spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": shown}]} if shown else {}}}


def _backend_ref(service: Owner, *, is_old_form: bool) -> Fields:
    if is_old_form:
        return {"serviceName": service.name, "servicePort": 80}
    return {"service": {"name": service.name, "port": {"number": 80}}}


def services_behind(
    life: Life,
    kind: Kind,
    owner: Owner,
    state: State,
    *,
    is_alive: bool = True,
    is_ready: bool = True,
    node_port: int | None = None,
    count: int | None = None,
    also: Iterable[str] = (),
) -> list[tuple[Owner, ResourceName]]:
    """Services in the Ingress's namespace and their backend services. They may outlive the Ingress."""
    cloud = life.cloud
    is_alive = is_alive and life.cluster.standing is not Standing.DEAD
    behind = []
    for _ in range(count or cloud.dice.choice((1, 1, 2))):
        service = Owner(owner.namespace, f"{owner.name[:20]}-svc{cloud.count('name')}", cloud.uid())
        port = node_port or (cloud.node_port() if kind.class_ == "gce" and cloud.chance(0.3) else None)
        group_state = (state if state is not GONE else LIVE) if is_alive else GONE
        more = tuple(also) + (("in_use",) if is_alive else ())
        target = backend(life, kind, service, state, group_state=group_state, node_port=port, also=more)
        if is_alive:
            group = formulas.endpoint_group(life.cluster.ingress_uid, service.namespace, service.name, "80")
            annotations = (
                {}
                if port
                else {
                    "cloud.google.com/neg": compact({"ingress": True}),
                    "cloud.google.com/neg-status": neg_status(life, {"80": group}),
                }
            )
            type_ = "NodePort" if port else "ClusterIP"
            ports = ((80, "TCP", port),)
            life.add("services", service_object(life, service, type_=type_, ports=ports, annotations=annotations))
            life.slices(service, is_ready=is_ready)
        behind.append((service, target))
    return behind


# The fates.


def live(life: Life, kind: Kind) -> None:
    owner = life.owner()
    made = front(life, kind, owner, LIVE, services_behind(life, kind, owner, LIVE))
    life.add("ingresses", ingress_object(life, kind, owner, made, is_old_form=life.cloud.chance(0.2)))


def no_endpoints(life: Life, kind: Kind) -> None:
    owner = life.owner()
    made = front(life, kind, owner, IDLE, services_behind(life, kind, owner, IDLE, is_ready=False))
    life.add("ingresses", ingress_object(life, kind, owner, made))


def deleting(life: Life, kind: Kind) -> None:
    owner = life.owner()
    made = front(life, kind, owner, DELETING, services_behind(life, kind, owner, DELETING))
    obj = life.add("ingresses", ingress_object(life, kind, owner, made, finalizers=[FINALIZERS[kind.naming]]))
    life.mark_deleted(obj, DAY / 300)


def deletion_stuck(life: Life, kind: Kind) -> None:
    owner = life.owner()
    made = front(life, kind, owner, IDLE, services_behind(life, kind, owner, IDLE))
    obj = life.add("ingresses", ingress_object(life, kind, owner, made, finalizers=[FINALIZERS[kind.naming]]))
    life.mark_deleted(obj, 3 * DAY)


def deleted_cleanly(life: Life, kind: Kind) -> None:
    """Only what the cluster shares is left."""
    life.owner()
    l7_firewall(life.cloud, life.cluster, LIVE)
    if kind.class_ == "gce":
        instance_groups(life.cloud, life.cluster, LIVE)


def stripped(life: Life, kind: Kind) -> None:
    """Finalizer patched away, then deleted; its Services may live on. Also: the cluster is gone."""
    owner = life.owner()
    behind = services_behind(life, kind, owner, GONE, is_alive=life.cloud.chance(0.5))
    made = front(life, kind, owner, GONE, behind)
    life.lose("ingresses", ingress_object(life, kind, owner, made), made.rules)


def class_switched(life: Life, kind: Kind) -> None:
    """The object is now another controller's, which serves it under another IP."""
    owner = life.owner()
    made = front(life, kind, owner, GONE, services_behind(life, kind, owner, GONE))
    obj = ingress_object(life, kind, owner, Front("192.0.2.9", backends=made.backends), class_="nginx", finalizers=[])
    life.add("ingresses", obj)


def class_name_set(life: Life, kind: Kind) -> None:
    """The annotation was replaced by ingressClassName: no GCE Ingress any more."""
    owner = life.owner()
    made = front(life, kind, owner, GONE, services_behind(life, kind, owner, GONE, also=("unknown",)))
    for part in life.parts:
        item = life.cloud.items[part]
        item.claims = [
            replace(claim, also=claim.also | {"unknown"}) if claim.state is GONE else claim for claim in item.claims
        ]
    shown = "" if life.cloud.chance(0.5) else "192.0.2.9"
    obj = ingress_object(life, kind, owner, Front(shown, backends=made.backends), class_name="gce", finalizers=[])
    life.add("ingresses", obj)


def finalizer_without_wish(life: Life, kind: Kind) -> None:
    owner = life.owner()
    made = front(life, kind, owner, IDLE, services_behind(life, kind, owner, IDLE))
    obj = ingress_object(life, kind, owner, made, class_="nginx", finalizers=[FINALIZERS[kind.naming]])
    life.add("ingresses", obj)


def scope_switched(life: Life, kind: Kind) -> None:
    """Internal became external: one name in two scopes, the Services and their NEGs are the same."""
    owner = life.owner()
    outer = KINDS["ingress-v2"]
    service = Owner(owner.namespace, f"{owner.name[:20]}-svc{life.cloud.count('name')}", life.cloud.uid())
    old = backend(life, kind, service, GONE, group_state=LIVE)
    front(life, kind, owner, GONE, [(service, old)], has_https=False, uses_default=False)
    group = formulas.endpoint_group(life.cluster.ingress_uid, service.namespace, service.name, "80")
    annotations = {
        "cloud.google.com/neg": compact({"ingress": True}),
        "cloud.google.com/neg-status": neg_status(life, {"80": group}),
    }
    life.add("services", service_object(life, service, annotations=annotations))
    life.slices(service, is_ready=True)
    new = backend(life, outer, service, LIVE)
    _drop_twin(life.cluster)
    made = front(life, outer, owner, LIVE, [(service, new)], has_https=False, uses_default=False)
    life.add("ingresses", ingress_object(life, outer, owner, made))


def regional_address_left(life: Life, kind: Kind) -> None:
    """The clean-up looks only for a global address (ownership.md, section 7)."""
    owner = life.owner()
    name = _Names(life.cluster, owner, kind, "").of("fw")
    claim = life.claim(
        GONE, of="address", marks=frozenset({"c8"}), identity=life.cluster.c8, plural="ingresses", region=life.region
    )
    life.address(life.regional, name, life.cloud.external_ip(), claim)


def certificate_left(life: Life, kind: Kind) -> None:
    owner = life.owner(may_be_long=False)
    names = _Names(life.cluster, owner, kind, "")
    name = names.certificate(life.cloud.hexadecimal(16))
    scope = life.regional if kind.is_regional else "global"
    claim = _claims(life, kind, GONE, names)("certificate", name)
    life.put(scope, "sslCertificates", name, {"type": "SELF_MANAGED"}, claim)


def ingress_uid_recreated(life: Life, kind: Kind) -> None:
    """The ConfigMap ingress-uid was made anew: the old names are left, the same Ingress has new ones."""
    owner = life.owner(may_be_long=False)
    old_uid = life.cloud.hexadecimal(16)
    ghost = _earlier_self(life, old_uid)
    past = Life(life.cloud, life.maker, life.fate, ghost, life.is_young)
    service = Owner(owner.namespace, f"{owner.name}-svc{life.cloud.count('name')}", life.cloud.uid())
    node_port = life.cloud.node_port()
    old = backend(past, kind, service, GONE, node_port=node_port, ingress_uid=old_uid)
    front(past, kind, owner, GONE, [(service, old)], ingress_uid=old_uid, has_https=False, uses_default=False)
    new = backend(life, kind, service, LIVE, node_port=node_port)
    life.add("services", service_object(life, service, type_="NodePort", ports=((80, "TCP", node_port),)))
    life.slices(service, is_ready=True)
    made = front(life, kind, owner, LIVE, [(service, new)])
    life.add("ingresses", ingress_object(life, kind, owner, made))


def _earlier_self(life: Life, old_uid: str) -> Cluster:
    """The cluster as it was: to an audit, a uid of no known cluster."""
    return replace(
        life.cluster,
        standing=Standing.DEAD,
        ingress_uid=old_uid,
        provider_uid=old_uid,
        objects={},
        joins=set(),
        names=set(),
    )


def shared_node_port(life: Life, kind: Kind) -> None:
    """Two Ingresses used one node port; one of them is gone."""
    owner, other = life.owner(may_be_long=False), life.owner(may_be_long=False)
    node_port = life.cloud.node_port()
    [(service, target)] = services_behind(life, kind, owner, LIVE, node_port=node_port, count=1)
    front(life, kind, owner, GONE, [(service, target)])
    twin = Owner(other.namespace, service.name, service.uid)
    if other.namespace != owner.namespace:  # an Ingress reaches only Services of its own namespace
        [(twin, target)] = services_behind(life, kind, other, LIVE, count=1)
        _release(life, node_port)
    made = front(life, kind, other, LIVE, [(twin, target)])
    life.add("ingresses", ingress_object(life, kind, other, made))


def _release(life: Life, node_port: int) -> None:
    """No living Ingress refers to the first Service after all: its backend is left behind with its Ingress."""
    name = f"k8s-be-{node_port}--{life.cluster.ingress_uid}"
    for part in life.parts:
        if part.name == name:
            claim = life.claim(
                GONE,
                of="backend",
                marks=frozenset({"uid16"}),
                identity=life.cluster.ingress_uid,
                plural="ingresses",
                also=("in_use",),
            )
            life.cloud.items[part].claims = [claim]


def static_ip(life: Life, kind: Kind) -> None:
    owner = life.owner()
    behind = services_behind(life, kind, owner, LIVE)
    made = front(life, kind, owner, LIVE, behind, address_name=f"ip-of-{life.cloud.letters(5)}")
    life.add("ingresses", ingress_object(life, kind, owner, made))


def static_ip_on_an_orphan(life: Life, kind: Kind) -> None:
    owner = life.owner()
    behind = services_behind(life, kind, owner, GONE)
    made = front(life, kind, owner, GONE, behind, address_name=f"ip-of-{life.cloud.letters(5)}")
    life.lose("ingresses", ingress_object(life, kind, owner, made), made.rules)


def static_ip_without_rule(life: Life, kind: Kind) -> None:
    """The Ingress names the address; its load balancer is not there yet."""
    owner, name = life.owner(), f"ip-of-{life.cloud.letters(5)}"
    scope = life.regional if kind.is_regional else "global"
    ip = life.cloud.internal_ip() if kind.scheme == "INTERNAL_MANAGED" else life.cloud.external_ip()
    claim = life.claim(LIVE, of="named by an Ingress", plural="ingresses")
    life.address(scope, name, ip, claim)
    word = "regional" if kind.is_regional else "global"
    wish = {f"kubernetes.io/ingress.{word}-static-ip-name": name}
    service = Owner(owner.namespace, f"{owner.name[:20]}-svc{life.cloud.count('name')}", life.cloud.uid())
    obj = ingress_object(life, kind, owner, Front("", backends=[service]), annotations=wish)
    life.add("ingresses", obj)


def user_certificate(life: Life, kind: Kind) -> None:
    owner, name = life.owner(), f"cert-{life.cloud.letters(5)}"
    made = front(life, kind, owner, LIVE, services_behind(life, kind, owner, LIVE), user_certificate=name)
    obj = ingress_object(life, kind, owner, made, annotations={"ingress.gcp.kubernetes.io/pre-shared-cert": name})
    life.add("ingresses", obj)


def user_certificate_on_an_orphan(life: Life, kind: Kind) -> None:
    owner, name = life.owner(), f"cert-{life.cloud.letters(5)}"
    front(life, kind, owner, GONE, services_behind(life, kind, owner, GONE), user_certificate=name)


def managed_certificate(life: Life, kind: Kind) -> None:
    owner, name = life.owner(), f"mcrt-{life.cloud.uid()}"
    made = front(life, kind, owner, LIVE, services_behind(life, kind, owner, LIVE), managed_certificate=name)
    wishes = {"networking.gke.io/managed-certificates": "cert", "ingress.gcp.kubernetes.io/pre-shared-cert": name}
    life.add("ingresses", ingress_object(life, kind, owner, made, annotations=wishes))
    obj = meta("networking.gke.io/v1", "ManagedCertificate", f"cert-{name[5:9]}", owner.namespace, uid=life.cloud.uid())
    life.add("managedcertificates", obj | {"spec": {"domains": ["a.example.com"]}, "status": {"certificateName": name}})


def managed_certificate_left(life: Life, kind: Kind) -> None:
    """Nothing in it tells its cluster, and a ManagedCertificate may be anywhere: unknown is allowed."""
    name = f"mcrt-{life.cloud.uid()}"
    claim = life.claim(GONE, of="managed certificate", plural="managedcertificates", also=("unknown",))
    life.put("global", "sslCertificates", name, {"type": "MANAGED"}, claim)


EVERY: dict[str, Callable[[Life, Kind], None]] = {
    "live": live,
    "no-endpoints": no_endpoints,
    "deleting": deleting,
    "deletion-stuck": deletion_stuck,
    "deleted-cleanly": deleted_cleanly,
    "stripped": stripped,
    "stripped-young": stripped,
    "cluster-deleted": stripped,
    "recreated": live,
    "class-switched": class_switched,
    "class-name-set": class_name_set,
    "finalizer-without-wish": finalizer_without_wish,
    "certificate-left": certificate_left,
    "static-ip": static_ip,
    "static-ip-on-an-orphan": static_ip_on_an_orphan,
    "static-ip-without-rule": static_ip_without_rule,
    "user-certificate": user_certificate,
}
ONLY: dict[str, dict[str, Callable[[Life, Kind], None]]] = {
    "ingress-v1": {
        "ingress-uid-recreated": ingress_uid_recreated,
        "shared-node-port": shared_node_port,
        "managed-certificate": managed_certificate,
        "managed-certificate-left": managed_certificate_left,
        "user-certificate-on-an-orphan": user_certificate_on_an_orphan,
    },
    "ingress-v2": {
        "shared-node-port": shared_node_port,
        "managed-certificate": managed_certificate,
        "user-certificate-on-an-orphan": user_certificate_on_an_orphan,
    },
    "ingress-internal": {"scope-switched": scope_switched},
    "ingress-regional-external": {"regional-address-left": regional_address_left},
}
GAP_FATES: dict[str, Callable[[Life, Kind], None]] = {
    "cluster-not-readable": live,
    "leaked-in-a-cluster-not-readable": stripped,
    "cluster-changing": live,
    "ingresses-not-readable": live,
    "leaked-where-ingresses-are-not-readable": stripped,
    "cluster-deleted-beside-a-gap": stripped,
}


def fates_of(maker: str) -> dict[str, Callable[[Life, Kind], None]]:
    return EVERY | ONLY.get(maker, {})


def live_life(life: Life) -> None:
    fates: dict[str, Any] = fates_of(life.maker) | GAP_FATES
    fates[life.fate](life, KINDS[life.maker])
