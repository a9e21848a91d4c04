"""The libraries that pyproject.toml names, for scripts/test-versions: one line of output for each."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def requirements() -> list[Requirement]:
    """What a user's environment needs; the tools of development are no matter of users."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def lowest(requirement: Requirement) -> str:
    """The requirement at its lower bound. Raises SystemExit where it has none."""
    bounds = [item.version for item in requirement.specifier if item.operator in (">=", "==", "~=")]
    if not bounds:
        raise SystemExit(f"pyproject.toml gives no lower bound of {requirement.name}")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}=={max(bounds, key=Version)}"


def held() -> Iterator[str]:
    """What the environment of this interpreter holds."""
    for requirement in requirements():
        yield f"  {requirement.name} {version(requirement.name)}"


def planned(report: str) -> Iterator[str]:
    """What pip would install, by its report."""
    for item in json.loads(report)["install"]:
        yield f"{item['metadata']['name']}=={item['metadata']['version']}"


def lines(what: str) -> Iterator[str]:
    match what:
        case "lowest":
            yield from map(lowest, requirements())
        case "newest":
            yield from (str(requirement).replace(" ", "") for requirement in requirements())
        case "held":
            yield from held()
        case "planned":
            yield from planned(sys.stdin.read())
        case _:
            raise SystemExit(f"unknown: {what}")


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines(sys.argv[1]))
