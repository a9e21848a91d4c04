"""deploy/gcloud.sh makes what Terraform makes, run with a gcloud that writes down what it is asked."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.access import INVENTORY_PERMISSIONS, PARENT_PERMISSIONS, PROJECT_PERMISSIONS

from . import terraform
from .terraform import DEPLOY, resource, resources, variables

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
FIRST = ("--project", "ops-project", "--scope", "organizations/111", "--image", "registry.example.com/auditor:1")
ACCOUNT = "serviceAccount:gke-auditor@ops-project.iam.gserviceaccount.com"
SCHEDULER = "serviceAccount:gke-auditor-cron@ops-project.iam.gserviceaccount.com"

# One call to a line, its words separated by \x1f; files that it is given are kept beside the log.
STUB = r"""#!/bin/sh
line=gcloud previous=
for word in "$@"; do
    line="$line$(printf '\037')$word"
    case $previous in *-file) cp "$word" "$LOG.$(wc -l <"$LOG" | tr -d ' ')" ;; esac
    previous=$word
done
printf '%s\n' "$line" >>"$LOG"
case $* in
*" add-iam-policy-binding "*)
    [ "$(grep -c add-iam-policy-binding "$LOG")" -gt "${REFUSALS:-0}" ] || { echo "ERROR: $REFUSAL" >&2 && exit 1; }
    ;;
