"""Money: list prices, what is known of each, and what one resource costs. 730 hours to the month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

HOURS_PER_MONTH = 730
CENT = Decimal("0.01")
NOTHING = Decimal("0.00")


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to two places (docs/report.md, Money)."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def spoken(amount: Decimal, currency: str) -> str:
    """An amount inside a sentence, as reports write money: US$7.30; every digit that the amount has."""
    written = f"{abs(amount):,}"
    shown = f"US${written}" if currency == "USD" else f"{written} {currency}"
    return f"-{shown}" if amount < 0 else shown


@dataclass(frozen=True, slots=True)
class Price:
    """One list price per hour. `hourly` is None where no price is known."""

    key: str
    region: str | None
    """A region or "global"; None for a price that is the same everywhere."""
    hourly: Decimal | None
    as_of: str | None
    """When it was last seen: YYYY-MM-DD or YYYY-MM; None for an assumed or an unknown price."""
    note: str | None = None
    """What was assumed, where sources differ, or why there is no price."""
    sources: tuple[str, ...] = ()
    is_assumed: bool = False
    inferred_hourly: Decimal | None = None
    """What somebody deduced for a price that is not known. Said in notes, never used (docs/report.md, Money)."""
    inferred_from: str | None = None
    minimum_units: int = 1
    """How many units are charged as soon as there is one (three proxy instances)."""

    @property
    def monthly(self) -> Decimal | None:
        """The least a month costs, not rounded; None where no price is known."""
        return None if self.hourly is None else self.hourly * HOURS_PER_MONTH * self.minimum_units

    @property
    def monthly_in_cents(self) -> Decimal | None:
        return None if self.monthly is None else to_cents(self.monthly)


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
        return known or Price(key, region, None, None, "not in the price table")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one resource costs a month at list price. None = not known, never 0."""

    monthly: Decimal | None
    monthly_if_deleted_alone: Decimal | None
    currency: str = "USD"
    notes: tuple[str, ...] = ()
