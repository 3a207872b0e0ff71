"""Encoders in folders, whole or as what has changed: given back bit for bit, or refused with what to do."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from tests.made.encoders import encoder_folder
from trainables.data.cache_folder import cache_folder
from trainables.ledger.digests import digest
from trainables.ledger.seal import sealed, unsealed
from trainables.model import base as base_module
from trainables.model.architectures import ARCHITECTURES
from trainables.model.base import Base, pretrained_table
from trainables.model.encoder import load_encoder
from trainables.model.names import BUNDLED_FOLDER, EncoderUnavailableError, encoder_fingerprint
from trainables.model.stored import BaseChangedError, BaseMissingError, is_delta, load_stored, save_stored
from trainables.model.tokenizer import load_tokenizer, tokenizer_files
from trainables.model.word_table import WordLookup, table_name, table_of

LANGUAGES = Path(__file__).parents[2] / "trainables" / "data" / "demo" / "languages"


def fine_tuned(base: Base, path: Path, *, delta: bool = True):
    """Write an encoder as two trainings of a trimmed vocabulary would leave it; returns it whole."""
    encoder = load_encoder(base.name, base.revision)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name != table_name(encoder):
                parameter.add_(torch.randn_like(parameter) / 10)
    table = table_of(encoder)
    for kept, factor in ((range(0, 90, 2), 0.98765), (range(0, 90, 3), 0.91234)):
        table = table.trained(torch.tensor(kept), torch.randn(len(kept), table.width), factor)
    save_stored(encoder, path, table=table, base=base if delta else None)
    encoder.get_input_embeddings().weight.data = table.whole()
    return encoder


def same(one, other) -> bool:
    weights = other.state_dict()
    return one.state_dict().keys() == weights.keys() and all(
        torch.equal(tensor, weights[name]) for name, tensor in one.state_dict().items()
    )


def folder_base(folder: Path) -> Base:
    return Base(name=str(folder), revision=encoder_fingerprint(str(folder)))


@pytest.fixture
def bert(tmp_path) -> Base:
    return folder_base(encoder_folder(tmp_path / "bert", "bert"))


@pytest.fixture
def delta(bert, tmp_path) -> Path:
    """A folder of a run, with what has changed."""
    fine_tuned(bert, tmp_path / "store" / "runs" / "0123456789ab" / "encoder")
    return tmp_path / "store" / "runs" / "0123456789ab" / "encoder"


@pytest.mark.parametrize("kind", ["bundled:1", *ARCHITECTURES])
def test_what_has_changed_gives_the_whole_back_bit_for_bit(kind, tmp_path):
    base = Base(name=kind) if kind == "bundled:1" else folder_base(encoder_folder(tmp_path / kind, kind))
    expected = fine_tuned(base, tmp_path / "delta")
    fine_tuned(base, tmp_path / "whole", delta=False)
    assert is_delta(tmp_path / "delta")
    assert not is_delta(tmp_path / "whole")
    assert same(load_stored(tmp_path / "delta"), expected)
    assert same(load_stored(tmp_path / "whole"), expected)
    assert same(AutoModel.from_pretrained(tmp_path / "whole", **_no_pooler(expected)), expected)
    mapped = load_stored(tmp_path / "delta", mapped=True)
    assert isinstance(mapped.get_input_embeddings(), WordLookup)
    ids_BL = torch.randint(4, 390, (3, 20))
    with torch.inference_mode():
        expected.eval()
        found, wanted = (each(input_ids=ids_BL).last_hidden_state for each in (mapped, expected))
    assert torch.equal(found, wanted)
    config = json.loads((tmp_path / "delta" / "config.json").read_text())
    assert config == json.loads((tmp_path / "whole" / "config.json").read_text())
    assert config["architectures"] == [type(expected).__name__]
    assert config["dtype"] == "float32"


def _no_pooler(model) -> dict[str, bool]:
    known = "add_pooling_layer" in inspect.signature(type(model)).parameters
    return {"add_pooling_layer": False} if known else {}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_table_is_found_in_checkpoints_with_heads_and_in_shards(kind, tmp_path):
    """Behind the prefix that models with heads put in front of it."""
    folder = encoder_folder(tmp_path / kind, kind)
    model = load_encoder(str(folder))
    name, weight = table_name(model), model.get_input_embeddings().weight
    assert torch.equal(pretrained_table(Base(name=str(folder)), name).table_VH, weight)
    shards = Path(shutil.copytree(folder, tmp_path / "shards"))
    (shards / "model.safetensors").unlink()
    model.save_pretrained(shards, max_shard_size="20KB")
    assert (shards / "model.safetensors.index.json").exists()
    assert torch.equal(pretrained_table(Base(name=str(shards)), name).table_VH, weight)
    behind = {f"{model.base_model_prefix}.{key}": each for key, each in load_file(folder / "model.safetensors").items()}
    save_file(behind, folder / "model.safetensors", metadata={"format": "pt"})
    assert torch.equal(pretrained_table(Base(name=str(folder)), name).table_VH, weight)


def test_a_masked_language_model_is_a_base(bert, tmp_path):
    with torch.random.fork_rng():
        AutoModelForMaskedLM.from_config(load_encoder(bert.name).config).save_pretrained(bert.name)
    expected = fine_tuned(bert, tmp_path / "delta")
    assert same(load_stored(tmp_path / "delta"), expected)


def test_half_precision_is_a_base(bert, tmp_path):
    held = load_file(Path(bert.name) / "model.safetensors")
    save_file({name: tensor.half() for name, tensor in held.items()}, Path(bert.name) / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    expected = fine_tuned(bert, tmp_path / "delta")
    assert same(load_stored(tmp_path / "delta"), expected)
    assert load_encoder(bert.name, mapped=True).get_input_embeddings().weight.dtype == torch.float32


def test_a_checkpoint_in_which_the_table_cannot_be_told_is_loaded_for_it(bert, tmp_path):
    weights = Path(bert.name) / "model.safetensors"
    held = load_file(weights)
    twin = {"other.embeddings.word_embeddings.weight": torch.zeros(3, 3)}
    save_file(held | twin, weights, metadata={"format": "pt"})
    expected = fine_tuned(bert, tmp_path / "delta")
    assert same(load_stored(tmp_path / "delta"), expected)


@pytest.mark.parametrize("kind", ["bundled:1", "roberta"])
def test_a_mapped_table_lies_in_the_file_of_the_base(kind, tmp_path):
    if kind == "bundled:1":
        base, file = Base(name=kind), cache_folder() / BUNDLED_FOLDER / "model.safetensors"
    else:
        base = folder_base(encoder_folder(tmp_path / kind, kind))
        file = tmp_path / kind / "model.safetensors"
    fine_tuned(base, tmp_path / "delta")
    encoder = load_stored(tmp_path / "delta", mapped=True)
    pretrained = load_encoder(base.name, mapped=True)
    for table_VH in (encoder.get_input_embeddings().table.base_VH, pretrained.get_input_embeddings().weight):
        assert _mapped_from(table_VH.data_ptr()) == str(file.resolve())
    rows_RH = encoder.get_input_embeddings().table.changes.rows_RH
    assert _mapped_from(rows_RH.data_ptr()) == str(tmp_path / "delta" / "delta.safetensors")
    assert _mapped_from(encoder.encoder.layer[0].output.dense.weight.data_ptr()) == ""


def _mapped_from(address: int) -> str:
    """The file that an address of this process is mapped from; empty for none."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, *_, name = line.split(maxsplit=5) if len(line.split(maxsplit=5)) == 6 else (*line.split(), "")
        low, high = (int(bound, 16) for bound in bounds.split("-"))
        if low <= address < high:
            return name if name.startswith("/") else ""
    raise AssertionError(address)


