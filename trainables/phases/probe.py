"""A probe of this machine: the real engine for a few updates, on random weights of a given geometry.

    python -m trainables.phases.probe '{"layers": 24, ...}'

Prints `ready` once everything is imported, which is what a worker needs before its first run, then a line of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from trainables.evaluation.predict import predict
from trainables.ledger.digests import digest
from trainables.ledger.files import write
from trainables.ledger.processor import processor_name
from trainables.ledger.recipe import MLM
from trainables.ledger.spec import MlmLength, Optimisation, Precision
from trainables.model.heads import MlmHead, SequenceHead, TaskHead
from trainables.model.network import Network
from trainables.model.precision import attention, use
from trainables.model.vocabulary import trim
from trainables.phases.geometry import ProbeRequest, Timed, Timings
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.training.keeper import Keeping
from trainables.training.loop import Training, TrainingSet
from trainables.training.masking import Masking

READY = "ready"
PAIRS = "pairs"
_PAD, _MASK, _FIRST_WORD = 1, 4, 5
_LENGTH = 48
"""Sub-words of a row, as of a pair of sentences."""
_SMALL_ROWS, _LARGE_ROWS = 8, 32
_TRIMMED = 4000
"""Rows of the word embedding that a training touches."""
_MASKED = 0.15
_UPDATES = 3
"""That are timed, after as many."""
_CPU_LAYER_WEIGHTS, _CPU_TABLE_WEIGHTS = 8_000_000, 48_000_000
_MICRO_TOKENS = 1024
_EVAL_TOKENS = 8192
_DISK_BYTES = 64 * 2**20
_HEAD_WIDTH = 64


def probe(asked: ProbeRequest) -> Timings:
    """Time what a run does; takes half a minute on a core that is free."""
    device, precision = torch.device(asked.device), Precision.BF16 if asked.bf16 else Precision.FP32
    torch.set_num_threads(asked.threads)
    use(precision)
    config = _config(asked)
    whole = _network(config, device, precision, trims=False)
    with_table = {name: _update(whole, name, _SMALL_ROWS, precision) for name in (PAIRS, MLM)}
    del whole
    trimmed = _network(config, device, precision, trims=True)
    encoder_weights = config.num_hidden_layers * (
        4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    )
    return Timings(
        device=torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{processor_name()}, {asked.threads} threads",
        layers=config.num_hidden_layers,
        layer_weights=encoder_weights,
        table_weights=config.vocab_size * config.hidden_size,
        trimmed_weights=_TRIMMED * config.hidden_size,
        small=_update(trimmed, PAIRS, _SMALL_ROWS, precision),
        large=_update(trimmed, PAIRS, _LARGE_ROWS, precision),
        whole=with_table[PAIRS],
        mlm=with_table[MLM],
        forward=_forward(trimmed),
        disk_bytes=_DISK_BYTES,
        disk_seconds=_disk(Path(asked.folder)),
    )


def _config(asked: ProbeRequest) -> XLMRobertaConfig:
    """The geometry; on a CPU as few layers and words as still tell what each costs."""
    layers, vocabulary = asked.layers, asked.vocabulary
    if asked.device == "cpu":
        weights = 4 * asked.hidden**2 + 2 * asked.hidden * asked.inner
        layers = min(layers, max(1, round(_CPU_LAYER_WEIGHTS / weights)))
        vocabulary = min(vocabulary, max(2 * _TRIMMED, _CPU_TABLE_WEIGHTS // asked.hidden))
    heads = max(1, asked.hidden // _HEAD_WIDTH)
    return XLMRobertaConfig(
        vocab_size=vocabulary, hidden_size=asked.hidden, num_hidden_layers=layers, intermediate_size=asked.inner,
        num_attention_heads=next(n for n in range(heads, 0, -1) if asked.hidden % n == 0),
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=_PAD,
    )  # fmt: skip


def _network(config: XLMRobertaConfig, device: torch.device, precision: Precision, *, trims: bool) -> Network:
    """Set up as `fit` does it for a run; without MLM where it `trims` the vocabulary."""
    torch.manual_seed(0)
    encoder = XLMRobertaModel(config, add_pooling_layer=False)
    encoder.set_attn_implementation(attention(device, precision))
    heads: dict[str, TaskHead] = {PAIRS: SequenceHead(config.hidden_size, 3, config.hidden_dropout_prob, choice=False)}
    if not trims:
        heads[MLM] = MlmHead(config.hidden_size, config.vocab_size, config.layer_norm_eps)
    network = Network(encoder, heads, precision)
    on_cpu = device.type == "cpu"
    if on_cpu or precision is Precision.BF16:
        network.use_unpadded()
    if on_cpu:
        network.use_fast_dropout()
    if trims:
        trim(network, np.arange(_TRIMMED))
    network.to(device)
    if on_cpu and not trims:
        network.keep_table_gradient()
    return network


def _rows(count: int) -> Encoded:
    """Random pairs, whose lengths vary as those of texts do."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(_LENGTH // 2, 3 * _LENGTH // 2, count)
    texts = [generator.integers(_FIRST_WORD, _TRIMMED, length).astype(np.int32) for length in lengths]
    return Encoded(
        examples=[], sequences=Ragged.of(texts), owners=np.arange(count, dtype=np.int32),
        labels=generator.integers(0, 3, count),
    )  # fmt: skip


