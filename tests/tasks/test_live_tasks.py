"""Several tasks of one execution against the loopback APIs, as Cloud Run would start them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from googleserver import Manners, Quota, World
from organization import Organization, make_organization
from rehearsal import audit, served

from auditor.collect.directory import read_snapshot
from auditor.collect.shares import Share
from auditor.console import TerminalConsole as Console
from auditor.deliver.storage import Store, open_store
from auditor.errors import UsageError
from auditor.live_run import read_world
from auditor.model.finding import WASTE, Verdict
from auditor.model.snapshot import JSON, Snapshot, Status
from auditor.pipeline import would_be_waste
from auditor.report import json as json_report
from auditor.report.selection import Selection
from auditor.settings import Settings
from auditor.tasks_run import read_in_parts
from tests.tasks.test_parts import differences

COUNT = 4
EXECUTION = "weekly-x7k2p"
EVERYTHING = Selection(verdicts=tuple(Verdict))


@pytest.fixture(scope="module")
def organization() -> Organization:
    return make_organization(projects=24, clusters=6)


@contextmanager
def world_of(organization: Organization, **manner: object) -> Iterator[World]:
    with served(organization.snapshot, manners=Manners(check_fields=False, **manner)) as world:  # type: ignore[arg-type]
        yield world


def settings_for(world: World, organization: Organization) -> Settings:
    return Settings(
        organization=(world.organization.partition("/")[2],),
        endpoint=tuple(world.endpoints.items()),
        as_of=organization.as_of,
        concurrency=8,
        quiet=True,
    )


class Hours:
    """A clock that goes on by sleeping alone."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def task(chosen: Settings, index: int, store: Store, sleep: Callable[[float], object] | None = None) -> Snapshot | None:
    hours = Hours()
    share = Share(EXECUTION, index, COUNT)
    console = Console({}, quiet=True)
    return read_in_parts(chosen, console, share, store, clock=hours, sleep=sleep or hours.sleep)


def rendered(organization: Organization, snapshot: Snapshot) -> str:
    return json_report.render(audit(snapshot, organization.as_of), EVERYTHING)


def run_tasks(chosen: Settings, store: Store, without: int | None = None) -> Snapshot:
    """All tasks at once; the first one's snapshot."""
    found: list[Snapshot | None] = []
    errors: list[BaseException] = []
    others_are_done = threading.Event()

    def run(index: int) -> None:
        try:
            found.append(task(chosen, index, store))
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=run, args=(index,)) for index in range(1, COUNT) if index != without]
    for thread in others:
        thread.start()
    hours = Hours()

    def sleep(seconds: float) -> None:
        """The first task waits as long as the others need, and then until its deadline."""
        if not others_are_done.is_set():
            for thread in others:
                thread.join()
            others_are_done.set()
        else:
            hours.sleep(seconds)

    share, console = Share(EXECUTION, 0, COUNT), Console({}, quiet=True)
    snapshot = read_in_parts(chosen, console, share, store, clock=hours, sleep=sleep)
    assert not errors, errors
    assert found == [None] * len(others)
    assert snapshot is not None
    return snapshot


def test_tasks_give_byte_for_byte_the_report_of_one_task(organization: Organization, tmp_path: Path) -> None:
    with world_of(organization) as world:
        chosen = settings_for(world, organization)
        alone = read_world(chosen, Console({}, quiet=True), None)
        together = run_tasks(chosen, open_store(str(tmp_path / "kept")))
    assert not any(known.is_gap for known in together.coverage.values())
    assert {look["resource"]: look["status"] for look in together.confirmations} == {
        look["resource"]: look["status"] for look in alone.confirmations
    }
    assert together.confirmations
    assert rendered(organization, together) == rendered(organization, alone)


def test_a_part_that_is_missing_at_the_deadline_is_a_gap(organization: Organization, tmp_path: Path) -> None:
    full = audit(organization.snapshot, organization.as_of)
    with world_of(organization) as world:
        snapshot = run_tasks(settings_for(world, organization), open_store(str(tmp_path / "kept")), without=2)
    report = audit(snapshot, organization.as_of)
    assert not differences(full, report)
    share = Share(EXECUTION, 2, COUNT)
    assert snapshot.coverage_of(share.scope).status is Status.FAILED
    lost = [project for project in organization.projects if share.holds(project) and project.startswith("plain")]
    assert lost
    assert all(snapshot.coverage_of(f"projects/{project}/compute/addresses").is_gap for project in lost)
    unused = [finding for finding in report.findings if finding.verdict is Verdict.UNUSED]
    assert not unused, "a cluster of the lost part may be a member of any project's fleet, and name its addresses"


def test_a_further_attempt_replaces_its_own_part(organization: Organization, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "kept"))
    file = Share(EXECUTION, 1, COUNT).file
    store.create(file, b"of an earlier attempt")
    with world_of(organization) as world:
        task(settings_for(world, organization), 1, store)
    stored = store.read(file)
    assert stored is not None
    path = tmp_path / "part.tar.gz"
    path.write_bytes(stored.content)
    assert Share(EXECUTION, 1, COUNT).scope in read_snapshot(path).coverage
    assert store.names("parts/") == (file,)


def test_a_damaged_part_counts_as_missing(organization: Organization, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "kept"))
    for index in range(1, COUNT):
        store.create(Share(EXECUTION, index, COUNT).file, b"not an archive")
    with world_of(organization) as world:
        snapshot = task(settings_for(world, organization), 0, store)
    assert snapshot is not None
    for index in range(1, COUNT):
        assert snapshot.coverage_of(Share(EXECUTION, index, COUNT).scope).is_gap


