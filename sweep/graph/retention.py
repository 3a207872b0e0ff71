"""Retention: which encoders and models of a sweep may go, and when. Pure state: no store, no clock, no Ray.

An encoder stays until nothing that starts from it is left to do, also for a later start of the sweep; the trials of a
search that are not its best go at once. A fine-tuned model stays while it may be selected for one of its targets, an
encoder while it may be for one that trains nothing. Runs that another sweep of the same store names always stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from sweep.graph.contest import Contest
from sweep.graph.graph import Graph
from sweep.graph.node import Trials
from trainables.ledger.artefacts import Keep
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.plan import Plan
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import Trial

NOT_NEEDED = "nothing that starts from it is left to do, and no target has selected it"
LOST = "another trial of its search is better"
NOT_SELECTED = "another row or seed is better on dev"
NONE_KEPT = "the sweep keeps no models"


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A run whose encoder and heads may go, and why."""

    run_id: str
    why: str


class Retention:
    """What may go of the runs of a plan.

    Args:
        plan: whose runs these are.
        keep: what is to be left.
        score: (run id, cell, the baseline's run of the same target and seed, empty where it is not finished) -> dev
            score of a finished run on the split that selects, as far as it can be put beside those of other rows; None
            where it cannot, or not yet.
        elsewhere: runs that other sweeps name.
        dropped: what a race has dropped so far.
    """

    def __init__(
        self,
        plan: Plan,
        keep: Keep,
        score: Callable[[str, Cell, str], float | None],
        *,
        elsewhere: Collection[str] = (),
        dropped: Callable[[], Collection[tuple[Row, str]]] = tuple,
    ) -> None:
        self._plan = plan
        self._keep = keep
        self._score = score
        self._elsewhere = frozenset(elsewhere)
        self._dropped = dropped
        self._known_dropped: set[tuple[Row, str]] = set()
        self._cells: defaultdict[str, list[Cell]] = defaultdict(list)
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        for cell, node_id in plan.cells.items():
            self._cells[node_id].append(cell)
        for node_id, node in plan.nodes.items():
            for parent in node.parents:
                self._children[parent].append(node_id)
        self._left = defaultdict(set, {node_id: set(children) for node_id, children in self._children.items()})
        self._contests = _contests(plan)
        self._of: dict[str, str] = {}
        self._best: dict[str, str] = {}
        self._noted: dict[str, str] = {}
        self._waiting: defaultdict[tuple[str, int], dict[Cell, str]] = defaultdict(dict)
        self._gone: set[str] = set()

    def after(self, graph: Graph, run_id: str) -> list[Removal]:
        """What may go since a run has ended. Told of every end, one after another."""
        if self._keep is Keep.ALL:
            return []
        if set(self._dropped()) != self._known_dropped:
            return self.look(graph)
        self._gone.discard(run_id)  # it may have been computed again
        return self._removals(graph, self._follow(graph, [graph.node_of(run_id)]))

    def look(self, graph: Graph) -> list[Removal]:
        """What may go of all runs: when a sweep begins and ends, and after a race has dropped some."""
        if self._keep is Keep.ALL:
            return []
        for row, target in set(self._dropped()) - self._known_dropped:
            self._known_dropped.add((row, target))
            if target in self._contests:
                self._contests[target].drop(row)
        self._follow(graph, self._plan.nodes)
        return self._removals(graph, self._of)

    def _follow(self, graph: Graph, node_ids: Iterable[str]) -> dict[str, None]:
        """Take note of where nodes stand, and those that opened below them; the runs that this may bear on."""
        touched: dict[str, None] = {}
        pending = list(node_ids)
        while pending:
            node_id = pending.pop()
            found = graph.trials.get(node_id)
            if found is None:
                if graph.state(node_id) is State.DROPPED:
                    touched |= self._settle(node_id)
                continue
            touched |= self._rank(node_id, found)
            if found.winner and self._noted.get(node_id) != found.winner:
                self._noted[node_id] = found.winner
                touched |= self._enter(node_id, found.winner)
                pending += self._children.get(node_id, ())
            if found.is_settled:
                touched |= self._settle(node_id)
        return touched

    def _rank(self, node_id: str, trials: Trials) -> dict[str, None]:
        """Find the best run of a node so far; all that have a record."""
        values = {trial.run_id: (trial.value, -trial.number) for trial in reversed(trials.trials) if _is_done(trial)}
        best = trials.winner or max(values, key=values.__getitem__, default="")
        self._best[node_id] = best
        done = dict.fromkeys(filter(None, (*values, best)))
        self._of |= dict.fromkeys(done, node_id)
        return done

    def _enter(self, node_id: str, winner: str) -> dict[str, None]:
        """Enter the winner of a node into the contests that it takes part in; the runs that this may bear on."""
        touched: set[str] = set()
        for cell in self._cells.get(node_id, ()) if self._keep is Keep.SELECTED else ():
            touched |= self._note(cell, winner)
            if cell == _baseline(cell):
                for other, run_id in self._waiting.pop((cell.target, cell.seed), {}).items():
                    touched |= self._note(other, run_id)
        parents = {self._best.get(parent, "") for run_id in touched for parent in self._parents(self._of[run_id])}
        return dict.fromkeys(touched | parents)

    def _note(self, cell: Cell, run_id: str) -> set[str]:
        """Enter the score of a cell; one that needs the baseline's waits for it."""
        beside = self._noted.get(self._plan.cells.get(_baseline(cell), ""), "")
        score = self._score(run_id, cell, beside)
        if score is None and not beside:
            self._waiting[cell.target, cell.seed][cell] = run_id
        return self._contests[cell.target].note(cell.row, cell.seed, run_id, score)

    def _settle(self, node_id: str) -> dict[str, None]:
        """Nothing of a node is left to do; the runs that this may bear on."""
        for parent in self._parents(node_id):
            self._left[parent].discard(node_id)
        return dict.fromkeys(self._best.get(parent, "") for parent in self._parents(node_id))

    def _parents(self, node_id: str) -> Sequence[str]:
        return self._plan.nodes[node_id].parents

    def _removals(self, graph: Graph, run_ids: Iterable[str]) -> list[Removal]:
        found = []
        for run_id in run_ids:
            if run_id and run_id not in self._gone and (why := self._why(graph, run_id)):
                self._gone.add(run_id)
                found.append(Removal(run_id=run_id, why=why))
        return found

    def _why(self, graph: Graph, run_id: str) -> str:
        """Why what a run left may go; empty where it stays."""
        node_id = self._of[run_id]
        cells, children = self._cells.get(node_id, ()), self._children.get(node_id, ())
        if run_id in self._elsewhere or self._plan.nodes[node_id].spec.phase is Phase.RETRIEVAL:  # leaves no model
            return ""
        if run_id != self._best[node_id]:
            return LOST
        if self._left.get(node_id) or not graph.trials[node_id].winner:
            return ""
        if any(graph.is_again(self._best.get(each, "")) for each in children):
            return ""
        if self._keep is Keep.NONE:
            return NONE_KEPT
        if not cells and not children:  # what was asked for is the run itself
            return ""
        if any(self._may_win(cell, run_id) for cell in cells):
            return ""
        if any(self._retrieval_may_win(child) for child in children):
            return ""
        return NOT_SELECTED if cells else NOT_NEEDED

    def _may_win(self, cell: Cell, run_id: str) -> bool:
        return self._contests[cell.target].may_win(run_id)

    def _retrieval_may_win(self, node_id: str) -> bool:
        """Whether the encoder that a retrieval run embeds with may be selected; there is no other model."""
        if self._plan.nodes[node_id].spec.phase is not Phase.RETRIEVAL:
            return False
        return any(self._may_win(cell, self._best.get(node_id, "")) for cell in self._cells.get(node_id, ()))


def _baseline(cell: Cell) -> Cell:
    """The baseline's cell of the same target and seed."""
    return Cell(*Row(BASELINE, False), cell.target, cell.seed)


def named_by(plan: Plan) -> frozenset[str]:
    """Runs of a plan, and runs outside it that they start from."""
    return frozenset(plan.nodes).union(*(node.parents for node in plan.nodes.values()))


def _contests(plan: Plan) -> dict[str, Contest]:
    seeds: defaultdict[str, defaultdict[Row, set[int]]] = defaultdict(lambda: defaultdict(set))
    for cell in plan.cells:
        seeds[cell.target][cell.row].add(cell.seed)
    return {target: Contest({row: len(found) for row, found in rows.items()}) for target, rows in seeds.items()}


def _is_done(trial: Trial) -> bool:
    return trial.state is State.DONE and trial.value is not None
