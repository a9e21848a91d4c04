"""Does a live object own this resource? (ownership.md, section 6, step 6.)

Asked of names computed forward, of UIDs and IPs; an annotation that names the resource counts only together with one
of these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from ..model.compute import Address, BackendService, ForwardingRule, Resource
from ..model.inventory import Inventory
from ..model.kube import Gateway, MultiClusterIngress
from ..model.names import ClusterKey, IPAddress, ResourceName
from ..model.snapshot import objects_scope
from .claims import Claim, LiveObject, Standing, gateway_scope
from .context import STUCK_AFTER, Context
from .fingerprints import MarkKind, described_marks, is_cut
from .makers import Family, Maker
from .naming import gateway_hashes


class Answer(Enum):
    """What the live objects say of one resource, the most alive answer first."""

    OWNED = auto()
    CHANGING = auto()
    """Owned by an object or cluster that is being created or deleted right now."""
    STUCK = auto()
    """Owned by an object whose deletion has been stuck for over a day."""
    RELEASED = auto()
    """No longer wished for, a finalizer still holds it, older than a day."""
    CONTRADICTED = auto()
    MOVED_ON = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Ownership:
    """The answer, the object it is about, and why, as the beginning of an evidence sentence."""

    answer: Answer
    object: LiveObject | None = None
    why: str = ""

    @property
    def source(self) -> str:
        """The coverage scope of the object's list; "" where there is no object."""
        return objects_scope(self.object.meta.cluster, self.object.meta.plural) if self.object is not None else ""


NOBODY = Ownership(Answer.NONE)

PLURALS_OF_FAMILY = {
    Family.SERVICE_UID: ("services",),
    Family.SERVICE_L4: ("services",),
    Family.INGRESS_V1: ("ingresses",),
    Family.INGRESS_V2: ("ingresses",),
    Family.INGRESS_BACKEND: ("ingresses", "services"),
    Family.ENDPOINT_GROUP: ("services", "servicenetworkendpointgroups"),
    Family.TENANT_ENDPOINT_GROUP: ("services", "servicenetworkendpointgroups"),
    Family.SERVICE_ATTACHMENT: ("serviceattachments",),
    Family.MANAGED_CERTIFICATE: ("managedcertificates", "ingresses"),
    Family.GATEWAY: ("gateways",),
    Family.MULTI_CLUSTER_GATEWAY: ("gateways",),
    Family.MULTI_CLUSTER_INGRESS: ("multiclusteringresses",),
}
"""The lists of a cluster that must be read in full before it is known not to own a resource."""


def find(context: Context, resource: Resource, maker: Maker) -> Ownership:
    """The most alive answer of all live objects that could own the resource."""
    if maker.family in (Family.GATEWAY, Family.MULTI_CLUSTER_GATEWAY):
        answers = _gateway_answers(context, resource, maker)
    elif maker.family is Family.MULTI_CLUSTER_INGRESS:
        answers = _multi_cluster_answers(context, resource, maker)
    elif maker.family in (Family.ENDPOINT_GROUP, Family.TENANT_ENDPOINT_GROUP):
        answers = _endpoint_group_answers(context, resource, maker)
    elif maker.family is Family.MANAGED_CERTIFICATE:
        answers = [
            _alive(context, resource, live, f"{live.label} names this certificate")
            for live, _ in context.claims.named_certificates.get(resource.name.name, ())
        ]
    else:
        answers = _claimed_answers(context, resource, maker)
    return min(answers, key=lambda item: item.answer.value, default=NOBODY)


def ip_of(resource: Resource) -> IPAddress | None:
    """The IP of a forwarding rule or address; parts have none."""
    return resource.body.ip if isinstance(resource.body, ForwardingRule | Address) else None


# Names computed forward


def _claimed_answers(context: Context, resource: Resource, maker: Maker) -> list[Ownership]:
    key = (resource.name.collection, _claimed_name(resource, maker))
    answers = []
    for claim in context.claims.by_name.get(key, ()):
        if claim.fits_place(resource.name) and _fits_kind(claim, resource, maker):
            answers.append(_answer(context, resource, claim))
    return answers


