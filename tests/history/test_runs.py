from __future__ import annotations

import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from auditor.deliver.storage import Store, Stored
from auditor.errors import NotDelivered, NothingRead
from auditor.history import runs
from auditor.history.compare import BrokenRun, compare
from auditor.model.report import Report
from auditor.model.report_document import NotAReport
from auditor.report import json

from .telling import EVERYTHING, at, gone, run, told

Opened = Callable[[], Store]


def keep(store: Store, report: Report, execution: str) -> None:
    runs.keep_run(store, json.render(report, EVERYTHING).encode(), report.snapshot_taken_at, execution)


def audited(store: Store, report: Report, execution: str) -> Report:
    """One run as history_run.py carries it out: compare, then keep."""
    complaints: list[str] = []
    before = runs.earlier_runs(runs.list_runs(store, complaints.append), report.snapshot_taken_at, execution)
    compared = compare(report, runs.read_runs(store, before.kept, complaints.append), store.location, before.older)
    keep(store, compared, execution)
    assert not complaints
    return compared


def listed(store: Store) -> list[str]:
    return [kept.execution for kept in runs.list_runs(store, _never)]


def _never(complaint: str) -> None:
    raise AssertionError(complaint)


def test_one_compressed_report_per_run(opened: Opened) -> None:
    report = run(1, {"a": "orphaned", "b": "in_use"})
    keep(opened(), report, "weekly-x7k2p")
    assert opened().names() == ("runs/20261123T060000Z-weekly-x7k2p.json.gz",)
    stored = opened().read(opened().names()[0])
    assert orjson.loads(gzip.decompress(stored.content)) == orjson.loads(json.render(report, EVERYTHING))
    assert stored.content == runs.packed(json.render(report, EVERYTHING).encode()), "the same bytes each time"


def test_runs_know_each_other(opened: Opened) -> None:
    assert told(audited(opened(), run(1, {"a": "orphaned"}), "one"))[0] is None
    assert told(audited(opened(), run(2, {"a": "orphaned"}), "two")) == ("known", 1, 2)
    third = audited(opened(), run(3, {"b": "orphaned"}), "three")
    assert told(third, "b") == ("new", 3, 1)
    assert gone(third) == {"a"}


def test_a_further_attempt_replaces_its_own_run(opened: Opened) -> None:
    audited(opened(), run(1, {}), "monday")
    audited(opened(), run(2, {"a": "orphaned"}), "tuesday")
    again = audited(opened(), later(run(2, {"a": "orphaned"}), minutes=7), "tuesday")
    assert told(again)[0] == "new", "its first attempt is no earlier run"
    assert listed(opened()) == ["monday", "tuesday"]
    assert opened().names() == (
        "runs/20261123T060000Z-monday.json.gz",
        "runs/20261124T060700Z-tuesday.json.gz",
    )
    audited(opened(), later(run(2, {}), minutes=7), "tuesday")
    assert len(opened().names()) == 2
    assert gone(audited(opened(), run(3, {}), "wednesday")) == set(), "the last attempt counts"


def later(report: Report, *, minutes: int) -> Report:
    return replace(report, snapshot_taken_at=report.snapshot_taken_at + timedelta(minutes=minutes))


def test_of_two_attempts_that_a_crash_left_the_last_counts(opened: Opened) -> None:
    store = opened()
    keep(store, run(1, {"a": "orphaned"}), "one")
    store.create("runs/20261123T061500Z-one.json.gz", runs.packed(json.render(run(1, {}), EVERYTHING).encode()))
    assert [kept.name for kept in runs.list_runs(store, _never)] == ["runs/20261123T061500Z-one.json.gz"]
    assert told(audited(opened(), run(2, {"a": "orphaned"}), "two")) == ("new", 2, 1)


def test_runs_at_once_lose_nothing(opened: Opened) -> None:
    names = [f"run-{number}" for number in range(8)]

    def one(number: int) -> None:
        audited(opened(), later(run(1, {"a": "orphaned", f"x{number}": "orphaned"}), minutes=number), names[number])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert sorted(listed(opened())) == names
    last = audited(opened(), run(2, {"a": "orphaned", "x7": "orphaned", "x0": "orphaned"}), "last")
    assert told(last, "a") == ("known", 1, 9)
    assert told(last, "x7")[0] == "known"
    assert told(last, "x0")[0] == "new", "seven runs after it had looked"


def test_two_attempts_at_once_leave_one_whole_run(opened: Opened) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: keep(opened(), run(1, {f"x{number}": "idle"}), "same"), range(6)))
    (kept,) = runs.list_runs(opened(), _never)
    (read,) = runs.read_runs(opened(), [kept], _never)
    assert len(read.reported) == 1


# Crashes


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """A store whose process is killed before or after one of its calls."""

    def __init__(self, store: Store, call: int, *, before: bool) -> None:
        self.location, self._store, self._left, self._before = store.location, store, call, before

    def _step(self, method: str, *arguments: object) -> object:
        self._left -= 1
        if self._left == 0 and self._before:
            raise Killed
        answer = getattr(self._store, method)(*arguments)
        if self._left == 0:
            raise Killed
        return answer

    def create(self, name: str, content: bytes) -> bool:
        return self._step("create", name, content)

    def read(self, name: str) -> Stored | None:
        return self._step("read", name)

    def replace(self, name: str, content: bytes, version: str) -> bool:
        return self._step("replace", name, content, version)

    def delete(self, name: str, version: str) -> bool:
        return self._step("delete", name, version)

    def names(self, prefix: str = "") -> tuple[str, ...]:
        return self._step("names", prefix)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("is_retry", [False, True], ids=["first", "retry"])
