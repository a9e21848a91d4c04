"""Frozen views of clusters and Kubernetes objects: the fields that say what an object owns or wishes for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import fields
from .names import ClusterKey, IPAddress, parse_ip

JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cluster:
    """One living cluster. `id` and the networks are "" where the Container API's list does not hold it."""

    key: ClusterKey
    id: str
    status: str
    network: str
    """projects/P/global/networks/N, or N."""
    fleet_project: str
    """Project id or number of its fleet; "" where it is in none."""
    created_at: datetime | None
    is_listed: bool
    """False: known only by its folder in the snapshot, or not a GKE cluster."""


def parse_cluster(obj: JSON, project: str) -> Cluster:
    """A cluster as the Container API lists it. Raises ValueError for an odd one."""
    location = fields.text(obj, "location") or fields.required(obj, "zone")
    config = fields.mapping(obj, "networkConfig")
    return Cluster(
        key=ClusterKey(project, location, fields.required(obj, "name")),
        id=fields.text(obj, "id"),
        status=fields.text(obj, "status"),
        network=fields.text(config, "network") or fields.text(obj, "network"),
        fleet_project=fields.text(fields.mapping(obj, "fleet"), "project"),
        created_at=fields.moment(obj, "createTime"),
        is_listed=True,
    )


@dataclass(frozen=True, slots=True)
class Meta:
    """What every Kubernetes object has."""

    cluster: ClusterKey
    plural: str
    namespace: str
    name: str
    uid: str
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    finalizers: frozenset[str]
    deleted_at: datetime | None

    @property
    def key(self) -> str:
        """ "namespace/name"."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class ServicePort:
    name: str
    port: int
    protocol: str
    node_port: int | None


@dataclass(frozen=True, slots=True)
class Service:
    meta: Meta
    type: str
    load_balancer_class: str
    load_balancer_ip: IPAddress | None
    external_ips: tuple[IPAddress, ...]
    status_ips: tuple[IPAddress, ...]
    ports: tuple[ServicePort, ...]
    ip_families: tuple[str, ...]
    has_selector: bool


@dataclass(frozen=True, slots=True)
class BackendRef:
    """A Service and port that an Ingress or route refers to; the port by number or by name."""

    namespace: str
    service: str
    port_number: int | None
    port_name: str


@dataclass(frozen=True, slots=True)
class Ingress:
    meta: Meta
    class_name: str | None
    """spec.ingressClassName; None where it is not set."""
    default_backend: BackendRef | None
    backends: tuple[BackendRef, ...]
    """The default backend and all paths, each once."""
    status_ips: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class Gateway:
    meta: Meta
    class_name: str
    listener_ports: tuple[int, ...]
    named_addresses: tuple[str, ...]
    spec_ips: tuple[IPAddress, ...]
    status_ips: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class HTTPRoute:
    meta: Meta
    gateways: tuple[str, ...]
    """"namespace/name" of the Gateways it is attached to."""
    backends: tuple[BackendRef, ...]


@dataclass(frozen=True, slots=True)
class MultiClusterIngress:
    meta: Meta
    vip: IPAddress | None
    resources: Mapping[str, tuple[str, ...]]
    """status.cloudResources: names by collection-like key."""


@dataclass(frozen=True, slots=True)
class EndpointSlice:
    meta: Meta
    service: str
    """"namespace/name"; "" where its label is missing."""
    ready_count: int


@dataclass(frozen=True, slots=True)
class PlainObject:
    """An object of which only metadata and a few texts matter (see `values`)."""

    meta: Meta
    values: Mapping[str, tuple[str, ...]]


def parse_meta(obj: JSON, cluster: ClusterKey, plural: str) -> Meta:
    metadata = fields.mapping(obj, "metadata")
    return Meta(
        cluster=cluster,
        plural=plural,
        namespace=fields.text(metadata, "namespace"),
        name=fields.required(metadata, "name"),
        uid=fields.text(metadata, "uid"),
        annotations=fields.strings(metadata, "annotations"),
        labels=fields.strings(metadata, "labels"),
        finalizers=frozenset(fields.texts(metadata, "finalizers")),
        deleted_at=fields.moment(metadata, "deletionTimestamp"),
    )


def parse_service(obj: JSON, meta: Meta) -> Service:
    spec = fields.mapping(obj, "spec")
    ip = fields.text(spec, "loadBalancerIP")
    return Service(
        meta=meta,
        type=fields.text(spec, "type") or "ClusterIP",
        load_balancer_class=fields.text(spec, "loadBalancerClass"),
        load_balancer_ip=parse_ip(ip) if ip else None,
        external_ips=tuple(parse_ip(value) for value in fields.texts(spec, "externalIPs")),
        status_ips=_status_ips(obj),
        ports=tuple(_service_port(port) for port in fields.objects(spec, "ports")),
        ip_families=fields.texts(spec, "ipFamilies"),
        has_selector=bool(fields.mapping(spec, "selector")),
    )


def _service_port(port: JSON) -> ServicePort:
    number = fields.integer(port, "port")
    if number is None:
        raise ValueError("a port has no number")
    protocol = fields.text(port, "protocol") or "TCP"
    return ServicePort(fields.text(port, "name"), number, protocol, fields.integer(port, "nodePort"))


def _status_ips(obj: JSON) -> tuple[IPAddress, ...]:
    balancer = fields.mapping(fields.mapping(obj, "status"), "loadBalancer")
    return tuple(parse_ip(ip) for item in fields.objects(balancer, "ingress") if (ip := fields.text(item, "ip")))


def parse_ingress(obj: JSON, meta: Meta) -> Ingress:
    """networking.k8s.io/v1, and the extensions/v1beta1 form with serviceName and servicePort."""
    spec = fields.mapping(obj, "spec")
    default = fields.mapping(spec, "defaultBackend") or fields.mapping(spec, "backend")
    refs = [_ingress_backend(default, meta.namespace)] if default else []
    for rule in fields.objects(spec, "rules"):
        for path in fields.objects(fields.mapping(rule, "http"), "paths"):
            refs.append(_ingress_backend(fields.mapping(path, "backend"), meta.namespace))
    found = [ref for ref in refs if ref is not None]
    return Ingress(
        meta=meta,
        class_name=fields.text(spec, "ingressClassName") if spec.get("ingressClassName") is not None else None,
        default_backend=refs[0] if default else None,
        backends=tuple(dict.fromkeys(found)),
        status_ips=_status_ips(obj),
    )


def _ingress_backend(backend: JSON, namespace: str) -> BackendRef | None:
    service = fields.mapping(backend, "service")
    if service:
        port = fields.mapping(service, "port")
        name, number = fields.text(port, "name"), fields.integer(port, "number")
        return BackendRef(namespace, fields.required(service, "name"), number, name)
    old_name = fields.text(backend, "serviceName")
    if not old_name:
        return None  # a resource backend: no Service behind it
    old_port = backend.get("servicePort")
    if isinstance(old_port, bool) or not isinstance(old_port, int | str):
        raise ValueError("servicePort is neither a number nor a name")
    if isinstance(old_port, int) or old_port.isdigit():
        return BackendRef(namespace, old_name, int(old_port), "")
    return BackendRef(namespace, old_name, None, old_port)


def parse_gateway(obj: JSON, meta: Meta) -> Gateway:
    spec, status = fields.mapping(obj, "spec"), fields.mapping(obj, "status")
    wanted = fields.objects(spec, "addresses")
    ports = [fields.integer(listener, "port") for listener in fields.objects(spec, "listeners")]
    return Gateway(
        meta=meta,
        class_name=fields.text(spec, "gatewayClassName"),
        listener_ports=tuple(port for port in ports if port is not None),
        named_addresses=tuple(
            value
            for item in wanted
            if fields.text(item, "type") not in ("", "IPAddress", "Hostname") and (value := fields.text(item, "value"))
        ),
        spec_ips=_gateway_ips(wanted),
        status_ips=_gateway_ips(fields.objects(status, "addresses")),
    )


def _gateway_ips(items: tuple[JSON, ...]) -> tuple[IPAddress, ...]:
    return tuple(
        parse_ip(value)
        for item in items
        if fields.text(item, "type") in ("", "IPAddress") and (value := fields.text(item, "value"))
    )


def parse_http_route(obj: JSON, meta: Meta) -> HTTPRoute:
    spec = fields.mapping(obj, "spec")
    gateways = [
        f"{fields.text(parent, 'namespace') or meta.namespace}/{fields.required(parent, 'name')}"
        for parent in fields.objects(spec, "parentRefs")
        if fields.text(parent, "kind") in ("", "Gateway")
    ]
    backends = [
        BackendRef(
            fields.text(ref, "namespace") or meta.namespace,
            fields.required(ref, "name"),
            fields.integer(ref, "port"),
            "",
        )
        for rule in fields.objects(spec, "rules")
        for ref in fields.objects(rule, "backendRefs")
        if fields.text(ref, "kind") in ("", "Service")
    ]
    return HTTPRoute(meta, tuple(gateways), tuple(dict.fromkeys(backends)))


def parse_multi_cluster_ingress(obj: JSON, meta: Meta) -> MultiClusterIngress:
    status = fields.mapping(obj, "status")
    vip = fields.text(status, "VIP")
    resources: dict[str, tuple[str, ...]] = {}
    for key, value in fields.mapping(status, "cloudResources").items():
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list):
            raise ValueError(f"status.cloudResources.{key} is no list")
        resources[key] = tuple(item for item in values if isinstance(item, str))
    return MultiClusterIngress(meta, parse_ip(vip) if vip else None, resources)


def parse_endpoint_slice(obj: JSON, meta: Meta) -> EndpointSlice:
    """An endpoint whose `ready` is not given counts as ready (EndpointSlice API: consumers take nil for ready)."""
    service = meta.labels.get("kubernetes.io/service-name", "")
    ready = sum(
        fields.mapping(endpoint, "conditions").get("ready") is not False
        for endpoint in fields.objects(obj, "endpoints")
    )
    return EndpointSlice(meta, f"{meta.namespace}/{service}" if service else "", ready)


def parse_service_attachment_object(obj: JSON, meta: Meta) -> PlainObject:
    status = fields.mapping(obj, "status")
    urls = (fields.text(status, "serviceAttachmentURL"), fields.text(status, "forwardingRuleURL"))
    return PlainObject(meta, {"urls": tuple(url for url in urls if url)})


def parse_endpoint_group_object(obj: JSON, meta: Meta) -> PlainObject:
    groups = fields.objects(fields.mapping(obj, "status"), "networkEndpointGroups")
    links = tuple(link for group in groups if (link := fields.text(group, "selfLink")))
    return PlainObject(meta, {"links": links})


def parse_managed_certificate(obj: JSON, meta: Meta) -> PlainObject:
    name = fields.text(fields.mapping(obj, "status"), "certificateName")
    return PlainObject(meta, {"certificate": (name,) if name else ()})


def parse_endpoint_group_binding(obj: JSON, meta: Meta) -> PlainObject:
    spec = fields.mapping(obj, "spec")
    found = [value for value in _strings_in(spec) if value]
    return PlainObject(meta, {"names": tuple(found)})


def _strings_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _strings_in(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings_in(item)]
    return []


def parse_config_map(obj: JSON, meta: Meta) -> PlainObject:
    data = fields.strings(obj, "data")
    return PlainObject(meta, {key: (value,) for key, value in data.items() if key in ("uid", "provider-uid")})


def parse_plain(obj: JSON, meta: Meta) -> PlainObject:
    return PlainObject(meta, {})
