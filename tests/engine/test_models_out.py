"""What is exported is loaded by transformers alone, and computes what was computed and stored here."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from tests.made.encoders import encoder_folder
from tests.made.phases import OPTIONS, planned_with, spec
from trainables.data.hub import load, open_data
from trainables.ledger.spec import EncoderRef, Phase
from trainables.ledger.store import Store
from trainables.model.base import Base
from trainables.model.batches import collate
from trainables.model.conversion import our_logits, trained_head
from trainables.model.names import encoder_fingerprint
from trainables.model.network import Network
from trainables.model.stored import load_stored
from trainables.model.tokenizer import load_tokenizer
from trainables.model.trained_head import load_head
from trainables.phases.export import write_encoder, write_model
from trainables.phases.run import run_to_end
from trainables.tasks.registry import task
from trainables.tasks.task import Split

LENGTH = 128
DEMO = open_data("demo")
CLASSES = {
    "classification": AutoModelForSequenceClassification,
    "choice": AutoModelForMultipleChoice,
    "tagging": AutoModelForTokenClassification,
    "span": AutoModelForQuestionAnswering,
}
TARGETS = (("xnli",), ("pawsx",), ("udpos",), ("panx",), ("xquad", "mlqa"))


@pytest.fixture(scope="module", params=["bundled:1", "bert"])
def encoder(request, tmp_path_factory) -> str:
    """The name of an encoder: one of XLM-R's, and tiny random ones of other architectures."""
    if request.param.startswith("bundled"):
        return request.param
    return str(encoder_folder(tmp_path_factory.mktemp("encoder") / request.param, request.param))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store")).prepare()


def computed(store, encoder, phase, *tasks, parent=""):
    """The record of a run on all languages of the demo, its model kept."""
    name = encoder if encoder.startswith("bundled") else encoder.rpartition("/")[2]
    made = spec(phase, *tasks, parent=parent, learning_rate=1e-3, epochs=4.0)
    made = dataclasses.replace(
        made,
        encoder=EncoderRef(name=name, revision=encoder_fingerprint(encoder)),
        data=dataclasses.replace(made.data, languages=(), train_rows=320 if tasks[0] in ("xnli", "pawsx") else 48),
    )
    options = dataclasses.replace(OPTIONS, encoder=encoder, keep_models=True)
    made = planned_with(made, DEMO)
    if store.is_finished(made.run_id):
        return store.record(made.run_id)
    return run_to_end(made, "name", store, options)


def exported(store, record, name, encoder):
    """The model of a task as transformers loads it, and its tokenizer."""
    kept = store.root / "exported" / f"{record.run_id}-{name}"
    if not kept.exists():
        kept.mkdir(parents=True)
        write_model(store, record, name, kept, encoder)
    model, told = CLASSES[task(name).format.head].from_pretrained(kept, output_loading_info=True)
    assert not any(told.values())
    return model.eval(), AutoTokenizer.from_pretrained(kept)


def stored(store, record, name):
    """(split, language, id) -> prediction, of all rows that a run has stored."""
    table = pq.read_table(store.fetch(record.run_id, f"predictions/{name}.parquet")).to_pylist()
    return {(row["split"], row["language"], row["id"]): row["prediction"] for row in table}


def rows(record, name):
    """Examples of all splits and languages that a run has measured."""
    of = task(name)
    for split in (Split.DEV, Split.TEST):
        for language in sorted({s.language for s in record.scores if (s.task, s.split) == (name, split)}):
            found = load(of, split, language, DEMO, limit=record.spec.data.eval_rows)
            yield split.value, language, found.examples


@torch.no_grad()
def tags(model, tokenizer, words):
    """One tag a word, read at its first sub-word, or None where the sentence is too long for one input."""
    inputs = tokenizer([words], is_split_into_words=True, return_tensors="pt")
    if inputs["input_ids"].shape[1] > LENGTH:
        return None
    of_word = inputs.word_ids(0)
    best = model(**inputs).logits[0].argmax(-1).tolist()
    return [model.config.id2label[best[of_word.index(number)]] for number in range(len(words))]


@torch.no_grad()
def labels(model, tokenizer, pairs):
    inputs = tokenizer(*map(list, zip(*pairs, strict=True)), truncation=True, max_length=LENGTH, padding=True,
                       return_tensors="pt")  # fmt: skip
    return [model.config.id2label[number] for number in model(**inputs).logits.argmax(-1).tolist()]


@torch.no_grad()
def answers(model, tokenizer, of, examples):
    """Answers by the windows and the decoding of our format, from logits of transformers."""
    encoded = of.format.encode(examples, tokenizer, LENGTH, training=False)
    outputs = []
    for ids in map(torch.tensor, map(np.ndarray.tolist, encoded.sequences)):
        found = model(input_ids=ids[None], attention_mask=torch.ones_like(ids)[None])
        outputs.append(torch.cat([found.start_logits, found.end_logits]).numpy())
    return of.format.decode(encoded, outputs)


