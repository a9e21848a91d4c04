"""The Compute Engine API, v1: aggregated and plain lists, single resources, Shared VPC."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from auditor.model.snapshot import COLLECTIONS, compute_scope

from . import refusals, selection
from .exchange import Answer, Request, UnsupportedError, answer, check_parameters
from .faults import LOST_PAGE_TOKEN
from .scene import API_ROOT, REGIONS, Scene, singular

GLOBAL_ONLY = frozenset(
    {"firewalls", "routes", "httpHealthChecks", "httpsHealthChecks", "targetGrpcProxies", "targetSslProxies"}
)
"""Collections without an aggregated list."""
ZONAL = frozenset({"instances", "targetInstances"})
ZONAL_AND_REGIONAL = frozenset({"disks", "instanceGroups"})
REGIONAL = frozenset({"routers", "serviceAttachments", "subnetworks", "targetPools", "targetVpnGateways"})
EVERYWHERE = frozenset({"networkEndpointGroups"})
PAGE_LIMIT = 500
_AFTER_EVERYTHING = 10**9
LIST_PARAMETERS = ("maxResults", "pageToken", "returnPartialSuccess", "fields")


def serve_compute(scene: Scene, request: Request) -> Answer:
    """Everything below /compute/v1/projects/PROJECT."""
    if not request.path.startswith("/compute/v1/projects/"):
        raise UnsupportedError(f"{request.method} {request.path}")
    named, *rest = [part for part in request.path.removeprefix("/compute/v1/projects/").split("/") if part]
    project = scene.ids.get(named)
    if project is None:
        return refusals.not_found(request, f"projects/{named}")
    if request.method != "GET":
        raise UnsupportedError(f"{request.method} {request.path}: the auditor only reads")
    denied = _permission(rest) & scene.manners.denied
    if denied:
        return refusals.forbidden(request, min(denied), f"projects/{project}")
    match rest:
        case []:
            return _project(scene, request, project)
        case ["getXpnHost"]:
            return _xpn_host(scene, project)
        case ["getXpnResources"]:
            scope = f"projects/{project}/service-projects"
            return _told_if_named(scene, scope, request, lambda: _xpn_resources(scene, request, project))
        case ["aggregated", collection] if collection in COLLECTIONS:
            if collection in GLOBAL_ONLY:
                return refusals.not_found(request, request.path.lstrip("/"))
            scope = compute_scope(project, collection)
            return scene.told(scope, request, lambda: _aggregated(scene, request, project, collection))
        case ["global" as place, collection] if collection in COLLECTIONS:
            return _plain(scene, request, project, place, collection)
        case ["regions" | "zones" as kind, place, collection] if collection in COLLECTIONS:
            return _plain(scene, request, project, f"{kind}/{place}", collection)
        case ["global" as place, collection, name] if collection in COLLECTIONS:
            return _single(scene, request, project, place, collection, name)
        case ["regions" | "zones" as kind, place, collection, name] if collection in COLLECTIONS:
            return _single(scene, request, project, f"{kind}/{place}", collection, name)
    raise UnsupportedError(f"{request.method} {request.path}")


def _permission(rest: list[str]) -> frozenset[str]:
    """What a request needs: compute.COLLECTION.list or .get, compute.projects.get."""
    if not rest or rest[0].startswith("getXpn"):
        return frozenset({"compute.projects.get"})
    is_list = rest[0] == "aggregated" or len(rest) == (2 if rest[0] == "global" else 3)
    return frozenset({f"compute.{rest[-1]}.list" if is_list else f"compute.{rest[-2]}.get"})


def _told_if_named(scene: Scene, scope: str, request: Request, good: Any) -> Answer:
    """Scopes that a snapshot need not have: without an entry the answer is the right one."""
    return scene.told(scope, request, good) if scope in scene.snapshot.coverage else good()


def _project(scene: Scene, request: Request, project: str) -> Answer:
    check_parameters(request, "fields")
    described = scene.snapshot.projects.get(project)
    if described is None:
        return refusals.forbidden(request, "compute.projects.get", f"projects/{project}")
    made = {
        "kind": "compute#project",
        "id": str(int(scene.numbers[project]) * 7),
        "name": project,
        "creationTimestamp": "2022-03-30T02:08:23.669-07:00",
        "selfLink": f"{API_ROOT}projects/{project}",
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": described.get("xpnProjectStatus", "UNSPECIFIED_XPN_PROJECT_STATUS"),
        "quotas": [],
    }
    return _with_fields(scene, request, made, "Project")


def _xpn_host(scene: Scene, project: str) -> Answer:
    host = scene.hosts.get(project)
    if host is None:
        return answer({"kind": "compute#project"})
    return answer({"kind": "compute#project", "name": host, "selfLink": f"{API_ROOT}projects/{host}"})


def _xpn_resources(scene: Scene, request: Request, project: str) -> Answer:
    check_parameters(request, *LIST_PARAMETERS)
    services = sorted(service for service, host in scene.hosts.items() if host == project)
    return _page(
        scene,
        request,
        [("", {"id": service, "type": "PROJECT"}) for service in services],
        lambda page: {"kind": "compute#projectsGetXpnResources", "resources": [item for _, item in page]},
        "ProjectsGetXpnResources",
    )


def _aggregated(scene: Scene, request: Request, project: str, collection: str) -> Answer:
    check_parameters(request, *LIST_PARAMETERS, "includeAllScopes")
    found = scene.items(project, collection)
    scopes = list(dict.fromkeys((*_scopes(collection), *(scope for scope, _ in found))))
    order = {scope: position for position, scope in enumerate(scopes)}
    link = f"projects/{project}/aggregated/{collection}"

    def body(page: list[tuple[str, Any]]) -> dict[str, Any]:
        items: dict[str, Any] = {scope: {"warning": _nothing_in(scope)} for scope in scopes}
        for scope, item in page:
            items[scope].pop("warning", None)
            items[scope].setdefault(collection, []).append(item)
        kind = (
            "compute#urlMapsAggregatedList"
            if collection == "urlMaps"
            else f"compute#{singular(collection)}AggregatedList"
        )
        return {"kind": kind, "id": link, "items": items, "selfLink": API_ROOT + link}

    message = f"{_message(collection)}AggregatedList"
    return _page(scene, request, sorted(found, key=lambda pair: order[pair[0]]), body, message)


def _scopes(collection: str) -> list[str]:
    regions = [f"regions/{region}" for region in REGIONS]
    zones = [f"zones/{region}-{letter}" for region in REGIONS for letter in "abc"]
    if collection in ZONAL:
        return zones
    if collection in ZONAL_AND_REGIONAL:
        return [*regions, *zones]
    if collection in REGIONAL:
        return regions
    return ["global", *regions, *zones] if collection in EVERYWHERE else ["global", *regions]


def _nothing_in(scope: str) -> dict[str, Any]:
    return {
        "code": "NO_RESULTS_ON_PAGE",
        "message": f"No results for the scope '{scope}'.",
        "data": [{"key": "scope", "value": scope}],
    }


def _plain(scene: Scene, request: Request, project: str, place: str, collection: str) -> Answer:
    check_parameters(request, *LIST_PARAMETERS)
    found = [(scope, item) for scope, item in scene.items(project, collection) if scope == place]
    link = f"projects/{project}/{place}/{collection}"

    def good() -> Answer:
        def body(page: list[tuple[str, Any]]) -> dict[str, Any]:
            made: dict[str, Any] = {"kind": f"compute#{singular(collection)}List", "id": link}
            if page:
                made["items"] = [item for _, item in page]
            return {**made, "selfLink": API_ROOT + link}

        return _page(scene, request, found, body, f"{_message(collection)}List")

    return scene.told(compute_scope(project, collection), request, good)


def _page(scene: Scene, request: Request, found: list[tuple[str, Any]], body: Any, message: str) -> Answer:
    """One page of a list. `body` makes the answer out of the page's (scope, item) pairs."""
    limit = request.value("maxResults") or str(PAGE_LIMIT)
    if not limit.isdigit() or not 0 < int(limit) <= PAGE_LIMIT:
        text = f"Invalid value for field 'maxResults': '{limit}'. Must be between 0 and 500, inclusive"
        return refusals.invalid(request, text, "maxResults")
    token = request.value("pageToken") or ""
    start = _start_of(token, request.path)
    if start is None:
        text = f"Invalid value for field 'pageToken': '{token}'. Additional details: Failed to parse the token."
        return refusals.invalid(request, text, "pageToken")
    end = start + min(int(limit), scene.manners.page_size or PAGE_LIMIT)
    made = body(found[start:end])
    if end < len(found):
        made["nextPageToken"] = _token(request.path, end)
    return _with_fields(scene, request, made, message)


