"""Cluster identities: the marks that clusters leave in names, tags and descriptions, and the joins between them.

A mark of no living cluster proves a deleted one only once every living candidate could have been recognised
(ownership.md, sections 2.2 and 6, step 5).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from ..model.compute import Firewall, ForwardingRule, Instance, Resource
from ..model.inventory import Inventory
from ..model.kube import Gateway
from ..model.names import ClusterKey, IPAddress, ResourceName
from ..model.snapshot import clusters_scope, compute_scope, objects_scope
from .candidates import Candidates, has_node_labels, has_node_name, hides_cluster_at
from .makers import Maker
from .naming import cluster_code

_NODE_TAG = re.compile(r"^gk[e3]-.+-([0-9a-f]{8})-node$")
_GATEWAY_NAME = re.compile(r"gkegw1?-([0-9a-z]{4})-[0-9a-z][-0-9a-z]*-[0-9a-z]{12}")


class MarkKind(Enum):
    """Which fingerprint a mark is (ownership.md, section 2.2); the value is how evidence calls it."""

    CODE = "name hash"
    KUBE_SYSTEM_UID = "kube-system UID"
    INGRESS_UID = "ingress-uid"
    INGRESS_UID8 = "beginning of an ingress-uid"
    NODE_TAG = "node tag"
    PATH = "cluster path"
    GATEWAY_CODE = "Gateway cluster code"
    OTHER_TAG = "tag or VM"


MarkKey = tuple[MarkKind, str]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One fingerprint found on one resource."""

    sort: str
    value: str
    source: str
    """The coverage scope it was read from."""
    kind: MarkKind = MarkKind.CODE

    @property
    def owner_text(self) -> str:
        """How the report writes an owner that is only known by this mark (docs/report.md, field formats)."""
        if self.kind is MarkKind.NODE_TAG:
            return f"fingerprint:cluster-id={self.value}"
        if self.kind is MarkKind.CODE:
            return f"fingerprint:c8={self.value}"
        if self.kind is MarkKind.KUBE_SYSTEM_UID:
            return f"fingerprint:c8={cluster_code(self.value)}"
        return f"fingerprint:uid={self.value}"


def mark(kind: MarkKind, value: str, source: str) -> Mark:
    return Mark(kind.name, value, source, kind)


