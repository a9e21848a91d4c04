"""Snapshot → server → live run: the same content and verdicts, and a report that the kept snapshot gives again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from expectations import Case, archived_cases
from googleserver import Manners
from rehearsal import audit, projected, read_in_full, rehearse, served
from worlds import make_world

from auditor.collect.directory import read_snapshot, write_snapshot
from auditor.collect.kubernetes import context_key
from auditor.model.finding import Verdict
from auditor.model.names import ClusterKey
from auditor.model.report import Report
from auditor.model.snapshot import Coverage, Snapshot, Status, cluster_of_scope, objects_scope
from auditor.report.json import render
from auditor.report.selection import Selection

REPO = Path(__file__).resolve().parent.parent
EVERYTHING = Selection(verdicts=tuple(Verdict))
SEEDS = (0, 1, 2, 3, 4, 5, 8, 13)
"""Worlds with and without gaps, with Shared VPC, fleets, and clusters that are no GKE clusters."""


def as_found(snapshot: Snapshot) -> Snapshot:
    """A snapshot in which the clusters that are no GKE clusters stand where a live run puts those of a kubeconfig."""

    def placed(key: ClusterKey) -> ClusterKey:
        return key if key.is_gke else context_key(key.name)

    objects = {(placed(key), plural): items for (key, plural), items in snapshot.objects.items()}
    entries = {}
    for entry in snapshot.coverage.values():
        key = cluster_of_scope(entry.scope)
        scope = objects_scope(placed(key), entry.scope.rpartition("/")[2]) if key else entry.scope
        entries[scope] = replace(entry, scope=scope)
    return replace(snapshot, objects=objects, coverage=entries)


def verdicts(report: Report) -> Mapping[str, tuple[str, str]]:
    return {finding.resource.full: (finding.verdict, finding.reason) for finding in report.findings}


def check_round_trip(snapshot: Snapshot, as_of: datetime, **manners: int) -> None:
    contexts = tuple(sorted({key.name for key, _ in snapshot.objects if not key.is_gke}))
    with served(snapshot, manners=Manners(**manners)) as world:
        file = world.kubeconfig_file if contexts else None
        run = rehearse(world, as_of, projects=world.scene.projects, kubeconfig=file, contexts=contexts)
    assert run.error is None, run.error
    assert run.snapshot is not None
    assert run.report is not None
    assert not set(world.strays) - {"iamcredentials.googleapis.com:443"}
    got, want = projected(run.snapshot), projected(snapshot)
    for scope in list(want):
        if scope.endswith("/endpointslices"):
            behind = set(run.snapshot.coverage_of(scope).services or ())
            assert set(got.get(scope, ())) <= set(want.pop(scope))
            assert bool(behind) >= bool(got.pop(scope, ()))
    for scope, entry in snapshot.coverage.items():
        if scope in run.snapshot.coverage and entry.status is not Status.PARTIAL:
            assert _knowledge(run.snapshot.coverage[scope]) == _knowledge(entry), scope
    for scope, items in want.items():
        if snapshot.coverage_of(scope).is_full:
            assert got.get(scope) == items, scope
    assert set(got) <= set(want)
    assert verdicts(run.report) == verdicts(audit(snapshot, as_of))


def _knowledge(coverage: Coverage) -> str:
    return "full" if coverage.is_full else "gap"


@pytest.mark.parametrize("case", archived_cases(REPO / "fixtures" / "cases"), ids=lambda case: case.name)
def test_every_case_gives_the_same_verdicts_through_the_network(case: Case) -> None:
    check_round_trip(as_found(read_snapshot(case.snapshot)), case.as_of)


@pytest.mark.parametrize("seed", SEEDS)
def test_generated_worlds_come_through_the_network_page_by_page(seed: int) -> None:
    made = make_world(seed)
    check_round_trip(as_found(made.snapshot), made.as_of, page_size=3)


def test_a_live_audit_is_the_audit_of_what_it_kept(tmp_path: Path) -> None:
    snapshot = read_in_full(read_snapshot(REPO / "fixtures" / "demo"))
    as_of = datetime(2026, 11, 22, 6, tzinfo=UTC)
    with served(snapshot) as world:
        run = rehearse(world, as_of)
    assert run.snapshot is not None
    assert run.report is not None
    assert run.waste
    for kept in (tmp_path / "kept", tmp_path / "kept.tar.gz"):
        write_snapshot(run.snapshot, kept)
        assert render(audit(read_snapshot(kept), as_of), EVERYTHING) == render(run.report, EVERYTHING)
