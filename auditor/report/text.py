"""What every renderer shares: money, age, plurals, shortening, and the cleaning of text that came from the cloud."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

from auditor.model.finding import Owner, Verdict
from auditor.model.history import Accrual
from auditor.model.money import spoken, to_cents
from auditor.model.names import CONTAINER_PREFIX, ResourceName
from auditor.model.nouns import counted, noun

UNKNOWN = "—"
"""An amount, age or name that is not known; never 0 and never empty."""
LONGEST = 400
"""Longer than any namespace/name (63 + 253) and any relative resource name; hostile text ends here."""

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1: ANSI sequences, newlines, carriage returns
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidirectional, zero-width, line separators
    "\ufffe\uffff"  # no letters, and not allowed in XML
    "\ud800-\udfff"  # lone surrogates cannot be written as UTF-8
    "\U000e0000-\U000e007f"  # invisible tags
    "]"
)
_CONSOLE = "https://console.cloud.google.com/"
_CONSOLE_PAGES = {
    "addresses": "networking/addresses/list",
    "firewalls": "net-security/firewall-manager/firewall-policies/list",
    "networkEndpointGroups": "compute/networkendpointgroups/list",
    "instanceGroups": "compute/instanceGroups/list",
    "healthChecks": "compute/healthChecks",
    "httpHealthChecks": "compute/healthChecks",
    "httpsHealthChecks": "compute/healthChecks",
}
_LOAD_BALANCER_PAGE = "net-services/loadbalancing/list/loadBalancers"


def clean(text: str, limit: int = LONGEST) -> str:
    """`text` made safe for a terminal: what could move the cursor, hide or reorder letters becomes U+FFFD.

    Names in Compute and Kubernetes are safe; descriptions, labels and annotations are written by anyone.
    """
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return _UNSAFE.sub("\ufffd", shown)


def money(amount: Decimal | None) -> str:
    """Two places and thousands separators; — where the amount is not known."""
    return UNKNOWN if amount is None else f"{amount:,.2f}"


def dollars(amount: Decimal | None) -> str:
    """An amount inside a sentence."""
    if amount is None:
        return UNKNOWN
    return spoken(to_cents(amount), "USD")


def accrual(accrued: Accrual | None) -> str:
    """What something has cost so far: "0.00 to 240.00", one amount where both are the same, — where it is not known."""
    if accrued is None:
        return UNKNOWN
    return money(accrued.high) if accrued.low == accrued.high else f"{money(accrued.low)} to {money(accrued.high)}"


def age(created_at: datetime | None, as_of: datetime) -> str:
    """How old a thing is in its largest sensible unit: 12m, 26h, 42d."""
    if created_at is None:
        return UNKNOWN
    minutes = max(0, int((as_of - created_at).total_seconds() // 60))
    if minutes < 2 * 60:
        return f"{minutes}m"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60}h"
    return f"{minutes // (24 * 60)}d"


def day(moment: datetime | None) -> str:
    """The day of a time in UTC, as 2026-11-22; — where it is not known."""
    return UNKNOWN if moment is None else moment.astimezone(UTC).date().isoformat()


def moment(time: datetime) -> str:
    """A time in UTC for people, as 2026-11-22 06:00 UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def plural(count: int, word: str, words: str | None = None) -> str:
    """ "1 gap", "2 gaps", "0 gaps"."""
    return counted(count, word, words)


def shorten(text: str, width: int) -> str:
    """At most `width` characters; what is too long loses its middle, for names differ at both ends."""
    if len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    head = width // 2
    tail = width - 1 - head
    return text[:head] + "…" + (text[-tail:] if tail else "")


def kind_name(collection: str) -> str:
    """A Compute collection in the singular, as Google's documentation writes it."""
    return clean(noun(collection))


def verdict_name(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")


def object_name(owner: Owner) -> str:
    """ "Service shop/web"; "" where only the cluster is known."""
    name = "/".join(part for part in (owner.namespace, owner.name) if part)
    return clean(" ".join(part for part in (owner.kind or "object", name) if part)) if name else ""


def cluster_name(owner: Owner | None, verdict: Verdict, *, full: bool = False) -> str:
    """The cluster of an owner: its name, or in what way it is gone.

    `full` gives project/location/name, and the mark that is left of a cluster nobody knows.
    """
    if owner is None or not owner.cluster:
        return UNKNOWN
    cluster = clean(owner.cluster)
    if cluster.startswith("fingerprint:"):
        state = "deleted cluster" if verdict is Verdict.ORPHANED else "unknown cluster"
        return f"{state} {cluster.removeprefix('fingerprint:')}" if full else state
    if cluster.startswith("kubeconfig:"):
        return cluster if full else cluster.removeprefix("kubeconfig:")
    return short_cluster(cluster) if full else cluster.rpartition("/")[2]


def short_cluster(cluster: str) -> str:
    """project/location/name of a full cluster name; every other text as it is."""
    if not cluster.startswith(CONTAINER_PREFIX):
        return cluster
    parts = cluster.removeprefix(CONTAINER_PREFIX).split("/")
    return "/".join(parts[1::2])


def cluster_label(cluster: str) -> str:
    """A cluster where there is room: project/location/name, a context, or the mark that is all that is known of it.

    `cluster` is written as in a report: a full name, "kubeconfig:..." or "fingerprint:...".
    """
    if cluster.startswith("fingerprint:"):
        return f"unidentified cluster ({clean(cluster.removeprefix('fingerprint:'))})"
    return short_cluster(clean(cluster))


def console_url(resource: ResourceName) -> str:
    """The Cloud Console page that lists things of this kind in its project."""
    page = _CONSOLE_PAGES.get(resource.collection, _LOAD_BALANCER_PAGE)
    return f"{_CONSOLE}{page}?project={quote(clean(resource.project), safe='')}"
