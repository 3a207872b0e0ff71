"""PruningScheduler: has Ray Tune stop the runs that their search ends early."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from sweep.cluster.losses import Losses, RunScheduler
from sweep.graph.graph import Graph
from trainables.report import Advanced, read

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

log = logging.getLogger(__name__)


class PruningScheduler(RunScheduler):
    """Asks a run's search after every dev evaluation. Never raises, which would end the sweep: the run goes on instead.

    A worker takes its next step only after the answer, so a run that is stopped is at rest.
    """

    def __init__(self, graph: Graph, losses: Losses) -> None:
        super().__init__(losses)
        self._graph = graph

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        """STOP for a run that is pruned, CONTINUE for all others."""
        try:
            pruned = self._is_pruned(trial.config["run_id"], read(result))
        except Exception:
            log.exception("trial %s could not be compared with others and goes on", trial)
            pruned = False
        return str(TrialScheduler.STOP if pruned else TrialScheduler.CONTINUE)

    def _is_pruned(self, run_id: str, report: object) -> bool:
        if not isinstance(report, Advanced) or (point := report.dev_point) is None:
            return False
        return self._graph.trials_of(run_id).report(run_id, point, report.planned_steps)
