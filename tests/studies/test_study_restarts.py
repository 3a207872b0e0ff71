"""Studies across starts: what a killed driver leaves, a full disk, and which journals are refused."""

import dataclasses
import errno
import json
import subprocess
import sys

import optuna
import pytest

from sweep.studies.errors import StudyError
from sweep.studies.journal import Journal
from sweep.studies.study import Study
from tests.made.studies import (
    BASE,
    RATE,
    SPACE,
    ask,
    dev_figure,
    full_disk,
    opener,
    run_to_the_end,
    told,
    told_values,
)


@pytest.fixture
def open_study(tmp_path):
    return opener(tmp_path / "studies.journal")


# a killed driver


def test_runs_that_a_killed_driver_left_are_handed_out_again_first(open_study):
    before = open_study()
    out = [ask(before) for _ in range(3)]
    before.tell(out[1].run_id, 70.0)
    after = open_study()
    assert after.running == ()
    assert [ask(after), ask(after)] == [out[0], out[2]]
    fresh = ask(after)
    assert fresh.run_id not in {spec.run_id for spec in out}
    assert after.running == (out[0].run_id, out[2].run_id, fresh.run_id)


def test_a_run_that_ended_while_no_driver_was_there_can_be_told_unasked(open_study):
    run_id = ask(open_study()).run_id
    after = open_study()
    after.tell(run_id, 70.0)
    assert ask(after).run_id != run_id
    assert after.trials[0].value == 70.0


def test_what_was_told_before_a_kill_is_not_told_again(open_study, tmp_path):
    before = open_study()
    run_id = ask(before).run_id
    before.tell(run_id, 70.0)
    after = open_study()
    after.tell(run_id, 90.0)
    assert after.trials[0].value == 70.0
    lines = [json.loads(line) for line in (tmp_path / "studies.journal").read_text().splitlines()]
    assert [line["values"] for line in lines if line.get("values")] == [[70.0]]


def test_a_driver_killed_after_every_trial_finds_the_same_trials(open_study, tmp_path):
    whole = [spec.run_id for spec in run_to_the_end(open_study())]
    (tmp_path / "studies.journal").unlink()
    found = []
    for killed_before_telling in [True, False] * 20:
        study = open_study()
        if (spec := ask(study)) is None:
            break
        if not killed_before_telling:
            study.tell(spec.run_id, dev_figure(spec))
            found.append(spec.run_id)
    assert found == whole


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_cut_short_by_a_kill_is_dropped(open_study, tmp_path, cut):
    first = ask(open_study())
    path = tmp_path / "studies.journal"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:cut])
    study = open_study()
    assert ask(study) == first
    assert path.read_bytes() == whole
    assert len(run_to_the_end(open_study())) == 8


def test_a_trial_that_was_being_drawn_when_the_driver_was_killed_is_drawn_the_same(open_study, tmp_path):
    path = tmp_path / "studies.journal"
    for _ in range(4):
        study = open_study()
        spec = ask(study)
        study.tell(spec.run_id, dev_figure(spec))
    start = len(path.read_bytes().splitlines())
    fifth = ask(study)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) - start >= 4  # the trial, its two parameters, its run id
    for kept in range(start, len(lines)):
        path.write_bytes(b"".join(lines[:kept]))
        again = open_study()
        assert ask(again) == fifth
        assert len(again.trials) == 5


