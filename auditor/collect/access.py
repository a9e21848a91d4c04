"""check-access: what the account may not read, asked before the first audit, and the command that grants just that.

Projects answer testIamPermissions, clusters SelfSubjectAccessReviews: neither needs a permission of its own.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

from auditor.model.commands import cluster_flags, enable_api
from auditor.model.names import ClusterKey
from auditor.model.snapshot import API_GROUPS, Category

from . import assets, clusters, compute, confirm, kubernetes, projects
from .clusters import Cluster
from .crew import Crew
from .failures import RequestFailed, invalid
from .google import Account, GoogleApi, network_of, part, sign_in
from .kubernetes import ClusterApi, Connector
from .live import Plan, find_contexts, named_projects
from .patience import Patience
from .projects import Discovery, FolderWalk, Parent

ROLE = "gkeAuditor"
KUBERNETES_ROLE = "gke-auditor"
_AT_ONCE = 100
"""The most permissions that one testIamPermissions takes."""

PROJECT_PERMISSIONS = tuple(
    sorted(
        {
            *(permission for collection in compute.TABLE.values() for permission in collection.permissions),
            *(get.permission for get in confirm.GETS.values()),
            *projects.PROJECT_PERMISSIONS,
            clusters.LIST_PERMISSION,
            clusters.CONNECT_PERMISSION,
        }
    )
)
"""Everything that an audit of a project asks Google's APIs for."""
PARENT_PERMISSIONS = tuple(sorted({projects.SEARCH_PERMISSION, *projects.WALK_PERMISSIONS}))
"""What finding the projects of a folder or organization takes beside."""
INVENTORY_PERMISSIONS = (assets.LIST_PERMISSION,)
"""What `--inventory asset` takes beside, wherever the inventory is asked: below a parent, else in the project."""
KUBERNETES_LISTS = tuple(
    (group, plural) for group, plurals in API_GROUPS.items() for plural in plurals if plural != "configmaps"
)
"""API group and plural of everything that an audit lists in a cluster."""


@dataclass(frozen=True, slots=True)
class Access:
    """What is missing in one place. Complete where both `missing` and `problem` are empty."""

    where: str
    missing: tuple[str, ...] = ()
    """Permissions; for a cluster "list services", "get configmaps kube-system/ingress-uid"."""
    command: str = ""
    """What grants it, or mends the problem."""
    problem: str = ""
    """Why it could not be asked, or what is in the way beside permissions."""

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.problem


def check_access(
    plan: Plan,
    patience: Patience,
    environment: Mapping[str, str],
    on_progress: Callable[[str], object] = lambda place: None,
) -> tuple[Access, ...]:
    """One Access for each folder, organization, project and cluster that a run of `plan` would read, in order of name.

    Raises UsageError and NothingRead as `collect` does.
    """
    network = network_of(environment)
    contexts = find_contexts(plan)
    account = sign_in(patience, network, plan.endpoints, impersonate=plan.impersonate, quota_project=plan.quota_project)
    named = named_projects(plan, account, contexts)
    api = GoogleApi(account.tokens, plan.endpoints, patience, network, connections=plan.concurrency)
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        connector = Connector(account.tokens, patience, network, Path(folder), plan.concurrency)
        crew = Crew(plan.concurrency)
        check = _Check(plan, account, api, connector, crew, on_progress)
        try:
            check.begin(named, contexts)
            crew.wait()
        finally:
            patience.stopping.set()
            crew.stop()
            connector.close()
            api.close()
    return tuple(sorted(check.found, key=lambda access: access.where))


