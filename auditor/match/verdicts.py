"""The decision on each resource but addresses, as an ordered list of small rules (ownership.md, section 6).

First each resource by itself, then along the arrows: a part is as alive as the most alive thing that needs it. What
was not read proves nothing: a gap can only make a verdict more careful.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ..model.compute import BackendService, ForwardingRule, Resource, ServiceAttachment
from ..model.finding import Confidence, Evidence, Owner, Verdict
from ..model.names import ClusterKey, ResourceName, parse_link
from ..model.snapshot import clusters_scope, compute_scope, objects_scope, project_scope
from .candidates import everywhere, hides_in, hides_referrer_of, is_discovery, stands_in_shared_network
from .claims import LiveObject
from .context import Context, Opinion
from .exclusions import reason_to_leave
from .fingerprints import MarkKind, own_marks
from .makers import FLEET_FAMILIES, Family, Maker, Role
from .origins import (
    KIND_OF_FAMILY,
    Origin,
    Provenance,
    former_owner,
    lists_that_may_hold_marks,
    trace,
    unread_scopes,
)
from .owners import Answer, Ownership, find, find_related, has_no_ready_endpoint, ip_of
from .testimony import (
    about_clusters,
    about_gaps,
    about_maker,
    about_marks,
    about_owner,
    say,
)

HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW

_PROXIES = ("targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies", "targetGrpcProxies")
REFERRERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_PROXIES, ("forwardingRules",)),
    "urlMaps": ("targetHttpProxies", "targetHttpsProxies", "targetGrpcProxies"),
    "backendServices": ("urlMaps", "forwardingRules", "targetTcpProxies", "targetSslProxies", "targetGrpcProxies"),
    "targetPools": ("forwardingRules", "targetPools"),
    "networkEndpointGroups": ("backendServices",),
    "instanceGroups": ("backendServices",),
    "healthChecks": ("backendServices", "targetPools"),
    "httpHealthChecks": ("backendServices", "targetPools"),
    "httpsHealthChecks": ("backendServices", "targetPools"),
    "sslCertificates": ("targetHttpsProxies", "targetSslProxies"),
    "addresses": ("forwardingRules", "routers", "instances"),
}
"""By collection: the lists to read in full before nothing can be said to need one (section 6, fine point 14)."""


def opinion_of(context: Context, resource: Resource) -> Opinion:
    """What is thought of one resource by itself, before anybody asks who points at it."""
    maker = context.makers[resource.name]
    scope = context.scope(resource)
    if resource.name in context.inventory.unreadable:
        problem = context.inventory.unreadable[resource.name]
        return Opinion(Verdict.UNKNOWN, "unreadable", LOW, (say(f"It could not be read: {problem}.", scope),))
    leave = reason_to_leave(resource, maker)
    if leave is not None:
        return Opinion(Verdict.FOREIGN, leave[0], HIGH, (say(f"It is foreign: {leave[1]}.", scope),))
    if maker.role is Role.FOREIGN:
        return _users_part(context, resource)
    if maker.role is Role.SHARED:
        return _shared_part(context, resource, maker)
    if maker.family is Family.KUBEMCI:
        return _kubemci_part(context, resource, maker)
    ownership = find(context, resource, maker)
    if ownership.answer in _ALIVE_ANSWERS:
        return owned(context, resource, maker, ownership)
    return leftover(context, resource, maker, ownership)


_ALIVE_ANSWERS = frozenset({Answer.OWNED, Answer.CHANGING, Answer.STUCK, Answer.RELEASED})


# What Kubernetes did not make


def _users_part(context: Context, resource: Resource) -> Opinion:
    """A user's own part: in use where a live object names it, else not ours to judge."""
    scope, name = context.scope(resource), resource.name
    live: LiveObject | None = None
    if name.collection == "sslCertificates":
        live = next((item for item, _ in context.claims.named_certificates.get(name.name, ())), None)
    elif name.collection == "forwardingRules":
        live = next(iter(context.claims.custom_rules.get(name.name, ())), None)
    elif name.collection == "networkEndpointGroups":
        claims = context.claims.by_name.get((name.collection, name.name), ())
        live = next((claim.object for claim in claims if claim.fits_place(name)), None)
    elif name in context.claims.listed_by_gateways:
        live = next(
            (
                item
                for gateway, item in context.claims.listed_by_gateways[name]
                if ip_of(resource) in (None, *gateway.status_ips)
            ),
            None,
        )
    if live is not None:
        source = objects_scope(live.meta.cluster, live.meta.plural)
        evidence = (say("Its name and description are no controller's.", scope), say(f"{live.label} names it.", source))
        return Opinion(Verdict.IN_USE, "named-by-object", HIGH, evidence, live.owner)
    return Opinion(
        Verdict.FOREIGN,
        "not-kubernetes",
        HIGH,
        (say("Neither its name nor its description is one that a Kubernetes controller gives.", scope),),
    )


