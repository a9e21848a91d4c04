"""The world changes between the tasks, or the time is over: what comes of it is never a false orphan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from googleserver import Fault, World
from organization import Organization, make_organization
from rehearsal import audit

from auditor.collect.shares import Share
from auditor.console import TerminalConsole as Console
from auditor.deliver.storage import open_store
from auditor.model.snapshot import Category
from auditor.tasks_run import read_in_parts
from tests.tasks.test_live_tasks import COUNT, EXECUTION, Hours, _waste, settings_for, task, world_of
from tests.tasks.test_parts import differences
from tests.tasks.test_second_look_of_parts import without


@pytest.fixture(scope="module")
def organization() -> Organization:
    return make_organization(projects=16, clusters=5, first_seed=40)


def read_by_turns(
    before: Organization, folder: Path, order: list[int], change: Callable[[World, int], None]
) -> set[str]:
    """The waste that the first task finds; `change` is called before each task of the others, and before the first."""
    with world_of(before) as world:
        chosen = settings_for(world, before)
        store = open_store(str(folder))
        for turn, index in enumerate(order):
            change(world, turn)
            task(chosen, index, store)
        change(world, len(order))
        snapshot = task(chosen, 0, store)
    assert snapshot is not None
    return _waste(snapshot, before)


@pytest.mark.parametrize("plural", ["services", "ingresses", "gateways"])
@pytest.mark.parametrize("turn", [1, COUNT - 1])
def test_owners_that_come_between_two_tasks_are_seen(
    organization: Organization, tmp_path: Path, plural: str, turn: int
) -> None:
    """Some parts are of before, some of after: clusters of the former, load balancers in the latter."""
    before, right = without(organization, plural), _waste(organization.snapshot, organization)

    def change(world: World, now: int) -> None:
        if now == turn:
            world.show(organization.snapshot)

    order = list(range(1, COUNT))
    assert read_by_turns(before, tmp_path / "up", order, change) <= right
    assert read_by_turns(before, tmp_path / "down", order[::-1], change) <= right


@pytest.mark.parametrize("slow", ["everything", "clusters"])
def test_a_second_look_without_time_makes_verdicts_careful(
    organization: Organization, tmp_path: Path, slow: str
) -> None:
    """One second is left when the last part has come."""
    full = audit(organization.snapshot, organization.as_of)
    with world_of(organization) as world:
        chosen = replace(
            settings_for(world, organization), parts_deadline=timedelta(minutes=3), deadline=timedelta(seconds=181)
        )
        store = open_store(str(tmp_path / "kept"))
        for index in range(1, COUNT):
            task(chosen, index, store)
        hours, names = Hours(), store.names
        hung = ("compute", "container") if slow == "everything" else ()

        def names_late(prefix: str = "") -> tuple[str, ...]:
            hours.seconds = 180
            world.faults = (Fault(lambda request: request.service in hung or request.cluster is not None, "hung"),)
            return names(prefix)

        store.names = names_late  # type: ignore[method-assign]
        share, console = Share(EXECUTION, 0, COUNT), Console({}, quiet=True)
        snapshot = read_in_parts(chosen, console, share, store, clock=hours, sleep=hours.sleep)
        world.cut()
    assert snapshot is not None
    assert not differences(full, audit(snapshot, organization.as_of))
    assert any(known.category is Category.TIMEOUT for known in snapshot.coverage.values())
