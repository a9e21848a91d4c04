"""The report as a mail: a subject, a text for terminal mail readers, and HTML for Gmail and Outlook; all of one digest.

The HTML is made of tables with inlined styles and bars that are coloured cells: what mail programs show even with
images blocked. Gmail cuts a message at about 102 KB, so the body ends at `LARGEST_HTML`; the whole report is attached.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from auditor.model.letter import Letter, Picture
from auditor.model.report import Report

from . import templating, text
from .digest import Digest, Limits, Line, Thing, digest
from .drawing import draw
from .palette import DARK, LIGHT, Palette
from .selection import Selection

WIDTH = 78
"""Columns of the text part."""
LARGEST_HTML = 80_000
"""Bytes of the HTML body once it is encoded for sending."""
_LIMITS = (
    Limits(),
    Limits(things=16),
    Limits(things=8, gaps=4, cautions=3, sentence=150),
    Limits(things=4, gaps=2, cautions=2, gone=2, projects=3, notes=2, sentence=80, command=250),
)
"""From what is usual to what fits whatever the cloud says."""
_NAME_WIDTH, _IP_WIDTH = 32, 15
_BASE64_GROWTH = 4 / 3 * 78 / 76
_INDENT = " " * 28
"""Up to the column "What"."""


def compose(
    report: Report,
    selection: Selection,
    *,
    attached: Sequence[str] = (),
    left_out: Sequence[str] = (),
    trend: Picture | None = None,
) -> Letter:
    """The report as a letter, without its attachments and its headers.

    `attached` names the files that come with it, `left_out` those that were too large. `trend` is the chart of earlier
    runs. Less is said of everything until the HTML is small enough.
    """
    files = _files(attached, left_out)
    for limits in _LIMITS:
        said = digest(report, selection, limits)
        html = _html(said, files, trend)
        if encoded_size(html) <= LARGEST_HTML:
            break
    return Letter(said.subject, _text(said, files, trend.alternative if trend else ""), html, (trend,) if trend else ())


def encoded_size(content: str) -> int:
    """The most bytes that a text takes in a mail: as base64 in lines of 76 letters."""
    return int(len(content.encode("utf-8", "replace")) * _BASE64_GROWTH)


def _files(attached: Sequence[str], left_out: Sequence[str]) -> tuple[str, ...]:
    """Where the whole report is."""
    lines = []
    if attached:
        lines.append(f"The whole report is attached: {', '.join(attached)}.")
    if left_out:
        lines.append(f"Too large for a mail and left out: {', '.join(left_out)}.")
    return tuple(lines)


# HTML


def _html(said: Digest, files: Sequence[str], trend: Picture | None) -> str:
    from css_inline import CSSInliner  # noqa: PLC0415 - a compiled library that only mails need

    page = templating.render(
        "mail.html",
        {
            "digest": said,
            "files": files,
            "trend": trend,
            "light": _colors(LIGHT),
            "dark": _colors(DARK),
        },
    )
    inliner = CSSInliner(load_remote_stylesheets=False)
    return inliner.inline(page).replace(' data-css-inline="keep"', "").rstrip() + "\n"


def _colors(palette: Palette) -> Mapping[str, Any]:
    """The colours by name, those of the verdicts by the verdict's value."""
    colors = {item.name: getattr(palette, item.name) for item in fields(palette)}
    return colors | {"tones": {verdict.value: tone for verdict, tone in palette.tones.items()}}


# Text


def _text(said: Digest, files: Sequence[str], trend_alternative: str) -> str:
    sections = [
        [said.headline, *_wrap(said.lead), *_wrap(f"{said.scope}, {said.taken}")],
        _wrap(f"PARTIAL: {said.unread}") if said.unread else [],
        _wrap(said.compared),
        [*_verdicts(said), *_wrap(said.suppressed)],
        [*_things(said)],
        _titled(f"{said.gone_title}:", [*said.gone, said.more_gone]),
        _wrap(trend_alternative),
        _projects(said),
        _titled("Before you delete:", [*said.cautions, said.more_cautions]),
        list(_gaps(said)),
        _titled("Notes:", [*said.notes, said.more_notes]),
        [*(line for file in files for line in _wrap(file)), *_wrap(said.foot)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _verdicts(said: Digest) -> list[str]:
    def cells(line: Line) -> list[str]:
        return [line.label, line.things, line.money]

    rows = [cells(line) for line in (*said.verdicts, said.total)]
    return draw(["Verdict", "Things", "US$/month"], rows, ["left", "right", "right"]).splitlines()


def _projects(said: Digest) -> list[str]:
    if not said.projects:
        return []
    rows = [[line.label, line.money, line.things] for line in said.projects]
    drawn = draw(["Project", "Could be saved", "all US$/month"], rows, ["left", "right", "right"])
    return [*drawn.splitlines(), *_wrap(said.more_projects)]


def _things(said: Digest) -> Iterator[str]:
    """Two lines for each: what it costs and is, then where and why."""
    if not said.groups:
        yield from _wrap(said.more_things or said.nothing)
        return
    yield f"{'Verdict':<8}  {'US$/month':>9}  {'Age':>5}  What"
    yield f"{'-' * 8}  {'-' * 9}  {'-' * 5}  {'-' * (WIDTH - len(_INDENT))}"
    for group in said.groups:
        yield f"{group.title}"
        for thing in group.things:
            yield _first_line(thing)
            yield from _packed(thing.details)
    if said.more_things:
        yield said.more_things


def _packed(details: Sequence[str]) -> Iterator[str]:
    """Details side by side under "What", as many as a line holds, none of them broken."""
    line = ""
    for detail in details:
        longer = f"{line} · {detail}" if line else detail
        if len(_INDENT + longer) > WIDTH and line:
            yield _INDENT + line
            longer = detail
        line = longer
    if line:
        yield _INDENT + line


def _first_line(thing: Thing) -> str:
    mark = "NEW " if thing.is_new else ""
    name = text.shorten(mark + thing.name, _NAME_WIDTH if thing.ip else WIDTH - len(_INDENT))
    ip = f"  {text.shorten(thing.ip, _IP_WIDTH + 1)}" if thing.ip else ""
    verdict = text.verdict_name(thing.verdict)
    return f"{verdict:<8}  {thing.money:>9}  {thing.age:>5}  {name:<{_NAME_WIDTH if ip else 0}}{ip}"


def _gaps(said: Digest) -> Iterator[str]:
    """Commands stand in one piece, however long, and can be copied."""
    if not said.gaps:
        return
    yield "Not read in full:"
    for gap in said.gaps:
        yield from _wrap(gap.sentence, "  ", "    ")
        if gap.detail:
            yield from _wrap(f"({gap.detail})", "    ", "    ")
        for remedy in gap.remedies:
            if remedy.is_command:
                yield f"  → {remedy.text}"
            else:
                yield from _wrap(remedy.text, "  → ", "    ")
    yield from _wrap(said.more_gaps, "  ", "  ")


def _titled(title: str, items: Sequence[str]) -> list[str]:
    lines = [line for item in items if item for line in _wrap(item, "  ", "    ")]
    return [title, *lines] if lines else []


def _wrap(sentence: str, first: str = "", rest: str = "") -> list[str]:
    """Lines of at most `WIDTH`, broken between words, so that names can be copied; only a longer word is broken."""
    return textwrap.wrap(
        text.clean(sentence, 4 * text.LONGEST),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