# Owned


def owned(context: Context, resource: Resource, maker: Maker, ownership: Ownership) -> Opinion:
    """The opinion where a live object answers for the resource."""
    evidence = (about_maker(context, resource, maker), say(f"{ownership.why}.", ownership.source))
    live = ownership.object
    if live is None:
        raise ValueError("only what a live object answers for is owned")
    if ownership.answer is Answer.CHANGING:
        reason = "cluster-changing" if context.is_changing(live.meta.cluster) else "owner-changing"
        return Opinion(Verdict.PENDING, reason, HIGH, evidence, live.owner)
    if ownership.answer is Answer.STUCK:
        return Opinion(Verdict.IDLE, "deletion-stuck", HIGH, evidence, live.owner)
    if ownership.answer is Answer.RELEASED:
        return Opinion(Verdict.IDLE, "finalizer-without-wish", HIGH, evidence, live.owner)
    works = maker.family is not Family.ENDPOINT_GROUP and resource.name.collection != "addresses"
    idle = has_no_ready_endpoint(context, live) if works else None
    if idle is not None:
        source = objects_scope(live.meta.cluster, "endpointslices")
        proof = (*evidence, say(f"There is {idle}.", source))
        return Opinion(Verdict.IDLE, "no-ready-endpoints", HIGH, proof, live.owner)
    return Opinion(Verdict.IN_USE, "owned", HIGH, evidence, live.owner)


# Left over, perhaps


def leftover(context: Context, resource: Resource, maker: Maker, ownership: Ownership) -> Opinion:
    """No live object computes this name: where does it come from, and was everything read that could own it?"""
    provenance = trace(context, resource, maker)
    base = [about_maker(context, resource, maker), *about_marks(context, resource, provenance)]
    owner = former_owner(maker, provenance, KIND_OF_FAMILY.get(maker.family))

    def unknown(reason: str, *evidence: Evidence) -> Opinion:
        return Opinion(Verdict.UNKNOWN, reason, LOW, (*base, *evidence), owner)

    if provenance.origin is Origin.NOT_GKE:
        return Opinion(Verdict.FOREIGN, "not-a-gke-cluster", MEDIUM, tuple(base), owner)
    if provenance.origin is Origin.CONTRADICTORY:
        text = "Its marks point at different clusters, or at a living one and a deleted one."
        return unknown("contradictory-evidence", say(text, context.scope(resource)))
    if maker.family is Family.TENANT_ENDPOINT_GROUP:
        text = "It belongs to a tenant of a cluster in a project that cannot be told from here."
        return unknown("owner-not-read", say(text, context.scope(resource)))
    if ownership.answer is Answer.CONTRADICTED:
        return unknown("contradictory-evidence", say(f"{ownership.why}.", ownership.source))
    related = find_related(context, resource, maker, (*provenance.clusters, *provenance.sharers))
    if related.answer is Answer.CONTRADICTED:
        return unknown("contradictory-evidence", say(f"{related.why}.", related.source))
    hindrance = _hindrance(context, resource, maker, provenance)
    if hindrance is not None:
        reason, evidence = hindrance
        if reason == "cluster-changing":
            return Opinion(Verdict.PENDING, reason, MEDIUM, (*base, *evidence), owner)
        return unknown(reason, *evidence)
    needed = _needed_by_network(context, resource)
    if needed is not None:
        return unknown(*needed)
    moved = ownership if ownership.answer is Answer.MOVED_ON else related
    proof = [*base, *about_clusters(context, maker, provenance)]
    if moved.answer is Answer.MOVED_ON:
        proof.append(say(f"{moved.why}.", moved.source))
        owner = _moved_owner(moved, owner)
    reason = _why_orphaned(maker, resource, provenance, moved)
    confidence = MEDIUM if provenance.may_be_beyond else HIGH
    return settle_age(context, resource, Opinion(Verdict.ORPHANED, reason, confidence, tuple(proof), owner))


