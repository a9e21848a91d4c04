"""Situations beside the decision cases: the right verdict out of the documents, and what must hold in all of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from auditor.model.finding import WASTE, Finding
from auditor.model.snapshot import Snapshot, clusters_scope

from .builder import World, findings_of
from .situations import addresses, fleets, gaps, ingresses, projects, services
from .tearing import torn
from .telling import Told, disagreements

TOLD: tuple[Told, ...] = (*services.TOLD, *ingresses.TOLD, *fleets.TOLD, *addresses.TOLD, *gaps.TOLD, *projects.TOLD)


@pytest.fixture(params=TOLD, ids=lambda told: told.__name__)
def told(request: pytest.FixtureRequest) -> Told:
    chosen: Told = request.param
    return chosen


def test_the_verdicts_are_those_of_the_documents(told: Told) -> None:
    world = World()
    expected = told(world)
    wrong = list(disagreements(expected, world.findings()))
    assert not wrong, f"{told.__doc__}\n  " + "\n  ".join(wrong)


def test_knowing_less_never_makes_waste(told: Told) -> None:
    """docs/snapshot.md: removing any part must never create an orphaned or unused that the full snapshot has not."""
    world = World()
    told(world)
    snapshot = world.snapshot()
    full = _wasted(findings_of(snapshot))
    for label, less in torn(snapshot):
        found = findings_of(less)
        more = _wasted(found) - full
        assert not more, f"{label}: " + "; ".join(f"{name}: {found[name].evidence}" for name in sorted(more))


def test_the_order_of_the_lists_changes_nothing(told: Told) -> None:
    world = World()
    told(world)
    snapshot = world.snapshot()
    dice = random.Random(told.__name__)  # noqa: S311 - dice of a test
    assert findings_of(_shuffled(snapshot, dice)) == findings_of(snapshot)


def test_every_piece_of_evidence_names_a_list(told: Told) -> None:
    """docs/report.md: `evidence[].source` = a coverage scope."""
    world = World()
    told(world)
    unread = {f"projects/{project}/project" for project in world.projects} | {clusters_scope("acme-unseen")}
    scopes = world.snapshot().coverage.keys() | unread
    for name, finding in world.findings().items():
        for fact in finding.evidence:
            assert fact.source in scopes or fact.source == f"confirm/{finding.resource.full}", (
                f"{name}: {fact.statement} [{fact.source}]"
            )
            assert fact.statement[-1] == ".", fact.statement
            assert not fact.statement[0].islower(), fact.statement


def _wasted(found: Mapping[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.verdict in WASTE}


def _shuffled(snapshot: Snapshot, dice: random.Random) -> Snapshot:
    def mixed(table: Mapping[Any, Any]) -> dict[Any, Any]:
        keys = dice.sample(list(table), len(table))
        return {key: _mixed(table[key]) for key in keys}

    def _mixed(value: Any) -> Any:
        return tuple(dice.sample(value, len(value))) if isinstance(value, tuple) else value

    return replace(
        snapshot,
        coverage=mixed(snapshot.coverage),
        projects=mixed(snapshot.projects),
        compute=mixed(snapshot.compute),
        clusters=mixed(snapshot.clusters),
        objects=mixed(snapshot.objects),
    )