def test_a_driver_killed_by_the_system_loses_nothing(open_study, tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from tests.made.studies import BASE, SPACE
from sweep.studies.journal import Journal
from sweep.studies.study import Study
study = Study(journal=Journal(Path(sys.argv[1])), base=BASE, space=SPACE, trials=8, startup=3)
for _ in range(3):
    sys.stdout.write(study.ask().spec.run_id + "\\n")
study.tell(BASE.run_id, 70.0)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "studies.journal"
    child = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert child.returncode == -9, child.stderr
    ids = child.stdout.split()
    study = open_study()
    assert told(study) == (BASE.run_id,)
    assert [ask(study).run_id, ask(study).run_id] == ids[1:]


# a full disk


@pytest.mark.parametrize("room", [0, 1, 30])
def test_what_a_full_disk_has_cut_short_leaves_no_trace_and_is_told_later(open_study, tmp_path, room):
    path = tmp_path / "studies.journal"
    study = open_study()
    run_id = ask(study).run_id
    whole = path.read_bytes()
    with full_disk(path, room), pytest.raises(OSError):
        study.tell(run_id, 70.0)
    assert path.read_bytes() == whole
    assert ask(study).run_id == run_id
    study.tell(run_id, 70.0)
    run_to_the_end(study)
    assert open_study().trials == study.trials
    assert study.trials[0].value == 70.0
    assert [len(values) for values in told_values(path).values()] == 8 * [1]


def test_what_was_written_but_cannot_be_made_to_last_is_taken_back(open_study, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    study = open_study()
    run_id = ask(study).run_id
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        study.tell(run_id, 70.0)
    monkeypatch.undo()
    assert told(study) == told(open_study()) == ()
    study.tell(run_id, 71.0)
    assert open_study().trials[0].value == 71.0


def test_a_trial_that_a_full_disk_kept_from_being_drawn_is_drawn_the_same(open_study, tmp_path):
    path = tmp_path / "studies.journal"
    study = open_study()
    for _ in range(4):
        spec = ask(study)
        study.tell(spec.run_id, dev_figure(spec))
    told = path.read_bytes()
    fifth = ask(study)
    for room in range(0, path.stat().st_size - len(told), 40):
        path.write_bytes(told)
        again = open_study()
        with full_disk(path, room), pytest.raises(OSError):
            ask(again)
        assert ask(again) == fifth
        assert len(again.trials) == 5


# journals


def test_studies_of_one_journal_do_not_mix(tmp_path):
    journal = Journal(tmp_path / "studies.journal")
    other = dataclasses.replace(BASE, seed=7)
    narrow = {"learning_rate": RATE}
    made = [(BASE, SPACE, "tpe"), (other, SPACE, "tpe"), (BASE, narrow, "tpe"), (BASE, SPACE, "random")]
    studies = [
        Study(journal=journal, base=base, space=space, trials=3, sampler=sampler) for base, space, sampler in made
    ]
    assert len({study.name for study in studies}) == 4
    for value, study in enumerate(studies):
        study.tell(ask(study).run_id, float(value))
    assert [[trial.value for trial in study.trials] for study in studies] == [[0.0], [1.0], [2.0], [3.0]]


# what other programs see of a journal


def test_a_study_has_a_readable_name_and_says_what_it_searches(open_study, tmp_path):
    study = open_study(label="qqp -> xnli #42", figure="accuracy, English dev", facts={"row": "qqp", "tasks": "xnli"})
    first = ask(study).run_id
    study.tell(first, 70.0, {"seconds": 12.5})
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "studies.journal"))
    )
    [seen] = optuna.get_all_study_summaries(storage)
    assert seen.study_name == f"qqp -> xnli #42 ({study.name})"
    assert seen.user_attrs == {"row": "qqp", "tasks": "xnli"}
    [trial] = optuna.load_study(study_name=seen.study_name, storage=storage).trials
    assert trial.user_attrs == {"run_id": first, "seconds": 12.5}
    assert trial.value == 70.0
    assert optuna.load_study(study_name=seen.study_name, storage=storage).metric_names == ["accuracy, English dev"]


def test_names_for_people_decide_nothing(open_study, tmp_path):
    plain = open_study()
    drawn = [ask(plain) for _ in range(4)]
    for spec in drawn[:2]:
        plain.tell(spec.run_id, 60.0)
    (tmp_path / "studies.journal").unlink()
    named = open_study(label="qqp -> xnli #42")
    assert [ask(named) for _ in range(4)] == drawn
    assert named.name == plain.name


def test_a_journal_of_an_earlier_version_goes_on_under_its_own_name(open_study):
    earlier = open_study()
    out = [ask(earlier) for _ in range(2)]
    earlier.tell(out[0].run_id, 70.0)
    later = open_study(label="qqp -> xnli #42", facts={"row": "qqp"})
    assert later.title == earlier.name
    assert ask(later) == out[1]
    assert [trial.value for trial in later.trials] == [70.0, None]


def test_a_study_goes_on_when_its_run_has_another_label(open_study):
    earlier = open_study(label="qqp -> xnli #42")
    out = ask(earlier)
    later = open_study(label="xnli after qqp")
    assert later.title == earlier.title
    assert ask(later) == out


def foreign(path, name, direction, low):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.create_study(storage=storage, study_name=name, direction=direction)
    study.ask().suggest_float("learning_rate", low, 3e-5, log=True)


@pytest.mark.parametrize(
    ("direction", "low", "message"), [("maximize", 1e-6, "range of learning_rate"), ("minimize", 3e-6, "direction")]
)
def test_a_study_of_the_same_name_with_other_ranges_is_refused(open_study, tmp_path, direction, low, message):
    path = tmp_path / "studies.journal"
    name = open_study().name
    path.unlink()
    foreign(path, name, direction, low)
    with pytest.raises(StudyError, match="is a journal from another sweep") as caught:
        open_study()
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ["not a journal\n", '{"a": 1}\n', "[]\n", '{"op_code": 0}\nx\n{}\n'])
def test_a_file_that_is_no_journal_is_put_aside(open_study, tmp_path, content):
    (tmp_path / "studies.journal").write_text(content)
    assert ask(open_study()) == BASE
    [aside] = tmp_path.glob("studies.journal.damaged-*")
    assert aside.read_text() == content
    assert ask(open_study()) == BASE


def test_no_flipped_bit_of_a_journal_is_believed(open_study, tmp_path):
    """Every bit of the numbers and every seventh of the rest: the journal is put aside, or says what it said.

    Without its last line break the last line counts as cut short by a killed driver, and its trial is told again.
    """
    study = open_study()
    for _ in range(3):
        study.tell(ask(study).run_id, 50.0)
    path, expected = tmp_path / "studies.journal", study.trials
    content = path.read_bytes()
    digits = {place * 8 + bit for place, byte in enumerate(content[:-1]) if chr(byte).isdigit() for bit in (0, 1, 2)}
    for place in sorted(digits | set(range(0, len(content[:-1]) * 8, 7)))[::5]:
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        found = open_study().trials
        assert found == expected or list(tmp_path.glob("studies.journal.damaged-*")), place
        for aside in tmp_path.glob("studies.journal.damaged-*"):
            aside.unlink()


def test_a_journal_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot use the journal of studies"):
        Study(journal=Journal(tmp_path / "file" / "studies.journal"), base=BASE, space=SPACE, trials=2)
