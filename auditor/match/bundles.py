"""One load balancer: which resources belong together, and which of them is its root (docs/report.md, Verdicts).

Two groupings of the same resources. *Kin* are all non-shared parts that one cluster's controller tied together: a part
without a mark of its own borrows the marks of its kin. A *load balancer* is narrower: two Ingresses that share a
backend service are kin, and two load balancers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..model.compute import Address, ForwardingRule, Resource
from ..model.finding import Verdict
from ..model.inventory import Inventory
from ..model.names import ResourceName
from .graph import Graph
from .makers import FLEET_FAMILIES, Family, Maker, Role

_TOPMOST = (
    "forwardingRules",
    "targetHttpProxies",
    "targetHttpsProxies",
    "targetTcpProxies",
    "targetSslProxies",
    "targetGrpcProxies",
    "urlMaps",
    "targetPools",
    "backendServices",
    "networkEndpointGroups",
    "healthChecks",
    "httpHealthChecks",
    "httpsHealthChecks",
    "sslCertificates",
    "serviceAttachments",
    "firewalls",
    "addresses",
)
_RANK = {collection: rank for rank, collection in enumerate(_TOPMOST)}
_MANY_OWNERS = frozenset({Family.INGRESS_BACKEND, Family.ENDPOINT_GROUP, Family.TENANT_ENDPOINT_GROUP})
"""Parts that several load balancers of one cluster may share: they follow whoever points at them."""
_NO_BALANCER = frozenset({"vpn", "private-service-connect", "service-mesh", "cluster-level", "network-range"})


class _Union:
    """Union-find by hand: path halving, the smaller name leads."""

    def __init__(self) -> None:
        self.parent: dict[Hashable, Hashable] = {}

    def find(self, item: Hashable) -> Hashable:
        parent = self.parent
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, one: Hashable, other: Hashable) -> None:
        first, second = self.find(one), self.find(other)
        if first != second:
            self.parent[second] = first


@dataclass(frozen=True, slots=True)
class Kin:
    """Groups of resources that one controller tied together."""

    group_of: Mapping[ResourceName, int]
    members: Mapping[int, tuple[ResourceName, ...]]

    def of(self, name: ResourceName) -> tuple[ResourceName, ...]:
        group = self.group_of.get(name)
        return (name,) if group is None else self.members[group]


def kin(inventory: Inventory, makers: Mapping[ResourceName, Maker]) -> Kin:
    """Resources joined by links and by the keys in their names, parts of the whole cluster left out."""
    union = _Union()
    own = [item for item in inventory.judged() if _is_own_part(makers[item.name])]
    for resource in own:
        maker = makers[resource.name]
        union.find(resource.name)
        for key in _keys(resource, maker):
            union.join(resource.name, key)
        for link in resource.links:
            other = makers.get(link.to)
            if other is not None and _is_own_part(other) and _same_reach(maker, other):
                union.join(resource.name, link.to)
    groups: dict[Hashable, list[ResourceName]] = defaultdict(list)
    for resource in own:
        groups[union.find(resource.name)].append(resource.name)
    numbered = dict(enumerate(groups.values()))
    return Kin(
        group_of={name: number for number, names in numbered.items() for name in names},
        members={number: tuple(names) for number, names in numbered.items()},
    )


def _is_own_part(maker: Maker) -> bool:
    return maker.role in (Role.CANDIDATE, Role.COMPANION)


def _same_reach(one: Maker, other: Maker) -> bool:
    """A fleet's backend service takes NEGs of many clusters: that does not make those clusters one."""
    return (one.family in FLEET_FAMILIES) == (other.family in FLEET_FAMILIES)


def _keys(resource: Resource, maker: Maker) -> Iterable[tuple[str, ...]]:
    """What the names of one load balancer's parts have in common."""
    marks, name = maker.marks, resource.name
    owner = "/".join(maker.owner) if maker.owner else ""
    if maker.family is Family.SERVICE_UID and "lb" in marks:
        yield ("service", marks["lb"])
    elif maker.family in (Family.SERVICE_L4, Family.ENDPOINT_GROUP) and "c8" in marks:
        if "h8" in marks:
            yield ("l4", marks["c8"], marks["h8"])
        if owner:
            yield ("l4-owner", marks["c8"], owner)
    elif maker.family is Family.INGRESS_V2 and "h8" in marks:
        yield ("ingress-v2", name.project, name.scope, marks["c8"], marks["h8"])
    elif maker.family is Family.INGRESS_V1 and marks.get("uid") and "nsname" in marks:
        yield ("ingress-v1", name.project, name.scope, marks["nsname"], marks["uid"])
    elif maker.family is Family.KUBEMCI and "kubemci" in marks:
        yield ("kubemci", name.project, marks["kubemci"])
    elif maker.family is Family.MULTI_CLUSTER_INGRESS and maker.rule in ("mci.fr", "mci.front"):
        yield ("mci", name.project, marks["h6"], marks["body"])
    elif maker.family in (Family.GATEWAY, Family.MULTI_CLUSTER_GATEWAY) and owner:
        yield ("gateway", name.project, str(resource.annotations.get("k8sCluster", "")), owner, name.scope)


@dataclass(frozen=True, slots=True)
class Part:
    """What grouping needs of one judged resource."""

    name: ResourceName
    verdict: Verdict
    reason: str


