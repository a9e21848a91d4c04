"""What was not read, where it matters and where it does not (snapshot contract, What a gap means)."""

from __future__ import annotations

import json

from worlds import formulas

from auditor.model.snapshot import clusters_scope

from ..builder import API, HERE, PROJECT, Cluster, World, ingress_v1, l4_text, legacy, service_text, subsetting, uid_of
from ..telling import Expected, Told

IP, OTHER_IP = "203.0.113.10", "203.0.113.11"
UID = uid_of("web")
NAME = formulas.service_name(UID)
REGION = f"regions/{HERE}"
FAR = "us-central1"


def compute_lists_missing_elsewhere(world: World) -> Expected:
    """Contract: "What is needed for a verdict is the coverage of the kinds and clusters *that could own that
    resource*, not of everything": what stands in another region neither points at it nor made it."""
    world.cluster("prod")
    dead = Cluster("legacy")
    legacy(world, dead, UID, IP)
    lone = formulas.service_name(uid_of("lone"))
    pool = world.put(
        f"{REGION}/targetPools/{lone}",
        description=service_text("default/lone"),
        instances=[f"{API}projects/{PROJECT}/zones/{HERE}-b/instances/gke-gone-pool-0a1b2c3d-x1x1"],
    )
    world.put(
        f"{REGION}/forwardingRules/{lone}",
        description=service_text("default/lone"),
        IPAddress=OTHER_IP,
        loadBalancingScheme="EXTERNAL",
        target=pool,
    )
    for collection in ("forwardingRules", "targetPools", "addresses"):
        world.compute_gap(collection, f"regions/{FAR}")
    world.compute_gap("instances", f"zones/{FAR}-a")
    return {
        f"{REGION}/forwardingRules/{NAME}": "orphaned",
        f"{REGION}/targetPools/{NAME}": "orphaned",
        f"global/firewalls/k8s-fw-{NAME}": "orphaned",
        f"{REGION}/forwardingRules/{lone}": "orphaned/medium",
        f"{REGION}/targetPools/{lone}": "orphaned/medium",
        f"global/firewalls/k8s-{dead.ingress_uid}-node-http-hc": "orphaned|unknown",
        f"global/httpHealthChecks/k8s-{dead.ingress_uid}-node": "orphaned|unknown",
    }


def rules_missing_in_its_own_region(world: World) -> Expected:
    """Fine point 14: target pool <- forwardingRules."""
    prod = world.cluster("prod")
    world.put(f"{REGION}/targetPools/{NAME}", description=service_text("default/web"))
    world.put(f"global/firewalls/k8s-fw-{NAME}", targetTags=[prod.tag])
    world.compute_gap("forwardingRules", f"regions/{HERE}")
    return {f"{REGION}/targetPools/{NAME}": "unknown", f"global/firewalls/k8s-fw-{NAME}": "unknown"}


def clusters_missing_in_another_region(world: World) -> Expected:
    """Step 5: "Region narrows: a regional rule [...] that a single-cluster controller made can only be of a cluster in
    that region"."""
    world.cluster("prod")
    subsetting(world, Cluster("legacy"), "10.0.0.9")
    world.gap(clusters_scope(PROJECT), f"zones/{FAR}-a")
    dead = Cluster("legacy")
    name = formulas.l4_backend(dead.c8, "default", "web")
    return {
        f"{REGION}/forwardingRules/{formulas.l4_rule(dead.c8, 'default', 'web', 'tcp')}": "orphaned",
        f"{REGION}/backendServices/{name}": "orphaned",
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "orphaned",
        f"global/firewalls/{name}": "unknown|orphaned",
    }


def clusters_list_forbidden(world: World) -> Expected:
    """x.cluster_unseen: "list was forbidden: unknown"."""
    world.cluster("prod", is_listed=True)
    legacy(world, Cluster("legacy"), UID, IP)
    world.gap(clusters_scope(PROJECT))
    dead = Cluster("legacy")
    return {
        f"{REGION}/forwardingRules/{NAME}": "unknown",
        f"{REGION}/targetPools/{NAME}": "unknown",
        f"global/firewalls/k8s-fw-{NAME}": "unknown",
        f"global/firewalls/k8s-{dead.ingress_uid}-node-http-hc": "unknown",
    }


