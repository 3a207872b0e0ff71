"""Export: the encoder or the fine-tuned model of a run as a folder that transformers alone can load."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from transformers import PreTrainedModel

from trainables.ledger.artefacts import ENCODER, HEADS
from trainables.ledger.digests import digests
from trainables.ledger.errors import MissingRunError, StoreError
from trainables.ledger.exported import Exported, Kind
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import MLM
from trainables.ledger.record import Record
from trainables.ledger.spec import EncoderRef, Phase, Precision
from trainables.ledger.store import Store
from trainables.model.adapters import bottlenecks_of
from trainables.model.base import Base
from trainables.model.bundled_tokenizer import TOKENIZER_FILE
from trainables.model.conversion import converted
from trainables.model.encoder import compare_encoder, load_encoder, quiet
from trainables.model.stored import load_stored
from trainables.model.tokenizer import TOKENIZER_CONFIG_FILE, load_tokenizer, tokenizer_files
from trainables.model.trained_head import SUFFIX, load_head
from trainables.tasks.declared import declared
from trainables.tasks.registry import task as registered

Files = Mapping[str, bytes]
"""Name -> content."""
SHARD = "5GB"
"""Largest file of weights."""


class BottlenecksError(StoreError):
    """An encoder that transformers alone cannot compute."""


class NotKeptError(StoreError):
    """A model that the store does not hold; the message says how to get it."""


def write_model(store: Store, record: Record, task: str, folder: Path, pretrained: str) -> Exported:
    """Write the model of a run and a task into an empty folder: configuration, weights, tokenizer.

    `pretrained` is where the pretrained encoder is loaded from. Raises ValueError for a task that the run has no head
    of, NotKeptError, DamagedRunError, ConversionError, and what loading the pretrained encoder raises.
    """
    spec, trained = record.spec, trained_on(record, task)
    with kept(store, record, "model"):
        head = load_head(store.fetch(record.run_id, f"{HEADS}/{trained}{SUFFIX}"))
        encoder, tokenizer = encoder_of_run(store, record.run_id, spec.encoder, pretrained)
    model = converted(encoder, head)
    _write(model, tokenizer, folder)
    facts = head.facts
    return Exported(
        kind=Kind.MODEL, run_id=record.run_id, name=record.name, parent=spec.parent, encoder=spec.encoder, task=task,
        head=facts.kind, labels=facts.labels, max_length=facts.max_length, dropout=facts.dropout,
        precision=spec.optimisation.precision if spec.optimisation else Precision.FP32, files=digests_of(folder),
        own_task=declared(registered(task)).to_dict() if task in spec.definitions else {},
    )  # fmt: skip


def write_encoder(store: Store, record: Record, folder: Path, pretrained: str) -> Exported:
    """Write the encoder that a run trained, or of a retrieval run the one that it embeds with; as `write_model`.

    Low ranks are merged. Raises BottlenecksError for an encoder with bottlenecks.
    """
    spec = record.spec
    owner = store.record(spec.parent) if spec.phase is Phase.RETRIEVAL and spec.parent else record
    if spec.phase is Phase.RETRIEVAL and not spec.parent:
        encoder, tokenizer = _pretrained(spec.encoder, pretrained)
    else:
        with kept(store, owner, "encoder"):
            encoder, tokenizer = encoder_of_run(store, owner.run_id, spec.encoder, pretrained)
    _write(encoder, tokenizer, folder)
    optimisation, trained = owner.spec.optimisation, owner.spec.phase is not Phase.RETRIEVAL
    return Exported(
        kind=Kind.ENCODER, encoder=spec.encoder, files=digests_of(folder),
        run_id=owner.run_id if trained else "", name=owner.name if trained else "",
        parent=owner.spec.parent, layer=spec.retrieval.layer if spec.retrieval else -1,
        max_length=spec.retrieval.max_length if spec.retrieval else optimisation.max_length if optimisation else 0,
        precision=optimisation.precision if optimisation else Precision.FP32,
    )  # fmt: skip


def trained_on(record: Record, task: str) -> str:
    """The task whose head a run has for a task; raises ValueError where it has none."""
    spec = record.spec
    if task not in spec.tasks or task == MLM or spec.phase is Phase.RETRIEVAL:
        trained = [name for name in spec.tasks if spec.phase is not Phase.RETRIEVAL and name != MLM] or ["none"]
        raise ValueError(unknown(f"trained task of run {record.run_id}", task, trained))
    return task if spec.phase is Phase.INTERMEDIATE else spec.tasks[0]


@contextmanager
def kept(store: Store, record: Record, what: str) -> Iterator[None]:
    """An artefact that is not there becomes a sentence that says how to get it."""
    try:
        yield
    except MissingRunError as error:
        place = shlex.quote(str(store))
        raise NotKeptError(
            f"the {what} of run {record.run_id} ({record.name}) is not kept in {store}. To get it: `xstilts run "
            f"--config {place}/config.yaml --store {place} --keep all --recompute {record.run_id}`"
        ) from error


def encoder_of_run(store: Store, run_id: str, encoder: EncoderRef, pretrained: str) -> tuple[PreTrainedModel, Files]:
    """The encoder that a run left, whole, and the files of its tokenizer."""
    folder = store.fetch(run_id, ENCODER)
    model = load_stored(folder, base=Base(name=pretrained, revision=encoder.revision))
    if bottlenecks_of(model):
        raise BottlenecksError(
            f"run {run_id} has bottleneck adapters in its encoder, for which transformers has no class. Its scores and "
            "predictions are in the store; LoRA (for example qqp/lora) can be exported"
        )
    if (folder / TOKENIZER_FILE).is_file():
        names = (TOKENIZER_FILE, TOKENIZER_CONFIG_FILE)
        return model, {name: (folder / name).read_bytes() for name in names}
    compare_encoder(pretrained, encoder.revision)  # an earlier version wrote no tokenizer
    return model, tokenizer_files(load_tokenizer(pretrained, encoder.revision))


def _pretrained(encoder: EncoderRef, pretrained: str) -> tuple[PreTrainedModel, Files]:
    compare_encoder(pretrained, encoder.revision)
    files = tokenizer_files(load_tokenizer(pretrained, encoder.revision))
    return load_encoder(pretrained, encoder.revision), files


def _write(model: PreTrainedModel, tokenizer: Files, folder: Path) -> None:
    with quiet():
        model.save_pretrained(folder, max_shard_size=SHARD)
    for name, content in tokenizer.items():
        (folder / name).write_bytes(content)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors makes files that their owner alone may read


def digests_of(folder: Path) -> dict[str, str]:
    """SHA-256 of the files of a folder, by their names."""
    return {path.name: each for path in sorted(folder.iterdir()) for each in digests(path).values()}
