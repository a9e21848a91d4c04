from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.finding import Owner, Verdict
from auditor.report import text

from . import hostile, sample

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@given(st.text(st.characters(), max_size=600))
def test_cleaned_text_can_be_written_and_moves_no_cursor(anything: str) -> None:
    cleaned = text.clean(anything)
    cleaned.encode("utf-8")
    assert len(cleaned) <= text.LONGEST
    assert not set(cleaned) & (hostile.DANGEROUS | {"\n"})


def test_harmless_text_stays_as_it_is() -> None:
    assert text.clean("shop/web, größer, 東京 — ✓") == "shop/web, größer, 東京 — ✓"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(None, "—"), (Decimal("0.00"), "0.00"), (Decimal("1234567.5"), "1,234,567.50"), (Decimal("-5.84"), "-5.84")],
)
def test_money(amount: Decimal | None, shown: str) -> None:
    assert text.money(amount) == shown


def test_money_in_a_sentence() -> None:
    assert text.dollars(Decimal("7.3")) == "US$7.30"
    assert text.dollars(Decimal("-5.84")) == "-US$5.84"
    assert text.dollars(None) == "—"


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=59), "0m"),
        (timedelta(minutes=119), "119m"),
        (timedelta(hours=2), "2h"),
        (timedelta(hours=47, minutes=59), "47h"),
        (timedelta(days=2), "2d"),
        (timedelta(days=900), "900d"),
        (timedelta(minutes=-5), "0m"),
    ],
)
def test_age(age: timedelta, shown: str) -> None:
    assert text.age(NOW - age, NOW) == shown


def test_an_unknown_age_is_no_zero() -> None:
    assert text.age(None, NOW) == "—"


@given(st.text(max_size=80), st.integers(0, 60))
def test_shortening_keeps_to_the_width_and_both_ends(word: str, width: int) -> None:
    short = text.shorten(word, width)
    assert len(short) <= width
    if len(word) <= width:
        assert short == word
    elif width >= 3:
        assert (short[0], short[-1]) == (word[0], word[-1])


@pytest.mark.parametrize(
    ("cluster", "verdict", "short", "full"),
    [
        (sample.PROD, Verdict.IN_USE, "prod", "example-prod/europe-west1/prod"),
        ("kubeconfig:kops-1", Verdict.FOREIGN, "kops-1", "kubeconfig:kops-1"),
        ("fingerprint:c8=559aead0", Verdict.ORPHANED, "deleted cluster", "deleted cluster c8=559aead0"),
        ("fingerprint:c8=559aead0", Verdict.UNKNOWN, "unknown cluster", "unknown cluster c8=559aead0"),
        (None, Verdict.ORPHANED, "—", "—"),
    ],
)
def test_cluster_names(cluster: str | None, verdict: Verdict, short: str, full: str) -> None:
    owner = Owner(cluster, "Service", "shop", "web", live=False)
    assert text.cluster_name(owner, verdict) == short
    assert text.cluster_name(owner, verdict, full=True) == full


def test_console_links_quote_the_project() -> None:
    address = sample.name("addresses", "a", project="evil?project=x&y")
    assert text.console_url(address).endswith("?project=evil%3Fproject%3Dx%26y")


def test_plurals() -> None:
    assert [text.plural(count, "gap") for count in (0, 1, 2, 1234)] == ["0 gaps", "1 gap", "2 gaps", "1,234 gaps"]
