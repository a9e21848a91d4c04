"""The cloud in which lives are lived: projects, clusters and resources in the shapes of the real APIs.

A `Cloud` is filled by the lives and then frozen into a snapshot. Beside every judged resource it keeps what the life
knows about it (its claims); truth.py turns those into the verdicts that are right.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from auditor.model.names import ClusterKey, ResourceName, region_of
from auditor.model.snapshot import (
    COLLECTIONS,
    JUDGED_COLLECTIONS,
    PLURALS,
    Category,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)

from . import formulas

API = "https://www.googleapis.com/compute/v1/"
ZONES = {"europe-west1": "bcd", "us-central1": "abc", "asia-east1": "abc", "europe-west3": "abc"}
OPTIONAL_PLURALS = (
    "gateways",
    "gatewayclasses",
    "httproutes",
    "multiclusteringresses",
    "multiclusterservices",
    "managedcertificates",
    "networkendpointgroupbindings",
)
NAT_RANGES = ["130.211.0.0/22", "35.191.0.0/16"]
OLD = timedelta(days=30)
YOUNG = timedelta(minutes=12)

Fields = dict[str, Any]


class Standing(Enum):
    """What an audit can know of a cluster."""

    READ = "read"
    DEAD = "deleted"
    UNREAD = "not readable"
    CHANGING = "being created or deleted"
    NOT_GKE = "not a GKE cluster"
    HIDDEN = "in a project that is not audited"


class State(Enum):
    """How one resource stands to its owner, as only the life can know."""

    LIVE = "its owner lives"
    IDLE = "its owner lives and it does no work"
    DELETING = "its owner is being deleted right now"
    GONE = "nothing owns it"
    KEPT = "nothing owns it, yet something else needs it"


class Role(Enum):
    """HEAD decides the verdict of a load balancer; PART follows it; SHARED belongs to the whole cluster."""

    HEAD = "head"
    PART = "part"
    SHARED = "shared"


@dataclass(eq=False)
class Project:
    id: str
    number: str
    is_host: bool = False
    is_audited: bool = True
    gap_region: str | None = None
    """The region whose zone did not answer when the clusters were listed."""
    has_file: bool = True


@dataclass(eq=False)
class Cluster:
    project: Project
    location: str
    name: str
    standing: Standing
    status: str
    id: str
    kube_system_uid: str
    ingress_uid: str
    provider_uid: str
    gateway_code: str
    network_project: Project
    zones: tuple[str, ...]
    nodes: list[tuple[str, str]] = field(default_factory=list)
    """(zone, name) of its virtual machines."""
    objects: dict[str, list[Fields]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    joins: set[frozenset[str]] = field(default_factory=set)
    """Pairs of marks that some audited resource carries together."""
    names: set[tuple[str, str]] = field(default_factory=set)
    tag: str = ""
    publishes: bool = False
    """It has a service attachment: a rule that one points at is unknown rather than pending."""

    @property
    def key(self) -> ClusterKey:
        project = "_" if self.standing is Standing.NOT_GKE else self.project.id
        return ClusterKey(project, self.location, self.name)

    @property
    def region(self) -> str:
        return region_of(self.location) or ""

    @property
    def c8(self) -> str:
        return formulas.c8_of(self.kube_system_uid)

    @property
    def h8c(self) -> str:
        return self.id[:8]

    @property
    def is_living(self) -> bool:
        return self.standing in (Standing.READ, Standing.UNREAD, Standing.CHANGING)

    @property
    def network(self) -> str:
        return f"{API}projects/{self.network_project.id}/global/networks/main"

    @property
    def subnetwork(self) -> str:
        return f"{API}projects/{self.network_project.id}/regions/{self.region}/subnetworks/main"

    @property
    def labels(self) -> Mapping[str, str]:
        """Its description form, as Gateways and service attachments write it."""
        kind = "zones" if self.location != self.region else "regions"
        return {
            "gateway": f"/projects/{self.project.id}/locations/{self.location}/clusters/{self.name}",
            "attachment": f"/{kind}/{self.location}/clusters/{self.name}",
        }

    def add(self, plural: str, obj: Fields) -> Fields:
        self.objects.setdefault(plural, []).append(obj)
        return obj

    def join(self, *marks: str) -> None:
        self.joins.add(frozenset(marks))


@dataclass(frozen=True, eq=False)
class Claim:
    """What one life says about one resource. `fixed` says it outright; else truth.py derives it from the rest."""

    why: str
    state: State = State.GONE
    role: Role = Role.PART
    cluster: Cluster | None = None
    marks: set[str] | frozenset[str] = frozenset()
    """The marks of its cluster that it, or its load balancer, carries: c8 uid16 uid8 provider h8c cluster."""
    identity: str = ""
    """The text by which an audited project would show that the owner is its own (c8, uid16 or a<uid>)."""
    plural: str = "services"
    region: str | None = None
    is_young: bool = False
    also: frozenset[str] = frozenset()
    beside_a_gap: frozenset[str] = frozenset()
    """Allowed too where some living cluster of the project was not read in full."""
    fixed: frozenset[str] | None = None
    is_user_address: bool = False


@dataclass(eq=False)
class Item:
    name: ResourceName
    body: Fields
    claims: list[Claim]


@dataclass(frozen=True)
class Lost:
    """An object that was deleted while what it owned stayed: put back, it must save `parts`."""

    cluster: ClusterKey
    plural: str
    obj: Fields
    parts: tuple[str, ...]


class Cloud:
    """All that exists, and the dice. Resources of projects that are not audited are made and then left out."""

    def __init__(self, dice: random.Random, now: datetime) -> None:
        self.dice = dice
        self.now = now
        self.projects: list[Project] = []
        self.clusters: list[Cluster] = []
        self.items: dict[ResourceName, Item] = {}
        self.lost: list[Lost] = []
        self.links_by_number = dice.random() < 0.25
        self._counters = {"external": 1, "internal": 9, "ipv6": 1, "port": 30000, "name": 0}

    # dice

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def hexadecimal(self, length: int) -> str:
        return "".join(self.dice.choice("0123456789abcdef") for _ in range(length))

    def letters(self, length: int) -> str:
        return "".join(self.dice.choice(formulas.DIGITS) for _ in range(length))

    def uid(self) -> str:
        tail = self.hexadecimal(12)
        return f"{self.hexadecimal(8)}-{self.hexadecimal(4)}-4{self.hexadecimal(3)}-a{self.hexadecimal(3)}-{tail}"

    def count(self, what: str) -> int:
        self._counters[what] += 1
        return self._counters[what]

    def external_ip(self) -> str:
        number = self.count("external")
        return f"34.{100 + number // 250}.7.{1 + number % 250}"

    def internal_ip(self) -> str:
        number = self.count("internal")
        return f"10.128.{number // 250}.{1 + number % 250}"

    def ipv6(self) -> str:
        return f"2600:1900:4000:{self.count('ipv6'):x}:8000::"

    def node_port(self) -> int:
        return self.count("port")

    # text

    def stamp(self, age: timedelta) -> str:
        """A creation time as Compute writes it: local to California."""
        moment = self.now - age - timedelta(hours=7)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.dice.randrange(1000):03d}-07:00"

    def kubernetes_stamp(self, age: timedelta) -> str:
        return (self.now - age).strftime("%Y-%m-%dT%H:%M:%SZ")

    def link(self, name: ResourceName) -> str:
        """How other resources write this one: now and then with the project's number."""
        project = name.project
        if self.links_by_number and self.chance(0.5):
            project = next((item.number for item in self.projects if item.id == name.project), name.project)
        return f"{API}projects/{project}/{name.scope}/{name.collection}/{name.name}"

    # things

    def project(self, name: str, *, is_host: bool = False, is_audited: bool = True) -> Project:
        number = str(self.dice.randrange(10**11, 10**12))
        project = Project(name, number, is_host=is_host, is_audited=is_audited)
        self.projects.append(project)
        return project

    def put(
        self,
        project: Project,
        scope: str,
        collection: str,
        name: str,
        fields: Fields,
        *claims: Claim,
        age: timedelta = OLD,
    ) -> ResourceName:
        """Make a resource. One that is there already (a shared part) keeps its body and gains the claims."""
        full = ResourceName(project.id, scope, collection, name)
        if full in self.items:
            self.items[full].claims.extend(claims)
            return full
        body: Fields = {
            "kind": f"compute#{_singular(collection)}",
            "id": str(self.dice.randrange(10**18, 9 * 10**18)),
            "creationTimestamp": self.stamp(age),
            "name": name,
            "selfLink": f"{API}{full.relative}",
        }
        if scope != "global":
            body[scope.partition("/")[0][:-1]] = f"{API}projects/{project.id}/{scope}"
        if any(claim.is_young for claim in claims):
            body["creationTimestamp"] = self.stamp(YOUNG)
        body.update({key: value for key, value in fields.items() if value is not None})
        self.items[full] = Item(full, body, list(claims))
        return full

    def audited(self, project_id: str) -> bool:
        return any(project.id == project_id and project.is_audited for project in self.projects)

    def seen_items(self) -> list[Item]:
        return [item for item in self.items.values() if self.audited(item.name.project)]

    def judged_items(self) -> list[Item]:
        return [item for item in self.seen_items() if item.name.collection in JUDGED_COLLECTIONS]

    # freezing

    def snapshot(self) -> Snapshot:
        """Everything that the audit gets to see, with the coverage of every list."""
        coverage: dict[str, Coverage] = {}
        compute: dict[tuple[str, str], tuple[Fields, ...]] = {}
        listed: dict[str, tuple[Fields, ...]] = {}
        files: dict[str, Fields | None] = {}
        objects: dict[tuple[ClusterKey, str], tuple[Fields, ...]] = {}
        for project in self.projects:
            if not project.is_audited:
                continue
            for collection in COLLECTIONS:
                found = [
                    item.body
                    for item in self.items.values()
                    if (item.name.project, item.name.collection) == (project.id, collection)
                ]
                self.dice.shuffle(found)
                compute[project.id, collection] = tuple(found)
                scope = compute_scope(project.id, collection)
                coverage[scope] = Coverage(scope, Status.COMPLETE, count=len(found))
            here = [cluster for cluster in self.clusters if cluster.project is project and cluster.is_living]
            listed[project.id] = tuple(self._cluster_json(cluster) for cluster in here)
            scope = clusters_scope(project.id)
            coverage[scope] = Coverage(scope, Status.COMPLETE, count=len(here))
            if project.gap_region is not None:
                missing = (f"zones/{project.gap_region}-{ZONES[project.gap_region][0]}",)
                coverage[scope] = Coverage(
                    scope, Status.PARTIAL, Category.UNREACHABLE, missing, "missingZones", len(here)
                )
            scope = project_scope(project.id)
            files[project.id] = _project_json(project) if project.has_file else None
            coverage[scope] = (
                Coverage(scope, Status.COMPLETE, count=1)
                if project.has_file
                else Coverage(scope, Status.FAILED, Category.FORBIDDEN)
            )
        for cluster in self.clusters:
            if cluster.standing in (Standing.DEAD, Standing.HIDDEN):
                continue
            for plural in PLURALS:
                scope = objects_scope(cluster.key, plural)
                found = cluster.objects.get(plural, [])
                if cluster.standing in (Standing.UNREAD, Standing.CHANGING) or plural in cluster.failed:
                    category = self.dice.choice((Category.FORBIDDEN, Category.UNREACHABLE, Category.TIMEOUT))
                    coverage[scope] = Coverage(scope, Status.FAILED, category, detail="the API did not answer")
                elif plural in OPTIONAL_PLURALS and not found:
                    coverage[scope] = Coverage(scope, Status.ABSENT)
                else:
                    coverage[scope] = Coverage(scope, Status.COMPLETE, count=len(found))
                    objects[cluster.key, plural] = tuple(found)
        return Snapshot(
            taken_at=self.now,
            tool="gke-auditor worlds",
            coverage=coverage,
            projects=files,
            compute=compute,
            clusters=listed,
            objects=objects,
        )

    def _cluster_json(self, cluster: Cluster) -> Fields:
        network = f"projects/{cluster.network_project.id}/global/networks/main"
        return {
            "name": cluster.name,
            "id": cluster.id,
            "location": cluster.location,
            "zone": cluster.location,
            "locations": list(cluster.zones),
            "status": cluster.status,
            "endpoint": self.external_ip(),
            "network": "main",
            "subnetwork": "main",
            "networkConfig": {
                "network": network,
                "subnetwork": f"projects/{cluster.network_project.id}/regions/{cluster.region}/subnetworks/main",
            },
            "selfLink": f"https://container.googleapis.com/v1/projects/{cluster.project.id}"
            f"/locations/{cluster.location}/clusters/{cluster.name}",
            "createTime": (self.now - timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "currentNodeCount": len(cluster.nodes),
            "fleet": {"project": cluster.project.id},
        }


def _project_json(project: Project) -> Fields:
    body = {"projectId": project.id, "projectNumber": project.number, "lifecycleState": "ACTIVE"}
    return body | ({"xpnProjectStatus": "HOST"} if project.is_host else {})


def _singular(collection: str) -> str:
    if collection.endswith("Proxies"):
        return collection.removesuffix("ies") + "y"
    return collection.removesuffix("es") if collection == "addresses" else collection.removesuffix("s")


def compact(keys: Mapping[str, Any]) -> str:
    """JSON as Go writes it, without spaces: the form of most descriptions."""
    return json.dumps(dict(keys), separators=(",", ":"))
