"""Where a sweep stands, as seen from outside: the driver and its runs, the matrix, counts, what ended last."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from sweep.terminal.board import SYMBOLS, Board
from sweep.terminal.look import Look
from sweep.terminal.pulse import driver_lines
from sweep.terminal.reasons import reason_lines
from sweep.terminal.wording import duration, how_many, in_states
from trainables.ledger.plain import plain
from trainables.ledger.states import State


def standing_lines(look: Look, width: int) -> Iterator[RenderableType]:
    """The driver and what it runs, the matrix of cells, and counts."""
    yield from driver_lines(look.driver, look.running, is_driven=look.is_driven, here=os.uname().nodename, now=look.now)
    board = Board(look.plan, look.state, now=0.0, slots=1)
    for run_id, run in look.live.items():
        board.start(run_id, 0.0)
        board.advance(run_id, run.fraction, 0.0)
    yield board.matrix(width)
    yield Text(board.legend(), style="dim")
    yield Text(cell_line(look))


def look_lines(look: Look, width: int) -> Iterator[RenderableType]:
    """All that a watcher sees."""
    yield from standing_lines(look, width)
    for end in look.ends:
        ago = max((look.now - end.at).total_seconds(), 0.0)
        yield Text(f"  {SYMBOLS[State.DONE]} {plain(end.name)}, {duration(ago)} ago", style="green")
    yield from reason_lines(look.cells)


def cell_line(look: Look) -> str:
    """For example `12 cells: 3 done, 9 pending`."""
    return f"{how_many(len(look.cells), 'cell')}: {in_states(look.cells.values())}"
