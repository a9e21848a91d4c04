"""A Dockerfile's instructions, and its build steps run in a folder: no test may need a container engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    keyword: str
    text: str

    @property
    def words(self) -> list[str]:
        """The exec form's strings, or the words of the shell form."""
        return list(json.loads(self.text)) if self.text.startswith("[") else self.text.split()

    @property
    def pairs(self) -> dict[str, str]:
        """What ENV, ARG and LABEL set."""
        found = re.findall(r'([\w.]+)=(?:"([^"]*)"|(\S*))', self.text)
        return {name: quoted or plain for name, quoted, plain in found}


@dataclass(slots=True)
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, keyword: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.keyword == keyword]

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for line in self.all("ENV") for name, value in line.pairs.items()}


def parse(text: str) -> tuple[dict[str, str], list[Stage]]:
    """The global ARGs with their defaults, and the stages in their order."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        if not line.strip():
            continue
        keyword, _, rest = line.strip().partition(" ")
        instruction = Instruction(keyword.upper(), rest.strip())
        if instruction.keyword == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            stages.append(Stage(base, name))
        elif stages:
            stages[-1].instructions.append(instruction)
        else:
            assert instruction.keyword == "ARG", line
            arguments |= instruction.pairs
    return arguments, stages


def build(
    stage: Stage, context: Path, root: Path, environment: Mapping[str, str], without: Container[str] = ()
) -> None:
    """Runs a stage's steps as they stand, but below `root` in place of /. Raises AssertionError for a failed one.

    `without` names variables of the stage that are left out, so that a test may use a cache.
    """
    here = root
    variables = dict(environment)
    for instruction in stage.instructions:
        match instruction.keyword:
            case "ENV":
                variables |= {name: value for name, value in instruction.pairs.items() if name not in without}
            case "WORKDIR":
                here = below(root, instruction.text)
                here.mkdir(parents=True, exist_ok=True)
            case "COPY":
                copy(instruction.words, context, here)
            case "RUN":
                command = re.sub(r"(?<![\w./])/(?=opt/|src\b|work\b)", f"{root}/", instruction.text)
                done = subprocess.run(
                    ["sh", "-c", command], cwd=here, env=variables, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"RUN {instruction.text}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            case other:
                raise AssertionError(f"{other} is not known here")


def below(root: Path, absolute: str) -> Path:
    assert absolute.startswith("/"), absolute
    return root / absolute.removeprefix("/")


def copy(words: Sequence[str], context: Path, here: Path) -> None:
    *sources, target = words
    for source in sources:
        found, destination = context / source, here / target
        if found.is_dir():
            shutil.copytree(found, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(found, destination)
