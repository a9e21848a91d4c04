"""A live run: what is asked when, and what waits for what.

The order of the consistency protocol holds for each cluster: its project's clusters are listed, then the Compute lists
that may hold its resources are read, then its objects, then the clusters once more (a new one is read too), and last
comes the second look at all that would be called waste. Everything else happens at the same time.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from auditor.errors import UsageError
from auditor.model.names import ResourceName, parse_link
from auditor.model.nouns import counted
from auditor.model.snapshot import JSON, Coverage, Snapshot, Status, project_scope

from . import clusters, compute, confirm, kubernetes, projects
from .clusters import Cluster
from .crew import Crew, Milestone, after
from .failures import RequestFailed
from .google import Account, Endpoints, GoogleApi, Network, network_of, sign_in
from .harvest import Harvest, Progress, ProjectState
from .kubernetes import Connector
from .patience import Patience
from .projects import Discovery, FolderWalk, Parent
from .reading import ClusterReading

__all__ = ["DEFAULT_CONCURRENCY", "Collected", "Plan", "Progress", "collect", "find_contexts", "named_projects"]

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
    account = sign_in(patience, network, plan.endpoints, impersonate=plan.impersonate, quota_project=plan.quota_project)
    named = named_projects(plan, account, contexts)
    harvest = Harvest(now().astimezone(UTC).replace(microsecond=0), tool, on_progress)
    patience.count_request = partial(_count_request, harvest)
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        run = _Run(plan, patience, network, account, harvest, Path(folder))
        try:
            interruption = run.carry_out(named, contexts, would_be_waste)
        finally:
            run.close()
    return Collected(harvest.snapshot(), interruption)


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
        self._compute_is_read = Milestone()
        """Every project is known, and no Compute list is outstanding anywhere."""
        self._has_warmed_up = threading.Lock()

    def carry_out(
        self,
        named: Sequence[str],
        contexts: Sequence[str],
        would_be_waste: Callable[[Snapshot], Iterable[ResourceName]],
    ) -> BaseException | None:
        """Read everything into the harvest; the KeyboardInterrupt or SystemExit that ended it early, if one did."""
        try:
            self._begin(named, contexts)
            self._crew.wait()
            for sentence in self._harvest.drop_twins():
                self._harvest.tell(sentence)
            self._look_again(would_be_waste)
            self._crew.wait()
        except (KeyboardInterrupt, SystemExit) as interruption:
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

    def _begin(self, named: Sequence[str], contexts: Sequence[str]) -> None:
        for parent in self._plan.parents:
            self._compute_is_read.add()
            self._crew.urge(self._discover, parent)
        for project in named:
            if project.isdigit():
                self._compute_is_read.add()
                self._crew.urge(self._resolve, project)
            else:
                self._start_project(project)
        for context in contexts:
            state = self._harvest.add_cluster(kubernetes.context_key(context), None)
            reading = ClusterReading(self._harvest, self._crew, state, [self._compute_is_read], lambda: None)
            by_context = partial(self._connector.by_context, self._plan.kubeconfig, context)
            reading.start([(f"context {context}", by_context)])
        self._compute_is_read.step()

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
            self._start_project(project)
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

    def _start_project(self, project: str) -> None:
        """Ask for everything of a project, once."""
        state = self._harvest.add_project(project)
        if state is None:
            return
        self._compute_is_read.add(2)
        state.is_listed.then(self._compute_is_read.step)
        state.is_described.then(self._compute_is_read.step)
        state.is_described.then(lambda: self._harvest.count("", state.description.coverage()))
        self._crew.urge(self._list_clusters, state)
        for ask in (self._ask_host, self._ask_host_status, self._ask_resource):
            self._crew.urge(ask, state)
        for collection in compute.TABLE.values():
            self._crew.submit(self._list_compute, state, collection)

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
        """The Shared VPC host of a project is read too: the firewall rules of its load balancers stand there."""
        try:
            state.description.host = projects.fetch_host(self._api, state.id)
        except RequestFailed as failure:
            state.description.failures["Shared VPC host"] = failure
        if state.description.host:
            self._start_project(state.description.host)
        state.is_described.step()

    def _list_service_projects(self, state: ProjectState) -> None:
        state.service_projects = projects.fetch_service_projects(self._api, state.id)
        self._harvest.count("", state.service_projects)

    def _list_compute(self, state: ProjectState, collection: compute.Collection) -> None:
        listed = compute.fetch(self._api, state.id, collection)
        with self._harvest.lock:
            state.lists[collection.name] = listed
        self._harvest.count("", listed.coverage)
        self._warm_up()
        state.is_listed.step()

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
        known = {cluster.key for cluster in first.clusters} - set(clusters.remade(first, found))
        new = [cluster for cluster in found.clusters if cluster.key not in known]
        are_read = Milestone(len(new))
        for cluster in new:
            self._start_cluster(state, cluster, are_read.step)
        after([are_read, state.is_described], partial(self._finish_project, state))

    def _start_cluster(self, project: ProjectState, cluster: Cluster, done: Callable[[], object]) -> None:
        state = self._harvest.add_cluster(cluster.key, cluster)
        reading = ClusterReading(self._harvest, self._crew, state, self._compute_before(project, cluster), done)
        reading.start(
            [
                (way.kind, partial(self._connector.by, way, cluster.key))
                for way in clusters.ways(cluster, self._plan.endpoints, self._harvest.number_of)
            ]
        )

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
        snapshot = self._harvest.snapshot()
        wanted = tuple(dict.fromkeys(would_be_waste(snapshot)))
        if not wanted:
            return
        self._harvest.wanted_looks = wanted
        self._harvest.tell(f"second look at {len(wanted)} load balancers and addresses")
        seen = _listed(snapshot, wanted)
        for name in wanted:
            self._crew.submit(self._look_at, name, seen.get(name, {}))

    def _look_at(self, name: ResourceName, seen: JSON) -> None:
        look = self._second_look.look(name, seen)
        with self._harvest.lock:
            self._harvest.looks[name] = look
        self._harvest.count("", look.coverage)


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
        import kubernetes.client  # noqa: F401, PLC0415
    with suppress(Exception):
        confirm.load_clients()
