"""Where it is not settled which rules share a bundle of five: what the other reading makes of it.

The open points are those of pricing.md, sections 1.2 to 1.4. The wider pool is not always the cheaper one, so both
numbers are said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from auditor.model.money import NOTHING, spoken
from auditor.model.names import ResourceName

from .charges import PoolKey, PoolKind
from .pools import Pool

AMERICAS = ("us-central1", "us-east1", "us-west1")


@dataclass(frozen=True, slots=True)
class OtherReading:
    """The same rules in the pools as they are counted, and as they might have to be."""

    condition: str
    counted: tuple[Pool, ...]
    otherwise: tuple[Pool, ...]


def other_readings(
    pools: Mapping[PoolKey, Pool], regional_external_proxies: frozenset[ResourceName], currency: str
) -> Mapping[PoolKey, tuple[str, ...]]:
    """A note for every pool of which another reading gives other numbers.

    `regional_external_proxies` are the rules of regional external proxy network load balancers.
    """
    notes: dict[PoolKey, list[str]] = defaultdict(list)
    readings = [
        *_one_bundle_for_the_americas(pools),
        *_one_bundle_for_a_region(pools),
        *_proxies_with_application_load_balancers(pools, regional_external_proxies),
        *_one_minimum_for_a_region(pools),
    ]
    for reading in readings:
        note = _note(reading, currency)
        if note:
            for pool in reading.counted:
                notes[pool.key].append(note)
    return {key: tuple(texts) for key, texts in notes.items()}


def _one_bundle_for_the_americas(pools: Mapping[PoolKey, Pool]) -> Iterator[OtherReading]:
    """Three regions share one SKU; whether they share one bundle is open."""
    by_project: dict[str, list[Pool]] = defaultdict(list)
    for key, pool in sorted(pools.items()):
        if key.kind is PoolKind.REGIONAL and key.location in AMERICAS:
            by_project[key.project].append(pool)
    for together in by_project.values():
        yield _merged("us-central1, us-east1 and us-west1 share one bundle of five", together)


def _one_bundle_for_a_region(pools: Mapping[PoolKey, Pool]) -> Iterator[OtherReading]:
    """Regional external application load balancers have SKUs of their own; whether a bundle of their own is open."""
    for key, pool in sorted(pools.items()):
        ordinary = pools.get(PoolKey(key.project, key.scope, PoolKind.REGIONAL))
        if key.kind is PoolKind.REGIONAL_EXTERNAL_ALB and ordinary:
            condition = "regional external Application Load Balancers share the bundle of the region's other rules"
            yield _merged(condition, [ordinary, pool])


def _proxies_with_application_load_balancers(
    pools: Mapping[PoolKey, Pool], regional_external_proxies: frozenset[ResourceName]
) -> Iterator[OtherReading]:
    """Which SKU a regional external proxy network load balancer counts in is open."""
    for key, pool in sorted(pools.items()):
        moving = [rule for rule in pool.rules if rule in regional_external_proxies]
        if key.kind is not PoolKind.REGIONAL or not moving:
            continue
        target_key = PoolKey(key.project, key.scope, PoolKind.REGIONAL_EXTERNAL_ALB)
        target = pools.get(target_key) or Pool(target_key, (), frozenset(), pool.rates)
        staying = [rule for rule in pool.rules if rule not in regional_external_proxies]
        yield OtherReading(
            "regional external proxy Network Load Balancers share the bundle of the Application Load Balancers",
            tuple(counted for counted in (pool, target) if counted.rules),
            (
                replace(pool, rules=tuple(staying), waste=pool.waste.intersection(staying)),
                replace(target, rules=(*target.rules, *moving), waste=target.waste | pool.waste.intersection(moving)),
            ),
        )


def _one_minimum_for_a_region(pools: Mapping[PoolKey, Pool]) -> Iterator[OtherReading]:
    """Whether the proxy minimum is charged for each network or once for a region is open."""
    by_region: dict[tuple[str, str], list[Pool]] = defaultdict(list)
    for key, pool in sorted(pools.items()):
        if key.kind is PoolKind.INTERNAL_ALB:
            by_region[key.project, key.scope].append(pool)
    for together in by_region.values():
        yield _merged("the proxy minimum is charged once for the region, not for each network", together)


def _merged(condition: str, together: Sequence[Pool]) -> OtherReading:
    """The reading that these pools are one, at the rates of the first."""
    rules = tuple(rule for pool in together for rule in pool.rules)
    waste = frozenset(rule for pool in together for rule in pool.waste)
    return OtherReading(condition, tuple(together), (replace(together[0], rules=rules, waste=waste),))


def _note(reading: OtherReading, currency: str) -> str | None:
    """Both numbers in one sentence; None where the readings agree or no price is known."""
    counted, otherwise = _sums(reading.counted), _sums(reading.otherwise)
    if counted is None or otherwise is None or counted == otherwise:
        return None
    rules = sum(len(pool.rules) for pool in reading.counted)
    note = (
        f"Pooling is not settled: if {reading.condition}, these {rules} rules cost "
        f"{spoken(otherwise[0], currency)} a month instead of {counted[0]}"
    )
    if any(pool.waste for pool in reading.counted):
        note += f", and deleting the orphaned ones saves {otherwise[1]} instead of {counted[1]}"
    return note + "."


def _sums(pools: Sequence[Pool]) -> tuple[Decimal, Decimal] | None:
    """What the pools cost, and what deleting their waste saves; None where a price is not known."""
    monthly, saving = NOTHING, NOTHING
    for pool in pools:
        if pool.monthly is None or pool.saving is None:
            return None
        monthly, saving = monthly + pool.monthly, saving + pool.saving
    return monthly, saving
