import shlex

import pytest
from match.builder import World, findings_of

from auditor import gaps
from auditor.model import inventory as views
from auditor.model.finding import Confidence, Evidence, Finding, Verdict
from auditor.model.inventory import Inventory
from auditor.model.names import ClusterKey, ResourceName
from auditor.model.snapshot import (
    PLURALS,
    Category,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    objects_scope,
    project_scope,
)

PROD = ClusterKey("acme", "europe-west1", "prod")
KOPS = ClusterKey("_", "kubeconfig", "kops")


def world(*changes: Coverage, clusters: tuple[ClusterKey, ...] = (PROD,)) -> Inventory:
    """A project that was read in full, apart from the changes."""
    scopes = [project_scope("acme"), clusters_scope("acme")]
    scopes += [compute_scope("acme", collection) for collection in gaps.NEEDED_COLLECTIONS]
    scopes += [objects_scope(key, plural) for key in clusters for plural in PLURALS]
    coverage = {scope: Coverage(scope, Status.COMPLETE) for scope in scopes}
    coverage |= {change.scope: change for change in changes}
    return views.build(Snapshot(coverage=coverage))


def failed(scope: str, category: Category = Category.FORBIDDEN) -> Coverage:
    return Coverage(scope, Status.FAILED, category, detail="because")


def test_a_snapshot_read_in_full_has_no_gap() -> None:
    assert gaps.find_gaps(world(), ()) == ()
    assert [item.read for item in gaps.clusters_read(world())] == ["complete"]


def test_absent_is_no_gap() -> None:
    assert gaps.find_gaps(world(Coverage(objects_scope(PROD, "gateways"), Status.ABSENT)), ()) == ()


def test_a_gap_tells_what_it_made_unknown() -> None:
    scope = objects_scope(PROD, "services")
    rule = ResourceName("acme", "regions/europe-west1", "forwardingRules", "a")
    evidence = (Evidence("not read", scope), Evidence("not read either", scope))
    unknown = Finding(rule, Verdict.UNKNOWN, "owner-not-read", Confidence.LOW, evidence)
    in_use = Finding(rule, Verdict.IN_USE, "owned", Confidence.HIGH, evidence)
    (gap,) = gaps.find_gaps(world(failed(scope)), (unknown, in_use))
    assert (gap.scope, gap.status, gap.category, gap.detail, gap.unknown_count) == (
        scope,
        "failed",
        "forbidden",
        "because",
        1,
    )


def test_each_of_many_gaps_tells_what_it_made_unknown() -> None:
    """Evidence names the first few lists only; of the rest it is untrue that nothing is unknown because of them."""
    world = World()
    world.put("global/addresses/front", address="203.0.113.10", addressType="EXTERNAL", status="RESERVED")
    for number in range(20):
        world.projects[f"acme-{number}"] = {"projectId": f"acme-{number}", "projectNumber": str(900 + number)}
        world.gap(clusters_scope(f"acme-{number}"))
    findings = findings_of(world.snapshot()).values()
    (finding,) = findings
    assert len(finding.evidence) < 10
    found = gaps.find_gaps(views.build(world.snapshot()), findings)
    assert [gap.unknown_count for gap in found if gap.scope.endswith("/clusters")] == [1] * 20


def test_a_cluster_of_which_nothing_was_read_lacks_every_list_that_can_own_something() -> None:
    lists = [failed(objects_scope(PROD, plural), Category.NOT_COLLECTED) for plural in PLURALS]
    found = gaps.find_gaps(world(*lists), ())
    assert {gap.scope.rpartition("/")[2] for gap in found} == set(gaps.NEEDED_PLURALS)
    assert [item.read for item in gaps.clusters_read(world(*lists))] == ["failed"]


def test_what_the_manifest_does_not_even_mention_is_a_gap() -> None:
    bare = views.build(Snapshot(coverage={compute_scope("acme", "addresses"): Coverage("x", Status.COMPLETE)}))
    scopes = {gap.scope for gap in gaps.find_gaps(bare, ())}
    assert clusters_scope("acme") in scopes
    assert compute_scope("acme", "forwardingRules") in scopes
    assert compute_scope("acme", "disks") not in scopes


def test_a_list_that_only_sharpens_verdicts_is_a_note_where_nobody_collected_it() -> None:
    scope = objects_scope(PROD, "endpointslices")
    uncollected = world(failed(scope, Category.NOT_COLLECTED))
    assert gaps.find_gaps(uncollected, ()) == ()
    assert "acme/europe-west1/prod" in gaps.find_notes(uncollected)[0]
    forbidden = world(failed(scope))
    assert [gap.scope for gap in gaps.find_gaps(forbidden, ())] == [scope]


def test_other_scopes_of_a_live_run_are_gaps_too() -> None:
    extra = [failed("organizations/1/projects"), failed("confirm///compute.googleapis.com/projects/acme/x")]
    assert len(gaps.find_gaps(world(*extra), ())) == 2


def test_a_cluster_read_in_part() -> None:
    part = world(failed(objects_scope(PROD, "services")), clusters=(PROD, KOPS))
    assert {item.cluster: item.read for item in gaps.clusters_read(part)} == {
        PROD.full: "partial",
        KOPS.full: "complete",
    }


