"""From settings to a live run: whom to ask, how long to wait, and what to keep of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from . import __version__
from .collect import live
from .collect.access import Access, check_access
from .collect.assets import rests_on_inventory
from .collect.directory import write_snapshot
from .collect.google import Endpoints
from .collect.patience import Patience
from .collect.projects import Parent
from .collect.quotas import Quotas, shared_out
from .collect.shares import Share
from .console import Console
from .errors import UsageError
from .model.names import ResourceName
from .model.snapshot import Snapshot
from .pipeline import would_be_waste
from .settings import Settings

_SHOWS_LIBRARIES = 2
"""-vv"""


def plan_of(chosen: Settings) -> live.Plan:
    """What a live run of these settings reads, and as whom."""
    parents = [Parent("folders", number) for number in chosen.folder]
    parents += [Parent("organizations", number) for number in chosen.organization]
    return live.Plan(
        projects=chosen.project,
        parents=tuple(parents),
        kubeconfig=chosen.kubeconfig,
        contexts=chosen.context,
        impersonate=chosen.impersonate_service_account or "",
        quota_project=chosen.quota_project or "",
        endpoints=Endpoints(chosen.universe_domain, dict(chosen.endpoint)),
        concurrency=chosen.concurrency,
        asks_inventory=chosen.inventory == "asset",
    )


def patience_of(chosen: Settings) -> Patience:
    """How long such a run waits for one answer, and for all of them."""
    return Patience(timeout_s=chosen.timeout.total_seconds(), deadline_s=chosen.deadline.total_seconds())


def read_world(chosen: Settings, console: Console, keep: Path | None) -> Snapshot:
    """Read everything that the settings name, look twice at what would be waste, and keep the snapshot at `keep`.

    What was read is kept, too, when the run is interrupted; the KeyboardInterrupt or SystemExit is raised afterwards.
    """
    _quieten(chosen)
    if keep is not None and keep.is_dir() and any(keep.iterdir()):
        raise UsageError(f"{keep} is a folder that holds something already", "Name a new folder, or a .tar.gz.")
    with console.following() as on_progress:
        collected = live.collect(
            plan_of(chosen),
            patience_of(chosen),
            os.environ,
            tool=f"gke-auditor {__version__}",
            on_progress=on_progress,
            would_be_waste=_finder(chosen),
        )
    if keep is not None:
        write_snapshot(collected.snapshot, keep)
    if collected.interruption is not None:
        if keep is not None:
            console.warning(f"Interrupted; what was read until then is in {keep}")
        raise collected.interruption
    return collected.snapshot


def read_share(chosen: Settings, console: Console, share: Share, deadline: timedelta) -> Snapshot:
    """What one task of an execution reads of everything that the settings name: a part, nothing of it looked at twice.

    Raises the KeyboardInterrupt or SystemExit that interrupted it: a part that is not whole is none.
    """
    _quieten(chosen)
    with console.following() as on_progress:
        collected = live.collect(
            replace(plan_of(chosen), share=share),
            replace(patience_of(chosen), deadline_s=deadline.total_seconds(), quotas=Quotas(shared_out(share.count))),
            os.environ,
            tool=f"gke-auditor {__version__}",
            on_progress=on_progress,
        )
    if collected.interruption is not None:
        raise collected.interruption
    return collected.snapshot


def look_again(chosen: Settings, console: Console, snapshot: Snapshot, deadline: timedelta) -> Snapshot:
    """The second look at a snapshot that others have read; as `read_share`, nothing comes of an interrupted one."""
    _quieten(chosen)
    with console.following() as on_progress:
        collected = live.look_again(
            plan_of(chosen),
            replace(patience_of(chosen), deadline_s=deadline.total_seconds()),
            os.environ,
            snapshot,
            on_progress=on_progress,
            would_be_waste=_finder(chosen),
        )
    if collected.interruption is not None:
        raise collected.interruption
    return collected.snapshot


def _quieten(chosen: Settings) -> None:
    if chosen.verbose < _SHOWS_LIBRARIES:
        for library in ("google", "urllib3"):  # they warn of every retry, which our own gaps tell better
            logging.getLogger(library).setLevel(logging.ERROR)


def _finder(chosen: Settings) -> Callable[[Snapshot], Iterable[ResourceName]]:
    """What is looked at twice. Of what Cloud Asset Inventory had also that which is too young today: whoever audits the
    snapshot later has nothing else to go by."""

    def find(snapshot: Snapshot) -> Iterable[ResourceName]:
        as_of = chosen.as_of or snapshot.taken_at or datetime.now(UTC)
        min_age = timedelta() if rests_on_inventory(snapshot) else chosen.min_age
        return would_be_waste(snapshot, as_of=as_of, min_age=min_age)

    return find


def check(chosen: Settings, console: Console) -> tuple[Access, ...]:
    """What the account of these settings may not read, place by place."""
    with console.progress("Asking what may be read"):
        return check_access(plan_of(chosen), patience_of(chosen), os.environ, console.detail)
