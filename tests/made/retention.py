"""Grids of runs as plain graphs, for what is kept of them."""

from __future__ import annotations

from tests.made.graphs import DATA, ENCODER
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.spec import Optimisation, Phase, Retrieval, RunSpec

ROWS = (BASELINE, "qqp", "squad", "ccg")
"""In the order of Table 2."""
TRAINED, MINED = ("xnli", "udpos", "xquad"), ("tatoeba", "bucc")


def node_of(phase: Phase, task: str, row: Row, seed: int, parent: str = "", trials: int = 1) -> Node:
    training = Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={task: 4}, max_length=64)
    spec = RunSpec(
        phase=phase, tasks=(task,), encoder=ENCODER, data=DATA, seed=seed, parent=parent,
        optimisation=None if phase is Phase.RETRIEVAL else training,
        retrieval=Retrieval(layer=8, max_length=64) if phase is Phase.RETRIEVAL else None,
    )  # fmt: skip
    return Node(spec=spec, name=f"{row} {task} {seed}", row=row, cost=1.0, share=Share(), trials=trials)


def grid(rows: dict[str, int], targets: dict[str, int], seeds: int) -> Plan:
    """Rows and targets with the trials that their runs have; the baseline has no run of its own."""
    nodes, cells = {}, {}
    for seed in range(seeds):
        for name, trials in rows.items():
            row, parent = Row(name, False), ""
            if name != BASELINE:
                made = node_of(Phase.INTERMEDIATE, name, row, seed, trials=trials)
                nodes[made.run_id], parent = made, made.run_id
            for target, target_trials in targets.items():
                phase = Phase.RETRIEVAL if target in MINED else Phase.TARGET
                number = 1 if target in MINED else target_trials
                made = node_of(phase, target, row, seed, parent, number)
                nodes[made.run_id] = made
                cells[Cell(name, False, target, seed)] = made.run_id
    first = {id_: each for id_, each in nodes.items() if each.spec.phase is Phase.INTERMEDIATE}
    return Plan(nodes=first | nodes, cells=cells)
