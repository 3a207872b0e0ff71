"""Made scores by row whose truth is known: accuracy, chunks and answers, with translations that go right together.

A row is right when ability + a sum of normal parts is above 0. The parts are of the item (in all languages), of its
translation, of the item for one row of the table (shared by its languages and runs), of the translation for one row of
the table, and luck of the run. A run's ability moves by its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.statistics.influence import Layout, layout
from analysis.statistics.racing import Floats

ITEM, TRANSLATION, TASTE, TRANSLATED_TASTE, LUCK = 0.40, 0.20, 0.12, 0.10, 0.18
"""Shares of the latent variance."""
MOST_CHUNKS = 4
FOUND_WRONG = 0.7
"""Share of the chunks that are not right in whose place another is found."""
PARTIAL = 0.15
"""Mean score of an answer that is not exact: half of an F1, uniform up to 0.8, that one half of the rows have."""


class Kind(StrEnum):
    """How a task is scored."""

    ACCURACY = "accuracy"
    CHUNKS = "chunk F1"
    ANSWERS = "QA"

    def score(self, share: Floats) -> Floats:
        """Expected score in percent where this share of the rows (of the chunks) is right."""
        if self is Kind.CHUNKS:
            return 200.0 * share / (1.0 + share + (1.0 - share) * FOUND_WRONG)
        return 100.0 * (share + (1.0 - share) * PARTIAL) if self is Kind.ANSWERS else 100.0 * share


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is drawn.

    Attributes:
        kind: how rows are scored.
        items: translated into every language.
        languages: L.
        seeds: S runs of each row of the table.
        seed_sd: between runs, points of right rows.
        right: share of right rows in the middle language; languages lie up to `apart` around it.
        apart: see there.
        agreement: share of the parts of a row of the table and of luck that is given to the item's translation, so that
            rows of the table seldom differ.
    """

    kind: Kind
    items: int
    languages: int
    seeds: int
    seed_sd: float = 0.0
    right: float = 0.7
    apart: float = 0.1
    agreement: float = 0.0

    @property
    def codes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int[N] language and int[N] item of every row."""
        return np.repeat(np.arange(self.languages), self.items), np.tile(np.arange(self.items), self.languages)

    def layout(self, gold: Floats | None, clustered: bool = True) -> Layout:
        """Of the rows; not clustered: as if no row were the translation of another."""
        languages, items = self.codes
        return layout(
            [f"l{code}" for code in languages], items.tolist() if clustered else list(range(len(items))), gold
        )


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """K rows of the table.

    Attributes:
        scores: [K, S, N] or counts [K, S, N, 3].
        of_runs: float[K, S], expected score of each run on rows of this kind, percent.
        of_rows: float[K], expected score over seeds too.
    """

    scores: Floats
    of_runs: Floats
    of_rows: Floats

    @property
    def gold(self) -> Floats | None:
        """float[N], chunks of the reference."""
        return self.scores[0, 0, :, 1] if self.scores.ndim == 4 else None


def draw(design: Design, gains: Floats, generator: np.random.Generator) -> Drawn:
    """Rows of the table whose share of right rows is `gains` (float[K], points) above that of the design."""
    num_rows, (languages, items) = len(gains), design.codes
    num, runs = len(items), design.seeds
    shares = design.right + design.apart * np.linspace(-1, 1, design.languages) if design.languages > 1 else (
        np.array([design.right])
    )  # fmt: skip
    moved = gains[:, None] / 100 + design.seed_sd / 100 * generator.standard_normal((num_rows, runs))
    of_runs = np.clip(shares + moved[..., None], 0.001, 0.999)
    own = (1.0 - design.agreement) * np.array([TASTE, TRANSLATED_TASTE, LUCK])
    normal = generator.standard_normal
    latent = np.sqrt(ITEM) * normal(design.items)[items]
    latent = latent + np.sqrt(1.0 - ITEM - own.sum()) * normal(num)
    latent = latent + np.sqrt(own[0]) * normal((num_rows, 1, design.items))[..., items]
    latent = latent + np.sqrt(own[1]) * normal((num_rows, 1, num))
    ability = ndtri(of_runs)[..., languages]
    luck = np.sqrt(own[2])
    if design.kind is Kind.CHUNKS:
        gold = generator.integers(0, MOST_CHUNKS + 1, num)
        there = np.arange(MOST_CHUNKS) < gold[:, None]
        hit = (ability + latent)[..., None] + luck * normal((num_rows, runs, num, MOST_CHUNKS)) > 0
        right = (hit & there).sum(axis=-1)
        found = right + generator.binomial(gold - right, FOUND_WRONG)
        scores = np.stack([right, np.broadcast_to(gold, right.shape), found], axis=-1).astype(np.float64)
    else:
        scores = (ability + latent + luck * normal((num_rows, runs, num)) > 0).astype(np.float64)
        if design.kind is Kind.ANSWERS:
            partial = generator.random(num)
            scores = np.maximum(scores, np.where(partial > 0.5, 0.4 * partial, 0.0))
    return Drawn(
        scores=scores,
        of_runs=design.kind.score(of_runs).mean(axis=-1),
        of_rows=design.kind.score(np.clip(shares + gains[:, None] / 100, 0.001, 0.999)).mean(axis=-1),
    )
