"""Lists that are read a second time, for the second look: an owner may have been made after its list was read.

An Ingress made anew takes over what its namesake left behind, and nothing of the load balancer changes by that: only
the list of Ingresses tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from auditor.model.snapshot import Status

from . import kubernetes
from .compute import Listed
from .crew import Crew, Milestone
from .failures import RequestFailed
from .harvest import ClusterState, Harvest
from .joining import joined, object_key
from .kubernetes import Connection, Served

OWNERS = (
    "services",
    "ingresses",
    "gateways",
    "serviceattachments",
    "servicenetworkendpointgroups",
    "multiclusteringresses",
    "managedcertificates",
    "networkendpointgroupbindings",
)
"""The kinds whose objects can own or name something: what auditor/match/claims.py makes claims of."""
INGRESS_UID = "configmaps"
"""Read again too: it says which names the Ingress controller gives."""


class Rereading:
    """Lists once more, in a cluster that was read, all that can own or name something, and keeps both readings
    together. `kinds` is what the cluster served when it was read: plural to kind, by "GROUP/VERSION"."""

    def __init__(
        self,
        harvest: Harvest,
        crew: Crew,
        state: ClusterState,
        connection: Connection,
        kinds: Mapping[str, Mapping[str, str] | RequestFailed],
    ) -> None:
        self._harvest = harvest
        self._crew = crew
        self._state = state
        self._connection = connection
        self._kinds = kinds

    def start(self) -> None:
        """Begin. What was not read in full the first time is not asked for: it proves nothing anyway. Where a kind is
        served may not be known any more, if the cluster was reached anew; a kind that is gone has no objects."""
        for plural in self._with(Status.COMPLETE):
            served = self._located(plural, self._connection.groups, self._kinds)
            if isinstance(served, Served):
                self._crew.urge(self._list, served)
            elif isinstance(served, RequestFailed):
                self._keep(plural, kubernetes.not_read(self._state.key, plural, served))
        if self._state.lists[INGRESS_UID].coverage.is_full:
            self._crew.urge(self._read_ingress_uid)
        absent = self._with(Status.ABSENT)
        if absent:
            self._crew.urge(self._discover, absent)

    def _with(self, status: Status) -> list[str]:
        return [plural for plural in OWNERS if self._state.lists[plural].coverage.status is status]

    def _list(self, served: Served) -> None:
        self._keep(served.plural, kubernetes.fetch(self._connection.api, self._state.key, served))

    def _read_ingress_uid(self) -> None:
        self._keep(INGRESS_UID, kubernetes.fetch_ingress_uid(self._connection.api, self._state.key))

    # --- kinds that the cluster did not have ---

    def _discover(self, absent: Sequence[str]) -> None:
        """A kind may have been installed meanwhile, and an object of it made."""
        try:
            groups = kubernetes.fetch_groups(self._connection.api)
        except RequestFailed as failure:
            for plural in absent:
                self._keep(plural, kubernetes.not_read(self._state.key, plural, failure))
            return
        versions = kubernetes.versions_of(absent, groups)
        kinds: dict[str, Mapping[str, str] | RequestFailed] = {}
        are_known = Milestone(len(versions))
        are_known.then(partial(self._list_installed, absent, groups, kinds))
        for version in versions:
            self._crew.urge(self._ask_kinds, version, kinds, are_known)

    def _ask_kinds(
        self, version: str, kinds: dict[str, Mapping[str, str] | RequestFailed], are_known: Milestone
    ) -> None:
        try:
            kinds[version] = kubernetes.fetch_kinds(self._connection.api, version)
        except RequestFailed as failure:
            kinds[version] = failure
        are_known.step()

    def _list_installed(
        self,
        absent: Sequence[str],
        groups: Mapping[str, tuple[str, ...]],
        kinds: Mapping[str, Mapping[str, str] | RequestFailed],
    ) -> None:
        for plural in absent:
            served = self._located(plural, groups, kinds)
            if isinstance(served, Served):
                self._crew.urge(self._list, served)
            elif isinstance(served, RequestFailed):
                self._keep(plural, kubernetes.not_read(self._state.key, plural, served))

    def _located(
        self,
        plural: str,
        groups: Mapping[str, tuple[str, ...]],
        kinds: Mapping[str, Mapping[str, str] | RequestFailed],
    ) -> Served | RequestFailed | None:
        return kubernetes.core(plural) if plural in kubernetes.CORE_KINDS else kubernetes.locate(plural, groups, kinds)

    def _keep(self, plural: str, again: Listed) -> None:
        with self._harvest.lock:
            both = joined(self._state.lists[plural], again, object_key)
            self._state.lists[plural] = both
        self._harvest.count("", both.coverage)
