"""Exact nearest neighbours by inner product, in blocks, so that no N x M matrix is ever in memory.

Shapes: N queries, M database rows, H dimensions, K neighbours, B and D rows of a block of queries and of the database,
C chunks of a column.
Everything is computed where the embeddings are; ties are broken in no particular order.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.evaluation.predict import to_the_end

BLOCK = 2048
CHUNK = 8
"""Similarities of a column of which first only the largest is looked at."""


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
            best.take(first, start, *(query_BH @ part_DH.T).topk(min(k, len(part_DH)), dim=1))
    return best.found(len(database_MH))


def mutual_nearest(left_NH: Tensor, right_MH: Tensor, k: int, block: int = BLOCK) -> tuple[Nearest, Nearest]:
    """What `mutual_search` returns."""
    return to_the_end(mutual_search(left_NH, right_MH, k, block))


@torch.inference_mode()
def mutual_search(
    left_NH: Tensor, right_MH: Tensor, k: int, block: int = BLOCK
) -> Generator[None, None, tuple[Nearest, Nearest]]:
    """The K nearest right rows of every left one, and the reverse; each product is computed once.

    Yields between blocks of the left rows.
    """
    forward, backward = _Best(len(left_NH), k, left_NH), _Best(len(right_MH), k, right_MH)
    memory = left_NH.new_empty(min(block, len(left_NH)) * min(block, len(right_MH)))
    for first, left_BH in _blocks(left_NH, block):
        for start, right_DH in _blocks(right_MH, block):
            size_B, size_D = len(left_BH), len(right_DH)
            product_BD = torch.mm(left_BH, right_DH.T, out=memory[: size_B * size_D].view(size_B, size_D))
            forward.take(first, start, *product_BD.topk(min(k, size_D), dim=1))
            backward.take(start, first, *_largest_of_columns(product_BD, k))
        yield
    return forward.found(len(right_MH)), backward.found(len(left_NH))


class _Best:
    """The best K of what each row has seen so far; places that nothing has filled hold -inf."""

    def __init__(self, num_rows: int, k: int, like: Tensor) -> None:
        self.k = k
        self.similarities_NK = like.new_full((num_rows, k), float("-inf"), dtype=torch.float32)
        self.indices_NK = torch.zeros((num_rows, k), dtype=torch.int64, device=like.device)

    def take(self, first: int, start: int, found_BK: Tensor, place_BK: Tensor) -> None:
        """The largest similarities of the rows from `first` to a block of the other side that begins at `start`."""
        rows = slice(first, first + len(found_BK))
        both = torch.cat([self.similarities_NK[rows], found_BK], 1)
        places = torch.cat([self.indices_NK[rows], place_BK + start], 1)
        self.similarities_NK[rows], chosen_BK = both.topk(self.k, dim=1)
        self.indices_NK[rows] = places.gather(1, chosen_BK)

    def found(self, num_others: int) -> Nearest:
        """What was found, on the CPU; `num_others` bounds K."""
        k = min(self.k, num_others)
        return Nearest(similarities=self.similarities_NK[:, :k].cpu(), indices=self.indices_NK[:, :k].cpu())


def _largest_of_columns(product_BD: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The K largest of each column and their rows, [D, K]; all of them if there are fewer.

    They are in the K chunks with the largest maxima, or equal to what is there, and in what is left over at the end: a
    pass over the maxima is much faster than PyTorch's search along columns.
    """
    size_B, size_D = product_BD.shape
    size_C = size_B // CHUNK
    if size_C <= k:
        found_KD, row_KD = product_BD.topk(min(k, size_B), dim=0)
        return found_KD.T, row_KD.T
    whole = size_C * CHUNK
    chunks = product_BD[:whole].view(size_C, CHUNK, size_D)
    best_K1D = chunks.amax(1).topk(k, dim=0).indices[:, None]
    inside, beyond = (torch.arange(*ends, device=product_BD.device)[:, None] for ends in ((0, CHUNK), (whole, size_B)))
    candidates = torch.cat([chunks.gather(0, best_K1D.expand(-1, CHUNK, -1)).flatten(0, 1), product_BD[whole:]])
    rows = torch.cat([(best_K1D * CHUNK + inside).flatten(0, 1), beyond.expand(-1, size_D)])
    found_KD, chosen_KD = candidates.topk(k, dim=0)
    return found_KD.T, rows.gather(0, chosen_KD).T


def _blocks(rows_NH: Tensor, block: int) -> list[tuple[int, Tensor]]:
    return [(number * block, part_BH) for number, part_BH in enumerate(rows_NH.split(block))]
