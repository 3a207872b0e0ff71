"""How long the paper's grid takes on 1 to 64 GPUs: our graph, a barrier between the phases, and Tune's own order.

Everything is simulated, with the planner's costs of XLM-R Large in bf16. Side by side:

- the graph, as `run` drives it;
- the same with a barrier: all intermediate runs, then everything else, each longest first;
- Tune's own order with a barrier (two `Tuner.fit`, as Tune knows no parents): trials are made in the order of the grid,
  their placement groups are tried in that order, and whichever finds room starts;
- a trial for each row of the table: its intermediate run, then all its targets one after another, so that Tune needs no
  barrier; trials in the order of the grid.

Each as hours and by the bound that no schedule beats: the critical path, or all work spread evenly. Once with whole
GPUs, once with targets in halves and retrieval in quarters (as many GPU-seconds, so longer), and once with estimates
that are wrong: the order follows the estimates, the runs take what is drawn.

    python -m benchmarks.makespan [--draws 20] [--wrong-by 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import heapq
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import summary, write
from benchmarks.paper_plan import paper_plan
from sweep.graph.bounds import lower_bound
from sweep.graph.capacity import Machine
from sweep.graph.faults import Faults
from sweep.graph.simulation import simulate
from trainables.ledger.plan import EPSILON, Node, Plan, Share
from trainables.ledger.spec import Phase

SIZES = (1, 4, 8, 16, 64)
SHARES: Mapping[Phase, float] = {Phase.INTERMEDIATE: 1.0, Phase.TARGET: 0.5, Phase.RETRIEVAL: 0.25}
"""Of a GPU, where runs share them."""
Seconds = Mapping[str, float]
"""Run -> how long it really takes."""


def machines(gpus: int) -> list[Machine]:
    """Nodes with eight GPUs, or one with fewer."""
    return [Machine(name=f"node {i}", cpus=128, gpus=min(gpus, 8)) for i in range(max(gpus // 8, 1))]


def whole() -> Plan:
    """The paper's grid, a GPU for each run."""
    return paper_plan(share=Share(gpus=1.0))


def shared() -> Plan:
    """The paper's grid where targets and retrieval share GPUs: as many GPU-seconds, in more time."""
    plan = paper_plan(share=Share(gpus=1.0))

    def smaller(node: Node) -> Node:
        part = SHARES[node.spec.phase]
        return replace(node, share=Share(gpus=part), cost=node.cost / part)

    return replace(plan, nodes={run_id: smaller(node) for run_id, node in plan.nodes.items()})


def graph(plan: Plan, gpus: int, seconds: Seconds) -> float:
    """Ours."""
    return simulate(plan, machines(gpus), seconds=seconds).makespan


def barrier(plan: Plan, gpus: int, seconds: Seconds) -> float:
    """Ours, phase by phase."""
    first = {run_id: node for run_id, node in plan.nodes.items() if node.spec.phase is Phase.INTERMEDIATE}
    left = {run_id: int(run_id not in first) for run_id in plan.nodes}
    until = simulate(Plan(nodes=first, cells={}), machines(gpus), seconds=seconds).makespan
    return until + simulate(plan, machines(gpus), left=left, seconds=seconds).makespan


def tune(plan: Plan, gpus: int, seconds: Seconds) -> float:
    """Tune's order, phase by phase."""
    phases = ((Phase.INTERMEDIATE,), (Phase.TARGET, Phase.RETRIEVAL))
    return sum(
        in_order([(seconds[i], n.share) for i, n in plan.nodes.items() if n.spec.phase in phase], gpus)
        for phase in phases
    )


def rows(plan: Plan, gpus: int, seconds: Seconds) -> float:
    """A trial for each row of the table and seed, which needs the largest share of its runs for all of its time."""
    trials: dict[tuple[str, int], list[str]] = {}
    for run_id, node in plan.nodes.items():
        trials.setdefault((str(node.row), node.spec.seed), []).append(run_id)
    largest = {name: max((plan.nodes[i].share for i in runs), key=lambda s: s.gpus) for name, runs in trials.items()}
    return in_order([(sum(seconds[i] for i in runs), largest[name]) for name, runs in trials.items()], gpus)


