"""Two readings of one list as one: what either saw counts, and what either lacks is missing."""

from __future__ import annotations

import pytest

from auditor.collect.compute import Listed
from auditor.collect.joining import joined, object_key, resource_key
from auditor.model.snapshot import JSON, Category, Coverage, Status

SCOPE = "projects/acme/compute/urlMaps"
FULL = Coverage(SCOPE, Status.COMPLETE, count=0)
ABSENT = Coverage(SCOPE, Status.ABSENT)
FAILED = Coverage(SCOPE, Status.FAILED, Category.FORBIDDEN, detail="no")


def partial(*missing: str) -> Coverage:
    return Coverage(SCOPE, Status.PARTIAL, Category.UNREACHABLE, missing, "a part")


@pytest.mark.parametrize(
    ("first", "again", "status", "missing"),
    [
        (FULL, FULL, Status.COMPLETE, ()),
        (ABSENT, ABSENT, Status.ABSENT, ()),
        (ABSENT, FULL, Status.COMPLETE, ()),
        (FULL, ABSENT, Status.COMPLETE, ()),
        (FULL, FAILED, Status.PARTIAL, ()),
        (ABSENT, FAILED, Status.FAILED, ()),
        (FULL, partial("regions/a"), Status.PARTIAL, ("regions/a",)),
        (partial("regions/a"), FULL, Status.PARTIAL, ("regions/a",)),
        (partial("regions/a"), partial("regions/b"), Status.PARTIAL, ("regions/a", "regions/b")),
        (partial("regions/a"), FAILED, Status.PARTIAL, ()),
        (partial("regions/a"), partial(), Status.PARTIAL, ()),
    ],
)
def test_the_more_careful_coverage_counts(
    first: Coverage, again: Coverage, status: Status, missing: tuple[str, ...]
) -> None:
    both = joined(Listed(first), Listed(again), object_key).coverage
    assert (both.status, both.missing) == (status, missing)
    assert bool(both.detail) == both.is_gap
    assert both.count == (0 if status in (Status.COMPLETE, Status.PARTIAL) else None)


def test_the_later_state_counts_and_what_is_gone_stays() -> None:
    def service(name: str, version: int, namespace: str = "shop") -> JSON:
        return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": str(version)}}

    first = Listed(FULL, (service("web", 1), service("gone", 1), service("web", 1, "other")))
    again = Listed(FULL, (service("new", 2), service("web", 2)))
    both = joined(first, again, object_key)
    kept = {object_key(obj): obj["metadata"]["resourceVersion"] for obj in both.items}
    assert kept == {("shop", "web"): "2", ("shop", "gone"): "1", ("other", "web"): "1", ("shop", "new"): "2"}
    assert both.coverage.count == len(both.items) == 4


def test_resources_are_the_same_by_their_links_whatever_the_host() -> None:
    path = "/projects/acme/global/urlMaps/web"
    first = Listed(FULL, ({"selfLink": f"https://www.googleapis.com/compute/v1{path}", "id": "1"},))
    again = Listed(FULL, ({"selfLink": f"https://compute.googleapis.com/compute/v1{path}", "id": "2"}, {"odd": 1}))
    assert [item.get("id") for item in joined(first, again, resource_key).items] == ["2", None]
