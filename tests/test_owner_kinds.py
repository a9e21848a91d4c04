"""Every kind of owner in the README's table: what it makes is in use while it lives, and left behind without it.

Each kind is lived in a small cloud (tests/worlds) and judged twice: with its object there, and with nothing taken away
but that object or its whole cluster. A kind that makes nothing must save nothing that stands under its name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import gateways, groups, ingresses, services
from worlds.cloud import ZONES, Cloud, Cluster, Fields, Project, Standing, State
from worlds.clusters import make_cluster, make_kops_cluster
from worlds.foreign import kops_service
from worlds.life import Life, service_object

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import WASTE, Confidence, Finding, Verdict
from auditor.model.names import ResourceName

REPO = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
REGION = min(ZONES)
LIVE, GONE = State.LIVE, State.GONE
IN_USE, ORPHANED, UNUSED, FOREIGN = Verdict.IN_USE, Verdict.ORPHANED, Verdict.UNUSED, Verdict.FOREIGN

Live = Callable[[Life], None]
Judged = Mapping[ResourceName, Finding]


class PlainCloud(Cloud):
    """A cloud without chance: only what happens to most load balancers happens, or with `least`, to two in five."""

    def __init__(self, least: float) -> None:
        super().__init__(random.Random(11), NOW)  # noqa: S311 - dice of a test
        self.least = least
        self.links_by_number = False

    def chance(self, share: float) -> bool:
        return share >= self.least


@dataclass
class World:
    """One life in one cluster, and what it made."""

    cloud: Cloud
    life: Life

    @property
    def cluster(self) -> Cluster:
        return self.life.cluster

    def judged(self) -> Judged:
        read = inventory.build(self.cloud.snapshot())
        return {item.resource: item for item in judge(read, as_of=NOW, min_age=timedelta(hours=1))}

    def delete_objects(self, *plurals: str) -> None:
        """The owner is deleted without its clean-up: its object is gone, what it made is still there."""
        for plural in plurals:
            assert self.cluster.objects[plural], plural
            self.cluster.objects[plural] = []

    def delete_cluster(self) -> None:
        """The cluster is deleted, and its machines with it; its load balancers are not."""
        self.cluster.standing = Standing.DEAD
        machines = {name for _, name in self.cluster.nodes}
        for name in [name for name in self.cloud.items if name.collection == "instances" and name.name in machines]:
            del self.cloud.items[name]


def world_of(
    live: Live,
    *,
    least: float = 2,
    options: Mapping[str, bool] | None = None,
    cluster: Callable[[Cloud, Project], Cluster] | None = None,
) -> World:
    cloud = PlainCloud(least)
    project = cloud.project("example-prod")
    home = cluster(cloud, project) if cluster else make_cluster(cloud, project, Standing.READ, region=REGION)
    life = Life(cloud, "owner-kind", "live", home)
    for option, value in (options or {}).items():
        setattr(life, option, value)
    live(life)
    return World(cloud, life)


# Services of type LoadBalancer


def balancer(path: str, **spec: Any) -> Live:
    def live(life: Life) -> None:
        owner = life.owner()
        chosen = services.PATHS[path]
        made = chosen.build(life, owner, LIVE)
        life.add("services", services.balancer_object(life, chosen, owner, made, **spec))
        life.slices(owner, is_ready=True)

    return live


def balancer_of_class(path: str) -> Live:
    """The class alone says what is asked for; the annotation of that path is not there."""

    def live(life: Life) -> None:
        balancer(path, loadBalancerClass=services.PATHS[path].load_balancer_class)(life)
        for obj in life.cluster.objects["services"]:
            obj["metadata"]["annotations"].pop("cloud.google.com/l4-rbs", None)
            obj["metadata"]["annotations"].pop("networking.gke.io/load-balancer-type", None)

    return live


# Ingresses


def ingress(
    kind: str,
    *,
    node_ports: tuple[int, ...] = (),
    is_old_form: bool = False,
    annotations: Fields | None = None,
    **front: Any,
) -> Live:
    def live(life: Life) -> None:
        of_kind, owner = ingresses.KINDS[kind], life.owner()
        behind = []
        for node_port in node_ports or (None,):
            behind += ingresses.services_behind(life, of_kind, owner, LIVE, node_port=node_port, count=1)
        made = ingresses.front(life, of_kind, owner, LIVE, behind, uses_default=False, **front)
        obj = ingresses.ingress_object(life, of_kind, owner, made, is_old_form=is_old_form, annotations=annotations)
        life.add("ingresses", obj)

    return live


# The others


def gateway(kind: str) -> Live:
    return lambda life: gateways.live(life, gateways.KINDS[kind])


def with_address(life: Life) -> None:
    """A load balancer on an address that a person reserved for it."""
    services.user_address(life, services.PATHS["service-external-legacy"])


# What each kind makes; its parts that the whole cluster shares are not among them.
FRONT = frozenset({"forwardingRules", "targetHttpProxies", "urlMaps", "backendServices", "healthChecks"})
PASSTHROUGH = frozenset({"forwardingRules", "backendServices", "networkEndpointGroups", "firewalls"})
LEGACY = frozenset({"forwardingRules", "targetPools", "firewalls"})
SERVICE = ("services",)
SERVICE_WITH_NEG = ("services", "servicenetworkendpointgroups")


@dataclass(frozen=True)
class Kind:
    """A kind of owner that makes something. `makes` is what is held to: in use with its owner, orphaned without."""

    lives: tuple[Live, ...]
    makes: frozenset[str]
    owner: tuple[str, ...] = ("ingresses",)
    """The plurals whose objects are deleted; none = the whole cluster is."""
    least: float = 2
    options: Mapping[str, bool] = field(default_factory=dict)


KINDS = {
    "node-port-behind-ingress": Kind((ingress("ingress-v1", node_ports=(30123,)),), FRONT),
    "load-balancer-legacy": Kind((balancer("service-external-legacy"),), LEGACY, SERVICE),
    "load-balancer-rbs": Kind(
        (balancer("service-external-negs"),),
        PASSTHROUGH,
        SERVICE_WITH_NEG,
    ),
    "load-balancer-internal": Kind(
        (balancer("service-internal-legacy"),),
        frozenset({"forwardingRules", "backendServices", "healthChecks", "firewalls"}),
        SERVICE,
    ),
    "load-balancer-internal-subsetting": Kind(
        (balancer("service-internal-subsetting"),), PASSTHROUGH, SERVICE_WITH_NEG
    ),
    "load-balancer-dual-stack": Kind(
        (balancer("service-internal-dual-stack"), balancer("service-external-dual-stack")),
        PASSTHROUGH,
        SERVICE_WITH_NEG,
    ),
    "load-balancer-mixed-protocols": Kind(
        (balancer("service-external-mixed-protocols"),), PASSTHROUGH, SERVICE_WITH_NEG
    ),
    "load-balancer-class": Kind(
        (
            balancer_of_class("service-external-legacy"),
            balancer_of_class("service-external-negs"),
            balancer_of_class("service-internal-legacy"),
            balancer_of_class("service-internal-subsetting"),
        ),
        frozenset({"forwardingRules", "firewalls"}),
        SERVICE,
    ),
    "without-selector": Kind((balancer("service-external-legacy", selector=None),), LEGACY, SERVICE),
    "source-ranges": Kind(
        (
            balancer("service-external-legacy", loadBalancerSourceRanges=["198.51.100.0/24"]),
            balancer("service-internal-subsetting", loadBalancerSourceRanges=["198.51.100.0/24"]),
        ),
        frozenset({"forwardingRules", "firewalls"}),
        SERVICE,
        options={"has_deny_rule": True, "is_local": True},
    ),
    "ingress-v1-names": Kind((ingress("ingress-v1"),), FRONT),
    "ingress-v2-names": Kind((ingress("ingress-v2"),), FRONT),
    "ingress-internal": Kind((ingress("ingress-internal"),), FRONT),
    "ingress-regional-external": Kind((ingress("ingress-regional-external"),), FRONT),
    "ingress-several-paths": Kind((ingress("ingress-v2", node_ports=(30123, 30124, 30125)),), FRONT),
    "ingress-v1beta1": Kind(
        (
            ingress("ingress-v1", is_old_form=True),
            ingress("ingress-v1", is_old_form=True, node_ports=(30123, 30124)),
        ),
        FRONT,
    ),
    "ingress-redirect": Kind((ingress("ingress-v2", has_https=True),), frozenset({"urlMaps"}), least=0.4),
    "ingress-certificates": Kind(
        (ingress("ingress-v1", has_https=True), ingress("ingress-v2", has_https=True)),
        frozenset({"sslCertificates", "targetHttpsProxies"}),
    ),
    "ingress-static-ip": Kind(
        (ingress("ingress-v2", address_name="shop-ip"), ingress("ingress-internal", address_name="shop-ip")),
        frozenset({"addresses", "forwardingRules"}),
    ),
    "ingress-health-checks": Kind(
        (ingress("ingress-v1"), ingress("ingress-v1", node_ports=(30123,)), ingress("ingress-internal")),
        frozenset({"healthChecks"}),
    ),
    "standalone-neg": Kind((groups.live,), frozenset({"networkEndpointGroups"}), SERVICE_WITH_NEG),
    "gateway": Kind(
        tuple(gateway(kind) for kind in gateways.KINDS if kind != "gateway-multi-cluster"),
        FRONT | {"addresses"},
        ("gateways",),
    ),
    "gateway-multi-cluster": Kind((gateway("gateway-multi-cluster"),), FRONT | {"addresses"}, ("gateways",)),
    "multi-cluster-ingress": Kind((gateways.mci_live,), FRONT, ("multiclusteringresses",)),
    "service-attachment": Kind((gateways.attachment_live,), frozenset({"serviceAttachments"}), ("serviceattachments",)),
    "deleted-cluster": Kind(
        (with_address, ingress("ingress-v2", address_name="shop-ip"), gateway("gateway-global")),
        frozenset({"forwardingRules", "addresses"}),
        owner=(),
    ),
}
LIVES = [
    pytest.param(kind, live, id=f"{name}-{turn}" if len(kind.lives) > 1 else name)
    for name, kind in KINDS.items()
    for turn, live in enumerate(kind.lives, 1)
]


def delete_owner(world: World, kind: Kind) -> None:
    if kind.owner:
        world.delete_objects(*kind.owner)
    else:
        world.delete_cluster()


@pytest.mark.parametrize(("kind", "live"), LIVES)
def test_what_a_living_owner_made_is_in_use(kind: Kind, live: Live) -> None:
    world = world_of(live, least=kind.least, options=kind.options)
    findings = world.judged()
    assert kind.makes <= {part.collection for part in world.life.parts}, "this life does not make what its kind makes"
    assert {part: findings[part].verdict for part in world.life.parts} == dict.fromkeys(world.life.parts, IN_USE)
    made = [findings[part] for part in world.life.parts if part.collection in kind.makes - {"addresses"}]
    # claimed by its owner itself, not only saved by something else that is in use
    assert {item.resource: item.reason for item in made} == {item.resource: "owned" for item in made}


@pytest.mark.parametrize(("kind", "live"), LIVES)
def test_what_a_lost_owner_made_is_orphaned(kind: Kind, live: Live) -> None:
    world = world_of(live, least=kind.least, options=kind.options)
    delete_owner(world, kind)
    findings = world.judged()
    made = [findings[part] for part in world.life.parts if part.collection in kind.makes]
    assert {item.resource: item.verdict for item in made} == {item.resource: ORPHANED for item in made}
    assert all(item.confidence is not Confidence.LOW and item.evidence for item in made)


@pytest.mark.parametrize(("kind", "live"), LIVES)
def test_all_rules_of_one_owner_are_one_load_balancer(kind: Kind, live: Live) -> None:
    for is_lost in (False, True):
        world = world_of(live, least=kind.least, options=kind.options)
        if is_lost:
            delete_owner(world, kind)
        findings = world.judged()
        rules = [findings[part] for part in world.life.parts if part.collection == "forwardingRules"]
        assert len({rule.load_balancer for rule in rules}) == min(1, len(rules))


def test_dual_stack_and_mixed_protocols_have_two_rules() -> None:
    for name in ("load-balancer-dual-stack", "load-balancer-mixed-protocols"):
        for live in KINDS[name].lives:
            parts = world_of(live).life.parts
            assert [part.collection for part in parts].count("forwardingRules") == 2, name


@pytest.mark.parametrize("live", KINDS["source-ranges"].lives)
def test_firewall_rules_for_source_ranges_go_with_their_load_balancer(live: Live) -> None:
    world = world_of(live, options=KINDS["source-ranges"].options)
    for _ in ("living", "lost"):
        findings = world.judged()
        (rule,) = (findings[part] for part in world.life.parts if part.collection == "forwardingRules")
        firewalls = [findings[part] for part in world.life.parts if part.collection == "firewalls"]
        assert {(item.load_balancer, item.verdict) for item in firewalls} == {(rule.resource, rule.verdict)}
        world.cluster.objects["services"] = []


def test_redirect_map_is_a_second_url_map() -> None:
    kind = KINDS["ingress-redirect"]
    parts = world_of(kind.lives[0], least=kind.least).life.parts
    assert sorted(part.name[:7] for part in parts if part.collection == "urlMaps") == ["k8s2-rm", "k8s2-um"]


def test_parts_that_the_cluster_shares_stay_while_it_lives_and_go_with_it() -> None:
    for delete, verdict in (("objects", IN_USE), ("cluster", ORPHANED)):
        world = world_of(ingress("ingress-v1", node_ports=(30123,)))
        if delete == "objects":
            world.delete_objects("ingresses", "services")
        else:
            world.delete_cluster()
        shared = [item for name, item in world.judged().items() if name.name.startswith(("k8s-ig--", "k8s-fw-l7--"))]
        assert {item.resource.collection for item in shared} == {"instanceGroups", "firewalls"}
        assert {item.verdict for item in shared} == {verdict}


def test_survivors_of_a_deleted_cluster_say_so() -> None:
    world = world_of(with_address)
    world.delete_cluster()
    reasons = {name.collection: item.reason for name, item in world.judged().items() if name in set(world.life.parts)}
    assert reasons["forwardingRules"] == "cluster-deleted"
    assert reasons["addresses"] == "reserved-address-on-orphan"


@pytest.mark.parametrize("kind", ["ingress-v2", "ingress-internal"])
def test_address_that_an_ingress_names_is_in_use_before_it_has_a_rule(kind: str) -> None:
    world = world_of(lambda life: ingresses.static_ip_without_rule(life, ingresses.KINDS[kind]))
    (address,) = world.life.parts
    assert world.judged()[address].verdict is IN_USE
    world.delete_objects("ingresses")
    assert world.judged()[address].verdict is UNUSED


def test_attachment_with_consumers_is_never_waste() -> None:
    world = world_of(gateways.attachment_with_consumers)
    findings = world.judged()
    assert not {findings[part].verdict for part in world.life.parts if part.collection != "firewalls"} & WASTE


# Kinds that make nothing

PLAIN: dict[str, Fields] = {
    "cluster-ip": {},
    "external-ips": {"externalIPs": ["203.0.113.9"]},
    "node-port": {"type_": "NodePort", "ports": ((80, "TCP", 30123),)},
    "headless": {"clusterIP": "None"},
    "external-name": {"type_": "ExternalName", "externalName": "db.example.com", "clusterIP": None},
    "class-of-another-controller": {"type_": "LoadBalancer", "loadBalancerClass": "example.com/metal"},
}


@pytest.mark.parametrize("form", PLAIN.values(), ids=PLAIN.keys())
def test_a_service_that_makes_nothing_changes_nothing(form: Fields) -> None:
    def alone(life: Life) -> None:
        life.add("services", service_object(life, life.owner(), **form))

    def verdicts(world: World) -> list[tuple[str, str, str]]:
        return sorted((name.collection, item.verdict, item.reason) for name, item in world.judged().items())

    assert verdicts(world_of(alone)) == verdicts(world_of(lambda life: None))


@pytest.mark.parametrize("form", PLAIN.values(), ids=PLAIN.keys())
def test_a_service_that_makes_nothing_saves_nothing_that_it_had_before(form: Fields) -> None:
    """The same object, UID and all, was of type LoadBalancer once; its finalizer was patched away."""

    def switched(life: Life) -> None:
        owner = life.owner()
        services.legacy_external(life, owner, GONE)
        life.add("services", service_object(life, owner, **form))
        life.slices(owner, is_ready=True)

    world = world_of(switched)
    findings = world.judged()
    assert {findings[part].verdict for part in world.life.parts} == {ORPHANED}


def test_address_that_external_ips_name_is_in_use() -> None:
    def named(life: Life) -> None:
        ip, owner = life.cloud.external_ip(), life.owner()
        life.address(life.regional, "vip", ip, life.claim(LIVE))
        life.add("services", service_object(life, owner, externalIPs=[ip]))

    world = world_of(named)
    (address,) = world.life.parts
    assert world.judged()[address].verdict is IN_USE
    world.cluster.objects["services"][0]["spec"]["externalIPs"] = ["203.0.113.9"]
    assert world.judged()[address].verdict is UNUSED


# Clusters that are not GKE clusters


def beside_a_gke_cluster(make: Callable[[Cloud, Project], Cluster]) -> Callable[[Cloud, Project], Cluster]:
    """The living GKE cluster of the project was read in full, and does not own what the other cluster made."""

    def both(cloud: Cloud, project: Project) -> Cluster:
        make_cluster(cloud, project, Standing.READ, region=REGION)
        return make(cloud, project)

    return both


def open_shift_cluster(cloud: Cloud, project: Project) -> Cluster:
    """Its machines carry tags and labels of the installer's form; nobody gave access to it."""
    cluster = make_cluster(cloud, project, Standing.NOT_GKE, region=REGION)
    cluster.tag = "shop-x7k2p-worker"
    names = {name for _, name in cluster.nodes}
    for item in cloud.items.values():
        if item.name.collection == "instances" and item.name.name in names:
            item.body |= {"tags": {"items": [cluster.tag]}, "labels": {"kubernetes-io-cluster-shop-x7k2p": "owned"}}
    return cluster


