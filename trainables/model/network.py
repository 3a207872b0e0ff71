"""Network: one shared encoder and a head for each task that is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from trainables.ledger.spec import Precision
from trainables.model import unpadded
from trainables.model.batches import Batch
from trainables.model.dropout import dropped_out, replace_dropout
from trainables.model.heads import TaskHead
from trainables.model.layers import layers_of
from trainables.model.precision import autocast
from trainables.model.table import TableEmbedding


class Network(nn.Module):
    """Encoder and heads. `trimmed_ids` maps ids to kept rows while the word embedding is trimmed."""

    def __init__(
        self, encoder: PreTrainedModel, heads: Mapping[str, TaskHead], precision: Precision = Precision.FP32
    ) -> None:
        super().__init__()
        self.precision = precision
        self.fast_dropout = False
        self._stack: Callable[..., Tensor] = unpadded.layers
        self._graphs = False
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.trimmed_ids: Tensor | None
        self.register_buffer("trimmed_ids", None, persistent=False)

    @property
    def word_embedding(self) -> nn.Embedding:
        """The encoder's word embedding, trimmed or whole."""
        embedding: nn.Embedding = self.encoder.get_input_embeddings()
        return embedding

    @property
    def is_unpadded(self) -> bool:
        """Whether the encoder computes on sub-words alone."""
        return self.encoder.config._attn_implementation == unpadded.NAME

    def use_unpadded(self) -> None:
        """Have the encoder compute on sub-words alone from here on; nothing for encoders that cannot."""
        if unpadded.supports(self.encoder.config):
            unpadded.register()
            self.encoder.set_attn_implementation(unpadded.NAME)

    def use_fast_dropout(self) -> None:
        """Draw dropout masks the short way (model/dropout.py) from here on."""
        replace_dropout(self)
        self.fast_dropout = True

    def use_compiled(self, *, graphs: bool) -> None:
        """Compile the encoder from here on, once for batches of all sizes.

        With `graphs`, unpadded batches are filled up to buckets and the kernel launches of each bucket are recorded.
        """
        if self.is_unpadded:
            self._graphs = graphs
            self._stack = unpadded.compiled_layers(graphs=graphs)
        else:
            self.encoder.compile(dynamic=True)

    def keep_table_gradient(self) -> None:
        """Keep one gradient buffer for the whole word embedding (model/table.py); its parameter stays the same."""
        whole = self.word_embedding
        assert isinstance(whole.weight, nn.Parameter)
        self.encoder.set_input_embeddings(TableEmbedding(whole.weight, whole.padding_idx))

    def release_table_gradient(self) -> None:
        """Have an ordinary word embedding again; frees the buffer."""
        table = self.word_embedding
        plain = nn.Embedding(len(table.weight), table.embedding_dim, table.padding_idx, _weight=table.weight.detach())
        self.encoder.set_input_embeddings(plain)

    def clear_gradients(self) -> None:
        """Begin an update. With recorded launches the layers' gradients keep memory that no replay writes to."""
        kept = set(layers_of(self.encoder).parameters()) if self._graphs else set()
        for parameter in self.parameters():
            if parameter not in kept or not parameter.requires_grad:
                parameter.grad = None
            elif parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            else:
                parameter.grad.zero_()
        if isinstance(self.word_embedding, TableEmbedding):
            self.word_embedding.clear()

    def states(self, batch: Batch, reads_P: Tensor | None = None) -> Tensor:
        """Last hidden states of the sub-words `reads_P`, or of all T in their order, [P, H]."""
        ids_BL = batch.ids_BL if self.trimmed_ids is None else self.trimmed_ids[batch.ids_BL]
        if self.is_unpadded:
            drop = dropped_out if self.fast_dropout else functional.dropout
            return unpadded.states(
                self.encoder, ids_BL, batch, reads_P, drop=drop, stack=self._stack, filled=self._graphs
            )
        hidden_BLH = self.encoder(input_ids=ids_BL, attention_mask=batch.mask_BL).last_hidden_state
        places_P = batch.places_T if reads_P is None else batch.places_T[reads_P]
        return hidden_BLH.flatten(0, 1)[places_P]

    def loss_sum(self, task: str, batch: Batch) -> Tensor:
        """Loss of a batch summed over its terms, fp32 scalar."""
        head = self._head(task)
        with autocast(batch.ids_BL.device, self.precision):
            return head.loss_sum(self.states(batch, head.reads(batch)), batch, self.word_embedding)

    @torch.inference_mode()
    def outputs(self, task: str, batch: Batch) -> list[np.ndarray]:
        """One array a row for `Format.decode`."""
        head = self._head(task)
        with autocast(batch.ids_BL.device, self.precision):
            return head.outputs(self.states(batch, head.reads(batch)), batch)

    def _head(self, task: str) -> TaskHead:
        head = self.heads[task]
        assert isinstance(head, TaskHead)
        return head
