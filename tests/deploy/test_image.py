"""The image: what the Dockerfile says, and what comes of its steps when they run in a folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from auditor import __version__

from .dockerfile import Stage, below, build, parse

REPO = Path(__file__).resolve().parents[2]
DOCKERFILE = REPO / "Dockerfile"
ARGUMENTS, STAGES = parse(DOCKERFILE.read_text("utf-8"))
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that stands for /, where everybody may look and where no other mount hides it."""
    path = Path(tempfile.mkdtemp(prefix="gke-auditor-image-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def final() -> Stage:
    return STAGES[-1]


# --- what it says ---


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_base_is_an_exact_slim_tag_and_nothing_else_is_used() -> None:
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", ARGUMENTS["BASE"])
    assert [stage.base for stage in STAGES] == ["${BASE}", "${BASE}"]


def test_base_has_the_python_that_runs_these_tests_or_one_that_the_package_names() -> None:
    minor = re.match(r"python:(3\.\d+)", ARGUMENTS["BASE"])
    assert minor is not None
    assert f'"Programming Language :: Python :: {minor[1]}"' in (REPO / "pyproject.toml").read_text("utf-8")


def test_context_is_exactly_what_is_copied() -> None:
    copied = {
        word
        for stage in STAGES
        for line in stage.all("COPY")
        if not line.text.startswith("--from")
        for word in line.words[:-1]
    }
    rules = [line for line in (REPO / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied


def test_every_package_comes_by_its_hash_and_as_a_wheel() -> None:
    installs = [part for line in STAGES[0].all("RUN") for part in line.text.split("&&") if " install " in part]
    from_index = [part for part in installs if "--no-index" not in part]
    assert len(from_index) == 2
    for part in from_index:
        assert {"--require-hashes", "--no-deps", "--only-binary", "--requirement"} <= set(part.split())
    assert len(installs) == 3


def test_what_runs_is_not_root_and_needs_no_shell() -> None:
    (user,) = final().all("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user.text)
    assert final().all("RUN") == []
    (entrypoint,), (command,) = final().all("ENTRYPOINT"), final().all("CMD")
    assert entrypoint.text.startswith("[")
    assert command.text.startswith("[")
    assert entrypoint.words + command.words == ["python", "-m", "auditor", "job"]


def test_labels_are_those_of_the_open_container_initiative() -> None:
    (line,) = final().all("LABEL")
    prefix = "org.opencontainers.image."
    names = {"title", "description", "licenses", "version", "revision", "created"}
    assert set(line.pairs) == {prefix + name for name in names}
    arguments = {name for argument in final().all("ARG") for name in argument.pairs}
    assert {name for value in line.pairs.values() for name in re.findall(r"\$\{(\w+)\}", value)} == arguments


# --- what comes of it ---


def test_steps_make_what_runs_from_a_read_only_root_as_nobody(root: Path) -> None:
    """All RUN lines as they stand; then the final stage's environment, user and entrypoint."""
    base = {"PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    index = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    build(STAGES[0], REPO, root, {**base, **index, "HOME": os.environ.get("HOME", "/")}, without={"PIP_NO_CACHE_DIR"})

    (copied,) = final().all("COPY")
    assert copied.words == ["--from=build", "/opt/gke-auditor", "/opt/gke-auditor"]
    made = below(root, "/opt/gke-auditor")
    packages = next((made / "lib").glob("python3.*/site-packages"))
    assert not list(packages.glob("pip*")), "what runs must not be able to install anything"
    sources = {path.stem for path in (packages / "auditor").glob("*.py")}
    assert {path.name.split(".")[0] for path in (packages / "auditor" / "__pycache__").glob("*.pyc")} == sources
    checked = subprocess.run(
        [below(root, "/opt/build") / "bin/python", "-m", "pip", "--python", made / "bin/python", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout

    shutil.copytree(REPO / "fixtures" / "demo", below(root, "/work") / "demo")
    entrypoint = final().all("ENTRYPOINT")[0].words
    version = start(root, base, [*entrypoint, "--version"])
    assert __version__ in version
    audit = ["-m", "auditor", "audit", "--snapshot", "demo", "--as-of", "2026-11-22T06:00:00Z"]
    here = subprocess.run(
        [sys.executable, *audit],
        cwd=REPO / "fixtures",
        env={**base, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert start(root, base, ["python", *audit]) == here.stdout
    assert "orphaned" in here.stdout
    written = start(root, base, ["python", "-c", "import matplotlib; print(matplotlib.get_cachedir())"])
    assert written == "/tmp/matplotlib\n"  # noqa: S108
    nothing = start(root, base, ["python", "-c", "import os; os.access('/work', os.W_OK) and exit('writable')"])
    assert nothing == ""


ISOLATED = r"""
set -eu
mount --make-rprivate /
if [ -n "$PREFIX" ]; then
    # Only root may enter the folder of this interpreter: show others just the interpreter.
    top=/$(echo "$PREFIX" | cut -d / -f 2)
    mount --bind "$PREFIX" "$ROOT/src"
    mount -t tmpfs -o mode=755 tmpfs "$top"
    mkdir -p "$PREFIX"
    mount --move "$ROOT/src" "$PREFIX"
fi
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /
cd "$ROOT/work"
exec setpriv --reuid "${USER_ID%:*}" --regid "${USER_ID#*:}" --clear-groups --inh-caps=-all env -i "$@"
"""


def start(root: Path, base: dict[str, str], command: Sequence[str]) -> str:
    """What a command prints in the final stage: its user and variables, nothing of / writable but /tmp."""
    variables = {
        name: value.replace("/opt/", f"{root}/opt/", 1).replace("${PATH}", base["PATH"])
        for name, value in final().environment.items()
    }
    settings = [f"{name}={value}" for name, value in {"LC_ALL": "C.UTF-8", **variables}.items()]
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        argv = ["env", "-i", *settings, *command]  # without privileges the file system stays as it is
    else:
        argv = ["unshare", "-m", "sh", "-c", ISOLATED, "sh", *settings, *command]
    prefix = Path(sys.base_prefix).resolve()
    is_open = all(folder.stat().st_mode & 0o001 for folder in (prefix, *prefix.parents))
    done = subprocess.run(
        argv,
        cwd=root / "work",
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "ROOT": str(root),
            "PREFIX": "" if is_open else str(prefix),
            "USER_ID": final().all("USER")[0].text,
        },
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- scripts/pin-base and scripts/build-image ---


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "auditor").mkdir()
    for name in ("Dockerfile", "scripts/pin-base", "scripts/build-image", "auditor/__init__.py"):
        shutil.copy(REPO / name, tmp_path / name)
    return tmp_path


def stub(checkout: Path, name: str, script: str) -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\necho {name} \"$@\" >>'{checkout}/asked'\n{script}\n")
    path.chmod(0o755)


def run_script(checkout: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    for tool in ("sh", "sed", "grep", "mktemp", "rm", "cat", "head", "date", "dirname", "sha256sum"):
        found = shutil.which(tool)
        assert found
        if not (checkout / "bin" / tool).exists():
            (checkout / "bin" / tool).symlink_to(found)
    return subprocess.run(
        [checkout / "scripts" / name, *arguments],
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_digest_is_written_once_and_replaced_later(checkout: Path) -> None:
    stub(checkout, "crane", f"echo {DIGEST}")
    done = run_script(checkout, "pin-base")
    tag = ARGUMENTS["BASE"].partition("@")[0]
    assert (done.returncode, done.stdout) == (0, f"{tag}@{DIGEST}\n"), done.stderr
    other = DIGEST.replace("0", "9")
    stub(checkout, "crane", f"echo {other}")
    assert run_script(checkout, "pin-base").returncode == 0
    text = (checkout / "Dockerfile").read_text("utf-8")
    assert parse(text)[0]["BASE"] == f"{tag}@{other}"
    assert text.replace(f"@{other}", "") == DOCKERFILE.read_text("utf-8").replace(ARGUMENTS["BASE"], tag)
    assert (checkout / "asked").read_text() == f"crane digest {tag}\n" * 2


def test_another_image_can_be_named(checkout: Path) -> None:
    stub(checkout, "crane", f"echo {DIGEST}")
    assert run_script(checkout, "pin-base", "mirror.example.com:5000/python:3.11.15-slim-trixie").returncode == 0
    base = parse((checkout / "Dockerfile").read_text("utf-8"))[0]["BASE"]
    assert base == f"mirror.example.com:5000/python:3.11.15-slim-trixie@{DIGEST}"


@pytest.mark.parametrize(
    ("tool", "script"),
    [
        ("docker", "echo 'no such host' >&2; exit 1"),
        ("crane", "echo 'sha256:short'"),
        ("crane", "true"),
        ("skopeo", "exit 1"),
        ("", ""),
    ],
)
def test_no_answer_is_said_and_no_digest_is_made_up(checkout: Path, tool: str, script: str) -> None:
    if tool:
        stub(checkout, tool, script)
    done = run_script(checkout, "pin-base")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no registry could be asked" in done.stderr
    assert (checkout / "Dockerfile").read_text() == DOCKERFILE.read_text()


@pytest.mark.parametrize("image", ["python", "python:", "--help", "a b:c", "python:3|e"])
def test_what_is_no_image_is_refused(checkout: Path, image: str) -> None:
    stub(checkout, "crane", f"echo {DIGEST}")
    assert run_script(checkout, "pin-base", image).returncode == 2
    assert not (checkout / "asked").exists()


def test_built_image_is_labelled(checkout: Path) -> None:
    stub(checkout, "docker", "")
    stub(checkout, "git", "[ $1 = rev-parse ] && echo abc123; exit 0")
    assert run_script(checkout, "build-image", "auditor:1", "--push").returncode == 0
    asked = next(line for line in (checkout / "asked").read_text().splitlines() if line.startswith("docker"))
    assert asked.startswith(
        f"docker build --tag auditor:1 --build-arg VERSION={__version__} --build-arg REVISION=abc123 "
    )
    assert asked.endswith(" --push .")
    given = set(re.findall(r"--build-arg (\w+)=", asked))
    assert given == {name for line in final().all("ARG") for name in line.pairs}
