"""What is never flagged as a leftover of Kubernetes, whatever its name (ownership.md, section 5)."""

from __future__ import annotations

from ..model.compute import Address, ForwardingRule, Resource
from ..model.names import ResourceName
from .makers import Maker, Role, is_bound_group

_FOREIGN_PURPOSES = {
    "VPC_PEERING": "the range of a private services connection",
    "NAT_AUTO": "an automatic address of Cloud NAT",
    "DNS_RESOLVER": "the entry point of an inbound DNS policy",
    "IPSEC_INTERCONNECT": "an address of HA VPN over Interconnect",
    "PRIVATE_SERVICE_CONNECT": "an address of Private Service Connect for Google APIs",
}
_GOOGLE_API_BUNDLES = frozenset({"all-apis", "vpc-sc"})
_DECLARED_LABELS = ("managed-by-cnrm", "goog-terraform-provisioned")


def reason_to_leave(resource: Resource, maker: Maker) -> tuple[str, str] | None:
    """(reason code, what was seen) for a resource that is not ours to judge, None for one that is.

    Judged on the resource alone; addresses ask `address_range` and their users.
    """
    if isinstance(resource.body, ForwardingRule):
        rule = _rule_reason(resource.body)
        if rule is not None:
            return rule
    if maker.role is Role.FOREIGN and maker.foreign_reason != "not-kubernetes":
        return maker.foreign_reason, "its name is one that Google Cloud gives to things of this kind"
    if is_bound_group(resource):
        return "user-load-balancer", "its description says that a NetworkEndpointGroupBinding fills this user's NEG"
    if resource.name.collection != "addresses" and declared_label(resource):
        return "declared-elsewhere", f"it has the label {declared_label(resource)}"
    return None


def _rule_reason(rule: ForwardingRule) -> tuple[str, str] | None:
    if "/targetVpnGateways/" in rule.target:
        return "vpn", "its target is a classic VPN gateway"
    if rule.is_psc_consumer or rule.target.rpartition("/")[2] in _GOOGLE_API_BUNDLES:
        return "private-service-connect", "it is an endpoint of Private Service Connect"
    if rule.scheme == "INTERNAL_SELF_MANAGED":
        return "service-mesh", "its load balancing scheme is INTERNAL_SELF_MANAGED"
    if "/targetInstances/" in rule.target:
        return "protocol-forwarding", "its target is one instance"
    if rule.is_mirroring_collector:
        return "packet-mirroring", "it collects mirrored packets"
    if not rule.scheme:
        return "private-service-connect", "it has no load balancing scheme, which every rule of GKE has"
    return None


def declared_label(resource: Resource) -> str | None:
    """The label by which Terraform or Config Connector says that it manages the resource."""
    return next((label for label in _DECLARED_LABELS if label in resource.labels), None)


def address_range(resource: Resource, body: Address) -> str | None:
    """What kind of range or network-service address this is, None for an address that a load balancer could use."""
    if body.purpose in _FOREIGN_PURPOSES:
        return _FOREIGN_PURPOSES[body.purpose]
    if body.is_byoip:
        return "from one's own prefix (BYOIP)"
    is_ipv6 = body.ip_version == "IPV6" or (body.ip is not None and body.ip.version == 6)
    if body.prefix_length is not None and not is_ipv6 and body.prefix_length != 32:
        return f"a range of /{body.prefix_length}"
    return None


def is_vm_endpoint(body: Address, users: tuple[ResourceName | str, ...]) -> bool:
    """The internal address of a VM (x.addr.gce_endpoint): purpose alone decides nothing, it is also GKE's default."""
    return body.purpose == "GCE_ENDPOINT" and any(collection_of(user) == "instances" for user in users)


def collection_of(user: ResourceName | str) -> str:
    """The kind of thing that uses an address."""
    if isinstance(user, ResourceName):
        return user.collection
    parts = user.rstrip("/").split("/")
    return parts[-2] if len(parts) > 1 else ""
