"""Clusters: what stands in them, what belongs to them in the cloud, and the parts that their load balancers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from auditor.model.names import ResourceName

from .cloud import NAT_RANGES, OLD, ZONES, Claim, Cloud, Cluster, Fields, Project, Role, Standing, State, compact

AGES_AGO = timedelta(days=380)
STATUS_OF = {Standing.READ: "RUNNING", Standing.UNREAD: "RUNNING", Standing.DEAD: "", Standing.HIDDEN: ""}


def make_cluster(
    cloud: Cloud,
    project: Project,
    standing: Standing,
    *,
    region: str | None = None,
    network_project: Project | None = None,
    status: str = "",
) -> Cluster:
    """A cluster with nodes, cluster-level firewall rules and the objects every cluster has."""
    dice = cloud.dice
    region = region or dice.choice(sorted(ZONES))
    zones = tuple(f"{region}-{letter}" for letter in ZONES[region])
    is_zonal = cloud.chance(0.4)
    used_zones = zones[:1] if is_zonal else zones[: dice.choice((2, 3))]
    number = len(cloud.clusters)
    ingress_uid = cloud.hexadecimal(16)
    cluster = Cluster(
        project=project,
        location=zones[0] if is_zonal else region,
        name=dice.choice(("prod", "staging", "blue", "batch-jobs", "eu-1")) + f"-{number}",
        standing=standing,
        status=status or STATUS_OF.get(standing, ""),
        id=cloud.hexadecimal(64),
        kube_system_uid=cloud.uid(),
        ingress_uid=ingress_uid,
        provider_uid=cloud.hexadecimal(16) if cloud.chance(0.1) else ingress_uid,
        gateway_code=cloud.letters(4),
        network_project=network_project or project,
        zones=used_zones,
    )
    cluster.tag = f"gke-{cluster.name}-{cluster.h8c}-node"
    cloud.clusters.append(cluster)
    _subnetwork(cloud, cluster)
    _machines(cloud, cluster)
    if standing is not Standing.NOT_GKE:
        _cluster_level(cloud, cluster)
    if standing is Standing.READ:
        _system_objects(cloud, cluster)
    return cluster


def make_kops_cluster(cloud: Cloud, project: Project, *, is_read: bool) -> Cluster:
    """A cluster of kops in the same project: the same controllers' names, but node tags of its own."""
    cluster = make_cluster(cloud, project, Standing.NOT_GKE)
    cluster.location, cluster.name = f"{cluster.region}-b", "k8s-local"
    cluster.tag = "k8s-local-k8s-io-role-node"
    if is_read:
        _system_objects(cloud, cluster)
    return cluster


def _subnetwork(cloud: Cloud, cluster: Cluster) -> None:
    name = ResourceName(cluster.network_project.id, f"regions/{cluster.region}", "subnetworks", "main")
    fields = {"network": cluster.network, "ipCidrRange": "10.128.0.0/16", "purpose": "PRIVATE"}
    cloud.put(cluster.network_project, name.scope, name.collection, name.name, fields, age=AGES_AGO)


def _machines(cloud: Cloud, cluster: Cluster) -> None:
    """Nodes and their groups; those of a deleted cluster are gone, only their names are left in other resources."""
    group = cloud.hexadecimal(8)
    is_gke = cluster.standing is not Standing.NOT_GKE
    for zone in cluster.zones:
        tail = cloud.letters(4)
        name = f"gke-{cluster.name}-default-pool-{group}-{tail}" if is_gke else f"nodes-{zone}-{tail}"
        cluster.nodes.append((zone, name))
        if cluster.standing is Standing.DEAD:
            continue
        labels = {
            "goog-gke-node": "",
            "goog-k8s-cluster-name": cluster.name,
            "goog-k8s-cluster-location": cluster.location,
            "goog-k8s-node-pool-name": "default-pool",
        }
        fields = {
            "status": "RUNNING",
            "tags": {"items": [cluster.tag if is_gke else "k8s-local-k8s-io-role-node"]},
            "labels": labels if is_gke else {"k8s-io-cluster-name": "k8s-local"},
            "networkInterfaces": [
                {
                    "name": "nic0",
                    "network": cluster.network,
                    "subnetwork": cluster.subnetwork,
                    "networkIP": cloud.internal_ip(),
                }
            ],
        }
        cloud.put(cluster.project, f"zones/{zone}", "instances", name, fields, age=AGES_AGO)
        if is_gke:
            claim = Claim("a node pool's own group", fixed=frozenset({"foreign"}))
            group_name = f"gke-{cluster.name}-default-pool-{group}-grp"
            cloud.put(cluster.project, f"zones/{zone}", "instanceGroups", group_name, {"size": 1}, claim, age=AGES_AGO)


