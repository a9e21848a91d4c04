"""What each live object owns or wishes for: names computed forward, addresses named, endpoints behind it.

A claim is strong when a name is recomputed or a UID is equal; an annotation that names a resource is a claim of the
weakest kind, because backup and restore copy it (ownership.md, section 1, step 5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

from ..model.fields import embedded
from ..model.finding import Owner
from ..model.inventory import Inventory
from ..model.kube import BackendRef, Gateway, Ingress, Meta, MultiClusterIngress, PlainObject, Service
from ..model.names import ClusterKey, IPAddress, ResourceName, parse_ip, possible_names
from . import naming
from .fingerprints import Fingerprints, Identity

View = TypeVar("View")
Key = TypeVar("Key")

EXTERNAL = frozenset({"EXTERNAL"})
INTERNAL = frozenset({"INTERNAL"})
_GLOBAL_L7 = frozenset({"EXTERNAL", "EXTERNAL_MANAGED"})

ANY_REGION = "*"
STANDALONE_CLASS = "networking.gke.io/standalone-passthrough-lb-neg"
_CLASSES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "networking.gke.io/l4-regional-external": (EXTERNAL, frozenset({"l4"})),
    "networking.gke.io/l4-regional-internal": (INTERNAL, frozenset({"l4"})),
    "networking.gke.io/l4-regional-external-legacy": (EXTERNAL, frozenset({"legacy"})),
    "networking.gke.io/l4-regional-internal-legacy": (INTERNAL, frozenset({"legacy"})),
}
"""loadBalancerClass -> scheme and controller path (ownership.md, section 3)."""

_TYPE_KEYS = ("networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type")
_BOTH_PATHS = frozenset({"legacy", "l4"})
INGRESS_FINALIZER = "networking.gke.io/ingress-finalizer"
INGRESS_FINALIZER_V2 = "networking.gke.io/ingress-finalizer-V2"
_INGRESS_CLASSES: Mapping[str, tuple[str, frozenset[str]]] = {
    "gce": ("global", _GLOBAL_L7),
    "gce-internal": ("regional", frozenset({"INTERNAL_MANAGED"})),
    "gce-regional-external": ("regional", frozenset({"EXTERNAL_MANAGED"})),
}
_MULTI_CLUSTER_CLASS = "gce-multi-cluster"
ADDRESS_ANNOTATIONS = {
    "kubernetes.io/ingress.global-static-ip-name": "global",
    "kubernetes.io/ingress.regional-static-ip-name": "regional",
    "networking.gke.io/load-balancer-ip-addresses": "any",
    "networking.gke.io/static-ip": "any",
}
"""Wishes that name an address (ownership.md, sections 3 P6, P7, P12), and the scope that a bare name means."""


class Standing(Enum):
    """How an object stands to what it claims."""

    WISHES = auto()
    RELEASED = auto()
    """It no longer asks for a load balancer, but the finalizer of that controller path is still set."""
    MAY_WISH = auto()
    """It asks for something like it, in a way that the controller may or may not follow: never a proof."""


@dataclass(frozen=True, slots=True)
class LiveObject:
    """A live Kubernetes object, as a witness."""

    meta: Meta
    kind: str
    ips: tuple[IPAddress, ...] = ()
    """From its status."""
    wanted_ips: tuple[IPAddress, ...] = ()
    """From its spec and annotations."""

    @property
    def owner(self) -> Owner:
        return Owner(self.meta.cluster.full, self.kind, self.meta.namespace, self.meta.name, True)

    @property
    def label(self) -> str:
        return f"{self.kind} {self.meta.key} of cluster {self.meta.cluster.short}"


@dataclass(frozen=True, slots=True)
class Claim:
    """One name that a live object's resource must have, and what else must fit."""

    object: LiveObject
    standing: Standing
    scope: str
    """"global", "regional" or "any"."""
    schemes: frozenset[str] = frozenset()
    """Empty = any."""
    checks_ip: bool = False
    service: str = ""
    """Backend claims: "namespace/name" that the description must give where it gives one."""
    spans_projects: bool = False

    def fits_place(self, name: ResourceName) -> bool:
        """Whether a resource of this name can be meant: same project, same region or global."""
        key = self.object.meta.cluster
        if not key.is_gke:
            return self.scope == "any" or (self.scope == "global") == (name.location == "global")
        if key.project != name.project and not self.spans_projects:
            return False
        if self.scope == "global":
            return name.location == "global"
        return self.scope == "any" or name.region == key.region


