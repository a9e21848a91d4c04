"""The runs that are kept: one compressed JSON report each, runs/<snapshot time>-<execution>.json.gz (docs/report.md).

A run writes a file of its own, so that two at once lose nothing. A further attempt of the same execution replaces what
the first one wrote, and does not take it for an earlier run.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from auditor.deliver.storage import Store, put
from auditor.errors import AuditorError
from auditor.model.report_document import NotAReport

from .compare import BrokenRun, OlderRuns
from .past import PastRun, read_past

FOLDER = "runs/"
MOST_RUNS = 60
"""So many runs are compared with, the newest; the oldest of them passes on what it knew from those before it."""
_ENDING = ".json.gz"
_STEM = re.compile(r"(\d{8}T\d{6}Z)-([A-Za-z0-9][A-Za-z0-9-]*)", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]+", re.ASCII)
_LONGEST_EXECUTION = 80
_MOST_BYTES = 1 << 30
"""Of one report, unpacked: a hundred times what an organization of 10,000 load balancers needs."""
_AT_ONCE = 8

Complain = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KeptRun:
    """One file, by its name alone."""

    name: str
    at: datetime
    execution: str


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """The runs before one run: those to compare with, from the oldest to the newest, and how many more there are."""

    kept: tuple[KeptRun, ...]
    older: OlderRuns


def execution_of(text: str) -> str:
    """An execution's id as it stands in names. Raises ValueError for one without a letter or digit."""
    cleaned = _NOT_IN_A_NAME.sub("-", text).strip("-")[:_LONGEST_EXECUTION].strip("-")
    if not cleaned:
        raise ValueError(f"{text!r:.80} is no id of an execution")
    return cleaned


def list_runs(store: Store, complain: Complain) -> tuple[KeptRun, ...]:
    """Every run that is kept, oldest first; of several attempts of one execution the last. Raises NothingRead."""
    by_execution: dict[str, KeptRun] = {}
    foreign = []
    for name in store.names(FOLDER):
        run = _run_named(name)
        if run is None:
            foreign.append(name)
        else:
            by_execution[run.execution] = run  # names are sorted by time
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        complain(f"{store.location}: {foreign[0]}{more} is no run of gke-auditor, and was left alone.")
    return tuple(sorted(by_execution.values(), key=lambda run: run.name))


def _run_named(name: str) -> KeptRun | None:
    if not (name.startswith(FOLDER) and name.endswith(_ENDING)):
        return None
    stem = parse_stem(name.removeprefix(FOLDER).removesuffix(_ENDING))
    return None if stem is None else KeptRun(name, *stem)


def stem_of(taken_at: datetime, execution: str) -> str:
    """What names of a run begin with: its time and its execution."""
    return f"{taken_at.astimezone(UTC).strftime(_STAMP)}-{execution}"


def parse_stem(stem: str) -> tuple[datetime, str] | None:
    """The time and the execution of a stem; None for another text."""
    match = _STEM.fullmatch(stem)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC), match[2]
    except ValueError:  # the 31st of June
        return None


def earlier_runs(runs: Sequence[KeptRun], taken_at: datetime, execution: str) -> EarlierRuns:
    """The newest MOST_RUNS of the runs not later than `taken_at` that are of other executions."""
    before = [run for run in runs if run.at <= taken_at and run.execution != execution]
    older = before[:-MOST_RUNS]
    return EarlierRuns(tuple(before[-MOST_RUNS:]), OlderRuns(len(older), older[0].at if older else None))


def read_runs(store: Store, runs: Sequence[KeptRun], complain: Complain) -> Iterator[PastRun | BrokenRun]:
    """Each run in turn. One that cannot be read is complained about, and is no reason to stop."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        contents = pool.map(lambda run: _content(store, run), runs)
        for run, content in zip(runs, contents, strict=True):
            try:
                if isinstance(content, str):
                    raise NotAReport(content)
                yield read_past(unpacked(content))
            except NotAReport as error:
                complain(
                    f"The run {run.name} of {store.location} cannot be read: {error}. What it may have reported is not "
                    "called new; delete the file if it is of no use."
                )
                yield BrokenRun(run.at)


def _content(store: Store, run: KeptRun) -> bytes | str:
    """The file, or why there is none."""
    try:
        stored = store.read(run.name)
    except AuditorError as error:
        return error.message
    return "it was removed meanwhile" if stored is None else stored.content


def packed(document: bytes) -> bytes:
    """A JSON report as it is kept: the same bytes for the same report."""
    return gzip.compress(document, mtime=0)


def unpacked(content: bytes) -> Any:
    """What a JSON report holds, compressed or not. Raises NotAReport."""
    if content[:2] == b"\x1f\x8b":
        unpacking = zlib.decompressobj(wbits=31)
        try:
            content = unpacking.decompress(content, _MOST_BYTES)
        except zlib.error as error:
            raise NotAReport(f"it is damaged ({error})") from error
        if not unpacking.eof:
            raise NotAReport("it is cut off, or longer than any report")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise NotAReport(f"it is no JSON ({error})") from error


def keep_run(store: Store, document: bytes, taken_at: datetime, execution: str) -> None:
    """Keep a JSON report as the run of this execution. Raises NotDelivered or NothingRead where that fails.

    An earlier attempt's file goes only after the new one stands: a crash in between leaves both, and `list_runs` knows
    which one counts.
    """
    name = f"{FOLDER}{stem_of(taken_at, execution)}{_ENDING}"
    put(store, name, packed(document))
    for other in store.names(FOLDER):
        run = _run_named(other)
        if run is not None and run.execution == execution and other != name:
            with suppress(AuditorError):  # it does not count any more, whether it is there or not
                stored = store.read(other)
                if stored is not None:
                    store.delete(other, stored.version)