class Fate(Enum):
    """What became of the cluster behind a mark."""

    LIVING = auto()
    DEAD = auto()
    RENEWED = auto()
    """An ingress-uid of no living cluster: a dead one's, or one that a living cluster made anew."""
    UNDECIDED = auto()
    NOT_GKE = auto()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one mark says. `clusters`: the living ones it names, or those it might name while undecided."""

    mark: Mark
    fate: Fate
    clusters: frozenset[ClusterKey] = frozenset()
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of one living cluster; None = could not be read."""

    key: ClusterKey
    kube_system_uid: str | None
    ingress_uid: str | None
    """The uid of its v1 names and NEGs; "" where it has none."""
    ingress_uids: frozenset[str] | None
    """uid and provider-uid."""
    id_prefix: str | None
    gateway_codes: frozenset[str]

    @property
    def code(self) -> str | None:
        return None if self.kube_system_uid is None else cluster_code(self.kube_system_uid)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Identities of the living clusters, and which marks stand together on one resource."""

    identities: Mapping[ClusterKey, Identity]
    by_mark: Mapping[MarkKey, frozenset[ClusterKey]]
    tags_beside: Mapping[MarkKey, tuple[Mark, ...]]
    """Node tags of firewalls and target pools that stand beside a mark, or beside one of the same cluster."""
    marks_beside: Mapping[MarkKey, tuple[Mark, ...]]
    """The other marks of the same cluster: a uid and its first 8 characters, a kube-system UID and its hash, and
    what a NEG's name and description join."""

    def resolve(self, item: Mark, candidates: Candidates) -> Resolution:
        """What became of the cluster behind a mark, with `candidates` as those it could be."""
        if item.kind is MarkKind.OTHER_TAG:
            return Resolution(item, Fate.NOT_GKE)
        living = self._bearers(item, candidates)
        if living:
            return Resolution(item, Fate.LIVING, living)
        if item.kind is MarkKind.NODE_TAG:
            return self._unmatched(item, candidates, Fate.DEAD)
        beside = self.marks_beside.get((item.kind, item.value), ())
        known = frozenset(
            key for other in beside for key in self._bearers(other, candidates) if self._can_bear(key, item)
        )
        if known:
            return Resolution(item, Fate.LIVING, known)
        tags = [self.resolve(tag, candidates) for tag in self.tags_beside.get((item.kind, item.value), ())]
        decided = _decide(item, [found for tag in tags if (found := self._of_possible(tag, item)) is not None])
        if decided is not None:
            return decided
        if item.kind not in WEAK:
            return self._unmatched(item, candidates, Fate.DEAD)
        if any(
            self._unmatched(other, candidates, Fate.DEAD).fate is Fate.DEAD for other in beside if other.kind in _SURE
        ):
            return Resolution(item, Fate.DEAD)
        return self._unmatched(item, candidates, Fate.RENEWED)

    def is_sure(self, found: Resolution) -> bool:
        """Whether NEGs join a mark of a living cluster with that cluster's kube-system UID, and with no other.

        Node tags do not tell: firewall rules bear the `provider-uid`, and the first cluster of a federation has one
        that is the `ingress-uid` of all.
        """
        beside = self.marks_beside.get((found.mark.kind, found.mark.value), ())
        owners = [self.by_mark.get((item.kind, item.value)) for item in beside if item.kind is MarkKind.KUBE_SYSTEM_UID]
        return bool(owners) and all(owner is not None and owner <= found.clusters for owner in owners)

    def is_of_former_uid(self, found: Resolution) -> bool:
        """Whether a living cluster is behind a mark that it does not bear today: its `ingress-uid` was made anew."""
        bearers = self.by_mark.get((found.mark.kind, found.mark.value), frozenset())
        return any(key not in bearers and self._is_known(key, found.mark.kind) for key in found.clusters)

    def _bearers(self, item: Mark, candidates: Candidates) -> frozenset[ClusterKey]:
        """The living clusters that bear a mark. Several can bear one ingress-uid (ownership.md, section 2.2): those
        count that could own the resource."""
        found = self.by_mark.get((item.kind, item.value), frozenset())
        return found & frozenset(candidates.clusters) if item.kind in WEAK else found

    def _can_bear(self, key: ClusterKey, item: Mark) -> bool:
        """Whether a cluster that does not bear a mark may be the one behind it all the same: it can make its
        ingress-uid anew, but has one kube-system UID as long as it lives."""
        return item.kind in WEAK or not self._is_known(key, item.kind)

    def _of_possible(self, found: Resolution, item: Mark) -> Resolution | None:
        """What a node tag says, less the clusters that cannot be behind the mark beside it."""
        if found.fate is not Fate.LIVING:
            return found
        clusters = frozenset(key for key in found.clusters if self._can_bear(key, item))
        return replace(found, clusters=clusters) if clusters else None

    def _unmatched(self, item: Mark, candidates: Candidates, fate: Fate) -> Resolution:
        """No living cluster is known to bear it: `fate`, unless one could not have been recognised."""
        silent = [key for key in candidates.clusters if not self._is_known(key, item.kind)]
        gaps = [*candidates.gaps, *(_scope_of(key, item.kind) for key in silent)]
        if gaps:
            hidden = frozenset(candidates.clusters) if candidates.gaps else frozenset(silent)
            return Resolution(item, Fate.UNDECIDED, hidden, tuple(dict.fromkeys(gaps)))
        return Resolution(item, fate)

    def _is_known(self, key: ClusterKey, kind: MarkKind) -> bool:
        identity = self.identities[key]
        if kind in (MarkKind.CODE, MarkKind.KUBE_SYSTEM_UID):
            return identity.kube_system_uid is not None
        if kind in (MarkKind.INGRESS_UID, MarkKind.INGRESS_UID8):
            return identity.ingress_uids is not None
        if kind is MarkKind.NODE_TAG:
            return identity.id_prefix is not None or not key.is_gke
        return True


WEAK = frozenset({MarkKind.INGRESS_UID, MarkKind.INGRESS_UID8, MarkKind.GATEWAY_CODE})
"""Marks that prove no single cluster: a living one can make its ingress-uid anew (section 6, fine point 2), several
can share one, and how the code in a Gateway's names is made is not known."""
_SURE = frozenset({MarkKind.CODE, MarkKind.KUBE_SYSTEM_UID})


