"""Who points at whom among the resources of one snapshot. One pass; every question afterwards is a dictionary's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..model.compute import Address, ForwardingRule, Instance, Resource, Route
from ..model.inventory import Inventory
from ..model.names import IPAddress, ResourceName


@dataclass(frozen=True, slots=True)
class Graph:
    """The arrows of the snapshot, turned round where the question is "who needs this?"."""

    referrers: Mapping[ResourceName, tuple[ResourceName, ...]]
    """By resource: forwarding rules, proxies, URL maps, ... that point at it, in order of name."""
    rules_by_ip: Mapping[IPAddress, tuple[ResourceName, ...]]
    address_users: Mapping[ResourceName, tuple[ResourceName | str, ...]]
    """By address: what its `users` say, the rules with its IP, the VMs and routers that hold it."""
    next_hops: Mapping[ResourceName, tuple[ResourceName, ...]]
    """By forwarding rule: the routes that send traffic to it."""


def build(inventory: Inventory) -> Graph:
    """The graph of every link between Compute resources, whether or not its end is in the snapshot."""
    referrers: dict[ResourceName, list[ResourceName]] = defaultdict(list)
    rules_by_ip: dict[IPAddress, list[ResourceName]] = defaultdict(list)
    holders: dict[IPAddress, list[ResourceName]] = defaultdict(list)
    routes: list[Resource] = []
    for resource in inventory.resources.values():
        for link in resource.links:
            referrers[link.to].append(resource.name)
        body = resource.body
        if isinstance(body, ForwardingRule) and body.ip is not None:
            rules_by_ip[body.ip].append(resource.name)
        elif isinstance(body, Instance):
            for ip in {*body.nat_ips}:
                holders[ip].append(resource.name)
        elif isinstance(body, Route):
            routes.append(resource)
    frozen_rules = {ip: tuple(names) for ip, names in rules_by_ip.items()}
    return Graph(
        referrers={name: tuple(dict.fromkeys(names)) for name, names in referrers.items()},
        rules_by_ip=frozen_rules,
        address_users=_address_users(inventory, referrers, frozen_rules, holders),
        next_hops=_next_hops(inventory, routes, frozen_rules),
    )


_NAME_ADDRESSES = ("routers", "forwardingRules")
"""What may name an address by link: NAT, and a rule in place of the IP."""


def _address_users(
    inventory: Inventory,
    referrers: Mapping[ResourceName, list[ResourceName]],
    rules_by_ip: Mapping[IPAddress, tuple[ResourceName, ...]],
    holders: Mapping[IPAddress, list[ResourceName]],
) -> Mapping[ResourceName, tuple[ResourceName | str, ...]]:
    users: dict[ResourceName, tuple[ResourceName | str, ...]] = {}
    for resource in inventory.resources.values():
        body = resource.body
        if not isinstance(body, Address):
            continue
        found: dict[ResourceName | str, None] = dict.fromkeys(body.users)
        named_by = (name for name in referrers.get(resource.name, ()) if name.collection in _NAME_ADDRESSES)
        found.update(dict.fromkeys(named_by))
        if body.ip is not None and body.prefix_length in (None, 32, 96, 128):
            for name in rules_by_ip.get(body.ip, ()):
                if _can_hold(inventory.resources[name], resource, body):
                    found[name] = None
            if body.address_type != "INTERNAL":
                found.update(dict.fromkeys(holders.get(body.ip, ())))
        users[resource.name] = tuple(sorted(found, key=str))
    return users


def _can_hold(rule: Resource, address: Resource, body: Address) -> bool:
    """Whether a rule with this address's IP holds it: an internal IP exists once in each network, so only in its own
    region, and in its own network or subnetwork where both are known."""
    if body.address_type != "INTERNAL" and not body.purpose:
        return True
    if rule.name.location != address.name.location or not isinstance(rule.body, ForwardingRule):
        return False
    for mine, theirs in ((body.network, rule.body.network), (body.subnetwork, rule.body.subnetwork)):
        if mine and theirs and tail_of(mine) != tail_of(theirs):
            return False
    return True


def tail_of(link: str) -> str:
    """A link from "projects/" on, so that hosts and API versions do not matter."""
    return link.partition("projects/")[2] or link


def _next_hops(
    inventory: Inventory, routes: list[Resource], rules_by_ip: Mapping[IPAddress, tuple[ResourceName, ...]]
) -> Mapping[ResourceName, tuple[ResourceName, ...]]:
    """A route names its next hop by link or by IP; an IP counts for every internal rule that has it."""
    hops: dict[ResourceName, list[ResourceName]] = defaultdict(list)
    by_text = {str(ip): names for ip, names in rules_by_ip.items()}
    for route in routes:
        if not isinstance(route.body, Route) or not route.body.next_hop_ilb:
            continue
        for name in [link.to for link in route.links] or by_text.get(route.body.next_hop_ilb, ()):
            hops[name].append(route.name)
    return {name: tuple(found) for name, found in hops.items()}
