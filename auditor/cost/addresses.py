"""What holds an address, and what it costs in that state (pricing.md, section 2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from auditor.model.compute import Address, ForwardingRule, Instance, Resource
from auditor.model.inventory import Inventory
from auditor.model.money import Price, PriceTable
from auditor.model.names import IPAddress, ResourceName, parse_link

INTERNAL_PURPOSES = frozenset(
    {
        "DNS_RESOLVER",
        "GCE_ENDPOINT",
        "IPSEC_INTERCONNECT",
        "PRIVATE_SERVICE_CONNECT",
        "SERVERLESS",
        "SHARED_LOADBALANCER_VIP",
        "VPC_PEERING",
    }
)
VPN_COLLECTIONS = frozenset({"targetVpnGateways", "vpnGateways", "vpnTunnels"})


class AddressState(StrEnum):
    """What decides the price of an address; the value is the key of the price table."""

    IDLE = "ip.static.unused"
    ON_FORWARDING_RULE = "ip.external.forwarding_rule"
    ON_STANDARD_VM = "ip.external.standard_vm"
    ON_SPOT_VM = "ip.external.spot_vm"
    ON_UNREAD_VM = "the VM was not read"
    ON_CLOUD_NAT = "ip.external.cloud_nat"
    ON_VPN = "ip.external.vpn"
    IPV6 = "ip.ipv6"
    BYOIP = "ip.byoip"
    INTERNAL = "ip.internal"
    IN_USE_BY_UNKNOWN = "in use, by what is not known"


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds which address: by the address's own users, by the link or the IP of the holder."""

    rules_of: Mapping[ResourceName, frozenset[ResourceName]]
    """By address: the forwarding rules on it."""
    addresses_of: Mapping[ResourceName, tuple[ResourceName, ...]]
    """By forwarding rule: the external IPv4 addresses that would cost something without a user."""
    nat_addresses: frozenset[ResourceName]
    instances: Mapping[IPAddress, Resource]
    """By external IP."""


def find_holders(inventory: Inventory) -> Holders:
    """Link addresses with what holds them, in one pass over each list."""
    by_ip: dict[IPAddress, list[ResourceName]] = defaultdict(list)
    rules_of: dict[ResourceName, set[ResourceName]] = defaultdict(set)
    addresses_of: dict[ResourceName, set[ResourceName]] = defaultdict(set)
    priced = {item.name: item.body for item in _of(inventory, "addresses") if _can_cost(item)}
    for name, address in priced.items():
        if not isinstance(address, Address):
            continue
        if address.ip is not None:
            by_ip[address.ip].append(name)
        named = [user for user in address.users if isinstance(user, ResourceName)]
        rules_of[name].update(user for user in named if user.collection == "forwardingRules")
    for item in _of(inventory, "forwardingRules"):
        for held in _addresses_named(item, by_ip, inventory):
            if held in priced:
                rules_of[held].add(item.name)
    for held, holders in rules_of.items():
        for rule in holders:
            addresses_of[rule].add(held)
    nat = [link.to for item in _of(inventory, "routers") for link in item.links if link.role == "natIp"]
    return Holders(
        rules_of={name: frozenset(rules) for name, rules in rules_of.items()},
        addresses_of={name: tuple(sorted(held)) for name, held in addresses_of.items()},
        nat_addresses=frozenset(nat),
        instances={
            ip: item
            for item in _of(inventory, "instances")
            if isinstance(item.body, Instance)
            for ip in item.body.nat_ips
        },
    )


def state_of(name: ResourceName, address: Address, status: str, holders: Holders, inventory: Inventory) -> AddressState:
    """What an address is used for as far as the price goes. An address that something uses is never idle."""
    free = _free_whatever_holds_it(address)
    if free:
        return free
    if holders.rules_of.get(name):
        return AddressState.ON_FORWARDING_RULE
    collections = {user.collection if isinstance(user, ResourceName) else "" for user in address.users}
    if collections & VPN_COLLECTIONS:
        return AddressState.ON_VPN
    if "routers" in collections or name in holders.nat_addresses or address.purpose == "NAT_AUTO":
        return AddressState.ON_CLOUD_NAT
    instance = holders.instances.get(address.ip) if address.ip else None
    if "instances" in collections or instance:
        return _state_on_instance(address, instance, inventory)
    # A list that lags behind may still call an address reserved; one that calls it in use is believed.
    return AddressState.IN_USE_BY_UNKNOWN if address.users or status == "IN_USE" else AddressState.IDLE


