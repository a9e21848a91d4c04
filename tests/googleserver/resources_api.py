"""Where things stand: Resource Manager v3, Cloud Asset v1, Service Usage v1."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from auditor.model.names import parse_link
from auditor.model.snapshot import project_scope

from . import refusals, selection
from .exchange import Answer, Request, UnsupportedError, answer, check_parameters
from .scene import FOLDERS, ORGANIZATION, Scene, cluster_key

ASSET_TYPES = {"forwardingRules": "ForwardingRule", "addresses": "Address"}
KINDS_OF_ASSETS = {
    "forwardingRules": ("ForwardingRule", "GlobalForwardingRule"),
    "addresses": ("Address", "GlobalAddress"),
    "backendServices": ("RegionBackendService", "BackendService"),
    "targetPools": ("TargetPool", ""),
    "targetSslProxies": ("", "TargetSslProxy"),
    "httpHealthChecks": ("", "HttpHealthCheck"),
    "httpsHealthChecks": ("", "HttpsHealthCheck"),
    "firewalls": ("", "Firewall"),
    "serviceAttachments": ("ServiceAttachment", ""),
}
"""The asset types of regional and of global resources that assets.list is asked for."""
SUPPORTED_ASSETS = frozenset(
    f"compute.googleapis.com/{kind}"
    for kind in (
        *("Address", "Autoscaler", "BackendBucket", "BackendService", "Commitment", "Disk", "ExternalVpnGateway"),
        *("Firewall", "FirewallPolicy", "ForwardingRule", "GlobalAddress", "GlobalForwardingRule", "HealthCheck"),
        *("HttpHealthCheck", "HttpsHealthCheck", "Image", "Instance", "InstanceGroup", "InstanceGroupManager"),
        *("InstanceSettings", "InstanceTemplate", "InstantSnapshot", "Interconnect", "InterconnectAttachment"),
        *("License", "MachineImage", "Network", "NetworkAttachment", "NetworkEdgeSecurityService"),
        *("NetworkEndpointGroup", "NodeGroup", "NodeTemplate", "PacketMirroring", "Project", "PublicDelegatedPrefix"),
        *("RegionBackendService", "RegionDisk", "Reservation", "ResourcePolicy", "Route", "Router", "SecurityPolicy"),
        *("ServiceAttachment", "Snapshot", "SslCertificate", "SslPolicy", "StoragePool", "Subnetwork"),
        *("TargetGrpcProxy", "TargetHttpProxy", "TargetHttpsProxy", "TargetInstance", "TargetPool", "TargetSslProxy"),
        *("TargetTcpProxy", "TargetVpnGateway", "UrlMap", "VpnGateway", "VpnTunnel"),
    )
)
"""What Compute Engine has in Google's list "Supported asset types", as a public copy of it had it in 2025."""
LIST_PERMISSION = "cloudasset.assets.listResource"
PAGE_LIMIT = 500
READ_PERMISSION = re.compile(r".*\.(list|get|search|connect|use|listResource)$|.*searchAll\w+$")
"""What an auditor's role holds: nothing that writes."""


def serve_resource_manager(scene: Scene, request: Request) -> Answer:
    """projects get, list, search and testIamPermissions; folders list, get and search; organizations get."""
    parts = [part for part in request.path.split("/") if part]
    if parts[:1] != ["v3"]:
        raise UnsupportedError(f"{request.method} {request.path}")
    match request.method, parts[1:]:
        case "POST", ["projects", named] if named.endswith(":testIamPermissions"):
            return _tested(scene, request, named.removesuffix(":testIamPermissions"))
        case "GET", ["projects"]:
            return _projects_below(scene, request)
        case "GET", ["projects:search"]:
            return _projects_found(scene, request)
        case "GET", ["projects", named]:
            return _project(scene, request, named)
        case "GET", ["folders"]:
            check_parameters(request, "parent", "pageSize", "pageToken", "showDeleted")
            return _folders(scene, request, request.value("parent") or "")
        case "GET", ["folders:search"]:
            check_parameters(request, "query", "pageSize", "pageToken")
            query = re.search(r"parent[:=]\s*(\S+)", request.value("query") or "")
            return _folders(scene, request, query.group(1) if query else "")
        case "GET", ["folders", number]:
            return _container(request, f"folders/{number}", FOLDERS)
        case "GET", ["organizations", number]:
            return _container(request, f"organizations/{number}", {ORGANIZATION: ""})
    raise UnsupportedError(f"{request.method} {request.path}")


