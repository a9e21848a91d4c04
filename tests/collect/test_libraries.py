"""Large libraries: imported late, by one thread at a time, and no more of them than is used."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auditor.collect import kubernetes, libraries
from auditor.collect.clusters import Way
from auditor.collect.confirm import FREQUENT, GETS
from auditor.collect.failures import RequestFailed
from auditor.collect.google import Network, Tokens
from auditor.collect.patience import Patience
from auditor.errors import UsageError
from auditor.model.names import ClusterKey

from .stub import Credentials

CLIENTS = sorted({get.client for get in GETS.values() if get.client})


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_client_does_not_bring_all_the_others() -> None:
    program = """
import sys
from auditor.collect import libraries
libraries.compute_client("AddressesClient")
print(sum(name.startswith("google.cloud.compute_v1.services.") and name.count(".") == 4 for name in sys.modules))
"""
    assert int(python(program)) < 5


def test_the_package_is_the_same_as_ever_for_whoever_imports_it_later() -> None:
    program = """
from auditor.collect import libraries
first = libraries.compute_client("RegionTargetHttpProxiesClient")
from google.cloud import compute_v1
print(first is compute_v1.RegionTargetHttpProxiesClient is libraries.compute_client("RegionTargetHttpProxiesClient"))
print(compute_v1.Address(name="a").name, len([name for name in dir(compute_v1) if name.endswith("Client")]) > 90)
"""
    assert python(program).split() == ["True", "a", "True"]


def test_every_client_that_is_asked_has_a_service_of_its_own_to_import() -> None:
    program = f"""
import sys
from auditor.collect import libraries
print([name for name in {CLIENTS} if libraries.compute_client(name).__name__ != name])
print("google.cloud.compute_v1" in sys.modules)
"""
    assert python(program).splitlines() == ["[]", "False"]
    assert set(FREQUENT) <= set(CLIENTS)


def test_a_package_of_another_layout_is_imported_whole() -> None:
    program = """
from auditor.collect import libraries
def moved(client):
    raise ImportError("no module named services")
libraries._service_of = moved
print(libraries.compute_client("AddressesClient").__name__)
"""
    assert python(program) == "AddressesClient"


def test_a_client_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError):
        libraries.compute_client("BroomsClient")


def test_one_thread_at_a_time_imports_the_kubernetes_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules import one another in circles: two threads in them at once can be an error (_DeadlockError)."""
    inside: list[str] = []
    most = 0

    def slowly(name: str) -> None:
        nonlocal most
        inside.append(name)
        most = max(most, len(inside))
        time.sleep(0.002)
        inside.remove(name)

    monkeypatch.setattr(libraries, "import_module", slowly)
    threads = [threading.Thread(target=libraries.load_kubernetes) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_every_connection_to_a_cluster_begins_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded: list[None] = []
    monkeypatch.setattr(libraries, "load_kubernetes", lambda: loaded.append(None))
    patience = Patience()
    tokens = Tokens(Credentials(), patience, Network())
    connector = kubernetes.Connector(tokens, patience, Network(), tmp_path, 1)
    connector.by(Way("DNS endpoint", "https://gke.example"), ClusterKey("p", "l", "c"))
    assert len(loaded) == 1
    with pytest.raises(RequestFailed):
        connector.by_context(tmp_path / "nothing", "c")
    assert len(loaded) == 2
    with pytest.raises(UsageError):
        kubernetes.find_contexts(tmp_path / "nothing", ())
    assert len(loaded) == 3
    connector.close()
    tokens.close()
