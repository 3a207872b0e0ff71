"""Scores by hidden state as a table, beside the rows that the runs belong to."""

from __future__ import annotations

import dataclasses

import pytest

from analysis.scores.headings import AnalysisError
from analysis.scores.layers import layer_scores
from analysis.scores.load import load, score_table
from tests.made.records import intermediate_spec, language_scores, record, target_spec
from trainables.ledger.layers import LAYERS, LayerScore, to_json
from trainables.ledger.spec import HiddenStates


def finish(store, target, parent="", seed=42, values=None):
    """A retrieval run; `values` are by split, language and hidden state."""
    spec = target_spec(target, parent=parent, seed=seed)
    files = {}
    if values:
        every = dataclasses.replace(spec.retrieval, layers=HiddenStates.ALL)
        spec = dataclasses.replace(spec, retrieval=every)
        made = store.work(spec.run_id) / LAYERS
        made.write_text(to_json([
            LayerScore(task=target, split=split, language=language, layer=layer, metric="m", value=value, rows=9)
            for (split, language, layer), value in values.items()
        ]))  # fmt: skip
        files = store.publish(spec.run_id, LAYERS, made)
    store.finish(dataclasses.replace(record(spec, language_scores(target, 50.0)), files=files))
    return spec.run_id


def test_a_line_is_a_hidden_state_of_a_run_in_its_row(store):
    parent = intermediate_spec("squad", mlm=True)
    store.finish(record(parent))
    before = finish(store, "tatoeba", values={("test", "de", 0): 10.0, ("test", "de", 1): 12.5})
    after = finish(store, "tatoeba", parent=parent.run_id, values={("test", "sw", 0): 3.0})
    finish(store, "tatoeba", seed=43)
    runs = load(store)
    found = layer_scores(store, runs)
    assert list(found.columns) == ["run_id", "intermediate", "mlm", "seed", "target", "language", "layer", "value"]
    assert sorted(found.itertuples(index=False, name=None), key=lambda line: line[-1]) == [
        (after, "squad", True, 42, "tatoeba", "sw", 0, 3.0),
        (before, "none", False, 42, "tatoeba", "de", 0, 10.0),
        (before, "none", False, 42, "tatoeba", "de", 1, 12.5),
    ]
    assert [*found["run_id"].unique()] == [run.record.run_id for run in runs if LAYERS in run.record.files]


def test_no_run_with_hidden_states_is_a_table_without_lines(store):
    finish(store, "tatoeba")
    assert layer_scores(store, load(store)).empty
    assert list(layer_scores(store, []).columns)[-2:] == ["layer", "value"]


def test_test_rows_that_stay_closed_are_not_shown(store):
    finish(store, "bucc", values={("dev", "de", 0): 20.0, ("test", "de", 0): 30.0})
    assert layer_scores(store, load(store))["value"].tolist() == [20.0]


def test_hidden_states_enter_no_score(store):
    run_id = finish(store, "tatoeba", values={("test", "de", 0): 99.0})
    other = finish(store, "tatoeba", seed=43)
    frame = score_table(load(store))
    own, beside = (frame[frame["run_id"] == each]["value"].tolist() for each in (run_id, other))
    assert own == beside
    assert 99.0 not in own


def test_a_file_that_was_changed_is_an_error_that_names_the_run(store):
    run_id = finish(store, "tatoeba", values={("test", "de", 0): 10.0})
    file = store.root / "runs" / run_id / LAYERS
    file.write_text(file.read_text().replace("10.0", "90.0"))
    with pytest.raises(AnalysisError, match=f"the hidden states of run {run_id} cannot be read: .*is damaged"):
        layer_scores(store, load(store))
