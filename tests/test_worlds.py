"""The audit against worlds whose truth is known, because their lives were lived (tests/worlds)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from worlds import World, make_world

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import WASTE, Confidence, Finding, Verdict
from auditor.model.inventory import Inventory
from auditor.model.snapshot import Status

SEEDS = range(200)
MIN_AGE = timedelta(hours=1)
PRICES = Path(__file__).resolve().parent.parent / "auditor" / "data" / "prices.json"


@cache
def lived(seed: int) -> tuple[World, Inventory, tuple[Finding, ...]]:
    world = make_world(seed)
    read = inventory.build(world.snapshot)
    return world, read, judge(read, as_of=world.as_of, min_age=MIN_AGE)


@pytest.mark.parametrize("seed", SEEDS)
def test_verdicts_are_true(seed: int) -> None:
    world, _, findings = lived(seed)
    wrong = [*_false_waste(world, findings), *_untrue(world, findings), *_unfounded(findings)]
    lives = "\n  ".join(f"{maker} / {fate}" for maker, fate in world.lives)
    assert not wrong, f"seed {seed}, of lives\n  {lives}\n" + "\n".join(wrong)


def _false_waste(world: World, findings: tuple[Finding, ...]) -> Iterator[str]:
    """The rule above all rules: what something living owns or needs is never called waste."""
    for finding in findings:
        if finding.verdict in WASTE and finding.resource.full in world.live:
            yield "FALSE ORPHAN " + _told(world, finding)


def _untrue(world: World, findings: tuple[Finding, ...]) -> Iterator[str]:
    """Every judged resource once, with a verdict that its life allows: no leftover missed, nothing invented."""
    names = [finding.resource.full for finding in findings]
    yield from (f"{name} is judged twice" for name in sorted({name for name in names if names.count(name) > 1}))
    yield from (f"{name} is not judged: {world.why[name]}" for name in sorted(set(world.truth) - set(names)))
    for finding in findings:
        allowed = world.truth.get(finding.resource.full)
        if allowed is None:
            yield f"{finding.resource.full} is no judged resource of this world"
        elif finding.verdict not in allowed:
            yield _told(world, finding)


def _unfounded(findings: tuple[Finding, ...]) -> Iterator[str]:
    for finding in findings:
        if not finding.evidence or not all(item.statement and item.source for item in finding.evidence):
            yield f"{finding.resource.full}: evidence without a statement or a source"
        if finding.verdict is Verdict.ORPHANED and finding.confidence is Confidence.LOW:
            yield f"{finding.resource.full}: orphaned with low confidence does not exist"


def _told(world: World, finding: Finding) -> str:
    name = finding.resource.full
    evidence = "\n      ".join(item.statement for item in finding.evidence)
    return (
        f"{name}\n    life: {world.why[name]}\n    got {finding.verdict} ({finding.reason}, {finding.confidence}), "
        f"allowed {' or '.join(sorted(world.truth[name]))}\n      {evidence}"
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_an_owner_that_comes_back_saves_what_it_owned(seed: int) -> None:
    """Put a deleted object back: its rules are no waste any more, and nothing else becomes waste."""
    world, _, findings = lived(seed)
    before = {finding.resource.full for finding in findings if finding.verdict in WASTE}
    for lost in world.lost:
        key = (lost.cluster, lost.plural)
        scope = f"{lost.cluster.folder}/{lost.plural}"
        there = (*world.snapshot.objects.get(key, ()), lost.obj)
        coverage = {**world.snapshot.coverage}
        coverage[scope] = replace(coverage[scope], status=Status.COMPLETE, count=len(there))
        again = replace(world.snapshot, objects={**world.snapshot.objects, key: there}, coverage=coverage)
        after = {
            finding.resource.full: finding
            for finding in judge(inventory.build(again), as_of=world.as_of, min_age=MIN_AGE)
        }
        wasted = {name for name, finding in after.items() if finding.verdict in WASTE}
        assert not wasted - before, f"seed {seed}: {lost.obj['metadata']['name']} came back"
        for name in lost.parts:
            verdict = after[name].verdict
            assert verdict in ("in_use", "idle"), f"seed {seed}: its owner came back\n  {_told(world, after[name])}"


def test_lost_owners_of_many_kinds_come_back() -> None:
    plurals = {lost.plural for seed in SEEDS for lost in lived(seed)[0].lost}
    assert plurals == {"services", "ingresses", "gateways", "serviceattachments"}


@pytest.mark.parametrize("seed", SEEDS)
def test_money_agrees_with_a_second_computation(seed: int) -> None:
    """The shares of every rule and address are those of the straight-line computation (tests/cost/independent.py)."""
    from cost.independent import monthly_by_verdict  # noqa: PLC0415

    from auditor.cost.estimate import estimate  # noqa: PLC0415
    from auditor.data.tables import load_prices  # noqa: PLC0415

    world, read, findings = lived(seed)
    verdicts = {finding.resource.full: str(finding.verdict) for finding in findings}
    second = monthly_by_verdict(world.snapshot, verdicts, json.loads(PRICES.read_text()))
    first = {name.full: cost.monthly for name, cost in estimate(findings, read, load_prices()).items()}
    different = {name: (first[name], amount) for name, amount in second.items() if first[name] != amount}
    assert not different, f"seed {seed}: {different}"