def _moved_owner(moved: Ownership, owner: Owner | None) -> Owner | None:
    live = moved.object
    return owner if live is None else replace(live.owner, live=False)


def _why_orphaned(maker: Maker, resource: Resource, provenance: Provenance, moved: Ownership) -> str:
    if resource.name.collection == "addresses" and maker.family in (Family.SERVICE_UID, Family.SERVICE_L4):
        return "temporary-address-left"
    if provenance.origin is Origin.DEAD:
        return "cluster-deleted"
    if moved.answer is Answer.MOVED_ON:
        return "owner-moved-on"
    return "owner-deleted" if provenance.origin is Origin.LIVING else "no-owner"


def _hindrance(
    context: Context, resource: Resource, maker: Maker, provenance: Provenance
) -> tuple[str, Sequence[Evidence]] | None:
    """Why it cannot be called orphaned though no object owns it: (reason code, evidence)."""
    changing = [key for key in provenance.clusters if context.is_changing(key)]
    if provenance.origin is Origin.LIVING and changing:
        return "cluster-changing", [_about_changing(context, key) for key in changing]
    changing += [key for key in provenance.sharers if context.is_changing(key)]
    steady = [key for key in (*provenance.clusters, *provenance.sharers) if key not in changing]
    unread = unread_scopes(context, maker, steady if provenance.origin is not Origin.DEAD else ())
    gaps = [scope for scopes in unread.values() for scope in scopes]
    gaps += [scope for scope in provenance.gaps if not _is_of(scope, changing)]
    if provenance.is_unproven_in_shared_vpc:
        return "shared-vpc-owner-unknown", [about_shared_vpc(context, resource), *about_gaps(context, gaps)]
    if maker.family not in FLEET_FAMILIES and maker.family is not Family.MANAGED_CERTIFICATE:
        gaps += lists_that_may_hold_marks(context, resource, provenance)
    if gaps:
        return "owner-not-read", about_gaps(context, gaps)
    if changing:
        return "cluster-changing", [_about_changing(context, key) for key in changing]
    if provenance.origin is Origin.UNDECIDED:
        text = "Whose mark it is could not be told."
        return "owner-not-read", [say(text, context.scope(resource))]
    referrers = unread_referrers(context, resource)
    return ("referrer-not-read", about_gaps(context, referrers)) if referrers else None


def _is_of(scope: str, clusters: Iterable[ClusterKey]) -> bool:
    return any(scope.startswith(f"{key.folder}/") for key in clusters)


def _about_changing(context: Context, key: ClusterKey) -> Evidence:
    cluster = context.inventory.clusters[key]
    text = f"Cluster {cluster.key.short} is {cluster.status}: what could be its own is being made or removed."
    return say(text, clusters_scope(cluster.key.project))


def about_shared_vpc(context: Context, resource: Resource) -> Evidence:
    project = context.inventory.projects.get(resource.name.project)
    known = project is not None and project.is_shared_vpc_host
    what = "is a Shared VPC host" if known else "may be a Shared VPC host (its project.json was not read)"
    text = f"Project {resource.name.project} {what}; the owner may live in a service project that was not audited."
    return say(text, project_scope(resource.name.project))


