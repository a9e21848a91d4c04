"""Who of another project may use a part: cross-project service referencing (section 6, fine point 14)."""

from __future__ import annotations

from typing import Any

from worlds import formulas

from auditor.model.snapshot import Category, clusters_scope

from ..builder import API, HERE, PROJECT, World, backend_text
from ..telling import Expected, Told

REGION = f"regions/{HERE}"
OTHER = "acme-front"


def _left_backend(world: World, scheme: str, place: str = REGION, **fields: Any) -> tuple[str, dict[str, str]]:
    """What is left of an Ingress whose rule, proxy and URL map are gone: backend service, NEG, health check."""
    prod = world.cluster("prod")
    name = formulas.endpoint_group(prod.ingress_uid, "default", "web", "80")
    group = world.put(f"zones/{HERE}-b/networkEndpointGroups/{name}", networkEndpointType="GCE_VM_IP_PORT")
    check = world.put(f"{place}/healthChecks/{name}", description=backend_text("default/web"))
    backend = world.put(
        f"{place}/backendServices/{name}",
        description=backend_text("default/web"),
        loadBalancingScheme=scheme,
        backends=[{"group": group}],
        healthChecks=[check],
        **fields,
    )
    places = {
        "be": f"{place}/backendServices/{name}",
        "hc": f"{place}/healthChecks/{name}",
        "neg": f"zones/{HERE}-b/networkEndpointGroups/{name}",
    }
    return backend, places


def every_project_was_read(world: World) -> Expected:
    """Nothing of any project names it."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "INTERNAL_MANAGED")
    return dict.fromkeys(places.values(), "orphaned")


def url_map_of_another_project(world: World) -> Expected:
    """Fine point 11 and section 5: behind a user's load balancer of whatever project it is needed."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    backend, places = _left_backend(world, "INTERNAL_MANAGED")
    world.put(f"{REGION}/urlMaps/front", project=OTHER, defaultService=backend)
    return dict.fromkeys(places.values(), "in_use") | {f"{OTHER}:{REGION}/urlMaps/front": "foreign"}


def url_map_of_another_project_by_number(world: World) -> Expected:
    """Links may give the number of the project."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    backend, places = _left_backend(world, "EXTERNAL_MANAGED", "global")
    number = (world.projects[PROJECT] or {})["projectNumber"]
    world.put("global/urlMaps/front", project=OTHER, defaultService=backend.replace(PROJECT, str(number)))
    return dict.fromkeys(places.values(), "in_use")


def url_maps_of_another_project_not_read(world: World) -> Expected:
    """A URL map of any project may name a backend service of a managed scheme: not read -> unknown."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "INTERNAL_MANAGED")
    world.compute_gap("urlMaps", project=OTHER)
    return dict.fromkeys(places.values(), "unknown")


def url_maps_of_another_project_not_read_globally(world: World) -> Expected:
    """The same for global ones, which need no Shared VPC."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "EXTERNAL_MANAGED", "global")
    world.compute_gap("urlMaps", "global", project=OTHER)
    return dict.fromkeys(places.values(), "unknown")


def url_maps_of_another_project_not_read_in_another_region(world: World) -> Expected:
    """What is regional is named from its own region or globally."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "INTERNAL_MANAGED")
    world.compute_gap("urlMaps", "regions/us-central1", project=OTHER)
    return dict.fromkeys(places.values(), "orphaned")


def scheme_that_stays_in_its_project(world: World) -> Expected:
    """A classic backend service cannot be named from another project: no need to wait for that one."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "EXTERNAL", "global")
    world.compute_gap("urlMaps", project=OTHER)
    return dict.fromkeys(places.values(), "orphaned")


def scheme_that_is_not_given(world: World) -> Expected:
    """It may be any."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "", "global")
    world.compute_gap("urlMaps", project=OTHER)
    return dict.fromkeys(places.values(), "unknown")


