"""Which rows are taken where a run is capped: spread evenly, and always the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence

from trainables.tasks.examples import Example

Cap = Callable[[Sequence[Example], int], list[int]]
"""(examples, limit) -> positions of the examples that are kept, ascending; `limit` is at least 1."""


def spread(num_rows: int, limit: int) -> list[int]:
    """Numbers of `limit` rows spread evenly: one of each of as many stretches of equal length, all if limit is 0.

    Which one of a stretch is fixed but irregular: in XNLI and other data sets the labels follow each other in a
    regular pattern, so that every third row would have the same one. It depends on the two numbers alone, so that
    parallel languages keep the same rows.
    """
    if not limit or limit >= num_rows:
        return list(range(num_rows))
    irregular = random.Random(f"{num_rows} {limit}")
    bounds = [number * num_rows // limit for number in range(limit + 1)]
    return [irregular.randrange(first, last) for first, last in itertools.pairwise(bounds)]


def shares(total: int, languages: Sequence[str]) -> dict[str, int]:
    """Rows of each language where `total` are spread evenly over them: the first ones get one more. 0 means all rows.

    Languages for which nothing is left are not in it.
    """
    if not total:
        return dict.fromkeys(languages, 0)
    each, more = divmod(total, len(languages))
    found = {language: each + (place < more) for place, language in enumerate(languages)}
    return {language: count for language, count in found.items() if count}


def spread_examples(examples: Sequence[Example], limit: int) -> list[int]:
    """The rule of every task whose rows stand for themselves."""
    return spread(len(examples), limit)
