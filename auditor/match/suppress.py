"""Findings that somebody does not want to see: the ignore file, and the opt-out in the cloud itself.

A suppressed finding is still judged, counted and summed (docs/report.md); it only moves out of sight, with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from auditor.model.finding import Finding, Verdict
from auditor.model.inventory import Inventory
from auditor.model.kube import Meta
from auditor.model.names import COMPUTE_PREFIX, ResourceName

MARK = "gke-auditor-ignore"
"""The label on a forwarding rule or address, and the annotation on a Service, Ingress or Gateway."""
LABELLED_COLLECTIONS = frozenset({"forwardingRules", "addresses"})
HIDEABLE = frozenset({Verdict.ORPHANED, Verdict.UNUSED, Verdict.IDLE, Verdict.UNKNOWN, Verdict.PENDING})
"""There is nothing to hide about what is in use or not ours."""


@dataclass(frozen=True, slots=True)
class IgnoreEntry:
    """One `[[ignore]]` of the ignore file. `expires` is the last day on which it counts; None = permanent."""

    resource: str
    """A glob on the relative resource name; * does not cross a slash."""
    reason: str
    expires: date | None
    codes: frozenset[str] = frozenset()
    """Reason codes; empty = any."""
    owner: str = ""
    where: str = ""
    """File and line, for warnings."""

    @property
    def label(self) -> str:
        return f"{self.where}: {self.resource}" if self.where else self.resource


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The same findings in the same order, some with a `suppression`; and what is wrong with the entries."""

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]


def suppress(
    findings: Sequence[Finding], inventory: Inventory, entries: Sequence[IgnoreEntry], today: date
) -> Suppressed:
    """Mark what the ignore file, a label or an annotation hides.

    An entry that names the root of a load balancer, a label on one of its rules or addresses, or an annotation on its
    owner hides every part of that load balancer. What has expired hides nothing and is warned about, and so is an
    entry that hides nothing or stands twice.
    """
    warnings = list(_duplicates(entries))
    in_force, expired = _by_expiry(entries, today)
    file = _IgnoreFile(in_force, findings)
    marks = _Marks(findings, inventory, today)
    marked = tuple(_marked(finding, file, marks) for finding in findings)
    warnings += [_expiry_warning(entry, findings) for entry in expired]
    warnings += file.warnings()
    warnings += marks.warnings
    return Suppressed(marked, tuple(warnings))


def _marked(finding: Finding, file: _IgnoreFile, marks: _Marks) -> Finding:
    if finding.verdict not in HIDEABLE:
        return finding
    reason = file.reason_for(finding) or marks.reason_for(finding)
    return replace(finding, suppression=reason) if reason else finding


# The ignore file


def _by_expiry(entries: Iterable[IgnoreEntry], today: date) -> tuple[list[IgnoreEntry], list[IgnoreEntry]]:
    in_force: list[IgnoreEntry] = []
    expired: list[IgnoreEntry] = []
    for entry in entries:
        (expired if entry.expires is not None and entry.expires < today else in_force).append(entry)
    return in_force, expired


def _duplicates(entries: Sequence[IgnoreEntry]) -> Iterator[str]:
    first: dict[tuple[str, frozenset[str]], IgnoreEntry] = {}
    for entry in entries:
        known = first.setdefault((_relative(entry.resource), entry.codes), entry)
        if known is not entry:
            yield f"Ignore entry {entry.label} says the same as {known.where or 'an earlier one'}: remove one of them"


def _expiry_warning(entry: IgnoreEntry, findings: Sequence[Finding]) -> str:
    matches = _pattern(entry.resource)
    back = sum(
        finding.verdict in HIDEABLE and any(matches.fullmatch(name) for name in _names(finding)) for finding in findings
    )
    returned = f"{back} of its findings are back" if back else "nothing of it is left to hide"
    return f"Ignore entry {entry.label} expired on {entry.expires}: {returned}; renew or remove it"