def _decide(item: Mark, joined: list[Resolution]) -> Resolution | None:
    living = frozenset(key for found in joined if found.fate is Fate.LIVING for key in found.clusters)
    if living:
        return Resolution(item, Fate.LIVING, living)
    if joined and all(found.fate is Fate.NOT_GKE for found in joined):
        return Resolution(item, Fate.NOT_GKE)
    if joined and all(found.fate in (Fate.DEAD, Fate.NOT_GKE) for found in joined):
        return Resolution(item, Fate.DEAD)
    return None


def _scope_of(key: ClusterKey, kind: MarkKind) -> str:
    """The list that would have told a cluster's fingerprint of this kind."""
    if kind in (MarkKind.CODE, MarkKind.KUBE_SYSTEM_UID):
        return objects_scope(key, "namespaces")
    return clusters_scope(key.project) if kind is MarkKind.NODE_TAG else objects_scope(key, "configmaps")


def build(inventory: Inventory, makers: Mapping[ResourceName, Maker]) -> Fingerprints:
    """Identities from the clusters' own objects, joins from the Compute resources."""
    ips = _ips_of_rules(inventory)
    identities = {key: _identity(inventory, key, ips) for key in inventory.clusters}
    by_mark: dict[MarkKey, set[ClusterKey]] = defaultdict(set)
    for key, identity in identities.items():
        for kind, value in _marks_of_identity(identity):
            by_mark[kind, value].add(key)
    tags, joins = _joins(inventory, makers)
    marks_beside, tags_beside = _close(tags, joins)
    return Fingerprints(
        identities=identities,
        by_mark={key: frozenset(found) for key, found in by_mark.items()},
        tags_beside=tags_beside,
        marks_beside=marks_beside,
    )


def _joins(
    inventory: Inventory, makers: Mapping[ResourceName, Maker]
) -> tuple[dict[MarkKey, set[Mark]], list[tuple[Mark, Mark]]]:
    """Which node tags stand beside a mark, and which marks belong to one cluster."""
    tags: dict[MarkKey, set[Mark]] = defaultdict(set)
    joins: list[tuple[Mark, Mark]] = []
    for resource in inventory.judged():
        maker = makers[resource.name]
        if isinstance(resource.body, Firewall):
            beside = tag_marks(resource.body.target_tags, _scope(resource))
            for item in _named_marks(resource, maker):
                tags[item.kind, item.value].update(beside)
        elif resource.name.collection == "targetPools":
            nodes = [item for item in instance_marks(inventory, resource) if item.kind is MarkKind.NODE_TAG]
            for item in shared_check_marks(inventory, makers, resource):
                tags[item.kind, item.value].update(nodes)
        elif resource.name.collection == "networkEndpointGroups":
            described = [m for m in described_marks(inventory, resource) if m.kind is MarkKind.KUBE_SYSTEM_UID]
            joins += [(one, other) for one in _named_marks(resource, maker) for other in described]
    return tags, joins


def _close(
    tags: Mapping[MarkKey, set[Mark]], joins: Iterable[tuple[Mark, Mark]]
) -> tuple[dict[MarkKey, tuple[Mark, ...]], dict[MarkKey, tuple[Mark, ...]]]:
    """Marks of one cluster joined into groups: by NEGs, by a uid's beginning, by the hash of a kube-system UID."""
    groups: dict[MarkKey, set[Mark]] = {}

    def group_of(item: Mark) -> set[Mark]:
        return groups.setdefault((item.kind, item.value), {item})

    def join(one: Mark, other: Mark) -> None:
        first, second = group_of(one), group_of(other)
        if first is not second:
            first |= second
            for member in second:
                groups[member.kind, member.value] = first

    tagged = [mark(kind, value, "") for kind, value in tags]
    for item in [*tagged, *(end for pair in joins for end in pair)]:
        group_of(item)
        if item.kind is MarkKind.INGRESS_UID:
            join(item, mark(MarkKind.INGRESS_UID8, item.value[:8], item.source))
        elif item.kind is MarkKind.KUBE_SYSTEM_UID:
            join(item, mark(MarkKind.CODE, cluster_code(item.value), item.source))
    for one, other in joins:
        join(one, other)
    beside = {key: tuple(sorted(group)) for key, group in groups.items()}
    found = {
        key: tuple(sorted({tag for item in group for tag in tags.get((item.kind, item.value), ())}))
        for key, group in beside.items()
    }
    return beside, found