def test_a_crash_at_any_step_is_mended_by_the_next_attempt(opened: Opened, before: bool, is_retry: bool) -> None:
    """Whatever step the first attempt died at: the retry says what an undisturbed run says, and nothing is lost."""
    store = opened()
    audited(store, run(1, {"a": "orphaned"}), "monday")
    if is_retry:
        audited(store, run(2, {"a": "orphaned", "c": "idle"}), "tuesday")
    died = False
    for call in range(1, 12):
        with suppress(Killed):
            audited(Dying(store, call, before=before), later(run(2, {"b": "orphaned"}), minutes=call), "tuesday")
            break
        died = True
        assert "monday" in listed(store)
        for kept in runs.list_runs(store, _never):
            assert not any(isinstance(item, BrokenRun) for item in runs.read_runs(store, [kept], _never))
    assert died
    retried = audited(store, later(run(2, {"b": "orphaned"}), minutes=30), "tuesday")
    assert told(retried, "b")[0] == "new"
    assert gone(retried) == {"a"}
    assert listed(store) == ["monday", "tuesday"]
    assert len(store.names()) == 2
    assert told(audited(store, run(3, {"b": "orphaned"}), "wednesday"), "b")[1:] == (2, 2)


# What cannot be read


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no JSON"),
        (b"{}", "schema_version"),
        (b"\x1f\x8b damaged", "damaged"),
        (gzip.compress(b'{"schema_version": 1}', mtime=0)[:-9], "cut off"),
        (gzip.compress(b'{"schema_version": 1}', mtime=0), "is missing"),
        (gzip.compress(b'{"schema_version": 2}', mtime=0), "this version reads 1"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_broken_run_is_told_and_never_taken_for_none(opened: Opened, content: bytes, why: str) -> None:
    store = opened()
    audited(store, run(1, {}), "one")
    store.create("runs/20261124T060000Z-two.json.gz", content)
    complaints: list[str] = []
    found = runs.earlier_runs(runs.list_runs(store, complaints.append), at(3), "three")
    report = compare(run(3, {"a": "orphaned"}), runs.read_runs(store, found.kept, complaints.append), "x", found.older)
    (complaint,) = complaints
    assert "20261124T060000Z-two.json.gz" in complaint
    assert why in complaint
    assert told(report)[0] is None, "nobody knows whether the broken run has seen it"


def test_foreign_files_are_told_and_left_alone(opened: Opened) -> None:
    store = opened()
    for name in ("runs/notes.txt", "runs/20261324T060000Z-x.json.gz", "runs/deep/20261124T060000Z-x.json.gz"):
        store.create(name, b"mine")
    store.create("mail/marker", b"not looked at")
    complaints: list[str] = []
    assert runs.list_runs(store, complaints.append) == ()
    (complaint,) = complaints
    assert "and 2 more" in complaint
    keep(store, run(1, {}), "one")
    assert store.read("runs/notes.txt").content == b"mine"


class Failing:
    """A store that can list and not read."""

    location = "gs://audits"

    def names(self, prefix: str = "") -> tuple[str, ...]:
        return ("runs/20261124T060000Z-two.json.gz",)

    def read(self, name: str) -> Stored | None:
        raise NothingRead("Cannot read it: forbidden")


def test_a_run_that_may_not_be_read_is_no_reason_to_stop() -> None:
    complaints: list[str] = []
    found = runs.list_runs(Failing(), complaints.append)
    assert list(runs.read_runs(Failing(), found, complaints.append)) == [BrokenRun(at(2))]
    assert "forbidden" in complaints[0]


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_MOST_BYTES", 1000)
    with pytest.raises(NotAReport, match="longer than any report"):
        runs.unpacked(gzip.compress(b" " * 100_000, mtime=0))


# Which runs


def test_the_newest_runs_are_compared_with_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_RUNS", 3)
    kept = [runs.KeptRun(f"runs/{day}", at(day), f"e{day}") for day in range(8)]
    found = runs.earlier_runs(kept, at(6), "e5")
    assert [item.execution for item in found.kept] == ["e3", "e4", "e6"]
    assert (found.older.count, found.older.since) == (3, at(0))
    assert runs.earlier_runs(kept, at(0) - timedelta(days=1), "x").kept == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weekly-x7k2p", "weekly-x7k2p"),
        ("../../etc", "etc"),
        ("a b\n=c", "a-b-c"),
        ("é" * 3 + "z", "z"),
        ("x" * 99, "x" * 80),
    ],
)
def test_an_execution_is_made_fit_for_a_name(text: str, expected: str) -> None:
    assert runs.execution_of(text) == expected


def test_an_execution_without_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="no id"):
        runs.execution_of("../")


def test_a_name_that_changes_all_the_time_is_told() -> None:
    class Restless(Failing):
        def create(self, name: str, content: bytes) -> bool:
            return False

        def read(self, name: str) -> Stored | None:
            return Stored(b"other", "1")

        def replace(self, name: str, content: bytes, version: str) -> bool:
            return False

    with pytest.raises(NotDelivered, match="changes all the time"):
        runs.keep_run(Restless(), b"{}", datetime(2026, 11, 22, tzinfo=UTC), "x")
