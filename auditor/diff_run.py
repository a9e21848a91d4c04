"""From two paths to two reports: each a report that was written as JSON, or a snapshot, which is audited first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .collect.directory import read_snapshots
from .errors import UsageError
from .history.difference import difference
from .model.difference import Difference
from .model.report import Report
from .model.snapshot import Snapshot
from .report_files import STDIN, read_report_file

ARCHIVES = (".tar.gz", ".tgz", ".tar")


def differ(old: str, new: str, audit: Callable[[Snapshot], Report]) -> Difference:
    """The difference between what stands at two paths; `audit` makes a report of a snapshot.

    Raises UsageError where nothing stands there, NothingRead for what is neither a report nor a snapshot.
    """
    if old == new == STDIN:
        raise UsageError("Only one of the two reports can come from stdin")
    return difference(_report(old, audit), _report(new, audit), old, new)


def _report(path: str, audit: Callable[[Snapshot], Report]) -> Report:
    if path != STDIN and (Path(path).is_dir() or path.endswith(ARCHIVES)):
        return audit(read_snapshots((Path(path),)))
    return read_report_file(path)
