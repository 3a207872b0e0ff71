"""What was removed from finished runs: noted first, no damage, said when asked for, and there again when computed."""

from __future__ import annotations

import json

import pytest

from tests.made.specs import RETRIEVAL
from trainables.ledger import files, notes
from trainables.ledger.errors import DamagedRunError, MissingRunError, RemovedError
from trainables.ledger.inspection import Condition, inspect
from trainables.ledger.record import Record, Score

RUN = RETRIEVAL.run_id
SCORE = Score(task="tatoeba", split="test", language="de", metric="accuracy", value=50.0, rows=2)


def finish(store, score=SCORE, **content):
    """A finished run with a folder for each artefact, of one file with this text."""
    found = {}
    for name, text in content.items():
        made = store.work(RUN) / name
        made.mkdir()
        (made / "file").write_text(text)
        found |= store.publish(RUN, name, made)
    store.finish(Record(run_id=RUN, name="none -> tatoeba #7", spec=RETRIEVAL, scores=(score,), files=found))
    return store.root / "runs" / RUN


def test_what_is_removed_is_gone_and_the_rest_is_as_it_was(store):
    folder = finish(store, encoder="1234", heads="12", predictions="x")
    assert store.removed(RUN) == {}
    assert store.remove(RUN, "encoder", "no run needs it")
    assert not (folder / "encoder").exists()
    assert store.removed(RUN) == {"encoder": "no run needs it"}
    assert store.fetch(RUN, "heads") == folder / "heads"
    assert store.fetch(RUN, "predictions/file").read_text() == "x"
    assert store.remove(RUN, "heads", "its row lost")
    assert store.removed(RUN) == {"encoder": "no run needs it", "heads": "its row lost"}


def test_one_that_is_asked_for_is_said_to_be_removed_why_and_how_to_get_it_again(store):
    finish(store, encoder="1234")
    store.remove(RUN, "encoder", "no run needs it")
    with pytest.raises(RemovedError, match=rf"the encoder of run {RUN} .*no run needs it\. .*--recompute {RUN}"):
        store.fetch(RUN, "encoder")
    with pytest.raises(RemovedError):
        store.fetch(RUN, "encoder/file")
    assert issubclass(RemovedError, MissingRunError)


def test_removing_twice_or_what_is_not_there_does_nothing(store):
    finish(store, encoder="1234")
    assert not store.remove(RUN, "heads", "its row lost")
    assert store.remove(RUN, "encoder", "first")
    assert not store.remove(RUN, "encoder", "second")
    assert store.removed(RUN) == {"encoder": "first"}


@pytest.mark.parametrize("name", ["predictions", "../other", "record.json", ""])
def test_nothing_else_can_be_removed(store, name):
    finish(store, encoder="1234", predictions="x")
    with pytest.raises(ValueError, match="allowed: encoder, heads"):
        store.remove(RUN, name, "because")


def test_a_run_without_a_record_keeps_what_it_has(store):
    (store.work(RUN).parent / "encoder").mkdir()
    with pytest.raises(MissingRunError):
        store.remove(RUN, "encoder", "because")
    assert (store.work(RUN).parent / "encoder").exists()


def test_what_was_removed_is_no_damage_and_is_counted(store):
    finish(store, encoder="1234", heads="12")
    whole = store.num_bytes(store.record(RUN))
    store.remove(RUN, "encoder", "no run needs it")
    store.check(RUN)
    assert store.damage(RUN) == ""
    assert store.num_bytes(store.record(RUN)) == whole - 4
    [found] = inspect(store)
    assert (found.condition, found.removed, found.num_bytes) == (Condition.SOUND, ("encoder",), whole - 4)


def test_what_is_left_is_still_compared(store):
    folder = finish(store, encoder="1234", heads="12")
    store.remove(RUN, "encoder", "no run needs it")
    (folder / "heads" / "file").write_text("13")
    with pytest.raises(DamagedRunError, match="heads/file"):
        store.check(RUN)


# interrupted removals


