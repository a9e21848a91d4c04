"""The sentences beside a price: what was assumed, what is not known, what a share is a share of."""

from __future__ import annotations

from auditor.model.money import PriceTable, spoken
from auditor.model.names import ResourceName
from auditor.model.snapshot import Coverage

from .charges import PoolKey, PoolKind
from .pools import PROXY_INSTANCE, RATE_KEYS, Pool

BELIEVED_FREE_RULE = "Believed free: no source names a price for a rule of this kind."
BELIEVED_FREE_ATTACHMENT = "Believed free: no price of its own was found."
UNCLEAR_RULE = "Its price depends on the target proxy, and the rule names none that is known."
UNSETTLED_PROXY = (
    "Which bundle the rule of a regional external proxy Network Load Balancer counts in is not settled: "
    "counted with the region's other rules."
)


def on_share(pool: Pool, rule: ResourceName, currency: str) -> tuple[str, ...]:
    """What the share of a rule that is waste is a share of; nothing for a rule that is alone or not waste."""
    if rule not in pool.waste or len(pool.rules) == 1 or pool.saving is None:
        return ()
    if len(pool.waste) == 1:
        deleting = "it is the only orphaned one, and deleting it"
    else:
        all_of_them = "both" if len(pool.waste) == 2 else f"all {len(pool.waste)}"
        deleting = f"deleting {all_of_them} orphaned ones"
    return (
        f"One of {len(pool.rules)} rules charged together ({_place(pool.key)}): "
        f"{deleting} saves {spoken(pool.saving, currency)} a month.",
    )


def on_rates(pool: Pool, prices: PriceTable) -> tuple[str, ...]:
    """What is assumed about a pool's rates, and why it has none."""
    notes = []
    if pool.key.kind is PoolKind.REGIONAL_EXTERNAL_ALB:
        notes.append(
            "Assumed: regional external Application Load Balancers have a bundle of five of their own, "
            "at the region's rates."
        )
    if pool.key.kind is PoolKind.INTERNAL_ALB:
        notes.append("Charged by proxy instances; assumed: one minimum for each region and network.")
    if pool.monthly is None:
        notes.append(_why_no_rate(pool.key, prices))
    return tuple(notes)


def on_completeness(key: PoolKey, unread: int, coverage: Coverage) -> tuple[str, ...]:
    """That a pool may lack a rule, so that the shares are off: `unread` rules of its scope, or a gap in the list."""
    if unread:
        what = "1 rule could" if unread == 1 else f"{unread} rules could"
        return (f"{what} not be read and may count in the same pool: its size is a lower bound.",)
    is_elsewhere = bool(coverage.missing) and key.scope not in coverage.missing
    if not coverage.is_gap or is_elsewhere:
        return ()
    return ("The project's forwarding rules were not read in full: the size of the pool is a lower bound.",)


def _why_no_rate(key: PoolKey, prices: PriceTable) -> str:
    """That no price is known, and what somebody inferred, which is not used (docs/report.md, Money)."""
    if key.kind is PoolKind.INTERNAL_ALB:
        return _why_no_proxy_rate(key, prices)
    place = None if key.kind is PoolKind.GLOBAL else key.location
    minimum, additional = (prices.price(rate, place) for rate in RATE_KEYS[key.kind])
    note = f"No list price is known for forwarding rules in {key.location}."
    if minimum.inferred_hourly is None or additional.inferred_hourly is None:
        return note
    reason = (minimum.inferred_from or "other prices").partition(";")[0]
    return (
        f"{note} Inferred, and not used: {spoken(minimum.inferred_hourly, prices.currency)} an hour for up to five "
        f"and {additional.inferred_hourly} for each further one ({reason})."
    )


def _why_no_proxy_rate(key: PoolKey, prices: PriceTable) -> str:
    known = sorted(
        price.region or "everywhere"
        for price in prices.prices.values()
        if price.key == PROXY_INSTANCE and price.hourly is not None
    )
    where = "that is cross-region" if key.location == "global" else f"in {key.location}"
    only = f"; the only one known is for {', '.join(known)}" if known else ""
    return f"No list price is known for an internal Application Load Balancer {where}{only}."


def _place(key: PoolKey) -> str:
    """Where a pool is, for a sentence."""
    kinds = {
        PoolKind.GLOBAL: "global rules",
        PoolKind.REGIONAL: "rules",
        PoolKind.REGIONAL_EXTERNAL_ALB: "regional external Application Load Balancers",
        PoolKind.INTERNAL_ALB: "internal Application Load Balancers of one network",
    }
    place = "" if key.location == "global" else f" in {key.location}"
    return f"{kinds[key.kind]} of {key.project}{place}"