def _claimed_name(resource: Resource, maker: Maker) -> str:
    """Certificates are claimed up to the hash of their content, which nobody may read."""
    name = resource.name.name
    if maker.rule == "ing2.cert":
        return name.rpartition("-")[0]
    return f"k8s-ssl-{maker.marks['lbhash']}" if maker.rule == "ing1.cert" else name


def _fits_kind(claim: Claim, resource: Resource, maker: Maker) -> bool:
    """Scheme and Service must fit where the resource has them: a UID alone is not enough (ownership.md, section 6)."""
    if claim.schemes and not _fits_scheme(claim.schemes, resource):
        return False
    described = "/".join(maker.owner) if maker.owner else ""
    if claim.service and described and described != claim.service:
        return False
    if claim.object.kind == "Ingress" and resource.name.collection == "sslCertificates":
        listed = claim.object.meta.annotations.get("ingress.kubernetes.io/ssl-cert", "")
        return not listed or resource.name.name in [item.strip() for item in listed.split(",")]
    return True


def _fits_scheme(schemes: Collection[str], resource: Resource) -> bool:
    """An address is external or internal, whatever kind of load balancer it is for; parts have no scheme at all."""
    body = resource.body
    if isinstance(body, Address):
        form = body.address_type if body.address_type in ("EXTERNAL", "INTERNAL") else ""
        return any(scheme.startswith(form) for scheme in schemes)
    if isinstance(body, ForwardingRule | BackendService):
        return not body.scheme or body.scheme in schemes
    return resource.name.collection != "targetPools" or "EXTERNAL" in schemes


def _answer(context: Context, resource: Resource, claim: Claim) -> Ownership:
    live = claim.object
    if claim.standing is Standing.MAY_WISH:
        return Ownership(
            Answer.CONTRADICTED,
            live,
            f"{live.label} could have something of this name, but the controller does not count it as its own",
        )
    if claim.standing is Standing.RELEASED:
        old = context.age_is_over(resource, STUCK_AFTER) and not context.is_changing(live.meta.cluster)
        why = f"{live.label} no longer asks for a load balancer, but its finalizer is still set"
        return Ownership(Answer.RELEASED if old else Answer.CHANGING, live, why)
    if claim.checks_ip or is_cut(resource):
        mismatch = _ip_mismatch(context, resource, claim)
        if mismatch is not None:
            return mismatch
    return _alive(context, resource, live, f"what the controller makes for {live.label} has exactly this name")


def _ip_mismatch(context: Context, resource: Resource, claim: Claim) -> Ownership | None:
    """The object's status names other IPs. If another rule of its own serves those it has moved on, else the facts
    contradict each other."""
    live, ip = claim.object, ip_of(resource)
    if ip is None or not live.ips or ip in live.ips or ip in live.wanted_ips:
        return None
    shown = ", ".join(map(str, live.ips))
    if _serves_elsewhere(context, resource, live, live.ips):
        return Ownership(Answer.MOVED_ON, live, f"{live.label} is served at {shown} by another forwarding rule")
    return Ownership(
        Answer.CONTRADICTED,
        live,
        f"what the controller makes for {live.label} has exactly this name, but its status says {shown}, not {ip}",
    )


def _serves_elsewhere(context: Context, resource: Resource, live: LiveObject, ips: Iterable[IPAddress]) -> bool:
    """Whether another forwarding rule with one of these IPs has a name that this very object computes."""
    for ip in ips:
        for name in context.graph.rules_by_ip.get(ip, ()):
            if name == resource.name:
                continue
            other = context.inventory.resources[name]
            maker = context.makers[name]
            for claim in context.claims.by_name.get((name.collection, _claimed_name(other, maker)), ()):
                if claim.object is live and claim.fits_place(name) and _fits_kind(claim, other, maker):
                    return True
    return False


def _alive(context: Context, resource: Resource, live: LiveObject, why: str) -> Ownership:
    """Owned, unless the object or its cluster is on its way out."""
    if context.is_changing(live.meta.cluster):
        status = context.inventory.clusters[live.meta.cluster].status
        return Ownership(Answer.CHANGING, live, f"{why}; its cluster is {status}")
    deleted_at = live.meta.deleted_at
    if deleted_at is None:
        return Ownership(Answer.OWNED, live, why)
    since = f"{why}; it has been being deleted since {deleted_at:%Y-%m-%d %H:%M} UTC"
    is_stuck = context.as_of - deleted_at > timedelta(days=1)
    return Ownership(Answer.STUCK if is_stuck else Answer.CHANGING, live, since)


