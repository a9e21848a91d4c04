"""What to look at before anybody deletes a thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.compute import Address, ForwardingRule, Resource
from ..model.finding import WASTE, Verdict
from ..model.names import ResourceName
from ..model.snapshot import compute_scope
from .context import Context, Opinion
from .makers import Role


def warnings_of(
    context: Context, resource: Resource, opinion: Opinion, opinions: Mapping[ResourceName, Opinion]
) -> Iterator[str]:
    """Sentences about consequences of a deletion; most only where the verdict invites one."""
    if opinion.verdict is Verdict.FOREIGN:
        yield from _dead_backends(context, resource, opinions)
    if opinion.verdict not in WASTE:
        return
    if isinstance(resource.body, ForwardingRule):
        yield from _of_rule(context, resource, resource.body, opinions)
    elif isinstance(resource.body, Address):
        yield from _of_address(context, resource, resource.body, opinion)
    if opinion.confidence.value == "medium":
        yield "An owner outside the audited scope cannot be excluded."


def _of_rule(
    context: Context, resource: Resource, rule: ForwardingRule, opinions: Mapping[ResourceName, Opinion]
) -> Iterator[str]:
    holders = context.addresses_of_rule.get(resource.name, ())
    if rule.ip is not None and not holders and not rule.scheme.startswith("INTERNAL"):
        if context.inventory.coverage_of(compute_scope(resource.name.project, "addresses")).is_full:
            yield f"The IP {rule.ip} is ephemeral: it is lost for good with its rule. Look for DNS records first."
        else:
            yield (
                f"The addresses were not read in full: if nobody reserved the IP {rule.ip}, it is lost for good with "
                "its rule. Look for DNS records first."
            )
    for name in holders:
        if context.makers[name].role is Role.FOREIGN:
            yield _starts_to_cost(name)
        else:
            yield f"Its address {name.name} stays when only the rule goes, and then starts to cost."
    for name in context.graph.rules_by_ip.get(rule.ip, ()) if rule.ip is not None else ():
        other = opinions.get(name)
        if name != resource.name and other is not None and other.verdict in (Verdict.IN_USE, Verdict.IDLE):
            yield f"Forwarding rule {name.name}, which is in use, has the same IP."


def _of_address(context: Context, resource: Resource, address: Address, opinion: Opinion) -> Iterator[str]:
    if context.makers[resource.name].role is Role.FOREIGN:
        yield "A person or another tool reserved this address: ask who, and whether DNS or an allow list holds the IP."
    if opinion.verdict is Verdict.UNUSED and address.address_type != "INTERNAL":
        yield "A released external IP cannot be had back."
    if opinion.reason == "reserved-address-on-orphan":
        yield _starts_to_cost(resource.name)


def _starts_to_cost(address: ResourceName) -> str:
    """Said of the rule and of its address in the same words, so that one load balancer says it once."""
    return (
        f"A person reserved the address {address.name}: it is free of charge only while a forwarding rule holds it, "
        "and starts to cost when only the rule goes."
    )


def _dead_backends(context: Context, resource: Resource, opinions: Mapping[ResourceName, Opinion]) -> Iterator[str]:
    """A load balancer that a person made on a NEG of a dead cluster stays foreign, with a warning (docs/report.md)."""
    if resource.name.collection != "backendServices":
        return
    groups = [link.to for link in resource.links if link.role == "backend" and link.to in opinions]
    dead = [
        name for name in groups if opinions[name].reason == "used-by-user-load-balancer" and opinions[name].warnings
    ]
    if dead:
        count = f"{len(dead)} of its {len(groups)} backends"
        yield f"{count} are NEGs or groups that nothing in Kubernetes owns any more, such as {dead[0].name}."
