"""When a request is asked again, and when nobody waits any longer."""

from __future__ import annotations

import pytest

from auditor.collect.failures import RequestFailed
from auditor.collect.patience import Patience
from auditor.model.snapshot import Category

from .stub import Clock, patience

BUSY = RequestFailed(Category.UNREACHABLE, "HTTP 503", is_transient=True)
REFUSED = RequestFailed(Category.FORBIDDEN, "HTTP 403")


def failing(*failures: RequestFailed) -> list[RequestFailed]:
    return list(failures)


def attempt_of(failures: list[RequestFailed], given: list[float]):  # type: ignore[no-untyped-def]
    def attempt(timeout_s: float) -> str:
        given.append(timeout_s)
        if failures:
            raise failures.pop(0)
        return "answer"

    return attempt


def test_what_passes_is_asked_again_with_growing_pauses() -> None:
    clock, given = Clock(), []
    assert patience(clock, timeout_s=5).ask(attempt_of([BUSY, BUSY, BUSY], given)) == "answer"
    assert clock.pauses == [0.5, 1.0, 2.0]
    assert given == [5, 5, 5, 5]


def test_pauses_are_jittered() -> None:
    clock = Clock()
    limits = Patience(clock=clock, sleep=clock.sleep, random=lambda: 0.0)
    limits.ask(attempt_of([BUSY, BUSY], []))
    assert clock.pauses == [0.25, 0.5]


def test_a_longer_pause_that_the_answer_asks_for_is_kept() -> None:
    clock = Clock()
    slow = RequestFailed(Category.QUOTA, "HTTP 429", is_transient=True, pause_s=30)
    patience(clock).ask(attempt_of([slow], []))
    assert clock.pauses == [30]


def test_what_does_not_pass_is_asked_once() -> None:
    clock, given = Clock(), []
    with pytest.raises(RequestFailed) as caught:
        patience(clock).ask(attempt_of([REFUSED], given))
    assert caught.value is REFUSED
    assert (len(given), clock.pauses) == (1, [])


def test_it_gives_up_inside_the_deadline_and_says_how_often_it_asked() -> None:
    clock, given = Clock(), []
    with pytest.raises(RequestFailed, match=r"HTTP 503 \(asked 9 times\)") as caught:
        patience(clock, retry_for_s=90).ask(attempt_of([BUSY] * 99, given))
    assert clock.now - 1000 <= 90
    assert caught.value.category is Category.UNREACHABLE
    assert len(given) == 9


def test_the_last_try_gets_only_the_time_that_is_left() -> None:
    clock, given = Clock(), []
    patience(clock, timeout_s=30, retry_for_s=31).ask(attempt_of([BUSY, BUSY, BUSY], given))
    assert given == [30, 30, 29.5, 27.5]


def test_after_the_deadline_of_the_run_nothing_is_asked() -> None:
    clock, given = Clock(), []
    limits = patience(clock, deadline_s=10)
    clock.now += 11
    with pytest.raises(RequestFailed, match=r"deadline of the whole run \(10 s\)") as caught:
        limits.ask(attempt_of([], given))
    assert caught.value.category is Category.TIMEOUT
    assert given == []


def test_a_stopped_run_asks_nothing_and_does_not_wait() -> None:
    given: list[float] = []
    limits = Patience()
    attempt = attempt_of([BUSY], given)

    def stop_meanwhile(timeout_s: float) -> str:
        limits.stopping.set()
        return str(attempt(timeout_s))

    with pytest.raises(RequestFailed) as caught:
        limits.ask(stop_meanwhile)
    assert caught.value.category is Category.NOT_COLLECTED
    assert len(given) == 1


def test_every_try_is_counted() -> None:
    count: list[None] = []
    clock = Clock()
    limits = patience(clock)
    limits.count_request = lambda: count.append(None)
    limits.ask(attempt_of([BUSY, BUSY], []))
    assert len(count) == 3
