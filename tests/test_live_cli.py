"""Live runs as a user makes them: the command, its exit code, its two streams, and what it keeps."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from googleserver import Fault, World
from rehearsal import SMALL_MANNERS, served, small_world

AS_OF = ("--as-of", "2026-11-22T06:00:00Z")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with served(small_world(), manners=SMALL_MANNERS) as running:
        yield running


def run(world: World, *arguments: str, fault: Fault | None = None) -> subprocess.CompletedProcess[str]:
    world.faults = (fault,) if fault else ()
    command = [sys.executable, "-m", "auditor", *arguments, *world.endpoint_flags()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def organization(world: World) -> tuple[str, str]:
    return "--organization", world.organization.partition("/")[2]


def test_a_clean_run_and_the_audit_of_what_it_kept_are_the_same(world: World, tmp_path: Path) -> None:
    kept = tmp_path / "kept.tar.gz"
    live = run(
        world, "audit", *organization(world), *AS_OF, "--strict", "--format", "json", "--keep-snapshot", str(kept)
    )
    assert live.returncode == 0, live.stderr
    again = subprocess.run(
        [sys.executable, "-m", "auditor", "audit", "--snapshot", str(kept), *AS_OF, "--format", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    first, second = json.loads(live.stdout), json.loads(again.stdout)
    for report in (first, second):
        report.pop("settings", None)  # where the snapshot came from is a setting
    assert first["summary"]["monthly"]["orphaned"] != "0.00"
    assert first == second
    assert set(world.strays) <= {"iamcredentials.googleapis.com:443"}


@pytest.mark.parametrize(
    ("path", "kind", "code", "words"),
    [
        ("aggregated/addresses", "forbidden", 4, "addresses"),
        ("/locations/-/clusters", "api_disabled", 4, "container.googleapis.com"),
        ("networking.k8s.io/v1/ingresses", "truncated", 4, "ingresses"),
        ("oauth2/token", "garbage", 1, "Cannot sign in"),
        ("(aggregated|global)/", "forbidden", 1, "could be read"),
    ],
)
def test_what_is_lost_is_said_and_decides_the_exit_code(
    world: World, path: str, kind: str, code: int, words: str
) -> None:
    done = run(world, "audit", *organization(world), "--strict", fault=Fault(("", path), kind))
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Retrying" not in done.stderr


def test_what_is_not_read_by_the_deadline_is_a_gap(world: World) -> None:
    began = time.monotonic()
    fault = Fault(("", "aggregated/addresses"), "s503")
    done = run(world, "audit", *organization(world), "--strict", "--deadline", "3s", fault=fault)
    assert done.returncode == 4, done.stderr
    assert "addresses" in done.stdout
    assert time.monotonic() - began < 30


# --- signals ---


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_collect_ends_within_a_second_and_keeps_what_it_read(
    world: World, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    kept = tmp_path / "kept.tar.gz"
    times = []
    for _ in range(3):
        status, took_s, said = interrupted_collect(world, kept, number)
        assert status == code
        assert f"Interrupted; what was read until then is in {kept}" in said
        assert "Traceback" not in said
        times.append(took_s)
        if took_s < 1:
            break
    assert min(times) < max(1, 20 * start_of_python_s()), times
    report = json.loads(audit_kept(kept).stdout)
    gaps = {gap["scope"] for gap in report["coverage"]["gaps"]}
    for project in ("example-dev", "example-prod"):
        assert f"projects/{project}/compute/addresses" in gaps
        assert f"projects/{project}/compute/forwardingRules" not in gaps
    assert report["findings"]
    assert not {finding["verdict"] for finding in report["findings"]} & {"orphaned", "unused"}


def start_of_python_s() -> float:
    """Some 0.03 s; where it is more, the machine is busy and everything takes longer."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import json"], check=True)
    return time.monotonic() - began


