"""`gke-auditor job --tasks N --task I --execution NAME`, as any scheduler starts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from googleserver import World
from organization import Organization, make_organization
from rehearsal import served

from auditor import cli
from auditor.deliver.storage import open_store
from auditor.errors import ExitCode

COUNT = 2


@dataclass(frozen=True, slots=True)
class Started:
    """A job on a scheduler that is not Cloud Run, with a folder that all tasks share."""

    world: World
    organization: Organization
    folder: Path

    def task(self, index: int, execution: str, *more: str) -> int:
        return self.run("--tasks", str(COUNT), "--task", str(index), "--execution", execution, *more)

    def run(self, *more: str) -> int:
        number = self.world.organization.partition("/")[2]
        asked = ["--organization", number, *self.world.endpoint_flags(), "--history", str(self.folder)]
        return cli.run(["job", *asked, *more])

    def names(self, prefix: str) -> list[str]:
        return list(open_store(str(self.folder)).names(prefix))


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Started]:
    organization = make_organization(projects=8, clusters=2)
    with served(organization.snapshot) as world:
        yield Started(world, organization, tmp_path / "kept")


def test_tasks_of_any_scheduler_share_a_run(job: Started, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.task(1, "nightly-28934220") == ExitCode.OK
    assert job.names("runs/") == []
    assert job.task(0, "nightly-28934220") == ExitCode.OK
    assert job.names("parts/") == [f"parts/nightly-28934220/{index}-of-2.tar.gz" for index in range(COUNT)]
    assert len(job.names("runs/")) == 1
    assert "reports/nightly-28934220/report.json" in job.names("reports/")
    assert "is missing" not in capsys.readouterr().err


def test_the_environment_says_it_as_well(job: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pod of an Indexed Job has it: its index and its job's name."""
    monkeypatch.setenv("GKE_AUDITOR_TASKS", "2")
    monkeypatch.setenv("GKE_AUDITOR_TASK", "1")
    monkeypatch.setenv("GKE_AUDITOR_EXECUTION", "nightly-28934220")
    assert job.run() == ExitCode.OK
    assert job.names("parts/") == ["parts/nightly-28934220/1-of-2.tar.gz"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tasks", "2", "--task", "2", "--execution", "x"], "There is no task 2 where there are 2"),
        (["--tasks", "2", "--task", "1"], "no name by which they find each other's parts"),
        (["--tasks", "2", "--execution", "x"], "nothing says which of them this is"),
        (["--task", "1", "--execution", "x"], "There is no task 1 where there is one"),
        (["--tasks", "0", "--task", "0", "--execution", "x"], "--tasks"),
        (["--tasks", "2", "--task", "-1", "--execution", "x"], "--task"),
    ],
)
def test_what_is_not_told_well_is_a_usage_error(
    job: Started, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert job.run(*flags) == ExitCode.USAGE
    assert said in capsys.readouterr().err
    assert not job.world.requests


def test_the_name_of_an_earlier_run_is_refused(job: Started, capsys: pytest.CaptureFixture[str]) -> None:
    """It would replace that run, and take the parts of it for its own."""
    week = datetime.now(UTC) - timedelta(days=7)
    assert job.run("--execution", "weekly", "--as-of", f"{week:%Y-%m-%dT%H:%M:%SZ}") == ExitCode.OK
    assert len(job.names("runs/")) == 1
    capsys.readouterr()
    assert job.task(1, "weekly") == ExitCode.USAGE
    assert "There was a run of execution weekly already" in capsys.readouterr().err
    assert job.names("parts/") == []
    assert job.task(1, "weekly-2") == ExitCode.OK


def test_a_further_attempt_has_the_name_of_the_first(job: Started) -> None:
    for _ in range(2):
        assert job.run("--execution", "weekly") == ExitCode.OK
    assert len(job.names("runs/")) == 1
