"""Tables 3 and 4 of the paper as defaults; what all runs share is in `trainables/ledger/hyperparameters.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

from trainables.ledger import hyperparameters
from trainables.ledger.spec import MlmLength
from trainables.tasks import registry
from trainables.tasks.formats.base import Head

LEFT_OUT_OF_MULTI_TASK = frozenset({"squad"})
"""Intermediate tasks that the mixture does not hold (section 3.1, footnote 6)."""


@dataclass(frozen=True, kw_only=True)
class PublishedIntermediate:
    """One row of Table 3."""

    batch_size: int
    epochs: float
    learning_rate: float = 1e-5
    learning_rate_with_mlm: float = 5e-6


@dataclass(frozen=True, kw_only=True)
class PublishedTarget:
    """One row of Table 4."""

    batch_size: int
    epochs: float
    learning_rate: float = 3e-6


PublishedRow = PublishedIntermediate | PublishedTarget


class PublishedMlm(SimpleNamespace):
    """Multilingual MLM (section 2.3, Table 3; protocol.md 3.9 and 3.10): the hyperparameters of the section `mlm`."""

    def length(self, num_tasks: int) -> MlmLength:
        """Which reading of the unpublished length holds: A for a single task, B for the mixture."""
        return MlmLength.TASK_EPOCHS if num_tasks == 1 else MlmLength.CAPPED_SUM


INTERMEDIATE: Mapping[str, PublishedIntermediate] = MappingProxyType({
    "anli": PublishedIntermediate(batch_size=24, epochs=2),
    "qqp": PublishedIntermediate(batch_size=24, epochs=3),
    "squad": PublishedIntermediate(batch_size=8, epochs=3),
    "hellaswag": PublishedIntermediate(batch_size=24, epochs=7),
    "ccg": PublishedIntermediate(batch_size=24, epochs=15),
    "cosmosqa": PublishedIntermediate(batch_size=4, epochs=15),
    "csqa": PublishedIntermediate(batch_size=4, epochs=10),
})  # fmt: skip
"""Table 3 by task name; the mixture draws each batch with the size of its task."""

MULTI_TASK_EPOCHS = 3.0

TARGET: Mapping[str, PublishedTarget] = MappingProxyType({
    # Table 4 prints batch 4 for XNLI, the micro-batch of the sample implementation (protocol.md 9, question 1).
    "xnli": PublishedTarget(batch_size=32, epochs=2),
    "pawsx": PublishedTarget(batch_size=32, epochs=5),
    "udpos": PublishedTarget(batch_size=32, epochs=10),
    "panx": PublishedTarget(batch_size=32, epochs=10),
    "xquad": PublishedTarget(batch_size=16, epochs=2),
    "mlqa": PublishedTarget(batch_size=16, epochs=2),
    "tydiqa": PublishedTarget(batch_size=16, epochs=2),
})  # fmt: skip
"""Table 4 by task name; BUCC and Tatoeba train nothing."""

MLM = PublishedMlm(**hyperparameters.published("mlm"))

MLM_ALONE = PublishedIntermediate(batch_size=MLM.batch_size, epochs=1)
"""MLM without a task, which is not in the paper: its learning rate beside tasks, one pass over the sentences."""

LIKE: Mapping[Head, tuple[str, str]] = MappingProxyType({
    Head.CLASSIFICATION: ("qqp", "xnli"),
    Head.CHOICE: ("csqa", "csqa"),
    Head.TAGGING: ("ccg", "panx"),
    Head.SPAN: ("squad", "xquad"),
})  # fmt: skip
"""Head of a task of one's own -> the tasks of Tables 3 and 4 whose batch and epochs it takes."""

METHOD_RATE_FACTOR = 10.0
"""Learning rate of a run with a method, as a multiple of the one for all weights that the settings say.

Not of the paper. What a method trains begins as nothing and needs rates of 1e-4 and more (Hu et al., 2021; Houlsby et
al., 2019).
"""

SEED = 42
"""The paper states none; 42 is the sample implementation's (protocol.md 2.3)."""

RETRIEVAL_MAX_LENGTH = 512


def intermediate(task: str) -> PublishedIntermediate | None:
    """The row of Table 3; for a target task its batch and epochs of Table 4, with the learning rates of Table 3.

    Of a task of one's own, that of the task that is like it; None for any other task that the paper does not have.
    """
    task = like(task)
    target = TARGET.get(task)
    if target and task not in INTERMEDIATE:
        return PublishedIntermediate(batch_size=target.batch_size, epochs=target.epochs)
    return INTERMEDIATE.get(task)


def target(task: str) -> PublishedTarget | None:
    """The row of Table 4; of a task of one's own, that of the task that is like it.

    None for any other task that the paper does not have.
    """
    name = like(task, is_target=True)
    row = INTERMEDIATE[name] if registry.is_own(task) and name not in TARGET else None
    return PublishedTarget(batch_size=row.batch_size, epochs=row.epochs) if row else TARGET.get(name)


def like(task: str, *, is_target: bool = False) -> str:
    """The task of the paper whose published settings a task has: itself, or for one's own one of the same format."""
    if not registry.is_own(task):
        return task
    return LIKE[registry.task(task).format.head][is_target]


def retrieval_layer(num_layers: int) -> int:
    """Hidden state that represents a sentence (protocol.md 5.4).

    14 of 24 layers and 8 of 12, as in the sample implementation; elsewhere the same relative depth as 14 of 24.
    """
    return {24: 14, 12: 8}.get(num_layers, max(1, round(num_layers * 14 / 24)))
