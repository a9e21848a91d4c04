"""scripts/release: what it makes is what a user gets, and it refuses what should not go out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from auditor import __version__

REPO = Path(__file__).resolve().parents[2]


def test_release_is_built_and_tried(tmp_path: Path) -> None:
    done = subprocess.run(
        [REPO / "scripts" / "release", tmp_path], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing was uploaded" in done.stderr
    wheel, sdist = f"gke_auditor-{__version__}-py3-none-any.whl", f"gke_auditor-{__version__}.tar.gz"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([wheel, sdist])
    assert [line.split()[1] for line in done.stdout.splitlines()] == [sdist, wheel]
    names = ZipFile(tmp_path / wheel).namelist()
    assert {"auditor/data/prices.json", "auditor/data/report.schema.json", "auditor/py.typed"} <= set(names)
    assert not [name for name in names if "tests/" in name or "test_" in name or "fixtures" in name]
    with tarfile.open(tmp_path / sdist) as archive:
        folders = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"auditor", "deploy", "docs", "fixtures", "Dockerfile", "requirements.lock"} <= folders
    assert "tests" not in folders


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as is looked at before anything is built; its set-up is done."""
    for name in ("scripts/release", "scripts/setup", "auditor/__init__.py", "pyproject.toml", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPO / name, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for name in ("run", "dev"):
        (tmp_path / ".venv" / f".installed-{name}").write_text(f"{tmp_path.resolve()}\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    git(tmp_path, "add", "auditor")
    git(tmp_path, "commit", "-qm", "Release")
    return tmp_path


def git(checkout: Path, *arguments: str) -> None:
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=checkout, check=True)


def refusal(checkout: Path) -> str:
    done = subprocess.run(
        [checkout / "scripts" / "release", checkout / "dist"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert not (checkout / "dist").exists()
    return done.stderr


def test_version_that_the_changelog_does_not_know_is_refused(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## [0.0.1] - 2026-01-01\n")
    assert f"neither a section [{__version__}] nor [Unreleased]" in refusal(checkout)


def test_tag_of_another_version_is_refused(checkout: Path) -> None:
    git(checkout, "tag", "v99.0.0")
    assert f"tagged v99.0.0, but auditor/__init__.py says {__version__}" in refusal(checkout)


def test_tagged_version_needs_its_section(checkout: Path) -> None:
    git(checkout, "tag", f"v{__version__}")
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    assert f"CHANGELOG.md has no section [{__version__}]" in refusal(checkout)


def test_wrong_use_is_told(checkout: Path) -> None:
    done = subprocess.run([checkout / "scripts" / "release", "--upload"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage" in done.stderr
