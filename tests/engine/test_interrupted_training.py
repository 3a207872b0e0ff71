"""Training that is left between two of its steps goes on from exactly there, and a worker leaves it so."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
import torch

from tests.made.engine import finish, network, tiny_encoder, training
from tests.made.phases import OPTIONS, spec
from trainables.ledger.record import DevPoint
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.report import Advanced, Finished, read
from trainables.trainable import RunTrainable
from trainables.training import loop


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training gives a sign of life after every step."""
    monkeypatch.setattr(loop, "SIGN_SECONDS", 0.0)


@pytest.mark.usefixtures("talkative")
def test_training_says_how_far_it_is_after_every_step(tmp_path) -> None:
    run = training(network(tiny_encoder()), ["pairs"], tmp_path / "c.safetensors")
    found = list(run.run())
    assert [each.step for each in found] == list(range(1, run.planned_steps + 1))
    assert sum(isinstance(each, DevPoint) for each in found) == 4


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("names", [["pairs"], ["pairs", "tags", "mlm"]])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_left_after_any_step_it_ends_bit_identical(tmp_path, names: list[str], steps: int) -> None:
    """Dropout on; no checkpoint but the one of its leaving, which is between evaluations."""
    whole = network(tiny_encoder(dropout=0.1), dropout=0.1)
    expected = finish(training(whole, names, tmp_path / "whole.safetensors"))
    assert not (tmp_path / "whole.safetensors").exists(), "who is not left keeps nothing so early"

    path = tmp_path / "cut.safetensors"
    running = training(network(tiny_encoder(dropout=0.1), dropout=0.1), names, path).run()
    reached = [next(running).step for _ in range(steps)]
    assert not path.exists()
    running.close()
    second = network(tiny_encoder(dropout=0.1, seed=5), dropout=0.1)
    again = training(second, names, path)
    outcome = finish(again)

    told = [each.step for each in training(second, names, path).run()]
    assert next(step for step in told if step > reached[-1]) == reached[-1] + 1, "from there"
    assert {step for step in told if step <= reached[-1]} <= {point.step for point in expected.curve}, "not anew"
    assert (outcome.curve, outcome.tokens) == (expected.curve, expected.tokens)
    for (name, parameter), other in zip(whole.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(parameter, other), name


@pytest.mark.usefixtures("talkative")
def test_what_nobody_wants_is_not_kept(tmp_path) -> None:
    run = training(network(tiny_encoder()), ["pairs"], tmp_path / "c.safetensors")
    running = dataclasses.replace(run, is_wanted=lambda: False).run()
    next(running)
    running.close()
    assert list(tmp_path.iterdir()) == []


def wanted_of(task: str, phase: Phase = Phase.TARGET) -> RunSpec:
    """Three steps, evaluated after the last."""
    return spec(phase, task, evaluations=1)


def config(task: str, store: Store, phase: Phase = Phase.TARGET) -> dict:
    wanted = wanted_of(task, phase)
    return {
        "run_id": wanted.run_id,
        "name": task,
        "spec": wanted.to_dict(),
        "store": str(store.root),
        "options": dataclasses.asdict(OPTIONS),
        "share": {"cpus": 1, "gpus": 0.0},
    }


def to_the_end(worker: RunTrainable) -> list[object]:
    """The reports of a run, the last one included."""
    found = [read(worker.train())]
    while not isinstance(found[-1], Finished):
        found.append(read(worker.train()))
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker reports whatever its run says."""
    monkeypatch.setattr("trainables.trainable.REPORT_SECONDS", 0.0)


def trained(worker: RunTrainable, steps: int) -> int:
    """Train at least so many steps; how many it were."""
    while True:
        report = read(worker.train())
        if isinstance(report, Advanced) and report.stage == "train" and report.step >= steps:
            return report.step


@pytest.mark.usefixtures("talkative", "impatient")
def test_a_worker_that_is_stopped_leaves_a_checkpoint_and_the_next_goes_on_from_it(store: Store, tmp_path) -> None:
    given, calm = config("xnli", store), Store(tmp_path / "calm").prepare()
    wanted = wanted_of("xnli")
    to_the_end(RunTrainable(config("xnli", calm)))
    worker = RunTrainable(given)
    step = trained(worker, 2)
    assert not store.checkpoint(wanted.run_id).exists()
    worker.stop()
    assert store.checkpoint(wanted.run_id).exists()
    assert not store.is_computed(wanted.run_id), "its lock is free"
    store.note_attempt(wanted.run_id, "the worker of an attempt was lost")
    reports = to_the_end(RunTrainable(given))
    steps = [each.step for each in reports if isinstance(each, Advanced) and each.stage == "train"]
    assert min(steps) == step + 1
    one, two = store.record(wanted.run_id), calm.record(wanted.run_id)
    assert (one.scores, one.dev_curve, one.tokens) == (two.scores, two.dev_curve, two.tokens)
    assert one.notes == (*two.notes, "checkpoints while it trained: 1", "the worker of an attempt was lost")


@pytest.mark.usefixtures("talkative", "impatient")
def test_a_run_that_was_pruned_leaves_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver notes it before it stops the worker; a checkpoint would lie there for ever."""
    worker = RunTrainable(config("xnli", store))
    trained(worker, 2)
    monkeypatch.setattr(Store, "pruned", lambda self, run_id: "a note")
    worker.stop()
    assert not store.checkpoint(wanted_of("xnli").run_id).exists()


@pytest.mark.usefixtures("talkative", "impatient")
def test_a_full_disk_does_not_keep_a_worker_from_leaving(store: Store, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def save(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    worker = RunTrainable(config("xnli", store))
    trained(worker, 2)
    monkeypatch.setattr("trainables.training.checkpoint.save", save)
    worker.stop()
    assert "could not keep its state" in caplog.text
    assert not store.is_computed(wanted_of("xnli").run_id)


@pytest.mark.parametrize(("task", "phase", "splits"), [
    ("xnli", Phase.TARGET, {"stopping", "dev"}),
    ("tatoeba", Phase.RETRIEVAL, {"test"}),
])  # fmt: skip
def test_closed_test_scores_are_not_reported(store: Store, task: str, phase: Phase, splits: set[str]) -> None:
    """Tatoeba has one set only, which also selects; XNLI has a dev set, so its test scores wait for a selection."""
    last = to_the_end(RunTrainable(config(task, store, phase)))[-1]
    assert {name.split("/")[0] for name in last.scores} == splits
    assert {score.split for score in store.record(wanted_of(task, phase).run_id).scores} == splits | {"test"}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("task", ["bucc", "tatoeba"])
def test_who_only_embeds_speaks_between_batches(store: Store, task: str) -> None:
    """A corpus of BUCC takes minutes; each batch here is one sentence."""
    given = config(task, store, Phase.RETRIEVAL)
    given["options"]["eval_tokens"] = 1
    said = Counter(each.stage for each in to_the_end(RunTrainable(given)) if isinstance(each, Advanced))
    del said["load"]
    assert min(said.values()) > 6, "rows of a language"
