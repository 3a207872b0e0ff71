"""Run a plan: one Ray Tune experiment for the whole graph, from the store to the store."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from sweep.nodes import Node, Plan
from sweep.status import finished_runs
from trainables.phases.options import Options
from trainables.store import LocalStore

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

    from sweep.scheduler import Scheduler

DEFAULT_EXECUTOR = "trainables.phases.run:run"
WORKER_LOSSES = 2
"""How often a run may lose its worker and start again from its own checkpoint."""
WORKER_LOST = "its worker was lost three times (killed, or out of memory?)"
PENDING_TRIALS = 256
"""Trials that Tune may prepare at once; what really starts is the scheduler's decision."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a sweep ended, by run id.

    Attributes:
        done: runs with a record, those finished earlier included.
        computed: runs that this sweep finished.
        failed: run id -> why.
        blocked: run id -> id of the failed run that it would have started from.
        not_started: runs that were still waiting, or were ended on the way, when the sweep stopped.
        seconds: wall clock.
        stopped: why the sweep was stopped before its end, or empty.
    """

    done: tuple[str, ...]
    computed: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    not_started: tuple[str, ...] = ()
    seconds: float = 0.0
    stopped: str = ""

    @property
    def exit_code(self) -> int:
        """0: everything is done; 1: something failed or Ray died; 130 or 143: stopped by Ctrl-C or SIGTERM."""
        codes = {"": 0, "interrupted": 130, "stopped by SIGTERM": 143}
        return codes.get(self.stopped, 1) or (1 if self.failed or self.blocked or self.not_started else 0)


def run_plan(
    plan: Plan,
    store: LocalStore,
    options: Options,
    *,
    address: str,
    results: Path,
    name: str,
    console: Console,
    executor: str = DEFAULT_EXECUTOR,
    max_concurrent: int = 0,
    cpus: int = 0,
    gpus: int = -1,
) -> Summary:
    """Compute whatever the plan still lacks, and say how it ended. Ray is started only if something is missing.

    Args:
        plan: the graph of runs.
        store: where records are and go.
        options: how to run.
        address: `local`, `auto`, or a Ray address; inside a submitted job that job's cluster is used.
        results: folder of Tune's own files and TensorBoard's.
        name: of the experiment, a folder inside `results`.
        console: where progress is drawn.
        executor: `module:function` that computes a run.
        max_concurrent: most runs at once; 0: as many as fit.
        cpus: cores of a local Ray; 0: all.
        gpus: GPUs of a local Ray; -1: all.

    Raises:
        ValueError: for a plan that cannot run on these machines; before anything starts.
        StoreError: when another sweep holds the store.
        RayError: when Ray cannot be reached.
    """
    began = time.monotonic()
    done = finished_runs(plan, store)
    if done.issuperset(plan.nodes):
        return Summary(done=tuple(plan.nodes))
    from sweep.placement import check_share, cluster_slots, on_machines
    from sweep.scheduler import Scheduler
    from sweep.session import Interrupted, Watchdog, interruptible, ray_session

    for node in plan.nodes.values():
        check_share(node.share, node.name)
    folder = results.expanduser().resolve() / name
    stopped = ""
    scheduler: Scheduler | None = None
    with store.driver_lock(), ray_session(address, folder / "ray.log", cpus=cpus, gpus=gpus):
        machines = cluster_slots()
        if options.device == "cuda" and not any(machine.gpus for machine in machines):
            raise ValueError("the runs are to use device cuda, but no node of the cluster has a GPU")
        nodes = on_machines(plan.nodes, machines)
        scheduler = Scheduler(nodes, done, machines, max_concurrent=max_concurrent)
        with Watchdog() as watchdog:
            try:
                with interruptible():
                    _fit(plan, scheduler, store, options, folder, console, executor)
            except Interrupted as interrupt:
                stopped = str(interrupt)
            if watchdog.barked:
                stopped = "every node of the Ray cluster has died"
    return _summary(plan, scheduler, store, done, time.monotonic() - began, stopped)


def _fit(
    plan: Plan,
    scheduler: Scheduler,
    store: LocalStore,
    options: Options,
    folder: Path,
    console: Console,
    executor: str,
) -> None:
    from ray import tune

    from sweep.board import Board
    from sweep.placement import cluster_slots, resources
    from sweep.progress import ProgressCallback
    from sweep.searcher import GraphSearcher, run_config
    from sweep.tensorboard import TensorBoard
    from trainables.trainable import RunTrainable

    board = Board(plan, scheduler.state, time.monotonic(), slots=num_slots(scheduler))
    progress = ProgressCallback(board, scheduler, store, console)

    def config(node: Node) -> dict[str, object]:
        return run_config(node, store.root, options, executor)

    tuner = tune.Tuner(
        tune.with_resources(RunTrainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=GraphSearcher(scheduler, store, config, cluster_slots),
            num_samples=-1,
            max_concurrent_trials=PENDING_TRIALS,
            reuse_actors=True,
            trial_name_creator=trial_name,
            trial_dirname_creator=trial_dirname,
        ),
        run_config=tune.RunConfig(
            name=folder.name,
            storage_path=str(folder.parent),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=WORKER_LOSSES),
            callbacks=[progress, TensorBoard(folder)],
        ),
    )
    try:
        tuner.fit()
    finally:
        progress.close()


def num_slots(scheduler: Scheduler) -> float:
    """About how many runs of the graph the machines hold at once."""
    machines = scheduler.capacity.machines
    shares = [node.share for node in scheduler.nodes.values()]
    gpus = sum(share.gpus for share in shares) / len(shares)
    cpus = sum(share.cpus for share in shares) / len(shares)
    by_cpu = sum(machine.cpus for machine in machines) / cpus
    return min(by_cpu, sum(machine.gpus for machine in machines) / gpus) if gpus else by_cpu


def trial_name(trial: Trial) -> str:
    """The readable name of the run, for Ray's dashboard."""
    return str(trial.config["name"]).replace("/", "-")


def trial_dirname(trial: Trial) -> str:
    """A short folder name: the readable name without what shells and file systems mind, and the run id."""
    readable = re.sub(r"[^A-Za-z0-9+_.]+", "-", trial_name(trial)).strip("-")
    return f"{readable[:60]}-{trial.config['run_id']}"


def _summary(
    plan: Plan, scheduler: Scheduler, store: LocalStore, done_before: set[str], seconds: float, stopped: str
) -> Summary:
    from sweep.scheduler import RunState

    by_state: dict[RunState, list[str]] = {state: [] for state in RunState}
    for run_id in plan.nodes:
        state = scheduler.state(run_id)
        if state is RunState.LIVE and store.is_finished(run_id):
            state = RunState.DONE
        by_state[state].append(run_id)
    unfinished = {*by_state[RunState.WAITING], *by_state[RunState.READY], *by_state[RunState.LIVE]}
    return Summary(
        done=tuple(by_state[RunState.DONE]),
        computed=tuple(run_id for run_id in by_state[RunState.DONE] if run_id not in done_before),
        failed={run_id: store.failure(run_id) or WORKER_LOST for run_id in by_state[RunState.FAILED]},
        blocked={run_id: scheduler.blocked_by[run_id] for run_id in by_state[RunState.BLOCKED]},
        not_started=tuple(run_id for run_id in plan.nodes if run_id in unfinished),
        seconds=seconds,
        stopped=stopped,
    )