def test_the_digest_of_a_base_is_taken_once_in_a_process_and_file(bert, delta):
    load_stored(delta)
    before = base_module._digest.cache_info().misses
    load_stored(delta)
    assert base_module._digest.cache_info().misses == before
    held = load_file(Path(bert.name) / "model.safetensors")
    save_file(held, Path(bert.name) / "model.safetensors", metadata={"format": "pt"})
    load_stored(delta)
    assert base_module._digest.cache_info().misses == before + 1


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_the_digest_is_that_of_the_table_as_float32(bert, kind):
    held = load_file(Path(bert.name) / "model.safetensors")
    save_file({name: tensor.to(kind) for name, tensor in held.items()}, Path(bert.name) / "model.safetensors")
    found = pretrained_table(bert, "embeddings.word_embeddings.weight")
    assert found.digest == hashlib.sha256(found.table_VH.numpy().tobytes()).hexdigest()
    assert torch.equal(found.table_VH, held["embeddings.word_embeddings.weight"].to(kind).float())


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["delta.json", "delta.safetensors"])
@pytest.mark.parametrize("place", [60, -20])
def test_a_flipped_bit_is_damage(delta, name, place):
    flip(delta / name, place)
    with pytest.raises(
        EncoderUnavailableError, match=rf"the encoder in '.*{delta.parent.name}/encoder' is damaged: {name}"
    ):
        load_stored(delta)


