"""Colours that can be read: contrast as WCAG 2.2 computes it, and verdicts that colour-blind readers tell apart."""

from __future__ import annotations

from itertools import combinations

import pytest

from auditor.model.finding import SHOWN_BY_DEFAULT
from auditor.report.palette import DARK, LIGHT, Palette

SCHEMES = {"light": LIGHT, "dark": DARK}
BLINDNESS = {
    # Machado, Oliveira, Fernandes 2009, severity 1.0; in linear RGB
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> tuple[float, float, float]:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """CIE L*a*b*, D65, of linear RGB."""
    red, green, blue = (min(1.0, max(0.0, part)) for part in rgb)
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen_with(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    parts = linear(colour)
    red, green, blue = (sum(factor * part for factor, part in zip(row, parts, strict=True)) for row in matrix)
    return lab((red, green, blue))


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_text_can_be_read(scheme: Palette) -> None:
    for paper in (scheme.paper, scheme.card):
        for ink in (scheme.ink, scheme.quiet, scheme.link):
            assert contrast(ink, paper) >= 4.5
    assert contrast(scheme.notice_ink, scheme.notice) >= 4.5
    assert contrast(scheme.link, scheme.notice) >= 4.5
    for tone in scheme.tones.values():
        assert contrast(tone.ink, tone.tint) >= 4.5
        assert contrast(tone.ink, scheme.card) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_bars_lines_and_the_focus_ring_stand_out(scheme: Palette) -> None:
    for paper in (scheme.paper, scheme.card):
        assert contrast(scheme.focus, paper) >= 3
    for verdict in SHOWN_BY_DEFAULT:
        assert contrast(scheme.tones[verdict].fill, scheme.card) >= 3


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_verdicts_differ_for_the_colour_blind(scheme: Palette, blindness: str) -> None:
    """A difference of 20 in CIE 1976 is plain to see between two bars that touch."""
    fills = [scheme.tones[verdict].fill for verdict in SHOWN_BY_DEFAULT]
    for one, other in combinations(fills, 2):
        a, b = seen_with(one, BLINDNESS[blindness]), seen_with(other, BLINDNESS[blindness])
        difference = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
        assert difference >= 20, (one, other)
