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
from trainables.model.word_table import WordTable, table_of
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
    """What `restore` needs: the table as it was, in the memory of the CPU or of its files, and the kept rows."""

    table: WordTable
    kept_T: np.ndarray

    def after(self, network: Network, decay: float) -> WordTable:
        """The table now: rows as trained where kept, every other one shrunk by `decay`; the network is as it was."""
        small_TH = network.word_embedding.weight.detach().cpu()
        return self.table.trained(torch.from_numpy(self.kept_T), small_TH, decay)


def trim(network: Network, kept_T: np.ndarray) -> Trimmed:
    """Cut the word embedding to the rows `kept_T`; the table is only read."""
    table, device = table_of(network.encoder), next(network.parameters()).device
    small_TH = table.rows(torch.from_numpy(kept_T)).to(device)
    _use(network, small_TH, kept_T, len(table), network.word_embedding.padding_idx)
    return Trimmed(table, kept_T)


def restore(network: Network, trimmed: Trimmed, decay: float, rows: np.ndarray | None = None) -> None:
    """Put rows back: those trained where kept, every other one shrunk by `decay`.

    `rows`, sorted, are those that will be looked up from now on, padding among them; without it the whole table comes
    back.
    """
    small = network.word_embedding
    table, device = trimmed.after(network, decay), small.weight.device
    padding = None if small.padding_idx is None else int(trimmed.kept_T[small.padding_idx])
    wanted = np.arange(len(table)) if rows is None else rows
    found_TH = table.whole() if rows is None else table.rows(torch.from_numpy(rows))
    _use(network, found_TH.to(device), wanted, len(table), padding)


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
