"""Exact vocabulary trimming: train only the embedding rows that the text uses, then put the others back.

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

LEADING = 16
"""Padding below this id keeps its id, since some encoders count positions from there."""


def used_ids(texts: Iterable[Ragged], vocabulary: int, pad_id: int) -> np.ndarray:
    """Sorted ids that occur in the texts, and `pad_id`; with all ids up to it where it is a low one, to keep its id."""
    used_V = np.zeros(vocabulary, bool)
    used_V[0 if pad_id < LEADING else pad_id : pad_id + 1] = True
    for sequences in texts:
        used_V[sequences.used] = True
    return np.flatnonzero(used_V)


@dataclass(frozen=True)
class Trimmed:
    """What `restore` needs: the table as it was, in the memory of the CPU or of its file, and the kept rows."""

    full_VH: Tensor
    kept_T: np.ndarray


def trim(network: Network, kept_T: np.ndarray) -> Trimmed:
    """Cut the word embedding to the rows `kept_T`; the table is only read."""
    whole = network.word_embedding
    full_VH = whole.weight.detach().cpu()
    small_TH = full_VH[torch.from_numpy(kept_T)].to(whole.weight.device)
    _use(network, small_TH, kept_T, len(full_VH), whole.padding_idx)
    return Trimmed(full_VH, kept_T)


def restore(network: Network, trimmed: Trimmed, decay: float, rows: np.ndarray | None = None) -> None:
    """Put rows back: those trained where kept, every other one shrunk by `decay`.

    `rows`, sorted, are those that will be looked up from now on, padding among them; without it the whole table comes
    back, as saving an encoder needs it.
    """
    small = network.word_embedding
    full_VH, device = trimmed.full_VH, small.weight.device
    padding = None if small.padding_idx is None else int(trimmed.kept_T[small.padding_idx])
    wanted = np.arange(len(full_VH)) if rows is None else rows
    table_TH = (full_VH if rows is None else full_VH[torch.from_numpy(rows)]) * decay
    places = np.minimum(np.searchsorted(trimmed.kept_T, wanted), len(trimmed.kept_T) - 1)
    trained = trimmed.kept_T[places] == wanted
    small_TH = small.weight.detach().cpu()
    table_TH[torch.from_numpy(trained)] = small_TH[torch.from_numpy(places[trained])]
    _use(network, table_TH.to(device), wanted, len(full_VH), padding)


def _use(network: Network, table_TH: Tensor, kept_T: np.ndarray, vocabulary: int, padding: int | None) -> None:
    """Look ids up in a table that holds the rows `kept_T` of the vocabulary, that of `padding` among them, if any."""
    places = np.flatnonzero(kept_T == padding)
    padding_place = int(places[0]) if len(places) else None
    network.encoder.set_input_embeddings(
        nn.Embedding(len(table_TH), table_TH.shape[1], padding_place, _weight=table_TH)
    )
    network.trimmed_ids = None
    if len(kept_T) < vocabulary:
        lookup = torch.zeros(vocabulary, dtype=torch.int64, device=table_TH.device)
        kept = torch.from_numpy(kept_T).to(table_TH.device)
        lookup[kept] = torch.arange(len(kept), device=table_TH.device)
        network.trimmed_ids = lookup