# Objects that bear the resource's namespace and name, UID or IP


def find_related(context: Context, resource: Resource, maker: Maker, clusters: Collection[ClusterKey]) -> Ownership:
    """What the objects of that name or UID in the clusters that could own the resource say of it.

    One that exists but does not compute this name has moved on, or contradicts where its IP agrees. So does any object
    of the owner's kind that reports the IP, unless a rule of its own explains that.
    """
    ip = ip_of(resource)
    answers = []
    for live in _related_objects(context, resource, maker, clusters):
        if ip is not None and (ip in live.ips or ip in live.wanted_ips):
            why = f"what the controller makes for {live.label} has another name, yet it has the same IP {ip}"
            answers.append(Ownership(Answer.CONTRADICTED, live, why))
        else:
            answers.append(Ownership(Answer.MOVED_ON, live, _why_moved_on(live, ip)))
    for live in _witnesses_of_ip(context, resource, maker, clusters):
        why = f"nothing that a controller makes has this name, yet {live.label} reports its IP {ip}"
        answers.append(Ownership(Answer.CONTRADICTED, live, why))
    return min(answers, key=lambda item: item.answer.value, default=NOBODY)


def _why_moved_on(live: LiveObject, ip: IPAddress | None) -> str:
    suffix = f"; it has {', '.join(map(str, live.ips)) or 'no IP'}, not {ip}" if ip is not None else ""
    return f"{live.label} exists, but no longer asks for this{suffix}"


def _related_objects(
    context: Context, resource: Resource, maker: Maker, clusters: Collection[ClusterKey]
) -> list[LiveObject]:
    found: dict[int, LiveObject] = {}
    by_uid = context.claims.by_service_name.get(maker.marks.get("lb", ""))
    if by_uid is not None and by_uid.meta.cluster in clusters:
        found[id(by_uid)] = by_uid
    plural = PLURALS_OF_FAMILY.get(maker.family, ("",))[0]
    if maker.owner is not None and maker.family not in _OWNED_BY_OTHERS:
        key = "/".join(maker.owner)
        for cluster in clusters:
            live = context.claims.by_key.get((cluster, plural, key))
            if live is not None:
                found[id(live)] = live
    return list(found.values())


_OWNED_BY_OTHERS = frozenset({Family.INGRESS_BACKEND, Family.ENDPOINT_GROUP, Family.TENANT_ENDPOINT_GROUP})
"""Their descriptions name a Service, which alone does not own them, or has been asked already."""


def _witnesses_of_ip(
    context: Context, resource: Resource, maker: Maker, wanted: Collection[ClusterKey]
) -> list[LiveObject]:
    ip = ip_of(resource)
    plurals = PLURALS_OF_FAMILY.get(maker.family, ())
    if ip is None:
        return []
    return [
        live
        for live in context.claims.by_ip.get(ip, ())
        if live.meta.cluster in wanted
        and live.meta.plural in plurals
        and ip in live.ips
        and not _serves_elsewhere(context, resource, live, (ip,))
    ]


# NEGs


def _endpoint_group_answers(context: Context, resource: Resource, maker: Maker) -> list[Ownership]:
    """A NEG's owner is its Service; a ServiceNetworkEndpointGroup without one contradicts its being left over.

    An annotation that names it counts only where no mark says that another cluster made it: a backup copies it.
    """
    answers = []
    for claim in context.claims.by_name.get((resource.name.collection, resource.name.name), ()):
        if not claim.fits_place(resource.name) and maker.family is not Family.TENANT_ENDPOINT_GROUP:
            continue
        if _is_of_another(context, resource, maker, claim.object.meta.cluster):
            continue
        if maker.owner is None or "/".join(maker.owner) == claim.object.meta.key:
            answers.append(_alive(context, resource, claim.object, f"{claim.object.label} has this NEG"))
    for cluster in _clusters_of_group(context, resource):
        answers += _described_group(context, resource, maker, cluster)
    return answers


