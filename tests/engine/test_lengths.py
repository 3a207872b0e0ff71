"""How long training goes on: updates instead of epochs, and MLM alone, which nothing stops."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch

from tests.made.engine import MASKING, finish, network, tags, tiny_encoder, training
from trainables.ledger.spec import MlmLength
from trainables.model.batches import collate
from trainables.model.finite import NotFiniteError
from trainables.training import keeper
from trainables.training.loop import Steps
from trainables.training.mixing import total_steps
from trainables.training.optimiser import learning_rate, new_optimiser, set_learning_rate
from trainables.training.order import RowOrder


def _trained(path, names, **options):
    net = network(tiny_encoder(0.1), 0.1)
    outcome = finish(training(net, names, path / "checkpoint.safetensors", **options))
    return outcome, {name: parameter.detach().clone() for name, parameter in net.named_parameters()}


def _same(one, two):
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("names", [["pairs"], ["pairs", "tags"], ["pairs", "mlm"]])
def test_as_many_updates_as_the_epochs_come_to_are_the_same_run(tmp_path, names):
    by_epochs, one = _trained(tmp_path / "epochs", names, epochs=2)
    by_steps, two = _trained(tmp_path / "steps", names, epochs=7, steps=by_epochs.planned_steps)
    assert by_steps.planned_steps == by_epochs.planned_steps
    assert by_steps.curve == by_epochs.curve
    assert _same(one, two)


def test_steps_may_be_fewer_than_an_epoch_and_more_than_all(tmp_path):
    fewer, _ = _trained(tmp_path / "fewer", ["pairs"], steps=2)
    more, _ = _trained(tmp_path / "more", ["pairs"], steps=23)
    assert (fewer.steps, more.steps) == (2, 23)
    assert more.curve[-1].step == 23


def test_mlm_alone_goes_through_its_sentences_as_often_as_epochs_say():
    for length in MlmLength:
        assert total_steps({"mlm": 100}, {"mlm": 8}, 3, 10, length) == 3 * 13


def test_mlm_alone_makes_all_its_updates_and_keeps_the_last(tmp_path):
    outcome, _ = _trained(tmp_path, ["mlm"], steps=11, patience=1, evaluated=False)
    assert (outcome.steps, outcome.best_step, outcome.curve) == (11, 11, ())
    _, short = _trained(tmp_path / "short", ["mlm"], steps=10, evaluated=False)
    _, long = _trained(tmp_path / "long", ["mlm"], steps=11, evaluated=False)
    assert not _same(short, long)


@pytest.mark.parametrize("cut_at", [1, 4, 9])
def test_mlm_alone_that_is_cut_ends_bit_identical(tmp_path, monkeypatch, cut_at):
    monkeypatch.setattr(keeper, "ESTIMATED_SECONDS_PER_BYTE", 0.0)
    monkeypatch.setattr("trainables.training.loop.SIGN_SECONDS", 0.0)
    calm, one = _trained(tmp_path / "calm", ["mlm"], steps=11, evaluated=False)
    path = tmp_path / "cut" / "checkpoint.safetensors"
    first = training(network(tiny_encoder(0.1), 0.1), ["mlm"], path, steps=11, evaluated=False)
    with contextlib.closing(first.run()) as running:
        assert next(found for found in running if found == Steps(step=cut_at))
    assert path.exists()
    net = network(tiny_encoder(0.1, seed=5), 0.1)
    again = finish(training(net, ["mlm"], path, steps=11, evaluated=False))
    assert (again.steps, again.tokens, again.curve) == (calm.steps, calm.tokens, ())
    assert _same(one, dict(net.named_parameters()))


def test_mlm_alone_is_the_plain_recipe(tmp_path):
    """Masked rows in their order, their mean loss, clipped gradients, AdamW with warm-up: written out once more."""
    steps, found = 7, _trained(tmp_path, ["mlm"], steps=7, evaluated=False)[1]
    net = network(tiny_encoder(0.1), 0.1)
    run = training(net, ["mlm"], tmp_path / "unused", steps=steps, evaluated=False)
    settings, rows = run.settings, tags(seed=9)
    optimiser = new_optimiser(net, settings.weight_decay)
    order = RowOrder(rows.num_rows, 8, run.seed, "mlm")
    for step in range(steps):
        net.train()
        masked = MASKING.apply(rows, order.batch(step), np.random.default_rng((run.seed, 3, step)))
        torch.manual_seed(int(np.random.SeedSequence((run.seed, 4, step)).generate_state(1, np.uint64)[0] >> 1))
        optimiser.zero_grad()
        batch = collate(masked, np.arange(masked.num_rows), run.pad_id)
        (net.loss_sum("mlm", batch) / sum(map(len, masked.tags))).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip_norm)
        set_learning_rate(optimiser, learning_rate(step, steps, settings.learning_rate, settings.warmup_fraction))
        optimiser.step()
    for name, parameter in net.named_parameters():
        assert torch.allclose(parameter, found[name], rtol=1e-5, atol=1e-6), name


def test_a_loss_of_mlm_alone_that_is_not_finite_is_an_error(tmp_path):
    net = network(tiny_encoder())
    with torch.no_grad():
        net.word_embedding.weight.fill_(float("inf"))
    with pytest.raises(NotFiniteError, match="a tiny encoder gives a loss that is not finite"):
        finish(training(net, ["mlm"], tmp_path / "checkpoint.safetensors", steps=4, evaluated=False))
