"""Parts of many tasks as one snapshot, without a network: nothing is lost, nothing is taken twice, and what is not
there makes verdicts careful and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from organization import Organization, hosts_of, make_organization, split
from rehearsal import audit
from worlds import make_world

from auditor.collect.harvest import Harvest
from auditor.collect.parts import merge, part_of
from auditor.collect.restoring import restore
from auditor.collect.shares import Share, parse_scope, stable_hash
from auditor.errors import UsageError
from auditor.model.finding import WASTE, Verdict
from auditor.model.report import Report
from auditor.model.snapshot import (
    JSON,
    Category,
    Coverage,
    Snapshot,
    Status,
    clusters_scope,
    compute_scope,
    project_scope,
)
from auditor.report import json as json_report
from auditor.report.gaps import group
from auditor.report.selection import Selection

COUNT = 8
EVERYTHING = Selection(verdicts=tuple(Verdict))
SEEDS = (0, 1, 3, 4, 6, 42, 90)
"""Worlds without gaps, three of them with a Shared VPC, some with fleets and clusters of a kubeconfig."""


@cache
def organization() -> Organization:
    return make_organization(projects=300, clusters=120)


@cache
def organization_report() -> Report:
    return audit(organization().snapshot, organization().as_of)


def rendered(report: Report) -> str:
    return json_report.render(report, EVERYTHING)


def merged(parts: list[Snapshot]) -> Snapshot:
    return merge([part_of(part, f"part {number}") for number, part in enumerate(parts)])


def differences(full: Report, torn: Report) -> dict[str, tuple[Verdict | None, Verdict]]:
    """Verdicts of the second report that are neither those of the first nor `unknown`."""
    right = {finding.resource: finding.verdict for finding in full.findings}
    return {
        finding.resource.full: (right.get(finding.resource), finding.verdict)
        for finding in torn.findings
        if finding.verdict not in (right.get(finding.resource), Verdict.UNKNOWN)
    }


# --- shares ---


def test_a_project_is_in_one_share_for_ever() -> None:
    """The hash is part of the format: parts of two versions must fit together."""
    assert stable_hash("acme-prod") == 0xD2836B7DE9447C4A
    for project in organization().projects:
        assert sum(Share("x", index, COUNT).holds(project) for index in range(COUNT)) == 1


def test_shares_are_of_like_size() -> None:
    sizes = [sum(Share("x", index, COUNT).holds(name) for name in organization().projects) for index in range(COUNT)]
    assert sum(sizes) == 300
    assert max(sizes) < 2 * min(sizes)


@pytest.mark.parametrize(
    "scope", ["parts/x/8-of-8", "parts/x/a-of-8", "parts//1-of-8", "parts/x", "folders/1/projects"]
)
def test_other_scopes_are_no_parts(scope: str) -> None:
    assert parse_scope(scope) is None


def test_a_part_knows_its_scope() -> None:
    share = Share("weekly-x7k2p", 3, 8)
    assert parse_scope(share.scope) == share


# --- nothing is lost ---


def test_300_projects_in_8_tasks_give_byte_for_byte_the_report_of_one_task() -> None:
    world = organization()
    assert len(world.projects) == 300
    parts = list(split(world.snapshot, COUNT))
    assert all(len(part.projects) < 80 for part in parts)
    assert rendered(audit(merged(parts), world.as_of)) == rendered(organization_report())


def test_the_order_of_the_parts_does_not_matter() -> None:
    parts = list(split(organization().snapshot, COUNT))
    assert merged(parts[::-1]) == merged(parts)


def test_hosts_stand_in_several_parts_and_are_taken_once() -> None:
    world = organization()
    hosts = set(hosts_of(world.snapshot).values())
    parts = list(split(world.snapshot, COUNT))
    assert any(sum(host in part.projects for part in parts) > 1 for host in hosts)
    whole = merged(parts)
    for host in hosts:
        assert whole.compute[host, "firewalls"] == world.snapshot.compute[host, "firewalls"]


def test_a_part_alone_finds_nothing_that_the_whole_does_not() -> None:
    """A part is a snapshot: what it left to others is not read there, and proves nothing."""
    for part in split(organization().snapshot, COUNT):
        assert not differences(organization_report(), audit(part, organization().as_of))


@pytest.mark.parametrize("seed", SEEDS)
def test_any_number_of_tasks_gives_the_same(seed: int) -> None:
    world = make_world(seed)
    right = rendered(audit(world.snapshot, world.as_of))
    for count in (1, 2, 3, 7, 40):
        whole = merged(list(split(world.snapshot, count)))
        assert rendered(audit(whole, world.as_of)) == right


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restored_harvest_is_the_snapshot_it_was_restored_from(seed: int) -> None:
    """Of one that a live run has made: that knows of each cluster whether its endpoint was the right one."""
    made = make_world(seed).snapshot
    scopes = {f"{scope.rpartition('/')[0]}/identity" for scope in made.coverage if scope.startswith("clusters/")}
    coverage = {**made.coverage, **{scope: Coverage(scope, Status.COMPLETE) for scope in scopes}}
    counted = {scope: replace(known, count=_count(made, scope)) for scope, known in coverage.items()}
    snapshot = replace(made, coverage=dict(sorted(counted.items())))
    harvest = Harvest(snapshot.taken_at, snapshot.tool, lambda progress: None)
    restore(harvest, snapshot)
    again = harvest.snapshot()
    assert again.coverage == snapshot.coverage
    assert again.projects == snapshot.projects
    assert again.compute == snapshot.compute
    assert {key: _by_name(items) for key, items in again.clusters.items()} == {
        key: _by_name(items) for key, items in snapshot.clusters.items()
    }
    assert again.objects == snapshot.objects


def _count(snapshot: Snapshot, scope: str) -> int | None:
    return len(snapshot.clusters[scope.split("/")[1]]) if scope.endswith("/container/clusters") else None


def _by_name(items: tuple[JSON, ...]) -> list[JSON]:
    return sorted(items, key=lambda item: (item["location"], item["name"]))


# --- what is lost ---


@pytest.mark.parametrize("lost", range(COUNT))
def test_a_lost_part_changes_verdicts_only_to_unknown(lost: int) -> None:
    world = organization()
    parts = [part for index, part in enumerate(split(world.snapshot, COUNT)) if index != lost]
    report = audit(merged(parts), world.as_of)
    assert not differences(organization_report(), report)
    assert any(finding.verdict in WASTE for finding in report.findings)
    share = Share("exec-1", lost, COUNT)
    gap = next(gap for gap in report.gaps if gap.scope == share.scope)
    assert gap.detail == f"part {share.name} of execution exec-1 is missing"
    assert "gke-auditor merge PLACE/parts/exec-1/" in gap.hint


def test_losing_parts_costs_verdicts_elsewhere() -> None:
    """The loss reaches beyond the projects of the part: else the test above would prove little."""
    world = organization()
    everywhere = {finding.resource: finding.verdict for finding in organization_report().findings}
    parts = list(split(world.snapshot, COUNT))
    changed = 0
    for lost in range(COUNT):
        report = audit(merged(parts[:lost] + parts[lost + 1 :]), world.as_of)
        changed += sum(
            everywhere[finding.resource] in WASTE and finding.verdict is Verdict.UNKNOWN for finding in report.findings
        )
    assert changed > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_any_projects_lost_together_change_verdicts_only_to_unknown(seed: int) -> None:
    world = make_world(seed)
    full = audit(world.snapshot, world.as_of)
    for count in (2, 3, 5, 7, 11, 16):
        parts = list(split(world.snapshot, count))
        for lost in range(count):
            rest = [part for index, part in enumerate(parts) if index != lost]
            whole = merged(rest)
            if any(project in whole.projects for project in world.snapshot.projects):
                assert not differences(full, audit(whole, world.as_of)), (count, lost)


def test_the_report_tells_of_a_lost_part_once() -> None:
    """Not once for each of its projects."""
    world = organization()
    parts = list(split(world.snapshot, COUNT))[1:]
    groups = [entry for entry in group(audit(merged(parts), world.as_of)) if "missing" in " ".join(entry.details)]
    assert [entry.place for entry in groups] == ["part 0-of-8 of execution exec-1"]
    assert groups[0].lists[-1].endswith("more projects")
    assert len(groups[0].hints) == 1


def test_a_project_that_its_own_task_has_not_come_upon_is_a_gap() -> None:
    world = organization()
    project = next(name for name in world.projects if Share("x", 3, COUNT).holds(name) and name.startswith("plain"))
    without = _without_project(world.snapshot, project)
    parts = [*split(world.snapshot, COUNT)]
    parts[3] = list(split(without, COUNT))[3]
    whole = merged(parts)
    entry = whole.coverage_of(compute_scope(project, "addresses"))
    assert entry.status is Status.FAILED
    assert "part 3-of-8" in entry.detail
    assert "has not come upon it" in entry.detail
    assert not differences(organization_report(), audit(whole, world.as_of))


def test_a_project_that_only_one_task_has_come_upon_counts() -> None:
    world = organization()
    project = next(name for name in world.projects if Share("x", 3, COUNT).holds(name) and name.startswith("plain"))
    without = list(split(_without_project(world.snapshot, project), COUNT))
    without[3] = list(split(world.snapshot, COUNT))[3]
    assert rendered(audit(merged(without), world.as_of)) == rendered(organization_report())


def _without_project(snapshot: Snapshot, project: str) -> Snapshot:
    return replace(
        snapshot,
        coverage={scope: known for scope, known in snapshot.coverage.items() if scope.split("/")[1] != project},
        projects={name: told for name, told in snapshot.projects.items() if name != project},
        compute={key: items for key, items in snapshot.compute.items() if key[0] != project},
        clusters={name: items for name, items in snapshot.clusters.items() if name != project},
    )


# --- what two tasks have read ---

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def _reading(index: int, names: list[str], coverage: Coverage | None = None, minutes: int = 0) -> Snapshot:
    """What a task has read of the firewall rules of the host."""
    scope = compute_scope("host", "firewalls")
    rules = tuple(
        {"selfLink": f"https://x/compute/v1/projects/host/global/firewalls/{name}", "name": name, "id": str(index)}
        for name in names
    )
    known = coverage or Coverage(scope, Status.COMPLETE, count=len(rules))
    share = Share("e", index, 2)
    listing = clusters_scope("host")
    return Snapshot(
        taken_at=NOW + timedelta(minutes=minutes),
        coverage={
            scope: known,
            listing: Coverage(listing, Status.COMPLETE, count=0),
            project_scope("host"): Coverage(project_scope("host"), Status.COMPLETE),
            share.scope: Coverage(share.scope, Status.COMPLETE),
        },
        projects={"host": {"projectId": "host"}},
        compute={("host", "firewalls"): rules} if known.status is not Status.FAILED else {},
        clusters={"host": ()},
    )


def test_of_two_readings_the_later_state_counts_and_nothing_is_dropped() -> None:
    parts = [_reading(0, ["a", "b"], minutes=5), _reading(1, ["b", "c"])]
    whole = merged(parts)
    found = {str(rule["name"]): rule["id"] for rule in whole.compute["host", "firewalls"]}
    assert found == {"a": "0", "b": "0", "c": "1"}
    assert whole.coverage_of(compute_scope("host", "firewalls")).count == 3
    assert whole.taken_at == NOW


def test_of_two_readings_with_gaps_the_more_careful_coverage_counts() -> None:
    """Where one of them is complete it counts: tests/tasks/test_odd_parts.py."""
    scope = compute_scope("host", "firewalls")
    failed = Coverage(scope, Status.FAILED, Category.TIMEOUT, detail="not in time")
    cut_off = Coverage(scope, Status.PARTIAL, Category.UNREACHABLE, missing=("regions/asia-east1",))
    for parts in (
        [_reading(0, ["a"], cut_off), _reading(1, [], failed)],
        [_reading(0, [], failed), _reading(1, ["a"], cut_off)],
    ):
        whole = merged(parts)
        assert whole.coverage_of(scope).status is Status.PARTIAL
        assert whole.coverage_of(scope).missing == ()
        assert [rule["name"] for rule in whole.compute["host", "firewalls"]] == ["a"]


def test_what_none_of_two_has_read_is_not_there() -> None:
    scope = compute_scope("host", "firewalls")
    failed = Coverage(scope, Status.FAILED, Category.TIMEOUT, detail="not in time")
    whole = merged([_reading(0, [], failed), _reading(1, [], failed)])
    assert whole.coverage_of(scope).status is Status.FAILED
    assert ("host", "firewalls") not in whole.compute


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_everything_that_anybody_has_read_is_there(first: list[str], second: list[str]) -> None:
    whole = merged([_reading(0, first), _reading(1, second)])
    names = [rule["name"] for rule in whole.compute["host", "firewalls"]]
    assert sorted(names) == sorted({*first, *second})


# --- what does not belong together ---


def test_parts_of_two_executions_are_refused() -> None:
    first, second = (next(iter(split(make_world(0).snapshot, 2, name))) for name in ("monday", "tuesday"))
    with pytest.raises(UsageError, match="different executions"):
        merged([first, second])


def test_parts_of_other_counts_are_refused() -> None:
    world = make_world(0).snapshot
    with pytest.raises(UsageError, match="different executions"):
        merged([next(iter(split(world, 2))), next(iter(split(world, 3)))])


def test_a_part_named_twice_is_refused() -> None:
    part = next(iter(split(make_world(0).snapshot, 2)))
    with pytest.raises(UsageError, match="twice"):
        merged([part, part])


def test_a_whole_snapshot_is_no_part() -> None:
    with pytest.raises(UsageError, match="no part of an execution"):
        part_of(make_world(0).snapshot, "whole.tar.gz")
