"""Meter: what training is like between two signs of life."""

from __future__ import annotations

import time
from collections import defaultdict
from statistics import fmean

import torch

from trainables.report import Pace


class Meter:
    """Loss and speed since they were last taken.

    Losses stay on their device until then: a GPU is waited for once each time, and not at every update.
    """

    def __init__(self) -> None:
        self._tasks: list[str] = []
        self._losses: list[torch.Tensor] = []
        self._tokens = 0
        self._since = time.monotonic()

    def restart(self) -> None:
        """Begin anew: what went before was no training."""
        self._tasks.clear()
        self._losses.clear()
        self._tokens = 0
        self._since = time.monotonic()

    def count(self, task: str, loss: torch.Tensor, tokens: int) -> None:
        """One more update: of which task, its loss, its sub-words."""
        self._tasks.append(task)
        self._losses.append(loss)
        self._tokens += tokens

    def take(self, learning_rate: float, tokens: int, *, by_task: bool) -> Pace:
        """What was counted, of one update at least; `tokens` are those of the whole run, `by_task` splits the loss."""
        losses = torch.stack(self._losses).tolist()
        seconds = time.monotonic() - self._since
        of_task: defaultdict[str, list[float]] = defaultdict(list)
        for task, loss in zip(self._tasks, losses, strict=True):
            of_task[task].append(loss)
        return Pace(
            loss=fmean(losses),
            losses={task: fmean(found) for task, found in of_task.items()} if by_task else {},
            learning_rate=learning_rate,
            steps_per_second=len(losses) / seconds,
            tokens_per_second=self._tokens / seconds,
            tokens=tokens,
        )
