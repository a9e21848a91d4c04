"""Which pool a forwarding rule counts in, and what is said about it (pricing.md, section 1)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from auditor.model.money import PriceTable

from .builder import API, PRICES, RAW_PRICES, World, link

NET = f"{API}/projects/p/global/networks/default"
OTHER_NET = f"{API}/projects/p/global/networks/other"
REGION = "us-central1"


def said(costs, name):
    return " ".join(costs[name].notes)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"target": f"{API}/projects/p/regions/{REGION}/targetPools/x"}, id="target pool"),
        pytest.param({"backendService": f"{API}/projects/p/regions/{REGION}/backendServices/x"}, id="backend service"),
        pytest.param({"loadBalancingScheme": "INTERNAL", "network": NET}, id="internal passthrough"),
        pytest.param({"loadBalancingScheme": "INTERNAL", "isMirroringCollector": True}, id="packet mirroring"),
        pytest.param({"target": f"{API}/projects/p/zones/{REGION}-a/targetInstances/x"}, id="protocol forwarding"),
        pytest.param({"proxy": "targetHttpProxies"}, id="classic application load balancer on the Standard tier"),
        pytest.param({"proxy": "targetTcpProxies", "loadBalancingScheme": "EXTERNAL_MANAGED"}, id="external proxy"),
        pytest.param(
            {"proxy": "targetTcpProxies", "loadBalancingScheme": "INTERNAL_MANAGED", "network": NET},
            id="internal proxy",
        ),
        pytest.param({"ipVersion": "IPV6", "IPAddress": "2001:db8::/96"}, id="IPv6"),
    ],
)
def test_counts_in_the_pool_of_its_region(fields):
    """Six rules in all cost a minimum and one further rule, so the odd one saves 7.30, not 18.25 and not 0."""
    world = World()
    world.rules(5, 0, location=REGION)
    odd = world.rule("orphaned", "odd", location=REGION, **fields)

    assert world.costs()[odd].monthly == Decimal("7.30")


@pytest.mark.parametrize(
    ("scheme", "proxy"),
    [
        ("EXTERNAL", "targetHttpsProxies"),
        ("EXTERNAL_MANAGED", "targetHttpProxies"),
        ("EXTERNAL_MANAGED", "targetSslProxies"),
        ("INTERNAL_MANAGED", "targetTcpProxies"),
    ],
)
def test_counts_in_the_global_pool(scheme, proxy):
    world = World()
    world.rules(5, 0)
    odd = world.rule("orphaned", "odd", proxy=proxy, loadBalancingScheme=scheme)

    assert world.costs()[odd].monthly == Decimal("7.30")


@pytest.mark.parametrize(
    "fields",
    [
        {"target": f"{API}/projects/p/regions/{REGION}/targetVpnGateways/vpn", "IPProtocol": "ESP"},
        {"loadBalancingScheme": "INTERNAL_SELF_MANAGED", "proxy": "targetGrpcProxies"},
    ],
)
def test_believed_free_and_outside_every_pool(fields):
    world = World()
    others = world.rules(5, 5, location=REGION)
    free = world.rule("foreign", "free", location=REGION, **fields)

    costs = world.costs()

    assert costs[free].monthly == costs[free].monthly_if_deleted_alone == Decimal("0.00")
    assert "believed free" in said(costs, free).lower()
    assert sum(costs[rule].monthly for rule in others) == Decimal("18.25")


@pytest.mark.parametrize(
    "fields",
    [
        {"target": link("producer", REGION, "serviceAttachments", "db")},
        {"target": "all-apis"},
        {"target": "vpc-sc"},
        {"pscConnectionId": "42"},
    ],
)
def test_private_service_connect_endpoints_cost_their_own_rate(fields):
    world = World()
    others = world.rules(5, 5)
    endpoint = world.rule("foreign", "endpoint", loadBalancingScheme="", **fields)

    costs = world.costs()

    assert costs[endpoint].monthly == costs[endpoint].monthly_if_deleted_alone == Decimal("7.30")
    assert sum(costs[rule].monthly for rule in others) == Decimal("18.25")


def internal_alb(world: World, name: str, verdict: str = "orphaned", *, location=REGION, network=NET, **fields):
    return world.rule(
        verdict,
        name,
        location=location,
        proxy="targetHttpProxies",
        loadBalancingScheme="INTERNAL_MANAGED",
        network=network,
        **fields,
    )


def test_internal_application_load_balancers_pool_by_network():
    world = World()
    one, two = internal_alb(world, "one"), internal_alb(world, "two", "in_use", network=OTHER_NET)

    costs = world.costs()

    assert costs[one].monthly == costs[one].monthly_if_deleted_alone == Decimal("54.75")
    assert costs[two].monthly == Decimal("54.75")
    assert "cost US$54.75 a month instead of 109.50" in said(costs, one)
    assert "saves 0.00 instead of 54.75" in said(costs, two)


def test_the_same_network_written_in_two_ways_is_one_network():
    world = World()
    one, two = internal_alb(world, "one"), internal_alb(world, "two", network="projects/p/global/networks/default")

    costs = world.costs()

    assert costs[one].monthly + costs[two].monthly == Decimal("54.75")
    assert costs[one].monthly == Decimal("27.38")  # the odd cent goes to the first


def test_a_rule_without_network_has_that_of_its_subnetwork():
    world = World()
    subnetwork = link("p", REGION, "subnetworks", "s")
    world.add(None, "subnetworks", "s", location=REGION, network=NET)
    one, two = internal_alb(world, "one"), internal_alb(world, "two", network=None, subnetwork=subnetwork)

    assert sum(world.costs()[name].monthly for name in (one, two)) == Decimal("54.75")


@pytest.mark.parametrize("location", ["europe-west1", "us-east1", "global"])
def test_no_price_is_known_for_internal_application_load_balancers_elsewhere(location):
    world = World()
    rule = internal_alb(world, "ilb", location=location)
    others = world.rules(6, 6, location=location)

    costs = world.costs()

    assert costs[rule].monthly is None
    assert costs[rule].monthly_if_deleted_alone is None
    assert "No list price is known" in said(costs, rule)
    assert all(costs[other].monthly is not None for other in others)


@pytest.mark.parametrize("scheme", ["INTERNAL_MANAGED", "EXTERNAL_MANAGED"])
def test_without_its_proxy_nobody_knows_what_a_managed_rule_is(scheme):
    world = World()
    rule = world.rule("unknown", "r", location=REGION, loadBalancingScheme=scheme)

    cost = world.costs()[rule]

    assert cost.monthly is None
    assert "target proxy" in cost.notes[0]


def test_a_region_without_rates_gives_the_inference_and_does_not_use_it():
    world = World()
    [rule] = world.rules(1, 1, location="africa-south1")

    cost = world.costs()[rule]

    assert (cost.monthly, cost.monthly_if_deleted_alone) == (None, None)
    assert "US$0.0327" in cost.notes[0]
    assert "0.01308" in cost.notes[0]
    assert "1.308x" in cost.notes[0]


def test_a_region_without_any_evidence_says_only_that():
    world = World()
    [rule] = world.rules(1, 1, location="europe-north2")

    cost = world.costs()[rule]

    assert cost.monthly is None
    assert cost.notes == ("No list price is known for forwarding rules in europe-north2.",)


def test_a_region_nobody_has_heard_of_has_no_price():
    world = World()
    [rule] = world.rules(1, 1, location="antarctica-south1")
    idle = world.address("unused", "ip", "203.0.113.1", location="antarctica-south1")

    costs = world.costs()

    assert costs[rule].monthly is None
    assert costs[idle].monthly is None
    assert "antarctica-south1" in said(costs, idle)


def without(prices: PriceTable, key: str) -> PriceTable:
    return replace(prices, prices={place: price for place, price in prices.prices.items() if place[0] != key})


def test_up_to_five_rules_need_no_rate_for_further_ones():
    prices = without(PRICES, "lb.forwarding_rule.global.additional")
    few, many = World(), World()
    few.rules(5, 2)
    many.rules(6, 2)

    assert few.saving(prices) == 0
    assert {cost.monthly for cost in many.costs(prices).values()} == {None}


def test_an_endpoint_without_a_price_is_not_free():
    world = World()
    endpoint = world.rule("foreign", "endpoint", target="all-apis")

    assert world.costs(without(PRICES, "psc.endpoint"))[endpoint].monthly is None


def test_a_share_says_what_it_is_a_share_of():
    world = World()
    first, *_, last = world.rules(7, 4, location="europe-west3")

    costs = world.costs()

    assert "One of 7 rules" in said(costs, first)
    assert "deleting all 4 orphaned ones saves US$17.52 a month" in said(costs, first)
    assert costs[last].notes == ()


# what is not settled


def test_the_americas_may_be_one_bundle():
    """pricing.md, section 1.3: 3 rules (1 orphan) beside 4 live ones is 0 apart and 7.30 together."""
    world = World()
    iowa = world.rules(3, 1, location="us-central1", prefix="iowa")
    carolina = world.rules(4, 0, location="us-east1", prefix="carolina")

    costs = world.costs()

    assert costs[iowa[0]].monthly == 0
    assert "saves 7.30 instead of 0.00" in said(costs, iowa[0])
    assert "these 7 rules cost US$32.85 a month instead of 36.50" in said(costs, iowa[0])
    assert "one bundle" in said(costs, carolina[0])


def test_the_wider_pool_may_save_less():
    """pricing.md, section 1.3: 5 orphans beside 1 live one is 18.25 apart and 7.30 together."""
    world = World()
    orphans = world.rules(5, 5, location="us-west1", prefix="oregon")
    world.rules(1, 0, location="us-east1", prefix="carolina")

    assert world.saving() == Decimal("18.25")
    assert "saves 7.30 instead of 18.25" in said(world.costs(), orphans[0])


def test_regions_of_other_prices_and_projects_are_not_bundled():
    world = World()
    rules = [
        *world.rules(3, 1, location="us-central1"),
        *world.rules(3, 1, location="us-east4", prefix="virginia"),
        *world.rules(3, 1, location="us-east1", project="other"),
    ]

    costs = world.costs()

    assert not any("not settled" in said(costs, rule) for rule in rules)


def test_regional_external_application_load_balancers_have_a_pool_of_their_own_at_the_region_s_rates():
    world = World()
    others = world.rules(5, 0, location="europe-west3")
    regional = world.rule(
        "orphaned", "alb", location="europe-west3", proxy="targetHttpProxies", loadBalancingScheme="EXTERNAL_MANAGED"
    )

    costs = world.costs()

    assert costs[regional].monthly == Decimal("21.90")
    assert "Assumed" in said(costs, regional)
    assert "saves 8.76 instead of 21.90" in said(costs, regional)
    assert "saves 8.76 instead of 21.90" in said(costs, others[0])


def test_the_sources_agree_with_the_assumption_about_regional_external_application_load_balancers():
    """Where a rate of their own was seen, it is the region's ordinary one."""
    [seen] = [item for item in RAW_PRICES["items"] if item["key"] == "lb.forwarding_rule.regional_external_alb"]
    for region, entry in seen["regions"].items():
        assert PRICES.price("lb.forwarding_rule.regional.minimum", region).hourly == Decimal(
            entry["minimum_hourly_usd"]
        )