def test_a_doubtful_identity_makes_a_cluster_partial() -> None:
    assert [item.read for item in gaps.clusters_read(world(failed(f"{PROD.folder}/identity")))] == ["partial"]


SCOPES = (
    compute_scope("acme", "forwardingRules"),
    clusters_scope("acme"),
    project_scope("acme"),
    "projects/acme/service-projects",
    objects_scope(PROD, "gateways"),
    objects_scope(KOPS, "services"),
    f"{PROD.folder}/identity",
    "organizations/123/projects",
    "folders/456/projects",
    "confirm///compute.googleapis.com/projects/acme/global/addresses/a",
    "confirm",
)


@pytest.mark.parametrize("category", list(Category))
@pytest.mark.parametrize("scope", SCOPES)
def test_every_gap_has_a_remedy(scope: str, category: Category) -> None:
    assert gaps.hint(scope, category).strip()


@pytest.mark.parametrize(
    ("scope", "category", "command"),
    [
        (SCOPES[0], Category.API_DISABLED, "gcloud services enable compute.googleapis.com --project acme"),
        (SCOPES[1], Category.API_DISABLED, "gcloud services enable container.googleapis.com --project acme"),
        (SCOPES[1], Category.FORBIDDEN, "--role roles/container.clusterViewer"),
        (SCOPES[0], Category.FORBIDDEN, "--role roles/compute.viewer"),
        (SCOPES[4], Category.FORBIDDEN, "--role roles/container.viewer"),
        (SCOPES[4], Category.UNREACHABLE, "clusters update prod --location europe-west1 --project acme"),
        (
            SCOPES[4],
            Category.NOT_COLLECTED,
            "kubectl get gateways.gateway.networking.k8s.io -A -o json > clusters/acme/europe-west1/prod/gateways.json",
        ),
        (
            SCOPES[0],
            Category.NOT_COLLECTED,
            "gcloud compute forwarding-rules list --project acme --format=json > "
            "projects/acme/compute/forwardingRules.json",
        ),
        (SCOPES[5], Category.NOT_COLLECTED, "kubectl config use-context kops && kubectl get services -A -o json"),
        (SCOPES[7], Category.FORBIDDEN, "gcloud organizations add-iam-policy-binding 123"),
    ],
)
def test_the_remedy_fits_the_trouble(scope: str, category: Category, command: str) -> None:
    assert command in gaps.hint(scope, category)


REFUSED = (
    "HTTP 403: {} API has not been used in project 1234 before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/{}.googleapis.com/overview?project=1234 then retry."
)


@pytest.mark.parametrize("scope", [SCOPES[1], SCOPES[2], SCOPES[4], SCOPES[7]])
def test_the_api_to_enable_is_the_one_that_the_refusal_names(scope: str) -> None:
    said = REFUSED.format("Connect Gateway", "connectgateway")
    command = gaps.hint(scope, Category.API_DISABLED, f"Connect Gateway: {said}")
    assert command == "gcloud services enable connectgateway.googleapis.com --project 1234"
    command = gaps.hint(scope, Category.API_DISABLED, said, {"1234": "acme-quota"})
    assert command == "gcloud services enable connectgateway.googleapis.com --project acme-quota"


@pytest.mark.parametrize(
    ("detail", "service"),
    [
        ("Compute Engine: HTTP 403: it is disabled; Shared VPC host: the same", "compute"),
        ("Shared VPC host: HTTP 403: it is disabled", "compute"),
        ("Resource Manager: HTTP 403: it is disabled", "cloudresourcemanager"),
    ],
)
def test_a_project_is_described_by_two_apis(detail: str, service: str) -> None:
    command = gaps.hint(SCOPES[2], Category.API_DISABLED, detail)
    assert command == f"gcloud services enable {service}.googleapis.com --project acme"


@pytest.mark.parametrize("hostile", ["x;id", "$(id)", "`id`", "x y", "-f"])
def test_a_refusal_cannot_put_words_into_the_command(hostile: str) -> None:
    said = f"https://console.developers.google.com/apis/api/{hostile}/overview?project={hostile}"
    words = shlex.split(gaps.hint(SCOPES[1], Category.API_DISABLED, said))
    assert words == ["gcloud", "services", "enable", "container.googleapis.com", "--project", "acme"]


@pytest.mark.parametrize("category", [Category.API_DISABLED, Category.FORBIDDEN, Category.NOT_COLLECTED])
@pytest.mark.parametrize("name", ["x; rm -rf /", "$(boom)", "`boom`", "a'b", "a\nb"])
def test_names_are_quoted_for_the_shell(name: str, category: Category) -> None:
    for scope in (compute_scope(name, "addresses"), objects_scope(ClusterKey(name, "l", name), "services")):
        if "/" in name and scope.startswith("clusters/"):
            continue
        words = shlex.split(gaps.hint(scope, category))
        assert all(word not in words for word in ("rm", "boom", "$(boom)x"))
        assert any(name.split("/", maxsplit=1)[0] in word for word in words)
