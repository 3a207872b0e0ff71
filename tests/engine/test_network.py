"""Batches, heads and neighbours against plain ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.made.engine import SETS, choices, network, pairs, sequences, spans, tags, tiny_encoder
from trainables.evaluation.embed import cut_to_layer, embed
from trainables.evaluation.neighbours import nearest
from trainables.evaluation.predict import in_batches, predict
from trainables.model import dropout, grouped
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
                net.encoder(torch.from_numpy(encoded.sequences[row * 4 + choice][None].astype(np.int64)))[0][:, 0],
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
    batches = [rows for rows, _ in in_batches(encoded, max_tokens, len)]
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * row_lengths(encoded)[rows].max() <= max_tokens


def test_too_little_memory_halves_the_batches_of_an_evaluation_and_changes_no_output(monkeypatch):
    """fp64; six sequences of up to 19 sub-words fit, which the first batch of a budget of 300 exceeds."""
    net = network(tiny_encoder()).double()
    encoded = SETS["pairs"]()
    expected = predict(net, "pairs", encoded, pad_id=1, max_tokens=300)
    whole, sizes = net.outputs, []

    def cramped(task, batch):
        sizes.append(len(batch.lengths))
        if sizes[-1] > 6:
            raise torch.OutOfMemoryError("made up")
        return whole(task, batch)

    monkeypatch.setattr(net, "outputs", cramped)
    found = predict(net, "pairs", encoded, pad_id=1, max_tokens=300)
    assert sizes[0] > 6
    assert sum(size for size in sizes if size <= 6) == encoded.num_rows
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one, other, rtol=1e-8, atol=1e-8)


def test_too_little_memory_for_one_row_of_an_evaluation_is_an_error(monkeypatch):
    net, tried = network(tiny_encoder()), []

    def never(task, batch):
        tried.append(len(batch.lengths))
        raise torch.OutOfMemoryError("made up")

    monkeypatch.setattr(net, "outputs", never)
    with pytest.raises(torch.OutOfMemoryError, match="made up"):
        predict(net, "pairs", SETS["pairs"](), pad_id=1, max_tokens=300)
    assert tried == sorted(tried, reverse=True)
    assert tried[-1] == 1


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
        for without_padding in (False, True):
            net = network(tiny_encoder()).double()
            if without_padding:
                net.use_unpadded()
            assert net.is_unpadded is without_padding
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
        net.use_unpadded()
        batch = collate(pairs(), np.arange(6), 1)
        for row, together in enumerate(net.states(batch).split(batch.lengths)):
            alone = net.states(collate(pairs(), np.array([row]), 1))
            assert torch.allclose(together, alone, atol=1e-12)

    @pytest.mark.parametrize("name", list(SETS))
    def test_the_last_layer_computes_what_is_read(self, name):
        """As many rows go through it as the head reads, and they are those of the whole layer."""
        net = network(tiny_encoder()).double().eval()
        net.use_unpadded()
        batch = collate(SETS[name](), np.arange(6), 1)
        reads = net.heads[name].reads(batch)
        sizes = []
        hooks = [
            layer.output.register_forward_hook(lambda *given: sizes.append(given[-1].shape[1]))
            for layer in net.encoder.encoder.layer
        ]
        found, whole = net.states(batch, reads), net.states(batch)
        for hook in hooks:
            hook.remove()
        size = sum(batch.lengths)
        read = {"pairs": 6, "choices": 24, "tags": sum(batch.positions), "spans": size}[name]
        assert sizes == [size, read, size, size]
        assert torch.allclose(found, whole if reads is None else whole[reads], atol=1e-12)

    @given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30), seed=st.integers(0, 99))
    def test_attention_by_groups_equals_attention_sequence_by_sequence(self, lengths, seed):
        """fp64, with gradients: the sums differ by rounding only."""
        generator = torch.Generator().manual_seed(seed)
        parts = [torch.randn(sum(lengths), 2, 4, dtype=torch.double, generator=generator) for _ in range(3)]
        weights = torch.randn(sum(lengths), 2, 4, dtype=torch.double, generator=generator)

        def by_groups(*parts):
            return grouped.attention(parts, grouped.group(lengths), dropout=0.0, scaling=0.3, drop=functional.dropout)

        def one_by_one(*parts):
            found = [
                functional.scaled_dot_product_attention(*(part.transpose(0, 1) for part in own), scale=0.3)
                for own in zip(*(part.split(lengths) for part in parts), strict=True)
            ]
            return torch.cat([each.transpose(0, 1) for each in found])

        found = []
        for way in (by_groups, one_by_one):
            leaves = [part.clone().requires_grad_() for part in parts]
            output = way(*leaves)
            (output * weights).sum().backward()
            found.append((output, *(leaf.grad for leaf in leaves)))
        for one, other in zip(*found, strict=True):
            assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)

    @given(lengths=st.lists(st.integers(1, 200), min_size=1, max_size=50))
    def test_groups_hold_every_sub_word_once_beside_similar_sequences(self, lengths):
        groups = grouped.group(lengths)
        assert groups.source_N[groups.slot_T].tolist() == list(range(sum(lengths)))
        assert len(groups.source_N) == sum(groups.sizes) <= sum(lengths) / grouped.SIMILAR
        sequence_T = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
        for own, sources in zip(groups.groups, groups.source_N.split(groups.sizes), strict=True):
            rows = sequence_T[sources.view(own.size, own.longest)]
            assert (rows == rows[:, :1]).all()
            held = [lengths[row] for row in rows[:, 0]]
            assert max(held) == own.longest
            kept = torch.ones(own.size, own.longest) if own.mask is None else own.mask[:, 0] == 0
            assert kept.sum(dim=1).tolist() == held

    @pytest.mark.parametrize("fast", [False, True])
    def test_attention_draws_dropout(self, fast):
        found = []
        for seed in (1, 1, 2):
            net = network(tiny_encoder(dropout=0.3)).train()
            net.use_unpadded()
            if fast:
                net.use_fast_dropout()
            torch.manual_seed(seed)
            found.append(net.states(collate(pairs(), np.arange(6), 1)))
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])

    @pytest.mark.parametrize(("model_type", "known"), [("xlm-roberta", True), ("bert", True), ("deberta-v2", False)])
    def test_encoders_with_relative_positions_stay_padded(self, model_type, known):
        net = network(tiny_encoder())
        net.encoder.config.model_type = model_type
        net.use_unpadded()
        assert net.is_unpadded is known


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
