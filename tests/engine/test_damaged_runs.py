"""Whole runs on damaged things: nothing is computed from them, and what can be made again is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import try_to_load_from_cache
from safetensors.torch import load_file, save_file

from tests.made.engine import finish, network, tiny_encoder, training
from tests.made.phases import OPTIONS, planned_with, spec
from trainables.data.cache_folder import CACHE_VARIABLE, cache_folder
from trainables.data.demo.mirror import write_demo
from trainables.data.hub import demo_folder, open_data
from trainables.data.reading import DataChangedError
from trainables.ledger.errors import DamagedRunError
from trainables.ledger.record import Symptom
from trainables.ledger.spec import EncoderRef, Phase
from trainables.ledger.store import Store
from trainables.model.encoder import compare_encoder, load_encoder
from trainables.model.finite import NotFiniteError
from trainables.model.names import BUNDLED_FOLDER, EncoderUnavailableError, encoder_fingerprint
from trainables.phases.run import run_to_end
from trainables.training import checkpoint

TATOEBA = spec(Phase.RETRIEVAL, "tatoeba")


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A store with one intermediate run."""
    store = Store(tmp_path_factory.mktemp("store")).prepare()
    run_to_end(spec(Phase.INTERMEDIATE, "qqp"), "qqp #42", store, OPTIONS)
    return store


@pytest.fixture
def store(parent, tmp_path) -> Store:
    """A copy of it that may be damaged."""
    shutil.copytree(parent.root, tmp_path / "store")
    return Store(tmp_path / "store")


def weights(folder: Path) -> Path:
    """The file of the weights: of a run what has changed, of the cache the whole."""
    return next(folder.glob("*.safetensors"))


def zero_bytes(folder: Path) -> None:
    with weights(folder).open("r+b") as file:
        file.seek(-4096, 2)
        file.write(bytes(4096))


def flip_bits(folder: Path) -> None:
    with weights(folder).open("r+b") as file:
        for place in range(1_000_000, 2_000_000, 100_000):
            file.seek(place)
            [byte] = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 16]))


def other_activation(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))


@pytest.mark.parametrize("damage", [zero_bytes, flip_bits, other_activation])
@pytest.mark.parametrize("child", [("tatoeba",), ("xnli",)])
def test_no_child_is_computed_from_a_damaged_encoder(store, damage, child):
    [parent_id] = store.run_ids()
    damage(store.root / "runs" / parent_id / "encoder")
    phase = Phase.RETRIEVAL if child == ("tatoeba",) else Phase.TARGET
    with pytest.raises(DamagedRunError, match=rf"run {parent_id} \(qqp #42\) is damaged: .*--recompute {parent_id}"):
        run_to_end(spec(phase, *child, parent=parent_id), "child", store, OPTIONS)
    assert store.run_ids() == [parent_id]
    assert store.damage(parent_id)


def test_a_parent_that_is_recomputed_is_what_it_was(store):
    [parent_id] = store.run_ids()
    before = store.record(parent_id).files
    flip_bits(store.root / "runs" / parent_id / "encoder")
    store.recompute(parent_id)
    assert run_to_end(spec(Phase.INTERMEDIATE, "qqp"), "qqp #42", store, OPTIONS).files == before


@pytest.mark.parametrize("damage", [zero_bytes, flip_bits, other_activation])
def test_a_damaged_cache_of_the_bundled_encoder_is_put_aside_and_made_again(tmp_path, monkeypatch, damage):
    expected = run_to_end(TATOEBA, "tatoeba", Store(tmp_path / "before").prepare(), OPTIONS).scores
    encoder = cache_folder() / BUNDLED_FOLDER
    shutil.copytree(encoder, tmp_path / "cache" / "encoders" / encoder.name)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    damage(tmp_path / "cache" / "encoders" / encoder.name)
    assert run_to_end(TATOEBA, "tatoeba", Store(tmp_path / "after").prepare(), OPTIONS).scores == expected
    assert len(list((tmp_path / "cache" / "encoders").glob("*.damaged-*"))) == 1


@pytest.fixture
def tokens(tmp_path, monkeypatch):
    """A cache of tokens of its own; encoders and corpus are those of the user's cache."""
    (tmp_path / "cache").mkdir()
    for shared in (cache_folder() / "encoders", demo_folder()):
        (tmp_path / "cache" / shared.name).symlink_to(shared)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokens"


