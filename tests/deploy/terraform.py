"""deploy/*.tf as Python objects, and its expressions computed by terraform itself where it is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

REPO = Path(__file__).resolve().parents[2]
DEPLOY = REPO / "deploy"
BLOCK = "__is_block__"
META = frozenset({"depends_on", "for_each", "count", "lifecycle", "provider"})
"""Arguments of every resource, which are Terraform's own."""


@dataclass(frozen=True, slots=True)
class Resource:
    sort: str
    """"resource" or "data"."""
    kind: str
    name: str
    body: Mapping[str, Any]


def _load(path: Path) -> dict[str, Any]:
    options = hcl2.SerializationOptions(with_comments=False, strip_string_quotes=True)
    return hcl2.loads(path.read_text("utf-8"), serialization_options=options)


FILES = {path.name: _load(path) for path in sorted(DEPLOY.glob("*.tf"))}
SOURCE = "\n".join(path.read_text("utf-8") for path in sorted(DEPLOY.glob("*.tf")))


def blocks(sort: str) -> Iterator[Mapping[str, Any]]:
    for content in FILES.values():
        yield from content.get(sort, [])


def resources() -> list[Resource]:
    return [
        Resource(sort, kind, name, body)
        for sort in ("resource", "data")
        for block in blocks(sort)
        for kind, named in block.items()
        if kind != BLOCK
        for name, body in named.items()
        if name != BLOCK
    ]


def resource(address: str) -> Mapping[str, Any]:
    kind, _, name = address.partition(".")
    (found,) = (item.body for item in resources() if (item.kind, item.name) == (kind, name))
    return found


def variables() -> dict[str, Mapping[str, Any]]:
    return {name: body for block in blocks("variable") for name, body in block.items() if name != BLOCK}


def unfolded(body: Mapping[str, Any]) -> dict[str, Any]:
    """A block's arguments and blocks; a dynamic block counts as the block that it makes."""
    found: dict[str, Any] = {key: value for key, value in body.items() if key not in (BLOCK, "dynamic")}
    for dynamic in body.get("dynamic", []):
        for name, made in dynamic.items():
            if name != BLOCK:
                found.setdefault(name, []).extend(made["content"])
    return found


def is_block(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and BLOCK in item for item in value)


# --- what terraform computes ---

STAND_INS = {
    "google_storage_bucket.history.url": '"gs://ops-project-gke-auditor"',
    "google_storage_bucket.reports.url": '"gs://ops-project-gke-auditor-reports"',
    "google_monitoring_notification_channel.mail": "{}",
    "data.google_folder.audited": (
        '{ for number in local.folders : number => { organization = "organizations/999${substr(number, 0, 1)}" } }'
    ),
}
"""What the locals take from resources, which only a provider could make."""


def compute(folder: Path, values: Mapping[str, Any], expressions: Mapping[str, str]) -> dict[str, Any]:
    """What terraform makes of expressions over the variables and locals of deploy/. Raises AssertionError.

    A module without resources needs no provider, so nothing is fetched.
    """
    parts = [_blocks_of_text("locals", SOURCE)]
    parts += [f"output {json.dumps(name)} {{\n  value = {text}\n}}\n" for name, text in expressions.items()]
    text = "\n".join(parts)
    for reference, stand_in in STAND_INS.items():
        text = text.replace(reference, stand_in)
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(text, "utf-8")
    shutil.copy(DEPLOY / "variables.tf", folder)
    shutil.copytree(DEPLOY / "role", folder / "role", dirs_exist_ok=True)
    (folder / "terraform.tfvars.json").write_text(json.dumps(values), "utf-8")
    run(folder, "init", "-backend=false", "-input=false")
    run(folder, "apply", "-auto-approve", "-input=false", "-state=made.tfstate")
    made = json.loads(run(folder, "output", "-json", "-state=made.tfstate"))
    return {name: output["value"] for name, output in made.items()}


def _blocks_of_text(kind: str, text: str) -> str:
    return "\n".join(re.findall(rf"^{kind} \{{\n.*?^\}}\n", text, re.MULTILINE | re.DOTALL))


def run(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    done = subprocess.run(
        ["terraform", *arguments[:1], "-no-color", *arguments[1:]],
        cwd=folder,
        env={**environment, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
