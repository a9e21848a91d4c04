"""Live runs of a served world, for tests of what is asked and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from googleserver import Manners, World, serve

from auditor.collect.directory import read_snapshot
from auditor.collect.google import Endpoints
from auditor.collect.live import Collected, Plan, Progress, collect
from auditor.collect.patience import Patience
from auditor.match import judge
from auditor.model.finding import WASTE, Finding
from auditor.model.inventory import build
from auditor.model.names import ResourceName
from auditor.model.snapshot import Snapshot

REPO = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 11, 22, 6, tzinfo=UTC)
MIN_AGE = timedelta(hours=1)


def case(name: str) -> Snapshot:
    """One of the decision cases of fixtures/cases."""
    return read_snapshot(REPO / "fixtures" / "cases" / f"{name}.tar.gz")


def findings(snapshot: Snapshot) -> dict[str, Finding]:
    """By the resource's full name."""
    found = judge(build(snapshot), as_of=AS_OF, min_age=MIN_AGE)
    return {finding.resource.full: finding for finding in found}


def waste(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(name for name, finding in findings(snapshot).items() if finding.verdict in WASTE)


def roots_of_waste(snapshot: Snapshot) -> list[ResourceName]:
    return [
        finding.load_balancer or finding.resource for finding in findings(snapshot).values() if finding.verdict in WASTE
    ]


@contextmanager
def world_of(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, **how: Any) -> Iterator[World]:
    """A served world, and its credentials in this process's environment."""
    manners = how.pop("manners", Manners())
    with serve(snapshot, manners=manners, **how) as world:
        for name, value in world.environment().items():
            monkeypatch.setenv(name, value)
        yield world


def run(
    world: World,
    *,
    would_be_waste: Callable[[Snapshot], Iterable[ResourceName]] = roots_of_waste,
    on_progress: Callable[[Progress], object] = lambda progress: None,
    patience: Patience | None = None,
    **plan: Any,
) -> Collected:
    """Read a world; without a plan all of its projects."""
    what = Plan(endpoints=Endpoints(overrides=world.endpoints), **(plan or {"projects": world.scene.projects}))
    return collect(
        what,
        patience or Patience(timeout_s=30, retry_for_s=20),
        world.environment(),
        tool="gke-auditor test",
        now=lambda: AS_OF,
        on_progress=on_progress,
        would_be_waste=would_be_waste,
    )