def _describe(scene: Scene, project: str) -> dict[str, Any]:
    """A project as v3 describes it; what the snapshot holds of it is kept."""
    told = dict(scene.snapshot.projects.get(project) or {})
    told.pop("xpnProjectStatus", None)
    told.pop("projectNumber", None)
    made = {
        "name": f"projects/{scene.numbers[project]}",
        "parent": scene.parent_of(project),
        "projectId": project,
        "state": told.pop("lifecycleState", "ACTIVE"),
        "displayName": project,
        "createTime": "2022-04-26T15:18:57.559Z",
        "updateTime": "2022-04-26T15:18:59.029Z",
        "etag": 'W/"a1b2c3d4e5f60718"',
    }
    return {**made, **told}


def _project(scene: Scene, request: Request, named: str) -> Answer:
    check_parameters(request, "fields")
    project = scene.ids.get(named)
    if project is None or "resourcemanager.projects.get" in scene.manners.denied:
        return refusals.forbidden(request, "resourcemanager.projects.get", f"projects/{named}")

    def good() -> Answer:
        return answer(selection.as_asked(request, _describe(scene, project)))

    if scene.snapshot.projects.get(project) is None:
        return scene.told(project_scope(project), request, good)
    return good()


def _projects_below(scene: Scene, request: Request) -> Answer:
    """projects.list: only the direct children of the parent."""
    check_parameters(request, "parent", "pageSize", "pageToken", "showDeleted")
    parent = request.value("parent") or ""
    if not re.fullmatch(r"(folders|organizations)/\d+", parent):
        return refusals.invalid(request, "Request contains an invalid argument.")
    if parent not in (ORGANIZATION, *FOLDERS) or "resourcemanager.projects.list" in scene.manners.denied:
        return refusals.forbidden(request, "resourcemanager.projects.list", parent)
    found = [project for project in scene.projects if scene.parent_of(project) == parent]
    return _told_projects(scene, request, parent, found)


def _projects_found(scene: Scene, request: Request) -> Answer:
    """projects.search: what the caller may see; `parent:` finds direct children only."""
    check_parameters(request, "query", "pageSize", "pageToken")
    query = request.value("query") or ""
    terms = dict(re.findall(r"(parent|id|projectId|state|lifecycleState)[:=]\s*([^\s]+)", query))
    rest = re.sub(r"(parent|id|projectId|state|lifecycleState)[:=]\s*[^\s]+|\bAND\b", "", query).strip()
    if rest:
        raise UnsupportedError(f"projects:search with the query {query!r}")
    wanted = terms.get("projectId") or terms.get("id")
    state = terms.get("state") or terms.get("lifecycleState") or "ACTIVE"
    found = [
        project
        for project in scene.projects
        if terms.get("parent") in (None, scene.parent_of(project))
        and wanted in (None, project)
        and _describe(scene, project)["state"] == state
    ]
    return _told_projects(scene, request, terms.get("parent", ORGANIZATION), found)


def _told_projects(scene: Scene, request: Request, parent: str, found: list[str]) -> Answer:
    def good() -> Answer:
        return _page(request, "projects", [_describe(scene, project) for project in found], scene)

    scope = f"{parent}/projects"
    return scene.told(scope, request, good) if scope in scene.snapshot.coverage else good()


def _folders(scene: Scene, request: Request, parent: str) -> Answer:
    if "resourcemanager.folders.list" in scene.manners.denied:
        return refusals.forbidden(request, "resourcemanager.folders.list", parent)
    found = [_folder(name) for name, above in FOLDERS.items() if parent in ("", above)]
    return _page(request, "folders", found, scene)


def _folder(name: str) -> dict[str, Any]:
    shown = f"Folder {name[-1]}"
    return {"name": name, "parent": FOLDERS[name], "displayName": shown, "state": "ACTIVE"}


