"""Tables as text: for the terminal and log files, and as Markdown. LaTeX is `latex`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from analysis.showing.markup import bold, in_markdown, pipe_table
from analysis.tables.table import Entry, Table
from trainables.ledger.console import PlainConsole
from trainables.ledger.plain import plain

BEST = "*"
INDENT = "  "


@dataclass(frozen=True)
class Terminal:
    """A table for a rich console. Too many columns for the width are set in several pieces, never cut.

    Says with characters all that it says with colour, so that a log file loses nothing.
    """

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Title, the pieces one below the other, then the notes."""
        if self.table.title:
            yield Text(plain(self.table.title), style="bold")
        for columns, gap in _pieces(self.table, options.max_width):
            yield from _piece(self.table, columns, gap)
        for note in self.table.notes:
            yield Text(plain(note), style="dim")


def printed(table: Table, width: int = 100) -> str:
    """The terminal form without colour."""
    console = PlainConsole(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(Terminal(table))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def markdown(table: Table) -> str:
    """A pipe table with its notes below; the heading of a block is a row of its own."""
    rows: list[list[str]] = []
    if any(column.unit for column in table.columns):
        rows.append(["", *(column.unit for column in table.columns)])
    for block in table.blocks:
        if block.title:
            rows.append([bold(block.title)] + [""] * len(table.columns))
        for row in block.rows:
            rows.append([row.label, *(bold(str(entry)) if entry.best else str(entry) for entry in row.entries)])
    headings = ["", *(f"{column.title}{column.marks}" for column in table.columns)]
    notes = "".join(f"- {in_markdown(note)}\n" for note in notes_with(table, "Bold:"))
    return pipe_table(headings, rows, ["---"] + ["---:"] * len(table.columns)) + (f"\n{notes}" if notes else "")


def notes_with(table: Table, bold: str) -> list[str]:
    """Notes for a form that shows the selected cells in bold instead of with a star."""
    return [bold + note.removeprefix(BEST) if note.startswith(f"{BEST} ") else note for note in table.notes]


def _pieces(table: Table, width: int) -> Iterator[tuple[Sequence[int], int]]:
    """Column indices of each piece and the blanks before its columns: wide if possible, then tight, then split."""
    columns = [_column_width(table, index) for index in range(len(table.columns))]
    room = width - _label_width(table)
    for gap in (3, 2, 1):
        if sum(columns) + gap * len(columns) <= room:
            yield range(len(columns)), gap
            return
    piece: list[int] = []
    for index, own in enumerate(columns):
        if piece and sum(columns[other] + 2 for other in piece) + own + 2 > room:
            yield piece, 2
            piece = []
        piece.append(index)
    yield piece, 2


def _label_width(table: Table) -> int:
    return max((len(INDENT + row.label) for block in table.blocks for row in block.rows), default=0)


def _has_best(table: Table, index: int) -> bool:
    return any(row.entries[index].best for block in table.blocks for row in block.rows)


def _column_width(table: Table, index: int) -> int:
    column, star = table.columns[index], len(BEST) * _has_best(table, index)
    cells = [len(str(row.entries[index])) for block in table.blocks for row in block.rows]
    return max(len(column.title + column.marks), len(column.unit), *cells) + star


def _piece(table: Table, columns: Sequence[int], gap: int) -> Iterator[Text]:
    """Lines of the given columns."""
    label = _label_width(table)
    widths = [_column_width(table, index) + gap for index in columns]
    starred = [_has_best(table, index) for index in columns]

    def line(start: str, cells: Sequence[Text]) -> Text:
        text = Text(start.ljust(label))
        for cell, width, star in zip(cells, widths, starred, strict=True):
            room = " " if star and not cell.plain.endswith(BEST) else ""
            text.append(" " * (width - len(cell.plain) - len(room)))
            text.append_text(cell)
            text.append(room)
        text.rstrip()
        return text

    headings = [table.columns[index] for index in columns]
    yield line("", [Text(column.title + column.marks, style="bold") for column in headings])
    if any(column.unit for column in headings):
        yield line("", [Text(column.unit, style="dim") for column in headings])
    yield Text("─" * (label + sum(widths)), style="dim")
    for block in table.blocks:
        if block.title:
            yield Text(block.title, style="italic")
        for row in block.rows:
            yield line(INDENT + row.label, [_styled(row.entries[index]) for index in columns])
    yield Text()


def _styled(entry: Entry) -> Text:
    style = "bold" if entry.best else ""
    if entry.gap or not entry.values:
        style = "dim"
    elif entry.signed and len({value > 0 for value in entry.values}) == 1:
        style += " green" if entry.values[0] > 0 else " red"
    return Text(f"{entry}{BEST if entry.best else ''}", style=style.strip())
