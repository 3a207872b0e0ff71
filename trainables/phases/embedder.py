"""Embedder: sentences of a retrieval run as vectors, by the hidden state it is about or by every one.

Shapes: N sentences, H hidden size, K hidden states.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trainables.evaluation.embed import cut_to_layer, embedding, embedding_layers
from trainables.ledger.spec import HiddenStates
from trainables.model.finite import NotFiniteError, is_finite
from trainables.model.layers import layers_of, set_layers
from trainables.phases.context import Context
from trainables.tasks.formats.base import Encoded
from trainables.tasks.task import Split, Task


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """The embeddings of some sentences: `found_KNH[place]` by the hidden state `layers[place]`, L2-normalised."""

    layers: tuple[int, ...]
    found_KNH: Tensor
    device: torch.device
    encoder_name: str

    def at(self, layer: int) -> Tensor:
        """float32[N, H] by one hidden state, on the device of the run; one of several is copied into memory.

        Raises NotFiniteError for embeddings that are no numbers.
        """
        several = len(self.layers) > 1
        found_NH = self.found_KNH[self.layers.index(layer)].to(self.device, copy=several)
        if not is_finite(found_NH):
            where = f" at hidden state {layer}" if several else ""
            raise NotFiniteError(f"{self.encoder_name} gives embeddings that are not finite (NaN or infinity){where}")
        return found_NH


Embed = Callable[[Encoded, Split], Generator[None, None, Embedded]]
"""Sentences of a split -> their embeddings; yields now and then while it computes."""


class Embedder:
    """Embeds sentences of one task, in one pass.

    Every hidden state is there for the split that selects, if the run is asked for them; test rows that stay closed
    are embedded by the run's own hidden state alone.
    """

    def __init__(self, context: Context, measured: Task, encoder: PreTrainedModel) -> None:
        retrieval = context.spec.retrieval
        assert retrieval
        self._context = context
        self._encoder = encoder
        self._layer = retrieval.layer
        self._every_of = measured.selection_split if retrieval.layers is HiddenStates.ALL else None
        whole = layers_of(encoder)
        if self._every_of:
            whole.to(context.device)
        cut_to_layer(encoder, self._layer)
        encoder.to(context.device)
        cut = layers_of(encoder)
        self._stacks = {split: whole if split is self._every_of else cut for split in (Split.DEV, Split.TEST)}

    def __call__(self, encoded: Encoded, split: Split, /) -> Generator[None, None, Embedded]:
        """Embed sentences; yields between batches. Raises OSError where what is kept on disk finds no room."""
        context, encoder = self._context, self._encoder
        limits = {"pad_id": context.tokenizer.pad_token_id, "max_tokens": context.options.eval_tokens}
        set_layers(encoder, self._stacks[split])
        if split is self._every_of:
            found_KNH = yield from embedding_layers(encoder, encoded, **limits, folder=context.work)
            layers = tuple(range(len(found_KNH)))
        else:
            found_NH = yield from embedding(encoder, encoded, **limits)
            layers, found_KNH = (self._layer,), found_NH.to(context.device)[None]
        return Embedded(layers=layers, found_KNH=found_KNH, device=context.device, encoder_name=context.encoder_name)
