"""A loopback server that serves a snapshot as the real REST APIs of Google Cloud and of its clusters.

    with serve(snapshot, faults=[Fault(("GET", "aggregated/addresses"), "forbidden")]) as world:
        world.endpoints["compute"], world.credentials_file, world.requests

What the snapshot says was not read is refused, unreachable or broken in that way here too, so a live run against a
snapshot should come to the verdicts of the snapshot itself. Faults come on top. A client that asks for something the
double does not imitate fails the test that drives it.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from auditor.collect.directory import read_snapshot
from auditor.model.names import ClusterKey
from auditor.model.snapshot import JSON, Snapshot

from . import certificates, refusals
from .compute_api import serve_compute
from .container_api import serve_container, serve_fleet
from .exchange import Answer, Request, UnsupportedError
from .faults import KINDS, Fault, Manner, Plan
from .identity_api import Tokens, key_file, serve_identity
from .kubernetes_api import serve_kubernetes
from .listening import SERVER_THREADS, SILENCE, Listeners
from .quota import Quota
from .resources_api import serve_asset, serve_resource_manager, serve_service_usage
from .scene import FOLDERS, ORGANIZATION, Manners, Scene

__all__ = ["KINDS", "SERVER_THREADS", "Exchange", "Fault", "Manners", "Quota", "Request", "World", "serve"]

SERVICES: Mapping[str, Callable[[Scene, Request], Answer]] = {
    "compute": serve_compute,
    "container": serve_container,
    "cloudresourcemanager": serve_resource_manager,
    "cloudasset": serve_asset,
    "serviceusage": serve_service_usage,
    "gkehub": serve_fleet,
}
REACHES = ("ip", "private", "dns", "gateway", "closed", "silent")
"""How a cluster is reached: by its IP endpoint, its private one, its DNS endpoint or Connect Gateway; `closed` refuses
connections, `silent` accepts them and says nothing."""
MEMBERSHIPS = "locations/global/memberships"
DISCARD_PORT = 9
"""Nobody listens there on loopback."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the log: a request, the status of its answer and the kind of fault that befell it ("" for none)."""

    request: Request
    status: int
    fault: str
    is_later_page: bool


