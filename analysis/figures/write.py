"""Pictures as files for a paper, and as elements of a page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from analysis.figures.picture import Picture
from analysis.figures.svg import embedded
from trainables.ledger import files

FORMS = ("svg", "pdf")


def save(pictures: Iterable[Picture], folder: Path) -> list[Path]:
    """Write every picture as SVG and PDF; returns the files.

    Each replaces an earlier one in one step; what else lies in the folder stays. Raises OSError where it cannot be.
    """
    written = []
    for picture in pictures:
        for form in FORMS:
            path = folder / f"{picture.name}.{form}"
            files.write(path, picture.svg if form == "svg" else picture.rendered(form), durable=False)
            written.append(path)
    return written


def inline(picture: Picture) -> str:
    """The picture as an `svg` element for a page of HTML.

    It fills the width of its place, takes the colour of the text around it, names nothing outside of it, and says its
    title and caption to a screen reader. `picture.width` is the width at which its words are as large as in print.
    """
    return embedded(picture.svg, picture.name, picture.title, picture.caption)
