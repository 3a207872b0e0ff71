"""Footprint of a run: the bytes that it is expected to take on disk, from a formula.

An encoder is its layers and positions, and of the word embedding the rows that were trained, or the whole where all
rows have changed; of a run with a method it is what the method adds. A checkpoint holds the weights that are trained,
their two moments and the best weights so far. What is no model (record, predictions, Tune's own files) is taken from
measured stores (`python -m benchmarks.disk`).
"""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.config import SweepConfig
from search_spaces.encoders import EncoderSize
from sweep.planning.distinct_words import distinct_words
from sweep.planning.lengths import tokens_of
from trainables.ledger.artefacts import Keep
from trainables.ledger.plan import Footprint
from trainables.ledger.recipe import MLM
from trainables.ledger.spec import Phase, RunSpec
from trainables.tasks import registry
from trainables.tasks.formats.base import Head

_BYTES = 4
"""Of a weight."""
_ID_BYTES = 8
_POSITIONS = 514
_COPIES = 4
"""Of the trained weights in a checkpoint."""
_FIXED_BYTES = 12_000
"""Configuration of the encoder, notes."""
_TOKENIZER_BYTES = 37
"""A word of the vocabulary in `tokenizer.json`, which a store keeps once."""
_RUN_BYTES = 30_000
"""Record, and Ray Tune's own files of a run."""
_ROW_BYTES: Mapping[Head, float] = {Head.TAGGING: 40.0, Head.SPAN: 60.0}
"""A row of predictions, compressed; elsewhere an id and two labels."""
_SHORT_ROW_BYTES = 12.0

Texts = Mapping[str, float]
"""Sub-words that an encoder was trained on, by task."""


def texts_of(spec: RunSpec, rows: Mapping[str, int]) -> Texts:
    """Sub-words of what a run trains and stops on, MLM apart; `rows` are its training rows by task."""
    settings = spec.optimisation
    if settings is None:
        return {}
    cap, dev = spec.data.train_rows, settings.dev_rows
    dev = min(dev, spec.data.eval_rows) if spec.data.eval_rows else dev
    counts = {
        name: (min(rows[name], cap) if cap else rows[name]) + dev for name in rows if name in spec.tasks and name != MLM
    }
    return {name: tokens_of(name, count, settings.max_length, spec.data.source) for name, count in counts.items()}


def footprint_of(
    spec: RunSpec,
    size: EncoderSize,
    config: SweepConfig,
    *,
    texts: Texts,
    is_whole: bool,
    seconds: float,
    evaluated: Mapping[str, int],
) -> Footprint:
    """What a run is expected to take.

    `texts` are those of the run and of the one that it starts from; `is_whole` says that the whole embedding has
    changed, by MLM or in its parent. `evaluated` are the rows of all languages and splits, by task.
    """
    rows = min(distinct_words(texts, spec.data.source), size.vocabulary) if texts else 0
    layers = size.layer_parameters + size.hidden * _POSITIONS
    head = size.hidden**2 + 8 * size.hidden
    changed = size.parameters * _BYTES if is_whole else layers * _BYTES + rows * (size.hidden * _BYTES + _ID_BYTES)
    leaves = spec.phase is Phase.INTERMEDIATE or (spec.phase is Phase.TARGET and config.keep is not Keep.NONE)
    model: float = changed + head * _BYTES + _FIXED_BYTES if leaves else 0
    trained = layers + head + size.hidden * (size.vocabulary if spec.mlm else rows)
    if spec.method:
        trained = size.method_parameters(spec.method) + head
        model = _BYTES * trained + _FIXED_BYTES if leaves else 0
    is_long = spec.optimisation is not None and seconds > config.cluster.checkpoint_seconds
    return Footprint(
        model=round(model),
        rest=round(_RUN_BYTES + sum(count * _row_bytes(name) for name, count in evaluated.items())),
        work=round(_COPIES * trained * _BYTES) if is_long else 0,
    )


def tokenizer_bytes(size: EncoderSize) -> int:
    """What the tokenizer takes that the encoders of a store share."""
    return _TOKENIZER_BYTES * size.vocabulary


def _row_bytes(task: str) -> float:
    return _ROW_BYTES.get(registry.task(task).format.head, _SHORT_ROW_BYTES)
