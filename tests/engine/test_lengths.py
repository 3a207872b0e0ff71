"""How long training goes on: updates instead of epochs, and MLM alone, which nothing stops."""

from __future__ import annotations

import contextlib

import pytest
import torch

from tests.made.engine import finish, network, tiny_encoder, training
from trainables.ledger.spec import MlmLength
from trainables.model.finite import NotFiniteError
from trainables.training import keeper
from trainables.training.loop import Steps
from trainables.training.mixing import total_steps


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


def test_a_loss_of_mlm_alone_that_is_not_finite_is_an_error(tmp_path):
    net = network(tiny_encoder())
    with torch.no_grad():
        net.word_embedding.weight.fill_(float("inf"))
    with pytest.raises(NotFiniteError, match="a tiny encoder gives a loss that is not finite"):
        finish(training(net, ["mlm"], tmp_path / "checkpoint.safetensors", steps=4, evaluated=False))
