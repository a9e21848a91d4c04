"""The table of collections against google-cloud-compute's types, and what the pages of a list say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.cloud import compute_v1

from auditor.collect.compute import TABLE, Collection, fetch, project_of
from auditor.model import compute as views
from auditor.model.snapshot import COLLECTIONS, Category, Status

from .stub import Clock, Reply, api, patience, serve

WITHOUT_TYPES = {"httpHealthChecks", "httpsHealthChecks"}
"""Legacy kinds: the client library has no resource type for them."""
LINK = "https://www.googleapis.com/compute/v1/projects/acme"


def message_name(collection: str) -> str:
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if collection.endswith(ending):
            singular = collection.removesuffix(ending) + replacement
            return singular[0].upper() + singular[1:]
    raise ValueError(collection)


def fields_of(descriptor: Any) -> Mapping[str, Any]:
    return {field.json_name: field for field in descriptor.fields}


def is_known(descriptor: Any, path: str) -> bool:
    head, _, below = path.partition("/")
    field = fields_of(descriptor).get(head)
    return field is not None and (not below or is_known(field.message_type, below))


# --- the table ---


def test_every_collection_of_the_snapshot_is_listed() -> None:
    assert tuple(TABLE) == COLLECTIONS


@pytest.mark.parametrize("collection", [item for name, item in TABLE.items() if name not in WITHOUT_TYPES])
def test_every_field_that_is_asked_for_exists(collection: Collection) -> None:
    descriptor = getattr(compute_v1, message_name(collection.name)).pb().DESCRIPTOR
    assert [path for path in collection.fields if not is_known(descriptor, path)] == []


@pytest.mark.parametrize("collection", [item for name, item in TABLE.items() if name not in WITHOUT_TYPES])
def test_what_is_asked_about_the_list_as_a_whole_exists(collection: Collection) -> None:
    ending = "AggregatedList" if collection.is_aggregated else "List"
    name = message_name(collection.name) + ending
    described = getattr(compute_v1, name, None) or getattr(
        compute_v1, name.replace("Map", "Maps").replace("Check", "Checks")
    )
    known = fields_of(described.pb().DESCRIPTOR)
    asked = {part.partition("/")[0].partition("(")[0] for part in collection.selection.split(",items")[0].split(",")}
    assert asked <= set(known)
    assert ("warning" in known) == collection.has_warning


class Recorder(dict[str, Any]):
    """An object that remembers which of its fields were read, as paths."""

    def __init__(self, value: Mapping[str, Any], read: set[str], above: str = "") -> None:
        super().__init__({key: _recorded(item, read, f"{above}{key}/") for key, item in value.items()})
        self._read, self._above = read, above

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add(self._above + key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._read.add(self._above + key)
        return super().__getitem__(key)

    def items(self) -> Any:
        self._read.update(self._above + key for key in self)
        return super().items()


def _recorded(value: Any, read: set[str], above: str) -> Any:
    if isinstance(value, Mapping):
        return Recorder(value, read, above)
    return [_recorded(item, read, above) for item in value] if isinstance(value, list) else value


def _example(descriptor: Any, depth: int = 4) -> dict[str, Any]:
    """An object with every field that a type has, so that a view reads all that it ever reads."""
    made: dict[str, Any] = {}
    for field in descriptor.fields:
        value: Any = "1" if field.type in (3, 4, 5, 13) else True if field.type == 8 else ""
        if field.message_type is not None:
            if field.message_type.GetOptions().map_entry:
                made[field.json_name] = {}
                continue
            if not depth:
                continue
            value = _example(field.message_type, depth - 1)
        made[field.json_name] = [value] if field.is_repeated else value
    return made


def read_by_the_view(collection: str) -> set[str]:
    example = _example(getattr(compute_v1, message_name(collection)).pb().DESCRIPTOR)
    example = {key: value for key, value in example.items() if key not in ("id", "fingerprint")} | {
        "id": "1",
        "name": "n",
        "selfLink": f"{LINK}/global/{collection}/n",
        "creationTimestamp": "",
    }
    read: set[str] = set()
    views.parse(Recorder(_plain_addresses(example), read), views.Reader("acme", collection, {}))
    return read


def _plain_addresses(example: dict[str, Any]) -> dict[str, Any]:
    """Ranges must be ranges: everything else may be empty."""
    return example | {key: ["10.0.0.0/8"] for key in ("destinationRanges",) if key in example}


TYPED = [name for name in COLLECTIONS if name not in WITHOUT_TYPES]
READ_OF_EVERY_KIND = frozenset(
    {"labels", "status", "region", "zone", "target", "backendService", "users", "fingerprint"}
)
PROXIES = frozenset(name for name in COLLECTIONS if name.endswith("Proxies"))
"""Kinds that share one view: each has some of the fields that it reads."""
NOT_IN_THE_API = frozenset({"publicDelegatedPrefix"})
"""What a view reads beside the API's own field (ipCollection)."""


