"""What findings have cost so far, as a range (docs/pricing.md, Accrual).

By real hours at today's hourly list price. Nobody knows how many rules a pool had in the past, so a rule in a pool cost
something between nothing (others needed the minimum anyway) and the whole minimum (it was alone). The ranges of
several rules therefore do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from auditor.model.compute import Address, ForwardingRule
from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.history import Accrual
from auditor.model.inventory import Inventory
from auditor.model.money import NOTHING, PriceTable, to_cents
from auditor.model.names import ResourceName
from auditor.model.report import Report

from . import addresses
from .addresses import AddressState, Holders
from .charges import FlatCharge, charge_of
from .estimate import FREE_PARTS, PSC_ENDPOINT
from .pools import rates_of

ACCRUING = WASTE | {Verdict.IDLE, Verdict.UNKNOWN}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourlyRange:
    """What a thing costs an hour, in US dollars."""

    high: Decimal
    low_since_seen: Decimal
    """While it was what it is now."""
    low_since_creation: Decimal
    """Before that, too: an idle address may have been on a rule, where it was free."""


_FREE = HourlyRange(NOTHING, NOTHING, NOTHING)


def accrue(report: Report, inventory: Inventory, prices: PriceTable) -> Report:
    """The same report, whose findings with a history say what they have cost since the first run that reported them
    and since they were made; None where price or age is not known, and for what is no waste.

    The inventory is the one that the report was made from. What is gone keeps what its own run said.
    """
    holders = addresses.find_holders(inventory)
    rates = {
        finding.resource: hourly_range(finding.resource, inventory, prices, holders)
        for finding in (*report.findings, *report.suppressed)
        if finding.history is not None and finding.verdict in ACCRUING
    }
    at = report.snapshot_taken_at
    return replace(
        report,
        findings=tuple(_accrued(finding, rates, at) for finding in report.findings),
        suppressed=tuple(_accrued(finding, rates, at) for finding in report.suppressed),
    )


def _accrued(finding: Finding, rates: Mapping[ResourceName, HourlyRange | None], at: datetime) -> Finding:
    rate, history = rates.get(finding.resource), finding.history
    if rate is None or history is None or finding.cost is None or finding.cost.monthly is None:
        return finding
    if finding.verdict is Verdict.UNKNOWN:  # it may have been of use all the time
        rate = replace(rate, low_since_seen=NOTHING, low_since_creation=NOTHING)
    seen = _accrual(rate.low_since_seen, rate.high, at - history.first_seen)
    created_at = finding.created_at
    made = None if created_at is None else _accrual(rate.low_since_creation, rate.high, at - created_at)
    return replace(finding, history=replace(history, accrued_since_first_seen=seen, accrued_since_creation=made))


def _accrual(low: Decimal, high: Decimal, during: timedelta) -> Accrual:
    """Two hourly prices over a time; nothing where a clock was wrong and the time is negative."""
    hours = Decimal(max(during, timedelta()) // timedelta(microseconds=1)) / (_HOUR // timedelta(microseconds=1))
    return Accrual(to_cents(low * hours), to_cents(high * hours))


def hourly_range(name: ResourceName, inventory: Inventory, prices: PriceTable, holders: Holders) -> HourlyRange | None:
    """What a resource costs an hour at least and at most, at today's list price; None where no price is known."""
    if name.collection in FREE_PARTS:
        return _FREE
    resource = inventory.resources.get(name)
    if resource is None or name in inventory.unreadable:
        return None
    if isinstance(resource.body, ForwardingRule):
        return _of_rule(name, resource.body, inventory, prices)
    if isinstance(resource.body, Address):
        return _of_address(name, resource.body, resource.status, inventory, prices, holders)
    return None


def _of_rule(name: ResourceName, rule: ForwardingRule, inventory: Inventory, prices: PriceTable) -> HourlyRange | None:
    charge = charge_of(name, rule, inventory)
    if charge is FlatCharge.BELIEVED_FREE:
        return _FREE
    if charge is FlatCharge.UNCLEAR:
        return None
    if charge is FlatCharge.PSC_ENDPOINT:
        hourly = prices.price(PSC_ENDPOINT).hourly
        return None if hourly is None else HourlyRange(hourly, hourly, hourly)
    minimum = rates_of(charge, prices).minimum
    return None if minimum is None else HourlyRange(minimum, NOTHING, NOTHING)


def _of_address(
    name: ResourceName,
    address: Address,
    status: str,
    inventory: Inventory,
    prices: PriceTable,
    holders: Holders,
) -> HourlyRange | None:
    state = addresses.state_of(name, address, status, holders, inventory)
    hourly = addresses.price_in_state(state, name.location, prices).hourly
    if hourly is None:
        return None
    is_idle = state is AddressState.IDLE
    return HourlyRange(hourly, hourly, NOTHING if is_idle else hourly)
