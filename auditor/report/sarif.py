"""The report as SARIF 2.1.0, for code scanning: one rule per reason code, one result per finding.

Section numbers are those of the OASIS standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
GitHub takes at most 25,000 results a run, wants a file as the place of each (the resource's name stands in for one),
and knows a result again by the partial fingerprint `primaryLocationLineHash`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from auditor.model.finding import Finding, Verdict, format_time
from auditor.model.history import Novelty
from auditor.model.money import to_cents
from auditor.model.reasons import ALL, Reason
from auditor.model.report import Gap, Report

from . import text
from .selection import Selection, select

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS = 25_000
FINGERPRINT = "gkeAuditorFindingId/v1"
LONGEST_PASSAGE = 2000
_LONGEST_CATEGORY = 100
_MOST_SAID = 3
"""So much evidence and so many warnings stand in the message; all of them in the properties."""

_LEVELS = {
    Verdict.ORPHANED: "warning",
    Verdict.UNUSED: "warning",
    Verdict.IDLE: "note",
    Verdict.UNKNOWN: "note",
}
_KINDS = {Verdict.IN_USE: "pass", Verdict.PENDING: "open", Verdict.FOREIGN: "notApplicable"}
"""What is no problem has no level and another kind than "fail" (3.27.9, 3.27.10)."""
_BASELINE_STATES = {Novelty.NEW: "new", Novelty.KNOWN: "unchanged", Novelty.GONE: "absent"}
_RULE_INDEX = {reason.code: index for index, reason in enumerate(ALL)}
_LINK = re.compile(r"\](?=\()")


def render(report: Report, selection: Selection) -> str:
    """The selected findings, the suppressed ones marked as such, those that are gone as absent, and every gap."""
    selected = select(report, selection)
    here = (*selected.findings, *selected.suppressed)
    shown = (*here, *_absent(report, selection, {finding.id for finding in here}))
    left_out = max(0, len(shown) - MOST_RESULTS)
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(report)},
                "automationDetails": {"id": f"gke-auditor/{_category(report)}/"},
                "invocations": [_invocation(report, left_out)],
                "results": [
                    _result(finding, has_history=report.history is not None) for finding in shown[:MOST_RESULTS]
                ],
                "columnKind": "utf16CodeUnits",
                "properties": _run_properties(report),
            }
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _absent(report: Report, selection: Selection, here: Set[str]) -> Iterable[Finding]:
    """What is gone, as far as it was asked for; what is in use now and listed as that is not absent, too."""
    gone = select(replace(report, findings=report.gone, suppressed=()), selection).findings
    return (finding for finding in gone if finding.id not in here)


def _category(report: Report) -> str:
    """The scope of the audit: what one scope no longer reports must not close the alerts of another."""
    named = quote("+".join(_text(name) for name in report.parents or report.projects), safe="/+")
    if len(named) <= _LONGEST_CATEGORY:
        return named
    return f"{named[:_LONGEST_CATEGORY]}-{hashlib.sha256(named.encode()).hexdigest()[:8]}"


# The tool and its rules


def _driver(report: Report) -> Mapping[str, Any]:
    return {
        "name": "gke-auditor",
        "version": report.tool_version,
        "shortDescription": {"text": "Finds, proves and prices what GKE left behind in Google Cloud."},
        "rules": [_rule(reason) for reason in ALL],
        "notifications": [
            {"id": _gap_id(category), "shortDescription": {"text": f"Not read in full: {category.replace('_', ' ')}."}}
            for category in sorted({_text(gap.category) for gap in report.gaps})
        ],
    }


def _rule(reason: Reason) -> Mapping[str, Any]:
    paragraphs = [("Looks for", reason.looks_for)]
    if reason.false_positives != "-":
        paragraphs.append(("Known false positives", reason.false_positives))
    paragraphs.append(("To confirm it", reason.confirm))
    return {
        "id": reason.code,
        "name": "".join(word.capitalize() for word in reason.code.split("-")),
        "shortDescription": {"text": f"{text.verdict_name(reason.verdict).capitalize()}: {reason.code}"},
        "fullDescription": {"text": reason.looks_for},
        "help": {
            "text": "\n".join(f"{title}: {said}" for title, said in paragraphs),
            "markdown": "\n\n".join(f"**{title}:** {_as_markdown(title, said)}" for title, said in paragraphs),
        },
        "defaultConfiguration": {"level": _LEVELS.get(reason.verdict, "none")},
        "properties": {"tags": ["cost", "gke", reason.verdict.value]},
    }


def _as_markdown(title: str, said: str) -> str:
    return f"`{said}`" if title == "To confirm it" else said


# Results


def _result(finding: Finding, *, has_history: bool) -> Mapping[str, Any]:
    is_gone = finding.history is not None and finding.history.novelty is Novelty.GONE
    kind = "pass" if is_gone else _KINDS.get(finding.verdict, "fail")
    result: dict[str, Any] = {
        "ruleId": _text(finding.reason),
        "kind": kind,
        "level": _LEVELS[finding.verdict] if kind == "fail" else "none",
        "message": _message(*_sentences(finding)),
        "locations": [_location(finding)],
        "partialFingerprints": {"primaryLocationLineHash": finding.id, FINGERPRINT: finding.id},
        # All results of a run have this list, or none (3.27.23).
        "suppressions": [] if finding.suppression is None else [_suppression(finding.suppression)],
        "properties": {name: value for name, value in _properties(finding).items() if value is not None},
    }
    if finding.reason in _RULE_INDEX:
        result["ruleIndex"] = _RULE_INDEX[finding.reason]
    if has_history:
        result["baselineState"] = _baseline_state(finding)
    return result


def _baseline_state(finding: Finding) -> str:
    """All results of a run have a state, or none (3.27.24): what no earlier run told of is new to this list."""
    novelty = finding.history.novelty if finding.history else None
    return _BASELINE_STATES[novelty or Novelty.NEW]


def _suppression(reason: str) -> Mapping[str, Any]:
    return {"kind": "external", "status": "accepted", "justification": _text(reason) or text.UNKNOWN}


def _sentences(finding: Finding) -> Sequence[str]:
    resource, owner = finding.resource, finding.owner
    name = f"{text.kind_name(resource.collection)} {resource.name} in {resource.project}/{resource.location}"
    of = text.object_name(owner) if owner else ""
    return [
        f"{text.verdict_name(finding.verdict).capitalize()}: {name}, {_price(finding)}.",
        f"Owner: {of}, {text.cluster_name(owner, finding.verdict, full=True)}." if of else "",
        *(_as_sentence(item.statement) for item in finding.evidence[:_MOST_SAID]),
        *finding.warnings[:_MOST_SAID],
    ]


def _as_sentence(statement: str) -> str:
    return f"{statement[:1].upper()}{statement[1:]}{'' if statement.endswith('.') else '.'}"


def _price(finding: Finding) -> str:
    monthly = finding.cost.monthly if finding.cost else None
    if monthly is None:
        return "price not known"
    return f"{text.dollars(monthly)} a month at list price" if monthly else "free of charge by itself"


def _location(finding: Finding) -> Mapping[str, Any]:
    resource = finding.resource
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(_text(resource.relative), safe="/")},
            "region": {"startLine": 1},
        },
        "logicalLocations": [
            {
                "name": _text(resource.name),
                "fullyQualifiedName": _text(resource.full),
                "kind": "resource",
            }
        ],
    }


def _properties(finding: Finding) -> Mapping[str, Any]:
    cost, owner, history = finding.cost, finding.owner, finding.history
    properties: dict[str, Any] = {
        "verdict": finding.verdict.value,
        "confidence": finding.confidence.value,
        "monthly": str(to_cents(cost.monthly)) if cost and cost.monthly is not None else None,
        "currency": cost.currency if cost else "USD",
        "createdAt": format_time(finding.created_at),
        "ip": _text(finding.ip) if finding.ip else None,
        "loadBalancer": _text(finding.load_balancer.full) if finding.load_balancer else None,
        "owner": None
        if owner is None
        else {
            "cluster": _optional(owner.cluster),
            "kind": _optional(owner.kind),
            "namespace": _optional(owner.namespace),
            "name": _optional(owner.name),
            "live": owner.live,
        },
        "evidence": [{"statement": _text(item.statement), "source": _text(item.source)} for item in finding.evidence],
        "warnings": _texts(finding.warnings),
        "consoleUrl": _text(text.console_url(finding.resource)),
    }
    if history is not None:
        properties |= {
            "novelty": history.novelty.value if history.novelty else None,
            "firstSeen": format_time(history.first_seen),
            "runsSeen": history.runs_seen,
        }
    return properties


# The run


def _invocation(report: Report, left_out: int) -> Mapping[str, Any]:
    notifications = [_gap_notification(gap) for gap in report.gaps]
    notifications += [{"level": "warning", "message": _message(said)} for said in report.warnings]
    if left_out:
        said = (
            f"{text.plural(left_out, 'result is', 'results are')} left out: {MOST_RESULTS:,} is the most for one run."
        )
        notifications.append({"level": "error", "message": _message(said)})
    return {
        "executionSuccessful": True,
        "endTimeUtc": format_time(report.generated_at),
        "toolExecutionNotifications": notifications,
    }


def _gap_notification(gap: Gap) -> Mapping[str, Any]:
    missing = f" ({', '.join(gap.missing)})" if gap.missing else ""
    effect = f"{text.plural(gap.unknown_count, 'resource is', 'resources are')} unknown because of it."
    return {
        "level": "warning",
        "message": _message(
            f"Not read in full: {gap.scope}{missing}: {gap.category.replace('_', ' ')}.",
            effect if gap.unknown_count else "",
            f"({gap.detail})" if gap.detail else "",
            f"→ {gap.hint}" if gap.hint else "",
        ),
        "descriptor": {"id": _gap_id(_text(gap.category))},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": _text(gap.scope), "kind": "list"}]}],
        "properties": {"status": _text(gap.status), "missing": _texts(gap.missing)},
    }


def _run_properties(report: Report) -> Mapping[str, Any]:
    summary = report.summary
    return {
        "complete": not report.gaps,
        "snapshotTakenAt": format_time(report.snapshot_taken_at),
        "projects": _texts(report.projects),
        "parents": _texts(report.parents),
        "pricesAsOf": report.prices_as_of.isoformat(),
        "counts": {verdict.value: report.counts.get(verdict, 0) for verdict in Verdict},
        "monthly": {
            "currency": summary.currency,
            "saving": str(to_cents(summary.saving)),
            "suppressed": str(to_cents(summary.suppressed)),
            "total": str(to_cents(summary.total)),
        },
    }


def _gap_id(category: str) -> str:
    return f"gap/{category}"


# Text


def _text(said: str) -> str:
    return text.clean(said, LONGEST_PASSAGE)


def _optional(said: str | None) -> str | None:
    return None if said is None else _text(said)


def _texts(said: Iterable[str]) -> Sequence[str]:
    """SARIF's own word for such lists is "unique": tags and the like may not repeat."""
    return list(dict.fromkeys(_text(item) for item in said))


def _message(*sentences: str) -> Mapping[str, str]:
    """Plain text in which nothing is a placeholder (3.11.5) or an embedded link (3.11.6); never empty."""
    said = " ".join(_text(sentence) for sentence in sentences if sentence) or text.UNKNOWN
    return {"text": _LINK.sub("] ", said.replace("{", "{{").replace("}", "}}"))}
