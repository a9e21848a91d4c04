"""The decision cases: whole snapshots of small projects, and the verdicts that are right for each resource."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from expectations import Case, archived_cases, case_folders, problems

from auditor.collect.directory import read_snapshot
from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import Confidence, Evidence, Finding, Verdict
from auditor.model.names import ResourceName

REPO = Path(__file__).resolve().parent.parent
FIXTURES = REPO / "fixtures" / "cases"
SHARED = REPO.parent / "shared"
SOURCES = (SHARED / "cases", SHARED / "recorded")
NEEDS_SOURCES = "LEFT OUT: the folder of the original cases is not beside this checkout; fixtures/cases was tested"
MIN_AGE = timedelta(hours=1)


def names(case: Case) -> str:
    return case.name


def check(case: Case) -> None:
    findings = judge(inventory.build(read_snapshot(case.snapshot)), as_of=case.as_of, min_age=MIN_AGE)
    wrong = list(problems(case.expect, findings))
    assert not wrong, f"{case.name}: {case.why}\n  " + "\n  ".join(wrong)


@pytest.mark.parametrize("case", archived_cases(FIXTURES), ids=names)
def test_case(case: Case) -> None:
    check(case)


def test_every_archive_is_expected_and_every_expectation_has_an_archive() -> None:
    archives = {path.name.removesuffix(".tar.gz") for path in FIXTURES.glob("*.tar.gz")}
    assert archives == {case.name for case in archived_cases(FIXTURES)}
    assert len(archives) > 50


@pytest.mark.skipif(not SOURCES[0].is_dir(), reason=NEEDS_SOURCES)
def test_original_cases_in_place() -> None:
    """One test for all of them: a snapshot directory must give what its archive gives."""
    cases = case_folders(*SOURCES)
    failed = []
    for case in cases:
        try:
            check(case)
        except AssertionError as error:
            failed.append(str(error))
    assert cases
    assert not failed, f"{len(failed)} of {len(cases)} cases failed\n" + "\n".join(failed)


@pytest.mark.skipif(not SOURCES[0].is_dir(), reason=NEEDS_SOURCES)
def test_copies_are_those_of_the_original_cases() -> None:
    copies = {case.name: case for case in archived_cases(FIXTURES)}
    for original in case_folders(*SOURCES):
        copy = copies.get(original.name)
        advice = f"{original.name} differs: run scripts/import-cases with all folders of the original cases"
        assert copy is not None, advice
        assert (copy.as_of, copy.why, copy.expect) == (original.as_of, original.why, original.expect), advice
        assert members(copy.snapshot) == files(original.snapshot), advice


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        found = [(member.name, tar.extractfile(member)) for member in tar.getmembers()]
        return {name: stream.read() for name, stream in found if stream is not None}


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*.json") if path != folder / "expected.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.skipif(not (SOURCES[0] / "check").is_file(), reason=NEEDS_SOURCES)
def test_the_checker_of_the_original_cases_is_content() -> None:
    """The command as a user runs it, in a process of its own for each case: half a minute."""
    command = {**os.environ, "AUDITOR_CMD": f"{sys.executable} -m auditor"}
    done = subprocess.run(
        [sys.executable, str(SOURCES[0] / "check")],
        cwd=REPO,
        env=command,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


RULE = ResourceName("p", "global", "forwardingRules", "r")
EVIDENCE = (Evidence("No object owns it.", "projects/p/compute/forwardingRules"),)


def a_finding(
    verdict: Verdict,
    confidence: Confidence = Confidence.HIGH,
    evidence: tuple[Evidence, ...] = EVIDENCE,
    resource: ResourceName = RULE,
) -> Finding:
    return Finding(resource, verdict, "a-reason", confidence, evidence, created_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("want", "found", "said"),
    [
        ({"verdicts": ["in_use"]}, [a_finding(Verdict.ORPHANED)], "FALSE ORPHAN"),
        ({"verdicts": ["unknown"]}, [a_finding(Verdict.UNUSED)], "FALSE ORPHAN"),
        ({"verdicts": ["orphaned"]}, [a_finding(Verdict.UNKNOWN)], "expected orphaned"),
        ({"verdicts": ["orphaned"]}, [], "not reported at all"),
        ({"verdicts": ["orphaned"]}, [a_finding(Verdict.ORPHANED)] * 2, "reported twice"),
        ({"verdicts": ["orphaned"]}, [a_finding(Verdict.ORPHANED, Confidence.LOW)], "does not exist"),
        ({"verdicts": ["orphaned"]}, [a_finding(Verdict.ORPHANED, evidence=())], "no evidence"),
        (
            {"verdicts": ["orphaned"], "confidence": ["medium"]},
            [a_finding(Verdict.ORPHANED)],
            "expected confidence medium",
        ),
        (
            {"verdicts": ["in_use"]},
            [a_finding(Verdict.IN_USE), a_finding(Verdict.UNUSED, resource=ResourceName("p", "global", "disks", "d"))],
            "not a judged resource of this snapshot, got unused FALSE ORPHAN",
        ),
    ],
)
def test_the_check_can_fail(want: dict[str, list[str]], found: list[Finding], said: str) -> None:
    assert any(said in line for line in problems({RULE.full: want}, found))


def test_the_check_can_pass() -> None:
    expect = {
        RULE.full: {"verdicts": ["orphaned"], "confidence": ["high"]},
        "//compute.googleapis.com/projects/p/global/addresses/a": {"verdicts": ["unknown"], "optional": True},
    }
    assert not list(problems(expect, [a_finding(Verdict.ORPHANED)]))
    assert not any("FALSE ORPHAN" in line for line in problems(expect, []))
