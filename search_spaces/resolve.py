"""From what the user said to what a run does: unset fields become the published value of the run's task.

Nothing that leaves this module means "default": a RunSpec says everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search_spaces import published
from search_spaces.config import SweepConfig, TrainingFields
from search_spaces.encoders import encoder_size
from search_spaces.published import MULTI_TASK
from search_spaces.ranges import field_of
from trainables.model.names import EncoderKind, encoder_fingerprint, parse_encoder
from trainables.spec import EncoderRef, MlmSettings, Optimisation, Retrieval
from trainables.tasks import registry

MLM_TASK = "mlm"
"""Name of MLM in `Optimisation.batch_sizes`."""

_SHARED = (
    "warmup_fraction", "weight_decay", "clip_norm", "dev_rows", "max_eval_interval", "evaluations", "patience",
    "precision",
)  # fmt: skip


def encoder_ref(config: SweepConfig) -> EncoderRef:
    """What identifies the pretrained encoder; of a folder its name, not its path."""
    encoder = parse_encoder(config.encoder.name)
    name = encoder.folder.name if encoder.kind is EncoderKind.FOLDER else encoder.name
    return EncoderRef(name=name, revision=encoder_fingerprint(config.encoder.name, config.encoder.revision))


def intermediate_optimisation(config: SweepConfig, row: str, members: Sequence[str], *, mlm: bool) -> Optimisation:
    """How the intermediate run of a row trains; `members` are its tasks, several for the mixture.

    Raises ValueError for a task that has neither a published nor a configured value.
    """
    fields = config.intermediate
    layers = [fields.tasks.get(row), fields]
    known = published.INTERMEDIATE.get(members[0] if row == MULTI_TASK else row)
    epochs = published.MULTI_TASK_EPOCHS if row == MULTI_TASK else getattr(known, "epochs", None)
    batches = {}
    for member in members:
        own = published.INTERMEDIATE.get(member)
        batches[member] = _first("batch_size", f"intermediate.tasks.{member}", [fields.tasks.get(member), *layers], own)
    if mlm:
        batches[MLM_TASK] = config.mlm.batch_size
    return Optimisation(
        learning_rate=_first(field_of("learning_rate", mlm=mlm), f"intermediate.tasks.{row}", layers, known),
        epochs=_first("epochs", f"intermediate.tasks.{row}", layers, None, epochs),
        batch_sizes=batches,
        max_length=_first("max_length", "", layers, None, max(registry.task(name).max_length for name in members)),
        mixing_cap=config.mlm.mixing_cap,
        **_shared(layers),
    )


def target_optimisation(config: SweepConfig, names: Sequence[str]) -> Optimisation:
    """How the fine-tuning that these targets share trains.

    Raises ValueError when the targets are configured differently: one run cannot be both.
    """
    found = {name: _target_optimisation(config, name) for name in names}
    first = found[names[0]]
    for name, other in found.items():
        differ = [field for field in ("learning_rate", "epochs", "max_length", *_SHARED)
                  if getattr(first, field) != getattr(other, field)]  # fmt: skip
        if list(first.batch_sizes.values()) != list(other.batch_sizes.values()):
            differ.append("batch_size")
        if differ:
            raise ValueError(
                f"{names[0]} and {name} share one fine-tuning but differ in {', '.join(differ)}; "
                f"allowed: the same values in target.tasks.{names[0]} and target.tasks.{name}"
            )
    return first


def mlm_settings(config: SweepConfig, languages: Sequence[str], num_tasks: int) -> MlmSettings:
    """MLM over the given languages, beside so many tasks."""
    return MlmSettings(
        languages=tuple(languages),
        sentences=config.mlm.sentences,
        alpha=config.mlm.alpha,
        mask_probability=config.mlm.mask_probability,
        length=config.mlm.length or published.MLM.length(num_tasks),
    )


def retrieval(config: SweepConfig) -> Retrieval:
    """How sentences are embedded; raises ValueError for a layer that the encoder does not have."""
    layer, num_layers = config.retrieval.layer, encoder_size(config.encoder.name, config.encoder.revision).num_layers
    if layer is None:
        layer = published.retrieval_layer(num_layers)
    if layer > num_layers:
        raise ValueError(f"retrieval.layer: given {layer}; allowed: 0 to {num_layers}, the layers of the encoder")
    return Retrieval(layer=layer, max_length=config.retrieval.max_length)


def _target_optimisation(config: SweepConfig, name: str) -> Optimisation:
    layers = [config.target.tasks.get(name), config.target]
    task, known, place = registry.task(name), published.TARGET.get(name), f"target.tasks.{name}"
    return Optimisation(
        learning_rate=_first("learning_rate", place, layers, known),
        epochs=_first("epochs", place, layers, known),
        batch_sizes={name: _first("batch_size", place, layers, known)},
        max_length=_first("max_length", place, layers, None, task.max_length),
        mixing_cap=config.mlm.mixing_cap,
        **_shared(layers),
    )


def _shared(layers: Sequence[TrainingFields | None]) -> dict[str, Any]:
    return {name: _first(name, "", layers, published.TRAINING) for name in _SHARED}


def _first(name: str, place: str, layers: Sequence[TrainingFields | None], table: object, fallback: Any = None) -> Any:
    """The first value that is set, then the published one."""
    for layer in layers:
        value = getattr(layer, name, None)
        if value is not None:
            return value
    value = getattr(table, name, fallback)
    if value is None:
        raise ValueError(f"{place}.{name}: the task has no published value; set {place}.{name}")
    return value
