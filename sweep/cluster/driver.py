"""The driver: one Ray Tune experiment for a whole graph."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console
from rich.text import Text

from sweep.cluster.callback import ProgressCallback
from sweep.cluster.gauges import Gauges
from sweep.cluster.guest import Guest
from sweep.cluster.guests import load_guests
from sweep.cluster.heartbeat import Heartbeat, Rest, Stop
from sweep.cluster.hparams import Hparams
from sweep.cluster.interruption import Interruption
from sweep.cluster.inventory import ANSWER_SECONDS, Inventory
from sweep.cluster.losses import Losses, RunScheduler
from sweep.cluster.place import Place
from sweep.cluster.placement import resources, wanted_place
from sweep.cluster.presence import Presence
from sweep.cluster.pruning import PruningScheduler
from sweep.cluster.pulse import Halt, Pulse
from sweep.cluster.roster import Roster
from sweep.cluster.searcher import WORKER_LOST, GraphSearcher, run_config
from sweep.cluster.session import JOB_VARIABLE, ray_session, without_usage_tags
from sweep.cluster.sockets import check_sockets
from sweep.cluster.summary import summary_of
from sweep.cluster.tensorboard import TensorBoard
from sweep.cluster.watchdog import Watchdog
from sweep.graph.capacity import Machine, Seat
from sweep.graph.graph import Graph
from sweep.graph.node import Run
from sweep.planning.peaks import Peaks
from sweep.planning.remaining import Remaining, runs_left
from sweep.terminal.board import Board
from sweep.terminal.progress import Progress
from trainables.ledger.plan import Share
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.trainable import RunTrainable

PENDING_TRIALS = 256
"""Trials that Tune may prepare at once; what really starts is the graph's decision."""
NO_GPU = "no node of the cluster has a GPU: all runs take cores alone"


def drive(
    graph: Graph,
    store: Store,
    options: Options,
    place: Place,
    console: Console,
    interruption: Interruption,
    *,
    prunes: bool,
    peaks: Peaks,
    parallel: int,
) -> str:
    """Run a graph to its end; why it could not, or empty. Raises KeyboardInterrupt when told to stop.

    `peaks`, which decides what runs ask for, learns the types of the GPUs and of runs that had too little. `parallel`
    trials of a run are computed at a time. Raises UnplaceableError for a run that fits on no machine, RayError when Ray
    cannot be reached, ValueError for a callback that cannot be had.
    """
    folder = place.results.expanduser().resolve() / place.name
    guests = [Guest(name, found, console) for name, found in load_guests(place).items()]
    if place.address == "local" and JOB_VARIABLE not in os.environ:
        check_sockets()
    log_file = folder / "ray.log"
    with ray_session(place.address, log_file, cpus=place.cpus, gpus=place.gpus, interrupt=interruption.now):
        interruption.listen()
        watchdog = Watchdog(
            exit_process=lambda code: _leave(graph, store, console, watchdog.why, code), interrupt=interruption.now
        )
        presence = Presence(store, place.store_seconds, console, is_left=lambda: bool(interruption.reason))
        try:
            with watchdog:
                inventory = Inventory()
                roster = Roster(asks=place.address != "local" or JOB_VARIABLE in os.environ)
                roster.check()
                graph.resize(roster.admitted(inventory.machines(wait=ANSWER_SECONDS)))
                peaks.types = frozenset(each.gpu_type for each in graph.capacity.machines if each.gpu_type)
                if any(node.share != graph.fitted(node.share) for node in graph.plan.nodes.values()):
                    console.print(Text(NO_GPU, style="yellow"))
                with interruption.patiently():
                    _tuner(
                        graph, store, options, place, console, interruption, presence, guests, prunes=prunes,
                        peaks=peaks, inventory=inventory, roster=roster, parallel=parallel,
                    )  # fmt: skip
        except (Exception, KeyboardInterrupt):
            if not watchdog.why and not presence.gone:
                raise
    return f"{watchdog.why}; Ray's messages are in {log_file}" if watchdog.why else presence.gone


def _leave(graph: Graph, store: Store, console: Console, why: str, code: int) -> None:
    """End the process, whose main thread is stuck inside Ray, with a word on what is done; from another thread."""
    with contextlib.suppress(Exception):  # whatever cannot be said: the process has to end
        found = summary_of(graph, store, 0.0, why)
        done = f"{len(found.done)} of {len(graph.plan.nodes)} runs are done, {len(found.failed)} failed"
        console.print(Text(f"{done}: {found.ending}", style="yellow"))
        console.file.flush()
    os._exit(code)


