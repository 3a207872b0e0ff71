"""The content of a report, free of any form: sections of a few kinds of block. Markdown, HTML and JSON show the same.

Texts are as they came; whoever shows them escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.statistics.estimate import NoVerdict, Verdict
from analysis.tables.table import Entry, Table
from trainables.ledger.cells import Row

FORMAT = 1
"""Of report.json."""


class Code(str):
    """A piece of a text that is an id, a command or a value."""

    __slots__ = ()


class Strong(str):
    """A piece of a text that stands out."""

    __slots__ = ()


Said = str | tuple[str, ...]
"""A text, or its pieces, some of them `Code` or `Strong`."""


def pieces(said: Said) -> tuple[str, ...]:
    """The pieces of a text."""
    return (said,) if isinstance(said, str) else said


def listed(parts: Sequence[Said], separator: str = ", ") -> tuple[str, ...]:
    """Texts one after the other."""
    found: list[str] = []
    for place, part in enumerate(parts):
        found += ([separator] if place else []) + list(pieces(part))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A text of its own."""

    said: Said


@dataclass(frozen=True, kw_only=True)
class Item:
    """One point of a list; `under` is what it is about, on a line of its own."""

    said: Said
    under: Said = ""


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list."""

    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names and what there is to say of each."""

    facts: tuple[tuple[str, Said], ...]


@dataclass(frozen=True, kw_only=True)
class Value:
    """One cell of a grid.

    Attributes:
        said: what it shows.
        number: what it is sorted by, unrounded; None where it is a text.
        low: lower end of its 95 % interval.
        high: upper end.
        best: whether it stands out.
        empty: whether `said` is why there is no number.
    """

    said: Said
    number: float | None = None
    low: float | None = None
    high: float | None = None
    best: bool = False
    empty: bool = False


@dataclass(frozen=True, kw_only=True)
class Head:
    """Heading of a column; `numeric` columns are set to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a grid; its first cell is its heading. A foot stays below when the grid is sorted."""

    cells: tuple[Value, ...]
    id: str = ""
    foot: bool = False


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table that can be sorted."""

    title: str = ""
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class SeedScore:
    """One seed of a cell: the run that scored it and its score in percent, or why there is none."""

    seed: int
    run: str
    score: float | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """All that is known of one cell of Table 2.

    Attributes:
        id: unique on the page.
        row: of the sweep.
        target: task name; empty for the average.
        split: dev or test, as shown.
        entry: as Table 2 has it.
        score: percent, unrounded; None for a gap.
        change: to the baseline in points; None where there is nothing to compare.
        seeds: one a seed, in order.
        verdict: on the change.
    """

    id: str
    row: Row
    target: str
    split: str
    entry: Entry
    score: float | None
    change: float | None
    seeds: tuple[SeedScore, ...]
    verdict: Verdict | NoVerdict | None


@dataclass(frozen=True, kw_only=True)
class MainTable:
    """Table 2; `cells` are in its order: by block, by row, by column."""

    table: Table
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture: `svg` is SVG text that is trusted, made by this project; `width` is its natural one, CSS pixels."""

    name: str
    title: str
    caption: str
    svg: str
    width: float


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Command lines, each with what it does."""

    commands: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """Text with lines of its own, such as one to be copied."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Blocks that are shown when asked for; `said` stands for them."""

    said: Said
    blocks: tuple[Block, ...]


Block = Paragraph | Items | Facts | Grid | MainTable | Figure | Commands | Document | Folded


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report.

    Attributes:
        id: unique, never changes: the anchor on the page and the key in JSON.
        title: heading.
        blocks: in order.
        brief: whether the short report has it too.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]
    brief: bool = False


@dataclass(frozen=True, kw_only=True)
class Content:
    """A whole report; sections without blocks are left out.

    Attributes:
        title: of the page.
        said: in one sentence, what it is about.
        newest: ISO time of the newest record; empty where there is none.
        sections: in order.
    """

    title: str
    said: Said
    newest: str
    sections: tuple[Section, ...]

    def __getitem__(self, id: str) -> Section:
        """The section of this id; raises KeyError."""
        return {section.id: section for section in self.sections}[id]

    def __contains__(self, id: str) -> bool:
        return any(section.id == id for section in self.sections)

    def walk(self) -> Iterator[Block]:
        """All blocks, folded ones too."""
        for section in self.sections:
            yield from _walk(section.blocks)


def _walk(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from _walk(block.blocks)
