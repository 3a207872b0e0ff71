"""Progress: the board on the terminal, drawn again and again; in a log file, a line for every run that ends."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sweep.graph.graph import Graph
from sweep.graph.node import NO_RECORD
from sweep.terminal.board import Board
from trainables.ledger.plain import plain
from trainables.ledger.states import State
from trainables.ledger.store import Store

DRAW_SECONDS = 0.5
"""Time between two drawings on a terminal."""
HEADLINE_SECONDS = 1.0
"""Time between two lines in a log file that say how the whole sweep stands."""
MATRIX_SECONDS = 300.0
"""Time between two matrices in a log file."""


class Progress:
    """Follows the runs of a graph and draws its board. Times are seconds of any one clock."""

    def __init__(self, board: Board, graph: Graph, store: Store, console: Console) -> None:
        self._board = board
        self._graph = graph
        self._store = store
        self._console = console
        self._live: Live | None = None
        self._next_headline = 0.0
        self._next_drawing = time.monotonic() + (0.0 if console.is_terminal else MATRIX_SECONDS)

    def start(self, run_id: str, now: float) -> None:
        """A run has begun."""
        self._board.start(self._graph.node_of(run_id), now)

    def advance(self, run_id: str, fraction: float, now: float) -> None:
        """A run has done this fraction of its steps."""
        self._board.advance(self._graph.node_of(run_id), fraction, now)

    def lose(self, run_id: str) -> None:
        """A run has lost its worker and will be tried again."""
        self._say("again", "yellow", f" {self._name(run_id)}: the attempt was lost")

    def end(self, run_id: str, now: float) -> None:
        """A run has ended, as the graph says; one that the graph still counts as live was stopped with its sweep."""
        node_id, end = self._graph.node_of(run_id), self._graph.end(run_id)
        if end is State.RUNNING:
            self._say("stopped", "yellow", self._name(run_id))
            return
        reason = "" if end in (State.DONE, State.PRUNED) else self._store.failure(run_id) or NO_RECORD
        self._board.end(node_id, now, reason, seconds=self._seconds(run_id) if end is State.DONE else 0.0)
        if end is State.PRUNED:
            noted = self._store.pruned(run_id)
            self._say("pruned", "dim", f"{self._name(run_id)}: {noted.reason.removeprefix('pruned ') if noted else ''}")
        elif reason:
            self._say("failed", "red", f"{self._name(run_id)}: {reason}")
        elif not self._console.is_terminal:
            self._say("done", "green", f"  {self._name(run_id)}{self._standing(now)}")

    def draw(self, now: float) -> None:
        """Draw, if it is time to."""
        if now < self._next_drawing:
            return
        if self._console.is_terminal:
            self._next_drawing = now + DRAW_SECONDS
            self._show(now)
        else:
            self._next_drawing = now + MATRIX_SECONDS
            self._console.print(self._board.render(self._console.width, now))

    def close(self) -> None:
        """Draw for the last time and leave the terminal as it was. Safe to call twice."""
        if self._live:
            self._show(time.monotonic())
            self._live.stop()
            self._live = None
        elif not self._console.is_terminal:
            self._console.print(self._board.render(self._console.width, time.monotonic()))

    def _seconds(self, run_id: str) -> float:
        """What a run took itself, without the start of its worker; 0 where that is not known."""
        return sum(self._store.record(run_id).seconds.values()) if self._store.is_finished(run_id) else 0.0

    def _name(self, run_id: str) -> str:
        return self._graph.runs[run_id].name

    def _standing(self, now: float) -> str:
        if now < self._next_headline:
            return ""
        self._next_headline = now + HEADLINE_SECONDS
        return f"  ({self._board.headline(now)})"

    def _say(self, word: str, style: str, rest: str) -> None:
        self._console.print(Text.assemble((word, style), " ", plain(rest)), highlight=False, soft_wrap=True)

    def _show(self, now: float) -> None:
        picture = self._board.render(self._console.width, now)
        if self._live is None:
            self._live = Live(picture, console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        self._live.update(picture, refresh=True)