@pytest.mark.parametrize("tasks", TARGETS, ids=lambda tasks: tasks[0])
def test_transformers_predicts_what_is_stored_row_by_row(store, encoder, tasks):
    record = computed(store, encoder, Phase.TARGET, *tasks)
    for name in tasks:
        of = task(name)
        model, tokenizer = exported(store, record, name, encoder)
        wanted, seen, skipped = stored(store, record, name), 0, 0
        for split, language, examples in rows(record, name):
            if of.format.head == "classification":
                found = [[each] for each in labels(model, tokenizer, [(e.text_a, e.text_b) for e in examples])]
            elif of.format.head == "tagging":
                found = [tags(model, tokenizer, list(example.words)) for example in examples]
            else:
                found = [[each] for each in answers(model, tokenizer, of, examples)]
            for example, own in zip(examples, found, strict=True):
                skipped += own is None
                assert own is None or own == wanted[split, language, example.id]
                seen += 1
        assert seen == len(wanted) > 50
        assert skipped <= seen / 10
        if encoder == "bundled:1":
            assert len({str(each) for each in wanted.values()}) > 1, "one answer for all would show little"


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        (Phase.TARGET, "xnli"), (Phase.TARGET, "udpos"), (Phase.TARGET, "xquad"), (Phase.INTERMEDIATE, "hellaswag"),
    ],
)  # fmt: skip
def test_logits_are_those_of_the_network_that_was_trained(store, encoder, phase, name):
    """Ours without padding from the files of the run, theirs padded from the exported folder."""
    record = computed(store, encoder, phase, *(("xquad", "mlqa") if name == "xquad" else (name,)))
    trained = load_head(store.fetch(record.run_id, f"heads/{name}.safetensors"))
    base = load_stored(store.fetch(record.run_id, "encoder"), base=Base(name=encoder))
    tokenizer = load_tokenizer(encoder)
    head = trained_head(trained.facts, base.config)
    head.load_state_dict(dict(trained.weights))
    network = Network(base, {name: head}).eval()
    network.use_unpadded()
    assert network.is_unpadded
    of = task(name)
    split = Split.TEST if phase is Phase.TARGET else Split.STOPPING
    encoded = of.format.encode(load(of, split, "en", DEMO, limit=8).examples, tokenizer, LENGTH, training=False)
    batch = collate(encoded, np.arange(encoded.num_rows), tokenizer.pad_token_id)
    assert len(set(batch.lengths)) > 1
    model, _ = exported(store, record, name, encoder)
    inputs = {"input_ids": batch.ids_BL, "attention_mask": batch.mask_BL}
    if name == "hellaswag":
        inputs = {key: each.view(-1, 4, each.shape[-1]) for key, each in inputs.items()}
    with torch.no_grad():
        found, own = model(**inputs), our_logits(network, name, batch)
    for row, ours in enumerate(own):
        if name == "xquad":
            theirs = torch.stack([found.start_logits, found.end_logits], 1)[row, :, : batch.lengths[row]]
        elif name == "udpos":
            theirs = found.logits[row, encoded.word_positions[row]]
        else:
            theirs = found.logits[row]
        assert ours.shape == theirs.shape
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["qqp", "hellaswag", "csqa", "squad"])
def test_the_heads_of_intermediate_runs_are_exported_too(store, encoder, name):
    """Their dev figures come from the same rows."""
    record = computed(store, encoder, Phase.INTERMEDIATE, name)
    model, tokenizer = exported(store, record, name, encoder)
    of = task(name)
    examples = load(of, Split.STOPPING, "en", DEMO, limit=6).examples
    if of.format.head == "classification":
        found = labels(model, tokenizer, [(e.text_a, e.text_b) for e in examples])
    elif of.format.head == "choice":
        found = [chosen(model, tokenizer, of, example) for example in examples]
    else:
        found = answers(model, tokenizer, of, examples)
    scores = of.format.score(of.format.references(examples), found, "en")
    assert scores == {s.metric: pytest.approx(s.value) for s in record.scores if s.task == name}


@torch.no_grad()
def chosen(model, tokenizer, of, example):
    inputs = tokenizer([example.prompt] * len(example.choices), list(example.choices), truncation=True,
                       max_length=LENGTH, padding=True, return_tensors="pt")  # fmt: skip
    logits = model(**{name: each[None] for name, each in inputs.items()}).logits
    assert logits.shape == (1, len(of.format.labels))
    return model.config.id2label[int(logits.argmax())]


def test_the_configuration_says_what_the_labels_are_and_keeps_the_encoders_own(store, encoder, tmp_path):
    record = computed(store, encoder, Phase.TARGET, "xnli")
    model, _ = exported(store, record, "xnli", encoder)
    assert model.config.id2label == {0: "contradiction", 1: "entailment", 2: "neutral"}
    assert model.config.label2id == {"contradiction": 0, "entailment": 1, "neutral": 2}
    assert model.config.problem_type == "single_label_classification"
    assert model.config.architectures == [type(model).__name__]
    assert model.config.classifier_dropout == 0.1
    (tmp_path / "encoder").mkdir()
    write_encoder(store, record, tmp_path / "encoder", encoder)
    own = AutoModel.from_pretrained(tmp_path / "encoder").config.to_dict()
    changed = {name for name, value in model.config.to_dict().items() if own.get(name) != value}
    assert changed <= {"architectures", "id2label", "label2id", "problem_type", "classifier_dropout",
                       "_name_or_path"}  # fmt: skip
