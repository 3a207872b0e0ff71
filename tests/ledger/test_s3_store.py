"""A store in a bucket: what a folder promises, for machines that share nothing but the bucket."""

from __future__ import annotations

import dataclasses
import hashlib
import multiprocessing
import os
import signal

import pytest

from tests.made import graphs
from tests.made.buckets import objects, put
from tests.made.records import intermediate_spec, record, target_spec
from trainables.ledger.errors import DamagedRunError, MissingRunError, RemovedError, StoreError
from trainables.ledger.openings import Opening
from trainables.ledger.s3.store import S3Store

SPEC = intermediate_spec("qqp")
RUN = SPEC.run_id


@pytest.fixture
def here(s3_place, tmp_path):
    return S3Store(s3_place, tmp_path / "here").prepare()


@pytest.fixture
def there(s3_place, tmp_path):
    """The same store, seen from another machine."""
    return S3Store(s3_place, tmp_path / "there")


def leave(store, content=b"weights", spec=SPEC, *, finishes=True):
    """Compute a run: an encoder of two files and predictions."""
    made = store.work(spec.run_id) / "encoder"
    made.mkdir()
    (made / "model.safetensors").write_bytes(content)
    (made / "config.json").write_bytes(b"{}")
    found = store.publish(spec.run_id, "encoder", made)
    table = store.work(spec.run_id) / "qqp.parquet"
    table.write_bytes(b"rows")
    found |= store.publish(spec.run_id, "predictions/qqp.parquet", table)
    kept = dataclasses.replace(record(spec), files=found)
    if finishes:
        store.finish(kept)
    return kept


def test_what_one_machine_leaves_another_reads_byte_for_byte(here, there):
    kept = leave(here)
    assert there.run_ids() == [RUN]
    assert there.record(RUN) == kept
    folder = there.fetch(RUN, "encoder")
    assert folder.is_relative_to(there.root)
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert (folder / "config.json").read_bytes() == b"{}"
    assert there.fetch(RUN, "predictions/qqp.parquet").read_bytes() == b"rows"
    assert there.num_bytes(kept) == len(b"weights") + len(b"{}") + len(b"rows") + len(kept.to_json().encode())


def test_objects_are_named_by_their_content_and_the_record_is_one_object(here):
    leave(here)
    digest = hashlib.sha256(b"weights").hexdigest()
    assert f"runs/{RUN}/encoder/model.safetensors/{digest}" in objects(here)
    assert f"runs/{RUN}/record.json" in objects(here)


def test_a_run_without_its_record_is_no_run_whatever_objects_it_has(here, there):
    leave(here, finishes=False)
    assert len([key for key in objects(here) if "/encoder/" in key]) == 2
    assert there.run_ids() == []
    assert not there.is_finished(RUN)
    with pytest.raises(MissingRunError, match="is not finished, so its encoder cannot be used"):
        there.fetch(RUN, "encoder")


