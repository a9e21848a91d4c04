"""A run that several tasks share: each reads a part, the first one puts the parts together and looks twice.

The tasks know of each other only by a store. Each writes parts/EXECUTION/INDEX-of-COUNT.tar.gz there, whole or not at
all, and a further attempt of a task replaces its own. Matching is never shared out, for ownership crosses projects.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from .collect.directory import pack_snapshot, read_snapshot, write_snapshot
from .collect.parts import Part, merge, part_of, why_apart
from .collect.shares import ENDING, Share, parse_name
from .console import Console
from .deliver.storage import BUCKET_SCHEME, Store, put
from .errors import AuditorError, NothingRead, UsageError
from .live_run import look_again, read_share
from .model.finding import format_time
from .model.nouns import counted
from .model.snapshot import PARTS, Snapshot
from .settings import Settings
from .store_run import store_at

_READING = 0.9
"""Of --parts-deadline: after that nothing more is read, so that the part is there before the first task goes on."""
_ATTEMPTS = 4
"""Of one task, by Cloud Run's default."""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 20.0


@dataclass(frozen=True, slots=True)
class Merged:
    """Parts as one snapshot: the names of those that were there, and of those that were not."""

    snapshot: Snapshot
    there: tuple[str, ...]
    missing: tuple[str, ...]


def longest_execution(chosen: Settings) -> timedelta:
    """The time that two things of one execution can lie apart, further attempts included."""
    return chosen.deadline * _ATTEMPTS


