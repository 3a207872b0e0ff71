"""A word embedding as a table without most of its rows, against the plain way: the whole table after every training."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.made.engine import tiny_encoder
from trainables.model.word_table import WordLookup, WordTable, hold_whole_table, table_name, table_of

VOCABULARY, WIDTH = 300, 8
TRAININGS = {
    "one": [(range(40), 0.987654321)],
    "one that decays nothing": [(range(40), 1.0)],
    "two, other rows": [(range(40), 0.987654321), (range(40, 90), 0.912345678)],
    "two, the same rows": [(range(40), 0.987654321), (range(40), 0.912345678)],
    "two, some rows in both": [(range(0, 60, 2), 0.987654321), (range(0, 60, 3), 0.912345678)],
    "two, the first decays nothing": [(range(0, 60, 2), 1.0), (range(0, 60, 3), 0.912345678)],
    "two, the second decays nothing": [(range(0, 60, 2), 0.987654321), (range(0, 60, 3), 1.0)],
    "three": [(range(0, 60, 2), 0.9876), (range(0, 60, 3), 0.9123), (range(5, 300, 7), 0.9777)],
    "all rows": [(range(300), 0.9876), (range(299, 300), 0.9123)],
}


def trained(name):
    """The table after some trainings: by its changes, and the plain way."""
    torch.manual_seed(0)
    whole_VH = torch.randn(VOCABULARY, WIDTH)
    table = WordTable(base_VH=whole_VH.clone())
    for kept, factor in TRAININGS[name]:
        kept_T = torch.tensor(kept)
        rows_TH = torch.randn(len(kept_T), WIDTH)
        table = table.trained(kept_T, rows_TH, factor)
        whole_VH = whole_VH * factor
        whole_VH[kept_T] = rows_TH
    return table, whole_VH


@pytest.mark.parametrize("name", TRAININGS)
def test_a_table_is_bit_for_bit_the_whole_one(name):
    table, whole_VH = trained(name)
    base_VH = table.base_VH.clone()
    assert torch.equal(table.whole(), whole_VH)
    wanted = torch.randint(VOCABULARY, (200,))
    assert torch.equal(table.rows(wanted), whole_VH[wanted])
    assert torch.equal(table.base_VH, base_VH)
    assert len(table) == VOCABULARY
    assert table.width == WIDTH


def test_what_has_changed_is_the_union_of_the_rows_in_order():
    table, _ = trained("two, some rows in both")
    assert table.changes.ids_R.tolist() == sorted({*range(0, 60, 2), *range(0, 60, 3)})
    assert table.changes.factors == (0.987654321, 0.912345678)


def test_the_product_of_the_factors_would_not_do():
    """Why they are applied one after another."""
    table, whole_VH = trained("two, some rows in both")
    product_VH = table.base_VH * math.prod(table.changes.factors)
    assert not torch.equal(product_VH[100:], whole_VH[100:])


@pytest.mark.parametrize("name", TRAININGS)
def test_rows_that_are_looked_up_are_those_of_an_embedding(name):
    table, whole_VH = trained(name)
    ids_BL = torch.randint(VOCABULARY, (5, 70))
    looked_up = WordLookup(table, padding_idx=1)
    plain = nn.Embedding(VOCABULARY, WIDTH, 1, _weight=whole_VH)
    assert torch.equal(looked_up(ids_BL), plain(ids_BL))
    assert (looked_up.num_embeddings, looked_up.embedding_dim) == (VOCABULARY, WIDTH)
    assert list(looked_up.parameters()) == []


def test_an_encoder_that_looks_rows_up_can_hold_the_whole_table():
    encoder = tiny_encoder()
    assert table_name(encoder) == "embeddings.word_embeddings.weight"
    table = table_of(encoder)
    assert table.base_VH.data_ptr() == encoder.embeddings.word_embeddings.weight.data_ptr()
    changed = table.trained(torch.arange(9), torch.randn(9, 16), 0.9)
    encoder.set_input_embeddings(WordLookup(changed, padding_idx=1))
    assert table_of(encoder) is changed
    ids_BL = torch.randint(4, 200, (2, 9))
    looked_up = encoder(input_ids=ids_BL).last_hidden_state
    hold_whole_table(encoder)
    assert isinstance(encoder.embeddings.word_embeddings.weight, nn.Parameter)
    assert encoder.embeddings.word_embeddings.padding_idx == 1
    assert torch.equal(encoder(input_ids=ids_BL).last_hidden_state, looked_up)
    assert torch.equal(table_of(encoder).base_VH, changed.whole())
