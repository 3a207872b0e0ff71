"""Runs with a method: what they leave, and that whoever starts from it starts from what was trained."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForTokenClassification

from tests.made.adapters import shaken
from tests.made.left import Sweep, equal
from tests.made.phases import planned_with
from trainables.data.hub import open_data
from trainables.ledger.errors import StoreError
from trainables.ledger.exported import Kind
from trainables.ledger.recipe import Method, MethodKind
from trainables.ledger.record import Record
from trainables.ledger.spec import MlmSettings, Phase, RunSpec
from trainables.model.adapted import save_adapted, swap_language
from trainables.model.adapters import bottlenecks_of
from trainables.model.base import Base
from trainables.model.encoder import load_encoder
from trainables.model.names import EncoderUnavailableError, encoder_fingerprint, parse_encoder
from trainables.model.stack import Stack, read_stack
from trainables.model.stored import BaseChangedError, BaseMissingError, load_stored
from trainables.phases.export import write_encoder, write_model
from trainables.phases.peft_export import write_peft

LORA = Method(kind=MethodKind.LORA, size=4)
BOTTLENECK = Method(kind=MethodKind.ADAPTER, size=6)
TOKENIZER = {"tokenizer.json", "tokenizer_config.json"}


class Adapted(Sweep):
    """Runs with and without a method."""

    def spec(self, phase: Phase, *tasks: str, **given: object) -> RunSpec:
        method, settings = given.pop("method", None), given.pop("settings", None)
        made = super().spec(phase, *tasks, **given, **({"mlm": True} if settings else {}))
        return planned_with(dataclasses.replace(made, method=method, mlm=settings or made.mlm), open_data("demo"))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Adapted:
    return Adapted(tmp_path_factory.mktemp("store"), "bundled:1", keep_models=True)


def left(encoder, folder: Path, adapters, languages: tuple[str, ...], parent: Path | None = None) -> Path:
    base = Base(name="bundled:1", revision=encoder_fingerprint("bundled:1"))
    save_adapted(encoder, folder, adapters, parent=parent, base=base, languages=languages)
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - TOKENIZER


def child_of_export(folder: Path, tmp_path: Path, phase: Phase, task: str):
    """The plain way: the same child in a sweep whose pretrained encoder is the merged one."""
    merged = tmp_path / "merged"
    load_stored(folder).save_pretrained(merged)
    for name in TOKENIZER:
        shutil.copy(folder / name, merged)
    return Sweep(tmp_path / "store", str(merged)).compute(phase, task)[0]


@pytest.mark.parametrize("mlm", [False, True])
def test_a_run_with_lora_leaves_its_adapters_and_its_children_start_from_them(sweep, mlm, tmp_path):
    record, folder = sweep.compute(Phase.INTERMEDIATE, "qqp", method=LORA, mlm=mlm)
    assert names(folder) == {"config.json", "adapters.json", "adapters-1.safetensors"}
    numbers = 4 * (4 * (384 + 384) + 2 * (384 + 1536))
    assert 0 < (folder / "adapters-1.safetensors").stat().st_size - 4 * numbers < 2000
    assert f"trained lora4 alone: {numbers:,} numbers" in record.notes
    for phase, target in ((Phase.TARGET, "udpos"), (Phase.RETRIEVAL, "tatoeba")):
        child, _ = sweep.compute(phase, target, parent=record.run_id)
        expected = child_of_export(folder, tmp_path / phase, phase, target)
        assert child.scores == expected.scores
        assert child.dev_curve == expected.dev_curve


def test_of_the_pretrained_encoder_only_the_adapted_matrices_differ(sweep):
    """All weights of a run without a method do; the two are different runs."""
    pretrained = load_encoder("bundled:1").state_dict()
    changed = []
    for method in (None, LORA):
        record, folder = sweep.compute(Phase.INTERMEDIATE, "qqp", method=method)
        trained = load_stored(folder).state_dict()
        changed.append({name for name, held in pretrained.items() if not torch.equal(held, trained[name])})
        assert (record.spec.method is None) == ("method" not in record.spec.to_dict())
    assert changed[0] >= set(pretrained) - {"embeddings.position_ids"}
    assert changed[1] == {name for name in pretrained if "layer.0" in name and "weight" in name and "Norm" not in name}


def test_a_chain_of_methods_and_all_weights_is_stored_as_what_it_needs(sweep):
    """All weights, then LoRA, a bottleneck, all weights again, a bottleneck: each folder stands alone."""
    parent, folders = "", []
    for task, method in (("qqp", None), ("qqp", LORA), ("qqp", BOTTLENECK), ("qqp", None), ("qqp", BOTTLENECK)):
        record, folder = sweep.compute(Phase.INTERMEDIATE, task, parent=parent, method=method, weight_decay=0.1)
        parent = record.run_id
        folders.append(folder)
    full, lora, bottleneck, again, last = folders
    delta = {"config.json", "delta.json", "delta.safetensors"}
    assert names(full) == delta
    assert names(lora) == delta | {"adapters.json", "adapters-1.safetensors"}
    assert names(bottleneck) == names(lora) | {"adapters-2.safetensors"}
    assert names(again) == delta | {"adapters.json"}
    assert names(last) == names(again) | {"adapters-2.safetensors"}
    inodes = {(folder / "delta.safetensors").stat().st_ino for folder in (full, lora, bottleneck)}
    assert len(inodes) == 1, "the base weights take their room once"
    models = [load_stored(folder, base=None) for folder in folders]
    assert [len(bottlenecks_of(model)) for model in models] == [0, 0, 1, 1, 2]
    shutil.rmtree(full)
    assert equal(load_stored(bottleneck).state_dict(), models[2].state_dict()), "no folder needs another"


@pytest.mark.parametrize("method", [LORA, BOTTLENECK], ids=str)
def test_what_is_left_computes_what_was_trained(method, tmp_path):
    """The encoder with its adapters beside it, and what comes back from the folder: 1e-6 of the largest number.

    Weights are fp32, merged in fp32; both are computed in fp64, since processors round fp32 in their own ways.
    """
    trained, ids = load_encoder("bundled:1"), torch.arange(5, 40)[None]
    with torch.inference_mode():
        before = trained(input_ids=ids).last_hidden_state
        folder = left(trained, tmp_path / "left", shaken(trained, method), ())
        expected = trained.double()(input_ids=ids).last_hidden_state
        found = load_stored(folder).double()(input_ids=ids).last_hidden_state
    assert torch.allclose(found, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))
    assert not torch.allclose(found, before.double(), atol=1e-2)


def test_language_adapters_are_swapped_under_those_of_a_task(tmp_path):
    """What is computed is what the other language's adapters under the same task's give."""
    encoders = {code: load_encoder("bundled:1") for code in ("sw", "de")}
    folders, tasks = {}, {}
    for seed, (code, encoder) in enumerate(encoders.items()):
        folders[code] = left(encoder, tmp_path / code, shaken(encoder, BOTTLENECK, seed), (code,))
        tasks[code] = shaken(encoder, BOTTLENECK, seed=9)
    task = left(encoders["sw"], tmp_path / "task", tasks["sw"], (), parent=folders["sw"])
    model = load_stored(task)
    assert equal(model.state_dict(), encoders["sw"].state_dict())
    swap_language(model, read_stack(task), folders["de"])
    assert equal(model.state_dict(), encoders["de"].state_dict())
    assert not equal(encoders["sw"].state_dict(), encoders["de"].state_dict())
    with pytest.raises(ValueError, match="has 0 adapters of a language; allowed: one, as mlm@sw/adapter makes it"):
        swap_language(model, Stack(), folders["de"])


def test_damage_and_changed_bases_are_said(sweep, tmp_path):
    _, folder = sweep.compute(Phase.INTERMEDIATE, "qqp", method=LORA)
    with pytest.raises(ValueError, match="what a run has changed of its pretrained encoder, not a whole one"):
        parse_encoder(str(folder))
    for name, message in (
        ("adapters.json", "adapters.json: "),
        ("adapters-1.safetensors", "adapters-1.safetensors is not what was written"),
    ):
        broken = Path(shutil.copytree(folder, tmp_path / name))
        content = bytearray((broken / name).read_bytes())
        content[-300] ^= 1
        (broken / name).write_bytes(content)
        with pytest.raises(EncoderUnavailableError, match=message):
            load_stored(broken)
    with pytest.raises(BaseChangedError, match="kept as adapters of the pretrained encoder 'bundled:1' at revision"):
        load_stored(folder, base=Base(name="bundled:1", revision="another"))
    with pytest.raises(BaseMissingError, match="which cannot be had"):
        load_stored(folder, base=Base(name=str(tmp_path / "nowhere")))


@pytest.fixture(scope="module")
def two_stages(sweep) -> tuple[Record, Record]:
    """An intermediate run with LoRA, and a target run with LoRA after it."""
    parent, _ = sweep.compute(Phase.INTERMEDIATE, "qqp", method=LORA)
    child, _ = sweep.compute(Phase.TARGET, "udpos", method=Method(kind=MethodKind.LORA, size=3), parent=parent.run_id)
    return parent, child


def test_both_exports_of_lora_are_the_same_model(sweep, two_stages, tmp_path):
    """The merged one, and what the folder for peft says, put together by hand: two stages are one adapter."""
    _, child = two_stages
    for place in ("whole", "peft"):
        (tmp_path / place).mkdir()
    write_model(sweep.store, child, "udpos", tmp_path / "whole", "bundled:1")
    exported = write_peft(sweep.store, child, "udpos", tmp_path / "peft", "bundled:1")
    assert exported.kind is Kind.ADAPTERS
    assert set(exported.files) == {"config.json", "adapter_config.json", "adapter_model.safetensors"} | TOKENIZER
    said = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert (said["r"], said["lora_alpha"], said["modules_to_save"]) == (7, 7, ["classifier"])
    assert len(said["target_modules"]) == 6
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    given = load_file(tmp_path / "peft" / "adapter_model.safetensors")
    found = {f"roberta.{name}": held for name, held in load_encoder("bundled:1").state_dict().items()}
    for name in said["target_modules"]:
        low, high = (given.pop(f"base_model.model.{name}.lora_{part}.weight") for part in "AB")
        found[f"{name}.weight"] = found[f"{name}.weight"] + high @ low * said["lora_alpha"] / said["r"]
    found |= {name.removeprefix("base_model.model."): held for name, held in given.items()}
    assert set(whole) <= set(found)
    for name, held in whole.items():
        assert torch.allclose(found[name], held, rtol=0, atol=1e-6 * float(held.abs().max())), name


def test_peft_loads_what_was_exported(sweep, two_stages, tmp_path):
    peft = pytest.importorskip("peft")
    parent, child = two_stages
    ids = torch.arange(5, 40)[None]
    for record, task, kind in ((child, "udpos", AutoModelForTokenClassification), (parent, "", AutoModel)):
        places = [tmp_path / f"{task}-{name}" for name in ("base", "whole", "peft")]
        for place in places:
            place.mkdir()
        load_encoder("bundled:1").save_pretrained(places[0])
        if task:
            write_model(sweep.store, record, task, places[1], "bundled:1")
        else:
            write_encoder(sweep.store, record, places[1], "bundled:1")
        write_peft(sweep.store, record, task, places[2], "bundled:1")
        base = kind.from_pretrained(places[0], config=AutoConfig.from_pretrained(places[2]))
        adapted, whole = peft.PeftModel.from_pretrained(base, places[2]), kind.from_pretrained(places[1])
        with torch.inference_mode():
            found, expected = (model.eval()(input_ids=ids)[0] for model in (adapted, whole))
        assert torch.allclose(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_what_cannot_be_exported_is_refused(sweep, tmp_path):
    bottleneck, _ = sweep.compute(Phase.INTERMEDIATE, "qqp", method=BOTTLENECK)
    plain, _ = sweep.compute(Phase.INTERMEDIATE, "qqp")
    for write in (write_model, write_peft):
        with pytest.raises(StoreError, match="has bottleneck adapters"):
            write(sweep.store, bottleneck, "qqp", tmp_path, "bundled:1")
    with pytest.raises(StoreError, match=r"was trained in all its weights; allowed with --peft: LoRA alone"):
        write_peft(sweep.store, plain, "qqp", tmp_path, "bundled:1")
    assert not list(tmp_path.iterdir())


def test_an_adapter_of_a_language_lies_under_that_of_a_task(sweep):
    """As by `mlm@sw/adapter>qqp/adapter`: the task's run trains its own alone, and the language's can be swapped."""
    languages = {}
    for code in ("sw", "de"):
        alone, languages[code] = sweep.compute(
            Phase.INTERMEDIATE, "mlm", method=BOTTLENECK, settings=MlmSettings(languages=(code,), sentences=16)
        )
        if code == "sw":
            _, task = sweep.compute(Phase.INTERMEDIATE, "qqp", method=BOTTLENECK, parent=alone.run_id)
    stack = read_stack(task)
    assert [entry.languages for entry in stack.entries] == [("sw",), ()]
    assert stack.entries[0].digest == read_stack(languages["sw"]).entries[0].digest
    model = load_stored(task)
    below, own = (copy.deepcopy(adapters.weights()) for adapters in bottlenecks_of(model))
    swap_language(model, stack, languages["de"])
    swapped, same = (adapters.weights() for adapters in bottlenecks_of(model))
    assert equal(same, own)
    assert not equal(swapped, below)
    assert equal(swapped, bottlenecks_of(load_stored(languages["de"]))[0].weights())
