"""The chain behind a verdict: what a thing is, who made it, who was asked, what each answered, and what it costs."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address

from auditor.model.compute import ForwardingRule, Resource
from auditor.model.finding import Finding, Owner, Verdict, format_time
from auditor.model.history import Novelty
from auditor.model.inventory import Inventory
from auditor.model.names import ResourceName, parse_ip, parse_link
from auditor.model.reasons import BY_CODE
from auditor.model.report import ClusterRead, Report
from auditor.model.snapshot import cluster_of_scope

from . import text
from .confirmation import confirm_by_hand
from .load_balancers import load_balancer_type
from .selection import place

_PARTS_SHOWN = 40
_COLUMN = 17
_INDENT = " " * (_COLUMN + 4)
_LEAST_WIDTH = 60
_COPIED = ("gcloud ", "kubectl ", "https://")
"""What a reader copies stands in one piece, however long."""


def find(report: Report, wanted: str) -> tuple[Finding, ...]:
    """Every finding that `wanted` names: a full or relative resource name, a link, a name, an IP, an id, or the
    namespace/name of its owner. A rule, a pool and an address share one name: all of them are found."""
    wanted = wanted.strip()
    fits = _matcher(wanted)
    return tuple(finding for finding in (*report.findings, *report.suppressed) if fits(finding))


def close_names(report: Report, wanted: str) -> tuple[str, ...]:
    """Names of judged resources that look like `wanted`."""
    names = {finding.resource.name for finding in (*report.findings, *report.suppressed)}
    return tuple(text.clean(name) for name in difflib.get_close_matches(wanted, sorted(names), n=3))


def _matcher(wanted: str) -> Callable[[Finding], bool]:
    link = parse_link(wanted)
    if link is not None:
        return lambda finding: finding.resource == link
    try:
        ip = parse_ip(wanted)
    except ValueError:
        return lambda finding: wanted in _names(finding)
    return lambda finding: _has_ip(finding, str(ip))


def _has_ip(finding: Finding, ip: str) -> bool:
    try:
        return finding.ip is not None and str(ip_address(finding.ip)) == ip
    except ValueError:
        return False


def _names(finding: Finding) -> set[str]:
    owner = finding.owner
    names = {finding.resource.name, finding.id}
    if owner and owner.namespace and owner.name:
        names.add(f"{owner.namespace}/{owner.name}")
    return names


def render(report: Report, inventory: Inventory, findings: Sequence[Finding], width: int | None = None) -> str:
    """One block for each of `findings`, wrapped to `width` where there is one.

    The inventory is the one that the report was made from.
    """
    members: dict[ResourceName, list[Finding]] = {}
    for finding in (*report.findings, *report.suppressed):
        members.setdefault(place(finding), []).append(finding)
    blocks = [_block(finding, report, inventory, members[place(finding)]) for finding in findings]
    return "\n\n".join("\n".join(_wrapped(block, width)) for block in blocks) + "\n"


def _wrapped(lines: Iterable[str], width: int | None) -> Iterator[str]:
    for line in lines:
        start, said = line[: len(_INDENT)], line[len(_INDENT) :]
        if width is None or len(line) <= width or not start.startswith("  ") or said.startswith(_COPIED):
            yield line
            continue
        yield from textwrap.wrap(
            said,
            max(_LEAST_WIDTH, width),
            initial_indent=start,
            subsequent_indent=f"{_INDENT}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _block(finding: Finding, report: Report, inventory: Inventory, members: Sequence[Finding]) -> list[str]:
    resource = inventory.resources.get(finding.resource)
    return [
        text.clean(finding.resource.full),
        *_what_it_is(finding, resource, report),
        *_what_it_is_part_of(finding, members, inventory),
        *_owner(finding),
        *_verdict(finding),
        *_clusters_asked(finding, report),
        *_money(finding),
        *_history(finding),
        *_section("Before you delete", finding.warnings),
        *_remedies(finding, report),
        *_confirm_by_hand(finding),
    ]


def _section(title: str, items: Iterable[str]) -> list[str]:
    """Items under a title, which stands only before the first; nothing without items."""
    return [
        f"  {title if index == 0 else '':<{_COLUMN}}  {text.clean(item, 2000)}".rstrip()
        for index, item in enumerate(items)
    ]


def _what_it_is(finding: Finding, resource: Resource | None, report: Report) -> list[str]:
    name = finding.resource
    facts = [f"{text.kind_name(name.collection)}, {name.location}, project {name.project}"]
    if resource is not None and isinstance(resource.body, ForwardingRule):
        kind = load_balancer_type(name, resource.body)
        facts += [kind] if kind else []
    facts += [f"IP {finding.ip}"] if finding.ip else []
    if finding.created_at is not None:
        old = text.age(finding.created_at, report.snapshot_taken_at)
        facts.append(f"created {format_time(finding.created_at)} ({old} ago)")
    else:
        facts.append("nothing says when it was created")
    facts += [text.console_url(name), f"id {finding.id}"]
    return _section("What it is", facts)


def _what_it_is_part_of(finding: Finding, members: Sequence[Finding], inventory: Inventory) -> list[str]:
    if finding.load_balancer is None:
        return _section("Part of", ["no load balancer"])
    root = inventory.resources.get(finding.load_balancer)
    kind = ""
    if root is not None and isinstance(root.body, ForwardingRule):
        kind = load_balancer_type(root.name, root.body)
    others = [item for item in members if item.resource != finding.resource]
    is_root = finding.load_balancer == finding.resource
    first = "the root of its load balancer" if is_root else f"the load balancer of {finding.load_balancer.relative}"
    lines = [f"{first} ({kind})" if kind and not is_root else first]
    lines += [_part(item) for item in others[:_PARTS_SHOWN]]
    if len(others) > _PARTS_SHOWN:
        lines.append(f"… and {len(others) - _PARTS_SHOWN} more")
    return _section("Part of", lines)


def _part(finding: Finding) -> str:
    resource = finding.resource
    verdict = text.verdict_name(finding.verdict)
    return f"{text.kind_name(resource.collection)} {resource.name} ({resource.location}): {verdict}"


def _owner(finding: Finding) -> list[str]:
    owner = finding.owner
    if owner is None:
        return _section("Owner", ["no Kubernetes object is known"])
    lines = [f"{_object(owner)}, {_state(owner, finding.verdict)}"]
    cluster = text.cluster_name(owner, finding.verdict, full=True)
    lines.append(f"in {cluster}" if "cluster" in cluster.split() else f"in cluster {cluster}")
    return _section("Owner", lines)


def _state(owner: Owner, verdict: Verdict) -> str:
    if owner.live:
        return "which lives"
    if verdict is Verdict.ORPHANED:
        return "which is gone, or no longer its owner"
    return "of which nothing says for sure whether it lives"


def _object(owner: Owner) -> str:
    return text.object_name(owner) or f"{owner.kind or 'an object'} whose name is not known"


def _verdict(finding: Finding) -> list[str]:
    lines = [f"{text.verdict_name(finding.verdict)}, confidence {finding.confidence.value}: {finding.reason}"]
    reason = BY_CODE.get(finding.reason)
    if reason is not None:
        lines.append(reason.looks_for)
        if reason.false_positives != "-":
            lines.append(f"Known false positives: {reason.false_positives}")
    if finding.suppression is not None:
        lines.append(f"Suppressed: {finding.suppression}")
    evidence = [f"{item.statement}  [{item.source}]" for item in finding.evidence]
    return [*_section("Verdict", lines), *_section("Evidence", evidence)]


def _clusters_asked(finding: Finding, report: Report) -> list[str]:
    """Every cluster of the scope: how much of it was read, and what it said about this resource."""
    answers: dict[str, list[str]] = {}
    for item in finding.evidence:
        key = cluster_of_scope(item.source)
        if key is not None:
            answers.setdefault(key.full, []).append(item.statement)
    lines = [_cluster_line(cluster, answers) for cluster in sorted(report.clusters, key=_answered_first(answers))]
    return _section("Clusters asked", lines or ["none: no cluster is known in these projects"])


def _answered_first(answers: Mapping[str, object]) -> Callable[[ClusterRead], tuple[bool, str]]:
    return lambda cluster: (cluster.cluster not in answers, cluster.cluster)


def _cluster_line(cluster: ClusterRead, answers: Mapping[str, Sequence[str]]) -> str:
    read = {"complete": "read in full", "partial": "read in part", "failed": "not read"}[cluster.read]
    status = f", {cluster.status}" if cluster.status not in ("", "RUNNING") else ""
    said = answers.get(cluster.cluster)
    if said:
        answer = " ".join(said)
    elif cluster.read == "complete":
        answer = "nothing in it speaks for or against this"
    else:
        answer = "no answer that counts"
    return f"{text.short_cluster(cluster.cluster)} ({read}{status}): {answer}"


def _money(finding: Finding) -> list[str]:
    cost = finding.cost
    if cost is None:
        return _section("Money", ["not priced"])
    lines = [
        f"{text.dollars(cost.monthly)} a month at list price",
        f"{text.dollars(cost.monthly_if_deleted_alone)} a month saved if only this is deleted",
    ]
    return _section("Money", [*lines, *cost.notes])


_NOVELTY = {
    Novelty.NEW: "new: no earlier run reported it",
    Novelty.GONE: "gone",
    None: "whether it is new cannot be told: what that depends on was not read, or no earlier run looked",
}


def _history(finding: Finding) -> list[str]:
    """What earlier runs knew; nothing where none was asked."""
    history = finding.history
    if history is None:
        return []
    if history.novelty is Novelty.KNOWN:
        seen = text.plural(history.runs_seen, "run")
        lines = [f"known since {format_time(history.first_seen)}: seen by {seen}, this one included"]
    else:
        lines = [_NOVELTY[history.novelty]]
    if history.accrued_since_first_seen is not None and history.novelty is Novelty.KNOWN:
        lines.append(f"US${text.accrual(history.accrued_since_first_seen)} since then, at today's list price")
    if history.accrued_since_creation is not None:
        lines.append(f"US${text.accrual(history.accrued_since_creation)} since it was made, at today's list price")
    return _section("Earlier runs", lines)


def _remedies(finding: Finding, report: Report) -> list[str]:
    """For a verdict that waits for a list: how to read it."""
    if finding.verdict is not Verdict.UNKNOWN:
        return []
    sources = {item.source for item in finding.evidence}
    return _section("To find out", dict.fromkeys(gap.hint for gap in report.gaps if gap.scope in sources))


def _confirm_by_hand(finding: Finding) -> list[str]:
    return _section("Confirm", confirm_by_hand(finding))
