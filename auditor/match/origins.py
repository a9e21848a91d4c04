"""Which cluster does a resource come from, and can that cluster still be asked? (ownership.md, section 6, step 5.)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from ..model.compute import Resource
from ..model.finding import Owner
from ..model.names import ClusterKey
from ..model.snapshot import compute_scope, objects_scope
from .candidates import Candidates, candidates_of, hides_in, in_project, stands_in_shared_network, union
from .context import Context
from .fingerprints import Fate, Mark, MarkKind, Resolution, own_marks, path_fate
from .makers import FLEET_FAMILIES, Family, Maker
from .owners import PLURALS_OF_FAMILY


class Origin(Enum):
    """What the marks of a resource add up to."""

    LIVING = auto()
    """Its cluster lives and is known."""
    DEAD = auto()
    RENEWED = auto()
    """A mark of no living cluster that a living one may have made anew: any candidate could be it."""
    OPEN = auto()
    """No mark at all: any candidate could be it."""
    UNDECIDED = auto()
    """Whose mark it is could not be read."""
    NOT_GKE = auto()
    CONTRADICTORY = auto()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a resource comes from."""

    origin: Origin
    clusters: tuple[ClusterKey, ...]
    """The living clusters whose objects decide: the known one, or every candidate."""
    resolutions: tuple[Resolution, ...]
    sharers: tuple[ClusterKey, ...] = ()
    """Living clusters that may have the mark too, because theirs was not read."""
    gaps: tuple[str, ...] = ()
    """What hides the answer."""
    may_be_beyond: bool = False
    """A cluster outside the audited projects cannot be excluded."""
    is_unproven_in_shared_vpc: bool = False
    is_borrowed: bool = False
    """The marks are those of its load balancer, not its own."""

    @property
    def owner_cluster(self) -> str | None:
        """How the report writes the cluster: a full name, the mark of a deleted one, or None."""
        if self.origin is Origin.LIVING and len(self.clusters) == 1:
            return self.clusters[0].full
        unnamed = (Fate.DEAD, Fate.RENEWED, Fate.UNDECIDED)
        telling = [found for found in self.resolutions if found.fate in unnamed and found.mark.kind in _TELLING]
        best = min(telling, key=lambda found: _TELLING.index(found.mark.kind), default=None)
        if best is None:
            return None
        return _path_text(best.mark) if best.mark.kind is MarkKind.PATH else best.mark.owner_text


_TELLING = (
    MarkKind.PATH,
    MarkKind.NODE_TAG,
    MarkKind.CODE,
    MarkKind.KUBE_SYSTEM_UID,
    MarkKind.INGRESS_UID,
    MarkKind.INGRESS_UID8,
)
"""The marks by which a report names a cluster, the most telling first (docs/report.md, field formats)."""
_STRONG = frozenset({MarkKind.CODE, MarkKind.KUBE_SYSTEM_UID, MarkKind.NODE_TAG, MarkKind.PATH})


def _path_text(item: Mark) -> str:
    return ClusterKey(*item.value.split("/", 2)).full


def trace(context: Context, resource: Resource, maker: Maker) -> Provenance:
    """Resolve the marks of a resource: its own first; only without any, those of its load balancer."""
    marks = own_marks(context.inventory, resource, maker)
    is_borrowed = not marks
    if is_borrowed:
        group = context.kin.group_of.get(resource.name)
        marks = context.kin_marks.get(group, ()) if group is not None else ()
    candidates, is_unproven = _candidates(context, resource, maker, marks)
    resolved = tuple(_resolve(context, item, candidates) for item in marks)
    origin, clusters, gaps = _combine(resolved, candidates)
    sharers: Iterable[ClusterKey] = ()
    if origin in (Origin.RENEWED, Origin.OPEN):
        clusters, gaps = candidates.clusters, candidates.gaps
    elif origin is Origin.LIVING:
        sharers, gaps = _silent_sharers(context, resolved, candidates)
    settled = origin is Origin.LIVING or not is_unproven
    return Provenance(
        origin=origin,
        clusters=tuple(clusters),
        resolutions=resolved,
        sharers=tuple(key for key in sharers if key not in clusters),
        gaps=tuple(gaps),
        may_be_beyond=_may_be_beyond(maker, resolved, candidates, origin),
        is_unproven_in_shared_vpc=not settled,
        is_borrowed=is_borrowed,
    )


