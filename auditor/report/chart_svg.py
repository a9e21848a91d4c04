"""SVG as matplotlib writes it, made fit to stand in a page among others.

What is left is a small tree of shapes and text: no metadata, no style attributes (the page forbids them by its content
security policy), no font, no id that another chart has, and colours that the page can change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from auditor.model.finding import SHOWN_BY_DEFAULT

from .charts import Chart
from .palette import LIGHT

_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_VERDICT_OF_COLOUR = {LIGHT.tones[verdict].fill: verdict.value for verdict in SHOWN_BY_DEFAULT}
_FAINT = "0.15"
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)px")
_KEPT = frozenset(
    {"fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linejoin", "stroke-linecap"}
)
_REFERENCE = re.compile(r"#([^)\s]+)")


def tidy(written: str, chart: Chart, titles: Mapping[str, str]) -> str:
    """The <svg> element of `written` for a page; `titles` say what stands for what, by the id matplotlib was given."""
    root = ET.fromstring(written)  # noqa: S314 - matplotlib wrote it a moment ago, with every name in it escaped
    for parent in root.iter():
        for child in [item for item in parent if _local(item.tag) in ("metadata", "style")]:
            parent.remove(child)
    used = _used_ids(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        _repaint(element)
        _rename(element, chart.key, used, titles)
    root.attrib.clear()
    size = re.search(r'viewBox="([^"]*)"', written)
    root.attrib.update(
        {"viewBox": size.group(1) if size else "", "role": "img", "focusable": "false", "class": "chart-picture"}
    )
    root.set("aria-label", f"{chart.title}. The same in words stands beside it.")
    return ET.tostring(root, "unicode", short_empty_elements=True)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _used_ids(root: ET.Element) -> frozenset[str]:
    """The ids that something of the picture points at."""
    links = (element.attrib.get(_XLINK_HREF, "") + element.attrib.get("clip-path", "") for element in root.iter())
    return frozenset(name for link in links for name in _REFERENCE.findall(link))


def _rename(element: ET.Element, key: str, used: frozenset[str], titles: Mapping[str, str]) -> None:
    name = element.attrib.pop("id", None)
    if name in used:
        element.set("id", f"chart-{key}-{name}")
    if name is not None and name in titles:
        title = ET.Element("title")
        title.text = titles[name]
        element.insert(0, title)
    link = element.attrib.pop(_XLINK_HREF, None)
    if link is not None:
        element.set("href", f"#chart-{key}-{link.removeprefix('#')}")


def _repaint(element: ET.Element) -> None:
    """The style attribute turned into attributes; our colours into classes, ink into that of the page."""
    style = dict(_declarations(element.attrib.pop("style", "")))
    if element.tag == "text":
        _set_text(element, style)
        return
    classes = []
    for name in ("fill", "stroke"):
        colour = style.get(name, "")
        if colour in _VERDICT_OF_COLOUR:
            classes.append(f"{'fill' if name == 'fill' else 'line'}-{_VERDICT_OF_COLOUR[colour]}")
        elif colour in (LIGHT.rule, LIGHT.ink):
            style[name] = "currentColor"
            if colour == LIGHT.rule:
                element.set(f"{name}-opacity", _FAINT)
    if style.get("fill-opacity") == "0":
        style["fill"] = "none"
        classes = [name for name in classes if not name.startswith("fill-")]
    if classes:
        element.set("class", " ".join(classes))
    for name, value in style.items():
        if name in _KEPT:
            element.set(name, value)


def _set_text(element: ET.Element, style: Mapping[str, str]) -> None:
    """The size, weight and anchor of text; its font is the page's. Old matplotlib writes them in one `font`."""
    font = style.get("font", "")
    size = _SIZE.search(style.get("font-size", font))
    element.set("font-size", size.group(1) if size else "13")
    if re.search(r"\b(bold|700)\b", style.get("font-weight", font)):
        element.set("font-weight", "600")
    element.set("text-anchor", style.get("text-anchor", "start"))
    element.set("fill", "currentColor")


def _declarations(style: str) -> list[tuple[str, str]]:
    pairs = (part.partition(":") for part in style.split(";"))
    return [(name.strip(), value.strip()) for name, _, value in pairs if name.strip()]
