"""The snapshot as views, keyed by name, with every object that could not be read turned into a gap.

One pass over the snapshot; everything after it looks up dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from . import compute, kube
from .compute import Reader, Resource
from .kube import Cluster, Meta
from .names import ClusterKey, ResourceName
from .snapshot import (
    COLLECTIONS,
    JSON,
    JUDGED_COLLECTIONS,
    Category,
    Coverage,
    Snapshot,
    cluster_of_scope,
    clusters_scope,
    compute_scope,
    not_collected,
    objects_scope,
    project_scope,
)

View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class Project:
    """One audited project. `is_shared_vpc_host` is None where that is not known."""

    id: str
    number: str
    is_shared_vpc_host: bool | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Views of everything in one snapshot, in order of name whatever the order of the lists."""

    taken_at: datetime | None
    coverage: Mapping[str, Coverage]
    projects: Mapping[str, Project]
    numbers: Mapping[str, str]
    """Project ids by number."""
    unnumbered: tuple[str, ...]
    """The projects whose number is not known."""
    resources: Mapping[ResourceName, Resource]
    """Judged and context resources alike."""
    unreadable: Mapping[ResourceName, str]
    """Judged resources of which only the name could be read, and what is wrong with them."""
    clusters: Mapping[ClusterKey, Cluster]
    services: Mapping[ClusterKey, tuple[kube.Service, ...]]
    ingresses: Mapping[ClusterKey, tuple[kube.Ingress, ...]]
    gateways: Mapping[ClusterKey, tuple[kube.Gateway, ...]]
    http_routes: Mapping[ClusterKey, tuple[kube.HTTPRoute, ...]]
    multi_cluster_ingresses: Mapping[ClusterKey, tuple[kube.MultiClusterIngress, ...]]
    endpoint_slices: Mapping[ClusterKey, tuple[kube.EndpointSlice, ...]]
    plain: Mapping[tuple[ClusterKey, str], tuple[kube.PlainObject, ...]]
    """Namespaces, config maps and Google's small custom resources, by plural."""
    confirmations: Mapping[str, JSON]
    """The second look, by full resource name."""
    warnings: tuple[str, ...]

    def coverage_of(self, scope: str) -> Coverage:
        """What is known of one list; what nobody mentions was not collected."""
        known = self.coverage.get(scope)
        return known if known is not None else not_collected(scope)

    def judged(self) -> Iterable[Resource]:
        """Every resource that gets a verdict, in order of its name."""
        return (item for item in self.resources.values() if item.name.collection in JUDGED_COLLECTIONS)


def build(snapshot: Snapshot) -> Inventory:
    """Parse a snapshot. Never raises: what cannot be read weakens the coverage of its list and is named there."""
    return _Builder(snapshot).build()