def in_order(trials: Sequence[tuple[float, Share]], gpus: int) -> float:
    """Seconds of trials of which, at every end, each is tried in turn and starts if there is room (fullest GPU)."""
    free = [1.0] * gpus
    running: list[tuple[float, int, int]] = []
    pending = list(enumerate(trials))
    now = 0.0
    while pending or running:
        waiting = []
        for number, (seconds, share) in pending:
            fitting = [gpu for gpu in range(gpus) if free[gpu] > share.gpus - EPSILON]
            if fitting:
                gpu = min(fitting, key=free.__getitem__)
                free[gpu] -= share.gpus
                heapq.heappush(running, (now + seconds, number, gpu))
            else:
                waiting.append((number, (seconds, share)))
        pending = waiting
        now, number, gpu = heapq.heappop(running)
        free[gpu] += trials[number][1].gpus
    return now


CONTENDERS: Mapping[str, Callable[[Plan, int, Seconds], float]] = {
    "graph": graph,
    "barrier": barrier,
    "barrier, Tune's order": tune,
    "a trial a row": rows,
}


def measure(plan: Plan, seconds: Seconds) -> list[dict[str, float]]:
    """Hours of every contender at every size, and the bound."""
    found = []
    for gpus in SIZES:
        hours = {name: contender(plan, gpus, seconds) / 3600 for name, contender in CONTENDERS.items()}
        found.append({"gpus": gpus, "bound": lower_bound(plan, machines(gpus), seconds) / 3600, **hours})
    return found


def expected(plan: Plan) -> dict[str, float]:
    """Seconds as planned."""
    return {run_id: node.cost for run_id, node in plan.nodes.items()}


def drawn(plan: Plan, seed: int, wrong_by: float) -> dict[str, float]:
    """Seconds that are not as planned."""
    faults = Faults(seed=seed, wrong_by=wrong_by)
    return {run_id: node.cost * faults.factor(run_id) for run_id, node in plan.nodes.items()}


def hours_table(title: str, found: Sequence[Mapping[str, float]]) -> Table:
    """Hours, and by the bound in brackets."""
    table = Table("GPUs", "bound, h", *CONTENDERS, title=title)
    for row in found:
        cells = [f"{row[name]:.2f} ({row[name] / row['bound']:.3f})" for name in CONTENDERS]
        table.add_row(f"{row['gpus']:.0f}", f"{row['bound']:.2f}", *cells)
    return table


def ratios_table(title: str, draws: Sequence[Sequence[Mapping[str, float]]]) -> Table:
    """By the bound of each draw: median and range."""
    table = Table("GPUs", "bound, h", *CONTENDERS, title=title)
    for rows_of in zip(*draws, strict=True):
        ratios = [summary([row[name] / row["bound"] for row in rows_of], 3) for name in CONTENDERS]
        bound = statistics.median(row["bound"] for row in rows_of)
        table.add_row(f"{rows_of[0]['gpus']:.0f}", f"{bound:.2f}", *ratios)
    return table


def main() -> None:
    """Simulate, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--wrong-by", type=float, default=2.0, help="factor, in two cases of three")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    plans = {"whole GPUs": whole(), "targets in halves, retrieval in quarters": shared()}
    console = Console(width=120)
    figures: dict[str, object] = {"draws": given.draws, "wrong_by": given.wrong_by}
    for name, plan in plans.items():
        found = measure(plan, expected(plan))
        console.print(
            hours_table(f"{len(plan.cells)} cells, {len(plan.nodes)} runs, {name}: hours (by the bound)", found)
        )
        draws = [measure(plan, drawn(plan, seed, given.wrong_by)) for seed in range(given.draws)]
        title = f"the same, estimates wrong by {given.wrong_by:g}: by the bound, median of {given.draws} draws (range)"
        console.print(ratios_table(title, draws))
        figures[name] = {"as_estimated": found, "wrong_estimates": draws}
    write(given.json, figures)


if __name__ == "__main__":
    main()