def test_missing_and_truncated_files_are_damage(delta):
    content = (delta / "delta.safetensors").read_bytes()
    (delta / "delta.safetensors").write_bytes(content[:-9])
    with pytest.raises(EncoderUnavailableError, match=r"is damaged: delta\.safetensors is not what was written"):
        load_stored(delta)
    (delta / "delta.safetensors").unlink()
    with pytest.raises(EncoderUnavailableError, match=r"is damaged: delta\.safetensors: .*No such file"):
        load_stored(delta)
    (delta / "delta.json").unlink()
    with pytest.raises(EncoderUnavailableError, match=r"no encoder in .*model\.safetensors missing"):
        load_stored(delta)


def rewrite(folder: Path, changes=None, **tensors: torch.Tensor) -> None:
    """Change a delta, with right digests."""
    held = load_file(folder / "delta.safetensors") | {name.replace("_", "."): each for name, each in tensors.items()}
    save_file(held, folder / "delta.safetensors")
    said = unsealed((folder / "delta.json").read_text(), range(1, 2), sealed_since=1)
    said["weights_digest"] = digest(folder / "delta.safetensors")
    (folder / "delta.json").write_text(sealed(said | (changes or {})))


@pytest.mark.parametrize(
    ("changes", "tensors", "said"),
    [
        ({"format": 2}, {}, r"format 2, this version reads 1"),
        ({"changed": 3}, {}, r"ids \(60,\), rows \(60, 16\), expected rows \(3, 16\)"),
        ({"width": 3}, {}, r"rows \(60, 16\), expected rows \(60, 3\)"),
        ({"vocabulary": 80}, {}, r"ids that are not sorted, or not in the vocabulary"),
        ({}, {"changed_ids": torch.arange(59, -1, -1)}, r"ids that are not sorted"),
        ({}, {"changed_ids": torch.arange(60) - 1}, r"ids that are not sorted, or not"),
        ({}, {"changed_ids": torch.arange(60).int()}, r"ids that are not sorted, or not"),
        ({"factors": "abc"}, {}, r"could not convert string to float"),
        ({"colour": 1}, {}, r"unexpected keyword argument 'colour'"),
    ],
)
def test_what_does_not_fit_together_is_damage(delta, changes, tensors, said):
    rewrite(delta, changes, **tensors)
    with pytest.raises(EncoderUnavailableError, match=f"is damaged: .*{said}"):
        load_stored(delta)