class _Builder:
    """The one place that parses; it collects what went wrong beside what went right."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.coverage = dict(snapshot.coverage)
        self.warnings = list(snapshot.warnings)
        self.unreadable: dict[ResourceName, str] = {}

    def build(self) -> Inventory:
        snapshot = self.snapshot
        projects = self._projects()
        numbers = {project.number: project.id for project in projects.values() if project.number}
        unnumbered = tuple(project.id for project in projects.values() if not project.number)
        resources = self._resources(projects, numbers, unnumbered)
        clusters = self._clusters(projects, numbers)
        keys = sorted(clusters)
        return Inventory(
            taken_at=snapshot.taken_at,
            coverage=self.coverage,
            projects=projects,
            numbers=numbers,
            unnumbered=unnumbered,
            resources=resources,
            unreadable=self.unreadable,
            clusters=clusters,
            services=self._objects(keys, "services", kube.parse_service),
            ingresses=self._objects(keys, "ingresses", kube.parse_ingress),
            gateways=self._objects(keys, "gateways", kube.parse_gateway),
            http_routes=self._objects(keys, "httproutes", kube.parse_http_route),
            multi_cluster_ingresses=self._objects(keys, "multiclusteringresses", kube.parse_multi_cluster_ingress),
            endpoint_slices=self._objects(keys, "endpointslices", kube.parse_endpoint_slice),
            plain={
                (key, plural): views
                for plural, parse in _PLAIN.items()
                for key, views in self._objects(keys, plural, parse).items()
            },
            confirmations={
                item["resource"]: item for item in snapshot.confirmations if isinstance(item.get("resource"), str)
            },
            warnings=tuple(self.warnings),
        )

    def _weaken(self, scope: str, detail: str) -> None:
        known = self.coverage.get(scope) or not_collected(scope)
        self.coverage[scope] = known.weakened(Category.INVALID, detail)

    def _projects(self) -> Mapping[str, Project]:
        """Every project of which anything is known, also only by a scope of the manifest."""
        ids = set(self.snapshot.projects) | {project for project, _ in self.snapshot.compute}
        ids |= set(self.snapshot.clusters)
        ids |= {parts[1] for scope in self.coverage if (parts := scope.split("/"))[0] == "projects"}
        return {project: self._project(project) for project in sorted(ids)}

    def _project(self, project: str) -> Project:
        obj = self.snapshot.projects.get(project)
        scope = project_scope(project)
        if obj is None:
            return Project(project, "", None)
        number, host, named = obj.get("projectNumber", ""), obj.get("xpnProjectStatus", ""), obj.get("projectId")
        if not isinstance(number, str | int) or not isinstance(host, str) or named not in (None, project):
            self._weaken(scope, f"project.json of {project} is not the project it stands in")
            return Project(project, "", None)
        is_known = scope not in self.coverage or self.coverage[scope].is_full
        return Project(project, str(number), host == "HOST" if is_known else None)

    def _resources(
        self, projects: Mapping[str, Project], numbers: Mapping[str, str], unnumbered: tuple[str, ...]
    ) -> Mapping[ResourceName, Resource]:
        found: dict[ResourceName, Resource] = {}
        for project in projects:
            for collection in COLLECTIONS:
                reader = Reader(project, collection, numbers, unnumbered)
                for obj in _in_fixed_order(self.snapshot.compute.get((project, collection), ())):
                    self._add_resource(obj, reader, found)
        return dict(sorted(found.items(), key=lambda item: item[0].full))

    def _add_resource(self, obj: JSON, reader: Reader, found: dict[ResourceName, Resource]) -> None:
        scope = compute_scope(reader.project, reader.collection)
        try:
            resource = compute.parse(obj, reader)
        except compute.WrongProject as error:
            self._weaken(scope, f"{_label(obj)} {error}")
            return
        except ValueError as error:
            self._weaken(scope, f"{_label(obj)}: {error}")
            self._keep_unreadable(obj, reader, str(error), found)
            return
        if resource.name in found:
            self._weaken(scope, f"{resource.name.relative} is listed twice")
            return
        found[resource.name] = resource

    def _keep_unreadable(self, obj: JSON, reader: Reader, problem: str, found: dict[ResourceName, Resource]) -> None:
        """What has a readable name is reported as unknown, not lost."""
        bare = {key: obj[key] for key in ("name", "selfLink", "region", "zone") if isinstance(obj.get(key), str)}
        try:
            resource = compute.parse(bare, reader)
        except ValueError:
            return
        if resource.name not in found:
            found[resource.name] = resource
            self.unreadable[resource.name] = problem

    def _clusters(self, projects: Mapping[str, Project], numbers: Mapping[str, str]) -> Mapping[ClusterKey, Cluster]:
        """Listed clusters, and those known only by a folder or a scope: those count as living (docs/snapshot.md)."""
        found: dict[ClusterKey, Cluster] = {}
        for project in projects:
            for obj in _in_fixed_order(self.snapshot.clusters.get(project, ())):
                try:
                    cluster = kube.parse_cluster(obj, project)
                except ValueError as error:
                    self._weaken(clusters_scope(project), f"{_label(obj)}: {error}")
                    continue
                if cluster.key in found:
                    self._weaken(clusters_scope(project), f"{cluster.key.short} is listed twice")
                    continue
                found[cluster.key] = cluster
        named = {key for key, _ in self.snapshot.objects}
        named |= {key for scope in self.coverage if (key := cluster_of_scope(scope)) is not None}
        for key in sorted(named - set(found)):
            found[key] = Cluster(key, "", "UNKNOWN" if key.is_gke else "RUNNING", "", "", None, is_listed=False)
            if key.is_gke:
                self.warnings.append(
                    f"Cluster {key.short} is in the snapshot but not in its project's list of clusters: "
                    "it counts as living"
                )
        return dict(sorted(found.items()))

    def _objects(
        self, keys: list[ClusterKey], plural: str, parse: Callable[[JSON, Meta], View]
    ) -> dict[ClusterKey, tuple[View, ...]]:
        result: dict[ClusterKey, tuple[View, ...]] = {}
        for key in keys:
            scope = objects_scope(key, plural)
            views: dict[tuple[str, str], View] = {}
            for obj in _in_fixed_order(self.snapshot.objects.get((key, plural), ())):
                try:
                    meta = kube.parse_meta(obj, key, plural)
                    view = parse(obj, meta)
                except ValueError as error:
                    self._weaken(scope, f"{_label(obj)}: {error}")
                    continue
                if (meta.namespace, meta.name) in views:
                    self._weaken(scope, f"{meta.key} is listed twice")
                    continue
                views[meta.namespace, meta.name] = view
            result[key] = tuple(view for _, view in sorted(views.items(), key=lambda item: item[0]))
        return result


_PLAIN: Mapping[str, Callable[[JSON, Meta], kube.PlainObject]] = {
    "namespaces": kube.parse_plain,
    "configmaps": kube.parse_config_map,
    "gatewayclasses": kube.parse_plain,
    "serviceattachments": kube.parse_service_attachment_object,
    "servicenetworkendpointgroups": kube.parse_endpoint_group_object,
    "managedcertificates": kube.parse_managed_certificate,
    "networkendpointgroupbindings": kube.parse_endpoint_group_binding,
}


def _in_fixed_order(objects: tuple[JSON, ...]) -> list[JSON]:
    """The same objects in an order that does not depend on how the list stood; twins differ in their text."""
    names = [_label(obj) for obj in objects]
    if len(set(names)) == len(names):
        return list(objects)
    return sorted(objects, key=lambda obj: (_label(obj), repr(_sorted(obj))))


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted((str(key), _sorted(item)) for key, item in value.items())
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _label(obj: JSON) -> str:
    """What to call an object in a message: selfLink, namespace/name or name."""
    link = obj.get("selfLink")
    if isinstance(link, str) and link:
        return link.partition("/projects/")[2] or link
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else obj
    parts = [metadata.get("namespace"), metadata.get("name")]
    return "/".join(part for part in parts if isinstance(part, str) and part) or "an object without a name"