def _silent_sharers(
    context: Context, resolved: Iterable[Resolution], candidates: Candidates
) -> tuple[Iterable[ClusterKey], Iterable[str]]:
    """The candidates that may have the same `ingress-uid` as the living cluster, because theirs was not read, and what
    hides further ones; none where a mark proves that it is this cluster and no other.

    Several clusters can share one (ownership.md, section 2.2): that one was read does not tell what the others own.
    One that the living cluster does not have today could be of another as well (section 6, fine points 2 and 5).
    """
    fingerprints = context.fingerprints
    living = [found for found in resolved if found.fate is Fate.LIVING]
    by_uid = [found for found in living if found.mark.kind in (MarkKind.INGRESS_UID, MarkKind.INGRESS_UID8)]
    is_proven = len(by_uid) < len(living) or any(fingerprints.is_sure(found) for found in by_uid)
    if is_proven and not any(fingerprints.is_of_former_uid(found) for found in by_uid):
        return (), ()
    return [key for key in candidates.clusters if fingerprints.identities[key].ingress_uids is None], candidates.gaps


def _may_be_beyond(maker: Maker, resolved: Iterable[Resolution], candidates: Candidates, origin: Origin) -> bool:
    """High confidence needs a mark that excludes every other cluster."""
    if origin in (Origin.RENEWED, Origin.OPEN):
        return True
    if maker.family in FLEET_FAMILIES:
        return not any(found.mark.kind is MarkKind.PATH for found in resolved)
    return candidates.may_be_beyond and origin is not Origin.LIVING


def _resolve(context: Context, item: Mark, candidates: Candidates) -> Resolution:
    if item.kind is MarkKind.PATH:
        return path_fate(context.inventory, item)
    return context.fingerprints.resolve(item, candidates)


def _candidates(context: Context, resource: Resource, maker: Maker, marks: Iterable[Mark]) -> tuple[Candidates, bool]:
    """The candidates, and whether the owner is unproven in a project that is, or may be, a Shared VPC host.

    Proven: an audited project holds a load-balancer part with the same mark; then only its clusters are candidates
    (ownership.md, section 6, fine point 3).
    """
    candidates = candidates_of(context.inventory, resource, maker)
    if not stands_in_shared_network(context.inventory, resource):
        return candidates, False
    keys = [(kind, maker.marks[kind]) for kind in ("lb", "c8", "uid") if maker.marks.get(kind)]
    projects = sorted({project for key in keys for project in context.projects_of_mark.get(key, ())})
    if projects:
        return union(in_project(context.inventory, project, None) for project in projects), False
    return candidates, True


def _combine(
    resolved: tuple[Resolution, ...], candidates: Candidates
) -> tuple[Origin, Iterable[ClusterKey], Iterable[str]]:
    by_fate: dict[Fate, list[Resolution]] = {fate: [] for fate in Fate}
    for found in resolved:
        by_fate[found.fate].append(found)
    living, dead, undecided = by_fate[Fate.LIVING], by_fate[Fate.DEAD], by_fate[Fate.UNDECIDED]
    if living:
        common = frozenset.intersection(*(found.clusters for found in living))
        strangers = [found for found in undecided if found.mark.kind in _STRONG and not common & found.clusters]
        if not common or dead or strangers:
            return Origin.CONTRADICTORY, frozenset().union(*(found.clusters for found in living)), ()
        return Origin.LIVING, sorted(common), ()
    if by_fate[Fate.NOT_GKE]:
        return Origin.NOT_GKE, (), ()
    hidden = [scope for found in undecided for scope in found.gaps]
    if dead and not any(found.mark.kind in _STRONG for found in undecided):
        return Origin.DEAD, (), ()
    if undecided:
        possible = sorted(frozenset().union(*(found.clusters for found in undecided)))
        return Origin.UNDECIDED, possible, dict.fromkeys(hidden)
    if by_fate[Fate.RENEWED]:
        return Origin.RENEWED, candidates.clusters, candidates.gaps
    return Origin.OPEN, candidates.clusters, candidates.gaps


