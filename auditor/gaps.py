"""Every list that was not read in full, with the one step that mends it. Pure: coverage in, gaps out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from shlex import quote
from types import MappingProxyType

from .model.commands import cluster_flags, enable_api, list_compute, list_objects
from .model.finding import Finding, Verdict
from .model.inventory import Inventory
from .model.names import ClusterKey
from .model.report import BLIND_TO_IDLE, ClusterRead, Gap
from .model.snapshot import (
    JUDGED_COLLECTIONS,
    PARTS,
    Category,
    Coverage,
    Status,
    cluster_of_scope,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)

NEEDED_COLLECTIONS = (
    *JUDGED_COLLECTIONS,
    "targetInstances",
    "targetVpnGateways",
    "instances",
    "routers",
    "routes",
)
NEEDED_PLURALS = (
    "namespaces",
    "services",
    "configmaps",
    "ingresses",
    "gateways",
    "serviceattachments",
    "servicenetworkendpointgroups",
    "multiclusteringresses",
    "managedcertificates",
)
"""What can own a load balancer or tell which cluster made it. The other lists only sharpen a verdict."""
NEEDED_PLURALS_ELSEWHERE = ("namespaces", "services")
"""The same for a cluster that is no GKE cluster: no controller of Google's runs there."""
_ASKED_OF_COMPUTE = ("Compute Engine: ", "Shared VPC host: ")
"""How the detail of a project's own coverage begins where Resource Manager is not to blame."""
AUDIT_AGAIN = "Audit again; -v shows more of the error"


def find_gaps(inventory: Inventory, findings: Iterable[Finding]) -> tuple[Gap, ...]:
    """The gaps of one audit in order of scope: what the snapshot calls partial or failed, and what it lacks.

    A list that nobody collected is a gap only where a verdict can depend on it, or one of these does.
    """
    unknown = _unknown_by_source(findings)
    needed = {*_needed_scopes(inventory), *unknown}
    coverages = [inventory.coverage_of(scope) for scope in sorted(needed | set(inventory.coverage))]
    remedies = {coverage.detail: hint(coverage.scope, Category.NOT_COLLECTED) for coverage in _lost_parts(inventory)}
    return tuple(
        _gap(coverage, unknown.get(coverage.scope, 0), inventory.numbers, remedies.get(coverage.detail))
        for coverage in coverages
        if coverage.is_gap and (coverage.scope in needed or coverage.category is not Category.NOT_COLLECTED)
    )


def _lost_parts(inventory: Inventory) -> Iterator[Coverage]:
    """The parts of tasks that were not there when all were read as one; lists say the same of themselves."""
    return (known for scope, known in inventory.coverage.items() if scope.startswith(f"{PARTS}/") and known.is_gap)


def find_notes(inventory: Inventory) -> tuple[str, ...]:
    """What was not looked for because a list that only sharpens verdicts is not there."""
    blind = [
        key.short
        for key in inventory.clusters
        if (slices := inventory.coverage_of(objects_scope(key, "endpointslices"))).is_gap
        and slices.category is Category.NOT_COLLECTED
    ]
    if not blind:
        return ()
    return (f"{BLIND_TO_IDLE}: no EndpointSlices of {', '.join(blind)}.",)


def clusters_read(inventory: Inventory) -> tuple[ClusterRead, ...]:
    """How much of every cluster was read, by the lists that verdicts depend on."""
    return tuple(
        ClusterRead(key.full, cluster.status, _read(inventory, key)) for key, cluster in inventory.clusters.items()
    )


def _read(inventory: Inventory, key: ClusterKey) -> str:
    coverages = [inventory.coverage_of(objects_scope(key, plural)) for plural in _needed_plurals(key)]
    identity = inventory.coverage.get(objects_scope(key, "identity"))
    if all(item.is_full for item in coverages) and (identity is None or identity.is_full):
        return "complete"
    return "failed" if all(item.status is Status.FAILED for item in coverages) else "partial"