def price_in_state(state: AddressState, location: str, prices: PriceTable) -> Price:
    """The price of an address in that state; only idle ones differ by region."""
    if state is AddressState.IDLE:
        return prices.price(state, location)
    if state is AddressState.ON_UNREAD_VM:
        return prices.price(AddressState.ON_STANDARD_VM)
    return prices.price(state)


def idle_price(name: ResourceName, prices: PriceTable) -> Price:
    """The price of an external IPv4 address once nothing uses it."""
    return price_in_state(AddressState.IDLE, name.location, prices)


def is_held_by(name: ResourceName, address: Address, rule: ResourceName, holders: Holders) -> bool:
    """Whether this rule is all that holds the address: without it the address would lie idle."""
    return holders.rules_of.get(name) == frozenset({rule}) and all(user == rule for user in address.users)


def notes_on_state(state: AddressState, price: Price, prices: PriceTable) -> tuple[str, ...]:
    """What a reader must know about the price: assumptions, and why there is none."""
    if state is AddressState.IN_USE_BY_UNKNOWN:
        return ("In use by something that was not read or has no price here: its price is not known.",)
    if state is AddressState.ON_UNREAD_VM:
        spot = prices.price(AddressState.ON_SPOT_VM).monthly_in_cents
        return (f"The VM that uses it was not read: priced as on a standard VM; {spot or '—'} on a Spot VM.",)
    if state is AddressState.BYOIP:
        return ("A bring-your-own-IP address is free by Google's documentation, which gives no date.",)
    if price.is_assumed:
        return (f"Assumed price: {price.note}.",)
    if price.hourly is None:
        return (f"No list price is known for a reserved address in {price.region}: {price.note}.",)
    return ()


def _of(inventory: Inventory, collection: str) -> Iterable[Resource]:
    """The resources of one collection that could be read."""
    return (
        item
        for item in inventory.resources.values()
        if item.name.collection == collection and item.name not in inventory.unreadable
    )


def _can_cost(item: Resource) -> bool:
    return isinstance(item.body, Address) and _free_whatever_holds_it(item.body) is None


def _free_whatever_holds_it(address: Address) -> AddressState | None:
    """Internal addresses and ranges, IPv6 and brought addresses cost nothing; None for a Google external IPv4."""
    is_ipv6 = address.ip_version == "IPV6" or (address.ip is not None and address.ip.version == 6)
    if address.address_type == "INTERNAL" or address.purpose in INTERNAL_PURPOSES:
        return AddressState.INTERNAL
    if is_ipv6:
        return AddressState.IPV6
    if address.is_byoip:
        return AddressState.BYOIP
    # An external IPv4 address is one address: what has a prefix is a range, and no range is charged.
    return AddressState.INTERNAL if address.prefix_length not in (None, 0, 32) else None


def _addresses_named(
    item: Resource, by_ip: Mapping[IPAddress, list[ResourceName]], inventory: Inventory
) -> Iterable[ResourceName]:
    """The addresses a rule names by IP or, in some answers, by link."""
    rule = item.body
    if not isinstance(rule, ForwardingRule):
        return ()
    if rule.ip is not None:
        return by_ip.get(rule.ip, ())
    link = parse_link(rule.ip_text, project=item.name.project, numbers=inventory.numbers)
    return (link,) if link is not None else ()


def _state_on_instance(address: Address, instance: Resource | None, inventory: Inventory) -> AddressState:
    named = [user for user in address.users if isinstance(user, ResourceName) and user.collection == "instances"]
    known = instance or next((inventory.resources[user] for user in named if user in inventory.resources), None)
    if known is None or not isinstance(known.body, Instance) or known.name in inventory.unreadable:
        return AddressState.ON_UNREAD_VM
    return AddressState.ON_SPOT_VM if known.body.is_spot else AddressState.ON_STANDARD_VM
