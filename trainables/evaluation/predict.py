"""Predictions of a network over encoded rows, in batches of similar length under a token budget."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from trainables.model.batches import collate, row_lengths
from trainables.model.network import Network
from trainables.tasks.formats.base import Encoded, joined

log = logging.getLogger(__name__)

_Found = TypeVar("_Found")


def in_batches(
    encoded: Encoded, max_tokens: int, compute: Callable[[np.ndarray], _Found]
) -> Iterator[tuple[np.ndarray, _Found]]:
    """Row indices and what is computed of them, longest first, so that a padded batch holds at most `max_tokens`
    sub-words (one row at least).

    Where the memory of the GPU is too small for a batch, the budget is halved from there on. Raises
    torch.OutOfMemoryError where it is too small for a single row.
    """
    lengths = row_lengths(encoded)
    order = np.argsort(-lengths, kind="stable")
    budget, start = max_tokens, 0
    while start < len(order):
        tokens = int(lengths[order[start]] * encoded.group)
        rows = order[start : start + max(1, budget // tokens)]
        try:
            found = compute(rows)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise
            budget = min(budget, len(rows) * tokens) // 2
            log.warning("out of memory: evaluation goes on with %d sub-words at once", budget)
            continue
        yield rows, found
        start += len(rows)


def predict(network: Network, task: str, encoded: Encoded, *, pad_id: int, max_tokens: int) -> list[np.ndarray]:
    """One output array for each row of `encoded`, in its order. Leaves the network in evaluation mode."""
    [outputs] = to_the_end(predict_all(network, task, [encoded], pad_id=pad_id, max_tokens=max_tokens))
    return outputs


def to_the_end(running: Generator[object, None, _Found]) -> _Found:
    """What a generator returns, without its steps."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            found: _Found = end.value
            return found


def predict_all(
    network: Network, task: str, parts: Sequence[Encoded], *, pad_id: int, max_tokens: int
) -> Generator[float, None, list[list[np.ndarray]]]:
    """Outputs of several encodings of one format, in one pass over all their rows.

    Yields the share of the rows that is done. Leaves the network in evaluation mode.
    """
    encoded = parts[0] if len(parts) == 1 else joined(parts)
    network.eval()
    device = network.word_embedding.weight.device
    outputs: list[np.ndarray] = [np.zeros(0, np.float32)] * encoded.num_rows
    done = 0

    def of(rows: np.ndarray) -> list[np.ndarray]:
        return network.outputs(task, collate(encoded, rows, pad_id).to(device))

    for rows, found in in_batches(encoded, max_tokens, of):
        for row, output in zip(rows, found, strict=True):
            outputs[row] = output
        done += len(rows)
        yield done / encoded.num_rows
    ends = np.cumsum([part.num_rows for part in parts]).tolist()
    return [outputs[start:end] for start, end in itertools.pairwise([0, *ends])]
