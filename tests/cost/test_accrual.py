"""docs/pricing.md, Accrual: what something has cost so far, as a range."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cost.accrual import accrue
from auditor.cost.estimate import summarise
from auditor.model.finding import Finding
from auditor.model.history import Accrual, FindingHistory, Novelty
from auditor.model.names import ResourceName
from auditor.model.report import Report

from .builder import PRICES, World, link

AT = datetime(2026, 11, 22, 6, tzinfo=UTC)


def accrued(
    world: World, name: ResourceName, *, days_old: float | None, days_seen: float = 0
) -> tuple[Accrual | None, Accrual | None]:
    """Since the first run that saw it, and since it was made."""
    findings = tuple(
        replace(
            finding,
            created_at=None if days_old is None else AT - timedelta(days=days_old),
            history=FindingHistory(Novelty.KNOWN, AT - timedelta(days=days_seen), AT, 2),
        )
        for finding in world.priced()
    )
    report = accrue(_report(findings), world.inventory, PRICES)
    history = next(finding for finding in report.findings if finding.resource == name).history
    assert history is not None
    return history.accrued_since_first_seen, history.accrued_since_creation


def _report(findings: tuple[Finding, ...]) -> Report:
    return Report("0", AT, AT, ("p",), (), "", date(2026, 10, 7), (), {}, summarise(findings), findings, ())


def span(low: str, high: str) -> Accrual:
    return Accrual(Decimal(low), Decimal(high))


def test_a_rule_in_a_pool_cost_between_nothing_and_the_whole_minimum() -> None:
    """400 days are 9,600 hours: 0 as one of two to five, 96.00 as one of more, 240.00 alone. The range holds all."""
    world = World()
    rule = world.rule("orphaned", "a")
    seen, made = accrued(world, rule, days_old=400, days_seen=100)
    assert made == span("0.00", "240.00")
    assert seen == span("0.00", "60.00")
    assert made.low <= Decimal("96.00") <= made.high


def test_the_minimum_is_that_of_its_own_pool() -> None:
    world = World()
    german = world.rule("orphaned", "a", location="europe-west3")  # 0.030
    assert accrued(world, german, days_old=400)[1] == span("0.00", "288.00")


def test_an_idle_address_costs_since_it_is_idle() -> None:
    world = World()
    name = world.address("unused", "ip", "203.0.113.9", location="us-central1")
    seen, made = accrued(world, name, days_old=365, days_seen=10)
    assert made == span("0.00", "87.60")
    assert seen == span("2.40", "2.40")


def test_hours_are_real_ones() -> None:
    world = World()
    name = world.address("unused", "ip", "203.0.113.9", location="us-central1")
    assert accrued(world, name, days_old=28)[1] == span("0.00", "6.72")
    assert accrued(world, name, days_old=31)[1] == span("0.00", "7.44")


def test_a_private_service_connect_endpoint_always_costs_the_same() -> None:
    world = World()
    target = f"{link('p', 'us-central1', 'serviceAttachments', 'x')}"
    rule = world.rule("orphaned", "psc", location="us-central1", target=target, loadBalancingScheme="")
    assert accrued(world, rule, days_old=100, days_seen=50) == (span("12.00", "12.00"), span("24.00", "24.00"))


def test_an_internal_application_load_balancer_has_the_minimum_of_its_proxies() -> None:
    world = World()
    rule = world.rule(
        "orphaned", "a", location="us-central1", proxy="targetHttpProxies", loadBalancingScheme="INTERNAL_MANAGED"
    )
    assert accrued(world, rule, days_old=10)[1] == span("0.00", "18.00")


def test_what_may_have_been_of_use_has_no_least_amount() -> None:
    world = World()
    name = world.address("unknown", "ip", "203.0.113.9", location="us-central1")
    assert accrued(world, name, days_old=365, days_seen=10) == (span("0.00", "2.40"), span("0.00", "87.60"))


def test_parts_without_a_price_cost_nothing() -> None:
    world = World()
    pool = world.add("orphaned", "targetPools", "a", location="us-central1")
    assert accrued(world, pool, days_old=365, days_seen=10) == (span("0.00", "0.00"), span("0.00", "0.00"))


@pytest.mark.parametrize("verdict", ["in_use", "foreign", "pending"])
def test_what_is_no_waste_accrues_nothing(verdict: str) -> None:
    world = World()
    assert accrued(world, world.rule(verdict, "a"), days_old=400) == (None, None)


def test_what_is_not_known_is_no_amount() -> None:
    world = World()
    no_price = world.rule("orphaned", "a", location="europe-north2")
    assert accrued(world, no_price, days_old=400) == (None, None)
    ageless = World()
    rule = ageless.rule("orphaned", "a")
    assert accrued(ageless, rule, days_old=None, days_seen=100) == (span("0.00", "60.00"), None)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 12), st.integers(0, 12), st.floats(0, 3000), st.floats(0, 1))
def test_the_range_holds_every_history_of_the_pool(others: int, others_before: int, days: float, share: float) -> None:
    """However many rules shared the pool, and when: what a rule really cost lies inside."""
    world = World()
    rule = world.rule("orphaned", "a")
    for number in range(others):
        world.rule("in_use", f"b{number}")
    _, made = accrued(world, rule, days_old=days)

    def marginal(count: int) -> Decimal:
        return Decimal("0.025") if count == 0 else Decimal("0.010") if count >= 5 else Decimal(0)

    hours = Decimal(days) * 24
    before = hours * Decimal(share)
    true = marginal(others_before) * before + marginal(others) * (hours - before)
    assert made.low - Decimal("0.01") <= true <= made.high + Decimal("0.01")


def test_a_clock_that_was_wrong_accrues_nothing_negative() -> None:
    world = World()
    rule = world.rule("orphaned", "a")
    assert accrued(world, rule, days_old=-5, days_seen=-5) == (span("0.00", "0.00"), span("0.00", "0.00"))


def test_a_further_rule_costs_less_than_the_first_everywhere() -> None:
    """So that the range from nothing to the minimum holds what one of more than five rules cost."""
    rates = {key: price.hourly for key, price in PRICES.prices.items() if price.hourly is not None}
    additional = [key for key in rates if key[0].endswith("forwarding_rule.regional.additional")]
    assert len(additional) > 20
    assert all(rates[key] < rates[key[0].replace("additional", "minimum"), key[1]] for key in additional)
