"""A small random encoder and made-up rows for tests of the engine, which need no tokenizer and no data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from trainables.ledger.slots import NO_LIMIT, Slots
from trainables.ledger.spec import MlmLength, Optimisation
from trainables.model.heads import MlmHead, SequenceHead, SpanHead, TaggingHead
from trainables.model.network import Network
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.training.keeper import Keeping
from trainables.training.loop import Training, TrainingSet
from trainables.training.masking import Masking

PAD = 1
VOCABULARY = 200


def tiny_encoder(dropout: float = 0.0, seed: int = 0, layers: int = 2) -> XLMRobertaModel:
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=PAD, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    return XLMRobertaModel(config, add_pooling_layer=False)


def sequences(count: int, seed: int, highest: int = 60) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.integers(4, highest, size=generator.integers(3, 20)).astype(np.int32) for _ in range(count)]


def pairs(rows: int = 30, seed: int = 1) -> Encoded:
    generator = np.random.default_rng(seed)
    return Encoded(
        examples=[], sequences=Ragged.of(sequences(rows, seed)), owners=np.arange(rows, dtype=np.int32),
        labels=generator.integers(0, 3, rows),
    )  # fmt: skip


def choices(rows: int = 12, seed: int = 2) -> Encoded:
    generator = np.random.default_rng(seed)
    return Encoded(
        examples=[], sequences=Ragged.of(sequences(rows * 4, seed)), owners=np.arange(rows, dtype=np.int32), group=4,
        labels=generator.integers(0, 4, rows),
    )  # fmt: skip


def tags(rows: int = 30, seed: int = 3) -> Encoded:
    generator = np.random.default_rng(seed)
    texts = sequences(rows, seed)
    positions = [np.sort(generator.permutation(len(t))[: max(1, len(t) // 2)]).astype(np.int32) for t in texts]
    return Encoded(
        examples=[], sequences=Ragged.of(texts), owners=np.arange(rows, dtype=np.int32),
        word_positions=Ragged.of(positions),
        tags=Ragged.of(generator.integers(0, 5, len(p)) for p in positions),
    )  # fmt: skip


def spans(rows: int = 30, seed: int = 4) -> Encoded:
    generator = np.random.default_rng(seed)
    texts = sequences(rows, seed)
    ends = np.array([np.sort(generator.integers(0, len(t), 2)) for t in texts])
    return Encoded(examples=[], sequences=Ragged.of(texts), owners=np.arange(rows, dtype=np.int32), spans=ends)


def network(encoder: XLMRobertaModel, dropout: float = 0.0) -> Network:
    torch.manual_seed(7)
    heads = {
        "pairs": SequenceHead(16, 3, dropout, choice=False),
        "choices": SequenceHead(16, 4, dropout, choice=True),
        "tags": TaggingHead(16, 5, dropout),
        "spans": SpanHead(16),
        "mlm": MlmHead(16, VOCABULARY, 1e-5),
    }
    return Network(encoder, heads)


SETS = {"pairs": pairs, "choices": choices, "tags": tags, "spans": spans}
MASKING = Masking(probability=0.3, mask_id=3, vocabulary=VOCABULARY, special_ids=frozenset({0, 1, 2, 3}))


def training(
    net: Network, names: list[str], path: Path, *, micro_batch: int = 0, micro_tokens: int = 0, patience: int = 30,
    epochs: float = 2,
    checkpoint_seconds: float = 1e9, slots: Slots = NO_LIMIT, seed: int = 42, learning_rate: float = 1e-2,
    evaluations: int = 4, steps: int = 0, evaluated: bool = True,
) -> Training:  # fmt: skip
    """A run over some of the made-up sets whose dev figure is minus the mean of a parameter (no data needed)."""

    def evaluate() -> tuple[float, dict[str, float]]:
        with torch.no_grad():
            value = -float(sum(parameter.abs().mean() for parameter in net.encoder.encoder.parameters()))
        return value, {"made_up.figure": value}

    return Training(
        network=net,
        sets=[
            TrainingSet(name=name, encoded=tags(seed=9), masking=MASKING)
            if name == "mlm"
            else TrainingSet(name=name, encoded=SETS[name]())
            for name in names
        ],
        settings=Optimisation(
            learning_rate=learning_rate, epochs=epochs, batch_sizes=dict.fromkeys(names, 8), max_length=64,
            patience=patience, evaluations=evaluations,
        ),
        mlm_length=MlmLength.TASK_EPOCHS,
        seed=seed,
        evaluate=evaluate if evaluated else None,
        steps=steps,
        path=path,
        pad_id=PAD,
        origin="a tiny encoder",
        micro_batch=micro_batch,
        micro_tokens=micro_tokens,
        keeping=Keeping(seconds=checkpoint_seconds, share=1.0, slots=slots),
    )  # fmt: skip


def finish(run: Training):
    """Run to the end; the outcome."""
    running = run.run()
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value
