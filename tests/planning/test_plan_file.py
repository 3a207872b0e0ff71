"""The plan in its file: what is written comes back, earlier formats are read, winners change no id of a sweep."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.paper_plan import paper_plan
from search_spaces.search_fields import SearchFields
from sweep.planning.trials import with_trials
from tests.made import graphs
from tests.made.data import FakeData, plan
from trainables.ledger.cells import BASELINE, MULTI_TASK, Cell, Row
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Footprint, Node, Plan, Share, resolve
from trainables.ledger.space import Choices, Interval

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_plan_survives_its_file(store):
    found = plan("grid.targets=xnli,pawsx,tatoeba", data=FakeData("PAWS-X.en", "20231101.sw"))
    assert found.without_data
    assert found.notes
    store.save_plan(found)
    assert store.plan() == store.plan(found.sweep) == found


def test_a_plan_of_hundreds_of_searched_nodes_survives_its_file(store):
    search = SearchFields.model_validate({"gpu_hours": 500, "intermediate": 9})
    found, _ = with_trials(paper_plan(seeds=3, share=Share(gpus=1 / 3, cpus=2)), search)
    assert len({node.trials for node in found.nodes.values()}) > 2
    store.save_plan(found)
    assert store.plan() == found


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
SHARES = st.builds(
    Share,
    gpus=st.one_of(st.integers(0, 8).map(float), st.integers(2, 12).map(lambda n: 1 / n)),
    cpus=st.integers(1, 9),
    gpu_bytes=st.integers(0, 10**11),
    least_gpu_bytes=st.integers(0, 10**11),
    memory_bytes=st.integers(0, 10**12),
)
RANGES = {
    "learning_rate": st.builds(
        Interval, parameter=st.just("learning_rate"), low=st.floats(1e-9, 1e-5), high=st.floats(2e-5, 1.0),
        log=st.booleans(),
    ),
    "epochs": st.builds(Interval, parameter=st.just("epochs"), low=st.floats(0.1, 3), high=st.integers(4, 60)),
    "batch_size": st.sets(st.integers(1, 512), min_size=2).map(
        lambda found: Choices(parameter="batch_size", choices=tuple(found))
    ),
}  # fmt: skip
BYTES = st.integers(0, 10**13)
FOOTPRINTS = st.builds(Footprint, model=BYTES, rest=BYTES, work=BYTES)
ROWS = st.builds(Row, NAMES, st.booleans())


@st.composite
def plans(draw):
    """Parents, some of their children, and cells of any of them."""
    nodes: list[Node] = []
    for task in draw(st.lists(NAMES, max_size=3, unique=True)):
        parent = graphs.node(task)
        nodes += [parent, *(graphs.node(target, parent=parent) for target in draw(st.lists(NAMES, max_size=2)))]
    made = [
        dataclasses.replace(
            node, name=draw(st.text(max_size=9)), row=draw(ROWS), cost=draw(st.floats(0, 1e9)), share=draw(SHARES),
            trials=draw(st.integers(1, 99)), space=draw(st.fixed_dictionaries({}, optional=RANGES)),
            footprint=draw(FOOTPRINTS),
        )
        for node in nodes
    ]  # fmt: skip
    cells = draw(st.lists(st.builds(Cell, NAMES, st.booleans(), NAMES, st.integers(0, 2**32)), max_size=4, unique=True))
    served = {cell: draw(st.sampled_from(made)).run_id for cell in cells[1:] if made}
    return Plan(
        nodes={node.run_id: node for node in made}, cells=served,
        without_data={cell: draw(st.text(max_size=9)) for cell in cells[:1]}, notes=tuple(draw(st.lists(NAMES))),
    )  # fmt: skip


@given(found=plans())
def test_any_plan_is_read_as_it_was_written(found):
    again = Plan.from_json(found.to_json())
    assert again == found
    assert [*again.nodes] == [*found.nodes]
    assert [*again.cells] == [*found.cells]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"format": 99}', '{"format": "1"}', '{"format": 1, "nodes": [{}]}',
     '{"format": 2, "nodes": [{}]}', "\x00"],
)  # fmt: skip
def test_a_broken_plan_file_is_named(store, text):
    (store.root / "plan.json").write_text(text)
    with pytest.raises(LedgerError, match=r"plan\.json is not a plan .*move it away"):
        store.plan()


def test_a_folder_without_a_plan_says_how_to_make_one(store):
    with pytest.raises(LedgerError, match=r"plan\.json does not exist. Start one with `run`"):
        store.plan()


# format 1


def test_a_plan_of_format_1_has_the_rows_that_its_runs_make(store):
    """Written by the code before format 2: two rows and the baseline, with MLM and without, a target without rows."""
    (store.root / "plan.json").write_text((GOLDEN / "plan-1.json").read_text())
    found = store.plan()
    rows = [Row("qqp", False), Row(MULTI_TASK, False), Row("qqp", True), Row(MULTI_TASK, True)]
    assert [(node.name, node.row) for node in found.nodes.values()] == [
        *((f"{row} #42", row) for row in rows),
        *((f"{row} -> tatoeba #42", row) for row in (Row(BASELINE, False), *rows)),
    ]
    assert {cell.row: found.nodes[run_id].row for cell, run_id in found.cells.items()} == {
        row: row for row in (Row(BASELINE, False), *rows)
    }
    assert {cell.target for cell in found.without_data} == {"pawsx"}
    assert [node.share for node in found.nodes.values()] == 4 * [Share(gpus=1)] + 5 * [Share(gpus=0.5)]
    assert {(node.trials, len(node.space)) for node in found.nodes.values()} == {(1, 0)}
    assert found.notes[0].startswith("multitask: trained without hellaswag")


def test_a_plan_of_format_1_is_that_of_the_same_sweep_planned_today(store):
    (store.root / "plan.json").write_text((GOLDEN / "plan-1.json").read_text())
    sets = ["grid.intermediates=none,qqp,multitask", "grid.targets=tatoeba,pawsx", "mlm.languages=en,de"]
    on = ["cluster.address=auto", "cluster.gpus.tasks.tatoeba=1/2"]
    today = plan(*sets, *on, data=FakeData("PAWS-X.en/train", "hellaswag"))
    assert all(node.footprint.rest for node in today.nodes.values())
    assert all(node.cost for node in store.plan().nodes.values())
    assert but_for_estimates(store.plan()) == but_for_estimates(today)


def but_for_estimates(found: Plan) -> Plan:
    """What is decided, without seconds and bytes, which formulas of another day say otherwise."""
    without = {"cost": 0.0, "cost_low": 0.0, "cost_high": 0.0, "stages": {}, "footprint": Footprint()}
    nodes = {
        run_id: dataclasses.replace(node, **without, share=Share(gpus=node.share.gpus, cpus=node.share.cpus))
        for run_id, node in found.nodes.items()
    }
    return dataclasses.replace(found, nodes=nodes)


def test_a_plan_of_format_1_is_written_in_the_format_of_today(store):
    found = Plan.from_json((GOLDEN / "plan-1.json").read_text())
    assert json.loads(found.to_json())["format"] == 3
    assert Plan.from_json(found.to_json()) == found


# whose plan it is


def test_the_id_of_a_sweep_stays_when_winners_are_put_in(store):
    found = graphs.fan(["a", "b"], ["x"])
    [parent, child, *_] = found.nodes.values()
    winner = dataclasses.replace(
        parent.spec, optimisation=dataclasses.replace(parent.spec.optimisation, learning_rate=2e-5)
    )
    resolved = resolve(found, {parent.run_id: winner})
    assert resolved.nodes.keys().isdisjoint({parent.run_id, child.run_id})
    [moved] = [node for node in resolved.nodes.values() if node.spec.parent == winner.run_id]
    assert (moved.name, moved.row) == (child.name, child.row)
    assert resolved.sweep == found.sweep
    store.save_plan(found)
    store.save_plan(resolved)
    assert store.sweeps() == [found.sweep]
    assert store.plan(found.sweep) == store.plan() == resolved


def test_other_cells_or_runs_are_another_sweep_and_other_costs_are_not():
    found = graphs.fan(["a"], ["x"])
    slower = {id_: dataclasses.replace(node, cost=7 * node.cost, trials=3) for id_, node in found.nodes.items()}
    again = Plan(nodes=dict(reversed(slower.items())), cells=found.cells, notes=("slow",))
    assert again.sweep == found.sweep
    others = [
        graphs.fan(["a"], ["x", "y"]), graphs.fan(["b"], ["x"]), Plan(nodes=found.nodes, cells={}),
        Plan(nodes=found.nodes, cells={}, without_data=dict.fromkeys(found.cells, "no rows")),
    ]  # fmt: skip
    assert len({found.sweep, *(other.sweep for other in others)}) == 5
