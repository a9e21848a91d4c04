"""A store in a folder of this machine, or of a file system that it shares with others."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.errors import NotDelivered, NothingRead

from .storage import Stored, checked_name, is_name

_LOCK = ".lock"


class FolderStore:
    """Files are written beside their place, synced, and then linked or renamed, under a lock of the whole folder.

    What a crash leaves behind begins with a dot, and is never listed.
    """

    def __init__(self, location: str, path: Path) -> None:
        self.location = location
        self._root = path

    def create(self, name: str, content: bytes) -> bool:
        target = self._target(name)
        with self._writing(target), self._locked():
            if target.exists():
                return False
            with _written_beside(target, content) as beside:
                is_created = _link(beside, target)
            _sync(target.parent)
        return is_created

    def read(self, name: str) -> Stored | None:
        target = self._target(name)
        try:
            with target.open("rb") as file:
                content = file.read()
                status = os.fstat(file.fileno())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(target, error) from error
        digest = hashlib.sha256(content).hexdigest()[:16]
        return Stored(content, f"{status.st_mtime_ns}-{status.st_ino}-{digest}")

    def replace(self, name: str, content: bytes, version: str) -> bool:
        target = self._target(name)
        with self._writing(target), self._locked():
            if self._version(name) != version:
                return False
            # Written while the old one stands, so that the new one has another inode: a version never comes back.
            with _written_beside(target, content) as beside:
                beside.replace(target)
            _sync(target.parent)
        return True

    def delete(self, name: str, version: str) -> bool:
        target = self._target(name)
        with self._writing(target), self._locked():
            if self._version(name) != version:
                return False
            target.unlink()
            _sync(target.parent)
        return True

    def names(self, prefix: str = "") -> tuple[str, ...]:
        above = self._root / prefix.rpartition("/")[0]
        found = []
        for folder, folders, files in os.walk(above, onerror=self._raise_unless_missing):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [(Path(folder) / name).relative_to(self._root).as_posix() for name in files]
        return tuple(sorted(name for name in found if name.startswith(prefix) and is_name(name)))

    def _target(self, name: str) -> Path:
        return self._root / checked_name(name)

    def _version(self, name: str) -> str | None:
        stored = self.read(name)
        return stored.version if stored else None

    @contextmanager
    def _writing(self, target: Path) -> Iterator[None]:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise NotDelivered(
                f"Cannot write {target}: {error.strerror or error}",
                f"{self.location} must be a folder that this account may write to, on a disk that is not full.",
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, threads and processes alike; the lock of a process that dies is free again."""
        with (self._root / _LOCK).open("ab") as file:
            _lock(file.fileno())
            yield

    def _raise_unless_missing(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise self._unreadable(Path(error.filename or self._root), error) from error

    def _unreadable(self, path: Path, error: OSError) -> NothingRead:
        return NothingRead(
            f"Cannot read {path}: {error.strerror or error}",
            f"{self.location} must be a folder that this account may read.",
        )


def _lock(descriptor: int) -> None:
    """Wait until nobody else holds it. Where the system has no such lock, links and renames alone must do."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        return


@contextmanager
def _written_beside(target: Path, content: bytes) -> Iterator[Path]:
    """The content in a hidden file beside its place, safe on the disk; the file is gone afterwards, crash or not."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _link(beside: Path, target: Path) -> bool:
    """A link fails where there is something already, even where the lock does not hold: False then."""
    try:
        os.link(beside, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        beside.rename(target)
    return True


def _sync(folder: Path) -> None:
    """Make a new name in a folder outlive a power cut, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
