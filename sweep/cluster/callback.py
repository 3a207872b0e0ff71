"""ProgressCallback: tells the progress on the terminal what Ray Tune sees of the runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.tune.experiment import Trial
from rich.console import Console

from sweep.cluster.guard import Guarded, guarded
from sweep.terminal.progress import Progress
from trainables.report import Advanced, Finished, read


class ProgressCallback(Guarded):
    """Follows the trials of a sweep; `tries_again` says whether a run whose trial failed will get another worker."""

    what = "the progress on the terminal"

    def __init__(self, progress: Progress, console: Console, *, tries_again: Callable[[str], bool]) -> None:
        super().__init__(console)
        self._tries_again = tries_again
        self._progress = progress

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has begun."""
        self._progress.start(trial.config["run_id"], time.monotonic())

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A run has got on."""
        report = read(result)
        if isinstance(report, Advanced | Finished) and report.planned_steps:
            self._progress.advance(trial.config["run_id"], report.step / report.planned_steps, time.monotonic())

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker with a node that was taken away, which Tune itself makes good."""
        self._progress.lose(trial.config["run_id"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has ended."""
        self._progress.end(trial.config["run_id"], time.monotonic())

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker and will be tried again, or has failed for good."""
        if self._tries_again(trial.config["run_id"]):
            self._progress.lose(trial.config["run_id"])
        else:
            self._progress.end(trial.config["run_id"], time.monotonic())

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Draw, if it is time to."""
        self._progress.draw(time.monotonic())

    @guarded
    def close(self) -> None:
        """Draw for the last time and leave the terminal as it was."""
        self._progress.close()
