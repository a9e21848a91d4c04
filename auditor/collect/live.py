"""A live run: what is asked when, and what waits for what.

The order of the consistency protocol holds for each cluster: its project's clusters are listed, then the Compute lists
that may hold its resources are read, then its objects, then the clusters once more (a new one is read too), and last
comes the second look at all that would be called waste. Everything else happens at the same time.

The second look looks at both sides, all of it in flight together: a fresh GET of each root that would be waste, and
once more the lists of everything that could own or need it: the clusters, in each cluster that was reached the kinds
whose objects can own or name something, and in the projects where it stands the Compute resources that point at others.
What was made after its list was read is seen by that; what is gone meanwhile still counts. A list that cannot be had
again is a gap. What the new lists make waste that was none before has just lost its owner: it counts as changed.
Nothing is asked where nothing would be waste.

Where Cloud Asset Inventory is asked for what stands in the projects (Plan.asks_inventory), that is the first look only:
the second one asks for all of that again, from the live API, in the projects where something would be waste, and, where
that is a firewall rule of a Shared VPC host, in the projects that use its networks.

A task of an execution (Plan.share) reads its share of the projects, and whatever Shared VPC hosts those lead to; the
second look is then that of all parts together (look_again), and reaches the clusters anew.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from auditor.errors import UsageError
from auditor.model.names import OTHER_CLUSTERS, ClusterKey, ResourceName, parse_link
from auditor.model.nouns import counted
from auditor.model.snapshot import JSON, Coverage, Snapshot, Status, project_scope

from . import assets, clusters, compute, confirm, kubernetes, libraries, projects
from .assets import Holding, Holdings
from .clusters import Cluster
from .crew import Crew, Milestone, after
from .failures import RequestFailed
from .google import Account, Endpoints, GoogleApi, Network, network_of, sign_in
from .harvest import SECOND_LOOK, ClusterState, Harvest, Progress, ProjectState
from .joining import joined, resource_key
from .kubernetes import Connector
from .patience import Patience
from .projects import Discovery, FolderWalk, Parent
from .reading import ClusterReading, Way
from .restoring import restore
from .shares import Share

__all__ = [
    "DEFAULT_CONCURRENCY",
    "Collected",
    "Plan",
    "Progress",
    "collect",
    "find_contexts",
    "look_again",
    "named_projects",
]

DEFAULT_CONCURRENCY = 32
_CONNECTIONS_TO_A_CLUSTER = 20
_GRACE_S = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """What a live run reads, and as whom."""

    projects: tuple[str, ...] = ()
    """Ids or numbers. Without any, and without parents and contexts: the project of the credentials."""
    parents: tuple[Parent, ...] = ()
    kubeconfig: Path | None = None
    contexts: tuple[str, ...] = ()
    impersonate: str = ""
    quota_project: str = ""
    endpoints: Endpoints = field(default_factory=Endpoints)
    concurrency: int = DEFAULT_CONCURRENCY
    asks_inventory: bool = False
    """One list of Cloud Asset Inventory in place of many Compute lists, as far as it goes."""
    share: Share | None = None
    """What of all this one task of an execution reads; None: everything."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a run has read. `interruption` is what broke it off (to be raised again once the snapshot is safe)."""

    snapshot: Snapshot
    interruption: BaseException | None = None


def collect(
    plan: Plan,
    patience: Patience,
    environment: Mapping[str, str],
    *,
    tool: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[Progress], object] = lambda progress: None,
    would_be_waste: Callable[[Snapshot], Iterable[ResourceName]] = lambda snapshot: (),
) -> Collected:
    """Read everything that `plan` names.

    `would_be_waste` gives the roots that the second look is for; `on_progress` is called from many threads. Raises
    UsageError for a plan that cannot be carried out and NothingRead without usable credentials; all else that fails is
    the coverage of the snapshot. Ctrl-C and SIGTERM end it: what was read until then is returned.
    """
    network = network_of(environment)
    contexts = find_contexts(plan)
    account = _sign_in(plan, patience, network)
    named = named_projects(plan, account, contexts)
    harvest = Harvest(now().astimezone(UTC).replace(microsecond=0), tool, on_progress, plan.share)
    with _running(plan, patience, network, account, harvest) as run:
        interruption = run.carry_out(partial(run.read, named, contexts), would_be_waste)
    return Collected(harvest.snapshot(), interruption)


