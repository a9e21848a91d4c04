"""The second look: one fresh GET of everything that would be called waste, just before it is.

Asked through google-cloud-compute's typed clients: what is compared here are a handful of fields whose types it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from auditor.model.names import ResourceName
from auditor.model.snapshot import JSON, Category, Coverage, Status

from . import libraries
from .failures import RequestFailed, failure_of, invalid
from .google import DEFAULT_UNIVERSE, GoogleApi, Network, connection_failure, widen


@dataclass(frozen=True, slots=True)
class Get:
    """How one kind in one sort of scope is asked for."""

    client: str
    """The client class of google-cloud-compute; "" = it has none, legacy health checks are asked for over REST."""
    argument: str
    permission: str


def _get(client: str, argument: str) -> Get:
    kind = client.removesuffix("Client")
    return Get(client, argument, f"compute.{kind[0].lower()}{kind[1:]}.get")


GETS: Mapping[tuple[str, str], Get] = {
    ("forwardingRules", "global"): _get("GlobalForwardingRulesClient", "forwarding_rule"),
    ("forwardingRules", "regions"): _get("ForwardingRulesClient", "forwarding_rule"),
    ("addresses", "global"): _get("GlobalAddressesClient", "address"),
    ("addresses", "regions"): _get("AddressesClient", "address"),
    ("backendServices", "global"): _get("BackendServicesClient", "backend_service"),
    ("backendServices", "regions"): _get("RegionBackendServicesClient", "backend_service"),
    ("targetPools", "regions"): _get("TargetPoolsClient", "target_pool"),
    ("targetHttpProxies", "global"): _get("TargetHttpProxiesClient", "target_http_proxy"),
    ("targetHttpProxies", "regions"): _get("RegionTargetHttpProxiesClient", "target_http_proxy"),
    ("targetHttpsProxies", "global"): _get("TargetHttpsProxiesClient", "target_https_proxy"),
    ("targetHttpsProxies", "regions"): _get("RegionTargetHttpsProxiesClient", "target_https_proxy"),
    ("targetTcpProxies", "global"): _get("TargetTcpProxiesClient", "target_tcp_proxy"),
    ("targetTcpProxies", "regions"): _get("RegionTargetTcpProxiesClient", "target_tcp_proxy"),
    ("targetSslProxies", "global"): _get("TargetSslProxiesClient", "target_ssl_proxy"),
    ("targetGrpcProxies", "global"): _get("TargetGrpcProxiesClient", "target_grpc_proxy"),
    ("urlMaps", "global"): _get("UrlMapsClient", "url_map"),
    ("urlMaps", "regions"): _get("RegionUrlMapsClient", "url_map"),
    ("networkEndpointGroups", "global"): _get("GlobalNetworkEndpointGroupsClient", "network_endpoint_group"),
    ("networkEndpointGroups", "regions"): _get("RegionNetworkEndpointGroupsClient", "network_endpoint_group"),
    ("networkEndpointGroups", "zones"): _get("NetworkEndpointGroupsClient", "network_endpoint_group"),
    ("instanceGroups", "zones"): _get("InstanceGroupsClient", "instance_group"),
    ("instanceGroups", "regions"): Get("RegionInstanceGroupsClient", "instance_group", "compute.instanceGroups.get"),
    ("healthChecks", "global"): _get("HealthChecksClient", "health_check"),
    ("healthChecks", "regions"): _get("RegionHealthChecksClient", "health_check"),
    ("httpHealthChecks", "global"): Get("", "", "compute.httpHealthChecks.get"),
    ("httpsHealthChecks", "global"): Get("", "", "compute.httpsHealthChecks.get"),
    ("firewalls", "global"): _get("FirewallsClient", "firewall"),
    ("sslCertificates", "global"): _get("SslCertificatesClient", "ssl_certificate"),
    ("sslCertificates", "regions"): _get("RegionSslCertificatesClient", "ssl_certificate"),
    ("serviceAttachments", "regions"): _get("ServiceAttachmentsClient", "service_attachment"),
}
"""By collection and the first part of its scope: every kind that is judged."""

FREQUENT = ("ForwardingRulesClient", "GlobalForwardingRulesClient", "AddressesClient", "GlobalAddressesClient")
"""The clients that most second looks take."""
_SCOPE_ARGUMENTS = {"regions": "region", "zones": "zone"}
_ALWAYS = ("users", "target", "usedBy")
"""Fields whose absence says something, too."""
_IF_KNOWN = ("id", "fingerprint", "creationTimestamp")
_FIELDS: Mapping[str, str] = {
    "id": "id",
    "fingerprint": "fingerprint",
    "creationTimestamp": "creation_timestamp",
    "target": "target",
    "backendService": "backend_service",
    "users": "users",
    "usedBy": "used_by",
}
"""The fields that are compared, in JSON and in google-cloud-compute."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the second look at one resource saw."""

    resource: ResourceName
    status: str
    """same, changed, gone or failed."""
    observed: JSON
    coverage: Coverage

    def document(self) -> JSON:
        """Its element of confirm.json (docs/snapshot.md)."""
        return {"resource": self.resource.full, "status": self.status, "observed": dict(self.observed)}


def owner_changed(resource: ResourceName) -> Look:
    """What became waste only by what the second look saw: its owner has just let go of it, which is a change."""
    return Look(resource, "changed", {}, Coverage(f"confirm/{resource.full}", Status.COMPLETE))


