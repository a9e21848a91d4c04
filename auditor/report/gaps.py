"""Gaps grouped for people: one entry for all the lists of one place that failed for one reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.model.finding import Verdict
from auditor.model.names import ResourceName
from auditor.model.report import Gap, Report
from auditor.model.snapshot import PARTS, cluster_of_scope

from . import text

_PART = "part "
_REPEATABLE = ("project", "cluster")
_REPEATED = 4
"""From so many places on, what failed in all of them in the same way is told once."""
_NAMED_OF_MANY = 3
_NAMED_AT_MOST = 10


@dataclass(frozen=True, slots=True)
class GapGroup:
    place: str
    category: str
    lists: tuple[str, ...]
    """Which lists failed: the same ones at each of several places."""
    count: int
    """How many lists that are, in all places."""
    details: tuple[str, ...]
    hints: tuple[str, ...]
    unknown_count: int
    """Resources that are unknown because of at least one of these lists."""

    @property
    def effect(self) -> str:
        """What it means for the report, as a sentence."""
        if not self.unknown_count:
            return "No verdict is unknown because of it."
        return f"{text.plural(self.unknown_count, 'resource is', 'resources are')} unknown because of it."

    @property
    def sentence(self) -> str:
        """What failed, where, why, and what it means for the report."""
        return f"{self.place}: {', '.join(self.lists)}: {self.category.replace('_', ' ')}. {self.effect}"


def group(report: Report) -> tuple[GapGroup, ...]:
    """Every gap of the report, grouped by place and category in the order in which they stand.

    What failed in the same way in many projects or clusters is told once. What is missing because a whole part is,
    hundreds of projects perhaps, is told with that part.
    """
    unknown = _unknown_by_source(report)
    found = []
    for alike in _alike(_by_place(report)):
        if len(alike) < _REPEATED:
            found += [_group(place, gaps, unknown, _lists(place, gaps)) for place, gaps in alike]
            continue
        (first, its_gaps), *_ = alike
        together = [gap for _, gaps in alike for gap in gaps]
        found.append(_group(_many([place for place, _ in alike]), together, unknown, _lists(first, its_gaps)))
    return tuple(found)


def _by_place(report: Report) -> Iterable[tuple[str, list[Gap]]]:
    """What failed at one place for one reason, with the place."""
    found: dict[tuple[str, str], list[Gap]] = {}
    parts = {gap.detail: _place(gap.scope) for gap in report.gaps if gap.scope.startswith(f"{PARTS}/")}
    for gap in report.gaps:
        place = parts.get(gap.detail) or _place(gap.scope)
        found.setdefault((place, gap.category), []).append(gap)
    return [(place, gaps) for (place, _), gaps in found.items()]


def _alike(groups: Iterable[tuple[str, list[Gap]]]) -> Iterable[list[tuple[str, list[Gap]]]]:
    """Those put together that say the same of another project or cluster."""
    found: dict[tuple[str, ...], list[tuple[str, list[Gap]]]] = {}
    for place, gaps in groups:
        kind = place.partition(" ")[0]
        same = (kind, *_lists(place, gaps)) if kind in _REPEATABLE else (place,)
        found.setdefault((gaps[0].category, *same), []).append((place, gaps))
    return found.values()


def _many(places: list[str]) -> str:
    kind = places[0].partition(" ")[0]
    names = [place.partition(" ")[2] for place in places]
    shown = ", ".join(names[:_NAMED_OF_MANY])
    return f"{len(names):,} {kind}s ({shown} and {len(names) - _NAMED_OF_MANY:,} more)"


def _unknown_by_source(report: Report) -> Mapping[str, set[ResourceName]]:
    found: dict[str, set[ResourceName]] = {}
    for finding in (*report.findings, *report.suppressed):
        if finding.verdict is Verdict.UNKNOWN:
            for source in finding.sources:
                found.setdefault(source, set()).add(finding.resource)
    return found


def _group(place: str, gaps: list[Gap], unknown: Mapping[str, set[ResourceName]], lists: tuple[str, ...]) -> GapGroup:
    return GapGroup(
        place=place,
        category=text.clean(gaps[0].category),
        lists=lists,
        count=len(gaps),
        details=tuple(dict.fromkeys(text.clean(gap.detail) for gap in gaps if gap.detail)),
        hints=tuple(dict.fromkeys(text.clean(gap.hint) for gap in gaps if gap.hint)),
        # Evidence that was read back from a report names only the first few lists: then at least so many.
        unknown_count=max(
            len(set().union(*(unknown.get(gap.scope, set()) for gap in gaps))), *(gap.unknown_count for gap in gaps)
        ),
    )


def _lists(place: str, gaps: list[Gap]) -> tuple[str, ...]:
    return _projects_of(gaps) if place.startswith(_PART) else tuple(_list_name(gap) for gap in gaps)


def _projects_of(gaps: list[Gap]) -> tuple[str, ...]:
    """The projects that a part would have held, the first few by name."""
    named = dict.fromkeys(gap.scope.split("/")[1] for gap in gaps if gap.scope.startswith("projects/"))
    shown = [text.clean(project) for project in list(named)[:_NAMED_AT_MOST]]
    if len(named) > len(shown):
        shown.append(f"{len(named) - len(shown)} more projects")
    return tuple(shown) or ("no project that is known",)


def _place(scope: str) -> str:
    cluster = cluster_of_scope(scope)
    if cluster is not None:
        return f"cluster {text.clean(cluster.short)}"
    kind, _, rest = scope.partition("/")
    if kind == "confirm":
        return "the second look"
    if kind == PARTS:
        execution, _, name = rest.partition("/")
        return f"{_PART}{text.clean(name)} of execution {text.clean(execution)}"
    if kind in ("projects", "organizations", "folders"):
        return f"{kind.removesuffix('s')} {text.clean(rest.partition('/')[0])}"
    return text.clean(scope)


def _list_name(gap: Gap) -> str:
    head, _, tail = gap.scope.partition("/")
    name = text.clean(tail if head == "confirm" else gap.scope.rpartition("/")[2])
    return f"{name} ({text.clean(', '.join(gap.missing))})" if gap.missing else name
