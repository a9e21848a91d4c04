"""The files of a snapshot as bytes, out of a folder or a .tar.gz archive, and how both are written.

Knows nothing of what the files mean; collect/directory.py does. A snapshot may come from a stranger (a bug report),
so nothing outside it is read and nothing is written while reading.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from auditor.errors import NotDelivered, NothingRead, UsageError

MAX_BYTES = 1 << 30
"""No file of a snapshot, and no archive when unpacked, may be larger: an archive could be a bomb."""
ARCHIVE_ENDINGS = (".tar.gz", ".tgz")
_ROOT_NAMES = frozenset({"snapshot.json", "confirm.json", "projects", "clusters"})
_DEEPEST = 5
"""clusters/PROJECT/LOCATION/CLUSTER/PLURAL.json; nothing below that belongs to a snapshot."""
_BLOCK = 512
_CHUNK = 1 << 20
_UNREADABLE_ARCHIVE = "Ask for it to be made again, or unpack it yourself and name the folder."


class UnreadableFileError(Exception):
    """One file of a snapshot could not be read; the text says why."""


@dataclass(frozen=True, slots=True)
class SnapshotFiles:
    """What stands in a snapshot: relative names with "/" and a way to the bytes. Hidden files are left out."""

    files: Mapping[str, Callable[[], bytes]]
    """Calling one returns the bytes or raises UnreadableFileError."""
    folders: frozenset[str]
    warnings: tuple[str, ...] = ()


def open_snapshot(path: Path, max_bytes: int = MAX_BYTES) -> SnapshotFiles:
    """The files of the snapshot at `path`.

    Raises UsageError where nothing stands there, NothingRead for what is neither a folder nor a whole, harmless
    archive.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path}: there is no such snapshot", "Name a snapshot folder or a .tar.gz of one.") from None
    except (OSError, ValueError) as error:
        raise NothingRead(f"{path}: cannot be read: {_reason(error)}") from error
    if stat.S_ISDIR(mode):
        return _Folder(path, max_bytes).read()
    if stat.S_ISREG(mode):
        return _read_archive(path, max_bytes)
    raise NothingRead(f"{path} is neither a folder nor a .tar.gz archive")


def printable(name: str) -> str:
    """A file name for a message: bytes that are not UTF-8 are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- folders ---


@dataclass(slots=True)
class _Folder:
    """One walk through a snapshot folder: links to folders are not followed, links to files only inside it."""

    root: Path
    max_bytes: int
    files: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def read(self) -> SnapshotFiles:
        try:
            self.root = self.root.resolve(strict=True)
            with os.scandir(self.root):
                pass
        except (OSError, RuntimeError) as error:
            raise NothingRead(f"{self.root}: cannot be read: {_reason(error)}") from error
        self._walk(PurePosixPath())
        return SnapshotFiles(self.files, frozenset(self.folders), tuple(self.warnings))

    def _walk(self, folder: PurePosixPath) -> None:
        try:
            with os.scandir(self.root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.warnings.append(f"{folder}/ cannot be read: {_reason(error)}")
            return
        for entry in found:
            self._add(folder / entry.name, entry)

    def _add(self, path: PurePosixPath, entry: os.DirEntry[str]) -> None:
        name = str(path)
        if entry.name.startswith("."):
            return
        if not _is_utf8(name):
            self.warnings.append(f"{printable(name)}: a name that is not UTF-8; it was not read")
        elif entry.is_symlink() and (self.root / path).is_dir():
            self.folders.add(name)
            self.warnings.append(f"{name}/ is a link to a folder; it was not followed")
        elif entry.is_dir(follow_symlinks=False):
            self.folders.add(name)
            if path.parts[0] in _ROOT_NAMES and len(path.parts) < _DEEPEST:
                self._walk(path)
        else:
            self.files[name] = partial(self._bytes, path)

    def _bytes(self, path: PurePosixPath) -> bytes:
        """The bytes of a regular file that really stands inside the snapshot. A pipe would wait for ever."""
        try:
            real = (self.root / path).resolve(strict=True)
            if not real.is_relative_to(self.root):
                raise UnreadableFileError("a link that leads out of the snapshot")
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableFileError("not a regular file")
            if status.st_size > self.max_bytes:
                raise UnreadableFileError(f"larger than {self.max_bytes} bytes")
            return real.read_bytes()
        except (OSError, RuntimeError) as error:
            raise UnreadableFileError(f"cannot be read: {_reason(error)}") from error


# --- archives ---


def _read_archive(path: Path, max_bytes: int) -> SnapshotFiles:
    """Every member of an archive, in memory. One that could do harm, or is cut off, is refused as a whole."""
    raw = _unpacked(path, max_bytes)
    folders: set[PurePosixPath] = set()
    contents: dict[PurePosixPath, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            for member in archive:
                name = _member_name(path, member)
                if name in contents or (name in folders and not member.isdir()):
                    raise NothingRead(f"{path}: the archive holds {printable(member.name)} twice", _UNREADABLE_ARCHIVE)
                content = archive.extractfile(member)
                if content is None:
                    folders.add(name)
                else:
                    contents[name] = content.read()
            end = archive.offset
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise NothingRead(f"{path}: not a .tar.gz archive, or damaged: {error}", _UNREADABLE_ARCHIVE) from error
    # tarfile takes a header that it cannot read for the end; the true end is nothing but zeros.
    if len(raw) - end < _BLOCK or raw.count(0, end) != len(raw) - end:
        raise NothingRead(f"{path}: the archive is cut off or damaged", _UNREADABLE_ARCHIVE)
    return _archive_files(folders, contents)


def _unpacked(path: Path, max_bytes: int) -> bytes:
    """The tar inside a .tar.gz (or a plain tar, as some browsers leave it), its checksum verified."""
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.GzipFile(fileobj=file, mode="rb") if is_gzip else file as unzipped:
                raw = bytearray()
                while len(raw) <= max_bytes and (chunk := unzipped.read(_CHUNK)):
                    raw += chunk
    except (OSError, EOFError, zlib.error) as error:
        raise NothingRead(
            f"{path}: not a .tar.gz archive, or damaged: {_reason(error)}", _UNREADABLE_ARCHIVE
        ) from error
    if len(raw) > max_bytes:
        raise NothingRead(f"{path}: unpacked, the archive is larger than {max_bytes} bytes", _UNREADABLE_ARCHIVE)
    return bytes(raw)


def _member_name(path: Path, member: tarfile.TarInfo) -> PurePosixPath:
    """The member's name without "./"; NothingRead for one that leads elsewhere or is neither file nor folder."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise NothingRead(f"{path}: {printable(member.name)} leads out of the archive", _UNREADABLE_ARCHIVE)
    if not (member.isreg() or member.isdir()):
        raise NothingRead(f"{path}: {printable(member.name)} is a link or a device", _UNREADABLE_ARCHIVE)
    if member.sparse is not None:
        raise NothingRead(f"{path}: {printable(member.name)} is a sparse file", _UNREADABLE_ARCHIVE)
    return name


