"""EndpointSlices, only of the Services behind a load balancer: a cluster may hold a hundred times as many others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auditor.model.names import ClusterKey
from auditor.model.snapshot import JSON, Coverage, Status, objects_scope

from .compute import Listed
from .kubernetes import ClusterApi, Served, fetch

SERVICE_LABEL = "kubernetes.io/service-name"
_LONGEST_SELECTOR = 1500
"""Characters of names in one label selector: it travels in the URL."""


def services_behind(objects: Mapping[str, Sequence[JSON]]) -> tuple[str, ...]:
    """ "namespace/name" of every Service that a load balancer may send traffic to: those of type LoadBalancer, those
    that an Ingress of a GCE class names, and those of HTTPRoutes. `objects` are the lists read so far, by plural.

    An odd object names nothing here; the inventory will name it as a gap.
    """
    found: set[str] = set()
    for service in objects.get("services", ()):
        if _at(service, "spec", "type") == "LoadBalancer":
            found |= _keys(service, [_at(service, "metadata", "name")])
    for ingress in objects.get("ingresses", ()):
        if _is_gce(ingress):
            found |= _keys(ingress, _ingress_services(ingress))
    for route in objects.get("httproutes", ()):
        for rule in _list(_at(route, "spec", "rules")):
            for ref in _list(_at(rule, "backendRefs")):
                if _at(ref, "kind") in (None, "", "Service"):
                    found |= _keys(route, [_at(ref, "name")], _at(ref, "namespace"))
    return tuple(sorted(found))


def _keys(owner: JSON, names: Sequence[Any], namespace: Any = None) -> set[str]:
    where = namespace or _at(owner, "metadata", "namespace")
    if not isinstance(where, str):
        return set()
    return {f"{where}/{name}" for name in names if isinstance(name, str) and name}


def _is_gce(ingress: JSON) -> bool:
    """Ingresses of another controller have no load balancer of Google's (ownership.md, section 3, P7)."""
    named = _at(ingress, "metadata", "annotations", "kubernetes.io/ingress.class")
    if isinstance(named, str) and named:
        return named.startswith("gce")
    return _at(ingress, "spec", "ingressClassName") in (None, "")


def _ingress_services(ingress: JSON) -> list[Any]:
    backends = [_at(ingress, "spec", "defaultBackend"), _at(ingress, "spec", "backend")]
    for rule in _list(_at(ingress, "spec", "rules")):
        backends += [_at(path, "backend") for path in _list(_at(rule, "http", "paths"))]
    return [_at(backend, "service", "name") or _at(backend, "serviceName") for backend in backends]


def _at(value: Any, *keys: str) -> Any:
    """What stands at a path of keys; None where the path ends early."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def selectors(services: Sequence[str]) -> Iterator[str]:
    """Label selectors that find the slices of all these Services, each short enough for a URL.

    A selector knows names only: namesakes in other namespaces come along and are sorted out later.
    """
    names: list[str] = []
    length = 0
    for name in sorted({service.partition("/")[2] for service in services}):
        if names and length + len(name) > _LONGEST_SELECTOR:
            yield f"{SERVICE_LABEL} in ({','.join(names)})"
            names, length = [], 0
        names.append(name)
        length += len(name) + 1
    if names:
        yield f"{SERVICE_LABEL} in ({','.join(names)})"


def nothing_to_fetch(key: ClusterKey) -> Listed:
    """No Service stands behind a load balancer: the list is complete for none, and no request is needed."""
    return Listed(Coverage(objects_scope(key, "endpointslices"), Status.COMPLETE, count=0, services=()))


def fetch_slices(api: ClusterApi, key: ClusterKey, served: Served, selector: str) -> Listed:
    """The slices that one selector finds. Never raises RequestFailed."""
    return fetch(api, key, served, selector)


def joined(key: ClusterKey, services: Sequence[str], parts: Sequence[Listed]) -> Listed:
    """The slices of these Services, put together; the coverage names the Services that it speaks of."""
    wanted = set(services)
    items = tuple(item for listed in parts for item in listed.items if _service_of(item) in wanted)
    coverage = next((listed.coverage for listed in parts if listed.coverage.is_gap), None)
    if coverage is None:
        coverage = Coverage(objects_scope(key, "endpointslices"), Status.COMPLETE)
    elif items and coverage.status is Status.FAILED:
        coverage = replace(coverage, status=Status.PARTIAL)
    count = None if coverage.status is Status.FAILED else len(items)
    return Listed(replace(coverage, count=count, services=tuple(sorted(wanted))), items)


def _service_of(item: JSON) -> str:
    return f"{_at(item, 'metadata', 'namespace')}/{_at(item, 'metadata', 'labels', SERVICE_LABEL)}"
