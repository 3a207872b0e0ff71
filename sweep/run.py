"""Run a plan: one Ray Tune experiment for the whole graph, from the store to the store."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from analysis.searches import SEARCH_FILE
from sweep.nodes import Node, Plan
from sweep.plan_file import save_plan, write_text
from sweep.status import finished_runs
from trainables.phases.options import Options
from trainables.store import LocalStore

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

    from analysis.racing import Rule
    from search_spaces.search_fields import SearchFields
    from sweep.races import Races
    from sweep.scheduler import Scheduler
    from sweep.searches import SearchScheduler

log = logging.getLogger(__name__)

DEFAULT_EXECUTOR = "trainables.phases.run:run"
JOURNAL_FILE = "studies.journal"
"""Optuna's journal in a store that has searches."""
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
        dropped: runs that a race has dropped.
        resolved: the plan with the winners of its searches, where it had any.
    """

    done: tuple[str, ...]
    computed: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    not_started: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    seconds: float = 0.0
    stopped: str = ""
    resolved: Plan | None = None

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
    search: SearchFields | None = None,
    race: Rule | None = None,
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
        search: what to search, and how; None: the settings of the plan are final.
        race: when an intermediate counts as beaten and gets no further runs on a target; None: never.

    Raises:
        ValueError: for a plan that cannot run on these machines, or has nothing to race for, or a budget file that
            cannot be read; before anything starts.
        StudyError: when the journal of an earlier search cannot be used.
        StoreError: when another sweep holds the store.
        RayError: when Ray cannot be reached.
    """
    began = time.monotonic()
    done = finished_runs(plan, store)
    if not search and not race and done.issuperset(plan.nodes):
        return Summary(done=tuple(plan.nodes))
    from search_spaces.search_fields import SearchFields
    from sweep.placement import check_share
    from sweep.session import Interruption, ray_session

    for node in plan.nodes.values():
        check_share(node.share, node.name)
    folder = results.expanduser().resolve() / name
    sweep = _Sweep(plan, store, options, folder, console, executor, done)
    with store.driver_lock(), Interruption() as interruption:
        try:
            if (search or race) and sweep.search(search or SearchFields(), race):
                return sweep.summary(time.monotonic() - began)
            with ray_session(address, folder / "ray.log", cpus=cpus, gpus=gpus):
                interruption.listen()
                sweep.run(max_concurrent)
        except KeyboardInterrupt:
            sweep.stopped = sweep.stopped or interruption.reason or "interrupted"
        finally:
            sweep.keep_searches()
    return sweep.summary(time.monotonic() - began)


