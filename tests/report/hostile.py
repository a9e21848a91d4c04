"""Text as an attacker would write it into a description, label or annotation."""

from __future__ import annotations

from dataclasses import replace

from auditor.model.finding import Evidence, Owner, Verdict
from auditor.model.history import FindingHistory, Novelty, ReportHistory
from auditor.model.names import ResourceName
from auditor.model.report import Gap, Report

from . import sample

TEXTS = {
    "ansi": "\x1b[2J\x1b[31mall clear\x1b[0m",
    "c1": "\x9b2J\x9d0;title\x9c",
    "link": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "bidi": "safe\u202egnp.exe\u202c\u2066x\u2069",
    "newlines": "web\r\norphaned  99999.99\n\u2028x\u2029",
    "long": "x" * 100_000,
    "surrogate": "lone\ud83d and \udc00",
    "zero width": "pay\u200bpal\ufeff\u00ad",
    "tab and bell": "a\tb\x07\x08\x08c\x00",
    "markup": "[bold red]rich[/] | `x` | <b> &amp; {0} %s",
    "numbers": "0012",
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='alert(3)",
    "formula": '=HYPERLINK("https://evil.example","click")',
    "formula plus": "+1+cmd|' /C calc'!A0",
    "formula minus": "-2+3",
    "formula at": "@SUM(1,2)",
    "formula tab": "\t=1+1",
    "markdown": "|`x`| [click](javascript:alert(1)) ![i](https://evil.example/i.png) <!-- # *b* @everyone",
    "mail header": "web\r\nBcc: victim@example.com\r\n\r\nbody",
    "template": "{{ 7*7 }}{% raw %}${7*7}",
}
DANGEROUS = frozenset(
    [chr(code) for code in (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))]
    + list("\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)
"""What no line on a terminal may hold; the newline is what lines end with."""


def report(text: str) -> Report:
    """A report in which everything that can come from the cloud says `text`."""
    short = text.encode("utf-8", "replace").decode()  # a resource name that is no UTF-8 makes its list invalid
    owner = Owner(f"fingerprint:{text}", text, text, text, live=False)
    finding = replace(
        sample.finding(
            replace(sample.SHOP_RULE, name=f"a{short}"),
            Verdict.UNKNOWN,
            "owner-not-read",
            "1.00",
            owner=owner,
            ip=text,
            warnings=(text,),
            notes=(text,),
            evidence=(Evidence(text, f"clusters/{text}/x/y/services"),),
        ),
        observed={"users": [text], "id": 2**70, text: {"deep": text}},
    )
    hidden = replace(finding, resource=replace(sample.SHOP_RULE, name=f"b{short}"), suppression=text)
    gap = Gap(f"clusters/{text}/x/y/services", "failed", "forbidden", text, text, missing=(text,))
    return replace(
        sample.with_findings(finding),
        suppressed=(hidden,),
        gaps=(gap,),
        notes=(text,),
        warnings=(text,),
        projects=(sample.PROJECT, text),
        settings={"project": [text]},
    )


def everywhere(text: str) -> Report:
    """The same, and also where only Google writes: names of projects, places and kinds, reasons, earlier runs."""
    written = report(text)
    safe = text.encode("utf-8", "replace").decode()
    place = ResourceName(safe, f"regions/{safe}", safe, safe)
    history = FindingHistory(Novelty.NEW, sample.AS_OF, sample.AS_OF, 1)
    (item,) = written.findings
    odd = replace(item, resource=place, reason=text, load_balancer=place, history=history)
    return replace(
        written,
        findings=(odd,),
        suppressed=(replace(odd, suppression=text),),
        gone=(replace(odd, history=replace(history, novelty=Novelty.GONE)),),
        gaps=(*written.gaps, Gap(text, text, text, text, f"gcloud {text}", (text,), 1)),
        projects=(text,),
        parents=(text,),
        history=ReportHistory(text, 1, sample.AS_OF, sample.AS_OF),
        price_source=text,
    )
