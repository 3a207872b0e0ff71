"""TensorBoard files of a sweep: one folder a run, written straight to the results, so that they can be watched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from trainables.report import Advanced, Finished, figures, read

UNINTERESTING = ("training_iteration", "timestamp", "pid")
"""What Tune counts for itself."""


class TensorBoard(tune.Callback):
    """Writes the numbers that runs report; training steps are the horizontal axis.

    Tune's own logger writes to the session folder in /tmp, from where files are copied every five minutes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}
        self._writer = summary_writer()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Append one report."""
        report = read(result)
        step = report.step if isinstance(report, Advanced | Finished) else None
        writer = self._writers.get(trial.trial_id)
        if writer is None:
            folder = self._folder / str(trial.custom_dirname)
            writer = self._writers[trial.trial_id] = self._writer(str(folder), flush_secs=10)
        for name, value in figures(result).items():
            if name not in UNINTERESTING:
                writer.add_scalar(name, value, global_step=step)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Close the file of a run."""
        self._close(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Close the file of a run that failed."""
        self._close(trial)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles callbacks when it starts, and open files cannot be pickled."""
        return {}

    def _close(self, trial: Trial) -> None:
        if writer := self._writers.pop(trial.trial_id, None):
            writer.close()


def summary_writer() -> Any:
    """The class SummaryWriter, without torch, which tensorboardX imports when it can; a driver has no use for it."""
    hide = "torch" not in sys.modules
    if hide:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        from tensorboardX import SummaryWriter
    finally:
        if hide:
            del sys.modules["torch"]
    return SummaryWriter
