"""Exact nearest neighbours by inner product, in blocks, so that no N x M matrix is ever in memory.

Shapes: N queries, M database rows, H dimensions, K neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 4096


@torch.inference_mode()
def nearest(queries_NH: Tensor, database_MH: Tensor, k: int, block: int = BLOCK) -> tuple[Tensor, Tensor]:
    """Similarities float32[N, K] and indices int64[N, K], best first; ties keep the lower index within a block."""
    k = min(k, len(database_MH))
    similarities, indices = [], []
    for query_BH in queries_NH.split(block):
        best_BK = torch.full((len(query_BH), 0), float("-inf"))
        where_BK = torch.zeros((len(query_BH), 0), dtype=torch.int64)
        for number, part_BH in enumerate(database_MH.split(block)):
            found_BK, place_BK = (query_BH @ part_BH.T).topk(min(k, len(part_BH)), dim=1)
            best_BK = torch.cat([best_BK, found_BK.cpu()], 1)
            where_BK = torch.cat([where_BK, place_BK.cpu() + number * block], 1)
            best_BK, chosen_BK = best_BK.topk(min(k, best_BK.shape[1]), dim=1)
            where_BK = where_BK.gather(1, chosen_BK)
        similarities.append(best_BK)
        indices.append(where_BK)
    return torch.cat(similarities), torch.cat(indices)
