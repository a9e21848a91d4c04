"""From opinions to findings: along the arrows, then into load balancers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ..model.compute import Address, ForwardingRule, Resource, ServiceAttachment
from ..model.finding import WASTE, Confidence, Finding, Verdict
from ..model.inventory import Inventory
from ..model.names import ResourceName
from ..model.nouns import noun
from ..model.snapshot import compute_scope
from . import context as contexts
from .addresses import judge_address
from .bundles import ALIVE, Part, load_balancers
from .context import Context, Opinion, rule_ip_text
from .makers import Family, Maker, Role
from .testimony import say
from .verdicts import COMPANIONS, is_connected, opinion_of, rules_served, unread_referrers
from .warnings import warnings_of

_IN_ORDER = (
    ("serviceAttachments",),
    ("forwardingRules",),
    ("targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies", "targetGrpcProxies"),
    ("urlMaps",),
    ("backendServices", "targetPools"),
    ("networkEndpointGroups", "instanceGroups", "healthChecks", "httpHealthChecks", "httpsHealthChecks"),
    ("sslCertificates",),
    ("firewalls",),
)
"""Who points comes before what is pointed at."""


def judge(inventory: Inventory, *, as_of: datetime, min_age: timedelta) -> tuple[Finding, ...]:
    """One finding for each judged resource, in order of its name, without cost.

    `as_of` is the moment that ages count from; what would be waste and is younger than `min_age` is pending.
    """
    context = contexts.build(inventory, as_of=as_of, min_age=min_age)
    opinions = _along_the_arrows(context)
    parts = [Part(name, opinion.verdict, opinion.reason) for name, opinion in opinions.items()]
    roots = load_balancers(inventory, context.makers, context.graph, parts)
    opinions |= _after_second_look(opinions, roots)
    return tuple(
        _finding(context, inventory.resources[name], opinions[name], opinions, roots)
        for name in sorted(opinions, key=str)
    )


def _after_second_look(
    opinions: Mapping[ResourceName, Opinion], roots: Mapping[ResourceName, ResourceName]
) -> dict[ResourceName, Opinion]:
    """Only the root of a load balancer is looked at twice: what that saw holds for the parts that would be waste, also
    for those that no arrow joins with it any more because the rest was deleted while the lists were read."""
    changed: dict[ResourceName, Opinion] = {}
    for name, opinion in opinions.items():
        root = roots.get(name)
        seen = opinions.get(root) if root is not None and root != name else None
        if opinion.verdict not in WASTE or seen is None or seen.reason not in _REASONS_OF_SECOND_LOOK:
            continue
        verdict, reason = _LIFTED[seen.verdict]
        evidence = (*opinion.evidence, seen.evidence[-1])
        changed[name] = replace(opinion, verdict=verdict, reason=reason, confidence=seen.confidence, evidence=evidence)
    return changed


_REASONS_OF_SECOND_LOOK = frozenset({"changed-meanwhile", "second-look-failed"})


def _along_the_arrows(context: Context) -> dict[ResourceName, Opinion]:
    by_collection: dict[str, list[Resource]] = {}
    for resource in context.inventory.judged():
        by_collection.setdefault(resource.name.collection, []).append(resource)
    opinions: dict[ResourceName, Opinion] = {}
    for collections in _IN_ORDER:
        for collection in collections:
            for resource in by_collection.get(collection, ()):
                opinions[resource.name] = _with_referrers(context, resource, opinion_of(context, resource), opinions)
    _spread_backup_pools(context, opinions)
    for resource in by_collection.get("addresses", ()):
        opinions[resource.name] = judge_address(context, resource, opinions)
    return opinions


def _with_referrers(
    context: Context, resource: Resource, own: Opinion, opinions: Mapping[ResourceName, Opinion]
) -> Opinion:
    """The most alive of what a resource is by itself and of what needs it."""
    if isinstance(resource.body, ForwardingRule):
        return _rule_with_attachments(context, resource, own, opinions)
    if resource.name.collection == "serviceAttachments":
        return own
    referrers = [name for name in context.graph.referrers.get(resource.name, ()) if name in opinions]
    if not referrers:
        return _with_kin(context, resource, own, opinions)
    best = min(referrers, key=lambda name: (ALIVE.index(opinions[name].verdict), name.full))
    return _lifted(context, resource, own, best, opinions[best])


def _rule_with_attachments(
    context: Context, resource: Resource, own: Opinion, opinions: Mapping[ResourceName, Opinion]
) -> Opinion:
    """A rule that a service attachment publishes is unknown at most, unless the attachment is orphaned itself and has
    no connected consumer (ownership.md, section 6, fine point 8)."""
    if own.verdict not in WASTE | {Verdict.PENDING}:
        return own
    for name in context.graph.referrers.get(resource.name, ()):
        attachment = context.inventory.resources.get(name)
        if attachment is None or not isinstance(attachment.body, ServiceAttachment):
            continue
        if opinions[name].verdict is Verdict.ORPHANED and not is_connected(attachment.body):
            continue
        text = (
            f"service attachment {name.name}, which is {opinions[name].verdict.value.replace('_', ' ')}, publishes it."
        )
        evidence = (*own.evidence, say(text, compute_scope(name.project, name.collection)))
        return replace(
            own, verdict=Verdict.UNKNOWN, reason="needed-by-consumer", confidence=Confidence.LOW, evidence=evidence
        )
    return own


def _with_kin(context: Context, resource: Resource, own: Opinion, opinions: Mapping[ResourceName, Opinion]) -> Opinion:
    """A companion that nothing points at follows the rules of its load balancer, across projects (fine point 12).

    One of a whole dead cluster stays as long as any load balancer of that cluster may still work.
    """
    maker = context.makers[resource.name]
    if own.verdict is Verdict.FOREIGN or resource.name.collection not in COMPANIONS:
        return own
    rules = [name for name in rules_served(context, resource) if opinions[name].verdict is not Verdict.FOREIGN]
    if not rules:
        return own
    best = min(rules, key=lambda name: (ALIVE.index(opinions[name].verdict), name.full))
    if _serves_only_orphans(context, resource, maker, own) and opinions[best].verdict is Verdict.ORPHANED:
        return _following(own, best, opinions[best])
    return _lifted(context, resource, own, best, opinions[best])


def _serves_only_orphans(context: Context, resource: Resource, maker: Maker, own: Opinion) -> bool:
    """The Service lives, but the load balancer that this firewall rule was made for may be left over: the rules of its
    UID tell, if all were read. A name of namespace and name stays in use while a live Service computes it."""
    is_named_by_uid = resource.name.collection == "firewalls" and maker.family is Family.SERVICE_UID
    is_alive = own.verdict in (Verdict.IN_USE, Verdict.IDLE)
    return is_named_by_uid and is_alive and not unread_referrers(context, resource)


def _following(own: Opinion, leader: ResourceName, opinion: Opinion) -> Opinion:
    text = f"it serves forwarding rule {leader.name}, which is {opinion.verdict.value.replace('_', ' ')}."
    evidence = (*own.evidence, say(text, compute_scope(leader.project, leader.collection)))
    return replace(
        own, verdict=opinion.verdict, reason="part-of-orphan", confidence=opinion.confidence, evidence=evidence
    )


def _lifted(context: Context, resource: Resource, own: Opinion, best: ResourceName, opinion: Opinion) -> Opinion:
    """What needs a resource keeps it: the reason says who, its own evidence stays."""
    maker = context.makers[resource.name]
    if own.verdict is Verdict.FOREIGN:
        return _users_part_behind(own, maker.role is Role.FOREIGN, best, opinion)
    if ALIVE.index(own.verdict) <= ALIVE.index(opinion.verdict):
        return own
    source = compute_scope(best.project, best.collection)
    text = f"{noun(best.collection)} {best.name}, which is {opinion.verdict.value.replace('_', ' ')}, needs it."
    evidence = (*own.evidence, say(text, source))
    if opinion.reason == "not-a-gke-cluster":
        return replace(
            own, verdict=Verdict.FOREIGN, reason=opinion.reason, confidence=opinion.confidence, evidence=evidence
        )
    if opinion.verdict is Verdict.FOREIGN:
        warnings = own.warnings
        if own.verdict is Verdict.ORPHANED:
            warnings = (*warnings, "Nothing in Kubernetes owns it any more: the backend of that load balancer is dead.")
        return replace(
            own,
            verdict=Verdict.IN_USE,
            reason="used-by-user-load-balancer",
            confidence=Confidence.HIGH,
            evidence=evidence,
            warnings=warnings,
        )
    verdict, reason = _LIFTED[opinion.verdict]
    if opinion.verdict is Verdict.IDLE:
        reason = opinion.reason
    owner = opinion.owner if opinion.owner is not None and opinion.owner.live else own.owner
    return replace(own, verdict=verdict, reason=reason, confidence=opinion.confidence, evidence=evidence, owner=owner)


_LIFTED = {
    Verdict.IN_USE: (Verdict.IN_USE, "needed-by-live"),
    Verdict.IDLE: (Verdict.IDLE, "no-ready-endpoints"),
    Verdict.UNKNOWN: (Verdict.UNKNOWN, "part-of-unknown"),
    Verdict.PENDING: (Verdict.PENDING, "part-of-pending"),
}


def _users_part_behind(own: Opinion, is_users: bool, best: ResourceName, opinion: Opinion) -> Opinion:
    """A user's certificate or health check behind a GKE load balancer is in use while that one is (fine point 11)."""
    if not is_users or opinion.verdict not in (Verdict.IN_USE, Verdict.IDLE) or own.reason == "cluster-level":
        return own
    text = f"{noun(best.collection)} {best.name}, which is {opinion.verdict.value.replace('_', ' ')}, needs it."
    evidence = (*own.evidence, say(text, compute_scope(best.project, best.collection)))
    return replace(own, verdict=Verdict.IN_USE, reason="needed-by-live", evidence=evidence, owner=opinion.owner)