class _Check:
    """One check: places are asked as they become known."""

    def __init__(
        self,
        plan: Plan,
        account: Account,
        api: GoogleApi,
        connector: Connector,
        crew: Crew,
        on_progress: Callable[[str], object],
    ) -> None:
        self.found: list[Access] = []
        self._plan = plan
        self._account = account
        self._api = api
        self._connector = connector
        self._crew = crew
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def begin(self, named: Iterable[str], contexts: Iterable[str]) -> None:
        for parent in self._plan.parents:
            self._crew.submit(self._ask_parent, parent)
        for project in named:
            self._start_project(project)
        for context in contexts:
            connect = partial(self._connector.by_context, self._plan.kubeconfig, context)
            key = kubernetes.context_key(context)
            self._crew.submit(self._ask_cluster, key, [(f"context {context}", connect)])

    def _add(self, access: Access) -> None:
        with self._lock:
            self.found.append(access)
        self._on_progress(access.where)

    # --- folders and organizations ---

    def _ask_parent(self, parent: Parent) -> None:
        failures: dict[str, RequestFailed] = {}
        try:
            found = projects.search(self._api, parent)
        except RequestFailed as failure:
            failures[projects.SEARCH_PERMISSION] = failure
            FolderWalk(self._api, parent, failure, self._crew.submit, self._start_projects).start()
        else:
            for project in found:
                self._start_project(project, is_below_parent=True)
        if self._plan.asks_inventory:
            try:
                assets.probe(self._api, parent.name)
            except RequestFailed as failure:
                failures[assets.LIST_PERMISSION] = failure
        self._add(self._access_to(parent, failures))

    def _access_to(self, parent: Parent, failures: Mapping[str, RequestFailed]) -> Access:
        """What these failures of Cloud Asset Inventory mean, by the permission that each question takes."""
        missing = tuple(name for name, failure in failures.items() if failure.category is Category.FORBIDDEN)
        others = [failure for failure in failures.values() if failure.category is not Category.FORBIDDEN]
        command = mend(others[0], "cloudasset", "", self._id_of) if others else ""
        if missing:
            command = grant_below(parent, self._member)
        problem = "; ".join(dict.fromkeys(failure.detail for failure in others))
        return Access(parent.name, missing, command, problem)

    def _start_projects(self, discovery: Discovery) -> None:
        for project in discovery.projects:
            self._start_project(project, is_below_parent=True)

    # --- projects ---

    def _start_project(self, project: str, *, is_below_parent: bool = False) -> None:
        with self._lock:
            if project in self._known:
                return
            self._known.add(project)
        asks_inventory = self._plan.asks_inventory and not is_below_parent  # below a parent that one is asked
        wanted = (*PROJECT_PERMISSIONS, *(INVENTORY_PERMISSIONS if asks_inventory else ()))
        self._crew.submit(self._ask_project, project, wanted)
        self._crew.submit(self._ask_host, project)
        self._crew.submit(self._ask_clusters, project)

    def _ask_project(self, project: str, wanted: Sequence[str]) -> None:
        try:
            held = held_permissions(self._api, project, wanted)
        except RequestFailed as failure:
            command = mend(failure, "cloudresourcemanager", project, self._id_of)
            self._add(Access(f"project {project}", command=command, problem=failure.detail))
            return
        missing = tuple(name for name in wanted if name not in held)
        self._add(Access(f"project {project}", missing, grant_in_project(project, missing, self._member)))

    def _ask_host(self, project: str) -> None:
        """The Shared VPC host is read, too. A disabled API is no permission, but as much in the way."""
        try:
            host = projects.fetch_host(self._api, project)
        except RequestFailed as failure:
            self._add_problem(project, "Compute Engine", "compute", projects.PROJECT_PERMISSIONS[0], failure)
            return
        if host:
            self._start_project(host)

    def _ask_clusters(self, project: str) -> None:
        found = clusters.fetch(self._api, project)
        coverage = found.coverage
        if coverage.is_gap:
            failure = RequestFailed(coverage.category or Category.UNKNOWN, coverage.detail)
            self._add_problem(project, "clusters", "container", clusters.LIST_PERMISSION, failure)
        for cluster in found.clusters:
            self._crew.submit(self._ask_cluster, cluster.key, self._ways(cluster))

    def _add_problem(self, project: str, what: str, service: str, permission: str, failure: RequestFailed) -> None:
        """What is in the way beside permissions. A missing permission is told already, but a service perimeter refuses
        those, too, who have it."""
        if failure.category is Category.FORBIDDEN and not self._may_hold(project, permission):
            return
        command = mend(failure, service, project, self._id_of)
        self._add(Access(f"project {project}: {what}", command=command, problem=failure.detail))

    def _may_hold(self, project: str, permission: str) -> bool:
        try:
            return bool(held_permissions(self._api, project, (permission,)))
        except RequestFailed:
            return True

    def _id_of(self, number: str) -> str:
        """A project's id, to be read by people; its number where that cannot be had."""
        try:
            return str(projects.fetch_resource(self._api, number)["projectId"])
        except RequestFailed:
            return number

    # --- clusters ---

    def _ways(self, cluster: Cluster) -> Sequence[tuple[str, Callable[[], ClusterApi]]]:
        found = clusters.ways(cluster, self._plan.endpoints, lambda project: "")
        return [(way.kind, partial(self._connector.by, way, cluster.key)) for way in found]

    def _ask_cluster(self, key: ClusterKey, ways: Sequence[tuple[str, Callable[[], ClusterApi]]]) -> None:
        where = f"cluster {key.short}"
        try:
            connection = kubernetes.connect(ways)
            wanted = [(group, plural) for group, plural in KUBERNETES_LISTS if not group or group in connection.groups]
            missing = [
                (group, plural)
                for group, plural in wanted
                if not may(connection.api, {"verb": "list", "group": group, "resource": plural})
            ]
            namespace, name = kubernetes.INGRESS_UID
            one_map = {"verb": "get", "group": "", "resource": "configmaps", "namespace": namespace, "name": name}
            may_read_uid = may(connection.api, one_map)
        except RequestFailed as failure:
            self._add(Access(where, command=_open(key, failure), problem=failure.detail))
            return
        texts = [f"list {_full(group, plural)}" for group, plural in missing]
        if not may_read_uid:
            texts.append(f"get configmaps {namespace}/{name}")
        command = grant_in_cluster(key, missing, self._user, with_uid=not may_read_uid) if texts else ""
        self._add(Access(where, tuple(texts), command))

    # --- who ---

    @property
    def _member(self) -> str:
        account = self._plan.impersonate.rpartition(",")[2].strip() or self._account.tokens.account
        return f"serviceAccount:{account}" if account else "user:YOUR_ACCOUNT"

    @property
    def _user(self) -> str:
        return self._member.partition(":")[2]


