"""One life: a maker, a fate, a cluster, and the object whose load balancer it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from auditor.model.names import ResourceName

from .cloud import OLD, Claim, Cloud, Cluster, Fields, Lost, Project, Role, Standing, State
from .clusters import in_network, meta, put_firewall

SHORT_NAMESPACES = ("default", "shop", "payments", "istio-system", "a-b")
SHORT_NAMES = ("web", "api", "checkout", "c", "front-end", "grpc")
DAY = timedelta(days=1)


@dataclass(eq=False)
class Owner:
    """A Kubernetes object that owns load-balancer parts, or owned them."""

    namespace: str
    name: str
    uid: str

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(eq=False)
class Life:
    cloud: Cloud
    maker: str
    fate: str
    cluster: Cluster
    is_young: bool = False
    parts: list[ResourceName] = field(default_factory=list)
    """Everything this life made."""
    is_local: bool = False
    """externalTrafficPolicy Local: health checks of its own instead of the cluster's."""

    has_deny_rule: bool = False

    def __post_init__(self) -> None:
        self.is_local = self.cloud.chance(0.27)
        self.has_deny_rule = self.cloud.chance(0.15)

    def __str__(self) -> str:
        cluster = self.cluster
        place = f"{cluster.project.id}/{cluster.location}/{cluster.name}, {cluster.standing.value}"
        return f"{self.maker} / {self.fate} in {place}"

    @property
    def project(self) -> Project:
        return self.cluster.project

    @property
    def region(self) -> str:
        return self.cluster.region

    @property
    def regional(self) -> str:
        return f"regions/{self.region}"

    def owner(self, *, may_be_long: bool = True) -> Owner:
        """A new object with a name that its cluster does not have yet; now and then one that must be cut."""
        cloud = self.cloud
        for _ in range(20):
            namespace, name = cloud.dice.choice(SHORT_NAMESPACES), cloud.dice.choice(SHORT_NAMES)
            if (namespace, name) not in self.cluster.names:
                break
        else:
            name = f"{name}-{cloud.count('name')}"
        if may_be_long and cloud.chance(0.12):
            number = cloud.count("name")
            namespace = f"team{number}-payments-production-eu-west"
            name = f"checkout{number}-frontend-public-with-a-long-name"
        self.cluster.names.add((namespace, name))
        self.ensure_namespace(namespace)
        return Owner(namespace, name, cloud.uid())

    def ensure_namespace(self, namespace: str) -> None:
        known = {obj["metadata"]["name"] for obj in self.cluster.objects.get("namespaces", ())}
        if known and namespace not in known:
            self.cluster.add("namespaces", meta("v1", "Namespace", namespace, uid=self.cloud.uid()))

    def again(self, owner: Owner) -> Owner:
        """The same name made anew: another UID."""
        return Owner(owner.namespace, owner.name, self.cloud.uid())

    def claim(
        self,
        state: State,
        role: Role = Role.PART,
        marks: set[str] | frozenset[str] = frozenset(),
        *,
        of: str = "",
        identity: str = "",
        plural: str = "services",
        region: str | None = None,
        also: Iterable[str] = (),
    ) -> Claim:
        return Claim(
            f"{self}: {of + ': ' if of else ''}{state.value}",
            state=state,
            role=role,
            cluster=self.cluster,
            marks=marks,
            identity=identity,
            plural=plural,
            region=region,
            is_young=self.is_young and state is State.GONE,
            also=frozenset(also),
        )

    def fixed(self, *verdicts: str, of: str = "", state: State = State.GONE) -> Claim:
        """A claim whose verdicts the documents give outright."""
        return Claim(
            f"{self}: {of}", state=state, cluster=self.cluster, fixed=frozenset(verdicts), is_young=self.is_young
        )

    def put(
        self, scope: str, collection: str, name: str, fields: Fields, claim: Claim, *, age: timedelta = OLD
    ) -> ResourceName:
        made = self.cloud.put(self.project, scope, collection, name, fields, claim, age=age)
        self.parts.append(made)
        return made

    def firewall(self, name: str, text: str, claim: Claim, **fields: Any) -> ResourceName:
        """A firewall rule of this load balancer, in the project of the network."""
        made = put_firewall(self.cloud, self.cluster, name, text, in_network(claim), **fields)
        self.parts.append(made)
        return made

    def address(
        self, scope: str, name: str, ip: str, claim: Claim, *, users: Iterable[ResourceName] = (), **fields: Any
    ) -> ResourceName:
        """A reserved address; IN_USE where something uses it."""
        held_by = [self.cloud.link(user) for user in users]
        is_internal = ip.startswith("10.")
        body: Fields = {
            "address": ip,
            "addressType": "INTERNAL" if is_internal else "EXTERNAL",
            "status": "IN_USE" if held_by else "RESERVED",
            "users": held_by or None,
            "networkTier": "PREMIUM",
            "description": "",
        }
        if ":" in ip:
            body |= {"prefixLength": 96, "ipVersion": "IPV6"}
        if is_internal:
            body |= {"purpose": "GCE_ENDPOINT", "subnetwork": self.cluster.subnetwork}
        return self.put(scope, "addresses", name, body | fields, claim)

    def links(self, names: Iterable[ResourceName]) -> list[str]:
        return [self.cloud.link(name) for name in names]

    def add(self, plural: str, obj: Fields) -> Fields:
        """An object of the cluster; one that cannot be read is not in the snapshot anyway."""
        return self.cluster.add(plural, obj)

    def lose(self, plural: str, obj: Fields, parts: Iterable[ResourceName]) -> None:
        """Remember the object that was deleted: put back, it must save what it owned."""
        if self.cluster.standing is Standing.READ and plural not in self.cluster.failed:
            names = tuple(part.full for part in parts)
            self.cloud.lost.append(Lost(self.cluster.key, plural, obj, names))

    def slices(self, owner: Owner, *, is_ready: bool) -> None:
        """The endpoints of a Service: two ready ones, or one that is not, or none at all."""
        endpoints = [{"addresses": ["10.4.0.17"], "conditions": {"ready": True, "serving": True}}] * 2
        if not is_ready:
            endpoints = self.cloud.dice.choice(([], [{"addresses": ["10.4.0.17"], "conditions": {"ready": False}}]))
        obj = meta("discovery.k8s.io/v1", "EndpointSlice", f"{owner.name}-x7k2p", owner.namespace, uid=self.cloud.uid())
        obj["metadata"]["labels"] = {"kubernetes.io/service-name": owner.name}
        self.add("endpointslices", obj | {"addressType": "IPv4", "endpoints": endpoints, "ports": []})

    def mark_deleted(self, obj: Fields, age: timedelta) -> None:
        obj["metadata"]["deletionTimestamp"] = self.cloud.kubernetes_stamp(age)


