"""A run that several tasks share: each reads a part, the first one puts the parts together and looks twice.

The tasks know of each other only by a store. Each writes parts/EXECUTION/INDEX-of-COUNT.tar.gz there, whole or not at
all, and a further attempt of a task replaces its own. Matching is never shared out, for ownership crosses projects.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from .collect.directory import read_snapshot, write_snapshot
from .collect.parts import Part, merge, part_of
from .collect.shares import ENDING, Share, parse_name
from .console import Console
from .deliver.storage import BUCKET_SCHEME, Store, put
from .errors import AuditorError, NothingRead, UsageError
from .live_run import look_again, read_share
from .model.snapshot import PARTS, Snapshot
from .settings import Settings
from .store_run import store_at

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 20.0


@dataclass(frozen=True, slots=True)
class Merged:
    """Parts as one snapshot: the names of those that were there, and of those that were not."""

    snapshot: Snapshot
    there: tuple[str, ...]
    missing: tuple[str, ...]


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
    snapshot = read_share(chosen, console, share, chosen.parts_deadline)
    put(store, share.file, _packed(snapshot))
    console.say(f"Wrote {share.file}: {len(snapshot.projects)} projects")
    if share.index:
        return None
    console.say(f"Waiting for the parts of {share.count - 1} other tasks")
    _wait(share, store, began + chosen.parts_deadline.total_seconds(), clock, sleep)
    parts = list(_readable(_names_in(share, store), store, console))
    merged = _merged(parts)
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
    with console.progress("Reading the parts"):
        merged = _merged([part for place in places for part in _parts_at(place, chosen, environment)])
    for name in merged.missing:
        console.warning(f"Part {name} is missing: what it should have read is a gap")
    snapshot = look_again(chosen, console, merged.snapshot, chosen.deadline) if second_look else merged.snapshot
    write_snapshot(snapshot, destination)
    return merged


# --- the other tasks ---


def _wait(
    share: Share, store: Store, until: float, clock: Callable[[], float], sleep: Callable[[float], object]
) -> None:
    """Until every part is there, or it is too late."""
    pause = _FIRST_PAUSE_S
    while len(_names_in(share, store)) < share.count and (left := until - clock()) > 0:
        sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def _names_in(share: Share, store: Store) -> list[str]:
    """The parts of an execution that are there."""
    files = {share.of(index).file for index in range(share.count)}
    return [name for name in store.names(f"{PARTS}/{share.execution}/") if name in files]


def _readable(names: Sequence[str], store: Store, console: Console) -> Iterator[Part]:
    """The parts of these names. One that is damaged counts as missing: a report with a gap is better than none."""
    for name in names:
        try:
            yield _part_in(store, name)
        except AuditorError as error:
            console.warning(f"{name} cannot be read, and counts as missing: {error.message}")


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


def _packed(snapshot: Snapshot) -> bytes:
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"part{ENDING}"
        write_snapshot(snapshot, path)
        return path.read_bytes()


def _part_in(store: Store, name: str) -> Part:
    stored = store.read(name)
    if stored is None:
        raise NothingRead(f"{name} is gone from {store.location}")
    with tempfile.TemporaryDirectory(prefix="gke-auditor-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"part{ENDING}"
        path.write_bytes(stored.content)
        return part_of(read_snapshot(path), name)


def _parts_at(place: str, chosen: Settings, environment: Mapping[str, str]) -> Iterator[Part]:
    """The parts that a place holds: a store's folder of parts, or one part."""
    if place.startswith(BUCKET_SCHEME) or _holds_parts(Path(place)):
        store = store_at(place, chosen, environment)
        names = [name for name in store.names() if _is_part(name)]
        if not names:
            raise UsageError(f"There is no part in {place}", "Name the folder of one execution: .../parts/EXECUTION/")
        for name in names:
            yield _part_in(store, name)
        return
    yield part_of(read_snapshot(Path(place)), place)


def _holds_parts(path: Path) -> bool:
    return path.is_dir() and any(_is_part(entry.name) for entry in path.iterdir())


def _is_part(name: str) -> bool:
    """Whether it is the name of a part, right in the folder that was named."""
    return name.endswith(ENDING) and parse_name("any", name.removesuffix(ENDING)) is not None
