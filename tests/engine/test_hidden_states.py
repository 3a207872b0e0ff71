"""Every hidden state in one pass, against transformers' own and against encoders that are cut to each."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.made.encoders import encoder_folder
from tests.made.engine import PAD, sequences, tiny_encoder
from trainables.evaluation import room as rooms
from trainables.evaluation.embed import cut_to_layer, embed, embedding_layers
from trainables.evaluation.neighbours import nearest
from trainables.evaluation.predict import to_the_end
from trainables.model.architectures import ARCHITECTURES
from trainables.model.encoder import load_encoder
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged


def encoded(texts):
    return Encoded(examples=[], sequences=Ragged.of(texts), owners=np.arange(len(texts), dtype=np.int32))


def of_one_length(count, seed):
    return [np.random.default_rng([seed, n]).integers(4, 60, size=11).astype(np.int32) for n in range(count)]


def every(encoder, texts, folder, max_tokens):
    return to_the_end(embedding_layers(encoder, encoded(texts), pad_id=PAD, max_tokens=max_tokens, folder=folder))


def plain_states(encoder, texts):
    """[K, N, H] by transformers, one sentence after another, without padding."""
    found = []
    for text in texts:
        with torch.no_grad():
            states = encoder(torch.from_numpy(text[None].astype(np.int64)), output_hidden_states=True).hidden_states
        found.append(torch.stack([functional.normalize(state[0].mean(0), dim=-1) for state in states]))
    return torch.stack(found, 1)


@pytest.mark.parametrize("max_tokens", [1, 60, 8192])
def test_all_states_are_those_of_transformers_and_find_the_same_neighbours(tmp_path, max_tokens):
    encoder = tiny_encoder(layers=4).eval()
    sides = [sequences(30, seed) for seed in (3, 4)]
    found, expected = (
        [way(encoder, side, *rest) for side in sides]
        for way, rest in ((every, (tmp_path, max_tokens)), (plain_states, ()))
    )
    for own, plain in zip(found, expected, strict=True):
        assert own.shape == (5, 30, 16)
        assert torch.allclose(own, plain, atol=1e-5)
    for layer in range(5):
        similarities = (expected[0][layer] @ expected[1][layer].T).numpy()
        best = nearest(found[0][layer], found[1][layer], 1).indices[:, 0].numpy()
        assert np.allclose(similarities[np.arange(30), best], similarities.max(1), atol=1e-5)


@pytest.mark.parametrize("texts", [sequences(40, 5), of_one_length(40, 6)], ids=["padded", "without padding"])
@pytest.mark.parametrize("max_tokens", [1, 100, 8192])
@pytest.mark.parametrize("resident", [0, 2**30], ids=["in a file", "in memory"])
def test_every_state_is_bit_for_bit_that_of_a_cut_encoder(tmp_path, monkeypatch, texts, max_tokens, resident):
    monkeypatch.setattr(rooms, "RESIDENT_BYTES", resident)
    found = every(tiny_encoder(layers=4), texts, tmp_path, max_tokens)
    assert len({state.numpy().tobytes() for state in found}) == 5
    for layer in range(5):
        encoder = tiny_encoder(layers=4)
        cut_to_layer(encoder, layer)
        assert torch.equal(found[layer], embed(encoder, encoded(texts), pad_id=PAD, max_tokens=max_tokens))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [kind for kind, known in ARCHITECTURES.items() if known.can_be_cut])
def test_every_state_of_every_architecture_is_that_of_a_cut_encoder(tmp_path, kind):
    folder = encoder_folder(tmp_path / kind, kind, num_hidden_layers=3)
    texts = encoded(sequences(20, 7))
    whole = load_encoder(str(folder))
    width, limits = whole.config.hidden_size, {"pad_id": whole.config.pad_token_id, "max_tokens": 100}
    found = to_the_end(embedding_layers(whole, texts, **limits, folder=tmp_path))
    assert found.shape == (4, 20, width)
    for layer in range(4):
        cut = load_encoder(str(folder))
        cut_to_layer(cut, layer)
        assert torch.equal(found[layer], embed(cut, texts, **limits))


def test_an_encoder_is_as_before_after_a_pass(tmp_path):
    encoder = tiny_encoder(layers=3)
    every(encoder, sequences(5, 8), tmp_path, 100)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in encoder.encoder.layer)


def test_large_arrays_lie_in_a_file_of_which_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, "RESIDENT_BYTES", 2**20)
    made = rooms.room((3, 2**15, 3), tmp_path)
    assert made.shape == (3, 2**15, 3)
    assert made.dtype == torch.float32
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    assert len(mapped) == 1
    assert "(deleted)" in mapped[0]
    made[2, -1] = torch.tensor([1.0, 2.0, 3.0])
    assert made[2, -1].tolist() == [1.0, 2.0, 3.0]
    del made
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_a_full_disk_is_an_error_that_names_the_folder(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(rooms, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(rooms.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        every(tiny_encoder(), sequences(5, 9), tmp_path, 100)
    assert caught.value.filename == str(tmp_path)
    assert not list(tmp_path.iterdir())
