"""A quota that is enforced: so many requests of a service and project in each window of time, as Google counts."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from .exchange import Request


@dataclass(frozen=True)
class Quota:
    """`requests` of one `service` for each project, refilled every `window_s` seconds: on the minute, as it were."""

    service: str
    requests: int
    window_s: float = 60.0
    _counts: Counter[tuple[str, int]] = field(default_factory=Counter, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def is_used_up(self, request: Request) -> bool:
        """Count a request; whether it is one too many."""
        if request.service != self.service:
            return False
        named = request.path.partition("/projects/")[2].partition("/")[0]
        key = (named, int(request.at / self.window_s))
        with self._lock:
            self._counts[key] += 1
            return self._counts[key] > self.requests
