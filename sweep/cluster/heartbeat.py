"""Heartbeat: notes on disk what lives, ends workers that hang, and has a sweep that was told to stop come to rest."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console

from sweep.cluster.guard import Guarded
from sweep.cluster.interruption import Interruption
from sweep.cluster.pulse import TRAINING, Halt, Pulse
from trainables.ledger.store import Store
from trainables.report import Failed, read

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
"""Time between two notes of what lives."""
DEAF_SECONDS = 30.0
"""Longer than a driver that listens takes from one step to the next; one that waits for its store does not listen."""
LOOK_SECONDS = 0.05
"""Time between two looks at whether stopped runs are at rest."""


class Stop(tune.Stopper):
    """Has Tune stop every run at its next word, once the sweep is being halted."""

    def __init__(self, halt: Halt) -> None:
        self._halt = halt

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self._halt.begun and not isinstance(read(result), Failed)

    def stop_all(self) -> bool:
        return False

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles its settings when it starts."""
        return {}


class Rest(tune.Callback):
    """Ends a sweep that was told to stop, as soon as the runs that trained have left their checkpoints."""

    def __init__(self, pulse: Pulse, halt: Halt, interruption: Interruption) -> None:
        self._pulse = pulse
        self._halt = halt
        self._interruption = interruption

    def setup(self, **info: Any) -> None:
        """Tune has just taken SIGUSR1 for itself."""
        self._interruption.listen()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Before Tune asks for runs and hears of others."""
        self._halt.begin()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Raise KeyboardInterrupt, which takes the workers along, once nothing is left to wait for.

        After the end of the last trial Tune would give the workers 15 s and kill them, so they are waited for here.
        """
        if not self._halt.begun:
            return
        while not self._halt.rests(self._pulse):
            if not all(trial.is_finished() for trial in trials):
                return
            time.sleep(LOOK_SECONDS)
        self._interruption.leave()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles callbacks when it starts."""
        return {}


class Heartbeat(Guarded):
    """Follows the workers of a sweep.

    `tries_again` says whether a run whose trial failed will get another worker, `place` which node of the plan a run
    belongs to, `to_go` how many seconds are left at a time.
    """

    what = "the watch over workers that hang"

    def __init__(
        self,
        pulse: Pulse,
        halt: Halt,
        store: Store,
        console: Console,
        *,
        tries_again: Callable[[str], bool],
        place: Callable[[str], int] = lambda run_id: -1,
        to_go: Callable[[float], float] = lambda now: 0.0,
    ) -> None:
        super().__init__(console)
        self._place = place
        self._to_go = to_go
        self._tries_again = tries_again
        self._pulse = pulse
        self._halt = halt
        self._store = store
        self._started = datetime.now(UTC)
        self._next_note = 0.0
        self._listened = time.monotonic()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A worker has taken a run."""
        self._start(trial, time.monotonic())

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A worker has spoken."""
        self._pulse.hear(trial.config["run_id"], result, time.monotonic())

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker with a node that was taken away, which Tune itself makes good."""
        self._lose(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker, or has failed for good."""
        if self._tries_again(trial.config["run_id"]):
            self._lose(trial)
        else:
            self._pulse.end(trial.config["run_id"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has ended, or was stopped."""
        run_id = trial.config["run_id"]
        if self._halt.begun and (run := self._pulse.runs.get(run_id)) and run.stage == TRAINING:
            self._halt.resting.add(run_id)
        self._pulse.end(run_id)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """End workers that hang, and note what lives, if it is time to."""
        now = time.monotonic()
        if (gap := now - self._listened) > DEAF_SECONDS:
            self._pulse.excuse(gap, now)
        self._listened = now
        for run_id in self._pulse.silent(now):
            self._end_worker(run_id, trials)
        if now < self._next_note:
            return
        self._next_note = now + WRITE_SECONDS
        self._follow_kept(trials, now)
        if not self._store.is_in_place:
            return
        try:
            self._store.beat(self._started, self._pulse.live(now), self._to_go(now))
        except OSError as error:
            log.warning("cannot note what lives in %s: %s", self._store, error)

    def _follow_kept(self, trials: list[Trial], now: float) -> None:
        """Follow workers that were kept and leave one run for the next: of these Tune speaks only once they have."""
        for trial in trials:
            run_id = trial.config["run_id"]
            if trial.status == Trial.PENDING and trial.temporary_state.ray_actor and run_id not in self._pulse.runs:
                self._start(trial, now)

    def _start(self, trial: Trial, now: float) -> None:
        config = trial.config
        run_id = config["run_id"]
        self._pulse.start(run_id, config["name"], now, place=self._place(run_id), gpus=config["share"]["gpus"])

    def _end_worker(self, run_id: str, trials: list[Trial]) -> None:
        """End a worker; Ray's own request comes first, and SIGKILL from its node 5 s later, also if it is stopped."""
        for trial in trials:
            if trial.config["run_id"] == run_id and (actor := trial.temporary_state.ray_actor):
                log.warning("run %s has said nothing for %g s: its worker is ended", run_id, self._pulse.hang_seconds)
                ray.kill(actor)

    def _lose(self, trial: Trial) -> None:
        run_id = trial.config["run_id"]
        run = self._pulse.runs.get(run_id)
        self._pulse.end(run_id)
        if run is None:
            return
        why = f"said nothing for {self._pulse.hang_seconds:g} s and was ended" if run.ends else "was lost"
        at = f"{run.step} of {run.planned_steps} steps, {run.stage}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        try:
            self._store.note_attempt(run_id, f"the worker of an attempt {why} ({at})")
        except OSError as error:
            log.warning("cannot note what befell run %s: %s", run_id, error)