def test_weights_that_are_not_those_of_the_configuration_are_refused(delta):
    config = json.loads((delta / "config.json").read_text())
    (delta / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(EncoderUnavailableError, match="do not fit its config"):
        load_stored(delta)


def test_a_base_that_has_changed_is_refused_with_both_digests_and_what_to_do(bert, delta):
    held = load_file(Path(bert.name) / "model.safetensors")
    held["embeddings.word_embeddings.weight"][399, 0] += 1
    was = json.loads((delta / "delta.json").read_text())["base_digest"]
    save_file(held, Path(bert.name) / "model.safetensors", metadata={"format": "pt"})
    now = pretrained_table(bert, "embeddings.word_embeddings.weight").digest
    with pytest.raises(BaseChangedError) as error:
        load_stored(delta)
    assert f"since the pretrained encoder {bert.name!r}, which has changed" in str(error.value)
    assert f"SHA-256 {now[:16]}…, it had {was[:16]}…" in str(error.value)
    assert f"Get that revision again ({bert.revision})" in str(error.value)
    assert "--recompute 0123456789ab" in str(error.value)


def test_other_weights_of_the_base_may_change(bert, delta):
    """They are not read."""
    expected = load_stored(delta)
    held = load_file(Path(bert.name) / "model.safetensors")
    held["encoder.layer.0.output.dense.bias"] += 1
    save_file(held, Path(bert.name) / "model.safetensors", metadata={"format": "pt"})
    assert same(load_stored(delta), expected)


def test_a_base_that_is_not_there_is_named_and_may_be_elsewhere(bert, delta, tmp_path):
    expected = load_stored(delta)
    Path(bert.name).rename(tmp_path / "moved")
    with pytest.raises(BaseMissingError, match=r"pretrained encoder '.*/bert', which cannot be had: .*no such"):
        load_stored(delta)
    assert same(load_stored(delta, base=dataclasses.replace(bert, name=str(tmp_path / "moved"))), expected)


def test_a_base_of_the_hub_that_does_not_answer_is_missing(delta, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BaseMissingError, match=r"owner/name.*which cannot be had"):
        load_stored(delta, base=Base(name="owner/name", revision="main"))


def test_nothing_is_left_of_an_encoder_that_could_not_be_written(bert, delta, monkeypatch):
    before = {path.name: path.read_bytes() for path in delta.iterdir()}

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("trainables.model.delta.save_file", full)
    with pytest.raises(OSError, match="No space"):
        fine_tuned(bert, delta)
    assert {path.name: path.read_bytes() for path in delta.iterdir()} == before
    assert [path.name for path in delta.parent.iterdir()] == ["encoder"]


@pytest.fixture
def xlmr(tmp_path) -> Path:
    """The bundled encoder as a folder, whose tokenizer is of XLM-R's class."""
    return Path(shutil.copytree(cache_folder() / BUNDLED_FOLDER, tmp_path / "xlmr"))


@pytest.fixture
def types(tmp_path) -> Path:
    """A folder whose tokenizer gives token types, as BERT's does."""
    folder = encoder_folder(tmp_path / "types", "bert")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert sum(load_tokenizer(str(folder))("a", "b")["token_type_ids"]) == 2
    return folder


@pytest.mark.parametrize("name", ["bundled:1", "xlmr", "types", *ARCHITECTURES])
def test_the_tokenizer_of_a_folder_is_ours_without_token_types(name, tmp_path, request):
    """Ids and offsets of sentences in all the demo's languages; runs give the encoder no token types."""
    if name in ("xlmr", "types"):
        where = str(request.getfixturevalue(name))
    else:
        where = name if name == "bundled:1" else str(encoder_folder(tmp_path / name, name))
    ours = load_tokenizer(where)
    left = tmp_path / "left"
    left.mkdir()
    for file, content in tokenizer_files(ours).items():
        (left / file).write_bytes(content)
    load_encoder(where).config.save_pretrained(left)
    theirs = AutoTokenizer.from_pretrained(left)
    texts = [line for path in sorted(LANGUAGES.glob("*.txt")) for line in path.read_text().splitlines()[:6]]
    assert len(texts) > 100
    found, expected = (dict(each(texts, return_offsets_mapping=True)) for each in (theirs, ours))
    assert set(found) == {"input_ids", "attention_mask", "offset_mapping"}
    assert found == {key: expected[key] for key in found}
    assert theirs(texts[0], texts[1])["input_ids"] == ours(texts[0], texts[1])["input_ids"]
    for field in ("model_max_length", "special_tokens_map", "all_special_ids", "padding_side"):
        assert getattr(theirs, field) == getattr(ours, field)
    if name == "bundled:1":
        assert theirs.unk_token_id not in {i for ids in found["input_ids"] for i in ids}
