from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.api_core import exceptions as api
from google.auth.credentials import AnonymousCredentials, Credentials
from google.cloud.storage import Blob, Bucket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from job.gate import gate_before
from requests import exceptions as http
from urllib3 import HTTPResponse

from auditor.deliver import folder
from auditor.deliver.bucket import BucketStore
from auditor.deliver.storage import BucketAccess, Store, checked_name, is_name, open_store
from auditor.errors import NotDelivered, NothingRead, UsageError

Opened = Callable[[], Store]


def test_what_is_created_is_read_and_never_written_over(opened: Opened) -> None:
    store = opened()
    assert store.read("runs/a.json.gz") is None
    assert store.create("runs/a.json.gz", b"\x1f\x8b one")
    assert not store.create("runs/a.json.gz", b"two")
    stored = opened().read("runs/a.json.gz")
    assert stored is not None
    assert stored.content == b"\x1f\x8b one"
    assert store.create("runs/empty", b"")
    assert opened().read("runs/empty").content == b""


def test_replace_and_delete_need_the_version_that_stands(opened: Opened) -> None:
    store = opened()
    assert store.create("marker", b"sending")
    first = store.read("marker").version
    assert store.replace("marker", b"sent", first)
    assert not store.replace("marker", b"third", first)
    if not isinstance(store, BucketStore):  # see test_a_bucket_is_asked_to_delete_one_generation_only
        assert not store.delete("marker", first)
    stored = store.read("marker")
    assert stored.content == b"sent"
    assert store.delete("marker", stored.version)
    assert store.read("marker") is None
    assert not store.delete("marker", stored.version)
    assert not store.replace("marker", b"again", stored.version)
    assert store.read("marker") is None


def test_a_version_never_comes_back_with_the_same_content(opened: Opened) -> None:
    store = opened()
    assert store.create("marker", b"a")
    versions = [store.read("marker").version]
    for content in (b"b", b"a", b"b", b"a"):
        assert store.replace("marker", content, versions[-1])
        versions.append(store.read("marker").version)
    assert len(set(versions)) == len(versions)


def test_names_are_sorted_and_chosen_by_prefix(opened: Opened) -> None:
    store = opened()
    assert store.names() == ()
    assert store.names("runs/") == ()
    for name in ("runs/b", "runs/a", "mail/x", "runs-old", "runs/deep/c"):
        assert store.create(name, b".")
    assert store.names() == ("mail/x", "runs-old", "runs/a", "runs/b", "runs/deep/c")
    assert store.names("runs/") == ("runs/a", "runs/b", "runs/deep/c")
    assert store.names("runs") == ("runs-old", "runs/a", "runs/b", "runs/deep/c")


@pytest.mark.parametrize(
    "name", ["", "../x", "/x", "a//b", "a/", ".hidden", "a/.tmp", "a\nb", "é", "x" * 500, "x" * 201]
)
def test_names_that_could_not_stand_everywhere_are_refused(opened: Opened, name: str) -> None:
    for use in (lambda: opened().read(name), lambda: opened().create(name, b""), lambda: opened().delete(name, "1")):
        with pytest.raises(ValueError, match="is no name for a store"):
            use()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=40))
def test_a_name_stays_below_its_folder(name: str) -> None:
    if is_name(name):
        assert (Path("/kept") / checked_name(name)).resolve().is_relative_to("/kept")
        assert "/." not in f"/{name}"


def test_of_many_that_create_at_once_one_does(opened: Opened) -> None:
    stores = [opened() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for round_number in range(5):
            name = f"race/{round_number}"
            answers = list(pool.map(lambda store, name=name: store.create(name, str(id(store)).encode()), stores))
            assert sum(answers) == 1
            winner = stores[answers.index(True)]
            assert stores[0].read(name).content == str(id(winner)).encode()


def test_of_many_that_replace_at_once_one_does(opened: Opened) -> None:
    stores = [opened() for _ in range(8)]
    assert stores[0].create("counter", b"0")
    with ThreadPoolExecutor(8) as pool:
        version = stores[0].read("counter").version
        answers = list(pool.map(lambda item: item[1].replace("counter", b"%d" % item[0], version), enumerate(stores)))
    assert sum(answers) == 1
    assert stores[0].read("counter").content == b"%d" % answers.index(True)


def test_counting_up_at_once_loses_nothing(opened: Opened) -> None:
    assert opened().create("counter", b"0")

    def count_up(_: int) -> None:
        store = opened()
        for _ in range(5):
            while True:
                seen = store.read("counter")
                if store.replace("counter", b"%d" % (int(seen.content) + 1), seen.version):
                    break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(4)))
    assert opened().read("counter").content == b"20"


