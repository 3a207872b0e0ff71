"""Rows that the paper does not have: their headings, their order, where runs stand, what may share a table."""

from __future__ import annotations

import dataclasses
import random

import pytest

from analysis.scores.headings import AnalysisError, heading, row_order, row_title
from analysis.scores.load import load
from analysis.scores.sweeps import differences
from analysis.selection.averages import TaskScore
from analysis.selection.sweep import gather
from analysis.tables.rendering import markdown
from analysis.tables.table2 import table2
from sweep.cluster.searcher import run_config
from sweep.graph.node import Run
from tests.made.data import plan
from tests.made.records import intermediate_spec, language_scores, record
from trainables.ledger.cells import Row
from trainables.ledger.plan import Share, own_row
from trainables.ledger.recipe import parse_recipe
from trainables.ledger.record import BrokenRecordError, Record
from trainables.ledger.seal import sealed
from trainables.ledger.spec import Phase
from trainables.phases.options import Options

TITLES = {
    "none": "baseline",
    "multitask+mlm": "Multi-task + MLM",
    "panx@sw": "NER (sw)",
    "panx@de+sw:1000": "NER (de, sw, 1,000 rows)",
    "panx:200steps": "NER (200 updates)",
    "squad>panx@de": "SQuAD → NER (de)",
    "squad>panx@de+mlm": "SQuAD → NER (de) + MLM",
    "qqp/adapter": "QQP (adapter 48)",
    "mlm@sw/adapter>qqp/lora16": "MLM (sw, adapter 48) → QQP (LoRA 16)",
    "qqp+mlm@am+sw": "QQP + MLM (am, sw)",
    "qqp+mlm/lora": "QQP (LoRA 8) + MLM",
    "mlm@am+sw": "MLM (am, sw)",
    "mlm": "MLM",
}


@pytest.mark.parametrize("recipe", TITLES)
def test_a_row_is_called_what_its_stages_are(recipe):
    assert row_title(parse_recipe(recipe).row) == TITLES[recipe]


def test_an_unknown_task_in_a_row_is_an_error_with_the_nearest_name():
    with pytest.raises(AnalysisError, match="unknown task 'sqaud'; did you mean 'squad'"):
        heading("qqp>sqaud")
    with pytest.raises(AnalysisError, match="an empty stage"):
        heading("qqp>")


def test_the_rows_of_the_paper_come_first_and_others_by_task_language_and_dose():
    wanted = [
        "none", "anli", "squad", "multitask", "anli+mlm", "squad+mlm", "qqp/adapter", "udpos@ta", "panx@de+sw",
        "panx@sw:100", "panx@sw:1000", "panx@sw", "panx@sw/adapter", "mlm@sw", "squad>panx@de", "panx@sw+mlm",
    ]  # fmt: skip
    rows = [parse_recipe(text).row for text in wanted]
    mixed = list(rows)
    for seed in range(5):
        random.Random(seed).shuffle(mixed)
        assert [str(row) for row in sorted(mixed, key=row_order)] == wanted


ROWS = "none,squad,panx@sw,panx@sw:50,squad>panx@sw,mlm@sw,squad+mlm@de,qqp/adapter"
LEVELS = {"none": 50.0, "squad": 52.0, "panx@sw": 55.0, "panx@sw:50": 51.0, "squad>panx@sw": 58.0, "mlm@sw": 49.0,
          "squad+mlm@de": 53.0, "qqp/adapter": 50.5}  # fmt: skip


@pytest.fixture
def swept(store):
    """A finished sweep: its plan, and its store with records as its workers write them."""
    made = plan(f"grid.intermediates={ROWS}", "grid.mlm=off", "grid.targets=panx")
    for node in made.nodes.values():
        options = run_config(
            Run(run_id=node.run_id, name=node.name, spec=node.spec), node.row, Share(), store, NO_OPTIONS
        )
        scores = () if node.spec.phase is Phase.INTERMEDIATE else language_scores("panx", LEVELS[str(node.row)])
        store.finish(dataclasses.replace(record(node.spec, scores, node.name), row=options["options"]["row"]))
    return made, store


