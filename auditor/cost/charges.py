"""How one forwarding rule is charged: which pool it counts in, or what it costs by itself (pricing.md, section 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.model.compute import ForwardingRule, Subnetwork
from auditor.model.inventory import Inventory
from auditor.model.names import ResourceName, parse_link

HTTP_PROXIES = frozenset({"targetHttpProxies", "targetHttpsProxies", "targetGrpcProxies"})
OTHER_PROXIES = frozenset({"targetTcpProxies", "targetSslProxies"})
GOOGLE_API_BUNDLES = frozenset({"all-apis", "vpc-sc"})


class PoolKind(StrEnum):
    """The sets of rules that are charged together."""

    GLOBAL = "global"
    REGIONAL = "regional"
    REGIONAL_EXTERNAL_ALB = "regional external application load balancer"
    INTERNAL_ALB = "internal application load balancer"


class FlatCharge(StrEnum):
    """What is charged for a rule outside every pool."""

    PSC_ENDPOINT = "Private Service Connect endpoint"
    BELIEVED_FREE = "believed free"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, order=True)
class PoolKey:
    """One pool. `network` is set for internal application load balancers only: their proxies belong to a network."""

    project: str
    scope: str
    kind: PoolKind
    network: str = ""

    @property
    def location(self) -> str:
        """ "global" or the region."""
        return self.scope.rpartition("/")[2]


def charge_of(name: ResourceName, rule: ForwardingRule, inventory: Inventory) -> PoolKey | FlatCharge:
    """The pool a rule counts in, or what it is charged outside of every pool."""
    proxy = _target_collection(rule.target)
    if rule.is_psc_consumer or rule.target in GOOGLE_API_BUNDLES:
        return FlatCharge.PSC_ENDPOINT
    if proxy == "targetVpnGateways" or rule.scheme == "INTERNAL_SELF_MANAGED":
        return FlatCharge.BELIEVED_FREE
    if rule.scheme.endswith("_MANAGED") and proxy not in HTTP_PROXIES | OTHER_PROXIES:
        # Application and network load balancers of these schemes differ in price, and only the proxy tells which it is.
        return FlatCharge.UNCLEAR
    if rule.scheme == "INTERNAL_MANAGED" and proxy in HTTP_PROXIES:
        return PoolKey(name.project, name.scope, PoolKind.INTERNAL_ALB, _network(name, rule, inventory))
    if name.scope == "global":
        return PoolKey(name.project, name.scope, PoolKind.GLOBAL)
    if rule.scheme == "EXTERNAL_MANAGED" and proxy in HTTP_PROXIES:
        return PoolKey(name.project, name.scope, PoolKind.REGIONAL_EXTERNAL_ALB)
    # Passthrough, protocol forwarding, packet mirroring, Standard tier proxies, proxy network load balancers.
    return PoolKey(name.project, name.scope, PoolKind.REGIONAL)


def is_regional_external_proxy(name: ResourceName, rule: ForwardingRule) -> bool:
    """A regional external proxy network load balancer: which SKU it counts in is open (pricing.md, section 1.2)."""
    is_regional = name.scope != "global"
    return is_regional and rule.scheme == "EXTERNAL_MANAGED" and _target_collection(rule.target) in OTHER_PROXIES


def _target_collection(target: str) -> str:
    """ "targetHttpProxies" of ".../regions/R/targetHttpProxies/NAME"; "" where the text is no link."""
    parts = target.rstrip("/").split("/")
    return parts[-2] if len(parts) > 1 else ""


def _network(name: ResourceName, rule: ForwardingRule, inventory: Inventory) -> str:
    """The full name of a rule's network, whichever form the link has; that of its subnetwork where it names none."""
    text = rule.network or _network_of_subnetwork(name, rule, inventory)
    network = parse_link(text, project=name.project, numbers=inventory.numbers)
    return network.full if network else text


def _network_of_subnetwork(name: ResourceName, rule: ForwardingRule, inventory: Inventory) -> str:
    link = parse_link(rule.subnetwork, project=name.project, numbers=inventory.numbers)
    subnetwork = inventory.resources.get(link) if link else None
    return subnetwork.body.network if subnetwork and isinstance(subnetwork.body, Subnetwork) else ""
