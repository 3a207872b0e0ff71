"""Which encoders and models may go, and when: by hand, and over random sweeps against what is worked out at the end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.graph.capacity import Machine
from sweep.graph.graph import Graph
from sweep.graph.node import NotSearched, Run
from sweep.graph.retention import LOST, NONE_KEPT, NOT_NEEDED, NOT_SELECTED, Retention
from tests.made.retention import MINED, ROWS, TRAINED, grid
from trainables.ledger.artefacts import Keep
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.plan import Plan
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import Trial

MACHINES = [Machine(name="here", cpus=3)]


class Tried(NotSearched):
    """So many runs of a node, two at a time, each with its figure; None is a failure that may pass."""

    def __init__(self, node, parent, values):
        super().__init__(node)
        self.values, self.told, self.out, self.parent = values, {}, 0, parent

    def ids(self, number):
        return f"{self._node.run_id}/{number}"

    def ask(self):
        if self.out == len(self.values) or self.out - len(self.told) == 2:
            return None
        number, self.out = self.out, self.out + 1
        return Run(run_id=self.ids(number), name=self._node.name, spec=self._node.spec, number=number)

    def end(self, run_id, state):
        self.told[int(run_id.partition("/")[2])] = state
        done = [number for number, each in self.told.items() if each is State.DONE]
        if len(self.told) == len(self.values):
            best = max(done, key=lambda number: (self.values[number], -number), default=None)
            self.winner, self.why_failed = ("", "failed") if best is None else (self.ids(best), "")
        return state

    def finish(self, run_id):
        return self.end(run_id, State.DONE)

    def fail(self, run_id):
        return self.end(run_id, State.FAILED)

    @property
    def is_settled(self):
        return bool(self.winner) and all(each is State.DONE for each in self.told.values())

    @property
    def trials(self):
        if len(self.values) == 1:
            return ()
        told = sorted(self.told.items())
        return tuple(Trial(number=n, params={}, run_id=self.ids(n), state=s, value=self.values[n]) for n, s in told)


class Sweep:
    """A sweep on paper that removes what it is told to, and keeps account of what is there."""

    def __init__(self, plan, keep, figures, scores, order, elsewhere=(), score=None):
        self.plan, self.there, self.why, self.opened = plan, set(), {}, {}
        self.figures, self.scores, self.order = figures, scores, order
        self.retention = Retention(plan, keep, score or self.score, elsewhere=elsewhere)
        self.graph = Graph(plan, self.open, on_end=self.ended)
        self.graph.resize(MACHINES)

    def score(self, run_id, cell, beside):
        return self.scores[run_id, cell.target]

    def open(self, node, parent):
        self.opened[node.run_id] = Tried(node, parent, self.figures[node.run_id])
        return self.opened[node.run_id]

    def ended(self, graph, run_id):
        node = self.plan.nodes[graph.node_of(run_id)]
        if graph.end(run_id) is State.DONE and node.spec.phase is not Phase.RETRIEVAL:
            self.there.add(run_id)
        self.remove(self.retention.after(graph, run_id))

    def remove(self, removals):
        for removal in removals:
            assert removal.run_id not in self.why, "told twice"
            self.why[removal.run_id] = removal.why
            self.there.discard(removal.run_id)

    def run(self, check=lambda sweep: None):
        live = []
        while True:
            while run_id := self.graph.start(0.0):
                live.append(run_id)
            if not live:
                break
            run_id = live.pop(self.order(len(live)))
            node_id = self.graph.node_of(run_id)
            figure = self.figures[node_id][int(run_id.partition("/")[2])]
            self.graph.fail(run_id) if figure is None else self.graph.finish(run_id)
            check(self)
        assert self.retention.look(self.graph) == [], "nothing is left for the end"
        return self

    def needed(self):
        """Encoders that something starts from which is not done, also at a later start."""
        for node_id, node in self.plan.nodes.items():
            parent = self.opened.get(node.spec.parent)
            child = self.opened.get(node_id)
            if parent and parent.winner and (child is None or not child.is_settled):
                yield parent.winner


def selected(sweep):
    """Of every target the winner with the best score of the row with the best mean; None where one is not known."""
    found = {}
    scores = defaultdict(lambda: defaultdict(dict))
    for cell, node_id in sweep.plan.cells.items():
        opened = sweep.opened.get(node_id)
        winner = opened.winner if opened else ""
        scores[cell.target][cell.row][cell.seed] = (sweep.scores.get((winner, cell.target)), winner, node_id)
    order = [row for row in (Row(name, False) for name in ROWS) if row in {cell.row for cell in sweep.plan.cells}]
    for target, rows in scores.items():
        if any(score is None for row in rows.values() for score, _, _ in row.values()):
            return None
        best = max(order, key=lambda row: (fmean(s for s, _, _ in rows[row].values()), -order.index(row)))
        found[target] = max(sorted(rows[best].items()), key=lambda item: item[1][0])[1][1:]
    return found


def kept(sweep):
    """What `keep: selected` leaves of a sweep that went well."""
    of = {}
    for target, (winner, node_id) in selected(sweep).items():
        node = sweep.plan.nodes[node_id]
        if node.spec.phase is Phase.TARGET:
            of[target] = winner
        elif node.spec.parent:
            of[target] = sweep.opened[node.spec.parent].winner
    return set(of.values())


def made(plan, keep, value=lambda node_id, number: 50.0, elsewhere=()):
    """A sweep whose figures are a function of the node and the number of the trial; the first started ends first."""
    figures = {id_: [value(id_, number) for number in range(node.trials)] for id_, node in plan.nodes.items()}
    ids = {(id_, n): f"{id_}/{n}" for id_, values in figures.items() for n in range(len(values))}
    scores = {
        (ids[id_, n], target): figures[id_][n] for id_, n in ids for target in plan.nodes[id_].spec.tasks
    }  # fmt: skip
    return Sweep(plan, keep, figures, scores, lambda live: 0, elsewhere)


# by hand


def by_name(plan, sweep):
    return {plan.nodes[run_id.partition("/")[0]].name for run_id in sweep.there}


def test_an_encoder_goes_with_the_end_of_its_last_child():
    plan = grid({"squad": 1}, {"xnli": 1, "udpos": 1}, 1)
    steps = []
    made(plan, Keep.SELECTED).run(lambda sweep: steps.append(by_name(plan, sweep)))
    assert steps == [
        {"squad squad 0"},
        {"squad squad 0", "squad xnli 0"},
        {"squad xnli 0", "squad udpos 0"},
    ]


def test_the_best_row_of_each_target_is_left_and_the_reasons_are_said():
    plan = grid({BASELINE: 1, "squad": 1, "qqp": 1}, {"xnli": 1, "tatoeba": 1}, 1)
    best = {"none xnli 0": 60.0, "qqp tatoeba 0": 90.0}
    sweep = made(plan, Keep.SELECTED, lambda id_, n: best.get(plan.nodes[id_].name, 50.0)).run()
    assert by_name(plan, sweep) == {"none xnli 0", "qqp qqp 0"}
    why = {plan.nodes[run_id.partition("/")[0]].name: reason for run_id, reason in sweep.why.items()}
    assert why == {"squad squad 0": NOT_NEEDED, "squad xnli 0": NOT_SELECTED, "qqp xnli 0": NOT_SELECTED}


def test_ties_go_to_the_first_row_of_table_2_and_to_the_first_seed():
    plan = grid({BASELINE: 1, "squad": 1}, {"xnli": 1}, 2)
    assert by_name(plan, made(plan, Keep.SELECTED).run()) == {"none xnli 0"}


def test_of_the_best_row_the_best_seed_is_left_even_where_another_row_has_a_better_one():
    plan = grid({BASELINE: 1, "squad": 1}, {"xnli": 1}, 2)
    figures = {"none xnli 0": 10.0, "none xnli 1": 90.0, "squad xnli 0": 60.0, "squad xnli 1": 70.0}
    sweep = made(plan, Keep.SELECTED, lambda id_, n: figures.get(plan.nodes[id_].name, 50.0)).run()
    assert by_name(plan, sweep) == {"squad xnli 1"}


def test_trials_that_lost_go_before_their_search_has_ended():
    plan = grid({"squad": 4}, {"xnli": 1}, 1)
    counts = []
    sweep = made(plan, Keep.SELECTED, lambda id_, n: 50.0 + n).run(lambda sweep: counts.append(len(sweep.there)))
    assert counts == [1, 1, 1, 1, 1]
    assert list(sweep.why.values()) == [LOST, LOST, LOST, NOT_NEEDED]


def test_an_encoder_stays_while_a_child_has_failed_since_the_next_start_tries_it_again():
    plan = grid({"squad": 1}, {"xnli": 1, "udpos": 1}, 1)
    fails = lambda id_, n: None if "udpos" in plan.nodes[id_].name else 50.0  # noqa: E731
    assert by_name(plan, made(plan, Keep.SELECTED, fails).run()) == {"squad squad 0", "squad xnli 0"}


def test_all_is_left_of_keep_all_and_nothing_of_keep_none():
    plan = grid({BASELINE: 1, "squad": 3}, {"xnli": 2, "tatoeba": 1}, 2)
    assert len(made(plan, Keep.ALL).run().there) == 2 * 3 + 4 * 2
    sweep = made(plan, Keep.NONE).run()
    assert sweep.there == set()
    assert {*sweep.why.values()} == {LOST, NONE_KEPT}


def test_what_another_sweep_names_stays():
    plan = grid({"squad": 1, "qqp": 1}, {"xnli": 1}, 1)
    [squad] = [id_ for id_, node in plan.nodes.items() if node.name == "squad squad 0"]
    sweep = made(plan, Keep.NONE, elsewhere=[f"{squad}/0"]).run()
    assert by_name(plan, sweep) == {"squad squad 0"}


def test_runs_that_nothing_starts_from_and_that_no_cell_asks_for_are_what_was_asked_for():
    """As `xstilts search` has them: the winner stays."""
    plan = grid({"squad": 3}, {"xnli": 1}, 1)
    alone = Plan(nodes={id_: node for id_, node in plan.nodes.items() if not node.parents}, cells={})
    assert len(made(alone, Keep.SELECTED, lambda id_, n: float(n)).run().there) == 1
    assert len(made(alone, Keep.NONE).run().there) == 0


def test_a_run_that_serves_two_targets_stays_while_either_may_select_it():
    plan = grid({BASELINE: 1, "squad": 1}, {"xquad": 1}, 1)
    nodes, cells = {}, {}
    for cell, node_id in plan.cells.items():
        node = plan.nodes[node_id]
        both = replace(node, spec=replace(node.spec, tasks=("xquad", "mlqa")))
        nodes[both.run_id] = both
        cells |= {cell: both.run_id, cell._replace(target="mlqa"): both.run_id}
    plan = Plan(nodes={id_: n for id_, n in plan.nodes.items() if n.spec.tasks != ("xquad",)} | nodes, cells=cells)
    sweep = made(plan, Keep.SELECTED)
    for run_id, target in list(sweep.scores):
        good = {"none": "xquad", "squad": "mlqa"}[str(plan.nodes[run_id.partition("/")[0]].row)]
        sweep.scores[run_id, target] = 90.0 if target == good else 10.0
    assert by_name(plan, sweep.run()) == {"none xquad 0", "squad xquad 0"}


def test_what_a_race_has_dropped_is_not_selected_however_good():
    plan = grid({BASELINE: 1, "squad": 1, "qqp": 1}, {"xnli": 1}, 1)
    figures = {"none xnli 0": 90.0, "squad xnli 0": 60.0, "qqp xnli 0": 50.0}
    sweep = made(plan, Keep.SELECTED, lambda id_, n: figures.get(plan.nodes[id_].name, 50.0))
    dropped = set()
    sweep.retention._dropped = lambda: dropped

    def drop(sweep):
        if not dropped and by_name(plan, sweep) >= {"none xnli 0"}:
            dropped.add((Row(BASELINE, False), "xnli"))

    assert by_name(plan, sweep.run(drop)) == {"squad xnli 0"}


# over random sweeps


@st.composite
def sweeps(draw, failures):
    rows = draw(st.lists(st.sampled_from(ROWS[1:]), unique=True, max_size=3))
    targets = draw(st.lists(st.sampled_from([*TRAINED, *MINED]), unique=True, min_size=1, max_size=3))
    trials = st.integers(1, 3)
    asked = {name: draw(trials) for name in sorted(rows)}
    plan = grid(
        {BASELINE: 1} | asked if draw(st.booleans()) or not rows else asked,
        {name: draw(trials) for name in sorted(targets)},
        draw(st.integers(1, 3)),
    )
    figure = st.integers(0, 3).map(float)
    figure = st.none() | figure if failures else figure
    figures = {id_: [draw(figure) for _ in range(node.trials)] for id_, node in plan.nodes.items()}
    score = st.integers(0, 3).map(float)
    scores = {
        (f"{id_}/{n}", target): draw(score)
        for id_, values in figures.items() for n in range(len(values)) for target in plan.nodes[id_].spec.tasks
    }  # fmt: skip
    keep = draw(st.sampled_from(Keep))
    return Sweep(plan, keep, figures, scores, lambda live: draw(st.integers(0, live - 1))), keep


def nothing_needed_is_gone(sweep):
    assert not {*sweep.needed()} & sweep.why.keys()


@given(sweeps(failures=True))
def test_nothing_that_is_still_needed_is_ever_removed(found):
    sweep, _ = found
    sweep.run(nothing_needed_is_gone)


@given(sweeps(failures=False))
def test_at_the_end_exactly_what_keep_says_is_left(found):
    sweep, keep = found
    sweep.run(nothing_needed_is_gone)
    everything = {
        tried.ids(number)
        for tried in sweep.opened.values() if tried._node.spec.phase is not Phase.RETRIEVAL
        for number in range(len(tried.values))
    }  # fmt: skip
    assert sweep.there == {Keep.ALL: everything, Keep.NONE: set(), Keep.SELECTED: kept(sweep)}[keep]


@pytest.mark.parametrize("last", [BASELINE, "squad"])
def test_a_score_that_needs_the_baselines_is_entered_once_that_is_known(last):
    plan = grid({BASELINE: 1, "squad": 1, "qqp": 1}, {"xnli": 1}, 1)
    names = {id_: node.name for id_, node in plan.nodes.items()}
    raw = {"none xnli 0": 50.0, "qqp xnli 0": 60.0}
    asked = []

    def score(run_id, cell, beside):
        """SQuAD's encoder has seen labels: without them it gains one point over the baseline."""
        if cell.row.intermediate != "squad":
            return raw[names[run_id.partition("/")[0]]]
        asked.append(bool(beside))
        return 51.0 if beside else None

    figures = {id_: [50.0] for id_ in plan.nodes}

    places = iter([0, 0, 2, 1, 0] if last == BASELINE else [0, 0, 0, 1, 0])
    sweep = Sweep(plan, Keep.SELECTED, figures, {}, lambda live: next(places), score=score).run()
    assert by_name(plan, sweep) == {"qqp xnli 0"}
    assert asked == ([False, True] if last == BASELINE else [True])
