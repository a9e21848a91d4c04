"""A small world, written down resource by resource: for situations that are told in a few lines.

`World` holds projects, clusters and resources and becomes a snapshot; names come from worlds/formulas.py, which shares
no line with the auditor's own formulas. Everything was read in full unless `gap` says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from worlds import formulas

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import Finding
from auditor.model.names import ClusterKey, region_of
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

AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
OLD = timedelta(days=30)
HERE = "europe-west1"
PROJECT = "acme-prod"
API = "https://www.googleapis.com/compute/v1/"
CORE_PLURALS = ("namespaces", "services", "configmaps", "ingresses", "endpointslices", "servicenetworkendpointgroups")

JSON = dict[str, Any]


def stamp(age: timedelta) -> str:
    return (AS_OF - age).strftime("%Y-%m-%dT%H:%M:%SZ")


def text(**keys: str) -> str:
    """A description as Go writes it."""
    return json.dumps(keys, separators=(",", ":"))


def service_text(owner: str) -> str:
    """The description of the target-pool controller (ownership.md, section 3, P1)."""
    return json.dumps({"kubernetes.io/service-name": owner})


def l4_text(owner: str) -> str:
    """The description of ingress-gce for Services (P3, P4)."""
    return json.dumps({"networking.gke.io/service-name": owner, "networking.gke.io/api-version": "ga"})


def ingress_text(owner: str) -> str:
    return json.dumps({"kubernetes.io/ingress-name": owner})


def backend_text(owner: str, port: int = 80) -> str:
    return json.dumps({"kubernetes.io/service-name": owner, "kubernetes.io/service-port": str(port)})


@dataclass
class Cluster:
    """One cluster, living or deleted: its fingerprints, and its objects while it lives."""

    name: str
    location: str = HERE
    project: str = PROJECT
    id: str = ""
    kube_system_uid: str = ""
    ingress_uid: str = ""
    provider_uid: str | None = None
    status: str = "RUNNING"
    objects: dict[str, list[JSON]] = field(default_factory=dict)
    is_listed: bool = True
    fleet: str = ""

    def __post_init__(self) -> None:
        seed = f"{self.project}/{self.location}/{self.name}"
        self.id = self.id or formulas.hexadecimal(seed, 64)
        digits = formulas.hexadecimal(f"kube-system of {seed}", 32)
        self.kube_system_uid = self.kube_system_uid or (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
        )
        self.ingress_uid = self.ingress_uid or formulas.hexadecimal(f"ingress-uid of {seed}", 16)

    @property
    def key(self) -> ClusterKey:
        return ClusterKey(self.project, self.location, self.name)

    @property
    def c8(self) -> str:
        return formulas.c8_of(self.kube_system_uid)

    @property
    def tag(self) -> str:
        return f"gke-{self.name}-{self.id[:8]}-node"

    @property
    def path(self) -> str:
        """As Gateways write it."""
        return f"/projects/{self.project}/locations/{self.location}/clusters/{self.name}"

    def scope(self, plural: str) -> str:
        return objects_scope(self.key, plural)

    def add(self, plural: str, name: str, **parts: Any) -> JSON:
        """An object under "namespace/name"; `parts` are spec, status and what belongs into metadata."""
        namespace, _, short = name.rpartition("/")
        metadata = {"name": short, "uid": uid_of(f"{self.name}/{plural}/{name}"), "creationTimestamp": stamp(OLD)}
        if namespace:
            metadata["namespace"] = namespace
        for key in ("uid", "annotations", "labels", "finalizers", "deletionTimestamp"):
            if key in parts:
                metadata[key] = parts.pop(key)
        obj: JSON = {"metadata": metadata, **parts}
        self.objects.setdefault(plural, []).append(obj)
        return obj

    def service(self, name: str, *, ips: tuple[str, ...] = (), ready: bool = True, **parts: Any) -> JSON:
        """A Service of type LoadBalancer with one TCP port 80 unless `spec` says otherwise, and one endpoint."""
        self.slices(name, ready)
        spec = {
            "type": "LoadBalancer",
            "ipFamilies": ["IPv4"],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "nodePort": 30080}],
            **parts.pop("spec", {}),
        }
        status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}}
        return self.add("services", name, spec=spec, status=status, **parts)

    def ingress(self, name: str, *backends: str, ips: tuple[str, ...] = (), **parts: Any) -> JSON:
        """An Ingress whose paths go to port 80 of the Services `backends` in its own namespace."""
        paths = [
            {"path": f"/{backend}", "backend": {"service": {"name": backend, "port": {"number": 80}}}}
            for backend in backends
        ]
        spec = {"rules": [{"http": {"paths": paths}}], **parts.pop("spec", {})}
        status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}}
        return self.add("ingresses", name, spec=spec, status=status, **parts)

    def slices(self, service: str, *ready: bool) -> None:
        namespace, _, short = service.partition("/")
        self.add(
            "endpointslices",
            f"{namespace}/{short}-x",
            labels={"kubernetes.io/service-name": short},
            endpoints=[{"addresses": ["10.4.0.9"], "conditions": {"ready": item}} for item in ready],
        )


def uid_of(seed: str) -> str:
    digits = formulas.hexadecimal(seed, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class World:
    """Everything there is. Links are written in full; a name that a test uses is "scope/collection/name"."""

    def __init__(self, *projects: str, has_project_file: bool = True, hosts: tuple[str, ...] = ()) -> None:
        self.projects: dict[str, JSON | None] = {}
        for number, project in enumerate(projects or (PROJECT,), start=1):
            body = {"projectId": project, "projectNumber": f"41720339551{number}"}
            if project in hosts:
                body["xpnProjectStatus"] = "HOST"
            self.projects[project] = body if has_project_file else None
        self.resources: dict[tuple[str, str], list[JSON]] = {}
        self.clusters: list[Cluster] = []
        self.gaps: dict[str, Coverage] = {}
        self.confirmations: list[JSON] = []

    # things

    def cluster(self, name: str, **parts: Any) -> Cluster:
        """A living cluster with what every cluster has; one that is there already is given back."""
        cluster = Cluster(name, **parts)
        for known in self.clusters:
            if known.key == cluster.key:
                return known
        cluster.add("namespaces", "kube-system", uid=cluster.kube_system_uid)
        cluster.add(
            "configmaps",
            "kube-system/ingress-uid",
            data={"uid": cluster.ingress_uid, "provider-uid": cluster.provider_uid or cluster.ingress_uid},
        )
        self.clusters.append(cluster)
        return cluster

    def put(self, where: str, *, project: str = PROJECT, age: timedelta = OLD, **fields: Any) -> str:
        """Make a resource at "global/urlMaps/x" or "regions/R/..."; its link comes back. None leaves a field out."""
        scope, _, rest = where.rpartition("/")[0].rpartition("/")
        name = where.rpartition("/")[2]
        link = f"{API}projects/{project}/{where}"
        body: JSON = {
            "name": name,
            "id": str(int(formulas.hexadecimal(where, 15), 16)),
            "creationTimestamp": stamp(age),
        }
        body["selfLink"] = link
        if scope != "global":
            body[scope.split("/")[0][:-1]] = f"{API}projects/{project}/{scope}"
        body.update(fields)
        self.resources.setdefault((project, rest), []).append({k: v for k, v in body.items() if v is not None})
        return link

    def gap(self, scope: str, *missing: str, category: Category = Category.FORBIDDEN) -> None:
        """The list was not read; with `missing` only those places were not, and what stands there is left out."""
        status = Status.PARTIAL if missing else Status.FAILED
        self.gaps[scope] = Coverage(scope, status, category, tuple(missing))

    def compute_gap(self, collection: str, *missing: str, project: str = PROJECT) -> None:
        self.gap(compute_scope(project, collection), *missing)

    def cover(self, coverage: Coverage) -> None:
        self.gaps[coverage.scope] = coverage

    # reading

    def snapshot(self) -> Snapshot:
        coverage: dict[str, Coverage] = {}
        compute: dict[tuple[str, str], tuple[JSON, ...]] = {}
        listed: dict[str, tuple[JSON, ...]] = {}
        objects: dict[tuple[ClusterKey, str], tuple[JSON, ...]] = {}

        def full(scope: str, found: tuple[JSON, ...]) -> tuple[JSON, ...] | None:
            known = self.gaps.get(scope, Coverage(scope, Status.COMPLETE))
            coverage[scope] = known
            if known.status is Status.FAILED:
                return None
            return tuple(obj for obj in found if not _stands_in(obj, known.missing))

        for project, body in self.projects.items():
            for collection in COLLECTIONS:
                kept = full(compute_scope(project, collection), tuple(self.resources.get((project, collection), ())))
                if kept is not None:
                    compute[project, collection] = kept
            here = tuple(_listing(item) for item in self.clusters if item.project == project and item.is_listed)
            kept = full(clusters_scope(project), here)
            if kept is not None:
                listed[project] = kept
            if body is not None:
                coverage[project_scope(project)] = Coverage(project_scope(project), Status.COMPLETE)
        for cluster in self.clusters:
            for plural in PLURALS:
                scope = cluster.scope(plural)
                found = tuple(cluster.objects.get(plural, ()))
                if not found and plural not in CORE_PLURALS and scope not in self.gaps:
                    coverage[scope] = Coverage(scope, Status.ABSENT)
                    continue
                kept = full(scope, found)
                if kept is not None:
                    objects[cluster.key, plural] = kept
        coverage.update({scope: known for scope, known in self.gaps.items() if scope not in coverage})
        return Snapshot(
            taken_at=AS_OF,
            coverage=coverage,
            projects=self.projects,
            compute=compute,
            clusters=listed,
            objects=objects,
            confirmations=tuple(self.confirmations),
        )

    def findings(self) -> Mapping[str, Finding]:
        """By "project/scope/collection/name"."""
        return findings_of(self.snapshot())

    def finding(self, where: str, project: str = PROJECT) -> Finding:
        return self.findings()[f"{project}/{where}"]

    def verdict(self, where: str, project: str = PROJECT) -> str:
        return self.finding(where, project).verdict.value

    def verdicts(self) -> Mapping[str, str]:
        return {name: finding.verdict.value for name, finding in self.findings().items()}


def findings_of(snapshot: Snapshot) -> Mapping[str, Finding]:
    found = judge(inventory.build(snapshot), as_of=AS_OF, min_age=timedelta(hours=1))
    return {finding.resource.relative.removeprefix("projects/"): finding for finding in found}


def _listing(cluster: Cluster) -> JSON:
    return {
        "name": cluster.name,
        "id": cluster.id,
        "location": cluster.location,
        "status": cluster.status,
        "network": "main",
        "createTime": stamp(timedelta(days=400)),
        **({"fleet": {"project": cluster.fleet}} if cluster.fleet else {}),
    }


def _stands_in(obj: JSON, missing: tuple[str, ...]) -> bool:
    link, location = obj.get("selfLink", ""), obj.get("location", "")
    return any(f"/{place}/" in link or region_of(place) in (location, region_of(location or "x")) for place in missing)


# Whole load balancers


def legacy(
    world: World, cluster: Cluster, service_uid: str, ip: str, owner: str = "default/web", *, tag: str | None = None
) -> str:
    """P1: rule, target pool, shared health check, firewall with the node tag. The name of all comes back."""
    name = formulas.service_name(service_uid)
    region = f"regions/{HERE}"
    check = f"global/httpHealthChecks/k8s-{cluster.ingress_uid}-node"
    if not any(item["name"] == f"k8s-{cluster.ingress_uid}-node" for item in _all(world, "httpHealthChecks")):
        world.put(check, description=service_text(f"k8s-{cluster.ingress_uid}-node"))
        world.put(
            f"global/firewalls/k8s-{cluster.ingress_uid}-node-http-hc",
            description=json.dumps({"kubernetes.io/cluster-id": cluster.ingress_uid}),
            targetTags=[cluster.tag if tag is None else tag],
        )
    pool = world.put(
        f"{region}/targetPools/{name}",
        description=service_text(owner),
        healthChecks=[f"{API}projects/{PROJECT}/{check}"],
        instances=[],
    )
    world.put(
        f"{region}/forwardingRules/{name}",
        description=service_text(owner),
        IPAddress=ip,
        IPProtocol="TCP",
        loadBalancingScheme="EXTERNAL",
        target=pool,
    )
    world.put(
        f"global/firewalls/k8s-fw-{name}",
        description=json.dumps({"kubernetes.io/service-name": owner, "kubernetes.io/service-ip": ip}),
        targetTags=[cluster.tag if tag is None else tag],
    )
    return name


def _all(world: World, collection: str, project: str = PROJECT) -> list[JSON]:
    return world.resources.get((project, collection), [])


def legacy_internal(world: World, cluster: Cluster, service_uid: str, ip: str, *, tag: str | None = None) -> str:
    """P2: rule and backend service a<uid>, instance group, shared health check, firewalls."""
    name = formulas.service_name(service_uid)
    region, uid = f"regions/{HERE}", cluster.ingress_uid
    tags = [cluster.tag if tag is None else tag]
    group = world.put(f"zones/{HERE}-b/instanceGroups/k8s-ig--{uid}", size=3)
    check = world.put(f"global/healthChecks/k8s-{uid}-node", description=service_text(f"k8s-{uid}-node"))
    world.put(f"global/firewalls/k8s-{uid}-node-hc", targetTags=tags)
    backend = world.put(
        f"{region}/backendServices/{name}",
        description=service_text("default/web"),
        loadBalancingScheme="INTERNAL",
        backends=[{"group": group}],
        healthChecks=[check],
    )
    world.put(
        f"{region}/forwardingRules/{name}",
        description=service_text("default/web"),
        IPAddress=ip,
        loadBalancingScheme="INTERNAL",
        backendService=backend,
        network=f"{API}projects/{PROJECT}/global/networks/main",
        subnetwork=f"{API}projects/{PROJECT}/{region}/subnetworks/main",
    )
    world.put(f"global/firewalls/k8s-fw-{name}", description=service_text("default/web"), targetTags=tags)
    return name


def subsetting(
    world: World,
    cluster: Cluster,
    ip: str,
    *,
    owner: str = "default/web",
    scheme: str = "INTERNAL",
    rule: str = "",
    protocol: str = "tcp",
    **fields: Any,
) -> str:
    """P3, P4: rule, k8s2- backend service, NEG, firewall. The name of the backend service comes back."""
    namespace, _, short = owner.partition("/")
    backend_name = formulas.l4_backend(cluster.c8, namespace, short)
    region = f"regions/{cluster.key.region}"
    zone = f"zones/{cluster.key.region}-b"
    group = world.put(
        f"{zone}/networkEndpointGroups/{backend_name}",
        project=cluster.project,
        networkEndpointType="GCE_VM_IP",
        description=json.dumps(
            {"cluster-uid": cluster.kube_system_uid, "namespace": namespace, "service-name": short, "port": "0"}
        ),
    )
    backend = world.put(
        f"{region}/backendServices/{backend_name}",
        project=cluster.project,
        description=l4_text(owner),
        loadBalancingScheme=scheme,
        backends=[{"group": group}],
    )
    world.put(
        f"{region}/forwardingRules/{rule or formulas.l4_rule(cluster.c8, namespace, short, protocol)}",
        project=cluster.project,
        description=l4_text(owner),
        IPAddress=ip,
        loadBalancingScheme=scheme,
        backendService=backend,
        **fields,
    )
    world.put(
        f"global/firewalls/{backend_name}",
        project=cluster.project,
        description=l4_text(owner),
        targetTags=[cluster.tag],
    )
    return backend_name


SCHEME_OF_CLASS = {"gce": "EXTERNAL", "gce-internal": "INTERNAL_MANAGED", "gce-regional-external": "EXTERNAL_MANAGED"}


def ingress_v2(
    world: World, cluster: Cluster, ip: str, *, owner: str = "default/web", service: str = "web", kind: str = "gce"
) -> Mapping[str, str]:
    """P7 with v2 names: rule, proxy, URL map, backend service and check on a NEG. Places by part come back."""
    namespace, _, short = owner.partition("/")

    def name(part: str) -> str:
        return formulas.ingress_v2(cluster.kube_system_uid, namespace, short, part)

    names = {"fr": name("fr"), "tp": name("tp"), "um": name("um")}
    return _ingress(world, cluster, ip, owner, service, kind, names)


def ingress_v1(
    world: World,
    cluster: Cluster,
    ip: str,
    *,
    owner: str = "default/web",
    service: str = "web",
    uid: str | None = None,
    is_described: bool = True,
) -> Mapping[str, str]:
    """P7 with v1 names, under the cluster's ingress-uid or another one."""
    namespace, _, short = owner.partition("/")
    own = cluster.ingress_uid if uid is None else uid
    if own:
        names = {
            part: formulas.ingress_v1(own, namespace, short, prefix)
            for part, prefix in (("fr", "fw"), ("tp", "tp"), ("um", "um"))
        }
    else:
        names = {
            part: f"k8s-{prefix}-{namespace}-{short}" for part, prefix in (("fr", "fw"), ("tp", "tp"), ("um", "um"))
        }
    return _ingress(world, cluster, ip, owner, service, "gce", names, uid=own, is_described=is_described)


