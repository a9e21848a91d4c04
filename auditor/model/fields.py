"""Reading fields out of API JSON: a field of another type than the API's makes the object odd, never empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

JSON = Mapping[str, Any]


def text(obj: JSON, key: str) -> str:
    """The string at `key`; "" where it is missing or null. Raises ValueError for anything else."""
    value = obj.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a string")
    return value


def required(obj: JSON, key: str) -> str:
    """The string at `key`, which must not be empty."""
    value = text(obj, key)
    if not value:
        raise ValueError(f"{key} is missing")
    return value


def mapping(obj: JSON, key: str) -> JSON:
    """The object at `key`; empty where it is missing or null."""
    value = obj.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} is not an object")
    return value


def objects(obj: JSON, key: str) -> tuple[JSON, ...]:
    """The array of objects at `key`."""
    value = obj.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError(f"{key} is not an array of objects")
    return tuple(value)


def texts(obj: JSON, key: str) -> tuple[str, ...]:
    """The array of strings at `key`."""
    value = obj.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} is not an array of strings")
    return tuple(value)


def strings(obj: JSON, key: str) -> Mapping[str, str]:
    """The object of strings at `key` (labels, annotations)."""
    value = mapping(obj, key)
    for name, item in value.items():
        if not isinstance(item, str):
            raise ValueError(f"{key}[{name}] is not a string")
    return value


def integer(obj: JSON, key: str) -> int | None:
    """The integer at `key`, which the API may write as a string; None where it is missing."""
    value = obj.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{key} is not a number")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{key} is not a number") from None


def boolean(obj: JSON, key: str) -> bool:
    value = obj.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise ValueError(f"{key} is not true or false")
    return value


def moment(obj: JSON, key: str) -> datetime | None:
    """The RFC 3339 time at `key` in UTC; None where it is missing. One without a zone is odd."""
    value = text(obj, key)
    if not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):  # the year 1 in a zone east of Greenwich overflows
        raise ValueError(f"{key} is not a time") from None
    raise ValueError(f"{key} has no time zone")


def embedded(value: str) -> JSON:
    """The JSON object written in a description or annotation; empty where it is none.

    Descriptions are written by anyone: what does not parse counts as absent (ownership.md, section 6, step 4).
    """
    if not value.lstrip().startswith("{"):
        return {}
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
