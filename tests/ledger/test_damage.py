"""What a run left and is not what was written: never used, named with its remedy, and made again when told to."""

from __future__ import annotations

import json
import os
import threading

import pytest

from tests.made import graphs
from tests.made.graphs import graph_of
from tests.made.specs import RETRIEVAL
from trainables.ledger.cells import Cell, Row
from trainables.ledger.digests import DamagedFileError, check, digest, digests, put_aside
from trainables.ledger.errors import DamagedRunError, MissingRunError
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.record import Record, Score
from trainables.ledger.standing import cell_states, run_states
from trainables.ledger.states import State

RUN = RETRIEVAL.run_id
SCORE = Score(task="tatoeba", split="test", language="de", metric="accuracy", value=50.0, rows=2)


def finish(store, **content):
    """A finished run that left a folder `encoder` with these files."""
    made = store.work(RUN) / "encoder"
    made.mkdir()
    for name, text in content.items():
        (made / name).write_text(text)
    files = store.publish(RUN, "encoder", made)
    store.finish(Record(run_id=RUN, name="none -> tatoeba #7", spec=RETRIEVAL, scores=(SCORE,), files=files))
    return store.root / "runs" / RUN / "encoder"


def flip(path, place=0):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def one_run_plan():
    node = Node(spec=RETRIEVAL, name="none -> tatoeba #7", row=Row("none", False), cost=1.0, share=Share())
    return Plan(nodes={RUN: node}, cells={Cell("none", False, "tatoeba", 7): RUN})


def test_a_record_holds_the_sha256_of_every_file(store):
    finish(store, config="abc", weights="")
    assert store.record(RUN).files == {
        "encoder/config": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "encoder/weights": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }


@pytest.mark.parametrize("name", ["config", "weights"])
def test_a_flipped_bit_is_named_with_file_and_remedy_and_never_used(store, name):
    folder = finish(store, config="gelu", weights="0123")
    assert store.fetch(RUN, "encoder") == folder
    flip(folder / name, 3)
    with pytest.raises(DamagedRunError, match=rf"encoder/{name} is not what was written .*--recompute {RUN}"):
        store.fetch(RUN, "encoder")