def _container(request: Request, name: str, known: Mapping[str, str]) -> Answer:
    if name not in known:
        return refusals.forbidden(request, "resourcemanager.folders.get", name)
    if name == ORGANIZATION:
        return answer({"name": name, "displayName": "example.com", "state": "ACTIVE"})
    return answer(_folder(name))


def _tested(scene: Scene, request: Request, named: str) -> Answer:
    """Which of the permissions asked for the caller has. At most 100 may be asked for at once."""
    check_parameters(request)
    asked = (request.json() or {}).get("permissions", [])
    if scene.ids.get(named) is None:
        return refusals.forbidden(request, "resourcemanager.projects.get", f"projects/{named}")
    if not asked or len(asked) > 100:
        return refusals.invalid(request, "Request contains an invalid argument.")
    wrong = [permission for permission in asked if not re.fullmatch(r"[a-z]+\.[A-Za-z]+\.[A-Za-z]+", permission)]
    if wrong:
        return refusals.invalid(request, f"Permission {wrong[0]} is not valid for this resource.")
    held = [name for name in asked if READ_PERMISSION.match(name) and name not in scene.manners.denied]
    return answer({"permissions": held} if held else {})


# --- Cloud Asset ---


def serve_asset(scene: Scene, request: Request) -> Answer:
    """searchAllResources and assets.list below an organization, a folder or a project."""
    if request.path.endswith("/assets"):
        return _listed_assets(scene, request)
    check_parameters(request, "assetTypes", "query", "pageSize", "pageToken", "readMask", "orderBy")
    path = re.fullmatch(r"/v1/((?:organizations|folders|projects)/[^/:]+):searchAllResources", request.path)
    if path is None or request.method != "GET":
        raise UnsupportedError(f"{request.method} {request.path}")
    scope = path.group(1)
    if "cloudasset.assets.searchAllResources" in scene.manners.denied or not (
        scope in (ORGANIZATION, *FOLDERS) or scene.within(scope)
    ):
        return refusals.forbidden(request, "cloudasset.assets.searchAllResources", scope)
    if request.value("query"):
        raise UnsupportedError(f"searchAllResources with the query {request.value('query')!r}")
    wanted = [re.compile(text) for value in request.query.get("assetTypes", ()) for text in value.split(",")]
    found = [
        asset
        for project in scene.within(scope)
        for asset in _assets(scene, project)
        if not wanted or any(pattern.fullmatch(asset["assetType"]) for pattern in wanted)
    ]

    def good() -> Answer:
        return _page(request, "results", found, scene)

    told = f"{scope}/projects"
    return scene.told(told, request, good) if told in scene.snapshot.coverage else good()


def _listed_assets(scene: Scene, request: Request) -> Answer:
    """assets.list with contentType RESOURCE: the API's own JSON of every resource of the types that are asked for."""
    check_parameters(request, "assetTypes", "contentType", "readTime", "pageSize", "pageToken")
    path = re.fullmatch(r"/v1/((?:organizations|folders|projects)/[^/:]+)/assets", request.path)
    wanted = request.query.get("assetTypes", ())
    if path is None or request.method != "GET" or request.value("contentType") != "RESOURCE" or not wanted:
        raise UnsupportedError(f"{request.method} {request.target}")
    read_at = request.value("readTime") or "2026-11-22T06:00:01Z"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", read_at):
        return refusals.invalid(request, "Request contains an invalid argument.")
    if any(kind not in SUPPORTED_ASSETS for kind in wanted):
        return refusals.invalid(request, "Request contains an invalid argument.")
    scope = path.group(1)
    if LIST_PERMISSION in scene.manners.denied or not (scope in (ORGANIZATION, *FOLDERS) or scene.within(scope)):
        return refusals.forbidden(request, LIST_PERMISSION, scope)
    held = replace(scene, snapshot=scene.manners.inventory or scene.snapshot)
    found = [
        {
            "name": parse_link(str(item["selfLink"])).full,  # type: ignore[union-attr]
            "assetType": f"compute.googleapis.com/{kind}",
            "resource": {
                "version": "v1",
                "discoveryDocumentUri": "https://www.googleapis.com/discovery/v1/apis/compute/v1/rest",
                "discoveryName": kind,
                "parent": f"//cloudresourcemanager.googleapis.com/projects/{scene.numbers[project]}",
                "data": item,
                "location": where.rpartition("/")[2],
            },
            "ancestors": [f"projects/{scene.numbers[project]}", *scene.ancestors_of(project)],
            "updateTime": "2026-11-22T05:00:00.000000Z",
        }
        for project in scene.within(scope)
        for collection, kinds in KINDS_OF_ASSETS.items()
        for where, item in held.items(project, collection)
        if f"compute.googleapis.com/{(kind := kinds[where == 'global'])}" in wanted
    ]
    page = _page(request, "assets", found, scene, 1000)
    return answer({"readTime": read_at, **page.value}) if page.status == 200 else page


