"""Which controller made a resource: by its name, else by its description (ownership.md, section 4).

Rules are tried in order; the first whose collection and pattern fit wins. What no rule knows is not Kubernetes'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from ..model.compute import Resource
from ..model.fields import embedded


class Role(Enum):
    """What a resource is to its load balancer."""

    CANDIDATE = auto()
    """Can be the head of a finding."""
    COMPANION = auto()
    """A part of one load balancer."""
    SHARED = auto()
    """A part of the whole cluster: in use while the cluster lives."""
    FOREIGN = auto()
    """Never a load balancer of a Service, Ingress or Gateway."""


class Family(Enum):
    """Which kind of object owns it, and by which controller path (ownership.md, section 3)."""

    SERVICE_UID = auto()
    """Named after the Service's UID: P1, P2, P4."""
    SERVICE_L4 = auto()
    """k8s2- names: P3, P4, P5."""
    INGRESS_V1 = auto()
    INGRESS_V2 = auto()
    INGRESS_BACKEND = auto()
    """Backend services and health checks of Ingresses: P7, P8."""
    ENDPOINT_GROUP = auto()
    """NEGs, of whatever use: P3, P5, P9."""
    TENANT_ENDPOINT_GROUP = auto()
    SERVICE_ATTACHMENT = auto()
    MANAGED_CERTIFICATE = auto()
    GATEWAY = auto()
    MULTI_CLUSTER_GATEWAY = auto()
    MULTI_CLUSTER_INGRESS = auto()
    KUBEMCI = auto()
    CLUSTER = auto()
    """Shared by the load balancers of one cluster."""
    NONE = auto()


FLEET_FAMILIES = frozenset({Family.MULTI_CLUSTER_GATEWAY, Family.MULTI_CLUSTER_INGRESS, Family.KUBEMCI})
"""Their objects live in one cluster of the fleet, their load balancers in the fleet host project."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table in ownership.md, section 4."""

    id: str
    collections: frozenset[str]
    pattern: re.Pattern[str]
    role: Role
    family: Family
    reason: str = "cluster-level"
    """Foreign rules only: the reason code."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What name and description tell of one resource."""

    rule: str
    role: Role
    family: Family
    marks: Mapping[str, str] = field(default_factory=dict)
    """Named groups of the pattern: c8, uid, uid8, lb, h8, ch4, h6, ..."""
    owner: tuple[str, str] | None = None
    """(namespace, name) of the object, from the description or the NEG's own fields."""
    foreign_reason: str = ""

    @property
    def is_kubernetes(self) -> bool:
        return self.role is not Role.FOREIGN


_LB = r"(?P<lb>a[0-9a-f]{12}[1-5][0-9a-f]{3}[89ab][0-9a-f]{14})"
_NS_NAME = r"(?P<nsname>[0-9a-z][-0-9a-z]*?)"
_C8 = r"(?P<c8>[0-9a-z]{8})"
_H8 = r"(?P<h8>[0-9a-z]{8})"
_UID = r"(?:--(?P<uid>[0-9a-z]{1,16}))?"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def _rule(
    rule_id: str, collections: str, pattern: str, role: Role, family: Family, reason: str = "cluster-level"
) -> Rule:
    return Rule(rule_id, frozenset(collections.split()), re.compile(f"^{pattern}$"), role, family, reason)


_FRONTS = "targetHttpProxies targetHttpsProxies urlMaps"
_CHECKS = "healthChecks httpHealthChecks httpsHealthChecks"
_GATEWAY_PARTS = f"forwardingRules addresses {_FRONTS} targetTcpProxies backendServices healthChecks sslCertificates"