def _tuner(
    graph: Graph,
    store: Store,
    options: Options,
    place: Place,
    console: Console,
    interruption: Interruption,
    presence: Presence,
    guests: Sequence[tune.Callback],
    *,
    prunes: bool,
    peaks: Peaks,
    inventory: Inventory,
    roster: Roster,
    parallel: int,
) -> None:
    folder = place.results.expanduser().resolve() / place.name
    remaining = Remaining(
        graph.plan, lambda: graph.capacity.machines, lambda node_id: runs_left(graph, node_id),
        parallel=parallel, max_concurrent=place.max_concurrent,
    )  # fmt: skip
    board = Board(graph.plan, graph.state, time.monotonic(), slots=num_slots(graph), remaining=remaining)
    pulse = Pulse(hang_seconds=place.hang_seconds)
    halt = Halt(asked=lambda: bool(interruption.reason or presence.gone), is_computed=store.is_computed)

    losses = Losses()

    def config(run: Run, seat: Seat) -> dict[str, Any]:
        row = graph.plan.nodes[graph.node_of(run.run_id)].row
        return run_config(run, row, seat.share, store, options) | wanted_place(
            seat, graph.capacity.machines, beside_others=roster.refuses
        )

    def lost(run_id: str) -> str:
        return why_lost(pulse, run_id)

    def places() -> list[Machine]:
        return roster.admitted(inventory.machines())

    searcher = GraphSearcher(
        graph, store, config, places, halts=lambda: halt.begun, is_there=presence.wait, why_lost=lost,
        loss=losses.why, on_more=peaks.ask,
    )  # fmt: skip
    tries_again = searcher.tries_again
    gauges = Gauges(graph, board, pulse, place.name, console, tries_again=tries_again)
    progress = ProgressCallback(Progress(board, graph, store, console), console, tries_again=tries_again)
    tuner = tune.Tuner(
        trainable(),
        tune_config=tune.TuneConfig(
            scheduler=PruningScheduler(graph, losses) if prunes else RunScheduler(losses),
            search_alg=searcher,
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
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=0),  # the searcher hands lost runs out again
            stop=Stop(halt),
            callbacks=[
                Heartbeat(
                    pulse,
                    halt,
                    store,
                    console,
                    tries_again=searcher.has_lost_worker,
                    place=graph.place_of,
                    to_go=board.eta,
                ),
                progress,
                TensorBoard(folder, console, Hparams(graph)),
                gauges,
                *guests,
                Rest(pulse, halt, interruption),
            ],
        ),
    )
    try:
        with without_usage_tags():
            tuner.fit()
    finally:
        progress.close()
        gauges.close()


def trainable() -> type[tune.Trainable]:
    """The runs, with what they take; its class is named as in Ray's dashboard, and not after Tune's own wrapper."""
    found: type[tune.Trainable] = tune.with_resources(RunTrainable, resources)
    found.__qualname__ = RunTrainable.__qualname__
    return found


def why_lost(pulse: Pulse, run_id: str) -> str:
    """Why a run has lost all the workers it may lose."""
    if not (times := pulse.hung[run_id]):
        return WORKER_LOST
    return (
        f"its worker was lost three times, {times} of them ended for having said nothing for {pulse.hang_seconds:g} s"
    )


def num_slots(graph: Graph) -> float:
    """About how many runs of the graph the machines hold at once."""
    machines = graph.capacity.machines
    shares = [_least(graph.fitted(node.share), machines) for node in graph.plan.nodes.values()]
    gpus = sum(share.gpus for share in shares) / len(shares)
    cpus = sum(share.cpus for share in shares) / len(shares)
    by_cpu = sum(machine.cpus for machine in machines) / cpus
    return min(by_cpu, sum(machine.gpus for machine in machines) / gpus) if gpus else by_cpu


def _least(share: Share, machines: Sequence[Machine]) -> Share:
    """The smallest part of a GPU that a run takes on any of the machines."""
    found = [taken for machine in machines if (taken := machine.taken_by(share))]
    return min(found, key=lambda taken: taken.gpus, default=share)


def trial_name(trial: Trial) -> str:
    """The readable name of the run, as Tune and its messages have it."""
    return str(trial.config["name"]).replace("/", "-")


def trial_dirname(trial: Trial) -> str:
    """A short folder name: the readable name without what shells and file systems mind, and the run id."""
    readable = re.sub(r"[^A-Za-z0-9+_.]+", "-", trial_name(trial)).strip("-")
    return f"{readable[:60]}-{trial.config['run_id']}"