def _identity(inventory: Inventory, key: ClusterKey, ips: Mapping[str, frozenset[IPAddress]]) -> Identity:
    namespaces = inventory.plain.get((key, "namespaces"), ())
    kube_system = next((item.meta.uid for item in namespaces if item.meta.name == "kube-system"), "")
    uid, uids = _ingress_uids(inventory, key)
    codes = frozenset(code for gateway in inventory.gateways.get(key, ()) for code in _gateway_codes(gateway, ips))
    cluster_id = inventory.clusters[key].id
    return Identity(key, kube_system or None, uid, uids, cluster_id[:8] or None, codes)


def _gateway_codes(gateway: Gateway, ips: Mapping[str, frozenset[IPAddress]]) -> Iterator[str]:
    """The codes in the names of the forwarding rules that a Gateway lists and is served by. A backup copies the list
    into another cluster, where the IP is another."""
    for item in gateway.meta.annotations.get("networking.gke.io/forwarding-rules", "").split(","):
        name = item.strip().rpartition("/")[2]
        match = _GATEWAY_NAME.fullmatch(name)
        if match and not ips.get(name, frozenset()).isdisjoint(gateway.status_ips):
            yield match[1]


def _ips_of_rules(inventory: Inventory) -> dict[str, frozenset[IPAddress]]:
    """By name: the IPs of the forwarding rules that have it."""
    found: dict[str, set[IPAddress]] = defaultdict(set)
    for resource in inventory.resources.values():
        if isinstance(resource.body, ForwardingRule) and resource.body.ip is not None:
            found[resource.name.name].add(resource.body.ip)
    return {name: frozenset(ips) for name, ips in found.items()}


def _ingress_uids(inventory: Inventory, key: ClusterKey) -> tuple[str | None, frozenset[str] | None]:
    """From ConfigMap kube-system/ingress-uid; of a value with "--" the part after the last one counts
    (kubernetes/ingress-gce:cmd/glbc/main.go)."""
    for item in inventory.plain.get((key, "configmaps"), ()):
        if item.meta.key == "kube-system/ingress-uid":
            values = {name: texts[0].rpartition("--")[2] for name, texts in item.values.items()}
            return values.get("uid", ""), frozenset(value for value in values.values() if value)
    if inventory.coverage_of(objects_scope(key, "configmaps")).is_full:
        return "", frozenset()
    return None, None


def _marks_of_identity(identity: Identity) -> Iterable[MarkKey]:
    if identity.kube_system_uid is not None:
        yield MarkKind.KUBE_SYSTEM_UID, identity.kube_system_uid
        yield MarkKind.CODE, cluster_code(identity.kube_system_uid)
    for uid in identity.ingress_uids or ():
        yield MarkKind.INGRESS_UID, uid
        yield MarkKind.INGRESS_UID8, uid[:8]
    if identity.id_prefix is not None:
        yield MarkKind.NODE_TAG, identity.id_prefix
    for code in identity.gateway_codes:
        yield MarkKind.GATEWAY_CODE, code
    yield MarkKind.PATH, identity.key.short


def own_marks(inventory: Inventory, resource: Resource, maker: Maker) -> tuple[Mark, ...]:
    """The marks in a resource's own name, description and target tags."""
    found = [*_named_marks(resource, maker), *described_marks(inventory, resource)]
    if isinstance(resource.body, Firewall):
        found += tag_marks(resource.body.target_tags, _scope(resource))
    return tuple(dict.fromkeys(found))


def _named_marks(resource: Resource, maker: Maker) -> list[Mark]:
    scope = _scope(resource)
    found = []
    if "c8" in maker.marks:
        found.append(mark(MarkKind.CODE, maker.marks["c8"], scope))
    if "uid8" in maker.marks:
        found.append(mark(MarkKind.INGRESS_UID8, maker.marks["uid8"], scope))
    uid = maker.marks.get("uid", "")
    if uid and not is_cut(resource):
        found.append(mark(MarkKind.INGRESS_UID, uid, scope))
    if "ch4" in maker.marks:
        found.append(mark(MarkKind.GATEWAY_CODE, maker.marks["ch4"], scope))
    return found


