"""Small graphs of runs, and how tests drive them without Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from search_spaces.search_fields import SearchFields
from sweep.cluster.keeper import Keeper
from sweep.cluster.run import NO_SEARCH, make_graph
from sweep.graph.capacity import Machine
from sweep.graph.graph import Graph
from sweep.graph.node import Run
from sweep.graph.races import Races
from sweep.planning.courses import courses_of
from sweep.planning.trials import with_trials
from tests.made.executors import quadratic_record
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.race import Rule
from trainables.ledger.recipe import Recipe, parse_recipe, recipe_of
from trainables.ledger.record import DivergedError
from trainables.ledger.spec import DataRef, EncoderRef, Optimisation, Phase, RunSpec
from trainables.ledger.store import Store

ENCODER = EncoderRef(name="bundled", revision="1")
DATA = DataRef(source="demo", fingerprint="0")
TWO_CORES = [Machine(name="here", cpus=2, gpus=0)]


def node(task: str, *, parent: Node | None = None, cost: float = 1.0, share: Share | None = None) -> Node:
    """A run that is named after its task and its parent."""
    spec = RunSpec(
        phase=Phase.TARGET if parent else Phase.INTERMEDIATE,
        tasks=(task,),
        encoder=ENCODER,
        data=DATA,
        seed=42,
        parent=parent.run_id if parent else "",
        optimisation=Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={task: 4}, max_length=64),
    )
    name = f"{parent.name} -> {task} #42" if parent else task
    row = parent.row if parent else Row(task, False)
    return Node(spec=spec, name=name, row=row, cost=cost, share=share or Share())


def stage(task: str, parent: Node | None = None, *, method: str = "", cost: float = 1.0) -> Node:
    """A stage of a chain: an intermediate run that starts from the one before it."""
    own = parse_recipe(f"{task}/{method}" if method else task)
    made = node(task, parent=parent, cost=cost)
    spec = replace(made.spec, phase=Phase.INTERMEDIATE, method=own.stages[0].method)
    row = Recipe(stages=(*(recipe_of(parent.row).stages if parent else ()), *own.stages)).row
    return replace(made, spec=spec, name=str(row), row=row)


def plan(nodes: Sequence[Node]) -> Plan:
    """A plan whose cells are the target nodes with a parent."""
    by_id = {n.run_id: n for n in nodes}
    scored = [n for n in nodes if n.parents and n.spec.phase is not Phase.INTERMEDIATE]
    return Plan(nodes=by_id, cells={Cell(*n.row, n.spec.tasks[0], 42): n.run_id for n in scored})


def fan(intermediates: Sequence[str], targets: Sequence[str], share: Share | None = None) -> Plan:
    """Every target after every intermediate."""
    nodes = []
    for name in intermediates:
        parent = node(name, cost=2.0, share=share)
        nodes += [parent, *(node(target, parent=parent, share=share) for target in targets)]
    return plan(nodes)


def baseline(target: str, cost: float = 1.0) -> Node:
    """A target run that starts from the pretrained encoder."""
    spec = RunSpec(
        phase=Phase.TARGET, tasks=(target,), encoder=ENCODER, data=DATA, seed=42,
        optimisation=Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={target: 4}, max_length=64),
    )  # fmt: skip
    return Node(spec=spec, name=f"none -> {target} #42", row=Row(BASELINE, False), cost=cost, share=Share())


def fields(intermediate: int = 0, target: int = 0, high: float = 1e-4, **others: object) -> SearchFields:
    """A search of the learning rate alone."""
    ranges = {"learning_rate": {"low": 1e-6, "high": high, "log": True}, "epochs": "fixed"}
    given = {"intermediate": intermediate, "target": target, "ranges": {"intermediate": ranges, "target": ranges}}
    return SearchFields.model_validate(given | others)


def searched(found: Plan, search: SearchFields, store: Store | None = None) -> Plan:
    """The plan with its trials, as the command line makes it; hours that are spread go into the store."""
    whole, allocation = with_trials(found, search, store.allocation() if store else None)
    if store and allocation:
        store.save_allocation(allocation)
    return whole


def graph_of(
    found: Plan,
    store: Store,
    search: SearchFields = NO_SEARCH,
    *,
    rule: Rule | None = None,
    machines: Sequence[Machine] = (),
    max_concurrent: int = 0,
) -> Graph:
    """The graph of a plan, as a driver makes it; with machines, runs can start."""
    whole = searched(found, search, store)
    races = Races(whole, courses_of(whole), rule, search.sampler, store) if rule else None
    made = make_graph(whole, store, search, races=races, max_concurrent=max_concurrent)
    made.resize(machines)
    return made


def kept_graph(found: Plan, store: Store, search: SearchFields, *, rule: Rule | None = None) -> tuple[Graph, Keeper]:
    """The graph of a plan and what writes its winners, searches and races as they are found, as in `run_plan`."""
    whole = searched(found, search, store)
    keeper = Keeper(store, Races(whole, courses_of(whole), rule, search.sampler, store) if rule else None)
    made = make_graph(whole, store, search, races=keeper.races, on_close=keeper.note)
    keeper.note(made)
    return made, keeper


def compute_quadratic(store: Store) -> Callable[[Run], None]:
    """Finishes runs whose dev figure has a known optimum."""
    return lambda run: store.finish(quadratic_record(run.spec, run.name))


def drive(
    found: Graph,
    store: Store,
    compute: Callable[[Run], None] | None = None,
    machines: Sequence[Machine] = TWO_CORES,
    most: int = 10_000,
    order: Callable[[list[str]], str] = lambda live: live[0],
) -> list[str]:
    """Start whatever may start, end one run at a time; the runs in the order of their end.

    `compute` finishes a run in the store, or raises ValueError for one that fails.
    """
    found.resize(machines)
    compute = compute or compute_quadratic(store)
    live: list[str] = []
    ended: list[str] = []
    while len(ended) < most:
        while run_id := found.start(now=float(len(ended))):
            live.append(run_id)
        if not live:
            break
        run_id = order(live)
        live.remove(run_id)
        run = found.runs[run_id]
        try:
            compute(run)
            found.finish(run_id)
        except ValueError as error:
            store.fail(run_id, run.name, f"ValueError: {error}", diverged=isinstance(error, DivergedError))
            found.fail(run_id)
        ended.append(run_id)
    return ended