class _IgnoreFile:
    """The entries in force; entries without a wildcard are looked up, the others tried in their order."""

    def __init__(self, entries: Sequence[IgnoreEntry], findings: Sequence[Finding]) -> None:
        self.entries = entries
        self.used: set[int] = set()
        self.seen: set[int] = set()
        """Entries that match a resource, whatever its verdict and reason."""
        self.reasons_of_roots = {item.resource: item.reason for item in findings}
        self.exact: dict[str, list[int]] = {}
        self.globs: list[tuple[int, re.Pattern[str]]] = []
        for index, entry in enumerate(entries):
            if any(character in entry.resource for character in "*?"):
                self.globs.append((index, _pattern(entry.resource)))
            else:
                self.exact.setdefault(_relative(entry.resource), []).append(index)
        for finding in findings:
            if finding.verdict not in HIDEABLE:
                self.seen.update(self._matching(finding))

    def reason_for(self, finding: Finding) -> str | None:
        """Why this finding is hidden; every entry that would hide it counts as used."""
        matching = self._matching(finding)
        self.seen.update(matching)
        fitting = [index for index in matching if self._has_code(self.entries[index], finding)]
        self.used.update(fitting)
        return _said(self.entries[fitting[0]]) if fitting else None

    def _matching(self, finding: Finding) -> list[int]:
        names = _names(finding)
        found = {index for name in names for index in self.exact.get(name, ())}
        found |= {index for index, pattern in self.globs if any(pattern.fullmatch(name) for name in names)}
        return sorted(found)

    def _has_code(self, entry: IgnoreEntry, finding: Finding) -> bool:
        """The finding's reason, or that of the load balancer's root: a part has a reason of its own."""
        reasons = {finding.reason}
        if finding.load_balancer is not None:
            reasons.add(self.reasons_of_roots.get(finding.load_balancer, ""))
        return not entry.codes or bool(reasons & entry.codes)

    def warnings(self) -> Iterator[str]:
        for index, entry in enumerate(self.entries):
            if index in self.used:
                continue
            if index in self.seen:
                yield f"Ignore entry {entry.label} hides nothing: what it names is in use or has another reason code"
            else:
                yield f"Ignore entry {entry.label} matches nothing: remove it, or mend its glob"


def _said(entry: IgnoreEntry) -> str:
    until = f"until {entry.expires}" if entry.expires else "permanently"
    return f"{entry.reason} ({until}{', ' + entry.owner if entry.owner else ''})"


def _names(finding: Finding) -> tuple[str, ...]:
    """The names under which an entry can mean this finding: its own, and its load balancer's."""
    own = finding.resource.relative
    return (own,) if finding.load_balancer is None else (own, finding.load_balancer.relative)


def _relative(glob: str) -> str:
    return glob.strip().removeprefix(COMPUTE_PREFIX).removeprefix("/")


def _pattern(glob: str) -> re.Pattern[str]:
    """* and ? stay inside one part of the name: "projects/p/*" must not hide a whole project."""
    wildcards = {"*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wildcards.get(character) or re.escape(character) for character in _relative(glob)))


# Labels and annotations


class _Marks:
    """The opt-out labels of rules and addresses, and the annotations of the objects that live owners are."""

    def __init__(self, findings: Sequence[Finding], inventory: Inventory, today: date) -> None:
        self.today = today
        self.warnings: list[str] = []
        self.annotated = self._annotated(inventory)
        self.resources: dict[ResourceName, str] = {}
        self.load_balancers: dict[ResourceName, str] = {}
        for finding in findings:
            reason = self._label_of(finding, inventory)
            if reason is None:
                continue
            self.resources[finding.resource] = reason
            if finding.load_balancer is not None:
                self.load_balancers.setdefault(finding.load_balancer, reason)

    def reason_for(self, finding: Finding) -> str | None:
        if finding.resource in self.resources:
            return self.resources[finding.resource]
        if finding.load_balancer is not None and finding.load_balancer in self.load_balancers:
            return self.load_balancers[finding.load_balancer]
        owner = finding.owner
        if owner is None or not owner.live:  # a namesake of a dead owner speaks for itself only
            return None
        return self.annotated.get((owner.cluster or "", owner.kind or "", owner.namespace or "", owner.name or ""))

    def _label_of(self, finding: Finding, inventory: Inventory) -> str | None:
        if finding.resource.collection not in LABELLED_COLLECTIONS:
            return None
        resource = inventory.resources.get(finding.resource)
        value = resource.labels.get(MARK) if resource is not None else None
        return None if value is None else self._reason(value, f"label on {finding.resource.relative}")

    def _annotated(self, inventory: Inventory) -> Mapping[tuple[str, str, str, str], str]:
        found: dict[tuple[str, str, str, str], str] = {}
        for kind, meta in _objects(inventory):
            value = meta.annotations.get(MARK)
            if value is None:
                continue
            where = f"annotation on {kind} {meta.key} of {meta.cluster.short}"
            reason = self._reason(value, where)
            if reason is not None:
                found[meta.cluster.full, kind, meta.namespace, meta.name] = reason
        return found

    def _reason(self, value: str, where: str) -> str | None:
        """ "true", or the last day on which the mark counts."""
        mark = f"{MARK}={value[:40]}"
        if value == "true":
            return f"{mark}, {where}"
        try:
            until = date.fromisoformat(value)
        except ValueError:
            self.warnings.append(f"The {where} says {mark}: only true or a date like 2027-03-31 counts; not suppressed")
            return None
        if until < self.today:
            self.warnings.append(f"The {where} says {mark}, which has passed: its finding is back")
            return None
        return f"{mark}, {where}"


def _objects(inventory: Inventory) -> Iterator[tuple[str, Meta]]:
    for services in inventory.services.values():
        yield from (("Service", item.meta) for item in services)
    for ingresses in inventory.ingresses.values():
        yield from (("Ingress", item.meta) for item in ingresses)
    for gateways in inventory.gateways.values():
        yield from (("Gateway", item.meta) for item in gateways)
