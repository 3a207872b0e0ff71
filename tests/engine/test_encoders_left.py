"""The encoders that runs leave: folders for transformers, or what has changed, and no difference to any child."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from search_spaces.encoder_check import check_encoder
from tests.made.encoders import encoder_folder
from tests.made.left import Sweep, equal
from tests.made.phases import ENCODER
from trainables.ledger.errors import DamagedRunError
from trainables.ledger.inspection import Condition, inspect
from trainables.ledger.spec import Phase, Precision
from trainables.ledger.store import Store
from trainables.model.names import EncoderKind, encoder_fingerprint, parse_encoder
from trainables.model.stored import BaseChangedError, is_delta, load_stored
from trainables.model.tokenizer import load_tokenizer
from trainables.phases.run import run_to_end

TEXTS = (
    "The cat sat on the mat.",
    "Der Hund schläft.",
    "猫は机の上にいます。",
    "القطة على الطاولة",
    "ไม่เป็นไร",
    "Привет!",
)
DECAY = {"learning_rate": 1e-3, "weight_decay": 1.0}


def chain(sweep: Sweep, changes: dict[str, object]):
    """An intermediate run, a target run and a retrieval run that start from it."""
    parent, left = sweep.compute(Phase.INTERMEDIATE, "qqp", **changes)
    child, left_by_child = sweep.compute(Phase.TARGET, "udpos", parent=parent.run_id, **changes)
    embedded, _ = sweep.compute(Phase.RETRIEVAL, "tatoeba", parent=parent.run_id)
    return [parent, child, embedded], [left, left_by_child]


def encoder_of(kind: str, tmp_path: Path) -> str:
    return kind if kind == ENCODER else str(encoder_folder(tmp_path / kind, kind))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (ENCODER, DECAY),
        ("bert", DECAY),
        ("bert", {"weight_decay": 0.0, "precision": Precision.BF16}),
        ("roberta", DECAY | {"precision": Precision.BF16}),
        ("roberta", {"weight_decay": 0.0}),
    ],
)
def test_what_is_stored_makes_no_difference_to_any_run(kind, changes, tmp_path):
    """Scores, curves and weights of a chain of two trainings, bit for bit; what the store holds is less."""
    encoder = encoder_of(kind, tmp_path)
    changed, whole = (
        Sweep(tmp_path / name, encoder, store_deltas=name == "deltas", keep_models=True) for name in ("deltas", "whole")
    )
    records, folders = chain(changed, changes)
    expected, whole_folders = chain(whole, changes)
    assert [each.scores for each in records] == [each.scores for each in expected]
    assert [each.dev_curve for each in records] == [each.dev_curve for each in expected]
    for folder, whole_folder in zip(folders, whole_folders, strict=True):
        assert is_delta(folder)
        assert not is_delta(whole_folder)
        assert equal(changed.weights(folder), whole.weights(whole_folder))
    first, second = (json.loads((folder / "delta.json").read_text()) for folder in folders)
    assert first["base"] == second["base"] == {
        "name": Path(encoder).name, "revision": encoder_fingerprint(encoder)
    }  # fmt: skip
    assert first["factors"] == second["factors"][:1]
    assert len(second["factors"]) == 2
    assert all((factor == 1.0) == (changes["weight_decay"] == 0.0) for factor in second["factors"])
    one, two = (set(load_file(folder / "delta.safetensors")["changed.ids"].tolist()) for folder in folders)
    assert one < two


def test_target_runs_leave_no_encoder_unless_they_are_asked_to(tmp_path):
    encoder = encoder_of("bert", tmp_path)
    plain, keeping = Sweep(tmp_path / "plain", encoder), Sweep(tmp_path / "keeping", encoder, keep_models=True)
    record, left = plain.compute(Phase.TARGET, "udpos")
    kept, folder = keeping.compute(Phase.TARGET, "udpos")
    assert not left.exists()
    assert record.scores == kept.scores
    of_encoder = {name for name in kept.files if name.startswith("encoder/")}
    assert of_encoder == {f"encoder/{path.name}" for path in folder.iterdir()}
    assert not of_encoder & set(record.files)


def test_what_a_child_of_a_whole_encoder_leaves_is_whole(tmp_path):
    """All rows of its parent were trained, so what has changed since the pretrained encoder is everything."""
    sweep = Sweep(tmp_path / "store", encoder_of("bert", tmp_path), keep_models=True)
    parent, folder = sweep.compute(Phase.INTERMEDIATE, "qqp", mlm=True, **DECAY)
    _, left = sweep.compute(Phase.TARGET, "udpos", parent=parent.run_id, **DECAY)
    assert not is_delta(folder)
    assert not is_delta(left)
    start, end = (load_file(each / "model.safetensors")["embeddings.word_embeddings.weight"] for each in (folder, left))
    assert (end[-40:] != start[-40:]).any(1).all()


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Sweep:
    """Runs of the bundled encoder: one is kept as what has changed, one, with MLM, whole."""
    sweep = Sweep(tmp_path_factory.mktemp("store"), ENCODER)
    sweep.compute(Phase.INTERMEDIATE, "qqp")
    sweep.compute(Phase.INTERMEDIATE, "qqp", mlm=True)
    return sweep


def left(sweep: Sweep, *, mlm: bool) -> Path:
    run_id = sweep.spec(Phase.INTERMEDIATE, "qqp", mlm=mlm).run_id
    return sweep.store.fetch(run_id, "encoder")


def test_a_whole_encoder_is_a_folder_for_transformers(demo):
    """Same ids, and the same hidden states to 1e-6."""
    folder = left(demo, mlm=True)
    tokenizer, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(ENCODER)
    given = tokenizer(TEXTS, padding=True, return_tensors="pt")
    assert given["input_ids"].tolist() == ours(TEXTS, padding=True)["input_ids"]
    assert tokenizer.unk_token_id not in given["input_ids"]
    model, stored = AutoModel.from_pretrained(folder).eval(), load_stored(folder)
    with torch.inference_mode():
        found, expected = (each(**given, output_hidden_states=True).hidden_states for each in (model, stored))
    assert len(found) == 2
    for one, two in zip(found, expected, strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-6)
    trained = stored.embeddings.word_embeddings.weight
    assert not torch.equal(trained, load_stored(left(demo, mlm=False)).embeddings.word_embeddings.weight)


def test_a_whole_encoder_is_one_to_start_another_sweep_from(demo, tmp_path):
    folder = str(left(demo, mlm=True))
    assert parse_encoder(folder).kind is EncoderKind.FOLDER
    second = Sweep(tmp_path / "store", folder)
    wanted = second.spec(Phase.INTERMEDIATE, "qqp")
    check_encoder(folder, "main", [wanted])
    _, again = second.compute(Phase.INTERMEDIATE, "qqp")
    assert is_delta(again)
    assert json.loads((again / "delta.json").read_text())["base"]["name"] == Path(folder).name, "wherever it lies"


def test_what_has_changed_is_no_encoder_to_start_from(demo):
    folder = left(demo, mlm=False)
    run_id, store = folder.parent.name, demo.store.root
    with pytest.raises(
        ValueError, match=rf"not a whole one; `xstilts export {store} --run {run_id} --to DIR` makes it"
    ):
        parse_encoder(str(folder))


def test_what_has_changed_takes_a_fraction_of_the_room(tmp_path):
    """Three layers of 384 numbers, and the rows of a few texts, beside a table of 250,002 rows."""
    sweep = Sweep(tmp_path / "store", "bundled:3")
    _, folder = sweep.compute(Phase.INTERMEDIATE, "qqp")
    layers = 3 * (4 * 384 * 384 + 2 * 384 * 1536 + 9 * 384 + 1536) * 4
    size = sum(path.stat().st_size for path in folder.glob("delta.*"))
    assert layers < size < layers + 8_000_000 < 250_002 * 384 * 4 / 10


def test_the_tokenizer_is_kept_once_in_a_store(demo):
    files = [left(demo, mlm=mlm) / "tokenizer.json" for mlm in (False, True)]
    [kept] = demo.store.tokenizers.glob("*/tokenizer.json")
    assert {path.stat().st_ino for path in files} == {kept.stat().st_ino}
    found = {each.what: each for each in inspect(demo.store)}
    assert found[f"tokenizers/{kept.parent.name}"].condition is Condition.SOUND
    assert found[f"tokenizers/{kept.parent.name}"].num_bytes > 5_000_000


def test_what_a_child_starts_from_is_compared_with_the_record(demo, tmp_path):
    for name in ("delta.json", "tokenizer.json", "delta.safetensors"):
        store = Store(Path(shutil.copytree(demo.store.root, tmp_path / name)))
        parent = demo.spec(Phase.INTERMEDIATE, "qqp").run_id
        with (store.root / "runs" / parent / "encoder" / name).open("r+b") as file:
            file.seek(200)
            file.write(b"~")
        child = demo.spec(Phase.RETRIEVAL, "tatoeba", parent=parent)
        with pytest.raises(DamagedRunError, match=rf"{name} is not what was written.*--recompute {parent}"):
            run_to_end(child, "name", store, demo.options)


def test_an_encoder_of_an_earlier_version_is_a_parent(demo, tmp_path):
    """It left the configuration and the weights, and no tokenizer."""
    store = Store(Path(shutil.copytree(demo.store.root, tmp_path / "store")))
    parent = demo.spec(Phase.INTERMEDIATE, "qqp", mlm=True).run_id
    record = store.record(parent)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (store.root / "runs" / parent / "encoder" / name).unlink()
    kept = {name: each for name, each in record.files.items() if "tokenizer" not in name}
    assert sorted(name for name in kept if name.startswith("encoder/")) == [
        "encoder/config.json",
        "encoder/model.safetensors",
    ]
    store.finish(dataclasses.replace(record, files=kept))
    for phase, task in ((Phase.RETRIEVAL, "tatoeba"), (Phase.TARGET, "udpos")):
        child = demo.spec(phase, task, parent=parent)
        found, expected = (run_to_end(child, "name", each, demo.options) for each in (store, demo.store))
        assert found.scores == expected.scores


def test_a_run_from_a_base_that_has_changed_fails_and_says_what_to_do(tmp_path):
    """A repository's branch that moved, here a folder: its revision is the fingerprint that the plan took."""
    sweep = Sweep(tmp_path / "store", encoder_of("bert", tmp_path))
    parent, _ = sweep.compute(Phase.INTERMEDIATE, "qqp")
    held = load_file(tmp_path / "bert" / "model.safetensors")
    held["embeddings.word_embeddings.weight"] *= 2
    save_file(held, tmp_path / "bert" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BaseChangedError, match=f"which has changed.*--recompute {parent.run_id}"):
        sweep.compute(Phase.RETRIEVAL, "tatoeba", parent=parent.run_id)


def test_the_layers_of_a_retrieval_run_are_those_of_the_whole(tmp_path):
    """Every hidden state of an encoder that looks its rows up."""
    encoder = encoder_of("bert", tmp_path)
    tables = []
    for name in ("deltas", "whole"):
        sweep = Sweep(tmp_path / name, encoder, store_deltas=name == "deltas")
        parent, _ = sweep.compute(Phase.INTERMEDIATE, "qqp", **DECAY)
        record, folder = sweep.compute(Phase.RETRIEVAL, "tatoeba", parent=parent.run_id)
        tables.append({path.name: path.read_bytes() for path in (folder.parent / "predictions").iterdir()})
        assert np.isfinite([score.value for score in record.scores]).all()
    assert tables[0] == tables[1]