def unread_referrers(context: Context, resource: Resource) -> list[str]:
    """The lists, not read in full, in which something that needs the resource could stand."""
    name = resource.name
    projects = [name.project]
    if name.collection == "firewalls":
        projects = list(context.inventory.projects)
    collections = list(REFERRERS.get(name.collection, ()))
    scopes = [compute_scope(project, collection) for project in projects for collection in collections]
    if isinstance(resource.body, ForwardingRule):
        scopes += _lists_that_need_a_rule(context, name, resource.body)
    if isinstance(resource.body, BackendService) and resource.body.scheme not in _WITHIN_ITS_PROJECT:
        scopes += _url_maps_elsewhere(context, name)
    hidden = [scope for scope in scopes if hides_referrer_of(context.inventory.coverage_of(scope), name)]
    return hidden + _unread_rules_of_companion(context, resource, projects)


_WITHIN_ITS_PROJECT = frozenset({"EXTERNAL", "INTERNAL", "INTERNAL_SELF_MANAGED"})
"""Schemes of backend services that only their own project's resources can name: classic and passthrough ones. One
whose scheme is not given may be of any."""


def _url_maps_elsewhere(context: Context, name: ResourceName) -> list[str]:
    """A URL map of another project may name a backend service of the managed schemes: in a Shared VPC where it is
    regional, anywhere where it is global (cross-project service referencing in Google's documents on application load
    balancers). What hangs on that backend service stands in its project. A lost page of the projects may hide one."""
    inventory = context.inventory
    others = [compute_scope(project, "urlMaps") for project in inventory.projects if project != name.project]
    return [*others, *(scope for scope in inventory.coverage if is_discovery(scope))]


def _lists_that_need_a_rule(context: Context, name: ResourceName, rule: ForwardingRule) -> list[str]:
    """Service attachments of the rule's project, routes of its network: in a Shared VPC those stand in the host."""
    if not rule.scheme.startswith("INTERNAL"):
        return []
    scopes = [compute_scope(name.project, "serviceAttachments")]
    if rule.scheme == "INTERNAL":
        network = parse_link(rule.network, project=name.project, numbers=context.inventory.numbers)
        hosts = {name.project, network.project if network else name.project} & set(context.inventory.projects)
        scopes += [compute_scope(project, "routes") for project in sorted(hosts)]
    return scopes


def _unread_rules_of_companion(context: Context, resource: Resource, projects: Iterable[str]) -> list[str]:
    """A companion that nothing points at follows the rules of its load balancer, so those must have been read.

    One cluster makes its load balancers in one region: only that one counts where a part that is left tells it.
    """
    if resource.name.collection not in COMPANIONS:
        return []
    regions = {name.region for name in rules_served(context, resource)}
    regions |= {name.region for name in context.kin.of(resource.name)} - {None}
    scopes = [compute_scope(project, "forwardingRules") for project in projects]
    return [scope for scope in scopes if hides_in(context.inventory.coverage_of(scope), regions)]


COMPANIONS = frozenset({"firewalls", "healthChecks", "httpHealthChecks", "httpsHealthChecks"})


def rules_served(context: Context, resource: Resource) -> Collection[ResourceName]:
    """The forwarding rules of a companion's load balancer, of its whole cluster where all of them share it."""
    maker = context.makers[resource.name]
    if maker.role is Role.SHARED:
        marks = own_marks(context.inventory, resource, maker)
        return {name for item in marks for name in context.rules_of_mark.get((item.kind, item.value), ())}
    return [name for name in context.kin.of(resource.name) if name.collection == "forwardingRules"]


