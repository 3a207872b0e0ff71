"""Every architecture against the plain way: transformers' own classes, padded, with eager attention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from tests.made.encoders import encoder_folder, tokenizer_of
from trainables.model.architectures import ARCHITECTURES
from trainables.model.batches import collate
from trainables.model.encoder import load_encoder
from trainables.model.network import Network
from trainables.tasks.formats.base import Encoded, Head
from trainables.tasks.formats.ragged import Ragged

KINDS = list(ARCHITECTURES)
UNPADDED = {"xlm-roberta", "roberta", "camembert", "bert", "modernbert", "eurobert"}
TASKS = {Head.CLASSIFICATION: "xnli", Head.CHOICE: "csqa", Head.TAGGING: "udpos", Head.SPAN: "xquad"}
AUTO = {
    Head.CLASSIFICATION: "SequenceClassification", Head.CHOICE: "MultipleChoice", Head.TAGGING: "TokenClassification",
    Head.SPAN: "QuestionAnswering",
}  # fmt: skip


def texts(kind: str, lengths: list[int], seed: int = 5) -> Encoded:
    """Sequences of these lengths as the kind's tokenizer lays them out: special tokens at the ends."""
    words, generator = tokenizer_of(kind), np.random.default_rng(seed)
    begin, *_, end = words("a")["input_ids"]
    rows = [np.array([begin, *generator.integers(8, 300, n - 2), end], np.int32) for n in lengths]
    return Encoded(
        examples=[], sequences=Ragged.of(rows), owners=np.arange(len(rows), dtype=np.int32),
        labels=generator.integers(0, 3, len(rows)),
    )  # fmt: skip


def plain(kind: str, encoded: Encoded, folder: Path, **options: object) -> list[torch.Tensor]:
    """Last hidden states of each sequence alone, by transformers' eager attention."""
    made = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found = []
    for row in encoded.sequences:
        with torch.no_grad():
            given = made(input_ids=torch.from_numpy(row[None].astype(np.int64)), **options)
        found.append(given.last_hidden_state[0])
    return found


def loaded(folder: Path, *, unpadded: bool, heads=()) -> Network:
    net = Network(load_encoder(str(folder)), dict(heads))
    if unpadded:
        net.use_unpadded()
    return net.eval()


MIXED = [3, 60, 7, 7, 128, 31, 4]


@pytest.mark.parametrize("unpadded", [False, True], ids=["padded", "unpadded"])
@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_are_those_of_transformers_for_batches_of_mixed_lengths(kind, unpadded, tmp_path):
    folder = encoder_folder(tmp_path, kind)
    encoded = texts(kind, MIXED)
    net = loaded(folder, unpadded=unpadded)
    assert net.is_unpadded is (unpadded and kind in UNPADDED)
    batch = collate(encoded, np.arange(len(MIXED)), tokenizer_of(kind).pad_token_id)
    with torch.no_grad():
        found = net.states(batch)
    expected = torch.cat(plain(kind, encoded, folder))
    assert expected.abs().max() > 0.1
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("xlm-roberta", "xlm-roberta-xl")])
def test_every_sub_word_is_of_type_0(kind, tmp_path):
    folder = encoder_folder(tmp_path, kind, type_vocab_size=2)
    encoded = texts(kind, [9, 20])
    net = loaded(folder, unpadded=True)
    kinds_of_types = "token_type_ids" in transformers.AutoModel.from_pretrained(folder).forward.__code__.co_varnames
    batch = collate(encoded, np.arange(2), tokenizer_of(kind).pad_token_id)
    with torch.no_grad():
        found = net.states(batch).split(batch.lengths)
    for own, row in zip(found, encoded.sequences, strict=True):
        options = {"token_type_ids": torch.zeros(1, len(row), dtype=torch.long)} if kinds_of_types else {}
        alone = Encoded(examples=[], sequences=Ragged.of([row]), owners=np.zeros(1, np.int32))
        assert torch.allclose(own, plain(kind, alone, folder, **options)[0], atol=1e-5)


@pytest.mark.parametrize(("kind", "positions"), [(kind, 520) for kind in KINDS] + [
    (kind, 8192) for kind in ("xlm-roberta", "bert", "deberta-v2", "modernbert", "eurobert", "nomic_bert")
])  # fmt: skip
def test_inputs_may_be_as_long_as_there_are_positions(kind, positions, tmp_path):
    """The longest input alone, and beside a short one."""
    shift = tokenizer_of(kind).pad_token_id + 1 if ARCHITECTURES[kind].shifts_positions else 0
    heads = {"num_attention_heads": 2, "num_hidden_layers": 2} if kind != "eurobert" else {}
    folder = encoder_folder(tmp_path, kind, max_position_embeddings=positions, **heads)
    longest = min(positions - shift, 2048 if kind in ("deberta-v2", "nomic_bert") else positions)
    encoded = texts(kind, [longest, 6])
    batch = collate(encoded, np.arange(2), tokenizer_of(kind).pad_token_id)
    with torch.inference_mode():
        found = loaded(folder, unpadded=True).states(batch)
    assert torch.allclose(found[-6:], plain(kind, texts(kind, [longest, 6]), folder)[1], atol=1e-5)
    made = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager" if longest <= 2048 else "sdpa")
    with torch.inference_mode():
        whole = made.eval()(input_ids=batch.ids_BL[:1]).last_hidden_state[0]
    assert torch.allclose(found[:longest], whole, atol=2e-5)
