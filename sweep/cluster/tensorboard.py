"""TensorBoard files of a sweep: one folder a run, written straight to the results, so that they can be watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from rich.console import Console

from sweep.cluster.event_file import EventFile
from sweep.cluster.guard import Guarded
from sweep.cluster.hparams import Hparams
from trainables.report import Advanced, Finished, figures, read

UNINTERESTING = (
    "training_iteration", "timestamp", "pid", "iterations_since_restore", "time_since_restore", "time_this_iter_s",
)  # fmt: skip
"""What Tune counts for itself."""


class TensorBoard(Guarded):
    """Writes training, the dev evaluations and the ends of runs; training steps are the horizontal axis.

    Training is drawn once a second at most, which is how often a worker reports. Tune's own logger writes to the
    session folder in /tmp, from where files are copied every five minutes.
    """

    what = "TensorBoard"

    def __init__(self, folder: Path, console: Console, hparams: Hparams) -> None:
        super().__init__(console)
        self._folder = folder
        self._hparams = hparams
        self._files: dict[str, EventFile] = {}

    def setup(self, **info: Any) -> None:
        """Say which columns the hparams view has."""
        self._hparams.describe(self._folder)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Append one report, if it has something to draw."""
        report = read(result)
        if isinstance(report, Finished) or (isinstance(report, Advanced) and report.dev_point):
            values = {name: value for name, value in figures(result).items() if name not in UNINTERESTING}
        elif isinstance(report, Advanced) and report.pace:
            values = report.pace.to_result()
        else:
            return
        if trial.trial_id not in self._files:
            file = self._files[trial.trial_id] = EventFile(self._folder / str(trial.custom_dirname))
            self._hparams.begin(file, trial.config["run_id"])
        self._files[trial.trial_id].write(values, report.step)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Close the file of a run."""
        self._close(trial, is_good=True)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Close the file of a run that failed."""
        self._close(trial, is_good=False)

    def _close(self, trial: Trial, *, is_good: bool) -> None:
        if file := self._files.pop(trial.trial_id, None):
            self._hparams.end(file, is_good=is_good)
            file.close()