def _assets(scene: Scene, project: str) -> Iterator[dict[str, Any]]:
    """The index has every resource, also those whose list the caller may not read."""
    above = scene.ancestors_of(project)
    common = {
        "project": f"projects/{scene.numbers[project]}",
        "folders": [name for name in above if name in FOLDERS],
        "organization": ORGANIZATION,
        "parentFullResourceName": f"//cloudresourcemanager.googleapis.com/projects/{project}",
        "parentAssetType": "cloudresourcemanager.googleapis.com/Project",
    }
    yield {
        **common,
        "name": f"//cloudresourcemanager.googleapis.com/projects/{project}",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "displayName": project,
        "location": "global",
        "state": "ACTIVE",
        "parentFullResourceName": f"//cloudresourcemanager.googleapis.com/{above[0]}",
    }
    for collection, kind in ASSET_TYPES.items():
        for scope, item in scene.items(project, collection):
            name = parse_link(str(item["selfLink"]))
            if name is not None:
                prefix = "Global" if scope == "global" else ""
                yield {
                    **common,
                    "name": name.full,
                    "assetType": f"compute.googleapis.com/{prefix}{kind}",
                    "displayName": name.name,
                    "location": name.location,
                }
    for cluster in scene.snapshot.clusters.get(project, ()):
        key = cluster_key(project, cluster)
        kind = "zones" if re.fullmatch(r".*-[a-z]", key.location) else "locations"
        yield {
            **common,
            "name": f"//container.googleapis.com/projects/{project}/{kind}/{key.location}/clusters/{key.name}",
            "assetType": "container.googleapis.com/Cluster",
            "displayName": key.name,
            "location": key.location,
            "state": cluster.get("status", "RUNNING"),
        }


# --- Service Usage ---


def serve_service_usage(scene: Scene, request: Request) -> Answer:
    """projects/P/services: all the services that an audit needs are enabled."""
    check_parameters(request, "filter", "pageSize", "pageToken")
    match [part for part in request.path.split("/") if part]:
        case ["v1", "projects", named, "services", *service] if request.method == "GET":
            number = scene.numbers.get(scene.ids.get(named, ""))
            if number is None:
                return refusals.forbidden(request, "serviceusage.services.list", f"projects/{named}")
            names = service or [f"{name}.googleapis.com" for name in sorted(refusals.TITLES)]
            made = [
                {
                    "name": f"projects/{number}/services/{name}",
                    "config": {"name": name, "title": refusals.TITLES.get(name.partition(".")[0], name)},
                    "state": "ENABLED",
                    "parent": f"projects/{number}",
                }
                for name in names
            ]
            return answer(made[0]) if service else _page(request, "services", made, scene)
    raise UnsupportedError(f"{request.method} {request.path}")


# --- pages ---


def _page(request: Request, key: str, found: list[dict[str, Any]], scene: Scene, limit: int = PAGE_LIMIT) -> Answer:
    """One page; an empty list is an empty object, as everywhere in these APIs."""
    asked = request.value("pageSize") or "0"
    token = request.value("pageToken") or ""
    start = _start_of(token)
    if not asked.isdigit() or start is None:
        return refusals.invalid(request, "Request contains an invalid argument.")
    size = min(int(asked) or 100, scene.manners.page_size or limit)
    page = found[start : start + size]
    made: dict[str, Any] = {key: page} if page else {}
    if start + size < len(found):
        made["nextPageToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer(made)


def _start_of(token: str) -> int | None:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        return None
    return int(text) if text.isdigit() else None
