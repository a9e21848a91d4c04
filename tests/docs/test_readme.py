"""The README says what the program does: its screens are printed again, its tables compared with the code."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import click
import pytest

from auditor import ignorefile, settings
from auditor.cli import commands
from auditor.errors import ExitCode
from auditor.model.finding import SHOWN_BY_DEFAULT, Verdict
from auditor.model.reasons import ALL
from auditor.model.snapshot import JUDGED_COLLECTIONS

REPO = Path(__file__).resolve().parents[2]
README = (REPO / "README.md").read_text(encoding="utf-8")
SETTINGS = (REPO / "docs" / "settings.md").read_text(encoding="utf-8")
LONGEST = 560


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPO / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


readme = load_script("readme")


def section(title: str) -> str:
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^##? |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """The cells of the first table of a text, without its head."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table, "no table"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[0].splitlines()[2:]]


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_generated_block_is_there() -> None:
    assert {*readme.blocks_of(README), *readme.blocks_of(SETTINGS)} == set(readme.BLOCKS)


@pytest.mark.parametrize("name", readme.BLOCKS)
def test_generated_block_is_what_the_program_prints(name: str) -> None:
    shown = {**readme.blocks_of(README), **readme.blocks_of(SETTINGS)}
    assert shown[name] == readme.BLOCKS[name](), "run scripts/update-readme, then read what changed"


def test_demo_block_is_of_one_width() -> None:
    """Only commands and lines that a reader copies may be longer, for they are never broken."""
    long = [line for line in readme.blocks_of(README)["demo"].splitlines() if len(line) > readme.WIDTH]
    assert all("→ gcloud" in line or line.startswith("Snapshot of") for line in long), long


def test_rewriting_reaches_every_block_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "BLOCKS", {"demo": lambda: "new\n"})
    text = "before\n<!-- demo -->\nold\n<!-- /demo -->\nafter\n"
    assert readme.rewritten(text) == "before\n<!-- demo -->\nnew\n<!-- /demo -->\nafter\n"
    with pytest.raises(KeyError):
        readme.rewritten("<!-- other -->\n<!-- /other -->\n")


def test_every_reason_code_is_explained() -> None:
    listed = rows(section("Reason codes"))
    assert sorted(row[0] for row in listed) == sorted(f"`{reason.code}`" for reason in ALL)
    assert all(row[2] and row[4] for row in listed)


def test_verdicts_stand_in_the_order_of_reports() -> None:
    listed = rows(section("What you may conclude, and what not"))
    assert [row[0] for row in listed] == [f"`{verdict}`" for verdict in Verdict]
    assert {row[0] for row in listed if row[2] == "yes"} == {f"`{verdict}`" for verdict in SHOWN_BY_DEFAULT}
    order = ", ".join(Verdict)
    assert order in section("Output")
    assert order in re.sub(r"[`\s]+", " ", (REPO / "docs" / "report.md").read_text("utf-8")).replace(" ,", ",")


def test_exit_codes_are_those_of_the_program() -> None:
    assert [row[0] for row in rows(section("Exit codes"))] == [str(code.value) for code in ExitCode]


def test_settings_table_names_every_setting() -> None:
    options = {
        parameter.name: parameter
        for command in commands.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name not in settings.NOT_SETTINGS
    }
    listed = rows(SETTINGS)
    assert {row[0].strip("`") for row in listed} == set(options)
    for key, flag, variable, _ in listed:
        name = key.strip("`")
        assert flag.strip("`") in options[name].opts
        assert variable == f"`GKE_AUDITOR_{name.upper()}`"


def test_settings_example_is_accepted() -> None:
    (example,) = (fence for fence in fences("toml") if "[[" not in fence)
    known = {row[0].strip("`") for row in rows(SETTINGS)}
    assert set(tomllib.loads(example)) <= known


def test_ignore_example_is_accepted(tmp_path: Path) -> None:
    (example,) = (fence for fence in fences("toml") if "[[ignore]]" in fence)
    path = tmp_path / "gke-auditor-ignore.toml"
    path.write_text(example, "utf-8")
    (entry,) = ignorefile.read(path)
    assert entry.expires == date(2027, 3, 31)
    assert entry.codes == {"address-unused"}


def command_lines() -> Iterator[str]:
    """Every command that the README shows: in shell blocks, and in code inside sentences."""
    for fence in fences("sh"):
        yield from (line.split("#")[0].split("|")[0].strip() for line in fence.splitlines() if line.strip())
    yield from (code for code in re.findall(r"`([^`\n]+)`", README) if code.startswith(("gke-auditor ", "scripts/")))


def test_commands_and_flags_that_are_shown_exist() -> None:
    for line in command_lines():
        program, *words = line.split()
        if program.startswith("scripts/"):
            assert (REPO / program).exists(), line
        elif program == "gke-auditor":
            assert words[0] in commands.commands, line
            flags = {flag for parameter in commands.commands[words[0]].params for flag in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= {*flags, "--help"}, line
    assert sum(line.startswith("gke-auditor ") for line in command_lines()) > 5


def test_flags_in_sentences_exist() -> None:
    flags = {flag for command in commands.commands.values() for item in command.params for flag in item.opts}
    named = set(re.findall(r"`(--[a-z][a-z-]*)", re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)))
    assert named - {"--help"} <= flags


def test_scripts_are_shown() -> None:
    ours = {path.name for path in (REPO / "scripts").iterdir() if path.is_file() and path.suffix == ""}
    shown = set(re.findall(r"scripts/([a-z-]+)", README))
    assert shown <= ours
    assert ours - shown == {"setup"}, "what the other scripts call"


def test_error_texts_of_the_troubleshooting_table_exist() -> None:
    code = "\n".join(path.read_text("utf-8") for path in sorted((REPO / "auditor").rglob("*.py")))
    for first, advice in rows(section("Troubleshooting")):
        assert advice
        for text in re.findall(r"`([^`]+)`", first):
            assert text in code, text


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert not [target for target in targets if not (REPO / target).exists()]


def test_kinds_that_are_not_judged_are_not_promised() -> None:
    assert ("disks" in JUDGED_COLLECTIONS) is ("Persistent disks are not judged yet." not in README)


def test_readme_is_short_enough_to_read() -> None:
    assert len(README.splitlines()) <= LONGEST
