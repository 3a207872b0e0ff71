"""Trials that failed: what is told, what a restarted study asks for again, and how earlier versions noted it."""

import dataclasses
import json

import optuna
import pytest

from tests.made.studies import BASE, ask, dev_figure, opener, run_to_the_end
from trainables.ledger.cells import Row
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult


@pytest.fixture
def open_study(tmp_path):
    return opener(tmp_path / "studies.journal")


def failed_study(open_study, **settings):
    """A study all of whose runs failed of a full disk, and the runs that it asked for, in order."""
    study, asked = open_study(**settings), []
    while (spec := ask(study)) is not None:
        asked.append(spec)
        study.fail(spec.run_id, "no space left on device", for_good=False)
    return study, asked


def ends(path):
    """Trial ids in the order in which a journal says they ended."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["trial_id"] for line in lines if line["op_code"] == 6 and line["state"] != 0]


def test_a_failure_that_may_pass_is_not_told_and_is_asked_for_first_by_a_restarted_study(open_study, tmp_path):
    study = open_study(trials=4)
    specs = [ask(study) for _ in range(3)]
    study.tell(specs[0].run_id, 70.0)
    study.fail(specs[1].run_id, "OSError: no space left on device", for_good=False)
    study.tell(specs[2].run_id, 71.0)
    assert ends(tmp_path / "studies.journal") == [0, 2]
    assert study.running == ()
    assert (study.trials[1].state, study.trials[1].reason) == (State.FAILED, "OSError: no space left on device")
    fourth = ask(study)
    assert fourth.run_id not in {spec.run_id for spec in specs}, "this driver asks for it no more"
    study.tell(fourth.run_id, 69.0)
    assert ask(study) is None
    assert study.is_complete
    assert study.best.run_id == specs[2].run_id
    after = open_study(trials=5)
    assert not after.is_complete
    assert after.trials[1].state is State.RUNNING
    assert ask(after) == specs[1]
    assert ask(after).run_id not in {spec.run_id for spec in (*specs, fourth)}
    after.tell(specs[1].run_id, 72.0)
    assert (after.trials[1].value, after.best.run_id) == (72.0, specs[1].run_id)


def test_divergence_is_told_once_and_never_asked_for_again(open_study, tmp_path):
    path = tmp_path / "studies.journal"
    study = open_study(trials=2)
    run_id = ask(study).run_id
    study.fail(run_id, "the loss is not finite", for_good=True)
    assert ends(path) == [0]
    for late in (lambda: study.fail(run_id, "again", for_good=True), lambda: study.tell(run_id, 70.0)):
        late()
        assert ends(path) == [0]
    study.tell(ask(study).run_id, 70.0)
    before = path.read_bytes()
    again = open_study(trials=2)
    assert again.is_complete
    assert ask(again) is None
    assert [(trial.state, trial.reason) for trial in again.trials] == [
        (State.FAILED, "the loss is not finite"), (State.DONE, "")
    ]  # fmt: skip
    assert path.read_bytes() == before


def test_a_study_that_failed_wholly_is_complete_without_a_winner_and_a_restart_makes_it_whole(open_study):
    failed, asked = failed_study(open_study, trials=3)
    assert failed.is_complete
    assert (failed.best, failed.gain) == (None, None)
    assert [trial.reason for trial in failed.trials] == 3 * ["no space left on device"]
    study = open_study(trials=3)
    assert not study.is_complete
    assert run_to_the_end(study) == asked
    assert asked[0] == BASE
    assert study.is_complete
    assert [(trial.number, trial.run_id, trial.state) for trial in study.trials] == [
        (number, spec.run_id, State.DONE) for number, spec in enumerate(asked)
    ]
    assert study.gain == max(map(dev_figure, asked)) - dev_figure(BASE)
    assert open_study(trials=3).trials == study.trials


def test_while_the_cause_is_there_every_start_asks_for_the_same_runs_and_tells_nothing(open_study, tmp_path):
    _, asked = failed_study(open_study, trials=3)
    before = (tmp_path / "studies.journal").read_bytes()
    for _ in range(3):
        study, again = failed_study(open_study, trials=3)
        assert again == asked
        assert study.is_complete
        assert study.best is None
    assert (tmp_path / "studies.journal").read_bytes() == before


def test_a_driver_killed_while_it_makes_a_study_whole_computes_each_run_once(open_study, tmp_path):
    _, asked = failed_study(open_study, trials=3)
    first = open_study(trials=3)
    first.tell(ask(first).run_id, 70.0)
    ask(first)  # killed before its value is told
    second = open_study(trials=3)
    assert run_to_the_end(second) == asked[1:]
    assert second.is_complete
    assert sorted(ends(tmp_path / "studies.journal")) == [0, 1, 2]


def test_more_trials_of_a_study_that_was_made_whole_are_drawn_beyond_those(open_study):
    failed_study(open_study, trials=2)
    run_to_the_end(open_study(trials=2))
    assert len(run_to_the_end(open_study(trials=4))) == 2
    assert [trial.number for trial in open_study(trials=4).trials] == [0, 1, 2, 3]


def test_more_trials_of_a_study_that_failed_are_asked_for_after_those_that_failed(open_study):
    _, asked = failed_study(open_study, trials=2)
    more = run_to_the_end(open_study(trials=4))
    assert more[:2] == asked
    assert len({spec.run_id for spec in more}) == 4


def test_a_failed_run_that_has_its_record_after_all_is_done(open_study):
    """A worker that was lost after it had written its record: another driver finds the record and tells it."""
    study = open_study(trials=1)
    run_id = ask(study).run_id
    study.fail(run_id, "its worker was lost", for_good=False)
    study.tell(run_id, 70.0)
    assert (study.trials[0].state, study.trials[0].value, study.trials[0].reason) == (State.DONE, 70.0, "")
    assert study.best.run_id == run_id


# journals of earlier versions


def told_again(path, name, values):
    """A study as an earlier version left it: all trials failed, and were tried again as trials of their own."""
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    settings = [{"learning_rate": 1e-5, "epochs": 3}, {"learning_rate": 2e-5, "epochs": 2}]
    ids = []

    def draw():
        trial = study.ask()
        rate = trial.suggest_float("learning_rate", 3e-6, 3e-5, log=True)
        epochs = trial.suggest_int("epochs", 1, 6)
        setting = dataclasses.replace(BASE.optimisation, learning_rate=rate, epochs=float(epochs))
        trial.set_user_attr("run_id", dataclasses.replace(BASE, optimisation=setting).run_id)
        return trial

    for setting in settings:
        study.enqueue_trial(setting)
        trial = draw()
        ids.append(trial.user_attrs["run_id"])
        trial.set_user_attr("reason", "no space left on device")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    for setting, run_id, value in zip(settings, ids, values, strict=True):
        study.enqueue_trial(setting, user_attrs={"again": run_id})
        study.tell(draw(), value)
    return ids


@pytest.mark.parametrize("values", [(70.0, 74.0), (74.0, 70.0)])
def test_an_old_journal_with_trials_that_were_tried_again_still_opens_and_its_best_is_found(
    open_study, tmp_path, values
):
    path = tmp_path / "studies.journal"
    name = open_study(trials=2).name
    path.unlink()
    ids = told_again(path, name, values)
    assert ids[0] == BASE.run_id
    before = path.read_bytes()
    study = open_study(trials=2)
    assert study.is_complete
    assert ask(study) is None
    assert [(trial.number, trial.state) for trial in study.trials] == [(0, State.DONE), (1, State.DONE)]
    assert (study.best.run_id, study.best.value) == (ids[values.index(74.0)], 74.0)
    assert study.gain == 74.0 - values[0]
    left = StudyResult(
        node=BASE.run_id, name="qqp", row=Row("qqp", True), phase=BASE.phase, tasks=BASE.tasks, mlm=True, seed=42,
        winner=study.best.run_id, gain=study.gain, importances={}, trials=study.trials,
    )  # fmt: skip
    assert (left.best.run_id, left.best.value) == (study.best.run_id, 74.0)
    assert [(trial.run_id, trial.value) for trial in study.trials if trial.value] == list(zip(ids, values, strict=True))
    assert path.read_bytes() == before
