"""Run a plan: from the store to the store. Ray is imported and started only if something is missing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.cluster.interruption import Interruption
from sweep.cluster.keeper import Keeper
from sweep.cluster.place import Place
from sweep.cluster.remover import Remover
from sweep.cluster.summary import Summary, summary_of
from sweep.graph.graph import Graph
from sweep.graph.node import Single, Trials, started_from
from sweep.graph.races import Races
from sweep.graph.searched import Searched
from sweep.planning.courses import courses_of
from sweep.planning.peaks import Peaks
from sweep.planning.shares import records_like
from sweep.studies.journal import Journal
from sweep.studies.study import Study
from trainables.ledger.artefacts import ENCODER, Keep
from trainables.ledger.errors import StoreError
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.race import Rule
from trainables.ledger.standing import finished_runs
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.tasks.registry import tasks

log = logging.getLogger(__name__)

NO_SEARCH = SearchFields()


def run_plan(
    plan: Plan,
    store: Store,
    options: Options,
    place: Place,
    console: Console,
    *,
    search: SearchFields = NO_SEARCH,
    race: Rule | None = None,
    keep: Keep = Keep.ALL,
) -> Summary:
    """Compute whatever the plan still lacks, and say how it ended.

    Args:
        plan: the graph of runs, with the trials of those that are searched.
        store: where records are and go.
        options: how to run.
        place: where to run.
        console: where progress is drawn.
        search: how what is searched is searched.
        race: when an intermediate counts as beaten and gets no further runs on a target; None: never.
        keep: which encoders and models are left; the others are removed as soon as nothing needs them.

    Raises:
        ValueError: for a plan that cannot run on these machines, or has nothing to race for; before anything starts.
        LedgerError: for a record of a race that cannot be read.
        StudyError: when the journal of an earlier search cannot be used.
        StoreError: when another sweep holds the store.
        RayError: when Ray cannot be reached.
    """
    began = time.monotonic()
    graph: Graph | None = None
    remover: Remover | None = None
    stopped = ""
    with Interruption() as interruption, store.driver_lock(interruption.stop):
        try:
            keeper = Keeper(store, Races(plan, courses_of(plan), race, search.sampler, store) if race else None)
            remover = Remover(store, keep, keeper.races)
            peaks = Peaks(records_like(plan, store))
            graph = make_graph(
                plan, store, search, races=keeper.races, on_close=keeper.note, on_end=_after(peaks, store, remover),
                max_concurrent=place.max_concurrent, share=peaks.share,
            )  # fmt: skip
            keeper.note(graph)
            remover.begin(graph)
            if not graph.is_complete:
                from sweep.cluster.driver import drive  # imports Ray, which takes seconds

                prunes = search.pruning != "off"
                stopped = drive(
                    graph, store, options, place, console, interruption, prunes=prunes, peaks=peaks,
                    parallel=search.parallel,
                )  # fmt: skip
        except KeyboardInterrupt:
            stopped = interruption.reason or "interrupted"
        finally:
            if graph and store.is_in_place:
                stopped = _kept(keeper, graph, stopped)
            if remover and store.is_in_place:
                remover.end(graph)
    seconds = time.monotonic() - began
    if graph is None:
        return Summary(plan=plan, done=(), not_started=tuple(plan.nodes), seconds=seconds, stopped=stopped)
    return summary_of(graph, store, seconds, stopped)


def _after(peaks: Peaks, store: Store, remover: Remover) -> Callable[[Graph, str], None]:
    """What follows from the end of a run: what it took of memory is known, and what nothing needs any more goes."""

    def after(graph: Graph, run_id: str) -> None:
        if graph.end(run_id) is State.DONE:
            try:
                peaks.learn(store.record(run_id))
            except (StoreError, ValueError) as error:
                log.warning("what run %s took of memory is not known: %s", run_id, error)
        remover.after(graph, run_id)

    return after


def _kept(keeper: Keeper, graph: Graph, stopped: str) -> str:
    """Note for the last time what was found; why the sweep was stopped, which a full disk is if nothing else is."""
    try:
        keeper.keep(graph)
    except OSError as error:
        log.warning("cannot note what the searches have found: %s", error)
        return stopped or f"cannot note what the searches have found: {error}"
    return stopped


def make_graph(
    plan: Plan,
    store: Store,
    search: SearchFields,
    *,
    races: Races | None = None,
    on_close: Callable[[Graph], object] = lambda graph: None,
    on_end: Callable[[Graph, str], object] = lambda graph, run_id: None,
    max_concurrent: int = 0,
    share: Callable[[Node], Share] = lambda node: node.share,
) -> Graph:
    """The graph of a plan, which knows what the store holds; nothing starts before it has machines."""
    return Graph(
        plan,
        opener(store, search),
        done=finished_runs(plan, store),
        parallel=search.parallel,
        max_concurrent=max_concurrent,
        races=races,
        on_close=on_close,
        on_end=on_end,
        lacks=lambda run_id: ENCODER in store.removed(run_id),
        share=share,
    )


def opener(store: Store, search: SearchFields) -> Callable[[Node, str], Trials]:
    """Makes the runs of a node that starts from a given run: the configured one, or a study on the store's journal."""
    journal = Journal(store.journal)

    def open_node(node: Node, parent: str) -> Trials:
        base = started_from(node, parent)
        if not node.is_searched:
            return Single(base, store)
        study = Study(
            journal=journal,
            base=base.spec,
            space=node.space,
            trials=node.trials,
            sampler=search.sampler,
            startup=search.startup,
            parallel=search.parallel,
            pruning=search.pruning,
            label=base.name,
            figure=figure_of(base),
            facts=facts_of(base),
        )
        return Searched(base, node.run_id, study, store)

    return open_node


def facts_of(node: Node) -> dict[str, str]:
    """What the journal says of the study of a node, for programs that show it."""
    spec = node.spec
    row, phase = str(node.row), spec.phase.value
    found = {"run": node.name, "run_id": node.run_id, "phase": phase, "row": row, "tasks": ", ".join(spec.tasks)}
    found |= {"encoder": spec.encoder.name, "seed": str(spec.seed)}
    return found | ({"parent": spec.parent} if spec.parent else {})


def figure_of(node: Node) -> str:
    """What the search of a node looks for, in words."""
    known = tasks()
    figures = dict.fromkeys(figure for name in node.spec.tasks if name in known for figure in known[name].selection)
    return f"{' and '.join(figures) or 'dev figure'}, English dev, percent"
