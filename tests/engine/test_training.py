"""The training loop: mixing, schedule, resuming, accumulation, trimming, early stopping."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.made.engine import MASKING, SETS, VOCABULARY, finish, network, tiny_encoder, training
from trainables.ledger.record import DevPoint, DivergedError
from trainables.ledger.spec import MlmLength
from trainables.model.batches import collate, loss_units, micro_batches
from trainables.model.vocabulary import restore, trim, used_ids
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.training import checkpoint, loop
from trainables.training.masking import Masking
from trainables.training.mixing import probabilities, task_of_each_step, total_steps
from trainables.training.optimiser import decay_factor, learning_rate
from trainables.training.order import RowOrder
from trainables.training.stopping import best_point, evaluation_interval, out_of_patience

K = 131_072
ROWS = {"anli": 1_104_934, "qqp": 363_846, "hellaswag": 39_905, "ccg": 38_015, "cosmosqa": 25_588, "csqa": 9_741}
BATCHES = {"anli": 24, "qqp": 24, "hellaswag": 24, "ccg": 24, "cosmosqa": 4, "csqa": 4, "mlm": 8, "squad": 8}
MLM_ROWS = {"mlm": 2_000_000}


@pytest.mark.parametrize(
    ("task", "share", "share_with_mlm"),
    [
        ("anli", 0.3492, 0.2588),
        ("qqp", 0.3492, 0.2588),
        ("hellaswag", 0.1063, 0.0788),
        ("ccg", 0.1013, 0.0751),
        ("cosmosqa", 0.0682, 0.0505),
        ("csqa", 0.0259, 0.0192),
    ],
)
def test_sampling_probabilities_are_those_of_protocol_3_8(task, share, share_with_mlm):
    assert probabilities(ROWS, K)[task] == pytest.approx(share, abs=5e-5)
    assert probabilities(ROWS | MLM_ROWS, K)[task] == pytest.approx(share_with_mlm, abs=5e-5)


@pytest.mark.parametrize(
    ("rows", "epochs", "length", "steps"),
    [
        ({"anli": 1_104_934}, 2, MlmLength.TASK_EPOCHS, 92_078),
        ({"csqa": 9_741}, 10, MlmLength.TASK_EPOCHS, 24_360),
        ({"cosmosqa": 25_588}, 15, MlmLength.TASK_EPOCHS, 95_955),
        (ROWS, 3, MlmLength.CAPPED_SUM, 69_012),
        (ROWS | MLM_ROWS, 3, MlmLength.CAPPED_SUM, 118_164),
        ({"csqa": 9_741} | MLM_ROWS, 10, MlmLength.TASK_EPOCHS, 352_141),
        ({"csqa": 9_741} | MLM_ROWS, 10, MlmLength.CAPPED_SUM, 188_200),
        ({"squad": 87_599} | MLM_ROWS, 3, MlmLength.TASK_EPOCHS, 82_003),
        ({"qqp": 363_846} | MLM_ROWS, 3, MlmLength.CAPPED_SUM, 65_538),
    ],
)
def test_total_steps_are_those_of_protocol_3(rows, epochs, length, steps):
    assert total_steps(rows, BATCHES, epochs, K, length) == steps


def test_warmup_steps_are_those_of_protocol_2_4():
    for total, warmup in [(92_078, 9_207), (23_760, 2_376), (11_641, 1_164), (95_955, 9_595)]:
        assert learning_rate(warmup, total, 1.0, 0.1) == 1.0
        assert learning_rate(warmup - 1, total, 1.0, 0.1) == pytest.approx((warmup - 1) / warmup)
        assert learning_rate(total - 1, total, 1.0, 0.1) == pytest.approx(1 / (total - warmup))


def test_tasks_are_drawn_with_their_probability_and_the_same_way_again():
    drawn = task_of_each_step(ROWS, K, 20_000, seed=1)
    assert drawn == task_of_each_step(ROWS, K, 20_000, seed=1)
    assert drawn != task_of_each_step(ROWS, K, 20_000, seed=2)
    assert drawn.count("qqp") / 20_000 == pytest.approx(0.3492, abs=0.015)


@given(rows=st.integers(1, 50), batch=st.integers(1, 16), epoch=st.integers(0, 3))
def test_every_epoch_holds_every_row_once(rows, batch, epoch):
    order = RowOrder(rows, batch, 42, "task")
    per_epoch = -(-rows // batch)
    seen = np.concatenate([order.batch(epoch * per_epoch + index) for index in range(per_epoch)])
    assert sorted(seen) == list(range(rows))


def test_rows_are_shuffled_anew_every_epoch_and_differently_for_every_task():
    order = RowOrder(100, 100, 42, "a")
    assert list(order.batch(0)) != list(order.batch(1))
    assert list(order.batch(0)) != list(RowOrder(100, 100, 42, "b").batch(0))


@pytest.mark.parametrize("name", list(SETS))
def test_a_split_batch_has_the_gradient_of_the_whole(name):
    """fp64: the sums differ by rounding only, relative 1e-12."""
    encoded = SETS[name]()
    rows = np.arange(10)
    gradients = []
    for padded, limits in itertools.product((True, False), ((0, 0), (3, 0), (0, 45), (2, 30))):
        net = network(tiny_encoder()).double()
        if not padded:
            net.use_unpadded()
        passes = micro_batches(encoded, rows, *limits, padded=padded)
        assert sorted(np.concatenate(passes)) == list(rows)
        for part in passes:
            (net.loss_sum(name, collate(encoded, part, 1)) / loss_units(encoded, rows)).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    for split in gradients[1:]:
        assert torch.allclose(gradients[0], split, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("names", [["pairs"], ["choices"], ["spans"], ["pairs", "tags", "spans"]])
@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_resumed_run_ends_bit_identical(tmp_path, names, killed_after):
    """Dropout on; the second process is a new network that only has the checkpoint."""
    whole = network(tiny_encoder(dropout=0.1), dropout=0.1)
    expected = finish(training(whole, names, tmp_path / "whole.safetensors"))

    path = tmp_path / "cut.safetensors"
    first = network(tiny_encoder(dropout=0.1), dropout=0.1)
    running = training(first, names, path, checkpoint_seconds=0).run()
    for _ in range(killed_after):
        next(running)
    running.close()
    second = network(tiny_encoder(dropout=0.1, seed=5), dropout=0.1)
    outcome = finish(training(second, names, path, checkpoint_seconds=0))

    assert outcome.curve == expected.curve
    assert outcome.tokens == expected.tokens
    for (name, parameter), other in zip(whole.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(parameter, other), name


def test_a_resumed_run_tells_the_evaluations_before_its_checkpoint_again(tmp_path, monkeypatch):
    """So that whoever compares runs by their best figure so far has the whole curve."""
    monkeypatch.setattr(loop, "SIGN_SECONDS", 3600.0)  # a step on a busy machine can be slow
    path = tmp_path / "c.safetensors"
    running = training(network(tiny_encoder()), ["pairs"], path, checkpoint_seconds=0).run()
    before = [next(running), next(running)]
    running.close()
    again = training(network(tiny_encoder()), ["pairs"], path, checkpoint_seconds=0).run()
    assert [next(again), next(again)] == before
    assert next(again).step > before[1].step


def test_the_best_parameters_come_back_at_the_end(tmp_path):
    net = network(tiny_encoder())
    run = training(net, ["pairs"], tmp_path / "c.safetensors", patience=1)
    kept = {}
    running = run.run()
    outcome = None
    while outcome is None:
        try:
            point = next(running)
            kept[point.step] = checkpoint.snapshot(net)
        except StopIteration as end:
            outcome = end.value
    assert outcome.best_step == best_point(outcome.curve).step
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, kept[outcome.best_step][name])
    assert outcome.steps <= outcome.planned_steps


def test_patience_counts_evaluations_without_strict_improvement():
    curve = [DevPoint(step=i, selection=v, metrics={}) for i, v in enumerate([1.0, 2.0, 2.0, 1.5])]
    assert best_point(curve).step == 1
    assert out_of_patience(curve, 2)
    assert not out_of_patience(curve, 3)


def test_evaluation_interval():
    assert evaluation_interval(92_078, 1000, 20) == 1000
    assert evaluation_interval(462, 1000, 20) == 24
    assert evaluation_interval(3, 1000, 20) == 1


def test_a_diverged_run_fails_with_its_reason(tmp_path):
    """After the second update a weight is infinite, as it is where the learning rate is far too high."""
    net = network(tiny_encoder())
    run = training(net, ["pairs"], tmp_path / "c.safetensors")
    real, weight = run._update, net.encoder.embeddings.LayerNorm.weight

    def update(optimiser, name, rows, step):
        tokens = real(optimiser, name, rows, step)
        if step == 1:
            weight.data[0] = float("inf")
        return tokens

    run._update = update
    with pytest.raises(DivergedError, match="not finite by step"):
        finish(run)


@pytest.mark.parametrize("name", list(SETS))
def test_training_with_a_trimmed_vocabulary_equals_full_training(tmp_path, name):
    """fp64. The only difference is the order of rounding in the gradient norm and the product of the decays: 1e-9."""
    full = network(tiny_encoder()).double()
    expected = finish(training(full, [name], tmp_path / "full.safetensors"))

    small = network(tiny_encoder()).double()
    run = training(small, [name], tmp_path / "small.safetensors")
    kept = used_ids([SETS[name]().sequences], VOCABULARY, 1)
    assert len(kept) < VOCABULARY / 2
    trimmed = trim(small, kept)
    outcome = finish(run)
    restore(small, trimmed, decay_factor(outcome.best_step, outcome.planned_steps, run.settings))

    assert outcome.best_step == expected.best_step
    for (label, parameter), other in zip(full.named_parameters(), small.parameters(), strict=True):
        assert torch.allclose(parameter, other, rtol=1e-9, atol=1e-9), label
    never_seen = np.setdiff1d(np.arange(VOCABULARY), kept)
    before = tiny_encoder().embeddings.word_embeddings.weight.double()
    assert not torch.equal(small.word_embedding.weight[never_seen], before[never_seen])


def test_too_little_memory_halves_the_micro_batch_and_changes_no_update(tmp_path, monkeypatch):
    """fp64, dropout off: the sums differ by rounding only."""
    plain = network(tiny_encoder()).double()
    expected = finish(training(plain, ["pairs"], tmp_path / "plain.safetensors"))

    small = network(tiny_encoder()).double()
    whole = small.loss_sum
    monkeypatch.setattr(small, "loss_sum", lambda task, batch: whole(task, _fits(batch)))
    run = training(small, ["pairs"], tmp_path / "small.safetensors")
    outcome = finish(run)

    assert (outcome.micro_batch, outcome.is_halved) == (2, True)
    assert (expected.micro_batch, expected.is_halved) == (0, False)
    assert run.notes == [f"out of memory: at most {rows} rows at once from there on" for rows in (4, 2)]
    assert outcome.tokens == expected.tokens
    for (label, parameter), other in zip(plain.named_parameters(), small.named_parameters(), strict=True):
        assert torch.allclose(parameter, other[1], rtol=1e-9, atol=1e-9), label


def _fits(batch):
    if len(batch.lengths) > 3:
        raise torch.OutOfMemoryError("made up")
    return batch


def test_too_little_memory_for_one_row_is_an_error(tmp_path, monkeypatch):
    net = network(tiny_encoder())

    def never(task, batch):
        raise torch.OutOfMemoryError("made up")

    monkeypatch.setattr(net, "loss_sum", never)
    with pytest.raises(torch.OutOfMemoryError, match="made up"):
        finish(training(net, ["pairs"], tmp_path / "c.safetensors"))


@pytest.mark.parametrize("kept", [False, True])
def test_mlm_scores_the_selected_positions_as_scoring_all_would(kept):
    """fp64, against logits of the whole vocabulary at every position."""
    net = network(tiny_encoder()).double()
    if kept:
        net.keep_table_gradient()
        net.clear_gradients()
    texts = SETS["tags"]()
    masked = MASKING.apply(texts, np.arange(8), np.random.default_rng(3))
    batch = collate(masked, np.arange(8), 1)
    head, table = net.heads["mlm"], net.word_embedding.weight
    with torch.no_grad():
        hidden = net.encoder(input_ids=batch.ids_BL, attention_mask=batch.mask_BL).last_hidden_state
        everywhere = head.layer_norm(functional.gelu(head.dense(hidden))) @ table.T + head.bias
        labels = torch.full(batch.ids_BL.shape, -100)
        for row in range(8):
            labels[row, masked.word_positions[row].astype(np.int64)] = torch.from_numpy(masked.tags[row]).long()
        expected = functional.cross_entropy(everywhere.flatten(0, 1), labels.flatten(), reduction="sum")
    assert torch.allclose(net.loss_sum("mlm", batch), expected, rtol=1e-12)
    assert (labels != -100).sum() > 10


@pytest.mark.parametrize("micro_tokens", [0, 40])
def test_a_kept_table_gradient_equals_autograds_own(tmp_path, micro_tokens):
    """fp64, MLM and a task in turn; the gradient's terms are added in another order: 1e-9 after all updates."""
    names = ["pairs", "mlm"]
    plain = network(tiny_encoder()).double()
    expected = finish(training(plain, names, tmp_path / "plain.safetensors", micro_tokens=micro_tokens))

    kept = network(tiny_encoder()).double()
    weight = kept.word_embedding.weight
    kept.keep_table_gradient()
    assert kept.word_embedding.weight is weight
    outcome = finish(training(kept, names, tmp_path / "kept.safetensors", micro_tokens=micro_tokens))
    kept.release_table_gradient()

    assert outcome.best_step == expected.best_step
    for (label, parameter), other in zip(plain.named_parameters(), kept.parameters(), strict=True):
        assert torch.allclose(parameter, other, rtol=1e-9, atol=1e-9), label
    assert not torch.equal(kept.word_embedding.weight[5], tiny_encoder().embeddings.word_embeddings.weight[5].double())


