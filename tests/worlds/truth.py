"""From what a life knows to the verdicts that are right, given what the snapshot can show.

This is the second reading of ownership.md, section 6, made with the knowledge that an audit does not have: which
cluster a thing is really of. It asks only what an audit could have proven. Where the documents leave two verdicts
open, both are allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .cloud import Claim, Cloud, Cluster, Item, Role, Standing, State

IN_USE, IDLE, ORPHANED, UNUSED = "in_use", "idle", "orphaned", "unused"
UNKNOWN, PENDING, FOREIGN = "unknown", "pending", "foreign"
ALIVENESS = (ORPHANED, UNUSED, FOREIGN, UNKNOWN, PENDING, IDLE, IN_USE)
NAMING_PLURALS = ("services", "ingresses", "gateways", "multiclusteringresses")

Verdicts = frozenset[str]


def one_of(*verdicts: str) -> Verdicts:
    return frozenset(verdicts)


def truth_of(item: Item, cloud: Cloud) -> Verdicts:
    """The allowed verdicts of one resource: those of the most alive of its claims."""
    return max((allowed(claim, item, cloud) for claim in item.claims), key=_aliveness)


def _aliveness(verdicts: Verdicts) -> tuple[int, int]:
    ranks = sorted(ALIVENESS.index(verdict) for verdict in verdicts)
    return ranks[0], ranks[-1]


def is_live(item: Item) -> bool:
    """Something living owns it or needs it, whatever the audit can know."""
    return any(
        (
            claim.role is Role.SHARED
            and claim.cluster is not None
            and (claim.cluster.is_living or claim.cluster.standing in (Standing.HIDDEN, Standing.NOT_GKE))
        )
        or claim.state in (State.LIVE, State.IDLE, State.DELETING, State.KEPT)
        for claim in item.claims
    )


def allowed(claim: Claim, item: Item, cloud: Cloud) -> Verdicts:
    verdicts = _derived(claim, item, cloud) if claim.fixed is None else claim.fixed
    verdicts |= claim.also
    if claim.state is State.GONE and UNKNOWN in claim.also and _is_one_changing(cloud):
        verdicts |= {PENDING}  # what might be of any cluster might be of one that is being made or removed
    if item.name.collection == "addresses" and ORPHANED in verdicts and claim.fixed is None:
        verdicts = _if_nothing_names_it(verdicts, claim, item, cloud)
    if cloud.links_by_number and not all(project.has_file for project in cloud.projects):
        verdicts |= {UNKNOWN}  # some links name a project by a number that nothing in the snapshot explains
    if claim.cluster is not None and _has_gap(claim.cluster, cloud):
        verdicts |= claim.beside_a_gap
    if _may_be_of_another_project(item, cloud) and verdicts & {ORPHANED, UNUSED}:
        verdicts |= {UNKNOWN}
    if claim.is_young and claim.state is State.GONE and verdicts & {ORPHANED, UNUSED}:
        verdicts = (verdicts - {ORPHANED, UNUSED}) | {PENDING}
    return verdicts


def _is_one_changing(cloud: Cloud) -> bool:
    return any(cluster.standing is Standing.CHANGING for cluster in cloud.clusters)


def _has_gap(cluster: Cluster, cloud: Cloud) -> bool:
    beside = [other for other in cloud.clusters if other.is_living and other.project is cluster.project]
    return cluster.project.gap_region is not None or any(
        other.standing is not Standing.READ or other.failed for other in beside
    )


def _may_be_of_another_project(item: Item, cloud: Cloud) -> bool:
    """Whether its project is a Shared VPC host is not known, and it is of a kind that such a host holds for others."""
    project = next(project for project in cloud.projects if project.id == item.name.project)
    is_of_a_network = item.name.collection == "firewalls" or "subnetwork" in item.body
    return not project.has_file and is_of_a_network and item.name.collection in ("firewalls", "addresses")


def _derived(claim: Claim, item: Item, cloud: Cloud) -> Verdicts:
    if claim.is_user_address:
        return _forgotten_address(claim, item, cloud)
    cluster = claim.cluster
    assert cluster is not None, claim.why
    if cluster.standing is Standing.READ:
        return _of_a_read_cluster(claim, cluster, cloud)
    if cluster.standing is Standing.UNREAD:
        return one_of(UNKNOWN, IN_USE) if claim.role is Role.SHARED else one_of(UNKNOWN)
    if cluster.standing is Standing.CHANGING:
        return _of_a_changing_cluster(claim, cluster, item)
    if cluster.standing is Standing.HIDDEN:
        return one_of(UNKNOWN)
    if cluster.standing is Standing.NOT_GKE:
        return _of_a_strange_cluster(claim, cluster)
    return _of_a_dead_cluster(claim, cluster, item, cloud)


def _of_a_strange_cluster(claim: Claim, cluster: Cluster) -> Verdicts:
    """Not a GKE cluster: judged like any other where its objects were given, else left alone."""
    if not cluster.objects or (claim.state is State.GONE and claim.role is not Role.SHARED):
        return one_of(FOREIGN, UNKNOWN)
    return one_of(IN_USE, FOREIGN, UNKNOWN) if claim.role is Role.SHARED else _plain(claim)


def _plain(claim: Claim) -> Verdicts:
    """The verdict where everything is known."""
    is_head = claim.role is Role.HEAD
    if claim.role is Role.SHARED or claim.state is State.LIVE:
        return one_of(IN_USE)
    if claim.state is State.IDLE:
        return one_of(IDLE) if is_head else one_of(IDLE, IN_USE)
    if claim.state is State.DELETING:
        return one_of(PENDING) if is_head else one_of(PENDING, IN_USE)
    if claim.state is State.KEPT:
        return one_of(UNKNOWN, IN_USE)
    return one_of(ORPHANED)


def _of_a_read_cluster(claim: Claim, cluster: Cluster, cloud: Cloud) -> Verdicts:
    verdicts = _plain(claim)
    if claim.plural in cluster.failed:
        if claim.state is State.GONE and claim.role is not Role.SHARED:
            return one_of(UNKNOWN)
        return one_of(UNKNOWN) if claim.role is Role.HEAD else verdicts | {UNKNOWN, IN_USE}
    if cluster.failed:
        verdicts |= {UNKNOWN}
    if _may_share_its_uid(claim, cluster, cloud):
        verdicts |= {UNKNOWN, *_pending_if_changing(cloud.clusters)}
    if claim.state is State.GONE and claim.role is not Role.SHARED and not _shows(claim, cluster):
        return _without_marks(claim, cluster, cloud)
    return verdicts


def _may_share_its_uid(claim: Claim, cluster: Cluster, cloud: Cloud) -> bool:
    """Several clusters can have one `ingress-uid` (ownership.md, section 2.2): alone it does not tell the cluster from
    one that was not read."""
    is_by_uid = bool(claim.marks) and set(claim.marks) <= {"uid16", "uid8", "provider"}
    return claim.state is State.GONE and claim.role is not Role.SHARED and is_by_uid and _has_gap(cluster, cloud)


def _shows(claim: Claim, cluster: Cluster) -> bool:
    """Whether its marks lead to its cluster. Nobody knows how the code in a Gateway's name is made: it must be learnt,
    from a firewall rule with the node tag or from a living Gateway of the same cluster."""
    if claim.marks == {"code"}:
        is_taught = cluster.standing is Standing.READ and bool(cluster.objects.get("gateways"))
        return is_taught or "h8c" in closure(cluster, claim.marks)
    return bool(claim.marks)


def _of_a_changing_cluster(claim: Claim, cluster: Cluster, item: Item) -> Verdicts:
    """pending where its node tag shows the cluster; else it might be of any cluster that was not read."""
    if claim.state is State.KEPT:
        return one_of(PENDING, UNKNOWN, IN_USE)
    is_shown = "h8c" in closure(cluster, claim.marks) or "cluster" in claim.marks
    if is_shown and item.name.project == cluster.project.id and not cluster.publishes:
        return one_of(PENDING)
    return one_of(PENDING, UNKNOWN)


def _of_a_dead_cluster(claim: Claim, cluster: Cluster, item: Item, cloud: Cloud) -> Verdicts:
    if claim.state is State.KEPT:
        return one_of(UNKNOWN, IN_USE, ORPHANED) if claim.role is Role.SHARED else one_of(UNKNOWN, IN_USE)
    project = cluster.project
    if item.name.project != project.id:
        proven = _shown_identities(project.id, cloud)
        if claim.identity not in proven:
            known = {cluster.c8, cluster.ingress_uid, cluster.provider_uid} & proven
            return one_of(ORPHANED, UNKNOWN) if known else one_of(UNKNOWN)
    if not _shows(claim, cluster):
        return _without_marks(claim, cluster, cloud)
    gap = _gap_in_the_list(claim, cluster)
    if gap:
        return gap
    marks = closure(cluster, claim.marks)
    if marks & {"h8c", "cluster"}:
        return one_of(ORPHANED)
    hidden = [other for other in _candidates(claim, cluster, cloud) if not _is_recognisable(other, marks)]
    if not hidden:
        return one_of(ORPHANED)
    if all(closure(other, {"h8c"}) & marks for other in hidden):
        return one_of(ORPHANED, UNKNOWN, *_pending_if_changing(hidden))
    return one_of(UNKNOWN, *_pending_if_changing(hidden))


def _without_marks(claim: Claim, cluster: Cluster, cloud: Cloud) -> Verdicts:
    """Every living cluster of the project (in its region) could have made it."""
    gap = _gap_in_the_list(claim, cluster)
    if gap:
        return gap
    hidden = [
        other
        for other in _candidates(claim, cluster, cloud)
        if other.standing is not Standing.READ or claim.plural in other.failed
    ]
    return one_of(UNKNOWN, *_pending_if_changing(hidden)) if hidden else one_of(ORPHANED)


def _gap_in_the_list(claim: Claim, cluster: Cluster) -> Verdicts:
    gap_region = cluster.project.gap_region
    if gap_region is None:
        return frozenset()
    # the region of the resource narrows, and so does the place of the cluster where a description names it
    place = claim.region or (cluster.region if "cluster" in claim.marks else None)
    return one_of(UNKNOWN) if place in (None, gap_region) else one_of(UNKNOWN, ORPHANED)


def _candidates(claim: Claim, cluster: Cluster, cloud: Cloud) -> list[Cluster]:
    return [
        other
        for other in cloud.clusters
        if other.is_living and other.project is cluster.project and claim.region in (None, other.region)
    ]


def _is_recognisable(cluster: Cluster, marks: Iterable[str]) -> bool:
    """Its own fingerprints of these kinds are known, so a strange one is not of it.

    An `ingress-uid` can be made anew, so its Ingresses must have been read as well (ownership.md, fine point 2).
    """
    if cluster.standing is not Standing.READ:
        return False
    needed = {"c8": {"namespaces"}, "uid16": {"configmaps", "ingresses"}, "uid8": {"configmaps", "ingresses"}}
    return all(not needed.get(mark, {"configmaps"}) & cluster.failed for mark in marks)


def _pending_if_changing(hidden: list[Cluster]) -> list[str]:
    return [PENDING] if any(cluster.standing is Standing.CHANGING for cluster in hidden) else []


def closure(cluster: Cluster, marks: Iterable[str]) -> set[str]:
    """All marks that can be reached through resources that carry two of them (ownership.md, section 2.2)."""
    known = set(marks)
    joins = cluster.joins | {frozenset({"uid16", "uid8"})}
    if cluster.provider_uid == cluster.ingress_uid:
        joins |= {frozenset({"uid16", "provider"})}
    grown = True
    while grown:
        grown = False
        for join in joins:
            if join & known and not join <= known:
                known |= join
                grown = True
    return known


def _shown_identities(project: str, cloud: Cloud) -> set[str]:
    """The identities of load-balancer parts that this audited project holds."""
    return {
        claim.identity
        for item in cloud.judged_items()
        if item.name.project == project and item.name.collection != "firewalls"
        for claim in item.claims
        if claim.identity
    }


def _if_nothing_names_it(verdicts: Verdicts, claim: Claim, item: Item, cloud: Cloud) -> Verdicts:
    """An address is waste only if no living object names it. People's addresses have names that people give."""
    region = item.name.region
    named = _forgotten_address(replace(claim, region=region), item, cloud)
    if UNUSED in named:
        return verdicts | (named - {UNUSED})
    return named if item.name.name.startswith("ip-of-") else verdicts | named


def _forgotten_address(claim: Claim, item: Item, cloud: Cloud) -> Verdicts:
    """unused, unless some cluster that could name it was not read."""
    project = next(project for project in cloud.projects if project.id == item.name.project)
    living = [cluster for cluster in cloud.clusters if cluster.is_living and cluster.project is project]
    hidden = [
        cluster for cluster in living if cluster.standing is not Standing.READ or cluster.failed & set(NAMING_PLURALS)
    ]
    if project.gap_region is None and not hidden:
        return one_of(UNUSED)
    regions = {cluster.region for cluster in hidden} | ({project.gap_region} if project.gap_region else set())
    may_be_elsewhere = claim.region is not None and claim.region not in regions
    return one_of(UNKNOWN, *_pending_if_changing(hidden), *([UNUSED] if may_be_elsewhere else []))
