"""Pictures that claims showed, on the page. A report may come from anybody, so of each only what our pictures are made of
gets onto it: known elements with known attributes, no script, style, link or download."""

import re
from html import escape
from xml.etree import ElementTree

from circuitcheck.text import in_reading_order

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_ELEMENTS = frozenset("svg title desc g defs pattern rect line circle path text".split())
_ATTRIBUTES = frozenset(
    """aria-labelledby cx cy d fill fill-opacity font-family font-size font-weight height id opacity patternUnits r role rx
    stroke stroke-dasharray stroke-linecap stroke-width text-anchor transform viewBox width x x1 x2 y y1 y2""".split()
)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"url\(#([A-Za-z0-9_-]+)\)")
_DEEPEST = 8


class _Strange(ValueError):
    """Something that no picture of ours has."""


def drawing_of(svg: str, own: str) -> str | None:
    """The same picture, written anew, with `own` before each of its ids; None for what holds anything else."""
    if "<!" in svg or "<?" in svg:  # no entities, which may grow beyond all bounds
        return None
    try:
        root = ElementTree.fromstring(svg)
        return _written(root, own, 0) if root.tag == f"{_NAMESPACE}svg" else None
    except (ElementTree.ParseError, _Strange):
        return None


def _written(element: ElementTree.Element, own: str, depth: int) -> str:
    kind = element.tag.removeprefix(_NAMESPACE)
    if depth > _DEEPEST or kind not in _ELEMENTS or (kind == "svg") != (depth == 0):
        raise _Strange(kind)
    attributes = "".join(f' {name}="{escape(_value(name, value, own))}"' for name, value in element.attrib.items())
    inside = [_text(element.text)]
    for each in element:
        inside += [_written(each, own, depth + 1), _text(each.tail)]
    return f"<{kind}{attributes}>{''.join(inside)}</{kind}>"


def _value(name: str, value: str, own: str) -> str:
    if name not in _ATTRIBUTES:
        raise _Strange(name)
    if name in ("id", "aria-labelledby"):
        names = value.split()
        if not all(map(_NAME.fullmatch, names)):
            raise _Strange(value)
        return " ".join(f"{own}-{each}" for each in names)
    found = _REFERENCE.fullmatch(value)
    if found:
        return f"url(#{own}-{found[1]})"
    if "url" in value.lower() or "\\" in value:
        raise _Strange(value)
    return value


def _text(text: str | None) -> str:
    return escape(in_reading_order(text or ""))