def _archive_files(listed: set[PurePosixPath], contents: Mapping[PurePosixPath, bytes]) -> SnapshotFiles:
    """Names relative to the snapshot: a single folder around everything (`tar czf x.tgz folder`) is taken off."""
    folders = listed | {parent for name in (*listed, *contents) for parent in name.parents}
    tops = {path.parts[0] for path in (*folders, *contents) if path.parts and not path.parts[0].startswith(".")}
    around = next(iter(tops)) if len(tops) == 1 and not tops & _ROOT_NAMES else None
    files: dict[str, Callable[[], bytes]] = {}
    kept_folders: set[str] = set()
    warnings: list[str] = []
    for path in sorted((*folders, *contents)):
        parts = path.parts[1:] if around is not None and path.parts[:1] == (around,) else path.parts
        if not parts or any(part.startswith(".") for part in parts):
            continue
        name = "/".join(parts)
        if not _is_utf8(name):
            warnings.append(f"{printable(name)}: a name that is not UTF-8; it was not read")
        elif path in contents:
            files[name] = partial(bytes, contents[path])
        else:
            kept_folders.add(name)
    return SnapshotFiles(files, frozenset(kept_folders), tuple(warnings))


# --- writing ---


def write_files(path: Path, contents: Mapping[str, bytes], folders: frozenset[str] = frozenset()) -> None:
    """Write a snapshot: an archive where the name ends in .tar.gz or .tgz, else a folder; the same bytes every time.

    It is written beside `path` and renamed, so a half-written one never has that name; both are readable by their
    owner only. Raises UsageError where a folder would have to be replaced, NotDelivered where writing fails.
    """
    is_archive = path.name.endswith(ARCHIVE_ENDINGS)
    try:
        if path.is_dir() and (is_archive or any(path.iterdir())):
            raise UsageError(f"{path}: there is a folder already", "Name another path, or remove the folder first.")
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise NotDelivered(f"{path}: the snapshot cannot be written: {_reason(error)}") from error
    try:
        if is_archive:
            _write_archive(beside / path.name, contents, folders)
            (beside / path.name).replace(path)
        else:
            _write_folder(beside, contents, folders)
            beside.replace(path)
    except (OSError, ValueError) as error:
        raise NotDelivered(f"{path}: the snapshot cannot be written: {_reason(error)}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _all_folders(contents: Mapping[str, bytes], folders: frozenset[str]) -> Iterator[str]:
    paths = {PurePosixPath(name).parent for name in contents} | {PurePosixPath(name) for name in folders}
    every = paths | {parent for path in paths for parent in path.parents}
    return iter(sorted(str(path) for path in every if path.parts))


def _write_folder(root: Path, contents: Mapping[str, bytes], folders: frozenset[str]) -> None:
    for name in _all_folders(contents, folders):
        (root / name).mkdir()
    for name, content in contents.items():
        (root / name).write_bytes(content)


def _write_archive(path: Path, contents: Mapping[str, bytes], folders: frozenset[str]) -> None:
    """Members in order of name, without times, owners or the archive's own name: equal snapshots, equal bytes."""
    path.touch(mode=0o600)
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        members = [*((name, None) for name in _all_folders(contents, folders)), *contents.items()]
        for name, content in sorted(members, key=lambda member: member[0]):
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
