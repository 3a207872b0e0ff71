"""An SVG document of matplotlib's, made fit to stand in a page of HTML: small, and in peace with all else there.

No prolog, no style element, no style attribute (a page whose content security policy refuses inline styles shows it
whole), no reference out of it; ids carry the picture's name, so that those of several pictures do not clash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain, groupby
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from analysis.figures.picture import FAINT, INK, PAPER

_NAMESPACE = re.compile(r"\{[^}]*\}")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NO_TURN = re.compile(r"rotate\(-?0 [^)]*\)\s*")
_DECIMALS = 2
_GEOMETRY = ("d", "x", "y", "width", "height", "transform", "points", "stroke-width", "stroke-dasharray")
_OWN = ("id", "href", "d", "x", "y", "width", "height", "transform", "points")
"""What two neighbours that look alike need not share."""
_DROPPED = ("metadata", "style")
_FAMILY = "'DejaVu Sans',Verdana,sans-serif"
_COLOURS: Mapping[str, Mapping[str, str]] = {
    INK: {"": "currentColor"},
    FAINT: {"": "currentColor", "-opacity": ".2"},
    PAPER: {"": "none"},
}
"""A colour of the page -> what takes its place, by the suffix of the attribute."""


def embedded(document: str, name: str, title: str, description: str) -> str:
    """The `svg` element for a page: as wide as its place, ids prefixed by `name`, `title` and `description` within."""
    root = ElementTree.fromstring(document)
    _clean(root)
    _unwrap(root, _referenced(root))
    _prefix(root, name)
    box = root.get("viewBox", "")
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg", "class": "picture", "viewBox": box, "width": "100%", "role": "img",
        "aria-labelledby": f"{name}-title {name}-desc", "font-family": _FAMILY, "fill": "currentColor",
        "stroke-linejoin": "round", "stroke-linecap": "butt",
    }  # fmt: skip
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        words = Element(tag, {"id": f"{name}-{tag}"})
        words.text = text
        root.insert(place, words)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(parent: Element) -> None:
    """Names without namespace, styles as attributes, numbers short, nothing between elements."""
    parent.tag = _NAMESPACE.sub("", parent.tag)
    parent.attrib = _attributes(parent)
    if parent.tag not in ("text", "tspan"):
        parent.text = None
    for child in list(parent):
        child.tail = None
        _clean(child)
        if child.tag in _DROPPED or (child.tag == "defs" and not len(child)):
            parent.remove(child)


def _attributes(element: Element) -> dict[str, str]:
    found = {_NAMESPACE.sub("", key): value for key, value in element.attrib.items()}
    for rule in filter(None, found.pop("style", "").split(";")):
        key, _, value = rule.partition(":")
        found[key.strip()] = value.strip()
    found.pop("font-family", None)
    for key in ("fill", "stroke"):
        for suffix, value in _COLOURS.get(found.get(key, ""), {}).items():
            found[key + suffix] = value
    if element.tag == "text" and found.get("fill") == "currentColor":
        del found["fill"]
    for key in _GEOMETRY:
        if key in found:
            found[key] = _NUMBER.sub(_rounded, " ".join(found[key].split()))
    if not set(found.get("d", "C")) & set("CQA"):
        found["d"] = found["d"].replace(" L ", " ")  # pairs that follow those of M are lines
    if not (turn := _NO_TURN.sub("", found.get("transform", ""))):
        found.pop("transform", None)
    else:
        found["transform"] = turn
    return found


def _rounded(match: re.Match[str]) -> str:
    return f"{round(float(match[0]), _DECIMALS):g}" if abs(float(match[0])) < 1e4 else match[0]


def _reference(key: str, value: str) -> str:
    """The id that an attribute refers to; empty where it refers to none."""
    if key == "href":
        return value.removeprefix("#")
    found = _REFERENCE.search(value)
    return found[1] if found else ""


def _referenced(root: Element) -> set[str]:
    return {_reference(key, value) for element in root.iter() for key, value in element.attrib.items()} - {""}


def _unwrap(parent: Element, referenced: set[str]) -> None:
    """Drop ids that nothing refers to, then groups that say nothing and shapes that show nothing."""
    children: list[Element] = []
    for child in parent:
        if child.get("id") not in referenced:
            child.attrib.pop("id", None)
        _unwrap(child, referenced)
        if child.tag == "g" and not child.attrib:
            children += list(child)
        elif not _is_invisible(child):
            children.append(child)
    parent[:] = chain.from_iterable(_together(look, list(alike)) for look, alike in groupby(children, key=_look))


def _look(element: Element) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What neighbours can have in common."""
    return element.tag, tuple((key, value) for key, value in element.attrib.items() if key not in _OWN)


def _together(look: tuple[str, tuple[tuple[str, str], ...]], alike: list[Element]) -> list[Element]:
    """Neighbours that look alike, in a group that says it once."""
    tag, shared = look
    if len(alike) == 1 or not shared or tag not in ("path", "use", "text"):
        return alike
    for element in alike:
        element.attrib = {key: value for key, value in element.attrib.items() if key in _OWN}
    group = Element("g", dict(shared))
    group.extend(alike)
    return [group]


def _is_invisible(element: Element) -> bool:
    return element.tag == "path" and element.get("fill") == "none" and not {"stroke", "id"} & element.attrib.keys()


def _prefix(root: Element, name: str) -> None:
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif _reference(key, value):
                element.set(key, value.replace("#", f"#{name}-"))