NO_OPTIONS = Options(data="demo", encoder="bundled:3")


def test_a_record_says_its_row_where_its_spec_does_not(swept):
    made, store = swept
    said = {
        str(node.row): store.record(node.run_id).row
        for node in made.nodes.values()
        if node.spec.phase is Phase.INTERMEDIATE
    }
    assert said == {
        "squad": "", "panx@sw": "", "panx@sw:50": "panx@sw:50", "squad>panx@sw": "squad>panx@sw", "mlm@sw": "",
        "squad+mlm@de": "squad+mlm@de", "qqp/adapter": "",
    }  # fmt: skip


@pytest.mark.parametrize("planned", [True, False])
def test_runs_stand_in_their_rows_with_the_plan_and_without(swept, planned):
    made, store = swept
    results = gather(store, made if planned else None).results
    assert {str(row) for row in results.variants} == set(LEVELS)
    for row in results.variants:
        found = results.dev(row, "panx")
        assert isinstance(found, TaskScore)
        assert found.over(tuple(found.languages)).value == pytest.approx(LEVELS[str(row)])


def test_the_best_row_is_selected_whatever_it_is(swept):
    made, store = swept
    assert str(gather(store, made).selections["panx"].variant) == "squad>panx@sw"


def test_table_2_has_all_rows(swept):
    made, store = swept
    sweep = gather(store, made)
    text = markdown(table2(sweep.results, sweep.selections))
    for row in LEVELS:
        title = row_title(parse_recipe(row).row)
        assert f"| {title.removesuffix(' + MLM')}" in text, title


def test_settings_that_a_row_says_itself_are_no_other_sweeps(swept):
    _, store = swept
    assert differences(load(store)) == []


def test_language_adapters_of_other_seeds_and_rows_are_no_other_sweeps(store):
    rows = "grid.intermediates=none,mlm@en/adapter,mlm@sw/adapter"
    made = plan(rows, "grid.mlm=off", "grid.targets=panx", "data.languages=en,de,sw", "grid.seeds=1,2",
                "target.method=adapter", "target.language_adapters=on")  # fmt: skip
    for node in made.nodes.values():
        store.finish(dataclasses.replace(record(node.spec), row=str(node.row)))
    assert len({tuple(node.spec.swaps.items()) for node in made.nodes.values()}) == 1 + 2 * 2
    assert differences(load(store)) == []


def test_the_plan_decides_where_the_same_run_has_two_names(store):
    """A dose in one sweep is the cap of all runs in another."""
    [spec] = [n.spec for n in plan("grid.intermediates=panx@sw:50", "grid.mlm=off", "grid.targets=panx").nodes.values()
              if n.spec.phase is Phase.INTERMEDIATE]  # fmt: skip
    store.finish(dataclasses.replace(record(spec), row="panx@sw:50"))
    other = plan("grid.intermediates=panx@sw", "grid.mlm=off", "grid.targets=panx", "data.train_rows=50")
    [node] = [node for node in other.nodes.values() if node.spec.phase is Phase.TARGET]
    assert node.spec.parent == spec.run_id
    store.finish(record(node.spec, language_scores("panx", 50.0), node.name))
    assert gather(store, other).results.variants == (Row("panx@sw", False),)
    assert [run.variant for run in load(store, [node.run_id])] == [Row("panx@sw:50", False)]


def test_records_of_earlier_versions_have_the_row_of_their_spec(store):
    spec = intermediate_spec("squad", mlm=True)
    text = record(spec).to_json()
    assert '"row"' not in text
    assert own_row(Record.from_json(text).spec) == Row("squad", True)


@pytest.mark.parametrize("row", ["squad>", 5, ["squad"], None])
def test_a_record_with_a_row_that_is_none_is_broken(row):
    fields = dataclasses.asdict(dataclasses.replace(record(intermediate_spec("squad")), spec=None))
    text = sealed({"format": 2, **fields, "spec": intermediate_spec("squad").to_dict(), "row": row})
    with pytest.raises(BrokenRecordError, match="not a record"):
        Record.from_json(text)
