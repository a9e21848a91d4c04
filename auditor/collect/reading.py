"""The reading of one cluster: connect, discover, list, and check that it is the one that was meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from auditor.model.names import ClusterKey
from auditor.model.nouns import counted
from auditor.model.snapshot import API_GROUPS, JSON, PLURALS, Category

from . import identity, kubernetes, slices
from .compute import Listed
from .crew import Crew, Milestone, after
from .failures import RequestFailed
from .harvest import ClusterState, Harvest
from .joining import joined, object_key
from .kubernetes import ClusterApi, Connection, Served
from .rereading import INGRESS_UID, OWNERS, Rereading

CORE_AT_ONCE = ("namespaces", "nodes", "persistentvolumes")
"""What names a cluster and its machines but owns no load balancer: it need not wait for the Compute lists."""
_NAME_SERVICES = ("services", "ingresses", "httproutes")
"""The lists that say which Services stand behind a load balancer."""

Way = tuple[str, Callable[[], ClusterApi]]


class ClusterReading:
    """Reads one cluster. Owners are listed only once `compute_before` is reached: what was made between is seen."""

    def __init__(
        self,
        harvest: Harvest,
        crew: Crew,
        state: ClusterState,
        compute_before: Sequence[Milestone],
        done: Callable[[], object],
    ) -> None:
        self._harvest = harvest
        self._crew = crew
        self._state = state
        self._compute_before = compute_before
        self._done = done
        self._connection: Connection | None = None
        self._kinds: dict[str, Mapping[str, str] | RequestFailed] = {}
        self._slices: list[Listed] = []
        self._services_are_named = Milestone(len(_NAME_SERVICES))

    def start(self, ways: Sequence[Way]) -> None:
        """Begin. `ways` are the ways to reach it, the first choice in front."""
        self._state.is_read.then(self._finish)
        self._crew.urge(self._connect, ways)

    @property
    def key(self) -> ClusterKey:
        return self._state.key

    def begin_again(self) -> None:
        """List once more what can own or name something; nothing to do in a cluster that was not reached."""
        if self._connection is not None:
            Rereading(self._harvest, self._crew, self._state, self._connection, self._kinds).start()

    def reach_again(self, ways: Sequence[Way]) -> None:
        """Reach a cluster that an earlier run has read, and begin again. What cannot be had again is a gap; what was
        not read in full proves nothing anyway, and is not asked for."""
        if any(self._state.lists[plural].coverage.is_full for plural in (*OWNERS, INGRESS_UID)):
            self._crew.urge(self._connect_again, ways)

    def _connect_again(self, ways: Sequence[Way]) -> None:
        key = self._state.key
        try:
            connection = kubernetes.connect(ways)
        except RequestFailed as failure:
            self._lose(failure)
            return
        namespaces = kubernetes.fetch(connection.api, key, kubernetes.core("namespaces"))
        known = identity.uid_of(self._state.lists["namespaces"].items)
        uid = identity.uid_of(namespaces.items)
        if namespaces.coverage.is_gap or (known and not uid):
            category = namespaces.coverage.category or Category.INVALID
            self._lose(RequestFailed(category, f"namespaces: {namespaces.coverage.detail or 'no kube-system'}"))
            return
        if known and uid != known:
            with self._harvest.lock:
                self._state.disown("the endpoint answered for another cluster when it was asked again")
            return
        self._connection = connection
        versions = kubernetes.versions_of_interest(connection.groups)
        kinds_are_known = Milestone(len(versions))
        for version in versions:
            self._crew.urge(self._ask_kinds, connection, version, kinds_are_known)
        kinds_are_known.then(self.begin_again)

    def _lose(self, failure: RequestFailed) -> None:
        """It cannot be reached any more: an owner that was made since may stand in any of its lists."""
        for plural in (*OWNERS, INGRESS_UID):
            known = self._state.lists[plural]
            if not known.coverage.is_full:
                continue
            lost = joined(known, kubernetes.not_read(self._state.key, plural, failure), object_key)
            with self._harvest.lock:
                self._state.lists[plural] = lost
            self._harvest.count("", lost.coverage)

    def _connect(self, ways: Sequence[Way]) -> None:
        key = self._state.key
        try:
            connection = kubernetes.connect(ways)
        except RequestFailed as failure:
            for plural in PLURALS:
                self._keep(plural, kubernetes.not_read(key, plural, failure))
            return
        self._connection = connection
        for plural in CORE_AT_ONCE:
            self._crew.urge(self._list, connection, kubernetes.core(plural))
        versions = kubernetes.versions_of_interest(connection.groups)
        kinds_are_known = Milestone(len(versions))
        for version in versions:
            self._crew.urge(self._ask_kinds, connection, version, kinds_are_known)
        after([kinds_are_known, *self._compute_before], partial(self._list_owners, connection))

    def _ask_kinds(self, connection: Connection, version: str, are_known: Milestone) -> None:
        try:
            self._kinds[version] = kubernetes.fetch_kinds(connection.api, version)
        except RequestFailed as failure:
            self._kinds[version] = failure
        are_known.step()

    def _list_owners(self, connection: Connection) -> None:
        """Every kind that may own or name a load balancer or an address, and the EndpointSlices of those Services."""
        self._services_are_named.then(partial(self._start_slices, connection))
        self._crew.urge(self._list, connection, kubernetes.core("services"))
        self._crew.urge(self._read_ingress_uid, connection)
        for plural in (plural for group, plurals in API_GROUPS.items() if group for plural in plurals):
            if plural != "endpointslices":
                served = self._located(connection, plural)
                if served is not None:
                    self._crew.urge(self._list, connection, served)

    def _located(self, connection: Connection, plural: str) -> Served | None:
        """Where to list a kind; None where there is nothing to list, which is kept at once."""
        key, served = self._state.key, kubernetes.locate(plural, connection.groups, self._kinds)
        if isinstance(served, Served):
            return served
        if isinstance(served, RequestFailed):
            self._keep(plural, kubernetes.not_read(key, plural, served))
        else:
            self._keep(plural, kubernetes.not_served(key, plural))
        return None

    def _list(self, connection: Connection, served: Served) -> None:
        self._keep(served.plural, kubernetes.fetch(connection.api, self._state.key, served))

    def _read_ingress_uid(self, connection: Connection) -> None:
        self._keep("configmaps", kubernetes.fetch_ingress_uid(connection.api, self._state.key))

    def _start_slices(self, connection: Connection) -> None:
        served = self._located(connection, "endpointslices")
        if served is None:
            return
        key, lists = self._state.key, self._state.lists
        services = slices.services_behind({plural: lists[plural].items for plural in _NAME_SERVICES})
        selectors = list(slices.selectors(services))
        are_read = Milestone(len(selectors))
        are_read.then(lambda: self._keep("endpointslices", slices.joined(key, services, self._slices)))
        for selector in selectors:
            self._crew.urge(self._list_slices, connection, served, selector, are_read)

    def _list_slices(self, connection: Connection, served: Served, selector: str, are_read: Milestone) -> None:
        listed = kubernetes.fetch(connection.api, self._state.key, served, selector)
        with self._harvest.lock:
            self._slices.append(listed)
        are_read.step()

    def _keep(self, plural: str, listed: Listed) -> None:
        with self._harvest.lock:
            self._state.lists[plural] = listed
        if plural in _NAME_SERVICES:
            self._services_are_named.step()
        self._state.is_read.step()

    def _finish(self) -> None:
        """All lists are here: are they those of this cluster?"""
        state = self._state
        checked = identity.check(
            state.key, state.listed, state.lists["namespaces"], state.lists["nodes"], self._machines()
        )
        with self._harvest.lock:
            state.identity = checked
            if checked.is_gap and checked.category is Category.INVALID:
                state.disown(checked.detail)
        gaps = [coverage for coverage in state.coverage() if coverage.is_gap]
        self._harvest.count("clusters_done", *gaps)
        told = f": {counted(len(gaps), 'gap')}, the first: {gaps[0].scope}: {gaps[0].detail}" if gaps else ""
        self._harvest.tell(f"cluster {state.key.short}{told}")
        self._done()

    def _machines(self) -> Mapping[str, JSON]:
        """The VMs of the cluster's project, as far as they were listed."""
        project = self._harvest.projects.get(self._state.key.project)
        listed = project.lists.get("instances") if project is not None else None
        return identity.by_place(listed.items) if listed is not None else {}
