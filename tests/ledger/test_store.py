"""The store: nothing half-made is ever seen, and trouble has a clear message."""

import errno
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.made.specs import INTERMEDIATE, RETRIEVAL
from trainables.ledger.errors import MissingRunError, StoreError
from trainables.ledger.record import BrokenRecordError, DataUse, DevPoint, Record, Score
from trainables.ledger.store import Store

RUN = RETRIEVAL.run_id


def record(spec=RETRIEVAL, **changes):
    fields = {
        "run_id": spec.run_id,
        "name": "none -> tatoeba #7",
        "spec": spec,
        "scores": tuple(
            Score(task=task, split="test", language="de", metric="accuracy", value=50.0, rows=2) for task in spec.tasks
        ),
    }
    return Record(**(fields | changes))


def make_encoder(store, run_id, text="weights"):
    made = store.work(run_id) / "encoder"
    made.mkdir(exist_ok=True)
    (made / "model.safetensors").write_text(text)
    return made


def test_a_record_comes_back_as_it_was(store):
    full = record(
        INTERMEDIATE,
        dev_curve=(DevPoint(step=10, selection=61.5, metrics={"qqp.f1": 61.5}),),
        data_use=(DataUse(repository="nyu-mll/glue", config="qqp", split="train", rows=320, dropped=1),),
        seconds={"train": 1.5},
        notes=("a note — with Ünicode",),
    )
    store.finish(full)
    assert store.record(full.run_id) == full
    assert store.run_ids() == [full.run_id]


def test_a_run_is_finished_with_its_record_and_not_before(store):
    store.publish(RUN, "encoder", make_encoder(store, RUN))
    assert not store.is_finished(RUN)
    with pytest.raises(MissingRunError, match="is not finished, so its encoder cannot be used"):
        store.fetch(RUN, "encoder")
    store.finish(record())
    assert store.is_finished(RUN)
    assert (store.fetch(RUN, "encoder") / "model.safetensors").read_text() == "weights"


def test_a_process_killed_between_artefact_and_record_leaves_the_run_unfinished(store):
    program = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from tests.made.specs import RETRIEVAL
        from trainables.ledger.record import Record
        from trainables.ledger.store import Store
        store = Store(Path({str(store.root)!r}))
        made = store.work(RETRIEVAL.run_id) / "encoder"
        made.mkdir()
        store.publish(RETRIEVAL.run_id, "encoder", made)
        os.kill(os.getpid(), signal.SIGKILL)
        store.finish(Record(run_id=RETRIEVAL.run_id, name="", spec=RETRIEVAL, scores=()))
    """)
    killed = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    assert store.run_ids() == []
    assert not store.is_finished(RUN)
    store.publish(RUN, "encoder", make_encoder(store, RUN, "second attempt"))
    store.finish(record())
    assert (store.fetch(RUN, "encoder") / "model.safetensors").read_text() == "second attempt"


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_cut_record_counts_as_none_and_is_reported(store, caplog, kept):
    store.finish(record())
    path = store.root / "runs" / RUN / "record.json"
    path.write_text(path.read_text()[:kept])
    with caplog.at_level(logging.WARNING):
        assert not store.is_finished(RUN)
    assert f"run {RUN} has a broken record and will be computed again" in caplog.text
    with pytest.raises(BrokenRecordError, match=r"record\.json: not a record"):
        store.record(RUN)
    store.finish(record())
    assert store.is_finished(RUN)


def test_a_record_in_the_folder_of_another_run_is_not_believed(store):
    folder = store.root / "runs" / INTERMEDIATE.run_id
    folder.mkdir()
    (folder / "record.json").write_text(record().to_json())
    assert not store.is_finished(INTERMEDIATE.run_id)


def test_a_record_that_is_not_text_is_broken(store):
    store.finish(record())
    (store.root / "runs" / RUN / "record.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BrokenRecordError):
        store.record(RUN)


def test_a_record_of_another_spec_is_broken(store):
    store.finish(record(run_id=INTERMEDIATE.run_id))
    with pytest.raises(BrokenRecordError, match=f"its spec is run {RUN}"):
        store.record(INTERMEDIATE.run_id)


def test_a_failure_is_kept_until_the_run_finishes(store):
    store.fail(RUN, "none -> tatoeba #7", "out of memory")
    assert store.failure(RUN) == "out of memory"
    assert not store.is_finished(RUN)
    store.finish(record())
    assert store.failure(RUN) == ""


def test_finishing_removes_the_working_folder(store):
    (store.work(RUN) / "checkpoint").write_text("x")
    store.finish(record())
    assert not (store.root / "runs" / RUN / ".work").exists()


def test_the_working_folder_survives_an_attempt(store):
    (store.work(RUN) / "checkpoint").write_text("x")
    assert (Store(store.root).work(RUN) / "checkpoint").read_text() == "x"


def test_an_artefact_that_the_run_did_not_leave_is_an_error(store):
    store.finish(record())
    with pytest.raises(MissingRunError, match="is finished but left no predictions"):
        store.fetch(RUN, "predictions")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/no-such-place"])
def test_a_store_that_cannot_be_written_says_so_at_once(tmp_path, place):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write to the store .*\. Give another with --store"):
        Store(tmp_path / place).prepare()


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_found_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StoreError, match="No space left on device"):
        Store(tmp_path / "store").prepare()
    assert list((tmp_path / "store" / "runs").iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_run_unfinished_and_no_litter(store, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            store.finish(record())
    assert store.run_ids() == []
    assert list((store.root / "runs" / RUN).iterdir()) == []
    store.finish(record())
    assert store.is_finished(RUN)


def test_a_full_disk_does_not_harm_a_record_that_is_there(store, monkeypatch):
    store.finish(record())
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        store.finish(record(notes=("again",)))
    assert store.record(RUN).notes == ()


def test_two_drivers_do_not_share_a_store(store):
    with (
        store.driver_lock(),
        pytest.raises(StoreError, match=rf"in use by another sweep .*{os.getpid()}"),
        Store(store.root).driver_lock(),
    ):
        pass
    with store.driver_lock():
        pass


def test_a_killed_driver_does_not_keep_the_store(store):
    program = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from trainables.ledger.store import Store
        with Store(Path({str(store.root)!r})).driver_lock():
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    with store.driver_lock():
        pass


def test_one_run_is_not_computed_twice_at_a_time(store):
    other = Store(store.root)
    with (
        store.run_lock(RUN, 0),
        pytest.raises(StoreError, match="still being computed by another process"),
        other.run_lock(RUN, 0),
    ):
        pass
    with other.run_lock(RUN, 0), other.run_lock(INTERMEDIATE.run_id, 0):
        pass


def test_what_killed_writers_left_in_a_run_goes_when_it_finishes(store):
    store.publish(RUN, "encoder", make_encoder(store, RUN))
    folder = store.root / "runs" / RUN
    (folder / f".encoder.{'0' * 32}").mkdir()
    (folder / "encoder" / f".config.json.{'a' * 32}").write_text("half")
    store.finish(record())
    assert {path.name for path in folder.rglob("*")} == {"encoder", "model.safetensors", "record.json"}
