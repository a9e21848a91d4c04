"""Threads that work off requests, the urgent ones first, and what waits for what.

The threads are daemons: an interrupted run must end at once, whatever a server is doing with an open connection.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from queue import PriorityQueue
from typing import Any

Task = tuple[int, int, Callable[..., object] | None, tuple[Any, ...]]


class Crew:
    """A fixed number of threads. Tasks may submit further tasks; `wait` returns when none is left."""

    def __init__(self, size: int) -> None:
        self._tasks: PriorityQueue[Task] = PriorityQueue()
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._open = 0
        self._error: BaseException | None = None
        self._is_stopped = False
        self._threads = [threading.Thread(target=self._work, name=f"collect-{n}", daemon=True) for n in range(size)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run a function in one of the threads, when its turn comes."""
        self._put(1, function, arguments)

    def urge(self, function: Callable[..., object], *arguments: Any) -> None:
        """The same before everything that was only submitted: much else waits for it."""
        self._put(0, function, arguments)

    def wait(self) -> None:
        """Wait until every task is done. Raises what the first task raised that should not have."""
        with self._changed:
            while self._open and self._error is None:
                self._changed.wait()
        if self._error is not None:
            raise self._error

    def stop(self, grace_s: float = 0.0) -> None:
        """Begin no further task; give those at work a moment to end."""
        with self._changed:
            self._is_stopped = True
        for _ in self._threads:
            self._tasks.put((-1, next(self._order), None, ()))
        for thread in self._threads:
            thread.join(grace_s / len(self._threads))

    def _put(self, urgency: int, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        with self._changed:
            self._open += 1
        self._tasks.put((urgency, next(self._order), function, arguments))

    def _work(self) -> None:
        while True:
            _, _, function, arguments = self._tasks.get()
            if function is None or self._is_stopped:
                return
            try:
                function(*arguments)
            except BaseException as error:
                with self._changed:
                    self._error = self._error or error
            finally:
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()


class Milestone:
    """Something that is reached once; what waits for it runs then, or at once if it was reached before."""

    def __init__(self, steps: int = 1) -> None:
        self._lock = threading.Lock()
        self._steps = steps
        self._waiting: list[Callable[[], object]] = []

    def add(self, steps: int = 1) -> None:
        """There is more to do before it is reached."""
        with self._lock:
            self._steps += steps

    def step(self) -> None:
        """One part of it is done."""
        with self._lock:
            self._steps -= 1
            due = self._waiting if self._steps == 0 else []
            if self._steps == 0:
                self._waiting = []
        for then in due:
            then()

    def then(self, action: Callable[[], object]) -> None:
        """Run `action` when it is reached."""
        with self._lock:
            if self._steps > 0:
                self._waiting.append(action)
                return
        action()


def after(milestones: list[Milestone], action: Callable[[], object]) -> None:
    """Run `action` when all of these are reached."""
    all_of_them = Milestone(len(milestones) + 1)
    all_of_them.then(action)
    for milestone in milestones:
        milestone.then(all_of_them.step)
    all_of_them.step()
