"""--history, --baseline and diff as a user calls them. Verdicts come from a stand-in, money and comparison are real."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gcs
import jsonschema
import pytest
from commandline import Run

from auditor import cli, files
from auditor.data.tables import load_schema
from auditor.errors import NotDelivered
from auditor.gaps import NEEDED_COLLECTIONS
from auditor.history import runs

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("bare_surroundings", "judged_by_name")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with gcs.serving() as endpoint:
        gcs.make_bucket(endpoint, "audits")
        yield endpoint


def snapshot(day: int, *names: str, missing: tuple[str, ...] = (), unread: bool = False) -> str:
    """A complete snapshot of one project with these addresses; or one whose addresses were not read."""
    folder = Path(f"snapshot-{day}-{len(list(Path().iterdir()))}")
    compute = folder / "projects" / "acme" / "compute"
    compute.mkdir(parents=True)
    for collection in NEEDED_COLLECTIONS:
        (compute / f"{collection}.json").write_text("[]")
    (compute / "addresses.json").write_text(json.dumps([_address(name) for name in names]))
    (folder / "projects" / "acme" / "container").mkdir()
    (folder / "projects" / "acme" / "container" / "clusters.json").write_text("[]")
    (folder / "projects" / "acme" / "project.json").write_text('{"projectId": "acme", "projectNumber": "1"}')
    coverage = []
    if missing or unread:
        status = {"status": "partial", "missing": list(missing)} if missing else {"status": "failed"}
        coverage = [{"scope": "projects/acme/compute/addresses", "category": "unreachable", **status}]
    manifest = {"format": 1, "taken_at": f"2026-11-{day:02}T06:00:00Z", "tool": "test", "coverage": coverage}
    (folder / "snapshot.json").write_text(json.dumps(manifest))
    return str(folder)


def _address(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "region": "europe-west1",
        "address": "203.0.113.80",
        "addressType": "EXTERNAL",
        "status": "RESERVED",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }


def audit(run: Run, snapshot: str, *flags: str) -> dict[str, Any]:
    code, out, err = run("audit", "--snapshot", snapshot, "--format", "json", "--no-config", *flags)
    assert code == 0, err
    report: dict[str, Any] = json.loads(out)
    jsonschema.validate(report, load_schema())
    return report


def novelties(report: dict[str, Any]) -> dict[str, str | None]:
    return {item["name"]: item["history"]["novelty"] for item in report["findings"]}


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, ...]:
    if request.param == "folder":
        return ("--history", str(tmp_path / "kept"))
    endpoint = request.getfixturevalue("server")
    return ("--history", f"gs://audits/{tmp_path.name}", "--endpoint", f"storage={endpoint}")


def test_three_runs(run: Run, place: tuple[str, ...]) -> None:
    first = audit(run, snapshot(8, "unused-a", "orphaned-b", "in-use-c"), *place)
    assert novelties(first) == {"unused-a": None, "orphaned-b": None}
    assert first["history"]["runs"] == 0
    second = audit(run, snapshot(15, "unused-a", "orphaned-d", "in-use-b"), *place)
    assert novelties(second) == {"unused-a": "known", "orphaned-d": "new"}
    assert [item["name"] for item in second["gone"]] == ["orphaned-b"]
    third = audit(run, snapshot(22, "unused-a"), *place)
    (kept,) = third["findings"]
    history = kept["history"]
    assert (history["first_seen"], history["runs_seen"]) == ("2026-11-08T06:00:00Z", 3)
    assert history["accrued_since_first_seen"]["low"] == history["accrued_since_first_seen"]["high"] == "3.36"
    assert [item["name"] for item in third["gone"]] == ["orphaned-d"]
    assert [point["at"][8:10] for point in third["history"]["trend"]] == ["08", "15", "22"]
    assert third["history"]["source"] == place[1]


def test_a_gap_makes_nothing_new_or_gone(run: Run, place: tuple[str, ...]) -> None:
    audit(run, snapshot(8, "unused-a"), *place)
    blind = audit(run, snapshot(15, unread=True), *place)
    assert blind["gone"] == []
    assert novelties(audit(run, snapshot(22, "unused-a"), *place)) == {"unused-a": "known"}


def test_the_same_history_gives_the_same_bytes(
    run: Run, place: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-abc12")
    audit(run, snapshot(8, "unused-a"), *place)
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-def34")
    now = snapshot(15, "unused-a", "orphaned-b")
    flags = ("--as-of", "2026-11-15T06:00:00Z")
    assert audit(run, now, *place, *flags) == audit(run, now, *place, *flags)


def test_a_further_attempt_of_an_execution_is_no_earlier_run(
    run: Run, place: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(run, snapshot(8), *place)
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-abc12")
    assert novelties(audit(run, snapshot(15, "orphaned-b"), *place)) == {"orphaned-b": "new"}
    assert novelties(audit(run, snapshot(16, "orphaned-b"), *place)) == {"orphaned-b": "new"}
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-def34")
    report = audit(run, snapshot(17, "orphaned-b"), *place)
    assert report["history"]["runs"] == 2
    assert report["findings"][0]["history"]["runs_seen"] == 2


def test_one_execution_may_audit_several_scopes(
    run: Run, place: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-abc12")
    audit(run, snapshot(8, "unused-a"), *place)
    other = Path(snapshot(8, "unused-a"))
    (other / "projects" / "acme").rename(other / "projects" / "other")
    (other / "projects" / "other" / "project.json").write_text('{"projectId": "other", "projectNumber": "2"}')
    audit(run, str(other), *place)
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "weekly-def34")
    for world in (snapshot(15, "unused-a"), str(other)):
        report = audit(run, world, *place, "--as-of", "2026-11-15T06:00:00Z")
        assert report["history"]["runs"] == 1
        assert novelties(report) == {"unused-a": "known"}


def test_the_run_is_kept_before_anything_is_delivered(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise NotDelivered("Cannot write to stdout")

    monkeypatch.setattr(cli, "write_stdout", broken)
    code, _, _ = run("audit", "--snapshot", snapshot(8, "unused-a"), "--history", "kept")
    assert code == 1
    assert len(list((tmp_path / "kept" / "runs").iterdir())) == 1


def test_a_report_is_not_lost_where_its_run_cannot_be_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise NotDelivered("Cannot write kept/runs/x: No space left on device", "Free some.")

    monkeypatch.setattr("auditor.history_run.keep_run", full)
    code, out, err = run("audit", "--snapshot", snapshot(8, "unused-a"), "--history", "kept", "--format", "json")
    assert code == 1
    assert json.loads(out)["counts"]["unused"] == 1
    assert "No space left" in err


def test_what_is_kept_is_whole_whatever_is_shown(run: Run, tmp_path: Path) -> None:
    audit(run, snapshot(8, "unused-a", "in-use-c", "pending-d"), "--history", "kept", "--verdict", "orphaned")
    (file,) = (tmp_path / "kept" / "runs").iterdir()
    document = json.loads(gzip.decompress(file.read_bytes()))
    assert {item["name"] for item in document["findings"]} == {"unused-a", "in-use-c", "pending-d"}
    jsonschema.validate(document, load_schema())


def test_the_table_says_what_is_new(run: Run) -> None:
    run("audit", "--snapshot", snapshot(8, "unused-a", "orphaned-x"), "--history", "kept")
    _, out, _ = run("audit", "--snapshot", snapshot(15, "unused-a", "orphaned-b"), "--history", "kept")
    assert "1 new, 1 known, 1 gone since 2026-11-08 (1 earlier run in kept)." in out
    assert "Gone since 2026-11-08:" in out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if "address " in line and "US$" not in line}
    assert lines["orphaned"][3] == "new"
    assert lines["unused"][3:5] == ["2", "runs"]


def test_explain_says_since_when_and_keeps_nothing(run: Run, tmp_path: Path) -> None:
    run("audit", "--snapshot", snapshot(8, "unused-a"), "--history", "kept")
    code, out, _ = run("explain", "unused-a", "--snapshot", snapshot(15, "unused-a"), "--history", "kept")
    assert code == 0
    assert "known since 2026-11-08T06:00:00Z: seen by 2 runs" in out
    assert "US$1.68 since then" in out
    assert len(list((tmp_path / "kept" / "runs").iterdir())) == 1


def test_a_broken_run_is_warned_about_in_the_report(run: Run, tmp_path: Path) -> None:
    audit(run, snapshot(8), "--history", "kept")
    (tmp_path / "kept" / "runs" / "20261115T060000Z-x.json.gz").write_bytes(b"\x1f\x8b")
    report = audit(run, snapshot(22, "orphaned-b"), "--history", "kept")
    assert novelties(report) == {"orphaned-b": None}
    assert any("20261115T060000Z-x.json.gz" in warning for warning in report["warnings"])


def test_a_history_that_cannot_be_read_is_known_before_anything_is_audited(
    run: Run, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the world was read")

    monkeypatch.setattr("auditor.collect.directory.read_snapshots", never)
    flags = ("audit", "--snapshot", "nowhere", "--endpoint", f"storage={server}")
    code, _, err = run(*flags, "--history", "gs://nobodys-bucket/x")
    assert code == 1
    assert "There is no bucket nobodys-bucket" in err
    for wrong in ("s3://bucket/x", "gs://", "gs://UPPER/x"):
        code, _, err = run(*flags, "--history", wrong)
        assert code == 2
        assert "gs://BUCKET/PREFIX" in err


def test_the_emulator_of_the_environment_is_asked(run: Run, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server)
    where = ("--history", "gs://audits/emulator")
    audit(run, snapshot(8, "unused-a"), *where)
    assert novelties(audit(run, snapshot(15, "unused-a"), *where)) == {"unused-a": "known"}
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://storage.example.com")
    code, _, err = run("audit", "--snapshot", snapshot(16), *where)
    assert code == 2
    assert "loopback" in err


def test_runs_in_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    worlds = [snapshot(8, "unused-a"), snapshot(9, "unused-a", "unused-b")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "auditor", "--snapshot", world, "--history", "kept", "--quiet"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for world in worlds
    ]
    assert [process.wait(60) for process in started] == [0, 0]
    assert len(list((tmp_path / "kept" / "runs").iterdir())) == 2


# --baseline


def baseline(run: Run, *names: str, flags: tuple[str, ...] = ()) -> str:
    code, out, err = run("audit", "--snapshot", snapshot(8, *names), "--format", "json", *flags)
    assert code == 0, err
    Path("baseline.json").write_text(out)
    return "baseline.json"


def test_a_baseline_is_compared_with_and_stays_as_it_is(run: Run) -> None:
    path = baseline(run, "unused-a", "orphaned-x", "in-use-c")
    before = Path(path).read_bytes()
    report = audit(run, snapshot(15, "unused-a", "orphaned-c"), "--baseline", path)
    assert novelties(report) == {"unused-a": "known", "orphaned-c": "new"}
    assert [item["name"] for item in report["gone"]] == ["orphaned-x"]
    assert report["history"]["source"] == "baseline.json"
    assert Path(path).read_bytes() == before
    Path("baseline.json.gz").write_bytes(gzip.compress(before))
    again = audit(run, snapshot(15, "unused-a", "orphaned-c"), "--baseline", "baseline.json.gz")
    assert novelties(again) == novelties(report)


def test_a_baseline_that_says_little_is_warned_about(run: Run) -> None:
    path = baseline(run, "unused-a", "orphaned-x", flags=("--verdict", "orphaned"))
    report = audit(run, snapshot(15, "unused-a"), "--baseline", path)
    assert novelties(report) == {"unused-a": "new"} or any("filters" in item for item in report["warnings"])
    assert any("filters" in warning for warning in report["warnings"])
    same_day = audit(run, snapshot(8, "unused-a"), "--baseline", path)
    assert any("not before this audit" in warning for warning in same_day["warnings"])


def test_a_bad_baseline_is_known_before_anything_is_audited(run: Run) -> None:
    for content, code in (("{", 1), ("{}", 1), ('{"schema_version": 7}', 1)):
        Path("bad.json").write_text(content)
        got, _, err = run("audit", "--snapshot", "nowhere", "--baseline", "bad.json")
        assert got == code
        assert "bad.json is no report" in err
    code, _, err = run("audit", "--snapshot", "nowhere", "--baseline", "missing.json")
    assert code == 2
    assert "There is no file missing.json" in err
    code, _, err = run("audit", "--snapshot", "nowhere", "--baseline", "bad.json", "--history", "kept")
    assert code == 2
    assert "exclude each other" in err


# diff


def test_diff_of_a_report_and_a_snapshot(run: Run) -> None:
    path = baseline(run, "unused-a", "orphaned-x", "in-use-c", flags=("--verdict", "all"))
    now = snapshot(15, "unused-a", "orphaned-c", "in-use-x", "orphaned-n")
    code, out, err = run("diff", path, now, "--format", "json")
    assert code == 0, err
    found = json.loads(out)
    assert {item["name"] for item in found["appeared"]} == {"orphaned-c", "orphaned-n"}
    assert [item["name"] for item in found["gone"]] == ["orphaned-x"]
    code, out, _ = run("diff", now, path)
    assert code == 0
    assert out.startswith(f"From {now} (2026-11-15T06:00:00Z) to baseline.json (2026-11-08T06:00:00Z)")
    code, out, _ = run("diff", path, path, "--format", "markdown")
    assert code == 0
    assert "Nothing orphaned, unused, idle or unknown differs." in out


def test_diff_reads_kept_runs_and_says_what_could_not_be_compared(run: Run, tmp_path: Path) -> None:
    audit(run, snapshot(8, "unused-a"), "--history", "kept")
    (kept,) = (tmp_path / "kept" / "runs").iterdir()
    code, out, _ = run("diff", str(kept), snapshot(15, unread=True))
    assert code == 0
    assert "Could not be compared" in out
    assert "projects/acme/compute/addresses was not read in full" in out
    assert "Gone" not in out


def test_diff_reads_one_report_from_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = baseline(run, "unused-a")
    with Path(path).open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, out, _ = run("diff", files.STDOUT, path)
    assert code == 0
    assert "Nothing orphaned" in out
    code, _, err = run("diff", "-", "-")
    assert code == 2
    assert "Only one" in err


def test_diff_of_what_is_no_report(run: Run) -> None:
    Path("notes.txt").write_text("hello")
    code, _, err = run("diff", "notes.txt", "notes.txt")
    assert code == 1
    assert "notes.txt is no report of gke-auditor" in err
    assert run("diff", "missing", "missing")[0] == 2


def test_diff_takes_the_options_of_a_snapshot(run: Run) -> None:
    first, second = snapshot(8, "unused-a"), snapshot(15, "unused-a", "unused-b")
    entry = '[[ignore]]\nresource = "projects/*/regions/*/addresses/unused-b"\nreason = "wanted"\npermanent = true\n'
    Path("ignore.toml").write_text(entry)
    code, out, err = run("diff", first, second, "--ignore-file", "ignore.toml", "--as-of", "2026-11-16T06:00:00Z")
    assert code == 0, err
    assert "(suppressed)" in out
    assert out.count("2026-11-16T06:00:00Z") == 2


def test_the_limit_is_that_of_the_document() -> None:
    assert f"with the newest {runs.MOST_RUNS}" in (REPOSITORY / "docs" / "report.md").read_text("utf-8")