# What must have been read


def unread_scopes(context: Context, maker: Maker, clusters: Iterable[ClusterKey]) -> dict[ClusterKey, list[str]]:
    """By cluster: the lists that would tell whether it owns such a resource, and were not read in full."""
    gaps: dict[ClusterKey, list[str]] = {}
    for key in clusters:
        scopes = [objects_scope(key, plural) for plural in PLURALS_OF_FAMILY.get(maker.family, ())]
        missing = [scope for scope in scopes if not context.inventory.coverage_of(scope).is_full]
        identity = context.fingerprints.identities[key]
        if maker.family in _NAMED_BY_KUBE_SYSTEM and identity.kube_system_uid is None:
            missing.append(objects_scope(key, "namespaces"))
        if maker.family in _NAMED_BY_INGRESS_UID and identity.ingress_uids is None:
            missing.append(objects_scope(key, "configmaps"))
        if missing:
            gaps[key] = missing
    return gaps


_NAMED_BY_KUBE_SYSTEM = frozenset(
    {Family.SERVICE_L4, Family.INGRESS_V2, Family.SERVICE_ATTACHMENT, Family.ENDPOINT_GROUP}
)
_NAMED_BY_INGRESS_UID = frozenset({Family.INGRESS_V1, Family.INGRESS_BACKEND, Family.ENDPOINT_GROUP})
"""Whose names cannot be computed forward without the cluster's fingerprint."""


def lists_that_may_hold_marks(context: Context, resource: Resource, provenance: Provenance) -> list[str]:
    """Firewalls and VMs whose tags would tell another cluster: needed unless the resource's own tag or path decides.

    In a Shared VPC the firewalls stand in the host project.
    """
    kinds = {found.mark.kind for found in provenance.resolutions}
    if not provenance.is_borrowed and kinds & {MarkKind.NODE_TAG, MarkKind.PATH}:
        return []
    inventory = context.inventory
    hosts = [item.id for item in inventory.projects.values() if item.is_shared_vpc_host is not False]
    projects = dict.fromkeys([resource.name.project, *hosts])
    scopes = [compute_scope(project, "firewalls") for project in projects]
    hidden = [scope for scope in scopes if not inventory.coverage_of(scope).is_full]
    if provenance.is_borrowed or provenance.origin is Origin.OPEN:
        instances = inventory.coverage_of(compute_scope(resource.name.project, "instances"))
        hidden += [instances.scope] if hides_in(instances, {resource.name.region}) else []
        hidden += _unread_parts(context, resource)
    return hidden


def _unread_parts(context: Context, resource: Resource) -> list[str]:
    """The lists of the parts that its load balancer names, and that are not there because the list was not read."""
    inventory = context.inventory
    named = [link.to for name in context.kin.of(resource.name) for link in inventory.resources[name].links]
    return [
        scope
        for name in named
        if name not in inventory.resources
        and hides_in(inventory.coverage_of(scope := compute_scope(name.project, name.collection)), {name.region})
    ]


def former_owner(maker: Maker, provenance: Provenance, kind: str | None, *, live: bool = False) -> Owner | None:
    """The owner as far as it is known: namespace and name from the description, the cluster from its marks."""
    namespace, name = maker.owner or (None, None)
    cluster = provenance.owner_cluster
    if cluster is None and name is None:
        return None
    return Owner(cluster, kind if name else None, namespace, name, live)


KIND_OF_FAMILY = {
    Family.SERVICE_UID: "Service",
    Family.SERVICE_L4: "Service",
    Family.INGRESS_V1: "Ingress",
    Family.INGRESS_V2: "Ingress",
    Family.INGRESS_BACKEND: "Service",
    Family.ENDPOINT_GROUP: "Service",
    Family.TENANT_ENDPOINT_GROUP: "Service",
    Family.SERVICE_ATTACHMENT: "ServiceAttachment",
    Family.GATEWAY: "Gateway",
    Family.MULTI_CLUSTER_GATEWAY: "Gateway",
    Family.MULTI_CLUSTER_INGRESS: "MultiClusterIngress",
}
