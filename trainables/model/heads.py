"""Task heads (protocol.md 2.2). Every head is new and random in every run, except the pretrained MLM head.

Shapes: B sequences, T sub-words of all of them, L longest, H hidden size, C labels, R rows, P labelled positions, V
vocabulary.
A head says which sub-words it reads, and turns their hidden states into a loss *summed* over its terms, so that an
effective batch may be split anywhere, and into one output array a row for `Format.decode`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PretrainedConfig
from transformers.activations import ACT2FN

from trainables.model.architectures import ARCHITECTURES, Classifier
from trainables.model.batches import Batch
from trainables.model.table import TableEmbedding
from trainables.tasks.formats.base import Format, Head

Module = TypeVar("Module", bound=nn.Module)


class TaskHead(nn.Module, ABC):
    """One task on top of the encoder; takes the hidden states of the sub-words that `reads` names, in that order."""

    def reads(self, batch: Batch) -> Tensor | None:
        """Which of the batch's T sub-words the head reads: the labelled ones, int64[P]. None would be all of them."""
        return batch.starts[batch.sequence_P] + batch.position_P

    @abstractmethod
    def loss_sum(self, hidden_PH: Tensor, batch: Batch, embedding: nn.Embedding) -> Tensor:
        """Cross-entropy summed over the batch's terms, fp32 scalar. `embedding` is the word embedding (MLM only)."""

    @abstractmethod
    def outputs(self, hidden_PH: Tensor, batch: Batch) -> list[np.ndarray]:
        """One array a row, as `Format.decode` takes them."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A dense layer before the last one: what `Classifier` says of it, read from the encoder's configuration."""

    activation: str = "tanh"
    bias: bool = True
    norm: bool = False
    norm_bias: bool = True
    epsilon: float = 1e-5


TANH = Layer()
"""That of RoBERTa's head for pairs, and of BERT's pooling layer."""


class Hidden(nn.Module):
    """Dropout, dense, activation, norm; or nothing at all. What heads have before their last dropout and linear."""

    def __init__(self, hidden: int, dropout: float, layer: Layer | None) -> None:
        super().__init__()
        self.layer = layer
        self.dropout = nn.Dropout(dropout)
        if layer:
            self.dense = nn.Linear(hidden, hidden, bias=layer.bias)
            self.activation = named_activation(layer.activation)
            if layer.norm:
                self.norm = nn.LayerNorm(hidden, eps=layer.epsilon, bias=layer.norm_bias)

    def shaped(self, hidden_PH: Tensor) -> Tensor:
        """[P, H], what the last linear layer reads, but for its dropout."""
        if not self.layer:
            return hidden_PH
        shaped_PH = self.activation(self.dense(self.dropout(hidden_PH)))
        return self.norm(shaped_PH) if self.layer.norm else shaped_PH


class SequenceHead(Hidden, TaskHead):
    """Dropout, dense, tanh, dropout, linear on the vector of `<s>`; pair classification and multiple choice.

    Some architectures have another activation, and a norm after it.
    """

    def __init__(self, hidden: int, num_labels: int, dropout: float, *, choice: bool, layer: Layer = TANH) -> None:
        super().__init__(hidden, dropout, layer)
        self.choice = choice
        self.out = nn.Linear(hidden, 1 if choice else num_labels)

    def reads(self, batch: Batch) -> Tensor:
        """The first sub-word of each sequence, int64[B]."""
        return batch.starts[:-1].long()

    def logits(self, hidden_BH: Tensor, batch: Batch) -> Tensor:
        """fp32[R, C]: a row's labels, or its choices."""
        logits_BC = _full(self.out(self.dropout(self.shaped(hidden_BH))))
        return logits_BC.view(-1, batch.group) if self.choice else logits_BC

    def loss_sum(self, hidden_BH: Tensor, batch: Batch, embedding: nn.Embedding) -> Tensor:
        return functional.cross_entropy(self.logits(hidden_BH, batch), batch.labels_R, reduction="sum")

    def outputs(self, hidden_BH: Tensor, batch: Batch) -> list[np.ndarray]:
        return list(self.logits(hidden_BH, batch).cpu().numpy())