@dataclass(frozen=True, slots=True)
class Mention:
    """A live object that names an address, by name or by IP."""

    object: LiveObject
    how: str


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything that the live objects of one snapshot say, by name and by IP."""

    by_name: Mapping[tuple[str, str], tuple[Claim, ...]]
    """By (collection, name). Certificates stand under the name up to the hash of their content."""
    by_key: Mapping[tuple[ClusterKey, str, str], LiveObject]
    """By (cluster, plural, "namespace/name")."""
    by_service_name: Mapping[str, LiveObject]
    """Services by the load balancer name that their UID gives."""
    by_ip: Mapping[IPAddress, tuple[LiveObject, ...]]
    """Objects whose status or spec holds the IP."""
    named_addresses: Mapping[tuple[str, str, str], tuple[Mention, ...]]
    """By (project, "global" or region, name); "_" and ANY_REGION where the cluster is no GKE cluster."""
    mentions_by_ip: Mapping[IPAddress, tuple[Mention, ...]]
    named_certificates: Mapping[str, tuple[tuple[LiveObject, str], ...]]
    """By certificate name: objects that name it, and "global", "regional" or "any"."""
    gateways: Mapping[ClusterKey, tuple[tuple[Gateway, LiveObject], ...]]
    listed_by_gateways: Mapping[ResourceName, tuple[tuple[Gateway, LiveObject], ...]]
    bare_names_of_gateways: Mapping[str, tuple[tuple[Gateway, LiveObject], ...]]
    """Old annotations list names without a path."""
    multi_cluster: tuple[tuple[MultiClusterIngress, LiveObject], ...]
    listed_by_multi_cluster: Mapping[str, tuple[tuple[MultiClusterIngress, LiveObject], ...]]
    custom_rules: Mapping[str, tuple[LiveObject, ...]]
    """Names in networking.gke.io/custom-forwarding-rule."""
    bound_groups: frozenset[str]
    """NEG names in NetworkEndpointGroupBindings."""
    group_objects: Mapping[tuple[ClusterKey, str], LiveObject]
    """ServiceNetworkEndpointGroups by (cluster, NEG name)."""
    services: Mapping[tuple[ClusterKey, str], Service]
    backends_of: Mapping[tuple[ClusterKey, str, str], frozenset[str]]
    """Services behind an object, by (cluster, plural, "namespace/name"); the default backend not counted."""
    ready_endpoints: Mapping[tuple[ClusterKey, str], int]


class _Collector:
    """Gathers claims object by object; the result is frozen."""

    def __init__(self, inventory: Inventory, fingerprints: Fingerprints) -> None:
        self.inventory = inventory
        self.fingerprints = fingerprints
        self.by_name: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        self.by_key: dict[tuple[ClusterKey, str, str], LiveObject] = {}
        self.by_service_name: dict[str, LiveObject] = {}
        self.by_ip: dict[IPAddress, list[LiveObject]] = defaultdict(list)
        self.named_addresses: dict[tuple[str, str, str], list[Mention]] = defaultdict(list)
        self.mentions_by_ip: dict[IPAddress, list[Mention]] = defaultdict(list)
        self.certificates: dict[str, list[tuple[LiveObject, str]]] = defaultdict(list)
        self.gateways: dict[ClusterKey, list[tuple[Gateway, LiveObject]]] = defaultdict(list)
        self.listed: dict[ResourceName, list[tuple[Gateway, LiveObject]]] = defaultdict(list)
        self.bare: dict[str, list[tuple[Gateway, LiveObject]]] = defaultdict(list)
        self.multi_cluster: list[tuple[MultiClusterIngress, LiveObject]] = []
        self.listed_multi: dict[str, list[tuple[MultiClusterIngress, LiveObject]]] = defaultdict(list)
        self.custom_rules: dict[str, list[LiveObject]] = defaultdict(list)
        self.bound_groups: set[str] = set()
        self.group_objects: dict[tuple[ClusterKey, str], LiveObject] = {}
        self.services: dict[tuple[ClusterKey, str], Service] = {}
        self.backends_of: dict[tuple[ClusterKey, str, str], frozenset[str]] = {}

    # shared steps

    def object(
        self, meta: Meta, kind: str, ips: Iterable[IPAddress] = (), wanted: Iterable[IPAddress] = ()
    ) -> LiveObject:
        live = LiveObject(meta, kind, tuple(ips), tuple(wanted))
        self.by_key[meta.cluster, meta.plural, meta.key] = live
        for ip in dict.fromkeys((*live.ips, *live.wanted_ips)):
            self.by_ip[ip].append(live)
            self.mentions_by_ip[ip].append(Mention(live, f"has the IP {ip}"))
        self._named_addresses(live)
        return live

    def claim(self, collections: str, name: str, claim: Claim) -> None:
        for collection in collections.split():
            self.by_name[collection, name].append(claim)

    def _named_addresses(self, live: LiveObject) -> None:
        for annotation, scope in ADDRESS_ANNOTATIONS.items():
            for value in live.meta.annotations.get(annotation, "").split(","):
                self._name_address(live, value.strip(), scope, f"annotation {annotation}")

    def _name_address(self, live: LiveObject, value: str, scope: str, how: str) -> None:
        """An address by IP, by link or by bare name; a bare name means the object's own region or the globe."""
        if not value:
            return
        ip = _as_ip(value)
        if ip is not None:
            self.mentions_by_ip[ip].append(Mention(live, how))
            return
        links = self._links(live.meta.cluster, value)
        for link in links:
            self.named_addresses[link.project, link.location, link.name].append(Mention(live, how))
        if links:
            return
        cluster = live.meta.cluster
        fleet = self.inventory.clusters[cluster].fleet_project
        for project in dict.fromkeys((cluster.project, self.inventory.numbers.get(fleet, fleet))):
            if scope in ("global", "any"):
                self.named_addresses[project, "global", value].append(Mention(live, how))
            if scope in ("regional", "any"):
                self.named_addresses[project, cluster.region or ANY_REGION, value].append(Mention(live, how))

    def _links(self, cluster: ClusterKey, value: str) -> tuple[ResourceName, ...]:
        """The resources that a link in an annotation or status may mean; none for a bare name."""
        if "/" not in value:
            return ()
        project = cluster.project if cluster.is_gke else None
        inventory = self.inventory
        return possible_names(value, project=project, numbers=inventory.numbers, unnumbered=inventory.unnumbered)

    # Services

    def service(self, service: Service) -> None:
        meta = service.meta
        wanted = [*service.external_ips, *([service.load_balancer_ip] if service.load_balancer_ip else [])]
        live = self.object(meta, "Service", service.status_ips, wanted)
        self.services[meta.cluster, meta.key] = service
        self.backends_of[meta.cluster, meta.plural, meta.key] = frozenset({meta.key})
        if meta.uid:
            self.by_service_name[naming.service_load_balancer(meta.uid)] = live
        identity = self.fingerprints.identities[meta.cluster]
        self._service_groups(service, live, identity)
        for name in meta.annotations.get("networking.gke.io/custom-forwarding-rule", "").split(","):
            if name.strip() and service.load_balancer_class == STANDALONE_CLASS:
                self.custom_rules[name.strip().rpartition("/")[2]].append(live)
        for standing, schemes, paths in _service_wishes(service):
            self._service_claims(service, live, identity, standing, schemes, paths)

    def _service_claims(
        self,
        service: Service,
        live: LiveObject,
        identity: Identity,
        standing: Standing,
        schemes: frozenset[str],
        paths: frozenset[str],
    ) -> None:
        families = service.ip_families or ("IPv4", "IPv6")
        rule = Claim(live, standing, "regional", schemes, checks_ip=True)
        part = Claim(live, standing, "any", schemes)
        firewall = replace(part, spans_projects=True)  # in a Shared VPC it stands in the host project
        rules = "forwardingRules addresses"
        if service.meta.uid:
            name = naming.service_load_balancer(service.meta.uid)
            if "legacy" in paths or schemes == EXTERNAL:
                if "IPv4" in families:
                    self.claim(rules, name, rule)
                if "IPv6" in families and schemes == EXTERNAL:
                    self.claim(rules, f"{name}-ipv6", rule)
            if "legacy" in paths:
                self._legacy_parts(name, part, firewall, schemes)
        if "l4" in paths and identity.code is not None:
            self._l4_claims(service, identity.code, rule, part, families)
            self._l4_firewalls(service, identity.code, firewall)

    def _legacy_parts(self, name: str, part: Claim, firewall: Claim, schemes: frozenset[str]) -> None:
        self.claim("healthChecks httpHealthChecks", name, part)
        self.claim("firewalls", f"k8s-fw-{name}", firewall)
        if schemes == EXTERNAL:
            self.claim("targetPools", name, part)
            self.claim("firewalls", f"k8s-fw-{name}-deny", firewall)
            self.claim("firewalls", f"k8s-{name}-http-hc", firewall)
        else:
            self.claim("backendServices", name, part)
            self.claim("firewalls", name, firewall)
            self.claim("firewalls", f"{name}-hc", firewall)

    def _l4_claims(self, service: Service, code: str, rule: Claim, part: Claim, families: tuple[str, ...]) -> None:
        namespace, short = service.meta.namespace, service.meta.name
        protocols = sorted({port.protocol.lower() for port in service.ports} & {"tcp", "udp"}) or ["tcp", "udp"]
        for protocol in (*protocols, "l3"):
            if "IPv4" in families:
                self.claim("forwardingRules addresses", naming.l4_rule(code, namespace, short, protocol), rule)
            if "IPv6" in families:
                self.claim("forwardingRules addresses", naming.l4_rule_ipv6(code, namespace, short, protocol), rule)
        self.claim("backendServices healthChecks", naming.l4_backend(code, namespace, short), part)

    def _l4_firewalls(self, service: Service, code: str, firewall: Claim) -> None:
        namespace, short = service.meta.namespace, service.meta.name
        names = [naming.l4_backend(code, namespace, short)]
        names += [naming.l4_firewall_other(code, namespace, short, suffix) for suffix in ("ipv6", "fw", "fw-ipv6")]
        names += [naming.l4_firewall_deny(code, namespace, short, suffix) for suffix in ("deny", "deny-ipv6")]
        for name in names:
            self.claim("firewalls", name, firewall)

    def _service_groups(self, service: Service, live: LiveObject, identity: Identity) -> None:
        """NEGs: computed names, and names of the Service's own choice."""
        meta = service.meta
        wishes = Claim(live, Standing.WISHES, "regional")
        names = set(_custom_group_names(meta.annotations))
        if identity.ingress_uid:
            names |= {
                naming.endpoint_group(identity.ingress_uid, meta.namespace, meta.name, str(port.port))
                for port in service.ports
            }
        if identity.code is not None and service.type == "LoadBalancer":
            names.add(naming.l4_backend(identity.code, meta.namespace, meta.name))
        for name in names:
            self.claim("networkEndpointGroups", name, wishes)

    # Ingresses

    def ingress(self, ingress: Ingress) -> None:
        meta = ingress.meta
        live = self.object(meta, "Ingress", ingress.status_ips)
        named = {f"{ref.namespace}/{ref.service}" for ref in ingress.backends}
        self.backends_of[meta.cluster, meta.plural, meta.key] = frozenset(named)
        for name in _names_in(meta.annotations.get("ingress.gcp.kubernetes.io/pre-shared-cert", "")):
            self.certificates[name].append((live, "any"))
        class_name = gce_class(ingress)
        if class_name is None or class_name not in _INGRESS_CLASSES:
            self._released_ingress(ingress, live)
        else:
            scope, schemes = _INGRESS_CLASSES[class_name]
            is_v2 = INGRESS_FINALIZER_V2 in meta.finalizers
            self._fronts(ingress, Claim(live, Standing.WISHES, scope, schemes), is_v2=is_v2)
            if not meta.finalizers & {INGRESS_FINALIZER, INGRESS_FINALIZER_V2}:
                # The controller falls back to v1 names when somebody took the finalizer away (ownership.md, section 7).
                self._fronts(ingress, Claim(live, Standing.MAY_WISH, scope, schemes), is_v2=True)
            for ref in (*ingress.backends, *_default_backends(ingress)):
                self._backend(ref, Claim(live, Standing.WISHES, scope, service=f"{ref.namespace}/{ref.service}"))

    def _released_ingress(self, ingress: Ingress, live: LiveObject) -> None:
        """No GCE Ingress (any more), or one for instance groups alone (gce-multi-cluster): its finalizer may still hold
        something. One that asks for a class of GKE's by ingressClassName alone is ignored by the controller, yet
        somebody may count on it."""
        for finalizer, is_v2 in ((INGRESS_FINALIZER, False), (INGRESS_FINALIZER_V2, True)):
            if finalizer in ingress.meta.finalizers:
                self._fronts(ingress, Claim(live, Standing.RELEASED, "any"), is_v2=is_v2)
            elif ingress.class_name in _INGRESS_CLASSES:
                self._fronts(ingress, Claim(live, Standing.MAY_WISH, "any"), is_v2=is_v2)

    def _fronts(self, ingress: Ingress, claim: Claim, *, is_v2: bool) -> None:
        meta = ingress.meta
        identity = self.fingerprints.identities[meta.cluster]
        if is_v2:
            if identity.kube_system_uid is None:
                return
            uid = identity.kube_system_uid
            for part, collections in _V2_PARTS.items():
                self.claim(collections, naming.ingress_v2(uid, meta.namespace, meta.name, part), claim)
            stem = naming.ingress_v2_certificate_stem(uid, meta.namespace, meta.name)
            self.claim("sslCertificates", stem, claim)
        else:
            if identity.ingress_uid is None:
                return
            uid = identity.ingress_uid
            for part, collections in _V1_PARTS.items():
                self.claim(collections, naming.ingress_v1(uid, meta.namespace, meta.name, part), claim)
            stem = naming.ingress_v1_certificate_stem(uid, meta.namespace, meta.name)
            self.claim("sslCertificates", stem, claim)

    def _backend(self, ref: BackendRef, claim: Claim) -> None:
        """Backend service and health check of one Service port behind an Ingress, on a NEG or on a node port."""
        identity = self.fingerprints.identities[claim.object.meta.cluster]
        uid = identity.ingress_uid
        service = self.services.get((identity.key, f"{ref.namespace}/{ref.service}"))
        ports = {ref.port_number} if ref.port_number is not None else set()
        if uid is None:
            return
        for port in service.ports if service else ():
            if ref.port_number in (None, port.port) and ref.port_name in ("", port.name):
                ports.add(port.port)
                if port.node_port:
                    self.claim(_BACKEND_PARTS, naming.node_port_backend(uid, port.node_port), claim)
        for number in ports if uid else ():
            port_text = str(number)
            self.claim(_BACKEND_PARTS, naming.endpoint_group(uid, ref.namespace, ref.service, port_text), claim)
            name = naming.regional_external_backend(uid, ref.namespace, ref.service, port_text)
            self.claim(_BACKEND_PARTS, name, claim)

    # Gateways, Multi Cluster Ingress and Google's small resources

    def gateway(self, gateway: Gateway) -> None:
        meta = gateway.meta
        live = self.object(meta, "Gateway", gateway.status_ips, gateway.spec_ips)
        pair = (gateway, live)
        self.gateways[meta.cluster].append(pair)
        scope = gateway_scope(gateway.class_name)
        for name in gateway.named_addresses:
            self._name_address(live, name, scope, "spec.addresses")
        for annotation, value in meta.annotations.items():
            if not annotation.startswith("networking.gke.io/"):
                continue
            for item in _names_in(value):
                links = self._links(meta.cluster, item)
                for link in links:
                    self.listed[link].append(pair)
                if not links:
                    self.bare[item].append(pair)
            if annotation == "networking.gke.io/ssl-certificates":
                for item in _names_in(value):
                    self.certificates[item.rpartition("/")[2]].append((live, "any"))

    def gateway_backends(self) -> None:
        """The Services that HTTPRoutes put behind each Gateway."""
        found: dict[tuple[ClusterKey, str], set[str]] = defaultdict(set)
        for key, routes in self.inventory.http_routes.items():
            for route in routes:
                for gateway in route.gateways:
                    found[key, gateway] |= {f"{ref.namespace}/{ref.service}" for ref in route.backends}
        for (key, gateway), services in found.items():
            self.backends_of[key, "gateways", gateway] = frozenset(services)

    def multi_cluster_ingress(self, item: MultiClusterIngress) -> None:
        live = self.object(item.meta, "MultiClusterIngress", [item.vip] if item.vip else [])
        self.multi_cluster.append((item, live))
        for names in item.resources.values():
            for name in names:
                self.listed_multi[name.rpartition("/")[2]].append((item, live))

    def service_attachment(self, item: PlainObject) -> None:
        meta = item.meta
        live = self.object(meta, "ServiceAttachment")
        claim = Claim(live, Standing.WISHES, "regional")
        identity = self.fingerprints.identities[meta.cluster]
        if identity.kube_system_uid is not None and meta.uid:
            name = naming.service_attachment(identity.kube_system_uid, meta.namespace, meta.name, meta.uid)
            self.claim("serviceAttachments", name, claim)
        for url in item.values["urls"]:
            for link in self._links(meta.cluster, url):
                if link.collection == "serviceAttachments":
                    self.claim("serviceAttachments", link.name, claim)

    def endpoint_group_object(self, item: PlainObject) -> None:
        live = self.object(item.meta, "ServiceNetworkEndpointGroup")
        self.group_objects[item.meta.cluster, item.meta.name] = live
        for value in item.values["links"]:
            self.group_objects[item.meta.cluster, value.rpartition("/")[2]] = live

    def managed_certificate(self, item: PlainObject) -> None:
        live = self.object(item.meta, "ManagedCertificate")
        for name in item.values["certificate"]:
            self.certificates[name].append((live, "any"))

    def result(self) -> Claims:
        return Claims(
            by_name=_frozen(self.by_name),
            by_key=self.by_key,
            by_service_name=self.by_service_name,
            by_ip=_frozen(self.by_ip),
            named_addresses=_frozen(self.named_addresses),
            mentions_by_ip=_frozen(self.mentions_by_ip),
            named_certificates=_frozen(self.certificates),
            gateways=_frozen(self.gateways),
            listed_by_gateways=_frozen(self.listed),
            bare_names_of_gateways=_frozen(self.bare),
            multi_cluster=tuple(self.multi_cluster),
            listed_by_multi_cluster=_frozen(self.listed_multi),
            custom_rules=_frozen(self.custom_rules),
            bound_groups=frozenset(self.bound_groups),
            group_objects=self.group_objects,
            services=self.services,
            backends_of=self.backends_of,
            ready_endpoints=_ready_endpoints(self.inventory),
        )