def test_a_record_is_not_written_while_an_object_is_missing_and_what_is_missing_is_sent_again(here, there):
    kept = leave(here, finishes=False)
    key = f"runs/{RUN}/encoder/model.safetensors/{hashlib.sha256(b'weights').hexdigest()}"
    here._bucket.delete([key])
    here.finish(kept)
    assert objects(here)[key] == len(b"weights")
    assert (there.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"weights"


def test_a_record_whose_files_are_nowhere_is_refused(here, there):
    kept = leave(here, finishes=False)
    with pytest.raises(StoreError, match="is not there"):
        there.finish(dataclasses.replace(kept, files={"encoder/model.safetensors": "0" * 64}))
    assert there.run_ids() == []


def test_of_two_workers_that_finish_a_run_the_first_record_stays_with_its_own_files(here, there):
    first = leave(here, b"first", finishes=False)
    second = leave(there, b"second", finishes=False)
    here.finish(first)
    there.finish(second)
    for store in (here, there):
        store.refresh()
        assert store.record(RUN) == first
        assert (store.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"first"
        store.check(RUN)
    assert not [key for key in objects(here) if hashlib.sha256(b"second").hexdigest() in key]


def test_a_record_that_comes_between_the_look_and_the_writing_stays(here, there):
    first, second = leave(here, b"first", finishes=False), leave(there, b"second", finishes=False)
    send = there._send

    def outrun(*given):
        here.finish(first)
        send(*given)

    there._send = outrun
    there.finish(second)
    there.refresh()
    assert there.record(RUN) == first
    assert (there.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"first"


def test_notes_of_one_machine_reach_the_other_and_go_when_the_run_is_finished(here, there):
    with there.driver_lock():
        assert there.failure(RUN) == ""
        here.fail(RUN, "qqp", "labels are missing", diverged=True)
        here.note_attempt(RUN, "the worker of an attempt was lost")
        assert (there.failure(RUN), there.diverged(RUN)) == ("labels are missing", True)
        assert there.attempts(RUN) == ("the worker of an attempt was lost",)
        assert there.failed_ids() == [RUN]
        leave(here)
        assert there.is_finished(RUN)
        assert (there.failure(RUN), there.attempts(RUN)) == ("", ())
    assert not [key for key in objects(here) if ".work/" in key or "failure" in key]


def test_who_holds_a_lock_sees_a_record_at_once(here, there):
    with there.driver_lock():
        assert not there.is_finished(RUN)
        leave(here)
        assert there.is_finished(RUN)


def test_removing_frees_the_objects_and_fetching_says_why_there_is_none(here, there):
    leave(here)
    with there.driver_lock():
        assert there.holds(RUN, "encoder")
        assert there.unshared_bytes(RUN, "encoder") == len(b"weights") + len(b"{}")
        assert there.remove(RUN, "encoder", "nothing needs it")
        assert not there.holds(RUN, "encoder")
        assert not there.remove(RUN, "encoder", "nothing needs it")
    assert not [key for key in objects(here) if "/encoder/" in key]
    here.refresh()
    with pytest.raises(RemovedError, match="nothing needs it"):
        here.fetch(RUN, "encoder")
    assert here.fetch(RUN, "predictions/qqp.parquet").read_bytes() == b"rows"


def test_a_removal_that_was_cut_short_is_finished_by_the_next_driver(here, there):
    leave(here)
    keep, there._finish_removal = there._finish_removal, lambda run_id: False
    there.remove(RUN, "encoder", "nothing needs it")
    assert [key for key in objects(here) if "/encoder/" in key]
    there._finish_removal = keep
    with here.driver_lock():
        assert here.finish_removals() == 1
        assert here.finish_removals() == 0
    assert not [key for key in objects(here) if "/encoder/" in key]


def test_a_run_whose_encoder_was_removed_may_be_computed_again_with_another_record(here, there):
    first = leave(here)
    here.remove(RUN, "encoder", "nothing needs it")
    with here.driver_lock():
        assert here.removed(RUN) == {"encoder": "nothing needs it"}
        leave(there, b"weights")
        assert here.is_finished(RUN)
        assert here.removed(RUN) == {}
    assert here.record(RUN).notes == (*first.notes, "computed again, bit for bit as before")


def test_a_run_that_is_to_be_computed_again_keeps_its_record_aside(here, there):
    leave(here)
    with here.driver_lock():
        here.recompute(RUN)
        assert not here.is_finished(RUN)
        assert not there.is_finished(RUN)
        leave(there, b"other")
        assert here.is_finished(RUN)
    assert [key for key in objects(here) if "record.json.replaced-" in key]
    assert "not as before" in here.record(RUN).notes[-1]
    assert (here.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"other"


@pytest.mark.parametrize("body", [None, b"otherwise"])
def test_an_object_that_is_gone_or_not_what_was_written_is_named_and_noted(here, there, body):
    leave(here)
    key = f"runs/{RUN}/encoder/model.safetensors/{hashlib.sha256(b'weights').hexdigest()}"
    here._bucket.delete([key]) if body is None else put(here, key, body)
    with pytest.raises(DamagedRunError, match=rf"s3://{here.place.bucket}/sweeps/a/{key} is not "):
        there.fetch(RUN, "encoder")
    here.refresh()
    assert "is damaged" in here.damage(RUN)
    with pytest.raises(DamagedRunError):
        here.check(RUN)  # though its own copy is whole
    put(here, key, b"weights")
    here.check(RUN)
    assert here.damage(RUN) == ""
    assert (there.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"weights"


def test_a_copy_here_that_has_rotted_is_brought_again(here, there):
    leave(here)
    path = there.fetch(RUN, "encoder") / "model.safetensors"
    path.write_bytes(b"rotten")
    assert (there.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"weights"
    assert there.damage(RUN) == ""


def test_a_record_that_cannot_be_read_counts_as_none_and_is_put_aside(here, there):
    leave(here)
    put(here, f"runs/{RUN}/record.json", b"{")
    assert not there.is_finished(RUN)
    leave(there)
    assert there.is_finished(RUN)
    assert [key for key in objects(here) if "record.json.damaged-" in key]


def test_a_file_as_large_as_several_parts_comes_whole(here, there):
    content = os.urandom(2**20) * 40 + b"end"
    leave(here, content)
    assert (there.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == content


def test_copies_take_no_more_than_they_may_and_the_least_recently_used_go_first(s3_place, here, tmp_path):
    specs = [intermediate_spec("qqp", seed=seed) for seed in range(4)]
    for spec in specs:
        leave(here, bytes(100_000), spec)
    there = S3Store(dataclasses.replace(s3_place, cache_gb=0.001), tmp_path / "small")
    there._cache._most = there._cache._added = 250_000
    for spec in specs[:3]:
        folder = there.fetch(spec.run_id, "encoder")
        os.utime(folder, (1.0 + spec.seed, 1.0 + spec.seed))  # used long ago
    there.fetch(specs[3].run_id, "encoder")
    kept = [(there.artefact(spec.run_id, "encoder")).exists() for spec in specs]
    assert kept == [False, False, True, True]
    assert (there.fetch(specs[0].run_id, "encoder") / "model.safetensors").read_bytes() == bytes(100_000)


def test_a_checkpoint_goes_on_where_the_last_attempt_was(here, there):
    def checkpoint(store, content):
        path = store.take_up(RUN)
        before = path.read_bytes() if path.exists() else b""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        store.keep_checkpoint(RUN)
        return before

    assert not there.has_checkpoint(RUN)
    assert checkpoint(here, b"one") == b""
    assert there.has_checkpoint(RUN)
    assert checkpoint(there, b"two") == b"one"
    assert checkpoint(here, b"three") == b"two"
    here.checkpoint(RUN).write_bytes(b"four, not sent")
    assert here.take_up(RUN).read_bytes() == b"four, not sent"
    leave(there)
    assert not here.has_checkpoint(RUN)
    assert not there.checkpoint(RUN).exists()


def test_a_checkpoint_that_nobody_wants_leaves_the_bucket(here):
    here.work(RUN)
    here.checkpoint(RUN).write_bytes(b"one")
    here.keep_checkpoint(RUN)
    here.checkpoint(RUN).unlink()
    here.keep_checkpoint(RUN)
    assert not here.has_checkpoint(RUN)


def publish_slowly(place, folder):
    """Killed while it sends its second file."""
    store = S3Store(place, folder)
    upload = store._bucket.upload

    def cut(path, key):
        if "model" in key:
            with store._bucket._files().open_output_stream(store._bucket._path(key)) as stream:
                stream.write(b"x" * 6_000_000)
                os.kill(os.getpid(), signal.SIGKILL)
        upload(path, key)

    store._bucket.upload = cut
    leave(store, b"weights")


def test_a_worker_that_is_killed_while_it_sends_leaves_no_run_and_the_next_finishes_it(here, there, tmp_path):
    worker = multiprocessing.get_context("spawn").Process(target=publish_slowly, args=(here.place, tmp_path / "killed"))
    worker.start()
    worker.join(120)
    assert worker.exitcode == -signal.SIGKILL
    assert [key for key in objects(here) if "config.json" in key]
    assert not [key for key in objects(here) if "model.safetensors" in key]
    assert here.run_ids() == []
    leave(here)
    assert (there.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == b"weights"


def test_files_of_the_sweep_are_what_was_last_written_anywhere(here, there):
    plan = graphs.fan(["qqp"], ["xnli"])
    assert not there.has_plan
    here.save_plan(plan)
    assert there.plan() == plan
    assert there.plan(plan.sweep) == plan
    assert there.sweeps() == [plan.sweep]
    here.save_config("name: a\n")
    assert "name: a" in there.config_text()
    here.save_config("name: b\n")
    assert "name: b" in there.config_text()


def test_lists_that_two_machines_add_to_at_the_same_time_lose_nothing(here, there):
    def opening(target):
        return Opening(
            target=target, selected=None, runs=("a",), selection="s", sweep="", by="report", opened_at="2026-01-01"
        )

    look = here._mirror.look_at

    def outrun(path):
        known = look(path)
        here._mirror.look_at = look
        there.note_openings([opening("xquad")])
        return known

    here.note_openings([opening("xnli")])
    here._mirror.look_at = outrun
    here.note_openings([opening("udpos")])
    assert {each.target for each in there.openings()} == {"xnli", "xquad", "udpos"}


def test_the_journal_of_studies_goes_along_and_comes_back(here, there):
    with here.driver_lock():
        here.journal.write_text("one\n")
    with there.driver_lock():
        assert there.journal.read_text() == "one\n"
        there.journal.write_text("one\ntwo\n")
    assert here.journal.read_text() == "one\ntwo\n"
    here.journal.write_text("one\ntwo\nthree, not sent any more\n")
    assert here.journal.read_text() == "one\ntwo\nthree, not sent any more\n"


def test_a_report_goes_into_the_bucket_without_what_is_no_part_of_it_any_more(here):
    (here.report / "figures").mkdir(parents=True)
    (here.report / "report.md").write_text("a")
    (here.report / "figures" / "a.svg").write_text("b")
    here.keep(here.report)
    (here.report / "figures" / "a.svg").unlink()
    here.keep(here.report)
    here.keep(here.root.parent)
    assert [key for key in objects(here) if key.startswith("report/")] == ["report/report.md"]


def test_a_store_says_where_it_is_without_keys(here):
    assert str(here) == str(here.place)
    assert "made" not in str(here).replace("made-", "")


def test_a_bucket_that_is_not_there_is_no_store(s3_place, tmp_path):
    with pytest.raises(StoreError, match=r"cannot write to the store: s3://nowhere-at-all/.*NoSuchBucket.*--store"):
        S3Store(dataclasses.replace(s3_place, bucket="nowhere-at-all"), tmp_path).prepare()


def test_a_service_that_heeds_no_conditions_is_no_place_for_a_store(here):
    here._bucket.put_if = lambda key, body, known: here._bucket.put(key, body)
    with pytest.raises(StoreError, match="does not heed If-None-Match"):
        here.prepare()


def test_many_runs_are_listed_page_by_page(here, there):
    for number in range(1005):
        here._bucket.put(f"runs/{number:012x}/.lock", b"")
    leave(here)
    assert there.run_ids() == [RUN]
    assert len(there.begun_ids()) == 1006


def test_a_child_reads_its_parents_encoder_and_no_other(here, there):
    parent, child = leave(here), target_spec("xnli", parent=RUN)
    with there.run_lock(child.run_id, 5):
        assert (there.fetch(parent.run_id, "encoder") / "model.safetensors").read_bytes() == b"weights"
