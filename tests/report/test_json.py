import json as standard_json
from dataclasses import replace
from decimal import Decimal

import jsonschema
import pytest

from auditor.data.tables import load_schema
from auditor.model.finding import Verdict
from auditor.model.report import Report
from auditor.report import json
from auditor.report.selection import Selection

from . import hostile, sample
from .golden import assert_golden

ALL = Selection(verdicts=tuple(Verdict))


def validated(text: str) -> dict:
    document = standard_json.loads(text)
    validator = jsonschema.Draft202012Validator(
        load_schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(document)
    return document


@pytest.mark.parametrize(
    ("name", "report", "selection"),
    [
        ("clean", sample.clean(), ALL),
        ("small", sample.report(), ALL),
        ("large", sample.large(), Selection(min_monthly=Decimal(33))),
    ],
)
def test_golden(name: str, report: Report, selection: Selection) -> None:
    written = json.render(report, selection)
    validated(written)
    assert_golden(f"json-{name}.json", written)


def test_every_finding_stands_in_it_with_all_its_facts() -> None:
    document = validated(json.render(sample.report(), ALL))
    assert [item["name"] for item in document["findings"]] == [item.resource.name for item in sample.findings()]
    first = document["findings"][0]
    assert first["resource"] == (
        "//compute.googleapis.com/projects/example-prod/regions/europe-west1/forwardingRules/"
        "a5f2e8c7d90b14c3fa1e6d2b7c8a9f01"
    )
    assert (first["kind"], first["location"], first["created_at"]) == (
        "forwardingRules",
        "europe-west1",
        "2026-10-11T06:00:00Z",
    )
    assert first["owner"] == {
        "cluster": "fingerprint:c8=559aead0",
        "kind": "Service",
        "namespace": "shop",
        "name": "web",
        "live": False,
    }
    assert first["cost"]["monthly"] == "26.28"
    assert document["suppressed"][0]["suppression"] == "DR failover range, ticket OPS-123 (until 2027-03-31)"


def test_sums_and_counts_are_those_of_everything() -> None:
    document = validated(json.render(sample.report(), Selection(verdicts=(Verdict.IDLE,))))
    assert [item["verdict"] for item in document["findings"]] == ["idle"]
    assert document["counts"] == {
        "orphaned": 3,
        "unused": 2,
        "idle": 1,
        "unknown": 1,
        "pending": 1,
        "in_use": 1,
        "foreign": 1,
    }
    monthly = document["summary"]["monthly"]
    assert (monthly["saving"], monthly["total"], monthly["suppressed"]) == ("46.72", "79.75", "10.22")


def test_an_amount_that_is_not_known_is_null() -> None:
    document = validated(json.render(sample.report(), ALL))
    assert [item["cost"]["monthly"] for item in document["findings"] if item["verdict"] == "unknown"] == [None]


def test_coverage_is_complete_only_without_gaps() -> None:
    assert validated(json.render(sample.report(), ALL))["coverage"]["complete"] is False
    assert validated(json.render(sample.with_findings(), ALL))["coverage"] == {"complete": True, "gaps": []}


def test_the_same_report_gives_the_same_bytes() -> None:
    assert json.render(sample.report(), ALL) == json.render(sample.report(), ALL)


def test_suppressed_findings_stay_in_it_without_a_flag() -> None:
    document = validated(json.render(sample.report(), Selection()))
    assert [item["name"] for item in document["suppressed"]] == ["reserved-for-dr-1"]


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_text_is_kept_and_harmless(text: str) -> None:
    shown = json.render(hostile.report(text), ALL)
    shown.encode("utf-8")
    assert not set(shown) & hostile.DANGEROUS
    document = validated(shown)
    kept = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    assert document["findings"][0]["warnings"] == [kept]
    assert document["findings"][0]["owner"]["name"] == kept


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_hostile_names_are_harmless(text: str) -> None:
    shown = json.render(hostile.everywhere(text), ALL)
    shown.encode("utf-8")
    assert not set(shown) & hostile.DANGEROUS
    assert standard_json.loads(shown)["scope"]["parents"]


def test_observed_is_left_out_where_nothing_was() -> None:
    item = sample.findings()[0]
    seen = replace(item, observed={"id": "1", "users": ["a"]})
    document = validated(json.render(sample.with_findings(item, seen), ALL))
    assert "observed" not in document["findings"][0]
    assert document["findings"][1]["observed"] == {"id": "1", "users": ["a"]}
