"""From recorded API answers to snapshots.

The recordings are of single requests (aggregated lists, plain lists, one resource, the clusters of a project), made
by other projects for their own tests. A list that nobody recorded was not collected; an answer that covers only some
scopes makes its list partial. Nothing here is used by the auditor itself.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from auditor.model.names import ClusterKey
from auditor.model.snapshot import (
    COLLECTIONS,
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

JSON = Mapping[str, Any]

GLOBAL_ONLY = frozenset({"firewalls", "routes", "httpHealthChecks", "httpsHealthChecks", "targetSslProxies"})
NEVER_GLOBAL = frozenset(
    {
        "instances",
        "instanceGroups",
        "targetPools",
        "targetInstances",
        "targetVpnGateways",
        "serviceAttachments",
        "routers",
        "subnetworks",
        "disks",
    }
)
SYSTEM_UID = "6d0f5d3e-2b1c-4a59-8f70-0000000000"


@dataclass(frozen=True, slots=True)
class World:
    """The answers that one recording holds, as a snapshot."""

    name: str
    snapshot: Snapshot


def gcpdiag_worlds(folder: Path) -> Iterator[World]:
    """One folder for each project: answers as curl printed them."""
    for project in sorted(path for path in folder.iterdir() if path.is_dir()):
        bodies = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(project.glob("*.json"))]
        yield World(f"gcpdiag/{project.name}", snapshot_of(bodies, f"gcpdiag-{project.name}-aaaa"))


def custodian_worlds(folder: Path) -> Iterator[World]:
    """One folder for each test: {"headers": {"status": ...}, "body": ...} for each request, in order."""
    for flight in sorted(path for path in folder.iterdir() if path.is_dir()):
        answers = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(flight.glob("*.json"))]
        bodies = [answer["body"] for answer in answers if str(answer["headers"].get("status", 200)) == "200"]
        yield World(f"cloud-custodian/{flight.name}", snapshot_of(bodies, "cloud-custodian"))


def connector_worlds(folder: Path) -> Iterator[World]:
    """Request logs whose values were replaced by ${placeholders}; one world for each log."""
    logs: dict[str, list[JSON]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        for record in json.loads(path.read_text(encoding="utf-8")):
            if record.get("status", 200) == 200:
                logs[record["_source"]].append(_filled_in(record["body"]))
    for source, bodies in sorted(logs.items()):
        yield World(f"k8s-config-connector/{source}", snapshot_of(bodies, "project-id"))


def _filled_in(value: Any) -> Any:
    """The same JSON with a plain word for each ${placeholder}."""
    if isinstance(value, str):
        if re.fullmatch(r"\$\{\w*IPV4\}", value):
            return "198.51.100.1"
        return re.sub(r"\$\{(\w+)\}", lambda match: _kebab(match[1]), value)
    if isinstance(value, dict):
        return {key: _filled_in(item) for key, item in value.items()}
    return [_filled_in(item) for item in value] if isinstance(value, list) else value


def _kebab(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", word).lower()


@dataclass(slots=True)
class _Listed:
    """What the answers say of one collection of one project."""

    items: dict[tuple[str, ...], JSON] = field(default_factory=dict)
    is_complete: bool = False
    missing: set[str] = field(default_factory=set)


def snapshot_of(bodies: Iterable[JSON], default_project: str) -> Snapshot:
    """A snapshot of everything in these answers. Answers of other APIs are left out."""
    listed: dict[tuple[str, str], _Listed] = defaultdict(_Listed)
    clusters: dict[str, dict[str, JSON]] = defaultdict(dict)
    cluster_lists: dict[str, Coverage] = {}
    projects: dict[str, dict[str, Any]] = {}
    for body in bodies:
        if not isinstance(body, dict):
            continue
        kind = str(body.get("kind", "")).removeprefix("compute#")
        if kind == "project":
            projects.setdefault(body["name"], {})["xpnProjectStatus"] = body.get("xpnProjectStatus", "")
        elif kind.endswith("AggregatedList"):
            _add_aggregated(body, kind.removesuffix("AggregatedList"), default_project, listed)
        elif kind.endswith("List"):
            _add_plain(body, kind.removesuffix("List"), default_project, listed)
        elif _plural(kind) in COLLECTIONS:
            _add_items([body], _plural(kind), default_project, listed)
        elif isinstance(body.get("clusters"), list):
            _add_clusters(body, default_project, clusters, cluster_lists)
        elif "currentMasterVersion" in body:
            clusters[_project_of(body, default_project)][body["selfLink"]] = body
        elif "projectId" in body and str(body.get("name", "")).startswith("projects/"):
            number = body["name"].removeprefix("projects/")
            projects.setdefault(body["projectId"], {}).update(projectId=body["projectId"], projectNumber=number)
    return _assembled(listed, clusters, cluster_lists, projects)


def _assembled(
    listed: Mapping[tuple[str, str], _Listed],
    clusters: Mapping[str, Mapping[str, JSON]],
    cluster_lists: Mapping[str, Coverage],
    projects: Mapping[str, JSON],
) -> Snapshot:
    coverage = [_coverage(project, collection, found) for (project, collection), found in listed.items()]
    coverage += [
        cluster_lists.get(project) or Coverage(clusters_scope(project), Status.PARTIAL, Category.NOT_COLLECTED)
        for project in {*clusters, *cluster_lists}
    ]
    ids = sorted({project for project, _ in listed} | set(clusters) | set(projects))
    known = {project: projects[project] for project in ids if "xpnProjectStatus" in projects.get(project, {})}
    coverage += [Coverage(project_scope(project), Status.COMPLETE) for project in known]
    return Snapshot(
        tool="a recording",
        coverage={entry.scope: entry for entry in coverage},
        projects={project: known.get(project) for project in ids},
        compute={key: tuple(found.items.values()) for key, found in listed.items()},
        clusters={project: tuple(found.values()) for project, found in clusters.items()},
    )


def _coverage(project: str, collection: str, found: _Listed) -> Coverage:
    scope = compute_scope(project, collection)
    if found.is_complete and not found.missing:
        return Coverage(scope, Status.COMPLETE, count=len(found.items))
    category = Category.UNREACHABLE if found.is_complete else Category.NOT_COLLECTED
    missing = tuple(sorted(found.missing)) if found.is_complete else ()
    return Coverage(scope, Status.PARTIAL, category, missing=missing, detail="only some scopes were recorded")


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return kind[:-1] + "ies"
    return kind + ("es" if kind.endswith("s") else "s")


def _add_aggregated(body: JSON, kind: str, project: str, listed: dict[tuple[str, str], _Listed]) -> None:
    """An aggregated list: one entry for each scope, empty ones with the warning NO_RESULTS_ON_PAGE."""
    collection, scopes = _plural(kind), body.get("items") or {}
    if collection not in COLLECTIONS or not isinstance(scopes, dict):
        return
    _add_items([item for scope in scopes.values() for item in scope.get(collection, ())], collection, project, listed)
    found = listed[_list_project(body, project), collection]
    names_every_scope = len(scopes) > 10 and (collection in NEVER_GLOBAL or "global" in scopes)
    found.is_complete |= names_every_scope and not body.get("nextPageToken")
    for scope, answer in scopes.items():
        code = answer.get("warning", {}).get("code", "NO_RESULTS_ON_PAGE")
        found.missing |= {scope} if code != "NO_RESULTS_ON_PAGE" else set()
    found.missing |= set(body.get("unreachables") or ())


def _add_plain(body: JSON, kind: str, project: str, listed: dict[tuple[str, str], _Listed]) -> None:
    """The list of one scope: all there is only where the collection exists in that scope alone."""
    collection, items = _plural(kind), body.get("items") or []
    if collection not in COLLECTIONS or not isinstance(items, list):
        return
    _add_items(items, collection, project, listed)
    found = listed[_list_project(body, project), collection]
    found.is_complete |= collection in GLOBAL_ONLY and not body.get("nextPageToken")


def _add_items(items: Iterable[JSON], collection: str, project: str, listed: dict[tuple[str, str], _Listed]) -> None:
    for answered in items:
        item = _linked(answered, project, collection)
        found = listed[_project_of(item, project), collection].items
        # Two answers about one resource are two states of it, and the one that says more counts: a log is not in
        # order of time. In logs with placeholders two resources can bear one name: what they point at tells them apart.
        facts = tuple(str(item.get(key, "")) for key in ("target", "backendService", "purpose", "pscTargetService"))
        key = (item["selfLink"], *facts)
        namesakes = sum(other[0] == key[0] and other != key for other in found)
        if key not in found:
            found[key] = _renamed(item, f"{item['name']}-{namesakes + 1}") if namesakes else item
        elif len(json.dumps(item)) >= len(json.dumps(found[key])):
            found[key] = {**item, "name": found[key]["name"], "selfLink": found[key]["selfLink"]}


def _linked(item: JSON, project: str, collection: str) -> JSON:
    """The item with a selfLink that names a resource: some placeholders have eaten all of it."""
    if "/projects/" in str(item.get("selfLink", "")):
        return item
    place = item.get("zone") or item.get("region") or "global"
    scope = "/".join(place.split("/")[-2:])
    return {
        **item,
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/{project}/{scope}/{collection}/{item['name']}",
    }


def _renamed(item: JSON, name: str) -> JSON:
    return {**item, "name": name, "selfLink": f"{item['selfLink'].rpartition('/')[0]}/{name}"}


def _add_clusters(
    body: JSON, default_project: str, clusters: dict[str, dict[str, JSON]], coverage: dict[str, Coverage]
) -> None:
    for cluster in body["clusters"]:
        clusters[_project_of(cluster, default_project)][str(cluster.get("selfLink", cluster["name"]))] = cluster
    missing = tuple(f"zones/{zone}" for zone in body.get("missingZones") or ())
    status, category = (Status.PARTIAL, Category.UNREACHABLE) if missing else (Status.COMPLETE, None)
    project = _project_of(body["clusters"][0], default_project) if body["clusters"] else default_project
    coverage[project] = Coverage(clusters_scope(project), status, category, missing=missing)


def _project_of(item: JSON, default: str) -> str:
    match = re.search(r"/projects/([^/]+)/", str(item.get("selfLink", "")))
    return match[1] if match else default


def _list_project(body: JSON, default: str) -> str:
    match = re.search(r"projects/([^/]+)/", str(body.get("selfLink") or body.get("id") or ""))
    return match[1] if match else default


def with_nothing_missing(snapshot: Snapshot) -> Snapshot:
    """The worst case for false orphans: every list that was not recorded is claimed to be complete and empty.

    Every cluster is claimed to be read in full, with identities of its own and not a single object that owns
    anything; a project of which no cluster is known has provably none.
    """
    projects = sorted(snapshot.projects)
    coverage = {clusters_scope(project): Coverage(clusters_scope(project), Status.COMPLETE) for project in projects}
    coverage |= {project_scope(project): Coverage(project_scope(project), Status.COMPLETE) for project in projects}
    for project in projects:
        for collection in COLLECTIONS:
            scope = compute_scope(project, collection)
            coverage[scope] = Coverage(scope, Status.COMPLETE)
    objects: dict[tuple[ClusterKey, str], tuple[JSON, ...]] = {}
    for number, key in enumerate(_cluster_keys(snapshot)):
        for plural in PLURALS:
            scope = objects_scope(key, plural)
            coverage[scope] = Coverage(scope, Status.COMPLETE)
            objects[key, plural] = ()
        uid = f"{SYSTEM_UID}{number:02d}"
        objects[key, "namespaces"] = ({"kind": "Namespace", "metadata": {"name": "kube-system", "uid": uid}},)
        objects[key, "configmaps"] = (
            {
                "kind": "ConfigMap",
                "metadata": {"namespace": "kube-system", "name": "ingress-uid"},
                "data": {"uid": f"{number:016x}", "provider-uid": f"{number:016x}"},
            },
        )
    return replace(
        snapshot,
        coverage=coverage,
        projects={project: snapshot.projects[project] or {"projectId": project} for project in projects},
        clusters={project: snapshot.clusters.get(project, ()) for project in projects},
        objects=objects,
    )


def _cluster_keys(snapshot: Snapshot) -> list[ClusterKey]:
    keys = {
        ClusterKey(project, cluster.get("location") or cluster["zone"], cluster["name"])
        for project, clusters in snapshot.clusters.items()
        for cluster in clusters
    }
    return sorted(keys)
