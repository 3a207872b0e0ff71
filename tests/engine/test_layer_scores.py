"""Retrieval runs that score every hidden state: what they leave beside the record, and that the record is the same."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.made.mining import slow_candidates, slow_f1, slow_threshold
from tests.made.phases import planned_with, spec
from trainables.data.hub import load, open_data
from trainables.evaluation import room
from trainables.ledger.layers import LAYERS, from_json
from trainables.ledger.spec import EncoderRef, HiddenStates, Phase, Retrieval
from trainables.ledger.store import Store
from trainables.model.encoder import load_encoder
from trainables.model.finite import NotFiniteError
from trainables.model.names import encoder_fingerprint
from trainables.model.tokenizer import load_tokenizer
from trainables.phases.context import Context
from trainables.phases.options import Options
from trainables.phases.run import run_to_end
from trainables.tasks.languages import ENGLISH
from trainables.tasks.registry import task
from trainables.tasks.task import Split

ENCODER = "bundled:3"
OPTIONS = Options(data="demo", encoder=ENCODER)
LAYER, NUM_STATES = 2, 4


def wanted(name, layers, rows=12):
    """A run of two languages that is about hidden state 2 of 0 to 3."""
    made = spec(Phase.RETRIEVAL, name)
    data = dataclasses.replace(made.data, eval_rows=rows, languages=("de", "zh"))
    encoder = EncoderRef(name=ENCODER, revision=encoder_fingerprint(ENCODER))
    retrieval = Retrieval(layer=LAYER, max_length=32, layers=layers)
    return planned_with(dataclasses.replace(made, data=data, encoder=encoder, retrieval=retrieval), open_data("demo"))


def left(store, record):
    """The scores of hidden states, by split, language and hidden state."""
    scores = from_json(store.fetch(record.run_id, LAYERS).read_text())
    found = {(score.split, score.language, score.layer): score for score in scores}
    assert len(found) == len(scores)
    return found


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """By target, a store and the records of the same run with one and with all hidden states."""

    @functools.cache
    def found(name):
        store = Store(tmp_path_factory.mktemp("store")).prepare()
        return store, *(run_to_end(wanted(name, each), "name", store, OPTIONS) for each in HiddenStates)

    return found


@pytest.fixture(params=["tatoeba", "bucc"])
def pair(request, computed):
    return computed(request.param)


def test_the_score_of_a_run_is_bit_for_bit_the_same_whether_others_are_scored_or_not(pair):
    _, one, every = pair
    assert one.run_id != every.run_id
    assert one.scores == every.scores
    assert len(one.scores) == (2 if every.spec.tasks == ("tatoeba",) else 4)
    assert one.findings == every.findings
    assert every.files == one.files | {LAYERS: every.files[LAYERS]}


@pytest.mark.parametrize("changes", [{"unpadded": False}, {"eval_tokens": 1}, {"eval_tokens": 300}])
def test_the_score_is_the_same_however_sentences_are_batched(tmp_path, pair, changes):
    """With one sub-word a batch no sentence is padded."""
    _, _, every = pair
    options = dataclasses.replace(OPTIONS, **changes)
    store = Store(tmp_path / "store").prepare()
    one, again = (run_to_end(wanted(every.spec.tasks[0], each), "name", store, options) for each in HiddenStates)
    assert one.scores == again.scores


def test_only_the_split_that_selects_is_scored_at_every_hidden_state(pair):
    store, _, every = pair
    own = task(every.spec.tasks[0])
    found = left(store, every)
    assert set(found) == {
        (own.selection_split, language, layer) for language in ("de", "zh") for layer in range(NUM_STATES)
    }
    assert {(score.task, score.metric, score.rows) for score in found.values()} == {(own.name, *own.metrics, 12)}
    for score in every.scores:
        if score.split == own.selection_split:
            beside = found[score.split, score.language, LAYER]
            assert (beside.value, beside.rows) == (score.value, score.rows)


def sentences_of(name, split, language):
    return load(task(name), split, language, open_data("demo"), limit=12).examples


@pytest.fixture(scope="module")
def states():
    """text -> unit vectors [K, H], by transformers, one sentence at a time."""
    encoder, tokenizer = load_encoder(ENCODER), load_tokenizer(ENCODER)
    known = {}

    def found(text):
        if text not in known:
            ids = tokenizer(text, truncation=True, max_length=32, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                hidden = encoder(ids, output_hidden_states=True).hidden_states
            known[text] = torch.stack([functional.normalize(state[0].mean(0), dim=-1) for state in hidden]).numpy()
        return known[text]

    return found


def test_accuracy_at_every_hidden_state_is_that_of_a_search_through_all_sentences(computed, states):
    store, _, every = computed("tatoeba")
    found = left(store, every)
    values = set()
    for language in ("de", "zh"):
        examples = sentences_of("tatoeba", Split.TEST, language)
        for layer in range(NUM_STATES):
            english, foreign = (
                np.stack([states(getattr(example, side))[layer] for example in examples])
                for side in ("english", "foreign")
            )
            right = [examples[best].foreign == own.foreign for best, own in zip(
                (english @ foreign.T).argmax(1), examples, strict=True)]  # fmt: skip
            assert found["test", language, layer].value == pytest.approx(100 * np.mean(right))
            values.add(found["test", language, layer].value)
    assert len(values) > 2


def test_f1_at_every_hidden_state_is_that_of_the_protocol_s_steps(computed, states):
    store, _, every = computed("bucc")
    found = left(store, every)
    examples = sentences_of("bucc", Split.DEV, "de")
    foreign, english = (
        [(each.id, each.text) for each in examples if (each.language == ENGLISH) is side] for side in (False, True)
    )
    gold = {(each.id, other) for each in examples for other in each.translations}
    for layer in range(NUM_STATES):
        embeddings = {text: states(text)[layer] for _, text in (*foreign, *english)}
        mined = slow_candidates(foreign, english, embeddings)
        expected = slow_f1(mined, gold, slow_threshold(mined, gold))
        assert found["dev", "de", layer].value == pytest.approx(expected)


def test_what_lies_on_disk_gives_the_same_and_nothing_is_left(tmp_path, monkeypatch, pair):
    before, _, every = pair
    monkeypatch.setattr(room, "RESIDENT_BYTES", 0)
    store = Store(tmp_path / "store").prepare()
    again = run_to_end(every.spec, "name", store, OPTIONS)
    assert again.scores == every.scores
    assert again.files == every.files
    folders = [each.root / "runs" / every.run_id for each in (store, before)]
    names = [{str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in folders]
    assert names[0] == names[1]


def test_thresholds_in_the_notes_are_those_of_the_run_s_own_hidden_state(computed):
    """Candidates are too: the files of both runs have the same digests."""
    _, one, every = computed("bucc")
    assert set(one.notes) < set(every.notes)
    [said] = [note for note in every.notes if note not in one.notes]
    assert said == "bucc: every hidden state is scored on dev alone, each with a threshold tuned on these rows"


def test_a_layer_that_is_no_number_is_named(tmp_path, monkeypatch):
    """Above the run's own hidden state: it is asked for, so it is no score to be left out."""
    loaded = Context.encoder

    def broken(self, *, mapped):
        encoder = loaded(self, mapped=mapped)
        with torch.no_grad():
            encoder.encoder.layer[2].output.dense.bias.fill_(float("nan"))
        return encoder

    monkeypatch.setattr(Context, "encoder", broken)
    store = Store(tmp_path / "store").prepare()
    assert run_to_end(wanted("tatoeba", HiddenStates.ONE), "name", store, OPTIONS).scores
    with pytest.raises(NotFiniteError, match=r"'bundled:3' gives embeddings .* at hidden state 3$"):
        run_to_end(wanted("tatoeba", HiddenStates.ALL), "name", store, OPTIONS)
