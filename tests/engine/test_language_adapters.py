"""A target run with the adapters of other languages: each is in the network while its language is predicted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from tests.made.adapters import shaken
from tests.made.left import Sweep, equal
from tests.made.phases import planned_with
from trainables.data.hub import open_data
from trainables.evaluation.predict import predict_all, to_the_end
from trainables.ledger.errors import MissingRunError
from trainables.ledger.recipe import Method, MethodKind
from trainables.ledger.record import Record
from trainables.ledger.spec import MlmSettings, Phase, RunSpec
from trainables.model.adapted import language_of, save_adapted, swap_language
from trainables.model.base import Base
from trainables.model.encoder import load_encoder
from trainables.model.heads import new_head
from trainables.model.names import encoder_fingerprint
from trainables.model.network import Network
from trainables.model.stack import read_stack
from trainables.model.stored import load_stored
from trainables.model.trained_head import load_head
from trainables.phases.context import Context
from trainables.phases.run import run, run_to_end
from trainables.tasks.task import Split

ADAPTER = Method(kind=MethodKind.ADAPTER, size=6)
LORA = Method(kind=MethodKind.LORA, size=3)
TARGETS = pytest.mark.parametrize("method", [ADAPTER, LORA], ids=str)


class Rows(Sweep):
    """`mlm@en/adapter>qqp/adapter` and the adapters of German, for targets in English, German and Chinese."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "bundled:1", keep_models=True)
        self.parent = self.made("qqp", parent=self.made("mlm", MlmSettings(languages=("en",), sentences=24)))
        self.german = self.made("mlm", MlmSettings(languages=("de",), sentences=24), rate=0.3)

    def made(self, task: str, mlm: MlmSettings | None = None, parent: str = "", rate: float = 1e-2) -> str:
        made = self.spec(Phase.INTERMEDIATE, task, parent=parent, mlm=bool(mlm), learning_rate=rate, epochs=4)
        return self.computed(dataclasses.replace(made, method=ADAPTER, mlm=mlm)).run_id

    def computed(self, spec: RunSpec) -> Record:
        return run_to_end(self.planned(spec), spec.run_id, self.store, self.options)

    def planned(self, spec: RunSpec) -> RunSpec:
        return planned_with(spec, open_data("demo"))

    def target(self, method: Method, *tasks: str, **swaps: str) -> RunSpec:
        made = self.spec(Phase.TARGET, *tasks, parent=self.parent, learning_rate=1e-2, epochs=4)
        return dataclasses.replace(made, method=method, swaps=swaps)

    def left(self, run_id: str, name: str = "encoder") -> Path:
        return self.store.root / "runs" / run_id / name


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Rows:
    return Rows(tmp_path_factory.mktemp("store"))


def scores(record: Record, *languages: str) -> dict[tuple[str, str, str, str], float]:
    return {(s.task, s.split, s.language, s.metric): s.value for s in record.scores if s.language in languages}


def predictions(rows: Rows, record: Record, task: str) -> dict[tuple[str, str, str], list[str]]:
    table = pq.read_table(rows.left(record.run_id, "predictions") / f"{task}.parquet").to_pylist()
    return {(row["split"], row["language"], row["id"]): row["prediction"] for row in table}


def by_hand(rows: Rows, spec: RunSpec, task: str, language: str, adapters: str):
    """Predictions and scores of a language by the encoder and head of a run, after swapping in its encoder."""
    encoder = load_stored(rows.left(spec.run_id))
    swap_language(encoder, read_stack(rows.left(spec.run_id)), rows.left(adapters))
    context = Context(spec=spec, name="by hand", store=rows.store, options=rows.options)
    form, pad_id = context.task(task).format, context.tokenizer.pad_token_id
    head = new_head(form, encoder.config)
    head.load_state_dict(load_head(rows.left(spec.run_id, "heads") / f"{spec.tasks[0]}.safetensors").weights)
    network = Network(encoder, {spec.tasks[0]: head})
    network.use_unpadded()
    splits = [split for split in (Split.DEV, Split.TEST) if language in context.task(task).languages.get(split, ())]
    parts = {split: context.encode(context.task(task), split, language, 128, limit=6) for split in splits}
    outputs = to_the_end(
        predict_all(network, spec.tasks[0], list(parts.values()), pad_id=pad_id, max_tokens=rows.options.eval_tokens)
    )
    found, values = {}, {}
    for (split, encoded), own in zip(parts.items(), outputs, strict=True):
        decoded, references = form.decode(encoded, own), form.references(encoded.examples)
        texts = [[each] if isinstance(each, str) else list(each) for each in decoded]
        found |= {(split, language, it.id): text for it, text in zip(encoded.examples, texts, strict=True)}
        values |= {(task, split, language, name): v for name, v in form.score(references, decoded, language).items()}
    return found, values