*" describe "*"value(parent)"*) echo "${PARENT-organizations/999}" ;;
*" describe "*) [ -n "$EXISTS" ] ;;
"beta monitoring channels list"*) [ -z "$EXISTS" ] || echo projects/ops-project/notificationChannels/5 ;;
"alpha monitoring policies list"*) [ -z "$EXISTS" ] || echo projects/ops-project/alertPolicies/7 ;;
esac
"""


@dataclass(slots=True)
class Call:
    words: list[str]
    given: str
    """The file that it was given."""

    def __str__(self) -> str:
        return " ".join(self.words)

    def option(self, name: str) -> str:
        return self.words[self.words.index(name) + 1]

    @property
    def asks(self) -> bool:
        return bool({"describe", "list"} & set(self.words))


@dataclass(slots=True)
class Run:
    code: int
    calls: list[Call]
    stdout: str
    stderr: str

    def changes(self, *words: str) -> list[Call]:
        """The calls that begin so and change something."""
        return [call for call in self.calls if call.words[: len(words)] == list(words) and not call.asks]

    def one(self, *words: str) -> Call:
        (found,) = self.changes(*words)
        return found


def run(
    tmp_path: Path,
    *arguments: str,
    shell: str = "sh",
    exists: bool = False,
    parent: str = "",
    refusals: tuple[int, str] = (0, ""),
) -> Run:
    stub, log = tmp_path / "bin" / "gcloud", tmp_path / "log"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    log.write_text("")
    environment = {"PATH": f"{stub.parent}:/usr/bin:/bin", "LOG": str(log), "EXISTS": "yes" if exists else ""}
    if parent:
        environment["PARENT"] = parent
    environment |= {"REFUSALS": str(refusals[0]), "REFUSAL": refusals[1]}
    (stub.parent / "sleep").write_text("#!/bin/sh\n")
    (stub.parent / "sleep").chmod(0o755)
    command = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(
        [*command, DEPLOY / "gcloud.sh", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    calls = []
    for number, line in enumerate(log.read_text().splitlines()):
        kept = tmp_path / f"log.{number}"
        calls.append(Call(line.split("\x1f")[1:], kept.read_text() if kept.exists() else ""))
        kept.unlink(missing_ok=True)
    return Run(done.returncode, calls, done.stdout, done.stderr)


def default(name: str) -> Any:
    return variables()[name]["default"]


@pytest.mark.parametrize("shell", SHELLS)
def test_first_run_makes_everything(tmp_path: Path, shell: str) -> None:
    made = run(tmp_path, *FIRST, shell=shell)
    assert made.code == 0, made.stderr
    services = {word for word in made.one("services", "enable").words if word.endswith(".googleapis.com")}
    (listed,) = terraform.FILES["services.tf"]["locals"]
    assert services == set(re.findall(r"[a-z]+\.googleapis\.com", str(listed)))
    assert [call.words[3] for call in made.changes("iam", "service-accounts", "create")] == [
        "gke-auditor",
        "gke-auditor-cron",
    ]
    role = made.one("iam", "roles", "create")
    assert (role.words[3], role.option("--organization")) == ("GkeAuditor", "111")
    assert role.option("--permissions").split(",") == [*PROJECT_PERMISSIONS, *PARENT_PERMISSIONS]
    grants = [(call.option("--member"), call.option("--role")) for call in made.calls if "--member" in call.words]
    assert grants == [
        (ACCOUNT, "organizations/111/roles/GkeAuditor"),
        (ACCOUNT, "roles/container.viewer"),
        (ACCOUNT, "roles/storage.objectUser"),
        (ACCOUNT, "roles/storage.objectCreator"),
        (ACCOUNT, "roles/storage.objectViewer"),
        (ACCOUNT, "roles/secretmanager.secretAccessor"),
        (ACCOUNT, "roles/secretmanager.secretAccessor"),
        (SCHEDULER, "roles/run.invoker"),
    ]
    assert made.one("run", "jobs", "add-iam-policy-binding").words[3] == "gke-auditor"


def test_job_is_that_of_terraform(tmp_path: Path) -> None:
    job = run(tmp_path, *FIRST).one("run", "jobs", "deploy")
    (execution,) = resource("google_cloud_run_v2_job.auditor")["template"]
    (task,) = execution["template"]
    assert job.option("--args") == task["containers"][0]["args"][0] == "job"
    assert job.option("--max-retries") == str(task["max_retries"])
    assert job.option("--tasks") == job.option("--parallelism") == str(default("tasks"))
    assert job.option("--task-timeout") == default("timeout")
    assert (job.option("--cpu"), job.option("--memory")) == (default("cpu"), default("memory"))
    assert job.option("--region") == default("region")
    assert job.option("--set-env-vars") == (
        "^|^GKE_AUDITOR_HISTORY=gs://ops-project-gke-auditor|GKE_AUDITOR_REPORTS=gs://ops-project-gke-auditor-reports"
        "|GKE_AUDITOR_ORGANIZATION=111"
    )
    assert "--clear-secrets" in job.words
    assert "--network" not in job.words


def test_schedule_is_that_of_terraform(tmp_path: Path) -> None:
    schedule = run(tmp_path, *FIRST).one("scheduler", "jobs", "create", "http")
    of_terraform = resource("google_cloud_scheduler_job.weekly")
    assert schedule.option("--schedule") == default("schedule")
    assert schedule.option("--time-zone") == default("time_zone")
    assert schedule.option("--max-retry-attempts") == str(of_terraform["retry_config"][0]["retry_count"]) == "0"
    assert schedule.option("--attempt-deadline") == of_terraform["attempt_deadline"]
    assert schedule.option("--uri") == (
        "https://run.googleapis.com/v2/projects/ops-project/locations/europe-west1/jobs/gke-auditor:run"
    )
    token = of_terraform["http_target"][0]["oauth_token"][0]
    assert schedule.option("--oauth-token-scope") == token["scope"]
    assert f"serviceAccount:{schedule.option('--oauth-service-account-email')}" == SCHEDULER


def test_buckets_are_those_of_terraform(tmp_path: Path) -> None:
    made = run(tmp_path, *FIRST)
    created = made.changes("storage", "buckets", "create")
    history, reports = "gs://ops-project-gke-auditor", "gs://ops-project-gke-auditor-reports"
    assert [call.words[3] for call in created] == [history, reports]
    for call in created:
        assert {"--uniform-bucket-level-access", "--public-access-prevention"} <= set(call.words)
        assert call.option("--soft-delete-duration") == "7d"
    of_history, of_reports = made.changes("storage", "buckets", "update")
    assert [of_history.words[3], of_reports.words[3]] == [history, reports]
    assert "--versioning" in of_history.words
    assert "--retention-period" not in of_history.words
    assert of_reports.option("--retention-period") == f"{default('retention_days')}d"
    rules = [rule["condition"] for rule in json.loads(of_history.given)["rule"]]
    of_terraform = [rule["condition"][0] for rule in resource("google_storage_bucket.history")["lifecycle_rule"]]
    assert [rule.get("age") for rule in rules] == [default("keep_days"), of_terraform[1]["age"], None]
    assert rules[1]["matchesPrefix"] == of_terraform[1]["matches_prefix"]
    assert rules[2]["daysSinceNoncurrentTime"] == of_terraform[2]["days_since_noncurrent_time"]
    assert [rule["isLive"] for rule in rules] == [rule["with_state"] == "LIVE" for rule in of_terraform]
    (rule,) = json.loads(of_reports.given)["rule"]
    assert rule["condition"] == {"age": default("keep_days"), "isLive": True}
    grants = made.changes("storage", "buckets", "add-iam-policy-binding", reports)
    assert [call.option("--role") for call in grants] == ["roles/storage.objectCreator", "roles/storage.objectViewer"]


def test_alerts_are_those_of_terraform(tmp_path: Path) -> None:
    made = run(tmp_path, *FIRST, "--alert-to", "ops@example.com", "--alert-saving", "250.5")

    def filled(text: str) -> str:
        (locals_,) = [block for block in terraform.FILES["alerts.tf"]["locals"] if "finished" in block]
        text = text.replace("${local.finished}", locals_["finished"]).replace("${var.alert_saving}", "250.5")
        text = text.replace("${local.succeeded}", locals_["succeeded"])
        text = text.replace("${var.project}", "ops-project").replace("${var.region}", default("region"))
        return text.replace("${var.name}", "gke-auditor").replace("${var.alert_after_days}", "8").replace('\\"', '"')

    silent, saving = (json.loads(call.given) for call in made.changes("alpha", "monitoring", "policies", "create"))
    for policy, address in ((silent, "silent"), (saving, "saving")):
        of_terraform = resource(f"google_monitoring_alert_policy.{address}")
        assert policy["displayName"] == filled(of_terraform["display_name"])
        assert policy["alertStrategy"]["autoClose"] == of_terraform["alert_strategy"][0]["auto_close"]
    (condition,) = silent["conditions"]
    (wanted,) = resource("google_monitoring_alert_policy.silent")["conditions"]
    (promql,) = wanted["condition_prometheus_query_language"]
    assert condition["conditionPrometheusQueryLanguage"]["query"] == filled(promql["query"])
    (log,) = resource("google_monitoring_alert_policy.saving")["conditions"][0]["condition_matched_log"]
    assert saving["conditions"][0]["conditionMatchedLog"]["filter"] == filled(log["filter"])
    metric = made.one("logging", "metrics", "create")
    assert metric.words[3] == "gke_auditor_finished"
    assert metric.option("--log-filter") == filled("${local.finished}")
    channel = made.one("beta", "monitoring", "channels", "create")
    assert channel.option("--channel-labels") == "email_address=ops@example.com"


def test_the_inventory_takes_a_permission_only_where_it_is_asked(tmp_path: Path) -> None:
    for setting, more in (("inventory=asset", INVENTORY_PERMISSIONS), ("inventory=lists", ()), ("min_age=2d", ())):
        made = run(tmp_path, *FIRST, "--scope", "projects/shop-prod", "--set", setting, "--set", "strict=true")
        of_organization, of_project = made.changes("iam", "roles", "create")
        assert of_project.option("--permissions").split(",") == [*PROJECT_PERMISSIONS, *more]
        assert of_organization.option("--permissions").split(",") == [*PROJECT_PERMISSIONS, *more, *PARENT_PERMISSIONS]


def completions() -> Mapping[str, Any] | None:
    """Every command and flag of the gcloud of this machine, as its shell completion has them; None: no gcloud."""
    gcloud = shutil.which("gcloud")
    path = Path(gcloud).resolve().parents[1] / "data" / "cli" / "gcloud_completions.py" if gcloud else None
    if path is None or not path.exists():
        return None
    found: dict[str, Any] = {}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), found)  # noqa: S102 - a table that gcloud brings along
    return dict(found["STATIC_COMPLETION_CLI_TREE"])


def unknown_to(tree: Mapping[str, Any], call: Call) -> list[str]:
    """The words of a call that are neither commands nor flags nor what these take."""
    known, at, words = set(tree["flags"]), tree, list(call.words)
    while words and words[0] in at["commands"]:
        at = at["commands"][words.pop(0)]
        known |= set(at["flags"])
    if at["commands"]:
        return [f"no command: {call}"]
    return [f"{word} of {call}" for word in words if word.startswith("--") and word not in known]


def test_gcloud_has_every_command_and_flag(tmp_path: Path) -> None:
    tree = completions()
    if tree is None:
        pytest.skip("gcloud is not installed")
    more = ["--scope", "folders/222", "--scope", "projects/shop-prod", "--smtp-password", "--chat"]
    more += ["--alert-to", "ops@example.com", "--alert-saving", "250", "--connect-gateway"]
    more += ["--network", "prod", "--subnet", "jobs"]
    made = [run(tmp_path, *FIRST, *more, exists=exists) for exists in (False, True)]
    made.append(run(tmp_path, *FIRST))
    assert {one.code for one in made} == {0}
    calls = {str(call): call for one in made for call in one.calls}
    assert len(calls) > 40
    assert [problem for call in calls.values() for problem in unknown_to(tree, call)] == []


def test_second_run_changes_what_is_there(tmp_path: Path) -> None:
    made = run(tmp_path, *FIRST, "--alert-to", "ops@example.com", exists=True)
    assert made.code == 0, made.stderr
    assert [str(call) for call in made.calls if "create" in call.words] == []
    made.one("iam", "roles", "update")
    made.one("scheduler", "jobs", "update", "http")
    made.one("logging", "metrics", "update")


NOT_YET = "Service account gke-auditor@ops-project.iam.gserviceaccount.com does not exist."


@pytest.mark.parametrize("shell", SHELLS)
def test_an_account_that_was_made_just_now_is_waited_for(tmp_path: Path, shell: str) -> None:
    made = run(tmp_path, *FIRST, shell=shell, refusals=(3, NOT_YET))
    assert made.code == 0, made.stderr
    assert "ERROR" not in made.stderr
    bindings = [str(call) for call in made.calls if "add-iam-policy-binding" in call.words]
    assert len(bindings) == len(set(bindings)) + 3


@pytest.mark.parametrize(("refusals", "text"), [(99, NOT_YET), (1, "PERMISSION_DENIED: you may not")])
def test_a_binding_that_stays_refused_ends_the_script(tmp_path: Path, refusals: int, text: str) -> None:
    made = run(tmp_path, *FIRST, refusals=(refusals, text))
    assert made.code == 1
    assert text in made.stderr
    assert made.changes("run") == []
    assert len(made.calls) < 40


def test_role_of_a_folder_stands_in_its_organization(tmp_path: Path) -> None:
    made = run(tmp_path, *FIRST[:2], "--scope", "folders/222", "--scope", "projects/shop-prod", *FIRST[4:], "--rbac")
    assert made.code == 0, made.stderr
    of_organization, of_project = made.changes("iam", "roles", "create")
    assert of_organization.option("--organization") == "999"
    assert of_project.option("--project") == "shop-prod"
    assert of_project.option("--permissions").split(",") == list(PROJECT_PERMISSIONS)
    folder = made.one("resource-manager", "folders", "add-iam-policy-binding")
    assert (folder.words[3], folder.option("--role")) == ("222", "organizations/999/roles/GkeAuditor")
    project = made.one("projects", "add-iam-policy-binding")
    assert (project.words[2], project.option("--role")) == ("shop-prod", "projects/shop-prod/roles/GkeAuditor")
    assert "roles/container.viewer" not in str(made.calls)
    variables_of_job = made.one("run", "jobs", "deploy").option("--set-env-vars").split("|")
    assert "GKE_AUDITOR_FOLDER=222" in variables_of_job
    assert "GKE_AUDITOR_PROJECT=shop-prod" in variables_of_job


def test_folder_without_a_visible_organization_stops(tmp_path: Path) -> None:
    made = run(tmp_path, *FIRST[:2], "--scope", "folders/222", *FIRST[4:], parent="nothing")
    assert made.code == 1
    assert "is in no organization that you may see" in made.stderr
    assert made.changes("run") == []


def test_settings_and_secrets_reach_the_job(tmp_path: Path) -> None:
    more = ["--set", "mail_to=a@example.com b@example.com", "--set", "min_age=2d", "--smtp-password", "--chat"]
    job = run(tmp_path, *FIRST, *more, "--network", "prod", "--subnet", "jobs").one("run", "jobs", "deploy")
    variables_of_job = job.option("--set-env-vars").split("|")
    assert "GKE_AUDITOR_MAIL_TO=a@example.com b@example.com" in variables_of_job
    assert "GKE_AUDITOR_MIN_AGE=2d" in variables_of_job
    assert "GKE_AUDITOR_SMTP_PASSWORD_FILE=/secrets/smtp_password/value" in variables_of_job
    assert job.option("--set-secrets").split(",") == [
        "/secrets/smtp_password/value=gke-auditor-smtp-password:latest",
        "/secrets/chat_webhook/value=gke-auditor-chat-webhook:latest",
    ]
    assert (job.option("--network"), job.option("--subnet")) == ("prod", "jobs")
    assert job.option("--vpc-egress") == "private-ranges-only"


def test_dry_run_changes_nothing_and_prints_the_same_commands(tmp_path: Path) -> None:
    dry = run(tmp_path, *FIRST, "--dry-run")
    assert dry.code == 0, dry.stderr
    assert [call for call in dry.calls if not call.asks] == []
    wet = [call for call in run(tmp_path, *FIRST).calls if not call.asks]
    assert len(dry.stdout.splitlines()) == len(wet)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [*FIRST[2:]],
        [*FIRST[:4]],
        [*FIRST, "--scope", "folders/abc"],
        [*FIRST, "--scope", "shop-prod"],
        [*FIRST, "--scope", "projects/a/b"],
        [*FIRST, "--set", "=x"],
        [*FIRST, "--set", "mail_to=a|b"],
        [*FIRST, "--alert-saving", "1; rm"],
        [*FIRST, "--colour", "red"],
        [*FIRST, "--region"],
    ],
)
def test_wrong_use_changes_nothing(tmp_path: Path, arguments: list[str]) -> None:
    made = run(tmp_path, *arguments)
    assert (made.code, made.calls) == (2, [])


def test_every_resource_of_terraform_has_its_command() -> None:
    """A new kind of resource must be thought of here, too."""
    commands = {
        "google_project_service": "services enable",
        "google_service_account": "iam service-accounts create",
        "google_organization_iam_custom_role": "iam roles",
        "google_project_iam_custom_role": "iam roles",
        "google_organization_iam_member": "organizations/",
        "google_folder_iam_member": "resource-manager folders",
        "google_project_iam_member": "set -- projects",
        "google_folder": "resource-manager folders describe",
        "google_storage_bucket": "storage buckets create",
        "google_storage_bucket_iam_member": "storage buckets add-iam-policy-binding",
        "google_secret_manager_secret": "secrets create",
        "google_secret_manager_secret_iam_member": "secrets add-iam-policy-binding",
        "google_cloud_run_v2_job": "run jobs deploy",
        "google_cloud_run_v2_job_iam_member": "run jobs add-iam-policy-binding",
        "google_cloud_scheduler_job": "scheduler jobs",
        "google_logging_metric": "logging metrics",
        "google_monitoring_notification_channel": "monitoring channels create",
        "google_monitoring_alert_policy": "monitoring policies create",
    }
    script = (DEPLOY / "gcloud.sh").read_text("utf-8")
    assert {item.kind for item in resources()} == set(commands)
    assert [text for text in commands.values() if text not in script] == []
