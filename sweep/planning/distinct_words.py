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


_REAL = Growth(power=0.525, scales={Head.CHOICE: 8.91, Head.CLASSIFICATION: 17.9, Head.SPAN: 21.3, Head.TAGGING: 17.0})
_DEMO = Growth(power=0.205, scales={Head.CHOICE: 28.7, Head.CLASSIFICATION: 26.2, Head.SPAN: 21.4, Head.TAGGING: 21.7})


def distinct_words(tokens: Mapping[str, float], source: str) -> float:
    """Expected distinct sub-words of texts together, from their sub-words by task; `source` is the kind of the data."""
    growth = _DEMO if source == DEMO else _REAL
    alike = [growth.scales[registry.task(name).format.head] ** (1 / growth.power) * n for name, n in tokens.items()]
    return float(sum(alike) ** growth.power)
