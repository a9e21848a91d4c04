"""Money: list prices, what is known of each, and what one resource costs. USD, 730 hours to the month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

HOURS_PER_MONTH = 730
CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to two places (docs/report.md, Money)."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Price:
    """One list price per unit. `hourly` is None where no price is known; `note` says why, or what was assumed."""

    key: str
    region: str | None
    hourly: Decimal | None
    as_of: str | None
    note: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The list prices in force, by (key, region); region is None for a price that has none."""

    source: str
    as_of: date
    currency: str
    prices: Mapping[tuple[str, str | None], Price]

    def price(self, key: str, region: str | None = None) -> Price:
        """The price of `key` in `region`; one without an amount where the table has none."""
        known = self.prices.get((key, region))
        return known or Price(key, region, None, None, f"no price known for {key} in {region or 'any region'}")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one resource costs a month at list price. None = not known, never 0."""

    monthly: Decimal | None
    monthly_if_deleted_alone: Decimal | None
    currency: str = "USD"
    notes: tuple[str, ...] = ()