def _spread_backup_pools(context: Context, opinions: dict[ResourceName, Opinion]) -> None:
    """A target pool may back up another; lift until nothing changes (chains of pools are short)."""
    pools = [name for name in opinions if name.collection == "targetPools"]
    changed = True
    while changed:
        changed = False
        for name in pools:
            for other in context.graph.referrers.get(name, ()):
                if other.collection != "targetPools" or other not in opinions:
                    continue
                resource = context.inventory.resources[name]
                lifted = _lifted(context, resource, opinions[name], other, opinions[other])
                if lifted.verdict is not opinions[name].verdict:
                    opinions[name] = lifted
                    changed = True


def _finding(
    context: Context,
    resource: Resource,
    opinion: Opinion,
    opinions: Mapping[ResourceName, Opinion],
    roots: Mapping[ResourceName, ResourceName],
) -> Finding:
    body = resource.body
    ip = str(body.ip) if isinstance(body, Address) and body.ip is not None else rule_ip_text(resource)
    return Finding(
        resource=resource.name,
        verdict=opinion.verdict,
        reason=_refined_reason(context, resource, opinion),
        confidence=opinion.confidence,
        evidence=tuple(dict.fromkeys(opinion.evidence)),
        created_at=resource.created_at,
        load_balancer=roots.get(resource.name),
        owner=opinion.owner,
        ip=ip,
        warnings=tuple(dict.fromkeys((*opinion.warnings, *warnings_of(context, resource, opinion, opinions)))),
        observed=resource.observed if opinion.verdict in WASTE else None,
    )


def _refined_reason(context: Context, resource: Resource, opinion: Opinion) -> str:
    """A user's own load balancer on backends of GKE is told apart from things that Kubernetes never touched."""
    if opinion.reason != "not-kubernetes":
        return opinion.reason
    is_balancer = resource.name.collection in ("forwardingRules", "backendServices") and _has_gke_backend(
        context, [resource.name]
    )
    return "user-load-balancer" if is_balancer else opinion.reason


def _has_gke_backend(context: Context, names: Iterable[ResourceName]) -> bool:
    """Whether a NEG or instance group of GKE stands behind any of these, however deep."""
    todo, seen = list(names), set(names)
    while todo:
        resource = context.inventory.resources.get(todo.pop())
        for link in resource.links if resource else ():
            maker = context.makers.get(link.to)
            if maker is not None and maker.family in (Family.ENDPOINT_GROUP, Family.CLUSTER):
                return True
            if link.to not in seen:
                seen.add(link.to)
                todo.append(link.to)
    return False
