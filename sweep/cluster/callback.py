"""ProgressCallback: tells the progress on the terminal what Ray Tune sees of the runs."""

from __future__ import annotations

import time
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from sweep.terminal.progress import Progress
from trainables.report import Failed, read


class ProgressCallback(tune.Callback):
    """Follows the trials of a sweep.

    Also takes away further attempts from a run that reports a failure, since the next step will raise the same again.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has begun."""
        self._progress.start(trial.config["run_id"], time.monotonic())

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A run has got on, or says that it failed."""
        report = read(result)
        if isinstance(report, Failed):
            trial.max_failures = 0
        elif report and report.planned_steps:
            self._progress.advance(trial.config["run_id"], report.step / report.planned_steps)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker and will be tried again."""
        self._progress.lose(trial.config["run_id"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has ended."""
        self._progress.end(trial.config["run_id"], time.monotonic())

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has failed for good."""
        self._progress.end(trial.config["run_id"], time.monotonic())

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Draw, if it is time to."""
        self._progress.draw(time.monotonic())

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles callbacks when it starts, and a terminal cannot be pickled."""
        return {}