def folder_without_an_entry_in_the_list(world: World) -> Expected:
    """Contract, snapshot: "A folder without an entry in clusters.json counts as a living cluster (the careful
    reading), with a warning"."""
    hidden = world.cluster("hidden", is_listed=False)
    subsetting(world, hidden, "10.0.0.9")
    hidden.service(
        "default/web",
        ips=("10.0.0.9",),
        finalizers=["gke.networking.io/l4-ilb-v2"],
        annotations={"networking.gke.io/load-balancer-type": "Internal"},
    )
    legacy(world, Cluster("legacy"), UID, IP)
    name = formulas.l4_backend(hidden.c8, "default", "web")
    return {
        f"{REGION}/forwardingRules/{formulas.l4_rule(hidden.c8, 'default', 'web', 'tcp')}": "in_use",
        f"{REGION}/backendServices/{name}": "in_use",
        f"{REGION}/forwardingRules/{NAME}": "unknown",
    }


def cluster_in_the_list_without_a_folder(world: World) -> Expected:
    """Contract, snapshot: "A cluster in clusters.json without a folder is a cluster of which nothing was read"."""
    prod = world.cluster("prod")
    legacy(world, prod, UID, IP)
    for plural in (
        "namespaces",
        "services",
        "configmaps",
        "ingresses",
        "endpointslices",
        "servicenetworkendpointgroups",
        "gateways",
    ):
        world.gap(prod.scope(plural))
    subsetting(world, Cluster("legacy"), "10.0.0.9")
    dead = Cluster("legacy")
    return {
        f"{REGION}/forwardingRules/{NAME}": "unknown",
        f"{REGION}/targetPools/{NAME}": "unknown",
        f"global/firewalls/k8s-fw-{NAME}": "unknown",
        f"{REGION}/forwardingRules/{formulas.l4_rule(dead.c8, 'default', 'web', 'tcp')}": "unknown|orphaned",
        f"{REGION}/backendServices/{formulas.l4_backend(dead.c8, 'default', 'web')}": "unknown|orphaned",
        f"zones/{HERE}-b/networkEndpointGroups/{formulas.l4_backend(dead.c8, 'default', 'web')}": "unknown|orphaned",
        f"global/firewalls/{formulas.l4_backend(dead.c8, 'default', 'web')}": "unknown|orphaned",
    }


def gap_in_another_project(world: World) -> Expected:
    """Section 1, 2: "Where does the owner cluster live? [...] always in the cluster's own project"."""
    world.projects["acme-other"] = {"projectId": "acme-other", "projectNumber": "7"}
    prod = world.cluster("prod")
    far = world.cluster("far", project="acme-other")
    for plural in ("namespaces", "services", "configmaps", "ingresses", "gateways"):
        world.gap(far.scope(plural))
    world.compute_gap("forwardingRules", project="acme-other")
    places = ingress_v1(world, prod, IP)
    lone = formulas.service_name(uid_of("lone"))
    world.put(
        f"{REGION}/forwardingRules/{lone}",
        description=service_text("default/lone"),
        IPAddress=OTHER_IP,
        loadBalancingScheme="EXTERNAL",
    )
    world.put("global/addresses/shop", address="203.0.113.12", addressType="EXTERNAL", status="RESERVED")
    return dict.fromkeys(places.values(), "orphaned") | {
        f"{REGION}/forwardingRules/{lone}": "orphaned/medium",
        "global/addresses/shop": "unused",
        places["hc"]: "orphaned|unknown",
    }


