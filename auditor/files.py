"""Put a report where it was asked for: whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from .errors import NotDelivered

STDOUT = "-"


def write_file(path: Path, content: str) -> None:
    """Write beside the file and rename, so that nobody ever reads half a report. Raises NotDelivered.

    A device or pipe is written to directly; a link keeps pointing where it points.
    """
    if not _is_device(path):
        write_files([(path, content)])
        return
    try:
        path.write_bytes(_encoded(content))
    except OSError as error:
        raise _not_written(path, error) from error


def write_files(files: Sequence[tuple[Path, str]]) -> None:
    """Write files that belong together, none of them a device: all are written beside their places before the first is
    put into place, so that one that cannot be written leaves the others as they were. Raises NotDelivered."""
    with ExitStack() as leftovers:
        staged = [_stage(path, content, leftovers) for path, content in files]
        for path, beside, target in staged:
            try:
                beside.replace(target)
            except OSError as error:
                raise _not_written(path, error) from error


def is_stream(path: str) -> bool:
    """Stdout, a pipe or a device: what is written there is read at once, and nothing can stand beside it."""
    return path == STDOUT or _is_device(Path(path))


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _stage(path: Path, content: str, leftovers: ExitStack) -> tuple[Path, Path, Path]:
    """Write a file beside its place; `leftovers` removes it where it never gets there."""
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    leftovers.callback(_remove, beside)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        beside.write_bytes(_encoded(content))
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o7777)
    except OSError as error:
        raise _not_written(path, error) from error
    return path, beside, target


def _remove(beside: Path) -> None:
    with suppress(OSError):  # it is where it belongs, or was never written
        beside.unlink()


def _encoded(content: str) -> bytes:
    return content.encode("utf-8", "replace")


def _not_written(path: Path, error: OSError) -> NotDelivered:
    return NotDelivered(f"Cannot write {path}: {error.strerror or error}", "The report was made but not kept.")


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
