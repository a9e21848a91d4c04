"""The generated blocks of README.md and docs/settings.md, each between `<!-- NAME -->` and `<!-- /NAME -->`.

    scripts/update-readme

What a block shows is what the program prints on a terminal of WIDTH columns, or what its own tables say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click

from auditor import settings
from auditor.cli import commands
from auditor.model.reasons import ALL

REPO = Path(__file__).resolve().parent.parent
PAGES = (REPO / "README.md", REPO / "docs" / "settings.md")
WIDTH = 100
DEMO = ("--snapshot", "fixtures/demo", "--as-of", "2026-11-22T06:00:00Z", "--no-config")
_BLOCK = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n(?P<content>.*?)<!-- /(?P=name) -->", re.DOTALL)


def on_terminal(*arguments: str) -> str:
    """What one command line prints on a terminal without colours. Raises RuntimeError where it fails."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(settings.ENVIRONMENT_PREFIX)}
    environment = {**ours, "COLUMNS": str(WIDTH), "LINES": "60", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    reader, terminal = os.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "auditor", *arguments],
        cwd=REPO,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
    ) as running:
        os.close(terminal)
        printed = b"".join(_chunks(reader))
        complaint = running.stderr.read().decode() if running.stderr else ""
    os.close(reader)
    if running.returncode:
        raise RuntimeError(f"gke-auditor {' '.join(arguments)} ended with {running.returncode}:\n{complaint}")
    return printed.decode().replace("\r\n", "\n")


def _chunks(reader: int) -> Iterable[bytes]:
    while True:
        try:
            chunk = os.read(reader, 65536)
        except OSError:  # Linux says so when the other end is closed
            return
        if not chunk:
            return
        yield chunk


def _screen(*arguments: str, command: str = "") -> str:
    shown = f"$ {command}\n" if command else ""
    return f"```text\n{shown}{on_terminal(*arguments).rstrip()}\n```\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def reason_codes() -> str:
    """Every reason code with its verdict, in the order of the verdicts."""
    rows = [
        [
            f"`{reason.code}`",
            f"`{reason.verdict}`",
            reason.looks_for,
            "" if reason.false_positives == "-" else reason.false_positives,
            reason.confirm,
        ]
        for reason in sorted(ALL, key=lambda reason: reason.verdict.rank)
    ]
    return _table(("code", "verdict", "looks for", "known false positives", "to confirm by hand"), rows)


def known_settings() -> str:
    """Every setting with its three names and its default, in the order of the options of audit, costs, mail and job."""
    options = {
        parameter.name: parameter
        for name in ("audit", "costs", "mail", "job", "config")
        for parameter in commands.commands[name].params
        if isinstance(parameter, click.Option) and parameter.name and parameter.name not in settings.NOT_SETTINGS
    }
    rows = [
        [f"`{name}`", f"`{_flag(option)}`", f"`{settings.variable(name)}`", _default(option)]
        for name, option in options.items()
    ]
    return _table(("key in the file", "flag", "environment", "default"), rows)


def _flag(option: click.Option) -> str:
    return next(flag for flag in option.opts if flag.startswith("--"))


def _default(option: click.Option) -> str:
    value = option.default
    if option.is_flag or option.count:
        return "`false`" if option.is_flag else "`0`"
    if isinstance(value, list | tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`" if isinstance(value, str | int) else "not set"


BLOCKS: Mapping[str, Callable[[], str]] = {
    "demo": lambda: _screen("audit", *DEMO, command="scripts/demo"),
    "explain": lambda: _screen(
        "explain", "203.0.113.82", *DEMO, command="gke-auditor explain 203.0.113.82 --snapshot fixtures/demo"
    ),
    "help": lambda: _screen("audit", "--help", command="gke-auditor audit --help"),
    "reason-codes": reason_codes,
    "settings": known_settings,
}


def blocks_of(text: str) -> Mapping[str, str]:
    """The content of every generated block in a text."""
    return {match["name"]: match["content"] for match in _BLOCK.finditer(text)}


def rewritten(text: str) -> str:
    """The same text, every block as it has to be. Raises KeyError for a block that nobody generates."""
    return _BLOCK.sub(
        lambda match: f"<!-- {match['name']} -->\n{BLOCKS[match['name']]()}<!-- /{match['name']} -->", text
    )


def main() -> None:
    for page in PAGES:
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
