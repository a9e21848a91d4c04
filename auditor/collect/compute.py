"""The Compute collections of a snapshot: how each is listed, which fields travel, and the permissions it takes.

Raw JSON over REST, every page, with `returnPartialSuccess`: a scope that does not answer becomes a gap that names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.model.snapshot import COLLECTIONS, JSON, Category, Coverage, Status, compute_scope

from .failures import RequestFailed, invalid, one_line
from .google import GoogleApi, part

PAGE_SIZE = 500
_EVERY_RESOURCE = ("id", "kind", "name", "selfLink", "creationTimestamp", "description")
_NO_RESULTS = "NO_RESULTS_ON_PAGE"
_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Collection:
    """One Compute collection. `fields` are paths below one resource; empty = all of it travels."""

    name: str
    fields: tuple[str, ...]
    permissions: tuple[str, ...]
    """What listing it in every scope takes: global and regional lists go by names of their own."""
    is_aggregated: bool = True
    """False: the API has no aggregated list; everything of this kind is global."""
    has_warning: bool = True
    """False: the list as a whole has no field for a warning, and asking for one is an error; its scopes have."""

    @property
    def path(self) -> str:
        return f"aggregated/{self.name}" if self.is_aggregated else f"global/{self.name}"

    @property
    def selection(self) -> str:
        """The `fields` parameter: the resources' fields, and all that tells whether the list is whole."""
        below = f"({','.join(self.fields)})" if self.fields else ""
        envelope = "kind,nextPageToken,warning" if self.has_warning else "kind,nextPageToken"
        if self.is_aggregated:
            return f"{envelope},unreachables,items/*/warning,items/*/{self.name}{below}"
        return f"{envelope},items{below}"


def _collection(
    name: str, *fields: str, also: tuple[str, ...] = (), is_aggregated: bool = True, has_warning: bool = True
) -> Collection:
    permissions = tuple(f"compute.{kind}.list" for kind in (name, *also))
    return Collection(name, (*_EVERY_RESOURCE, *fields), permissions, is_aggregated, has_warning)


_PROXY = ("region", "urlMap", "sslCertificates", "fingerprint")
_NETWORK_INTERFACE = tuple(
    f"networkInterfaces/{field}"
    for field in (
        "network",
        "networkIP",
        "ipv6Address",
        "accessConfigs/natIP",
        "accessConfigs/externalIpv6",
        "ipv6AccessConfigs/natIP",
        "ipv6AccessConfigs/externalIpv6",
    )
)

_TABLE = (
    _collection(
        "forwardingRules",
        *("region", "labels", "fingerprint", "IPAddress", "IPProtocol", "loadBalancingScheme", "target"),
        *("backendService", "network", "subnetwork", "networkTier", "portRange", "ports", "allPorts", "ipVersion"),
        *("pscConnectionId", "pscConnectionStatus", "isMirroringCollector"),
        also=("globalForwardingRules",),
    ),
    _collection(
        "addresses",
        *("region", "labels", "status", "address", "addressType", "purpose", "users", "prefixLength", "ipVersion"),
        *("ipCollection", "network", "subnetwork", "networkTier"),
        also=("globalAddresses",),
    ),
    _collection(
        "backendServices",
        *("region", "fingerprint", "loadBalancingScheme", "protocol", "backends/group", "healthChecks", "network"),
        "usedBy/reference",
        also=("regionBackendServices",),
    ),
    _collection("targetPools", "region", "instances", "healthChecks", "backupPool"),
    _collection(
        "targetHttpProxies",
        *("region", "urlMap", "fingerprint"),
        also=("regionTargetHttpProxies",),
        has_warning=False,
    ),
    _collection("targetHttpsProxies", *_PROXY, also=("regionTargetHttpsProxies",)),
    _collection("targetTcpProxies", "region", "service", also=("regionTargetTcpProxies",)),
    _collection("targetSslProxies", "service", "sslCertificates", is_aggregated=False),
    _collection("targetGrpcProxies", "urlMap", "fingerprint", is_aggregated=False),
    # A backend service may be named anywhere in a URL map, also in a field that Google has yet to add: all of it.
    Collection("urlMaps", (), ("compute.urlMaps.list", "compute.regionUrlMaps.list")),
    _collection(
        "networkEndpointGroups",
        *("region", "zone", "networkEndpointType", "size", "network", "subnetwork", "annotations"),
        also=("globalNetworkEndpointGroups", "regionNetworkEndpointGroups"),
    ),
    _collection("instanceGroups", "region", "zone", "size", "network", "fingerprint"),
    _collection("healthChecks", "region", "type", also=("regionHealthChecks",)),
    _collection("httpHealthChecks", is_aggregated=False),
    _collection("httpsHealthChecks", is_aggregated=False),
    _collection("firewalls", "network", "targetTags", "destinationRanges", "direction", is_aggregated=False),
    _collection("sslCertificates", "region", "type", also=("regionSslCertificates",)),
    _collection(
        "serviceAttachments",
        *("region", "fingerprint", "targetService", "producerForwardingRule", "connectedEndpoints/status"),
    ),
    _collection("targetInstances", "zone", "instance"),
    _collection("targetVpnGateways", "region", "labels", "status", "forwardingRules", "network"),
    # Without metadata: it holds start-up scripts and keys.
    _collection(
        "instances",
        *("zone", "labels", "status", "fingerprint", "tags/items", *_NETWORK_INTERFACE),
        *("scheduling/provisioningModel", "scheduling/preemptible"),
    ),
    _collection(
        "routers",
        *("region", "network", "nats/name", "nats/natIps", "nats/drainNatIps"),
        *("nats/rules/action/sourceNatActiveIps", "nats/rules/action/sourceNatDrainIps"),
    ),
    _collection("routes", "network", "nextHopIlb", "destRange", is_aggregated=False),
    _collection("subnetworks", "region", "network", "purpose", "fingerprint"),
    _collection("disks", "region", "zone", "labels", "status", "users", "sizeGb", "type"),
)
TABLE: Mapping[str, Collection] = {name: item for name in COLLECTIONS for item in _TABLE if item.name == name}
"""Every collection of docs/snapshot.md by its name, in that order."""