def exists(path: str, name: str) -> bool:
    kinds = TYPED if path in READ_OF_EVERY_KIND else PROXIES if name in PROXIES else [name]
    return any(is_known(getattr(compute_v1, message_name(kind)).pb().DESCRIPTOR, path) for kind in kinds)


@pytest.mark.parametrize("name", TYPED)
def test_every_field_that_a_view_reads_exists_and_is_asked_for(name: str) -> None:
    read = read_by_the_view(name) - NOT_IN_THE_API
    leaves = {path for path in read if not any(other.startswith(f"{path}/") for other in read)}
    assert {"name", "selfLink", "creationTimestamp", "description"} <= leaves
    assert {path for path in leaves if not exists(path, name)} == set()
    descriptor = getattr(compute_v1, message_name(name)).pb().DESCRIPTOR
    asked = TABLE[name].fields
    wanted = {path for path in leaves if asked and is_known(descriptor, path)}
    assert {path for path in wanted if not any(f"{path}/".startswith(f"{field}/") for field in asked)} == set()


def test_secrets_do_not_travel() -> None:
    for collection in TABLE.values():
        assert not {"metadata", "privateKey", "certificate", "sharedSecret"} & set(collection.fields)


def test_listing_everything_takes_the_permissions_of_every_scope() -> None:
    assert TABLE["forwardingRules"].permissions == (
        "compute.forwardingRules.list",
        "compute.globalForwardingRules.list",
    )
    assert TABLE["networkEndpointGroups"].permissions == (
        "compute.networkEndpointGroups.list",
        "compute.globalNetworkEndpointGroups.list",
        "compute.regionNetworkEndpointGroups.list",
    )
    permissions = [name for collection in TABLE.values() for name in collection.permissions]
    assert len(permissions) == len(set(permissions))
    assert all(name.endswith(".list") for name in permissions)


def test_what_is_kept_of_a_resource() -> None:
    resource = {"name": "i", "tags": {"items": ["a"], "fingerprint": "f"}, "nics": [{"ip": 1, "x": 2}], "metadata": {}}
    assert project_of(resource, ("name", "tags/items", "nics/ip", "absent")) == {
        "name": "i",
        "tags": {"items": ["a"]},
        "nics": [{"ip": 1}],
    }
    assert project_of(resource, ()) is resource


# --- pages ---


def aggregated(items: Any, **more: Any) -> Reply:
    return Reply(body=json.dumps({"kind": "compute#addressAggregatedList", "items": items, **more}).encode())


def address(name: str) -> dict[str, str]:
    return {"name": name, "selfLink": f"{LINK}/regions/r1/addresses/{name}"}


def nothing_in(scope: str) -> dict[str, Any]:
    return {"warning": {"code": "NO_RESULTS_ON_PAGE", "data": [{"key": "scope", "value": scope}]}}


def unreachable(scope: str) -> dict[str, Any]:
    return {"warning": {"code": "UNREACHABLE", "message": "down", "data": [{"key": "scope", "value": scope}]}}


def listed(*replies: Reply, name: str = "addresses") -> Any:
    with serve(lambda number, path: replies[number]) as stub:
        found = fetch(api(stub, patience(Clock())), "acme", TABLE[name])
    return found, stub


def test_every_page_and_every_scope_is_read() -> None:
    found, stub = listed(
        aggregated({"global": nothing_in("global"), "regions/r1": {"addresses": [address("a")]}}, nextPageToken="n2"),
        aggregated({"regions/r1": {"addresses": [address("b")]}, "regions/r2": {"addresses": [address("c")]}}),
    )
    assert [item["name"] for item in found.items] == ["a", "b", "c"]
    assert (found.coverage.status, found.coverage.count) == (Status.COMPLETE, 3)
    first, second = (path for path, _ in stub.asked)
    assert first.startswith("/compute/v1/projects/acme/aggregated/addresses?")
    assert "returnPartialSuccess=true" in first
    assert "includeAllScopes=true" in first
    assert "maxResults=500" in first
    assert "pageToken=n2" in second


def test_a_region_that_does_not_answer_is_named() -> None:
    found, _ = listed(
        aggregated(
            {"regions/r1": {"addresses": [address("a")]}, "regions/r9": unreachable("regions/r9")},
            unreachables=["projects/acme/zones/z1-b", "regions/r9"],
        )
    )
    assert found.coverage.status is Status.PARTIAL
    assert found.coverage.category is Category.UNREACHABLE
    assert found.coverage.missing == ("regions/r9", "zones/z1-b")
    assert len(found.items) == 1


def test_a_warning_of_an_earlier_page_is_not_forgotten() -> None:
    found, _ = listed(
        aggregated({"regions/r9": unreachable("regions/r9")}, nextPageToken="n2"),
        aggregated({"regions/r9": nothing_in("regions/r9")}),
    )
    assert found.coverage.missing == ("regions/r9",)


