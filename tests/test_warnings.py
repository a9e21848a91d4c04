"""What is said before anybody deletes: it must be true of what was read, and said once for each load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from test_owner_kinds import NOW, World, balancer, ingress, world_of

from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import Finding
from auditor.model.snapshot import Category, Status, compute_scope


def by_collection(world: World, failed: str = "") -> Mapping[str, Finding]:
    """The findings of a life's parts; one of each collection is enough here."""
    snapshot = world.cloud.snapshot()
    if failed:
        scope = compute_scope(world.life.project.id, failed)
        lost = replace(snapshot.coverage[scope], status=Status.FAILED, category=Category.FORBIDDEN)
        compute = {key: found for key, found in snapshot.compute.items() if key[1] != failed}
        snapshot = replace(snapshot, coverage={**snapshot.coverage, scope: lost}, compute=compute)
    found = judge(inventory.build(snapshot), as_of=NOW, min_age=timedelta(hours=1))
    return {item.resource.collection: item for item in found if item.resource in set(world.life.parts)}


def test_ip_is_called_ephemeral_only_where_the_addresses_were_read() -> None:
    world = world_of(balancer("service-external-legacy"))
    world.delete_objects("services")
    assert any("is ephemeral" in text for text in by_collection(world)["forwardingRules"].warnings)
    unread = by_collection(world, failed="addresses")["forwardingRules"].warnings
    assert not any("is ephemeral" in text for text in unread)
    assert any("not read in full" in text for text in unread)


def test_rule_and_reserved_address_say_in_the_same_words_what_starts_to_cost() -> None:
    world = world_of(ingress("ingress-v2", address_name="shop-ip"))
    world.delete_objects("ingresses")
    findings = by_collection(world)
    shared = set(findings["forwardingRules"].warnings) & set(findings["addresses"].warnings)
    assert [text for text in shared if "starts to cost" in text and "shop-ip" in text]