def test_a_regional_external_proxy_may_count_with_the_application_load_balancers():
    world = World()
    world.rules(5, 0, location="europe-west3")
    proxy = world.rule(
        "orphaned", "tcp", location="europe-west3", proxy="targetTcpProxies", loadBalancingScheme="EXTERNAL_MANAGED"
    )

    costs = world.costs()

    assert costs[proxy].monthly == Decimal("8.76")
    assert "saves 21.90 instead of 8.76" in said(costs, proxy)
    assert "not settled" in costs[proxy].notes[-1]


def test_two_readings_that_agree_are_not_worth_a_note():
    world = World()
    proxy = world.rule(
        "orphaned", "tcp", location="europe-west3", proxy="targetTcpProxies", loadBalancingScheme="EXTERNAL_MANAGED"
    )

    assert "instead of" not in said(world.costs(), proxy)


# what was not read


def test_a_rule_that_could_not_be_read_has_no_price_and_makes_its_pool_a_lower_bound():
    world = World()
    read = world.rule("orphaned", "read", location=REGION)
    elsewhere = world.rule("orphaned", "elsewhere", location="europe-west3")
    odd = world.rule("unknown", "odd", location=REGION, IPAddress=7)

    costs = world.costs()

    assert costs[odd].monthly is None
    assert "IPAddress is not a string" in said(costs, odd)
    assert costs[read].monthly == Decimal("18.25")
    assert "1 rule could not be read" in said(costs, read)
    assert "1 rule could not be read" not in said(costs, elsewhere)


def test_a_list_read_in_part_makes_the_pools_it_may_concern_a_lower_bound():
    world = World()
    here, there = world.rule("orphaned", "here", location=REGION), world.rule("orphaned", "there", location="us-east4")
    world.gap("p", "forwardingRules", f"regions/{REGION}")

    costs = world.costs()

    assert "lower bound" in said(costs, here)
    assert "lower bound" not in said(costs, there)


def test_a_gap_of_unknown_extent_concerns_every_pool_of_the_project_and_no_other():
    world = World()
    here, other = world.rule("orphaned", "here"), world.rule("orphaned", "there", project="other")
    world.gap("p", "forwardingRules")

    costs = world.costs()

    assert "lower bound" in said(costs, here)
    assert costs[other].notes == ()