def service_object(
    life: Life,
    owner: Owner,
    *,
    type_: str = "ClusterIP",
    ports: Iterable[tuple[int, str, int | None]] = ((80, "TCP", None),),
    ips: Iterable[str] = (),
    annotations: Fields | None = None,
    finalizers: Iterable[str] = (),
    families: Iterable[str] = ("IPv4",),
    **spec: Any,
) -> Fields:
    """A core/v1 Service as the API lists it. `ports` are (port, protocol, node port); `spec` adds or replaces keys."""
    obj = meta("v1", "Service", owner.name, owner.namespace, uid=owner.uid)
    obj["metadata"]["creationTimestamp"] = life.cloud.kubernetes_stamp(OLD)
    obj["metadata"]["annotations"] = dict(annotations or {})
    obj["metadata"]["finalizers"] = list(finalizers)
    listed = [
        {"name": f"p{port}-{protocol.lower()}", "protocol": protocol, "port": port, "targetPort": 8080}
        | ({"nodePort": node_port} if node_port else {})
        for port, protocol, node_port in ports
    ]
    obj["spec"] = {
        "type": type_,
        "ports": listed,
        "selector": {"app": owner.name},
        "clusterIP": "10.0.96.7",
        "ipFamilies": list(families),
        **spec,
    }
    obj["spec"] = {key: value for key, value in obj["spec"].items() if value is not None}
    addresses = [{"ip": ip, "ipMode": "VIP"} for ip in ips]
    obj["status"] = {"loadBalancer": {"ingress": addresses} if addresses else {}}
    return obj
