"""What ships with the package: the price table and the schema of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import orjson

from auditor.model.money import HOURS_PER_MONTH, Price, PriceTable

JSON = Mapping[str, Any]


def load_prices() -> PriceTable:
    """The list prices that ship with this version; scripts/update-prices writes the file."""
    return parse_prices(_load("prices.json"))


def load_schema() -> dict[str, Any]:
    """The JSON Schema of `audit --format json` (docs/report.md)."""
    return _load("report.schema.json")


def parse_prices(table: JSON) -> PriceTable:
    """The hourly prices of a table of the form of auditor/data/prices.json.

    Prices by GiB or by month stay in the file for the kinds that are not judged yet. Raises KeyError or ValueError if
    the table is not of that form, or counts other than 730 hours to the month.
    """
    meta = table["meta"]
    if meta["hours_per_month"] != HOURS_PER_MONTH:
        raise ValueError(f"the price table counts {meta['hours_per_month']} hours to the month, not {HOURS_PER_MONTH}")
    prices = [price for item in table["items"] if item["unit"].endswith("hour") for price in _prices(item)]
    return PriceTable(
        source=f"built-in list prices ({meta['made']})",
        as_of=date.fromisoformat(meta["newest_evidence"]),
        currency=meta["currency"],
        prices={(price.key, price.region): price for price in prices},
    )


def _prices(item: JSON) -> Iterator[Price]:
    """The prices of one item: one for each of its regions, or one."""
    if "regions" not in item:
        yield _price(item, item, item.get("region"))
        return
    for region, entry in item["regions"].items():
        # The rates of regional external Application Load Balancers come in pairs and for two regions only; what
        # applies are the region's ordinary rates (docs/report.md, Money). They stay in the file as a confirmation.
        if "hourly_usd" in entry:
            yield _price(item, entry, region)


def _price(item: JSON, entry: JSON, region: str | None) -> Price:
    """One price, known where it has a date or is marked as assumed.

    A zero without a date is known too: it says that no SKU exists (internal and BYOIP addresses).
    """
    hourly = _decimal(entry.get("hourly_usd"))
    as_of, is_assumed = entry.get("as_of"), bool(entry.get("assumed"))
    is_known = hourly is not None and (bool(as_of) or is_assumed or hourly == 0)
    return Price(
        key=item["key"],
        region=region,
        hourly=hourly if is_known else None,
        as_of=as_of,
        note=entry.get("note") or _doubt(entry),
        sources=tuple(item["sources"]),
        is_assumed=is_assumed,
        inferred_hourly=_decimal(entry.get("inferred_hourly_usd")),
        inferred_from=entry.get("inferred_from"),
        minimum_units=item.get("minimum_units", 1),
    )


def _doubt(entry: JSON) -> str | None:
    """What speaks against a price; what speaks for it needs no note."""
    confirmation = entry.get("confirmation", "")
    if confirmation.startswith("CONFLICT"):
        return str(confirmation)
    return f"confidence {entry['confidence']}" if "confidence" in entry else None


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _load(name: str) -> dict[str, Any]:
    content = resources.files(__package__).joinpath(name).read_bytes()
    loaded: dict[str, Any] = orjson.loads(content)
    return loaded
