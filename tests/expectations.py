"""What a decision case expects, and how findings are held against it (fixtures/README.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.model.finding import WASTE, Confidence, Finding, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One decision case: where its snapshot is, the time of the audit, and the allowed verdicts by resource."""

    name: str
    snapshot: Path
    as_of: datetime
    why: str
    expect: Mapping[str, Mapping[str, Any]]


def parse_case(name: str, snapshot: Path, expected: Mapping[str, Any]) -> Case:
    return Case(name, snapshot, datetime.fromisoformat(expected["as_of"]), expected["why"], expected["expect"])


def archived_cases(folder: Path) -> list[Case]:
    """The cases of fixtures/cases: one expected.json for all, one archive for each."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return [parse_case(name, folder / f"{name}.tar.gz", case) for name, case in expected.items()]


def case_folders(*folders: Path) -> list[Case]:
    """Cases as folders: a snapshot with its own expected.json inside."""
    found = [path for folder in folders for path in sorted(folder.glob("*/expected.json"))]
    return [parse_case(path.parent.name, path.parent, json.loads(path.read_text(encoding="utf-8"))) for path in found]


def problems(expect: Mapping[str, Mapping[str, Any]], findings: Iterable[Finding]) -> Iterator[str]:
    """Everything in which the findings differ from what is expected, one line each; none = the case passes.

    A waste verdict where none is allowed is called a FALSE ORPHAN: one is worse than all the rest.
    """
    got: dict[str, Finding] = {}
    for finding in findings:
        if finding.resource.full in got:
            yield f"{finding.resource.full}: reported twice"
        got[finding.resource.full] = finding
    for resource, want in expect.items():
        found = got.get(resource)
        if found is not None:
            yield from _differences(want, found)
        elif not want.get("optional"):
            yield f"{resource}: expected {' or '.join(want['verdicts'])}, not reported at all"
    for resource in sorted(set(got) - set(expect)):
        verdict = got[resource].verdict
        false_orphan = " FALSE ORPHAN" if verdict in WASTE else ""
        yield f"{resource}: not a judged resource of this snapshot, got {verdict}{false_orphan}"


def _differences(want: Mapping[str, Any], found: Finding) -> Iterator[str]:
    allowed = {Verdict(verdict) for verdict in want["verdicts"]}
    confidences = {Confidence(confidence) for confidence in want.get("confidence", tuple(Confidence))}
    said = f"{found.resource.full}: got {found.verdict} ({found.confidence}, {found.reason})"
    because = "".join(f"\n      - {fact.statement} [{fact.source}]" for fact in found.evidence)
    if found.verdict not in allowed:
        false_orphan = " FALSE ORPHAN" if found.verdict in WASTE and not allowed & WASTE else ""
        yield f"{said}, expected {' or '.join(want['verdicts'])}{false_orphan}{because}"
    elif found.verdict in WASTE and found.confidence not in confidences:
        yield f"{said}, expected confidence {' or '.join(want['confidence'])}{because}"
    elif found.verdict is Verdict.ORPHANED and found.confidence is Confidence.LOW:
        yield f"{said}: orphaned with low confidence does not exist"
    if not found.evidence:
        yield f"{said}: no evidence"