def _is_of_another(context: Context, resource: Resource, maker: Maker, cluster: ClusterKey) -> bool:
    """Whether a NEG's description names another cluster than this one, or its name does where it has no description.

    An `ingress-uid` can be made anew, so that a name alone says less than the kube-system UID beside it.
    """
    identity = context.fingerprints.identities[cluster]
    described = [item.value for item in described_marks(context.inventory, resource) if item.kind is _KUBE_SYSTEM_UID]
    if described:
        return identity.kube_system_uid is not None and identity.kube_system_uid not in described
    uids, code = identity.ingress_uids, identity.code
    is_strange_uid = "uid8" in maker.marks and uids is not None and maker.marks["uid8"] not in {u[:8] for u in uids}
    return is_strange_uid or ("c8" in maker.marks and code is not None and maker.marks["c8"] != code)


_KUBE_SYSTEM_UID = MarkKind.KUBE_SYSTEM_UID


def _clusters_of_group(context: Context, resource: Resource) -> list[ClusterKey]:
    """The living clusters that its description names; those of its project where it has none."""
    marks = [item for item in described_marks(context.inventory, resource) if item.kind is MarkKind.KUBE_SYSTEM_UID]
    if marks:
        return sorted(key for item in marks for key in context.fingerprints.by_mark.get((item.kind, item.value), ()))
    return [key for key in context.inventory.clusters if key.project == resource.name.project]


def _described_group(context: Context, resource: Resource, maker: Maker, cluster: ClusterKey) -> list[Ownership]:
    service = context.claims.services.get((cluster, "/".join(maker.owner))) if maker.owner else None
    listed = context.claims.group_objects.get((cluster, resource.name.name))
    if service is not None:
        live = context.claims.by_key[cluster, "services", service.meta.key]
        port = str(resource.annotations.get("port", ""))
        is_wanted = service.type == "LoadBalancer" if port == "0" else any(str(p.port) == port for p in service.ports)
        if is_wanted or not port:
            return [_alive(context, resource, live, f"the NEG's description names {live.label}, which lives")]
        if listed is not None:
            return [_alive(context, resource, listed, f"{listed.label} lists this NEG")]
        return [Ownership(Answer.MOVED_ON, live, f"{live.label} exists, but has no port {port} for this NEG any more")]
    if listed is not None:
        return [Ownership(Answer.CONTRADICTED, listed, f"{listed.label} still lists this NEG, but its Service is gone")]
    return []


# Gateways and Multi Cluster Ingress


def _gateway_answers(context: Context, resource: Resource, maker: Maker) -> list[Ownership]:
    answers = []
    seen: set[int] = set()
    for gateway, live, is_listed in _gateways_in_question(context, resource, maker):
        if id(gateway) in seen:
            continue
        seen.add(id(gateway))
        answers.append(_gateway_answer(context, resource, maker, gateway, live, is_listed=is_listed))
    return answers


def _gateways_in_question(context: Context, resource: Resource, maker: Maker) -> list[tuple[Gateway, LiveObject, bool]]:
    """Those that list the resource, then those whose namespace and name it bears."""
    claims, name = context.claims, resource.name
    found = [(gateway, live, True) for gateway, live in claims.listed_by_gateways.get(name, ())]
    found += [
        (gateway, live, True)
        for gateway, live in claims.bare_names_of_gateways.get(name.name, ())
        if _class_fits(gateway.class_name, name)
    ]
    body, owner = maker.marks.get("body", ""), "/".join(maker.owner) if maker.owner else ""
    for key, pairs in claims.gateways.items():
        if key.project != name.project and maker.family is Family.GATEWAY:
            continue
        for gateway, live in pairs:
            if not _class_fits(gateway.class_name, name):
                continue
            joined = f"{gateway.meta.namespace}-{gateway.meta.name}"
            is_cut_name = len(name.name) >= 62 and joined.startswith(body)
            if gateway.meta.key == owner or (body and (joined == body or is_cut_name)):
                found.append((gateway, live, False))
    return found


def _class_fits(class_name: str, name: ResourceName) -> bool:
    """Whether a Gateway of this class makes resources where this one stands."""
    scope = gateway_scope(class_name)
    return scope == "any" or (scope == "global") == (name.location == "global")