def test_a_change_that_keeps_size_and_time_is_noticed(store):
    folder = finish(store, weights="0123")
    store.fetch(RUN, "encoder")
    times = (folder / "weights").stat()
    flip(folder / "weights")
    os.utime(folder / "weights", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(DamagedRunError):
        store.fetch(RUN, "encoder")


def test_a_file_that_has_gone_is_damage(store):
    folder = finish(store, config="gelu", weights="0123")
    (folder / "config").unlink()
    with pytest.raises(DamagedRunError, match=r"encoder/config cannot be read: No such file"):
        store.fetch(RUN, "encoder")


def test_a_sound_file_is_read_once(store, monkeypatch):
    finish(store, weights="0123")
    reads = []
    real = digest.__globals__["hashlib"].file_digest
    monkeypatch.setattr("trainables.ledger.digests.hashlib.file_digest", lambda *a: reads.append(a) or real(*a))
    for _ in range(3):
        store.fetch(RUN, "encoder")
    assert len(reads) <= 1


def test_status_calls_a_damaged_run_failed_and_the_graph_gives_it_no_children(store):
    plan = one_run_plan()
    folder = finish(store, weights="0123")
    assert run_states(plan, store)[RUN].state is State.DONE
    flip(folder / "weights")
    with pytest.raises(DamagedRunError):
        store.fetch(RUN, "encoder")
    state, reason = run_states(plan, store)[RUN]
    assert state is State.FAILED
    assert f"--recompute {RUN}" in reason
    assert [found.state for found in cell_states(plan, store).values()] == [State.FAILED]
    graph = graph_of(plan, store)
    assert graph.state(RUN) is State.FAILED
    assert graph.trials[RUN].why_failed == reason


def test_files_that_are_right_again_take_the_damage_back(store):
    folder = finish(store, weights="0123")
    flip(folder / "weights")
    with pytest.raises(DamagedRunError):
        store.check(RUN)
    flip(folder / "weights")
    store.check(RUN)
    assert store.damage(RUN) == ""


def test_a_run_that_is_recomputed_is_not_finished_and_its_record_is_kept_aside(store):
    folder = finish(store, weights="0123")
    record = (folder.parent / "record.json").read_text()
    flip(folder / "weights")
    with pytest.raises(DamagedRunError):
        store.fetch(RUN, "encoder")
    store.recompute(RUN)
    assert not store.is_finished(RUN)
    assert store.damage(RUN) == ""
    [aside] = folder.parent.glob("record.json.replaced-*")
    assert aside.read_text() == record
    assert graph_of(one_run_plan(), store).state(RUN) is State.READY


def test_a_broken_record_is_put_aside_when_its_run_is_finished_again(store):
    folder = finish(store, weights="0123").parent
    flip(folder / "record.json", 40)
    with pytest.raises(MissingRunError):
        store.fetch(RUN, "encoder")
    finish(store, weights="0123")
    assert store.is_finished(RUN)
    assert len(list(folder.glob("record.json.damaged-*"))) == 1


def test_what_a_record_of_the_first_format_left_is_used_unchecked(store):
    folder = finish(store, weights="0123")
    path = folder.parent / "record.json"
    fields = {**json.loads(path.read_text()), "format": 1}
    for later in ("digest", "files", "findings"):
        del fields[later]
    path.write_text(json.dumps(fields))
    flip(folder / "weights")
    assert store.fetch(RUN, "encoder") == folder
    store.check(RUN)


def test_digests_of_a_folder_are_by_their_paths(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("abc")
    found = digests(tmp_path / "a")
    assert list(found) == ["a/b/c"]
    check(tmp_path, found)
    with pytest.raises(DamagedFileError, match="a/b/c is not what was written"):
        check(tmp_path, {"a/b/c": "0" * 64})


def test_of_what_is_put_aside_the_last_is_kept(tmp_path):
    for text in ("first", "second"):
        (tmp_path / "file").write_text(text)
        aside = put_aside(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == [aside.name]
    assert aside.name.startswith("file.damaged-")
    assert aside.read_text() == "second"


def test_a_run_with_a_broken_record_is_no_longer_done_and_blocks_what_starts_from_it(store):
    plan = graphs.fan(["squad"], ["xnli"])
    graphs.drive(graphs.graph_of(plan, store), store)
    parent, child = plan.nodes
    flip(store.root / "runs" / parent / "record.json", 60)
    (store.root / "runs" / child / "record.json").unlink()
    states = run_states(plan, store)
    assert states[parent].state is State.FAILED
    assert "cannot be read; the next `run` computes it again" in states[parent].reason
    assert states[child].state is State.BLOCKED


@pytest.mark.parametrize(("weights", "said"), [("0123", "bit for bit as before"), ("other", "not as before")])
def test_a_run_that_was_computed_again_says_whether_it_left_the_same(store, weights, said):
    finish(store, weights="0123")
    store.recompute(RUN)
    finish(store, weights=weights)
    [note] = store.record(RUN).notes
    assert said in note


def test_a_record_that_cannot_even_be_read_is_a_broken_one(store):
    path = finish(store, weights="0123").parent / "record.json"
    path.unlink()
    path.mkdir()
    assert not store.is_finished(RUN)
    assert run_states(one_run_plan(), store)[RUN].state is State.FAILED
    finish(store, weights="0123")
    assert store.is_finished(RUN)


@pytest.mark.parametrize("name", ["record.json", "failure.json", "pruned.json"])
def test_what_is_nested_beyond_reason_is_broken(store, name):
    folder = finish(store, weights="0123").parent
    (folder / name).write_text("[" * 100_000)
    assert store.is_finished(RUN) is (name != "record.json")
    assert store.pruned(RUN) is None
    assert ("cannot be read" in store.failure(RUN)) is (name == "failure.json")


def test_a_record_of_the_first_format_is_compared_by_its_scores(store):
    path = finish(store, weights="0123").parent / "record.json"
    fields = {**json.loads(path.read_text()), "format": 1}
    for later in ("digest", "files", "findings"):
        del fields[later]
    path.write_text(json.dumps(fields))
    store.recompute(RUN)
    finish(store, weights="0123")
    [note] = store.record(RUN).notes
    assert note.startswith("computed again: same scores; ")


def test_looking_whether_a_store_is_driven_keeps_no_driver_out(store):
    """As `watch xstilts status` does beside a `run` that starts."""
    stop = threading.Event()
    looking = threading.Thread(target=lambda: [store.is_driven for _ in iter(stop.is_set, True)])
    looking.start()
    try:
        for _ in range(200):
            with store.driver_lock():
                pass
    finally:
        stop.set()
        looking.join()


def test_a_full_disk_names_the_file(store, monkeypatch):
    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/plan\.json'|plans") as caught:
        store.save_plan(one_run_plan())
    assert caught.value.filename
