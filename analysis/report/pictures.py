"""The pictures of a report: which are drawn of a sweep, and how they stand on its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.figures.heat_map import transfer_map
from analysis.figures.picture import Picture
from analysis.figures.write import inline
from analysis.report.content import Figure
from analysis.report.worked_out import Judged
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep


def pictures_of(sweep: Sweep, selections: Mapping[str, Selection], found: Judged) -> tuple[Picture, ...]:
    """Every picture for which there is something to draw, in the order of the page."""
    return tuple(picture for picture in _drawn(sweep, selections, found) if picture is not None)


def on_page(pictures: Sequence[Picture]) -> tuple[Figure, ...]:
    """The pictures as blocks of the page."""
    return tuple(
        Figure(name=each.name, title=each.title, caption=each.caption, svg=inline(each), width=each.width)
        for each in pictures
    )


def _drawn(sweep: Sweep, selections: Mapping[str, Selection], found: Judged) -> Iterator[Picture | None]:
    chosen = {target: selection.variant for target, selection in selections.items()}
    yield transfer_map(sweep.results, found.verdicts, chosen)
