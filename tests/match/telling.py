"""What a situation is: a world with something in it, and the verdicts that the documents give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from auditor.model.finding import WASTE, Finding

from .builder import PROJECT, World

Expected = Mapping[str, str]
"""By "scope/collection/name" (or "project:scope/collection/name"): "orphaned", "orphaned|unknown" or "orphaned/high".
Nothing that is not named may be orphaned or unused."""
Told = Callable[[World], Expected]


def disagreements(expected: Expected, found: Mapping[str, Finding]) -> Iterator[str]:
    """One line for each resource whose verdict is another, with the evidence."""
    named = {_full(where) for where in expected}
    for where, wanted in expected.items():
        finding = found.get(_full(where))
        if finding is None:
            yield f"{where}: not judged at all"
            continue
        verdicts, _, confidence = wanted.partition("/")
        if finding.verdict.value not in verdicts.split("|") or confidence not in ("", finding.confidence.value):
            yield f"{_told(finding)}, expected {wanted}"
    for full, finding in found.items():
        if finding.verdict in WASTE and full not in named:
            yield f"{_told(finding)}, expected no waste"
        if not finding.evidence:
            yield f"{full}: no evidence"


def _full(where: str) -> str:
    project, colon, rest = where.partition(":")
    return f"{project}/{rest}" if colon else f"{PROJECT}/{where}"


def _told(finding: Finding) -> str:
    because = "".join(f"\n      - {fact.statement} [{fact.source}]" for fact in finding.evidence)
    return (
        f"{finding.resource.relative}: got {finding.verdict} ({finding.confidence}, {finding.reason}){because}\n     "
    )
