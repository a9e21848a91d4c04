"""Which projects are read, and what each of them is: named ones, those of folders and organizations, Shared VPC hosts.

Below a folder or organization Cloud Asset Inventory knows which projects own load balancers, addresses or clusters;
where it may not be asked, Resource Manager lists every project instead.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.model.names import CONTAINER_PREFIX, parse_link
from auditor.model.snapshot import JSON, Category, Coverage, Status, project_scope

from .failures import RequestFailed, invalid
from .google import GoogleApi, Parameters, part

PAGE_SIZE = 500
ASSET_TYPES = (
    # Patterns: the global kinds have types of their own in some universes and not in others.
    r"compute\.googleapis\.com/.*ForwardingRule",
    r"compute\.googleapis\.com/.*Address",
    r"container\.googleapis\.com/Cluster",
)
SEARCH_PERMISSION = "cloudasset.assets.searchAllResources"
WALK_PERMISSIONS = ("resourcemanager.folders.list", "resourcemanager.projects.list")
"""What Resource Manager asks for where Cloud Asset Inventory cannot be asked."""
PROJECT_PERMISSIONS = ("compute.projects.get", "resourcemanager.projects.get")
_KEPT = ("name", "parent", "projectId", "state", "displayName", "createTime", "labels")
HOST = "HOST"
"""xpnProjectStatus of a Shared VPC host."""
_BEING_DELETED = "DELETE_REQUESTED"


@dataclass(frozen=True, slots=True)
class Parent:
    """A folder or organization whose projects are audited."""

    kind: str
    """ "folders" or "organizations"."""
    number: str

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.number}"

    @property
    def scope(self) -> str:
        """The coverage scope of its projects (docs/snapshot.md)."""
        return f"{self.name}/projects"


def parse_parent(kind: str, text: str) -> Parent:
    """The number of a folder or organization, bare or as "folders/123". Raises ValueError."""
    number = text.strip().removeprefix(f"{kind}/")
    if not re.fullmatch(r"\d{1,30}", number, re.ASCII):
        raise ValueError(f"{text!r} is not the number of one of the {kind}, like 123456789012")
    return Parent(kind, number)


def pages(
    api: GoogleApi, service: str, path: str, key: str, parameters: Parameters, *, told: str = ""
) -> Iterator[JSON]:
    """The objects under `key` on every page of a list. Raises RequestFailed, also after some of them were given.

    `told` is a text that every page has, also an empty one; "": there is none.
    """
    asked = dict(parameters)
    tokens: set[str] = set()
    while True:
        page = api.get(service, path, asked)
        found, token = page.get(key, []), page.get("nextPageToken", "")
        # These APIs say "nothing" with an empty object; anything else in its place is another answer.
        is_list = isinstance(page.get(told), str) if told else key in page or not set(page) - {"nextPageToken", "kind"}
        if not is_list or not isinstance(token, str) or not isinstance(found, list) or token in tokens:
            raise invalid(f"the answer is not a page of {key}")
        if not all(isinstance(item, dict) for item in found):
            raise invalid(f"one of the {key} is not an object")
        yield from found
        if not token:
            return
        tokens.add(token)
        asked["pageToken"] = token


# --- discovery ---


@dataclass(frozen=True, slots=True)
class Discovery:
    """The projects below a folder or organization, and whether these are all of them."""

    projects: tuple[str, ...]
    coverage: Coverage


def search(api: GoogleApi, parent: Parent) -> tuple[str, ...]:
    """The ids of the projects below `parent` that own load balancers, addresses or clusters. Raises RequestFailed."""
    found: set[str] = set()
    parameters: Parameters = {"assetTypes": ASSET_TYPES, "pageSize": PAGE_SIZE, "readMask": "name,project"}
    for asset in pages(api, "cloudasset", f"/v1/{parent.name}:searchAllResources", "results", parameters):
        found.add(_project_in(asset))
    return tuple(sorted(found))


def _project_in(asset: JSON) -> str:
    name = asset.get("name")
    if isinstance(name, str):
        resource = parse_link(name)
        if resource is not None:
            return resource.project
        match name.removeprefix(CONTAINER_PREFIX).split("/"):
            case ["projects", project, *_] if project:
                return project
    raise invalid(f"the name of an asset cannot be read: {str(name)[:100]!r}")


def _is_named(item: JSON, kind: str) -> bool:
    name = item.get("projectId") if kind == "projects" else item.get("name")
    return isinstance(name, str) and bool(re.fullmatch(r"[^/]+" if kind == "projects" else r"folders/\d+", name))


class FolderWalk:
    """Every active project below a folder or organization by Resource Manager, many folders at a time.

    `submit` runs a function in another thread, some time; `done` gets the result when the last folder is read.
    """

    def __init__(
        self,
        api: GoogleApi,
        parent: Parent,
        why: RequestFailed,
        submit: Callable[..., object],
        done: Callable[[Discovery], object],
    ) -> None:
        self._api = api
        self._parent = parent
        self._why = why
        self._submit = submit
        self._done = done
        self._lock = threading.Lock()
        self._left = 0
        self._projects: set[str] = set()
        self._failures: list[tuple[str, RequestFailed]] = []

    def start(self) -> None:
        self._visit([self._parent.name])

    def _visit(self, parents: Sequence[str]) -> None:
        with self._lock:
            self._left += len(parents)
        for parent in parents:
            self._submit(self._read, parent)

    def _read(self, parent: str) -> None:
        projects, folders = self._list("projects", parent), self._list("folders", parent)
        with self._lock:
            self._projects |= {project["projectId"] for project in projects}
        self._visit([folder["name"] for folder in folders])
        with self._lock:
            self._left -= 1
            is_last = not self._left
        if is_last:
            self._done(self._discovery())

    def _list(self, kind: str, parent: str) -> list[JSON]:
        """The projects or folders right below; those that are being deleted own nothing that is charged. One that does
        not say which it is may be any: the list is not whole."""
        found: list[JSON] = []
        try:
            parameters: Parameters = {"parent": parent, "pageSize": PAGE_SIZE}
            for item in pages(self._api, "cloudresourcemanager", f"/v3/{kind}", kind, parameters):
                if item.get("state") == _BEING_DELETED:
                    continue
                if _is_named(item, kind):
                    found.append(item)
                else:
                    self._failed(kind, parent, invalid(f"one of the {kind} has no name that can be read"))
        except RequestFailed as failure:
            self._failed(kind, parent, failure)
        return found

    def _failed(self, kind: str, parent: str, failure: RequestFailed) -> None:
        with self._lock:
            self._failures.append((f"{kind} of {parent}", failure))

    def _discovery(self) -> Discovery:
        projects = tuple(sorted(self._projects))
        instead = f"by Resource Manager: Cloud Asset Inventory could not be asked ({self._why.detail})"
        if not self._failures:
            return Discovery(
                projects, Coverage(self._parent.scope, Status.COMPLETE, detail=instead, count=len(projects))
            )
        what, failure = min(self._failures, key=lambda item: item[0])
        more = f" and {len(self._failures) - 1} more" if len(self._failures) > 1 else ""
        detail = f"{what}{more}: {failure.detail}; {instead}"
        status = Status.PARTIAL if projects else Status.FAILED
        return Discovery(projects, Coverage(self._parent.scope, status, failure.category, detail=detail))


# --- one project ---


@dataclass(slots=True)
class Description:
    """What the APIs say about one project, put together from three answers."""

    project: str
    resource: JSON | None = None
    """Resource Manager's project."""
    host_status: str | None = None
    """xpnProjectStatus; None: not known."""
    host: str | None = None
    """The Shared VPC host whose networks it uses; "" = none, None = not known."""
    failures: dict[str, RequestFailed] = field(default_factory=dict)
    kept: tuple[JSON | None, Coverage] | None = None
    """project.json and its coverage as an earlier run has left them; nothing is asked then."""

    @classmethod
    def restored(cls, project: str, document: JSON | None, coverage: Coverage) -> Description:
        """What an earlier run found out about a project. The host that it uses is not part of a snapshot."""
        found = document or {}
        number = str(found.get("projectNumber", ""))
        resource = {**found, "name": f"projects/{number}"} if number else None
        told = str(found.get("xpnProjectStatus", ""))
        host_status = told if told or (document is not None and coverage.is_full) else None
        return cls(project, resource, host_status, kept=(document, coverage))

    @property
    def number(self) -> str:
        return str(self.resource["name"]).rpartition("/")[2] if self.resource is not None else ""

    @property
    def is_host(self) -> bool:
        return self.host_status == HOST

    @property
    def may_be_host(self) -> bool:
        """It is one, or nobody knows."""
        return self.host_status is None or self.is_host

    def document(self) -> JSON | None:
        """project.json (docs/snapshot.md); None where nothing is known."""
        if self.kept is not None:
            return self.kept[0]
        if self.resource is None and self.host_status is None:
            return None
        kept = {key: self.resource[key] for key in _KEPT if key in self.resource} if self.resource else {}
        document: dict[str, Any] = {**kept, "projectId": self.project}
        if self.number:
            document["projectNumber"] = self.number
        if self.host_status:
            document["xpnProjectStatus"] = self.host_status
        return document

    def coverage(self) -> Coverage:
        if self.kept is not None:
            return self.kept[1]
        scope = project_scope(self.project)
        detail = "; ".join(f"{what}: {failure.detail}" for what, failure in sorted(self.failures.items()))
        if self.failures:
            category = self.failures[min(self.failures)].category
        elif None in (self.resource, self.host_status, self.host):
            category, detail = Category.NOT_COLLECTED, "interrupted before it was read"
        else:
            return Coverage(scope, Status.COMPLETE)
        status = Status.PARTIAL if self.document() is not None else Status.FAILED
        return Coverage(scope, status, category, detail=detail)


