"""Which projects are read, and what each of them is."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from auditor.collect.failures import RequestFailed
from auditor.collect.projects import (
    Description,
    Discovery,
    FolderWalk,
    Parent,
    fetch_host,
    fetch_host_status,
    fetch_resource,
    fetch_service_projects,
    parse_parent,
    search,
)
from auditor.model.snapshot import Category, Status

from .stub import Clock, Reply, api, patience, serve

ORGANIZATION = Parent("organizations", "719203344817")


def replies(*bodies: Any) -> Any:
    made = [body if isinstance(body, Reply) else Reply(body=json.dumps(body).encode()) for body in bodies]
    return serve(lambda number, path: made[min(number, len(made) - 1)])


def asset(kind: str, path: str) -> dict[str, str]:
    return {"name": f"//{kind}.googleapis.com/{path}", "project": "projects/123"}


@pytest.mark.parametrize("text", ["719203344817", "organizations/719203344817", " 719203344817 "])
def test_the_number_of_an_organization(text: str) -> None:
    assert parse_parent("organizations", text) == ORGANIZATION
    assert ORGANIZATION.scope == "organizations/719203344817/projects"


@pytest.mark.parametrize("text", ["example.com", "folders/12", "", "12/34", "١٢"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the number"):
        parse_parent("organizations", text)


def test_the_search_finds_projects_by_what_they_own() -> None:
    first = [
        asset("compute", "projects/b/regions/r1/forwardingRules/x"),
        asset("compute", "projects/b/global/addresses/y"),
    ]
    second = [asset("container", "projects/example.com:a/zones/z/clusters/c")]
    with replies({"results": first, "nextPageToken": "n"}, {"results": second}) as stub:
        assert search(api(stub, patience(Clock())), ORGANIZATION) == ("b", "example.com:a")
    path = stub.asked[0][0]
    assert path.startswith("/v1/organizations/719203344817:searchAllResources?assetTypes=")
    assert "ForwardingRule" in path
    assert "Address" in path
    assert r"assetTypes=container\.googleapis\.com/Cluster" in unquote(path)
    assert "pageToken=n" in stub.asked[1][0]


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"name": "//storage.googleapis.com/b"}]},
        {"results": [7]},
        {"results": {}},
        {"items": []},
        {"results": [], "nextPageToken": 1},
    ],
)
def test_a_search_that_cannot_be_read_fails(body: Any) -> None:
    with replies(body) as stub, pytest.raises(RequestFailed) as caught:
        search(api(stub, patience(Clock())), ORGANIZATION)
    assert caught.value.category is Category.INVALID


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        ("projects", {"name": "projects/12", "state": "ACTIVE"}),
        ("projects", {"projectId": 12, "state": "ACTIVE"}),
        ("projects", {"projectId": "a/b", "state": "ACTIVE"}),
        ("folders", {"state": "ACTIVE"}),
        ("folders", {"name": ["folders/7"]}),
    ],
)
def test_a_project_or_folder_that_does_not_say_which_it_is_is_not_passed_over(kind: str, odd: Any) -> None:
    good = {"projectId": "acme", "state": "ACTIVE"}
    below = {"projects": [good], "folders": []} | {kind: [odd, *([good] if kind == "projects" else [])]}
    discovery = walked(below)
    assert discovery.projects == ("acme",)
    assert (discovery.coverage.status, discovery.coverage.category) == (Status.PARTIAL, Category.INVALID)


@pytest.mark.parametrize(("state", "is_read"), [("DELETE_REQUESTED", False), ("ACTIVE", True), (None, True), (7, True)])
def test_only_what_is_being_deleted_is_left_out(state: Any, is_read: bool) -> None:
    discovery = walked({"projects": [{"projectId": "acme", "state": state}], "folders": []})
    assert discovery.coverage.status is Status.COMPLETE
    assert discovery.projects == (("acme",) if is_read else ())


def walked(below: Any) -> Discovery:
    """What Resource Manager finds in an organization with these projects and folders right below it."""
    found: list[Discovery] = []
    with serve(lambda number, path: Reply(body=json.dumps(_page_of(below, path)).encode())) as stub:
        why = RequestFailed(Category.FORBIDDEN, "no")
        FolderWalk(
            api(stub, patience(Clock())), ORGANIZATION, why, lambda call, *given: call(*given), found.append
        ).start()
    (discovery,) = found
    return discovery


def _page_of(below: Any, path: str) -> Any:
    kind = "projects" if path.startswith("/v3/projects") else "folders"
    return {kind: below[kind]} if "organizations" in path else {}


def test_a_project_by_id_or_number() -> None:
    project = {"name": "projects/123", "projectId": "acme", "state": "ACTIVE"}
    with replies(project) as stub:
        ask = api(stub, patience(Clock()))
        assert fetch_resource(ask, "acme") == project
        assert fetch_resource(ask, "123") == project
        for other in ("beta", "124"):
            with pytest.raises(RequestFailed, match="describes project acme"):
                fetch_resource(ask, other)


@pytest.mark.parametrize("body", [{}, {"projectId": "acme"}, {"name": "projects/x", "projectId": "acme"}])
def test_what_is_no_project_is_invalid(body: Any) -> None:
    with replies(body) as stub, pytest.raises(RequestFailed, match="not a project"):
        fetch_resource(api(stub, patience(Clock())), "acme")


def test_the_shared_vpc_status_and_host() -> None:
    with replies({"kind": "compute#project", "name": "acme", "xpnProjectStatus": "HOST"}) as stub:
        assert fetch_host_status(api(stub, patience(Clock())), "acme") == "HOST"
    with replies({"kind": "compute#project"}) as stub:
        assert fetch_host(api(stub, patience(Clock())), "acme") == ""
    with replies({"kind": "compute#project", "name": "host"}) as stub:
        assert fetch_host(api(stub, patience(Clock())), "acme") == "host"
    with replies({}) as stub:
        for ask in (fetch_host, fetch_host_status):
            with pytest.raises(RequestFailed, match="not"):
                ask(api(stub, patience(Clock())), "acme")


def test_service_projects_of_a_host() -> None:
    page = {"kind": "compute#projectsGetXpnResources", "resources": [{"id": "svc", "type": "PROJECT"}]}
    with replies(page) as stub:
        found = fetch_service_projects(api(stub, patience(Clock())), "host")
    assert (found.scope, found.status, found.count) == ("projects/host/service-projects", Status.COMPLETE, 1)
    with replies({**page, "nextPageToken": "n"}, Reply(403, b"{}")) as stub:
        found = fetch_service_projects(api(stub, patience(Clock())), "host")
    assert (found.status, found.category) == (Status.FAILED, Category.FORBIDDEN)


# --- project.json ---

RESOURCE = {"name": "projects/123", "projectId": "acme", "state": "ACTIVE", "etag": "x"}


def test_a_project_that_was_described_in_full() -> None:
    described = Description("acme", RESOURCE, "HOST", "")
    assert described.document() == {
        "name": "projects/123",
        "projectId": "acme",
        "projectNumber": "123",
        "state": "ACTIVE",
        "xpnProjectStatus": "HOST",
    }
    assert described.coverage().status is Status.COMPLETE
    assert described.is_host


@pytest.mark.parametrize("what", ["Resource Manager", "Compute Engine", "Shared VPC host"])
def test_one_answer_that_is_missing_makes_the_description_partial(what: str) -> None:
    described = Description("acme", RESOURCE, "", "")
    described.failures[what] = RequestFailed(Category.FORBIDDEN, "HTTP 403: no")
    assert described.coverage().status is Status.PARTIAL
    assert described.coverage().category is Category.FORBIDDEN
    assert described.coverage().detail == f"{what}: HTTP 403: no"


def test_a_project_of_which_nothing_is_known_has_no_document() -> None:
    described = Description("acme")
    described.failures["Resource Manager"] = RequestFailed(Category.NOT_FOUND, "HTTP 404")
    assert described.document() is None
    assert described.coverage().status is Status.FAILED


def test_an_interrupted_description_is_not_complete() -> None:
    assert Description("acme", RESOURCE, "HOST", None).coverage().category is Category.NOT_COLLECTED