def _cluster_level(cloud: Cloud, cluster: Cluster) -> None:
    claim = Claim(f"the cluster's own firewall rule ({cluster.standing.value})", fixed=frozenset({"foreign"}))
    suffixes = cloud.dice.sample(("all", "vms", "exkubelet", "inkubelet", "master"), 2)
    for suffix in suffixes if cluster.standing is not Standing.DEAD or cloud.chance(0.4) else ():
        fields = {
            "network": cluster.network,
            "direction": "INGRESS",
            "sourceRanges": ["10.0.0.0/8"],
            "targetTags": [cluster.tag],
            "allowed": [{"IPProtocol": "tcp"}],
        }
        name = f"gke-{cluster.name}-{cluster.h8c}-{suffix}"
        cloud.put(cluster.network_project, "global", "firewalls", name, fields, claim, age=AGES_AGO)


def _system_objects(cloud: Cloud, cluster: Cluster) -> None:
    for name in ("default", "kube-system"):
        uid = cluster.kube_system_uid if name == "kube-system" else cloud.uid()
        cluster.add("namespaces", meta("v1", "Namespace", name, uid=uid))
    uids = {"provider-uid": cluster.provider_uid, "uid": cluster.ingress_uid}
    cluster.add("configmaps", meta("v1", "ConfigMap", "ingress-uid", "kube-system", uid=cloud.uid()) | {"data": uids})
    for zone, name in cluster.nodes:
        node = meta("v1", "Node", name, uid=cloud.uid())
        node["spec"] = {"providerID": f"gce://{cluster.project.id}/{zone}/{name}"}
        cluster.add("nodes", node)


def meta(version: str, kind: str, name: str, namespace: str = "", *, uid: str) -> Fields:
    """The beginning of every Kubernetes object."""
    metadata: Fields = {"name": name, "uid": uid, "resourceVersion": "100042"}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def shared_claim(cluster: Cluster, why: str, state: State, mark: str, *, region: str | None = None) -> Claim:
    identities = {"c8": cluster.c8, "uid16": cluster.ingress_uid, "provider": cluster.provider_uid}
    return Claim(
        f"shared by the load balancers of {cluster.name} ({cluster.standing.value}): {why}",
        state=state if state is State.KEPT else State.GONE,
        role=Role.SHARED,
        cluster=cluster,
        marks=frozenset({mark}),
        identity=identities[mark],
        plural="services",
        region=region,
    )


def put_firewall(cloud: Cloud, cluster: Cluster, name: str, text: str, claim: Claim, **fields: object) -> ResourceName:
    """A firewall rule of a controller: in the network's project, with the node tag as target."""
    marks = set(claim.marks) & {"c8", "uid16", "provider"}
    if cluster.network_project.is_audited:
        for mark in marks:
            cluster.join(mark, "h8c")
    body: Fields = {
        "network": cluster.network,
        "direction": "INGRESS",
        "priority": 1000,
        "description": text,
        "sourceRanges": ["0.0.0.0/0"],
        "targetTags": [cluster.tag],
        "allowed": [{"IPProtocol": "tcp", "ports": ["80"]}],
    }
    return cloud.put(cluster.network_project, "global", "firewalls", name, body | fields, claim)


