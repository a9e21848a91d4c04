"""What the charts of a report show: money by project and by cluster of origin, and its course over the runs.

Each chart says in words what it shows. Only `svg` and `png` load matplotlib.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.breakdown import Grouping, Row, break_down
from auditor.model.finding import SHOWN_BY_DEFAULT, Verdict
from auditor.model.history import TrendPoint
from auditor.model.report import Report

from . import text

MOST_BARS = 8
MOST_RUNS = 60
_FEWEST_RUNS = 2
_NO_CLUSTER = "no cluster"
_RUNS_TOLD = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One group: what it costs a month by verdict, in US dollars; only what is more than nothing."""

    name: str
    amounts: Mapping[Verdict, Decimal]

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture: bars, or the points of the trend. `alternative` says the same as it, one sentence a line."""

    key: str
    """ "project", "cluster" or "trend"."""
    title: str
    alternative: str
    bars: tuple[Bar, ...] = ()
    """The dearest first, what is left over last."""
    points: tuple[TrendPoint, ...] = ()
    """From the oldest run to this one."""

    @property
    def has_partial_runs(self) -> bool:
        return any(point.is_partial for point in self.points)


def charts(report: Report) -> tuple[Chart, ...]:
    """The charts that have something to show. Suppressed findings are in them, as they are in the sums."""
    findings = (*report.findings, *report.suppressed)
    drawn = (
        _bar_chart("project", "project", break_down(findings, Grouping.PROJECT)),
        _bar_chart("cluster", "cluster of origin", break_down(findings, Grouping.CLUSTER)),
        _trend(report.history.trend if report.history else ()),
    )
    return tuple(chart for chart in drawn if chart is not None)


def svg(chart: Chart) -> str:
    """`chart` as an <svg> element to stand in a page: no fonts, scripts or links, and ids that no other chart has.

    Its text is text, in the colour of the page around it; classes `fill-orphaned`, `line-orphaned`, ... let the page
    repaint what is drawn in the light palette. Raises OSError where matplotlib finds no folder to write its cache to.
    """
    with _hushed_matplotlib():
        from .chart_drawing import draw_svg  # noqa: PLC0415 - matplotlib takes half a second to load

        return draw_svg(chart)


def png(chart: Chart) -> bytes:
    """`chart` on opaque white, twice as large as it is shown, for mail. Raises OSError as `svg` does."""
    with _hushed_matplotlib():
        from .chart_drawing import draw_png  # noqa: PLC0415

        return draw_png(chart)


@contextmanager
def _hushed_matplotlib() -> Iterator[None]:
    """What it logs as it loads is about the folder of its own cache, what it warns of is about the parser that it
    uses: never about the chart."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def shown_verdicts(chart: Chart) -> tuple[Verdict, ...]:
    """The verdicts that its bars hold, in the order of reports."""
    return tuple(verdict for verdict in SHOWN_BY_DEFAULT if any(verdict in bar.amounts for bar in chart.bars))


def _bar_chart(key: str, grouped_by: str, rows: Sequence[Row]) -> Chart | None:
    bars = [_bar(row) for row in rows]
    costly = sorted((bar for bar in bars if bar.total > 0), key=lambda bar: (-bar.total, bar.name))
    if not costly:
        return None
    shown, rest = costly[:MOST_BARS], costly[MOST_BARS:]
    if len(rest) == 1:
        shown, rest = costly, []
    if rest:
        shown = [*shown, _together(f"{len(rest):,} other {key}s", rest)]
    total = sum((bar.total for bar in costly), Decimal(0))
    first = (
        f"What is orphaned, unused, idle or unknown costs {text.dollars(total)} a month as far as prices are known, "
        f"by {grouped_by}:"
    )
    words = "\n".join([first, *(_bar_sentence(bar) for bar in shown)])
    return Chart(key, f"US$ a month by {grouped_by}", words, bars=tuple(shown))


def _bar(row: Row) -> Bar:
    amounts = {verdict: row.monthly[verdict] for verdict in SHOWN_BY_DEFAULT if row.monthly[verdict] > 0}
    return Bar(_name(row.key[0]) if row.key else _NO_CLUSTER, amounts)


def _name(key: str) -> str:
    """A project, or a cluster; of one that nobody knows the mark that is left of it."""
    mark = key.removeprefix("fingerprint:")
    return text.cluster_label(key) if mark == key else f"unidentified ({text.clean(mark)})"


def _together(name: str, bars: Sequence[Bar]) -> Bar:
    sums = {
        verdict: sum((bar.amounts.get(verdict, Decimal(0)) for bar in bars), Decimal(0)) for verdict in SHOWN_BY_DEFAULT
    }
    return Bar(name, {verdict: amount for verdict, amount in sums.items() if amount})


def _bar_sentence(bar: Bar) -> str:
    shares = [f"{text.verdict_name(verdict)} {text.money(amount)}" for verdict, amount in bar.amounts.items()]
    return f"{bar.name}: {text.dollars(bar.total)} ({', '.join(shares)})."


def _trend(trend: Sequence[TrendPoint]) -> Chart | None:
    points = tuple(trend[-MOST_RUNS:])
    if len(points) < _FEWEST_RUNS or not any(point.saving or point.idle or point.unknown for point in points):
        return None
    first, last = points[0], points[-1]
    lines = [
        f"Over {len(points):,} runs from {text.day(first.at)} to {text.day(last.at)}, what could be saved a month went "
        f"from {text.dollars(first.saving)} to {text.dollars(last.saving)}, what is idle from "
        f"{text.dollars(first.idle)} to {text.dollars(last.idle)}, what is unknown from "
        f"{text.dollars(first.unknown)} to {text.dollars(last.unknown)}."
    ]
    told = points[-_RUNS_TOLD:]
    if len(told) < len(points):
        lines.append(f"The last {len(told)} runs:")
    return Chart(
        "trend", "US$ a month over the past runs", "\n".join([*lines, *map(_point_sentence, told)]), points=points
    )


def _point_sentence(point: TrendPoint) -> str:
    partial = " Not everything was read then." if point.is_partial else ""
    return (
        f"{text.day(point.at)}: saving {text.dollars(point.saving)}, idle {text.dollars(point.idle)}, "
        f"unknown {text.dollars(point.unknown)}.{partial}"
    )
