"""What the first task takes for the parts of the others, and what not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from googleserver import World
from organization import Organization, make_organization

from auditor import tasks_run
from auditor.collect.directory import read_snapshot, write_snapshot
from auditor.collect.shares import Share
from auditor.console import TerminalConsole as Console
from auditor.deliver.storage import Store, open_store, put
from auditor.model.snapshot import Coverage, Snapshot, Status
from auditor.settings import Settings
from tests.tasks.test_live_tasks import COUNT, EXECUTION, Hours, rendered, run_tasks, settings_for, task, world_of


@pytest.fixture(scope="module")
def organization() -> Organization:
    return make_organization(projects=12, clusters=3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "kept"))


def share(index: int) -> Share:
    return Share(EXECUTION, index, COUNT)


def rewrite(store: Store, index: int, folder: Path, change: Callable[[Snapshot], Snapshot]) -> bytes:
    """Write another part in place of one; its bytes as they were."""
    path = folder / f"{index}.tar.gz"
    stored = store.read(share(index).file)
    assert stored is not None
    path.write_bytes(stored.content)
    snapshot = read_snapshot(path)
    write_snapshot(change(snapshot), path)
    put(store, share(index).file, path.read_bytes())
    return stored.content


def read_others(world: World, organization: Organization, store: Store) -> Settings:
    chosen = settings_for(world, organization)
    for index in range(1, COUNT):
        task(chosen, index, store)
    return chosen


def of_another_run(snapshot: Snapshot) -> Snapshot:
    own = share(1).scope
    scope = Share("another", 1, COUNT).scope
    coverage = {key: known for key, known in snapshot.coverage.items() if key != own}
    return replace(snapshot, coverage={**coverage, scope: replace(snapshot.coverage[own], scope=scope)})


def of_another_task(snapshot: Snapshot) -> Snapshot:
    coverage = {key: known for key, known in snapshot.coverage.items() if key != share(1).scope}
    return replace(snapshot, coverage={**coverage, share(2).scope: Coverage(share(2).scope, Status.COMPLETE)})


def of_another_version(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, tool="gke-auditor 0.0.1")


def of_an_earlier_run(snapshot: Snapshot) -> Snapshot:
    assert snapshot.taken_at is not None
    return replace(snapshot, taken_at=snapshot.taken_at - timedelta(hours=5))


@pytest.mark.parametrize("change", [of_another_run, of_another_task, of_another_version, of_an_earlier_run])
def test_a_part_that_does_not_belong_counts_as_missing(
    organization: Organization, store: Store, tmp_path: Path, change: Callable[[Snapshot], Snapshot]
) -> None:
    """And is no reason to have no report at all."""
    with world_of(organization) as world:
        chosen = read_others(world, organization, store)
        rewrite(store, 1, tmp_path, change)
        snapshot = task(chosen, 0, store)
    assert snapshot is not None
    assert snapshot.coverage[share(1).scope].status is Status.FAILED
    assert share(2).scope not in snapshot.coverage


def test_a_part_of_an_earlier_run_is_waited_for_until_its_task_replaces_it(
    organization: Organization, store: Store, tmp_path: Path
) -> None:
    with world_of(organization) as world:
        chosen = read_others(world, organization, store)
        fresh = rewrite(store, 1, tmp_path, of_an_earlier_run)
        hours = Hours()

        def sleep(seconds: float) -> None:
            hours.sleep(seconds)
            put(store, share(1).file, fresh)

        snapshot = tasks_run.read_in_parts(chosen, Console({}, quiet=True), share(0), store, clock=hours, sleep=sleep)
    assert snapshot is not None
    assert share(1).scope not in snapshot.coverage
    assert 0 < hours.seconds < 60


def test_a_task_is_told_why_a_part_was_not_taken(
    organization: Organization, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with world_of(organization) as world:
        chosen = read_others(world, organization, store)
        rewrite(store, 1, tmp_path, of_an_earlier_run)
        hours = Hours()
        tasks_run.read_in_parts(chosen, Console({}), share(0), store, clock=hours, sleep=hours.sleep)
    assert f"{share(1).file} counts as missing: it was taken at " in capsys.readouterr().err


def test_a_task_reads_no_longer_than_its_part_is_waited_for(
    organization: Organization, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part with gaps is worth more than one that comes a second too late."""
    given: list[timedelta] = []
    read = tasks_run.read_share

    def read_share(chosen: Settings, console: Console, share: Share, deadline: timedelta) -> Snapshot:
        given.append(deadline)
        return read(chosen, console, share, deadline)

    monkeypatch.setattr(tasks_run, "read_share", read_share)
    with world_of(organization) as world:
        task(replace(settings_for(world, organization), parts_deadline=timedelta(minutes=10)), 1, store)
    assert given == [timedelta(minutes=9)]


def test_the_first_task_needs_its_own_part_no_more_once_it_is_written(
    organization: Organization, store: Store, tmp_path: Path
) -> None:
    with world_of(organization) as world:
        chosen = settings_for(world, organization)
        whole = run_tasks(chosen, store)
        again = open_store(str(tmp_path / "again"))
        for index in range(1, COUNT):
            stored = store.read(share(index).file)
            assert stored is not None
            put(again, share(index).file, stored.content)
        names = again.names

        def names_of_others(prefix: str = "") -> tuple[str, ...]:
            return tuple(name for name in names(prefix) if name != share(0).file)

        again.names = names_of_others  # type: ignore[method-assign]
        snapshot = task(chosen, 0, again)
    assert snapshot is not None
    assert rendered(organization, snapshot) == rendered(organization, whole)
