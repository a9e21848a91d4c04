"""Where runs and markers are kept: a folder, or a bucket of Cloud Storage, behind one small interface.

Nobody ever reads half a file, `create` never overwrites, and `replace` and `delete` change only what the caller has
read, so that two runs at once lose nothing. Names are made by the auditor alone, never of text from the cloud.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditor.errors import NotDelivered, UsageError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

BUCKET_SCHEME = "gs://"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@=+-]*(/[A-Za-z0-9][A-Za-z0-9._@=+-]*)*\Z", re.ASCII)
_LONGEST_NAME = 400
_LONGEST_PART = 200
_MOST_ATTEMPTS = 5
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands under a name."""

    content: bytes
    version: str
    """Opaque: what `replace` and `delete` compare. Never the same again once the content was written anew."""


class Store(Protocol):
    """Files by name: "runs/x.json.gz". Every method raises NothingRead or NotDelivered, with a remedy, where the
    place itself fails, and ValueError for a name that could not stand in every store."""

    location: str
    """As the user named it."""

    def create(self, name: str, content: bytes) -> bool:
        """Write what is not there yet; False, and nothing is changed, if there is something already."""

    def read(self, name: str) -> Stored | None:
        """What stands under the name; None if there is nothing."""

    def replace(self, name: str, content: bytes, version: str) -> bool:
        """Write over what was read as `version`; False, and nothing is changed, if it was changed meanwhile."""

    def delete(self, name: str, version: str) -> bool:
        """Remove what was read as `version`; False, and nothing is changed, if it was changed meanwhile."""

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """Every name that begins with `prefix`, sorted. What nobody wrote through a store is left out."""


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """How a bucket is asked. Nothing of it matters for a folder."""

    endpoint: str = "https://storage.googleapis.com"
    """Scheme and host. Plain http is for a server on this machine, which is asked without credentials."""
    credentials: Callable[[], Credentials] | None = None
    """Called when the first bucket is opened; None = Application Default Credentials."""
    timeout_s: float = 30.0
    """The longest that one request may take."""
    deadline_s: float = 120.0
    """The longest that one call may take, further attempts included."""
    waits_for_network: bool = False
    """Whether no connection at all may still become one: on a machine whose network comes up after the program."""


def open_store(location: str, access: BucketAccess | None = None) -> Store:
    """The store at a folder or gs://BUCKET/PREFIX; nothing is contacted yet. Raises UsageError for a bad location."""
    if _CONTROL.search(location) or not location.strip():
        raise UsageError(f"{location!r} is no place to keep anything", _FORMS)
    if location.startswith(BUCKET_SCHEME):
        from .bucket import BucketStore  # noqa: PLC0415 - the client library is slow to load

        bucket, prefix = _bucket_and_prefix(location)
        return BucketStore(location, bucket, prefix, access or BucketAccess())
    if "://" in location:
        raise UsageError(f"{location}: this kind of place is not known", _FORMS)
    from .folder import FolderStore  # noqa: PLC0415

    path = Path(os.path.expanduser(location))  # Path.expanduser raises where there is no home
    if path.exists() and not path.is_dir():
        raise UsageError(f"{location} is a file, not a folder", _FORMS)
    return FolderStore(location, path)


def put(store: Store, name: str, content: bytes) -> None:
    """Write what belongs under a name that is the caller's own, whatever stood there before. Raises NothingRead or
    NotDelivered."""
    for _ in range(_MOST_ATTEMPTS):
        if store.create(name, content):
            return
        stored = store.read(name)
        if stored is not None and (stored.content == content or store.replace(name, content, stored.version)):
            return
    raise NotDelivered(
        f"Cannot write {name} in {store.location}: it changes all the time",
        "Another run has the same execution id; give each its own.",
    )


_FORMS = "Name a folder, or a bucket as gs://BUCKET/PREFIX."


def _bucket_and_prefix(location: str) -> tuple[str, str]:
    bucket, _, rest = location.removeprefix(BUCKET_SCHEME).partition("/")
    if not _BUCKET.match(bucket):
        raise UsageError(f"{location}: {bucket!r} is no name of a bucket", _FORMS)
    parts = [part for part in rest.split("/") if part]
    if any(part in (".", "..") for part in parts) or len(rest) > _LONGEST_NAME:
        raise UsageError(f"{location}: {rest!r} is no prefix", _FORMS)
    return bucket, "".join(f"{part}/" for part in parts)


def is_name(text: str) -> bool:
    """Whether a text can be a name in every store: no hidden files, no way out of the folder."""
    is_short = len(text) <= _LONGEST_NAME and all(len(part) <= _LONGEST_PART for part in text.split("/"))
    return is_short and _NAME.match(text) is not None


def checked_name(name: str) -> str:
    """The same name. Raises ValueError for one that could not stand in every store: a bug of the caller."""
    if not is_name(name):
        raise ValueError(f"{name!r:.80} is no name for a store")
    return name
