"""The tables that ship with the package."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from auditor.data.tables import load_prices, load_schema, parse_prices

from .builder import RAW_PRICES

REPOSITORY = Path(__file__).resolve().parents[2]
RESEARCHED = REPOSITORY.parent / "shared" / "domain" / "prices.json"
CONTRACT_SCHEMA = REPOSITORY.parent / "shared" / "contract" / "report.schema.json"


def test_the_table_says_where_it_comes_from_and_how_old_it_is():
    prices = load_prices()

    assert prices.currency == "USD"
    assert prices.as_of == date(2026, 10, 7)
    assert "no live price was read" in prices.source


def test_every_price_in_force_has_a_date_or_says_that_it_is_assumed_or_free():
    for price in load_prices().prices.values():
        if price.hourly is not None:
            assert price.as_of or price.is_assumed or price.hourly == 0, price
            assert price.sources, price


def test_prices_of_the_published_table():
    """A few rows of the table in pricing.md, section 1.6."""
    prices = load_prices()

    def row(region):
        keys = ("lb.forwarding_rule.regional.minimum", "lb.forwarding_rule.regional.additional", "ip.static.unused")
        return tuple(prices.price(key, region).hourly for key in keys)

    assert row("us-west2") == (Decimal("0.0275"), Decimal("0.012"), Decimal("0.012"))
    assert row("asia-east2") == (Decimal("0.035"), Decimal("0.014"), Decimal("0.01"))
    assert row("europe-north2") == (None, None, None)
    assert row("me-central2") == (None, None, Decimal("0.016"))
    assert prices.price("lb.internal_alb.proxy_instance", "us-central1").monthly == Decimal("54.75")


def test_an_inferred_price_is_told_and_not_in_force():
    price = load_prices().price("lb.forwarding_rule.regional.minimum", "me-central2")

    assert price.hourly is None
    assert price.inferred_hourly == Decimal("0.04")
    assert "1.600x" in price.inferred_from


def test_where_sources_differ_the_price_says_so():
    assert "20.44" in load_prices().price("lb.forwarding_rule.regional.minimum", "europe-west4").note


def test_a_price_without_a_date_is_not_known():
    table = copy.deepcopy(RAW_PRICES)
    [minimum] = [item for item in table["items"] if item["key"] == "lb.forwarding_rule.global.minimum"]
    minimum["as_of"] = None

    assert parse_prices(table).price("lb.forwarding_rule.global.minimum").hourly is None


def test_another_month_is_refused():
    table = copy.deepcopy(RAW_PRICES)
    table["meta"]["hours_per_month"] = 720

    with pytest.raises(ValueError, match="720 hours"):
        parse_prices(table)


def test_a_price_the_table_does_not_have_says_so():
    price = load_prices().price("lb.forwarding_rule.regional.minimum", "moon-north1")

    assert price.hourly is None
    assert price.note


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(load_schema())


@pytest.mark.skipif(not CONTRACT_SCHEMA.exists(), reason="LEFT OUT: the contract is not beside this checkout")
def test_the_schema_is_that_of_the_contract():
    assert load_schema() == json.loads(CONTRACT_SCHEMA.read_text())


@pytest.mark.skipif(not RESEARCHED.exists(), reason="LEFT OUT: the researched prices are not beside this checkout")
def test_nothing_of_the_researched_prices_is_lost():
    def comparable(value):
        """Amounts of money are decimal strings in the shipped file, numbers in the other."""
        if isinstance(value, dict):
            return {
                key: Decimal(str(item)) if "usd" in key and not is_text(item) else comparable(item)
                for key, item in value.items()
            }
        return [comparable(item) for item in value] if isinstance(value, list) else value

    def is_text(item):
        if item is None or isinstance(item, dict | list):
            return True
        try:
            Decimal(str(item))
        except ArithmeticError:
            return True
        return False

    researched = json.loads(RESEARCHED.read_text(), parse_float=Decimal)

    assert comparable(RAW_PRICES["meta"]) == comparable(researched["meta"])
    shipped = {item["key"]: comparable(item) for item in RAW_PRICES["items"]}
    assert shipped == {item["key"]: comparable(item) for item in researched["items"]}


# scripts/update-prices, in a copy of the folders it needs


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "auditor" / "data").mkdir(parents=True)
    script = tmp_path / "scripts" / "update-prices"
    script.write_text((REPOSITORY / "scripts" / "update-prices").read_text())
    return tmp_path


def update(checkout, table):
    source = checkout / "source.json"
    source.write_text(json.dumps(table))
    script = checkout / "scripts" / "update-prices"
    return subprocess.run([sys.executable, script, source], capture_output=True, text=True, check=False)


def small_table(**item):
    meta = {"hours_per_month": 730, "newest_evidence": "2026-01-02", "currency": "USD", "made": "by hand"}
    return {"meta": meta, "items": [{"key": "k", "unit": "hour", "sources": ["s"], "as_of": "2026-01-02", **item}]}


def test_updating_writes_amounts_as_exact_decimals(checkout):
    result = update(checkout, small_table(hourly_usd=0.0275, monthly_usd_730h=20.075))

    written = json.loads((checkout / "auditor" / "data" / "prices.json").read_text())
    assert result.returncode == 0, result.stderr
    assert written["items"][0]["hourly_usd"] == "0.0275"
    assert parse_prices(written).price("k").hourly == Decimal("0.0275")


@pytest.mark.parametrize(
    "item", [{"hourly_usd": 0.03, "monthly_usd_730h": 20.075}, {"hourly_usd": -1}, {"key": "k", "hourly_usd": 1}]
)
def test_a_list_that_contradicts_itself_is_refused_and_changes_nothing(checkout, item):
    table = small_table(**item)
    if "key" in item:
        table["items"] *= 2

    result = update(checkout, table)

    assert result.returncode == 1
    assert "k" in result.stderr
    assert not (checkout / "auditor" / "data" / "prices.json").exists()


def test_the_shipped_file_is_what_the_script_writes(checkout):
    """Updating from the shipped file changes no byte of it."""
    shipped = (REPOSITORY / "auditor" / "data" / "prices.json").read_text()

    def as_numbers(value):
        if isinstance(value, dict):
            return {key: number(item) if "usd" in key else as_numbers(item) for key, item in value.items()}
        return [as_numbers(item) for item in value] if isinstance(value, list) else value

    def number(item):
        try:
            return float(item) if isinstance(item, str) and "." in item else int(item)
        except (TypeError, ValueError):
            return as_numbers(item)

    result = update(checkout, as_numbers(json.loads(shipped)))

    assert result.returncode == 0, result.stderr
    assert (checkout / "auditor" / "data" / "prices.json").read_text() == shipped
