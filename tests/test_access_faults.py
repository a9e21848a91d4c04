"""Every sort of request that check-access makes, failed in every way: never does an account look better than it is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from googleserver import World
from rehearsal import (
    MOST_IMPORTANT,
    SLOW,
    SMALL_MANNERS,
    Asked,
    everything_asked,
    hurried,
    one_of_each_shape,
    organization_of,
    served,
    small_world,
)

from auditor.collect.access import Access, check_access
from auditor.collect.google import Endpoints
from auditor.collect.live import Plan
from auditor.collect.patience import Patience
from auditor.errors import NothingRead


def access(world: World, patience: Patience) -> tuple[Access, ...] | None:
    """What check-access finds; None where it cannot even sign in."""
    plan = Plan(endpoints=Endpoints(overrides=world.endpoints), **organization_of(world))
    try:
        return check_access(plan, patience, dict(os.environ))
    except NothingRead:
        return None


@pytest.fixture(scope="module")
def permissions() -> Iterator[tuple[World, tuple[Access, ...], tuple[Asked, ...]]]:
    """A world in which everything may be read, what check-access says of it, and one request of each shape."""
    with served(small_world(), manners=SMALL_MANNERS) as world:
        clean = access(world, hurried(60))
        assert clean is not None
        assert len(clean) == 4
        assert all(place.is_complete for place in clean)
        requests = one_of_each_shape(everything_asked(world.exchanges))
        for ending in (":testIamPermissions", "/selfsubjectaccessreviews", "/clusters", "/getXpnHost", "/token"):
            assert any(request.path.endswith(ending) for request in requests), ending
        yield world, clean, requests


@pytest.mark.parametrize(("kind", "times"), MOST_IMPORTANT)
def test_no_fault_makes_access_look_complete(
    permissions: tuple[World, tuple[Access, ...], tuple[Asked, ...]], kind: str, times: int | None
) -> None:
    world, clean, requests = permissions
    for request in requests:
        if not request.is_worth_a_run(kind, times):
            continue
        world.faults = (request.failing(kind, times),)
        timeout_s, retry_for_s = (0.5 if kind in SLOW else 60), (5 if request.service == "oauth2" else 90)
        found = access(world, hurried(timeout_s, retry_for_s=retry_for_s))
        hits = world.hits[0]
        world.faults = ()
        if not hits:
            continue  # this kind cannot befall this request
        if times is not None:
            assert found == clean, request
        else:
            assert found is None or not all(place.is_complete for place in found), request
            assert not [place for place in found or () if place.problem and not place.command], request
