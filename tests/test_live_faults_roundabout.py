"""The same sweep on the ways that a live run takes where the usual ones are closed (see test_live_faults.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from googleserver import Fault
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


@pytest.fixture(scope="module")
def roundabout() -> Iterator[Sweep]:
    """The same world, read as another account, its projects found by Resource Manager; pages of two."""
    refused = Fault(("GET", ":searchAllResources"), "forbidden")
    with served(small_world(), manners=replace(SMALL_MANNERS, page_size=2)) as world:
        plan = {**organization_of(world), "impersonate": "reader@example-prod.iam.gserviceaccount.com"}
        world.faults = (refused,)
        clean = rehearse(world, SMALL_AS_OF, **plan)
        assert clean.error is None
        assert not clean.gaps
        assert clean.waste
        yield Sweep(world, SMALL_AS_OF, clean, plan, always=(refused,))


def is_of_this_way(request: Asked) -> bool:
    is_of_cluster = request.cluster is not None and request.is_later_page
    return is_of_cluster or request.path.endswith(("/v3/projects", "/v3/folders", ":generateAccessToken"))


@pytest.fixture(scope="module")
def other_shapes(roundabout: Sweep) -> tuple[Asked, ...]:
    """What is asked in this way only: folder by folder, for another account's token, and further pages of a cluster."""
    requests = one_of_each_shape(everything_asked(roundabout.world.exchanges))
    found = tuple(request for request in requests if is_of_this_way(request))
    paths = {request.path for request in found}
    assert {"/v3/projects", "/v3/folders"} <= paths
    assert any(path.endswith(":generateAccessToken") for path in paths)
    assert sum(request.cluster is not None for request in found) >= 2
    return found


@pytest.mark.parametrize(("kind", "times"), MOST_IMPORTANT)
def test_no_fault_makes_an_orphan_and_every_loss_is_named(
    roundabout: Sweep, other_shapes: tuple[Asked, ...], kind: str, times: int | None
) -> None:
    found = [
        f"{request}: {problem}" for request in other_shapes for problem in roundabout.problems(request, kind, times)
    ]
    assert not found, "\n".join(found)
