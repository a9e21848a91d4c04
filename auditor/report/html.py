"""The report as one HTML file that needs nothing else: no server, no font, no script from elsewhere.

Everything is there without JavaScript; the script that it carries only sorts, filters and opens. A content security
policy with the hashes of its own style and script keeps out whatever hostile text might still try.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.history import Novelty
from auditor.model.reasons import BY_CODE, Reason
from auditor.model.report import Gap, Report

from . import cautions, gaps, templating, text
from .charts import Chart, charts, svg
from .confirmation import confirm_by_hand
from .palette import DARK, LIGHT
from .rows import Row, fold, what
from .selection import Selected, Selection, select
from .sentences import saving_sentence, scope_name

_UNPRICED_SORTS_LAST = ""
_LABELS_SHOWN = 6


def render(report: Report, selection: Selection) -> str:
    """The whole page. Suppressed findings stand folded in a section of their own, whether or not they are asked for.

    Filters hide rows, never sums (docs/report.md). Charts that cannot be drawn leave their words.
    """
    selected = select(report, selection)
    everything = fold((*report.findings, *report.suppressed))
    things = _things(fold(selected.findings), report)
    style = templating.render("style.css", {"light": LIGHT, "dark": DARK})
    script = templating.render("script.js", {})
    values = {
        "style": Markup(style),  # noqa: S704 - our own template, whose only values are our colours
        "script": Markup(script),  # noqa: S704 - our own file
        "policy": _policy(style, script),
        "report": report,
        "scope": scope_name(report),
        "headline": _headline(report, everything),
        "tiles": [_tile(verdict, report, everything) for verdict in _TILES],
        "totals": [_tile(verdict, report, everything) for verdict in Verdict],
        "thing_count": len(everything),
        "resource_count": sum(report.counts.values()),
        "total": _sum(report.summary.total, everything),
        "news": _news(things, report),
        "charts": [_picture(chart) for chart in charts(report)],
        "things": things,
        "projects": sorted({thing.project for thing in things}),
        "verdicts": _verdicts_of(things),
        "has_history": report.history is not None,
        "has_many_projects": len(report.projects) > 1,
        "asked": [text.verdict_name(verdict) for verdict in Verdict if verdict in selection.verdicts],
        "filtered_count": selected.filtered_count,
        "warnings": _warnings(selected),
        "gaps": gaps.group(report),
        "unread_clusters": [cluster for cluster in report.clusters if cluster.read != "complete"],
        "suppressed": _things(fold(selected.suppressed), report),
        "suppressed_monthly": _known_sum(selected.suppressed),
        "gone": _things(fold(report.gone), report),
        "settings": _settings(report.settings),
        "saving_sentence": saving_sentence(report),
        "cluster_label": text.cluster_label,
    }
    return templating.render("report.html", values) + "\n"


def _policy(style: str, script: str) -> str:
    """What the page may load or run: this style and this script, nothing from anywhere."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


# The summary