def _needed_by_network(context: Context, resource: Resource) -> tuple[str, Evidence] | None:
    """Witnesses of use that no Kubernetes object gives: routes, consumers of a service attachment, users of a backend
    service that were not read, as those of a project that is not audited."""
    name = resource.name
    if isinstance(resource.body, BackendService):
        unseen = [user for user in resource.body.used_by if user not in context.inventory.resources]
        if unseen:
            return "referrer-not-read", say(f"{_shown(unseen[0])} uses it, and was not read.", context.scope(resource))
        silent = [user for user in resource.body.used_by if user not in context.graph.referrers.get(name, ())]
        if silent:
            text = f"It says that {_shown(silent[0])} uses it, which does not name it."
            return "contradictory-evidence", say(text, context.scope(resource))
    routes = context.graph.next_hops.get(name, ())
    if routes:
        text = f"Route {routes[0].name} sends traffic to it."
        return "needed-by-route", say(text, compute_scope(routes[0].project, "routes"))
    if isinstance(resource.body, ServiceAttachment) and is_connected(resource.body):
        return "needed-by-consumer", say("Consumers are connected to it.", context.scope(resource))
    return None


def _shown(user: ResourceName | str) -> str:
    return user.relative if isinstance(user, ResourceName) else user


def is_connected(attachment: ServiceAttachment) -> bool:
    """Whether a consumer holds a connection; one whose status is not given counts (x.sa_connected)."""
    return any(status in ("ACCEPTED", "PENDING", "") for status in attachment.endpoint_statuses)


# Age and the second look: they turn a would-be orphan only


_CHANGING_STATUSES = frozenset({"PROVISIONING", "RESERVING", "DELETING", "RELEASING"})


def settle_age(context: Context, resource: Resource, opinion: Opinion) -> Opinion:
    """A would-be orphan or unused address that is young, changing, or was seen otherwise by the second look."""
    scope = context.scope(resource)
    if resource.status in _CHANGING_STATUSES:
        evidence = say(f"Its status is {resource.status}.", scope)
        return _instead(opinion, Verdict.PENDING, "resource-changing", evidence)
    if resource.created_at is None:
        evidence = say("Nothing says when it was created.", scope)
        return _instead(opinion, Verdict.UNKNOWN, "age-unknown", evidence)
    if not context.age_is_over(resource, context.min_age):
        text = f"It was created at {resource.created_at:%Y-%m-%d %H:%M} UTC, less than --min-age ago."
        return _instead(opinion, Verdict.PENDING, "too-young", say(text, scope))
    return _second_look(context, resource, opinion)


def _second_look(context: Context, resource: Resource, opinion: Opinion) -> Opinion:
    """What a live run saw when it asked for the resource once more (docs/snapshot.md, confirm.json)."""
    source = f"confirm/{resource.name.full}"
    seen = context.inventory.confirmations.get(resource.name.full)
    status = seen.get("status") if seen is not None else "same"
    known = context.inventory.coverage.get(source)
    if known is None and seen is None:
        known = context.inventory.coverage.get("confirm")  # confirm.json itself could not be read
    if status == "same" and (known is None or not known.is_gap):
        return opinion
    if status in ("changed", "gone"):
        evidence = say(f"The second look found it {status}.", source)
        return _instead(opinion, Verdict.PENDING, "changed-meanwhile", evidence)
    evidence = say("The second look at it failed.", source)
    return _instead(opinion, Verdict.UNKNOWN, "second-look-failed", evidence)


def _instead(opinion: Opinion, verdict: Verdict, reason: str, evidence: Evidence) -> Opinion:
    confidence = LOW if verdict is Verdict.UNKNOWN else opinion.confidence
    proof = (*opinion.evidence, evidence)
    return replace(opinion, verdict=verdict, reason=reason, confidence=confidence, evidence=proof)


# Parts of a whole cluster