def _ingress(
    world: World,
    cluster: Cluster,
    ip: str,
    owner: str,
    service: str,
    kind: str,
    names: Mapping[str, str],
    *,
    uid: str | None = None,
    is_described: bool = True,
) -> Mapping[str, str]:
    namespace = owner.partition("/")[0]
    scope = "global" if kind == "gce" else f"regions/{cluster.key.region}"
    scheme = SCHEME_OF_CLASS[kind]
    own = cluster.ingress_uid if uid is None else uid
    form = formulas.regional_external_backend if kind == "gce-regional-external" else formulas.endpoint_group
    backend_name = form(own, namespace, service, "80") if own else "k8s-be-30080"
    group_name = formulas.endpoint_group(own, namespace, service, "80") if own else ""
    described = ingress_text(owner) if is_described else None
    places = {
        "fr": f"{scope}/forwardingRules/{names['fr']}",
        "tp": f"{scope}/targetHttpProxies/{names['tp']}",
        "um": f"{scope}/urlMaps/{names['um']}",
        "be": f"{scope}/backendServices/{backend_name}",
        "hc": f"{scope}/healthChecks/{backend_name}",
        "neg": f"zones/{cluster.key.region}-b/networkEndpointGroups/{group_name}",
    }
    put = partial(world.put, project=cluster.project)
    backends = []
    if group_name:
        described_group = {
            "cluster-uid": cluster.kube_system_uid,
            "namespace": namespace,
            "service-name": service,
            "port": "80",
        }
        backends = [{"group": put(places["neg"], description=json.dumps(described_group))}]
    check = put(places["hc"], description="Default kubernetes L7 Loadbalancing health check for NEG.")
    backend = put(
        places["be"],
        description=backend_text(f"{namespace}/{service}"),
        loadBalancingScheme=scheme,
        backends=backends,
        healthChecks=[check],
    )
    url_map = put(places["um"], defaultService=backend)
    proxy = put(places["tp"], description=described, urlMap=url_map)
    put(places["fr"], description=described, IPAddress=ip, loadBalancingScheme=scheme, target=proxy)
    return places


