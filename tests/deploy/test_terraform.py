"""deploy/*.tf: arguments that the provider knows, permissions that the code asks for, a job that Cloud Run takes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from google.cloud import run_v2

from auditor.cli import commands
from auditor.collect.access import INVENTORY_PERMISSIONS, PARENT_PERMISSIONS, PROJECT_PERMISSIONS
from auditor.settings import variable

from . import terraform
from .terraform import BLOCK, DEPLOY, META, REPO, compute, is_block, resource, resources, unfolded, variables

ARGUMENTS = json.loads((Path(__file__).parent / "provider_arguments.json").read_text("utf-8"))
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
FIRST = {"project": "ops-project", "scope": ["organizations/111"], "image": "registry.example.com/tools/auditor:0.1.0"}
MAIL = {"to": ["a@example.com", "b@example.com"], "from": "audit@example.com", "smtp_host": "smtp.example.com"}
# --- the provider ---


def problems(where: str, body: Mapping[str, Any], known: Mapping[str, Any], *, meta: bool) -> Iterator[str]:
    """One sentence for everything in a block that the provider's documentation does not have so."""
    found = unfolded(body)
    for name, value in found.items():
        if meta and name in META:
            continue
        entry = known.get(name)
        if entry is None:
            yield f"{where}: {name} is no argument"
        elif is_block(value) != ("block" in entry):
            yield f"{where}: {name} is {'no block' if is_block(value) else 'a block'}"
        elif is_block(value):
            if len(value) > 1 and not entry.get("many"):
                yield f"{where}: there can be only one {name}"
            for item in value:
                yield from problems(f"{where}.{name}", item, entry["block"], meta=False)
    yield from (
        f"{where}: {name} is missing" for name, entry in known.items() if entry.get("required") and name not in found
    )


@pytest.mark.parametrize("item", resources(), ids=lambda item: f"{item.kind}.{item.name}")
def test_arguments_are_those_of_the_providers_documentation(item: terraform.Resource) -> None:
    known = ARGUMENTS["arguments"][f"{item.sort}.{item.kind}"]
    assert list(problems(item.kind, item.body, known, meta=True)) == []


def test_a_wrong_argument_is_found() -> None:
    known = ARGUMENTS["arguments"]["resource.google_cloud_run_v2_job"]
    body = {"name": "x", "location": "y", "colour": "red", "template": [{"task_counts": 1, BLOCK: True}], BLOCK: True}
    assert list(problems("job", body, known, meta=True)) == [
        "job: colour is no argument",
        "job.template: task_counts is no argument",
        "job.template: template is missing",
    ]


REFERENCE = re.compile(r"(data\.)?\b(google_\w+)\.(\w+)(?:\[[^][]*(?:\[[^][]*\][^][]*)*\])?(?:\.(\w+))?")


def test_what_is_referred_to_exists() -> None:
    """Variables, locals, and the attributes of resources that the provider's documentation says are exported."""
    made = {(item.sort, item.kind, item.name) for item in resources()}
    local_names = {name for block in terraform.blocks("locals") for name in block if name != BLOCK}
    code = re.sub(r"^\s*#.*$|description += .*$", "", terraform.SOURCE, flags=re.MULTILINE)
    assert set(re.findall(r"\bvar\.(\w+)", code)) == set(variables()), "each variable is used, and no other"
    assert set(re.findall(r"\blocal\.(\w+)", code)) == local_names
    found = REFERENCE.findall(code)
    assert len(found) > 20
    for data, kind, name, attribute in found:
        sort = "data" if data else "resource"
        assert (sort, kind, name) in made, f"{kind}.{name}"
        known = {*ARGUMENTS["arguments"][f"{sort}.{kind}"], *ARGUMENTS["exports"][f"{sort}.{kind}"]}
        assert not attribute or attribute in known, f"{kind}.{name}.{attribute}"


def test_provider_version_is_the_one_that_was_compared() -> None:
    (block,) = terraform.blocks("terraform")
    (providers,) = block["required_providers"]
    assert set(providers) - {BLOCK} == {"google"}
    assert providers["google"]["source"] == ARGUMENTS["provider"]
    assert providers["google"]["version"] == f"~> {ARGUMENTS['version'].rpartition('.')[0]}"


@needs_terraform
def test_terraform_would_format_nothing() -> None:
    terraform.run(REPO, "fmt", "-check", "-recursive", "deploy")


# --- permissions ---


def lines(name: str) -> list[str]:
    return (DEPLOY / "role" / name).read_text("utf-8").splitlines()