def service_project_of_a_shared_vpc(world: World) -> Expected:
    """Fine point 3: "Owner proven inside the project: [...] an audited project holds a load-balancer part with the
    same c8, uid16 or a<uid>; then only that project's clusters are candidates"; fine point 12: companions follow
    their rules across projects."""
    world.projects = {
        "acme-host": {"projectId": "acme-host", "projectNumber": "5", "xpnProjectStatus": "HOST"},
        PROJECT: {"projectId": PROJECT, "projectNumber": "417203395511"},
    }
    prod = world.cluster("prod")
    dead = Cluster("legacy")
    name = NAME
    pool = world.put(f"{REGION}/targetPools/{name}", description=service_text("default/web"))
    world.put(
        f"{REGION}/forwardingRules/{name}",
        description=service_text("default/web"),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
        target=pool,
    )
    world.put(f"global/firewalls/k8s-fw-{name}", project="acme-host", targetTags=[dead.tag])
    live = formulas.service_name(uid_of("live"))
    world.put(
        f"{REGION}/forwardingRules/{live}",
        description=service_text("default/live"),
        IPAddress=OTHER_IP,
        loadBalancingScheme="EXTERNAL",
    )
    world.put(f"global/firewalls/k8s-fw-{live}", project="acme-host", targetTags=[prod.tag])
    prod.service("default/live", uid=uid_of("live"), ips=(OTHER_IP,))
    lone = formulas.service_name(uid_of("lone"))
    world.put(f"global/firewalls/k8s-fw-{lone}", project="acme-host", targetTags=[prod.tag])
    unproven = formulas.service_name(uid_of("unproven"))
    world.put(f"global/firewalls/k8s-fw-{unproven}", project="acme-host", targetTags=["gke-x-00000000-node"])
    return {
        f"{REGION}/forwardingRules/{name}": "orphaned",
        f"{REGION}/targetPools/{name}": "orphaned",
        f"acme-host:global/firewalls/k8s-fw-{name}": "orphaned",
        f"{REGION}/forwardingRules/{live}": "in_use",
        f"acme-host:global/firewalls/k8s-fw-{live}": "in_use",
        f"acme-host:global/firewalls/k8s-fw-{lone}": "orphaned",
        f"acme-host:global/firewalls/k8s-fw-{unproven}": "unknown",
    }


def project_numbers_without_a_project_file(world: World) -> Expected:
    """Contract: removing any part of a snapshot "must never create an orphaned": a link by project number still means
    its own project when project.json is not there."""
    world.projects[PROJECT] = None
    world.cluster("prod")
    dead = Cluster("legacy")
    name = formulas.endpoint_group(dead.ingress_uid, "default", "web", "80")
    words = {"cluster-uid": dead.kube_system_uid, "namespace": "default", "service-name": "web", "port": "80"}
    world.put(f"zones/{HERE}-b/networkEndpointGroups/{name}", description=json.dumps(words))
    group = f"{API}projects/417203395511/zones/{HERE}-b/networkEndpointGroups/{name}"
    world.put("global/backendServices/mine", loadBalancingScheme="EXTERNAL", backends=[{"group": group}])
    return {
        f"zones/{HERE}-b/networkEndpointGroups/{name}": "in_use|unknown",
        "global/backendServices/mine": "foreign",
    }


def firewalls_forbidden(world: World) -> Expected:
    """Fine point 14: "parts named a<uid> without another mark <- firewalls, instances": a node tag could have told
    that no GKE cluster made them."""
    world.cluster("prod")
    world.put(
        f"{REGION}/forwardingRules/{NAME}",
        description=l4_text("default/web"),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
    )
    world.compute_gap("firewalls")
    return {f"{REGION}/forwardingRules/{NAME}": "unknown"}


def cluster_that_is_not_gke_partly_read(world: World) -> Expected:
    """x.cluster_unseen: the Services of a cluster of another kind were not read; it may own what has no mark."""
    world.cluster("prod")
    other = world.cluster("kind", project="_", location="_")
    world.gap(other.scope("services"))
    world.put(
        f"{REGION}/forwardingRules/{NAME}",
        description=service_text("default/web"),
        IPAddress=IP,
        loadBalancingScheme="EXTERNAL",
    )
    return {f"{REGION}/forwardingRules/{NAME}": "unknown"}


TOLD: tuple[Told, ...] = (
    compute_lists_missing_elsewhere,
    rules_missing_in_its_own_region,
    clusters_missing_in_another_region,
    clusters_list_forbidden,
    folder_without_an_entry_in_the_list,
    cluster_in_the_list_without_a_folder,
    gap_in_another_project,
    service_project_of_a_shared_vpc,
    project_numbers_without_a_project_file,
    firewalls_forbidden,
    cluster_that_is_not_gke_partly_read,
)