RULES: tuple[Rule, ...] = (
    _rule("l4v2.shared_hc", "healthChecks", rf"k8s2-{_C8}-l4-shared-hc", Role.SHARED, Family.CLUSTER),
    _rule(
        "l4v2.shared_hc_fw",
        "firewalls",
        rf"k8s2-{_C8}-l4-shared-hc-fw(?:-ipv6|-regional)?",
        Role.SHARED,
        Family.CLUSTER,
    ),
    _rule(
        "l4v2.fr_v6",
        "forwardingRules addresses",
        rf"k8s2-(?P<proto>tcp|udp|l3)-{_C8}-(?P<rest>[0-9a-z][-0-9a-z]*)-ipv6",
        Role.CANDIDATE,
        Family.SERVICE_L4,
    ),
    _rule(
        "l4v2.fr",
        "forwardingRules addresses",
        rf"k8s2-(?P<proto>tcp|udp|l3)-{_C8}-{_NS_NAME}-{_H8}",
        Role.CANDIDATE,
        Family.SERVICE_L4,
    ),
    _rule(
        "ing2.front",
        f"forwardingRules addresses {_FRONTS}",
        rf"k8s2-(?P<part>fr|fs|tp|ts|um|rm)-{_C8}-{_NS_NAME}-{_H8}",
        Role.CANDIDATE,
        Family.INGRESS_V2,
    ),
    _rule(
        "ing2.cert",
        "sslCertificates",
        rf"k8s2-cr-{_C8}-(?P<lbhash>[0-9a-z]{{16}})-(?P<certhash>[0-9a-f]{{16}})",
        Role.COMPANION,
        Family.INGRESS_V2,
    ),
    _rule(
        "psc.sa", "serviceAttachments", rf"k8s1-sa-{_C8}-{_NS_NAME}-{_H8}", Role.CANDIDATE, Family.SERVICE_ATTACHMENT
    ),
    _rule(
        "l4v2.fw",
        "firewalls",
        rf"k8s2-{_C8}-{_NS_NAME}-{_H8}(?P<sfx>-deny-ipv6|-deny)?",
        Role.COMPANION,
        Family.SERVICE_L4,
    ),
    _rule(
        "l4v2.fw_cut",
        "firewalls",
        rf"k8s2-{_C8}-(?P<rest>[0-9a-z][-0-9a-z]*)(?P<sfx>-fw-ipv6|-fw|-ipv6)",
        Role.COMPANION,
        Family.SERVICE_L4,
    ),
    _rule(
        "l4v2.bs_neg_hc",
        "backendServices networkEndpointGroups healthChecks",
        rf"k8s2-{_C8}-{_NS_NAME}-{_H8}",
        Role.COMPANION,
        Family.SERVICE_L4,
    ),
    _rule(
        "ing.rxlb_be",
        "backendServices healthChecks",
        r"k8s1-(?P<uid8>[0-9a-f]{8})-e-(?P<body>[0-9a-z][-0-9a-z]*?)-(?P<hash>[0-9a-f]{8})",
        Role.COMPANION,
        Family.INGRESS_BACKEND,
    ),
    _rule(
        "neg.l7",
        "networkEndpointGroups backendServices healthChecks",
        r"k8s1-(?P<uid8>[0-9a-f]{8})-(?P<body>[0-9a-z][-0-9a-z]*?)-(?P<hash>[0-9a-f]{8})",
        Role.COMPANION,
        Family.INGRESS_BACKEND,
    ),
    _rule(
        "neg.multiproject",
        "networkEndpointGroups",
        r"gk3-mt1-(?P<tenant>[-0-9a-z]{1,8})-(?P<body>[0-9a-z][-0-9a-z]*?)-(?P<hash>[0-9a-f]{8})",
        Role.COMPANION,
        Family.TENANT_ENDPOINT_GROUP,
    ),
    _rule(
        "l4.svc_uid_name",
        "forwardingRules addresses targetPools backendServices healthChecks httpHealthChecks",
        _LB,
        Role.CANDIDATE,
        Family.SERVICE_UID,
    ),
    _rule("l4.svc_uid_name_v6", "forwardingRules addresses", rf"{_LB}-ipv6", Role.CANDIDATE, Family.SERVICE_UID),
    _rule("l4.fw_deny", "firewalls", rf"k8s-fw-{_LB}-deny", Role.COMPANION, Family.SERVICE_UID),
    _rule("l4.fw", "firewalls", rf"k8s-fw-{_LB}", Role.COMPANION, Family.SERVICE_UID),
    _rule("l4.fw_localhc", "firewalls", rf"k8s-{_LB}-http-hc", Role.COMPANION, Family.SERVICE_UID),
    _rule("l4.ilb_hcfw", "firewalls", rf"{_LB}(?:-hc)?", Role.COMPANION, Family.SERVICE_UID),
    _rule("l4.nodes_hc_fw", "firewalls", r"k8s-(?P<uid>[0-9a-f]{0,16})-node-http-hc", Role.SHARED, Family.CLUSTER),
    _rule("l4.nodes_hc_fw_ilb", "firewalls", r"k8s-(?P<uid>[0-9a-f]{0,16})-node-hc", Role.SHARED, Family.CLUSTER),
    _rule("l4.nodes_hc", _CHECKS, r"k8s-(?P<uid>[0-9a-f]{0,16})-node", Role.SHARED, Family.CLUSTER),
    _rule(
        "l4.ilb_shared_bs",
        "backendServices",
        r"k8s-(?P<uid>[0-9a-f]{0,16})-(?P<scheme>internal|external)-(?P<proto>tcp|udp)-nmv1-(?P<affinity>[0-9a-f]{16})",
        Role.SHARED,
        Family.CLUSTER,
    ),
    _rule("shared.ig", "instanceGroups", rf"k8s-ig{_UID}", Role.SHARED, Family.CLUSTER),
    _rule("ing.fw", "firewalls", rf"k8s-fw-l7{_UID}", Role.SHARED, Family.CLUSTER),
    _rule(
        "ing.be_nodeport",
        f"backendServices {_CHECKS}",
        rf"k8s-be-(?P<port>\d{{1,5}}){_UID}",
        Role.COMPANION,
        Family.INGRESS_BACKEND,
    ),
    _rule(
        "ing1.cert",
        "sslCertificates",
        rf"k8s-ssl-(?P<lbhash>[0-9a-f]{{16}})-(?P<certhash>[0-9a-f]{{16}}){_UID}",
        Role.COMPANION,
        Family.INGRESS_V1,
    ),
    _rule(
        "ing1.cert_legacy",
        "sslCertificates",
        r"k8s-ssl-(?:1-)?(?P<nsname>[0-9a-z][-0-9a-z]*?)(?:--(?P<uid>[0-9a-z]{0,16}))?",
        Role.COMPANION,
        Family.INGRESS_V1,
    ),
    _rule(
        "ing1.front",
        f"forwardingRules addresses {_FRONTS}",
        r"k8s-(?P<part>fws|fw|tps|tp|um)-(?P<nsname>[0-9a-z][-0-9a-z]*?)(?:--(?P<uid>[0-9a-z]{0,16}))?",
        Role.CANDIDATE,
        Family.INGRESS_V1,
    ),
    _rule(
        "gw.fw",
        "firewalls",
        r"(?P<ctl>gkegw1?|gkemcg1)-(?:(?P<ch4>[0-9a-z]{4})-)?l7-(?P<net>[-0-9a-z]*?)-(?P<scope>global|[a-z]+-[a-z]+\d+)",
        Role.SHARED,
        Family.GATEWAY,
    ),
    _rule(
        "gw.any",
        _GATEWAY_PARTS,
        r"gkegw1?-(?P<ch4>[0-9a-z]{4})-(?P<body>[0-9a-z][-0-9a-z]*?)-(?P<hash12>[0-9a-z]{12})",
        Role.CANDIDATE,
        Family.GATEWAY,
    ),
    _rule(
        "gw.mc",
        f"{_GATEWAY_PARTS} networkEndpointGroups",
        r"gkemcg1-(?P<body>[0-9a-z][-0-9a-z]*?)-(?P<hash12>[0-9a-z]{12})",
        Role.CANDIDATE,
        Family.MULTI_CLUSTER_GATEWAY,
    ),
    _rule(
        "kubemci",
        f"forwardingRules {_FRONTS} backendServices healthChecks sslCertificates firewalls",
        r"mci1-(?:(?P<bk>hc|be)-(?P<port>\d{1,5})|(?P<part>um|tp|tps|fw|fws|fr|ssl))--(?P<kubemci>[-0-9a-z]+)",
        Role.CANDIDATE,
        Family.KUBEMCI,
    ),
    _rule(
        "mci.fw",
        "firewalls",
        r"mci-(?:(?P<h6>[0-9a-z]{6})-(?P<net>[a-z][-0-9a-z]*)-)?l7",
        Role.SHARED,
        Family.MULTI_CLUSTER_INGRESS,
    ),
    _rule(
        "mci.be",
        "backendServices healthChecks",
        r"mci-(?P<h6>[0-9a-z]{6})-(?P<port>\d{1,5})-(?P<body>[0-9a-z][-0-9a-z]*)",
        Role.COMPANION,
        Family.MULTI_CLUSTER_INGRESS,
    ),
    _rule(
        "mci.fr",
        "forwardingRules addresses",
        r"mci-(?P<h6>[0-9a-z]{6})-(?P<part>fws?)-(?P<body>[0-9a-z][-0-9a-z]*)",
        Role.CANDIDATE,
        Family.MULTI_CLUSTER_INGRESS,
    ),
    _rule(
        "mci.front",
        f"{_FRONTS} sslCertificates",
        r"mci-(?P<h6>[0-9a-z]{6})-(?P<body>[0-9a-z][-0-9a-z]*)",
        Role.COMPANION,
        Family.MULTI_CLUSTER_INGRESS,
    ),
    _rule(
        "mcs",
        f"forwardingRules addresses {_FRONTS} backendServices healthChecks firewalls networkEndpointGroups",
        r"gkemcs-[-0-9a-z]+",
        Role.FOREIGN,
        Family.NONE,
        "service-mesh",
    ),
    _rule(
        "csm",
        f"forwardingRules addresses {_FRONTS} targetTcpProxies targetGrpcProxies backendServices healthChecks"
        " networkEndpointGroups firewalls",
        r"gsmrsvd-[-0-9a-z]+",
        Role.FOREIGN,
        Family.NONE,
        "service-mesh",
    ),
    _rule(
        "mcrt",
        "sslCertificates",
        r"mcrt-[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        Role.COMPANION,
        Family.MANAGED_CERTIFICATE,
    ),
    # The list of suffixes may be incomplete: any gke-<name>-<8 hex>-<word> firewall is the cluster's (section 9, 8).
    _rule(
        "clu.fw",
        "firewalls",
        r"gk[e3]-(?P<cluster>[a-z0-9][-a-z0-9]*?)-(?P<h8c>[0-9a-f]{8})-(?P<sfx>[a-z][-a-z0-9]*)",
        Role.FOREIGN,
        Family.NONE,
    ),
    _rule("clu.fw6", "firewalls", r"gke-(?P<h8c>[0-9a-f]{8})-ipv6-all", Role.FOREIGN, Family.NONE),
    _rule(
        "clu.pe",
        "forwardingRules addresses",
        r"gk[e3]-(?P<cluster>[a-z0-9][-a-z0-9]*?)-(?P<h8c>[0-9a-f]{8})-(?P<r8>[0-9a-f]{8})-pe",
        Role.FOREIGN,
        Family.NONE,
    ),
    _rule(
        "clu.mig",
        "instanceGroups",
        r"gk[e3]-(?P<body>[a-z0-9][-a-z0-9]*?)-(?P<m8>[0-9a-f]{8})-grp",
        Role.FOREIGN,
        Family.NONE,
    ),
    _rule(
        "x.cluster_level",
        "firewalls forwardingRules addresses instanceGroups",
        r"gk[e3]-.*-(?:master|vms|all|inkubelet|exkubelet|ssh|mcsd|pe|grp)",
        Role.FOREIGN,
        Family.NONE,
    ),
    _rule("nat.auto", "addresses", r"nat-auto-ip-\d+-\d+-\d+", Role.FOREIGN, Family.NONE, "network-range"),
    _rule(
        "psc.sca",
        "forwardingRules addresses",
        r"sca-auto-(?P<t>fr|addr)-[-0-9a-z]+",
        Role.FOREIGN,
        Family.NONE,
        "private-service-connect",
    ),
)
"""In try-order. Sources of each rule: ownership.md, section 4."""