class SecondLook:
    """Asks for single resources; one for a whole run, used by many threads."""

    def __init__(self, api: GoogleApi, network: Network, connections: int) -> None:
        self._api = api
        self._network = network
        self._connections = connections
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def close(self) -> None:
        """Close the kept connections; no thread may be at work any more."""
        for client in self._clients.values():
            client.transport.close()

    def look(self, resource: ResourceName, seen: JSON) -> Look:
        """Compare a resource as it is now with how the list showed it. Never raises RequestFailed."""
        scope = f"confirm/{resource.full}"
        try:
            now = self._see(resource)
        except RequestFailed as failure:
            if failure.category is Category.NOT_FOUND:
                return Look(resource, "gone", {}, Coverage(scope, Status.COMPLETE))
            coverage = Coverage(scope, Status.FAILED, failure.category, detail=failure.detail)
            return Look(resource, "failed", {}, coverage)
        status = "same" if is_same(observed(seen), now) else "changed"
        return Look(resource, status, now, Coverage(scope, Status.COMPLETE))

    def _see(self, resource: ResourceName) -> JSON:
        """What is compared of it, as it is now. Raises RequestFailed."""
        get = GETS.get((resource.collection, resource.scope.partition("/")[0]))
        if get is None:
            raise invalid(f"there is no {resource.collection} in {resource.scope}")
        if not get.client:
            return self._ask_plainly(resource)
        patience = self._api.patience
        quota = patience.quotas.of("compute", resource.project)
        return patience.ask(lambda timeout_s: self._ask(resource, get, timeout_s), quota)

    def _ask(self, resource: ResourceName, get: Get, timeout_s: float) -> JSON:
        self._api.tokens.current()
        kind = resource.scope.partition("/")[0]
        request = {"project": resource.project, get.argument: resource.name}
        if kind in _SCOPE_ARGUMENTS:
            request[_SCOPE_ARGUMENTS[kind]] = resource.location
        try:
            found = self._client(get.client).get(request=request, retry=None, timeout=timeout_s)
        except Exception as error:
            failure = _failure_of_client(error, timeout_s)
            if failure is None:
                raise
            raise failure from error
        return _checked(resource, _observed_in(found), str(getattr(found, "name", "")))

    def _ask_plainly(self, resource: ResourceName) -> JSON:
        path = "/".join(quote(item, safe=":") for item in resource.relative.split("/"))
        found = self._api.get("compute", f"/compute/v1/{path}")
        return _checked(resource, observed(found), str(found.get("name", "")))

    def _client(self, name: str) -> Any:
        """The typed client of that name, made once; its session is fitted like every other one."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._make(name)
            return self._clients[name]

    def _make(self, name: str) -> Any:
        make = libraries.compute_client(name)
        from google.api_core.client_options import ClientOptions  # noqa: PLC0415 - imported with the clients

        endpoints = self._api.endpoints
        options: dict[str, Any] = {"api_endpoint": endpoints.root("compute")}
        if endpoints.universe_domain != DEFAULT_UNIVERSE:
            options["universe_domain"] = endpoints.universe_domain
        client = make(
            credentials=self._api.tokens.credentials, client_options=ClientOptions(**options), transport="rest"
        )
        widen(client.transport._session, self._connections, self._network, self._api.patience.clock)
        return client


def _failure_of_client(error: BaseException, timeout_s: float) -> RequestFailed | None:
    """What an exception of a typed client means; None for one that no answer explains."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError  # noqa: PLC0415

    if isinstance(error, RetryError) and error.cause is not None:
        error = error.cause
    if isinstance(error, GoogleAPICallError):
        body = getattr(error.response, "content", b"") or b""
        return failure_of(int(error.code or 0), body, getattr(error.response, "headers", None))
    failure = connection_failure(error, timeout_s)
    if failure is not None:
        return failure
    if isinstance(error, ValueError) or type(error).__name__ == "ParseError":
        return invalid(f"the answer cannot be read: {error}")
    return None


def _checked(resource: ResourceName, found: JSON, name: str) -> JSON:
    if name != resource.name:
        raise invalid(f"the answer is about {name[:60]!r}, not {resource.name}")
    return found


def _observed_in(message: Any) -> JSON:
    """The compared fields of a google-cloud-compute message, as JSON writes them."""
    known = type(message).meta.fields
    values = {name: getattr(message, field) for name, field in _FIELDS.items() if field in known and field in message}
    if "users" in values:
        values["users"] = list(values["users"])
    if "usedBy" in values:
        values["usedBy"] = [{"reference": item.reference} for item in values["usedBy"]]
    return observed(values)


def observed(resource: JSON) -> JSON:
    """What of a resource is compared: what a clean-up compares again before it deletes (docs/report.md), and by what a
    backend service is used, as links."""
    seen: dict[str, Any] = {}
    for name in (*_IF_KNOWN, *_ALWAYS):
        if resource.get(name):
            seen[name] = resource[name]
    if isinstance(seen.get("usedBy"), list):
        seen["usedBy"] = [item.get("reference", "") if isinstance(item, dict) else item for item in seen["usedBy"]]
    if "target" not in seen and resource.get("backendService"):
        seen["target"] = resource["backendService"]
    if "id" in seen:
        seen["id"] = str(seen["id"])  # JSON writes it as text, the typed clients as a number
    return seen


def is_same(before: JSON, now: JSON) -> bool:
    """Whether it is still the same resource, pointing at the same target and used by the same."""
    for name in _IF_KNOWN:
        if name in before and name in now and before[name] != now[name]:
            return False
    return all(_links(before.get(name)) == _links(now.get(name)) for name in _ALWAYS)


def _links(value: Any) -> frozenset[str]:
    """Links without their host and version: lists and single answers need not write them alike."""
    texts = value if isinstance(value, list) else [value or ""]
    return frozenset(str(text).partition("/projects/")[2] or str(text) for text in texts)