def test_the_note_is_written_before_anything_goes(store, monkeypatch):
    folder = finish(store, encoder="1234")

    def full(path, content, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(OSError, match="No space left"):
        store.remove(RUN, "encoder", "no run needs it")
    monkeypatch.undo()
    assert (folder / "encoder" / "file").read_text() == "1234"
    assert store.removed(RUN) == {}


def test_a_removal_that_was_interrupted_counts_as_done_and_is_finished_later(store, monkeypatch):
    folder = finish(store, encoder="1234")
    monkeypatch.setattr(files, "remove", lambda path: None)
    store.remove(RUN, "encoder", "no run needs it")
    monkeypatch.undo()
    assert (folder / "encoder" / "file").exists()
    with pytest.raises(RemovedError):
        store.fetch(RUN, "encoder")
    assert store.finish_removals() == 1
    assert not (folder / "encoder").exists()
    assert store.finish_removals() == 0


def test_a_run_that_is_computed_again_is_left_alone(store, monkeypatch):
    folder = finish(store, encoder="1234")
    monkeypatch.setattr(files, "remove", lambda path: None)
    store.remove(RUN, "encoder", "no run needs it")
    monkeypatch.undo()
    with store.run_lock(RUN, seconds=1):
        assert store.finish_removals() == 0
    assert (folder / "encoder").exists()


def test_a_note_of_a_stranger_removes_nothing_elsewhere(store):
    folder = finish(store, encoder="1234", predictions="x")
    text = notes.to_json({"artefacts": {"../../plans": {"why": "a", "at": "b"}, "predictions": {"why": "", "at": ""}}})
    (folder / "removed.json").write_text(text)
    (store.root / "plans").mkdir()
    assert store.removed(RUN) == {}
    assert store.finish_removals() == 0
    assert (store.root / "plans").exists()
    assert store.broken_notes(RUN) == ["removed.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"artefacts": 3}', '{"artefacts": {"encoder": "gone"}}', "\x00"])
def test_a_note_that_cannot_be_read_removes_nothing_and_is_found(store, text):
    folder = finish(store, encoder="1234")
    (folder / "removed.json").write_text(text)
    assert store.removed(RUN) == {}
    assert (store.finish_removals(), store.fetch(RUN, "encoder")) == (0, folder / "encoder")
    assert store.broken_notes(RUN) == ["removed.json"]


def test_a_changed_note_counts_as_none(store):
    folder = finish(store, encoder="1234")
    store.remove(RUN, "encoder", "no run needs it")
    fields = json.loads((folder / "removed.json").read_text())
    fields["artefacts"]["heads"] = {"why": "", "at": ""}
    (folder / "removed.json").write_text(json.dumps(fields))
    assert store.removed(RUN) == {}


# computed again


@pytest.mark.parametrize(
    ("again", "said"),
    [
        ({"encoder": "1234"}, "computed again, bit for bit as before"),
        ({"encoder": "5678"}, "computed again, and not as before"),
        ({"encoder": "1234", "heads": "12"}, "computed again: same scores; it left other files than before"),
    ],
)
def test_the_next_record_clears_the_note_and_says_whether_it_is_as_before(store, again, said):
    folder = finish(store, encoder="1234")
    store.remove(RUN, "encoder", "no run needs it")
    finish(store, **again)
    assert store.removed(RUN) == {}
    assert not (folder / "removed.json").exists()
    assert store.record(RUN).notes[0].startswith(said)
    assert (store.fetch(RUN, "encoder") / "file").read_text() == again["encoder"]


def test_until_then_the_earlier_record_stands(store):
    finish(store, encoder="1234")
    store.remove(RUN, "encoder", "no run needs it")
    made = store.work(RUN) / "encoder"
    made.mkdir()
    (made / "file").write_text("1234")
    store.publish(RUN, "encoder", made)
    store.fail(RUN, "a", "no memory")
    assert store.record(RUN).scores == (SCORE,)
    assert store.is_finished(RUN)