@pytest.mark.parametrize("location", ["", "  ", "gs://", "gs:///x", "gs://UPPER/x", "gs://ab/../x", "s3://b/x", "a\nb"])
def test_a_bad_location_is_a_usage_error(location: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(location)
    assert "gs://BUCKET/PREFIX" in caught.value.hint


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        open_store(str(tmp_path / "file"))


def test_opening_loads_no_client_library(tmp_path: Path) -> None:
    code = (
        "import sys; from auditor.deliver.storage import open_store; open_store('gs://audits/x'); "
        f"open_store({str(tmp_path)!r}).create('a', b'1'); assert 'google.cloud.storage' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The folder


def _count_in_process(location: str, rounds: int) -> None:
    store = open_store(location)
    for _ in range(rounds):
        while True:
            seen = store.read("counter")
            if store.replace("counter", b"%d" % (int(seen.content) + 1), seen.version):
                break


def test_counting_up_in_processes_loses_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert store.create("counter", b"0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_in_process, args=(str(tmp_path), 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert store.read("counter").content == b"60"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["fsync", "link", "replace"])
def test_a_crash_at_any_step_leaves_the_old_or_the_new_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = open_store(str(tmp_path))
    assert store.create("kept", b"old")
    version = store.read("kept").version

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "link": (os, "link"), "replace": (Path, "replace")}[step], die)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # a dead process tidies up nothing
    for write in (lambda: store.create("new", b"half" * 1000), lambda: store.replace("kept", b"new", version)):
        with contextlib.suppress(Killed):
            write()
    monkeypatch.undo()
    fresh = open_store(str(tmp_path))
    assert set(fresh.names()) <= {"kept", "new"}
    assert fresh.read("kept").content in (b"old", b"new")
    assert (stored := fresh.read("new")) is None or stored.content == b"half" * 1000
    left = [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")]
    assert left, "the crash was meant to leave something behind"
    assert fresh.create("new", b"again") is (stored is None)
    assert fresh.replace("kept", b"newest", fresh.read("kept").version)


def test_a_killed_process_leaves_its_lock_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from auditor.deliver.folder import FolderStore; from pathlib import Path\n"
        f"store = FolderStore('x', Path({str(tmp_path)!r})); store.create('a', b'1')\n"
        "with store._locked():\n    print('locked', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        holder.kill()
    done = threading.Event()
    threading.Thread(target=lambda: (open_store(str(tmp_path)).create("b", b"2"), done.set()), daemon=True).start()
    assert done.wait(10)


def test_without_hard_links_or_locks_it_still_creates_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", unsupported)
    monkeypatch.setattr("fcntl.flock", unsupported)
    store = open_store(str(tmp_path))
    assert store.create("a", b"1")
    assert not store.create("a", b"2")
    assert store.read("a").content == b"1"


def test_a_folder_that_cannot_be_used_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store = open_store(str(tmp_path))
    assert store.create("a", b"1")
    monkeypatch.setattr(folder.os, "fsync", full)
    with pytest.raises(NotDelivered, match="No space left") as caught:
        store.create("b", b"2")
    assert str(tmp_path) in caught.value.hint
    monkeypatch.undo()
    assert store.names() == ("a",)
    (tmp_path / "b").mkdir()
    with pytest.raises(NothingRead, match="Cannot read"):
        store.read("b")


def test_what_others_put_beside_is_left_out(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert store.create("runs/a", b"1")
    (tmp_path / "runs" / ".DS_Store").write_text("x")
    (tmp_path / "runs" / "a name with spaces").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    assert store.names() == ("runs/a",)


# The bucket


def bucket(endpoint: str, location: str = "gs://audits/lost", **access: float) -> BucketStore:
    store = open_store(location, BucketAccess(endpoint=endpoint, **{"timeout_s": 5.0, "deadline_s": 10.0, **access}))
    assert isinstance(store, BucketStore)
    return store


def test_a_bucket_is_asked_to_delete_one_generation_only(
    storage_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """fake-gcs-server heeds preconditions on writes, but not on deletions: here it answers as Cloud Storage does."""
    store = bucket(storage_server, f"gs://audits/{tmp_path.name}")
    assert store.create("a", b"1")
    true, asked = Blob.delete, []

    def heeding(self: Blob, *, if_generation_match: int, **options: object) -> None:
        asked.append(if_generation_match)
        if str(if_generation_match) != store.read("a").version:
            raise api.PreconditionFailed("conditionNotMet")
        true(self, **options)

    monkeypatch.setattr(Blob, "delete", heeding)
    version = store.read("a").version
    assert not store.delete("a", str(int(version) - 1))
    assert store.delete("a", version)
    assert asked == [int(version) - 1, int(version)]


def losing_first_answer(monkeypatch: pytest.MonkeyPatch, method: str) -> list[int]:
    """The first request of this kind does its work, and its answer is lost."""
    true, calls = getattr(Blob, method), []

    def first_lost(self: Blob, *arguments: object, **options: object) -> object:
        answer = true(self, *arguments, **options)
        calls.append(1)
        if len(calls) == 1:
            raise http.ConnectionError("the connection was dropped")
        return answer

    monkeypatch.setattr(Blob, method, first_lost)
    return calls


def test_a_create_whose_answer_was_lost_knows_its_own_work(
    storage_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = bucket(storage_server, f"gs://audits/{tmp_path.name}")
    losing_first_answer(monkeypatch, "upload_from_string")
    assert store.create("a", b"mine")
    monkeypatch.undo()
    assert not store.create("a", b"mine"), "the same content alone proves nothing"
    losing_first_answer(monkeypatch, "upload_from_string")
    assert store.replace("a", b"next", store.read("a").version)
    monkeypatch.undo()
    losing_first_answer(monkeypatch, "delete")
    assert store.delete("a", store.read("a").version)


def test_a_create_that_lost_the_race_after_a_lost_answer_is_false(
    storage_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = bucket(storage_server, f"gs://audits/{tmp_path.name}")
    store = bucket(storage_server, f"gs://audits/{tmp_path.name}")
    true, calls = Blob.upload_from_string, []

    def first_never_arrives(self: Blob, *arguments: object, **options: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            monkeypatch.setattr(Blob, "upload_from_string", true)
            assert other.create("a", b"theirs")
            monkeypatch.setattr(Blob, "upload_from_string", first_never_arrives)
            raise http.ConnectionError("reset")
        true(self, *arguments, **options)

    monkeypatch.setattr(Blob, "upload_from_string", first_never_arrives)
    assert not store.create("a", b"mine")
    assert store.read("a").content == b"theirs"


@pytest.mark.parametrize(
    ("refusal", "kind", "remedy"),
    [
        (api.Forbidden("auditor@example.com does not have storage.objects.create access"), NotDelivered, "objectUser"),
        (api.Forbidden("Object 'audits/x' is subject to bucket's retention policy"), NotDelivered, "another bucket"),
        (api.Unauthorized("no token"), NotDelivered, "application-default login"),
        (api.BadRequest("odd"), NotDelivered, "later"),
    ],
)
def test_a_refusal_names_its_remedy(
    storage_server: str, monkeypatch: pytest.MonkeyPatch, refusal: Exception, kind: type, remedy: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr(Blob, "upload_from_string", refused)
    with pytest.raises(kind) as caught:
        bucket(storage_server).create("a", b"1")
    assert remedy in caught.value.hint
    assert "gs://audits/lost/a" in caught.value.message


def test_a_bucket_that_is_not_there_is_no_empty_one(storage_server: str) -> None:
    store = bucket(storage_server, "gs://nobodys-bucket/x")
    with pytest.raises(NothingRead, match="There is no bucket nobodys-bucket"):
        store.names()
    with pytest.raises(NotDelivered, match="There is no bucket"):
        store.create("a", b"1")


def test_a_server_that_is_silent_or_away_ends_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        store = bucket(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2, deadline_s=1.0)
        with pytest.raises(NothingRead, match="Cannot read"):
            store.names()
        assert time.monotonic() - began < 8


def test_where_nobody_answers_it_is_not_asked_again() -> None:
    began = time.monotonic()
    for endpoint in ("http://127.0.0.1:9", "http://storage.invalid"):
        with pytest.raises(NothingRead, match="Cannot read gs://audits/lost/a"):
            bucket(endpoint, deadline_s=60).read("a")
        with pytest.raises(NotDelivered, match="Cannot write gs://audits/lost/a"):
            bucket(endpoint, deadline_s=60).create("a", b"1")
    assert time.monotonic() - began < 20


def test_a_machine_whose_network_comes_up_late_waits_for_it(storage_server: str, tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    access = BucketAccess(f"http://127.0.0.1:{port}", timeout_s=5, deadline_s=30, waits_for_network=True)
    store = open_store(f"gs://audits/{tmp_path.name}", access)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(store.names)
        time.sleep(0.7)
        assert not asked.done()
        with gate_before(storage_server, port):
            assert asked.result(30) == ()


def test_credentials_are_had_for_a_real_endpoint_and_only_when_it_is_asked() -> None:
    asked = []

    def credentials() -> Credentials:
        asked.append(1)
        return AnonymousCredentials()

    access = BucketAccess(endpoint="https://127.0.0.1:9", credentials=credentials, deadline_s=5.0)
    store = open_store("gs://audits/x", access)
    assert not asked
    for _ in range(2):
        with pytest.raises(NothingRead):
            store.names()
    assert asked == [1]


def test_a_stumbling_server_is_asked_again(
    storage_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = bucket(storage_server, f"gs://audits/{tmp_path.name}")
    assert store.create("a", b"1")
    true, calls = Blob.download_as_bytes, []

    def stumbling(self: Blob, **options: object) -> bytes:
        calls.append(1)
        if len(calls) < 3:
            raise (api.ServiceUnavailable("busy"), api.TooManyRequests("slow down"))[len(calls) - 1]
        return true(self, **options)

    monkeypatch.setattr(Blob, "download_as_bytes", stumbling)
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert store.read("a").content == b"1"
    assert len(calls) == 3


@pytest.mark.parametrize("times", [1, 1000])
def test_content_that_was_damaged_on_the_way_is_not_taken(
    storage_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, times: int
) -> None:
    place = f"gs://audits/{tmp_path.name}"
    store = open_store(place, BucketAccess(endpoint=storage_server, timeout_s=5, deadline_s=2))
    assert store.create("a", b"whole")
    true, damaged = HTTPResponse.stream, itertools.count()

    def damaging(self: HTTPResponse, *arguments: object, **options: object) -> Iterator[bytes]:
        is_damaged = next(damaged) < times
        for chunk in true(self, *arguments, **options):
            yield chunk.replace(b"whole", b"whale") if is_damaged else chunk

    monkeypatch.setattr(HTTPResponse, "stream", damaging)
    if times == 1:
        stored = store.read("a")
        assert stored is not None
        assert stored.content == b"whole"
    else:
        with pytest.raises(NothingRead, match=r"a: Checksum mismatch while downloading$"):
            store.read("a")


def test_pages_of_names_are_joined(storage_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bucket(storage_server, f"gs://audits/{tmp_path.name}")
    for number in range(7):
        assert store.create(f"runs/{number}", b".")
    true = Bucket.list_blobs
    monkeypatch.setattr(Bucket, "list_blobs", lambda self, **options: true(self, page_size=2, **options))
    assert store.names("runs/") == tuple(f"runs/{number}" for number in range(7))