def fetch_resource(api: GoogleApi, named: str) -> JSON:
    """Resource Manager's project, by id or number. Raises RequestFailed."""
    answer = api.get("cloudresourcemanager", f"/v3/projects/{part(named)}")
    name, project = answer.get("name"), answer.get("projectId")
    if not isinstance(name, str) or not re.fullmatch(r"projects/\d+", name) or not isinstance(project, str):
        raise invalid("the answer is not a project of Resource Manager")
    if named not in (project, name.removeprefix("projects/")):
        raise invalid(f"the answer describes project {project}")
    return answer


def fetch_host_status(api: GoogleApi, project: str) -> str:
    """xpnProjectStatus of a project, "" where the API leaves it out. Raises RequestFailed."""
    answer = api.get("compute", f"/compute/v1/projects/{part(project)}", {"fields": "kind,name,xpnProjectStatus"})
    status = answer.get("xpnProjectStatus", "")
    if answer.get("kind") != "compute#project" or answer.get("name") != project or not isinstance(status, str):
        raise invalid("the answer is not this project of Compute Engine")
    return status


def fetch_host(api: GoogleApi, project: str) -> str:
    """The Shared VPC host whose networks a project uses, "" for none. Raises RequestFailed."""
    answer = api.get("compute", f"/compute/v1/projects/{part(project)}/getXpnHost")
    name = answer.get("name", "")
    if answer.get("kind") != "compute#project" or not isinstance(name, str):
        raise invalid("the answer is not a project of Compute Engine")
    return name


def fetch_service_projects(api: GoogleApi, host: str) -> Coverage:
    """Whether the service projects of a Shared VPC host could be listed, and which they are (in the detail)."""
    scope = f"projects/{host}/service-projects"
    try:
        path = f"/compute/v1/projects/{part(host)}/getXpnResources"
        found = sorted(
            str(item.get("id", "")) for item in pages(api, "compute", path, "resources", {"maxResults": PAGE_SIZE})
        )
    except RequestFailed as failure:
        return Coverage(scope, Status.FAILED, failure.category, detail=failure.detail)
    return Coverage(scope, Status.COMPLETE, detail=", ".join(found[:20]), count=len(found))


def missing_discovery(parent: Parent, failure: RequestFailed) -> Coverage:
    """The coverage of a folder or organization that could not be asked for its projects at all."""
    return Coverage(parent.scope, Status.FAILED, failure.category or Category.UNKNOWN, detail=failure.detail)
