"""Quotas of requests per minute: kept ahead of time, and shared by all threads once they are used up all the same.

What a quota counts belongs to the project whose resources are asked for (Google's resource-based APIs): there is one
Quota for each service and project. Of some services it belongs to the project of whoever asks (client-based APIs):
there is one for the whole run, and the tasks of an execution share it out.
https://cloud.google.com/docs/quotas/quota-project

Whoever asks takes the time as a parameter; nothing here waits.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

PER_MINUTE: Mapping[str, int] = {
    # List requests of one project; newer projects have more (Compute Engine, "Rate quotas").
    "compute": 1500,
    # searchAllResources, and assets.list, of one consumer (Cloud Asset Inventory, "Quotas").
    "cloudasset": 400,
    "cloudasset/assets": 100,
    # Reads of one consumer (Resource Manager, "Quotas and limits").
    "cloudresourcemanager": 600,
    # Requests of one fleet host project (Connect Gateway).
    "connectgateway": 2400,
}
"""Of the services whose quota a large audit can use up."""
_OF_WHOEVER_ASKS = ("cloudasset", "cloudresourcemanager")
_SHARED_BY_TASKS = ("cloudasset", "cloudasset/assets", "cloudresourcemanager", "connectgateway")
"""A fleet has members in any task's projects. What Compute and Kubernetes Engine count belongs to one project, which
one task reads; only a Shared VPC host is read by several (docs/scale.md)."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0
_ATTEMPT_S = 30.0
"""So long everybody waits at most for what becomes of the one attempt that is made after a refusal."""
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a request may leave."""

    wait_s: float = 0.0
    """0: it may, and it is counted. Else: look again then."""
    is_ahead: bool = False
    """It waits only so that nobody is refused."""


NOW = Turn()


class Quota:
    """One quota: at most so many requests in any minute. None: no limit is known, refusals are heeded all the same.

    `minute_s` is how long a minute is: less in tests with a real clock.
    """

    def __init__(self, per_minute: int | None = None, minute_s: float = 60.0) -> None:
        self._per_minute = per_minute
        self._minute_s = minute_s
        self._left_at: deque[float] = deque()
        self._lock = threading.Lock()
        self._refusals = 0
        """One after the other, without a request between them that was let through."""
        self._opens_at = 0.0
        self._attempt_until = 0.0

    def turn(self, now: float) -> Turn:
        """Whether a request may leave now. After a refusal one goes ahead when the pause is over, the others wait."""
        with self._lock:
            if self._refusals:
                opens_at = max(self._opens_at, self._attempt_until)
                if now < opens_at:
                    return Turn(min(opens_at - now, max(self._opens_at - now, _LOOK_AGAIN_S)))
            if self._per_minute is not None:
                while self._left_at and self._left_at[0] <= now - self._minute_s:
                    self._left_at.popleft()
                if len(self._left_at) >= self._per_minute:
                    return Turn(max(self._left_at[0] + self._minute_s - now, 0.001), is_ahead=True)
                self._left_at.append(now)
            if self._refusals:
                self._attempt_until = now + _ATTEMPT_S
            return NOW

    def refused(self, now: float, pause_s: float = 0.0) -> None:
        """An answer says that the quota is used up; `pause_s` is how long it asks to wait."""
        with self._lock:
            if self._refusals and now < self._opens_at:
                return  # it had left before the others were told to wait
            pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self._refusals)
            self._refusals += 1
            self._opens_at = now + max(pause, pause_s)
            self._attempt_until = 0.0

    def answered(self, left_at: float) -> None:
        """A request that left then was let through, or failed for another reason."""
        if self._refusals:
            with self._lock:
                if left_at >= self._opens_at:
                    self._refusals = 0


class Quotas:
    """The quotas of one run, each made when it is first needed; used by many threads."""

    def __init__(self, per_minute: Mapping[str, int] = PER_MINUTE, minute_s: float = 60.0) -> None:
        self._per_minute = per_minute
        self._minute_s = minute_s
        self._lock = threading.Lock()
        self._quotas: dict[tuple[str, str], Quota] = {}

    def of(self, service: str, owner: str) -> Quota:
        """The quota of a service that `owner` has: a project, a cluster that is asked directly, or "", whoever asks."""
        with self._lock:
            if (service, owner) not in self._quotas:
                self._quotas[service, owner] = Quota(self._per_minute.get(service), self._minute_s)
            return self._quotas[service, owner]


def shared_out(tasks: int) -> Mapping[str, int]:
    """What each of so many tasks may ask a minute, so that all of them together stay within PER_MINUTE."""
    return {
        service: max(1, number // tasks) if service in _SHARED_BY_TASKS else number
        for service, number in PER_MINUTE.items()
    }


def counted_as(service: str, path: str) -> tuple[str, str]:
    """The quota that a request to this path counts against: which, and whose; "" = of whoever asks."""
    if service not in _OF_WHOEVER_ASKS:
        return service, project_in(path)
    return ("cloudasset/assets" if service == "cloudasset" and path.endswith("/assets") else service), ""


def project_in(path: str) -> str:
    """The project that a URL's path names, and whose quota a request to it counts against; "" where it names none."""
    found = re.search(r"/projects/([^/:?]+)", path)
    return found[1] if found else ""
