from dataclasses import replace

import pytest

from auditor.model.finding import Verdict
from auditor.report import explain

from . import hostile, sample
from .golden import assert_golden


def test_golden() -> None:
    report = sample.report()
    found = (*explain.find(report, "203.0.113.7"), *explain.find(report, "reserved-for-dr-1"))
    assert_golden("explain.txt", explain.render(report, sample.inventory(), found))


@pytest.mark.parametrize(
    "wanted",
    [
        "//compute.googleapis.com/projects/example-prod/regions/europe-west1/addresses/old-newsletter-ip",
        "https://www.googleapis.com/compute/v1/projects/example-prod/regions/europe-west1/addresses/old-newsletter-ip",
        "projects/example-prod/regions/europe-west1/addresses/old-newsletter-ip",
        "old-newsletter-ip",
        "203.0.113.80",
        " old-newsletter-ip ",
    ],
)
def test_one_resource_by_each_of_its_names(wanted: str) -> None:
    assert [item.resource.name for item in explain.find(sample.report(), wanted)] == ["old-newsletter-ip"]


def test_a_finding_by_its_id() -> None:
    item = sample.findings()[3]
    assert explain.find(sample.report(), item.id) == (item,)


def test_a_shared_name_finds_rule_and_pool() -> None:
    found = explain.find(sample.report(), sample.SHOP_RULE.name)
    assert [item.resource.collection for item in found] == ["forwardingRules", "targetPools"]


def test_an_owner_finds_all_its_parts() -> None:
    assert len(explain.find(sample.report(), "shop/web")) == 3


def test_ipv6_is_compared_as_an_address() -> None:
    rule = replace(sample.findings()[0], ip="2001:db8::7")
    assert explain.find(sample.with_findings(rule), "2001:0DB8:0:0::7") == (rule,)


def test_unknown_names_find_nothing_but_close_ones() -> None:
    assert explain.find(sample.report(), "old-newsletter-pi") == ()
    assert "old-newsletter-ip" in explain.close_names(sample.report(), "old-newsletter-pi")


def test_every_cluster_says_how_much_of_it_was_read() -> None:
    report = sample.report()
    shown = explain.render(report, sample.inventory(), explain.find(report, "legacy/billing"))
    assert "example-prod/us-central1/staging (read in part): the Services of us-central1/staging could not be" in shown
    assert "example-prod/europe-west1/prod (read in full): nothing in it speaks for or against this" in shown


def test_commands_are_quoted_for_the_shell() -> None:
    item = replace(sample.findings()[4], owner=sample.Owner(None, "Service", "x; rm -rf /", "$(boom)", live=True))
    shown = explain.render(sample.with_findings(item), sample.inventory(), (item,))
    assert "-n 'x; rm -rf /'" in shown
    assert "kubernetes.io/service-name='$(boom)'" in shown


@pytest.mark.parametrize("verdict", [Verdict.ORPHANED, Verdict.UNKNOWN, Verdict.IN_USE])
def test_no_owner_is_called_gone_that_may_live(verdict: Verdict) -> None:
    owner = sample.Owner(sample.PROD, "Service", "shop", "web", live=verdict is Verdict.IN_USE)
    item = replace(sample.findings()[0], verdict=verdict, owner=owner)
    shown = explain.render(sample.with_findings(item), sample.inventory(), (item,))
    assert ("which is gone" in shown) == (verdict is Verdict.ORPHANED)
    assert ("which lives" in shown) == (verdict is Verdict.IN_USE)


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless(text: str) -> None:
    report = hostile.report(text)
    shown = explain.render(report, sample.inventory(), (*report.findings, *report.suppressed))
    shown.encode("utf-8")
    assert not set(shown) & hostile.DANGEROUS
    assert all(line.startswith(("//compute", "  ")) for line in shown.splitlines() if line)
    assert len(shown) < 60_000


def test_a_terminal_gets_wrapped_sentences_and_whole_commands() -> None:
    report = sample.report()
    found = explain.find(report, "203.0.113.7")
    piped = explain.render(report, sample.inventory(), found)
    shown = explain.render(report, sample.inventory(), found, width=80)
    assert shown.split() == piped.split(), "wrapping loses no word"
    copied = ("gcloud ", "kubectl ", "https://", "//compute")
    assert all(
        len(line) <= 80 or line[21:].startswith(copied) or line.startswith(copied) for line in shown.splitlines()
    )
    assert max(map(len, piped.splitlines())) > 80