def _shared_part(context: Context, resource: Resource, maker: Maker) -> Opinion:
    """In use while its cluster lives, orphaned with it (docs/report.md, the first of the three decisions)."""
    if maker.family in (Family.GATEWAY, Family.MULTI_CLUSTER_INGRESS):
        listed = _listed_firewall(context, resource, maker)
        if listed is not None:
            return listed
    provenance = trace(context, resource, maker)
    base = [about_maker(context, resource, maker), *about_marks(context, resource, provenance)]
    owner = former_owner(maker, provenance, None, live=provenance.origin is Origin.LIVING)
    if provenance.origin is Origin.LIVING and not _is_of_old_uid(context, provenance):
        return _shared_and_living(context, provenance, base, owner)
    if provenance.origin is Origin.NOT_GKE:
        return Opinion(Verdict.FOREIGN, "not-a-gke-cluster", MEDIUM, tuple(base), owner)
    if provenance.origin is Origin.CONTRADICTORY:
        text = say("Its marks point at different clusters.", context.scope(resource))
        return Opinion(Verdict.UNKNOWN, "contradictory-evidence", LOW, (*base, text), owner)
    if provenance.origin is Origin.OPEN and maker.family is Family.CLUSTER:
        unmarked = _unmarked_share(context, resource, maker, base)
        if unmarked is not None:
            return unmarked
    hindrance = _hindrance(context, resource, maker, provenance)
    if hindrance is not None:
        reason, evidence = hindrance
        verdict = Verdict.PENDING if reason == "cluster-changing" else Verdict.UNKNOWN
        confidence = MEDIUM if verdict is Verdict.PENDING else LOW
        return Opinion(verdict, reason, confidence, (*base, *evidence), owner)
    reason = "cluster-deleted" if provenance.origin is Origin.DEAD else "no-owner"
    if provenance.origin is Origin.LIVING:
        reason = "owner-moved-on"
    confidence = HIGH if provenance.origin is Origin.DEAD else MEDIUM
    proof = (*base, *about_clusters(context, maker, provenance))
    return settle_age(context, resource, Opinion(Verdict.ORPHANED, reason, confidence, proof, owner))


def _shared_and_living(context: Context, provenance: Provenance, base: list[Evidence], owner: Owner | None) -> Opinion:
    changing = [key for key in provenance.clusters if context.is_changing(key)]
    if changing and len(changing) == len(provenance.clusters):
        evidence = (*base, *(_about_changing(context, key) for key in changing))
        return Opinion(Verdict.PENDING, "cluster-changing", HIGH, evidence, owner)
    return Opinion(Verdict.IN_USE, "cluster-shared", HIGH, tuple(base), owner)


def _is_of_old_uid(context: Context, provenance: Provenance) -> bool:
    """The node tag is a living cluster's, but its ingress-uid is another today: made anew (section 6, fine point 2)."""
    uids = {found.mark.value for found in provenance.resolutions if found.mark.kind is MarkKind.INGRESS_UID}
    known = [context.fingerprints.identities[key].ingress_uids for key in provenance.clusters]
    return bool(uids) and all(item for item in known) and not any(uids & item for item in known if item)


def _unmarked_share(context: Context, resource: Resource, maker: Maker, base: list[Evidence]) -> Opinion | None:
    """A name without any uid is that of a cluster with an empty one: in use while such a cluster may live."""
    provenance = trace(context, resource, maker)
    without = [key for key in provenance.clusters if context.fingerprints.identities[key].ingress_uids == frozenset()]
    if not without:
        return None
    text = f"Cluster {without[0].short} lives and has no ingress-uid, as the name has none."
    evidence = (*base, say(text, objects_scope(without[0], "configmaps")))
    return Opinion(Verdict.IN_USE, "cluster-shared", MEDIUM, evidence)


