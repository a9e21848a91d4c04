"""docs/deploy.md says what deploy/ has."""

from __future__ import annotations

import json
import re
from typing import Any

from auditor.collect.access import INVENTORY_PERMISSIONS, PARENT_PERMISSIONS, PROJECT_PERMISSIONS

from .terraform import REPO, SOURCE, blocks, variables

TEXT = (REPO / "docs" / "deploy.md").read_text("utf-8")
SHOWN = {"null": "none", "[]": "none", "{}": "none", "true": "yes", "false": "no"}


def shown(body: Any) -> str:
    if "default" not in body:
        return "must be given"
    value = body["default"]
    if isinstance(value, str) and value != "null":
        return f"`{value}`"
    text = value if isinstance(value, str) else json.dumps(value)
    return SHOWN.get(text, text)


def table_of_variables() -> str:
    rows = [f"| `{name}` | {shown(body)} | {body['description']} |" for name, body in variables().items()]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])


def test_variables_are_those_of_terraform() -> None:
    found = re.search(r"<!-- variables -->\n(.*?)\n?<!-- /variables -->", TEXT, re.DOTALL)
    assert found
    assert found[1] == table_of_variables(), f"put this between the marks:\n{table_of_variables()}"


def test_variables_that_are_named_exist() -> None:
    named = set(re.findall(r"-var '?(\w+)=", TEXT)) | set(re.findall(r"`(\w+) = ", TEXT))
    assert {"project", "scope", "image"} <= named
    assert named - {"egress"} <= set(variables()), "egress is part of network"


def test_permissions_are_counted_and_roles_named() -> None:
    assert f"the {len(PROJECT_PERMISSIONS)} permissions of `deploy/role/project.txt`" in TEXT
    assert f"the {len(PARENT_PERMISSIONS)} permissions of `deploy/role/parent.txt`" in TEXT
    assert len(INVENTORY_PERMISSIONS) == 1
    assert "the permission of `deploy/role/inventory.txt`" in TEXT
    section = TEXT.split("## Permissions")[1].split("## ")[0]
    assert set(re.findall(r'"(roles/[\w.]+)"', SOURCE)) <= set(re.findall(r"roles/[\w.]+\w", section))


def test_outputs_that_are_named_exist() -> None:
    outputs = {name for block in blocks("output") for name in block}
    assert set(re.findall(r"output -raw (\w+)", TEXT)) <= outputs


def test_files_and_scripts_that_are_named_exist() -> None:
    named = set(re.findall(r"\b(?:deploy|scripts)/[\w./-]+\w", TEXT))
    assert len(named) > 5
    assert [name for name in sorted(named) if not (REPO / name).exists()] == []
