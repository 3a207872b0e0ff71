"""The section that compares with the paper."""

from __future__ import annotations

from analysis.published.comparison import comparison
from analysis.report.content import Block, Grid, Head, Item, Items, Line, Paragraph, Section, Value
from analysis.report.material import Material
from analysis.tables.table import Entry, Table


def paper_section(material: Material) -> Section:
    """Differences to the printed numbers, or why there are none."""
    found = comparison(material.sweep.runs, material.sweep.results, material.selections)
    blocks: tuple[Block, ...] = (Paragraph(said=found),) if isinstance(found, str) else _blocks(found)
    return Section(id="paper", title="Comparison with the paper", blocks=blocks)


def _blocks(table: Table) -> tuple[Block, ...]:
    heads = (Head(title="row"), *(Head(title=column.title, numeric=True) for column in table.columns))
    grids = [
        Grid(title=block.title, heads=heads, lines=tuple(
            Line(cells=(Value(said=line.label), *(map(_value, line.entries)))) for line in block.rows
        ))
        for block in table.blocks
    ]  # fmt: skip
    return (*grids, Items(items=tuple(Item(said=note) for note in table.notes)))


def _value(entry: Entry) -> Value:
    return Value(said=str(entry), number=entry.values[0] if entry.values else None, empty=not entry.values)