_BY_COLLECTION: Mapping[str, tuple[Rule, ...]] = {
    collection: tuple(rule for rule in RULES if collection in rule.collections)
    for collection in sorted({name for rule in RULES for name in rule.collections})
}

NOT_KUBERNETES = Maker("x.not_gke", Role.FOREIGN, Family.NONE, foreign_reason="not-kubernetes")

_SERVICE_KEYS = ("kubernetes.io/service-name", "networking.gke.io/service-name")
_INGRESS_KEY = "kubernetes.io/ingress-name"
_L7_FIREWALL_TEXTS = ("GCE L7 firewall rule",)


def find_rule(collection: str, name: str) -> tuple[Rule, Mapping[str, str]] | None:
    """The first naming rule that fits, with the named groups it found; None if no controller names things so."""
    for rule in _BY_COLLECTION.get(collection, ()):
        match = rule.pattern.match(name)
        if match:
            groups = {key: value for key, value in match.groupdict().items() if value is not None}
            return rule, groups
    return None


def classify(resource: Resource) -> Maker:
    """Who made a resource, by its name and description alone.

    Names that anybody may give (the oldest ones, without a cluster's mark) ask for the description or a link to a
    "k8s-" part as second witness (ownership.md, section 6, step 4).
    """
    found = find_rule(resource.name.collection, resource.name.name)
    if found is None:
        return _by_description(resource)
    rule, groups = found
    if rule.role is Role.FOREIGN:
        return Maker(rule.id, rule.role, rule.family, groups, foreign_reason=rule.reason)
    if rule.id in _NEED_WITNESS and not groups.get("uid") and not _has_witness(resource):
        return _by_description(resource)
    family = rule.family
    if resource.name.collection == "networkEndpointGroups" and family in _GROUP_FAMILIES:
        family = Family.ENDPOINT_GROUP
    return Maker(rule.id, rule.role, family, groups, described_owner(resource))


