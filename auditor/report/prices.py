"""The price table in force, as `gke-auditor prices` prints it."""

from __future__ import annotations

from auditor.model.money import HOURS_PER_MONTH, Price, PriceTable

from . import text
from .drawing import draw


def render(table: PriceTable) -> str:
    """Every hourly price: by hour, by month, when it was seen, and what is doubtful about it."""
    prices = sorted(table.prices.values(), key=lambda price: (price.key, price.region or ""))
    drawn = draw(
        ["Price", "Where", "US$/hour", "US$/month", "Seen", "Remark"],
        [_row(price) for price in prices],
        ["left", "left", "right", "right", "left", "left"],
    )
    known = [price for price in prices if price.hourly is not None]
    return "\n".join(
        [
            f"List prices in {text.clean(table.currency)}, {HOURS_PER_MONTH} hours to the month, "
            f"as of {table.as_of.isoformat()}. Source: {text.clean(table.source)}.",
            f"{text.plural(len(known), 'price')} known; {text.UNKNOWN} = not known, and never counted as nothing.",
            "",
            drawn,
            "",
        ]
    )


def _row(price: Price) -> list[str]:
    hourly = text.UNKNOWN if price.hourly is None else f"{price.hourly:f}"
    remarks = ["assumed"] if price.is_assumed else []
    remarks += [text.clean(price.note)] if price.note else []
    if price.hourly is None and price.inferred_hourly is not None:
        remarks.append(f"inferred {price.inferred_hourly:f}, not used")
    return [
        text.clean(price.key),
        text.clean(price.region or "everywhere"),
        hourly,
        text.money(price.monthly_in_cents),
        price.as_of or text.UNKNOWN,
        "; ".join(remarks),
    ]
