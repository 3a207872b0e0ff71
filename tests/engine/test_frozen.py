"""Vectors of a frozen encoder against one sequence at a time, and samples of real formats."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.made.encoders import encoder_folder
from tests.made.engine import PAD, choices, pairs, tags, tiny_encoder
from trainables.evaluation.frozen import read_vectors
from trainables.phases.frozen import FrozenEncoder
from trainables.phases.options import Options
from trainables.tasks.formats.base import Head
from trainables.tasks.formats.readings import POOLED, readings
from trainables.tasks.task import Split


def plain(encoder, ids, position):
    """The vector of one reading, without batches and padding."""
    with torch.no_grad():
        hidden = encoder(input_ids=torch.tensor(ids[None].astype(np.int64))).last_hidden_state[0]
    if position != POOLED:
        return hidden[position].numpy()
    mean = hidden.mean(0)
    return (mean / mean.norm()).numpy()


@pytest.mark.parametrize(("encoded", "head"), [
    (pairs(rows=9), Head.CLASSIFICATION), (choices(rows=5), Head.CHOICE), (tags(rows=7), Head.TAGGING),
])  # fmt: skip
def test_vectors_are_those_of_one_sequence_at_a_time(encoded, head):
    encoder = tiny_encoder().eval()
    asked = readings(encoded, head, 1000)
    found, whole = read_vectors(encoder, encoded, asked, pad_id=PAD, max_tokens=64)
    expected = [
        plain(encoder, encoded.sequences[sequence], position)
        for sequence, position in zip(asked.sequences.tolist(), asked.positions.tolist(), strict=True)
    ]
    assert np.allclose(found, np.stack(expected), atol=1e-5)
    assert np.allclose(whole, np.stack([plain(encoder, ids, POOLED) for ids in encoded.sequences]), atol=1e-5)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    folder = encoder_folder(tmp_path_factory.mktemp("encoders") / "tiny", "xlm-roberta")
    return lambda layer: FrozenEncoder(Options(data="demo", encoder=str(folder)), None, layer)


@pytest.mark.parametrize(
    ("name", "split", "labels"),
    [("xnli", Split.TRAIN, 3), ("csqa", Split.TRAIN, 2), ("udpos", Split.TRAIN, 5), ("squad", Split.TRAIN, 2),
     ("tatoeba", Split.TEST, 0), ("bucc", Split.DEV, 0)],
)  # fmt: skip
def test_every_format_has_a_sample(frozen, name, split, labels):
    languages = ("en",) if split is Split.TRAIN else ("de",)
    found = frozen(1).sample(name, split, languages, 20)
    assert np.isfinite(found.vectors).all()
    assert np.isfinite(found.text).all()
    assert len(found.text) == found.vectors.shape[1]
    assert len(np.unique(found.labels)) >= labels
    assert found.is_labelled == bool(labels)


def test_choices_are_told_by_their_difference(frozen):
    found = frozen(1).sample("csqa", Split.TRAIN, ("en",), 50)
    assert found.rows == 10
    assert np.allclose(found.vectors.reshape(10, 5, -1).sum(axis=1), 0.0, atol=1e-5)


def test_rows_are_spread_over_the_languages(frozen):
    assert frozen(1).sample("udpos", Split.TRAIN, ("de", "en"), 21).rows == 21


def test_the_hidden_state_is_the_one_that_is_asked_for(frozen):
    first, last = (frozen(layer).sample("xnli", Split.TRAIN, ("en",), 8).vectors for layer in (0, 1))
    assert not np.allclose(first, last, atol=1e-3)
