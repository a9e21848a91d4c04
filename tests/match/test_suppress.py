from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from auditor.match.suppress import IgnoreEntry, Suppressed, suppress
from auditor.model import inventory as views
from auditor.model.finding import Confidence, Evidence, Finding, Owner, Verdict
from auditor.model.inventory import Inventory
from auditor.model.names import ClusterKey, ResourceName
from auditor.model.snapshot import Snapshot

TODAY = date(2026, 11, 22)
CLUSTER = ClusterKey("p", "europe-west1", "prod")
RULE = ResourceName("p", "regions/europe-west1", "forwardingRules", "web")
POOL = ResourceName("p", "regions/europe-west1", "targetPools", "web")
ADDRESS = ResourceName("p", "regions/europe-west1", "addresses", "reserved-for-dr-1")


def finding(
    resource: ResourceName,
    verdict: Verdict = Verdict.ORPHANED,
    reason: str = "cluster-deleted",
    *,
    load_balancer: ResourceName | None = None,
    owner: Owner | None = None,
) -> Finding:
    evidence = (Evidence("seen", "projects/p/compute/forwardingRules"),)
    return Finding(resource, verdict, reason, Confidence.HIGH, evidence, load_balancer=load_balancer, owner=owner)


BALANCER = (
    finding(RULE, load_balancer=RULE),
    finding(POOL, reason="part-of-orphan", load_balancer=RULE),
    finding(ADDRESS, Verdict.UNUSED, "address-unused"),
)


def entry(resource: str, *codes: str, expires: date | None = None, where: str = "") -> IgnoreEntry:
    return IgnoreEntry(resource, "kept on purpose", expires, frozenset(codes), where=where)


def inventory(
    labels: Mapping[ResourceName, Mapping[str, str]] | None = None, service: Mapping[str, Any] | None = None
) -> Inventory:
    """A snapshot with these labels on resources, and one Service."""
    compute: dict[tuple[str, str], tuple[Mapping[str, Any], ...]] = {}
    for name, values in (labels or {}).items():
        obj = {"name": name.name, "region": name.location, "labels": dict(values)}
        compute[name.project, name.collection] = (*compute.get((name.project, name.collection), ()), obj)
    objects = {(CLUSTER, "services"): (service,)} if service else {}
    return views.build(Snapshot(compute=compute, objects=objects))


def hidden(result: Suppressed) -> list[ResourceName]:
    return [item.resource for item in result.findings if item.suppression is not None]


def run(*entries: IgnoreEntry, findings: tuple[Finding, ...] = BALANCER, world: Inventory | None = None) -> Suppressed:
    return suppress(findings, world or inventory(), entries, TODAY)


def test_without_entries_and_marks_nothing_changes() -> None:
    assert run() == Suppressed(BALANCER, ())


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("projects/p/regions/europe-west1/addresses/reserved-for-dr-1", [ADDRESS]),
        ("//compute.googleapis.com/projects/p/regions/europe-west1/addresses/reserved-for-dr-1", [ADDRESS]),
        ("projects/p/regions/*/addresses/reserved-for-dr-*", [ADDRESS]),
        ("projects/p/regions/*/addresses/reserved-for-dr-?", [ADDRESS]),
        ("projects/p/regions/*/forwardingRules/web", [RULE, POOL]),
        ("projects/p/regions/*/targetPools/web", [POOL]),
        ("projects/p/*", []),
        ("projects/p/regions/*/addresses/reserved", []),
        ("projects/p/regions/*/addresses/reserved-for-dr-[1]", []),
        ("projects/P/regions/*/addresses/*", []),
    ],
)
def test_globs_stay_inside_one_part_of_the_name(glob: str, expected: list[ResourceName]) -> None:
    assert hidden(run(entry(glob))) == expected


def test_the_reason_and_its_end_are_kept() -> None:
    result = run(entry("projects/p/regions/*/addresses/*", expires=date(2027, 3, 31)))
    assert result.findings[2].suppression == "kept on purpose (until 2027-03-31)"
    assert result.warnings == ()


