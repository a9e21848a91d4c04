"""Every sort of request that a live run makes, failed in every way: no false orphan, every loss named, in time.

scripts/soak does the same with every single request, more kinds of fault and larger worlds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rehearsal import (
    MOST_IMPORTANT,
    SMALL_AS_OF,
    SMALL_MANNERS,
    Asked,
    Sweep,
    everything_asked,
    one_of_each_shape,
    organization_of,
    rehearse,
    served,
    small_world,
)

SERVICES = frozenset({"oauth2", "cloudasset", "cloudresourcemanager", "compute", "container", "kubernetes"})


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    """A clean run of the small world, found through its organization; pages of five."""
    with served(small_world(), manners=SMALL_MANNERS) as world:
        plan = organization_of(world)
        clean = rehearse(world, SMALL_AS_OF, **plan)
        assert clean.error is None
        assert not clean.gaps
        assert clean.waste
        yield Sweep(world, SMALL_AS_OF, clean, plan)


@pytest.fixture(scope="module")
def shapes(sweep: Sweep) -> tuple[Asked, ...]:
    requests = one_of_each_shape(everything_asked(sweep.world.exchanges))
    assert {request.service for request in requests} >= SERVICES
    assert any(request.is_later_page for request in requests)
    assert any(request.earlier for request in requests)
    return requests


@pytest.mark.parametrize(("kind", "times"), MOST_IMPORTANT)
def test_no_fault_makes_an_orphan_and_every_loss_is_named(
    sweep: Sweep, shapes: tuple[Asked, ...], kind: str, times: int | None
) -> None:
    found = [f"{request}: {problem}" for request in shapes for problem in sweep.problems(request, kind, times)]
    assert not found, "\n".join(found)