def is_cut(resource: Resource) -> bool:
    """A v1 name of 63 characters that ends in 0 was cut: only a beginning of the uid is left, or nothing."""
    return len(resource.name.name) == 63 and resource.name.name.endswith("0")


def described_marks(inventory: Inventory, resource: Resource) -> list[Mark]:
    """cluster-uid of NEGs, kubernetes.io/cluster-id of node firewalls, k8sCluster of Gateways, PSC and newer checks."""
    keys, scope = resource.annotations, _scope(resource)
    found = []
    uid = keys.get("cluster-uid")
    if isinstance(uid, str) and uid:
        found.append(mark(MarkKind.KUBE_SYSTEM_UID, uid, scope))
    cluster_id = keys.get("kubernetes.io/cluster-id")
    if isinstance(cluster_id, str) and cluster_id:
        found.append(mark(MarkKind.INGRESS_UID, cluster_id, scope))
    path = keys.get("k8sCluster")
    key = _cluster_path(inventory, path, resource.name.project) if isinstance(path, str) else None
    if key is not None:
        found.append(mark(MarkKind.PATH, key.short, scope))
    return found


def _cluster_path(inventory: Inventory, path: str, project: str) -> ClusterKey | None:
    """/projects/P/locations/L/clusters/C; /regions/L/clusters/C, /zones/... and /locations/... in its own project."""
    parts = path.strip("/").split("/")
    if len(parts) == 6 and parts[0] == "projects":
        project, parts = inventory.numbers.get(parts[1], parts[1]), parts[2:]
    if len(parts) == 4 and parts[0] in ("locations", "regions", "zones") and parts[2] == "clusters":
        return ClusterKey(project, parts[1], parts[3])
    return None


def tag_marks(tags: Iterable[str], scope: str) -> list[Mark]:
    """The node tags among target tags; where none is GKE's, the others say that the cluster is no GKE cluster."""
    tags = list(tags)
    found = [mark(MarkKind.NODE_TAG, match[1], scope) for tag in tags if (match := _NODE_TAG.match(tag))]
    return found or [mark(MarkKind.OTHER_TAG, tag, scope) for tag in tags]


def instance_marks(inventory: Inventory, resource: Resource) -> list[Mark]:
    """What the VMs behind a target pool say: node tags, or that they are no GKE nodes."""
    found: list[Mark] = []
    for link in resource.links:
        if link.role != "instance":
            continue
        instance = inventory.resources.get(link.to)
        scope = compute_scope(link.to.project, "instances")
        if instance is not None and isinstance(instance.body, Instance):
            tags = [item for item in tag_marks(instance.body.tags, scope) if item.kind is MarkKind.NODE_TAG]
            is_node = bool(tags) or has_node_labels(instance.labels)
        else:
            tags, is_node = [], has_node_name(link.to.name)
        found += tags if is_node else [mark(MarkKind.OTHER_TAG, link.to.name, scope)]
    return found


def shared_check_marks(inventory: Inventory, makers: Mapping[ResourceName, Maker], resource: Resource) -> list[Mark]:
    """The marks of the cluster-wide health check that a pool or backend service uses."""
    found = []
    for link in resource.links:
        if link.role == "healthCheck" and link.to in makers:
            maker = makers[link.to]
            if maker.rule in ("l4.nodes_hc", "l4v2.shared_hc"):
                found += _named_marks(inventory.resources[link.to], maker)
    return found


def path_fate(inventory: Inventory, item: Mark) -> Resolution:
    """A cluster named in clear: living if it is in the snapshot, dead if its project's list was read without it."""
    project, location, name = item.value.split("/", 2)
    key = ClusterKey(project, location, name)
    if key in inventory.clusters:
        return Resolution(item, Fate.LIVING, frozenset({key}))
    scope = clusters_scope(project)
    if hides_cluster_at(inventory.coverage_of(scope), location):
        return Resolution(item, Fate.UNDECIDED, frozenset(), (scope,))
    return Resolution(item, Fate.DEAD)


def _scope(resource: Resource) -> str:
    return compute_scope(resource.name.project, resource.name.collection)
