"""Frozen views of Compute resources: the fields that decide ownership and price, and who points at whom.

Field names are those of the Compute v1 REST API. Whatever of another type than the API's raises ValueError; the
inventory turns that into a gap that names the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from . import fields
from .names import IPAddress, ResourceName, parse_ip, parse_link, possible_names

JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """One arrow from a resource to another; `role` is the field it stands in."""

    role: str
    to: ResourceName


@dataclass(frozen=True, slots=True)
class ForwardingRule:
    ip: IPAddress | None
    ip_text: str
    scheme: str
    protocol: str
    target: str
    backend_service: str
    network: str
    subnetwork: str
    network_tier: str
    is_psc_consumer: bool
    is_mirroring_collector: bool


@dataclass(frozen=True, slots=True)
class Address:
    ip: IPAddress | None
    address_type: str
    purpose: str
    users: tuple[ResourceName | str, ...]
    """Names where the link could be read, else the link itself: something uses it all the same."""
    prefix_length: int | None
    ip_version: str
    is_byoip: bool
    network: str
    subnetwork: str


@dataclass(frozen=True, slots=True)
class BackendService:
    scheme: str
    protocol: str
    used_by: tuple[ResourceName | str, ...] = ()
    """What refers to it as the API tells, in whatever project: URL maps, forwarding rules, TCP and SSL proxies."""


@dataclass(frozen=True, slots=True)
class NetworkEndpointGroup:
    endpoint_type: str
    size: int | None


@dataclass(frozen=True, slots=True)
class InstanceGroup:
    size: int | None


@dataclass(frozen=True, slots=True)
class Firewall:
    target_tags: tuple[str, ...]
    network: str
    destination_ips: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class ServiceAttachment:
    endpoint_statuses: tuple[str, ...]
    """One status for each connected consumer; "" where the API gives none."""


@dataclass(frozen=True, slots=True)
class SslCertificate:
    certificate_type: str


@dataclass(frozen=True, slots=True)
class Instance:
    tags: tuple[str, ...]
    nat_ips: tuple[IPAddress, ...]
    network_ips: tuple[IPAddress, ...]
    networks: tuple[str, ...]
    is_spot: bool


@dataclass(frozen=True, slots=True)
class Route:
    next_hop_ilb: str
    network: str


@dataclass(frozen=True, slots=True)
class Subnetwork:
    network: str
    purpose: str


Body = (
    ForwardingRule
    | Address
    | BackendService
    | NetworkEndpointGroup
    | InstanceGroup
    | Firewall
    | ServiceAttachment
    | SslCertificate
    | Instance
    | Route
    | Subnetwork
    | None
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One Compute resource: what every kind has, its links, and `body` with what only its kind has."""

    name: ResourceName
    created_at: datetime | None
    description: str
    annotations: JSON
    """The description where it is a JSON object, else empty."""
    labels: Mapping[str, str]
    status: str
    links: tuple[Link, ...]
    body: Body = None
    observed: JSON = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Reader:
    """Where the resources being parsed come from."""

    project: str
    collection: str
    numbers: Mapping[str, str]
    """Project ids by number."""
    unnumbered: tuple[str, ...] = ()
    """The projects whose number is not known: a link by number may mean any of them."""

    def names(self, value: str) -> tuple[ResourceName, ...]:
        return possible_names(value, project=self.project, numbers=self.numbers, unnumbered=self.unnumbered)

    def link(self, role: str, value: str) -> Iterator[Link]:
        for name in self.names(value):
            yield Link(role, name)


class WrongProject(ValueError):
    """The object belongs to another project than the file it stands in."""


def parse(obj: JSON, reader: Reader) -> Resource:
    """The view of one resource as the API lists it.

    Raises ValueError if a field that decides something is missing or of another type, WrongProject if its selfLink
    names another project.
    """
    name = _name(obj, reader)
    parse_body = _BODIES.get(reader.collection)
    body, links = parse_body(obj, reader) if parse_body else (None, ())
    description = fields.text(obj, "description")
    return Resource(
        name=name,
        created_at=fields.moment(obj, "creationTimestamp"),
        description=description,
        annotations=fields.embedded(description),
        labels=fields.strings(obj, "labels"),
        status=fields.text(obj, "status"),
        links=tuple(links),
        body=body,
        observed=_observed(obj),
    )