def test_the_first_task_waits_no_longer_than_its_deadline(organization: Organization, tmp_path: Path) -> None:
    hours = Hours()
    with world_of(organization) as world:
        chosen = replace(settings_for(world, organization), parts_deadline=timedelta(minutes=3))
        share, console = Share(EXECUTION, 0, COUNT), Console({}, quiet=True)
        store = open_store(str(tmp_path / "kept"))
        read_in_parts(chosen, console, share, store, clock=hours, sleep=hours.sleep)
    assert hours.seconds == pytest.approx(180)


def test_no_time_for_the_second_look_is_a_usage_error(tmp_path: Path) -> None:
    chosen = Settings(parts_deadline=timedelta(minutes=25), quiet=True)
    with pytest.raises(UsageError, match="--parts-deadline must be less"):
        task(chosen, 0, open_store(str(tmp_path)))
    assert not open_store(str(tmp_path)).names()


def test_an_owner_that_comes_after_the_parts_were_read_is_seen(organization: Organization, tmp_path: Path) -> None:
    """The second look of the first task asks the clusters again, whichever task has read them."""
    without = replace(
        organization.snapshot,
        objects={key: () if key[1] == "services" else items for key, items in organization.snapshot.objects.items()},
    )
    right = _waste(organization.snapshot, organization)
    assert _waste(without, organization) - right
    with world_of(replace(organization, snapshot=without)) as world:
        chosen = settings_for(world, organization)
        store = open_store(str(tmp_path / "kept"))
        for index in range(1, COUNT):
            task(chosen, index, store)
        shown = itertools.count()

        hours = Hours()
        is_late = threading.Event()

        def before(request: object) -> None:
            """The world changes with the first request that asks for a single resource, or clusters a third time."""
            if is_late.is_set() and not next(shown):
                world.show(organization.snapshot)

        names = store.names

        def names_and_change(prefix: str = "") -> tuple[str, ...]:
            is_late.set()
            return names(prefix)

        store.names = names_and_change  # type: ignore[method-assign]
        world.before = before
        share, console = Share(EXECUTION, 0, COUNT), Console({}, quiet=True)
        snapshot = read_in_parts(chosen, console, share, store, clock=hours, sleep=hours.sleep)
    assert next(shown)
    assert snapshot is not None
    assert _waste(snapshot, organization) <= right


def _waste(snapshot: Snapshot, organization: Organization) -> set[str]:
    report = audit(snapshot, organization.as_of)
    return {finding.resource.full for finding in report.findings if finding.verdict in WASTE}


def test_a_cluster_that_cannot_be_reached_again_makes_verdicts_careful(
    organization: Organization, tmp_path: Path
) -> None:
    full = audit(organization.snapshot, organization.as_of)
    with world_of(organization) as world:
        chosen = settings_for(world, organization)
        store = open_store(str(tmp_path / "kept"))
        for index in range(1, COUNT):
            task(chosen, index, store)
        names, all_parts = store.names, threading.Event()

        def names_and_close(prefix: str = "") -> tuple[str, ...]:
            if not all_parts.is_set():
                all_parts.set()
                world.show(_unreachable(organization.snapshot))
            return names(prefix)

        store.names = names_and_close  # type: ignore[method-assign]
        snapshot = task(replace(chosen, timeout=timedelta(seconds=1)), 0, store)
    assert snapshot is not None
    assert not differences(full, audit(snapshot, organization.as_of))
    lost = [known for scope, known in snapshot.coverage.items() if scope.endswith("/services") and known.is_gap]
    assert lost


def _unreachable(snapshot: Snapshot) -> Snapshot:
    """The same world, but its Container API lists nothing any more."""
    failed = {
        scope: replace(known, status=Status.FAILED, category=None, count=None)
        for scope, known in snapshot.coverage.items()
        if scope.endswith("/container/clusters")
    }
    return replace(snapshot, coverage={**snapshot.coverage, **failed})


def test_quotas_are_kept_by_all_tasks_together(organization: Organization, tmp_path: Path) -> None:
    """A project is read by one task, so its quota is kept by that one; a host is read by few."""
    quota = Quota("compute", 1500)
    with world_of(organization, quotas=(quota,)) as world:
        run_tasks(settings_for(world, organization), open_store(str(tmp_path / "kept")))
        assert not [
            exchange
            for exchange in world.exchanges
            if exchange.status in (403, 429) and "ingress-uid" not in exchange.request.path
        ]


def test_nothing_is_asked_twice_but_for_hosts(organization: Organization, tmp_path: Path) -> None:
    with world_of(organization) as world:
        chosen = settings_for(world, organization)
        store = open_store(str(tmp_path / "kept"))
        for index in range(1, COUNT):
            task(chosen, index, store)
        asked: dict[str, int] = {}
        for request in world.requests:
            if "/aggregated/addresses" in request.path and not request.is_later_page:
                asked[request.path] = asked.get(request.path, 0) + 1
    hosts = {project for project, told in organization.snapshot.projects.items() if _is_host(told)}
    twice = {path for path, times in asked.items() if times > 1}
    assert all(any(f"/projects/{host}/" in path for host in hosts) for path in twice)
    assert max(asked.values()) < COUNT


def _is_host(told: JSON | None) -> bool:
    return bool(told) and told is not None and told.get("xpnProjectStatus") == "HOST"


def test_would_be_waste_is_that_of_the_whole(organization: Organization) -> None:
    """The world of these tests has waste to look at twice, in several shares."""
    found = would_be_waste(organization.snapshot, as_of=organization.as_of, min_age=timedelta(hours=1))
    assert len({Share("x", 0, COUNT).index_of(name.project) for name in found}) == COUNT