def build(inventory: Inventory, fingerprints: Fingerprints) -> Claims:
    """The claims of every live object. One pass over the objects."""
    collector = _Collector(inventory, fingerprints)
    for service in _all(inventory.services):
        collector.service(service)
    for ingress in _all(inventory.ingresses):
        collector.ingress(ingress)
    for gateway in _all(inventory.gateways):
        collector.gateway(gateway)
    collector.gateway_backends()
    for item in _all(inventory.multi_cluster_ingresses):
        collector.multi_cluster_ingress(item)
    for plain in _plain(inventory, "serviceattachments"):
        collector.service_attachment(plain)
    for plain in _plain(inventory, "servicenetworkendpointgroups"):
        collector.endpoint_group_object(plain)
    for plain in _plain(inventory, "managedcertificates"):
        collector.managed_certificate(plain)
    for plain in _plain(inventory, "networkendpointgroupbindings"):
        collector.bound_groups.update(value.rpartition("/")[2] for value in plain.values["names"])
    return collector.result()


_V2_PARTS = {
    "fr": "forwardingRules addresses",
    "fs": "forwardingRules addresses",
    "tp": "targetHttpProxies",
    "ts": "targetHttpsProxies",
    "um": "urlMaps",
    "rm": "urlMaps",
}
_V1_PARTS = {
    "fw": "forwardingRules addresses",
    "fws": "forwardingRules addresses",
    "tp": "targetHttpProxies",
    "tps": "targetHttpsProxies",
    "um": "urlMaps",
}
_BACKEND_PARTS = "backendServices healthChecks httpHealthChecks httpsHealthChecks"