def _name(obj: JSON, reader: Reader) -> ResourceName:
    short = fields.required(obj, "name")
    self_link = fields.text(obj, "selfLink")
    if self_link:
        name = parse_link(self_link, numbers=reader.numbers)
        if name is None or name.name != short or name.collection != reader.collection:
            raise ValueError("selfLink does not fit its name and collection")
        own = ResourceName(reader.project, name.scope, name.collection, name.name)
        if own not in reader.names(self_link):
            raise WrongProject(f"belongs to project {name.project}")
        return own
    zone, region = fields.text(obj, "zone"), fields.text(obj, "region")
    if zone:
        scope = "zones/" + zone.rpartition("/")[2]
    elif region:
        scope = "regions/" + region.rpartition("/")[2]
    else:
        scope = "global"
    return ResourceName(reader.project, scope, reader.collection, short)


def _observed(obj: JSON) -> JSON:
    """What a clean-up compares before it deletes (docs/report.md)."""
    seen: dict[str, Any] = {}
    for key in ("id", "fingerprint", "creationTimestamp", "target", "users"):
        if obj.get(key) is not None:
            seen[key] = obj[key]
    if "target" not in seen and obj.get("backendService") is not None:
        seen["target"] = obj["backendService"]
    return MappingProxyType(seen)


def _ip(value: str) -> IPAddress | None:
    return parse_ip(value) if value else None


