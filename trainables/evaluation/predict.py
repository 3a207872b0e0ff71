"""Predictions of a network over encoded rows, in batches of similar length under a token budget."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from trainables.model.batches import collate, row_lengths
from trainables.model.network import Network
from trainables.tasks.formats.base import Encoded


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
    network.eval()
    device = network.word_embedding.weight.device
    outputs: list[np.ndarray] = [np.zeros(0, np.float32)] * encoded.num_rows
    with torch.inference_mode():
        for rows in token_budget_batches(encoded, max_tokens):
            batch = collate(encoded, rows, pad_id).to(device)
            for row, output in zip(rows, network.outputs(task, batch), strict=True):
                outputs[row] = output
    return outputs
