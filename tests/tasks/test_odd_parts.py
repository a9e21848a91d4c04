"""Parts that are damaged, foreign, old or made by hand: never more waste than the whole has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from organization import make_organization, split
from rehearsal import audit
from worlds import make_world

from auditor import cli
from auditor.collect.directory import write_snapshot
from auditor.collect.harvest import Harvest
from auditor.collect.parts import part_of
from auditor.collect.restoring import restore
from auditor.collect.shares import Share
from auditor.errors import ExitCode, UsageError
from auditor.model.finding import Verdict
from auditor.model.snapshot import Category, Coverage, Snapshot, Status, clusters_scope, compute_scope, project_scope
from tests.tasks.test_parts import _reading, _without_project, differences, merged, organization

COUNT = 8


# --- a merged snapshot is no part ---


def test_a_merged_snapshot_that_lacks_one_part_is_not_that_part() -> None:
    parts = list(split(organization().snapshot, COUNT))
    torn = merged(parts[:2] + parts[3:])
    with pytest.raises(UsageError, match="no part of an execution"):
        part_of(torn, "merged.tar.gz")


def test_the_same_command_a_second_time_does_not_take_its_own_output_for_the_missing_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for index, part in enumerate(split(make_organization(projects=12, clusters=3).snapshot, 3)):
        paths.append(tmp_path / f"{index}.tar.gz")
        write_snapshot(part, paths[-1])
    paths[2].unlink()
    merged_file = tmp_path / "merged.tar.gz"
    assert cli.run(["merge", *map(str, sorted(tmp_path.glob("*.tar.gz"))), "--output", str(merged_file)]) == 0
    again = sorted(tmp_path.glob("*.tar.gz"))
    assert merged_file in again
    code = cli.run(["merge", *map(str, again), "--output", str(tmp_path / "again.tar.gz")])
    assert code == ExitCode.USAGE
    assert "merged.tar.gz is no part of an execution" in capsys.readouterr().err


# --- what a part lacks ---


def looked_at_again(snapshot: Snapshot) -> Snapshot:
    """As it stands after a second look for which there was nothing to ask."""
    harvest = Harvest(snapshot.taken_at, snapshot.tool, lambda progress: None)
    restore(harvest, snapshot)
    return harvest.snapshot()


def test_a_part_without_the_clusters_of_a_project_keeps_its_other_lists() -> None:
    """Though nobody else knows of the project."""
    part = next(iter(split(make_world(0).snapshot, 1)))
    project = next(name for name in part.projects if part.compute[name, "forwardingRules"])
    scope = clusters_scope(project)
    coverage = {key: known for key, known in part.coverage.items() if key != scope}
    clusters = {key: items for key, items in part.clusters.items() if key != project}
    found = looked_at_again(merged([replace(part, coverage=coverage, clusters=clusters)]))
    assert found.compute[project, "forwardingRules"] == part.compute[project, "forwardingRules"]
    assert found.coverage_of(scope).is_gap


def test_an_odd_cluster_makes_its_list_partial() -> None:
    whole = organization().snapshot
    project = next(name for name, items in whole.clusters.items() if items)
    parts = list(split(whole, COUNT))
    index = Share("exec-1", 0, COUNT).index_of(project)
    items = ({"name": "without-a-location"}, *parts[index].clusters[project])
    parts[index] = replace(parts[index], clusters={**parts[index].clusters, project: items})
    found = looked_at_again(merged(parts))
    assert found.coverage_of(clusters_scope(project)).status is Status.PARTIAL
    assert not differences(audit(whole, organization().as_of), audit(found, organization().as_of))


def test_a_project_that_its_own_task_has_not_come_upon_may_hold_a_member_of_any_fleet() -> None:
    """Its clusters may name an address of another project, so it is a gap as a lost part is."""
    world = organization()
    project = next(name for name in world.projects if Share("x", 3, COUNT).holds(name) and name.startswith("plain"))
    parts = [*split(world.snapshot, COUNT)]
    parts[3] = list(split(_without_project(world.snapshot, project), COUNT))[3]
    report = audit(merged(parts), world.as_of)
    assert [finding for finding in audit(world.snapshot, world.as_of).findings if finding.verdict is Verdict.UNUSED]
    assert not [finding for finding in report.findings if finding.verdict is Verdict.UNUSED]
    assert any(gap.scope == Share("exec-1", 3, COUNT).scope for gap in report.gaps)


# --- what two tasks have read, and one of them not in full ---

HOST = compute_scope("host", "firewalls")


@pytest.mark.parametrize("minutes", [-5, 5])
@pytest.mark.parametrize(
    "poor",
    [
        Coverage(HOST, Status.FAILED, Category.FORBIDDEN, detail="not allowed"),
        Coverage(HOST, Status.FAILED, Category.TIMEOUT, detail="not in time"),
        Coverage(HOST, Status.PARTIAL, Category.UNREACHABLE, missing=("regions/asia-east1",)),
    ],
)
def test_the_complete_one_of_two_answers_is_taken(poor: Coverage, minutes: int) -> None:
    whole = merged([_reading(0, ["a", "b"], minutes=5), _reading(1, [], poor, minutes=5 + minutes)])
    assert whole.coverage_of(HOST).status is Status.COMPLETE
    assert [rule["name"] for rule in whole.compute["host", "firewalls"]] == ["a", "b"]
    assert whole.coverage_of(HOST).count == 2


@pytest.mark.parametrize("minutes", [-5, 5])
def test_an_answer_that_contradicts_the_other_is_not_passed_over(minutes: int) -> None:
    """`invalid` says that something answered that should not have: another cluster, a proxy."""
    odd = Coverage(HOST, Status.FAILED, Category.INVALID, detail="the answer is a web page")
    whole = merged([_reading(0, ["a"], minutes=5), _reading(1, [], odd, minutes=5 + minutes)])
    assert whole.coverage_of(HOST).status is Status.PARTIAL


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_host_that_only_one_task_knows_in_full_is_known(minutes: int) -> None:
    scope = project_scope("host")
    full = {"projectId": "host", "projectNumber": "77", "xpnProjectStatus": "HOST"}
    poor = {"projectId": "host", "projectNumber": "77"}
    partial = Coverage(scope, Status.PARTIAL, Category.TIMEOUT, detail="Compute Engine: not in time")
    first = replace(_reading(0, ["a"], minutes=5), projects={"host": full})
    second = _reading(1, ["a"], minutes=5 + minutes)
    second = replace(second, projects={"host": poor}, coverage={**second.coverage, scope: partial})
    whole = merged([first, second])
    assert whole.projects["host"] == full
    assert whole.coverage_of(scope).is_full


def test_a_host_that_became_one_while_it_was_read_is_one() -> None:
    """Whichever task's clock is ahead."""
    host = {"projectId": "host", "projectNumber": "77", "xpnProjectStatus": "HOST"}
    plain = {"projectId": "host", "projectNumber": "77"}
    for first, second in ((host, plain), (plain, host)):
        parts = [
            replace(_reading(index, ["a"], minutes=index), projects={"host": told})
            for index, told in enumerate((first, second))
        ]
        assert merged(parts).projects["host"] == host


