"""Exact nearest neighbours by inner product, in blocks, so that no N x M matrix is ever in memory.

Shapes: N queries, M database rows, H dimensions, K neighbours, B and D rows of a block of queries and of the database.
Everything is computed where the embeddings are; ties are broken in no particular order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The K nearest rows of the other side: similarities float32[N, K], best first, and indices int64[N, K]."""

    similarities: Tensor
    indices: Tensor


@torch.inference_mode()
def nearest(queries_NH: Tensor, database_MH: Tensor, k: int, block: int = BLOCK) -> Nearest:
    """The K nearest database rows of every query, or all if there are fewer."""
    best = _Best(len(queries_NH), k, queries_NH)
    for first, query_BH in _blocks(queries_NH, block):
        for start, part_DH in _blocks(database_MH, block):
            best.take(first, start, query_BH @ part_DH.T)
    return best.found(len(database_MH))


@torch.inference_mode()
def mutual_nearest(left_NH: Tensor, right_MH: Tensor, k: int, block: int = BLOCK) -> tuple[Nearest, Nearest]:
    """The K nearest right rows of every left one, and the reverse; each product is computed once."""
    forward, backward = _Best(len(left_NH), k, left_NH), _Best(len(right_MH), k, right_MH)
    for first, left_BH in _blocks(left_NH, block):
        for start, right_DH in _blocks(right_MH, block):
            product_BD = left_BH @ right_DH.T
            forward.take(first, start, product_BD)
            backward.take(start, first, product_BD.T)
    return forward.found(len(right_MH)), backward.found(len(left_NH))


class _Best:
    """The best K of what each row has seen so far; places that nothing has filled hold -inf."""

    def __init__(self, num_rows: int, k: int, like: Tensor) -> None:
        self.k = k
        self.similarities_NK = like.new_full((num_rows, k), float("-inf"), dtype=torch.float32)
        self.indices_NK = torch.zeros((num_rows, k), dtype=torch.int64, device=like.device)

    def take(self, first: int, start: int, product_BD: Tensor) -> None:
        """Similarities of the rows from `first` to the other side's rows from `start`."""
        rows = slice(first, first + len(product_BD))
        found_BK, place_BK = product_BD.topk(min(self.k, product_BD.shape[1]), dim=1)
        both = torch.cat([self.similarities_NK[rows], found_BK], 1)
        places = torch.cat([self.indices_NK[rows], place_BK + start], 1)
        self.similarities_NK[rows], chosen_BK = both.topk(self.k, dim=1)
        self.indices_NK[rows] = places.gather(1, chosen_BK)

    def found(self, num_others: int) -> Nearest:
        """What was found, on the CPU; `num_others` bounds K."""
        k = min(self.k, num_others)
        return Nearest(similarities=self.similarities_NK[:, :k].cpu(), indices=self.indices_NK[:, :k].cpu())


def _blocks(rows_NH: Tensor, block: int) -> list[tuple[int, Tensor]]:
    return [(number * block, part_BH) for number, part_BH in enumerate(rows_NH.split(block))]
