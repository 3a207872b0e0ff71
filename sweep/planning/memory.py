"""Memory of a run, in bytes, from a formula: on a GPU, and of the node.

A training holds 16 bytes a trained weight (itself, its gradient, AdamW's two moments, all fp32), in bf16 another 2 for
the copy that autocast computes with, and what the layers keep of each sub-word for the backward pass. That is counted
tensor by tensor in `kept_bytes`; `tests/planning/test_memory.py` compares it with what autograd really keeps. A batch
is taken to be as long as it may be, `max_length`, since one such batch suffices to end a run. An evaluation keeps
nothing, and retrieval trains nothing. The copy that a checkpoint is written from is not counted: it is made only where
memory is left over (`training/keeper.py`). What was measured of finished runs takes the place of all this (`peaks.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from search_spaces.config import EngineFields
from search_spaces.encoders import EncoderSize
from sweep.planning.distinct_words import distinct_words
from sweep.planning.footprint import Texts
from trainables.ledger.gpu_share import CONTEXT_BYTES
from trainables.ledger.recipe import MLM
from trainables.ledger.spec import Phase, Precision, RunSpec
from trainables.tasks import registry
from trainables.tasks.formats.base import Head

WORKSPACE_BYTES = 100_000_000
"""Of cuBLAS and the like, given out by PyTorch; assumed."""
SPLIT = 1.1
"""Memory that PyTorch holds for each byte that it has given out, since free blocks may be too small; assumed."""
PROCESS_BYTES = 700_000_000
"""A worker on a CPU with its libraries (600 MB by `benchmarks.memory`), its tokenizer and its rows."""
ON_CORES = 1.35
"""Of what is counted on cores, what a run takes at the most: the same run twice differs by a tenth, and no allocator
gives all of it back (`benchmarks.memory`).
"""
GPU_PROCESS_BYTES = 3_000_000_000
"""A worker with CUDA's libraries; assumed."""
STEP_BYTES = 64_000_000
"""Estimates are rounded up to these, so that runs of about equal size ask for the same."""