def look_again(
    plan: Plan,
    patience: Patience,
    environment: Mapping[str, str],
    snapshot: Snapshot,
    *,
    on_progress: Callable[[Progress], object] = lambda progress: None,
    would_be_waste: Callable[[Snapshot], Iterable[ResourceName]],
) -> Collected:
    """The second look at a snapshot that others have read: that of the merged parts of an execution.

    Of `plan` counts how to ask, not what. Raises what `collect` raises. The snapshot is as it was, or more careful,
    where something cannot be had again; a cluster that is gone meanwhile stays as it was read.
    """
    network = network_of(environment)
    account = _sign_in(plan, patience, network)
    harvest = Harvest(snapshot.taken_at, snapshot.tool, on_progress)
    restore(harvest, snapshot)
    harvest.other.pop(SECOND_LOOK, None)  # what the parts say of it, and what is made up for here
    with _running(plan, patience, network, account, harvest) as run:
        interruption = run.carry_out(run.resume, would_be_waste)
    return Collected(replace(harvest.snapshot(), warnings=snapshot.warnings), interruption)


def _sign_in(plan: Plan, patience: Patience, network: Network) -> Account:
    return sign_in(patience, network, plan.endpoints, impersonate=plan.impersonate, quota_project=plan.quota_project)


@contextmanager
def _running(plan: Plan, patience: Patience, network: Network, account: Account, harvest: Harvest) -> Iterator[_Run]:
    """A run that counts its requests and leaves neither connections nor files behind."""
    patience.count_request = partial(_count_request, harvest)
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        run = _Run(plan, patience, network, account, harvest, Path(folder))
        try:
            yield run
        finally:
            run.close()


def find_contexts(plan: Plan) -> tuple[str, ...]:
    """The contexts of a kubeconfig that are to be read. Raises UsageError for one that is not there."""
    if not plan.contexts and plan.kubeconfig is None:
        return ()
    return kubernetes.find_contexts(plan.kubeconfig, plan.contexts)


def named_projects(plan: Plan, account: Account, contexts: Sequence[str]) -> tuple[str, ...]:
    """The projects to begin with: those of the plan, else that of the credentials. Raises UsageError for none."""
    named = plan.projects
    if not named and not plan.parents and not contexts and account.project:
        named = (account.project,)
    if not named and not plan.parents and not contexts:
        raise UsageError(
            "Nothing to audit: no project is named, and the credentials belong to none",
            "Name one with --project ID, or all of them with --folder or --organization NUMBER.",
        )
    return tuple(dict.fromkeys(named))


def _count_request(harvest: Harvest) -> None:
    harvest.count("requests")
    harvest.tell()