class _Sweep:
    """One sweep on a connected Ray."""

    def __init__(
        self,
        plan: Plan,
        store: LocalStore,
        options: Options,
        folder: Path,
        console: Console,
        executor: str,
        done: set[str],
    ) -> None:
        self.stopped = ""
        self._plan = plan
        self._store = store
        self._options = options
        self._folder = folder
        self._console = console
        self._executor = executor
        self._done = done
        self._scheduler: Scheduler | SearchScheduler | None = None
        self._searches: SearchScheduler | None = None
        self._races: Races | None = None

    def search(self, search: SearchFields, race: Rule | None = None) -> bool:
        """Open the studies, which learn what the store already holds; whether nothing is left to do."""
        from sweep.budget_file import trials_of
        from sweep.journal import Journal
        from sweep.races import Races
        from sweep.searches import SearchScheduler

        journal = Journal(self._store.root / JOURNAL_FILE)
        trials = trials_of(self._plan, search, self._store.root, keep=True)
        if race:
            self._races = Races(self._plan, race, search, trials, self._store)
        self._searches = SearchScheduler(self._plan, search, self._store, journal, trials, self._races)
        self._searches.on_close = self._keep_standing
        self._keep_standing()
        return self._searches.is_complete

    def keep_searches(self) -> None:
        """Write what the searches have found beside the records, for the report."""
        if self._searches:
            write_text(self._store.root / SEARCH_FILE, json.dumps(self._searches.told(), indent=1))
            if self._races:
                self._races.keep(self._searches)

    def _keep_standing(self) -> None:
        """Write the plan with the winners so far and the searches, so that `status` and the report see the truth also
        when this driver is killed. A full disk ends no sweep.
        """
        assert self._searches
        try:
            save_plan(self._searches.resolved(), self._store.root)
            self.keep_searches()
        except OSError as error:
            log.warning("cannot note the winners in %s: %s", self._store.root, error)

    def run(self, max_concurrent: int) -> None:
        """Check that the cluster can hold every run, and run the graph."""
        from sweep.placement import cluster_slots, on_machines
        from sweep.scheduler import Scheduler
        from sweep.session import Watchdog

        machines = cluster_slots()
        if self._options.device == "cuda" and not any(machine.gpus for machine in machines):
            raise ValueError("the runs are to use device cuda, but no node of the cluster has a GPU")
        if self._searches:
            self._searches.connect(machines, max_concurrent)
            self._scheduler = self._searches
        else:
            nodes = on_machines(self._plan.nodes, machines)
            self._scheduler = Scheduler(nodes, self._done, machines, max_concurrent=max_concurrent)
        with Watchdog() as watchdog:
            try:
                self._fit(self._scheduler)
            except KeyboardInterrupt:
                if watchdog.barked:
                    self.stopped = "every node of the Ray cluster has died"
                raise

    def _fit(self, scheduler: Scheduler | SearchScheduler) -> None:
        from ray import tune

        from sweep.board import Board
        from sweep.placement import cluster_slots, resources
        from sweep.progress import ProgressCallback
        from sweep.pruning import PruningScheduler
        from sweep.searcher import WORKER_LOSSES, GraphSearcher, run_config
        from sweep.tensorboard import TensorBoard
        from trainables.trainable import RunTrainable

        board = Board(self._plan, scheduler.state, time.monotonic(), slots=num_slots(scheduler))
        progress = ProgressCallback(board, scheduler, self._store, self._console)

        def config(node: Node) -> dict[str, object]:
            return run_config(node, self._store.root, self._options, self._executor)

        tuner = tune.Tuner(
            tune.with_resources(RunTrainable, resources),
            tune_config=tune.TuneConfig(
                scheduler=PruningScheduler(self._searches) if self._searches and self._searches.prunes else None,
                search_alg=GraphSearcher(scheduler, self._store, config, cluster_slots),
                num_samples=-1,
                max_concurrent_trials=PENDING_TRIALS,
                reuse_actors=True,
                trial_name_creator=trial_name,
                trial_dirname_creator=trial_dirname,
            ),
            run_config=tune.RunConfig(
                name=self._folder.name,
                storage_path=str(self._folder.parent),
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=WORKER_LOSSES),
                callbacks=[progress, TensorBoard(self._folder)],
            ),
        )
        try:
            tuner.fit()
        finally:
            progress.close()

    def summary(self, seconds: float) -> Summary:
        """How the sweep ended."""
        from sweep.scheduler import NO_RECORD, RunState

        if self._searches:
            return self._search_summary(self._searches, seconds)
        by_state: dict[RunState, list[str]] = {state: [] for state in RunState}
        for run_id in self._plan.nodes:
            if run_id in self._done or (self._scheduler is None):
                state = RunState.DONE if run_id in self._done else RunState.WAITING
            else:
                state = self._scheduler.state(run_id)
            if state is RunState.LIVE and self._store.is_finished(run_id):
                state = RunState.DONE
            by_state[state].append(run_id)
        unfinished = {*by_state[RunState.WAITING], *by_state[RunState.READY], *by_state[RunState.LIVE]}
        blocked_by = self._scheduler.blocked_by if self._scheduler else {}
        return Summary(
            done=tuple(by_state[RunState.DONE]),
            computed=tuple(run_id for run_id in by_state[RunState.DONE] if run_id not in self._done),
            failed={run_id: self._store.failure(run_id) or NO_RECORD for run_id in by_state[RunState.FAILED]},
            blocked={run_id: blocked_by[run_id] for run_id in by_state[RunState.BLOCKED]},
            not_started=tuple(run_id for run_id in self._plan.nodes if run_id in unfinished),
            seconds=seconds,
            stopped=self.stopped,
        )

    def _search_summary(self, searches: SearchScheduler, seconds: float) -> Summary:
        from sweep.scheduler import RunState

        states = {node_id: searches.state(node_id) for node_id in self._plan.nodes}
        failed = [node_id for node_id, state in states.items() if state is RunState.FAILED]
        open_ones = (RunState.WAITING, RunState.READY, RunState.LIVE)
        return Summary(
            done=tuple(node_id for node_id, state in states.items() if state is RunState.DONE),
            computed=tuple(run_id for run_id in searches.nodes if self._store.is_finished(run_id)),
            failed={node_id: searches.searches[node_id].why_failed for node_id in failed},
            blocked=dict(searches.blocked_by),
            not_started=tuple(node_id for node_id, state in states.items() if state in open_ones),
            dropped=tuple(node_id for node_id, state in states.items() if state is RunState.DROPPED),
            seconds=seconds,
            stopped=self.stopped,
            resolved=searches.resolved(),
        )


def num_slots(scheduler: Scheduler | SearchScheduler) -> float:
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
