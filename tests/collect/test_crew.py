"""Threads, urgency, and what waits for what."""

from __future__ import annotations

import threading
import time

import pytest

from auditor.collect.crew import Crew, Milestone, after


def test_tasks_of_tasks_are_waited_for() -> None:
    crew, done, lock = Crew(4), [], threading.Lock()

    def task(depth: int) -> None:
        with lock:
            done.append(depth)
        for _ in range(2 if depth else 0):
            crew.submit(task, depth - 1)

    crew.submit(task, 4)
    crew.wait()
    crew.stop()
    assert len(done) == 31


def test_urgent_tasks_go_first() -> None:
    crew, done, gate = Crew(1), [], threading.Event()
    crew.submit(gate.wait)
    crew.submit(done.append, "later")
    crew.urge(done.append, "at once")
    gate.set()
    crew.wait()
    crew.stop()
    assert done == ["at once", "later"]


def test_what_goes_wrong_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    crew = Crew(2)

    def fail() -> None:
        raise ZeroDivisionError("a bug")

    crew.submit(fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        crew.wait()
    crew.stop()


def test_a_stopped_crew_does_not_wait_for_a_thread_that_hangs() -> None:
    crew, gate = Crew(2), threading.Event()
    crew.submit(gate.wait)
    began = time.monotonic()
    crew.stop(0.1)
    assert time.monotonic() - began < 1
    gate.set()


def test_a_milestone_is_reached_after_its_last_step() -> None:
    reached: list[str] = []
    milestone = Milestone(2)
    milestone.add()
    milestone.then(lambda: reached.append("waited"))
    milestone.step()
    milestone.step()
    assert reached == []
    milestone.step()
    milestone.then(lambda: reached.append("came late"))
    assert reached == ["waited", "came late"]


def test_several_milestones_together() -> None:
    reached: list[str] = []
    one, two = Milestone(), Milestone(0)
    after([one, two], lambda: reached.append("both"))
    assert reached == []
    one.step()
    assert reached == ["both"]
    after([], lambda: reached.append("none"))
    assert reached == ["both", "none"]
