"""Read a report that `--format json` wrote, plain or as .gz."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from .errors import NothingRead
from .model.report import Report
from .model.report_document import NotAReport
from .model.report_document import read_report as read_document

_GZIP = b"\x1f\x8b"
_LARGEST = 500_000_000
"""Bytes of JSON: what is larger than 300,000 findings is no report of ours."""


def read(path: Path) -> Report:
    """The report of a file. Raises NothingRead that names the file and what is wrong with it."""
    import orjson  # noqa: PLC0415 - only where a report is read

    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                content = packed.read(_LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise NothingRead(f"{path} is a broken .gz file: {error}", _HINT) from error
    except OSError as error:
        raise NothingRead(f"Cannot read the report {path}: {error.strerror or error}") from error
    if len(content) > _LARGEST:
        raise NothingRead(f"{path} is larger than any report", _HINT)
    try:
        return read_document(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise NothingRead(
            f"{path} is not JSON: {error.msg} (line {error.lineno}, column {error.colno})", _HINT
        ) from error
    except NotAReport as error:
        raise NothingRead(f"{path} is no report: {error}", _HINT) from error


_HINT = "Write one with `gke-auditor audit --format json --output FILE`."
