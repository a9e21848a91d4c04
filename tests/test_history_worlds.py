"""Histories of worlds that do not change, while what is read of them does: nothing may become new, and nothing gone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache

import orjson
import pytest
from match.tearing import torn
from worlds import World, make_world

from auditor.data.tables import load_prices
from auditor.errors import NothingRead
from auditor.history.compare import compare
from auditor.history.past import PastRun, read_past
from auditor.model.finding import Verdict
from auditor.model.history import Novelty
from auditor.model.report import Report
from auditor.model.snapshot import Snapshot
from auditor.pipeline import Options, audit
from auditor.report import json
from auditor.report.selection import Selection

SEEDS = (*range(0, 200, 8), 12, 22, 28, 50, 58, 69, 77)
"""The last ones have found something."""
DAY = timedelta(days=1)
EVERYTHING = Selection(verdicts=tuple(Verdict))


@cache
def prices() -> object:
    return load_prices()


def report_of(snapshot: Snapshot, world: World, day: int) -> Report:
    """Ages count as if no time had passed, so that nothing but what was read differs."""
    report = audit(snapshot, Options(now=world.as_of, as_of=world.as_of), prices())
    return replace(report, snapshot_taken_at=world.as_of + day * DAY)


def past(report: Report) -> PastRun:
    return read_past(orjson.loads(json.render(report, EVERYTHING)))


def _without_slices(snapshot: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """A dump that never asked for EndpointSlices."""
    coverage = {scope: known for scope, known in snapshot.coverage.items() if not scope.endswith("/endpointslices")}
    objects = {key: items for key, items in snapshot.objects.items() if key[1] != "endpointslices"}
    yield "no endpointslices at all", replace(snapshot, coverage=coverage, objects=objects)


@pytest.mark.parametrize("seed", SEEDS)
def test_reading_less_makes_nothing_new_and_nothing_gone(seed: int) -> None:
    world = make_world(seed)
    dice = random.Random(seed)  # noqa: S311 - dice of a test
    runs = [past(report_of(world.snapshot, world, 0))]
    ways = [*torn(world.snapshot), *_without_slices(world.snapshot)]
    about_endpoints = [way for way in ways if "endpointslices" in way[0] or "httproutes" in way[0]]
    chosen = [*dice.sample(ways, min(4, len(ways))), *dice.sample(about_endpoints, min(3, len(about_endpoints)))]
    for day, (label, snapshot) in enumerate([*chosen, ("nothing", world.snapshot)], 1):
        try:
            report = compare(report_of(snapshot, world, day), runs, "kept")
        except NothingRead:
            continue
        told = f"seed {seed}, after {label}"
        gone = [(item.resource.relative, str(item.verdict), item.reason) for item in report.gone]
        assert not gone, told
        new = [item for item in report.findings if item.history and item.history.novelty is Novelty.NEW]
        assert not [(item.resource.relative, str(item.verdict), item.reason) for item in new], told
        runs.append(past(report))
