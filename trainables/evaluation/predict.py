"""Predictions of a network over encoded rows, in batches of similar length under a token budget."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import numpy as np

from trainables.model.batches import collate, row_lengths
from trainables.model.network import Network
from trainables.tasks.formats.base import Encoded, joined

_Found = TypeVar("_Found")


def token_budget_batches(encoded: Encoded, max_tokens: int) -> Iterator[np.ndarray]:
    """Row indices, longest first, so that a padded batch holds at most `max_tokens` sub-words (one row at least)."""
    lengths = row_lengths(encoded)
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, max_tokens // int(lengths[order[start]] * encoded.group))
        yield order[start : start + size]
        start += size


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
    for rows in token_budget_batches(encoded, max_tokens):
        batch = collate(encoded, rows, pad_id).to(device)
        for row, output in zip(rows, network.outputs(task, batch), strict=True):
            outputs[row] = output
        done += len(rows)
        yield done / encoded.num_rows
    ends = np.cumsum([part.num_rows for part in parts]).tolist()
    return [outputs[start:end] for start, end in itertools.pairwise([0, *ends])]
