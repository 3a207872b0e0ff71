"""The word embedding of an encoder as a table that is read by rows; most of it may stay in the file it comes from.

A training that keeps some rows of the table (model/vocabulary.py) shrinks all the others by one factor. After any
number of such trainings a row is either one that was changed, or the row of the first table times every factor, one
after another: their product would round otherwise.

Shapes: V vocabulary, H width of a row, R changed rows, N ids, T kept rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What trainings have changed of a table.

    Attributes:
        factors: of all rows that are not among `ids_R`, in the order of the trainings.
        ids_R: int64, sorted.
        rows_RH: float32, as they are now.
    """

    factors: tuple[float, ...]
    ids_R: Tensor
    rows_RH: Tensor


@dataclass(frozen=True, kw_only=True)
class WordTable:
    """A table on the CPU: the first one, which nobody writes to, and what has changed since, if anything."""

    base_VH: Tensor
    changes: Changes | None = None

    def __len__(self) -> int:
        return len(self.base_VH)

    @property
    def width(self) -> int:
        """H."""
        return self.base_VH.shape[1]

    def rows(self, ids_N: Tensor) -> Tensor:
        """Rows of the ids, [N, H], in memory of their own."""
        rows_NH = self.base_VH[ids_N]
        if self.changes is None:
            return rows_NH
        for factor in self.changes.factors:
            rows_NH.mul_(factor)
        places, is_changed = _found(self.changes.ids_R, ids_N)
        rows_NH[is_changed] = self.changes.rows_RH[places[is_changed]]
        return rows_NH

    def whole(self) -> Tensor:
        """All rows, [V, H], in memory of their own."""
        whole_VH = self.base_VH.clone()
        if self.changes is None:
            return whole_VH
        for factor in self.changes.factors:
            whole_VH.mul_(factor)
        whole_VH[self.changes.ids_R] = self.changes.rows_RH
        return whole_VH

    def trained(self, kept_T: Tensor, trained_TH: Tensor, factor: float) -> WordTable:
        """The table after a training: the kept rows (ids sorted) as trained, every other one shrunk by the factor."""
        if self.changes is None:
            return WordTable(base_VH=self.base_VH, changes=Changes(factors=(factor,), ids_R=kept_T, rows_RH=trained_TH))
        earlier = self.changes
        ids_R = torch.cat([earlier.ids_R, kept_T]).unique()
        rows_RH = torch.empty(len(ids_R), self.width, dtype=trained_TH.dtype)
        rows_RH[torch.searchsorted(ids_R, earlier.ids_R)] = earlier.rows_RH * factor
        rows_RH[torch.searchsorted(ids_R, kept_T)] = trained_TH
        return WordTable(
            base_VH=self.base_VH, changes=Changes(factors=(*earlier.factors, factor), ids_R=ids_R, rows_RH=rows_RH)
        )


class WordLookup(nn.Embedding):
    """A word embedding that looks rows up in a table, on the CPU; it has no weight and nothing to train."""

    def __init__(self, table: WordTable, padding_idx: int | None) -> None:
        nn.Module.__init__(self)
        self.table = table
        self.num_embeddings, self.embedding_dim = len(table), table.width
        self.padding_idx = padding_idx

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of the ids."""
        wanted, places = ids.unique(return_inverse=True)
        return self.table.rows(wanted)[places]

    def extra_repr(self) -> str:
        """Its size, for people."""
        return f"{self.num_embeddings}, {self.embedding_dim}, looked up"


def table_of(model: PreTrainedModel) -> WordTable:
    """The word embedding of an encoder; it is not copied from the memory of the CPU or of its file."""
    embedding = model.get_input_embeddings()
    return embedding.table if isinstance(embedding, WordLookup) else WordTable(base_VH=embedding.weight.detach().cpu())


def table_name(model: PreTrainedModel) -> str:
    """The name of the word embedding among the parameters of an encoder that has it as one."""
    weight = model.get_input_embeddings().weight
    return next(name for name, parameter in model.named_parameters() if parameter is weight)


def hold_whole_table(model: PreTrainedModel) -> None:
    """Have an ordinary word embedding, with all rows in memory, where there is one that looks them up."""
    lookup = model.get_input_embeddings()
    if isinstance(lookup, WordLookup):
        whole_VH = lookup.table.whole()
        model.set_input_embeddings(nn.Embedding(len(whole_VH), whole_VH.shape[1], lookup.padding_idx, _weight=whole_VH))


def _found(ids_R: Tensor, wanted_N: Tensor) -> tuple[Tensor, Tensor]:
    """Where the wanted ids are among the sorted ones, and whether they are there."""
    places_N = torch.searchsorted(ids_R, wanted_N).clamp_(max=len(ids_R) - 1)
    return places_N, ids_R[places_N] == wanted_N
