from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import gcs
import pytest

from auditor.deliver.storage import BucketAccess, Store, open_store

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def storage_server() -> Iterator[str]:
    with gcs.serving() as endpoint:
        gcs.make_bucket(endpoint, "audits")
        yield endpoint


@pytest.fixture(params=["folder", "bucket"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens one place again and again, empty at first: a folder, or a prefix of a bucket on a real server."""
    if request.param == "folder":
        return lambda: open_store(str(tmp_path / "kept"))
    location = f"gs://audits/{tmp_path.name}/{next(_NUMBERS)}"
    access = BucketAccess(endpoint=request.getfixturevalue("storage_server"), timeout_s=10, deadline_s=20)
    return lambda: open_store(location, access)
