"""The decision on addresses: what uses them, who names them, who reserved them (ownership.md, sections 3 P6 and 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..model.compute import Address, Resource
from ..model.finding import Evidence, Owner, Verdict
from ..model.names import ClusterKey, IPAddress, ResourceName
from ..model.nouns import noun
from ..model.snapshot import clusters_scope, compute_scope, objects_scope
from .candidates import hides_cluster_at, hides_referrer_of
from .claims import ANY_REGION, Mention
from .context import Context, Opinion
from .exclusions import address_range, collection_of, declared_label, is_vm_endpoint
from .makers import Maker, Role, find_rule
from .owners import Answer, find
from .testimony import about_gaps, about_maker, say
from .verdicts import HIGH, LOW, MEDIUM, REFERRERS, about_shared_vpc, leftover, owned, settle_age

NAMING_PLURALS = ("services", "ingresses", "gateways", "multiclusteringresses")
"""Kinds of objects that can name an address."""


def judge_address(context: Context, resource: Resource, rules: Mapping[ResourceName, Opinion]) -> Opinion:
    """The verdict on one address, once those on the forwarding rules are known."""
    body = resource.body
    if not isinstance(body, Address):
        raise TypeError(f"{resource.name} is no address")
    scope = context.scope(resource)
    maker = context.makers[resource.name]
    users = context.graph.address_users.get(resource.name, ())
    if resource.name in context.inventory.unreadable:
        problem = context.inventory.unreadable[resource.name]
        return Opinion(Verdict.UNKNOWN, "unreadable", LOW, (say(f"It could not be read: {problem}.", scope),))
    if maker.role is Role.FOREIGN and maker.foreign_reason != "not-kubernetes":
        text = "its name is one that Google Cloud gives to addresses of its own."
        return Opinion(Verdict.FOREIGN, maker.foreign_reason, HIGH, (say(text, scope),))
    what = address_range(resource, body)
    if what is not None:
        return Opinion(Verdict.FOREIGN, "network-range", HIGH, (say(f"It is {what}.", scope),))
    if is_vm_endpoint(body, users):
        return Opinion(Verdict.FOREIGN, "network-range", HIGH, (say("It is the internal address of a VM.", scope),))
    if users:
        return _used(context, resource, maker, users, rules)
    return _unused(context, resource, body, maker)


# Something uses it


def _used(
    context: Context,
    resource: Resource,
    maker: Maker,
    users: Sequence[ResourceName | str],
    rules: Mapping[ResourceName, Opinion],
) -> Opinion:
    """The verdict of its users (x.addr.users); a live object that names it keeps it in use whatever they are."""
    scope = context.scope(resource)
    others = [user for user in users if collection_of(user) != "forwardingRules"]
    if others:
        text = f"{noun(collection_of(others[0])) or 'something'} {_short(others[0])} holds it."
        return Opinion(Verdict.IN_USE, "held-by-resource", HIGH, (say(text, scope),))
    opinions = {user: rules.get(user) if isinstance(user, ResourceName) else None for user in users}
    alive = _first(opinions, Verdict.IN_USE, Verdict.IDLE)
    if alive is not None:
        user, opinion = alive
        text = f"forwarding rule {_short(user)}, which is {_words(opinion.verdict)}, holds it."
        return Opinion(Verdict.IN_USE, "needed-by-live", HIGH, (say(text, scope),), opinion.owner)
    named = _mentions(context, resource)
    if named:
        return _named(context, named)
    missing = [user for user, opinion in opinions.items() if opinion is None]
    if missing and all(_is_googles(user) for user in missing) and len(missing) == len(opinions):
        text = f"forwarding rule {_short(missing[0])}, which holds it, has a name that Google Cloud gives itself."
        return Opinion(Verdict.FOREIGN, "held-by-foreign", HIGH, (say(text, scope),))
    if missing:
        text = f"forwarding rule {_short(missing[0])} uses it, and was not read."
        return Opinion(Verdict.UNKNOWN, "referrer-not-read", LOW, (say(text, scope),))
    for verdict, reason in (
        (Verdict.FOREIGN, "held-by-foreign"),
        (Verdict.UNKNOWN, "part-of-unknown"),
        (Verdict.PENDING, "part-of-pending"),
    ):
        found = _first(opinions, verdict)
        if found is not None:
            user, opinion = found
            text = f"forwarding rule {_short(user)}, which is {_words(verdict)}, holds it."
            return Opinion(verdict, reason, opinion.confidence, (say(text, scope), *opinion.evidence), opinion.owner)
    label = declared_label(resource)
    if label:
        return Opinion(Verdict.FOREIGN, "declared-elsewhere", HIGH, (say(f"It has the label {label}.", scope),))
    return _held_by_orphans(context, resource, maker, opinions)


def _held_by_orphans(
    context: Context, resource: Resource, maker: Maker, opinions: Mapping[ResourceName | str, Opinion | None]
) -> Opinion:
    scope = context.scope(resource)
    held = [opinion for opinion in opinions.values() if opinion is not None]
    names = ", ".join(_short(user) for user in opinions)
    about = say(f"only orphaned forwarding rules hold it: {names}.", scope)
    is_reserved = maker.role is Role.FOREIGN
    gaps = _unread_namers(context, resource, is_controllers=not is_reserved) + _unread_users(context, resource)
    owner = held[0].owner
    if gaps:
        evidence = (about, *about_gaps(context, gaps))
        return Opinion(Verdict.UNKNOWN, "owner-not-read", LOW, evidence, owner)
    reason = "reserved-address-on-orphan" if is_reserved else "temporary-address-left"
    evidence = (about, *held[0].evidence, say("no live object names it or its IP.", _naming_scope(context, resource)))
    weakest = MEDIUM if any(opinion.confidence is not HIGH for opinion in held) else HIGH
    return settle_age(context, resource, Opinion(Verdict.ORPHANED, reason, weakest, evidence, owner))


def _first(
    opinions: Mapping[ResourceName | str, Opinion | None], *verdicts: Verdict
) -> tuple[ResourceName | str, Opinion] | None:
    for user, opinion in opinions.items():
        if opinion is not None and opinion.verdict in verdicts:
            return user, opinion
    return None


def _is_googles(user: ResourceName | str) -> bool:
    """A rule that was not read, but whose name alone makes it foreign (a control plane's endpoint, say)."""
    found = find_rule("forwardingRules", _short(user))
    return found is not None and found[0].role is Role.FOREIGN


def _words(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")


def _short(user: ResourceName | str) -> str:
    return user.name if isinstance(user, ResourceName) else user.rpartition("/")[2]


# Nothing uses it


def _unused(context: Context, resource: Resource, body: Address, maker: Maker) -> Opinion:
    named = _mentions(context, resource)
    if named:
        return _named(context, named)
    if maker.role is not Role.FOREIGN:
        return _controllers_address(context, resource, maker)
    scope = context.scope(resource)
    if resource.status == "IN_USE":
        unseen = _used_by_something_unseen(context, resource)
        return Opinion(Verdict.UNKNOWN, "contradictory-evidence", LOW, (unseen,))
    if not resource.status:
        text = "It has no status, so nothing says that it is free."
        return Opinion(Verdict.UNKNOWN, "contradictory-evidence", LOW, (say(text, scope),))
    reserved = say("It is reserved, nothing uses it, and its name is no controller's.", scope)
    if body.subnetwork and _may_be_shared_vpc(context, resource):
        evidence = (reserved, about_shared_vpc(context, resource))
        return Opinion(Verdict.UNKNOWN, "shared-vpc-owner-unknown", LOW, evidence)
    gaps = _unread_namers(context, resource, is_controllers=False) + _unread_users(context, resource)
    if gaps:
        return Opinion(Verdict.UNKNOWN, "owner-not-read", LOW, (reserved, *about_gaps(context, gaps)))
    nobody = say(_nobody_names(context, resource), _naming_scope(context, resource))
    opinion = settle_age(context, resource, Opinion(Verdict.UNUSED, "address-unused", HIGH, (reserved, nobody), None))
    label = declared_label(resource)
    if label:
        warning = f"It has the label {label}: release it in the tool that declares it, or that tool makes it again."
        opinion = replace(opinion, warnings=(*opinion.warnings, warning))
    return opinion


def _used_by_something_unseen(context: Context, resource: Resource) -> Evidence:
    return say("Its status is IN_USE, but nothing that can be seen uses it.", context.scope(resource))


def _controllers_address(context: Context, resource: Resource, maker: Maker) -> Opinion:
    """An address with a controller's name and no rule on it: its owner is asked as for a forwarding rule."""
    ownership = find(context, resource, maker)
    if ownership.answer in (Answer.OWNED, Answer.CHANGING, Answer.STUCK, Answer.RELEASED):
        return owned(context, resource, maker, ownership)
    opinion = leftover(context, resource, maker, ownership)
    if opinion.verdict not in (Verdict.ORPHANED, Verdict.PENDING):
        return opinion
    if resource.status == "IN_USE":
        evidence = (*opinion.evidence, _used_by_something_unseen(context, resource))
        return replace(
            opinion, verdict=Verdict.UNKNOWN, reason="contradictory-evidence", confidence=LOW, evidence=evidence
        )
    gaps = _unread_namers(context, resource, is_controllers=True) + _unread_users(context, resource)
    if gaps and opinion.verdict is Verdict.ORPHANED:
        evidence = (about_maker(context, resource, maker), *about_gaps(context, gaps))
        return replace(opinion, verdict=Verdict.UNKNOWN, reason="owner-not-read", confidence=LOW, evidence=evidence)
    return opinion


def _may_be_shared_vpc(context: Context, resource: Resource) -> bool:
    project = context.inventory.projects.get(resource.name.project)
    return project is None or project.is_shared_vpc_host is not False


# Who names it


def _mentions(context: Context, resource: Resource) -> list[Mention]:
    """Live objects that name the address by name, link or IP, of the clusters that could mean it."""
    claims, name = context.claims, resource.name
    by_name = [
        mention
        for key in (
            (name.project, name.location, name.name),
            ("_", name.location, name.name),
            ("_", ANY_REGION, name.name),
        )
        for mention in claims.named_addresses.get(key, ())
    ]
    body = resource.body
    ip: IPAddress | None = body.ip if isinstance(body, Address) else None
    is_controllers = context.makers[name].role is not Role.FOREIGN
    wanted = set(_namers(context, resource, is_controllers=is_controllers))
    by_ip = [
        mention
        for mention in (claims.mentions_by_ip.get(ip, ()) if ip is not None else ())
        if mention.object.meta.cluster in wanted
    ]
    return sorted(by_name + by_ip, key=lambda mention: (mention.object.label, mention.how))


def _named(context: Context, mentions: Sequence[Mention]) -> Opinion:
    live = mentions[0].object
    evidence = tuple(
        say(
            f"{mention.object.label} names it ({mention.how}).",
            objects_scope(mention.object.meta.cluster, mention.object.meta.plural),
        )
        for mention in mentions[:5]
    )
    owner = Owner(live.meta.cluster.full, live.kind, live.meta.namespace, live.meta.name, True)
    return Opinion(Verdict.IN_USE, "named-by-object", HIGH, evidence, owner)


def _namers(context: Context, resource: Resource, *, is_controllers: bool) -> list[ClusterKey]:
    """The clusters whose objects can mean this address: those of its project and of its project's fleet, those that
    are no GKE clusters; every cluster for a subnetwork's address in a project that may be a Shared VPC host.

    What a single-cluster controller made in a region can only be meant there.
    """
    inventory, name = context.inventory, resource.name
    project = inventory.projects.get(name.project)
    numbers = {name.project, project.number if project else ""} - {""}
    body = resource.body
    is_shared = isinstance(body, Address) and bool(body.subnetwork) and _may_be_shared_vpc(context, resource)
    found = []
    for key, cluster in inventory.clusters.items():
        in_fleet = cluster.fleet_project in numbers or not cluster.is_listed
        if key.is_gke and key.project != name.project and not in_fleet and not is_shared:
            continue
        is_elsewhere = key.is_gke and key.project == name.project and name.region not in (None, key.region)
        if not (is_controllers and is_elsewhere):
            found.append(key)
    return found


def _unread_namers(context: Context, resource: Resource, *, is_controllers: bool) -> list[str]:
    """What hides an object that could name the address."""
    inventory, name = context.inventory, resource.name
    scopes = [
        objects_scope(key, plural)
        for key in _namers(context, resource, is_controllers=is_controllers)
        for plural in NAMING_PLURALS
    ]
    gaps = [scope for scope in scopes if not inventory.coverage_of(scope).is_full]
    listing = clusters_scope(name.project)
    where = name.region if is_controllers else None
    if hides_cluster_at(inventory.coverage_of(listing), where):
        gaps.append(listing)
    return gaps if is_controllers else [*dict.fromkeys((*gaps, *context.hiding_fleet_members))]


def _unread_users(context: Context, resource: Resource) -> list[str]:
    """What hides a forwarding rule, router or VM that could hold the address."""
    project = resource.name.project
    scopes = [compute_scope(project, collection) for collection in REFERRERS["addresses"]]
    known = context.inventory.coverage_of
    return [scope for scope in scopes if hides_referrer_of(known(scope), resource.name)]


def _nobody_names(context: Context, resource: Resource) -> str:
    asked = _namers(context, resource, is_controllers=False)
    if not asked:
        return "No living cluster could name it."
    shown = ", ".join(key.short for key in asked[:5]) + (f" and {len(asked) - 5} more" if len(asked) > 5 else "")
    return f"No Service, Ingress, Gateway or MultiClusterIngress names it or its IP; read in full: {shown}."


def _naming_scope(context: Context, resource: Resource) -> str:
    asked = _namers(context, resource, is_controllers=False)
    return objects_scope(asked[0], "services") if asked else clusters_scope(resource.name.project)
