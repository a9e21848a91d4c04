"""The second look of merged parts: clusters are reached anew, and whatever cannot be had again proves nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from googleserver import Fault, Request
from organization import Organization, make_organization

from auditor.collect.directory import read_snapshot
from auditor.collect.projects import Description
from auditor.console import TerminalConsole as Console
from auditor.deliver.storage import open_store
from auditor.model.snapshot import Category, Coverage, Snapshot, Status, project_scope
from auditor.tasks_run import collect_part, merge_by_hand
from tests.tasks.test_live_tasks import COUNT, _waste, settings_for, task, world_of

KINDS_OF = {"ingresses": "/apis/networking.k8s.io/v1", "gateways": "/apis/gateway.networking.k8s.io/v1"}


@pytest.fixture(scope="module")
def organization() -> Organization:
    return make_organization(projects=24, clusters=6)


def without(organization: Organization, plural: str) -> Organization:
    """Before the first object of a kind was made; what the controllers made is left over."""
    snapshot = organization.snapshot
    objects = {key: () if key[1] == plural else items for key, items in snapshot.objects.items()}
    return replace(organization, snapshot=replace(snapshot, objects=objects))


def changed_after_the_parts(
    before: Organization, after: Snapshot, folder: Path, faults: Iterable[Fault] = ()
) -> Snapshot:
    """What the first task makes of parts that were read before the world changed, and things went wrong."""
    with world_of(before) as world:
        chosen = replace(settings_for(world, before), timeout=timedelta(seconds=2))
        store = open_store(str(folder / "kept"))
        for index in range(1, COUNT):
            task(chosen, index, store)
        names = store.names

        def names_and_change(prefix: str = "") -> tuple[str, ...]:
            if world.scene.snapshot is not after:
                world.show(after)
                world.faults = tuple(faults)
            return names(prefix)

        store.names = names_and_change  # type: ignore[method-assign]
        snapshot = task(chosen, 0, store)
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("plural", list(KINDS_OF))
@pytest.mark.parametrize("kind", ["forbidden", "truncated"])
def test_a_kind_that_cannot_be_discovered_again_proves_nothing(
    organization: Organization, tmp_path: Path, plural: str, kind: str
) -> None:
    before = without(organization, plural)
    right = _waste(organization.snapshot, organization)
    assert _waste(before.snapshot, organization) - right

    def asks_for_kinds(request: Request) -> bool:
        return request.cluster is not None and request.path.endswith(KINDS_OF[plural])

    faults = [Fault(asks_for_kinds, kind)]
    snapshot = changed_after_the_parts(before, organization.snapshot, tmp_path, faults)
    assert _waste(snapshot, organization) <= right
    lists = [known for scope, known in snapshot.coverage.items() if scope.endswith(f"/{plural}")]
    assert any(known.is_gap for known in lists)


# --- what a part does not say by itself ---


def test_lists_out_of_the_inventory_are_listed_again_whatever_the_merging_command_is_told(
    organization: Organization, tmp_path: Path
) -> None:
    """`collect --part --inventory asset`, and then `merge --second-look` without it."""
    with world_of(organization) as world:
        chosen = settings_for(world, organization)
        by_inventory = replace(chosen, inventory="asset")
        paths = [tmp_path / f"{index}.tar.gz" for index in range(2)]
        for index, path in enumerate(paths):
            collect_part(by_inventory, Console({}, quiet=True), (index, 2), "by-hand", path)
        world.forget()
        places = [str(path) for path in paths]
        merged = merge_by_hand(
            chosen, Console({}, quiet=True), places, tmp_path / "merged.tar.gz", {}, second_look=True
        )
        asked = [request.path for request in world.requests]
    assert not _waste(merged.snapshot, organization), "nobody had asked the live APIs yet"
    wasted = {name.split("/")[4] for name in _waste(read_snapshot(tmp_path / "merged.tar.gz"), organization)}
    assert wasted
    for project in wasted:
        for collection in ("addresses", "firewalls", "targetPools"):
            assert any(f"/projects/{project}/" in path and path.endswith(collection) for path in asked), collection


@pytest.mark.parametrize("told", [{}, {"xpnProjectStatus": "HOST"}])
def test_a_project_that_may_be_a_shared_vpc_host_is_one_for_the_second_look(told: dict[str, str]) -> None:
    """Which host a project uses is not part of a snapshot; whose status was not read may be that of its routes."""
    scope = project_scope("host")
    partial = Coverage(scope, Status.PARTIAL, Category.TIMEOUT, detail="Compute Engine: not in time")
    document = {"projectId": "host", "projectNumber": "77", **told}
    assert Description.restored("host", document, partial).may_be_host
    assert Description.restored("host", None, partial).may_be_host
    whole = Coverage(scope, Status.COMPLETE)
    assert Description.restored("host", document, whole).may_be_host is bool(told)
    assert Description.restored("host", document, partial).document() == document