def interrupted_collect(world: World, kept: Path, number: signal.Signals) -> tuple[int, float, str]:
    """Collect, two lists hanging, and send a signal once the others are there: exit code, seconds, and stderr."""
    world.forget()
    world.faults = (Fault(("GET", "aggregated/addresses"), "hung"),)
    command = [sys.executable, "-m", "auditor", "collect", *organization(world), "--output", str(kept)]
    with subprocess.Popen(
        [*command, *world.endpoint_flags()], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while world.hits[0] < 2 or are_outstanding(world):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1)
        began = time.monotonic()
        process.send_signal(number)
        status = process.wait(20)
        took_s = time.monotonic() - began
        said = process.stderr.read()
    world.faults = ()
    world.cut()
    return status, took_s, said


def are_outstanding(world: World) -> bool:
    """Whether the forwarding rules of one of the two projects are yet to be read."""
    return len({request.path for request in world.requests if request.path.endswith("/forwardingRules")}) < 2


def audit_kept(kept: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auditor", "audit", "--snapshot", str(kept), *AS_OF, "--format", "json"]
    return subprocess.run([*command, "--verdict", "all"], capture_output=True, text=True, timeout=120, check=False)


# --- progress ---


def test_a_log_gets_one_line_for_each_project_and_cluster(world: World) -> None:
    done = run(world, "audit", *organization(world), *AS_OF)
    lines = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr
    for project in ("example-dev", "example-prod"):
        (line,) = [line for line in lines if line.startswith(f"project {project}: ")]
        assert re.fullmatch(rf"project {project}: \d+ resources, (0 clusters|1 cluster)", line)
    assert len([line for line in lines if line.startswith("cluster example-prod/us-central1/shop")]) == 1
    assert f"{world.organization}: 2 projects" in lines
    assert "\x1b" not in done.stderr


def test_a_terminal_gets_one_line_that_changes(world: World) -> None:
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    world.faults = ()
    world.latency_s = 0.05
    command = [sys.executable, "-m", "auditor", "audit", *organization(world), *AS_OF, *world.endpoint_flags()]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=child, env={**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    ) as process:
        os.close(child)
        seen = b""
        with os.fdopen(parent, "rb", buffering=0) as terminal, contextlib.suppress(OSError):
            while chunk := terminal.read(65536):  # OSError: how a terminal says that the other end was closed
                seen += chunk
        assert process.wait(60) == 0
    world.latency_s = 0
    shown = re.findall(
        r"Reading projects (\d)/2 · clusters (\d)/1 · (\d+) requests · (\d+) gaps?",
        seen.decode().replace("\x1b[0m", ""),
    )
    assert len(shown) >= 2, seen.decode()[-2000:]
    assert int(shown[-1][2]) > int(shown[0][2])
    assert {gaps for *_, gaps in shown} == {"0"}


# --- check-access ---


def test_check_access_says_that_nothing_is_missing(world: World) -> None:
    done = run(world, "check-access", *organization(world))
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["project", "example-prod", "complete"] in [[word for word in row if word != "|"] for row in rows]
    assert "grant" not in done.stdout


def test_check_access_says_what_is_missing_and_what_grants_it(world: World) -> None:
    fault = Fault(("GET", "example-prod/locations/-/clusters"), "api_disabled")
    done = run(world, "check-access", *organization(world), fault=fault)
    assert done.returncode == 1
    assert "project example-prod: clusters" in done.stdout
    assert "gcloud services enable container.googleapis.com --project example-prod" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# --- endpoints ---


@pytest.mark.parametrize(
    "address", ["http://10.0.0.1", "http://compute.googleapis.com", "http://localhost.evil.example"]
)
def test_plain_http_is_for_this_machine_only(world: World, address: str) -> None:
    done = run(world, "audit", *organization(world), "--endpoint", f"compute={address}")
    assert done.returncode == 2
    assert "loopback" in done.stderr
    assert not done.stdout
