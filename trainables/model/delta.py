"""Delta: an encoder as what has changed since the pretrained one, in two files beside its configuration.

`delta.safetensors` holds all weights but the word embedding under their own names, and the changed rows of that one
with their ids. `delta.json`, sealed and written last, holds the rest, and the digest of the other. A delta refers to
the pretrained encoder, never to another delta.

Shapes: V vocabulary, H width of a row, R changed rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trainables.ledger.digests import digest
from trainables.ledger.seal import sealed, unsealed
from trainables.model.base import Base
from trainables.model.names import DELTA_FILE, EncoderUnavailableError
from trainables.model.word_table import Changes

DELTA_WEIGHTS_FILE = "delta.safetensors"
_IDS, _ROWS = "changed.ids", "changed.rows"
_FORMATS = range(1, 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Delta:
    """What `delta.json` says.

    Attributes:
        base: the pretrained encoder, by the name that runs know it by; of a folder its own, not its place.
        base_digest: SHA-256 of its word embedding as float32 bytes.
        table: name of the word embedding among the weights.
        vocabulary: V.
        width: H.
        changed: R.
        factors: of all other rows, one after another.
        weights_digest: SHA-256 of the other file.
    """

    base: Base
    base_digest: str
    table: str
    vocabulary: int
    width: int
    changed: int
    factors: tuple[float, ...]
    weights_digest: str


def write_delta(
    folder: Path, *, base: Base, base_digest: str, table: str, vocabulary: int, changes: Changes,
    weights: Mapping[str, Tensor],
) -> None:  # fmt: skip
    """Write both files into a folder; `weights` are all but the table."""
    tensors = {**weights, _IDS: changes.ids_R, _ROWS: changes.rows_RH.contiguous()}
    save_file(tensors, folder / DELTA_WEIGHTS_FILE, metadata={"format": "pt"})
    (folder / DELTA_WEIGHTS_FILE).chmod(0o644)  # safetensors makes files that their owner alone may read
    delta = Delta(
        base=base,
        base_digest=base_digest,
        table=table,
        vocabulary=vocabulary,
        width=changes.rows_RH.shape[1],
        changed=len(changes.ids_R),
        factors=changes.factors,
        weights_digest=digest(folder / DELTA_WEIGHTS_FILE),
    )
    text = sealed({"format": _FORMATS[-1], **dataclasses.asdict(delta)}, indent=1)
    (folder / DELTA_FILE).write_text(text, encoding="utf-8")


def read_delta(folder: Path) -> Delta:
    """What `delta.json` of a folder says; raises EncoderUnavailableError for one that is not as it was written."""
    try:
        fields = unsealed((folder / DELTA_FILE).read_text(encoding="utf-8"), _FORMATS, sealed_since=1)
        del fields["format"]
        base, factors = Base(**fields.pop("base")), tuple(map(float, fields.pop("factors")))
        delta = Delta(**fields, base=base, factors=factors)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{DELTA_FILE}: {error}") from error
    if not all(math.isfinite(factor) for factor in factors):
        raise _damaged(folder, f"{DELTA_FILE}: factors {factors}")
    return delta


def read_weights(folder: Path, delta: Delta) -> tuple[dict[str, Tensor], Changes]:
    """All weights but the table, and what has changed of that one; both in the memory map of their file.

    Raises EncoderUnavailableError where the file is not what `delta` says.
    """
    path = folder / DELTA_WEIGHTS_FILE
    try:
        if digest(path) != delta.weights_digest:
            raise _damaged(folder, f"{DELTA_WEIGHTS_FILE} is not what was written (its digest differs)")
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        ids_R, rows_RH = weights.pop(_IDS), weights.pop(_ROWS)
    except (OSError, SafetensorError, KeyError) as error:
        raise _damaged(folder, f"{DELTA_WEIGHTS_FILE}: {error}") from error
    if ids_R.shape != (delta.changed,) or rows_RH.shape != (delta.changed, delta.width):
        shapes = f"ids {tuple(ids_R.shape)}, rows {tuple(rows_RH.shape)}"
        raise _damaged(folder, f"{DELTA_WEIGHTS_FILE}: {shapes}, expected rows ({delta.changed}, {delta.width})")
    if ids_R.dtype != torch.int64 or not _is_sorted(ids_R, delta.vocabulary):
        raise _damaged(folder, f"{DELTA_WEIGHTS_FILE}: ids that are not sorted, or not in the vocabulary")
    return weights, Changes(factors=delta.factors, ids_R=ids_R, rows_RH=rows_RH)


def _is_sorted(ids_R: Tensor, vocabulary: int) -> bool:
    in_range = len(ids_R) > 0 and int(ids_R[0]) >= 0 and int(ids_R[-1]) < vocabulary
    return in_range and bool((ids_R[1:] > ids_R[:-1]).all())


def _damaged(folder: Path, why: str) -> EncoderUnavailableError:
    return EncoderUnavailableError(f"the encoder in {str(folder)!r} is damaged: {why}")
