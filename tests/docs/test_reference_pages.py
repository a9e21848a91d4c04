"""The pages in docs/ name what the code knows, and the sections that comments cite exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditor.match.makers import RULES
from auditor.model.finding import Verdict
from auditor.model.snapshot import API_GROUPS, COLLECTIONS, JUDGED_COLLECTIONS, PLURALS, Category, Status

REPO = Path(__file__).resolve().parents[2]
PAGES = ("snapshot.md", "report.md", "ownership.md", "pricing.md", "scale.md")


def page(name: str) -> str:
    return (REPO / "docs" / name).read_text(encoding="utf-8")


def words(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def test_snapshot_page_names_every_list_status_and_category() -> None:
    text = page("snapshot.md")
    assert {*COLLECTIONS, *PLURALS, *Status, *Category} <= words(text)
    assert {group for group in API_GROUPS if group} <= words(text)


def test_report_page_names_every_verdict_and_judged_kind() -> None:
    assert {*Verdict, *JUDGED_COLLECTIONS} <= words(page("report.md"))


def test_ownership_page_names_every_naming_rule() -> None:
    section = page("ownership.md").partition("## 4.")[2].partition("## 5.")[0]
    listed = words(section)
    assert {rule.id for rule in RULES if not rule.id.startswith("x.")} <= listed


@pytest.mark.parametrize("name", PAGES)
def test_page_is_short_enough_to_read(name: str) -> None:
    assert len(page(name).splitlines()) <= 250


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page(name)):
        assert (REPO / "docs" / target).exists(), target


def citations() -> list[tuple[str, str, str]]:
    """(file, page, section) of every "ownership.md, section N" in the code."""
    found = []
    for folder in ("auditor", "scripts", "tests"):
        for path in sorted((REPO / folder).rglob("*")):
            if not path.is_file() or path.suffix not in ("", ".py", ".sh"):
                continue
            text = re.sub(r"\s+(?:#\s+)?", " ", path.read_text(encoding="utf-8"))
            for name, section in re.findall(r"(ownership\.md|pricing\.md), section (\d+(?:\.\d+)?)", text):
                found.append((path.relative_to(REPO).as_posix(), name, section))
    return found


def test_cited_sections_exist() -> None:
    headings = {
        name: set(re.findall(r"^##+ (\d+(?:\.\d+)?)[. ]", page(name), flags=re.MULTILINE))
        for name in ("ownership.md", "pricing.md")
    }
    missing = [entry for entry in citations() if entry[2] not in headings[entry[1]]]
    assert citations()
    assert not missing
