"""`audit --format csv|markdown|sarif`, run as a user runs it, on the demo: which bytes go where."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from commandline import Run, caller

from auditor.parameters import FORMATS

DEMO = Path(__file__).resolve().parents[1] / "fixtures" / "demo"
AS_OF = "2026-11-22T06:00:00Z"
GAPS_HEADER = "scope,status,category,missing,unknown_count,detail,hint"
pytestmark = pytest.mark.usefixtures("bare_surroundings")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys, "audit", "--snapshot", str(DEMO), "--as-of", AS_OF)


def rows(written: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written), strict=True))


@pytest.fixture
def document(run: Run) -> dict[str, list[dict[str, str]]]:
    """The same audit in the form for programs."""
    found: dict[str, list[dict[str, str]]] = json.loads(run("-o", "json")[1])
    return found


def test_csv_on_stdout_is_findings_alone_and_the_gaps_are_said_on_stderr(run: Run, document: dict) -> None:
    code, out, err = run("-o", "csv")
    assert code == 0
    assert [row["id"] for row in rows(out)] == [item["id"] for item in document["findings"]]
    assert [row["monthly"] or None for row in rows(out)] == [item["cost"]["monthly"] for item in document["findings"]]
    gaps = document["coverage"]["gaps"]
    assert gaps
    assert GAPS_HEADER not in out + err
    for gap in gaps:
        assert gap["category"].replace("_", " ") in err
        assert gap["hint"] in err
    assert "Warning: Not read in full: " in err
    assert "Audited " in err
    assert os.listdir() == []


def test_quiet_csv_says_nothing_on_stderr(run: Run) -> None:
    assert run("-o", "csv", "-q")[2] == ""


@pytest.mark.parametrize("flags", [("--write", "csv=found.csv"), ("-o", "csv", "--output", "found.csv")])
def test_csv_in_a_file_has_its_gaps_beside_it(run: Run, document: dict, flags: tuple[str, ...]) -> None:
    code, _, err = run(*flags)
    assert code == 0
    assert sorted(os.listdir()) == ["found.csv", "found.csv.gaps.csv"]
    found = Path("found.csv").read_bytes()
    assert b"\r" not in found
    assert [row["id"] for row in rows(found.decode())] == [item["id"] for item in document["findings"]]
    gaps = rows(Path("found.csv.gaps.csv").read_text("utf-8"))
    assert [row["scope"] for row in gaps] == [gap["scope"] for gap in document["coverage"]["gaps"]]
    assert "Not read in full" not in err


def test_gaps_of_an_earlier_run_do_not_stay_beside_a_new_report(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from auditor import pipeline  # noqa: PLC0415

    Path("found.csv.gaps.csv").write_text("old")
    assess = pipeline.assess
    monkeypatch.setattr(pipeline, "assess", lambda *args: replace(assess(*args), gaps=()))
    assert run("--write", "csv=found.csv")[0] == 0
    assert Path("found.csv.gaps.csv").read_text("utf-8") == f"{GAPS_HEADER}\n"


def test_findings_are_not_written_where_their_gaps_cannot_be(run: Run) -> None:
    Path("found.csv").write_text("old")
    Path("found.csv.gaps.csv").mkdir()
    code, out, err = run("-o", "csv", "--output", "found.csv")
    assert (code, out) == (1, "")
    assert "Error: Cannot write found.csv.gaps.csv: Is a directory" in err
    assert Path("found.csv").read_text() == "old"
    assert sorted(os.listdir()) == ["found.csv", "found.csv.gaps.csv"]


@pytest.mark.parametrize("written_format", [name for name in FORMATS if name not in ("table", "wide")])
def test_a_missing_folder_is_said_and_nothing_is_written(run: Run, written_format: str) -> None:
    code, out, err = run("-o", written_format, "--output", "no/such/report")
    assert (code, out) == (1, "")
    assert "Cannot write no/such/report: No such file or directory" in err
    assert os.listdir() == []


def test_csv_to_a_device_leaves_nothing_beside_it(run: Run) -> None:
    code, out, err = run("-o", "csv", "--output", "/dev/null")
    assert (code, out) == (0, "")
    assert "Warning: Not read in full: " in err
    assert not Path("/dev/null.gaps.csv").exists()


def test_markdown_and_sarif_are_all_that_stands_on_stdout(run: Run, document: dict) -> None:
    code, out, err = run("-o", "markdown")
    assert code == 0
    assert out.startswith("## Load balancers and addresses: ")
    assert "\x1b" not in out
    assert "Audited " in err
    code, out, err = run("-o", "sarif")
    assert code == 0
    (log,) = json.loads(out)["runs"]
    shown = [*document["findings"], *document["suppressed"]]
    assert [item["partialFingerprints"]["primaryLocationLineHash"] for item in log["results"]] == [
        item["id"] for item in shown
    ]
    assert not [item for item in log["results"] if ".." in item["message"]["text"]]
    assert "Not read in full" not in err, "they are notifications"


@pytest.mark.parametrize("written_format", FORMATS)
def test_the_same_snapshot_gives_the_same_bytes_in_every_form(run: Run, written_format: str) -> None:
    first, second = (run("-o", written_format, "--verdict", "all")[1] for _ in range(2))
    assert first == second
    assert first.endswith("\n")


def test_one_audit_makes_every_file(run: Run) -> None:
    flags = [flag for name in FORMATS for flag in ("--write", f"{name}=report.{name}")]
    code, out, _ = run(*flags)
    assert code == 0
    assert out == Path("report.table").read_text("utf-8")
    assert sorted(os.listdir()) == sorted([*(f"report.{name}" for name in FORMATS), "report.csv.gaps.csv"])


@pytest.mark.parametrize("written_format", ["csv", "markdown", "sarif"])
def test_filters_hold_in_every_form(run: Run, written_format: str) -> None:
    everything, filtered = run("-o", written_format)[1], run("-o", written_format, "--region", "nowhere")[1]
    name = json.loads(run("-o", "json")[1])["findings"][0]["id" if written_format != "markdown" else "ip"]
    assert name in everything
    assert name not in filtered


def test_a_dash_is_stdout_for_every_form(run: Run) -> None:
    code, out, err = run("--output", "report.txt", "--write", "csv=-")
    assert code == 0
    assert rows(out)
    assert "Warning: Not read in full: " in err
    assert os.listdir() == ["report.txt"]


@pytest.mark.parametrize(
    "arguments",
    [("--write", "csv=-"), ("--output", "a", "--write", "csv=a"), ("--write", "csv=a", "--write", "html=a")],
)
def test_no_two_forms_go_to_one_place(run: Run, arguments: Sequence[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Two forms of the report would go to" in err
    assert os.listdir() == []