def test_role_has_exactly_the_permissions_that_the_code_asks_for() -> None:
    assert lines("project.txt") == list(PROJECT_PERMISSIONS)
    assert lines("parent.txt") == list(PARENT_PERMISSIONS)
    assert lines("inventory.txt") == list(INVENTORY_PERMISSIONS)
    roles = [item for item in resources() if item.kind.endswith("_iam_custom_role")]
    assert {(role.kind, role.body["permissions"]) for role in roles} == {
        ("google_project_iam_custom_role", "${local.project_permissions}"),
        ("google_organization_iam_custom_role", "${concat(local.project_permissions, local.parent_permissions)}"),
    }


def test_role_reads_and_nothing_else() -> None:
    verbs = {name.rpartition(".")[2] for name in [*PROJECT_PERMISSIONS, *PARENT_PERMISSIONS, *INVENTORY_PERMISSIONS]}
    assert verbs == {"get", "list", "connect", "searchAllResources", "listResource"}


def test_predefined_roles_are_few() -> None:
    assert set(re.findall(r'"(roles/[\w.]+)"', terraform.SOURCE)) == {
        "roles/container.viewer",
        "roles/gkehub.gatewayReader",
        "roles/run.invoker",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectCreator",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
    }


def test_the_scheduler_may_start_this_job_and_nothing_else() -> None:
    grants = [item for item in resources() if "google_service_account.scheduler" in str(item.body.get("member"))]
    assert [(item.kind, item.body["role"]) for item in grants] == [
        ("google_cloud_run_v2_job_iam_member", "roles/run.invoker")
    ]
    assert grants[0].body["name"] == "${google_cloud_run_v2_job.auditor.name}"


def test_no_secret_and_no_key_passes_through_terraform() -> None:
    kinds = {item.kind for item in resources()}
    assert not {"google_secret_manager_secret_version", "google_service_account_key"} & kinds
    assert not [name for name in variables() if "password" in name or "token" in name]


# --- the job ---


def test_scheduler_calls_an_api_of_google_once() -> None:
    job = resource("google_cloud_scheduler_job.weekly")
    (target,), (retries,) = job["http_target"], job["retry_config"]
    assert target["http_method"] == "POST"
    assert target["uri"] == "https://run.googleapis.com/v2/${google_cloud_run_v2_job.auditor.id}:run"
    assert "oauth_token" in target
    assert "oidc_token" not in target
    assert retries["retry_count"] == 0


VALUES = {
    "task_count": 1,
    "parallelism": 1,
    "timeout": "1800s",
    "tags": ["auditor"],
    "limits": {"memory": "2Gi"},
    "egress": "PRIVATE_RANGES_ONLY",
    "labels": {"team": "platform"},
}
"""What stands in for expressions whose values are no plain strings."""
NOT_IN_THE_MANIFEST = {"project", "location", "name", "deletion_protection", *META}


def manifest(body: Mapping[str, Any], many: frozenset[str]) -> dict[str, Any]:
    """A block as the API's message of the same names: what stands once is an object, else a list of them."""
    found: dict[str, Any] = {}
    for name, value in unfolded(body).items():
        if is_block(value):
            made = [manifest(item, many) for item in value]
            found[name] = made if name in many else made[0]
        else:
            found[name] = VALUES.get(name, value)
    return found


def test_cloud_run_takes_the_job() -> None:
    many = frozenset({"containers", "env", "volumes", "volume_mounts", "items", "network_interfaces"})
    top = {k: v for k, v in resource("google_cloud_run_v2_job.auditor").items() if k not in NOT_IN_THE_MANIFEST}
    written = manifest(top, many)
    # A mapping with a name or a type that the API does not know is refused.
    job = run_v2.Job(json.loads(json.dumps(written).replace('"1800s"', '{"seconds": 1800}')))
    task = job.template.template
    (container,), (volume, *_) = task.containers, task.volumes
    assert (job.template.task_count, job.template.parallelism) == (1, 1)
    assert (task.max_retries, task.timeout.total_seconds()) == (1, 1800)
    assert task.execution_environment is run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2
    assert list(container.args) == ["job"]
    assert not container.command, "the image's entrypoint is used"
    assert volume.secret.items[0].path == "value"
    assert task.vpc_access.egress is run_v2.VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY
    assert task.vpc_access.network_interfaces[0].tags == ["auditor"]
    with pytest.raises(ValueError, match="Unknown field"):
        run_v2.Job({"template": {"task_counts": 1}})


def test_defaults_are_those_that_were_decided() -> None:
    found = {name: body.get("default") for name, body in variables().items()}
    assert {name for name, body in variables().items() if "default" not in body} == set(FIRST)
    assert (found["tasks"], found["timeout"], found["alert_after_days"]) == (1, "1800s", 8)
    assert int(found["memory"].removesuffix("Gi")) >= 1
    assert all(body["description"] and body["type"] for body in variables().values())


# --- what terraform computes ---

