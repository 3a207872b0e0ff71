"""Tables as LaTeX for a two-column page: `table*` floats that fit its width; the package booktabs is all they need.

What fits is worked out from the widths of Computer Modern in a document of 11 points, the widest of the usual fonts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.showing.markup import in_latex
from analysis.statistics.estimate import Word
from analysis.tables.rendering import notes_with
from analysis.tables.table import Column, Entry, Table

TEXT_WIDTH = 455.0
"""Points that a table may take: the 16 cm of the ACL's page."""
MOST_LINES = 52
"""Of all pieces in one float."""
PACKAGES = "% needs \\usepackage{booktabs}\n"


@dataclass(frozen=True)
class _Setting:
    """A size of type, with the points of an em (small type is relatively wide) and of the room beside a column."""

    size: str
    points: float
    gap: float


_SETTINGS = (
    _Setting("small", 9.8, 4.0), _Setting("footnotesize", 9.0, 4.0), _Setting("footnotesize", 9.0, 2.5),
    _Setting("scriptsize", 8.3, 2.5),
)  # fmt: skip
_SMALLEST_TO_SPLIT = 3
"""Settings that are tried before a table is split; the last one is for Table 2, which stays whole if it can."""
_NARROW, _WIDE = set("ijlt.,:;'!|()[] f"), set("mwMW+-%")
_SUPERSCRIPT = 0.7
"""Size of a superscript to that of its text."""


def latex(table: Table, label: str = "tab:xstilts-table2", *, whole: bool = True) -> str:
    """One `table*`, with caption, label and notes; several, where its pieces are too long for a page.

    A table that is too wide for any size of type is set in pieces one below the other. `whole`: smaller type before
    pieces.
    """
    settings = _SETTINGS if whole else _SETTINGS[:_SMALLEST_TO_SPLIT]
    every = range(len(table.columns))
    setting = next((each for each in settings if _width(table, every, each) <= TEXT_WIDTH), settings[-1])
    pieces = [*_pieces(table, setting)]
    lines = sum(len(block.rows) + 1 for block in table.blocks) + 3
    in_one = max(MOST_LINES // lines, 1)
    floats = [pieces[place : place + in_one] for place in range(0, len(pieces), in_one)]
    return PACKAGES + "\n".join(
        _float(table, own, setting, label if not place else "", is_last=place == len(floats) - 1)
        for place, own in enumerate(floats)
    )


def _float(table: Table, pieces: Sequence[Sequence[int]], setting: _Setting, label: str, *, is_last: bool) -> str:
    caption = in_latex(table.title.strip()) + ("" if label else " (continued)")
    lines = ["\\begin{table*}[tp]", "\\centering", f"\\caption{{{caption}}}"]
    lines += [f"\\label{{{label}}}"] if label else []
    lines += ["\\smallskip", f"\\{setting.size}", f"\\setlength{{\\tabcolsep}}{{{setting.gap:g}pt}}"]
    for place, columns in enumerate(pieces):
        lines += ["", "\\medskip"] if place else []
        lines += _tabular(table, columns)
    notes = [in_latex(note) for note in notes_with(table, "Bold:")] if is_last else []
    if notes:
        lines += ["", "\\smallskip", "\\parbox{\\textwidth}{\\raggedright\\footnotesize", " \\\\\n".join(notes), "}"]
    return "\n".join([*lines, "\\end{table*}"]) + "\n"


def _tabular(table: Table, columns: Sequence[int]) -> Iterator[str]:
    headings = [table.columns[index] for index in columns]
    yield f"\\begin{{tabular}}{{@{{}}l{'r' * len(columns)}@{{}}}}"
    yield "\\toprule"
    yield _ampersands(["", *(in_latex(column.title + column.marks) for column in headings)])
    if any(column.unit for column in headings):
        yield _ampersands(["", *(in_latex(column.unit) for column in headings)])
    for block in table.blocks:
        yield "\\midrule"
        if block.title:
            yield f"\\multicolumn{{{len(columns) + 1}}}{{@{{}}l}}{{\\emph{{{in_latex(block.title)}}}}} \\\\"
        for row in block.rows:
            cells = (_entry(row.entries[index], room=_widest_sign(table, index)) for index in columns)
            yield _ampersands([in_latex(row.label), *cells])
    yield from ("\\bottomrule", "\\end{tabular}")


def _ampersands(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _entry(entry: Entry, room: str) -> str:
    """The numbers of a column stand below each other: without a sign there is the room of one."""
    if not entry.values:
        return in_latex(str(entry))
    numbers = in_latex(entry.numbers).replace("-", "$-$").replace("+", "$+$")
    bold = f"\\textbf{{{numbers}}}" if entry.best else numbers
    sign = in_latex(entry.sign) if entry.sign else (f"$^{{\\phantom{{{room}}}}}$" if room else "")
    return bold + sign + in_latex(entry.marks)


def _widest_sign(table: Table, index: int) -> str:
    """The command of the widest sign in a column; empty where there is none."""
    found = {row.entries[index].sign for block in table.blocks for row in block.rows}
    commands = {Word.BETTER.sign: "\\triangle", Word.WORSE.sign: "\\bigtriangledown", Word.EQUIVALENT.sign: "\\approx"}
    return next((command for sign, command in commands.items() if sign in found), "")


def _pieces(table: Table, setting: _Setting) -> Iterator[Sequence[int]]:
    piece: list[int] = []
    for index in range(len(table.columns)):
        if piece and _width(table, [*piece, index], setting) > TEXT_WIDTH:
            yield piece
            piece = []
        piece.append(index)
    yield piece


def _width(table: Table, columns: Sequence[int], setting: _Setting) -> float:
    """Points that a tabular with these columns takes."""
    labels = max((_ems(row.label) for block in table.blocks for row in block.rows), default=0.0)
    ems = labels + sum(_column_ems(table, table.columns[index], index) for index in columns)
    return ems * setting.points + 2 * setting.gap * len(columns)


def _column_ems(table: Table, column: Column, index: int) -> float:
    room = 0.9 * _SUPERSCRIPT if _widest_sign(table, index) else 0.0
    cells = [_entry_ems(row.entries[index], room) for block in table.blocks for row in block.rows]
    return max(_ems(column.title + column.marks), _ems(column.unit), *cells)


def _entry_ems(entry: Entry, room: float) -> float:
    """`room` is that of a verdict's sign, which every number of a column leaves where one has it."""
    if not entry.values:
        return _ems(str(entry))
    heavy = 1.15 if entry.best else 1.0
    return _ems(entry.numbers) * heavy + room + 0.8 * _SUPERSCRIPT * len(entry.marks)


def _ems(text: str) -> float:
    """Width to the size of type; a little too wide."""
    return sum(0.3 if each in _NARROW else 0.8 if each in _WIDE or each.isupper() else 0.52 for each in text)
