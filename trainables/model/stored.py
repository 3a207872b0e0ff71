"""Encoders that runs leave: a folder with the configuration and the weights, whole or as what has changed.

Whole is `model.safetensors`: a folder that transformers loads. What has changed since the pretrained encoder is a
delta (model/delta.py), which is given back whole, bit for bit, while the pretrained encoder is the same. Beside either,
or alone on the pretrained encoder, may lie adapters (model/stack.py): low ranks are merged as they are loaded, and
bottlenecks stay in the encoder that is given back.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from transformers import AutoConfig, PreTrainedModel

from trainables.ledger import files
from trainables.model.adapted import apply_adapters
from trainables.model.base import Base, Pretrained, pretrained_table
from trainables.model.delta import Delta, read_delta, read_weights, write_delta
from trainables.model.encoder import (
    assign_weights,
    compare_encoder,
    load_encoder,
    load_encoder_folder,
    save_encoder,
    shaped_encoder,
    weights_of,
    write_config,
)
from trainables.model.names import DELTA_FILE, EncoderUnavailableError
from trainables.model.stack import Stack, read_stack, write_within
from trainables.model.word_table import WordLookup, WordTable, hold_whole_table, table_name


class BaseMissingError(EncoderUnavailableError):
    """The pretrained encoder that a stored one is a change of cannot be had."""


class BaseChangedError(EncoderUnavailableError):
    """The pretrained encoder that a stored one is a change of is not what it was."""


def is_delta(folder: Path) -> bool:
    """Whether a folder holds an encoder as what has changed."""
    return (folder / DELTA_FILE).exists()


def save_stored(
    model: PreTrainedModel,
    path: Path,
    *,
    table: WordTable | None = None,
    base: Base | None = None,
    base_name: str = "",
) -> None:
    """Write an encoder into the folder `path`, which appears complete or not at all; one that is there is replaced.

    `table` is its word embedding where the model holds some rows of it only. With `base`, of which `table` must be a
    change, that change is written instead of the table, which is then nowhere built; it says the base by `base_name`,
    if given, so that a folder's place makes no difference. Raises as `load_encoder` does for
    a base that is not there.
    """
    if base is None:
        save_encoder(model, path, table.whole() if table else None)
        return
    assert table
    assert table.changes
    name = table_name(model)
    weights = weights_of(model)
    del weights[name]
    with files.replacing(path) as partial:
        write_config(model, partial)
        write_within(model, partial)
        write_delta(
            partial,
            base=replace(base, name=base_name or base.name),
            base_digest=pretrained_table(base, name).digest,
            table=name,
            vocabulary=len(table),
            changes=table.changes,
            weights=weights,
        )


def load_stored(
    folder: Path, *, base: Base | None = None, attn_implementation: str = "sdpa", mapped: bool = False
) -> PreTrainedModel:
    """The encoder in a folder that `save_stored` wrote, float32 on the CPU, in evaluation mode.

    Args:
        folder: of a run.
        base: where the pretrained encoder is now; without it, what the folder says, which is no place for a base that
            was a folder.
        attn_implementation: as transformers names it.
        mapped: leave the word embedding in the files it comes from. It can then be read, on the CPU; of a delta it has
            no weight: rows are looked up (`word_table.WordLookup`, and `hold_whole_table` for the whole).

    Raises BaseMissingError, BaseChangedError, or EncoderUnavailableError for a folder that is damaged.
    """
    stack = read_stack(folder)
    model = _without_files(folder, stack, base, attn_implementation, mapped=mapped)
    apply_adapters(model, folder, stack)
    return model.eval()


def _without_files(
    folder: Path, stack: Stack, base: Base | None, attn_implementation: str, *, mapped: bool
) -> PreTrainedModel:
    """The encoder that the adapters of a folder belong to."""
    if stack.base:
        return _pretrained(folder, stack, base, attn_implementation, mapped=mapped)
    if not is_delta(folder):
        return load_encoder_folder(folder, attn_implementation=attn_implementation, mapped=mapped)
    delta = read_delta(folder)
    weights, changes = read_weights(folder, delta)
    table_VH = _base_table(folder, delta, base or delta.base).table_VH
    model = shaped_encoder(AutoConfig.from_pretrained(folder, local_files_only=True), attn_implementation, folder)
    padding_idx = model.get_input_embeddings().padding_idx
    model.set_input_embeddings(WordLookup(WordTable(base_VH=table_VH, changes=changes), padding_idx))
    assign_weights(model, weights, folder)
    if not mapped:
        hold_whole_table(model)
    return model.eval()


def _pretrained(
    folder: Path, stack: Stack, base: Base | None, attn_implementation: str, *, mapped: bool
) -> PreTrainedModel:
    """The pretrained encoder that the adapters of a folder belong to."""
    said = f"the encoder in {str(folder)!r} is kept as adapters of the pretrained encoder {stack.base!r}"
    found = base or Base(name=stack.base, revision=stack.revision or None)
    if stack.revision and found.revision and found.revision != stack.revision:
        raise BaseChangedError(f"{said} at revision {stack.revision}, not {found.revision}")
    try:
        compare_encoder(found.name, found.revision)
        return load_encoder(found.name, found.revision, attn_implementation=attn_implementation, mapped=mapped)
    except (EncoderUnavailableError, ValueError) as error:
        raise BaseMissingError(f"{said}, which cannot be had: {error}") from error


def _base_table(folder: Path, delta: Delta, base: Base) -> Pretrained:
    """The word embedding that a delta was made from."""
    said = f"the encoder in {str(folder)!r} is kept as what has changed since the pretrained encoder {base.name!r}"
    try:
        found = pretrained_table(base, delta.table)
    except (EncoderUnavailableError, ValueError) as error:
        raise BaseMissingError(f"{said}, which cannot be had: {error}") from error
    if found.digest != delta.base_digest:
        revision = delta.base.revision or "unknown"
        raise BaseChangedError(
            f"{said}, which has changed: its word embedding has the SHA-256 {found.digest[:16]}…, it had "
            f"{delta.base_digest[:16]}…. Get that revision again ({revision}), or compute the run again: the same "
            f"`run` with --recompute {folder.resolve().parent.name}"
        )
    assert found.table_VH.shape == (delta.vocabulary, delta.width)
    return found
