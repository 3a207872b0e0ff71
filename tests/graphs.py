"""Small graphs of runs for tests of the orchestration."""

from __future__ import annotations

from search_spaces.grid import Cell
from sweep.nodes import Node, Plan, Share
from trainables.spec import DataRef, EncoderRef, Optimisation, Phase, RunSpec

ENCODER = EncoderRef(name="bundled", revision="1")
DATA = DataRef(source="demo", fingerprint="0")


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
    return Node(spec=spec, name=name, cost=cost, share=share or Share())


def plan(nodes: list[Node]) -> Plan:
    """A plan whose cells are the nodes with a parent."""
    by_id = {n.run_id: n for n in nodes}
    cells = {
        Cell(intermediate=by_id[n.parents[0]].name, mlm=False, target=n.spec.tasks[0], seed=42): n.run_id
        for n in nodes
        if n.parents
    }
    return Plan(nodes=by_id, cells=cells)


def fan(intermediates: list[str], targets: list[str], share: Share | None = None) -> Plan:
    """Every target after every intermediate."""
    nodes = []
    for name in intermediates:
        parent = node(name, cost=2.0, share=share)
        nodes += [parent, *(node(target, parent=parent, share=share) for target in targets)]
    return plan(nodes)


INTERMEDIATE_MINUTES = {
    "anli+": 18.0, "mnli": 22.0, "qqp": 20.0, "squad": 17.0, "squad2": 19.0, "hellaswag": 14.0, "ccg": 7.0,
    "cosmosqa": 8.0, "csqa": 3.0, "mix": 60.0,
}  # fmt: skip
TARGET_MINUTES = {"xnli": 22.0, "pawsx": 4.0, "pos": 3.0, "ner": 3.0, "qa": 18.0, "tydiqa": 2.0}
"""Guesses in the right proportions: rows of the data sets times epochs."""


def paper_grid() -> Plan:
    """The shape of the paper's grid: 16 intermediate runs, 17 rows of 6 fine-tunings and 2 retrievals, 153 cells."""
    rows: list[Node | None] = [None]
    for with_mlm in (False, True):
        for task, minutes in INTERMEDIATE_MINUTES.items():
            if with_mlm and task in ("csqa", "ccg", "mix", "anli+"):
                continue
            name = f"{task}+mlm" if with_mlm else task
            rows.append(node(name, cost=minutes * 60 * (1.6 if with_mlm else 1), share=Share(gpus=1.0)))
    nodes = [row for row in rows if row]
    cells = {}
    for row in rows:
        intermediate = row.name if row else "none"
        for target, minutes in TARGET_MINUTES.items():
            run = _of_row(row, target, minutes * 60)
            nodes.append(run)
            for column in ("xquad", "mlqa") if target == "qa" else (target,):
                cells[Cell(intermediate=intermediate, mlm=False, target=column, seed=42)] = run.run_id
        for target in ("bucc", "tatoeba"):
            run = _of_row(row, target, 60)
            nodes.append(run)
            cells[Cell(intermediate=intermediate, mlm=False, target=target, seed=42)] = run.run_id
    return Plan(nodes={n.run_id: n for n in nodes}, cells=cells)


def _of_row(row: Node | None, target: str, cost: float) -> Node:
    if row:
        return node(target, parent=row, cost=cost, share=Share(gpus=1.0))
    baseline = node(f"{target}-baseline", cost=cost, share=Share(gpus=1.0))
    return Node(spec=baseline.spec, name=f"none -> {target} #42", cost=cost, share=baseline.share)


def drive(found, store, compute, machines, most=10_000, order=lambda live: live[0]):
    """Start whatever may start, end one run at a time; the runs in the order of their end.

    `compute(node)` finishes a run in the store, or raises ValueError for one that fails.
    """
    found.connect(machines)
    live, ended = [], []
    while len(ended) < most:
        while run_id := found.start(now=float(len(ended))):
            live.append(run_id)
        if not live:
            break
        run_id = order(live)
        live.remove(run_id)
        node = found.nodes[run_id]
        try:
            compute(node)
            found.finish(run_id)
        except ValueError as error:
            store.fail(run_id, node.name, f"ValueError: {error}")
            found.fail(run_id)
        ended.append(run_id)
    return ended