def _update(network: Network, name: str, rows: int, precision: Precision) -> Timed:
    """Seconds of an update on so many rows, the median of some."""
    encoded, marks = _rows(rows), list[float]()
    device, vocabulary = network.word_embedding.weight.device, network.word_embedding.num_embeddings
    special = frozenset(range(_FIRST_WORD))
    masking = Masking(probability=_MASKED, mask_id=_MASK, vocabulary=vocabulary, special_ids=special)

    def mark() -> tuple[float, Mapping[str, float]]:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        marks.append(time.perf_counter())
        return 0.0, {}  # never better than the first: the weights are copied once, before the timed updates

    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            network=network,
            sets=[TrainingSet(name=name, encoded=encoded, masking=masking if name == MLM else None)],
            settings=Optimisation(
                learning_rate=1e-5, epochs=2 * _UPDATES, batch_sizes={name: rows}, max_length=512, precision=precision,
                evaluations=2 * _UPDATES, max_eval_interval=1, patience=10 * _UPDATES,
            ),
            mlm_length=MlmLength.TASK_EPOCHS,
            seed=0,
            evaluate=mark,
            path=Path(folder) / "checkpoint",
            pad_id=_PAD,
            origin="the probe",
            micro_batch=0,
            micro_tokens=_MICRO_TOKENS if device.type == "cpu" else 0,
            keeping=Keeping(seconds=1e9),
        )  # fmt: skip
        for _ in training.run():
            pass
    tokens = float(encoded.sequences.lengths.sum())
    seconds = statistics.median(np.diff(marks[_UPDATES - 1 :]))
    return Timed(seconds=seconds, tokens=tokens, masked=_MASKED * tokens if name == MLM else 0.0)


def _forward(network: Network) -> Timed:
    """Seconds of an evaluation, the second of two."""
    encoded = _rows(2 * _LARGE_ROWS)
    for _ in range(2):
        began = time.perf_counter()
        predict(network, PAIRS, encoded, pad_id=_PAD, max_tokens=_EVAL_TOKENS)
        seconds = time.perf_counter() - began
    return Timed(seconds=seconds, tokens=float(encoded.sequences.lengths.sum()))


def _disk(folder: Path) -> float:
    """Seconds to write a file durably and read it again with its digest."""
    content = np.random.default_rng(0).bytes(_DISK_BYTES)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        began = time.perf_counter()
        write(Path(own) / "probe", content)
        digest(Path(own) / "probe")
        return time.perf_counter() - began


def main() -> None:
    """Probe what the argument says."""
    logging.disable(logging.WARNING)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    found = probe(ProbeRequest(**json.loads(sys.argv[1])))
    sys.stdout.write(f"{json.dumps(dataclasses.asdict(found))}\n")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