def _gateway_answer(
    context: Context, resource: Resource, maker: Maker, gateway: Gateway, live: LiveObject, *, is_listed: bool
) -> Ownership:
    """Owned where the IP agrees, where the description names this Gateway of this cluster, or, for parts and while
    the Gateway has no IP yet, where the name is right and its cluster is not known to be another."""
    ip = ip_of(resource)
    if ip is not None and ip in (*gateway.status_ips, *gateway.spec_ips):
        return _alive(context, resource, live, f"{live.label} has this IP")
    paths = [m.value for m in described_marks(context.inventory, resource) if m.kind is MarkKind.PATH]
    if paths and live.meta.cluster.short not in paths:
        return NOBODY
    codes = context.fingerprints.identities[live.meta.cluster].gateway_codes
    code = maker.marks.get("ch4", "")
    is_described = bool(paths) and maker.owner == (gateway.meta.namespace, gateway.meta.name)
    is_ours = is_described or not code or not codes or code in codes
    if not is_ours:
        return NOBODY
    if ip is not None and gateway.status_ips:
        shown = ", ".join(map(str, gateway.status_ips))
        return Ownership(Answer.MOVED_ON, live, f"{live.label} exists, but is served at {shown}, not {ip}")
    right_hash = maker.marks.get("hash12", "") in gateway_hashes(
        gateway.meta.namespace, gateway.meta.name, gateway.listener_ports
    )
    is_known_cluster = is_described or not code or code in codes
    if is_described or is_listed or (right_hash and is_known_cluster):
        return _alive(context, resource, live, f"{live.label} has this resource by name")
    return Ownership(Answer.CONTRADICTED, live, f"{live.label} bears the name in this resource's name")


def _multi_cluster_answers(context: Context, resource: Resource, maker: Maker) -> list[Ownership]:
    listing = context.claims.listed_by_multi_cluster.get(resource.name.name, ())
    answers = [_multi_cluster_answer(context, resource, item, live, is_listed=True) for item, live in listing]
    body = maker.marks.get("body", "")
    for item, live in context.claims.multi_cluster:
        if f"{item.meta.namespace}-{item.meta.name}" == body:
            answers.append(_multi_cluster_answer(context, resource, item, live, is_listed=False))
    return answers


def _multi_cluster_answer(
    context: Context, resource: Resource, item: MultiClusterIngress, live: LiveObject, *, is_listed: bool
) -> Ownership:
    ip = ip_of(resource)
    if ip is not None and item.vip is not None and ip != item.vip and not is_listed:
        return Ownership(Answer.MOVED_ON, live, f"{live.label} exists, but its VIP is {item.vip}, not {ip}")
    if ip is None and item.resources and not is_listed:
        return Ownership(Answer.MOVED_ON, live, f"{live.label} exists, but lists other resources in its status")
    how = "lists this resource in its status" if is_listed else "has the name in this resource's name"
    return _alive(context, resource, live, f"{live.label} {how}")


def has_no_ready_endpoint(context: Context, live: LiveObject) -> str | None:
    """Evidence that no Service behind an object has a ready endpoint, None where one has or that was not read.

    Every Service counts but the controller's own default backend; an endpoint not read proves nothing (docs/report.md).
    """
    key = live.meta.cluster
    services = context.claims.backends_of.get((key, live.meta.plural, live.meta.key), frozenset())
    if not services or not _slices_are_read(context.inventory, key, sorted(services)):
        return None
    if live.kind == "Gateway" and not context.inventory.coverage_of(objects_scope(key, "httproutes")).is_full:
        return None
    if any(context.claims.ready_endpoints.get((key, service), 0) for service in services):
        return None
    if any(_is_elsewhere(context, key, service) for service in services):
        return None
    return f"no ready endpoint behind {', '.join(f'Service {name}' for name in sorted(services))}"


def _is_elsewhere(context: Context, key: ClusterKey, service: str) -> bool:
    """An ExternalName Service has its endpoints outside the cluster; of one not in the list nothing is known."""
    known = context.claims.services.get((key, service))
    if known is None:
        return not context.inventory.coverage_of(objects_scope(key, "services")).is_full
    return known.type == "ExternalName"


def _slices_are_read(inventory: Inventory, key: ClusterKey, services: Sequence[str]) -> bool:
    known = inventory.coverage_of(objects_scope(key, "endpointslices"))
    if not known.is_full or known.status == "absent":
        return False
    return known.services is None or set(services) <= set(known.services)
