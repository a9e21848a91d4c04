"""From settings to a store: which endpoint a bucket is asked at, and as whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .collect.google import Endpoints, network_of, sign_in
from .deliver.storage import BucketAccess, Store, open_store
from .errors import UsageError
from .execution import is_on_cloud_run
from .live_run import patience_of
from .model.names import is_loopback
from .settings import Settings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

EMULATOR = "STORAGE_EMULATOR_HOST"
"""As all clients of Cloud Storage call it."""


def store_at(location: str, chosen: Settings, environment: Mapping[str, str]) -> Store:
    """The store at a folder or gs://BUCKET/PREFIX, asked as these settings say. Raises UsageError."""
    endpoints = Endpoints(chosen.universe_domain, dict(chosen.endpoint))
    endpoint = endpoints.overrides.get("storage") or _emulator(environment) or endpoints.root("storage")

    def credentials() -> Credentials:
        account = sign_in(
            patience_of(chosen),
            network_of(environment),
            endpoints,
            impersonate=chosen.impersonate_service_account or "",
            quota_project=chosen.quota_project or "",
        )
        account.tokens.close()  # its token stays; the client of the bucket renews it over a connection of its own
        return account.tokens.credentials

    timeout_s = chosen.timeout.total_seconds()
    access = BucketAccess(
        endpoint,
        credentials,
        timeout_s,
        deadline_s=4 * timeout_s,
        # A job with a VPC may start a minute before its first connection can be made:
        # https://cloud.google.com/run/docs/configuring/vpc-direct-vpc
        waits_for_network=is_on_cloud_run(environment),
    )
    return open_store(location, access)


def _emulator(environment: Mapping[str, str]) -> str | None:
    written = environment.get(EMULATOR, "").strip()
    if not written:
        return None
    parts = urlsplit(written if "://" in written else f"http://{written}")
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and not is_loopback(parts.hostname or "")):
        raise UsageError(
            f"{EMULATOR}={written}: plain http:// is accepted for loopback addresses only",
            "Unset it, or name a server on this machine.",
        )
    return f"{parts.scheme}://{parts.netloc}"