_LEGACY_EXTERNAL = frozenset({"service.kubernetes.io/load-balancer-cleanup", "gke.networking.io/l4-netlb-v1"})
_LEGACY_INTERNAL = frozenset({"service.kubernetes.io/load-balancer-cleanup", "gke.networking.io/l4-ilb-v1"})
_L4_EXTERNAL = frozenset({"gke.networking.io/l4-netlb-v2", "gke.networking.io/l4-netlb-v3"})
_L4_INTERNAL = frozenset({"gke.networking.io/l4-ilb-v2"})


def _service_wishes(service: Service) -> Iterator[tuple[Standing, frozenset[str], frozenset[str]]]:
    """(standing, schemes, controller paths) of a Service (ownership.md, sections 3 and 6, fine point 7)."""
    finalizers = service.meta.finalizers
    if service.type == "LoadBalancer":
        if service.load_balancer_class:
            wish = _CLASSES.get(service.load_balancer_class)
            if wish is not None:
                yield Standing.WISHES, *wish
            return
        is_internal = any(service.meta.annotations.get(key, "").lower() == "internal" for key in _TYPE_KEYS)
        if is_internal:
            yield Standing.WISHES, INTERNAL, _paths(finalizers, {"gke.networking.io/l4-ilb-v1"}, _L4_INTERNAL)
        else:
            yield Standing.WISHES, EXTERNAL, _paths(finalizers, {"gke.networking.io/l4-netlb-v1"}, _L4_EXTERNAL)
        return
    for schemes, legacy, modern in (
        (EXTERNAL, _LEGACY_EXTERNAL, _L4_EXTERNAL),
        (INTERNAL, _LEGACY_INTERNAL, _L4_INTERNAL),
    ):
        if finalizers & legacy:
            yield Standing.RELEASED, schemes, frozenset({"legacy"})
        if finalizers & modern:
            yield Standing.RELEASED, schemes, frozenset({"l4"})


