"""Which runs readers know of: those that were told, and all before the last of these."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auditor.history.runs import KeptRun
from auditor.history.told import note_told, read_told

from .test_runs import Opened

FIRST, SECOND, THIRD = (datetime(2026, 11, day, 6, tzinfo=UTC) for day in (8, 15, 22))


NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)


def kept(at: datetime, execution: str) -> KeptRun:
    return KeptRun("", at, execution)


RUNS = (kept(FIRST, "a-1"), kept(SECOND, "b-1"), kept(THIRD, "c-1"))


def test_nobody_was_told_of_anything(opened: Opened) -> None:
    assert read_told(opened(), NOW).runs(RUNS) == ()


def test_who_was_told_of_a_run_knows_what_those_before_it_found(opened: Opened) -> None:
    note_told(opened(), SECOND, "b-1")
    assert read_told(opened(), NOW).runs(RUNS) == RUNS[:2]
    note_told(opened(), FIRST, "a-1")
    assert read_told(opened(), NOW).runs(RUNS) == RUNS[:2]


def test_what_a_further_attempt_kept_is_known_by_what_the_first_one_told(opened: Opened) -> None:
    note_told(opened(), SECOND, "c-1")
    assert read_told(opened(), NOW).runs(RUNS) == RUNS


def test_a_run_whose_clock_was_ahead_hides_nothing_that_comes(opened: Opened) -> None:
    note_told(opened(), FIRST, "a-1")
    note_told(opened(), datetime(2036, 11, 22, 6, tzinfo=UTC), "x-1")
    assert read_told(opened(), NOW).runs(RUNS) == RUNS[:1]


def test_noting_it_again_changes_nothing(opened: Opened) -> None:
    store = opened()
    for _ in range(2):
        note_told(store, SECOND, "b-1")
    assert len(store.names("told/")) == 1
    assert read_told(store, NOW).runs(RUNS) == RUNS[:2]


@pytest.mark.parametrize("name", ["told/notes.txt", "told/20260631T060000Z-a.json", "told/20261122T060000Z-.json"])
def test_what_others_put_there_is_no_note(opened: Opened, name: str) -> None:
    assert opened().create(name, b"?")
    assert read_told(opened(), NOW).runs(RUNS) == ()
