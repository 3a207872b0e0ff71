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
