"""Charts: their values add up to the report, their words say what the picture says, their pictures are inert."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from auditor.model.finding import SHOWN_BY_DEFAULT, Owner, Verdict
from auditor.model.report import Report
from auditor.report.charts import MOST_BARS, Chart, charts, png, svg

from . import hostile, sample

REPORTS = {"small": sample.report, "large": sample.large}
ALLOWED_TAGS = {"svg", "g", "path", "text", "title", "defs", "use"}


def named(report: Report, key: str) -> Chart:
    return next(chart for chart in charts(report) if chart.key == key)


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("key", ["project", "cluster"])
def test_bars_add_up_to_the_sums_of_the_report(make: type[Report], key: str) -> None:
    report = make()
    bars = named(report, key).bars
    for verdict in SHOWN_BY_DEFAULT:
        shown = sum((bar.amounts.get(verdict, Decimal(0)) for bar in bars), Decimal(0))
        assert shown == report.summary.monthly[verdict]


def test_the_dearest_stands_first_and_what_is_left_over_last() -> None:
    items = [
        sample.finding(sample.name("addresses", "a", project=f"team-{number:02d}"), Verdict.UNUSED, "x", f"{number}.00")
        for number in range(1, 21)
    ]
    bars = named(sample.with_findings(*items), "project").bars
    assert [bar.name for bar in bars[:2]] == ["team-20", "team-19"]
    assert len(bars) == MOST_BARS + 1
    assert bars[-1].name == "12 other projects"
    assert bars[-1].total == sum(range(1, 13))


def test_nothing_to_show_is_no_chart() -> None:
    assert charts(sample.clean()) == ()


def test_a_single_run_is_no_trend() -> None:
    report = sample.large()
    assert report.history is not None
    once = replace(report, history=replace(report.history, trend=report.history.trend[-1:]))
    assert [chart.key for chart in charts(once)] == ["project", "cluster"]


@pytest.mark.parametrize("key", ["project", "cluster"])
def test_the_words_name_every_bar_and_amount(key: str) -> None:
    chart = named(sample.large(), key)
    for bar in chart.bars:
        assert f"{bar.name}: US${bar.total:,.2f}" in chart.alternative
        for verdict, amount in bar.amounts.items():
            assert f"{verdict.value} {amount:,.2f}" in chart.alternative


def test_the_words_of_the_trend_say_each_of_the_last_runs_and_which_were_partial() -> None:
    chart = named(sample.large(), "trend")
    last = chart.points[-1]
    assert f"{last.at:%Y-%m-%d}: saving US${last.saving:,.2f}" in chart.alternative
    assert chart.alternative.count("Not everything was read then.") == 2


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_pictures_are_the_same_bytes_each_time(make: type[Report]) -> None:
    for chart in charts(make()):
        assert svg(chart) == svg(chart)
        assert png(chart) == png(chart)


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_a_picture_for_mail_is_small_and_twice_as_large_as_shown(make: type[Report]) -> None:
    for chart in charts(make()):
        written = png(chart)
        assert len(written) <= 40_000
        with Image.open(io.BytesIO(written)) as picture:
            assert picture.width == 800
            assert picture.mode == "P"
            assert "transparency" not in picture.info


def test_what_is_drawn_is_what_is_said() -> None:
    """The widths of the bars in the SVG stand to each other as their amounts."""
    chart = named(sample.report(), "cluster")
    tree = ET.fromstring(svg(chart))  # noqa: S314 - written by us
    widths = {}
    for group in tree.iter("g"):
        title = group.find("title")
        if title is not None:
            path = group.find("path")
            assert path is not None
            across = [float(number) for number in re.findall(r"[ML] ([\d.]+) ", path.get("d") or "")]
            widths[title.text] = max(across) - min(across)
    expected = {
        "unidentified (c8=559aead0): orphaned US$26.28 a month": 398.5,
        "no cluster: unused US$20.44 a month": 400 * 20.44 / 26.28 - 1.5,
        "example-prod/us-central1/staging: idle US$4.56 a month": 400 * 4.56 / 26.28 - 1.5,
    }
    assert widths == {title: pytest.approx(width, abs=0.1) for title, width in expected.items()}
    texts = ["".join(item.itertext()).strip() for item in tree.iter("text")]
    assert "no cluster" in texts
    assert "US$20.44" in texts


def test_ids_of_the_pictures_of_a_page_differ_and_references_lead_somewhere() -> None:
    drawn = [svg(chart) for chart in charts(sample.large())]
    ids = [name for picture in drawn for name in re.findall(r' id="([^"]*)"', picture)]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', "".join(drawn))) <= set(ids)


@pytest.mark.parametrize("text", [*hostile.TEXTS.values(), "$x_1$ $$", "\ufffe\uffff", "日本 𝔘"])
def test_hostile_names_stay_text(text: str) -> None:
    owner = Owner(text, "Service", text, text, live=False)
    item = sample.finding(
        replace(sample.SHOP_RULE, project=text), Verdict.ORPHANED, "cluster-deleted", "26.28", owner=owner
    )
    for chart in charts(sample.with_findings(item)):
        written = svg(chart)
        tree = ET.fromstring(written)  # noqa: S314 - written by us
        assert {element.tag for element in tree.iter()} <= ALLOWED_TAGS
        for element in tree.iter():
            assert not [name for name in element.attrib if name.startswith("on") or name == "style"]
            assert element.get("href", "#").startswith("#")
        assert not set(written) & (hostile.DANGEROUS - set("\n"))
        assert len(written) < 20_000
        assert png(chart)


def test_a_dollar_in_a_name_is_a_dollar() -> None:
    item = sample.finding(sample.name("addresses", "a", project="pay-$x^2$-now"), Verdict.UNUSED, "x", "1.00")
    tree = ET.fromstring(svg(named(sample.with_findings(item), "project")))  # noqa: S314 - written by us
    assert "pay-$x^2$-now" in ["".join(element.itertext()).strip() for element in tree.iter("text")]


def test_many_runs_are_drawn_and_the_last_ones_told() -> None:
    report = sample.large()
    assert report.history is not None
    point = report.history.trend[-1]
    trend = tuple(replace(point, at=point.at - timedelta(days=day)) for day in range(499, -1, -1))
    chart = named(replace(report, history=replace(report.history, trend=trend)), "trend")
    assert len(chart.points) == 60
    assert len(svg(chart)) < 60_000
    assert len(chart.alternative.splitlines()) == 14


@pytest.mark.skipif(os.name != "posix", reason="folders that cannot be written are made with POSIX modes")
def test_a_home_that_cannot_be_written_is_no_matter(tmp_path: Path) -> None:
    """On a read-only file system with a /tmp nothing fails and nothing is said."""
    script = (
        "from tests.report import sample\nfrom auditor.report.charts import charts, svg\n"
        "print(sum(len(svg(chart)) for chart in charts(sample.report())))"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 1000
    assert done.stderr == ""


def test_the_users_own_settings_have_no_say(tmp_path: Path) -> None:
    """A matplotlibrc that would draw text as paths, with TeX, in another size, changes nothing."""
    own = tmp_path / "matplotlibrc"
    own.write_text("font.size: 30\nsvg.fonttype: path\ntext.parse_math: True\nfigure.dpi: 300\nlines.linewidth: 9\n")
    script = (
        "from tests.report import sample\nfrom auditor.report.charts import charts, svg\n"
        "print('\\n'.join(svg(chart) for chart in charts(sample.large())))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env={**os.environ, "MATPLOTLIBRC": str(own)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\n".join(svg(chart) for chart in charts(sample.large())) + "\n"


def test_only_drawing_loads_matplotlib() -> None:
    script = (
        "import sys\nfrom auditor.report import charts\nfrom tests.report import sample\n"
        "assert charts.charts(sample.large())\nprint('matplotlib' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