def _paths(finalizers: frozenset[str], legacy: Iterable[str], modern: frozenset[str]) -> frozenset[str]:
    """Finalizers decide; the GKE version never does (ownership.md, section 9, 12)."""
    found = frozenset(path for path, marks in (("legacy", frozenset(legacy)), ("l4", modern)) if finalizers & marks)
    return found or _BOTH_PATHS


def gce_class(ingress: Ingress) -> str | None:
    """The GCE class of an Ingress, None if it is not GKE's: the annotation wins, and an empty one counts as gce only
    where spec.ingressClassName is not set (kubernetes/ingress-gce:pkg/utils/utils.go, IsGCEIngress)."""
    named = ingress.meta.annotations.get("kubernetes.io/ingress.class", "")
    if named in _INGRESS_CLASSES or named == _MULTI_CLUSTER_CLASS:
        return named
    if not named and ingress.class_name is None:
        return "gce"
    return None


def _default_backends(ingress: Ingress) -> list[BackendRef]:
    """The controller's own default backend stands behind every Ingress that names none."""
    if ingress.default_backend is not None:
        return []
    return [BackendRef("kube-system", "default-http-backend", None, "")]


def gateway_scope(class_name: str) -> str:
    """Where Gateways of a class of GKE's stand: "global" or "regional"; "any" for a class that is not known."""
    if class_name.startswith(("gke-l7-global", "gke-l7-gxlb", "gke-l7-cross-regional")):
        return "global"
    return "regional" if class_name.startswith(("gke-l7-regional", "gke-l7-rilb")) else "any"


