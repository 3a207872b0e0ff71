"""Encoders of every architecture and inputs for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import transformers
from torch import nn

from tests.made.encoders import tokenizer_of
from trainables.model.architectures import ARCHITECTURES
from trainables.model.encoder import load_encoder
from trainables.model.heads import new_head
from trainables.model.mlm_head import new_mlm_head
from trainables.model.network import Network
from trainables.tasks.formats.base import Encoded, Head
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.registry import task

KINDS = list(ARCHITECTURES)
UNPADDED = {"xlm-roberta", "roberta", "camembert", "bert", "modernbert", "eurobert"}
TASKS = {Head.CLASSIFICATION: "xnli", Head.CHOICE: "csqa", Head.TAGGING: "udpos", Head.SPAN: "xquad"}
AUTO = {
    Head.CLASSIFICATION: "SequenceClassification", Head.CHOICE: "MultipleChoice", Head.TAGGING: "TokenClassification",
    Head.SPAN: "QuestionAnswering",
}  # fmt: skip
MIXED = [3, 60, 7, 7, 128, 31, 4]
"""Lengths of the sequences of a batch."""


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


def all_heads(kind: str, config: object) -> dict[str, nn.Module]:
    torch.manual_seed(3)
    made = {str(head): new_head(task(name).format, config) for head, name in TASKS.items()}
    made["mlm"] = new_mlm_head(config)
    for parameter in (parameter for head in made.values() for parameter in head.parameters()):
        nn.init.normal_(parameter, std=0.3)
    return made


def rows_for(kind: str, head: str) -> Encoded:
    """Rows with what the head is trained on."""
    encoded, generator = texts(kind, [*MIXED, 25]), np.random.default_rng(4)
    lengths = encoded.sequences.lengths
    if head == Head.CHOICE:
        return Encoded(
            examples=[], sequences=encoded.sequences, owners=np.arange(2, dtype=np.int32), group=4,
            labels=generator.integers(0, 4, 2),
        )  # fmt: skip
    if head in (Head.TAGGING, Head.MLM):
        places = [np.sort(generator.permutation(n)[: max(1, n // 2)]).astype(np.int32) for n in lengths]
        return Encoded(
            examples=[], sequences=encoded.sequences, owners=encoded.owners, word_positions=Ragged.of(places),
            tags=Ragged.of(generator.integers(0, 17, len(place)) for place in places),
        )  # fmt: skip
    if head == Head.SPAN:
        ends = np.array([np.sort(generator.integers(0, n, 2)) for n in lengths])
        return Encoded(examples=[], sequences=encoded.sequences, owners=encoded.owners, spans=ends)
    return encoded
