"""An organization of many projects: made-up worlds side by side, and between them projects with a forgotten address."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from worlds import make_world

from auditor.collect.shares import Share, left_to_others
from auditor.model.names import parse_link
from auditor.model.snapshot import (
    COLLECTIONS,
    JSON,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    project_scope,
)

API = "https://www.googleapis.com/compute/v1/"


@dataclass(frozen=True, slots=True)
class Organization:
    snapshot: Snapshot
    as_of: datetime

    @property
    def projects(self) -> tuple[str, ...]:
        return tuple(sorted(self.snapshot.projects))


def make_organization(projects: int, clusters: int, first_seed: int = 0) -> Organization:
    """So many projects, of which the worlds of some seeds without gaps are one part: those that have these clusters."""
    worlds = []
    found = 0
    seeds = (seed for seed in range(first_seed, first_seed + 900) if seed % 3 != 2)
    while found < clusters:
        world = make_world(next(seeds))
        worlds.append(world)
        found += sum(len(listed) for listed in world.snapshot.clusters.values())
    as_of = max(world.as_of for world in worlds)
    snapshots = [_elsewhere(_without_contexts(world.snapshot), number) for number, world in enumerate(worlds)]
    held = sum(len(snapshot.projects) for snapshot in snapshots)
    snapshots += [_forgotten(number, as_of) for number in range(projects - held)]
    return Organization(replace(union(snapshots), taken_at=as_of), as_of)


def union(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Snapshots without a common scope as one."""
    parts = list(snapshots)
    merged: dict[str, dict[Any, Any]] = {
        name: {key: value for part in parts for key, value in getattr(part, name).items()}
        for name in ("coverage", "projects", "compute", "clusters", "objects")
    }
    return Snapshot(taken_at=parts[0].taken_at, tool="gke-auditor test", **merged)


def _without_contexts(snapshot: Snapshot) -> Snapshot:
    """Clusters that are no GKE clusters stand in a kubeconfig, which a job has not got."""
    return replace(
        snapshot,
        coverage={scope: known for scope, known in snapshot.coverage.items() if not scope.startswith("clusters/_/")},
        objects={key: items for key, items in snapshot.objects.items() if key[0].is_gke},
    )


_PUBLIC = re.compile(r"(?<![\d.])34(\.\d+\.\d+\.\d+)")


def _elsewhere(snapshot: Snapshot, number: int) -> Snapshot:
    """The same with public IPs of its own: every world gives out the same ones, and no two things can have one."""

    def moved(value: Any) -> Any:
        return json.loads(_PUBLIC.sub(rf"{34 + number}\1", json.dumps(value)))

    return replace(
        snapshot,
        compute={key: tuple(moved(list(items))) for key, items in snapshot.compute.items()},
        objects={key: tuple(moved(list(items))) for key, items in snapshot.objects.items()},
    )


def _forgotten(number: int, as_of: datetime) -> Snapshot:
    """A project without clusters, with an address that nothing uses."""
    project = f"plain-{number:04d}"
    address = {
        "kind": "compute#address",
        "id": str(5 * 10**15 + number),
        "name": f"forgotten-{number}",
        "selfLink": f"{API}projects/{project}/regions/us-central1/addresses/forgotten-{number}",
        "region": f"{API}projects/{project}/regions/us-central1",
        "creationTimestamp": "2025-03-04T05:06:07.000-08:00",
        "address": f"198.51.{100 + number // 250}.{number % 250}",
        "addressType": "EXTERNAL",
        "networkTier": "PREMIUM",
        "status": "RESERVED",
    }
    scopes = [project_scope(project), clusters_scope(project)]
    scopes += [compute_scope(project, collection) for collection in COLLECTIONS]
    return Snapshot(
        taken_at=as_of,
        coverage={scope: Coverage(scope, Status.COMPLETE) for scope in scopes},
        projects={project: {"projectId": project, "projectNumber": str(6 * 10**11 + number)}},
        compute={(project, name): (address,) if name == "addresses" else () for name in COLLECTIONS},
        clusters={project: ()},
    )


# --- what the tasks of an execution would have read ---


def split(snapshot: Snapshot, count: int, execution: str = "exec-1") -> Iterator[Snapshot]:
    """The parts of a snapshot, without a network: hosts of Shared VPCs stand in each part that leads to them."""
    hosts = hosts_of(snapshot)
    for index in range(count):
        share = Share(execution, index, count)
        held = {project for project in snapshot.projects if share.holds(project)}
        held |= {hosts[project] for project in held if project in hosts}
        left = {f"projects/{project}" for project in snapshot.projects if project not in held}
        folders = {"/".join(scope.split("/")[:4]) for scope in snapshot.coverage if scope.startswith("clusters/_/")}
        left |= folders if index else set()
        yield _part(snapshot, share, held, left)


def _part(snapshot: Snapshot, share: Share, held: set[str], left: set[str]) -> Snapshot:
    def is_held(scope: str) -> bool:
        kind, name, *_ = scope.split("/")
        if kind == "clusters" and name == "_":
            return share.reads_contexts
        return kind not in ("projects", "clusters") or name in held

    coverage = {scope: known for scope, known in snapshot.coverage.items() if is_held(scope)}
    coverage |= {known.scope: known for known in left_to_others(share, left)}
    return replace(
        snapshot,
        coverage=coverage,
        projects={project: told for project, told in snapshot.projects.items() if project in held},
        compute={key: items for key, items in snapshot.compute.items() if key[0] in held},
        clusters={project: items for project, items in snapshot.clusters.items() if project in held},
        objects={key: items for key, items in snapshot.objects.items() if is_held(key[0].folder)},
    )


def hosts_of(snapshot: Snapshot) -> Mapping[str, str]:
    """Service project to Shared VPC host, by the networks that its resources name."""
    ids = {_number(told): project for project, told in snapshot.projects.items() if told}
    shared = {p for p, told in snapshot.projects.items() if told and told.get("xpnProjectStatus") == "HOST"}
    found: dict[str, str] = {}
    for (project, _), items in snapshot.compute.items():
        for item in items:
            link = item.get("network") or item.get("subnetwork")
            name = parse_link(link, project=project, numbers=ids) if isinstance(link, str) else None
            if name is not None and name.project != project and name.project in shared:
                found.setdefault(project, name.project)
    return found


def _number(told: JSON) -> str:
    return str(told.get("projectNumber", ""))