_NEED_WITNESS = frozenset(
    {"shared.ig", "ing.fw", "ing.be_nodeport", "ing1.front", "ing1.cert", "ing1.cert_legacy", "l4.nodes_hc"}
)
_GROUP_FAMILIES = frozenset({Family.SERVICE_L4, Family.INGRESS_BACKEND})


def _has_witness(resource: Resource) -> bool:
    if resource.annotations.keys() & {*_SERVICE_KEYS, _INGRESS_KEY, "kubernetes.io/cluster-id", "k8sResource"}:
        return True
    if resource.description in _L7_FIREWALL_TEXTS or resource.description.startswith(_HEALTH_CHECK_TEXTS):
        return True
    return any(link.to.name.startswith(("k8s-", "k8s1-", "k8s2-")) for link in resource.links)


_HEALTH_CHECK_TEXTS = (
    "Default kubernetes L7 Loadbalancing health check",
    "Kubernetes L7 health check generated with",
    "Kubernetes L7 transparent health check",
)


def _by_description(resource: Resource) -> Maker:
    """A resource with a name of its own whose description is a controller's."""
    keys = resource.annotations
    collection = resource.name.collection
    owner = described_owner(resource)
    if collection == "networkEndpointGroups":
        if owner is not None and isinstance(keys.get("cluster-uid"), str):
            return Maker("neg.custom", Role.COMPANION, Family.ENDPOINT_GROUP, {}, owner)
        return NOT_KUBERNETES
    if owner is None:
        return NOT_KUBERNETES
    if collection in ("forwardingRules", "addresses") and any(key in keys for key in _SERVICE_KEYS):
        return Maker("described.service", Role.CANDIDATE, Family.SERVICE_L4, {}, owner)
    if collection in ("forwardingRules", "targetHttpProxies", "targetHttpsProxies") and _INGRESS_KEY in keys:
        return Maker("described.ingress", Role.CANDIDATE, Family.INGRESS_V1, {}, owner)
    return NOT_KUBERNETES


def described_owner(resource: Resource) -> tuple[str, str] | None:
    """(namespace, name) that the description gives. A service-name without "/" is no owner: health checks carry
    their own name there (ownership.md, section 3, P1)."""
    keys = resource.annotations
    for key in (*_SERVICE_KEYS, _INGRESS_KEY):
        value = keys.get(key)
        if isinstance(value, str) and value.count("/") == 1 and all(value.split("/")):
            namespace, _, name = value.partition("/")
            return namespace, name
    if isinstance(keys.get("namespace"), str) and isinstance(keys.get("service-name"), str):
        return keys["namespace"], keys["service-name"]
    path = keys.get("k8sResource")
    if isinstance(path, str):
        parts = path.strip("/").split("/")
        if len(parts) == 4 and parts[0] == "namespaces":
            return parts[1], parts[3]
    return None


def is_bound_group(resource: Resource) -> bool:
    """A NEG of the user that a NetworkEndpointGroupBinding fills: never an orphan of GKE (rule neg.bound)."""
    keys = embedded(resource.description)
    return resource.name.collection == "networkEndpointGroups" and "backend-ref" in keys
