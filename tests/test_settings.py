"""Flags > environment > file > defaults, and every problem of file and environment said at once."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import click
import pytest
from commandline import Run

from auditor import cli, settings
from auditor.live_run import patience_of
from auditor.model.finding import SHOWN_BY_DEFAULT, Verdict
from auditor.settings import Settings

pytestmark = pytest.mark.usefixtures("bare_surroundings")


def shown(out: str, name: str) -> tuple[str, str]:
    """Value and origin of one setting, as `config` prints them."""
    line = next(line for line in out.splitlines() if line.split(" ")[0] == name)
    value, origin = [part.strip() for part in line.removeprefix(name).strip().split("  ", 1)]
    return value, origin


def test_flags_outrank_environment_outranks_file_outranks_defaults(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(run("config")[1], "format") == ("table", "default")
    Path("gke-auditor.toml").write_text('format = "wide"\nmin_age = "2h"\n')
    assert shown(run("config")[1], "format") == ("wide", "file gke-auditor.toml")
    monkeypatch.setenv("GKE_AUDITOR_FORMAT", "json")
    assert shown(run("config")[1], "format") == ("json", "environment GKE_AUDITOR_FORMAT")
    assert shown(run("config", "--format", "table")[1], "format") == ("table", "command line")
    assert shown(run("config")[1], "min_age") == ("2h", "file gke-auditor.toml")


def test_every_kind_of_value_can_stand_in_the_file(run: Run) -> None:
    Path("my.toml").write_text(
        "snapshot = ['a', 'b.tar.gz']\n"
        "as_of = 2026-11-22T06:00:00Z\n"
        "min_monthly = 7.30\n"
        "fail_over = 5\n"
        "strict = true\n"
        "verdict = 'all'\n"
        "write = ['json=report.json']\n"
        "verbose = 1\n"
    )
    out = run("config", "--config", "my.toml")[1]
    assert [shown(out, name)[0] for name in ("snapshot", "as_of", "min_monthly", "fail_over", "strict", "verdict")] == [
        "a b.tar.gz",
        "2026-11-22T06:00:00Z",
        "7.3",
        "5",
        "true",
        "all",
    ]
    assert shown(out, "write") == ("json=report.json", "file my.toml")


def test_the_environment_takes_several_values(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GKE_AUDITOR_PROJECT", "a b")
    monkeypatch.setenv("GKE_AUDITOR_STRICT", "1")
    out = run("config")[1]
    assert shown(out, "project") == ("a b", "environment GKE_AUDITOR_PROJECT")
    assert shown(out, "strict") == ("true", "environment GKE_AUDITOR_STRICT")


def test_the_file_can_be_named_or_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("gke-auditor.toml").write_text('format = "wide"\n')
    Path("other.toml").write_text('format = "json"\n')
    assert shown(run("config", "--no-config")[1], "format") == ("table", "default")
    assert shown(run("config", "--config", "other.toml")[1], "format") == ("json", "file other.toml")
    monkeypatch.setenv("GKE_AUDITOR_CONFIG", "other.toml")
    assert shown(run("config")[1], "format") == ("json", "file other.toml")
    assert shown(run("config", "--no-config")[1], "format") == ("table", "default")
    monkeypatch.delenv("GKE_AUDITOR_CONFIG")
    monkeypatch.setenv("GKE_AUDITOR_NO_CONFIG", "1")
    assert shown(run("config")[1], "format") == ("table", "default")
    assert shown(run("config", "--config", "other.toml")[1], "format") == ("json", "file other.toml")


def test_a_file_serves_all_commands(run: Run) -> None:
    Path("gke-auditor.toml").write_text('by = "owner"\nfail_on = "orphaned"\n')
    assert run("version")[0] == 0


def test_all_problems_are_said_at_once_with_file_key_and_what_is_allowed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("gke-auditor.toml").write_text(
        'formt = "json"\nmin_age = "soon"\nstrict = "yes"\nfail_on = ["idle"]\ncolor = 5\n[billing]\nx = 1\n'
    )
    monkeypatch.setenv("GKE_AUDITOR_FORMAT", "yaml")
    monkeypatch.setenv("GKE_AUDITOR_VERDICT", "idle lazy")
    code, out, err = run("config")
    assert (code, out) == (2, "")
    for said in (
        "gke-auditor.toml: formt: unknown key; did you mean format?",
        "gke-auditor.toml: min_age: 'soon' is no duration like 90m, 1h or 7d",
        "gke-auditor.toml: strict: 'yes' is neither true nor false",
        "gke-auditor.toml: fail_on: must be one value, not a list",
        "gke-auditor.toml: color: '5' is not one of 'auto', 'always', 'never'",
        "gke-auditor.toml: billing: unknown key; allowed: as_of, baseline, by, ",
        "environment: GKE_AUDITOR_FORMAT: 'yaml' is not one of 'table', 'wide', 'json'",
        "environment: GKE_AUDITOR_VERDICT: 'lazy' is not one of",
    ):
        assert said in err


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"format = \n", "is not valid TOML: .*line 1"), (b"\xff", "is not UTF-8"), (None, "No such file|Is a directory")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "my.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(settings.UsageError, match=said):
        settings.read_file(path)


def test_a_variable_that_is_no_setting_is_warned_about_and_harmless(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GKE_AUDITOR_SERVICE_HOST", "10.0.0.1")  # Kubernetes sets it beside a Service of that name
    code, _, err = run("config")
    assert code == 0
    assert "GKE_AUDITOR_SERVICE_HOST is no setting and is not used" in err


def test_every_option_is_a_setting_with_the_same_default() -> None:
    known = {field.name: field.default for field in fields(Settings)}
    seen = set()
    needed = {"explain": ["a-name"], "completion": ["bash"], "collect": ["--output", "world.tar.gz"]}
    needed["diff"] = ["old.json", "new.json"]
    needed["merge"] = ["parts", "--output", "world.tar.gz"]
    for name, command in cli.commands.commands.items():
        defaults = command.make_context(name, needed.get(name, [])).params
        for parameter in command.params:
            if not isinstance(parameter, click.Option) or parameter.name in settings.NOT_SETTINGS:
                continue
            assert parameter.name in known, f"--{parameter.name} never reaches the settings"
            seen.add(parameter.name)
            assert defaults[parameter.name] == known[parameter.name], parameter.name
    assert seen == set(known), "a setting that no command can set"


def test_verdicts_come_in_the_order_of_reports() -> None:
    assert Settings(verdict=("idle", "orphaned")).verdicts == (Verdict.ORPHANED, Verdict.IDLE)
    assert Settings(verdict=("all",)).verdicts == tuple(Verdict)
    assert Settings().verdicts == SHOWN_BY_DEFAULT


def test_the_report_says_how_it_was_made_without_paths() -> None:
    said = settings.shown_in_report(Settings(snapshot=(Path("/home/somebody/secret"),), project=("acme",)))
    assert said["project"] == ["acme"]
    assert said["min_age"] == "1h"
    assert "secret" not in str(said)


def test_a_run_ends_before_a_job_on_cloud_run_is_ended(run: Run) -> None:
    assert shown(run("config")[1], "deadline") == ("25m", "default")
    assert patience_of(Settings()).deadline_s == 1500
    assert patience_of(Settings(deadline=timedelta(minutes=2))).deadline_s == 120
