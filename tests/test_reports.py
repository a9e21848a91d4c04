"""Whole JSON reports on made-up worlds: the schema, the sums, the order of the input, the time they take."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import make_world

from auditor.data.tables import load_prices, load_schema
from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import Verdict
from auditor.model.snapshot import JUDGED_COLLECTIONS, Snapshot
from auditor.pipeline import Options, audit
from auditor.report import json as json_report
from auditor.report.selection import Selection

SCRIPTS = Path(__file__).parents[1] / "scripts"
EVERYTHING = Selection(verdicts=tuple(Verdict))
VALIDATOR = jsonschema.Draft202012Validator(
    load_schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def report_on(snapshot: Snapshot, world: Any) -> str:
    options = Options(now=world.as_of, as_of=world.as_of)
    return json_report.render(audit(snapshot, options, load_prices()), EVERYTHING)


@pytest.mark.parametrize("seed", range(0, 200, 5))
def test_every_report_is_valid_and_adds_up_to_the_cent(seed: int) -> None:
    """docs/report.md: one verdict and some evidence for each judged resource; what findings cost adds up."""
    world = make_world(seed)
    report = json.loads(report_on(world.snapshot, world))
    VALIDATOR.validate(report)
    findings = report["findings"] + report["suppressed"]
    names = [finding["resource"] for finding in findings]
    assert len(names) == len(set(names)) == _judged_objects(world.snapshot)
    assert all(finding["evidence"] for finding in findings)
    monthly = report["summary"]["monthly"]
    for verdict in Verdict:
        costs = [finding["cost"]["monthly"] for finding in findings if finding["verdict"] == verdict]
        assert Decimal(monthly[verdict]) == sum((Decimal(cost) for cost in costs if cost is not None), Decimal(0))
        assert report["counts"][verdict] == len(costs)
    assert Decimal(monthly["saving"]) == Decimal(monthly["orphaned"]) + Decimal(monthly["unused"])
    assert Decimal(monthly["total"]) == sum((Decimal(monthly[verdict]) for verdict in Verdict), Decimal(0))


def _judged_objects(snapshot: Snapshot) -> int:
    return sum(
        len(objects) for (_, collection), objects in snapshot.compute.items() if collection in JUDGED_COLLECTIONS
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_shuffling_any_list_changes_no_byte(seed: int, order: random.Random) -> None:
    world = make_world(seed)
    assert report_on(_shuffled(world.snapshot, order), world) == report_on(world.snapshot, world)


def _shuffled(snapshot: Snapshot, order: random.Random) -> Snapshot:
    def mixed(table: Mapping[Any, Any]) -> dict[Any, Any]:
        keys = order.sample(list(table), len(table))
        return {key: tuple(order.sample(list(table[key]), len(table[key]))) for key in keys}

    return replace(
        snapshot,
        coverage={
            scope: snapshot.coverage[scope] for scope in order.sample(list(snapshot.coverage), len(snapshot.coverage))
        },
        compute=mixed(snapshot.compute),
        clusters=mixed(snapshot.clusters),
        objects=mixed(snapshot.objects),
    )


def test_the_time_for_each_resource_does_not_grow_with_their_number() -> None:
    """20,000 resources take four times as long as 5,000; pairwise work would take sixteen times. Best of three."""
    bench = _bench()
    small, large = _seconds(bench.make(5_000)), _seconds(bench.make(20_000))
    assert large / small < 8, f"5,000 resources: {small:.2f} s, 20,000: {large:.2f} s"


def _seconds(world: Any) -> float:
    snapshot = world.snapshot()
    times = []
    for _ in range(3):
        start = time.process_time()
        judge(inventory.build(snapshot), as_of=snapshot.taken_at, min_age=timedelta(hours=1))
        times.append(time.process_time() - start)
    return min(times)


def _bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench", SCRIPTS / "bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench"] = module
    spec.loader.exec_module(module)
    return module
