"""Losses: why a trial has lost its worker, as far as Ray can tell."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

log = logging.getLogger(__name__)


class Loss(StrEnum):
    """What has ended a worker, by what Ray says of it."""

    MEMORY = "running low on memory"
    """Ray has killed it before its node would have had no memory left."""
    NODE = "its node has died"
    """Its node has left the cluster."""
    UNKNOWN = ""
    """It was killed or crashed; the kernel, when it is out of memory, kills without a word to Ray."""


class Losses:
    """Why trials have lost their workers; told by the scheduler, which hears of an error before the searcher does."""

    def __init__(self) -> None:
        self._of: dict[str, Loss] = {}

    def hear(self, trial: Trial) -> None:
        """Take note of why a trial has ended in an error: Tune writes what Ray says into a file of the trial."""
        try:
            said = Path(trial.error_file).read_text(encoding="utf-8", errors="replace") if trial.error_file else ""
        except OSError as error:
            log.warning("cannot read why trial %s has ended: %s", trial, error)
            said = ""
        self._of[trial.trial_id] = next((loss for loss in Loss if loss and loss in said), Loss.UNKNOWN)

    def why(self, trial_id: str) -> Loss:
        """What has ended the worker of a trial; asked once."""
        return self._of.pop(trial_id, Loss.UNKNOWN)


class RunScheduler(FIFOScheduler):
    """Runs trials in the order in which the searcher hands them out, and says why those that fail do."""

    def __init__(self, losses: Losses) -> None:
        super().__init__()
        self._losses = losses

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """A trial has ended in an error. Never raises, which would end the sweep."""
        try:
            self._losses.hear(trial)
        except Exception:
            log.exception("cannot tell why trial %s has ended", trial)

    def __getstate__(self) -> dict[str, object]:
        """Nothing to keep: Tune pickles its settings when it starts."""
        return {}
