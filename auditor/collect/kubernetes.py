"""The objects of one cluster, through the kubernetes client: raw lists, discovery, and nothing that is a secret.

The typed models of that client raise on one odd object, so only its transport, its TLS and its credentials are used;
what the API server answers is read as plain JSON.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError
from auditor.model.names import OTHER_CLUSTERS, ClusterKey
from auditor.model.snapshot import API_GROUPS, JSON, Category, Coverage, Status, objects_scope

from . import libraries
from .clusters import Way
from .compute import Listed
from .failures import RequestFailed, failure_of, invalid
from .google import Network, Tokens, connection_failure, json_object, timeouts
from .patience import Patience
from .quotas import Quota, project_in

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

    from .bounded import TrustedContext

PAGE_SIZE = 500
RESTARTS = 3
"""How often a list is begun again because it expired while it was read."""
CORE = "v1"
CORE_KINDS: Mapping[str, str] = {
    "namespaces": "Namespace",
    "services": "Service",
    "nodes": "Node",
    "persistentvolumes": "PersistentVolume",
}
INGRESS_UID = ("kube-system", "ingress-uid")
_OLD_HOMES: Mapping[str, tuple[str, ...]] = {"ingresses": ("extensions",)}
"""API groups in which a very old cluster serves what has another home today."""
_NODE_FIELDS = ("addresses",)
_CONTEXT_LOCATION = "kubeconfig"


# --- the connection ---


class ClusterApi:
    """JSON requests to one cluster's API server: retried, timed out, and every wrong answer a RequestFailed."""

    def __init__(
        self, client: ApiClient, patience: Patience, tokens: Tokens | None, quota: Quota | None = None
    ) -> None:
        self._client = client
        self._quota = quota or Quota()
        """That of Connect Gateway; an API server that is asked directly only says when it has too much to do."""
        self._patience = patience
        self._tokens = tokens
        """None: the client has credentials of its own, out of a kubeconfig."""

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> JSON:
        """GET a JSON object; asked again while that may help. Raises RequestFailed."""
        query = [(name, str(value)) for name, value in (parameters or {}).items()]
        return self._patience.ask(lambda timeout_s: self._attempt("GET", path, query, None, timeout_s), self._quota)

    def close(self) -> None:
        """Close the kept connections; nobody may use it afterwards."""
        self._client.close()  # type: ignore[no-untyped-call, unused-ignore]

    def post(self, path: str, body: JSON) -> JSON:
        """POST a review (it changes nothing) and return the JSON object of its answer."""
        return self._patience.ask(lambda timeout_s: self._attempt("POST", path, [], body, timeout_s), self._quota)

    def _attempt(
        self, method: str, path: str, query: list[tuple[str, str]], body: JSON | None, timeout_s: float
    ) -> JSON:
        until = self._patience.clock() + timeout_s
        token = self._tokens.current() if self._tokens is not None else ""
        status, headers, content = self._exchange(method, path, query, body, until)
        if status == 401 and self._tokens is not None:
            self._tokens.replace(token)
            status, headers, content = self._exchange(method, path, query, body, until)
        if not 200 <= status < 300:
            raise failure_of(status, content, headers)
        return json_object(content, headers.get("Content-Type", ""))

    def _exchange(
        self, method: str, path: str, query: list[tuple[str, str]], body: JSON | None, until: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - imported once a cluster is read

        from .bounded import read_body  # noqa: PLC0415

        clock = self._patience.clock
        left = max(until - clock(), 0.002)
        try:
            raw = self._send(method, path, query, body, timeouts(left))
            return raw.status, raw.headers, read_body(raw, is_over=lambda: clock() > until, timeout_s=left)
        except ApiException as error:
            if error.status:  # clients up to version 35 raise for every status but 2xx
                content = error.body or b""
                return error.status, error.headers or {}, content.encode() if isinstance(content, str) else content
            raise RequestFailed(Category.UNREACHABLE, f"the connection is not trusted: {error.reason}") from error
        except Exception as error:
            failure = connection_failure(error, left)
            if failure is None:
                raise
            raise failure from error

    def _send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: JSON | None,
        limits: tuple[float, float],
    ) -> Any:
        """The urllib3 response, its body not yet read. The client's own call changed its form in version 36."""
        client: Any = self._client
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if hasattr(client, "param_serialize"):
            request = client.param_serialize(
                method, path, query_params=query, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            return client.call_api(*request, _request_timeout=limits).response
        return client.call_api(
            path,
            method,
            {},
            query,
            headers,
            body=body,
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _preload_content=False,
            _request_timeout=limits,
        )


@dataclass(frozen=True, slots=True)
class Connector:
    """Makes connections to clusters. `folder` is private; it holds their CA certificates while the run lasts."""

    tokens: Tokens
    patience: Patience
    network: Network
    folder: Path
    connections: int
    opened: list[ClusterApi] = field(default_factory=list)
    """Every connection that was made, to be closed in the end."""

    def close(self) -> None:
        """Close every connection; no thread may be at work any more."""
        for api in self.opened:
            api.close()

    def by(self, way: Way, key: ClusterKey) -> ClusterApi:
        """A connection to a GKE cluster by one of its ways. An IP address is trusted by its own authority only;
        a CA bundle out of the environment counts for public names alone."""
        libraries.load_kubernetes()
        from kubernetes.client import Configuration  # noqa: PLC0415 - imported once a cluster is read

        configuration: Any = Configuration()
        configuration.host = way.url
        if way.authority:
            path = self.folder / f"{key.project}-{key.location}-{key.name}.pem"
            path.write_bytes(way.authority)
            configuration.ssl_ca_cert = str(path)
            context = _trusting(path)
        else:
            context = self.network.context()
        self._settle(configuration)
        renew = self.tokens.current

        def refresh(configuration: Any) -> None:
            token = renew()
            # Up to version 35 the client knows the first name only, from 36.0.2 on both.
            configuration.api_key = {"authorization": token, "BearerToken": token}

        configuration.api_key_prefix = {"authorization": "Bearer", "BearerToken": "Bearer"}
        refresh(configuration)
        configuration.refresh_api_key_hook = refresh
        service, owner = ("connectgateway", project_in(way.url)) if way.is_gateway else ("kubernetes", way.url)
        quota = self.patience.quotas.of(service, owner)
        return self._connection(configuration, self.tokens, context, quota)

    def by_context(self, kubeconfig: Path | None, context: str) -> ClusterApi:
        """A connection to the cluster of a kubeconfig's context, with that user's credentials. Raises RequestFailed.

        The kubeconfig may name a program that gets the credentials (its `exec`): it has as long as a request.
        """
        libraries.load_kubernetes()
        from kubernetes.client import Configuration  # noqa: PLC0415 - imported once a cluster is read
        from kubernetes.config import load_kube_config  # noqa: PLC0415

        configuration: Any = Configuration()
        timeout_s = self.patience.timeout_s

        def sign_in() -> None:
            load_kube_config(  # type: ignore[no-untyped-call, unused-ignore]
                config_file=None if kubeconfig is None else str(kubeconfig),
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )

        _in_time(timeout_s, sign_in)
        renew = configuration.refresh_api_key_hook
        if renew is not None:
            configuration.refresh_api_key_hook = lambda given: _in_time(timeout_s, lambda: renew(given))
        self._settle(configuration)
        return self._connection(configuration, None, None, self.patience.quotas.of("kubernetes", configuration.host))

    def _settle(self, configuration: Any) -> None:
        configuration.proxy = self.network.proxy
        configuration.no_proxy = self.network.no_proxy
        configuration.connection_pool_maxsize = self.connections
        configuration.retries = False  # Patience asks again, within the deadline

    def _connection(
        self, configuration: Configuration, tokens: Tokens | None, context: TrustedContext | None, quota: Quota
    ) -> ClusterApi:
        from kubernetes.client import ApiClient  # noqa: PLC0415

        from .bounded import bound  # noqa: PLC0415

        client = ApiClient(configuration)
        bound(client.rest_client.pool_manager, context)
        client.user_agent = "gke-auditor"
        api = ClusterApi(client, self.patience, tokens, quota)
        self.opened.append(api)
        return api


def _in_time(timeout_s: float, sign_in: Callable[[], object]) -> None:
    """Let the kubernetes client use a kubeconfig: it bounds no program that it runs, and what it or the file's other
    providers of credentials raise is of no fixed kind. Raises RequestFailed for all of it."""
    raised: list[Exception] = []

    def work() -> None:
        try:
            sign_in()
        except Exception as error:  # told below, in the thread that waits
            raised.append(error)

    thread = threading.Thread(target=work, name="kubeconfig", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        said = f"the kubeconfig's credentials did not come within {round(timeout_s, 1):g} s: does its plug-in wait?"
        raise RequestFailed(Category.TIMEOUT, said)
    if raised:
        raise RequestFailed(Category.UNAUTHENTICATED, f"the kubeconfig cannot be used: {raised[0]}") from raised[0]


def _trusting(path: Path) -> TrustedContext:
    from .bounded import trusting  # noqa: PLC0415

    try:
        return trusting(str(path))
    except OSError as error:
        raise RequestFailed(Category.UNREACHABLE, f"its certificate authority cannot be read: {error}") from error


def find_contexts(kubeconfig: Path | None, wanted: Sequence[str]) -> tuple[str, ...]:
    """The contexts of a kubeconfig to read: the wanted ones, or its current one. Raises UsageError."""
    libraries.load_kubernetes()
    from kubernetes.config import ConfigException, list_kube_config_contexts  # noqa: PLC0415

    where = kubeconfig or "the default kubeconfig"
    try:
        path = None if kubeconfig is None else str(kubeconfig)
        contexts, active = list_kube_config_contexts(path)  # type: ignore[no-untyped-call, unused-ignore]
        names = [str(context["name"]) for context in contexts]
        current = [str(active["name"])] if active else []
    except ConfigException as error:
        if wanted and (kubeconfig is None or kubeconfig.is_file()):
            return tuple(dict.fromkeys(wanted))  # the current context is in disorder, which need not touch these
        raise UsageError(f"Cannot read {where}: {error}", "Name the file with --kubeconfig FILE.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"Cannot read {where}: {error}", "Name the file with --kubeconfig FILE.") from error
    missing = [name for name in wanted if name not in names]
    if missing:
        raise UsageError(
            f"{where} has no context {', '.join(missing)}", "kubectl config get-contexts -o name lists them."
        )
    return tuple(dict.fromkeys(wanted or current))


def context_key(context: str) -> ClusterKey:
    """Where a cluster that is no GKE cluster stands in a snapshot; a context's name may hold slashes."""
    name = context.replace("/", "%2F")
    return ClusterKey(OTHER_CLUSTERS, _CONTEXT_LOCATION, f"%2E{name[1:]}" if name.startswith(".") else name)


def context_of(key: ClusterKey) -> str:
    """The context that `context_key` made a key of."""
    name = "." + key.name[3:] if key.name.startswith("%2E") else key.name
    return name.replace("%2F", "/")


@dataclass(frozen=True, slots=True)
class Connection:
    """A cluster that answers, and the API groups that it serves: group to versions, the preferred one first."""

    api: ClusterApi
    way: str
    groups: Mapping[str, tuple[str, ...]]


def connect(ways: Iterable[tuple[str, Callable[[], ClusterApi]]]) -> Connection:
    """The first of a cluster's ways that answers discovery, which every authenticated account may ask.

    Raises RequestFailed that says what became of each of them.
    """
    failures: list[tuple[str, RequestFailed]] = []
    for kind, make in ways:
        try:
            api = make()
            return Connection(api, kind, fetch_groups(api))
        except RequestFailed as failure:
            if failure.category is Category.NOT_COLLECTED:
                raise
            failures.append((kind, failure))
    if not failures:
        raise RequestFailed(
            Category.UNREACHABLE,
            "it allows no way in: no DNS endpoint with external traffic, no IP endpoint, no fleet membership",
        )
    refused = (Category.FORBIDDEN, Category.UNAUTHENTICATED)
    category = next((item.category for _, item in failures if item.category in refused), failures[0][1].category)
    raise RequestFailed(category, "; ".join(f"{kind}: {failure.detail}" for kind, failure in failures))


# --- discovery ---


@dataclass(frozen=True, slots=True)
class Served:
    """Where a kind of object is served: "GROUP/VERSION", "v1" for the core, and the kind's name."""

    version: str
    plural: str
    kind: str

    @property
    def path(self) -> str:
        return f"/api/v1/{self.plural}" if self.version == CORE else f"/apis/{self.version}/{self.plural}"


def core(plural: str) -> Served:
    return Served(CORE, plural, CORE_KINDS[plural])


def fetch_groups(api: ClusterApi) -> Mapping[str, tuple[str, ...]]:
    """The API groups that a cluster serves. Raises RequestFailed."""
    answer = api.get("/apis")
    listed = answer.get("groups")
    if answer.get("kind") != "APIGroupList" or not isinstance(listed, list) or not listed:
        # Every API server serves some: an empty list would prove that kinds are absent which nobody spoke of.
        raise invalid("the answer is not a list of API groups")
    groups: dict[str, tuple[str, ...]] = {}
    for group in listed:
        try:
            preferred = group.get("preferredVersion") or {}
            versions = [preferred.get("version"), *(item["version"] for item in group["versions"])]
            groups[str(group["name"])] = tuple(dict.fromkeys(str(item) for item in versions if item))
        except (AttributeError, KeyError, TypeError) as error:
            raise invalid("one of the API groups is not of the expected shape") from error
    return groups


def versions_of_interest(groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every "GROUP/VERSION" that may serve what a snapshot holds."""
    homes = [group for group in API_GROUPS if group]
    homes += [old for olds in _OLD_HOMES.values() for old in olds]
    return tuple(f"{group}/{version}" for group in homes for version in groups.get(group, ()))


def versions_of(plurals: Iterable[str], groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every "GROUP/VERSION" that may serve one of these kinds."""
    homes = {home for plural in plurals for home in _homes(plural)}
    return tuple(version for version in versions_of_interest(groups) if version.rpartition("/")[0] in homes)


def _homes(plural: str) -> tuple[str, ...]:
    """The API groups that a kind may stand in."""
    return (*(group for group, plurals in API_GROUPS.items() if plural in plurals), *_OLD_HOMES.get(plural, ()))


def fetch_kinds(api: ClusterApi, version: str) -> Mapping[str, str]:
    """What one "GROUP/VERSION" serves: plural to kind. Raises RequestFailed."""
    answer = api.get(f"/apis/{version}")
    listed = answer.get("resources")
    if answer.get("kind") != "APIResourceList" or answer.get("groupVersion") != version:
        raise invalid(f"the answer is not the list of what {version} serves")
    if not isinstance(listed, list) or not listed:  # a version that serves nothing is not announced
        raise invalid(f"the list of what {version} serves is empty")
    try:
        return {str(item["name"]): str(item["kind"]) for item in listed}
    except (KeyError, TypeError) as error:
        raise invalid(f"the list of what {version} serves is not of the expected shape") from error


def locate(
    plural: str, groups: Mapping[str, tuple[str, ...]], kinds: Mapping[str, Mapping[str, str] | RequestFailed]
) -> Served | RequestFailed | None:
    """Where a kind is served; None where the cluster provably does not serve it; else why that is not known."""
    failure: RequestFailed | None = None
    for group in _homes(plural):
        for name in groups.get(group, ()):
            version = f"{group}/{name}"
            found = kinds.get(version, invalid(f"{version} was not asked"))
            if isinstance(found, RequestFailed):
                failure = failure or found
            elif plural in found:
                return Served(version, plural, found[plural])
    return failure


# --- lists ---


def fetch(api: ClusterApi, key: ClusterKey, served: Served, selector: str = "") -> Listed:
    """Every page of one kind in all namespaces. Never raises RequestFailed: what went wrong is the coverage.

    A list that expires while it is read is begun again: its remainder would be of another moment.
    """
    scope = objects_scope(key, served.plural)
    reading = _Reading(scope, served)
    for _ in range(RESTARTS + 1):
        reading = _Reading(scope, served)
        try:
            return reading.read(api, selector)
        except RequestFailed as failure:
            if failure.status != 410:
                return reading.cut_off(failure)
    return reading.cut_off(invalid(f"the list expired {RESTARTS + 1} times while it was read"))


class _Reading:
    """One attempt at one list."""

    def __init__(self, scope: str, served: Served) -> None:
        self.scope = scope
        self.served = served
        self.items: list[JSON] = []
        self.odd: list[str] = []
        self.count = 0

    def read(self, api: ClusterApi, selector: str) -> Listed:
        parameters: dict[str, str | int] = {"limit": PAGE_SIZE}
        if selector:
            parameters["labelSelector"] = selector
        seen: set[str] = set()
        while True:
            token = self._add(api.get(self.served.path, parameters))
            if not token:
                return self.listed()
            if token in seen:
                raise invalid("the same page was announced twice")
            seen.add(token)
            parameters["continue"] = token

    def listed(self) -> Listed:
        items = tuple(self.items)
        coverage = Coverage(self.scope, Status.COMPLETE, count=len(items))
        if self.odd:
            coverage = replace(
                coverage, status=Status.PARTIAL, category=Category.INVALID, detail="; ".join(self.odd[:3])
            )
        return Listed(coverage, items)

    def cut_off(self, failure: RequestFailed) -> Listed:
        """The list where a page could not be had; the pages before it are kept."""
        if not self.count:
            return Listed(Coverage(self.scope, Status.FAILED, failure.category, detail=failure.detail))
        coverage = Coverage(
            self.scope,
            Status.PARTIAL,
            failure.category,
            detail="; ".join((f"page {self.count + 1}: {failure.detail}", *self.odd[:3])),
            count=len(self.items),
        )
        return Listed(coverage, tuple(self.items))

    def _add(self, page: JSON) -> str:
        """Take one page in; the token of the next, "" after the last."""
        kind, version = f"{self.served.kind}List", self.served.version
        metadata, items = page.get("metadata"), page.get("items")
        if page.get("kind") != kind or page.get("apiVersion") != version:
            found = f"{page.get('apiVersion')} {page.get('kind')}"
            raise invalid(f"the answer is {found[:80]!r}, not {version} {kind}")
        if not isinstance(metadata, dict) or not isinstance(items, list | None):
            raise invalid(f"the answer is not a {kind} of the expected shape")
        token = metadata.get("continue") or ""
        if not isinstance(token, str) or (metadata.get("remainingItemCount") and not token):
            raise invalid("the list says that it goes on, but not where")
        for item in items or ():
            if isinstance(item, dict):
                self.items.append(trimmed(self.served.plural, item))
            else:
                self.odd.append(f"element {len(self.items)} is not an object")
        self.count += 1
        return token


def trimmed(plural: str, obj: JSON) -> JSON:
    """An object without what no audit reads and what makes up half of it: who changed which field, images of nodes."""
    kept = dict(obj)
    metadata = kept.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        kept["metadata"] = {name: value for name, value in metadata.items() if name != "managedFields"}
    if plural == "nodes" and isinstance(kept.get("status"), dict):
        kept["status"] = {name: kept["status"][name] for name in _NODE_FIELDS if name in kept["status"]}
    return kept


def fetch_ingress_uid(api: ClusterApi, key: ClusterKey) -> Listed:
    """The one config map that is ever read. That it does not exist must be said by the API server itself."""
    scope = objects_scope(key, "configmaps")
    namespace, name = INGRESS_UID
    try:
        found = api.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        metadata = found.get("metadata")
        if found.get("kind") != "ConfigMap" or not isinstance(metadata, dict) or metadata.get("name") != name:
            raise invalid(f"the answer is not config map {namespace}/{name}")
    except RequestFailed as failure:
        if failure.status == 404 and f'"{name}" not found' in failure.detail:
            return Listed(Coverage(scope, Status.COMPLETE, count=0))
        return Listed(Coverage(scope, Status.FAILED, failure.category, detail=failure.detail))
    return Listed(Coverage(scope, Status.COMPLETE, count=1), (trimmed("configmaps", found),))


def not_read(key: ClusterKey, plural: str, failure: RequestFailed) -> Listed:
    """A list of which nothing is known."""
    return Listed(Coverage(objects_scope(key, plural), Status.FAILED, failure.category, detail=failure.detail))


def not_served(key: ClusterKey, plural: str) -> Listed:
    """A list of a kind that the cluster does not have: there are provably no such objects."""
    return Listed(Coverage(objects_scope(key, plural), Status.ABSENT))
