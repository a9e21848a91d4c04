"""The templates of HTML pages and mails: everything is escaped, and a name that is not there is an error.

Text from the cloud is cleaned wherever a template prints it, so that no template can forget to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auditor.model.finding import format_time

from . import text

LONGEST_PASSAGE = 2000
"""Evidence and notes are sentences; what is longer than this was not written by us."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """One of auditor/report/templates with `values` put in. Raises jinja2.UndefinedError for a name that is missing."""
    return _environment().get_template(template).render(values)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("auditor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
    )
    environment.filters |= {
        "age": text.age,
        "clean": text.clean,
        "console_url": text.console_url,
        "day": text.day,
        "dollars": text.dollars,
        "kind": text.kind_name,
        "moment": text.moment,
        "money": text.money,
        "plural": text.plural,
        "time": format_time,
        "verdict": text.verdict_name,
    }
    return environment


def _cleaned(value: Any) -> Any:
    """What a template prints: text loses what could hide or reorder letters, and has an end; markup of ours stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.clean(value, LONGEST_PASSAGE)
    return value
