"""A world from a seed: projects, clusters, and the lives that are dealt to it from two decks.

CLEAN holds every maker with every fate that a fully read world can show, GAPS every maker with what an audit cannot
read. Dealing (instead of drawing) makes 200 seeds meet every combination.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auditor.model.snapshot import Snapshot

from . import foreign, gateways, groups, ingresses, services
from .cloud import ZONES, Cloud, Cluster, Lost, Project, Standing
from .clusters import make_cluster, make_kops_cluster
from .life import Life
from .truth import is_live, truth_of

FIRST_MORNING = datetime(2026, 11, 22, 6, tzinfo=UTC)
LIVES_OF_A_CLEAN_WORLD = 9
GAPS_OF_A_WORLD = 4
CLEAN_BESIDE_GAPS = 4

Tell = Callable[[Life], None]
Combination = tuple[str, str]


@dataclass(frozen=True)
class World:
    """What an audit sees, and what is right to say about it."""

    seed: int
    snapshot: Snapshot
    as_of: datetime
    truth: Mapping[str, frozenset[str]]
    """The allowed verdicts of every judged resource, by full name."""
    why: Mapping[str, str]
    """The life behind each of them, for the reader of a failure."""
    live: frozenset[str]
    """What something living owns or needs: never orphaned, never unused."""
    lost: tuple[Lost, ...]
    """Objects whose parts are left behind."""
    lives: tuple[Combination, ...]
    deliberately_dangling: frozenset[str]
    """Beginnings of links whose end is not in the snapshot: nodes of deleted clusters, other projects."""


def _decks() -> tuple[dict[Combination, Tell], dict[Combination, Tell]]:
    clean: dict[Combination, Tell] = {}
    gaps: dict[Combination, Tell] = {}
    for maker in services.PATHS:
        clean |= {(maker, fate): services.live_life for fate in services.fates_of(maker)}
        gaps |= {(maker, fate): services.live_life for fate in services.GAP_FATES}
    gaps.pop(("service-external-mixed-protocols", "address-left-beside-a-gap"))
    for maker in ingresses.KINDS:
        clean |= {(maker, fate): ingresses.live_life for fate in ingresses.fates_of(maker)}
        gaps |= {(maker, fate): ingresses.live_life for fate in ingresses.GAP_FATES}
    for maker in gateways.KINDS:
        clean |= {(maker, fate): gateways.live_life for fate in gateways.fates_of(maker)}
        gaps |= {(maker, fate): gateways.live_life for fate in gateways.GATEWAY_GAP_FATES}
    tables: list[tuple[str, Mapping[str, Tell], Mapping[str, Tell]]] = [
        ("multi-cluster-ingress", gateways.MCI_FATES, gateways.MCI_GAP_FATES),
        ("service-attachment", gateways.ATTACHMENT_FATES, gateways.ATTACHMENT_GAP_FATES),
        ("standalone-neg", groups.GROUP_FATES, groups.GROUP_GAP_FATES),
        ("passthrough-neg-class", groups.PASSTHROUGH_FATES, groups.PASSTHROUGH_GAP_FATES),
        ("service-without-balancer", groups.PLAIN_FATES, {}),
        ("foreign", foreign.FOREIGN_FATES, {}),
        ("address", foreign.ADDRESS_FATES, foreign.ADDRESS_GAP_FATES),
        ("kops", foreign.KOPS_FATES, {}),
        (
            "kubemci",
            {
                "live": lambda life: gateways.kubemci(life, is_alive=True),
                "cluster-deleted": lambda life: gateways.kubemci(life, is_alive=False),
            },
            {},
        ),
    ]
    for maker, fates, gap_fates in tables:
        clean |= {(maker, fate): tell for fate, tell in fates.items()}
        gaps |= {(maker, fate): tell for fate, tell in gap_fates.items()}
    return clean, gaps


CLEAN, GAPS = _decks()


def _dealt(deck: Mapping[Combination, Tell], start: int, count: int) -> list[Combination]:
    """`count` cards of the deck from `start` on, in an order that is always the same and mixes the makers."""
    cards = sorted(deck)
    random.Random(7).shuffle(cards)  # noqa: S311 - dice of a test
    return [cards[(start + place) % len(cards)] for place in range(count)]


def make_world(seed: int) -> World:
    """The world of this seed: always the same one. Every third world has gaps."""
    dice = random.Random(seed)  # noqa: S311 - dice of a test
    now = FIRST_MORNING + timedelta(days=seed % 300, seconds=dice.randrange(3600))
    cloud = Cloud(dice, now)
    turn = seed // 3
    if seed % 3 == 2:
        gaps = _dealt(GAPS, turn * GAPS_OF_A_WORLD, GAPS_OF_A_WORLD)
        cards = gaps + _dealt(CLEAN, -turn * CLEAN_BESIDE_GAPS, CLEAN_BESIDE_GAPS)
    else:
        cards = _dealt(CLEAN, (turn * 2 + seed % 3) * LIVES_OF_A_CLEAN_WORLD, LIVES_OF_A_CLEAN_WORLD)
    stage = Stage(cloud)
    for card in cards:
        _live(stage, card)
    truth = {item.name.full: truth_of(item, cloud) for item in cloud.judged_items()}
    return World(
        seed=seed,
        snapshot=cloud.snapshot(),
        as_of=now,
        truth=truth,
        why={item.name.full: "; ".join(claim.why for claim in item.claims) for item in cloud.judged_items()},
        live=frozenset(item.name.full for item in cloud.judged_items() if is_live(item)),
        lost=tuple(lost for lost in cloud.lost if not _is_there(lost, cloud)),
        lives=tuple(cards),
        deliberately_dangling=_dangling(cloud),
    )


def _live(stage: Stage, card: Combination) -> None:
    maker, fate = card
    tell = CLEAN.get(card) or GAPS[card]
    life = Life(stage.cloud, maker, fate, stage.place(maker, fate), is_young=fate.endswith("-young"))
    tell(life)


def _is_there(lost: Lost, cloud: Cloud) -> bool:
    """Whether an object of that name came to the cluster after all."""
    name = (lost.obj["metadata"]["namespace"], lost.obj["metadata"]["name"])
    there = next(cluster for cluster in cloud.clusters if cluster.key == lost.cluster).objects.get(lost.plural, ())
    return any((obj["metadata"]["namespace"], obj["metadata"]["name"]) == name for obj in there)


def _dangling(cloud: Cloud) -> frozenset[str]:
    found = {
        f"projects/{cluster.project.id}/zones/{zone}/instances/{name}"
        for cluster in cloud.clusters
        if cluster.standing in (Standing.DEAD, Standing.HIDDEN)
        for zone, name in cluster.nodes
    }
    found |= {f"projects/{project.id}/" for project in cloud.projects if not project.is_audited}
    return frozenset(found | {"projects/x1y2z3-tp/", "projects/tenant-tp/", "projects/consumer-1/", "projects/p/"})


class Stage:
    """Finds or makes the cluster that a fate needs."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.home = cloud.project(f"acme-{cloud.letters(4)}")
        self.home.has_file = not cloud.chance(0.1)
        region = cloud.dice.choice(sorted(ZONES))
        self.main = make_cluster(cloud, self.home, Standing.READ, region=region)
        self.second = self._beside(Standing.READ) if cloud.chance(0.4) else None
        self.elsewhere: Cluster | None = None
        self.shared: Cluster | None = None
        self.made: dict[object, Cluster] = {}

    def place(self, maker: str, fate: str) -> Cluster:
        """The cluster in which this life is lived."""
        if maker == "kops":
            return self._once(fate, lambda: make_kops_cluster(self.cloud, self.home, is_read=fate == "in-the-snapshot"))
        if fate.endswith("-in-host"):
            return self._in_shared_network(is_audited=True)
        if fate == "service-project-not-audited":
            return self._in_shared_network(is_audited=False)
        if fate == "api-removed":
            return self._once((maker, fate), lambda: self._beside(Standing.READ))
        if fate == "namesake-elsewhere":
            self.second = self.second or self._beside(Standing.READ)
            return self.main
        if fate.endswith("-beside-a-gap"):
            self._tear_a_gap()
        if "cluster-deleted" in fate:
            if self.cloud.chance(0.2):
                return self._deleted_in_a_shared_network()
            return self._once(Standing.DEAD, lambda: self._beside(Standing.DEAD))
        if fate in ("cluster-not-readable", "leaked-in-a-cluster-not-readable"):
            return self._once(Standing.UNREAD, lambda: self._beside(Standing.UNREAD))
        if fate == "cluster-changing":
            return self._once(Standing.CHANGING, self._changing)
        for plural in ("services", "ingresses", "gateways"):
            if fate in (f"{plural}-not-readable", f"leaked-where-{plural}-are-not-readable"):
                cluster = self._once(plural, lambda: self._beside(Standing.READ))
                cluster.failed.add(plural)
                return cluster
        return self._anywhere()

    def _once(self, key: object, make: Callable[[], Cluster]) -> Cluster:
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def _beside(self, standing: Standing) -> Cluster:
        """Another cluster of the same project, mostly in the same region."""
        region = self.main.region if self.cloud.chance(0.6) else None
        return make_cluster(self.cloud, self.home, standing, region=region)

    def _changing(self) -> Cluster:
        status = self.cloud.dice.choice(("STOPPING", "PROVISIONING"))
        return make_cluster(self.cloud, self.home, Standing.CHANGING, region=self.main.region, status=status)

    def _tear_a_gap(self) -> None:
        """What an audit may not know: a cluster's objects, or a part of the list of clusters."""
        gap = self.cloud.dice.choice((Standing.UNREAD, Standing.CHANGING, "list"))
        if gap is Standing.UNREAD:
            self._once(gap, lambda: self._beside(Standing.UNREAD))
        elif gap is Standing.CHANGING:
            self._once(gap, self._changing)
        else:
            self.home.gap_region = self.main.region

    def _in_shared_network(self, *, is_audited: bool) -> Cluster:
        def make() -> Cluster:
            host = self._project_of("host", is_host=True)
            service = self.cloud.project(f"svc-{self.cloud.letters(4)}", is_audited=is_audited)
            standing = Standing.READ if is_audited else Standing.HIDDEN
            return make_cluster(self.cloud, service, standing, network_project=host)

        return self._once(("shared network", is_audited), make)

    def _deleted_in_a_shared_network(self) -> Cluster:
        """Its firewall rules stand in the host project, all else in the service project."""
        living = self._in_shared_network(is_audited=True)
        return self._once(
            "deleted in a shared network",
            lambda: make_cluster(
                self.cloud, living.project, Standing.DEAD, region=living.region, network_project=living.network_project
            ),
        )

    def _project_of(self, word: str, *, is_host: bool) -> Project:
        found = [project for project in self.cloud.projects if project.is_host and is_host]
        return found[0] if found else self.cloud.project(f"{word}-{self.cloud.letters(4)}", is_host=is_host)

    def _anywhere(self) -> Cluster:
        """Mostly at home; now and then in another project, or in one of a Shared VPC."""
        dice = self.cloud.dice.random()
        if dice < 0.1:
            return self._in_shared_network(is_audited=True)
        if dice < 0.2:
            return self._once(
                "another project",
                lambda: make_cluster(self.cloud, self.cloud.project(f"lab-{self.cloud.letters(4)}"), Standing.READ),
            )
        if dice < 0.45 and self.second is not None:
            return self.second
        return self.main
