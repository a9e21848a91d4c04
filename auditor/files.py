"""Put a report where it was asked for: whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import NotDelivered

STDOUT = "-"


def write_file(path: Path, content: str) -> None:
    """Write beside the file and rename, so that nobody ever reads half a report. Raises NotDelivered.

    A device or pipe is written to directly; a link keeps pointing where it points.
    """
    target = Path(os.path.realpath(path))
    encoded = content.encode("utf-8", "replace")
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(encoded)
            return
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        _replace(target, beside, lambda: beside.write_bytes(encoded))
    except OSError as error:
        raise NotDelivered(
            f"Cannot write {path}: {error.strerror or error}", "The report was made but not kept."
        ) from error


def _replace(target: Path, beside: Path, write: Callable[[], object]) -> None:
    try:
        write()
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write_stdout(content: str) -> None:
    """Write to stdout in one piece. Raises BrokenPipeError if nobody reads it, NotDelivered if it cannot be written.

    Letters that the terminal's encoding lacks are replaced: a report must not fail on a dash.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(content.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
    except OSError as error:
        raise NotDelivered(f"Cannot write to stdout: {error.strerror or error}") from error
