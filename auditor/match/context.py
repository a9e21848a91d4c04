"""Everything that the rules look at while they judge one resource, built once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..model.compute import ForwardingRule, Resource
from ..model.finding import Confidence, Evidence, Owner, Verdict
from ..model.inventory import Inventory
from ..model.names import ClusterKey, ResourceName
from ..model.snapshot import compute_scope
from . import bundles, claims, fingerprints, graph
from .bundles import Kin
from .candidates import hiding_fleet_members
from .claims import Claims
from .fingerprints import Fingerprints, Mark, MarkKind
from .graph import Graph
from .makers import Maker, Role, classify

CHANGING = frozenset({"STOPPING", "PROVISIONING"})
"""Cluster states in which what could be theirs is pending (ownership.md, section 5, x.cluster_stopping)."""
STUCK_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is thought of one resource so far."""

    verdict: Verdict
    reason: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    owner: Owner | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """The snapshot seen from every side that a rule may ask about."""

    inventory: Inventory
    as_of: datetime
    min_age: timedelta
    makers: Mapping[ResourceName, Maker]
    graph: Graph
    kin: Kin
    fingerprints: Fingerprints
    claims: Claims
    kin_marks: Mapping[int, tuple[Mark, ...]]
    addresses_of_rule: Mapping[ResourceName, tuple[ResourceName, ...]]
    """By forwarding rule: the address resources that it holds."""
    rules_of_mark: Mapping[tuple[MarkKind, str], tuple[ResourceName, ...]]
    """By mark: the forwarding rules of load balancers that bear it."""
    projects_of_mark: Mapping[tuple[str, str], frozenset[str]]
    """By (mark, value): the audited projects that hold a load-balancer part with it, firewalls not counted."""
    hiding_fleet_members: tuple[str, ...]
    """The lists that may hide a cluster of any project's fleet."""

    def scope(self, resource: Resource) -> str:
        return compute_scope(resource.name.project, resource.name.collection)

    def is_changing(self, key: ClusterKey) -> bool:
        return self.inventory.clusters[key].status in CHANGING

    def age_is_over(self, resource: Resource, limit: timedelta) -> bool:
        return resource.created_at is not None and self.as_of - resource.created_at >= limit


def build(inventory: Inventory, *, as_of: datetime, min_age: timedelta) -> Context:
    """Classify, link, identify and collect claims: each one pass over the inventory."""
    makers = {resource.name: classify(resource) for resource in inventory.judged()}
    found = fingerprints.build(inventory, makers)
    relatives = bundles.kin(inventory, makers)
    links = graph.build(inventory)
    marks = _kin_marks(inventory, makers, relatives)
    return Context(
        inventory=inventory,
        as_of=as_of,
        min_age=min_age,
        makers=makers,
        graph=links,
        kin=relatives,
        fingerprints=found,
        claims=claims.build(inventory, found),
        kin_marks=marks,
        rules_of_mark=_rules_of_mark(relatives, marks),
        addresses_of_rule=_addresses_of_rule(links),
        projects_of_mark=_projects_of_mark(inventory, makers),
        hiding_fleet_members=hiding_fleet_members(inventory),
    )


def _kin_marks(
    inventory: Inventory, makers: Mapping[ResourceName, Maker], relatives: Kin
) -> dict[int, tuple[Mark, ...]]:
    """All marks of a group: of its members, of the VMs behind its pools, of the shared health checks it uses."""
    result: dict[int, tuple[Mark, ...]] = {}
    for number, names in relatives.members.items():
        found: dict[Mark, None] = {}
        for name in names:
            resource = inventory.resources[name]
            found.update(dict.fromkeys(fingerprints.own_marks(inventory, resource, makers[name])))
            if name.collection == "targetPools":
                found.update(dict.fromkeys(fingerprints.instance_marks(inventory, resource)))
            if name.collection in ("targetPools", "backendServices"):
                found.update(dict.fromkeys(fingerprints.shared_check_marks(inventory, makers, resource)))
        result[number] = tuple(sorted(found))
    return result


def _rules_of_mark(
    relatives: Kin, marks: Mapping[int, tuple[Mark, ...]]
) -> dict[tuple[MarkKind, str], tuple[ResourceName, ...]]:
    found: dict[tuple[MarkKind, str], list[ResourceName]] = defaultdict(list)
    for number, names in relatives.members.items():
        rules = [name for name in names if name.collection == "forwardingRules"]
        for item in marks[number]:
            found[item.kind, item.value] += rules
    return {key: tuple(dict.fromkeys(names)) for key, names in found.items()}


def _projects_of_mark(
    inventory: Inventory, makers: Mapping[ResourceName, Maker]
) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, maker in makers.items():
        if maker.role is Role.FOREIGN or name.collection == "firewalls":
            continue
        for kind in ("c8", "uid", "lb"):
            value = maker.marks.get(kind)
            if value:
                found[kind, value].add(name.project)
    return {key: frozenset(projects) for key, projects in found.items()}


def _addresses_of_rule(links: Graph) -> dict[ResourceName, tuple[ResourceName, ...]]:
    found: dict[ResourceName, list[ResourceName]] = defaultdict(list)
    for address, users in links.address_users.items():
        for user in users:
            if isinstance(user, ResourceName):
                found[user].append(address)
    return {rule: tuple(names) for rule, names in found.items()}


def rule_ip_text(resource: Resource) -> str | None:
    """The IP of a forwarding rule as reports write it, without prefix length."""
    body = resource.body
    return str(body.ip) if isinstance(body, ForwardingRule) and body.ip is not None else None
