"""Content as Markdown: of all sections, or of those that the short report has."""

from __future__ import annotations

from analysis.report.content import (
    Block,
    Code,
    Commands,
    Content,
    Document,
    Facts,
    Figure,
    Folded,
    Grid,
    Items,
    Line,
    MainTable,
    Paragraph,
    Said,
    Section,
    Strong,
    Value,
    pieces,
)
from analysis.showing.markup import Markdown, bold, code, in_markdown, pipe_table
from analysis.tables.rendering import markdown as table_in_markdown

LONGEST = 2000
"""Characters of a piece of text; the store has the rest."""
MOST_ITEMS = 12
"""Points of a list in the short report."""


def short_report(content: Content, page: str) -> str:
    """`report.md`: what a terminal or a pull request has room for, and where the rest is."""
    parts = [_section(section, most=MOST_ITEMS) for section in content.sections if section.brief]
    rest = ", ".join(section.title for section in content.sections if not section.brief)
    more = f"## More\n\n{in_markdown(f'{page} beside this file has: {rest}.')}\n"
    return "\n".join([f"# {in_markdown(content.title)}\n", f"{said_in_markdown(content.said)}\n", *parts, more])


def said_in_markdown(said: Said) -> Markdown:
    """A text in one line."""
    whole = "".join(pieces(said))
    if all(type(piece) is str for piece in pieces(said)):
        return in_markdown(whole, LONGEST)
    shown = ""
    for piece in pieces(said):
        if isinstance(piece, Code):
            shown += code(piece)
        elif isinstance(piece, Strong):
            shown += bold(piece)
        else:
            shown += _inside(piece, at_start=not shown)
    return Markdown(shown)


def _inside(piece: str, *, at_start: bool) -> str:
    """A piece with the blanks around it; what means something at the start of a line means nothing further on."""
    text = piece.strip()
    before, after = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
    if not text:
        return " " if piece else ""
    shown = in_markdown(text, LONGEST) if at_start else in_markdown(f".{text}", LONGEST)[1:]
    return f"{before and ' '}{shown}{after and ' '}"


def body(section: Section, most: int = 0) -> str:
    """A section without its heading; of every list so many points at most, if given."""
    return "\n\n".join(text.rstrip("\n") for block in section.blocks if (text := _block(block, most)))


def _section(section: Section, most: int = 0) -> str:
    return f"## {in_markdown(section.title)}\n\n{body(section, most)}\n"


def _block(block: Block, most: int) -> str:
    match block:
        case Paragraph():
            return said_in_markdown(block.said)
        case Items():
            return _items(block, most)
        case Facts():
            return "\n".join(f"- {in_markdown(name)}: {said_in_markdown(said)}" for name, said in block.facts)
        case Grid():
            return _grid(block)
        case MainTable():
            return table_in_markdown(block.table)
        case Figure():
            return f"{bold(block.title)}: {in_markdown(block.caption)}"
        case Commands():
            return "\n".join(f"- {code(command)}: {in_markdown(what)}" for command, what in block.commands)
        case Document():
            return block.text
        case Folded():
            parts = [f"### {said_in_markdown(block.said)}", *(_block(each, most) for each in block.blocks)]
            return "\n\n".join(part.rstrip("\n") for part in parts)


def _items(block: Items, most: int) -> str:
    shown = block.items[:most] if most else block.items
    lines = []
    for item in shown:
        lines.append(f"- {said_in_markdown(item.said)}")
        if item.under:
            lines.append(f"  {said_in_markdown(item.under)}")
    if len(block.items) > len(shown):
        lines.append(f"- and {len(block.items) - len(shown)} more, on the page")
    return "\n".join(lines)


def _grid(grid: Grid) -> str:
    align = ["---:" if head.numeric else "---" for head in grid.heads]
    table = pipe_table([head.title for head in grid.heads], [_cells(line) for line in grid.lines], align)
    return f"{bold(grid.title)}\n\n{table}" if grid.title else table


def _cells(line: Line) -> list[str]:
    return [_value(value) for value in line.cells]


def _value(value: Value) -> Markdown:
    shown = said_in_markdown(value.said)
    return bold(shown) if value.best and type(value.said) is str and shown else shown