class _Run:
    """One live run: it starts what can start, and what has to wait hangs on milestones."""

    def __init__(
        self,
        plan: Plan,
        patience: Patience,
        network: Network,
        account: Account,
        harvest: Harvest,
        folder: Path,
    ) -> None:
        self._plan = plan
        self._patience = patience
        self._harvest = harvest
        self._api = GoogleApi(account.tokens, plan.endpoints, patience, network, connections=plan.concurrency)
        self._second_look = confirm.SecondLook(self._api, network, plan.concurrency)
        connections = min(plan.concurrency, _CONNECTIONS_TO_A_CLUSTER)
        self._connector = Connector(account.tokens, patience, network, folder, connections)
        self._crew = Crew(plan.concurrency)
        self._holdings: Holdings | None = None
        if plan.asks_inventory and harvest.taken_at is not None:
            self._holdings = Holdings(partial(self._crew.urge, self._read_holding), harvest.taken_at)
        self._compute_is_read = Milestone()
        """Every project is known, and no Compute list is outstanding anywhere."""
        self._has_warmed_up = threading.Lock()
        self._readings: list[ClusterReading] = []
        self._unreached: dict[str, list[ClusterState]] = {}
        """By project: clusters that an earlier run has read, and that this one has yet to reach."""

    def carry_out(
        self, begin: Callable[[], object], would_be_waste: Callable[[Snapshot], Iterable[ResourceName]]
    ) -> BaseException | None:
        """`begin`, and all that comes of it, up to the second look; the KeyboardInterrupt or SystemExit that ended it
        early, if one did."""
        try:
            begin()
            self._crew.wait()
            self._drop_twins()
            self._look_again(would_be_waste)
        except (KeyboardInterrupt, SystemExit) as interruption:
            self._harvest.was_interrupted = True
            self._harvest.has_looked_twice = False
            self._patience.stopping.set()
            with suppress(KeyboardInterrupt):
                self._crew.stop(_GRACE_S)
            return interruption
        except BaseException:
            self._patience.stopping.set()
            self._crew.stop()
            raise
        self._crew.stop()
        return None

    def close(self) -> None:
        """Close the kept connections. A thread that still hangs on one of them notices, or ends with the program."""
        self._connector.close()
        self._second_look.close()
        self._api.close()

    def read(self, named: Sequence[str], contexts: Sequence[str]) -> None:
        """Begin to read everything that is named, as far as it is in this run's share."""
        for parent in self._plan.parents:
            self._compute_is_read.add()
            self._crew.urge(self._discover, parent)
            if self._holdings is not None:
                self._holdings.below(parent.name)
        for project in named:
            if project.isdigit():
                self._compute_is_read.add()
                self._crew.urge(self._resolve, project)
            else:
                self._start_project(project)
        for context in contexts:
            key = kubernetes.context_key(context)
            if self._plan.share is not None and not self._plan.share.reads_contexts:
                self._harvest.leave(key.folder)
                continue
            state = self._harvest.add_cluster(key, None)
            reading = self._reading_of(state, [self._compute_is_read], lambda: None)
            reading.start([self._by_context(context)])
        self._compute_is_read.step()

    def resume(self) -> None:
        """Nothing is left to be read: the harvest holds what others have read."""
        for state in self._harvest.clusters.values():
            self._unreached.setdefault(state.key.project, []).append(state)
        self._compute_is_read.step()

    def _by_context(self, context: str) -> Way:
        return f"context {context}", partial(self._connector.by_context, self._plan.kubeconfig, context)

    # --- projects ---

    def _discover(self, parent: Parent) -> None:
        try:
            found = projects.search(self._api, parent)
        except RequestFailed as failure:
            FolderWalk(self._api, parent, failure, self._crew.urge, partial(self._discovered, parent)).start()
            return
        self._discovered(parent, Discovery(found, Coverage(parent.scope, Status.COMPLETE, count=len(found))))

    def _discovered(self, parent: Parent, discovery: Discovery) -> None:
        with self._harvest.lock:
            self._harvest.other[parent.scope] = discovery.coverage
        for project in discovery.projects:
            self._start_project(project, parent.name)
        self._harvest.count("", discovery.coverage)
        how = f" ({discovery.coverage.detail})" if discovery.coverage.detail else ""
        self._harvest.tell(f"{parent.name}: {counted(len(discovery.projects), 'project')}{how}")
        self._compute_is_read.step()

    def _resolve(self, number: str) -> None:
        """A project that was named by its number: only its id is understood by all APIs."""
        try:
            self._start_project(str(projects.fetch_resource(self._api, number)["projectId"]))
        except RequestFailed as failure:
            scope = project_scope(number)
            with self._harvest.lock:
                self._harvest.other[scope] = Coverage(
                    scope, Status.FAILED, failure.category, detail=f"its id could not be found: {failure.detail}"
                )
            self._harvest.count("", self._harvest.other[scope])
            self._harvest.tell(f"project {number}: {failure.detail}")
        self._compute_is_read.step()

    def _start_project(self, project: str, parent: str = "") -> None:
        """Read a project, found below `parent` if it was not named, or leave it to the task in whose share it is."""
        if self._is_ours(project):
            self._read_project(project, parent)
        else:
            self._harvest.leave(f"projects/{project}")

    def _is_ours(self, project: str) -> bool:
        return self._plan.share is None or self._plan.share.holds(project)

    def _read_project(self, project: str, parent: str = "") -> None:
        """Ask for everything of a project, once."""
        state = self._harvest.add_project(project)
        if state is None:
            return
        self._compute_is_read.add(2)
        state.is_listed.then(self._compute_is_read.step)
        state.is_described.then(self._compute_is_read.step)
        state.is_described.then(lambda: self._harvest.count("", state.description.coverage()))
        self._crew.urge(self._list_clusters, state)
        for ask in (self._ask_host, self._ask_host_status):
            self._crew.urge(ask, state)
        self._crew.submit(self._ask_resource, state)  # of thousands at once most would wait for their quota
        holding = self._holdings.below(parent or f"projects/{project}") if self._holdings is not None else None
        for collection in compute.TABLE.values():
            if holding is None or collection.name not in assets.TYPES:
                self._crew.submit(self._list_compute, state, collection)
        if holding is not None:
            holding.is_read.then(partial(self._take_from, holding, state))

    def _ask_resource(self, state: ProjectState) -> None:
        try:
            state.description.resource = projects.fetch_resource(self._api, state.id)
        except RequestFailed as failure:
            state.description.failures["Resource Manager"] = failure
        state.is_described.step()

    def _ask_host_status(self, state: ProjectState) -> None:
        try:
            state.description.host_status = projects.fetch_host_status(self._api, state.id)
        except RequestFailed as failure:
            state.description.failures["Compute Engine"] = failure
        if state.description.is_host:
            self._crew.submit(self._list_service_projects, state)
        state.is_described.step()

    def _ask_host(self, state: ProjectState) -> None:
        """The Shared VPC host of a project is read too, in whosever share it is: the firewall rules of its load
        balancers stand there."""
        try:
            state.description.host = projects.fetch_host(self._api, state.id)
        except RequestFailed as failure:
            state.description.failures["Shared VPC host"] = failure
        if state.description.host:
            self._read_project(state.description.host)
        state.is_described.step()

    def _list_service_projects(self, state: ProjectState) -> None:
        state.service_projects = projects.fetch_service_projects(self._api, state.id)
        self._harvest.count("", state.service_projects)

    def _list_compute(self, state: ProjectState, collection: compute.Collection) -> None:
        self._keep_compute(state, collection.name, compute.fetch(self._api, state.id, collection))
        self._warm_up()

    def _keep_compute(self, state: ProjectState, collection: str, listed: compute.Listed) -> None:
        with self._harvest.lock:
            state.lists[collection] = listed
        self._harvest.count("", listed.coverage)
        state.is_listed.step()

    def _read_holding(self, holding: Holding) -> None:
        is_one_project = holding.parent.startswith("projects/")  # a Shared VPC host is read in whosever share it is
        holding.read(self._api, (lambda project: True) if is_one_project else self._is_ours)
        if holding.failure is not None:
            self._harvest.tell(
                f"{holding.parent}: listed live: Cloud Asset Inventory could not be asked ({holding.failure.detail})"
            )

    def _take_from(self, holding: Holding, state: ProjectState) -> None:
        """Take the lists of a project out of the inventory, or begin to ask for them where it could not be had."""
        for name in assets.TYPES:
            if holding.failure is None:
                self._keep_compute(state, name, holding.listed(state.id, name))
            else:
                self._crew.submit(self._list_instead, holding, state, compute.TABLE[name])

    def _list_instead(self, holding: Holding, state: ProjectState, collection: compute.Collection) -> None:
        listed = compute.fetch(self._api, state.id, collection)
        self._keep_compute(state, collection.name, holding.instead(listed))

    def _warm_up(self) -> None:
        """Import the heavy libraries while the network is waited for, once the first answer is in."""
        if self._has_warmed_up.acquire(blocking=False):
            threading.Thread(target=_import_ahead, name="collect-imports", daemon=True).start()

    # --- clusters ---

    def _list_clusters(self, state: ProjectState) -> None:
        found = clusters.fetch(self._api, state.id)
        with self._harvest.lock:
            state.first = found
        self._harvest.count("", found.coverage)
        state.clusters_are_read.add(len(found.clusters))
        for cluster in found.clusters:
            self._start_cluster(state, cluster, state.clusters_are_read.step)
        again = partial(self._crew.urge, self._list_clusters_again, state, found)
        after([state.clusters_are_read, state.is_listed], again)
        state.clusters_are_read.step()

    def _list_clusters_again(self, state: ProjectState, first: clusters.ClusterList) -> None:
        """A cluster that was made while the rest was read may own what was listed."""
        found = clusters.fetch(self._api, state.id)
        with self._harvest.lock:
            state.second = found
        new = clusters.new_in(first, found)
        are_read = Milestone(len(new))
        for cluster in new:
            self._start_cluster(state, cluster, are_read.step)
        after([are_read, state.is_described], partial(self._finish_project, state))

    def _start_cluster(self, project: ProjectState, cluster: Cluster, done: Callable[[], object]) -> None:
        state = self._harvest.add_cluster(cluster.key, cluster)
        reading = self._reading_of(state, self._compute_before(project, cluster), done)
        reading.start(self._ways(cluster))

    def _ways(self, cluster: Cluster) -> list[Way]:
        return [
            (way.kind, partial(self._connector.by, way, cluster.key))
            for way in clusters.ways(cluster, self._plan.endpoints, self._harvest.number_of)
        ]

    def _reading_of(
        self, state: ClusterState, compute_before: Sequence[Milestone], done: Callable[[], object]
    ) -> ClusterReading:
        reading = ClusterReading(self._harvest, self._crew, state, compute_before, done)
        self._readings.append(reading)
        return reading

    def _compute_before(self, project: ProjectState, cluster: Cluster) -> list[Milestone]:
        """The Compute lists that may hold what a cluster owns: those of its own project and of its Shared VPC host, all
        of them for a member of another project's fleet."""
        others = Milestone()

        def wait_for_others() -> None:
            host = self._harvest.projects.get(project.description.host or "")
            if cluster.fleet_project not in ("", project.id, project.description.number):
                self._compute_is_read.then(others.step)
            elif host is not None:
                host.is_listed.then(others.step)
            else:
                others.step()

        project.is_described.then(wait_for_others)
        return [project.is_listed, others]

    def _finish_project(self, state: ProjectState) -> None:
        gaps = [coverage for coverage in state.coverage() if coverage.is_gap]
        resources = sum(len(listed.items) for listed in state.lists.values())
        told = f"; {counted(len(gaps), 'gap')}, the first: {gaps[0].scope}: {gaps[0].detail}" if gaps else ""
        self._harvest.count("projects_done")
        found = counted(len(state.clusters().clusters), "cluster")
        self._harvest.tell(f"project {state.id}: {counted(resources, 'resource')}, {found}{told}")

    # --- the second look ---

    def _look_again(self, would_be_waste: Callable[[Snapshot], Iterable[ResourceName]]) -> None:
        """Look at all would-be waste once more, and at all that could own it."""
        snapshot = self._harvest.snapshot()
        wanted = tuple(dict.fromkeys(would_be_waste(snapshot)))
        if not wanted:
            return
        self._harvest.wanted_looks = wanted
        self._harvest.tell(
            f"second look at {len(wanted)} load balancers and addresses, and at all that could need them"
        )
        seen = _listed(snapshot, wanted)
        for state in tuple(self._harvest.projects.values()):
            self._crew.urge(self._list_clusters_at_last, state)
        for state, collection in self._lists_to_read_again(wanted):
            self._crew.urge(self._list_compute_again, state, compute.TABLE[collection])
        for reading in tuple(self._readings):
            project = self._harvest.projects.get(reading.key.project)
            if project is None or not project.is_gone(reading.key):
                reading.begin_again()
        for other in self._unreached.get(OTHER_CLUSTERS, ()):
            self._reading_of(other, [], lambda: None).reach_again([self._by_context(kubernetes.context_of(other.key))])
        for name in wanted:
            self._crew.submit(self._look_at, name, seen.get(name, {}))
        self._crew.wait()
        self._drop_twins()
        self._harvest.has_looked_twice = True
        now = self._harvest.snapshot()
        if (now.objects, now.clusters, now.compute) != (snapshot.objects, snapshot.clusters, snapshot.compute):
            self._set_aside_new_waste(would_be_waste)

    def _lists_to_read_again(self, wanted: Sequence[ResourceName]) -> Iterator[tuple[ProjectState, str]]:
        """The Compute lists of the second look: those that point at others, and all that came out of the inventory,
        which lags behind. The load balancers that need a firewall rule of a Shared VPC host stand in its service
        projects: in any project, where nobody remembers whose host is whose."""
        near = self._where_it_may_be_needed(wanted)
        for state in near:
            yield from ((state, name) for name in dict.fromkeys((*compute.POINTING, *_of_inventory(state))))
        there = {state.id for state in near}
        hosts = {name.project for name in wanted if name.collection == "firewalls" and self._may_be_host(name.project)}
        for state in tuple(self._harvest.projects.values()) if hosts else ():
            if state.id not in there and state.description.host in (None, *hosts):
                yield from ((state, name) for name in _of_inventory(state))

    def _may_be_host(self, project: str) -> bool:
        """Whether a project lends its networks to others, as far as anybody knows."""
        state = self._harvest.projects.get(project)
        return state is None or state.description.may_be_host

    def _where_it_may_be_needed(self, wanted: Iterable[ResourceName]) -> list[ProjectState]:
        """The projects of these resources and their Shared VPC hosts, where routes stand: all that may be one, where
        nobody remembers which. Of a URL map in any other project the backend service tells that it names."""
        known = self._harvest.projects
        here = {name.project for name in wanted} & set(known)
        told = [known[project].description.host for project in here]
        hosts = {host for host in told if host is not None} & set(known)
        if None in told:
            hosts |= {project for project, state in known.items() if state.description.may_be_host}
        return [known[project] for project in sorted(here | hosts)]

    def _list_compute_again(self, state: ProjectState, collection: compute.Collection) -> None:
        """Something that needs what is left may have been made since. What is not known anyway is not asked for."""
        known = state.lists[collection.name]
        if known.coverage.status is Status.FAILED:
            return
        both = joined(known, compute.fetch(self._api, state.id, collection), resource_key)
        if both.coverage.is_full:  # where the first reading came from is still worth saying
            both = replace(both, coverage=replace(both.coverage, detail=known.coverage.detail))
        with self._harvest.lock:
            state.lists[collection.name] = both
        self._harvest.count("", both.coverage)

    def _list_clusters_at_last(self, state: ProjectState) -> None:
        """A cluster that was made since the second list may own what is left; one that was deleted stays."""
        known = state.clusters()
        if known.coverage.status is Status.FAILED:
            return  # and so are its clusters: nobody knows of any
        found = clusters.fetch(self._api, state.id)
        with self._harvest.lock:
            state.third = found
        self._harvest.count("", found.coverage)
        new = clusters.new_in(known, found)
        for cluster in new:
            self._start_cluster(state, cluster, lambda: None)
        self._reach_again(state.id, found, {cluster.key for cluster in new})

    def _reach_again(self, project: str, found: clusters.ClusterList, new: Collection[ClusterKey]) -> None:
        """Reach the clusters that an earlier run has read by what the list says now: a snapshot keeps no certificates.
        One that is gone stays as it was read; where the list cannot be had again, none can be reached."""
        listed = {cluster.key: cluster for cluster in found.clusters}
        for state in self._unreached.get(project, ()):
            if state.key in new or (state.key not in listed and found.coverage.is_full):
                continue
            cluster = listed.get(state.key)
            ways = self._ways(cluster) if cluster is not None else []
            self._reading_of(state, [], lambda: None).reach_again(ways)

    def _set_aside_new_waste(self, would_be_waste: Callable[[Snapshot], Iterable[ResourceName]]) -> None:
        """What is waste only since the second lists were read has had no second look of its own."""
        while new := set(would_be_waste(self._harvest.snapshot())) - set(self._harvest.wanted_looks):
            self._harvest.wanted_looks += tuple(sorted(new, key=str))
            self._harvest.looks |= {name: confirm.owner_changed(name) for name in new}

    def _drop_twins(self) -> None:
        for sentence in self._harvest.drop_twins():
            self._harvest.tell(sentence)

    def _look_at(self, name: ResourceName, seen: JSON) -> None:
        look = self._second_look.look(name, seen)
        with self._harvest.lock:
            self._harvest.looks[name] = look
        self._harvest.count("", look.coverage)


def _of_inventory(state: ProjectState) -> list[str]:
    return [name for name in assets.TYPES if assets.is_of_inventory(state.lists[name].coverage)]


def _listed(snapshot: Snapshot, names: Iterable[ResourceName]) -> Mapping[ResourceName, JSON]:
    """Resources by name as the lists showed them, of the collections that the names are of."""
    numbers = {
        str(described["projectNumber"]): project
        for project, described in snapshot.projects.items()
        if described and "projectNumber" in described
    }
    found: dict[ResourceName, JSON] = {}
    for project, collection in {(name.project, name.collection) for name in names}:
        for item in snapshot.compute.get((project, collection), ()):
            name = parse_link(str(item.get("selfLink", "")), numbers=numbers)
            if name is not None:
                found[name] = item
    return found


def _import_ahead() -> None:
    """Whatever fails here fails again, and is told, where the library is used."""
    with suppress(Exception):
        libraries.load_kubernetes()
    for client in confirm.FREQUENT:
        with suppress(Exception):
            libraries.compute_client(client)