def held_permissions(api: GoogleApi, project: str, wanted: Sequence[str]) -> frozenset[str]:
    """Which of the wanted permissions the account has on a project. Raises RequestFailed.

    One name that the API does not know fails a whole question; such a question is asked again by halves, and a name
    that nobody knows counts as held.
    """
    held: set[str] = set()
    todo = [list(wanted[start : start + _AT_ONCE]) for start in range(0, len(wanted), _AT_ONCE)]
    while todo:
        names = todo.pop()
        try:
            answer = api.post(
                "cloudresourcemanager", f"/v3/projects/{part(project)}:testIamPermissions", {"permissions": names}
            )
        except RequestFailed as failure:
            if failure.status != 400 or "ermission" not in failure.detail:
                raise
            if len(names) == 1:
                held.add(names[0])
            else:
                todo += [names[: len(names) // 2], names[len(names) // 2 :]]
            continue
        found = answer.get("permissions", [])
        if set(answer) - {"permissions"} or not isinstance(found, list):
            raise invalid("the answer is not a list of permissions")
        held.update(name for name in found if isinstance(name, str))
    return frozenset(held)


def may(api: ClusterApi, attributes: Mapping[str, str]) -> bool:
    """Whether the account may do one thing in a cluster. Raises RequestFailed."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": dict(attributes)},
    }
    answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    status = answer.get("status")
    if answer.get("kind") != "SelfSubjectAccessReview" or not isinstance(status, dict):
        raise invalid("the answer is not an access review")
    return status.get("allowed") is True


# --- commands ---


def grant_in_project(project: str, missing: Sequence[str], member: str) -> str:
    """The command that grants exactly these permissions in a project; "" for none."""
    if not missing:
        return ""
    where = f"--project {quote(project)}"
    return (
        f"gcloud iam roles create {ROLE} {where} --permissions={','.join(missing)} && "
        f"gcloud projects add-iam-policy-binding {quote(project)} --member {quote(member)} "
        f"--role {quote(f'projects/{project}/roles/{ROLE}')}"
    )


def grant_below(parent: Parent, member: str) -> str:
    """The command that lets an account search a folder or organization."""
    group = "resource-manager folders" if parent.kind == "folders" else "organizations"
    return (
        f"gcloud {group} add-iam-policy-binding {parent.number} --member {quote(member)} --role roles/cloudasset.viewer"
    )


def grant_in_cluster(key: ClusterKey, missing: Sequence[tuple[str, str]], user: str, *, with_uid: bool) -> str:
    """The commands that grant exactly these lists, and the one config map, in a cluster."""
    kubectl = "kubectl" if key.is_gke else f"kubectl --context {quote(kubernetes.context_of(key))}"
    steps = [f"gcloud container clusters get-credentials {cluster_flags(key)}"] if key.is_gke else []
    if missing:
        resources = ",".join(_full(group, plural) for group, plural in missing)
        steps.append(f"{kubectl} create clusterrole {KUBERNETES_ROLE} --verb=list --resource={resources}")
        binding = f"create clusterrolebinding {KUBERNETES_ROLE} --clusterrole={KUBERNETES_ROLE}"
        steps.append(f"{kubectl} {binding} --user={quote(user)}")
    if with_uid:
        namespace, name = kubernetes.INGRESS_UID
        where = f"{KUBERNETES_ROLE} --namespace {namespace}"
        steps.append(f"{kubectl} create role {where} --verb=get --resource=configmaps --resource-name={name}")
        steps.append(f"{kubectl} create rolebinding {where} --role={KUBERNETES_ROLE} --user={quote(user)}")
    return " && ".join(steps)


def mend(failure: RequestFailed, service: str, project: str, id_of: Callable[[str], str]) -> str:
    """The one command that mends a failure of one of Google's APIs, where there is one."""
    steps = {
        Category.API_DISABLED: enable_api(f"{service}.googleapis.com", project, failure.detail, id_of),
        Category.BILLING_DISABLED: f"gcloud billing projects link {quote(project)} --billing-account ACCOUNT",
        Category.UNAUTHENTICATED: "gcloud auth application-default login",
        Category.FORBIDDEN: f"gcloud projects describe {quote(project)}",
        Category.NOT_FOUND: f"gcloud projects describe {quote(project)}",
    }
    return steps.get(failure.category, "gke-auditor check-access, again later")


def _open(key: ClusterKey, failure: RequestFailed) -> str:
    if not key.is_gke:
        return f"kubectl --context {quote(kubernetes.context_of(key))} version"
    if failure.category is Category.FORBIDDEN:
        return f"gcloud container clusters describe {cluster_flags(key)}"
    return f"gcloud container clusters update {cluster_flags(key)} --enable-dns-access"


def _full(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural
