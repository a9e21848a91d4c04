"""How two reports differ. Pure: two reports in, one difference out, linear in the number of findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from auditor.model.difference import Change, Difference, Incomparable, side_of
from auditor.model.finding import Finding, Verdict
from auditor.model.names import ResourceName
from auditor.model.report import Report
from auditor.model.snapshot import compute_scope

from .past import REPORTED, Reach, by_importance, lists_all_reported, reach_of


def difference(old: Report, new: Report, old_name: str, new_name: str) -> Difference:
    """What is reported (orphaned, unused, idle, unknown) in one of them and not, or otherwise, in the other.

    A finding is the same in both if its id is: resource and time of creation. One that only one report has counts as
    new or gone only if the other one has read the list that it would stand in.
    """
    before, after = _by_id(old), _by_id(new)
    appeared, gone, incomparable = [], [], []
    reaches = (reach_of(old), reach_of(new))
    is_whole = (lists_all_reported(old), lists_all_reported(new))
    for finding in _missing_from(before, after):
        reason = _why_not_told(finding.resource, reaches[0], is_whole[0])
        if reason:
            incomparable.append(Incomparable(finding, True, reason))
        else:
            appeared.append(finding)
    for finding in _missing_from(after, before):
        reason = _why_not_told(finding.resource, reaches[1], is_whole[1])
        if reason:
            incomparable.append(Incomparable(finding, False, reason))
        else:
            gone.append(finding)
    changed = []
    for key, finding in after.items():
        other = before.get(key)
        if other is None or other.verdict is finding.verdict or not REPORTED & {other.verdict, finding.verdict}:
            continue
        if _may_be_as_idle(other, finding, reaches):
            incomparable.append(Incomparable(other, False, _UNSEEN_WORK))
        elif _may_be_as_idle(finding, other, reaches):
            incomparable.append(Incomparable(finding, True, _UNSEEN_WORK))
        else:
            changed.append(Change(other, finding))
    return Difference(
        old=side_of(old, old_name),
        new=side_of(new, new_name),
        appeared=tuple(sorted(appeared, key=by_importance)),
        gone=tuple(sorted(gone, key=by_importance)),
        changed=tuple(sorted(changed, key=lambda change: (by_importance(change.new), by_importance(change.old)))),
        incomparable=tuple(sorted(incomparable, key=lambda item: (not item.is_in_new, by_importance(item.finding)))),
    )


def _by_id(report: Report) -> Mapping[str, Finding]:
    return {finding.id: finding for finding in (*report.findings, *report.suppressed)}


def _missing_from(one: Mapping[str, Finding], other: Mapping[str, Finding]) -> Iterator[Finding]:
    """What is reported in `other` and not there at all in `one`."""
    return (finding for key, finding in other.items() if key not in one and finding.verdict in REPORTED)


_UNSEEN_WORK = "nobody could look whether it does its work: something of its cluster was not read"


def _may_be_as_idle(idle: Finding, finding: Finding, reaches: Sequence[Reach]) -> bool:
    """Whether what is idle in one report is in use in the other only because one of them did not look."""
    is_pair = idle.verdict is Verdict.IDLE and finding.verdict is Verdict.IN_USE
    return is_pair and not all(reach.sees_work(idle) for reach in reaches)


def _why_not_told(name: ResourceName, reach: Reach, is_whole: bool) -> str:
    """Why a report that lacks a resource does not say that there was none; "" where it does say so."""
    if not is_whole:
        return "filters left something out"
    if name.project not in reach.projects:
        return f"project {name.project} was not audited"
    return "" if reach.covers(name) else f"{compute_scope(name.project, name.collection)} was not read in full"
