"""Gaps as people read them: what failed in the same way in many places is said once, and nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace

from auditor.model.finding import Confidence, Evidence, Finding, Verdict
from auditor.model.names import ResourceName
from auditor.model.report import Gap, Report
from auditor.report import gaps

from . import sample


def gap(scope: str, category: str = "forbidden", missing: tuple[str, ...] = ()) -> Gap:
    status = "partial" if missing else "failed"
    return Gap(scope, status, category, "because", f"mend {scope}", missing=missing)


def report_of(*found: Gap, unknown_because_of: tuple[str, ...] = ()) -> Report:
    findings = [
        Finding(
            ResourceName("acme", "global", "addresses", f"address-{number}"),
            Verdict.UNKNOWN,
            "owner-not-read",
            Confidence.LOW,
            (Evidence("It was not read.", scope),),
        )
        for number, scope in enumerate(unknown_because_of)
    ]
    return replace(sample.clean(), gaps=found, findings=tuple(findings))


def clusters_of(*projects: str) -> list[Gap]:
    return [gap(f"projects/{project}/container/clusters") for project in projects]


def test_one_trouble_in_many_projects_is_told_once() -> None:
    projects = [f"acme-{number}" for number in range(12)]
    scopes = [f"projects/{project}/container/clusters" for project in projects]
    (group,) = gaps.group(report_of(*clusters_of(*projects), unknown_because_of=(scopes[0], scopes[11], scopes[11])))
    assert group.sentence == (
        "12 projects (acme-0, acme-1, acme-2 and 9 more): clusters: forbidden. 3 resources are unknown because of it."
    )
    assert group.hints == tuple(f"mend {scope}" for scope in scopes)
    assert group.count == 12


def test_a_few_are_told_one_by_one() -> None:
    groups = gaps.group(report_of(*clusters_of("one", "two", "three")))
    assert [group.place for group in groups] == ["project one", "project two", "project three"]


def test_only_what_is_alike_is_told_together() -> None:
    """The category, the lists, and what is missing of them."""
    alike = [f"acme-{number}" for number in range(4)]
    others = [
        gap("projects/beta/container/clusters", "unreachable"),
        gap("projects/gamma/container/clusters", missing=("zones/europe-west1-b",)),
        gap("projects/delta/compute/addresses"),
        gap("projects/epsilon/container/clusters"),
        gap("projects/epsilon/compute/addresses"),
        gap("organizations/1/projects"),
    ]
    groups = gaps.group(report_of(*clusters_of(*alike), *others))
    assert [group.place for group in groups] == [
        "4 projects (acme-0, acme-1, acme-2 and 1 more)",
        "project beta",
        "project gamma",
        "project delta",
        "project epsilon",
        "organization 1",
    ]
    assert sum(group.count for group in groups) == 10


def test_clusters_are_told_together_too() -> None:
    found = [
        gap(f"clusters/acme/europe-west1/prod-{number}/{plural}")
        for number in range(5)
        for plural in ("services", "ingresses")
    ]
    (group,) = gaps.group(report_of(*found))
    names = ", ".join(f"acme/europe-west1/prod-{number}" for number in range(3))
    assert group.place == f"5 clusters ({names} and 2 more)"
    assert group.lists == ("services", "ingresses")
    assert group.count == 10
