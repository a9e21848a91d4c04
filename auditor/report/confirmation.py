"""What a person types to see the same as the audit saw; the auditor itself never runs it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote

from auditor.model.commands import describe
from auditor.model.finding import Finding
from auditor.model.reasons import BY_CODE

from . import text
from .selection import place

_DESCRIBES_THE_RESOURCE = re.compile(r"^gcloud compute \S+ describe NAME --region REGION --project PROJECT$")
_COMMANDS = ("gcloud ", "kubectl ")
_STEPS = re.compile("; |, and |, then ")
_PLACEHOLDER = re.compile(r"\b(LOAD_BALANCER|NAMESPACE|SERVICE|PROJECT|REGION|NAME|KIND)\b")


def confirm_by_hand(finding: Finding) -> tuple[str, ...]:
    """What shows a resource and what its verdict rests on, step by step: a command in which names are quoted for a
    POSIX shell, or a sentence, so that nobody pastes a sentence into a shell."""
    lines = [describe(finding.resource)]
    reason = BY_CODE.get(finding.reason)
    if reason is not None and not _DESCRIBES_THE_RESOURCE.search(reason.confirm):
        lines += [_filled(step, finding) for step in _steps(reason.confirm)]
    return tuple(lines)


def _steps(confirm: str) -> Sequence[str]:
    return _STEPS.split(confirm) if confirm.startswith(_COMMANDS) else [confirm]


def _filled(command: str, finding: Finding) -> str:
    """A command of the reasons with the names of this finding in it, quoted; a name that is not known stays."""
    owner = finding.owner
    resource = finding.resource
    is_about_object = "kubectl" in command
    values = {
        "PROJECT": resource.project,
        "REGION": resource.location,
        "NAME": owner.name if is_about_object and owner else resource.name,
        "KIND": owner.kind.lower() if owner and owner.kind else None,
        "NAMESPACE": owner.namespace if owner else None,
        "SERVICE": owner.name if owner and owner.kind == "Service" else None,
        "LOAD_BALANCER": place(finding).full,
    }
    return _PLACEHOLDER.sub(lambda match: _quoted(values[match.group()], match.group()), command)


def _quoted(value: str | None, placeholder: str) -> str:
    return quote(text.clean(value)) if value else placeholder