FOR_EACH = dict(
    zip(
        [f"{item.kind}.{item.name}" for item in resources() if "for_each" in item.body],
        [str(item.body["for_each"]) for item in resources() if "for_each" in item.body],
        strict=True,
    )
)


def computed(tmp_path: Path, **values: Any) -> dict[str, Any]:
    expressions = {name.replace(".", "-"): re.fullmatch(r"\$\{(.*)\}", text) for name, text in FOR_EACH.items()}
    made = {
        name: f"keys({{ for key, value in {text[1]} : key => value }})" for name, text in expressions.items() if text
    }
    made |= {"environment": "local.environment", "mounted": "local.mounted", "finished": "local.finished"}
    made |= {"succeeded": "local.succeeded"}
    made |= {"permissions": "concat(local.project_permissions, local.parent_permissions)"}
    made |= {"project_permissions": "local.project_permissions"}
    return compute(tmp_path / "module", {**FIRST, **values}, made)


@needs_terraform
def test_first_apply_needs_three_variables_and_mounts_no_secret(tmp_path: Path) -> None:
    made = computed(tmp_path)
    assert made["environment"] == {
        "GKE_AUDITOR_ORGANIZATION": "111",
        "GKE_AUDITOR_HISTORY": "gs://ops-project-gke-auditor",
        "GKE_AUDITOR_REPORTS": "gs://ops-project-gke-auditor-reports",
    }
    assert made["mounted"] == {}
    assert made["succeeded"] == (
        'monitored_resource="cloud_run_job",project_id="ops-project",location="europe-west1",'
        'job_name="gke-auditor",result="succeeded"'
    )
    assert made["google_organization_iam_custom_role-auditor"] == ["111"]
    assert made["google_organization_iam_member-auditor"] == ["111"]
    assert made["google_organization_iam_member-more"] == ["111 roles/container.viewer"]
    assert made["google_folder_iam_member-auditor"] == []
    assert made["google_project_iam_member-auditor"] == []
    assert made["permissions"] == [*PROJECT_PERMISSIONS, *PARENT_PERMISSIONS]


@needs_terraform
@pytest.mark.parametrize(("inventory", "more"), [("asset", INVENTORY_PERMISSIONS), ("lists", ())])
def test_the_inventory_takes_a_permission_only_where_it_is_asked(
    tmp_path: Path, inventory: str, more: tuple[str, ...]
) -> None:
    made = computed(tmp_path, settings={"inventory": inventory})
    assert made["environment"]["GKE_AUDITOR_INVENTORY"] == inventory
    assert made["permissions"] == [*PROJECT_PERMISSIONS, *more, *PARENT_PERMISSIONS]
    assert made["project_permissions"] == [*PROJECT_PERMISSIONS, *more]


@needs_terraform
def test_every_place_of_the_scope_gets_its_role(tmp_path: Path) -> None:
    scope = ["folders/222", "folders/333", "projects/shop-prod", "projects/net-host"]
    made = computed(tmp_path, scope=scope, kubernetes_access_by_iam=False, connect_gateway=True)
    assert made["environment"]["GKE_AUDITOR_FOLDER"] == "222 333"
    assert made["environment"]["GKE_AUDITOR_PROJECT"] == "net-host shop-prod"
    assert "GKE_AUDITOR_ORGANIZATION" not in made["environment"]
    assert made["google_organization_iam_custom_role-auditor"] == ["9992", "9993"], "those of the folders"
    assert made["google_organization_iam_member-auditor"] == []
    assert made["google_folder_iam_member-auditor"] == ["222", "333"]
    assert made["google_project_iam_custom_role-auditor"] == ["net-host", "shop-prod"]
    assert made["google_folder_iam_member-more"] == [f"{n} roles/gkehub.gatewayReader" for n in ("222", "333")]


@needs_terraform
def test_mail_and_chat_reach_the_job_as_settings(tmp_path: Path) -> None:
    mail = {**MAIL, "smtp_port": 465, "smtp_user": "audit"}
    made = computed(tmp_path, mail=mail, chat=True, settings={"min_age": "2d", "send_when": "new"})
    environment = made["environment"]
    assert environment["GKE_AUDITOR_MAIL_TO"] == "a@example.com b@example.com"
    assert environment["GKE_AUDITOR_SMTP_PORT"] == "465"
    assert environment["GKE_AUDITOR_MIN_AGE"] == "2d"
    assert "GKE_AUDITOR_SMTP_SECURITY" not in environment
    assert set(made["mounted"]) == {"smtp_password", "chat_webhook"}
    for key, setting in (("smtp_password", "SMTP_PASSWORD_FILE"), ("chat_webhook", "CHAT_WEBHOOK_FILE")):
        assert environment[f"GKE_AUDITOR_{setting}"] == f"/secrets/{key}/value"


