"""Read gke-auditor-ignore.toml: what may be left out of sight, why, and until when.

[[ignore]]
resource = "projects/example-prod/regions/*/addresses/reserved-for-dr-*"
codes    = ["address-unused"]                       # optional; default any
reason   = "DR failover range, ticket OPS-123"      # required
expires  = 2027-03-31                               # required unless permanent = true
owner    = "team-network"                           # optional
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from .errors import UsageError
from .match.suppress import IgnoreEntry
from .model.reasons import BY_CODE

DEFAULT_PATH = Path("gke-auditor-ignore.toml")
_KEYS = ("resource", "codes", "reason", "expires", "permanent", "owner")
_HEADING = re.compile(r"^\s*\[\[\s*ignore\s*\]\]", re.MULTILINE)
_RESOURCE_EXAMPLE = "projects/PROJECT/regions/*/addresses/NAME*"


def read(path: Path) -> tuple[IgnoreEntry, ...]:
    """The entries of one file. Raises UsageError that names file, line and key, all problems at once."""
    content = _content(path)
    try:
        document = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "No audit was carried out; mend the file.") from error
    problems = [f"{path}: {key}: unknown; only [[ignore]] is allowed" for key in document if key != "ignore"]
    tables = document.get("ignore", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path}: ignore must be a list of tables", "Write [[ignore]] above each entry.")
    lines = _lines(content, len(tables))
    entries = []
    for index, table in enumerate(tables):
        where = f"{path}:{lines[index]}" if lines else f"{path} entry {index + 1}"
        found = _problems(table)
        problems += [f"{where}: {problem}" for problem in found]
        if not found:
            entries.append(_entry(table, where))
    if problems:
        raise UsageError("\n".join(problems), f"Allowed keys: {', '.join(_KEYS)}.")
    return tuple(entries)


def _content(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"Cannot read the ignore file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The ignore file {path} is not UTF-8: {error.reason} at byte {error.start}") from error


def _lines(content: str, count: int) -> list[int]:
    """The line of each entry, where the headings can be told from other text; else none."""
    lines = [content.count("\n", 0, match.end()) + 1 for match in _HEADING.finditer(content)]
    return lines if len(lines) == count else []


def _problems(table: Mapping[str, Any]) -> list[str]:
    found = [f"{key}: unknown key" for key in table if key not in _KEYS]
    for key in ("resource", "reason"):
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            found.append(f"{key}: required, a text that is not empty")
    found += _resource_problems(table.get("resource"))
    if not isinstance(table.get("owner", ""), str):
        found.append("owner: must be a text")
    found += _code_problems(table.get("codes", []))
    return found + _expiry_problems(table)


def _resource_problems(resource: object) -> list[str]:
    if not isinstance(resource, str) or not resource.strip():
        return []
    relative = resource.strip().removeprefix("//compute.googleapis.com/")
    if relative.startswith("projects/") and "**" not in relative:
        return []
    return [f"resource: {resource!r} is no glob on a relative resource name like {_RESOURCE_EXAMPLE}"]


def _code_problems(codes: object) -> list[str]:
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        return ["codes: must be a list of reason codes"]
    unknown = [code for code in codes if code not in BY_CODE]
    return [f"codes: {code!r} is no reason code; allowed: {', '.join(sorted(BY_CODE))}" for code in unknown]


def _expiry_problems(table: Mapping[str, Any]) -> list[str]:
    expires, permanent = table.get("expires"), table.get("permanent", False)
    if not isinstance(permanent, bool):
        return ["permanent: must be true or false"]
    if expires is None:
        return [] if permanent else ["expires: required, a date like 2027-03-31, unless permanent = true"]
    if permanent:
        return ["expires and permanent = true exclude each other"]
    if isinstance(expires, datetime) or not isinstance(expires, date):
        return ["expires: must be a date like 2027-03-31, without quotes"]
    return []


def _entry(table: Mapping[str, Any], where: str) -> IgnoreEntry:
    return IgnoreEntry(
        resource=table["resource"].strip(),
        reason=table["reason"].strip(),
        expires=table.get("expires"),
        codes=frozenset(table.get("codes", [])),
        owner=table.get("owner", "").strip(),
        where=where,
    )
