"""A report read back from its JSON (docs/report.md): what report/json.py wrote, as values again.

Whatever the document leaves out by the filters it was made with is not there: counts and sums are those of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from .finding import Confidence, Evidence, Finding, Owner, Verdict
from .history import Accrual, FindingHistory, Novelty, ReportHistory, TrendPoint
from .money import Cost
from .names import COMPUTE_PREFIX, ResourceName, parse_link
from .report import ClusterRead, Gap, Report, Summary

SCHEMA_VERSION = 1

JSON = Mapping[str, Any]
Value = TypeVar("Value")


class NotAReport(ValueError):
    """The document is no report of this version; the text says where it differs."""


def read_report(document: Any) -> Report:
    """The report that a parsed JSON document holds. Raises NotAReport, never anything else, for every other text.

    Keys that this version does not know are left out: additions do not change the version of the schema.
    """
    if not isinstance(document, Mapping):
        raise NotAReport("it is no JSON object")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise NotAReport(f"its schema_version is {version!r:.40}; this version reads {SCHEMA_VERSION}")
    try:
        return _report(document)
    except KeyError as error:
        raise NotAReport(f"{error.args[0]} is missing") from error
    except (AttributeError, IndexError, InvalidOperation, OverflowError, TypeError, ValueError) as error:
        raise NotAReport(f"a value is of the wrong form: {error}") from error


def _report(document: JSON) -> Report:
    summary, prices = document["summary"], document["prices"]
    monthly = summary["monthly"]
    return Report(
        tool_version=_text(document["tool"]["version"]),
        generated_at=_time(document["generated_at"]),
        snapshot_taken_at=_time(document["snapshot_taken_at"]),
        projects=_texts(document["scope"]["projects"]),
        clusters=_all(_cluster, document["scope"]["clusters"]),
        price_source=_text(prices["source"]),
        prices_as_of=date.fromisoformat(prices["as_of"]),
        gaps=_all(_gap, document["coverage"]["gaps"]),
        counts={verdict: int(document["counts"].get(verdict.value, 0)) for verdict in Verdict},
        summary=Summary(
            currency=_text(summary["currency"]),
            monthly={verdict: _amount(monthly.get(verdict.value)) or Decimal("0.00") for verdict in Verdict},
            saving=_amount(monthly["saving"]) or Decimal("0.00"),
            total=_amount(monthly["total"]) or Decimal("0.00"),
            suppressed=_amount(monthly["suppressed"]) or Decimal("0.00"),
        ),
        findings=_all(_finding, document["findings"]),
        suppressed=_all(_finding, document["suppressed"]),
        notes=_texts(document.get("notes", ())),
        warnings=_texts(document.get("warnings", ())),
        settings=_mapping(document["settings"]) if "settings" in document else None,
        parents=_texts(document["scope"].get("parents", ())),
        history=_history(document["history"]) if "history" in document else None,
        gone=_all(_finding, document.get("gone", ())),
    )


def _cluster(document: JSON) -> ClusterRead:
    return ClusterRead(_text(document["cluster"]), _text(document["status"]), _text(document["read"]))


def _gap(document: JSON) -> Gap:
    return Gap(
        scope=_text(document["scope"]),
        status=_text(document["status"]),
        category=_text(document["category"]),
        detail=_text(document["detail"]),
        hint=_text(document["hint"]),
        missing=_texts(document.get("missing", ())),
        unknown_count=int(document.get("unknown_count", 0)),
    )


def _finding(document: JSON) -> Finding:
    cost = document["cost"]
    root, owner, created_at = document["load_balancer"], document["owner"], document["created_at"]
    return Finding(
        resource=_resource(document["resource"]),
        verdict=Verdict(document["verdict"]),
        reason=_text(document["reason"]),
        confidence=Confidence(document["confidence"]),
        evidence=_all(lambda item: Evidence(_text(item["statement"]), _text(item["source"])), document["evidence"]),
        created_at=None if created_at is None else _time(created_at),
        load_balancer=None if root is None else _resource(root),
        owner=None if owner is None else _owner(owner),
        ip=_optional(document["ip"]),
        warnings=_texts(document["warnings"]),
        observed=_mapping(document["observed"]) if "observed" in document else None,
        cost=Cost(
            _amount(cost["monthly"]),
            _amount(cost["monthly_if_deleted_alone"]),
            _text(cost["currency"]),
            _texts(cost["notes"]),
        ),
        suppression=_optional(document.get("suppression")),
        history=_finding_history(document["history"]) if "history" in document else None,
    )


def _owner(document: JSON) -> Owner:
    return Owner(
        cluster=_optional(document["cluster"]),
        kind=_optional(document["kind"]),
        namespace=_optional(document["namespace"]),
        name=_optional(document["name"]),
        live=document["live"] is True,
    )


def _finding_history(document: JSON) -> FindingHistory:
    novelty = document["novelty"]
    return FindingHistory(
        novelty=None if novelty is None else Novelty(novelty),
        first_seen=_time(document["first_seen"]),
        last_seen=_time(document["last_seen"]),
        runs_seen=int(document["runs_seen"]),
        accrued_since_first_seen=_accrual(document.get("accrued_since_first_seen")),
        accrued_since_creation=_accrual(document.get("accrued_since_creation")),
    )


def _accrual(document: JSON | None) -> Accrual | None:
    if document is None:
        return None
    return Accrual(Decimal(_text(document["low"])), Decimal(_text(document["high"])))


def _history(document: JSON) -> ReportHistory:
    since, previous = document["since"], document["previous"]
    return ReportHistory(
        source=_text(document["source"]),
        runs=int(document["runs"]),
        since=None if since is None else _time(since),
        previous=None if previous is None else _time(previous),
        trend=_all(_trend_point, document.get("trend", ())),
    )


def _trend_point(document: JSON) -> TrendPoint:
    return TrendPoint(
        at=_time(document["at"]),
        saving=Decimal(_text(document["saving"])),
        idle=Decimal(_text(document["idle"])),
        unknown=Decimal(_text(document["unknown"])),
        total=Decimal(_text(document["total"])),
        is_partial=document["is_partial"] is True,
    )


def _resource(full: Any) -> ResourceName:
    name = parse_link(_text(full)) if _text(full).startswith(COMPUTE_PREFIX) else None
    if name is None:
        raise ValueError(f"{full!r:.80} is no full resource name")
    return name


def _all(read: Callable[[JSON], Value], items: Iterable[Any]) -> tuple[Value, ...]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise TypeError(f"{items!r:.40} is no list")
    return tuple(read(_mapping(item)) for item in items)


def _mapping(value: Any) -> JSON:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r:.40} is no object")
    return value


def _texts(items: Any) -> tuple[str, ...]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise TypeError(f"{items!r:.40} is no list")
    return tuple(_text(item) for item in items)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r:.40} has no time zone")
    return moment.astimezone(UTC)


def _amount(value: Any) -> Decimal | None:
    amount = None if value is None else Decimal(_text(value))
    if amount is not None and not amount.is_finite():
        raise ValueError(f"{value!r:.40} is no amount")
    return amount
