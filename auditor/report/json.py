"""The report as JSON: docs/report.md, data/report.schema.json. The same report gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from auditor.model.finding import Finding, Owner, Verdict, format_time
from auditor.model.history import Accrual, FindingHistory, ReportHistory
from auditor.model.money import HOURS_PER_MONTH, to_cents
from auditor.model.report import Report
from auditor.model.report_document import SCHEMA_VERSION

from .selection import Selection, select

_SURROGATES = re.compile("[\ud800-\udfff]")
_INVISIBLE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def render(report: Report, selection: Selection) -> str:
    """The whole report; `selection` says which findings stand in it, never what is counted or summed."""
    selected = select(report, selection)
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "gke-auditor", "version": report.tool_version},
        "generated_at": format_time(report.generated_at),
        "snapshot_taken_at": format_time(report.snapshot_taken_at),
        "scope": {
            "projects": list(report.projects),
            "clusters": [
                {"cluster": item.cluster, "status": item.status, "read": item.read} for item in report.clusters
            ],
            "parents": list(report.parents),
        },
        "prices": {
            "source": report.price_source,
            "as_of": report.prices_as_of.isoformat(),
            "currency": report.summary.currency,
            "hours_per_month": HOURS_PER_MONTH,
        },
        "coverage": _coverage(report),
        "counts": {verdict.value: report.counts.get(verdict, 0) for verdict in Verdict},
        "summary": _summary(report),
        "findings": [finding_document(item) for item in selected.findings],
        "suppressed": [finding_document(item) for item in selected.suppressed],
        "notes": list(report.notes),
        "warnings": list(report.warnings),
    }
    if report.settings is not None:
        document["settings"] = dict(report.settings)
    if report.history is not None:
        document["history"] = _history(report.history)
        document["gone"] = [finding_document(item) for item in report.gone]
    return written(document)


def written(document: Mapping[str, Any]) -> str:
    """A document as indented JSON that is safe to print, whatever its strings hold."""
    plain = orjson.dumps(_writable(document), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    # Such characters stand only inside strings: escaped they mean the same, and cannot steer a terminal.
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match.group()):04x}", plain.decode())


def _coverage(report: Report) -> Mapping[str, Any]:
    gaps = []
    for gap in report.gaps:
        entry: dict[str, Any] = {
            "scope": gap.scope,
            "status": gap.status,
            "category": gap.category,
            "detail": gap.detail,
            "hint": gap.hint,
        }
        if gap.missing:
            entry["missing"] = list(gap.missing)
        if gap.unknown_count:
            entry["unknown_count"] = gap.unknown_count
        gaps.append(entry)
    return {"complete": not gaps, "gaps": gaps}


def _summary(report: Report) -> Mapping[str, Any]:
    summary = report.summary
    monthly = {verdict.value: amount_text(summary.monthly.get(verdict)) for verdict in Verdict}
    monthly |= {
        "saving": amount_text(summary.saving),
        "total": amount_text(summary.total),
        "suppressed": amount_text(summary.suppressed),
    }
    return {"currency": summary.currency, "monthly": monthly}


def finding_document(finding: Finding) -> Mapping[str, Any]:
    """One finding, as docs/report.md describes it."""
    resource, cost = finding.resource, finding.cost
    document: dict[str, Any] = {
        "id": finding.id,
        "resource": resource.full,
        "kind": resource.collection,
        "project": resource.project,
        "location": resource.location,
        "name": resource.name,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "confidence": finding.confidence.value,
        "load_balancer": finding.load_balancer.full if finding.load_balancer else None,
        "owner": _owner(finding.owner),
        "ip": finding.ip,
        "created_at": format_time(finding.created_at),
        "cost": {
            "monthly": amount_text(cost.monthly) if cost else None,
            "monthly_if_deleted_alone": amount_text(cost.monthly_if_deleted_alone) if cost else None,
            "currency": cost.currency if cost else "USD",
            "notes": list(cost.notes) if cost else [],
        },
        "evidence": [{"statement": item.statement, "source": item.source} for item in finding.evidence],
        "warnings": list(finding.warnings),
    }
    if finding.observed is not None:
        document["observed"] = finding.observed
    if finding.suppression is not None:
        document["suppression"] = finding.suppression
    if finding.history is not None:
        document["history"] = _finding_history(finding.history)
    return document


def _finding_history(history: FindingHistory) -> Mapping[str, Any]:
    document: dict[str, Any] = {
        "novelty": history.novelty.value if history.novelty else None,
        "first_seen": format_time(history.first_seen),
        "last_seen": format_time(history.last_seen),
        "runs_seen": history.runs_seen,
        "accrued_since_first_seen": _accrual(history.accrued_since_first_seen),
        "accrued_since_creation": _accrual(history.accrued_since_creation),
    }
    return document


def _accrual(accrual: Accrual | None) -> Mapping[str, Any] | None:
    return None if accrual is None else {"low": amount_text(accrual.low), "high": amount_text(accrual.high)}


def _history(history: ReportHistory) -> Mapping[str, Any]:
    return {
        "source": history.source,
        "runs": history.runs,
        "since": format_time(history.since),
        "previous": format_time(history.previous),
        "trend": [
            {
                "at": format_time(point.at),
                "saving": amount_text(point.saving),
                "idle": amount_text(point.idle),
                "unknown": amount_text(point.unknown),
                "total": amount_text(point.total),
                "is_partial": point.is_partial,
            }
            for point in history.trend
        ],
    }


def _owner(owner: Owner | None) -> Mapping[str, Any] | None:
    if owner is None:
        return None
    return {
        "cluster": owner.cluster,
        "kind": owner.kind,
        "namespace": owner.namespace,
        "name": owner.name,
        "live": owner.live,
    }


def amount_text(amount: Decimal | None) -> str | None:
    """An amount with two places; None where it is not known."""
    return None if amount is None else str(to_cents(amount))


def _writable(value: Any) -> Any:
    """The same value as plain JSON types: mappings as dicts, and no lone surrogate, which UTF-8 cannot hold."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_writable(str(key)): _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)  # orjson's range; only hostile input gets here
    return value
