"""Export of what LoRA has trained as a folder of peft: `adapter_config.json` and `adapter_model.safetensors`.

Several stages of LoRA on the pretrained encoder are one such adapter, whose rank is the sum of theirs. The head of a
task is in it, as a module to save; `config.json` is that of the model which the adapter belongs to.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from trainables.ledger.artefacts import ENCODER, HEADS
from trainables.ledger.errors import StoreError
from trainables.ledger.exported import Exported, Kind
from trainables.ledger.recipe import MethodKind
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase, Precision
from trainables.ledger.store import Store
from trainables.model.conversion import converted
from trainables.model.encoder import quiet
from trainables.model.stack import Stack, read_adapters, read_stack
from trainables.model.trained_head import SUFFIX, load_head
from trainables.phases.export import digests_of, encoder_of_run, kept, trained_on

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."


class NotLoraError(StoreError):
    """A run whose model is not the pretrained encoder with low ranks."""


def write_peft(store: Store, record: Record, task: str, folder: Path, pretrained: str) -> Exported:
    """Write the adapter of a run, and its head of a task if one is said, into an empty folder.

    Raises NotLoraError where something else than LoRA was trained, and otherwise as `write_model`.
    """
    spec = record.spec
    if spec.phase is Phase.RETRIEVAL:
        raise NotLoraError(f"run {record.run_id} ({record.name}) trains nothing; allowed with --peft: a run that does")
    with kept(store, record, "encoder"):
        place = store.fetch(record.run_id, ENCODER)
        stack = read_stack(place)
        _check(record, stack)
        encoder, tokenizer = encoder_of_run(store, record.run_id, spec.encoder, pretrained)
        head = load_head(store.fetch(record.run_id, f"{HEADS}/{trained_on(record, task)}{SUFFIX}")) if task else None
    model, prefix, heads = encoder, "", {}
    if head:
        own = encoder.state_dict().keys()
        model = converted(encoder, head)
        prefix = f"{model.base_model_prefix}."
        heads = {name: held for name, held in model.state_dict().items() if name.removeprefix(prefix) not in own}
    low_ranks = _joined(place, stack)
    tensors = {f"{_PREFIX}{prefix}{name}": held for name, held in low_ranks.items()}
    tensors |= {f"{_PREFIX}{name}": held.detach().cpu().contiguous() for name, held in heads.items()}
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    places = sorted({prefix + name.rsplit(".lora_", 1)[0] for name in low_ranks})
    modules = sorted({name.rsplit(".", 1)[0] if name.startswith(prefix) else name.split(".")[0] for name in heads})
    _write_config(model, folder, stack, spec.encoder.name, places, modules)
    for name, content in tokenizer.items():
        (folder / name).write_bytes(content)
    for path in folder.iterdir():
        path.chmod(0o644)
    facts = head.facts if head else None
    return Exported(
        kind=Kind.ADAPTERS, run_id=record.run_id, name=record.name, parent=spec.parent, encoder=spec.encoder, task=task,
        head=facts.kind if facts else "", labels=facts.labels if facts else (),
        max_length=spec.optimisation.max_length if spec.optimisation else 0, dropout=facts.dropout if facts else 0.0,
        precision=spec.optimisation.precision if spec.optimisation else Precision.FP32, files=digests_of(folder),
    )  # fmt: skip


def _check(record: Record, stack: Stack) -> None:
    """Raise NotLoraError for what peft has no adapter for."""
    kinds = {str(entry.method.kind) for entry in stack.entries}
    why = ""
    if kinds - {MethodKind.LORA}:
        why = "has bottleneck adapters, which peft does not have"
    elif not kinds:
        why = "was trained in all its weights"
    elif not stack.base:
        why = "was trained in all its weights at an earlier stage"
    if why:
        raise NotLoraError(
            f"run {record.run_id} ({record.name}) {why}; allowed with --peft: LoRA alone on the pretrained encoder. "
            "Without --peft the whole model is written, if transformers has a class for it"
        )


def _joined(folder: Path, stack: Stack) -> dict[str, Tensor]:
    """All stages' low ranks as one: their products add up."""
    parts: defaultdict[str, list[Tensor]] = defaultdict(list)
    for entry in stack.entries:
        for name, held in read_adapters(folder, entry).items():
            parts[name].append(held)
    return {name: torch.cat(held, dim=0 if ".lora_A." in name else 1) for name, held in parts.items()}


def _write_config(
    model: PreTrainedModel, folder: Path, stack: Stack, base: str, places: list[str], modules: list[str]
) -> None:
    with quiet():
        model.config.save_pretrained(folder)
    rank = sum(entry.method.size for entry in stack.entries)
    said: dict[str, Any] = {
        "peft_type": "LORA", "task_type": None, "base_model_name_or_path": base, "revision": stack.revision or None,
        "r": rank, "lora_alpha": rank, "lora_dropout": 0.0, "bias": "none", "use_rslora": False, "use_dora": False,
        "fan_in_fan_out": False, "inference_mode": True, "target_modules": places, "modules_to_save": modules or None,
    }  # fmt: skip
    (folder / CONFIG_FILE).write_text(json.dumps(said, indent=1), encoding="utf-8")
