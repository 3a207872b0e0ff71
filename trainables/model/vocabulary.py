"""Exact vocabulary trimming: train only the embedding rows that the text uses, then put the full table back.

A row that is never looked up has zero gradient. AdamW leaves its moments at zero, so the row changes by weight decay
alone: the product of (1 - learning rate x weight decay) over the steps. `restore` applies that product.

Shapes: V vocabulary, T kept rows, H hidden size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from trainables.model.network import Network
from trainables.tasks.formats.ragged import Ragged


def used_ids(texts: Iterable[Ragged], vocabulary: int, pad_id: int) -> np.ndarray:
    """Sorted ids that occur in the texts, with all ids up to `pad_id` so that padding keeps its own id."""
    used_V = np.zeros(vocabulary, bool)
    used_V[: pad_id + 1] = True
    for sequences in texts:
        used_V[sequences.used] = True
    return np.flatnonzero(used_V)


@dataclass(frozen=True)
class Trimmed:
    """What `restore` needs: the table as it was and the kept rows."""

    full_VH: Tensor
    kept_T: np.ndarray


def trim(network: Network, kept_T: np.ndarray) -> Trimmed:
    """Cut the word embedding to the rows `kept_T`."""
    whole = network.word_embedding
    full_VH = whole.weight.detach()
    kept = torch.from_numpy(kept_T).to(full_VH.device)
    small = nn.Embedding(len(kept), whole.embedding_dim, padding_idx=whole.padding_idx, _weight=full_VH[kept])
    network.encoder.set_input_embeddings(small)
    lookup = torch.zeros(len(full_VH), dtype=torch.int64, device=full_VH.device)
    lookup[kept] = torch.arange(len(kept), device=full_VH.device)
    network.trimmed_ids = lookup
    return Trimmed(full_VH, kept_T)


def restore(network: Network, trimmed: Trimmed, decay: float) -> None:
    """Put the full table back: trained rows where kept, every other row shrunk by `decay`."""
    small = network.word_embedding
    table_VH = trimmed.full_VH * decay
    table_VH[torch.from_numpy(trimmed.kept_T).to(table_VH.device)] = small.weight.detach()
    whole = nn.Embedding(len(table_VH), small.embedding_dim, padding_idx=small.padding_idx, _weight=table_VH)
    network.encoder.set_input_embeddings(whole)
    network.trimmed_ids = None
