"""What a whole organization, folder or project holds of some Compute collections, as Cloud Asset Inventory knows it.

One list in place of one for each project and collection (`--inventory asset`). The inventory lags: what it holds may be
changed or gone, and what is new may be missing. So it is the first look only. It is asked for what the second look
asks the live API for again wherever waste would be, and only for collections whose asset types cover every scope that
they have: these types stand in Google's list "Supported asset types" (three copies of it, 2026-11-25), and either
the regional ones have a type of their own, or there is only one scope. TargetHttpProxy, UrlMap, HealthCheck,
SslCertificate, NetworkEndpointGroup and others stand there, too, but nobody says whether regional ones are among them.
A type that the API does not know is an error to it (INVALID_ARGUMENT, reference of "assets.list"), not an empty list.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.model.names import parse_link
from auditor.model.snapshot import JSON, Coverage, Snapshot, Status, compute_scope

from . import compute
from .compute import Listed
from .crew import Milestone
from .failures import RequestFailed, invalid
from .google import GoogleApi, Parameters
from .projects import pages

PAGE_SIZE = 1000
LIST_PERMISSION = "cloudasset.assets.listResource"
_PREFIX = "compute.googleapis.com/"
_SOURCE = "as Cloud Asset Inventory had it at"
TYPES: Mapping[str, tuple[str, ...]] = {
    "forwardingRules": ("ForwardingRule", "GlobalForwardingRule"),
    "addresses": ("Address", "GlobalAddress"),
    "backendServices": ("BackendService", "RegionBackendService"),
    "targetPools": ("TargetPool",),
    "targetSslProxies": ("TargetSslProxy",),
    "httpHealthChecks": ("HttpHealthCheck",),
    "httpsHealthChecks": ("HttpsHealthCheck",),
    "firewalls": ("Firewall",),
    "serviceAttachments": ("ServiceAttachment",),
}
"""Collection to its asset types, without "compute.googleapis.com/"."""
COLLECTION_OF: Mapping[str, str] = {f"{_PREFIX}{kind}": name for name, kinds in TYPES.items() for kind in kinds}
"""Asset type to collection."""
_QUESTION: Parameters = {"contentType": "RESOURCE", "assetTypes": tuple(COLLECTION_OF)}


def fetch(
    api: GoogleApi, parent: str, read_at: datetime, holds: Callable[[str], bool]
) -> Mapping[tuple[str, str], list[JSON]]:
    """By project id and collection: the resources below `parent` ("folders/1", "projects/ID") as they were at one
    moment, of those projects that `holds` is true of. Raises RequestFailed, also where only the last page is lost."""
    found: dict[tuple[str, str], list[JSON]] = {}
    parameters: Parameters = {**_QUESTION, "pageSize": PAGE_SIZE, "readTime": f"{read_at:%Y-%m-%dT%H:%M:%SZ}"}
    for asset in pages(api, "cloudasset", f"/v1/{parent}/assets", "assets", parameters, told="readTime"):
        project, collection, resource = _resource_in(asset)
        if holds(project):
            # The whole of a resource comes; what is kept is what a list would have brought.
            kept = compute.project_of(resource, compute.TABLE[collection].fields)
            found.setdefault((project, collection), []).append(kept)
    return found


def probe(api: GoogleApi, parent: str) -> None:
    """Ask for no more than one resource below `parent`, to see whether the inventory answers. Raises RequestFailed."""
    api.get("cloudasset", f"/v1/{parent}/assets", {**_QUESTION, "pageSize": 1})


def _resource_in(asset: JSON) -> tuple[str, str, JSON]:
    """Project id, collection and resource of an asset. Raises RequestFailed for what is none, or contradicts itself."""
    name, collection = asset.get("name"), COLLECTION_OF.get(str(asset.get("assetType")))
    content = asset.get("resource")
    resource = content.get("data") if isinstance(content, dict) else None
    if not isinstance(name, str) or collection is None or not isinstance(resource, dict):
        raise invalid(f"an asset cannot be read: {str(name)[:100]!r}")
    named, linked = parse_link(name), parse_link(str(resource.get("selfLink", "")))
    if named is None or linked is None or named.project.isdigit():
        raise invalid(f"the name of an asset cannot be read: {name[:100]!r}")
    if named != linked or named.collection != collection:
        raise invalid(f"an asset is of another resource than its name says: {name[:100]!r}")
    return named.project, collection, resource


def is_of_inventory(coverage: Coverage) -> bool:
    """Whether a list came out of the inventory, in this run or in the one that wrote the snapshot."""
    return _SOURCE in coverage.detail


def rests_on_inventory(snapshot: Snapshot) -> bool:
    """Whether any list of a snapshot came out of the inventory."""
    return any(is_of_inventory(coverage) for coverage in snapshot.coverage.values())


@dataclass(slots=True)
class Holding:
    """What the inventory holds below one organization, folder or project, once that is read."""

    parent: str
    read_at: datetime
    is_read: Milestone = field(default_factory=Milestone)
    resources: Mapping[tuple[str, str], list[JSON]] = field(default_factory=dict)
    failure: RequestFailed | None = None

    def read(self, api: GoogleApi, holds: Callable[[str], bool]) -> None:
        """Ask for it. What fails is kept: the projects are listed one by one instead."""
        try:
            self.resources = fetch(api, self.parent, self.read_at, holds)
        except RequestFailed as failure:
            self.failure = failure
        self.is_read.step()

    def listed(self, project: str, collection: str) -> Listed:
        """A collection of a project, after a reading that did not fail: of what it does not hold there was none."""
        items = tuple(self.resources.get((project, collection), ()))
        detail = f"{_SOURCE} {self.read_at:%Y-%m-%dT%H:%M:%SZ}"
        scope = compute_scope(project, collection)
        return Listed(Coverage(scope, Status.COMPLETE, detail=detail, count=len(items)), items)

    def instead(self, listed: Listed) -> Listed:
        """A list of the live API that was read in place of the inventory, and says so."""
        if self.failure is None:
            return listed
        why = f"listed live: Cloud Asset Inventory could not be asked ({self.failure.detail})"
        detail = "; ".join(part for part in (listed.coverage.detail, why) if part)
        return replace(listed, coverage=replace(listed.coverage, detail=detail))


class Holdings:
    """The readings of one run, each begun once, when it is first needed; used by many threads."""

    def __init__(self, begin: Callable[[Holding], object], read_at: datetime) -> None:
        self._begin = begin
        self._read_at = read_at
        self._lock = threading.Lock()
        self._holdings: dict[str, Holding] = {}

    def below(self, parent: str) -> Holding:
        """What is or will be read below `parent`."""
        with self._lock:
            if parent in self._holdings:
                return self._holdings[parent]
            holding = self._holdings[parent] = Holding(parent, self._read_at)
        self._begin(holding)
        return holding
