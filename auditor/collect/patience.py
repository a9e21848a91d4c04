"""How long to wait and how often to ask again: one rule for every request of a live run.

The clock, the sleep and the randomness are parameters, so that a test of a hang takes milliseconds.
"""

from __future__ import annotations

import random as randomness
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from threading import Event
from typing import TypeVar

from auditor.model.snapshot import Category

from .failures import RequestFailed
from .quotas import Quota, Quotas

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_RETRY_FOR_S = 90.0
"""Longer than a minute: the list quotas of Compute refill on the minute."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0

_NOT_MADE = "the quota is used up: others of its requests were refused, and this one was not made any more"

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
    quotas: Quotas = field(default_factory=Quotas)
    _started: float = 0.0

    def __post_init__(self) -> None:
        self._started = self.clock()

    def ask(self, attempt: Callable[[float], Answer], quota: Quota | None = None) -> Answer:
        """What `attempt` returns. It is given the seconds it may take, and called again while it fails transiently.

        It waits for its turn where `quota` says so. Raises the RequestFailed of the last try, or one of category
        `timeout` or `not_collected` where the run itself is over.
        """
        until = self.clock() + self.retry_for_s
        tries = 0
        refusal: RequestFailed | None = None
        while True:
            if quota is not None:
                until = self._wait_for_turn(quota, until, refusal)
            left = self._check(until, refusal)
            tries += 1
            self.count_request()
            left_at = self.clock()
            try:
                answer = attempt(min(self.timeout_s, left))
            except RequestFailed as failure:
                self._tell(quota, failure, left_at)
                pause = self._pause_before(tries, failure)
                if not failure.is_transient or self.clock() + pause >= self._end(until):
                    raise _after(tries, failure) from failure
                refusal = _after(tries, failure)
            else:
                self._tell(quota, None, left_at)
                return answer
            self._wait(pause)

    def _wait_for_turn(self, quota: Quota, until: float, refusal: RequestFailed | None) -> float:
        """Wait until the quota lets a request leave. What it waits ahead of time puts off the end of its tries."""
        while True:
            self._check(until, refusal or RequestFailed(Category.QUOTA, _NOT_MADE))
            now = self.clock()
            turn = quota.turn(now)
            if not turn.wait_s:
                return until
            self._wait(min(turn.wait_s, self._end(inf if turn.is_ahead else until) - now))
            if turn.is_ahead:
                until += self.clock() - now

    def _tell(self, quota: Quota | None, failure: RequestFailed | None, left_at: float) -> None:
        if quota is None:
            return
        if failure is not None and failure.category is Category.QUOTA and failure.is_transient:
            quota.refused(self.clock(), failure.pause_s or 0.0)
        else:
            quota.answered(left_at)

    def _end(self, until: float) -> float:
        """When nothing is asked any more: at `until`, or at the deadline of the run if that is sooner."""
        return until if self.deadline_s is None else min(until, self._started + self.deadline_s)

    def _check(self, until: float, refusal: RequestFailed | None) -> float:
        """Seconds left. Raises RequestFailed where there are none: that of the deadline, or the refusal given."""
        if self.stopping.is_set():
            raise RequestFailed(Category.NOT_COLLECTED, "interrupted before it was read")
        left = self._end(until) - self.clock()
        if left > 0:
            return left
        if self.deadline_s is not None and self.clock() >= self._started + self.deadline_s:
            detail = f"the deadline of the whole run ({self.deadline_s:g} s) was over"
            raise RequestFailed(Category.TIMEOUT, detail)
        raise refusal or RequestFailed(Category.TIMEOUT, f"not read within {self.retry_for_s:g} s")

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
