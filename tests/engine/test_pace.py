"""What training says of itself between two signs of life: loss, learning rate, speed, memory."""

from __future__ import annotations

import itertools
from statistics import fmean

import pytest
import torch

from tests.made.engine import network, tiny_encoder, training
from tests.made.phases import OPTIONS, spec
from trainables.ledger.record import DevPoint, Record
from trainables.ledger.spec import Phase
from trainables.phases.run import run
from trainables.report import Advanced, Pace
from trainables.training import loop, meter
from trainables.training.loop import Training
from trainables.training.meter import Meter


def with_losses(made: Training) -> list[tuple[str, float, int]]:
    """Task, loss and sub-words of every update, noted as it is made."""
    noted: list[tuple[str, float, int]] = []
    update = made._update

    def note(optimiser, name, rows, step):
        tokens = update(optimiser, name, rows, step)
        noted.append((name, float(made._losses[-1]), tokens))
        return tokens

    made._update = note
    return noted


def test_every_update_when_it_says_so_after_each(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 rows in batches of 8, twice: 8 updates, of which a tenth is no whole one: there is no warm-up."""
    monkeypatch.setattr(loop, "SIGN_SECONDS", 0.0)
    made = training(network(tiny_encoder()), ["pairs"], tmp_path / "c.safetensors")
    noted = with_losses(made)
    paces = [made.pace for _ in made.run()]
    assert len(paces) == 8
    assert [pace.loss for pace in paces] == pytest.approx([loss for _, loss, _ in noted])
    assert [pace.tokens for pace in paces] == list(itertools.accumulate(tokens for _, _, tokens in noted))
    assert all(pace.losses == {} for pace in paces), "one task alone"
    assert all(pace.steps_per_second > 0 and pace.tokens_per_second > pace.steps_per_second for pace in paces)
    rates = [0.01, 0.00875, 0.0075, 0.00625, 0.005, 0.00375, 0.0025, 0.00125]
    assert [pace.learning_rate for pace in paces] == pytest.approx(rates)


def test_between_evaluations_it_is_the_mean_over_all_updates(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SIGN_SECONDS", 3600.0)
    made = training(network(tiny_encoder()), ["pairs", "tags"], tmp_path / "c.safetensors")
    noted = with_losses(made)
    seen = 0
    for found in made.run():
        assert isinstance(found, DevPoint)
        since = noted[seen : found.step]
        assert made.pace
        assert made.pace.loss == pytest.approx(fmean(loss for _, loss, _ in since))
        expected = {name: fmean(loss for task, loss, _ in since if task == name) for name in {n for n, *_ in since}}
        assert made.pace.losses == pytest.approx(expected)
        seen = found.step
    assert seen == len(noted) == made.planned_steps


def test_speed_is_of_the_time_that_it_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 200.0, 202.0])
    monkeypatch.setattr(meter.time, "monotonic", lambda: next(clock))
    found = Meter()  # at 100
    found.restart()  # at 200: an evaluation lay between
    for loss in (1.0, 3.0, 2.0, 6.0):
        found.count("qqp", torch.tensor(loss), 25)
    pace = found.take(1e-5, 1000, by_task=False)  # at 202
    assert pace == Pace(loss=3.0, learning_rate=1e-5, steps_per_second=2.0, tokens_per_second=50.0, tokens=1000)


def test_a_run_says_so_while_it_trains_and_at_no_other_time(store) -> None:
    items = list(run(spec(Phase.TARGET, "xnli"), "a run", store, OPTIONS))
    record = items.pop()
    assert isinstance(record, Record)
    reports = [item for item in items if isinstance(item, Advanced)]
    assert {item.stage for item in reports if item.pace} == {"train"}
    paces = [item.pace for item in reports if item.stage == "train"]
    assert all(pace and 0 < pace.peak_bytes <= record.peak_bytes for pace in paces)
    assert paces[-1].tokens == record.tokens
    assert 0 < paces[0].loss < 5