def load_balancers(
    inventory: Inventory, makers: Mapping[ResourceName, Maker], graph: Graph, parts: Sequence[Part]
) -> dict[ResourceName, ResourceName]:
    """The root of the load balancer that each resource belongs to; what belongs to none is left out.

    The root is the first of its rules by resource, or its topmost part where no rule is left.
    """
    verdicts = {part.name: part for part in parts}
    union = _Union()
    fronts = [part.name for part in parts if _is_front(makers[part.name], verdicts[part.name])]
    front_set = set(fronts)
    by_ip: dict[tuple[object, ...], ResourceName] = {}
    for name in fronts:
        resource = inventory.resources[name]
        union.find(name)
        for key in _keys(resource, makers[name]):
            union.join(key, name)
        for link in resource.links:
            if link.to in front_set:
                union.join(link.to, name)
        if verdicts[name].verdict is Verdict.FOREIGN:
            for part in _users_parts_behind(inventory, verdicts, name):
                union.join(part, name)
        key_of_ip = _ip_key(resource)
        if key_of_ip is not None:
            union.join(by_ip.setdefault(key_of_ip, name), name)
    groups: dict[Hashable, list[ResourceName]] = defaultdict(list)
    for name in fronts:
        groups[union.find(name)].append(name)
    roots = {name: root for names in groups.values() for root in [min(names, key=_order)] for name in names}
    _follow(inventory, makers, graph, verdicts, roots)
    return roots


_USERS_PARTS = frozenset(
    {
        "targetHttpProxies",
        "targetHttpsProxies",
        "targetTcpProxies",
        "targetSslProxies",
        "targetGrpcProxies",
        "urlMaps",
        "backendServices",
        "targetPools",
    }
)


def _users_parts_behind(
    inventory: Inventory, verdicts: Mapping[ResourceName, Part], rule: ResourceName
) -> Iterator[ResourceName]:
    """The way of the traffic behind a user's rule: rules that meet on it are one load balancer. Health checks, groups
    and certificates do not tie, a person may use one for everything."""
    todo, seen = [rule], {rule}
    while todo:
        for link in inventory.resources[todo.pop()].links:
            part = verdicts.get(link.to)
            if part is None or part.verdict is not Verdict.FOREIGN or link.to in seen:
                continue
            if link.to.collection in _USERS_PARTS:
                seen.add(link.to)
                todo.append(link.to)
                yield link.to


def _is_front(maker: Maker, part: Part) -> bool:
    """What ties a load balancer together; parts with many owners, shared parts, addresses and service attachments only
    follow."""
    if maker.role is Role.SHARED or part.name.collection in ("addresses", "serviceAttachments"):
        return False
    if part.verdict is Verdict.FOREIGN:
        is_rule = part.name.collection == "forwardingRules"
        return is_rule and part.reason not in _NO_BALANCER
    if maker.role is Role.FOREIGN:
        return False
    if maker.family in _MANY_OWNERS:
        return maker.rule == "l4v2.bs_neg_hc"
    return True


def _ip_key(resource: Resource) -> tuple[object, ...] | None:
    """Rules that share an IP are one load balancer; an internal IP exists once in each network."""
    body = resource.body
    if not isinstance(body, ForwardingRule) or body.ip is None:
        return None
    if body.scheme.startswith("INTERNAL"):
        return (resource.name.project, resource.name.scope, body.network, body.ip)
    return (resource.name.project, body.ip)


def _order(name: ResourceName) -> tuple[int, str]:
    return _RANK.get(name.collection, len(_RANK)), name.full


def _follow(
    inventory: Inventory,
    makers: Mapping[ResourceName, Maker],
    graph: Graph,
    verdicts: Mapping[ResourceName, Part],
    roots: dict[ResourceName, ResourceName],
) -> None:
    """Give what only follows the load balancer of whoever needs it, the most alive one first."""
    for name in sorted(verdicts, key=_order):
        if name in roots or makers[name].role is Role.SHARED or name.collection == "instanceGroups":
            continue
        resource = inventory.resources[name]
        if isinstance(resource.body, Address):
            users = graph.address_users.get(name, ())
            above = [user for user in users if isinstance(user, ResourceName)]
        elif name.collection == "serviceAttachments":
            above = [link.to for link in resource.links]
        else:
            above = list(graph.referrers.get(name, ()))
        known = [other for other in above if other in roots and other in verdicts]
        if known:
            best = min(known, key=lambda other: (ALIVE.index(verdicts[other].verdict), roots[other].full))
            roots[name] = roots[best]
        elif _stands_alone(verdicts[name]):
            roots[name] = name


def _stands_alone(part: Part) -> bool:
    """A part of which nothing above is left is the topmost part itself; a lone address is no load balancer."""
    return part.verdict in (Verdict.ORPHANED, Verdict.UNKNOWN, Verdict.PENDING) and part.name.collection not in (
        "addresses",
        "firewalls",
        "instanceGroups",
        "sslCertificates",
    )


ALIVE = (
    Verdict.IN_USE,
    Verdict.FOREIGN,
    Verdict.IDLE,
    Verdict.UNKNOWN,
    Verdict.PENDING,
    Verdict.ORPHANED,
    Verdict.UNUSED,
)
"""The most alive verdict first."""
