"""Quotas of requests per minute: kept ahead of time, and one pause for all once they are used up."""

from __future__ import annotations

import threading
import time

import pytest
from googleserver import Manners
from googleserver import Quota as Enforced

from auditor.collect.failures import RequestFailed
from auditor.collect.patience import Patience
from auditor.collect.quotas import NOW, PER_MINUTE, Quota, Quotas, counted_as, project_in, shared_out
from auditor.model.snapshot import Category

from .driving import case, run, waste, world_of
from .stub import Clock, patience

ORPHANED = "T02-service-deleted-cluster-alive"
TOO_FAST = RequestFailed(Category.QUOTA, "HTTP 403: rateLimitExceeded", is_transient=True)


def leave(quota: Quota, times: int, now: float) -> int:
    """How many of so many requests may leave at one moment."""
    return sum(quota.turn(now) == NOW for _ in range(times))


# --- ahead of time ---


def test_no_more_than_the_quota_leaves_in_any_minute() -> None:
    quota = Quota(3)
    assert leave(quota, 5, 100) == 3
    assert leave(quota, 5, 159.9) == 0
    assert leave(quota, 1, 160) == 1
    assert leave(quota, 5, 170) == 2


def test_it_says_how_long_there_is_to_wait() -> None:
    quota = Quota(1)
    quota.turn(100)
    turn = quota.turn(110)
    assert (turn.wait_s, turn.is_ahead) == (50, True)


def test_projects_and_services_have_quotas_of_their_own() -> None:
    quotas = Quotas({"compute": 1})
    assert quotas.of("compute", "a") is quotas.of("compute", "a")
    assert leave(quotas.of("compute", "a"), 2, 0) == 1
    assert leave(quotas.of("compute", "b"), 2, 0) == 1
    assert leave(quotas.of("container", "a"), 9999, 0) == 9999


@pytest.mark.parametrize(
    ("path", "project"),
    [
        ("/compute/v1/projects/a/aggregated/addresses", "a"),
        ("/v3/projects/a:testIamPermissions", "a"),
        ("https://connectgateway.googleapis.com/v1/projects/90/locations/global/gkeMemberships/x", "90"),
        ("/v1/organizations/719203344817:searchAllResources", ""),
    ],
)
def test_a_request_counts_against_the_project_that_its_path_names(path: str, project: str) -> None:
    assert project_in(path) == project


@pytest.mark.parametrize(
    ("service", "path", "limit"),
    [
        ("cloudasset", "/v1/organizations/719203344817:searchAllResources", 400),
        ("cloudasset", "/v1/organizations/719203344817/assets", 100),
        ("cloudasset", "/v1/projects/shared-host/assets", 100),
        ("compute", "/compute/v1/projects/a/aggregated/addresses", 1500),
    ],
)
def test_each_method_has_the_limit_that_google_publishes(service: str, path: str, limit: int) -> None:
    assert leave(Quotas().of(*counted_as(service, path)), 2000, 0) == limit


def test_cloud_asset_inventory_counts_for_who_asks_whatever_is_asked_for() -> None:
    lists = {counted_as("cloudasset", f"/v1/{parent}/assets") for parent in ("folders/1", "projects/a", "projects/b")}
    assert len(lists) == 1


def test_a_run_of_usual_size_never_waits() -> None:
    assert leave(Quotas().of("compute", "a"), 30 * 10, 0) == 300
    assert PER_MINUTE == {
        "compute": 1500,
        "cloudasset": 400,
        "cloudasset/assets": 100,
        "cloudresourcemanager": 600,
        "connectgateway": 2400,
    }


@pytest.mark.parametrize(
    ("service", "path", "counted"),
    [
        ("compute", "/compute/v1/projects/a/aggregated/addresses", ("compute", "a")),
        ("container", "/v1/projects/a/locations/-/clusters", ("container", "a")),
        ("cloudresourcemanager", "/v3/projects/a", ("cloudresourcemanager", "")),
        ("cloudresourcemanager", "/v3/folders", ("cloudresourcemanager", "")),
        ("cloudasset", "/v1/organizations/7:searchAllResources", ("cloudasset", "")),
        ("cloudasset", "/v1/organizations/7/assets", ("cloudasset/assets", "")),
        ("cloudasset", "/v1/projects/a/assets", ("cloudasset/assets", "")),
    ],
)
def test_what_is_counted_for_whoever_asks_is_one_quota(service: str, path: str, counted: tuple[str, str]) -> None:
    assert counted_as(service, path) == counted


@pytest.mark.parametrize("tasks", [1, 2, 8, 100, 10_000])
def test_tasks_together_stay_within_what_they_share(tasks: int) -> None:
    """What belongs to a project is asked for by one task; nothing becomes so little that nothing can be asked."""
    each = shared_out(tasks)
    assert each["compute"] == PER_MINUTE["compute"]
    for service in ("cloudasset", "cloudasset/assets", "cloudresourcemanager", "connectgateway"):
        assert each[service] >= 1
        assert each[service] * tasks <= max(PER_MINUTE[service], tasks)
    assert shared_out(1) == PER_MINUTE