def test_damaged_tokens_are_put_aside_and_made_again(tmp_path, tokens):
    expected = run_to_end(TATOEBA, "tatoeba", Store(tmp_path / "before").prepare(), OPTIONS).scores
    made = [entry for entry in tokens.iterdir() if entry.is_dir()]
    assert made
    for entry in made:
        content = bytearray((entry / "sequences.arrow").read_bytes())
        content[len(content) // 2] ^= 1
        (entry / "sequences.arrow").write_bytes(content)
    assert run_to_end(TATOEBA, "tatoeba", Store(tmp_path / "after").prepare(), OPTIONS).scores == expected
    for entry in made:
        assert len(list(tokens.glob(f"{entry.name}.damaged-*"))) == 1


def interrupted(path):
    """A checkpoint in the middle, and the weights that training ends with when it goes on from nothing."""
    running = training(network(tiny_encoder()), ["pairs"], path, checkpoint_seconds=0).run()
    for _ in range(2):
        next(running)
    plain = network(tiny_encoder())
    finish(training(plain, ["pairs"], path.with_name("other"), checkpoint_seconds=1e9))
    return checkpoint.snapshot(plain)


@pytest.mark.parametrize("place", [0, 9, 200, -1, -5000])
def test_a_damaged_checkpoint_is_put_aside_and_training_begins_anew(tmp_path, place):
    path = tmp_path / "checkpoint.safetensors"
    expected = interrupted(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    net = network(tiny_encoder())
    again = training(net, ["pairs"], path, checkpoint_seconds=1e9)
    finish(again)
    found = checkpoint.snapshot(net)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert len(list(tmp_path.glob("checkpoint.safetensors.damaged-*"))) == 1
    [note] = again.notes
    assert note.startswith("trained from the start: ")
    assert str(path) in note


def test_a_cut_checkpoint_is_put_aside(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    interrupted(path)
    path.write_bytes(path.read_bytes()[:5])
    finish(training(network(tiny_encoder()), ["pairs"], path, checkpoint_seconds=1e9))
    assert len(list(tmp_path.glob("checkpoint.safetensors.damaged-*"))) == 1


def test_a_checkpoint_of_the_version_before_digests_is_gone_on_from(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    expected = interrupted(path)
    with checkpoint.safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["state"])
    for later in ("format", "digests", "digest"):
        del header[later]
    save_file(load_file(path), path, metadata={"state": json.dumps(header)})
    net = network(tiny_encoder())
    again = training(net, ["pairs"], path, checkpoint_seconds=1e9)
    finish(again)
    assert again.notes == []
    assert all(torch.equal(tensor, expected[name]) for name, tensor in checkpoint.snapshot(net).items())


@pytest.fixture
def not_finite(tmp_path):
    """A folder with one layer of the bundled encoder, one number of which is NaN."""
    folder = tmp_path / "encoder"
    encoder = load_encoder("bundled:1")
    with torch.no_grad():
        encoder.encoder.layer[0].output.dense.bias[3] = float("nan")
    encoder.save_pretrained(folder)
    bundled = cache_folder() / BUNDLED_FOLDER
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bundled / name, folder)
    return folder


@pytest.mark.parametrize("asked", [TATOEBA, spec(Phase.TARGET, "xnli"), spec(Phase.INTERMEDIATE, "qqp")])
def test_an_encoder_that_is_not_finite_is_named_and_nothing_else_blamed(tmp_path, not_finite, asked):
    wanted = dataclasses.replace(
        asked, encoder=EncoderRef(name="encoder", revision=encoder_fingerprint(str(not_finite)))
    )
    options = dataclasses.replace(OPTIONS, encoder=str(not_finite))
    with pytest.raises(NotFiniteError, match=r"encoder '.*/encoder' has 1 of .*output\.dense\.bias.* not finite"):
        run_to_end(wanted, "name", Store(tmp_path / "store").prepare(), options)


def test_an_encoder_folder_that_was_changed_after_planning_is_refused(tmp_path, not_finite):
    held = load_file(not_finite / "model.safetensors")
    save_file({name: tensor.nan_to_num() for name, tensor in held.items()}, not_finite / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    wanted = dataclasses.replace(
        TATOEBA, encoder=EncoderRef(name="encoder", revision=encoder_fingerprint(str(not_finite)))
    )
    options = dataclasses.replace(OPTIONS, encoder=str(not_finite))
    store = Store(tmp_path / "store").prepare()
    other_activation(not_finite)
    with pytest.raises(ValueError, match="is not what this run was planned with"):
        run_to_end(wanted, "name", store, options)


@pytest.fixture
def mirror(tmp_path):
    (tmp_path / "mirror").mkdir()
    write_demo(tmp_path / "mirror")
    return tmp_path / "mirror"


@pytest.mark.parametrize("change", ["gone", "other rows"])
@pytest.mark.parametrize(("phase", "name"), [(Phase.RETRIEVAL, "tatoeba"), (Phase.TARGET, "xnli")])
def test_rows_that_are_not_those_of_the_plan_are_refused(tmp_path, mirror, phase, name, change):
    plain = spec(phase, name)
    wanted = planned_with(
        dataclasses.replace(plain, data=dataclasses.replace(plain.data, source="mirror")), open_data(str(mirror))
    )
    store, options = Store(tmp_path / "store").prepare(), dataclasses.replace(OPTIONS, data=str(mirror))
    evaluated = list(mirror.glob({"tatoeba": "google/xtreme/tatoeba.deu/*", "xnli": "google/xtreme/XNLI/test*"}[name]))
    assert evaluated
    for path in evaluated:
        if change == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataChangedError, match=f"the rows of {name} are not those that this run was planned with"):
        run_to_end(wanted, "name", store, options)
    assert store.run_ids() == []


def test_a_run_whose_predictions_are_one_class_says_so(tmp_path):
    """At a learning rate of nothing the new head answers every pair alike."""
    wanted = spec(Phase.TARGET, "xnli", learning_rate=1e-12)
    record = run_to_end(wanted, "name", Store(tmp_path / "store").prepare(), OPTIONS)
    found = {(each.task, each.split, each.symptom) for each in record.findings}
    assert ("xnli", "dev", Symptom.CONSTANT) in found


def test_a_loss_that_is_infinite_from_the_start_is_the_encoders_fault(tmp_path):
    """Finite weights, too large for float32 when they are multiplied."""
    encoder = tiny_encoder()
    with torch.no_grad():
        encoder.encoder.layer[0].output.dense.weight.fill_(1e38)
    with pytest.raises(NotFiniteError, match="a tiny encoder gives a loss that is not finite on the first batch"):
        finish(training(network(encoder), ["pairs"], tmp_path / "checkpoint", checkpoint_seconds=1e9))


def test_a_tokenizer_that_was_changed_is_refused_by_the_children_too(tmp_path, store, not_finite):
    """Runs with a parent read the folder for its tokenizer alone."""
    [parent_id] = store.run_ids()
    held = load_file(not_finite / "model.safetensors")
    save_file({name: tensor.nan_to_num() for name, tensor in held.items()}, not_finite / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    planned = EncoderRef(name="encoder", revision=encoder_fingerprint(str(not_finite)))
    wanted = dataclasses.replace(spec(Phase.RETRIEVAL, "tatoeba", parent=parent_id), encoder=planned)
    told = json.loads((not_finite / "tokenizer.json").read_text())
    told["model"]["vocab"][10:20] = told["model"]["vocab"][19:9:-1]
    (not_finite / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match="is not what this run was planned with"):
        run_to_end(wanted, "name", store, dataclasses.replace(OPTIONS, encoder=str(not_finite)))


def test_a_damaged_file_in_the_hubs_cache_is_named(tmp_path, monkeypatch):
    """Blobs are named by SHA-256 where they are large, by Git's SHA-1 where they are small."""
    cache = tmp_path / "hub"
    snapshot = cache / "models--owner--name" / "snapshots" / ("0" * 40)
    blobs = cache / "models--owner--name" / "blobs"
    for folder in (snapshot, blobs):
        folder.mkdir(parents=True)
    small = hashlib.sha1(b"blob 2\0{}").hexdigest()
    large = hashlib.sha256(b"weights").hexdigest()
    for name, blob, content in (("config.json", small, b"{}"), ("model.safetensors", large, b"weights")):
        (blobs / blob).write_bytes(content)
        (snapshot / name).symlink_to(blobs / blob)
    monkeypatch.setattr(
        "trainables.model.encoder.try_to_load_from_cache",
        lambda *given, **named: try_to_load_from_cache(*given, **named, cache_dir=cache),
    )
    compare_encoder("owner/name", "0" * 40)
    for blob in (small, large):
        content = (blobs / blob).read_bytes()
        (blobs / blob).write_bytes(b"x" + content[1:])
        with pytest.raises(EncoderUnavailableError, match=r"is not what was downloaded\. Remove it"):
            compare_encoder("owner/name", "0" * 40)
        (blobs / blob).write_bytes(content)
