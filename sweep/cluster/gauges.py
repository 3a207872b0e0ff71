"""Gauges: how a sweep stands, as numbers for Prometheus, by way of the metrics of Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

from ray.tune.experiment import Trial
from ray.util.metrics import Gauge
from rich.console import Console

from sweep.cluster.guard import Guarded, guarded
from sweep.cluster.pulse import Pulse
from sweep.graph.fraction import fraction_done
from sweep.graph.graph import Graph
from sweep.terminal.board import Board
from trainables.ledger.states import State
from trainables.report import Advanced, Pace, read

SET_SECONDS = 5.0
"""Time between two settings; Ray hands them on every few seconds."""
STATES = (
    State.WAITING, State.READY, State.RUNNING, State.DONE, State.FAILED, State.BLOCKED, State.DROPPED,
)  # fmt: skip
"""Where a node of a graph may stand."""
GAUGES = MappingProxyType({
    "xstilts_runs": "runs of the plan, by state; one that is searched counts once",
    "xstilts_live": "runs on the way, trials included",
    "xstilts_fraction": "part of the planned work that is done, 0 to 1",
    "xstilts_seconds": "seconds since this driver began",
    "xstilts_to_go_seconds": "estimate of the seconds to go",
    "xstilts_gpus": "GPUs of the cluster",
    "xstilts_gpus_taken": "GPUs that runs have taken, shares added up",
    "xstilts_cpus": "cores of the cluster",
    "xstilts_cpus_taken": "cores that runs have taken",
    "xstilts_failures": "runs and trials that have failed since this driver began",
    "xstilts_restarts": "attempts that have lost their worker since this driver began",
    "xstilts_silence_seconds": "longest silence of a run on the way",
    "xstilts_steps_per_second": "updates a second of all runs that train",
    "xstilts_tokens_per_second": "sub-words a second of all runs that train",
})  # fmt: skip
"""Name -> what it is. Ray puts `ray_` before it; every gauge says of which sweep it is, `xstilts_runs` also `state`."""


class Gauges(Guarded):
    """Sets the gauges of one sweep; `tries_again` says whether a run whose trial failed will get another worker."""

    what = "the gauges for Prometheus"

    def __init__(
        self, graph: Graph, board: Board, pulse: Pulse, sweep: str, console: Console, *,
        tries_again: Callable[[str], bool],
    ) -> None:  # fmt: skip
        super().__init__(console)
        self._graph = graph
        self._board = board
        self._pulse = pulse
        self._sweep = sweep
        self._tries_again = tries_again
        self._gauges: dict[str, Gauge] = {}
        self._paces: dict[str, Pace] = {}
        self._failures = self._restarts = 0
        self._began = time.monotonic()
        self._next = 0.0

    def setup(self, **info: Any) -> None:
        """Make the gauges known to Ray."""
        for name, meaning in GAUGES.items():
            tags = ("sweep", "state") if name == "xstilts_runs" else ("sweep",)
            self._gauges[name] = Gauge(name, description=meaning, tag_keys=tags)
            self._gauges[name].set_default_tags({"sweep": self._sweep})

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A run trains at some pace, or does something else."""
        report = read(result)
        if isinstance(report, Advanced) and report.pace:
            self._paces[trial.config["run_id"]] = report.pace
        else:
            self._paces.pop(trial.config["run_id"], None)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has ended."""
        self._paces.pop(trial.config["run_id"], None)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker with a node that was taken away, which Tune itself makes good."""
        self._paces.pop(trial.config["run_id"], None)
        self._restarts += 1

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A run has lost its worker and will be tried again, or has failed for good."""
        run_id = trial.config["run_id"]
        self._paces.pop(run_id, None)
        if self._tries_again(run_id):
            self._restarts += 1
        elif self._graph.end(run_id) is State.FAILED:
            self._failures += 1

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Set them, if it is time to."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SET_SECONDS
            self._set(now)

    @guarded
    def close(self) -> None:
        """Set them for the last time."""
        if self._gauges:
            self._set(time.monotonic())

    def _set(self, now: float) -> None:
        for name, value in self._values(now):
            self._gauges[name].set(value)
        counts = self._board.counts()
        for state in STATES:
            self._gauges["xstilts_runs"].set(counts[state], tags={"state": str(state)})

    def _values(self, now: float) -> Iterator[tuple[str, float]]:
        """All but the runs by state."""
        graph, machines = self._graph, self._graph.capacity.machines
        shares = [live.seat.share for live in graph.live.values()]
        fractions = {
            run_id: run.step / run.planned_steps for run_id, run in self._pulse.runs.items() if run.planned_steps
        }
        yield "xstilts_live", len(graph.live)
        yield "xstilts_fraction", fraction_done(graph, fractions)
        yield "xstilts_seconds", now - self._began
        yield "xstilts_to_go_seconds", self._board.eta(now)
        yield "xstilts_gpus", sum(machine.gpus for machine in machines)
        yield "xstilts_gpus_taken", sum(share.gpus for share in shares)
        yield "xstilts_cpus", sum(machine.cpus for machine in machines)
        yield "xstilts_cpus_taken", sum(share.cpus for share in shares)
        yield "xstilts_failures", self._failures
        yield "xstilts_restarts", self._restarts
        yield "xstilts_silence_seconds", max((now - run.spoke for run in self._pulse.runs.values()), default=0.0)
        yield "xstilts_steps_per_second", sum(pace.steps_per_second for pace in self._paces.values())
        yield "xstilts_tokens_per_second", sum(pace.tokens_per_second for pace in self._paces.values())
