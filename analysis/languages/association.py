"""Association: whether gains go with a distance between donor and recipient, more than with shuffled languages.

Gains of pairs are not independent: all of a donor share its encoder, all of a recipient its rows. So the test shuffles
the labels of the languages, in the table of distances, and leaves every gain where it is (Mantel 1967). Labels change
places only among languages of one role: donor and recipient, donor alone (English), recipient alone. So the pairs that
have a gain stay the same pairs, and donors are not taken for languages that nobody chose as one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from analysis.languages.distances import KINDS, distance
from analysis.languages.transfer import Pair, Transfer
from analysis.statistics.multiplicity import holm

SHUFFLES = 1999
FEWEST_LANGUAGES, FEWEST_PAIRS = 5, 6
"""Fewer have too few orders to tell anything from chance."""
_SEED = 0
_DIGITS = 9

Distance = Callable[[str, str, str], float | None]


@dataclass(frozen=True, kw_only=True)
class Association:
    """Gains against one kind of distance.

    Attributes:
        kind: of distance.
        correlation: Spearman's; below 0 where nearer donors give more. None where there is none to be had.
        p: two-sided, of the shuffled languages; 1 without a correlation.
        adjusted: by Holm over the kinds of the same transfer.
        pairs: that were compared.
        languages: that were shuffled.
        reason: why there is no correlation.
    """

    kind: str
    correlation: float | None = None
    p: float = 1.0
    adjusted: float = 1.0
    pairs: int = 0
    languages: int = 0
    reason: str = ""


def associations(
    found: Transfer, kinds: Sequence[str] = KINDS, measure: Distance = distance, shuffles: int = SHUFFLES
) -> tuple[Association, ...]:
    """One a kind, in order; zero-shot pairs alone."""
    known = functools.cache(measure)
    made = [_association(found, kind, known, shuffles) for kind in kinds]
    adjusted = iter(holm([each.p for each in made if each.correlation is not None]))
    return tuple(each if each.correlation is None else replace(each, adjusted=next(adjusted)) for each in made)


def _association(found: Transfer, kind: str, measure: Distance, shuffles: int) -> Association:
    codes = _known(sorted({code for pair in found.zero_shot for code in pair}), kind, measure)
    pairs = [pair for pair in found.zero_shot if set(pair) <= set(codes)]
    if len(codes) < FEWEST_LANGUAGES or len(pairs) < FEWEST_PAIRS:
        return Association(kind=kind, reason=f"the distance is known of {len(codes)} languages only")
    between = np.array([[measure(kind, a, b) for b in codes] for a in codes], dtype=float)
    gains = _standard(np.array([[found.gains[pair] for pair in pairs]]))
    donors, recipients = (np.array([codes.index(pair[side]) for pair in pairs]) for side in (0, 1))
    own = _standard(between[donors, recipients][None])
    if not gains.any() or not own.any():
        same = "gains" if own.any() else "distances"
        return Association(kind=kind, reason=f"all {same} are the same", pairs=len(pairs), languages=len(codes))
    generator = np.random.default_rng(_SEED)
    roles = _roles(codes, pairs)
    orders = np.array([_shuffled(roles, generator) for _ in range(shuffles)])
    chance = _standard(between[orders[:, donors], orders[:, recipients]]) @ gains[0]
    correlation = float((own @ gains[0])[0])
    beyond = int((np.abs(chance) >= abs(correlation) - 1e-12).sum())
    return Association(
        kind=kind, correlation=correlation, p=(1 + beyond) / (1 + shuffles), pairs=len(pairs), languages=len(codes)
    )


def _roles(codes: Sequence[str], pairs: Sequence[Pair]) -> list[NDArray[np.intp]]:
    """Places of the languages of each role."""
    donors, recipients = ({pair[side] for pair in pairs} for side in (0, 1))
    role = np.array([2 * (code in donors) + (code in recipients) for code in codes])
    return [np.flatnonzero(role == each) for each in np.unique(role)]


def _shuffled(roles: Sequence[NDArray[np.intp]], generator: np.random.Generator) -> NDArray[np.intp]:
    """An order of all languages, each of them in the place of one of its role."""
    order = np.empty(sum(map(len, roles)), dtype=np.intp)
    for places in roles:
        order[places] = generator.permutation(places)
    return order


def _known(codes: Sequence[str], kind: str, measure: Distance) -> list[str]:
    """Languages whose distances to each other are known; the one that lacks most is left out first."""
    left = list(codes)
    while left:
        lacking = [sum(measure(kind, code, other) is None for other in left) for code in left]
        if not any(lacking):
            break
        left.pop(int(np.argmax(lacking)))
    return left


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of each line, centred and of length 1, so that a product is Spearman's correlation; 0 where all tie.

    Values that differ in their last digits tie: they are the same number, computed in another order.
    """
    ranks = rankdata(values.round(_DIGITS), axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    standard: NDArray[np.float64] = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return standard