def test_what_a_part_holds_of_a_project_that_it_left_to_others_does_not_count() -> None:
    parts = [_reading(0, ["a", "b"]), _reading(1, ["a"], minutes=9)]
    share = Share("e", 1, 2)
    left = Coverage(share.scope, Status.PARTIAL, Category.NOT_COLLECTED, missing=("projects/host",))
    parts[1] = replace(parts[1], coverage={**parts[1].coverage, share.scope: left})
    whole = merged(parts)
    assert [rule["name"] for rule in whole.compute["host", "firewalls"]] == ["a", "b"]


# --- parts that do not belong together ---


def test_parts_of_two_versions_are_refused() -> None:
    """A version that reads a field less may miss what tells an owner."""
    first, second = split(make_world(0).snapshot, 2)
    with pytest.raises(UsageError, match="different versions"):
        merged([first, replace(second, tool="gke-auditor 0.0.1")])


def test_a_part_that_does_not_say_when_it_was_taken_is_refused() -> None:
    """Ages would count from the time of the others, which may be later."""
    part = next(iter(split(make_world(0).snapshot, 2)))
    with pytest.raises(UsageError, match="when it was taken"):
        part_of(replace(part, taken_at=None), "part.tar.gz")


def test_parts_that_were_taken_hours_apart_are_warned_of() -> None:
    parts = list(split(make_world(0).snapshot, 2))
    assert parts[0].taken_at is not None
    assert not merged(parts).warnings
    parts[1] = replace(parts[1], taken_at=parts[0].taken_at + timedelta(hours=3))
    assert any("different times" in warning for warning in merged(parts).warnings)
