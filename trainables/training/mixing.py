"""Task mixing: how often each task is drawn, and how long a run is (protocol.md 3.8 and 3.10)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from trainables.ledger.recipe import MLM
from trainables.ledger.spec import MlmLength


def probabilities(rows: Mapping[str, int], cap: int) -> dict[str, float]:
    """Chance of each task at a step: proportional to min(rows, cap)."""
    capped = {task: min(count, cap) for task, count in rows.items()}
    total = sum(capped.values())
    return {task: count / total for task, count in capped.items()}


def total_steps(
    rows: Mapping[str, int], batch_sizes: Mapping[str, int], epochs: float, cap: int, mlm_length: MlmLength
) -> int:
    """Optimiser updates of a run.

    One task, or MLM alone: epochs x ceil(rows / batch). A mixture: epochs x the sum of ceil(min(rows, cap) / batch).
    One task with MLM: reading A divides the task's own steps by its probability; reading B is the mixture's rule.
    """
    tasks = [task for task in rows if task != MLM] or [MLM]
    if len(tasks) == 1 and (len(rows) == 1 or mlm_length is MlmLength.TASK_EPOCHS):
        own = epochs * math.ceil(rows[tasks[0]] / batch_sizes[tasks[0]])
        return max(1, round(own / probabilities(rows, cap)[tasks[0]]))
    return max(1, round(epochs * sum(math.ceil(min(count, cap) / batch_sizes[task]) for task, count in rows.items())))


def task_of_each_step(rows: Mapping[str, int], cap: int, steps: int, seed: int) -> list[str]:
    """The task of every step, drawn once from the seed, so that a resumed run sees the same sequence."""
    chances = probabilities(rows, cap)
    names = list(chances)
    if len(names) == 1:
        return names * steps
    generator = np.random.default_rng((seed, 1))
    return [names[index] for index in generator.choice(len(names), size=steps, p=list(chances.values()))]