def _token(path: str, start: int) -> str:
    return base64.urlsafe_b64encode(f"{start} {path}".encode()).decode()


def _start_of(token: str, path: str) -> int | None:
    if not token:
        return 0
    if token == LOST_PAGE_TOKEN:
        return _AFTER_EVERYTHING
    try:
        start, _, of = base64.urlsafe_b64decode(token).decode().partition(" ")
    except ValueError:
        return None
    return int(start) if of == path and start.isdigit() else None


def _with_fields(scene: Scene, request: Request, value: Mapping[str, Any], message: str) -> Answer:
    text = request.value("fields")
    if text is None:
        return answer(value)
    try:
        if scene.manners.check_fields:
            selection.check_compute(text, message)
        return answer(selection.apply(selection.parse(text), value))
    except selection.InvalidSelectionError as error:
        return refusals.invalid(request, f"Invalid field selection {error}", "fields")


def _message(collection: str) -> str:
    """The google-cloud-compute type of one resource; what its lists are called begins with it."""
    name = singular(collection)
    return name[0].upper() + name[1:]


def _single(scene: Scene, request: Request, project: str, place: str, collection: str, name: str) -> Answer:
    check_parameters(request, "fields")
    relative = f"projects/{project}/{place}/{collection}/{name}"
    item = scene.item(project, place, collection, name)
    if item is None:
        return refusals.not_found(request, relative)
    scope = f"confirm///compute.googleapis.com/{relative}"
    return _told_if_named(scene, scope, request, lambda: _with_fields(scene, request, item, _message(collection)))
