"""Evidence in words: who made it, what its marks say, which clusters answered what, what was missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model.compute import Resource
from ..model.finding import Evidence
from ..model.names import ClusterKey
from ..model.nouns import counted
from ..model.snapshot import clusters_scope, objects_scope
from .context import Context
from .fingerprints import Fate, Mark, MarkKind, Resolution
from .makers import Family, Maker, Role
from .origins import Origin, Provenance
from .owners import PLURALS_OF_FAMILY

_MANY = 5
"""More clusters than this are told in one sentence."""

_CONTROLLERS = {
    Family.SERVICE_UID: "the controller of Services of type LoadBalancer",
    Family.SERVICE_L4: "the controller of Services of type LoadBalancer",
    Family.INGRESS_V1: "the GKE Ingress controller",
    Family.INGRESS_V2: "the GKE Ingress controller",
    Family.INGRESS_BACKEND: "the GKE Ingress controller, as a backend",
    Family.ENDPOINT_GROUP: "the GKE NEG controller",
    Family.TENANT_ENDPOINT_GROUP: "the GKE NEG controller of a tenant",
    Family.SERVICE_ATTACHMENT: "the GKE ServiceAttachment controller",
    Family.MANAGED_CERTIFICATE: "the ManagedCertificate controller",
    Family.GATEWAY: "the GKE Gateway controller",
    Family.MULTI_CLUSTER_GATEWAY: "the multi-cluster Gateway controller",
    Family.MULTI_CLUSTER_INGRESS: "the Multi Cluster Ingress controller",
    Family.KUBEMCI: "kubemci, a tool that is no longer maintained",
    Family.CLUSTER: "a GKE controller, for all load balancers of a cluster",
}


def say(statement: str, source: str) -> Evidence:
    return Evidence(statement[:1].upper() + statement[1:], source)


def about_maker(context: Context, resource: Resource, maker: Maker) -> Evidence:
    """Who made it, and what told so."""
    controller = _CONTROLLERS.get(maker.family, "a Kubernetes controller")
    how = "description" if maker.rule.startswith("described.") or maker.rule == "neg.custom" else "name"
    for_whom = f" for {'/'.join(maker.owner)}" if maker.owner and maker.role is not Role.SHARED else ""
    return say(f"Made by {controller}{for_whom} (its {how}, rule {maker.rule}).", context.scope(resource))


def about_marks(context: Context, resource: Resource, provenance: Provenance) -> list[Evidence]:
    """What each mark says of its cluster."""
    if not provenance.resolutions:
        text = "Nothing on it or on its load balancer says which cluster made it."
        return [say(text, context.scope(resource))]
    whose = "of its load balancer " if provenance.is_borrowed else ""
    return [
        say(f"The {found.mark.kind.value} {_shown(found.mark)} {whose}{_fate(found)}.", found.mark.source)
        for found in provenance.resolutions
    ]


def _shown(item: Mark) -> str:
    """Of a node tag the fingerprint alone is kept: 8 digits that stand in it and begin the cluster's id."""
    return f"…-{item.value}-node" if item.kind is MarkKind.NODE_TAG else item.value


def _fate(found: Resolution) -> str:
    if found.fate is Fate.LIVING:
        clusters = "clusters" if len(found.clusters) > 1 else "cluster"
        return f"belongs to the living {clusters} " + " and ".join(sorted(key.short for key in found.clusters))
    if found.fate is Fate.NOT_GKE:
        return "is not that of a GKE cluster"
    if found.fate is Fate.UNDECIDED:
        return "may belong to a cluster that could not be recognised"
    if found.fate is Fate.RENEWED:
        return "belongs to no living cluster today (a living one may have made a new one)"
    return "belongs to no living cluster"


def about_clusters(context: Context, maker: Maker, provenance: Provenance) -> list[Evidence]:
    """Which clusters were asked, and what each answered."""
    if provenance.origin is Origin.DEAD:
        return []
    keys = provenance.clusters
    plurals = PLURALS_OF_FAMILY.get(maker.family, ())
    if not keys:
        return [say("No living cluster could own it.", _listing(context, provenance))]
    if len(keys) > _MANY:
        text = f"{len(keys)} clusters that could own it were read in full: no object in them does."
        return [say(text, objects_scope(keys[0], plurals[0] if plurals else "services"))]
    return [_answer_of(context, key, plurals) for key in keys]


def _answer_of(context: Context, key: ClusterKey, plurals: Sequence[str]) -> Evidence:
    if not plurals:
        return say(f"Cluster {key.short} is known, and its own marks are others.", objects_scope(key, "namespaces"))
    counts = " and ".join(_counted(_count(context, key, plural), plural) for plural in plurals)
    text = f"Cluster {key.short} was read in full ({counts}): nothing in it owns this."
    return say(text, objects_scope(key, plurals[0]))


def _counted(number: int, plural: str) -> str:
    kind, kinds = _KINDS[plural]
    return f"1 {kind}" if number == 1 else f"{number or 'no'} {kinds}"


_KINDS = {
    "services": ("Service", "Services"),
    "ingresses": ("Ingress", "Ingresses"),
    "gateways": ("Gateway", "Gateways"),
    "multiclusteringresses": ("MultiClusterIngress", "MultiClusterIngresses"),
    "serviceattachments": ("ServiceAttachment", "ServiceAttachments"),
    "servicenetworkendpointgroups": ("ServiceNetworkEndpointGroup", "ServiceNetworkEndpointGroups"),
    "managedcertificates": ("ManagedCertificate", "ManagedCertificates"),
}


def _count(context: Context, key: ClusterKey, plural: str) -> int:
    by_plural = {
        "services": context.inventory.services,
        "ingresses": context.inventory.ingresses,
        "gateways": context.inventory.gateways,
        "multiclusteringresses": context.inventory.multi_cluster_ingresses,
    }
    if plural in by_plural:
        return len(by_plural[plural].get(key, ()))
    return len(context.inventory.plain.get((key, plural), ()))


def _listing(context: Context, provenance: Provenance) -> str:
    project = next(iter(context.inventory.projects), "")
    return clusters_scope(project)


def about_owner(context: Context, resource: Resource, text: str) -> Evidence:
    return say(text, context.scope(resource))


def about_gaps(context: Context, scopes: Iterable[str]) -> list[Evidence]:
    """What was missing, one sentence for each list, the first few in full."""
    unique = list(dict.fromkeys(scopes))
    told = [_about_gap(context, scope) for scope in unique[:_MANY]]
    if len(unique) > _MANY:
        first, *others = unique[_MANY:]
        text = f"{counted(len(others) + 1, 'more list')} {'were' if others else 'was'} not read in full."
        told.append(Evidence(text, first, tuple(others)))
    return told


def _about_gap(context: Context, scope: str) -> Evidence:
    known = context.inventory.coverage_of(scope)
    if known.is_full:
        return say("This list does not hold what would tell its cluster.", scope)
    category = f" ({known.category})" if known.category else ""
    missing = f", missing {', '.join(known.missing)}" if known.missing else ""
    return say(f"This list was not read in full{category}{missing}: what is not in it may exist.", scope)