class TaggingHead(Hidden, TaskHead):
    """Dropout and linear on the first sub-word of every word; some architectures have a dense layer before."""

    def __init__(self, hidden: int, num_labels: int, dropout: float, layer: Layer | None = None) -> None:
        super().__init__(hidden, dropout, layer)
        self.out = nn.Linear(hidden, num_labels)

    def logits(self, hidden_PH: Tensor) -> Tensor:
        """fp32[P, C]."""
        return _full(self.out(self.dropout(self.shaped(hidden_PH))))

    def loss_sum(self, hidden_PH: Tensor, batch: Batch, embedding: nn.Embedding) -> Tensor:
        return functional.cross_entropy(self.logits(hidden_PH), batch.targets_P, reduction="sum")

    def outputs(self, hidden_PH: Tensor, batch: Batch) -> list[np.ndarray]:
        best_P = self.logits(hidden_PH).argmax(-1).int().cpu().numpy()
        return np.split(best_P, np.cumsum(batch.positions)[:-1])


class SpanHead(Hidden, TaskHead):
    """Linear on every position: start and end logits; the loss is the mean of the two cross-entropies.

    Some architectures have a dense layer before.
    """

    def __init__(self, hidden: int, dropout: float = 0.0, layer: Layer | None = None) -> None:
        super().__init__(hidden, dropout, layer)
        self.out = nn.Linear(hidden, 2)

    def reads(self, batch: Batch) -> None:
        """All sub-words."""

    def logits(self, hidden_TH: Tensor) -> Tensor:
        """fp32[T, 2]."""
        return _full(self.out(self.dropout(self.shaped(hidden_TH)) if self.layer else hidden_TH))

    def loss_sum(self, hidden_TH: Tensor, batch: Batch, embedding: nn.Embedding) -> Tensor:
        logits_T2, (size_B, size_L) = self.logits(hidden_TH), batch.ids_BL.shape
        nothing = logits_T2.new_full((size_B * size_L, 2), float("-inf"))
        logits_B2L = nothing.index_copy(0, batch.places_T, logits_T2).view(size_B, size_L, 2).transpose(1, 2)
        return functional.cross_entropy(logits_B2L.flatten(0, 1), batch.spans_R2.flatten(), reduction="sum") / 2

    def outputs(self, hidden_TH: Tensor, batch: Batch) -> list[np.ndarray]:
        logits_2T = self.logits(hidden_TH).T.contiguous().cpu().numpy()
        return np.split(logits_2T, np.cumsum(batch.lengths)[:-1], axis=1)


class MlmHead(TaskHead):
    """Dense, GELU, layer norm, projection tied to the word embeddings, bias; at the masked positions only.

    W is the width of what is projected, E that of the word embedding. Some families have another activation, a
    projection of their own (`decoder`, [V, W]), rows of the projection beyond E (`rest`, [W - E, V]), or no dense layer
    and norm, or no biases.
    """

    def __init__(
        self, hidden: int, vocabulary: int, epsilon: float, *, width: int = 0, activation: str = "gelu"
    ) -> None:
        super().__init__()
        self.dense: nn.Linear | None = nn.Linear(hidden, width or hidden)
        self.activation = named_activation(activation)
        self.layer_norm: nn.LayerNorm | None = nn.LayerNorm(width or hidden, eps=epsilon)
        self.bias: nn.Parameter | None = nn.Parameter(torch.zeros(vocabulary))
        self.register_parameter("decoder", None)
        self.register_parameter("rest", None)

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], epsilon: float, activation: str) -> MlmHead:
        """The head that has these weights, by the names of its parameters, and no other parts."""
        width, hidden = weights["dense.weight"].shape if "dense.weight" in weights else (1, 1)
        head = cls(hidden, 0, epsilon, width=width, activation=activation)
        if "dense.weight" not in weights:
            head.dense = head.layer_norm = None
        elif head.dense and head.layer_norm:
            if "dense.bias" not in weights:
                head.dense.register_parameter("bias", None)
            if "layer_norm.bias" not in weights:
                head.layer_norm.register_parameter("bias", None)
        for name in ("bias", "decoder", "rest"):
            head.register_parameter(name, nn.Parameter(torch.empty_like(weights[name])) if name in weights else None)
        head.load_state_dict(weights)
        return head

    def logits(self, hidden_PH: Tensor, embedding: nn.Embedding) -> Tensor:
        """fp32[P, V]."""
        shaped_PW = hidden_PH
        if self.dense and self.layer_norm:
            shaped_PW = self.layer_norm(self.activation(self.dense(hidden_PH)))
        if isinstance(self.decoder, nn.Parameter):
            return _full(functional.linear(shaped_PW, self.decoder, self.bias))
        tied_PE = shaped_PW[:, : embedding.embedding_dim]
        if isinstance(embedding, TableEmbedding):
            logits_PV = embedding.project(tied_PE, torch.zeros(1) if self.bias is None else self.bias)
        else:
            logits_PV = _full(functional.linear(tied_PE, embedding.weight, self.bias))
        if isinstance(self.rest, nn.Parameter):
            logits_PV = logits_PV + _full(shaped_PW[:, embedding.embedding_dim :] @ self.rest)
        return logits_PV

    def loss_sum(self, hidden_PH: Tensor, batch: Batch, embedding: nn.Embedding) -> Tensor:
        return functional.cross_entropy(self.logits(hidden_PH, embedding), batch.targets_P, reduction="sum")

    def outputs(self, hidden_PH: Tensor, batch: Batch) -> list[np.ndarray]:
        raise ValueError("the MLM head makes no predictions; it is a training loss only")


