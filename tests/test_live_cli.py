"""Live runs as a user makes them: the command, its exit code, its two streams, and what it keeps."""

from __future__ import annotations

import json
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