def read_in_parts(
    chosen: Settings,
    console: Console,
    share: Share,
    store: Store,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> Snapshot | None:
    """Read this task's share and keep it in the store. The first task waits for the others until --parts-deadline, and
    gets all parts as one snapshot that was looked at twice; every other task gets None, and is done.

    `clock` counts seconds. Raises UsageError for deadlines that leave no time for the second look, and what a live run
    and a store raise. An interruption is raised before the part is written.
    """
    if chosen.parts_deadline >= chosen.deadline:
        raise UsageError(
            "--parts-deadline must be less than --deadline: the second look comes after the last part",
            "By default they are 20m and 25m, for tasks that are ended after 30 minutes.",
        )
    began = clock()
    snapshot = read_share(chosen, console, share, chosen.parts_deadline * _READING)
    put(store, share.file, pack_snapshot(snapshot))
    console.say(f"Wrote {share.file}: {counted(len(snapshot.projects), 'project')}")
    if share.index:
        return None
    console.say(f"Waiting for the parts of {counted(share.count - 1, 'other task')}")
    others = _Others(part_of(snapshot, share.file), store, longest_execution(chosen))
    merged = _merged(others.wait(began + chosen.parts_deadline.total_seconds(), clock, sleep))
    for why in others.refused.values():
        console.warning(why)
    for name in merged.missing:
        console.warning(f"Part {name} of execution {share.execution} is missing: nothing is known of its projects")
    left = chosen.deadline - timedelta(seconds=clock() - began)
    return look_again(chosen, console, merged.snapshot, max(left, timedelta(seconds=1)))


def collect_part(chosen: Settings, console: Console, part: tuple[int, int], execution: str, destination: Path) -> Share:
    """Read one share, for `merge`, and write it to a new folder or .tar.gz. The share that was read."""
    share = Share(execution, *part)
    write_snapshot(read_share(chosen, console, share, chosen.deadline), destination)
    return share


def merge_by_hand(
    chosen: Settings,
    console: Console,
    places: Sequence[str],
    destination: Path,
    environment: Mapping[str, str],
    *,
    second_look: bool,
) -> Merged:
    """Write the parts at these places as one snapshot, looked at twice where that is asked for.

    Raises UsageError where they do not belong together, and NothingRead for one that cannot be read: it may be left
    out, and is a gap then.
    """
    merged = _together(chosen, console, places, environment)
    snapshot = look_again(chosen, console, merged.snapshot, chosen.deadline) if second_look else merged.snapshot
    write_snapshot(snapshot, destination)
    return merged


def read_left_parts(
    chosen: Settings, console: Console, places: Sequence[str], environment: Mapping[str, str]
) -> Snapshot:
    """The parts at these places, whose first task has died, as one snapshot that was looked at twice: what that task
    would have judged. Raises what merge_by_hand raises."""
    merged = _together(chosen, console, places, environment)
    return look_again(chosen, console, merged.snapshot, chosen.deadline)


def _together(chosen: Settings, console: Console, places: Sequence[str], environment: Mapping[str, str]) -> Merged:
    with console.progress("Reading the parts"):
        merged = _merged([part for place in places for part in _parts_at(place, chosen, environment)])
    for name in merged.missing:
        console.warning(f"Part {name} is missing: what it should have read is a gap")
    return merged


# --- the other tasks ---


@dataclass(slots=True)
class _Others:
    """The parts of the other tasks, as they come in. One that cannot be used counts as missing, until a further attempt
    of its task replaces it: a report with a gap is better than none."""

    own: Part
    store: Store
    oldest: timedelta
    """A part that was taken so long before our own is of an earlier run that had the same name."""
    found: dict[int, Part] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    """Why the part that is there cannot be used."""

    def wait(self, until: float, clock: Callable[[], float], sleep: Callable[[float], object]) -> list[Part]:
        """Our own part and those of the others, once all are there or it is too late."""
        pause = _FIRST_PAUSE_S
        self._look()
        while len(self.found) < self.own.share.count - 1 and (left := until - clock()) > 0:
            sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
            self._look()
        return [self.own, *self.found.values()]

    def _look(self) -> None:
        """Take in what has come."""
        share = self.own.share
        there = self.store.names(f"{PARTS}/{share.execution}/")
        for index in range(share.count):
            if index != share.index and index not in self.found and share.of(index).file in there:
                self._take(share.of(index))

    def _take(self, share: Share) -> None:
        self.refused.pop(share.index, None)
        try:
            part = _part_in(self.store, share.file, share)
        except AuditorError as error:
            self.refused[share.index] = f"{share.file} cannot be read, and counts as missing: {error.message}"
            return
        why = self._why_not(part)
        if why:
            self.refused[share.index] = f"{share.file} counts as missing: {why}"
        else:
            self.found[share.index] = part

    def _why_not(self, part: Part) -> str:
        if why_apart(part, self.own):
            return (
                f"it was written by {part.snapshot.tool or 'nobody knows what'}, and this is {self.own.snapshot.tool}"
            )
        taken_at, ours = part.snapshot.taken_at, self.own.snapshot.taken_at
        if taken_at is not None and ours is not None and ours - taken_at > self.oldest:
            return f"it was taken at {format_time(taken_at)}, by an earlier run that had the same name"
        return ""


def _merged(parts: Sequence[Part]) -> Merged:
    snapshot = merge(parts)
    share = parts[0].share
    there = {part.share.index for part in parts}
    return Merged(
        snapshot,
        tuple(share.of(index).name for index in sorted(there)),
        tuple(share.of(index).name for index in range(share.count) if index not in there),
    )


# --- parts as files ---


def _part_in(store: Store, name: str, share: Share | None) -> Part:
    """The part that stands under a name. Raises UsageError where it is not that of `share`, which the name tells; None
    stands for any."""
    stored = store.read(name)
    if stored is None:
        raise NothingRead(f"{name} is gone from {store.location}")
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"part{ENDING}"
        path.write_bytes(stored.content)
        part = part_of(read_snapshot(path), name)
    if share is not None and part.share != share:
        raise UsageError(f"{name} holds {part.share.scope}", "Somebody has renamed it: give it its own name.")
    return part


def _parts_at(place: str, chosen: Settings, environment: Mapping[str, str]) -> Iterator[Part]:
    """The parts that a place holds: a store's folder of parts, or one part."""
    if place.startswith(BUCKET_SCHEME) or _holds_parts(Path(place)):
        store = store_at(place, chosen, environment)
        names = [name for name in store.names() if _is_part(name)]
        if not names:
            raise UsageError(f"There is no part in {place}", "Name the folder of one execution: .../parts/EXECUTION/")
        for name in names:
            yield _part_in(store, name, None)
        return
    yield part_of(read_snapshot(Path(place)), place)


def _holds_parts(path: Path) -> bool:
    return path.is_dir() and any(_is_part(entry.name) for entry in path.iterdir())


def _is_part(name: str) -> bool:
    """Whether it is the name of a part, right in the folder that was named."""
    return name.endswith(ENDING) and parse_name("any", name.removesuffix(ENDING)) is not None