def _full(logits: Tensor) -> Tensor:
    """Logits of half precision in fp32, so that the softmax is not rounded to 8 bits."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def new_head(form: Format, config: PretrainedConfig) -> TaskHead:
    """A new random head for a format, on an encoder of this configuration.

    Weights are normal with the encoder's initialiser deviation, biases zero. What stands in it is what
    `Architecture.head` says, with names of our own: `dense`, `norm` and `out`.
    """
    known, hidden = ARCHITECTURES[config.model_type], config.hidden_size
    dropout = head_dropout(config)
    head: TaskHead
    if form.head in (Head.CLASSIFICATION, Head.CHOICE):
        layer = _layer(known.classifier, config)
        assert layer
        head = SequenceHead(hidden, len(form.labels), dropout, choice=form.head is Head.CHOICE, layer=layer)
    elif form.head is Head.TAGGING:
        head = TaggingHead(hidden, len(form.labels), dropout, _layer(known.tagging, config))
    elif form.head is Head.SPAN:
        head = SpanHead(hidden, dropout, _layer(known.span, config))
    else:
        raise ValueError(f"no trainable head for {form.head}")
    return initialise(head, config.initializer_range)


def head_dropout(config: PretrainedConfig) -> float:
    """Dropout of new heads on an encoder of this configuration."""
    field = ARCHITECTURES[config.model_type].head_dropout
    return float(getattr(config, field)) if field else 0.0


def norm_epsilon(config: PretrainedConfig) -> float:
    """What the norms of an encoder add to the variance."""
    fields = ("layer_norm_eps", "norm_eps", "rms_norm_eps")
    return float(next(getattr(config, field) for field in fields if hasattr(config, field)))


def said_by(config: PretrainedConfig, value: str) -> str:
    """A value of an architecture's description: `config.FIELD` is what the configuration says in that field."""
    field = value.removeprefix("config.")
    return str(getattr(config, field)) if field != value else value


def named_activation(name: str) -> Callable[[Tensor], Tensor]:
    """An activation by its name in transformers; `tanh` and `gelu` are PyTorch's functions."""
    plain: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "gelu": functional.gelu}
    return plain[name] if name in plain else ACT2FN[name]


def _layer(names: Classifier | None, config: PretrainedConfig) -> Layer | None:
    if not names or not names.dense:
        return None
    return Layer(
        activation=said_by(config, names.activation),
        bias=getattr(config, names.bias) if names.bias else True,
        norm=bool(names.norm),
        norm_bias=getattr(config, "norm_bias", True),
        epsilon=norm_epsilon(config),
    )


def initialise(module: Module, deviation: float) -> Module:
    """Draw linear weights from a normal distribution and set their biases to zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=deviation)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module
