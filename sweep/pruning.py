"""PruningScheduler: has Ray Tune stop the runs that their search ends early."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from sweep.searches import SearchScheduler
from trainables.record import DevPoint

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

log = logging.getLogger(__name__)
DEV = "dev/"


class PruningScheduler(FIFOScheduler):
    """Asks the searches after every dev evaluation. Never raises, which would end the sweep: the run goes on instead.

    A worker takes its next step only after the answer, so a run that is stopped is at rest.
    """

    def __init__(self, searches: SearchScheduler) -> None:
        super().__init__()
        self._searches = searches

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        """STOP for a run that is pruned, CONTINUE for all others."""
        if "selection" not in result:
            return str(TrialScheduler.CONTINUE)
        metrics = {name.removeprefix(DEV): value for name, value in result.items() if name.startswith(DEV)}
        try:
            point = DevPoint(step=result["step"], selection=result["selection"], metrics=metrics)
            pruned = self._searches.report(trial.config["run_id"], point, result["planned_steps"])
        except Exception:
            log.exception("run %s could not be compared with others and goes on", trial.config["run_id"])
            pruned = False
        return str(TrialScheduler.STOP if pruned else TrialScheduler.CONTINUE)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles its settings when it starts."""
        return {}
