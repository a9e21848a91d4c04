"""Partial responses: the `fields` parameter of Google's APIs, and the names it may use in Compute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

# Before any run begins in this process: what a run imports of the package late, it leaves half imported for a moment
# (auditor/collect/libraries.py), and two imports at once take turns in undoing each other.
from google.cloud.compute_v1.types import compute

from .exchange import Request

Selection = Mapping[str, Any]
"""What is kept: field name (or *) to the selection below it; an empty one keeps everything below."""


class InvalidSelectionError(ValueError):
    """The real API answers 400 `Invalid field selection`."""


def parse(text: str) -> Selection:
    """`items/*/addresses(name,users),nextPageToken` as a tree. Raises InvalidSelectionError."""
    tokens = re.findall(r"[^\s,()/]+|[,()/]", text)
    selection, rest = _parse_list(tokens)
    if rest or not selection:
        raise InvalidSelectionError(text)
    return selection


def _parse_list(tokens: list[str]) -> tuple[dict[str, Any], list[str]]:
    chosen: dict[str, Any] = {}
    while True:
        path, tokens = _parse_path(tokens)
        _merge(chosen, path)
        if not tokens or tokens[0] != ",":
            return chosen, tokens
        tokens = tokens[1:]


def _parse_path(tokens: list[str]) -> tuple[dict[str, Any], list[str]]:
    if not tokens or tokens[0] in ",()/":
        raise InvalidSelectionError(tokens[0] if tokens else "")
    name, tokens = tokens[0], tokens[1:]
    if tokens and tokens[0] == "/":
        below, tokens = _parse_path(tokens[1:])
        return {name: below}, tokens
    if tokens and tokens[0] == "(":
        below, tokens = _parse_list(tokens[1:])
        if not tokens or tokens[0] != ")":
            raise InvalidSelectionError(name)
        return {name: below}, tokens[1:]
    return {name: {}}, tokens


def _merge(chosen: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, below in more.items():
        if name not in chosen:
            chosen[name] = dict(below)
        elif not chosen[name] or not below:
            chosen[name] = {}
        else:
            _merge(chosen[name], below)


def apply(selection: Selection, value: Any) -> Any:
    """What is left of a JSON value; lists are looked through, as the API does."""
    if not selection:
        return value
    if isinstance(value, list):
        return [apply(selection, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    everything = selection.get("*")
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        below = selection.get(name, everything)
        if below is None:
            continue
        kept[name] = apply(below, inner)
    return kept


def as_asked(request: Request, value: Any) -> Any:
    """What is left of an answer where the request has `fields`."""
    text = request.value("fields")
    return value if text is None else apply(parse(text), value)


# --- which names exist ---


def check_compute(text: str, message: str) -> None:
    """Raises InvalidSelectionError for a field that the named google-cloud-compute message does not have."""
    wrong = _unknown_in(text, message)
    if wrong:
        raise InvalidSelectionError(wrong)


@cache
def _unknown_in(text: str, message: str) -> str:
    plural = message.replace("AggregatedList", "sAggregatedList")  # UrlMapsAggregatedList, alone among all
    described = getattr(compute, message, None) or getattr(compute, plural, None)
    if described is None:  # legacy health checks: the client library has no type for them
        return ""
    return next(_unknown_names(parse(text), described.pb().DESCRIPTOR), "")


def _unknown_names(selection: Selection, descriptor: Any) -> Iterator[str]:
    if descriptor.GetOptions().map_entry:
        value = descriptor.fields_by_name["value"]
        for below in selection.values():
            yield from _unknown_below(below, value)
        return
    known = {field.json_name: field for field in descriptor.fields}
    for name, below in selection.items():
        if name == "*":
            for field in known.values():
                yield from _unknown_below(below, field)
        elif name not in known:
            yield name
        else:
            yield from _unknown_below(below, known[name])


def _unknown_below(selection: Selection, field: Any) -> Iterator[str]:
    if not selection:
        return
    if field.message_type is None:
        yield next(iter(selection))
    else:
        yield from _unknown_names(selection, field.message_type)
