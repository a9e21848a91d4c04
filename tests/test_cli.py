"""The command as a user calls it: arguments in, stdout, stderr and exit code out. Verdicts come from a stand-in."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click
import jsonschema
import pytest
from commandline import Run

from auditor import __version__, cli, pipeline
from auditor.data.tables import load_schema
from auditor.errors import ExitCode

REPOSITORY = Path(__file__).resolve().parents[1]
AS_OF = "2026-11-22T06:00:00Z"
pytestmark = pytest.mark.usefixtures("bare_surroundings", "judged_by_name")


def address(name: str, region: str = "europe-west1") -> dict[str, Any]:
    return {
        "name": name,
        "region": region,
        "address": "203.0.113.80",
        "addressType": "EXTERNAL",
        "status": "RESERVED",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }


def write_snapshot(folder: Path, *names: str, complete: bool = False) -> Path:
    """A hand-made dump; `complete` adds a manifest that leaves no gap."""
    compute = folder / "projects" / "acme" / "compute"
    compute.mkdir(parents=True)
    (compute / "addresses.json").write_text(json.dumps([address(name) for name in names]))
    manifest: dict[str, Any] = {"format": 1, "taken_at": AS_OF, "tool": "test", "coverage": []}
    if complete:
        from auditor.gaps import NEEDED_COLLECTIONS  # noqa: PLC0415

        for collection in NEEDED_COLLECTIONS:
            if collection != "addresses":
                (compute / f"{collection}.json").write_text("[]")
        container = folder / "projects" / "acme" / "container"
        container.mkdir()
        (container / "clusters.json").write_text("[]")
        (folder / "projects" / "acme" / "project.json").write_text('{"projectId": "acme", "projectNumber": "1"}')
    (folder / "snapshot.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    return str(write_snapshot(tmp_path / "snap", "unused-a", "orphaned-b", "in-use-c", "pending-d"))


@pytest.fixture
def complete_snapshot(tmp_path: Path) -> str:
    return str(write_snapshot(tmp_path / "full", "unused-a", "in-use-c", complete=True))


# stdout and stderr


def test_json_is_all_that_stands_on_stdout(run: Run, snapshot: str) -> None:
    code, out, err = run("audit", "--snapshot", snapshot, "--as-of", AS_OF, "--format", "json")
    document = json.loads(out)
    jsonschema.validate(document, load_schema())
    assert code == 0
    assert [item["name"] for item in document["findings"]] == ["orphaned-b", "unused-a"]
    assert "Audited 4 resources: 1 orphaned, 1 unused" in err


def test_the_same_snapshot_gives_the_same_bytes(run: Run, snapshot: str) -> None:
    args = ("audit", "--snapshot", snapshot, "--as-of", AS_OF, "-o", "json", "--verdict", "all")
    assert run(*args)[1] == run(*args)[1]


def test_audit_is_what_happens_without_a_command(run: Run, snapshot: str) -> None:
    assert run("--snapshot", snapshot, "--as-of", AS_OF) == run("audit", "--snapshot", snapshot, "--as-of", AS_OF)


def test_the_table_is_piped_without_colour_and_says_everything_itself(run: Run, snapshot: str) -> None:
    code, out, err = run("audit", "--snapshot", snapshot, "--as-of", AS_OF)
    assert code == 0
    assert "address unused-a" in out
    assert "\x1b" not in out
    assert err == ""


@pytest.mark.parametrize(
    ("environment", "flags", "is_coloured"),
    [
        ({}, (), False),
        ({}, ("--color", "always"), True),
        ({"NO_COLOR": "1"}, ("--color", "always"), True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"GKE_AUDITOR_COLOR": "always"}, ("--color", "never"), False),
    ],
)
def test_colour(
    run: Run,
    snapshot: str,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    flags: tuple[str, ...],
    is_coloured: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = run("audit", "--snapshot", snapshot, *flags)[1]
    assert ("\x1b[31m" in out) == is_coloured


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_gets_colour_and_a_table_that_fits(columns: int) -> None:
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    program = [sys.executable, "-m", "auditor", "audit", "--snapshot", "fixtures/demo", "--as-of", AS_OF]
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen(program, stdout=child, stderr=subprocess.DEVNULL, cwd=REPOSITORY, env=environment) as process:
        os.close(child)
        with os.fdopen(parent, "rb", buffering=0) as terminal:
            seen = b"".join(_chunks(terminal)).decode()
        assert process.wait(30) == 0
    assert "\x1b[31morphaned\x1b[0m" in seen
    plain = re.sub(r"\x1b\]8;;.*?\x1b\\|\x1b\[[0-9;]*m", "", seen).splitlines()
    rows = plain[plain.index("") + 1 : plain.index("", plain.index("") + 1)]
    assert len(rows) > 10
    assert max(len(row) for row in rows) <= columns


def _chunks(terminal: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            chunk = terminal.read(65536)
        except OSError:  # how a terminal says that the other end was closed
            return
        if not chunk:
            return
        yield chunk


def test_quiet_says_nothing_on_stderr(run: Run, snapshot: str) -> None:
    assert run("audit", "--snapshot", snapshot, "-o", "json", "-q")[2] == ""


def test_verbose_says_what_was_read(run: Run, snapshot: str) -> None:
    assert "Read 4 resources of 1 projects and 0 clusters" in run("audit", "--snapshot", snapshot, "-v")[2]


def test_output_and_write_make_files_of_one_audit(run: Run, snapshot: str, tmp_path: Path) -> None:
    code, out, _ = run(
        "audit", "--snapshot", snapshot, "--as-of", AS_OF, "--output", "report.txt",
        "--write", "json=report.json", "--write", "wide=report.wide",
    )  # fmt: skip
    assert (code, out) == (0, "")
    assert "address unused-a" in (tmp_path / "report.txt").read_text()
    assert len(json.loads((tmp_path / "report.json").read_text())["findings"]) == 2
    assert "projects/acme/regions/europe-west1/addresses/unused-a" in (tmp_path / "report.wide").read_text()


def test_a_file_that_cannot_be_written_is_exit_code_1(run: Run, snapshot: str) -> None:
    code, out, err = run("audit", "--snapshot", snapshot, "--write", "json=no/such/folder.json")
    assert (code, out) == (1, "")
    assert "Cannot write no/such/folder.json: No such file or directory" in err


# what is shown


def test_verdict_all_shows_everything(run: Run, snapshot: str) -> None:
    document = json.loads(run("audit", "--snapshot", snapshot, "-o", "json", "--verdict", "all")[1])
    assert [item["verdict"] for item in document["findings"]] == ["orphaned", "unused", "in_use", "pending"]


def test_filters_hide_and_never_count(run: Run, snapshot: str) -> None:
    document = json.loads(run("audit", "--snapshot", snapshot, "-o", "json", "--region", "us-central1")[1])
    assert document["findings"] == []
    assert document["counts"]["orphaned"] == 1


def test_a_filter_that_nothing_fits_is_warned_about(run: Run, snapshot: str) -> None:
    assert (
        "--project amce: no judged resource belongs to it"
        in run("audit", "--snapshot", snapshot, "--project", "amce")[2]
    )


# exit codes


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ((), ExitCode.OK),
        (("--fail-on", "orphaned"), ExitCode.OK),
        (("--fail-on", "unused"), ExitCode.FOUND),
        (("--fail-on", "idle"), ExitCode.FOUND),
        (("--fail-on", "unknown"), ExitCode.FOUND),
        (("--fail-on", "never"), ExitCode.OK),
        (("--fail-on", "unused", "--region", "nowhere"), ExitCode.FOUND),
        (("--fail-on", "unused", "--verdict", "idle"), ExitCode.FOUND),
        (("--fail-over", "0"), ExitCode.FOUND),
        (("--fail-over", "5"), ExitCode.FOUND),
        (("--fail-over", "10000"), ExitCode.OK),
        (("--strict",), ExitCode.OK),
    ],
)
def test_exit_codes_of_a_complete_audit(run: Run, complete_snapshot: str, flags: tuple[str, ...], code: int) -> None:
    assert run("audit", "--snapshot", complete_snapshot, "--as-of", AS_OF, *flags)[0] == code


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("--strict",), ExitCode.INCOMPLETE),
        (("--strict", "--fail-on", "orphaned"), ExitCode.FOUND),
        (("--strict", "--fail-over", "10000"), ExitCode.INCOMPLETE),
        (("--strict", "--no-strict"), ExitCode.OK),
    ],
)
def test_exit_codes_of_an_incomplete_audit(run: Run, snapshot: str, flags: tuple[str, ...], code: int) -> None:
    assert run("audit", "--snapshot", snapshot, "--as-of", AS_OF, *flags)[0] == code


def test_what_is_suppressed_does_not_fail(run: Run, complete_snapshot: str, tmp_path: Path) -> None:
    (tmp_path / "gke-auditor-ignore.toml").write_text(
        '[[ignore]]\nresource = "projects/acme/regions/*/addresses/unused-a"\nreason = "kept"\npermanent = true\n'
    )
    code, out, _ = run(
        "audit", "--snapshot", complete_snapshot, "--as-of", AS_OF, "--fail-on", "unused", "--fail-over", "0"
    )
    assert code == 0
    assert "Suppressed: 1 resource" in out
    shown = run("audit", "--snapshot", complete_snapshot, "--as-of", AS_OF, "--show-suppressed")[1]
    assert "addresses/unused-a: kept (permanently)" in shown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("audit", "--snapshot", "x", "--folder", "12"), "--snapshot asks nobody"),
        (("audit", "--snapshot", "x", "--keep-snapshot", "y"), "--snapshot asks nobody"),
        (("audit", "--folder", "acme"), "is not the number of one of the folders"),
        (("audit", "--endpoint", "compute=http://192.0.2.1"), "plain http:// is accepted for loopback addresses only"),
        (("audit", "--endpoint", "mail=https://example.com"), "is not SERVICE=URL"),
        (("audit", "--universe-domain", "nowhere"), "is no domain like"),
        (("audit", "--concurrency", "0"), "is not in the range"),
        (("collect",), "Missing option '--output'"),
        (("autid",), "Did you mean audit?"),
        (("audit", "--frobnicate"), "No such option"),
        (("audit", "--snapshot", "/does/not/exist"), "there is no such snapshot"),
        (("audit", "--format", "yaml"), "'yaml' is not one of 'table', 'wide', 'json'"),
        (("audit", "--min-age", "soon"), "'soon' is no duration like 90m, 1h or 7d."),
        (("audit", "--as-of", "today"), "'today' is no time like"),
        (("audit", "--fail-on", "in_use"), "is not one of 'never', 'orphaned'"),
        (("audit", "--write", "report.json"), "is not FORMAT=FILE"),
        (("audit", "--config", "nothing.toml"), "Cannot read the settings file nothing.toml"),
        (("audit", "--config", "x", "--no-config"), "exclude each other"),
        (("costs", "--by", "colour"), "is not one of"),
        (("completion", "tcsh"), "is not one of"),
    ],
)
def test_usage_errors_contact_nothing(run: Run, args: tuple[str, ...], said: str) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert said in err


def test_a_missing_ignore_file_is_a_usage_error(run: Run, snapshot: str) -> None:
    code, _, err = run("audit", "--snapshot", snapshot, "--ignore-file", "nothing.toml")
    assert code == 2
    assert "Cannot read the ignore file nothing.toml" in err


def test_a_folder_that_is_no_snapshot_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = run("audit", "--snapshot", str(tmp_path / "empty"))
    assert (code, out) == (1, "")
    assert "Error: " in err


def test_a_bug_is_one_line_and_a_traceback_only_on_demand(
    run: Run, snapshot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("\x1b[2Jboom")

    monkeypatch.setattr(pipeline, "judge", broken)
    code, out, err = run("audit", "--snapshot", snapshot)
    assert (code, out) == (1, "")
    assert "This is a bug in gke-auditor" in err
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert "Traceback" in run("audit", "--snapshot", snapshot, "-vv")[2]


def test_ctrl_c_is_130(run: Run, snapshot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "judge", interrupted)
    code, out, err = run("audit", "--snapshot", snapshot)
    assert (code, out, err.strip()) == (130, "", "Error: Interrupted")


SLOW = """
import sys, time
from auditor import cli, pipeline
def slow(*args, **kwargs):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)
pipeline.judge = slow
cli.main()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_signals_end_it_at_once(snapshot: str, number: signal.Signals, code: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, "audit", "--snapshot", snapshot, "--output", "report.txt"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stderr is not None
        while "ready" not in process.stderr.readline():
            pass
        process.send_signal(number)
        assert process.wait(10) == code
    assert not (tmp_path / "report.txt").exists()


def test_a_reader_who_leaves_early_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "auditor", "prices"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


# the other commands


def test_explain_finds_by_ip_and_by_name(run: Run, snapshot: str) -> None:
    code, out, _ = run("explain", "unused-a", "--snapshot", snapshot)
    assert code == 0
    assert out.startswith("//compute.googleapis.com/projects/acme/regions/europe-west1/addresses/unused-a\n")
    assert run("explain", "203.0.113.80", "--snapshot", snapshot)[1].count("//compute.googleapis.com/") == 4


def test_explain_nothing_of_that_name_is_exit_code_1(run: Run, snapshot: str) -> None:
    code, out, err = run("explain", "unused-b", "--snapshot", snapshot)
    assert (code, out) == (1, "")
    assert "Did you mean unused-a" in err


def test_costs_add_up_to_the_total_of_the_report(run: Run, snapshot: str) -> None:
    total = json.loads(run("audit", "--snapshot", snapshot, "-o", "json")[1])["summary"]["monthly"]["total"]
    code, out, _ = run("costs", "--by", "project", "--snapshot", snapshot)
    assert code == 0
    assert total in next(line for line in out.splitlines() if line.startswith("all")).split()


def test_version(run: Run) -> None:
    assert run("version")[1].startswith(f"gke-auditor {__version__} (Python ")
    assert f"gke-auditor, version {__version__}" in run("--version")[1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(run: Run, shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_GKE_AUDITOR_COMPLETE" in out
    assert "gke-auditor" in out


def test_completion_completes() -> None:
    environment = {
        **os.environ,
        "_GKE_AUDITOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "gke-auditor aud",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "auditor"], env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout == "plain,audit\n"


# help


HEAVY = ("google", "kubernetes", "tabulate", "rich", "orjson", "requests")


@pytest.mark.parametrize("args", [["--help"], ["audit", "--help"], ["version"]])
def test_help_is_quick_and_loads_no_library_that_it_does_not_need(args: list[str]) -> None:
    program = (
        "import sys\n"
        "from auditor.cli import run\n"
        f"code = run({args!r})\n"
        f"loaded = sorted(name for name in {HEAVY!r} if name in sys.modules)\n"
        "print(loaded, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert done.stdout


@pytest.mark.parametrize("command", ["audit", "explain", "costs", "prices", "config", "version", "completion"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert re.search(r"^  -h, --help", out, re.MULTILINE)
    undocumented = [
        parameter.name
        for parameter in cli.commands.commands[command].params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert undocumented == []


def test_a_snapshot_in_place_of_a_command_is_answered_with_the_command(snapshot: str, run: Run) -> None:
    code, out, err = run(snapshot)
    assert (code, out) == (ExitCode.USAGE, "")
    assert f"gke-auditor audit --snapshot {snapshot}" in err