NOT_GKE = {
    "kops": lambda cloud, project: make_kops_cluster(cloud, project, is_read=False),
    "open-shift": open_shift_cluster,
}


@pytest.mark.parametrize("make", NOT_GKE.values(), ids=NOT_GKE.keys())
def test_load_balancer_of_a_cluster_that_is_not_gke_is_foreign(make: Callable[[Cloud, Project], Cluster]) -> None:
    world = world_of(kops_service, cluster=beside_a_gke_cluster(make))
    findings = world.judged()
    made = {part.collection: findings[part].verdict for part in world.life.parts}
    assert made == dict.fromkeys(made, FOREIGN)


def test_load_balancer_of_a_cluster_that_is_not_gke_but_in_the_snapshot_is_in_use() -> None:
    def kops(cloud: Cloud, project: Project) -> Cluster:
        return make_kops_cluster(cloud, project, is_read=True)

    world = world_of(kops_service, cluster=beside_a_gke_cluster(kops))
    findings = world.judged()
    assert {findings[part].verdict for part in world.life.parts} == {IN_USE}


# The README

ROWS = {*KINDS, *PLAIN, "not-gke"}


def test_the_table_of_the_readme_has_a_row_for_every_kind() -> None:
    section = (REPO / "README.md").read_text(encoding="utf-8").partition("## What it finds")[2].partition("\n## ")[0]
    shown_by = [line.rstrip("| ").rpartition("|")[2] for line in section.splitlines() if line.startswith("| ")][1:]
    named = [name for cell in shown_by for name in re.findall(r"`([^`]+)`", cell)]
    archives = {path.name.partition("-")[0] for path in (REPO / "fixtures" / "cases").glob("[TE]*.tar.gz")}
    cases = {name for name in named if re.fullmatch(r"[TE]\d\d", name)}
    assert sorted(set(named) - cases) == sorted(ROWS)
    assert cases <= archives, "a case that is not in fixtures/cases"
    assert all(re.search(r"`[a-z]", cell) for cell in shown_by), "a row without a test"
