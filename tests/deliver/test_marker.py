"""At most once in normal operation: markers under races, lost answers, and crashes at every step."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.deliver.marker import STALE_AFTER, NotNow, Sending, claim, confirm, name_of, withdraw
from auditor.deliver.storage import Store, Stored
from auditor.errors import NotDelivered

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
NAME = name_of("organizations/123", ("ops@example.com",), NOW)
FIRST, SECOND = "<first@example.com>", "<second@example.com>"


class Crash(BaseException):
    """The process dies here."""


@dataclass
class MemoryStore:
    """A Store in memory, in which a call may crash before or after it is done, and loses answers on demand."""

    location: str = "memory"
    files: dict[str, Stored] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """One for each call to come: "", "crash before", "crash after", or "lost": done, and told as not done."""
    calls: int = 0

    def _change(self, is_allowed: bool, change: Callable[[], None]) -> bool:
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "crash before":
            raise Crash
        if is_allowed:
            change()
        if fault == "crash after":
            raise Crash
        return is_allowed and fault != "lost"

    def _write(self, name: str, content: bytes) -> None:
        self.files[name] = Stored(content, f"v{self.calls}")

    def create(self, name: str, content: bytes) -> bool:
        return self._change(name not in self.files, lambda: self._write(name, content))

    def read(self, name: str) -> Stored | None:
        self._change(False, lambda: None)
        return self.files.get(name)

    def replace(self, name: str, content: bytes, version: str) -> bool:
        found = self.files.get(name)
        return self._change(found is not None and found.version == version, lambda: self._write(name, content))

    def delete(self, name: str, version: str) -> bool:
        found = self.files.get(name)
        return self._change(found is not None and found.version == version, lambda: self.files.pop(name) and None)

    def names(self, prefix: str = "") -> tuple[str, ...]:
        return tuple(sorted(name for name in self.files if name.startswith(prefix)))


def tokens() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"run-{next(numbers)}"


def claimed(store: Store, message_id: str = FIRST, at: datetime = NOW, token: str = "a") -> Sending | NotNow:  # noqa: S107
    return claim(store, NAME, message_id, at, lambda: token)


def must_claim(store: Store, message_id: str = FIRST, at: datetime = NOW, token: str = "a") -> Sending:  # noqa: S107
    sending = claimed(store, message_id, at, token)
    assert isinstance(sending, Sending)
    return sending


def test_sent_once_is_sent_for_the_day() -> None:
    store = MemoryStore()
    sending = must_claim(store)
    assert (sending.message_id, sending.is_repeat) == (FIRST, False)
    assert confirm(store, sending, NOW)
    assert claimed(store, SECOND, NOW + timedelta(hours=17), "b") == NotNow(NOW, is_sent=True)


def test_while_one_run_sends_another_does_not() -> None:
    store = MemoryStore()
    must_claim(store)
    assert claimed(store, SECOND, NOW + timedelta(minutes=59), "b") == NotNow(NOW, is_sent=False)


def test_a_stale_sending_is_sent_again_under_the_same_message_id() -> None:
    store = MemoryStore()
    must_claim(store)
    again = must_claim(store, SECOND, NOW + STALE_AFTER, "b")
    assert (again.message_id, again.is_repeat) == (FIRST, True)
    assert claimed(store, SECOND, NOW + STALE_AFTER, "c") == NotNow(NOW + STALE_AFTER, is_sent=False)
    assert confirm(store, again, NOW + STALE_AFTER)


def test_what_was_refused_may_be_tried_again_at_once() -> None:
    store = MemoryStore()
    assert withdraw(store, must_claim(store))
    assert must_claim(store, SECOND, token="b").message_id == SECOND  # noqa: S106


def test_a_repeat_that_was_refused_may_be_tried_again_at_once_under_the_first_message_id() -> None:
    """The run that died may have sent it, whatever the server says to the second one."""
    store = MemoryStore()
    must_claim(store)
    later = NOW + STALE_AFTER
    assert withdraw(store, must_claim(store, SECOND, later, "b"))
    assert must_claim(store, "<third@example.com>", later, "c").message_id == FIRST


def test_a_run_that_was_overtaken_changes_nothing() -> None:
    store = MemoryStore()
    slow = must_claim(store)
    fast = must_claim(store, SECOND, NOW + STALE_AFTER, "b")
    assert not confirm(store, slow, NOW)
    assert not withdraw(store, slow)
    assert confirm(store, fast, NOW)


def test_a_marker_that_is_gone_confirms_nothing() -> None:
    store = MemoryStore()
    sending = must_claim(store)
    store.files.clear()
    assert not confirm(store, sending, NOW)


def test_a_create_whose_answer_was_lost_is_our_own() -> None:
    store = MemoryStore(faults=["lost"])
    assert must_claim(store).message_id == FIRST


def test_a_confirmation_whose_answer_was_lost_counts() -> None:
    store = MemoryStore()
    sending = must_claim(store)
    store.faults = ["", "lost"]
    assert confirm(store, sending, NOW)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"state": "sent"}',
        b'{"state": "other", "message_id": "", "token": "", "at": "2026-11-22T06:00:00+00:00"}',
        b'{"state": "sending", "message_id": "", "token": "", "at": "2026-11-22T06:00:00"}',
        b'{"state": "sending", "message_id": "", "token": "", "at": 7}',
    ],
)
def test_a_marker_that_cannot_be_read_sends_nothing_and_is_named(content: bytes) -> None:
    store = MemoryStore()
    store.files[NAME] = Stored(content, "v0")
    with pytest.raises(NotDelivered, match=NAME) as raised:
        claimed(store)
    assert "delete it" in raised.value.hint


def test_the_name_tells_the_day_and_nothing_of_the_readers() -> None:
    name = name_of("organizations/123", ("ops@example.com", "Finance@example.com"), NOW)
    assert name == name_of("organizations/123", ("finance@example.com", "ops@example.com"), NOW)
    assert name.startswith("sent/2026-11-22-")
    assert "example" not in name
    others = [
        name_of("organizations/9", ("ops@example.com", "finance@example.com"), NOW),
        name_of("organizations/123", ("ops@example.com",), NOW),
        name_of("organizations/123", ("ops@example.com", "finance@example.com"), NOW + timedelta(days=1)),
    ]
    assert len({name, *others}) == 4


def test_the_marker_holds_neither_addresses_nor_the_report() -> None:
    store = MemoryStore()
    must_claim(store)
    document = json.loads(store.files[NAME].content)
    assert sorted(document) == ["at", "message_id", "state", "token"]


# Crashes and races


def _run(store: MemoryStore, sent: list[str], at: datetime, token: str, fault_of_server: str) -> None:
    """One run of the tool: claim, hand the mail in, note what became of it."""
    sending = claim(store, NAME, f"<{token}@example.com>", at, lambda: token)
    if isinstance(sending, NotNow):
        return
    if fault_of_server == "dies before":
        raise Crash
    if fault_of_server == "refused":
        withdraw(store, sending)
        return
    sent.append(sending.message_id)
    if fault_of_server == "dies after":
        raise Crash
    confirm(store, sending, at)


FAULTS = st.sampled_from(["", "", "", "crash before", "crash after"])
SERVERS = st.sampled_from(["", "", "refused", "dies before", "dies after"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), SERVERS, st.lists(FAULTS, max_size=4)), min_size=1, max_size=8))
def test_any_run_of_crashes_sends_again_only_what_is_stale(runs: list[tuple[int, str, list[str]]]) -> None:
    """All mails of a day bear one Message-ID, none follows another within the hour, and one gets through at last."""
    store, sent, times, at = MemoryStore(), [], [], NOW
    for number, (minutes, fault_of_server, faults) in enumerate(runs):
        at += timedelta(minutes=minutes)
        store.faults = list(faults)
        before = len(sent)
        with contextlib.suppress(Crash):
            _run(store, sent, at, f"run-{number}", fault_of_server)
        times += [at] * (len(sent) - before)
    assert len(set(sent)) <= 1
    assert all(later - earlier >= STALE_AFTER for earlier, later in itertools.pairwise(times))
    store.faults = []
    _run(store, sent, at + STALE_AFTER, "last", "")
    assert sent  # never silently never: a run after all the crashes gets it through
    stored = json.loads(store.files[NAME].content)
    assert stored["state"] == "sent"


@pytest.mark.parametrize("is_stale", [False, True])
def test_of_many_runs_at_once_one_sends(opened: Callable[[], Store], is_stale: bool) -> None:
    """In a folder, and in a bucket of a real storage server."""
    if is_stale:
        must_claim(opened(), at=NOW - STALE_AFTER, token="dead")  # noqa: S106
    gate, answers = threading.Barrier(8), list[Sending | NotNow]()

    def run(number: int) -> None:
        store = opened()
        gate.wait(10)
        answers.append(claim(store, NAME, SECOND, NOW, lambda: f"run-{number}"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    winners = [answer for answer in answers if isinstance(answer, Sending)]
    assert len(answers) == 8
    assert [winner.message_id for winner in winners] == [FIRST if is_stale else SECOND]
    assert confirm(opened(), winners[0], NOW)
    assert claim(opened(), NAME, SECOND, NOW, lambda: "late") == NotNow(NOW, is_sent=True)


def test_refused_in_a_real_store(opened: Callable[[], Store]) -> None:
    store = opened()
    assert withdraw(store, must_claim(store))
    assert store.names("sent/") == ()