def test_rows_that_are_put_back_are_those_of_the_whole_table(tmp_path):
    net = network(tiny_encoder()).double()
    before = net.word_embedding.weight.detach().clone()
    trimmed = trim(net, used_ids([SETS["pairs"]().sequences], VOCABULARY, 1))
    finish(training(net, ["pairs"], tmp_path / "c.safetensors"))
    trained = checkpoint.snapshot(net)
    rows = np.array([0, 1, 5, 6, 70, 199])
    restore(net, trimmed, 0.9, rows)
    some = net.word_embedding.weight.detach().clone()
    looked_up = net.word_embedding(net.trimmed_ids[torch.from_numpy(rows)])
    assert torch.equal(looked_up, some)
    net.word_embedding.weight.data = trained["encoder.embeddings.word_embeddings.weight"]
    restore(net, trimmed, 0.9)
    assert net.trimmed_ids is None
    assert torch.equal(net.word_embedding.weight[rows], some)
    assert torch.equal(some[-2:], before[rows[-2:]] * 0.9)
    assert torch.equal(trimmed.table.whole(), before)


def test_masking_selects_fifteen_percent_and_replaces_eighty_ten_ten():
    generator = np.random.default_rng(0)
    ids = [np.concatenate([[0], generator.integers(4, 90, 200), [2]]).astype(np.int32) for _ in range(300)]
    encoded = Encoded(examples=[], sequences=Ragged.of(ids), owners=np.arange(300, dtype=np.int32))
    masking = Masking(probability=0.15, mask_id=99, vocabulary=100, special_ids=frozenset({0, 1, 2, 3, 99}))
    masked = masking.apply(encoded, np.arange(300), np.random.default_rng(1))
    positions = masked.word_positions.used
    new = np.concatenate([s[p] for s, p in zip(masked.sequences, masked.word_positions, strict=True)])
    old = masked.tags.used
    assert len(positions) / (300 * 200) == pytest.approx(0.15, abs=0.005)
    assert positions.min() >= 1
    assert positions.max() <= 200
    assert (new == 99).mean() == pytest.approx(0.81, abs=0.02)  # 80 % and the random ids that happen to be the mask
    assert (new == old).mean() == pytest.approx(0.10, abs=0.02)
    for before, after, where in zip(ids, masked.sequences, masked.word_positions, strict=True):
        untouched = np.setdiff1d(np.arange(len(before)), where)
        assert np.array_equal(before[untouched], after[untouched])
