"""The locks: whatever is installed by them is what pyproject.toml asks for, exactly and by its hash."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.lock", "requirements-build.lock")
MACHINES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True, slots=True)
class Locked:
    name: str
    version: str
    marker: Marker | None
    hashes: tuple[str, ...]


def read(name: str) -> list[Locked]:
    text = (REPO / name).read_text("utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        written, *hashes = line.split("--hash=sha256:")
        requirement = Requirement(written.strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest.strip()) for digest in hashes), line
        name_of_it = canonicalize_name(requirement.name)
        found.append(Locked(name_of_it, specifier.version, requirement.marker, tuple(hashes)))
    return found


def in_force(locked: list[Locked], python: str, machine: str) -> dict[str, str]:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen = [entry for entry in locked if entry.marker is None or entry.marker.evaluate(environment)]
    assert len({entry.name for entry in chosen}) == len(chosen), "a package stands twice"
    return {entry.name: entry.version for entry in chosen}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-build.lock", [*PROJECT["build-system"]["requires"], "build"]),
    ],
)
def test_what_is_asked_for_is_locked(lock: str, asked: list[str], python: str, machine: str) -> None:
    versions = in_force(read(lock), python, machine)
    for text in asked:
        requirement = Requirement(text)
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{text} is not in {lock}: run scripts/update-lock"
        assert version in requirement.specifier, f"{text}, but {lock} has {version}: run scripts/update-lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes_and_no_address_stands_there(lock: str) -> None:
    assert all(entry.hashes for entry in read(lock))
    text = (REPO / lock).read_text("utf-8")
    assert "://" not in text
    assert "index" not in text


def test_pythons_are_those_of_the_project() -> None:
    named = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert tuple(named) == PYTHONS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
def test_every_locked_package_has_a_wheel_for(machine: str, python: str, tmp_path: Path) -> None:
    """Asks the package index; installs nothing. The other machine can be asked about here, too."""
    uv = Path(sys.executable).parent / "uv"
    for lock in LOCKS:
        done = subprocess.run(
            [
                *(uv, "pip", "install", "--dry-run", "--no-config", "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", "--target", tmp_path / "none"),
                *("--python-platform", f"{machine}-manylinux_2_28", "--python-version", python, "--requirement", lock),
            ],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"Would install {len(in_force(read(lock), python, machine))} packages" in done.stderr
