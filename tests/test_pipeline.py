"""The order of the stages and what the report says around the findings. Verdicts come from a stand-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from standin import judge_by_name

from auditor import pipeline
from auditor.data.tables import load_prices
from auditor.errors import NothingRead
from auditor.match.suppress import IgnoreEntry
from auditor.model.finding import Verdict
from auditor.model.report import Report
from auditor.model.snapshot import Coverage, Snapshot, Status, compute_scope

TAKEN_AT = datetime(2026, 11, 22, 6, tzinfo=UTC)
NOW = TAKEN_AT + timedelta(hours=2)
SCOPE = compute_scope("acme", "addresses")


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "judge", judge_by_name)


def address(name: str, region: str = "europe-west1") -> dict[str, str]:
    return {
        "name": name,
        "region": region,
        "address": "203.0.113.1",
        "addressType": "EXTERNAL",
        "status": "RESERVED",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }


def snapshot(*names: str, taken_at: datetime | None = TAKEN_AT) -> Snapshot:
    return Snapshot(
        taken_at=taken_at,
        coverage={SCOPE: Coverage(SCOPE, Status.COMPLETE)},
        compute={("acme", "addresses"): tuple(address(name) for name in names)},
    )


OPTIONS = pipeline.Options(now=NOW)


def audit(world: Snapshot, options: pipeline.Options = OPTIONS) -> Report:
    return pipeline.audit(world, options, load_prices())


def test_findings_are_sorted_by_verdict_money_and_name() -> None:
    cheap = replace(
        snapshot(),
        compute={
            ("acme", "addresses"): (
                address("foreign-1"),
                address("unused-b", "us-central1"),
                address("unused-a", "us-central1"),
                address("unused-z", "asia-northeast1"),
                address("in-use-1"),
                address("orphaned-1"),
                address("unused-none", "nowhere1"),
            )
        },
    )
    report = audit(cheap)
    assert [item.resource.name for item in report.findings] == [
        "orphaned-1",
        "unused-z",
        "unused-a",
        "unused-b",
        "unused-none",
        "in-use-1",
        "foreign-1",
    ]
    amounts = [item.cost.monthly for item in report.findings if item.cost]
    assert amounts[1] > amounts[2] == amounts[3]
    assert amounts[4] is None


def test_counts_and_sums_cover_findings_and_suppressed_together() -> None:
    entry = IgnoreEntry("projects/acme/regions/*/addresses/unused-a", "kept", date(2030, 1, 1))
    plain = audit(snapshot("unused-a", "unused-b", "idle-1"))
    report = audit(snapshot("unused-a", "unused-b", "idle-1"), replace(OPTIONS, ignore=(entry,)))
    assert [item.resource.name for item in report.findings] == ["unused-b", "idle-1"]
    assert [item.resource.name for item in report.suppressed] == ["unused-a"]
    assert report.counts == plain.counts
    assert report.counts[Verdict.UNUSED] == 2
    assert replace(report.summary, suppressed=Decimal(0)) == replace(plain.summary, suppressed=Decimal(0))
    assert report.summary.suppressed * 2 == report.summary.saving


@pytest.mark.parametrize(
    ("as_of", "taken_at", "taken", "generated"),
    [
        (None, TAKEN_AT, TAKEN_AT, NOW),
        (None, None, NOW, NOW),
        (
            datetime(2026, 12, 1, tzinfo=UTC),
            TAKEN_AT,
            datetime(2026, 12, 1, tzinfo=UTC),
            datetime(2026, 12, 1, tzinfo=UTC),
        ),
    ],
)
def test_which_time_counts(
    as_of: datetime | None, taken_at: datetime | None, taken: datetime, generated: datetime
) -> None:
    report = audit(snapshot("unused-a", taken_at=taken_at), replace(OPTIONS, as_of=as_of))
    assert (report.snapshot_taken_at, report.generated_at) == (taken, generated)
    assert report.findings[0].evidence[0].statement.startswith(f"as of {taken.isoformat()}")


@pytest.mark.parametrize(("age", "said"), [(timedelta(hours=24), False), (timedelta(hours=25), True)])
def test_an_old_snapshot_is_warned_about(age: timedelta, said: bool) -> None:
    report = audit(snapshot("unused-a"), replace(OPTIONS, now=TAKEN_AT + age))
    assert any("The snapshot is 1 day old" in warning for warning in report.warnings) == said


def test_a_snapshot_that_does_not_say_its_age_is_warned_about() -> None:
    assert any("does not say when it was taken" in text for text in audit(snapshot("idle-1", taken_at=None)).warnings)


def test_an_ignore_entry_expires_by_the_clock_and_not_by_the_snapshot() -> None:
    entry = IgnoreEntry("projects/acme/regions/*/addresses/unused-a", "kept", date(2026, 11, 23))
    late = replace(OPTIONS, ignore=(entry,), now=TAKEN_AT + timedelta(days=3))
    assert audit(snapshot("unused-a"), late).suppressed == ()
    assert len(audit(snapshot("unused-a"), replace(OPTIONS, ignore=(entry,))).suppressed) == 1


@pytest.mark.parametrize("world", [Snapshot(), Snapshot(coverage={SCOPE: Coverage(SCOPE, Status.FAILED)})])
def test_a_report_on_nothing_is_refused(world: Snapshot) -> None:
    with pytest.raises(NothingRead, match="Not one list"):
        audit(world)


def test_an_empty_project_is_a_report() -> None:
    report = audit(snapshot())
    assert report.findings == ()
    assert sum(report.counts.values()) == 0


def shuffled(world: Snapshot, change: Callable[[tuple[dict[str, str], ...]], tuple[dict[str, str], ...]]) -> Snapshot:
    return replace(world, compute={key: change(items) for key, items in world.compute.items()})


def test_the_order_of_a_list_changes_nothing() -> None:
    world = snapshot("unused-a", "orphaned-1", "unused-b", "idle-1")
    assert audit(shuffled(world, lambda items: items[::-1])) == audit(world)
