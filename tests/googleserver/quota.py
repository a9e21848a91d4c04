"""A quota that is enforced: so many requests of a service and project in each window of time, as Google counts.

Client-based APIs count for the project of whoever asks, whatever is asked for.
https://cloud.google.com/docs/quotas/quota-project
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from .exchange import Request

CLIENT_BASED = frozenset({"cloudasset", "cloudresourcemanager"})


@dataclass(frozen=True)
class Quota:
    """`requests` of one `service` for each project, refilled every `window_s` seconds: on the minute, as it were.

    "cloudasset/assets": of that method alone.
    """

    service: str
    requests: int
    window_s: float = 60.0
    _counts: Counter[tuple[str, int]] = field(default_factory=Counter, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def is_used_up(self, request: Request) -> bool:
        """Count a request; whether it is one too many."""
        service, _, method = self.service.partition("/")
        if request.service != service or (method and not request.path.endswith(f"/{method}")):
            return False
        named = "" if service in CLIENT_BASED else request.path.partition("/projects/")[2].partition("/")[0]
        key = (named, int(request.at / self.window_s))
        with self._lock:
            self._counts[key] += 1
            return self._counts[key] > self.requests