POINTING = (
    *("forwardingRules", "targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies"),
    *("targetGrpcProxies", "urlMaps", "backendServices", "targetPools", "serviceAttachments", "routes"),
)
"""The collections whose resources need others. Addresses tell themselves who holds them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One list and what is known of it."""

    coverage: Coverage
    items: tuple[JSON, ...] = ()


def fetch(api: GoogleApi, project: str, collection: Collection) -> Listed:
    """Every page of one collection of one project. Never raises RequestFailed: what went wrong is the coverage."""
    pages = _Pages(compute_scope(project, collection.name), collection)
    path = f"/compute/v1/projects/{part(project)}/{collection.path}"
    parameters: dict[str, str | int] = {
        "maxResults": PAGE_SIZE,
        "returnPartialSuccess": "true",
        "fields": collection.selection,
    }
    if collection.is_aggregated:
        parameters["includeAllScopes"] = "true"
    tokens: set[str] = set()
    try:
        while True:
            token = pages.add(api.get("compute", path, parameters))
            if not token:
                return pages.listed()
            if token in tokens:
                raise invalid("the same page was announced twice")
            tokens.add(token)
            parameters["pageToken"] = token
    except RequestFailed as failure:
        return pages.cut_off(failure)


def project_of(value: JSON, paths: tuple[str, ...]) -> JSON:
    """What of a resource travels where `paths` are asked for; everything where there are none."""
    if not paths:
        return value
    chosen: dict[str, tuple[str, ...]] = {}
    for path in paths:
        head, _, below = path.partition("/")
        chosen[head] = (*chosen.get(head, ()), *((below,) if below else ()))
    return {name: _below(value[name], below) for name, below in chosen.items() if name in value}


def _below(value: Any, paths: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_below(item, paths) for item in value]
    return project_of(value, paths) if isinstance(value, dict) else value