def gateway(
    world: World,
    cluster: Cluster,
    ip: str,
    *,
    code: str = "nv9e",
    name: str = "gw",
    described: bool = False,
    prefix: str = "gkegw1",
    project: str | None = None,
) -> Mapping[str, str]:
    """P11: rule, proxy, URL map, backend service and check in `project`, under the 4-character code of a cluster."""
    head = f"{prefix}-{code}-default" if code else f"{prefix}-default"
    front = formulas.base36(f"default;{name};80", 12)
    back = formulas.base36("default;web;8080;EXTERNAL_MANAGED", 12)
    words = text(k8sResource=f"/namespaces/default/gateways/{name}", k8sCluster=cluster.path) if described else None
    places = {
        "fr": f"global/forwardingRules/{head}-{name}-{formulas.base36('rule ' + name, 12)}",
        "tp": f"global/targetHttpProxies/{head}-{name}-{front}",
        "um": f"global/urlMaps/{head}-{name}-{front}",
        "be": f"global/backendServices/{head}-web-8080-{back}",
        "hc": f"global/healthChecks/{head}-web-8080-{back}",
    }
    put = partial(world.put, project=project or cluster.project)
    check = put(places["hc"])
    backend = put(places["be"], loadBalancingScheme="EXTERNAL_MANAGED", healthChecks=[check])
    url_map = put(places["um"], description=words, defaultService=backend)
    proxy = put(places["tp"], description=words, urlMap=url_map)
    put(places["fr"], description=words, IPAddress=ip, loadBalancingScheme="EXTERNAL_MANAGED", target=proxy)
    return places


def gateway_annotations(places: Mapping[str, str], project: str = "417203395511") -> JSON:
    keys = {
        "fr": "forwarding-rules",
        "tp": "target-http-proxies",
        "um": "url-maps",
        "be": "backend-services",
        "hc": "health-checks",
    }
    return {f"networking.gke.io/{key}": f"/projects/{project}/{places[part]}" for part, key in keys.items()}


def live_gateway(cluster: Cluster, ip: str, places: Mapping[str, str], name: str = "default/gw") -> JSON:
    return cluster.add(
        "gateways",
        name,
        annotations=gateway_annotations(places),
        spec={"gatewayClassName": "gke-l7-global-external-managed", "listeners": [{"port": 80}]},
        status={"addresses": [{"type": "IPAddress", "value": ip}]},
    )