@pytest.mark.parametrize(
    "warning",
    [{"code": "SOMETHING_NEW", "message": "?"}, {"code": "UNREACHABLE"}, {"code": "PARTIAL_SUCCESS", "data": []}],
)
def test_a_warning_that_names_no_scope_may_mean_any(warning: dict[str, Any]) -> None:
    found, _ = listed(aggregated({"regions/r9": unreachable("regions/r9")}, warning=warning))
    assert found.coverage.status is Status.PARTIAL
    assert found.coverage.missing == ()


def test_a_page_that_cannot_be_had_keeps_the_pages_before_it() -> None:
    found, _ = listed(
        aggregated({"regions/r1": {"addresses": [address("a")]}}, nextPageToken="n2"),
        Reply(400, b'{"error": {"message": "Invalid value for field \'pageToken\'"}}'),
    )
    assert [item["name"] for item in found.items] == ["a"]
    assert (found.coverage.status, found.coverage.category) == (Status.PARTIAL, Category.INVALID)
    assert found.coverage.missing == ()
    assert found.coverage.detail.startswith("page 2: HTTP 400")


def test_pages_that_go_round_in_circles_come_to_an_end() -> None:
    found, stub = listed(*[aggregated({}, nextPageToken="n2")] * 5)
    assert found.coverage.status is Status.PARTIAL
    assert len(stub.asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"kind": "storage#buckets", "items": []}',
        b'{"kind": "compute#addressList", "items": []}',
        b'{"kind": "compute#forwardingRuleAggregatedList"}',
        b'{"kind": "compute#addressAggregatedList", "items": []}',
        b'{"kind": "compute#addressAggregatedList", "items": {"global": []}}',
        b'{"kind": "compute#addressAggregatedList", "items": {"global": {"addresses": {}}}}',
        b'{"kind": "compute#addressAggregatedList", "nextPageToken": 7}',
        b'{"kind": "compute#addressAggregatedList", "unreachables": "all"}',
        b'{"kind": "compute#addressAggregatedList", "warning": "all"}',
        b'{"kind": "compute#addressAggregatedList", "items": {',
    ],
)
def test_another_answer_is_invalid_and_never_an_empty_list(body: bytes) -> None:
    found, _ = listed(Reply(body=body))
    assert (found.coverage.status, found.coverage.category) == (Status.FAILED, Category.INVALID)
    assert found.items == ()
    assert found.coverage.count is None


def test_an_element_that_is_no_object_makes_the_list_partial() -> None:
    found, _ = listed(aggregated({"regions/r1": {"addresses": [address("a"), "b"]}}))
    assert [item["name"] for item in found.items] == ["a"]
    assert (found.coverage.status, found.coverage.category) == (Status.PARTIAL, Category.INVALID)
    assert found.coverage.missing == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("firewalls", "compute#firewallList"),
        ("targetSslProxies", "compute#targetSslProxyList"),
        ("httpsHealthChecks", "compute#httpsHealthCheckList"),
        ("urlMaps", "compute#urlMapsAggregatedList"),
        ("healthChecks", "compute#healthChecksAggregatedList"),
        ("addresses", "compute#addressAggregatedList"),
    ],
)
def test_kinds_of_lists_as_the_api_spells_them(name: str, kind: str) -> None:
    items = {"items": {"global": nothing_in("global")}} if "Aggregated" in kind else {}
    found, _ = listed(Reply(body=json.dumps({"kind": kind, **items}).encode()), name=name)
    assert (found.coverage.status, found.coverage.count) == (Status.COMPLETE, 0)


@pytest.mark.parametrize("items", [{}, {"items": {}}])
def test_a_list_that_names_no_scope_is_not_an_empty_one(items: dict[str, Any]) -> None:
    """Every visible scope was asked for: one without anything says so."""
    body = {"kind": "compute#addressAggregatedList", **items}
    found, _ = listed(Reply(body=json.dumps(body).encode()))
    assert (found.coverage.status, found.coverage.category) == (Status.PARTIAL, Category.INVALID)
    assert found.coverage.missing == ()


def test_a_last_page_without_scopes_takes_nothing_away() -> None:
    found, _ = listed(aggregated({"global": nothing_in("global")}, nextPageToken="n2"), aggregated({}))
    assert found.coverage.status is Status.COMPLETE


def test_a_plain_list_stands_where_there_is_no_aggregated_one() -> None:
    reply = Reply(body=b'{"kind": "compute#firewallList", "items": [{"name": "f"}]}')
    found, stub = listed(reply, name="firewalls")
    assert [item["name"] for item in found.items] == ["f"]
    assert stub.asked[0][0].startswith("/compute/v1/projects/acme/global/firewalls?")
    assert "includeAllScopes" not in stub.asked[0][0]


def test_a_project_of_a_domain_is_one_part_of_the_path() -> None:
    with serve(lambda number, path: aggregated({})) as stub:
        fetch(api(stub, patience(Clock())), "example.com:acme", TABLE["addresses"])
        fetch(api(stub, patience(Clock())), "a/../b", TABLE["addresses"])
    assert stub.asked[0][0].startswith("/compute/v1/projects/example.com:acme/aggregated/")
    assert stub.asked[1][0].startswith("/compute/v1/projects/a%2F..%2Fb/aggregated/")
