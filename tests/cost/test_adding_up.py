"""Everything adds up, at three levels (docs/report.md, Money), and agrees with a second computation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cost.estimate import estimate, notes_on_sums, summarise
from auditor.cost.pools import shared_out
from auditor.model.breakdown import Grouping, break_down
from auditor.model.finding import Owner, Verdict
from auditor.model.inventory import build
from auditor.model.money import Cost
from auditor.model.names import ResourceName
from auditor.model.snapshot import JUDGED_COLLECTIONS, Snapshot

from .builder import API, PRICES, RAW_PRICES, World, finding, link
from .independent import cents, monthly_by_verdict, pool_cost, pool_or_price

LOCATIONS = ("global", "us-central1", "us-east1", "europe-west3", "asia-southeast2", "africa-south1", "europe-north2")
SHAPES = (
    ("EXTERNAL", ""),
    ("EXTERNAL", "targetHttpProxies"),
    ("EXTERNAL_MANAGED", "targetHttpsProxies"),
    ("EXTERNAL_MANAGED", "targetTcpProxies"),
    ("EXTERNAL_MANAGED", ""),
    ("INTERNAL", ""),
    ("INTERNAL_MANAGED", "targetHttpProxies"),
    ("INTERNAL_MANAGED", "targetTcpProxies"),
    ("INTERNAL_SELF_MANAGED", "targetGrpcProxies"),
    ("", "serviceAttachments"),
    ("EXTERNAL", "targetVpnGateways"),
)
ADDRESS_ON_NAT = 15


@st.composite
def worlds(draw) -> World:
    """Up to 40 rules in at most three places, so that pools grow past five."""
    places = st.sampled_from(draw(st.lists(st.sampled_from(LOCATIONS), min_size=1, max_size=3)))
    projects = st.sampled_from(draw(st.sampled_from([["p"], ["p", "q"]])))
    shapes = st.sampled_from(draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4)))
    verdicts = st.sampled_from([verdict.value for verdict in Verdict])
    networks = st.sampled_from(["default", "other"])
    rules = st.tuples(verdicts, projects, places, shapes, networks, st.integers(0, 12))
    addresses = st.tuples(verdicts, projects, places, st.integers(0, ADDRESS_ON_NAT))
    return world_of(draw(st.lists(rules, max_size=40)), draw(st.lists(addresses, max_size=6)))


def world_of(rules, addresses) -> World:
    world = World()
    for number, (verdict, project, location, (scheme, target), network, ip) in enumerate(rules):
        world.rule(
            verdict,
            f"r{number}",
            project=project,
            location=location,
            proxy=target,
            loadBalancingScheme=scheme,
            network=f"{API}/projects/{project}/global/networks/{network}",
            IPAddress=f"203.0.113.{ip}",
        )
    for number, (verdict, project, location, ip) in enumerate(addresses):
        users = [link(project, location, "routers", "nat")] if ip == ADDRESS_ON_NAT else []
        world.address(verdict, f"a{number}", f"203.0.113.{ip}", project=project, location=location, users=users)
    return world


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_agrees_with_the_second_computation(world):
    expected = monthly_by_verdict(
        world.snapshot, {name.full: verdict.value for name, verdict in world.verdicts.items()}, RAW_PRICES
    )

    assert {name.full: cost.monthly for name, cost in world.costs().items()} == expected


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_the_rules_of_a_pool_add_up_to_what_the_pool_costs(world):
    costs = world.costs()
    pools = defaultdict(list)
    for (project, _), objects in world.snapshot.compute.items():
        for obj in objects:
            name = next(known for known in costs if known.name == obj["name"] and known.project == project)
            pool = pool_or_price(name.full, obj, RAW_PRICES) if name.collection == "forwardingRules" else None
            if isinstance(pool, tuple):
                pools[pool].append(costs[name].monthly)
    for (kind, _, location, *_), amounts in pools.items():
        whole = pool_cost(kind, location, len(amounts), RAW_PRICES)
        if whole is None:
            assert set(amounts) == {None}
        else:
            assert sum(amounts) == cents(whole)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_the_summary_adds_up_and_so_does_every_breakdown(world):
    findings = world.priced()

    summary = summarise(findings)

    for verdict in Verdict:
        amounts = [item.cost.monthly for item in findings if item.verdict is verdict]
        assert summary.monthly[verdict] == sum((amount for amount in amounts if amount is not None), Decimal(0))
    assert summary.total == sum(summary.monthly.values())
    assert summary.saving == summary.monthly[Verdict.ORPHANED] + summary.monthly[Verdict.UNUSED]
    for by in Grouping:
        rows = break_down(findings, by)
        assert sum(row.total for row in rows) == summary.total
        assert sum(row.saving for row in rows) == summary.saving
        assert sum(sum(row.counts.values()) for row in rows) == len(findings)
        assert sum(row.unpriced for row in rows) == sum(item.cost.monthly is None for item in findings)


@settings(max_examples=60, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_no_order_of_anything_matters(world, random):
    shuffled = list(world.findings)
    random.shuffle(shuffled)
    snapshot = world.snapshot
    lists = {key: tuple(random.sample(items, len(items))) for key, items in snapshot.compute.items()}
    again = estimate(shuffled, build(Snapshot(coverage=snapshot.coverage, compute=lists)), PRICES)

    assert dict(again) == world.costs()


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_every_finding_has_a_cost_in_whole_cents_and_what_has_no_price_says_why(world):
    costs = world.costs()

    assert set(costs) == set(world.verdicts)
    for cost in costs.values():
        for amount in (cost.monthly, cost.monthly_if_deleted_alone):
            assert amount is None or amount.as_tuple().exponent == -2
        assert cost.monthly is None or cost.monthly >= 0
        assert cost.monthly is not None or cost.notes


def names(count: int) -> list[ResourceName]:
    return [ResourceName("p", "global", "forwardingRules", f"r{number}") for number in range(count)]


@given(st.integers(0, 100_000), st.integers(1, 60))
def test_shares_add_up_to_the_cent_and_are_even(amount, count):
    shares = list(shared_out(Decimal(amount) / 100, names(count)).values())

    assert sum(shares) == Decimal(amount) / 100
    assert max(shares) - min(shares) <= Decimal("0.01")
    assert shares == sorted(shares, reverse=True)


def test_remaining_cents_go_to_the_first_in_order_of_the_full_name():
    world = World()
    for name in ("c", "a", "b"):
        world.rule("orphaned", name)

    costs = {name.name: cost.monthly for name, cost in world.costs().items()}

    assert costs == {"a": Decimal("6.09"), "b": Decimal("6.08"), "c": Decimal("6.08")}


def test_the_rest_of_a_pool_is_the_rounded_cost_less_the_rounded_saving():
    """asia-southeast2: 0.03052 and 0.01199 an hour. Six rules cost 31.0323, one of them saves 8.7527."""
    world = World()
    first, *others = world.rules(6, 1, location="asia-southeast2")

    costs = world.costs()

    assert costs[first].monthly == Decimal("8.75")
    assert sum(costs[rule].monthly for rule in others) == Decimal("22.28")
    assert sum(cost.monthly for cost in costs.values()) == Decimal("31.03")


def test_half_a_cent_of_a_pool_is_rounded_up():
    """europe-west4: 0.0275 an hour is 20.075 a month."""
    world = World()
    world.rules(1, 1, location="europe-west4")

    assert world.saving() == Decimal("20.08")


@pytest.mark.parametrize("verdict", ["in_use", "idle", "unknown", "pending", "foreign"])
def test_only_the_orphaned_share_the_saving(verdict):
    world = World()
    world.rules(6, 6, prefix="orphan")
    other = world.rule(verdict, "other")

    assert world.costs()[other].monthly == Decimal("18.25")
    assert world.saving() == Decimal("14.60")


@pytest.mark.parametrize("collection", sorted(set(JUDGED_COLLECTIONS) - {"forwardingRules", "addresses"}))
def test_parts_cost_nothing(collection):
    world = World()
    part = world.add("orphaned", collection, "part")

    cost = world.costs()[part]

    assert cost.monthly == cost.monthly_if_deleted_alone == Decimal("0.00")


def test_a_kind_that_nobody_priced_is_not_free():
    world = World()
    disk = world.add("orphaned", "disks", "disk", location="us-central1")

    assert world.costs()[disk].monthly is None


def test_what_is_suppressed_is_summed_apart_as_far_as_it_is_saving():
    world = World()
    orphan = world.address("unused", "ip", "203.0.113.1", location="europe-west3")
    world.rule("in_use", "live")
    hidden = [replace(item, suppression="ours") for item in world.priced()]

    summary = summarise(hidden)

    assert summary.suppressed == summary.saving == world.costs()[orphan].monthly == Decimal("8.76")
    assert summary.total == Decimal("27.01")


def test_the_report_says_what_its_sums_leave_out():
    world = World()
    world.rules(2, 1, location="africa-south1")
    world.rule("in_use", "live")

    assert notes_on_sums(world.priced()) == (
        "2 resources have no known price and are left out of every sum: 1 orphaned, 1 in_use.",
    )
    assert summarise(world.priced()).total == Decimal("18.25")


def test_nothing_is_said_where_nothing_is_left_out():
    world = World()
    world.rules(2, 1)

    assert notes_on_sums(world.priced()) == ()


# who pays


def priced_finding(name: str, verdict: Verdict, amount: str | None, owner: Owner | None = None):
    cost = Cost(None if amount is None else Decimal(amount), None)
    return finding(ResourceName("p", "global", "forwardingRules", name), verdict, owner=owner, cost=cost)


def owner_in(cluster: str, namespace: str, name: str) -> Owner:
    return Owner(cluster, "Service", namespace, name, live=True)


def test_the_dearest_group_stands_first_and_what_belongs_to_nobody_last():
    findings = [
        priced_finding("a", Verdict.IN_USE, "1.00", owner_in("one", "shop", "web")),
        priced_finding("b", Verdict.IN_USE, "2.00", owner_in("two", "shop", "web")),
        priced_finding("c", Verdict.ORPHANED, "9.00"),
        priced_finding("d", Verdict.IDLE, "0.50", owner_in("two", "bank", "db")),
    ]

    rows = break_down(findings, Grouping.CLUSTER)

    assert [(row.key, row.total) for row in rows] == [
        (("two",), Decimal("2.50")),
        (("one",), Decimal("1.00")),
        ((), Decimal("9.00")),
    ]
    assert rows[0].monthly[Verdict.IDLE] == Decimal("0.50")
    assert rows[0].counts[Verdict.IN_USE] == 1


def test_namespaces_of_two_clusters_are_two_namespaces():
    findings = [
        priced_finding("a", Verdict.IN_USE, "1.00", owner_in("one", "shop", "web")),
        priced_finding("b", Verdict.IN_USE, "2.00", owner_in("two", "shop", "web")),
    ]

    assert {row.key for row in break_down(findings, Grouping.NAMESPACE)} == {("one", "shop"), ("two", "shop")}
    assert len(break_down(findings, Grouping.OWNER)) == 2


def test_what_has_no_price_is_counted_and_not_added():
    findings = [priced_finding("a", Verdict.IN_USE, None), priced_finding("b", Verdict.IN_USE, "2.00")]

    [row] = break_down(findings, Grouping.PROJECT)

    assert (row.total, row.unpriced, row.counts[Verdict.IN_USE]) == (Decimal("2.00"), 1, 2)