def other_lists_of_another_project_not_read(world: World) -> Expected:
    """Only URL maps reach across: rules, proxies and backend services stand beside what they name."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    _, places = _left_backend(world, "INTERNAL_MANAGED")
    for collection in ("forwardingRules", "targetHttpProxies", "targetTcpProxies", "backendServices"):
        world.compute_gap(collection, project=OTHER)
    return dict.fromkeys(places.values(), "orphaned")


def lost_page_of_the_projects(world: World) -> Expected:
    """The project that it hides may hold such a URL map."""
    _, places = _left_backend(world, "INTERNAL_MANAGED")
    world.gap("organizations/123456789012/projects")
    return dict.fromkeys(places.values(), "unknown")


def used_by_a_project_that_is_not_audited(world: World) -> Expected:
    """The backend service itself says who uses it, across projects: a user that was not read -> unknown."""
    user = f"{API}projects/acme-unseen/{REGION}/urlMaps/front"
    _, places = _left_backend(world, "INTERNAL_MANAGED", usedBy=[{"reference": user}])
    return dict.fromkeys(places.values(), "unknown")


def used_by_what_does_not_name_it(world: World) -> Expected:
    """The backend service and its user were read at different moments, or the user names it in a way that cannot be
    read: unknown."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    front = f"{REGION}/urlMaps/front"
    user = world.put(front, project=OTHER, defaultService=f"{API}projects/{OTHER}/{REGION}/backendServices/other")
    _, places = _left_backend(world, "INTERNAL_MANAGED", usedBy=[{"reference": user}])
    return dict.fromkeys(places.values(), "unknown")


def _free_address(world: World, category: Category) -> dict[str, str]:
    """A reserved address that nothing uses, beside a project whose clusters could not be listed."""
    world.projects[OTHER] = {"projectId": OTHER, "projectNumber": "417203395599"}
    world.gap(clusters_scope(OTHER), category=category)
    world.put("global/addresses/front", address="203.0.113.10", addressType="EXTERNAL", status="RESERVED")
    return {"address": "global/addresses/front"}


def free_address_beside_a_project_whose_clusters_are_forbidden(world: World) -> Expected:
    """Section 1, exceptions: fleet controllers work in the fleet's project. A cluster that was not listed may be a
    member of this project's fleet, and its MultiClusterIngress may name the address."""
    places = _free_address(world, Category.FORBIDDEN)
    world.cluster("prod", fleet=PROJECT)
    return {places["address"]: "unknown"}


def free_address_beside_a_project_without_kubernetes_engine(world: World) -> Expected:
    """The API is off there, and no VM is a node: there is no cluster that could be a member."""
    places = _free_address(world, Category.API_DISABLED)
    world.put(f"zones/{HERE}-b/instances/batch-1", project=OTHER)
    return {places["address"]: "unused"}


def free_address_beside_nodes_whose_api_is_off(world: World) -> Expected:
    """A node of a cluster that nobody can list."""
    places = _free_address(world, Category.API_DISABLED)
    world.put(f"zones/{HERE}-b/instances/gke-old-pool-0a1b2c3d-x1x1", project=OTHER)
    return {places["address"]: "unknown"}


def free_address_beside_machines_that_were_not_read(world: World) -> Expected:
    """The API is off, but whether nodes run was not read."""
    places = _free_address(world, Category.API_DISABLED)
    world.compute_gap("instances", project=OTHER)
    return {places["address"]: "unknown"}


TOLD: tuple[Told, ...] = (
    free_address_beside_a_project_whose_clusters_are_forbidden,
    free_address_beside_a_project_without_kubernetes_engine,
    free_address_beside_nodes_whose_api_is_off,
    free_address_beside_machines_that_were_not_read,
    every_project_was_read,
    url_map_of_another_project,
    url_map_of_another_project_by_number,
    url_maps_of_another_project_not_read,
    url_maps_of_another_project_not_read_globally,
    url_maps_of_another_project_not_read_in_another_region,
    scheme_that_stays_in_its_project,
    scheme_that_is_not_given,
    other_lists_of_another_project_not_read,
    lost_page_of_the_projects,
    used_by_a_project_that_is_not_audited,
    used_by_what_does_not_name_it,
)
