"""Time `gke-auditor audit` on made-up snapshots: the time for each resource must stay the same as they grow.

The world is plain on purpose: clusters with load balancer Services and Ingresses, a quarter of them deleted and left
behind, and forgotten static addresses.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.collect.directory import write_snapshot
from auditor.model.names import ClusterKey
from auditor.model.snapshot import (
    COLLECTIONS,
    PLURALS,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)

PROJECT = "bench-prod"
NUMBER = "904418277123"
REGIONS = ("us-central1", "europe-west1", "asia-east1")
MADE = "2026-10-01T00:00:00Z"
AS_OF = "2026-11-22T06:00:00Z"
SERVICES_PER_CLUSTER = 250


@dataclass
class World:
    """A snapshot of one project that grows."""

    project: str = PROJECT
    number: str = NUMBER
    compute: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in COLLECTIONS})
    clusters: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[tuple[ClusterKey, str], list[dict[str, Any]]] = field(default_factory=dict)
    size: int = 0

    def add(self, scope: str, collection: str, name: str, **fields: Any) -> str:
        """Add one Compute resource and return its link. `scope` is "global" or "regions/R"."""
        root = f"https://www.googleapis.com/compute/v1/projects/{self.project}"
        link = f"{root}/{scope}/{collection}/{name}"
        made = {"name": name, "id": str(digest(link, 12)), "selfLink": link, "creationTimestamp": MADE, **fields}
        if scope != "global":
            made["region"] = f"{root}/{scope}"
        self.compute[collection].append(made)
        self.size += 1
        return link

    def snapshot(self) -> Snapshot:
        """The world as a snapshot that was read in full."""
        scopes = [project_scope(self.project), clusters_scope(self.project)]
        scopes += [compute_scope(self.project, collection) for collection in COLLECTIONS]
        scopes += [objects_scope(key, plural) for key in {key for key, _ in self.objects} for plural in PLURALS]
        return Snapshot(
            taken_at=datetime.fromisoformat(AS_OF).astimezone(UTC),
            tool="scripts/bench",
            coverage={scope: Coverage(scope, Status.COMPLETE) for scope in scopes},
            projects={self.project: {"projectId": self.project, "projectNumber": self.number}},
            compute={(self.project, collection): tuple(items) for collection, items in self.compute.items()},
            clusters={self.project: tuple(self.clusters)},
            objects={key: tuple(items) for key, items in self.objects.items()},
        )


def digest(text: str, digits: int) -> int:
    """A number that looks random and is always the same for one text."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:digits], 16)


def uid_of(text: str) -> str:
    raw = hashlib.sha256(text.encode()).hexdigest()
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:32]}"


def ip_of(number: int) -> str:
    return f"34.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def make(size: int) -> World:
    """A world of at least `size` Compute resources."""
    world = World()
    numbers: Iterator[int] = iter(range(1, 1 << 24))
    while world.size < size:
        cluster = Cluster(world, len(world.clusters))
        for _ in range(SERVICES_PER_CLUSTER):
            number = next(numbers)
            is_left_behind = number % 4 == 0
            if number % 5 == 0:
                cluster.add_ingress(number, is_left_behind)
            else:
                cluster.add_service(number, is_left_behind)
            if number % 10 == 0:
                world.add(
                    f"regions/{cluster.region}",
                    "addresses",
                    f"forgotten-{number}",
                    address=ip_of(number + (1 << 22)),
                    addressType="EXTERNAL",
                    networkTier="PREMIUM",
                    status="RESERVED",
                )
            if world.size >= size:
                break
    return world


