"""Pictures as files, SVG and PDF, and as SVG inside a page. The same picture gives the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.figures.picture import Picture, drawing
from trainables.ledger import files

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
"""Of the text in SVG: fonts of the reader; the layout is that of DejaVu Sans, which is wider than these."""
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LONG = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font: ((?:[a-z]+ )*)([\d.]+px) [^;]+")
_OWN = re.compile(r"[^A-Za-z0-9-]")


def save(pictures: Iterable[Picture], folder: Path) -> list[Path]:
    """Write NAME.svg and NAME.pdf of every picture, each replaced as a whole; returns their paths.

    Raises OSError, with a file name, where that cannot be done.
    """
    made = []
    for picture in pictures:
        for suffix, content in ((".svg", svg(picture).encode()), (".pdf", pdf(picture))):
            path = folder / f"{picture.name}{suffix}"
            with files.replacing(path, durable=False) as temporary:
                temporary.write_bytes(content)
            made.append(path)
    return made


def svg(picture: Picture) -> str:
    """A document of its own."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_element(picture)}\n'


def inline(picture: Picture) -> str:
    """An element for an HTML page: as wide as there is room, nothing outside referred to, ids of its own."""
    return _element(picture)


def pdf(picture: Picture) -> bytes:
    """A page of the figure's size, with the fonts that it uses."""
    buffer = io.BytesIO()
    with drawing():
        _lay_out(picture.figure)
        FigureCanvasPdf(picture.figure).print_pdf(buffer, metadata={"CreationDate": None, "Title": picture.title})
    return buffer.getvalue()


def _element(picture: Picture) -> str:
    buffer = io.StringIO()
    with drawing():
        _lay_out(picture.figure)
        mpl.rcParams["svg.hashsalt"] = picture.name
        FigureCanvasSVG(picture.figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata":
                parent.remove(child)
    _own_ids(root, picture.name)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("d", "x", "y", "transform", "points"):
                element.set(name, _LONG.sub(lambda found: f"{float(found[0]):.2f}", value))
            if name == "style":
                element.set(name, _FONT.sub(rf"font: \1\2 {FONTS}", value))
    width, height = (float(root.get(side, "0pt").removesuffix("pt")) for side in ("width", "height"))
    root.attrib.pop("height", None)
    root.set("width", "100%")
    root.set("style", f"max-width: {width * 1.35:.0f}px; height: auto; aspect-ratio: {width:.1f} / {height:.1f}")
    root.set("role", "img")
    title, description = (ElementTree.Element(f"{{{_SVG}}}{tag}") for tag in ("title", "desc"))
    title.text, description.text = picture.title, picture.caption
    root.insert(0, description)
    root.insert(0, title)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    return ElementTree.tostring(root, encoding="unicode")


def _lay_out(figure: Figure) -> None:
    """Once; what is written after that all looks the same, and takes no time for it."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _own_ids(root: ElementTree.Element, name: str) -> None:
    """Keep the ids that something refers to, under names that no other picture has."""
    own = _OWN.sub("-", name)
    used = {value.removeprefix("#") for element in root.iter() if (value := element.get(f"{{{_LINK}}}href"))}
    used |= {
        found for element in root.iter() for value in element.attrib.values() for found in _REFERENCE.findall(value)
    }
    for element in root.iter():
        if (known := element.get("id")) is not None:
            if known in used:
                element.set("id", f"{own}-{known}")
            else:
                del element.attrib["id"]
        if link := element.get(f"{{{_LINK}}}href"):
            element.set(f"{{{_LINK}}}href", f"#{own}-{link.removeprefix('#')}")
        for key, value in list(element.attrib.items()):
            if "url(#" in value:
                element.set(key, _REFERENCE.sub(lambda found: f"url(#{own}-{found[1]})", value))
