"""The Kubernetes Engine API, v1, and the Fleet API's memberships."""

from __future__ import annotations

from typing import Any

from auditor.model.snapshot import clusters_scope

from . import refusals, selection
from .exchange import Answer, Request, UnsupportedError, answer, check_parameters
from .scene import Scene


def serve_container(scene: Scene, request: Request) -> Answer:
    """projects/P/locations/L/clusters: the list (L may be -) and single clusters. There are no pages."""
    check_parameters(request, "fields")
    match [part for part in request.path.split("/") if part]:
        case ["v1", "projects", named, "locations", location, "clusters", *name] if request.method == "GET":
            project = scene.ids.get(named)
            if project is None:
                return refusals.not_found(request, f"projects/{named}")
            if {"container.clusters.list", "container.clusters.get"} & scene.manners.denied:
                return refusals.forbidden(request, "container.clusters.list", f"projects/{project}")
            return scene.told(
                clusters_scope(project), request, lambda: _clusters(scene, request, project, location, name)
            )
    raise UnsupportedError(f"{request.method} {request.path}")


def _clusters(scene: Scene, request: Request, project: str, location: str, name: list[str]) -> Answer:
    found = [cluster for cluster in scene.clusters(project) if location in ("-", cluster.get("location"))]
    if not name:
        return answer(selection.as_asked(request, {"clusters": found} if found else {}))
    for cluster in found:
        if cluster["name"] == name[0]:
            return answer(selection.as_asked(request, cluster))
    return refusals.not_found(request, f"projects/{project}/locations/{location}/clusters/{name[0]}")


def serve_fleet(scene: Scene, request: Request) -> Answer:
    """projects/P/locations/L/memberships of gkehub.googleapis.com."""
    check_parameters(request, "pageSize", "pageToken", "filter", "orderBy")
    match [part for part in request.path.split("/") if part]:
        case ["v1", "projects", named, "locations", location, "memberships"] if request.method == "GET":
            project = scene.ids.get(named)
            if project is None:
                return refusals.forbidden(request, "gkehub.memberships.list", f"projects/{named}")
            found = [
                membership
                for membership in _memberships(scene, project)
                if location in ("-", membership["name"].split("/")[3])
            ]
            return answer({"resources": found} if found else {})
    raise UnsupportedError(f"{request.method} {request.path}")


def _memberships(scene: Scene, fleet: str) -> list[dict[str, Any]]:
    found = []
    for project in scene.projects:
        for cluster in scene.clusters(project):
            name = (cluster.get("fleet") or {}).get("membership", "").removeprefix("//gkehub.googleapis.com/")
            if name.split("/")[1:2] not in ([fleet], [scene.numbers.get(fleet)]):
                continue
            link = f"//container.googleapis.com/projects/{project}/locations/{cluster['location']}/clusters/"
            endpoint = {"gkeCluster": {"resourceLink": link + cluster["name"]}}
            found.append({"name": name, "endpoint": endpoint, "state": {"code": "READY"}})
    return found