class Cluster:
    """One living cluster of the world and the names that its controllers give."""

    def __init__(self, world: World, index: int) -> None:
        self.world = world
        self.region = REGIONS[index % len(REGIONS)]
        self.key = ClusterKey(world.project, self.region, f"cluster-{index}")
        self.uid = f"{digest(self.key.full, 16):016x}"
        self.tag = f"gke-{self.key.name}-{digest(self.key.folder, 8):08x}-node"
        world.clusters.append(
            {
                "name": self.key.name,
                "location": self.region,
                "id": f"{digest(self.key.folder, 8):08x}" + "0" * 56,
                "status": "RUNNING",
                "createTime": MADE,
                "network": "default",
                "networkConfig": {"network": f"projects/{world.project}/global/networks/default"},
            }
        )
        for plural in PLURALS:
            world.objects[self.key, plural] = []
        self.add_object("namespaces", "", "kube-system", {})
        self.add_object("namespaces", "", "shop", {})
        self.add_object(
            "configmaps", "kube-system", "ingress-uid", {"data": {"uid": self.uid, "provider-uid": self.uid}}
        )

    def add_object(self, plural: str, namespace: str, name: str, body: dict[str, Any]) -> None:
        metadata = {"name": name, "uid": uid_of(f"{self.key.full}/{plural}/{namespace}/{name}")}
        if namespace:
            metadata["namespace"] = namespace
        self.world.objects[self.key, plural].append({"metadata": metadata, **body})

    def add_service(self, number: int, is_left_behind: bool) -> None:
        """A Service with a legacy load balancer: rule, target pool, health check and two firewall rules."""
        name = f"web-{number}"
        uid = uid_of(f"{self.key.full}/services/shop/{name}")
        lb = "a" + uid.replace("-", "")[:31]
        ip = ip_of(number)
        scope = f"regions/{self.region}"
        description = json.dumps({"kubernetes.io/service-name": f"shop/{name}"})
        check = self.world.add("global", "httpHealthChecks", lb, description=description)
        pool = self.world.add(scope, "targetPools", lb, description=description, healthChecks=[check])
        self.world.add(
            scope,
            "forwardingRules",
            lb,
            description=description,
            IPAddress=ip,
            IPProtocol="TCP",
            portRange="80-80",
            loadBalancingScheme="EXTERNAL",
            networkTier="PREMIUM",
            target=pool,
        )
        for firewall, text in ((f"k8s-fw-{lb}", {"kubernetes.io/service-ip": ip}), (f"k8s-{lb}-http-hc", {})):
            told = json.dumps({"kubernetes.io/service-name": f"shop/{name}", **text})
            self.world.add("global", "firewalls", firewall, description=told, targetTags=[self.tag])
        if is_left_behind:
            return
        spec = {"type": "LoadBalancer", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000 + number % 2700}]}
        self.add_object("services", "shop", name, {"spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": ip}]}}})
        self.add_slice(name)

    def add_ingress(self, number: int, is_left_behind: bool) -> None:
        """An Ingress with the names of the first scheme: rule, proxy, URL map, backend service, health check."""
        name, port, ip = f"front-{number}", 30000 + number % 2700, ip_of(number)
        backend, lb = f"k8s-be-{port}--{self.uid}", f"shop-{name}--{self.uid}"
        check = self.world.add("global", "healthChecks", backend, type="HTTP")
        service = self.world.add(
            "global",
            "backendServices",
            backend,
            description=json.dumps({"kubernetes.io/service-name": f"shop/{name}", "kubernetes.io/service-port": "80"}),
            healthChecks=[check],
            loadBalancingScheme="EXTERNAL",
            protocol="HTTP",
        )
        url_map = self.world.add("global", "urlMaps", f"k8s-um-{lb}", defaultService=service)
        proxy = self.world.add("global", "targetHttpProxies", f"k8s-tp-{lb}", urlMap=url_map)
        self.world.add(
            "global",
            "forwardingRules",
            f"k8s-fw-{lb}",
            description=json.dumps({"kubernetes.io/ingress-name": f"shop/{name}"}),
            IPAddress=ip,
            IPProtocol="TCP",
            portRange="80-80",
            loadBalancingScheme="EXTERNAL",
            networkTier="PREMIUM",
            target=proxy,
        )
        if is_left_behind:
            return
        wanted = {"service": {"name": name, "port": {"number": 80}}}
        status = {"loadBalancer": {"ingress": [{"ip": ip}]}}
        self.add_object("ingresses", "shop", name, {"spec": {"defaultBackend": wanted}, "status": status})
        spec = {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": port}]}
        self.add_object("services", "shop", name, {"spec": spec})
        self.add_slice(name)

    def add_slice(self, service: str) -> None:
        endpoints = [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]
        self.add_object("endpointslices", "shop", f"{service}-x", {"endpoints": endpoints})
        made = self.world.objects[self.key, "endpointslices"][-1]
        made["metadata"]["labels"] = {"kubernetes.io/service-name": service}


def time_audit(path: Path) -> tuple[float, dict[str, int]]:
    """Seconds of one audit of the snapshot at `path`, and how many findings of each verdict it gave."""
    command = [sys.executable, "-m", "auditor", "audit", "--snapshot", str(path), "--as-of", AS_OF, "--format", "json"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"bench: the audit failed with exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    counts = json.loads(done.stdout).get("counts", {})
    return seconds, {name: count for name, count in counts.items() if isinstance(count, int)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[5_000, 20_000, 40_000], metavar="SIZE")
    parser.add_argument("--repeat", type=int, default=2, help="take the best of so many runs (default 2)")
    parser.add_argument("--limit", type=float, default=1.5, help="fail if a resource takes so many times as long")
    parser.add_argument("--write", type=Path, metavar="DIR", help="keep the snapshots in this folder")
    args = parser.parse_args()
    if args.write is not None:
        args.write.mkdir(parents=True, exist_ok=True)
    first, worst = 0.0, 0.0
    sys.stdout.write(f"{'resources':>10} {'seconds':>9} {'µs each':>9} {'ratio':>6}  verdicts\n")
    with tempfile.TemporaryDirectory() as temporary:
        for size in sorted(args.sizes):
            world = make(size)
            path = (args.write or Path(temporary)) / f"bench-{size}"
            write_snapshot(world.snapshot(), path)
            runs = [time_audit(path) for _ in range(max(1, args.repeat))]
            seconds, verdicts = min(runs, key=lambda run: run[0])
            each = seconds / world.size
            first = first or each
            worst = max(worst, each / first)
            told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items() if count)
            sys.stdout.write(f"{world.size:>10} {seconds:>9.2f} {each * 1e6:>9.0f} {each / first:>6.2f}  {told}\n")
            sys.stdout.flush()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sys.stdout.write(f"largest audit: {peak:.0f} MB of memory\n")
    if worst > args.limit:
        sys.stdout.write(f"Not linear: a resource takes up to {worst:.2f} times as long as in the smallest snapshot\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