@TARGETS
def test_a_language_is_predicted_with_its_own_adapters_and_the_others_as_without(rows, method):
    """Bit for bit: German as by an encoder that was swapped by hand, the others and the training as without swaps."""
    plain = rows.computed(rows.target(method, "panx"))
    found = rows.computed(rows.target(method, "panx", de=rows.german))
    assert found.run_id != plain.run_id
    assert (found.dev_curve, found.best_step) == (plain.dev_curve, plain.best_step)
    assert scores(found, "en", "zh") == scores(plain, "en", "zh")
    said, expected = by_hand(rows, plain.spec, "panx", "de", rows.german)
    assert scores(found, "de") == expected
    own = predictions(rows, found, "panx")
    assert {key: text for key, text in own.items() if key[1] == "de"} == said
    without = predictions(rows, plain, "panx")
    assert {key: text for key, text in own.items() if key[1] != "de"} == {
        key: text for key, text in without.items() if key[1] != "de"
    }
    assert own != without, "these adapters change what is predicted"
    assert f"predicted with adapters of their own language: de (run {rows.german}); with those of the row: en, zh" in (
        found.notes
    )
    assert not any("adapters of their own" in note for note in plain.notes)


@TARGETS
def test_what_such_a_run_leaves_has_the_adapters_of_its_row(rows, method):
    plain, found = (rows.computed(rows.target(method, "panx", **swaps)) for swaps in ({}, {"de": rows.german}))
    assert equal(load_stored(rows.left(plain.run_id)).state_dict(), load_stored(rows.left(found.run_id)).state_dict())
    entries = [read_stack(rows.left(record.run_id)).entries for record in (plain, found)]
    assert entries[0] == entries[1]
    assert [entry.languages for entry in entries[0]] == [("en",), (), ()]


def test_targets_that_share_a_fine_tuning_are_swapped_alike(rows):
    found = rows.computed(rows.target(ADAPTER, "xquad", "mlqa", de=rows.german))
    for task in ("xquad", "mlqa"):
        said, expected = by_hand(rows, found.spec, task, "de", rows.german)
        assert {key: value for key, value in scores(found, "de").items() if key[0] == task} == expected
        assert {key: text for key, text in predictions(rows, found, task).items() if key[1] == "de"} == said


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(rows, tmp_path):
    whole = rows.computed(rows.target(ADAPTER, "udpos", de=rows.german))
    spec = rows.planned(rows.target(ADAPTER, "udpos", de=rows.german))
    rows.store.recompute(spec.run_id)
    options = dataclasses.replace(rows.options, checkpoint_seconds=0)
    running = run(spec, "cut", rows.store, options)
    for step in running:
        if step.stage == "train" and step.step > 1:
            break
    running.close()
    again = run_to_end(spec, "again", rows.store, options)
    assert (again.scores, again.dev_curve) == (whole.scores, whole.dev_curve)


def test_adapters_that_are_not_there_are_no_silence(rows):
    with pytest.raises(MissingRunError):
        rows.computed(rows.target(ADAPTER, "panx", de="0123456789ab"))
    with pytest.raises(ValueError, match="has 0 adapters of a language"):
        rows.computed(rows.target(ADAPTER, "panx", de=rows.made("qqp")))


def test_the_encoder_has_its_own_adapters_after_the_block_whatever_happens_in_it(tmp_path):
    folders = {}
    for seed, code in enumerate(("en", "de")):
        model = load_encoder("bundled:1")
        folders[code] = tmp_path / code
        base = Base(name="bundled:1", revision=encoder_fingerprint("bundled:1"))
        save_adapted(model, folders[code], shaken(model, ADAPTER, seed), parent=None, base=base, languages=(code,))
    model, german = load_stored(folders["en"]), load_stored(folders["de"])
    before = {name: held.clone() for name, held in model.state_dict().items()}
    with language_of(model, read_stack(folders["en"]), folders["de"]):
        assert equal(model.state_dict(), german.state_dict())
        assert not equal(model.state_dict(), before)
    assert equal(model.state_dict(), before)
    with (
        pytest.raises(torch.OutOfMemoryError),
        language_of(model, read_stack(folders["en"]), folders["de"]),
    ):
        raise torch.OutOfMemoryError
    assert equal(model.state_dict(), before)
