"""Batches, heads and neighbours against plain ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.engine_fixtures import SETS, choices, network, pairs, sequences, spans, tags, tiny_encoder
from trainables.evaluation.embed import cut_to_layer, embed
from trainables.evaluation.neighbours import nearest
from trainables.evaluation.predict import predict, token_budget_batches
from trainables.model import dropout, unpadded
from trainables.model.batches import collate, row_lengths
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged


def test_collate_pads_with_the_padding_id_and_masks_it():
    batch = collate(pairs(), np.array([0, 1, 2]), pad_id=1)
    texts = [pairs().sequences[row] for row in range(3)]
    for row, text in enumerate(texts):
        assert batch.ids_BL[row, : len(text)].tolist() == text.tolist()
        assert (batch.ids_BL[row, len(text) :] == 1).all()
        assert batch.mask_BL[row].sum() == len(text)


def test_the_choice_loss_is_a_softmax_over_the_choices_of_one_question():
    net = network(tiny_encoder()).double().eval()
    encoded = choices()
    rows = np.array([3, 5])
    logits = torch.stack([
        torch.cat([
            net.heads["choices"].logits(
                net.encoder(torch.from_numpy(encoded.sequences[row * 4 + choice][None].astype(np.int64)))[0],
                collate(pairs(), np.array([0]), 1),
            ).flatten()
            for choice in range(4)
        ])
        for row in rows
    ])  # fmt: skip
    expected = functional.cross_entropy(logits, torch.from_numpy(encoded.labels[rows]), reduction="sum")
    assert torch.allclose(net.loss_sum("choices", collate(encoded, rows, 1)), expected)


def test_the_tagging_loss_counts_first_sub_words_only():
    net = network(tiny_encoder()).double().eval()
    encoded = tags()
    expected = torch.zeros((), dtype=torch.double)
    for row in (0, 4):
        hidden = net.encoder(torch.from_numpy(encoded.sequences[row][None].astype(np.int64)))[0][0]
        logits = net.heads["tags"].out(hidden)
        targets = torch.full((len(logits),), -100)
        targets[encoded.word_positions[row].astype(np.int64)] = torch.from_numpy(encoded.tags[row].astype(np.int64))
        expected += functional.cross_entropy(logits, targets, ignore_index=-100, reduction="sum")
    assert torch.allclose(net.loss_sum("tags", collate(encoded, np.array([0, 4]), 1)), expected)


def test_the_span_loss_is_the_mean_of_start_and_end_and_ignores_padding():
    net = network(tiny_encoder()).double().eval()
    encoded = spans()
    expected = torch.zeros((), dtype=torch.double)
    for row in (1, 2, 6):
        hidden = net.encoder(torch.from_numpy(encoded.sequences[row][None].astype(np.int64)))[0][0]
        logits = net.heads["spans"].out(hidden)
        for side in (0, 1):
            target = torch.tensor([encoded.spans[row, side]])
            expected += functional.cross_entropy(logits[:, side][None], target) / 2
    assert torch.allclose(net.loss_sum("spans", collate(encoded, np.array([1, 2, 6]), 1)), expected)


@pytest.mark.parametrize("name", list(SETS))
@pytest.mark.parametrize("max_tokens", [1, 40, 10_000])
def test_batched_predictions_equal_one_row_at_a_time(name, max_tokens):
    net = network(tiny_encoder()).double()
    encoded = SETS[name]()
    together = predict(net, name, encoded, pad_id=1, max_tokens=max_tokens)
    for row in range(encoded.num_rows):
        alone = net.outputs(name, collate(encoded, np.array([row]), 1))[0]
        assert together[row].shape == alone.shape
        assert np.allclose(together[row], alone, rtol=1e-8, atol=1e-8)


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=40), max_tokens=st.integers(1, 300))
def test_token_budget_batches_hold_every_row_once_and_keep_the_budget(lengths, max_tokens):
    encoded = Encoded(
        examples=[],
        sequences=Ragged.of(np.zeros(n, np.int32) for n in lengths),
        owners=np.arange(len(lengths), dtype=np.int32),
    )
    batches = list(token_budget_batches(encoded, max_tokens))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * row_lengths(encoded)[rows].max() <= max_tokens


def test_embeddings_are_the_normalised_mean_of_the_hidden_state():
    encoder = tiny_encoder(layers=4).eval()
    texts = Encoded(examples=[], sequences=Ragged.of(sequences(9, 3)), owners=np.arange(9, dtype=np.int32))
    expected = []
    for text in texts.sequences:
        with torch.no_grad():
            states = encoder(torch.from_numpy(text[None].astype(np.int64)), output_hidden_states=True).hidden_states
        assert len(states) == 5
        expected.append(functional.normalize(states[2][0].mean(0), dim=-1))
    cut_to_layer(encoder, 2)
    found = embed(encoder, texts, pad_id=1, max_tokens=60)
    assert torch.allclose(found, torch.stack(expected), atol=1e-5)


def test_a_layer_the_encoder_does_not_have_is_an_error():
    with pytest.raises(ValueError, match="layer 5 does not exist: the encoder has 2 layers"):
        cut_to_layer(tiny_encoder(), 5)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40), m=st.integers(1, 50), k=st.integers(1, 6), block=st.integers(1, 20), seed=st.integers(0, 99)
)
def test_blocked_neighbours_equal_a_full_sort(n, m, k, block, seed):
    generator = np.random.default_rng(seed)
    queries = torch.from_numpy(generator.standard_normal((n, 8)))
    database = torch.from_numpy(generator.standard_normal((m, 8)))
    found = nearest(queries, database, k, block)
    whole = queries @ database.T
    expected, where = whole.sort(dim=1, descending=True)
    assert torch.allclose(found.similarities.double(), expected[:, :k], atol=1e-5)
    assert torch.equal(found.indices, where[:, :k])


class TestUnpadded:
    @pytest.mark.parametrize("name", list(SETS))
    def test_losses_gradients_and_outputs_equal_those_of_padded_batches(self, name):
        """fp64: the sums differ by rounding only."""
        encoded, rows = SETS[name](), np.arange(8)
        found = []
        for kind in ("sdpa", unpadded.NAME):
            unpadded.register()
            net = network(tiny_encoder()).double()
            net.encoder.set_attn_implementation(kind)
            batch = collate(encoded, rows, 1)
            net.loss_sum(name, batch).backward()
            gradient = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
            found.append((gradient, net.eval().outputs(name, batch)))
        (gradient, outputs), (other_gradient, other_outputs) = found
        assert gradient.abs().max() > 0
        assert torch.allclose(gradient, other_gradient, rtol=1e-10, atol=1e-12)
        for output, other in zip(outputs, other_outputs, strict=True):
            assert np.allclose(output, other, rtol=1e-10, atol=1e-12)

    def test_a_sequence_does_not_see_its_neighbours(self):
        net = network(tiny_encoder()).double().eval()
        unpadded.register()
        net.encoder.set_attn_implementation(unpadded.NAME)
        together = net.hidden(collate(pairs(), np.arange(6), 1))
        for row in range(6):
            alone = net.hidden(collate(pairs(), np.array([row]), 1))[0]
            assert torch.allclose(together[row, : len(alone)], alone, atol=1e-12)
            assert not together[row, len(alone) :].any()

    @pytest.mark.parametrize(("model_type", "known"), [("xlm-roberta", True), ("bert", True), ("deberta-v2", False)])
    def test_encoders_with_relative_positions_stay_padded(self, model_type, known):
        config = tiny_encoder().config
        config.model_type = model_type
        assert unpadded.supports(config) is known


class TestFastDropout:
    def test_elements_are_dropped_at_the_rate_and_the_mean_stays(self):
        torch.manual_seed(3)
        found = dropout.dropped_out(torch.ones(400, 1001), 0.1)
        kept = found[found != 0]
        assert (found == 0).double().mean() == pytest.approx(0.1, abs=0.001)
        assert found.double().mean() == pytest.approx(1.0, abs=0.002)
        assert torch.all(kept == kept[0])
        # neighbours, which come from the same random word, are independent: both dropped in a hundredth
        both = (found[:, :-1] == 0) & (found[:, 1:] == 0)
        assert both.double().mean() == pytest.approx(0.01, abs=0.0005)

    def test_the_gradient_is_that_of_the_kept_elements(self):
        torch.manual_seed(3)
        hidden = torch.ones(50, 7, dtype=torch.float64, requires_grad=True)
        found = dropout.dropped_out(hidden, 0.3)
        found.sum().backward()
        assert torch.equal(hidden.grad, found.detach())

    @pytest.mark.parametrize(("rate", "expected"), [(0.0, 1.0), (1.0, 0.0)])
    def test_the_ends_of_the_rate(self, rate, expected):
        assert torch.all(dropout.dropped_out(torch.ones(9), rate) == expected)

    def test_masks_follow_the_seed(self):
        masks = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            masks.append(dropout.dropped_out(torch.ones(1000), 0.5))
        assert torch.equal(masks[0], masks[1])
        assert not torch.equal(masks[0], masks[2])

    def test_evaluation_drops_nothing_and_every_layer_is_replaced(self):
        net = network(tiny_encoder(dropout=0.1), dropout=0.1)
        dropout.replace_dropout(net)
        kinds = [type(module) for module in net.modules()]
        assert torch.nn.Dropout not in kinds
        assert kinds.count(dropout.FastDropout) > 5
        layer = dropout.FastDropout(0.5).eval()
        assert torch.all(layer(torch.ones(9)) == 1.0)

    @pytest.mark.parametrize("name", list(SETS))
    def test_its_attention_equals_transformers_own(self, name):
        """fp64, no dropout: the sums differ by rounding only."""
        dropout.register()
        found = []
        for kind in ("sdpa", "eager", dropout.NAME):
            net = network(tiny_encoder()).double().eval()
            net.encoder.set_attn_implementation(kind)
            batch = collate(SETS[name](), np.arange(8), 1)
            loss = net.loss_sum(name, batch)
            loss.backward()
            found.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
        assert torch.allclose(found[0], found[2], rtol=1e-10, atol=1e-12)
        assert torch.allclose(found[1], found[2], rtol=1e-10, atol=1e-12)