def _custom_group_names(annotations: Mapping[str, str]) -> Iterator[str]:
    """cloud.google.com/neg exposed_ports[].name and cloud.google.com/neg-status (ownership.md, section 3, P9)."""
    exposed = embedded(annotations.get("cloud.google.com/neg", "")).get("exposed_ports")
    for port in exposed.values() if isinstance(exposed, dict) else ():
        if isinstance(port, dict) and isinstance(port.get("name"), str):
            yield port["name"]
    groups = embedded(annotations.get("cloud.google.com/neg-status", "")).get("network_endpoint_groups")
    for name in groups.values() if isinstance(groups, dict) else ():
        if isinstance(name, str):
            yield name


def _ready_endpoints(inventory: Inventory) -> dict[tuple[ClusterKey, str], int]:
    found: dict[tuple[ClusterKey, str], int] = defaultdict(int)
    for item in _all(inventory.endpoint_slices):
        found[item.meta.cluster, item.service] += item.ready_count
    return dict(found)


def _names_in(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _as_ip(value: str) -> IPAddress | None:
    try:
        return parse_ip(value)
    except ValueError:
        return None


def _all(by_cluster: Mapping[ClusterKey, tuple[View, ...]]) -> Iterator[View]:
    return (item for items in by_cluster.values() for item in items)


def _plain(inventory: Inventory, plural: str) -> Iterator[PlainObject]:
    return (item for (_, kind), items in inventory.plain.items() if kind == plural for item in items)


def _frozen(lists: Mapping[Key, list[View]]) -> dict[Key, tuple[View, ...]]:
    return {key: tuple(items) for key, items in lists.items()}
