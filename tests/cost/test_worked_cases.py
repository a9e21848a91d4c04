"""The 15 worked cases of pricing.md, section 7, and those in the text below its table."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .builder import World, link

NET = "https://www.googleapis.com/compute/v1/projects/p/global/networks/default"


@pytest.mark.parametrize(
    ("count", "orphans", "saving"),
    [
        pytest.param(1, 1, "18.25", id="case 1"),
        pytest.param(3, 1, "0.00", id="case 2"),
        pytest.param(5, 5, "18.25", id="case 3"),
        pytest.param(6, 1, "7.30", id="case 4"),
        pytest.param(7, 4, "14.60", id="case 5"),
        pytest.param(10, 3, "21.90", id="case 6"),
        pytest.param(10, 7, "36.50", id="case 7"),
        pytest.param(10, 10, "54.75", id="case 8"),
    ],
)
def test_global_rules_save_what_the_pool_loses(count, orphans, saving):
    world = World()
    world.rules(count, orphans)

    assert world.saving() == Decimal(saving)


def test_case_9_a_region_has_its_own_rates():
    world = World()
    world.rules(8, 4, location="europe-west3")

    assert world.saving() == Decimal("26.28")


def test_case_10_each_region_is_a_pool():
    world = World()
    world.rules(1, 1, location="asia-northeast1", prefix="tokyo")
    world.rules(6, 2, location="us-central1", prefix="iowa")

    assert world.saving() == Decimal("35.04")


def static_ip_on(world: World, rule: str, ip: str, verdict: str = "orphaned"):
    """A reserved address that holds the IP of a rule made just now."""
    return world.address(verdict, f"{rule}-ip", ip, users=[link("p", "global", "forwardingRules", rule)])


def rules_with_addresses(count: int, orphans: int) -> World:
    world = World()
    for number in range(count):
        ip = f"203.0.113.{number}"
        world.rule("orphaned" if number < orphans else "in_use", f"r{number}", IPAddress=ip)
        if number < orphans:
            static_ip_on(world, f"r{number}", ip)
    return world


def test_case_11_an_address_on_a_rule_is_free_so_releasing_both_saves_the_rules_only():
    world = rules_with_addresses(7, 2)

    assert world.saving() == Decimal("14.60")


def test_case_12_deleting_the_rules_and_keeping_the_addresses_raises_the_bill():
    world = rules_with_addresses(4, 2)
    costs = world.costs()
    rules = [name for name in costs if name.collection == "forwardingRules" and name.name in ("r0", "r1")]

    assert world.saving() == 0
    assert sum(costs[rule].monthly_if_deleted_alone for rule in rules) == Decimal("-14.60")


def test_case_13_idle_addresses_at_the_prices_of_their_regions():
    world = World()
    for number in range(3):
        world.address("unused", f"frankfurt{number}", f"198.51.100.{number}", location="europe-west3")
    world.address("unused", "tokyo", "198.51.100.9", location="asia-northeast1")

    assert world.saving() == Decimal("37.23")


def test_case_14_an_internal_application_load_balancer_costs_the_proxy_minimum_once():
    alone, one_of_two = World(), World()
    internal = {"location": "us-central1", "loadBalancingScheme": "INTERNAL_MANAGED", "network": NET}
    alone.rule("orphaned", "ilb", proxy="targetHttpProxies", **internal)
    one_of_two.rule("orphaned", "ilb", proxy="targetHttpProxies", **internal)
    one_of_two.rule("in_use", "other", proxy="targetHttpsProxies", **internal)

    assert alone.saving() == Decimal("54.75")
    assert one_of_two.saving() == 0


def test_case_15_each_project_has_its_own_minimum():
    apart, together = World(), World()
    for number in range(2):
        apart.rule("orphaned", f"r{number}", project=f"project-{number}")
        together.rule("orphaned", f"r{number}")

    assert apart.saving() == Decimal("36.50")
    assert together.saving() == Decimal("18.25")


def test_twelve_orphans_in_australia():
    world = World()
    world.rules(12, 12, location="australia-southeast1")

    assert world.saving() == Decimal("96.36")


@pytest.mark.parametrize("others", [0, 3, 9])
def test_an_orphaned_endpoint_of_two_saves_its_own_rate_however_many_rules_there_are(others):
    world = World()
    world.rules(others, 0, location="us-central1")
    target = link("producer", "us-central1", "serviceAttachments", "db")
    for name, verdict in (("one", "orphaned"), ("two", "foreign")):
        world.rule(verdict, name, location="us-central1", loadBalancingScheme="", target=target)

    assert world.saving() == Decimal("7.30")


def test_deleting_one_of_five_alone_saves_nothing_though_all_five_save_the_minimum():
    world = World()
    world.rules(5, 5)

    costs = world.costs().values()

    assert [cost.monthly_if_deleted_alone for cost in costs] == [Decimal("0.00")] * 5
    assert sum(cost.monthly for cost in costs) == Decimal("18.25")
