"""Reports that were written as JSON, read back: for --baseline and `gke-auditor diff`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .errors import NothingRead, UsageError
from .files import STDOUT
from .history.runs import unpacked
from .model.report import Report
from .model.report_document import NotAReport, read_report

STDIN = STDOUT
"""As everywhere on a command line, - is the stream."""


def read_document(path: str) -> Any:
    """The JSON of a report file, compressed or not; - is stdin. Raises UsageError if there is no such file,
    NothingRead if it cannot be read or is no JSON."""
    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}", _REMEDY) from error
    except OSError as error:
        raise NothingRead(f"Cannot read {path}: {error.strerror or error}") from error
    try:
        return unpacked(content)
    except NotAReport as error:
        raise not_a_report(path, error) from error


def read_report_file(path: str) -> Report:
    """The report of a file. Raises as `read_document`, and NothingRead if it is none."""
    try:
        return read_report(read_document(path))
    except NotAReport as error:
        raise not_a_report(path, error) from error


def not_a_report(path: str, error: NotAReport) -> NothingRead:
    """What to tell of a file that is no report."""
    return NothingRead(f"{'stdin' if path == STDIN else path} is no report of gke-auditor: {error}", _REMEDY)


_REMEDY = "Write one: gke-auditor audit --format json --output FILE"
