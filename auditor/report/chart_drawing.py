"""The charts drawn by matplotlib: pictures of one width whose coordinates are pixels, as SVG or PNG.

Only the object API is used: no pyplot, no window, and the matplotlib settings of the user have no say.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from auditor.model.finding import Verdict
from auditor.model.history import TrendPoint

from . import text
from .chart_svg import tidy
from .charts import Bar, Chart, shown_verdicts
from .palette import LIGHT

WIDTH = 400
_DPI = 72  # a point is a pixel
_SCALE_OF_PNG = 2
_COLOURS = 64
"""A picture of few colours is a third as large."""
_FONT, _SMALL = 14.0, 13.0
_LEGEND_HEIGHT = 34
_ROW_HEIGHT, _BAR_TOP, _BAR_HEIGHT = 46, 23, 11
_SEGMENT_GAP = 1.5
_LETTER_WIDTH, _BOLD_LETTER_WIDTH = 8.1, 10.0
_PLOT_HEIGHT, _AXIS_WIDTH, _AXIS_HEIGHT = 190, 66, 26
_TICKS = 4
_MOST_MARKERS = 30
_Dashes = tuple[float, Sequence[float]]
_Series = tuple[Verdict, str, _Dashes]
"""The verdict whose colour it has, its name, how its line is dashed."""
_SERIES: tuple[_Series, ...] = (
    (Verdict.ORPHANED, "saving", (0, ())),
    (Verdict.IDLE, "idle", (0, (5, 2))),
    (Verdict.UNKNOWN, "unknown", (0, (1, 1.5))),
)


def draw_svg(chart: Chart) -> str:
    """`chart` as charts.svg promises it."""
    written = io.StringIO()
    with _own_settings():
        figure, titles = _figure(chart)
        figure.patch.set_visible(False)
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return tidy(written.getvalue(), chart, titles)


def draw_png(chart: Chart) -> bytes:
    """`chart` as charts.png promises it."""
    drawn, written = io.BytesIO(), io.BytesIO()
    with _own_settings():
        figure, _ = _figure(chart)
        figure.savefig(drawn, format="png", dpi=_DPI * _SCALE_OF_PNG)
    with Image.open(drawn) as picture:
        reduced = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    reduced.save(written, "PNG", optimize=True)
    return written.getvalue()


@contextmanager
def _own_settings() -> Iterator[None]:
    """matplotlib as it comes plus what we need; no warning about letters that its font lacks and the reader's has."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        mpl.rcdefaults()
        mpl.rc("font", family="DejaVu Sans", size=_FONT)  # comes with matplotlib: text is as wide everywhere
        mpl.rc("svg", fonttype="none", hashsalt="gke-auditor")
        mpl.rc("text", parse_math=False, color=LIGHT.ink)  # a dollar in a name is a dollar
        yield


def _figure(chart: Chart) -> tuple[Figure, dict[str, str]]:
    """The picture, and what to say of those of its artists that have a gid."""
    if chart.points:
        figure, axes = _canvas(_LEGEND_HEIGHT + _PLOT_HEIGHT + _AXIS_HEIGHT)
        _draw_trend(axes, chart)
        return figure, {}
    figure, axes = _canvas(_LEGEND_HEIGHT + _ROW_HEIGHT * len(chart.bars))
    _draw_legend(axes, [(verdict, text.verdict_name(verdict)) for verdict in shown_verdicts(chart)])
    return figure, _draw_bars(axes, chart.bars)


def _canvas(height: float) -> tuple[Figure, Axes]:
    """An empty picture with one axes all over it, whose origin is at the top left."""
    figure = Figure(figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor="#ffffff")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _draw_bars(axes: Axes, bars: Sequence[Bar]) -> dict[str, str]:
    """One row for each: its name and sum above, below a bar of its verdicts, all to one scale."""
    longest = max(bar.total for bar in bars)
    titles = {}
    for row, bar in enumerate(bars):
        top = _LEGEND_HEIGHT + row * _ROW_HEIGHT
        amount_name = text.dollars(bar.total)
        room = int((WIDTH - len(amount_name) * _BOLD_LETTER_WIDTH) / _LETTER_WIDTH)
        axes.text(0, top + 14, text.shorten(bar.name, room))
        axes.text(WIDTH, top + 14, amount_name, ha="right", fontweight="bold")
        _draw_rectangle(axes, 0, top + _BAR_TOP, WIDTH, LIGHT.rule)
        left = 0.0
        for verdict, amount in bar.amounts.items():
            width = float(amount / longest) * WIDTH
            drawn = _draw_rectangle(axes, left, top + _BAR_TOP, width - _SEGMENT_GAP, LIGHT.tones[verdict].fill)
            drawn.set_gid(f"{row}-{verdict.value}")
            titles[f"{row}-{verdict.value}"] = (
                f"{bar.name}: {text.verdict_name(verdict)} {text.dollars(amount)} a month"
            )
            left += width
    return titles


