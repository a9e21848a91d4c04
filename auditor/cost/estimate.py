"""Findings and list prices in, one cost for every finding out (docs/report.md, Money; pricing.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from auditor.model.compute import Address, ForwardingRule
from auditor.model.finding import WASTE, Finding, Verdict
from auditor.model.inventory import Inventory
from auditor.model.money import NOTHING, Cost, Price, PriceTable, spoken
from auditor.model.names import ResourceName
from auditor.model.report import Summary
from auditor.model.snapshot import compute_scope

from . import addresses, notes
from .addresses import Holders
from .charges import FlatCharge, PoolKey, charge_of, is_regional_external_proxy
from .pools import Pool, pool_of
from .readings import other_readings

PSC_ENDPOINT = "psc.endpoint"
FREE_PARTS = frozenset(
    {
        "backendServices",
        "targetPools",
        "targetHttpProxies",
        "targetHttpsProxies",
        "targetTcpProxies",
        "targetSslProxies",
        "targetGrpcProxies",
        "urlMaps",
        "networkEndpointGroups",
        "instanceGroups",
        "healthChecks",
        "httpHealthChecks",
        "httpsHealthChecks",
        "firewalls",
        "sslCertificates",
        "serviceAttachments",
    }
)


def estimate(findings: Sequence[Finding], inventory: Inventory, prices: PriceTable) -> Mapping[ResourceName, Cost]:
    """What each finding's resource costs a month, and what deleting it alone would save.

    The findings must be all of one audit: the rules among them make up the pools, and their verdicts decide how a
    pool is shared. Their order does not matter. What has no known price gets None and a note, never 0.
    """
    return _Estimate(findings, inventory, prices).costs()


def summarise(findings: Iterable[Finding], currency: str = "USD") -> Summary:
    """The sums over findings that carry a cost, suppressed ones among them. What has no price is left out."""
    monthly = dict.fromkeys(Verdict, NOTHING)
    suppressed = NOTHING
    for finding in findings:
        amount = finding.cost.monthly if finding.cost else None
        if amount is None:
            continue
        monthly[finding.verdict] += amount
        if finding.suppression is not None and finding.verdict in WASTE:
            suppressed += amount
    return Summary(
        currency=currency,
        monthly=monthly,
        saving=sum((monthly[verdict] for verdict in WASTE), NOTHING),
        total=sum(monthly.values(), NOTHING),
        suppressed=suppressed,
    )


def notes_on_sums(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What the report says about its sums as a whole: how many resources they leave out, by verdict."""
    unpriced = dict.fromkeys(Verdict, 0)
    for finding in findings:
        if finding.cost is None or finding.cost.monthly is None:
            unpriced[finding.verdict] += 1
    count = sum(unpriced.values())
    if not count:
        return ()
    split = ", ".join(f"{number} {verdict}" for verdict, number in unpriced.items() if number)
    what = "1 resource has no known price and is" if count == 1 else f"{count} resources have no known price and are"
    return (f"{what} left out of every sum: {split}.",)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The forwarding rules of the findings by how they are charged."""

    pools: Mapping[PoolKey, Pool]
    pool_of: Mapping[ResourceName, PoolKey]
    flat: Mapping[ResourceName, FlatCharge]
    regional_external_proxies: frozenset[ResourceName]
    unread: Mapping[tuple[str, str], int]
    """By project and scope: how many rules could not be read, so that nobody knows which pool they count in."""


class _Estimate:
    """One estimate: what the findings, the inventory and the prices say together, worked out once."""

    def __init__(self, findings: Sequence[Finding], inventory: Inventory, prices: PriceTable) -> None:
        self.findings = findings
        self.inventory = inventory
        self.prices = prices
        self.verdicts = {finding.resource: finding.verdict for finding in findings}
        self.holders: Holders = addresses.find_holders(inventory)
        self.rules = self._charge_rules()
        self.shares: Mapping[ResourceName, Decimal] = {
            rule: share for pool in self.rules.pools.values() for rule, share in (pool.shares() or {}).items()
        }
        self.pool_notes = self._notes_on_pools()

    def costs(self) -> Mapping[ResourceName, Cost]:
        return {finding.resource: self._cost(finding.resource) for finding in self.findings}

    def _cost(self, name: ResourceName) -> Cost:
        if name.collection == "serviceAttachments":
            return self._same(NOTHING, notes.BELIEVED_FREE_ATTACHMENT)
        if name.collection in FREE_PARTS:
            return self._same(NOTHING)
        body = self._body(name)
        if isinstance(body, ForwardingRule):
            return self._cost_of_rule(name)
        if isinstance(body, Address):
            return self._cost_of_address(name, body)
        problem = self.inventory.unreadable.get(name, f"no price is known for {name.collection}")
        return self._same(None, f"Its price is not known: {problem}.")

    def _body(self, name: ResourceName) -> object:
        """What was read of a resource; None where only its name could be."""
        resource = self.inventory.resources.get(name)
        return None if resource is None or name in self.inventory.unreadable else resource.body

    def _same(self, amount: Decimal | None, *said: str) -> Cost:
        """The cost of a thing that no other thing's price depends on."""
        return Cost(amount, amount, self.prices.currency, said)

    # forwarding rules

    def _charge_rules(self) -> _Rules:
        members: dict[PoolKey, list[ResourceName]] = defaultdict(list)
        flat: dict[ResourceName, FlatCharge] = {}
        unread: dict[tuple[str, str], int] = defaultdict(int)
        proxies = set()
        for name in self.verdicts:
            if name.collection != "forwardingRules":
                continue
            body = self._body(name)
            if not isinstance(body, ForwardingRule):
                unread[name.project, name.scope] += 1
                continue
            charge = charge_of(name, body, self.inventory)
            if isinstance(charge, FlatCharge):
                flat[name] = charge
            else:
                members[charge].append(name)
            if is_regional_external_proxy(name, body):
                proxies.add(name)
        waste = frozenset(name for name, verdict in self.verdicts.items() if verdict in WASTE)
        return _Rules(
            pools={key: pool_of(key, rules, waste, self.prices) for key, rules in members.items()},
            pool_of={rule: key for key, rules in members.items() for rule in rules},
            flat=flat,
            regional_external_proxies=frozenset(proxies),
            unread=unread,
        )

    def _cost_of_rule(self, name: ResourceName) -> Cost:
        key = self.rules.pool_of.get(name)
        if key is None:
            charged = self._flat_cost(self.rules.flat[name])
        else:
            pool = self.rules.pools[key]
            charged = Cost(self.shares.get(name), pool.marginal, self.prices.currency, self._notes_on_rule(pool, name))
        return self._less_what_starts_to_cost(name, charged)

    def _flat_cost(self, charge: FlatCharge) -> Cost:
        if charge is FlatCharge.BELIEVED_FREE:
            return self._same(NOTHING, notes.BELIEVED_FREE_RULE)
        if charge is FlatCharge.UNCLEAR:
            return self._same(None, notes.UNCLEAR_RULE)
        price = self.prices.price(PSC_ENDPOINT)
        if price.hourly is None:
            return self._same(None, "No list price is known for a Private Service Connect endpoint.")
        return self._same(price.monthly_in_cents)

    def _notes_on_rule(self, pool: Pool, name: ResourceName) -> tuple[str, ...]:
        own = (notes.UNSETTLED_PROXY,) if name in self.rules.regional_external_proxies else ()
        return (*notes.on_share(pool, name, self.prices.currency), *self.pool_notes[pool.key], *own)

    def _less_what_starts_to_cost(self, name: ResourceName, charged: Cost) -> Cost:
        """An address is free while a rule holds it: without its last rule it costs the idle price."""
        alone, said = charged.monthly_if_deleted_alone, list(charged.notes)
        for held in self.holders.addresses_of.get(name, ()):
            body = self._body(held)
            if not isinstance(body, Address) or not addresses.is_held_by(held, body, name, self.holders):
                continue
            idle = addresses.idle_price(held, self.prices)
            amount = idle.monthly_in_cents
            alone = None if alone is None or amount is None else alone - amount
            said.append(f"Deleting only this rule leaves address {held.name} idle, at {self._money(idle)}.")
        return Cost(charged.monthly, alone, charged.currency, tuple(said))

    # pools

    def _notes_on_pools(self) -> Mapping[PoolKey, tuple[str, ...]]:
        pools = self.rules.pools
        readings = other_readings(pools, self.rules.regional_external_proxies, self.prices.currency)
        return {
            key: (
                *notes.on_rates(pool, self.prices),
                *readings.get(key, ()),
                *self._completeness(key),
            )
            for key, pool in pools.items()
        }

    def _completeness(self, key: PoolKey) -> tuple[str, ...]:
        coverage = self.inventory.coverage_of(compute_scope(key.project, "forwardingRules"))
        return notes.on_completeness(key, self.rules.unread.get((key.project, key.scope), 0), coverage)

    # addresses

    def _cost_of_address(self, name: ResourceName, address: Address) -> Cost:
        status = self.inventory.resources[name].status
        state = addresses.state_of(name, address, status, self.holders, self.inventory)
        price = addresses.price_in_state(state, name.location, self.prices)
        return self._same(
            price.monthly_in_cents,
            *addresses.notes_on_state(state, price, self.prices),
            *self._note_on_free_address(name),
        )

    def _note_on_free_address(self, name: ResourceName) -> tuple[str, ...]:
        """For an address that only orphaned rules hold: deleting the rules alone is where it starts to cost."""
        rules = self.holders.rules_of.get(name, frozenset())
        if not rules or any(self.verdicts.get(rule) is not Verdict.ORPHANED for rule in rules):
            return ()
        idle = self._money(addresses.idle_price(name, self.prices))
        return (f"Free while a forwarding rule holds it; costs {idle} once only the rule is deleted.",)

    def _money(self, price: Price) -> str:
        """A price for a sentence."""
        if price.monthly_in_cents is None:
            return "a price that is not known"
        assumed = " (assumed)" if price.is_assumed else ""
        return f"{spoken(price.monthly_in_cents, self.prices.currency)} a month{assumed}"