def test_a_request_waits_for_its_turn_and_loses_none_of_its_tries() -> None:
    clock = Clock()
    limits = patience(clock, timeout_s=30, retry_for_s=40)
    quota, given = Quota(1), []
    limits.ask(given.append, quota)
    limits.ask(given.append, quota)
    assert clock.pauses == [60]
    assert given == [30, 30]


def test_nobody_waits_longer_than_the_run_may_take() -> None:
    clock = Clock()
    limits = patience(clock, deadline_s=25)
    quota, given = Quota(1), []
    limits.ask(given.append, quota)
    with pytest.raises(RequestFailed, match="deadline of the whole run") as caught:
        limits.ask(given.append, quota)
    assert caught.value.category is Category.TIMEOUT
    assert clock.pauses == [25]


def test_who_waits_for_a_turn_notices_that_the_run_is_stopped() -> None:
    limits, quota = Patience(), Quota(1)
    quota.turn(limits.clock())
    threading.Timer(0.05, limits.stopping.set).start()
    began = time.monotonic()
    with pytest.raises(RequestFailed) as caught:
        limits.ask(lambda timeout_s: None, quota)
    assert caught.value.category is Category.NOT_COLLECTED
    assert time.monotonic() - began < 20


# --- once it is used up ---


def test_after_a_refusal_all_others_wait_and_one_goes_ahead() -> None:
    quota = Quota()
    quota.refused(100)
    assert leave(quota, 9, 100.4) == 0
    assert leave(quota, 9, 100.5) == 1
    quota.answered(100.5)
    assert leave(quota, 9, 100.6) == 9


def test_refusals_one_after_the_other_make_the_pause_longer() -> None:
    quota, now, pauses = Quota(), 100.0, []
    for _ in range(8):
        quota.refused(now)
        began = now
        while not leave(quota, 1, now):
            now += 0.25
        pauses.append(now - began)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 20, 20]


def test_requests_that_had_left_before_count_as_one_refusal() -> None:
    quota = Quota()
    for _ in range(32):
        quota.refused(100.1)
    assert leave(quota, 2, 100.6) == 1


def test_an_answer_to_what_left_before_the_refusal_ends_no_pause() -> None:
    quota = Quota()
    quota.refused(100)
    quota.answered(99.9)
    assert leave(quota, 1, 100.4) == 0


def test_the_pause_that_an_answer_asks_for_is_one_for_all() -> None:
    quota = Quota()
    quota.refused(100, pause_s=7)
    assert leave(quota, 1, 106.9) == 0
    assert leave(quota, 1, 107) == 1


def test_what_becomes_of_the_one_attempt_is_not_waited_for_for_ever() -> None:
    quota = Quota()
    quota.refused(100)
    assert leave(quota, 2, 101) == 1
    assert leave(quota, 2, 130.9) == 0
    assert leave(quota, 2, 131) == 1


def test_a_quota_that_never_refills_ends_as_a_gap_in_time() -> None:
    clock = Clock()
    limits, quota, tries = patience(clock, retry_for_s=90), Quota(), []

    def refuse(timeout_s: float) -> None:
        tries.append(clock.now)
        raise TOO_FAST

    for _ in range(3):
        began = clock.now
        with pytest.raises(RequestFailed) as caught:
            limits.ask(refuse, quota)
        assert caught.value.category is Category.QUOTA
        assert clock.now - began <= 90
    assert len(tries) < 20


def test_one_who_never_gets_a_turn_says_why() -> None:
    clock = Clock()
    limits, quota = patience(clock, retry_for_s=10), Quota()
    quota.refused(clock.now, pause_s=60)
    with pytest.raises(RequestFailed, match="others of its requests were refused") as caught:
        limits.ask(lambda timeout_s: None, quota)
    assert caught.value.category is Category.QUOTA
    assert clock.pauses == [10]


# --- against a server that enforces one ---


def test_a_run_over_the_quota_is_read_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = case(ORPHANED)
    with world_of(snapshot, monkeypatch, manners=Manners(quotas=(Enforced("compute", 9, window_s=0.7),))) as world:
        read = run(world, patience=Patience(timeout_s=10, retry_for_s=60)).snapshot
        refused = [exchange for exchange in world.exchanges if exchange.fault == "quota"]
    assert refused
    assert [scope for scope, coverage in read.coverage.items() if coverage.is_gap] == []
    assert waste(read) == waste(snapshot)


def test_a_run_that_keeps_the_quota_ahead_of_time_waits_instead_of_being_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = case(ORPHANED)
    with world_of(snapshot, monkeypatch) as world:
        limits = Patience(timeout_s=10, retry_for_s=60, quotas=Quotas({"compute": 9}, minute_s=0.7))
        read = run(world, patience=limits).snapshot
        left_at = sorted(request.at for request in world.requests if request.service == "compute")
    assert [scope for scope, coverage in read.coverage.items() if coverage.is_gap] == []
    assert left_at[-1] - left_at[0] >= 0.7 * ((len(left_at) - 1) // 9) * 0.9
