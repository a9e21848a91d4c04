"""`gke-auditor collect --part` and `gke-auditor merge`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import gcs
import pytest
from organization import make_organization, split
from rehearsal import audit, served

from auditor import cli
from auditor.collect.directory import read_snapshot, write_snapshot
from auditor.collect.parts import merge, part_of
from auditor.deliver.storage import BucketAccess, open_store
from auditor.errors import ExitCode

COUNT = 3
EXECUTION = "exec-1"


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    organization = make_organization(projects=12, clusters=3)
    folder = tmp_path / "parts" / EXECUTION
    folder.mkdir(parents=True)
    found = []
    for index, part in enumerate(split(organization.snapshot, COUNT, EXECUTION)):
        found.append(folder / f"{index}-of-{COUNT}.tar.gz")
        write_snapshot(part, found[-1])
    return found


def test_parts_by_name_in_any_order(parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "merged.tar.gz"
    assert cli.run(["merge", *map(str, reversed(parts)), "--output", str(output)]) == ExitCode.OK
    assert read_snapshot(output) == merge([part_of(read_snapshot(path), path.name) for path in parts])
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Wrote {output}: 3 parts. Audit it: gke-auditor audit --snapshot {output}" in said.err


def test_a_folder_of_parts(parts: list[Path], tmp_path: Path) -> None:
    one, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    assert cli.run(["merge", *map(str, parts), "--output", str(one)]) == ExitCode.OK
    assert cli.run(["merge", str(parts[0].parent), "--output", str(other)]) == ExitCode.OK
    assert one.read_bytes() == other.read_bytes()


def test_a_bucket_of_parts(parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "merged.tar.gz"
    with gcs.serving() as endpoint:
        gcs.make_bucket(endpoint, "audits")
        store = open_store("gs://audits/gke", BucketAccess(endpoint=endpoint))
        for path in parts:
            assert store.create(f"parts/{EXECUTION}/{path.name}", path.read_bytes())
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        assert cli.run(["merge", f"gs://audits/gke/parts/{EXECUTION}/", "--output", str(output)]) == ExitCode.OK
    assert read_snapshot(output) == merge([part_of(read_snapshot(path), path.name) for path in parts])


def test_a_missing_part_is_told(parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "merged"
    parts[1].unlink()
    assert cli.run(["merge", str(parts[0].parent), "--output", str(output)]) == ExitCode.OK
    assert "Part 1-of-3 is missing" in capsys.readouterr().err
    assert cli.run(["audit", "--snapshot", str(output), "--strict"]) == ExitCode.INCOMPLETE
    assert "part 1-of-3 of execution exec-1" in capsys.readouterr().out


def test_what_is_no_part_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tmp_path / "whole.tar.gz"
    write_snapshot(make_organization(projects=4, clusters=1).snapshot, whole)
    assert cli.run(["merge", str(whole), "--output", str(tmp_path / "merged")]) == ExitCode.USAGE
    assert "whole.tar.gz is no part of an execution" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()


def test_an_empty_place_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.run(["merge", str(tmp_path / "empty"), "--output", str(tmp_path / "merged")]) == ExitCode.NOT_DONE
    assert "empty" in capsys.readouterr().err


def test_a_damaged_part_is_named(parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts[2].write_bytes(parts[2].read_bytes()[:200])
    assert cli.run(["merge", *map(str, parts), "--output", str(tmp_path / "merged")]) == ExitCode.NOT_DONE
    assert "2-of-3.tar.gz" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["3/3", "1", "-1/3", "x/y", "1/0"])
def test_shares_that_are_none(written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["collect", "--part", written, "--execution", "e", "--output", str(tmp_path / "part")]
    assert cli.run(arguments) == ExitCode.USAGE
    assert "--part" in capsys.readouterr().err


def test_a_part_needs_an_execution(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["collect", "--part", "0/3", "--output", str(tmp_path / "part")]) == ExitCode.USAGE
    assert "go together" in capsys.readouterr().err


def test_parts_that_were_collected_by_hand_are_looked_at_twice(tmp_path: Path) -> None:
    organization = make_organization(projects=12, clusters=3)
    output = tmp_path / "merged.tar.gz"
    paths = [tmp_path / f"part-{index}" for index in range(COUNT)]
    with served(organization.snapshot) as world:
        asked = ["--organization", world.organization.partition("/")[2], *world.endpoint_flags(), "--quiet"]
        for index, path in enumerate(paths):
            part = ["--part", f"{index}/{COUNT}", "--execution", "by-hand"]
            assert cli.run(["collect", *part, "--output", str(path), *asked]) == ExitCode.OK
        world.forget()
        merging = ["merge", *map(str, paths), "--output", str(output), "--second-look", *asked]
        assert cli.run(merging) == ExitCode.OK
        assert world.requests
    found = read_snapshot(output)
    assert found.confirmations
    assert {finding.resource: finding.verdict for finding in audit(found, organization.as_of).findings} == {
        finding.resource: finding.verdict for finding in audit(organization.snapshot, organization.as_of).findings
    }