class World:
    """A running server. Made by `serve`."""

    def __init__(
        self, snapshot: Snapshot, manners: Manners, reach: Mapping[str, str], latency_s: float, token_life_s: float
    ) -> None:
        self.latency_s = latency_s
        self.tokens = Tokens(token_life_s)
        self.before: Callable[[Request], None] = lambda request: None
        """Called with each request before it is answered: a test changes the world here (see `show`)."""
        self.most_in_flight = 0
        self.failures: list[BaseException] = []
        self._manners = manners
        self._how = dict(reach)
        self._plan = Plan()
        self._log: list[Exchange] = []
        self._in_flight = 0
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="googleserver-")
        self.folder = Path(self._folder.name)
        self._listeners = Listeners(self._respond)
        self._public = certificates.make_authority("Public Root of the Test")
        self._public_tls = certificates.server_context(self._public, self.folder, "public")
        self.public_ca_file = self.folder / "public-ca.pem"
        """What clients must trust for DNS endpoints and Connect Gateway, as they trust public authorities."""
        self.public_ca_file.write_bytes(self._public.pem)
        self.ports = {service: self._listeners.open(service) for service in (*SERVICES, "oauth2")}
        self.gateway_port = self._listeners.open("connectgateway", tls=self._public_tls)
        self.cluster_ports: dict[ClusterKey, int] = {}
        self._reach: dict[ClusterKey, JSON] = {}
        self.authorities: dict[ClusterKey, bytes] = {}
        """The PEM certificate of each cluster's own authority."""
        self.scene = Scene(snapshot, manners)
        self.show(snapshot)
        self.project = self.scene.projects[0] if self.scene.projects else "example-tools"
        self.credentials_file = self.folder / "credentials.json"
        key = key_file(refusals.CALLER, self.project, f"{self.identity_url}/token")
        self.credentials_file.write_text(json.dumps(key))
        self.kubeconfig_file = self.folder / "kubeconfig.json"
        self._write_kubeconfig()

    # --- addresses ---

    @property
    def endpoints(self) -> dict[str, str]:
        """Service to URL, as `--endpoint SERVICE=URL` takes them."""
        found = {service: f"http://127.0.0.1:{self.ports[service]}" for service in SERVICES}
        return {
            **found,
            "connectgateway": f"https://localhost:{self.gateway_port}",
            "iamcredentials": self.identity_url,
        }

    @property
    def compute_url(self) -> str:
        return self.endpoints["compute"]

    @property
    def container_url(self) -> str:
        return self.endpoints["container"]

    @property
    def identity_url(self) -> str:
        """Token endpoint (/token), metadata server and generateAccessToken."""
        return f"http://127.0.0.1:{self.ports['oauth2']}"

    @property
    def metadata_host(self) -> str:
        """The value of GCE_METADATA_HOST."""
        return f"127.0.0.1:{self.ports['oauth2']}"

    @property
    def organization(self) -> str:
        return ORGANIZATION

    @property
    def folders(self) -> tuple[str, ...]:
        """The upper folder, and the one below it."""
        return tuple(FOLDERS)

    def environment(self) -> dict[str, str]:
        """What a program needs around it: credentials, trust in the test's public authority, and a proxy to nowhere.

        google-auth looks up a service account's regional access boundary at the real iamcredentials.googleapis.com,
        in a thread of its own; such things end at the proxy.
        """
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials_file),
            "REQUESTS_CA_BUNDLE": str(self.public_ca_file),
            "SSL_CERT_FILE": str(self.public_ca_file),
            "NO_GCE_CHECK": "true",
            "HTTPS_PROXY": self.identity_url,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    @property
    def strays(self) -> tuple[str, ...]:
        """HOST:PORT of everything that was meant to leave this machine and was held back (see `environment`)."""
        return tuple(self._listeners.strays)

    def endpoint_flags(self) -> list[str]:
        return [word for name, url in self.endpoints.items() for word in ("--endpoint", f"{name}={url}")]

    # --- what happened ---

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        with self._lock:
            return tuple(self._log)

    @property
    def requests(self) -> tuple[Request, ...]:
        """In the order in which they were answered."""
        return tuple(exchange.request for exchange in self.exchanges)

    def forget(self) -> None:
        """Begin the log anew."""
        with self._lock:
            self._log.clear()
            self.most_in_flight = 0

    # --- what shall happen ---

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._plan.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._plan = Plan.of(faults)

    @property
    def hits(self) -> tuple[int, ...]:
        """How often each fault has struck."""
        return tuple(self._plan.hits)

    def cut(self) -> None:
        """Break off every connection, also those that hang."""
        self._listeners.cut()

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on."""
        self.tokens.expire_all()

    def show(self, snapshot: Snapshot) -> None:
        """Let the world be another from the next answer on; new clusters get an address."""
        plain = Scene(snapshot, self._manners)
        for key in plain.cluster_keys:
            if key not in self._reach:
                how = self._how.get(key.name, "closed" if key in plain.silent_clusters else "ip")
                self._reach[key] = self._open_cluster(key, how, plain)
        self.scene = Scene(snapshot, self._manners, dict(self._reach))

    def _open_cluster(self, key: ClusterKey, how: str, scene: Scene) -> JSON:
        """Make an address for a cluster; what its description says of it."""
        if how not in REACHES:
            raise ValueError(f"{how!r} is no way to reach a cluster: {REACHES}")
        if how == "gateway":
            number = scene.numbers[key.project]
            return {
                "fleet": {
                    "project": number,
                    "membership": f"//gkehub.googleapis.com/projects/{key.project}/{MEMBERSHIPS}/{key.name}",
                },
                "controlPlaneEndpointsConfig": _endpoints_config(by_ip=False),
            }
        if how == "dns":
            port = self._listeners.open("kubernetes", tls=self._public_tls, cluster=key)
            self.cluster_ports[key] = port
            return {"controlPlaneEndpointsConfig": _endpoints_config(by_ip=False, dns=f"localhost:{port}")}
        authority = certificates.make_authority(f"cluster {key.short}")
        self.authorities[key] = authority.pem
        tls = certificates.server_context(authority, self.folder, f"cluster-{len(self._reach)}")
        match how:
            case "closed":
                port = DISCARD_PORT
            case "silent":
                port = self._listeners.open(SILENCE)
            case _:
                port = self._listeners.open("kubernetes", tls=tls, cluster=key)
        self.cluster_ports[key] = port
        endpoint = f"127.0.0.1:{port}"
        found: dict[str, Any] = {
            "endpoint": endpoint,
            "masterAuth": {"clusterCaCertificate": b64encode(authority.pem).decode()},
            "controlPlaneEndpointsConfig": _endpoints_config(by_ip=True, ip=endpoint),
        }
        if how == "private":
            found["endpoint"] = "192.0.2.1"
            found["privateClusterConfig"] = {"enablePrivateEndpoint": True, "privateEndpoint": endpoint}
            found["controlPlaneEndpointsConfig"] = _endpoints_config(by_ip=True, private=endpoint)
        return found

    def _write_kubeconfig(self) -> None:
        """A kubeconfig (JSON is YAML) with a context for each cluster, named as the cluster is."""
        keys = [key for key in self.cluster_ports if key in self.authorities]
        token, _ = self.tokens.give()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": key.name,
                    "cluster": {
                        "server": f"https://127.0.0.1:{self.cluster_ports[key]}",
                        "certificate-authority-data": b64encode(self.authorities[key]).decode(),
                    },
                }
                for key in keys
            ],
            "users": [{"name": "auditor", "user": {"token": token}}],
            "contexts": [{"name": key.name, "context": {"cluster": key.name, "user": "auditor"}} for key in keys],
            "current-context": keys[0].name if keys else "",
        }
        self.kubeconfig_file.write_text(json.dumps(config))

    # --- answering ---

    def _respond(self, request: Request) -> tuple[Answer, Manner]:
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            if self.latency_s:
                time.sleep(self.latency_s)
            answer, manner, fault = self._answer(request)
        except Exception as error:  # shown to the test when the server closes
            self.failures.append(error)
            answer, manner, fault = Answer(500, repr(error).encode(), "text/plain"), Manner.SENT, "double"
        finally:
            with self._lock:
                self._in_flight -= 1
        with self._lock:
            self._log.append(Exchange(request, answer.status, fault, request.is_later_page))
        return answer, manner

    def _answer(self, request: Request) -> tuple[Answer, Manner, str]:
        if request.service == "connectgateway":
            request = self._through_gateway(request)
        self.before(request)
        scene = self.scene
        number = scene.number_of(request)
        if request.service != "oauth2" and not self.tokens.accepts(request.headers.get("authorization")):
            return self._nobody(request), Manner.SENT, ""
        if request.service == "connectgateway" and request.cluster is None:
            return refusals.not_found(request, request.path.rpartition("/gkeMemberships/")[0]), Manner.SENT, ""
        if request.cluster is not None and request.cluster not in scene.cluster_keys:
            return Answer(503, b""), Manner.RESET, ""  # deleted: nobody is there
        if any(quota.is_used_up(request) for quota in self._manners.quotas):
            return refusals.quota_exceeded(request, number), Manner.SENT, "quota"
        good = partial(self._good, scene, request)
        spoiled, fault = self._plan.strike(request, good, number)
        return spoiled.answer, spoiled.manner, fault

    def _through_gateway(self, request: Request) -> Request:
        """The cluster that a Connect Gateway path names, by project number and membership."""
        parts = request.path.split("/")
        if parts[1:3] != ["v1", "projects"] or "gkeMemberships" not in parts:
            raise UnsupportedError(request.target)
        if parts[3] not in self.scene.ids or parts[3] in self.scene.projects:
            raise UnsupportedError(f"{request.target}: Connect Gateway wants a project number")
        project, name = self.scene.ids[parts[3]], parts[parts.index("gkeMemberships") + 1]
        keys = [key for key in self.scene.cluster_keys if (key.project, key.name) == (project, name)]
        return replace(request, cluster=keys[0]) if keys and self._how.get(name) == "gateway" else request

    @staticmethod
    def _nobody(request: Request) -> Answer:
        if request.cluster is not None and "authorization" not in request.headers:
            group, plural, *_ = "", "services"
            return refusals.kube_forbidden("system:anonymous", "list", group, plural, "")
        return refusals.unauthenticated(request)

    def _good(self, scene: Scene, request: Request) -> Answer:
        if request.service == "oauth2":
            return serve_identity(self.tokens, request, self.project, scene.numbers.get(self.project, "1"))
        if request.cluster is not None:
            return serve_kubernetes(scene, request)
        return SERVICES[request.service](scene, request)

    def close(self) -> None:
        self._listeners.close()
        self._folder.cleanup()


def _endpoints_config(*, by_ip: bool, ip: str = "", private: str = "", dns: str = "") -> dict[str, Any]:
    """controlPlaneEndpointsConfig as the Container API gives it."""
    by_address: dict[str, Any] = {"enabled": by_ip}
    if by_ip:
        by_address |= {"enablePublicEndpoint": bool(ip)}
        by_address |= {"publicEndpoint": ip} if ip else {"privateEndpoint": private}
    name = {"endpoint": dns, "allowExternalTraffic": True} if dns else {"allowExternalTraffic": False}
    return {"dnsEndpointConfig": name, "ipEndpointsConfig": by_address}


@contextmanager
def serve(
    snapshot: Snapshot | Path,
    *,
    faults: Iterable[Fault] = (),
    latency_s: float = 0,
    manners: Manners | None = None,
    reach: Mapping[str, str] | None = None,
    token_life_s: float = 3600,
) -> Iterator[World]:
    """Serve a snapshot until the block ends.

    `reach` says how clusters are reached, by name (see REACHES; the default is by IP, or not at all for a cluster of
    which the snapshot knows nothing). Raises what went wrong inside the server, if anything did, when the block ends.
    """
    held = read_snapshot(snapshot) if isinstance(snapshot, Path) else snapshot
    world = World(held, manners or Manners(), reach or {}, latency_s, token_life_s)
    try:
        world.faults = tuple(faults)
        yield world
    finally:
        world.close()
    if world.failures:
        raise world.failures[0]
