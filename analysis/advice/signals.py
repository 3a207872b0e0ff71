"""Signals: what can be known of a candidate and a target before anything is trained; larger is more promising.

    family     the target's question, by another data set or in another language (trainables/tasks/families.py)
    format     read in the same way: 1 by the same kind of head, 0.5 both as a whole or both by position
    labels     LogME of the target's labels given what heads of the candidate's labels say of the target's rows, both
               on the frozen encoder
    text       cosine of the mean vectors of their texts, without what all tasks have in common
    size       logarithm of the training rows
    near       1 less the distance from the evaluated languages to the nearest trained one, mean over the languages,
               one signal for each kind of distance

The direction of each was settled before any result was seen (Vu et al. 2020; You et al. 2021; Phang et al. 2020).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.advice.log_me import Fit, fit, log_me
from analysis.languages.distances import KINDS, distance
from trainables.ledger.recipe import Recipe
from trainables.tasks.families import family_of
from trainables.tasks.formats.base import Head
from trainables.tasks.languages import ENGLISH
from trainables.tasks.sample import Sample

FAMILY, FORMAT, LABELS, TEXT, SIZE, NEAR = "family", "format", "labels", "text", "size", "near"
CHEAP = (FAMILY, FORMAT, LABELS, TEXT, SIZE, NEAR)
"""Signals that need no record."""
_BY_POSITION = frozenset({Head.TAGGING, Head.SPAN, Head.MLM})

Signals = Mapping[str, float | None]
"""Name -> value; None where it is not known."""
Distance = Callable[[str, str, str], float | None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of a candidate.

    Attributes:
        recipe: its row.
        sample: rows of its last stage; None where there are none to be had, or nothing was to be computed.
        rows: training rows of all its stages; 0 where that is not known.
    """

    recipe: Recipe
    sample: Sample | None = None
    rows: int = 0

    @property
    def name(self) -> str:
        """As tables have it."""
        return str(self.recipe)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What is known of a target.

    Attributes:
        name: of the task.
        languages: that it is evaluated in.
        sample: rows that it is trained on, or of its sentences.
    """

    name: str
    languages: tuple[str, ...]
    sample: Sample | None = None


def signals_of(
    sources: Sequence[Source], goals: Sequence[Goal], measure: Distance = distance
) -> dict[tuple[str, str], dict[str, float | None]]:
    """(candidate, target) -> its cheap signals, and a `near KIND` for every kind of distance."""
    known_samples = (*(each.sample for each in sources), *(each.sample for each in goals))
    samples = [sample for sample in known_samples if sample]
    centre = np.mean([sample.text for sample in samples], axis=0) if samples else np.zeros(1)
    known = functools.cache(measure)
    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for source in sources:
        heads = _heads(source.sample)
        for goal in goals:
            nearness = {f"{NEAR} {kind}": _nearness(source, goal, kind, known) for kind in KINDS}
            told = [value for value in nearness.values() if value is not None]
            found[source.name, goal.name] = {
                FAMILY: float(any(family_of(stage.task) == family_of(goal.name) for stage in source.recipe.stages)),
                FORMAT: _format(source.sample, goal.sample),
                LABELS: _labels(heads, goal.sample),
                TEXT: _text(source.sample, goal.sample, centre),
                SIZE: math.log10(source.rows) if source.rows else None,
                NEAR: sum(told) / len(told) if told else None,
                **nearness,
            }
    return found


def spoken(recipe: Recipe) -> tuple[str, ...]:
    """Languages that a recipe trains in; empty where it leaves them to the configuration."""
    found: dict[str, None] = {}
    for stage in recipe.stages:
        found |= dict.fromkeys(stage.languages or (() if stage.is_mlm_alone else (ENGLISH,)))
    return tuple(found)


def _heads(sample: Sample | None) -> tuple[Fit, float] | None:
    """Heads of a candidate's labels, and how wide its vectors lie."""
    if sample is None or not sample.is_labelled:
        return None
    scale = float(sample.vectors.std()) or 1.0
    return fit(_centred(sample.vectors) / scale, sample.labels), scale


def _labels(heads: tuple[Fit, float] | None, goal: Sample | None) -> float | None:
    if heads is None or goal is None or not goal.is_labelled:
        return None
    explained, scale = heads
    said = _centred(goal.vectors) / scale @ explained.weights
    spread = said.std(axis=0)
    return log_me(np.column_stack([said / np.where(spread > 0, spread, 1.0), np.ones(len(said))]), goal.labels)


def _centred(vectors: np.ndarray) -> np.ndarray:
    centred: np.ndarray = vectors - vectors.mean(axis=0)
    return centred


def _format(source: Sample | None, goal: Sample | None) -> float | None:
    if source is None or goal is None:
        return None
    if source.head is goal.head:
        return 1.0
    return 0.5 if (source.head in _BY_POSITION) == (goal.head in _BY_POSITION) else 0.0


def _text(source: Sample | None, goal: Sample | None, centre: np.ndarray) -> float | None:
    if source is None or goal is None:
        return None
    one, other = source.text - centre, goal.text - centre
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else None


def _nearness(source: Source, goal: Goal, kind: str, measure: Distance) -> float | None:
    """None where a distance of some language to every trained one is not known."""
    trained = spoken(source.recipe)
    nearest = []
    for code in goal.languages:
        away = [found for own in trained if (found := measure(kind, own, code)) is not None]
        if not away:
            return None
        nearest.append(min(away))
    return 1.0 - sum(nearest) / len(nearest) if nearest else None
