"""What an address costs in which state (pricing.md, section 2), and what starts to cost when a rule goes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .builder import PRICES, World, link

REGION = "europe-west3"
IP = "203.0.113.7"


def rule_link(name: str, location: str = REGION) -> str:
    return link("p", location, "forwardingRules", name)


def test_an_idle_address_costs_the_price_of_its_region():
    world = World()
    idle = world.address("unused", "ip", IP, location=REGION)

    cost = world.costs()[idle]

    assert cost.monthly == cost.monthly_if_deleted_alone == Decimal("8.76")
    assert cost.notes == ()


def test_the_price_of_a_global_address_is_assumed_and_says_so():
    world = World()
    idle = world.address("unused", "ip", IP)

    cost = world.costs()[idle]

    assert cost.monthly == Decimal("7.30")
    assert "Assumed" in cost.notes[0]


def test_a_region_without_a_price_has_none():
    world = World()
    idle = world.address("unused", "ip", IP, location="europe-north2")

    cost = world.costs()[idle]

    assert cost.monthly is None
    assert "no Static Ip SKU matched" in cost.notes[0]


@pytest.mark.parametrize("users", [["rule"], []], ids=["named as its user", "found by IP"])
def test_an_address_on_a_rule_is_free_whoever_says_so(users):
    world = World()
    world.rule("in_use", "r", location=REGION, IPAddress=IP)
    held = world.address("in_use", "ip", IP, location=REGION, users=[rule_link("r")] if users else [])

    assert world.costs()[held].monthly == 0


def test_a_rule_may_name_its_address_by_link():
    world = World()
    world.rule("in_use", "r", location=REGION, IPAddress=link("p", REGION, "addresses", "ip"))
    held = world.address("in_use", "ip", IP, location=REGION)

    assert world.costs()[held].monthly == 0


def test_an_address_that_says_it_is_in_use_by_nothing_that_was_read_has_no_price():
    world = World()
    held = world.address("unknown", "ip", IP, location=REGION, status="IN_USE")
    strange = world.address("unknown", "strange", "203.0.113.8", location=REGION, users=["somebody"])

    costs = world.costs()

    assert costs[held].monthly is None
    assert costs[strange].monthly is None


def test_an_address_named_by_a_rule_that_was_not_read_is_free():
    world = World()
    held = world.address("unknown", "ip", IP, location=REGION, users=[rule_link("unread")])

    assert world.costs()[held].monthly == 0


@pytest.mark.parametrize(
    ("scheduling", "price"),
    [
        ({}, "3.65"),
        ({"provisioningModel": "STANDARD"}, "3.65"),
        ({"provisioningModel": "SPOT"}, "1.83"),
        ({"preemptible": True}, "1.83"),
    ],
)
@pytest.mark.parametrize("is_named", [True, False], ids=["named as its user", "found by IP"])
def test_on_a_vm(scheduling, price, is_named):
    world = World()
    interfaces = [] if is_named else [{"accessConfigs": [{"natIP": IP}]}]
    vm = world.instance("vm", scheduling=scheduling, networkInterfaces=interfaces)
    held = world.address("in_use", "ip", IP, location="us-central1", users=[vm] if is_named else [])

    cost = world.costs()[held]

    assert cost.monthly == Decimal(price)
    assert cost.notes == ()


def test_on_a_vm_that_was_not_read_it_costs_what_a_standard_one_costs():
    world = World()
    vm = "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/instances/gone"
    held = world.address("in_use", "ip", IP, location="us-central1", users=[vm])

    cost = world.costs()[held]

    assert cost.monthly == Decimal("3.65")
    assert "1.83" in cost.notes[0]


def test_on_cloud_nat():
    world = World()
    named = world.address("in_use", "named", IP, location=REGION, users=[link("p", REGION, "routers", "r")])
    held = world.address("in_use", "held", "203.0.113.8", location=REGION)
    automatic = world.address("foreign", "auto", "203.0.113.9", location=REGION, purpose="NAT_AUTO", status="IN_USE")
    world.add(
        None, "routers", "r", location=REGION, nats=[{"name": "n", "natIps": [link("p", REGION, "addresses", "held")]}]
    )

    costs = world.costs()

    assert [costs[name].monthly for name in (named, held, automatic)] == [Decimal("3.65")] * 3


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"addressType": "INTERNAL", "address": "10.0.0.7"}, id="internal"),
        pytest.param({"addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": 16}, id="peering range"),
        pytest.param({"addressType": "", "purpose": "VPC_PEERING"}, id="peering without a type"),
        pytest.param({"addressType": "INTERNAL", "purpose": "PRIVATE_SERVICE_CONNECT"}, id="endpoint"),
        pytest.param({"address": "2001:db8::", "prefixLength": 96, "ipVersion": "IPV6"}, id="IPv6"),
        pytest.param({"ipCollection": link("p", REGION, "publicDelegatedPrefixes", "mine")}, id="brought"),
        pytest.param({"users": [link("p", REGION, "targetVpnGateways", "vpn")]}, id="VPN"),
    ],
)
def test_free_addresses(fields):
    world = World()
    ip = fields.pop("address", IP)
    free = world.address("foreign", "ip", ip, location=REGION, **fields)

    assert world.costs()[free].monthly == Decimal("0.00")


# what starts to cost when a rule goes


def test_deleting_the_last_rule_of_an_address_alone_leaves_it_idle():
    world = World()
    rule = world.rule("orphaned", "r", location=REGION, IPAddress=IP)
    held = world.address("orphaned", "web-ip", IP, location=REGION, users=[rule_link("r")])

    costs = world.costs()

    assert costs[rule].monthly == Decimal("21.90")
    assert costs[rule].monthly_if_deleted_alone == Decimal("13.14")
    assert "leaves address web-ip idle, at US$8.76 a month" in costs[rule].notes[0]
    assert costs[held].monthly == 0
    assert "costs US$8.76 a month once only the rule is deleted" in costs[held].notes[0]


def test_another_rule_on_the_same_ip_keeps_the_address_free():
    world = World()
    http = world.rule("orphaned", "http", location=REGION, IPAddress=IP)
    https = world.rule("orphaned", "https", location=REGION, IPAddress=IP)
    held = world.address("orphaned", "ip", IP, location=REGION, users=[rule_link("http")])

    costs = world.costs()

    assert [costs[rule].monthly_if_deleted_alone for rule in (http, https)] == [0, 0]
    assert "once only the rule is deleted" in costs[held].notes[0]


@pytest.mark.parametrize("user", [rule_link("unread"), "somebody"], ids=["a rule", "no link"])
def test_a_user_that_was_not_read_keeps_the_address_free(user):
    world = World()
    rule = world.rule("orphaned", "r", location=REGION, IPAddress=IP)
    world.address("in_use", "ip", IP, location=REGION, users=[rule_link("r"), user])

    assert world.costs()[rule].monthly_if_deleted_alone == Decimal("21.90")


def test_an_address_that_a_live_rule_holds_too_does_not_start_to_cost():
    world = World()
    world.rule("orphaned", "http", location=REGION, IPAddress=IP)
    world.rule("in_use", "https", location=REGION, IPAddress=IP)
    held = world.address("in_use", "ip", IP, location=REGION, users=[rule_link("http"), rule_link("https")])

    assert world.costs()[held].notes == ()


def test_an_address_without_a_known_price_makes_the_saving_unknown():
    world = World()
    rule = world.rule("orphaned", "r", IPAddress=IP)
    held = world.address("orphaned", "ip", IP, location="europe-north2", users=[rule_link("r", "global")])

    costs = world.costs()

    assert costs[rule].monthly == Decimal("18.25")
    assert costs[rule].monthly_if_deleted_alone is None
    assert "not known" in costs[rule].notes[0]
    assert "not known" in costs[held].notes[0]


@pytest.mark.parametrize(
    "fields", [{"addressType": "INTERNAL", "purpose": "GCE_ENDPOINT"}, {"ipVersion": "IPV6"}], ids=["internal", "IPv6"]
)
def test_an_address_that_is_always_free_starts_nothing(fields):
    world = World()
    ip = "2001:db8::1" if "ipVersion" in fields else "10.0.0.7"
    rule = world.rule("orphaned", "r", location=REGION, IPAddress=ip)
    held = world.address("orphaned", "ip", ip, location=REGION, users=[rule_link("r")], **fields)

    costs = world.costs()

    assert costs[rule].monthly_if_deleted_alone == Decimal("21.90")
    assert costs[held].notes == ()


def test_an_address_that_could_not_be_read_has_no_price():
    world = World()
    odd = world.address("unknown", "odd", IP, location=REGION, users="somebody")

    cost = world.costs()[odd]

    assert cost.monthly is None
    assert "users is not an array" in cost.notes[0]


def test_half_a_cent_is_rounded_up():
    """0.0025 an hour is 1.825 a month (docs/report.md: round half up)."""
    assert PRICES.price("ip.external.spot_vm").monthly == Decimal("1.825")
    assert PRICES.price("ip.external.spot_vm").monthly_in_cents == Decimal("1.83")