_TILES = (Verdict.ORPHANED, Verdict.UNUSED, Verdict.IDLE, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Headline:
    amount: str
    is_nothing: bool
    is_least: bool
    """Something in it has no known price."""
    wasted: str
    """ "2 load balancers and 1 address"."""


def _headline(report: Report, rows: Sequence[Row]) -> _Headline:
    wasted = [row for row in rows if row.verdict in WASTE]
    return _Headline(
        amount=text.dollars(report.summary.saving),
        is_nothing=not wasted,
        is_least=any(row.unpriced_count for row in wasted),
        wasted=_kinds(wasted),
    )


def _kinds(rows: Sequence[Row]) -> str:
    """How many things of each kind: "11 load balancers, 3 addresses and 2 other parts"."""
    load_balancers = sum(row.head.load_balancer is not None for row in rows)
    addresses = sum(row.head.load_balancer is None and row.root.collection == "addresses" for row in rows)
    others = len(rows) - load_balancers - addresses
    counted = [
        text.plural(count, word, words)
        for count, word, words in (
            (load_balancers, "load balancer", "load balancers"),
            (addresses, "address", "addresses"),
            (others, "other part", "other parts"),
        )
        if count
    ]
    return " and ".join(filter(None, (", ".join(counted[:-1]), *counted[-1:])))


@dataclass(frozen=True, slots=True)
class _Tile:
    """One verdict: its things, the resources they consist of, its money; suppressed ones are counted."""

    verdict: Verdict
    things: int
    resources: int
    kinds: str
    monthly: str
    suppressed: int


def _tile(verdict: Verdict, report: Report, rows: Sequence[Row]) -> _Tile:
    mine = [row for row in rows if row.verdict is verdict]
    return _Tile(
        verdict=verdict,
        things=len(mine),
        resources=report.counts.get(verdict, 0),
        kinds=_kinds(mine),
        monthly=_sum(report.summary.monthly.get(verdict), mine),
        suppressed=sum(item.verdict is verdict for item in report.suppressed),
    )


def _sum(amount: Decimal | None, rows: Iterable[Row]) -> str:
    """A sum that leaves something out is marked; one that leaves everything out is no 0.00."""
    if not any(row.unpriced_count for row in rows):
        return text.money(amount)
    return f"{text.money(amount)}+" if amount else text.UNKNOWN


def _known_sum(findings: Iterable[Finding]) -> Decimal:
    known = (item.cost.monthly for item in findings if item.cost is not None and item.cost.monthly is not None)
    return sum(known, Decimal(0))


@dataclass(frozen=True, slots=True)
class _News:
    """How what is shown stands to the last run."""

    new: int
    known: int
    gone: int


def _news(things: Sequence[_Thing], report: Report) -> _News | None:
    if report.history is None or not report.history.runs:
        return None
    known = sum(thing.novelty is Novelty.KNOWN for thing in things)
    return _News(sum(thing.is_new for thing in things), known, len(fold(report.gone)))


@dataclass(frozen=True, slots=True)
class _Picture:
    chart: Chart
    drawing: Markup | None
    sentences: Sequence[str]


def _picture(chart: Chart) -> _Picture:
    """The chart drawn, or only in words where matplotlib is not there or has no folder to write to."""
    try:
        drawing = Markup(svg(chart))  # noqa: S704 - made of shapes by chart_svg.py, every name in it escaped
    except (ImportError, OSError):
        drawing = None
    return _Picture(chart, drawing, chart.alternative.splitlines())


# The things


@dataclass(frozen=True, slots=True)
class _Thing:
    """One row of the table with what is folded under it. Text of the cloud in it is cleaned where it is printed."""

    anchor: str
    row: Row
    what: str
    project: str
    location: str
    cluster: str
    cluster_in_full: str
    monthly: str
    monthly_sort: str
    alone: Decimal | None
    age: str
    created_sort: str
    """Minutes of age; "" where it is not known."""
    novelty: Novelty | None
    reason: Reason | None
    notes: Sequence[str]
    remedies: Sequence[str]
    commands: Sequence[str]

    @property
    def verdict(self) -> Verdict:
        return self.row.verdict

    @property
    def head(self) -> Finding:
        return self.row.head

    @property
    def parts(self) -> Sequence[Finding]:
        return self.row.findings[1:]

    @property
    def is_new(self) -> bool:
        return self.novelty is Novelty.NEW

    @property
    def has_object_name(self) -> bool:
        """It is called by its Kubernetes object, so that the name of the resource says something else."""
        return self.row.owner is not None and bool(self.row.owner.name or self.row.owner.namespace)


def _things(rows: Iterable[Row], report: Report) -> list[_Thing]:
    hints: dict[str, list[Gap]] = {}
    for gap in report.gaps:
        hints.setdefault(gap.scope, []).append(gap)
    return [_thing(row, report, hints) for row in rows]


def _thing(row: Row, report: Report, hints: Mapping[str, Sequence[Gap]]) -> _Thing:
    head = row.head
    costs = [item.cost for item in row.findings if item.cost is not None]
    created = head.created_at
    old = None if created is None else max(0, int((report.snapshot_taken_at - created).total_seconds() // 60))
    return _Thing(
        anchor=f"f-{head.id}",
        row=row,
        what=what(row),
        project=text.clean(row.root.project),
        location=text.clean(row.root.location),
        cluster=text.cluster_name(row.owner, row.verdict),
        cluster_in_full=text.cluster_name(row.owner, row.verdict, full=True),
        monthly=_sum(row.monthly, [row]),
        monthly_sort=_UNPRICED_SORTS_LAST if row.monthly is None else f"{row.monthly:f}",
        alone=head.cost.monthly_if_deleted_alone if head.cost else None,
        age=text.age(created, report.snapshot_taken_at),
        created_sort="" if old is None else str(old),
        novelty=_novelty(row),
        reason=BY_CODE.get(head.reason),
        notes=list(dict.fromkeys(note for cost in costs for note in cost.notes)),
        remedies=_remedies(row, hints),
        commands=[text.clean(command, 2000) for command in confirm_by_hand(head)],
    )


def _novelty(row: Row) -> Novelty | None:
    """New as soon as one of its findings is new."""
    told = {item.history.novelty for item in row.findings if item.history is not None}
    return next((novelty for novelty in (Novelty.NEW, Novelty.KNOWN, Novelty.GONE) if novelty in told), None)


def _remedies(row: Row, hints: Mapping[str, Sequence[Gap]]) -> Sequence[str]:
    """For a verdict that waits for a list: how to read it."""
    if row.verdict is not Verdict.UNKNOWN:
        return ()
    sources = dict.fromkeys(evidence.source for item in row.findings for evidence in item.evidence)
    return tuple(dict.fromkeys(gap.hint for source in sources for gap in hints.get(source, ()) if gap.hint))


def _verdicts_of(things: Sequence[_Thing]) -> list[tuple[Verdict, int]]:
    counts = dict.fromkeys(Verdict, 0)
    for thing in things:
        counts[thing.verdict] += 1
    return [(verdict, count) for verdict, count in counts.items() if count]


# What to read before deleting


@dataclass(frozen=True, slots=True)
class _Warning:
    sentence: str
    shown: Sequence[tuple[str, str]]
    """Anchor and name of the first things that it is about."""
    more: int


def _warnings(selected: Selected) -> list[_Warning]:
    return [
        _Warning(
            caution.text,
            [(f"f-{row.head.id}", _label(row)) for row in caution.about[:_LABELS_SHOWN]],
            max(0, len(caution.about) - _LABELS_SHOWN),
        )
        for caution in cautions.group(fold(selected.findings))
    ]


def _label(row: Row) -> str:
    ip = f" {row.ips[0]}" if row.ips else ""
    return text.clean(text.shorten(what(row), 60) + ip)


# Settings


def _settings(settings: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Those that are set to something; names in words."""
    return [
        (text.clean(name.replace("_", " ")), _setting(value))
        for name, value in (settings or {}).items()
        if value not in (None, [], "")
    ]


def _setting(value: Any) -> str:
    if isinstance(value, str):
        return text.clean(value)
    if isinstance(value, list):
        return text.clean(", ".join(str(item) for item in value))
    return text.clean(json.dumps(value, default=str))