def test_reason_codes_narrow_an_entry_and_the_root_speaks_for_its_parts() -> None:
    assert hidden(run(entry("projects/p/regions/*/forwardingRules/web", "cluster-deleted"))) == [RULE, POOL]
    assert hidden(run(entry("projects/p/regions/*/forwardingRules/web", "no-owner"))) == []


@pytest.mark.parametrize("verdict", [Verdict.IN_USE, Verdict.FOREIGN])
def test_there_is_nothing_to_hide_about_what_lives(verdict: Verdict) -> None:
    result = run(entry("projects/p/regions/*/addresses/*"), findings=(finding(ADDRESS, verdict, "owned"),))
    assert hidden(result) == []
    assert "hides nothing" in result.warnings[0]


@pytest.mark.parametrize("verdict", [Verdict.ORPHANED, Verdict.UNUSED, Verdict.IDLE, Verdict.UNKNOWN, Verdict.PENDING])
def test_every_other_verdict_can_be_hidden_and_stays_what_it_is(verdict: Verdict) -> None:
    result = run(entry("projects/p/regions/*/addresses/*"), findings=(finding(ADDRESS, verdict),))
    assert [item.verdict for item in result.findings if item.suppression] == [verdict]


def test_an_entry_counts_on_its_last_day_and_not_after() -> None:
    glob = "projects/p/regions/*/addresses/*"
    assert hidden(run(entry(glob, expires=TODAY))) == [ADDRESS]
    result = run(entry(glob, expires=date(2026, 11, 21), where="ignore.toml:3"))
    assert hidden(result) == []
    assert result.warnings == (
        f"Ignore entry ignore.toml:3: {glob} expired on 2026-11-21: 1 of its findings are back; renew or remove it",
    )


def test_unused_and_double_entries_are_warned_about() -> None:
    glob = "projects/p/regions/*/addresses/*"
    result = run(entry("projects/other/global/addresses/x", where="f:1"), entry(glob, where="f:5"), entry(glob))
    assert [warning.split(": ")[0] for warning in result.warnings] == [
        f"Ignore entry {glob} says the same as f:5",
        "Ignore entry f:1",
    ]
    assert "matches nothing" in result.warnings[1]


def test_a_label_hides_the_whole_load_balancer() -> None:
    result = run(world=inventory({RULE: {"gke-auditor-ignore": "true"}}))
    assert hidden(result) == [RULE, POOL]
    assert result.findings[1].suppression == f"gke-auditor-ignore=true, label on {RULE.relative}"


@pytest.mark.parametrize(("value", "expected"), [("2026-11-22", [ADDRESS]), ("2026-11-21", []), ("yes", []), ("", [])])
def test_a_label_says_true_or_its_last_day(value: str, expected: list[ResourceName]) -> None:
    result = run(world=inventory({ADDRESS: {"gke-auditor-ignore": value}}))
    assert hidden(result) == expected
    assert bool(result.warnings) == (not expected), "what does not count is said"


def service(**annotations: str) -> Mapping[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "web", "annotations": annotations}, "spec": {}}


@pytest.mark.parametrize(("live", "expected"), [(True, [RULE]), (False, [])])
def test_an_annotation_counts_on_the_live_owner_only(live: bool, expected: list[ResourceName]) -> None:
    owner = Owner(CLUSTER.full, "Service", "shop", "web", live=live)
    world = inventory(service=service(**{"gke-auditor-ignore": "true"}))
    assert hidden(run(findings=(finding(RULE, Verdict.IDLE, owner=owner),), world=world)) == expected


def test_an_annotation_says_nothing_of_a_namesake_in_another_cluster() -> None:
    owner = Owner(replace(CLUSTER, name="other").full, "Service", "shop", "web", live=True)
    world = inventory(service=service(**{"gke-auditor-ignore": "true"}))
    assert hidden(run(findings=(finding(RULE, Verdict.IDLE, owner=owner),), world=world)) == []
