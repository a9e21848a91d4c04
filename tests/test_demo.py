"""The bundled snapshot tells the stories that the demo promises, and is what scripts/make-demo writes."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from auditor.collect.directory import read_snapshot
from auditor.data.tables import load_prices
from auditor.match import judge
from auditor.model import inventory
from auditor.model.finding import Finding, Verdict
from auditor.pipeline import Options, audit

REPO = Path(__file__).resolve().parent.parent
DEMO = REPO / "fixtures" / "demo"
TAKEN_AT = datetime(2026, 11, 22, 6, tzinfo=UTC)
LEFT_BEHIND = ("web", "api", "checkout", "search", "recommend", "payments")
DOCUMENTATION = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_demo_is_what_its_script_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(REPO / "scripts" / "make-demo"), str(tmp_path / "demo")], check=True)
    assert files(tmp_path / "demo") == files(DEMO), "run scripts/make-demo"


def test_demo_is_small_enough_to_review() -> None:
    found = files(DEMO)
    assert len(found) <= 60
    assert sum(map(len, found.values())) <= 300_000


def test_every_ip_is_from_a_range_for_documentation() -> None:
    for name, content in files(DEMO).items():
        for text in re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", content.decode()):
            ip = ipaddress.ip_address(text)
            assert text == "0.0.0.0" or any(ip in network for network in DOCUMENTATION), f"{text} in {name}"  # noqa: S104


@pytest.fixture(scope="module")
def findings() -> tuple[Finding, ...]:
    return judge(inventory.build(read_snapshot(DEMO)), as_of=TAKEN_AT, min_age=timedelta(hours=1))


def of_owner(findings: tuple[Finding, ...], key: str) -> list[Finding]:
    """The forwarding rules of one Service or Ingress."""
    return [
        finding
        for finding in findings
        if finding.resource.collection == "forwardingRules"
        and finding.owner is not None
        and f"{finding.owner.namespace}/{finding.owner.name}" == key
    ]


@pytest.mark.parametrize(
    ("key", "verdicts"),
    [
        ("shop/checkout", ["in_use"]),
        ("shop/search", ["in_use"]),
        ("shop/storefront", ["in_use", "in_use"]),
        ("shop/edge", ["in_use"]),
        ("shop/api", ["in_use", "orphaned"]),
        ("shop/campaign", ["orphaned"]),
        ("shop/partner-feed", ["orphaned"]),
        ("shop/preview-1482", ["pending"]),
        ("tools/grafana", ["idle"]),
        ("analytics/metabase", ["unknown"]),
        *(
            (f"storefront/{name}", ["orphaned"])
            for name in ("web", "api", "checkout", "search", "recommend", "payments")
        ),
    ],
)
def test_rules_of_each_story(findings: tuple[Finding, ...], key: str, verdicts: list[str]) -> None:
    assert sorted(finding.verdict for finding in of_owner(findings, key)) == verdicts


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("old-sftp", Verdict.UNUSED, "address-unused"),
        ("load-test-2025", Verdict.UNUSED, "address-unused"),
        ("tokyo-pilot", Verdict.UNUSED, "address-unused"),
        ("campaign-ip", Verdict.ORPHANED, "reserved-address-on-orphan"),
        ("storefront-ip", Verdict.IN_USE, None),
        ("office-vpn", Verdict.FOREIGN, "held-by-foreign"),
    ],
)
def test_addresses(findings: tuple[Finding, ...], name: str, verdict: Verdict, reason: str | None) -> None:
    (finding,) = (item for item in findings if item.resource.name == name and item.resource.collection == "addresses")
    assert finding.verdict is verdict
    assert reason in (None, finding.reason)


def test_vpn_is_foreign(findings: tuple[Finding, ...]) -> None:
    rules = [item for item in findings if item.resource.name.startswith("office-") and item.reason == "vpn"]
    assert [item.verdict for item in rules] == [Verdict.FOREIGN] * 3


def test_report_has_a_gap_a_suppression_and_money() -> None:
    report = audit(read_snapshot(DEMO), Options(now=TAKEN_AT, as_of=TAKEN_AT), load_prices())
    assert {gap.category for gap in report.gaps} == {"forbidden"}
    assert {item.owner.name for item in report.suppressed if item.owner is not None} == {"partner-feed"}
    counts = Counter(item.verdict for item in (*report.findings, *report.suppressed))
    assert all(counts[verdict] for verdict in Verdict)
    # us-central1: 13 chargeable rules, 8 of them waste: (18.25 + 8 * 7.30) - 18.25; three idle addresses in two
    # regions: 2 * 7.30 + 10.95. The one global orphan of four rules saves nothing.
    assert report.summary.saving == Decimal("58.40") + Decimal("14.60") + Decimal("10.95")
    # One of the eight rules is suppressed: its even share of the pool's saving.
    assert report.summary.suppressed == Decimal("7.30")