@needs_terraform
def test_mail_without_sign_in_mounts_no_secret(tmp_path: Path) -> None:
    made = computed(tmp_path, mail=MAIL)
    assert made["mounted"] == {}
    assert "GKE_AUDITOR_SMTP_PASSWORD_FILE" not in made["environment"]


@needs_terraform
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scope", []),
        ("scope", ["shop-prod"]),
        ("scope", ["organizations/acme"]),
        ("image", "auditor"),
        ("image", "registry.example.com/auditor"),
        ("tasks", 0),
        ("alert_after_days", 0),
        ("alert_after_days", 8.5),
        ("settings", {"Min-Age": "1d"}),
        ("network", {"network": "n", "subnetwork": "s", "egress": "SOME"}),
    ],
)
def test_wrong_values_are_refused_before_anything_is_made(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(AssertionError, match="Invalid value for variable"):
        compute(tmp_path / "module", {**FIRST, name: value}, {})


@needs_terraform
@pytest.mark.parametrize("image", ["europe-docker.pkg.dev/p/r/a:1", f"h:5000/a/b@sha256:{'0' * 64}", "h.io/a:1.2"])
def test_images_are_named_in_full(tmp_path: Path, image: str) -> None:
    assert compute(tmp_path / "module", {**FIRST, "image": image}, {"image": "var.image"}) == {"image": image}


def test_variables_of_the_job_are_settings_of_the_program() -> None:
    options = [
        parameter.name
        for command in commands.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name
    ]
    known = {variable(name) for name in options}
    used = set(re.findall(r"\b(GKE_AUDITOR_[A-Z_]+)\b", terraform.SOURCE)) - {"GKE_AUDITOR_"}
    assert len(used) > 8
    assert used <= known


# --- alerts ---


def test_alerts_look_for_the_last_line_of_the_job() -> None:
    (locals_,) = terraform.FILES["alerts.tf"]["locals"][:1]
    for part in ('resource.type="cloud_run_job"', 'jsonPayload.message="audit finished"'):
        assert part in locals_["finished"]
    silent = resource("google_monitoring_alert_policy.silent")
    (condition,) = silent["conditions"][0]["condition_prometheus_query_language"]
    assert condition["query"] == (
        "absent_over_time(run_googleapis_com:job_completed_execution_count{${local.succeeded}}[${var.alert_after_days}d])"
    )
    (saving,) = resource("google_monitoring_alert_policy.saving")["conditions"][0]["condition_matched_log"]
    assert "jsonPayload.summary.monthly>=" in saving["filter"]


def test_no_alert_looks_further_back_than_its_metric_allows() -> None:
    """Of log-based metrics PromQL alerts may see 25 hours (Cloud Monitoring refuses more), of others two years."""
    for item in resources():
        for condition in item.body.get("conditions", ()) if item.kind == "google_monitoring_alert_policy" else ():
            for promql in condition.get("condition_prometheus_query_language", ()):
                is_log_based = "logging_googleapis_com" in promql["query"]
                assert not (is_log_based and re.search(r"\[(?!([1-9]|1\d|2[0-5])h\])", promql["query"]))


def test_numbers_are_those_of_the_machine_summary() -> None:
    summary = {"projects", "clusters", "gaps", "orphans", "monthly", "currency", "duration_s"}
    used = set(re.findall(r"jsonPayload\.summary\.(\w+)", terraform.SOURCE))
    block = re.search(r'"google_logging_metric" "number" \{\n  for_each = \{(.*?)\n  \}', terraform.SOURCE, re.DOTALL)
    assert block
    assert used | set(re.findall(r"^    (\w+) += ", block[1], re.MULTILINE)) <= summary


# --- the bucket ---


def test_what_is_kept_can_be_replaced_and_taken_back() -> None:
    """A retention policy would forbid both (docs of Cloud Storage, Bucket Lock)."""
    bucket = resource("google_storage_bucket.history")
    assert "retention_policy" not in bucket
    assert bucket["versioning"][0]["enabled"] is True
    assert bucket["soft_delete_policy"][0]["retention_duration_seconds"] >= 7 * 86400
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["force_destroy"] is False


def test_nobody_replaces_or_deletes_a_report() -> None:
    """Its bucket is under a retention policy, and the job has no right to delete there; job.py writes each file once
    (tests/job)."""
    bucket = resource("google_storage_bucket.reports")
    policy = bucket["retention_policy"][0]
    assert policy["retention_period"] == "${var.retention_days * 86400}"
    assert policy["is_locked"] is False
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["force_destroy"] is False
    roles = resource("google_storage_bucket_iam_member.reports")
    assert roles["bucket"] == "${google_storage_bucket.reports.name}"
    assert re.findall(r"roles/[\w.]+", str(roles["for_each"])) == [
        "roles/storage.objectCreator",
        "roles/storage.objectViewer",
    ]