def _listed_firewall(context: Context, resource: Resource, maker: Maker) -> Opinion | None:
    """A firewall of Gateways or of Multi Cluster Ingress: in use where a live object lists it; one without a cluster's
    mark is unknown while any candidate has such objects (fine point 13)."""
    claims, name = context.claims, resource.name
    about = about_maker(context, resource, maker)
    listing = [live for _, live in claims.listed_by_gateways.get(name, ())]
    listing += [live for _, live in claims.bare_names_of_gateways.get(name.name, ())]
    listing += [live for _, live in claims.listed_by_multi_cluster.get(name.name, ())]
    if listing:
        live = listing[0]
        source = objects_scope(live.meta.cluster, live.meta.plural)
        return Opinion(Verdict.IN_USE, "owned", HIGH, (about, say(f"{live.label} lists it.", source)), live.owner)
    if "ch4" in maker.marks:
        return None
    living = [live for pairs in claims.gateways.values() for _, live in pairs]
    if maker.family is Family.MULTI_CLUSTER_INGRESS:
        living = [live for _, live in claims.multi_cluster]
    if living:
        live = living[0]
        text = f"{live.label} lives, and nothing says that this shared firewall rule is not for it."
        source = objects_scope(live.meta.cluster, live.meta.plural)
        return Opinion(Verdict.UNKNOWN, "contradictory-evidence", LOW, (about, say(text, source)))
    return _unlisted_firewall(context, resource, maker, about)


def _unlisted_firewall(context: Context, resource: Resource, maker: Maker, about: Evidence) -> Opinion:
    if stands_in_shared_network(context.inventory, resource):
        evidence = (about, about_shared_vpc(context, resource))
        return Opinion(Verdict.UNKNOWN, "shared-vpc-owner-unknown", LOW, evidence)
    candidates = everywhere(context.inventory)
    gaps = [scope for scopes in unread_scopes(context, maker, candidates.clusters).values() for scope in scopes]
    gaps += [*candidates.gaps, *unread_referrers(context, resource)]
    if gaps:
        return Opinion(Verdict.UNKNOWN, "owner-not-read", LOW, (about, *about_gaps(context, gaps)))
    proof = (about, about_owner(context, resource, "No Gateway or MultiClusterIngress lives in any audited cluster."))
    return settle_age(context, resource, Opinion(Verdict.ORPHANED, "no-owner", MEDIUM, proof))


# kubemci


def _kubemci_part(context: Context, resource: Resource, maker: Maker) -> Opinion:
    """No controller is left that could own it; the clusters it served are named in its load balancer's descriptions."""
    scope = context.scope(resource)
    about = about_maker(context, resource, maker)
    named = sorted({name for member in context.kin.of(resource.name) for name in _kubemci_clusters(context, member)})
    keys = [parts for name in named if len(parts := name.split("_", 3)) == 4 and parts[0] == "gke"]
    owner = Owner(None, None, None, maker.marks.get("kubemci"), False)
    if not keys or len(keys) < len(named):
        text = "Its descriptions do not name the GKE clusters that it served."
        return Opinion(Verdict.UNKNOWN, "owner-not-read", LOW, (about, say(text, scope)), owner)
    evidence: list[Evidence] = [about]
    for _, project, location, name in keys:
        if any(key.project == project and key.name == name for key in context.inventory.clusters):
            text = f"Cluster {project}/{location}/{name}, which it served, lives; no object in it could prove the use."
            return Opinion(Verdict.UNKNOWN, "contradictory-evidence", LOW, (*evidence, say(text, scope)), owner)
        listing = context.inventory.coverage_of(f"projects/{project}/container/clusters")
        if not listing.is_full:
            return Opinion(
                Verdict.UNKNOWN, "owner-not-read", LOW, (*evidence, *about_gaps(context, [listing.scope])), owner
            )
        evidence.append(say(f"Cluster {project}/{location}/{name}, which it served, is deleted.", listing.scope))
    gaps = unread_referrers(context, resource)
    if gaps:
        return Opinion(Verdict.UNKNOWN, "referrer-not-read", LOW, (*evidence, *about_gaps(context, gaps)), owner)
    return settle_age(
        context, resource, Opinion(Verdict.ORPHANED, "controller-retired", MEDIUM, tuple(evidence), owner)
    )


def _kubemci_clusters(context: Context, name: ResourceName) -> list[str]:
    clusters = context.inventory.resources[name].annotations.get("Clusters")
    return [item for item in clusters if isinstance(item, str)] if isinstance(clusters, list) else []
