"""MLM masking, anew for every batch (protocol.md 3.9)."""

from __future__ import annotations

import dataclasses

import numpy as np

from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged

MASKED_SHARE = 0.8
RANDOM_SHARE = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Masking:
    """What masking needs to know of the vocabulary; `probability` is that of a position being selected."""

    probability: float
    mask_id: int
    vocabulary: int
    special_ids: frozenset[int]

    def apply(self, encoded: Encoded, rows: np.ndarray, generator: np.random.Generator) -> Encoded:
        """The rows with masked sequences; selected positions and their original ids stand in the tagging fields."""
        special = np.fromiter(self.special_ids, np.int64)
        sequences, positions, targets = [], [], []
        for row in rows:
            ids = encoded.sequences[row].copy()
            chosen = np.flatnonzero((generator.random(len(ids)) < self.probability) & ~np.isin(ids, special))
            fate = generator.random(len(chosen))
            random_ids = generator.integers(self.vocabulary, size=len(chosen))
            positions.append(chosen.astype(np.int32))
            targets.append(ids[chosen])
            replaced = np.where(fate < MASKED_SHARE, self.mask_id, ids[chosen])
            ids[chosen] = np.where((fate >= MASKED_SHARE) & (fate < MASKED_SHARE + RANDOM_SHARE), random_ids, replaced)
            sequences.append(ids)
        return dataclasses.replace(
            encoded,
            sequences=Ragged.of(sequences),
            owners=np.arange(len(rows), dtype=np.int32),
            word_positions=Ragged.of(positions),
            tags=Ragged.of(targets),
        )
