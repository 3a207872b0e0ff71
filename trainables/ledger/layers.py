"""Scores of a retrieval run at every hidden state: a file beside its record, so that they enter no average.

JSON with a digest of itself. Only rows of the split that selects are scored so: Tatoeba's one set, and BUCC's dev set,
where every hidden state has a threshold of its own that is tuned on the same rows (protocol.md 5.4). The line of the
hidden state that the run's spec names says the same as the record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from trainables.ledger.seal import sealed, unsealed

FORMAT = 1
LAYERS = "layers.json"
"""Name in the folder of the run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerScore:
    """One figure: percent over `rows` examples of one language, by one hidden state; 0 is the embedding output."""

    task: str
    split: str
    language: str
    layer: int
    metric: str
    value: float
    rows: int


def to_json(scores: Sequence[LayerScore]) -> str:
    """The inverse of `from_json`; raises ValueError for figures that are not finite."""
    return sealed({"format": FORMAT, "scores": [dataclasses.asdict(score) for score in scores]}, indent=1)


def from_json(text: str) -> tuple[LayerScore, ...]:
    """The scores in such a file; raises ValueError for one that is not what was written."""
    fields = unsealed(text, range(1, FORMAT + 1), sealed_since=1)
    try:
        return tuple(LayerScore(**each) for each in fields["scores"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the scores of hidden states: {type(error).__name__}: {error}") from error
