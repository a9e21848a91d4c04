"""How long to wait and how often to ask again: one rule for every request of a live run.

The clock, the sleep and the randomness are parameters, so that a test of a hang takes milliseconds.
"""

from __future__ import annotations

import random as randomness
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

from auditor.model.snapshot import Category

from .failures import RequestFailed

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_RETRY_FOR_S = 90.0
"""Longer than a minute: the list quotas of Compute refill on the minute."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Patience:
    """The limits of one run. `stopping` ends it: nothing is asked any more, and every pause ends at once."""

    timeout_s: float = DEFAULT_TIMEOUT_S
    """The longest that one request may take."""
    retry_for_s: float = DEFAULT_RETRY_FOR_S
    """The longest that one answer may take, all its tries together."""
    deadline_s: float | None = None
    """The longest that the whole run may take; what is not read by then is a gap."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] | None = None
    """None: wait for `stopping` to be set."""
    random: Callable[[], float] = randomness.random
    stopping: Event = field(default_factory=Event)
    count_request: Callable[[], object] = lambda: None
    _started: float = 0.0

    def __post_init__(self) -> None:
        self._started = self.clock()

    def ask(self, attempt: Callable[[float], Answer]) -> Answer:
        """What `attempt` returns. It is given the seconds it may take, and called again while it fails transiently.

        Raises the RequestFailed of the last try, or one of category `timeout` or `not_collected` where the run itself
        is over.
        """
        until = self.clock() + self.retry_for_s
        if self.deadline_s is not None:
            until = min(until, self._started + self.deadline_s)
        tries = 0
        while True:
            left = self._check(until)
            tries += 1
            self.count_request()
            try:
                return attempt(min(self.timeout_s, left))
            except RequestFailed as failure:
                pause = self._pause_before(tries, failure)
                if not failure.is_transient or self.clock() + pause >= until:
                    raise _after(tries, failure) from failure
            self._wait(pause)

    def _check(self, until: float) -> float:
        """Seconds left. Raises RequestFailed where there are none."""
        if self.stopping.is_set():
            raise RequestFailed(Category.NOT_COLLECTED, "interrupted before it was read")
        left = until - self.clock()
        if left <= 0:
            raise RequestFailed(Category.TIMEOUT, f"the deadline of the whole run ({self.deadline_s:g} s) was over")
        return left

    def _pause_before(self, tries: int, failure: RequestFailed) -> float:
        """Jittered and growing; what the answer asks for is heeded where it is longer."""
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (tries - 1))
        return max(longest * (0.5 + 0.5 * self.random()), failure.pause_s or 0.0)

    def _wait(self, seconds: float) -> None:
        if self.sleep is None:
            self.stopping.wait(seconds)
        else:
            self.sleep(seconds)


def _after(tries: int, failure: RequestFailed) -> RequestFailed:
    if tries == 1:
        return failure
    return RequestFailed(
        failure.category,
        f"{failure.detail} (asked {tries} times)",
        is_transient=failure.is_transient,
        status=failure.status,
    )
