"""Which task of an execution reads which project, and what a part says that it has left to the others.

A part is a snapshot like any other: what its task left to others stands in it as not collected, so that a part which
is audited by itself proves nothing about them. docs/scale.md describes parts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from auditor.model.names import ClusterKey
from auditor.model.snapshot import (
    PARTS,
    PLURALS,
    Category,
    Coverage,
    Status,
    objects_scope,
    project_scope,
)

_NAME = re.compile(r"(\d{1,5})-of-(\d{1,5})", re.ASCII)
ENDING = ".tar.gz"


def stable_hash(text: str) -> int:
    """The first 8 bytes of its SHA-256, as a big-endian number: the same on every machine and in every version."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class Share:
    """What one task of an execution reads: the projects with stable_hash(id) % count == index."""

    execution: str
    index: int
    count: int

    @property
    def name(self) -> str:
        """3-of-8: tasks count from 0, as on Cloud Run."""
        return f"{self.index}-of-{self.count}"

    @property
    def scope(self) -> str:
        """The coverage scope of the part as a whole."""
        return f"{PARTS}/{self.execution}/{self.name}"

    @property
    def file(self) -> str:
        """Its name in a store."""
        return f"{self.scope}{ENDING}"

    @property
    def reads_contexts(self) -> bool:
        """The contexts of a kubeconfig belong to no project; the first task reads them."""
        return self.index == 0

    def holds(self, project: str) -> bool:
        return self.index_of(project) == self.index

    def index_of(self, project: str) -> int:
        """The task that reads a project."""
        return stable_hash(project) % self.count

    def of(self, index: int) -> Share:
        """That of another task of the same execution."""
        return Share(self.execution, index, self.count)


def parse_scope(scope: str) -> Share | None:
    """The share whose `scope` this is; None for any other text."""
    match scope.split("/"):
        case [kind, execution, name] if kind == PARTS and execution:
            return parse_name(execution, name)
    return None


def parse_name(execution: str, name: str) -> Share | None:
    """The share of "3-of-8"; None for a name that is none."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    index, count = int(match[1]), int(match[2])
    return Share(execution, index, count) if index < count else None


def left_to_others(share: Share, left: Collection[str]) -> Iterator[Coverage]:
    """What a part says of the projects ("projects/ID") and contexts ("clusters/_/X/NAME") that it did not read."""
    if not left:
        yield Coverage(share.scope, Status.COMPLETE)
        return
    detail = "other tasks of the same execution read them"
    yield Coverage(share.scope, Status.PARTIAL, Category.NOT_COLLECTED, missing=tuple(sorted(left)), detail=detail)
    for folder in sorted(left):
        for scope in _named_by(folder):
            yield Coverage(scope, Status.FAILED, Category.NOT_COLLECTED, detail="left to another task")


def _named_by(folder: str) -> Iterator[str]:
    """The scopes by which a snapshot knows of a project or a context at all."""
    match folder.split("/"):
        case ["projects", project]:
            yield project_scope(project)
        case ["clusters", project, location, name]:
            yield from (objects_scope(ClusterKey(project, location, name), plural) for plural in PLURALS)


def is_left(scope: str, left: Collection[str]) -> bool:
    """Whether a scope speaks of something that was left to others."""
    parts = scope.split("/")
    depth = {"projects": 2, "clusters": 4}.get(parts[0], len(parts))
    return "/".join(parts[:depth]) in left
