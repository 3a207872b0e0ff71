"""Progress: the board on the terminal, drawn again and again; in a log file, a line for every run that ends."""

from __future__ import annotations

import time
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console
from rich.live import Live

from sweep.board import Board
from sweep.scheduler import NO_RECORD, RunState, Scheduler
from sweep.searches import SearchScheduler
from trainables.store import Store

DRAW_SECONDS = 0.5
"""Time between two drawings on a terminal."""
HEADLINE_SECONDS = 1.0
"""Time between two lines in a log file that say how the whole sweep stands."""
MATRIX_SECONDS = 300.0
"""Time between two matrices in a log file."""


class ProgressCallback(tune.Callback):
    """Follows the trials of a sweep and draws its board.

    Also takes away further attempts from a run that reports a failure, since the next step will raise the same again.
    """

    def __init__(self, board: Board, scheduler: Scheduler | SearchScheduler, store: Store, console: Console) -> None:
        self._board = board
        self._scheduler = scheduler
        self._store = store
        self._console = console
        self._live: Live | None = None
        self._next_headline = 0.0
        self._next_drawing = time.monotonic() + (0.0 if console.is_terminal else MATRIX_SECONDS)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has begun."""
        self._board.start(self._node(trial), time.monotonic())

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A run has got on, or says that it failed."""
        if "failed" in result:
            trial.max_failures = 0
        elif planned := result.get("planned_steps"):
            self._board.advance(self._node(trial), result["step"] / planned)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker and will be tried again."""
        self._say(f"[yellow]again[/]  {name(trial)}: the attempt was lost")

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has ended."""
        self._end(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has failed for good."""
        self._end(trial)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now < self._next_drawing:
            return
        if self._console.is_terminal:
            self._next_drawing = now + DRAW_SECONDS
            self._draw(now)
        else:
            self._next_drawing = now + MATRIX_SECONDS
            self._console.print(self._board.render(self._console.width, now))

    def close(self) -> None:
        """Draw for the last time and leave the terminal as it was. Safe to call twice."""
        if self._live:
            self._draw(time.monotonic())
            self._live.stop()
            self._live = None
        elif not self._console.is_terminal:
            self._console.print(self._board.render(self._console.width, time.monotonic()))

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles callbacks when it starts, and a terminal cannot be pickled."""
        return {}

    def _end(self, trial: Trial) -> None:
        run_id, now = trial.config["run_id"], time.monotonic()
        if self._scheduler.run_state(run_id) is RunState.DONE:
            self._board.end(self._node(trial), now)
            if pruned := self._store.pruned(run_id):
                self._say(f"[dim]pruned[/] {name(trial)}: {pruned.reason.removeprefix('pruned ')}")
            elif not self._console.is_terminal:
                self._say(f"[green]done[/]   {name(trial)}{self._standing(now)}")
        else:
            reason = self._store.failure(run_id) or NO_RECORD
            self._board.end(self._node(trial), now, reason)
            self._say(f"[red]failed[/] {name(trial)}: {reason}")

    def _node(self, trial: Trial) -> str:
        return self._scheduler.node_of(trial.config["run_id"])

    def _standing(self, now: float) -> str:
        if now < self._next_headline:
            return ""
        self._next_headline = now + HEADLINE_SECONDS
        return f"  ({self._board.headline(now)})"

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)

    def _draw(self, now: float) -> None:
        picture = self._board.render(self._console.width, now)
        if self._live is None:
            self._live = Live(picture, console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        self._live.update(picture, refresh=True)


def name(trial: Trial) -> str:
    """The readable name of the run of a trial, safe inside rich markup."""
    return str(trial.config["name"]).replace("[", "\\[")