_WEIGHT = 4
_TRAINED = 16
_POSITIONS = 514
_LEAST_HEADS, _HEAD_WIDTH = 12, 64


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a run is expected to need.

    Attributes:
        gpu: of the memory of a GPU, CUDA's own part included.
        least_gpu: of the same with forward passes of one row each.
        beside_gpu: of its node's memory while it computes on a GPU.
        on_cores: of its node's memory while it computes on cores alone.
    """

    gpu: int
    least_gpu: int
    beside_gpu: int
    on_cores: int


def need_of(
    spec: RunSpec, size: EncoderSize, engine: EngineFields, *, texts: Texts, evaluated: Mapping[str, int]
) -> Need:
    """What a run needs. `texts` are the sub-words that it trains on, `evaluated` its rows of all languages, by task."""
    if spec.phase is Phase.RETRIEVAL:
        return _retrieval(spec, size, engine, evaluated)
    return _training(spec, size, engine, texts)


def kept_bytes(size: EncoderSize, precision: Precision) -> float:
    """What one layer keeps of one sub-word for its backward pass, attention by a fused kernel.

    In bf16: the input of the products that make queries, keys and values (2 bytes a value, cast for each of them),
    these themselves (2 each), the output of attention (2), two dropout masks (1 each), the inputs of two norms (4
    each), the input of the feed-forward block (2), and inside of it what goes into the activation and what comes out (2
    each, twice where a gate multiplies them). In fp32 nothing is cast, and every 2 is a 4.
    """
    width = 2 if precision is Precision.BF16 else 4
    casts = 3 if precision is Precision.BF16 else 1
    keys = 1 + 2 / size.shared_keys
    outside = size.hidden * (width * (casts + keys + 2) + 2 * 1 + 2 * 4)
    inside = (size.inner or 4 * size.hidden) * width * (4 if size.gated else 2)
    return outside + inside


def _training(spec: RunSpec, size: EncoderSize, engine: EngineFields, texts: Texts) -> Need:
    settings = spec.optimisation
    assert settings
    bf16 = settings.precision is Precision.BF16
    trims = engine.trim_vocabulary and not spec.mlm
    rows = min(distinct_words(texts, spec.data.source), size.vocabulary) if trims and texts else size.vocabulary
    width = size.width or size.hidden
    layers = size.layer_parameters + size.hidden * _POSITIONS
    head = size.hidden**2 + 8 * size.hidden + (size.vocabulary if spec.mlm else 0)
    table = width * rows
    trained = size.method_parameters(spec.method) + head if spec.method else layers + head + table
    frozen = layers + table if spec.method else 0
    in_products = layers + (table if spec.mlm else 0)
    states = (
        _TRAINED * trained + _WEIGHT * frozen + (2 * in_products if bf16 else 0) + (_WEIGHT * table if spec.mlm else 0)
    )
    passes = {name: _pass(name, batch, settings.max_length, engine) for name, batch in settings.batch_sizes.items()}
    rows_alone = [_pass(name, 1, settings.max_length, engine) for name in passes]

    def on_gpu(largest: Iterable[_Pass]) -> float:
        return max(
            each.on_gpu(spec, size, settings.precision, padded=not (bf16 and engine.unpadded)) for each in largest
        )

    read = _tokens(engine, settings.max_length, max(each.group for each in passes.values()))
    evaluating = 2 * _WEIGHT * layers + _WEIGHT * width * size.vocabulary + read * _inference_bytes(size, bf16=bf16)
    gpu, least = (
        CONTEXT_BYTES + SPLIT * (WORKSPACE_BYTES + max(states + on_gpu(each), evaluating))
        for each in (passes.values(), rows_alone)
    )
    on_cores = max(_on_cores(name, each, spec, size, engine) for name, each in passes.items())
    best = _WEIGHT * trained
    mapped = _WEIGHT * width * size.vocabulary
    cores = ON_CORES * (PROCESS_BYTES + _TRAINED * trained + _WEIGHT * frozen + best + mapped + on_cores)
    beside = GPU_PROCESS_BYTES + _WEIGHT * layers + mapped + best
    return Need(gpu=rounded(gpu), least_gpu=rounded(least), beside_gpu=rounded(beside), on_cores=rounded(cores))


def _retrieval(spec: RunSpec, size: EncoderSize, engine: EngineFields, evaluated: Mapping[str, int]) -> Need:
    """Retrieval is fp32 in any case; every hidden state has all layers, and vectors are of both sides of a pair."""
    assert spec.retrieval
    table = _WEIGHT * (size.width or size.hidden) * size.vocabulary
    weights = _WEIGHT * (size.layer_parameters + size.hidden * _POSITIONS)
    vectors = 2 * _WEIGHT * size.hidden * max(evaluated.values(), default=0)
    reading = _tokens(engine, spec.retrieval.max_length, 1) * _inference_bytes(size, bf16=False)
    gpu = CONTEXT_BYTES + SPLIT * (WORKSPACE_BYTES + table + weights + vectors + reading)
    return Need(
        gpu=rounded(gpu),
        least_gpu=rounded(gpu),
        beside_gpu=rounded(GPU_PROCESS_BYTES + table + weights + vectors),
        on_cores=rounded(ON_CORES * (PROCESS_BYTES + table + weights + 2 * vectors + reading)),
    )


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """The largest forward pass of a task in training: how many sequences, how long, how many of them a row."""

    sequences: int
    length: int
    group: int
    is_mlm: bool

    @property
    def tokens(self) -> int:
        """Sub-words."""
        return self.sequences * self.length

    def on_gpu(self, spec: RunSpec, size: EncoderSize, precision: Precision, *, padded: bool) -> float:
        """Bytes that it keeps on a GPU; where batches are padded one mask for all layers is among them."""
        mask = 4 * self.sequences * self.length**2 if padded else 0
        layers = (size.num_layers + 1) * kept_bytes(size, precision)
        return self.tokens * layers + mask + self.scores(spec, size, 2 if precision is Precision.BF16 else 4)

    def scores(self, spec: RunSpec, size: EncoderSize, width: int) -> float:
        """Bytes of the scores of the whole vocabulary at the masked positions: as computed, in fp32, their logarithms
        and their gradients. Other heads have next to none.
        """
        if not self.is_mlm or not spec.mlm:
            return 0.0
        return spec.mlm.mask_probability * self.tokens * size.vocabulary * (width + (4 if width < 4 else 0) + 4 + 4)


def _pass(name: str, batch: int, length: int, engine: EngineFields) -> _Pass:
    group = 1 if name == MLM else group_of(name)
    rows = min(batch, engine.micro_batch) if engine.micro_batch else batch
    return _Pass(sequences=rows * group, length=length, group=group, is_mlm=name == MLM)


def group_of(task: str) -> int:
    """Sequences of a row: the choices, or both sides of a pair."""
    form = registry.task(task).format
    return {Head.CHOICE: len(form.labels), Head.EMBEDDING: 2}.get(form.head, 1)


def _on_cores(name: str, largest: _Pass, spec: RunSpec, size: EncoderSize, engine: EngineFields) -> float:
    """What a pass keeps on cores, where long batches go in several and attention keeps its weights."""
    assert spec.optimisation
    one_gradient = engine.keep_table_gradient if spec.mlm else engine.trim_vocabulary
    splits = engine.micro_tokens and name != MLM and one_gradient
    one_row = largest.length * largest.group
    tokens = min(largest.tokens, max(engine.micro_tokens, one_row)) if splits else largest.tokens
    weights = 13 * max(_LEAST_HEADS, size.hidden // _HEAD_WIDTH) * largest.length  # scores, softmax, mask, the rest
    layers = (size.num_layers + 1) * (kept_bytes(size, Precision.FP32) + weights)
    return tokens * layers + largest.scores(spec, size, 4)


def _tokens(engine: EngineFields, max_length: int, group: int) -> int:
    """Sub-words of the largest batch of an evaluation."""
    return max(engine.eval_tokens, max_length * group)


def _inference_bytes(size: EncoderSize, *, bf16: bool) -> float:
    """What an evaluation has of a sub-word at a time: about one layer."""
    width = 2 if bf16 else 4
    inner = (size.inner or 4 * size.hidden) * (3 if size.gated else 2)
    return size.hidden * (2 * 4 + 5 * width) + inner * width


def rounded(num_bytes: float) -> int:
    """Bytes, up to the next step."""
    return -int(-num_bytes // STEP_BYTES) * STEP_BYTES