def _forwarding_rule(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    target, backend = fields.text(obj, "target"), fields.text(obj, "backendService")
    body = ForwardingRule(
        ip=_ip(fields.text(obj, "IPAddress")) if "projects/" not in fields.text(obj, "IPAddress") else None,
        ip_text=fields.text(obj, "IPAddress"),
        scheme=fields.text(obj, "loadBalancingScheme"),
        protocol=fields.text(obj, "IPProtocol"),
        target=target,
        backend_service=backend,
        network=fields.text(obj, "network"),
        subnetwork=fields.text(obj, "subnetwork"),
        network_tier=fields.text(obj, "networkTier"),
        is_psc_consumer="/serviceAttachments/" in target
        or bool(obj.get("pscConnectionId"))
        or bool(obj.get("pscConnectionStatus")),
        is_mirroring_collector=fields.boolean(obj, "isMirroringCollector"),
    )
    links = [*reader.link("target", target), *reader.link("backendService", backend)]
    return body, [*links, *reader.link("address", body.ip_text)]


def _address(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    users = fields.texts(obj, "users")
    body = Address(
        ip=_ip(fields.text(obj, "address")),
        address_type=fields.text(obj, "addressType"),
        purpose=fields.text(obj, "purpose"),
        users=tuple(name for user in users for name in reader.names(user) or (user,)),
        prefix_length=fields.integer(obj, "prefixLength"),
        ip_version=fields.text(obj, "ipVersion"),
        is_byoip=bool(fields.text(obj, "ipCollection") or fields.text(obj, "publicDelegatedPrefix")),
        network=fields.text(obj, "network"),
        subnetwork=fields.text(obj, "subnetwork"),
    )
    return body, []


def _backend_service(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    links = [
        link
        for backend in fields.objects(obj, "backends")
        for link in reader.link("backend", fields.text(backend, "group"))
    ]
    links += [link for check in fields.texts(obj, "healthChecks") for link in reader.link("healthCheck", check)]
    users = [fields.text(user, "reference") for user in fields.objects(obj, "usedBy")]
    body = BackendService(
        scheme=fields.text(obj, "loadBalancingScheme"),
        protocol=fields.text(obj, "protocol"),
        used_by=tuple(name for user in users if user for name in reader.names(user) or (user,)),
    )
    return body, links


def _target_pool(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    links = [link for member in fields.texts(obj, "instances") for link in reader.link("instance", member)]
    links += [link for check in fields.texts(obj, "healthChecks") for link in reader.link("healthCheck", check)]
    links += reader.link("backupPool", fields.text(obj, "backupPool"))
    return None, links


def _target_proxy(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    links = [*reader.link("urlMap", fields.text(obj, "urlMap")), *reader.link("service", fields.text(obj, "service"))]
    links += [link for item in fields.texts(obj, "sslCertificates") for link in reader.link("sslCertificate", item)]
    return None, links


def _url_map(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    found: dict[ResourceName, None] = {}
    for value in _all_strings(obj):
        if "/backendServices/" in value:
            for link in reader.link("service", value):
                found[link.to] = None
    return None, [Link("service", name) for name in found]


def _all_strings(value: Any) -> Iterator[str]:
    """Every string in a URL map: default services, path matchers, route rules, weighted and mirrored backends, tests.

    Wherever a backend service is named it is needed; listing the fields would miss the next one that Google adds.
    """
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            stack.extend(inner for key, inner in item.items() if key not in ("selfLink", "description", "name"))
        elif isinstance(item, list):
            stack.extend(item)


def _endpoint_group(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    return NetworkEndpointGroup(fields.text(obj, "networkEndpointType"), fields.integer(obj, "size")), []


def _instance_group(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    return InstanceGroup(fields.integer(obj, "size")), []


def _firewall(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    destinations = tuple(parse_ip(value) for value in fields.texts(obj, "destinationRanges"))
    return Firewall(fields.texts(obj, "targetTags"), fields.text(obj, "network"), destinations), []


def _service_attachment(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    statuses = tuple(fields.text(endpoint, "status") for endpoint in fields.objects(obj, "connectedEndpoints"))
    links = {
        link.to: link
        for key in ("producerForwardingRule", "targetService")
        for link in reader.link("targetService", fields.text(obj, key))
    }
    return ServiceAttachment(statuses), list(links.values())


def _ssl_certificate(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    return SslCertificate(fields.text(obj, "type")), []


def _instance(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    interfaces = fields.objects(obj, "networkInterfaces")
    configs = [
        config
        for interface in interfaces
        for key in ("accessConfigs", "ipv6AccessConfigs")
        for config in fields.objects(interface, key)
    ]
    external = [fields.text(config, key) for config in configs for key in ("natIP", "externalIpv6")]
    internal = [fields.text(interface, key) for interface in interfaces for key in ("networkIP", "ipv6Address")]
    scheduling = fields.mapping(obj, "scheduling")
    body = Instance(
        tags=fields.texts(fields.mapping(obj, "tags"), "items"),
        nat_ips=tuple(parse_ip(value) for value in external if value),
        network_ips=tuple(parse_ip(value) for value in internal if value),
        networks=tuple(fields.text(interface, "network") for interface in interfaces),
        is_spot=fields.text(scheduling, "provisioningModel") == "SPOT" or fields.boolean(scheduling, "preemptible"),
    )
    return body, []


def _router(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    links: list[Link] = []
    for nat in fields.objects(obj, "nats"):
        rules = [fields.mapping(rule, "action") for rule in fields.objects(nat, "rules")]
        named = [*fields.texts(nat, "natIps"), *fields.texts(nat, "drainNatIps")]
        named += [ip for action in rules for key in _NAT_RULE_KEYS for ip in fields.texts(action, key)]
        links += [link for value in named for link in reader.link("natIp", value)]
    return None, links


_NAT_RULE_KEYS = ("sourceNatActiveIps", "sourceNatDrainIps")


def _route(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    hop = fields.text(obj, "nextHopIlb")
    return Route(hop, fields.text(obj, "network")), list(reader.link("nextHopIlb", hop))


def _subnetwork(obj: JSON, reader: Reader) -> tuple[Body, list[Link]]:
    return Subnetwork(fields.text(obj, "network"), fields.text(obj, "purpose")), []


_BODIES: Mapping[str, Callable[[JSON, Reader], tuple[Body, list[Link]]]] = {
    "forwardingRules": _forwarding_rule,
    "addresses": _address,
    "backendServices": _backend_service,
    "targetPools": _target_pool,
    "targetHttpProxies": _target_proxy,
    "targetHttpsProxies": _target_proxy,
    "targetTcpProxies": _target_proxy,
    "targetSslProxies": _target_proxy,
    "targetGrpcProxies": _target_proxy,
    "urlMaps": _url_map,
    "networkEndpointGroups": _endpoint_group,
    "instanceGroups": _instance_group,
    "firewalls": _firewall,
    "serviceAttachments": _service_attachment,
    "sslCertificates": _ssl_certificate,
    "instances": _instance,
    "routers": _router,
    "routes": _route,
    "subnetworks": _subnetwork,
}
