"""From what the user said to what a run does: unset fields become the published value of the run's task.

Nothing that leaves this module means "default": a RunSpec says everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces import published
from search_spaces.config import SweepConfig
from search_spaces.encoders import encoder_size
from search_spaces.published import PublishedRow
from trainables.ledger import hyperparameters
from trainables.ledger.cells import MULTI_TASK
from trainables.ledger.hyperparameters import PhaseName, of_section
from trainables.ledger.recipe import ENGLISH, MLM, Method, Stage, parse_method
from trainables.ledger.spec import EncoderRef, MlmSettings, Optimisation, Retrieval
from trainables.model.names import EncoderKind, encoder_fingerprint, parse_encoder
from trainables.tasks import registry

_BATCH = "batch_size"
"""The one hyperparameter that a run holds by task, in `Optimisation.batch_sizes`."""


def encoder_ref(config: SweepConfig) -> EncoderRef:
    """What identifies the pretrained encoder; of a folder its name, not its path."""
    encoder = parse_encoder(config.encoder.name)
    name = encoder.folder.name if encoder.kind is EncoderKind.FOLDER else encoder.name
    return EncoderRef(name=name, revision=encoder_fingerprint(config.encoder.name, config.encoder.revision))


def intermediate_optimisation(config: SweepConfig, row: str, members: Sequence[str], *, mlm: bool) -> Optimisation:
    """How an intermediate run trains on a task or the mixture; `members` are its tasks, `mlm` among them if alone.

    Raises ValueError for a task that has neither a published nor a configured value.
    """
    fields, place = config.intermediate, f"intermediate.tasks.{row}"
    layers = [fields.tasks.get(row), fields]
    known = _published("intermediate", members, published.intermediate(members[0]))
    if row == MULTI_TASK:
        known["epochs"] = published.MULTI_TASK_EPOCHS
    if row == MLM:
        known |= dataclasses.asdict(published.MLM_ALONE)
    batches = {}
    for member in members:
        if member == MLM:
            continue
        own = _published("intermediate", [member], published.intermediate(member))
        batches[member] = _first(_BATCH, f"intermediate.tasks.{member}", [fields.tasks.get(member), *layers], own)
    if mlm:
        batches[MLM] = config.mlm.batch_size
    return Optimisation(
        batch_sizes=batches,
        **_of_mlm(config, Optimisation),
        **_values("intermediate", place, layers, known, mlm=mlm),
    )


def for_method(optimisation: Optimisation, method: Method | None) -> Optimisation:
    """How a run with a method trains: at a higher learning rate than all weights would."""
    if method is None:
        return optimisation
    rate = float(f"{optimisation.learning_rate * published.METHOD_RATE_FACTOR:.12g}")  # 3e-4, not 3.0000000000000003e-4
    return dataclasses.replace(optimisation, learning_rate=rate)


def target_optimisation(config: SweepConfig, names: Sequence[str]) -> Optimisation:
    """How the fine-tuning that these targets share trains.

    Raises ValueError when the targets are configured differently: one run cannot be both.
    """
    found = {name: _target_optimisation(config, name) for name in names}
    first = found[names[0]]
    for name, other in found.items():
        names_of_one = [own.name for own in of_section("target") if own.name != _BATCH]
        differ = [field for field in names_of_one if getattr(first, field) != getattr(other, field)]
        if list(first.batch_sizes.values()) != list(other.batch_sizes.values()):
            differ.append(_BATCH)
        if differ:
            raise ValueError(
                f"{names[0]} and {name} share one fine-tuning but differ in {', '.join(differ)}; "
                f"allowed: the same values in target.tasks.{names[0]} and target.tasks.{name}"
            )
    return first


def train_rows(config: SweepConfig, stage: Stage) -> int:
    """Training rows that a stage takes at the most: its own dose or the configured cap, whichever is less; 0 is all."""
    caps = [rows for rows in (stage.rows, config.data.train_rows) if rows]
    return min(caps, default=0)


def target_languages(config: SweepConfig, names: Sequence[str]) -> tuple[str, ...]:
    """Languages that train the fine-tuning that these targets share, sorted; empty is English.

    Raises ValueError when the targets are configured differently.
    """
    found = {name: _target_languages(config, name) for name in names}
    first = found[names[0]]
    for name, other in found.items():
        if other != first:
            raise ValueError(
                f"{names[0]} and {name} share one fine-tuning but differ in train_languages; "
                f"allowed: the same in target.tasks.{names[0]} and target.tasks.{name}"
            )
    return first


def target_method(config: SweepConfig) -> Method | None:
    """What target runs train; None for all weights."""
    return parse_method(config.target.method) if config.target.method else None


def mlm_settings(config: SweepConfig, languages: Sequence[str], num_tasks: int) -> MlmSettings:
    """MLM over the given languages, beside so many tasks."""
    return MlmSettings(
        languages=tuple(languages),
        length=config.mlm.length or published.MLM.length(num_tasks),
        **_of_mlm(config, MlmSettings),
    )


def retrieval(config: SweepConfig) -> Retrieval:
    """How sentences are embedded; raises ValueError for a layer that the encoder does not have."""
    layer, num_layers = config.retrieval.layer, encoder_size(config.encoder.name, config.encoder.revision).num_layers
    if layer is None:
        layer = published.retrieval_layer(num_layers)
    if layer > num_layers:
        raise ValueError(f"retrieval.layer: given {layer}; allowed: 0 to {num_layers}, the layers of the encoder")
    return Retrieval(layer=layer, max_length=config.retrieval.max_length, layers=config.retrieval.layers)


def _target_languages(config: SweepConfig, name: str) -> tuple[str, ...]:
    layers = (config.target.tasks.get(name), config.target)
    asked = next((own.train_languages for own in layers if own and own.train_languages is not None), ())
    return () if asked == (ENGLISH,) else tuple(sorted(set(asked)))


def _target_optimisation(config: SweepConfig, name: str) -> Optimisation:
    place, layers = f"target.tasks.{name}", [config.target.tasks.get(name), config.target]
    known = _published("target", [name], published.target(name))
    return Optimisation(
        batch_sizes={name: _first(_BATCH, place, layers, known)},
        **_of_mlm(config, Optimisation),
        **_values("target", place, layers, known, mlm=False),
    )


def _published(section: PhaseName, tasks: Sequence[str], row: PublishedRow | None) -> dict[str, Any]:
    """Published values of a run: those that all tasks share, its tasks' input length, its row of Table 3 or 4."""
    of_tasks = {"max_length": max(registry.task(name).max_length for name in tasks)}
    return hyperparameters.published(section) | of_tasks | (dataclasses.asdict(row) if row else {})


def _values(
    section: PhaseName, place: str, layers: Sequence[object], known: Mapping[str, Any], *, mlm: bool
) -> dict[str, Any]:
    """The value of every hyperparameter of a section but the batch."""
    wanted = [own for own in of_section(section) if own.name != _BATCH]
    return {own.name: _first(own.field(mlm=mlm), place, layers, known) for own in wanted}


def _of_mlm(config: SweepConfig, part: type) -> dict[str, Any]:
    """The hyperparameters of the section `mlm` that a part of a spec holds."""
    held = {field.name for field in dataclasses.fields(part)}
    return {own.name: getattr(config.mlm, own.name) for own in of_section("mlm") if own.name in held}


def _first(name: str, place: str, layers: Sequence[object], known: Mapping[str, Any]) -> Any:
    """The first value that is set, then the published one."""
    found = next((value for layer in layers if (value := getattr(layer, name, None)) is not None), known.get(name))
    if found is None:
        raise ValueError(f"{place}.{name}: the task has no published value; set {place}.{name}")
    return found