class _Pages:
    """The pages of one list, as they come in, and what they say about what they lack."""

    def __init__(self, scope: str, collection: Collection) -> None:
        self.scope = scope
        self.collection = collection
        self.items: list[JSON] = []
        self.problems: dict[str, Category] = {}
        self.missing: set[str] = set()
        self.is_open = False
        """Something is missing, and nobody says where."""
        self.has_scopes = not collection.is_aggregated
        """A scope was named, if only as an empty one. With includeAllScopes a list names all that there are."""
        self.count = 0

    def add(self, page: JSON) -> str:
        """Take one page in; the token of the next, "" after the last. Raises RequestFailed for what is no page."""
        self._check_kind(page)
        token = page.get("nextPageToken", "")
        if not isinstance(token, str):
            raise invalid("nextPageToken is not a string")
        if self.collection.is_aggregated:
            self._add_scopes(page.get("items", {}))
            self._add_unreachables(page.get("unreachables", []))
        else:
            self._add_items(page.get("items", []))
        self._add_warning(page.get("warning"), "")
        self.count += 1
        return token

    def listed(self) -> Listed:
        """The list after its last page. One that names no scope at all does not say that there is nothing in any."""
        if not self.has_scopes and not self.problems:
            self._note(Category.INVALID, "the answer names no scope, not even an empty one", None)
        items = tuple(self.items)
        if not self.problems:
            return Listed(Coverage(self.scope, Status.COMPLETE, count=len(items)), items)
        details = list(self.problems)
        more = f"; and {len(details) - _NAMED_AT_MOST} more" if len(details) > _NAMED_AT_MOST else ""
        coverage = Coverage(
            self.scope,
            Status.PARTIAL,
            next(iter(self.problems.values())),
            missing=() if self.is_open else tuple(sorted(self.missing)),
            detail="; ".join(details[:_NAMED_AT_MOST]) + more,
            count=len(items),
        )
        return Listed(coverage, items)

    def cut_off(self, failure: RequestFailed) -> Listed:
        """The list where a page could not be had: the pages before it are kept, anything may be missing."""
        if not self.count:
            return Listed(Coverage(self.scope, Status.FAILED, failure.category, detail=failure.detail))
        self.problems = {f"page {self.count + 1}: {failure.detail}": failure.category, **self.problems}
        self.is_open = True
        return self.listed()

    def _check_kind(self, page: JSON) -> None:
        kind = page.get("kind")
        if not isinstance(kind, str) or not _is_kind_of(kind, self.collection):
            raise invalid(f"the answer is of kind {str(kind)[:60]!r}, not a list of {self.collection.name}")

    def _add_scopes(self, scopes: Any) -> None:
        if not isinstance(scopes, dict):
            raise invalid("items is not an object of scopes")
        self.has_scopes = self.has_scopes or bool(scopes)
        for name, content in scopes.items():
            if not isinstance(content, dict):
                raise invalid(f"scope {name} is not an object")
            self._add_items(content.get(self.collection.name, []))
            self._add_warning(content.get("warning"), name)

    def _add_items(self, items: Any) -> None:
        if not isinstance(items, list):
            raise invalid(f"{self.collection.name} is not an array")
        for item in items:
            if isinstance(item, dict):
                self.items.append(item)
            else:
                self._note(Category.INVALID, f"element {len(self.items)} is not an object", None)

    def _add_unreachables(self, names: Any) -> None:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise invalid("unreachables is not an array of strings")
        for name in names:
            self._note(Category.UNREACHABLE, f"{name} did not answer", _scope_in(name))

    def _add_warning(self, warning: Any, scope: str) -> None:
        """Any warning but "there is nothing here" means that something may be missing."""
        if warning is None:
            return
        if not isinstance(warning, dict) or not isinstance(warning.get("code"), str):
            raise invalid("a warning is not of the expected shape")
        code, message = warning["code"], warning.get("message")
        if code == _NO_RESULTS:
            return
        category = Category.UNREACHABLE if code in ("UNREACHABLE", "PARTIAL_SUCCESS") else Category.UNKNOWN
        said = f"{code}: {message}" if isinstance(message, str) else code
        named = _scope_in(scope) if scope else _scope_in_data(warning.get("data"))
        self._note(category, one_line(f"{scope}: {said}" if scope else said), named)

    def _note(self, category: Category, detail: str, missing: str | None) -> None:
        self.problems.setdefault(detail, category)
        if missing is None:
            self.is_open = True
        else:
            self.missing.add(missing)


def _is_kind_of(kind: str, collection: Collection) -> bool:
    """compute#addressAggregatedList, compute#urlMapsAggregatedList (in the plural), compute#firewallList, ..."""
    ending = "AggregatedList" if collection.is_aggregated else "List"
    name = kind.removeprefix("compute#").removesuffix(ending)
    is_of_form = kind.startswith("compute#") and kind.endswith(ending) and not name.endswith("Aggregated")
    return is_of_form and _singular(name) == _singular(collection.name)


def _singular(name: str) -> str:
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("ss", "ss"), ("s", "")):
        if name.endswith(ending):
            return name.removesuffix(ending) + replacement
    return name


def _scope_in(text: str) -> str | None:
    """ "global", "regions/R" or "zones/Z", however it is written; None where no scope can be made out."""
    parts = text.strip("/").split("/")
    if parts[-1] == "global":
        return "global"
    if len(parts) >= 2 and parts[-2] in ("regions", "zones") and parts[-1]:
        return f"{parts[-2]}/{parts[-1]}"
    return None


def _scope_in_data(data: Any) -> str | None:
    """The one scope that a warning's data name; None where they name none, or several."""
    found = set(_scopes_in_data(data))
    return found.pop() if len(found) == 1 else None


def _scopes_in_data(data: Any) -> Iterator[str]:
    for item in data if isinstance(data, list) else ():
        value = item.get("value") if isinstance(item, dict) else None
        scope = _scope_in(value) if isinstance(value, str) else None
        if scope is not None:
            yield scope
