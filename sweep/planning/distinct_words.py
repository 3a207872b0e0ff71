"""How many rows of the embedding a training touches: Heaps' law, distinct words = scale x words ^ power.

The constants are what `python -m benchmarks.distinct_words` prints: one power for each source of rows, a scale for each
kind of task. Real rows are those of a mirror of the hub, up to 10,000 of a task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainables.data.hub import DEMO
from trainables.tasks import registry
from trainables.tasks.formats.base import Head


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The law for one source; `scales` by kind of task."""

    power: float
    scales: Mapping[Head, float]


_REAL = Growth(power=0.541, scales={Head.CHOICE: 7.31, Head.CLASSIFICATION: 15.8, Head.SPAN: 12.6, Head.TAGGING: 20.1})
_DEMO = Growth(power=0.155, scales={Head.CHOICE: 57.3, Head.CLASSIFICATION: 47.5, Head.SPAN: 43.1, Head.TAGGING: 39.5})


def distinct_words(tokens: Mapping[str, float], source: str) -> float:
    """Expected distinct sub-words of texts together, from their sub-words by task; `source` is the kind of the data."""
    growth = _DEMO if source == DEMO else _REAL
    alike = [growth.scales[registry.task(name).format.head] ** (1 / growth.power) * n for name, n in tokens.items()]
    return float(sum(alike) ** growth.power)
