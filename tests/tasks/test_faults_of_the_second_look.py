"""Each sort of request of the second look at merged parts fails in each way, and owners have come: no false orphan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import pytest
from googleserver import Fault, Request, World
from organization import Organization, make_organization
from rehearsal import MIN_AGE, asked, audit, everything_asked, hurried

from auditor import pipeline
from auditor.collect import live
from auditor.collect.google import Endpoints
from auditor.collect.parts import merge, part_of
from auditor.collect.shares import Share
from auditor.model.snapshot import Snapshot
from tests.tasks.test_live_tasks import _waste, world_of
from tests.tasks.test_parts import differences

COUNT = 2
OWNERS = ("services", "ingresses", "gateways", "multiclusteringresses", "serviceattachments")
KINDS = (
    "forbidden",
    "not_found",
    "garbage",
    "wrong_kind",
    "truncated",
    "empty_object",
    "lost_page",
    "unreachable_scope",
)


@dataclass(frozen=True, slots=True)
class Late:
    """Parts that were read before any owner was there, and the world as it is now."""

    world: World
    now: Organization
    plan: live.Plan
    merged: Snapshot

    def looked_again(self) -> Snapshot:
        find = partial(pipeline.would_be_waste, as_of=self.now.as_of, min_age=MIN_AGE)
        return live.look_again(self.plan, hurried(60), dict(os.environ), self.merged, would_be_waste=find).snapshot


@pytest.fixture(scope="module")
def late() -> Iterator[Late]:
    now = make_organization(projects=10, clusters=4, first_seed=40)
    objects = {key: () if key[1] in OWNERS else items for key, items in now.snapshot.objects.items()}
    before = replace(now, snapshot=replace(now.snapshot, objects=objects))
    with world_of(before) as world:
        plan = live.Plan(projects=world.scene.projects, endpoints=Endpoints(overrides=world.endpoints), concurrency=8)
        parts = []
        for index in range(COUNT):
            share = replace(plan, share=Share("late", index, COUNT))
            collected = live.collect(
                share, hurried(60), dict(os.environ), tool="gke-auditor test", now=lambda: now.as_of
            )
            parts.append(part_of(collected.snapshot, str(index)))
        world.show(now.snapshot)
        yield Late(world, now, plan, merge(parts))


def shapes(late: Late) -> list[str]:
    late.world.faults = ()
    late.world.forget()
    snapshot = late.looked_again()
    assert _waste(late.merged, late.now) - _waste(late.now.snapshot, late.now)
    assert _waste(snapshot, late.now) == _waste(late.now.snapshot, late.now)
    return sorted({replace(request, earlier=0).shape for request in everything_asked(late.world.exchanges)})


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_had_again_proves_nothing(late: Late, kind: str) -> None:
    full = audit(late.now.snapshot, late.now.as_of)
    right = _waste(late.now.snapshot, late.now)
    wrong: dict[str, object] = {}
    for shape in shapes(late):
        if "oauth2" in shape:
            continue

        def is_of_shape(request: Request, shape: str = shape) -> bool:
            return replace(asked(request), earlier=0, is_later_page=False).shape == shape

        late.world.faults = (Fault(is_of_shape, kind),)
        snapshot = late.looked_again()
        if late.world.hits[0]:
            found = _waste(snapshot, late.now) - right
            other = {
                name: pair
                for name, pair in differences(full, audit(snapshot, late.now.as_of)).items()
                if pair[1].value not in ("pending", "in_use")
            }
            if found or other:
                wrong[shape] = found or other
    late.world.faults = ()
    assert not wrong
