"""A stand-in for the matching, for tests of what comes before and after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from auditor.model.compute import Address
from auditor.model.finding import Confidence, Evidence, Finding, Verdict
from auditor.model.inventory import Inventory
from auditor.model.snapshot import compute_scope


def judge_by_name(inventory: Inventory, *, as_of: datetime, min_age: timedelta) -> tuple[Finding, ...]:
    """The verdict is the beginning of the resource's name."""
    return tuple(
        Finding(
            resource.name,
            next(verdict for verdict in Verdict if resource.name.name.startswith(verdict.value.replace("_", "-"))),
            "address-unused",
            Confidence.HIGH,
            (
                Evidence(
                    f"as of {as_of.isoformat()}, min age {min_age}",
                    compute_scope(resource.name.project, resource.name.collection),
                ),
            ),
            created_at=resource.created_at,
            ip=str(resource.body.ip) if isinstance(resource.body, Address) else None,
        )
        for resource in inventory.judged()
    )