def _needed_plurals(key: ClusterKey) -> Sequence[str]:
    return NEEDED_PLURALS if key.is_gke else NEEDED_PLURALS_ELSEWHERE


def _needed_scopes(inventory: Inventory) -> Iterator[str]:
    for project in inventory.projects:
        yield project_scope(project)
        yield clusters_scope(project)
        yield from (compute_scope(project, collection) for collection in NEEDED_COLLECTIONS)
    for key in inventory.clusters:
        yield from (objects_scope(key, plural) for plural in _needed_plurals(key))


def _unknown_by_source(findings: Iterable[Finding]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        if finding.verdict is Verdict.UNKNOWN:
            for source in finding.sources:
                counts[source] = counts.get(source, 0) + 1
    return counts


def _gap(coverage: Coverage, unknown_count: int, numbers: Mapping[str, str], remedy: str | None) -> Gap:
    category = coverage.category or Category.UNKNOWN
    return Gap(
        scope=coverage.scope,
        status=coverage.status.value,
        category=category.value,
        detail=coverage.detail,
        hint=remedy or hint(coverage.scope, category, coverage.detail, numbers),
        missing=coverage.missing,
        unknown_count=unknown_count,
    )


# Hints

NO_NUMBERS: Mapping[str, str] = MappingProxyType({})


def hint(scope: str, category: Category, detail: str = "", numbers: Mapping[str, str] = NO_NUMBERS) -> str:
    """The one command or step that mends a gap. Names in commands are quoted for the shell.

    `numbers` are project ids by number: a refusal names projects by number.
    """
    if category is Category.API_DISABLED:
        return _enable(scope, detail, numbers)
    cluster = cluster_of_scope(scope)
    if cluster is not None:
        return _cluster_hint(cluster, scope, category)
    kind, _, rest = scope.partition("/")
    name, _, what = rest.partition("/")
    if kind == "projects":
        return _project_hint(name, what, category, detail)
    if kind in ("organizations", "folders"):
        return _discovery_hint(kind, name, category)
    if kind == PARTS:
        return (
            "Run the job again; or, once the part is there, put all of them together: "
            f"gke-auditor merge PLACE/{PARTS}/{quote(name)}/ --output merged.tar.gz, PLACE being that of the job"
        )
    return AUDIT_AGAIN


def _enable(scope: str, detail: str, numbers: Mapping[str, str]) -> str:
    cluster = cluster_of_scope(scope)
    kind, _, rest = scope.partition("/")
    name, _, what = rest.partition("/")
    service, project = "cloudresourcemanager.googleapis.com", ""
    if cluster is not None:
        service, project = "container.googleapis.com", cluster.project if cluster.is_gke else ""
    elif kind == "projects":
        service, project = _service_and_role(what, detail)[0], name
    elif kind == "confirm":
        service = "compute.googleapis.com"
    return enable_api(service, project, detail, lambda number: numbers.get(number, number))


def _project_hint(project: str, what: str, category: Category, detail: str) -> str:
    _, role = _service_and_role(what, detail)
    steps = {
        Category.BILLING_DISABLED: f"gcloud billing projects link {quote(project)} --billing-account ACCOUNT",
        Category.FORBIDDEN: (
            f"gcloud projects add-iam-policy-binding {quote(project)} --member user:YOUR_ACCOUNT --role {role}"
        ),
        Category.UNAUTHENTICATED: "gcloud auth application-default login",
        Category.NOT_FOUND: f"Check that the project is there: gcloud projects describe {quote(project)}",
        Category.QUOTA: f"Audit again in a minute: the read quota of {project} was used up",
        Category.TIMEOUT: "Audit again",
        Category.UNREACHABLE: "Audit again when the places that are named as missing answer",
        Category.INVALID: f"Read the list again: {_collect(project, what)}",
        Category.NOT_COLLECTED: _collect(project, what),
    }
    return steps.get(category, AUDIT_AGAIN)


def _service_and_role(what: str, detail: str) -> tuple[str, str]:
    if what.startswith("container/"):
        return "container.googleapis.com", "roles/container.clusterViewer"
    if what == "project" and not detail.startswith(_ASKED_OF_COMPUTE):
        return "cloudresourcemanager.googleapis.com", "roles/compute.viewer"
    return "compute.googleapis.com", "roles/compute.viewer"


def _collect(project: str, what: str) -> str:
    """The command that collects one file of a snapshot (docs/snapshot.md), to be run in its root folder."""
    if what == "container/clusters":
        command = f"gcloud container clusters list --project {quote(project)} --format=json"
    elif what == "project":
        command = f"gcloud projects describe {quote(project)} --format=json"
        return f"{command}, with xpnProjectStatus of gcloud compute project-info describe put in"
    elif what == "service-projects":
        return f"gcloud compute shared-vpc list-associated-resources {quote(project)}, then audit those projects too"
    else:
        command = list_compute(project, what.removeprefix("compute/"))
    return f"{command} > {quote(f'projects/{project}/{what}.json')}"


def _cluster_hint(cluster: ClusterKey, scope: str, category: Category) -> str:
    if scope.endswith("/identity"):
        return (
            f"The endpoint may answer for another cluster: check it with "
            f"{_credentials(cluster)} and kubectl get namespace kube-system -o yaml"
        )
    steps = {
        Category.FORBIDDEN: _allow(cluster),
        Category.UNAUTHENTICATED: "gcloud auth application-default login",
        Category.NOT_FOUND: _look_at(cluster),
        Category.QUOTA: "Audit again in a minute: the cluster's API server is busy",
        Category.TIMEOUT: "Audit again",
        Category.UNREACHABLE: _open(cluster),
        Category.INVALID: f"Read the list again: {_collect_objects(scope)}",
        Category.NOT_COLLECTED: f"{_credentials(cluster)} && {_collect_objects(scope)}",
    }
    return steps.get(category, AUDIT_AGAIN)


def _credentials(cluster: ClusterKey) -> str:
    if not cluster.is_gke:
        return f"kubectl config use-context {quote(cluster.name)}"
    return f"gcloud container clusters get-credentials {cluster_flags(cluster)}"


def _look_at(cluster: ClusterKey) -> str:
    if not cluster.is_gke:
        return f"Check that the cluster is there: kubectl --context {quote(cluster.name)} version"
    return f"Check that the cluster is there: gcloud container clusters describe {cluster_flags(cluster)}"


def _allow(cluster: ClusterKey) -> str:
    if not cluster.is_gke:
        return "kubectl create clusterrolebinding gke-auditor --clusterrole=view --user=YOUR_ACCOUNT"
    return (
        f"gcloud projects add-iam-policy-binding {quote(cluster.project)} "
        "--member user:YOUR_ACCOUNT --role roles/container.viewer"
    )


def _open(cluster: ClusterKey) -> str:
    if not cluster.is_gke:
        return f"Audit from where it can be reached: kubectl --context {quote(cluster.name)} version"
    return (
        "Audit from where its control plane can be reached, or open its DNS endpoint: "
        f"gcloud container clusters update {cluster_flags(cluster)} --enable-dns-access"
    )


def _collect_objects(scope: str) -> str:
    return f"{list_objects(scope.rpartition('/')[2])} > {quote(f'{scope}.json')}"


def _discovery_hint(kind: str, name: str, category: Category) -> str:
    command = "gcloud organizations" if kind == "organizations" else "gcloud resource-manager folders"
    steps = {
        Category.FORBIDDEN: (
            f"{command} add-iam-policy-binding {quote(name)} --member user:YOUR_ACCOUNT --role roles/browser"
        ),
        Category.UNAUTHENTICATED: "gcloud auth application-default login",
    }
    return steps.get(category, AUDIT_AGAIN)
