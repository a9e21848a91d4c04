"""The colours of verdicts and of paper, once for light and once for dark; pages, mails and charts share them.

The verdicts stay apart for readers with any of the common colour blindnesses, and words stand beside every colour.
Text colours have a contrast of at least 4.5:1 on the paper and on their tint, fills of at least 3:1
(WCAG 2.2, 1.4.3 and 1.4.11); tests/report/test_palette.py computes both.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model.finding import Verdict


@dataclass(frozen=True, slots=True)
class Tone:
    """One verdict: `fill` for bars and lines, `ink` for its word, `tint` for what its word stands on."""

    fill: str
    ink: str
    tint: str


@dataclass(frozen=True, slots=True)
class Palette:
    """Everything that is painted, as #rrggbb."""

    paper: str
    card: str
    ink: str
    quiet: str
    """Text that says less."""
    rule: str
    """Lines and borders; they carry no meaning."""
    link: str
    focus: str
    notice: str
    """What the partial banner and warnings stand on."""
    notice_ink: str
    tones: dict[Verdict, Tone]


_QUIET_LIGHT = Tone("#7c8896", "#4d5865", "#eceff3")
_QUIET_DARK = Tone("#8b97a6", "#b9c3cf", "#2b323b")

LIGHT = Palette(
    paper="#f6f7f9",
    card="#ffffff",
    ink="#1b2129",
    quiet="#56616e",
    rule="#dde2e8",
    link="#0b57a4",
    focus="#0b57a4",
    notice="#fdf3dc",
    notice_ink="#664700",
    tones={
        Verdict.ORPHANED: Tone("#b0341a", "#9c2c14", "#fbe9e4"),
        Verdict.UNUSED: Tone("#d08000", "#7a4b00", "#fdf0d8"),
        Verdict.IDLE: Tone("#3a95d8", "#0f5791", "#e3f0fb"),
        Verdict.UNKNOWN: Tone("#4b2e86", "#4b2e86", "#eee9f8"),
        Verdict.IN_USE: _QUIET_LIGHT,
        Verdict.PENDING: _QUIET_LIGHT,
        Verdict.FOREIGN: _QUIET_LIGHT,
    },
)
DARK = Palette(
    paper="#12161b",
    card="#1a2027",
    ink="#e4e9ef",
    quiet="#a3aebb",
    rule="#313a45",
    link="#85bdf5",
    focus="#85bdf5",
    notice="#332a14",
    notice_ink="#f3d48e",
    tones={
        Verdict.ORPHANED: Tone("#d9512f", "#ff9c85", "#42221b"),
        Verdict.UNUSED: Tone("#f5c04f", "#f6c66b", "#3b2e14"),
        Verdict.IDLE: Tone("#7fccf7", "#8cc4f7", "#18314a"),
        Verdict.UNKNOWN: Tone("#9370db", "#c5b1f2", "#31274a"),
        Verdict.IN_USE: _QUIET_DARK,
        Verdict.PENDING: _QUIET_DARK,
        Verdict.FOREIGN: _QUIET_DARK,
    },
)