def nodes_health_check(cloud: Cloud, cluster: Cluster, state: State) -> ResourceName:
    """k8s-<id>-node and its firewall rule: shared by all legacy load balancers with externalTrafficPolicy Cluster."""
    name = f"k8s-{cluster.provider_uid}-node"
    claim = shared_claim(cluster, "health check of the nodes", state, "provider")
    fields = {
        "description": compact({"kubernetes.io/service-name": name}),
        "port": 10256,
        "requestPath": "/healthz",
    }
    check = cloud.put(cluster.project, "global", "httpHealthChecks", name, fields, claim, age=AGES_AGO)
    text = compact({"kubernetes.io/cluster-id": cluster.provider_uid})
    put_firewall(cloud, cluster, f"{name}-http-hc", text, in_network(claim), sourceRanges=NAT_RANGES)
    return check


def in_network(claim: Claim) -> Claim:
    """The same claim for a firewall rule: it stands in the network's project and is narrowed by no region."""
    return replace(claim, region=None)


SHARED_TEXT = "This resource is shared by all L4 {} Services using ExternalTrafficPolicy: Cluster."


def l4_health_check(cloud: Cloud, cluster: Cluster, state: State, *, is_external: bool, ipv6: bool) -> ResourceName:
    """k8s2-<c8>-l4-shared-hc: global for internal load balancers, regional for external ones."""
    name = f"k8s2-{cluster.c8}-l4-shared-hc"
    scope = f"regions/{cluster.region}" if is_external else "global"
    claim = shared_claim(cluster, "shared L4 health check", state, "c8", region=cluster.region if is_external else None)
    fields = {
        "type": "HTTP",
        "httpHealthCheck": {"port": 10256, "requestPath": "/healthz"},
        "description": l4_text("", description=SHARED_TEXT.format("XLB" if is_external else "ILB")),
    }
    check = cloud.put(cluster.project, scope, "healthChecks", name, fields, claim, age=AGES_AGO)
    for suffix in ("-fw", "-fw-ipv6") if ipv6 else ("-fw",):
        text = l4_text("", description=SHARED_TEXT.format(""))
        put_firewall(cloud, cluster, name + suffix, text, in_network(claim), sourceRanges=NAT_RANGES)
    return check


def l4_text(owner: str, *, ip: str = "", description: str = "") -> str:
    """The description of ingress-gce's L4 resources."""
    keys: Mapping[str, str] = {"networking.gke.io/service-name": owner, "networking.gke.io/api-version": "ga"}
    extra = {"networking.gke.io/service-ip": ip, "networking.gke.io/resource-description": description}
    return compact({**keys, **{key: value for key, value in extra.items() if value}})


def instance_groups(cloud: Cloud, cluster: Cluster, state: State) -> list[ResourceName]:
    """k8s-ig--<uid>, one in each zone with nodes."""
    claim = shared_claim(cluster, "instance group", state, "uid16", region=cluster.region)
    fields = {
        "size": len(cluster.nodes) if cluster.standing is Standing.READ else 0,
        "network": cluster.network,
        "subnetwork": cluster.subnetwork,
    }
    return [
        cloud.put(
            cluster.project,
            f"zones/{zone}",
            "instanceGroups",
            f"k8s-ig--{cluster.ingress_uid}",
            fields,
            claim,
            age=AGES_AGO,
        )
        for zone in cluster.zones
    ]


def l7_firewall(cloud: Cloud, cluster: Cluster, state: State) -> ResourceName:
    """k8s-fw-l7--<provider-uid>, one for all Ingresses of the cluster."""
    claim = in_network(shared_claim(cluster, "firewall rule of the Ingresses", state, "provider"))
    name = f"k8s-fw-l7--{cluster.provider_uid}"
    return put_firewall(cloud, cluster, name, "GCE L7 firewall rule", claim, sourceRanges=NAT_RANGES)


def age_of(is_young: bool) -> timedelta:
    return timedelta(minutes=12) if is_young else OLD
