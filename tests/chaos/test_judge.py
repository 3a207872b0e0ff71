"""The judge of the benchmark that breaks things: what it must not let pass."""

from __future__ import annotations

import random

import pytest

from benchmarks.chaos.damage import FAULTS, FLIP, damage
from benchmarks.chaos.judge import Reading, judge_damage, judge_full, judge_input, judge_stop
from benchmarks.chaos.left import left, wrong
from benchmarks.chaos.outcomes import BAD, Outcome, Tried, tables, verdict

SAME, OTHER, NOTHING = Reading(result="scores"), Reading(result="other scores"), Reading(result=None)
NAMES = ("0123456789ab", "record.json")
SAYING = "run 0123456789ab\n has a broken record"
TRACEBACK = "Traceback (most recent call last):\n  File"


def saying(words: str, result: str | None = "other scores", *aside: str) -> Reading:
    return Reading(result=result, words=words, aside=aside)


@pytest.mark.parametrize(
    ("read", "again", "outcome"),
    [
        (SAME, SAME, Outcome.HARMLESS),
        (saying(SAYING, "scores"), SAME, Outcome.NOTICED),
        (saying("", "scores", "record.json.damaged-1"), SAME, Outcome.REPAIRED),
        (saying(SAYING), SAME, Outcome.NOTICED),
        (saying(SAYING, None), SAME, Outcome.NOTICED),
        (OTHER, SAME, Outcome.SILENT),
        (NOTHING, SAME, Outcome.SILENT),
        (saying("something is wrong somewhere"), SAME, Outcome.SILENT),
        (saying(SAYING), OTHER, Outcome.BROKEN),
        (saying(SAYING), NOTHING, Outcome.BROKEN),
        (saying("", "other scores", "record.json.damaged-1"), OTHER, Outcome.BROKEN),
        (saying(TRACEBACK + SAYING, None), SAME, Outcome.TRACEBACK),
        (saying(TRACEBACK, "scores"), SAME, Outcome.TRACEBACK),
        (saying(SAYING), saying(TRACEBACK, "scores"), Outcome.TRACEBACK),
    ],
)
def test_damage_is_judged(read, again, outcome):
    assert judge_damage("scores", read, NAMES, again) is outcome


def test_a_name_that_a_terminal_has_broken_is_a_name():
    assert judge_damage("scores", saying("/tmp/store/rec\nord.json is damaged"), NAMES, SAME) is Outcome.NOTICED


def test_what_a_note_said_is_over_after_the_remedy():
    read = saying("its note cannot be read: record.json")
    assert judge_damage("failed", read, NAMES, Reading(result="done"), "done") is Outcome.NOTICED
    assert judge_damage("failed", read, NAMES, Reading(result="failed"), "done") is Outcome.BROKEN


@pytest.mark.parametrize(
    ("left_wrong", "again", "outcome"),
    [
        (None, SAME, Outcome.CONTINUED),
        (None, OTHER, Outcome.LOST),
        (None, NOTHING, Outcome.LOST),
        ("0123456789ab record", SAME, Outcome.SILENT),
        (None, saying(TRACEBACK, "scores"), Outcome.TRACEBACK),
    ],
)
def test_a_stop_is_judged(left_wrong, again, outcome):
    assert judge_stop("scores", left_wrong, again) is outcome


def test_a_finished_run_is_compared_file_by_file():
    reference = {"a record": "1", "a encoder/config.json": "2", "b record": "3"}
    assert wrong({"a record": "1", "a encoder/config.json": "2"}, reference) is None
    assert wrong({"a record": "1"}, reference) == "a encoder/config.json"
    assert wrong({"b record": "4"}, reference) == "b record"
    assert wrong({"c record": "1"}, reference) == "c record"


def test_an_empty_store_has_left_nothing(tmp_path):
    assert left(tmp_path) == {}


FULL = "OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("first", "left_wrong", "again", "outcome"),
    [
        (SAME, None, SAME, Outcome.CONTINUED),
        (saying(FULL, None), None, SAME, Outcome.CONTINUED),
        (NOTHING, None, SAME, Outcome.SILENT),
        (saying(FULL, None), None, OTHER, Outcome.LOST),
        (saying(FULL, None), "0123456789ab record", SAME, Outcome.SILENT),
        (saying(TRACEBACK + FULL, None), None, SAME, Outcome.TRACEBACK),
    ],
)
def test_a_full_disk_is_judged(first, left_wrong, again, outcome):
    assert judge_full("scores", first, left_wrong, again) is outcome


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        (0, "", Outcome.HARMLESS),
        (2, "allowed: 1 or more", Outcome.NOTICED),
        (2, " \n", Outcome.SILENT),
        (1, "failed", Outcome.BROKEN),
        (-9, "", Outcome.BROKEN),
        (2, TRACEBACK, Outcome.TRACEBACK),
        (-11, "Fatal Python error: Segmentation fault", Outcome.TRACEBACK),
    ],
)
def test_input_is_judged(code, words, outcome):
    assert judge_input(code, words) is outcome


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_changes_the_file(tmp_path, fault):
    content = bytes(range(1, 251)) * 40
    chance = random.Random(3)
    for _ in range(20):
        path = tmp_path / "file"
        path.write_bytes(content)
        damage(path, fault, chance)
        assert not path.exists() or path.read_bytes() != content


def test_one_bit_is_one_bit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    damage(path, FLIP, random.Random(1))
    assert sum(byte.bit_count() for byte in path.read_bytes()) == 1
    assert path.stat().st_size == 1000


def test_times_stay_where_they_must(tmp_path):
    path = tmp_path / "file"
    for _ in range(10):
        path.write_bytes(bytes(1000))
        before = path.stat().st_mtime_ns
        damage(path, FLIP, random.Random(1), keep_times=True)
        assert path.stat().st_mtime_ns == before


def test_the_table_counts_what_was_tried():
    tried = [
        Tried(section="flips", fault="one bit", kind="record", outcome=outcome)
        for outcome in (Outcome.NOTICED, Outcome.NOTICED, Outcome.SILENT)
    ]
    tried += [
        Tried(section="flips", fault="cut", kind="plan", outcome=each) for each in (Outcome.NOTICED, Outcome.MISSED)
    ]
    by_kind, by_fault = tables(tried)
    assert by_kind.title == "flips: 4 tried"
    assert [column.header for column in by_kind.columns] == ["what", "tried", "noticed", "missed", "SILENT"]
    assert [list(column.cells) for column in by_kind.columns] == [
        ["plan", "record", "all"], ["1", "3", "4"], ["1", "2", "3"], ["1", "", "1"], ["", "1", "1"],
    ]  # fmt: skip
    assert list(by_fault.columns[0].cells) == ["cut", "one bit", "all"]
    assert list(by_fault.columns[1].cells) == ["1", "3", "4"]
    assert verdict(tried) == "0 lost, 1 silent, 0 broken, 0 traceback"
    assert {outcome for outcome in Outcome if outcome.isupper()} == {*BAD}
