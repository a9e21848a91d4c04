"""One cluster's kube-apiserver: discovery, lists in pages, single objects, access reviews."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from auditor.model.names import ClusterKey
from auditor.model.snapshot import API_GROUPS, JSON, PLURALS, Status, objects_scope

from . import refusals
from .exchange import Answer, Request, UnsupportedError
from .faults import LOST_PAGE_TOKEN
from .scene import Scene

KINDS = {
    "namespaces": "Namespace",
    "services": "Service",
    "nodes": "Node",
    "persistentvolumes": "PersistentVolume",
    "configmaps": "ConfigMap",
    "ingresses": "Ingress",
    "ingressclasses": "IngressClass",
    "endpointslices": "EndpointSlice",
    "gateways": "Gateway",
    "gatewayclasses": "GatewayClass",
    "httproutes": "HTTPRoute",
    "serviceattachments": "ServiceAttachment",
    "servicenetworkendpointgroups": "ServiceNetworkEndpointGroup",
    "multiclusteringresses": "MultiClusterIngress",
    "multiclusterservices": "MultiClusterService",
    "managedcertificates": "ManagedCertificate",
    "networkendpointgroupbindings": "NetworkEndpointGroupBinding",
}
VERSIONS = {"servicenetworkendpointgroups": "v1beta1", "networkendpointgroupbindings": "v1beta1"}
"""Where it is not v1."""
BUILT_IN = frozenset({"", "networking.k8s.io", "discovery.k8s.io"})
"""Groups of the server itself: their lists hold objects without kind and apiVersion."""
ALWAYS_SERVED = ("apps", "authorization.k8s.io", "batch", "networking.k8s.io", "discovery.k8s.io")
CLUSTER_WIDE = frozenset({"namespaces", "nodes", "persistentvolumes", "ingressclasses", "gatewayclasses"})
RESOURCE_VERSION = "23649"
LIST_PARAMETERS = frozenset(
    {"limit", "continue", "labelSelector", "fieldSelector", "resourceVersion", "resourceVersionMatch", "pretty"}
)
_GROUP_OF = {plural: group for group, plurals in API_GROUPS.items() for plural in plurals}
_AFTER_EVERYTHING = "\U0010ffff"


def serve_kubernetes(scene: Scene, request: Request) -> Answer:
    """Everything that one cluster answers; `request.cluster` says which."""
    cluster = request.cluster
    if cluster is None:
        raise UnsupportedError(f"{request.target} names no cluster")
    path = request.path
    if "/gkeMemberships/" in path:
        path = "/" + path.partition("/gkeMemberships/")[2].partition("/")[2]
    parts = [part for part in path.split("/") if part]
    if not _is_acceptable(request.headers.get("accept", "*/*")):
        return refusals.status(406, "NotAcceptable", refusals.NOT_ACCEPTABLE, details={})
    match request.method, parts:
        case "GET", ["version"]:
            return refusals.kube_answer({"major": "1", "minor": "33", "gitVersion": "v1.33.4-gke.1172000"})
        case "GET", ["healthz" | "readyz" | "livez"]:
            return Answer(200, b"ok", "text/plain; charset=utf-8", refusals.KUBE_HEADERS)
        case "GET", ["api"]:
            return refusals.kube_answer({"kind": "APIVersions", "versions": ["v1"]})
        case "GET", ["apis"]:
            return refusals.kube_answer(_groups(scene, cluster))
        case "GET", ["apis", group]:
            return _one_group(scene, cluster, group)
        case "GET", ["api", "v1"]:
            return _resources(scene, cluster, "", "v1")
        case "GET", ["apis", group, version]:
            return _resources(scene, cluster, group, version)
        case "POST", ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]:
            return _review(scene, request)
        case "GET", ["api", "v1", *rest]:
            return _objects(scene, request, cluster, "", "v1", rest)
        case "GET", ["apis", group, version, *rest]:
            return _objects(scene, request, cluster, group, version, rest)
    raise UnsupportedError(f"{request.method} {request.path}")


def _is_acceptable(accept: str) -> bool:
    kinds = [part.split(";")[0].strip() for part in accept.split(",")]
    return any(kind in ("application/json", "application/*", "*/*", "") for kind in kinds)


# --- discovery ---


def _served(scene: Scene, cluster: ClusterKey) -> dict[str, dict[str, list[str]]]:
    """Group to version to the plurals in it."""
    served: dict[str, dict[str, list[str]]] = {group: {"v1": []} for group in ("", *ALWAYS_SERVED)}
    for plural in PLURALS:
        if scene.snapshot.coverage_of(objects_scope(cluster, plural)).status is not Status.ABSENT:
            versions = served.setdefault(_GROUP_OF[plural], {})
            versions.setdefault(VERSIONS.get(plural, "v1"), []).append(plural)
    return served


def _groups(scene: Scene, cluster: ClusterKey) -> dict[str, Any]:
    served = _served(scene, cluster)
    groups = [_group(group, served[group]) for group in sorted(served) if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _group(name: str, versions: Mapping[str, Any]) -> dict[str, Any]:
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in sorted(versions)]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def _one_group(scene: Scene, cluster: ClusterKey, group: str) -> Answer:
    versions = _served(scene, cluster).get(group)
    if not group or versions is None:
        return refusals.no_such_page()
    return refusals.kube_answer({"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)})


def _resources(scene: Scene, cluster: ClusterKey, group: str, version: str) -> Answer:
    plurals = _served(scene, cluster).get(group, {}).get(version)
    if plurals is None:
        return refusals.no_such_page()
    resources = [
        {
            "name": plural,
            "singularName": KINDS[plural].lower(),
            "namespaced": plural not in CLUSTER_WIDE,
            "kind": KINDS[plural],
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }
        for plural in plurals
    ]
    named = f"{group}/{version}" if group else version
    return refusals.kube_answer({"kind": "APIResourceList", "groupVersion": named, "resources": resources})


# --- objects ---


def _objects(scene: Scene, request: Request, cluster: ClusterKey, group: str, version: str, rest: list[str]) -> Answer:
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, *names = rest
    if len(names) > 1:
        raise UnsupportedError(f"{request.method} {request.path}")
    name = names[0] if names else ""
    verb = "get" if name else "list"
    is_served = plural in _served(scene, cluster).get(group, {}).get(version, ())
    if not is_served and scene.manners.is_cluster_admin:
        return refusals.no_such_page()
    if not is_served or f"{group}/{plural}" in scene.manners.denied or not _may_read(plural, namespace, name):
        return refusals.kube_forbidden(refusals.CALLER, verb, group, plural, namespace, name)
    everything = scene.snapshot.objects.get((cluster, plural), ())
    good: Callable[[], Answer]
    if name:
        good = lambda: _single(everything, group, version, plural, namespace, name)  # noqa: E731
    else:
        good = lambda: _list(scene, request, everything, group, version, plural, namespace)  # noqa: E731
    return scene.told(objects_scope(cluster, plural), request, good)


def _may_read(plural: str, namespace: str, name: str) -> bool:
    """A least-privilege account reads one config map and no secret."""
    if plural == "configmaps":
        return (namespace, name) == ("kube-system", "ingress-uid")
    return plural in PLURALS


def _single(everything: tuple[JSON, ...], group: str, version: str, plural: str, namespace: str, name: str) -> Answer:
    for obj in everything:
        metadata = obj.get("metadata") or {}
        if metadata.get("name") == name and (metadata.get("namespace") or "") == namespace:
            return refusals.kube_answer(_typed(obj, group, version, plural))
    return refusals.kube_not_found(group, plural, name)


def _typed(obj: JSON, group: str, version: str, plural: str) -> dict[str, Any]:
    named = f"{group}/{version}" if group else version
    return {"kind": KINDS[plural], "apiVersion": named, **obj}


def _list(
    scene: Scene,
    request: Request,
    everything: tuple[JSON, ...],
    group: str,
    version: str,
    plural: str,
    namespace: str,
) -> Answer:
    unknown = set(request.query) - LIST_PARAMETERS
    if unknown or request.value("fieldSelector"):
        raise UnsupportedError(f"{request.target}: the double does not know {sorted(unknown) or 'fieldSelector'}")
    limit = request.value("limit") or "0"
    if not limit.isdigit():
        return refusals.status(400, "BadRequest", f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    token = request.value("continue")
    start = _start_of(token) if token else ""
    if start is None:
        text = "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value"
        return refusals.status(400, "BadRequest", text)
    selector = request.value("labelSelector") or ""
    chosen = {
        _place(obj): obj
        for obj in everything
        if (not namespace or _place(obj).startswith(f"{namespace}/")) and _is_selected(selector, obj)
    }
    left = sorted(place for place in chosen if place > start)
    size = min(int(limit) or len(left), scene.manners.page_size or len(left)) if int(limit) else len(left)
    page, more = left[:size], left[size:]
    metadata: dict[str, Any] = {"resourceVersion": RESOURCE_VERSION}
    if more:
        metadata["continue"] = _token(page[-1])
        if not selector:
            metadata["remainingItemCount"] = len(more)
    is_built_in = group in BUILT_IN
    items = [
        {key: value for key, value in chosen[place].items() if key not in ("kind", "apiVersion")}
        if is_built_in
        else _typed(chosen[place], group, version, plural)
        for place in page
    ]
    named = f"{group}/{version}" if group else version
    return refusals.kube_answer(
        {"kind": f"{KINDS[plural]}List", "apiVersion": named, "metadata": metadata, "items": items}
    )


def _place(obj: JSON) -> str:
    """The key under which etcd sorts it."""
    metadata = obj.get("metadata") or {}
    name = str(metadata.get("name", ""))
    return f"{metadata['namespace']}/{name}" if metadata.get("namespace") else name


def _token(place: str) -> str:
    start = {"v": "meta.k8s.io/v1", "rv": int(RESOURCE_VERSION), "start": f"{place}\x00"}
    return base64.urlsafe_b64encode(json.dumps(start, separators=(",", ":")).encode()).decode().rstrip("=")


def _start_of(token: str) -> str | None:
    if token == LOST_PAGE_TOKEN:
        return _AFTER_EVERYTHING
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return str(found["start"]).removesuffix("\x00")
    except (ValueError, KeyError, TypeError):
        return None


def _is_selected(selector: str, obj: JSON) -> bool:
    labels = (obj.get("metadata") or {}).get("labels") or {}
    return all(_holds(term.strip(), labels) for term in re.split(r",(?![^(]*\))", selector) if term.strip())


def _holds(term: str, labels: Mapping[str, str]) -> bool:
    """One requirement of a label selector."""
    among = re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", term)
    if among:
        values = {value.strip() for value in among.group(3).split(",")}
        return (labels.get(among.group(1)) in values) == (among.group(2) == "in")
    equal = re.fullmatch(r"([^\s=!]+)\s*(==|=|!=)\s*(\S*)", term)
    if equal:
        return (labels.get(equal.group(1)) == equal.group(3)) == (equal.group(2) != "!=")
    return term[1:] not in labels if term.startswith("!") else term in labels


# --- access ---


def _review(scene: Scene, request: Request) -> Answer:
    """A SelfSubjectAccessReview, answered 201."""
    asked = request.json()
    wanted = asked["spec"].get("resourceAttributes") or {}
    group, plural = wanted.get("group", ""), wanted.get("resource", "")
    is_read = wanted.get("verb") in ("get", "list")
    is_allowed = (
        is_read
        and f"{group}/{plural}" not in scene.manners.denied
        and _may_read(plural, wanted.get("namespace", ""), wanted.get("name", ""))
    )
    status: dict[str, Any] = {"allowed": is_allowed}
    if is_allowed:
        user = f'User "{refusals.CALLER}"'
        status["reason"] = f'RBAC: allowed by ClusterRoleBinding "lb-audit" of ClusterRole "lb-audit" to {user}'
    made = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
    return refusals.kube_answer({**made, "spec": asked["spec"], "status": status}, 201)
