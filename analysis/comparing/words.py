"""Words on the differences of a table: Holm over all of them, equivalence by two one-sided tests."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

from analysis.statistics.estimate import LEVEL, Estimate, Word

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What can be said of one difference: the word, and p of no difference and of one beyond the margin, by Holm."""

    word: Word
    p: float
    p_equivalent: float


def words(estimates: Mapping[Key, Estimate], margin: float) -> dict[Key, Said]:
    """The words of a table at LEVEL; `margin` is the points within which two scores count as equivalent.

    A difference that is shown is better or worse even within the margin.
    """
    if not estimates:
        return {}
    raw = [each.p for each in estimates.values()]
    beyond = [_beyond(each, margin) for each in estimates.values()]
    p, p_equivalent = (multipletests(each, alpha=LEVEL, method="holm")[1] for each in (raw, beyond))
    return {
        key: Said(word=_word(estimate, own, other), p=float(own), p_equivalent=float(other))
        for (key, estimate), own, other in zip(estimates.items(), p, p_equivalent, strict=True)
    }


def _beyond(estimate: Estimate, margin: float) -> float:
    """The larger p of the two one-sided tests that the true difference lies outside the margin."""
    if estimate.error == 0:
        return float(abs(estimate.value) >= margin)
    over = student.sf((margin - estimate.value) / estimate.error, estimate.freedom)
    under = student.sf((margin + estimate.value) / estimate.error, estimate.freedom)
    return float(max(over, under))


def _word(estimate: Estimate, p: float, p_equivalent: float) -> Word:
    if p <= LEVEL:
        return Word.BETTER if estimate.value > 0 else Word.WORSE
    return Word.EQUIVALENT if p_equivalent <= LEVEL else Word.OPEN
