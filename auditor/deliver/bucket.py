"""A store in a bucket of Cloud Storage: every write carries the generation that it replaces.

https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from auditor.errors import AuditorError, NotDelivered, NothingRead

from .storage import BucketAccess, Stored, checked_name, is_name

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.storage import Blob, Bucket  # type: ignore[import-untyped, unused-ignore]

Answer = TypeVar("Answer")

_NOT_THERE = "0"
"""The generation of an object that does not exist."""
_CONNECT_S = 5.0
_CONTENT_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".eml": "message/rfc822",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
}
"""So that a browser shows what it can. A type of its own for .gz, and no encoding: nobody must unpack it on the way."""
_ROLE = "roles/storage.objectUser"


class BucketStore:
    """Objects of one bucket whose names begin with `prefix`.

    A request whose answer was lost is asked again. It may have done its work: then the object is looked at, and what
    stands there decides.
    """

    def __init__(self, location: str, bucket: str, prefix: str, access: BucketAccess) -> None:
        self.location = location
        self._name = bucket
        self._prefix = prefix
        self._access = access

    def create(self, name: str, content: bytes) -> bool:
        return self._write(name, content, _NOT_THERE)

    def read(self, name: str) -> Stored | None:
        def once() -> Stored:
            blob = self._blob(name)
            content = blob.download_as_bytes(timeout=self._timeouts, retry=None)
            return Stored(content, str(int(blob.generation)))  # of this very answer: it stands in its headers

        try:
            return self._ask("read", name, once)
        except _Missing:
            return None

    def replace(self, name: str, content: bytes, version: str) -> bool:
        return self._write(name, content, version)

    def delete(self, name: str, version: str) -> bool:
        lost: list[Exception] = []

        def once() -> None:
            self._blob(name).delete(if_generation_match=int(version), timeout=self._timeouts, retry=None)

        try:
            self._ask("write", name, once, lost.append)
        except _Changed:
            return False
        except _Missing:
            return bool(lost)  # gone: by an earlier attempt of ours, as far as anybody can tell
        return True

    def names(self, prefix: str = "") -> tuple[str, ...]:
        def once() -> list[str]:
            blobs = self._bucket.list_blobs(
                prefix=self._prefix + prefix, fields="items(name),nextPageToken", timeout=self._timeouts, retry=None
            )
            return [str(blob.name).removeprefix(self._prefix) for blob in blobs]

        try:
            listed: Iterable[str] = self._ask("read", "", once)
        except _Missing as missing:
            raise self._no_bucket(NothingRead) from missing
        return tuple(sorted(name for name in listed if is_name(name)))

    def _write(self, name: str, content: bytes, version: str) -> bool:
        lost: list[Exception] = []

        def once() -> None:
            self._blob(name).upload_from_string(
                content,
                content_type=_CONTENT_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"),
                if_generation_match=int(version),
                timeout=self._timeouts,
                retry=None,
            )

        try:
            self._ask("write", name, once, lost.append)
        except _Changed:
            # Ours, if an earlier attempt got through and only its answer did not. Nobody else's is looked at: two that
            # write the same must not both believe that they were first.
            return bool(lost) and (stored := self.read(name)) is not None and stored.content == content
        except _Missing as missing:
            raise self._no_bucket(NotDelivered) from missing
        return True

    # Asking

    @functools.cached_property
    def _bucket(self) -> Bucket:
        from google.api_core.client_options import ClientOptions  # noqa: PLC0415 - slow to load
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from google.cloud.storage import Client  # noqa: PLC0415

        access = self._access
        credentials: Credentials | None = None
        if urlsplit(access.endpoint).scheme == "http":
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call, unused-ignore]
        elif access.credentials is not None:
            credentials = access.credentials()
        try:
            client = Client(project=None, credentials=credentials, client_options=ClientOptions(access.endpoint))
        except (GoogleAuthError, OSError, ValueError) as error:
            raise NothingRead(f"No usable Google credentials for {self.location}: {error}", _LOG_IN) from error
        return client.bucket(self._name)

    @property
    def _timeouts(self) -> tuple[float, float]:
        return min(_CONNECT_S, self._access.timeout_s), self._access.timeout_s

    def _blob(self, name: str) -> Blob:
        return self._bucket.blob(self._path(name))

    def _path(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _url(self, name: str) -> str:
        return f"gs://{self._name}/{self._prefix}{name}"

    def _ask(
        self, what: str, name: str, once: Callable[[], Answer], on_lost: Callable[[Exception], Any] | None = None
    ) -> Answer:
        """One request, asked again while that may help; `on_lost` is told of each answer that did not come.

        Raises _Changed (412) and _Missing (404), and NothingRead or NotDelivered for everything else.
        """
        from google.api_core import exceptions as api  # noqa: PLC0415
        from google.api_core.retry import Retry  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        again = Retry(
            predicate=self._may_pass, initial=0.5, maximum=10.0, timeout=self._access.deadline_s, on_error=on_lost
        )
        try:
            return again(once)()  # type: ignore[no-any-return, unused-ignore]
        except api.PreconditionFailed as error:
            raise _Changed from error
        except api.NotFound as error:
            raise _Missing from error
        except (
            api.GoogleAPICallError,
            api.RetryError,
            GoogleAuthError,
            RequestException,
            ConnectionError,
            _damage(),
        ) as error:
            raise self._failure(what, name, error) from error

    def _may_pass(self, error: Exception) -> bool:
        return _may_pass(error) or (self._access.waits_for_network and _has_no_connection(error))

    def _failure(self, what: str, name: str, error: Exception) -> AuditorError:
        from google.api_core import exceptions as api  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

        cause = error.cause if isinstance(error, api.RetryError) and error.cause else error
        said = (getattr(cause, "message", "") or str(cause)).partition("\n")[0].rstrip(":") or type(cause).__name__
        hint = "Try again later; nothing was changed there by halves."
        if isinstance(cause, api.Forbidden) and "retention" in said.lower():
            hint = (
                "What a run keeps for the next one has to be replaced when it is started again. Only the place of "
                "--reports may have a retention policy; name another bucket for --history (docs/deploy.md)."
            )
        elif isinstance(cause, api.Forbidden):
            hint = (
                f"gcloud storage buckets add-iam-policy-binding {quote('gs://' + self._name)} "
                f"--member user:YOUR_ACCOUNT --role {_ROLE}"
            )
        elif isinstance(cause, (GoogleAuthError, api.Unauthorized)):
            hint = _LOG_IN
        kind = NothingRead if what == "read" else NotDelivered
        return kind(f"Cannot {what} {self._url(name)}: {said}", hint)

    def _no_bucket(self, kind: type[AuditorError]) -> AuditorError:
        return kind(
            f"There is no bucket {self._name}",
            f"Make it: gcloud storage buckets create {quote('gs://' + self._name)}",
        )


_LOG_IN = "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a credentials file"


class _Changed(Exception):
    """412: the object is not of the generation that was named."""


class _Missing(Exception):
    """404: there is no such object, or no such bucket."""


def _may_pass(error: Exception) -> bool:
    """What another attempt may mend: too much at once, a server that stumbled, a connection that broke.

    https://cloud.google.com/storage/docs/retry-strategy
    """
    from google.api_core import exceptions as api  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415
    from requests import exceptions as http  # noqa: PLC0415

    if isinstance(error, GoogleAuthError):
        return isinstance(error, TransportError) or bool(getattr(error, "retryable", False))
    if isinstance(error, (http.SSLError, http.ProxyError)) or _has_no_connection(error):
        return False
    lost = (http.ConnectionError, http.Timeout, http.ChunkedEncodingError, ConnectionError)
    is_stumbling = isinstance(error, api.GoogleAPICallError) and error.code in _STUMBLED
    return isinstance(error, (*lost, _damage())) or is_stumbling


def _damage() -> type[Exception]:
    """What the client raises for content that does not fit its checksum; no error of the API."""
    try:
        from google.cloud.storage import exceptions as storage  # noqa: PLC0415
    except ImportError:  # before 3.0
        from google.resumable_media import common as storage  # noqa: PLC0415
    damage: type[Exception] = storage.DataCorruption
    return damage


def _has_no_connection(error: Exception) -> bool:
    """No connection at all: an address that nobody answers at, or a name that nobody knows, will be so again."""
    from requests.exceptions import ConnectTimeout  # noqa: PLC0415
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415

    causes = (getattr(cause, "reason", cause) for cause in (error, *error.args))
    return isinstance(error, ConnectTimeout) or any(isinstance(cause, NewConnectionError) for cause in causes)


_STUMBLED = frozenset({408, 429, 500, 502, 503, 504})
