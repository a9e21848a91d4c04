"""Canonical names of Compute resources and clusters.

A resource is known by (project, scope, collection, name): an address, a forwarding rule and a target pool
share one name, and so can a global and a regional rule (ownership.md, section 1).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COMPUTE_PREFIX = "//compute.googleapis.com/"
CONTAINER_PREFIX = "//container.googleapis.com/"
OTHER_CLUSTERS = "_"
"""The project folder under which clusters that are not GKE clusters stand in a snapshot."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, order=True)
class ResourceName:
    """The identity of one Compute resource; `scope` is "global", "regions/R" or "zones/Z"."""

    project: str
    scope: str
    collection: str
    name: str

    @property
    def relative(self) -> str:
        """projects/P/{global|regions/R|zones/Z}/COLLECTION/NAME."""
        return f"projects/{self.project}/{self.scope}/{self.collection}/{self.name}"

    @property
    def full(self) -> str:
        """The full resource name, as the report writes it."""
        return COMPUTE_PREFIX + self.relative

    @property
    def location(self) -> str:
        """ "global", the region or the zone."""
        return self.scope.rpartition("/")[2]

    @property
    def region(self) -> str | None:
        """The region the resource stands in; None for a global one."""
        return region_of(self.scope)

    def __str__(self) -> str:
        return self.full


def region_of(scope_or_location: str) -> str | None:
    """The region of "regions/R", "zones/Z", "R" or "Z"; None for "global".

    A region's name ends in a number, a zone's is its region's and one more part: us-central1-a, us-south1-ai1b.
    """
    location = scope_or_location.rpartition("/")[2]
    if location in ("", "global"):
        return None
    head, _, tail = location.rpartition("-")
    return head if head[-1:].isdigit() and tail[:1].isalpha() else location


def parse_link(
    link: str,
    *,
    project: str | None = None,
    numbers: Mapping[str, str] | None = None,
) -> ResourceName | None:
    """The name behind a link to a Compute resource, or None if the text is no such link.

    Every form that the APIs, gcloud and annotations use is understood: full URLs of any host and version,
    "//compute.googleapis.com/projects/...", "projects/...", "/projects/..." and, where `project` is given,
    "regions/R/...", "zones/Z/..." and "global/...". What stands before "projects/" is ignored. `numbers` maps
    project numbers to ids.
    """
    parts = [part for part in link.strip().split("/") if part]
    if "projects" in parts:
        parts = parts[parts.index("projects") + 1 :]
        if not parts:
            return None
        project, parts = parts[0], parts[1:]
    if project is None:
        return None
    if numbers:
        project = numbers.get(project, project)
    if len(parts) == 3 and parts[0] == "global":
        return ResourceName(project, "global", parts[1], parts[2])
    if len(parts) == 4 and parts[0] in ("regions", "zones"):
        return ResourceName(project, f"{parts[0]}/{parts[1]}", parts[2], parts[3])
    return None


def possible_names(
    link: str, *, project: str | None, numbers: Mapping[str, str], unnumbered: Sequence[str]
) -> tuple[ResourceName, ...]:
    """What a link may mean: one name, none, or one for each project of `unnumbered` (whose number is not known) where
    the link gives a project number that belongs to no known project. A link not understood must not vanish."""
    name = parse_link(link, project=project, numbers=numbers)
    if name is None:
        return ()
    if not name.project.isdigit() or not unnumbered:
        return (name,)
    return tuple(ResourceName(owner, name.scope, name.collection, name.name) for owner in unnumbered)


@dataclass(frozen=True, slots=True, order=True)
class ClusterKey:
    """The identity of one cluster. For a cluster that is no GKE cluster `project` is "_" and `name` its context."""

    project: str
    location: str
    name: str

    @property
    def is_gke(self) -> bool:
        return self.project != OTHER_CLUSTERS

    @property
    def folder(self) -> str:
        """Its folder in a snapshot, which is also the beginning of its coverage scopes."""
        return f"clusters/{self.project}/{self.location}/{self.name}"

    @property
    def full(self) -> str:
        """As reports write it: the full resource name, or kubeconfig:<context>."""
        if not self.is_gke:
            return f"kubeconfig:{self.name}"
        return f"{CONTAINER_PREFIX}projects/{self.project}/locations/{self.location}/clusters/{self.name}"

    @property
    def short(self) -> str:
        """For sentences: project/location/name."""
        return f"{self.project}/{self.location}/{self.name}" if self.is_gke else f"kubeconfig:{self.name}"

    @property
    def region(self) -> str | None:
        """The region its regional resources stand in; None where it is not known (not a GKE cluster)."""
        return region_of(self.location) if self.is_gke else None

    def __str__(self) -> str:
        return self.full


def parse_ip(text: str) -> IPAddress:
    """The address of "203.0.113.7", "2001:db8::1" or "2001:db8::/96" (the prefix length is dropped).

    Raises ValueError for anything else. IPv6 rules hold a /96 (ownership.md, section 6).
    """
    return ipaddress.ip_address(text.strip().partition("/")[0])


def is_loopback(host: str) -> bool:
    """Whether a host name is an address of this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
