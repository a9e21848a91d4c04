"""What a pool of forwarding rules costs, what its leftovers save together, and how both are shared out to the cent.

A pool is charged as one: a minimum for the first five rules and a rate for each further one (pricing.md, sections 1.1
and 1.3). The sharing is that of docs/report.md, Money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.money import CENT, HOURS_PER_MONTH, NOTHING, PriceTable, to_cents
from auditor.model.names import ResourceName

from .charges import PoolKey, PoolKind

RULES_IN_THE_MINIMUM = 5
RATE_KEYS: Mapping[PoolKind, tuple[str, str]] = {
    PoolKind.GLOBAL: ("lb.forwarding_rule.global.minimum", "lb.forwarding_rule.global.additional"),
    PoolKind.REGIONAL: ("lb.forwarding_rule.regional.minimum", "lb.forwarding_rule.regional.additional"),
    PoolKind.REGIONAL_EXTERNAL_ALB: ("lb.forwarding_rule.regional.minimum", "lb.forwarding_rule.regional.additional"),
}
PROXY_INSTANCE = "lb.internal_alb.proxy_instance"


@dataclass(frozen=True, slots=True)
class Rates:
    """What a pool costs an hour; None = not known."""

    minimum: Decimal | None
    """For the first five rules together, as soon as there is one."""
    additional: Decimal | None
    """For each rule from the sixth on."""

    def monthly(self, rules: int) -> Decimal | None:
        """What so many rules cost a month, not rounded; None where a rate that is needed is not known."""
        if rules == 0:
            return Decimal(0)
        if self.minimum is None:
            return None
        if rules <= RULES_IN_THE_MINIMUM:
            return self.minimum * HOURS_PER_MONTH
        if self.additional is None:
            return None
        return (self.minimum + self.additional * (rules - RULES_IN_THE_MINIMUM)) * HOURS_PER_MONTH

    def monthly_difference(self, rules: int, fewer: int) -> Decimal | None:
        """What `fewer` instead of `rules` rules save a month, rounded once."""
        before, after = self.monthly(rules), self.monthly(fewer)
        return None if before is None or after is None else to_cents(before - after)


@dataclass(frozen=True, slots=True)
class Pool:
    """The chargeable rules of one pool, in order of their full names, and those of them that are waste."""

    key: PoolKey
    rules: tuple[ResourceName, ...]
    waste: frozenset[ResourceName]
    """The orphaned and unused ones."""
    rates: Rates

    @property
    def monthly(self) -> Decimal | None:
        """What the pool costs a month."""
        return self.rates.monthly_difference(len(self.rules), 0)

    @property
    def saving(self) -> Decimal | None:
        """What deleting all its waste saves a month."""
        return self.rates.monthly_difference(len(self.rules), len(self.rules) - len(self.waste))

    @property
    def marginal(self) -> Decimal | None:
        """What deleting any one rule and nothing else saves a month."""
        return self.rates.monthly_difference(len(self.rules), len(self.rules) - 1)

    def shares(self) -> Mapping[ResourceName, Decimal] | None:
        """The share of every rule: the waste shares the saving, the rest the remainder. None where it has no price."""
        monthly, saving = self.monthly, self.saving
        if monthly is None or saving is None:
            return None
        waste = [rule for rule in self.rules if rule in self.waste]
        rest = [rule for rule in self.rules if rule not in self.waste]
        return {**shared_out(saving, waste), **shared_out(monthly - saving, rest)}


def pool_of(key: PoolKey, rules: Sequence[ResourceName], waste: frozenset[ResourceName], prices: PriceTable) -> Pool:
    """The pool of these rules at list prices; of `waste` only what is among them counts."""
    ordered = tuple(sorted(rules, key=lambda rule: rule.full))
    return Pool(key, ordered, waste.intersection(ordered), rates_of(key, prices))


def rates_of(key: PoolKey, prices: PriceTable) -> Rates:
    """The rates of a pool.

    Internal application load balancers cost the proxy minimum as soon as there is one rule and nothing more for
    further ones; regional external ones are assumed to have the region's rates (docs/report.md, Money).
    """
    if key.kind is PoolKind.INTERNAL_ALB:
        proxy = prices.price(PROXY_INSTANCE, key.location)
        return Rates(None if proxy.hourly is None else proxy.hourly * proxy.minimum_units, Decimal(0))
    minimum, additional = RATE_KEYS[key.kind]
    place = None if key.kind is PoolKind.GLOBAL else key.location
    return Rates(prices.price(minimum, place).hourly, prices.price(additional, place).hourly)


def shared_out(amount: Decimal, among: Sequence[ResourceName]) -> Mapping[ResourceName, Decimal]:
    """An amount in whole cents cut into even shares; the cents that remain go to the first ones.

    Nothing for nobody: an amount that is left over where `among` is empty would not add up, and cannot be.
    """
    if not among:
        return {}
    share, remaining = divmod(int(amount / CENT), len(among))
    return {
        name: NOTHING + CENT * (share + 1 if position < remaining else share) for position, name in enumerate(among)
    }