def _draw_rectangle(axes: Axes, left: float, top: float, width: float, colour: str) -> Rectangle:
    """A bar; at least one pixel wide, so that what costs little is still seen."""
    drawn = Rectangle((left, top), max(1.0, width), _BAR_HEIGHT, facecolor=colour, linewidth=0, clip_on=False)
    axes.add_patch(drawn)
    return drawn


def _draw_legend(axes: Axes, entries: Sequence[tuple[Verdict, str]]) -> None:
    left = 0.0
    for verdict, name in entries:
        square = Rectangle((left, 3), 11, 11, facecolor=LIGHT.tones[verdict].fill, linewidth=0, clip_on=False)
        axes.add_patch(square)
        axes.text(left + 17, 13, name, fontsize=_SMALL)
        left += _legend_width(name)


def _legend_width(name: str) -> float:
    return 17 + 7.8 * len(name) + 16


def _draw_trend(axes: Axes, chart: Chart) -> None:
    """A line for each of the series over the time of the runs; runs that did not read everything have a ring."""
    points = chart.points
    series = {
        Verdict.ORPHANED: [point.saving for point in points],
        Verdict.IDLE: [point.idle for point in points],
        Verdict.UNKNOWN: [point.unknown for point in points],
    }
    bottom = _LEGEND_HEIGHT + _PLOT_HEIGHT
    ticks = MaxNLocator(_TICKS).tick_values(0, float(max(max(amounts) for amounts in series.values())))
    scale = (_PLOT_HEIGHT - 14) / ticks[-1]
    for tick in ticks:
        height = bottom - tick * scale
        axes.add_line(Line2D([_AXIS_WIDTH, WIDTH], [height, height], color=LIGHT.rule, linewidth=1, clip_on=False))
        axes.text(_AXIS_WIDTH - 8, height + 4, _tick_name(tick), ha="right", fontsize=_SMALL)
    across = _places(points)
    drawn = [entry for entry in _SERIES if any(series[entry[0]])]
    for verdict, _, dashes in drawn:
        heights = [bottom - float(amount) * scale for amount in series[verdict]]
        _draw_line(axes, across, heights, LIGHT.tones[verdict].fill, dashes)
        _draw_rings(axes, across, heights, points, LIGHT.tones[verdict].fill)
    for place, point, side in ((0, points[0], "left"), (-1, points[-1], "right")):
        axes.text(across[place], bottom + 20, text.day(point.at), ha=side, fontsize=_SMALL)
    _draw_trend_legend(axes, drawn, chart)


def _places(points: Sequence[TrendPoint]) -> list[float]:
    """Where each run stands between the first and the last, by its time."""
    first, last = points[0].at, points[-1].at
    whole = (last - first).total_seconds() or 1.0
    room = WIDTH - _AXIS_WIDTH - 8
    return [_AXIS_WIDTH + 2 + (point.at - first).total_seconds() / whole * room for point in points]


def _draw_line(axes: Axes, across: Sequence[float], heights: Sequence[float], colour: str, dashes: _Dashes) -> None:
    axes.add_line(Line2D(across, heights, color=colour, linewidth=2.2, linestyle=dashes, clip_on=False))
    if len(across) <= _MOST_MARKERS and not dashes[1]:
        marks = Line2D(across, heights, color=colour, linestyle="none", marker="o", markersize=4.5, clip_on=False)
        axes.add_line(marks)


def _draw_rings(
    axes: Axes, across: Sequence[float], heights: Sequence[float], points: Sequence[TrendPoint], colour: str
) -> None:
    for index, point in enumerate(points):
        if point.is_partial:
            axes.add_line(_ring(across[index], heights[index], colour))


def _ring(across: float, height: float, colour: str) -> Line2D:
    return Line2D(
        [across],
        [height],
        linestyle="none",
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=colour,
        markeredgewidth=1.6,
        clip_on=False,
    )


def _draw_trend_legend(axes: Axes, drawn: Sequence[_Series], chart: Chart) -> None:
    left = 0.0
    for verdict, name, dashes in drawn:
        colour = LIGHT.tones[verdict].fill
        sample = Line2D([left, left + 18], [9, 9], color=colour, linewidth=2.2, linestyle=dashes, clip_on=False)
        axes.add_line(sample)
        axes.text(left + 24, 13, name, fontsize=_SMALL)
        left += 24 + 7.9 * len(name) + 12
    if chart.has_partial_runs:
        axes.add_line(_ring(left + 8, 9, LIGHT.ink))
        axes.text(left + 19, 13, "partial run", fontsize=_SMALL)


def _tick_name(amount: float) -> str:
    exact = Decimal(str(round(amount, 2)))
    return f"{exact:,.0f}" if exact == exact.to_integral_value() else f"{exact:,.2f}"
