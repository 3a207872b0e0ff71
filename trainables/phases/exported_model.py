"""An exported model at work: loaded from its folder, it predicts as the run did that trained it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer

from trainables.evaluation.predict import predict
from trainables.ledger.exported import Exported, ExportedError, Kind, read_exported
from trainables.ledger.spec import Precision
from trainables.model.conversion import AUTO_CLASSES, format_of, taken_apart
from trainables.model.encoder import quiet
from trainables.model.network import Network
from trainables.model.precision import attention, use
from trainables.model.trained_head import HeadFacts
from trainables.tasks import registry
from trainables.tasks.declared import Declared
from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Format, Head, Prediction

EXPORTED = "exported"
"""Definition of a task of one's own that came with a model: its rows did not."""
PROBABLE = (Head.CLASSIFICATION, Head.CHOICE)
"""Kinds of heads whose predictions have probabilities."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Predictions in the order of their rows, with the probability of each label where there is one."""

    predictions: list[Prediction]
    probabilities: list[dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """A model that was exported.

    Attributes:
        exported: what its folder says.
        form: of its task.
    """

    exported: Exported
    form: Format
    network: Network
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> ExportedModel:
        """Read a folder that `export` wrote; raises ExportedError for one that is no model, or damaged."""
        exported = read_exported(folder)
        if exported.kind is Kind.ENCODER:
            raise ExportedError(f"{folder} holds an encoder, which predicts nothing; allowed: the model of a task")
        if exported.kind is Kind.ADAPTERS:
            raise ExportedError(f"{folder} holds adapters for peft; allowed: the whole model, exported without --peft")
        _enlist(exported, folder)
        facts = HeadFacts(
            task=exported.task, kind=Head(exported.head), labels=exported.labels, max_length=exported.max_length,
            dropout=exported.dropout,
        )  # fmt: skip
        form = format_of(facts)
        try:
            with quiet():
                model = AUTO_CLASSES[facts.kind].from_pretrained(
                    folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
                )
                tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ExportedError(f"{folder} cannot be loaded: {error}; export it again") from error
        network = taken_apart(model, facts)
        _prepare(network, exported.precision, torch.device(device))
        return cls(exported=exported, form=form, network=network, tokenizer=tokenizer)

    def predict(self, examples: Sequence[Example], max_tokens: int) -> Predicted:
        """Predictions of examples of the task; a batch has at most about `max_tokens` sub-words."""
        use(self.exported.precision)
        encoded = self.form.encode(examples, self.tokenizer, self.exported.max_length, training=False)
        outputs = predict(
            self.network, self.exported.task, encoded, pad_id=self.tokenizer.pad_token_id, max_tokens=max_tokens
        )
        probable = outputs if self.form.head in PROBABLE else []
        return Predicted(
            predictions=self.form.decode(encoded, outputs),
            probabilities=[dict(zip(self.form.labels, _softmax(scores), strict=True)) for scores in probable],
        )


def _enlist(exported: Exported, folder: Path) -> None:
    """Have this process know the task of a model, where it is one's own; raises ExportedError."""
    if not exported.own_task:
        return
    try:
        own = Declared.from_dict(exported.own_task)
        registry.enlist(own.task(EXPORTED))
    except ValueError as error:
        raise ExportedError(f"{folder}: the task of the model cannot be used: {error}; export it again") from error


def has_cuda() -> bool:
    """Whether there is a GPU to compute on."""
    return torch.cuda.is_available()


def _prepare(network: Network, precision: Precision, device: torch.device) -> None:
    """Have the network compute as runs of this precision do on the device."""
    network.precision = precision
    kind = attention(device, precision)
    if kind != "sdpa":
        network.encoder.set_attn_implementation(kind)
    if device.type == "cpu" or precision is Precision.BF16:
        network.use_unpadded()
    network.to(device)


def _softmax(scores: np.ndarray) -> list[float]:
    shifted = np.exp(scores.astype(np.float64) - scores.max())
    found: list[float] = (shifted / shifted.sum()).tolist()
    return found
