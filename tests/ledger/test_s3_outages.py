"""A service that does not answer for a while: what passes is waited out, what does not is said at once."""

from __future__ import annotations

import dataclasses
import os
import threading

import pytest

from tests.made import buckets
from tests.made.records import intermediate_spec, record
from trainables.ledger.errors import StoreError
from trainables.ledger.s3.errors import S3Error, S3UnreachableError
from trainables.ledger.s3.patience import Patience, TransferError
from trainables.ledger.s3.store import S3Store
from trainables.trainable import TRANSIENT

SPEC = intermediate_spec("qqp")
RUN = SPEC.run_id
CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def gate(s3_port):
    os.environ.update(buckets.KEYS)
    gate = buckets.Gate(s3_port)
    yield gate
    gate.close()


@pytest.fixture
def store(gate, s3_port, tmp_path):
    bucket = buckets.new_place(s3_port).bucket
    return S3Store(buckets.place(gate.port, bucket, wait_seconds=20.0), tmp_path / "here").prepare()


def leave(store):
    made = store.work(RUN) / "encoder"
    made.mkdir()
    (made / "model.safetensors").write_bytes(CONTENT)
    kept = dataclasses.replace(record(SPEC), files=store.publish(RUN, "encoder", made))
    store.finish(kept)
    return kept


def away_for(gate, state, seconds=2.5):
    gate.state = state
    threading.Timer(seconds, setattr, (gate, "state", "open")).start()


@pytest.mark.parametrize("state", ["refuse", "fail"])
def test_everything_waits_for_a_service_that_comes_back(gate, store, tmp_path, state):
    away_for(gate, state)
    kept = leave(store)
    assert gate.turned_away
    other = S3Store(store.place, tmp_path / "other")
    gate.turned_away = 0
    away_for(gate, state)
    assert other.record(RUN) == kept
    away_for(gate, state)
    assert (other.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == CONTENT
    away_for(gate, state)
    store.check(RUN)
    away_for(gate, state)
    with other.driver_lock():
        pass
    assert gate.turned_away >= 4


@pytest.mark.parametrize("state", ["refuse", "fail"])
def test_a_service_that_stays_away_is_said_and_is_no_damage(gate, store, tmp_path, state):
    kept = leave(store)
    hasty = S3Store(dataclasses.replace(store.place, wait_seconds=1.5), tmp_path / "other")
    assert hasty.record(RUN) == kept
    gate.state = state
    with pytest.raises(S3UnreachableError, match=r"s3://made\S+/sweeps/a has not answered for \d s: "):
        hasty.fetch(RUN, "encoder")
    gate.turned_away = 0
    with pytest.raises(S3UnreachableError):
        hasty.refresh()
    assert gate.turned_away == 1  # it has given up before
    gate.state = "open"
    assert hasty.damage(RUN) == ""
    assert (hasty.fetch(RUN, "encoder") / "model.safetensors").read_bytes() == CONTENT


def test_who_only_reads_shows_what_was_last_seen(gate, store, caplog):
    leave(store)
    store.refresh()
    store._next_look = -1.0
    store._bucket._patiently = Patience("s3://made", 1.0)
    gate.state = "refuse"
    assert store.run_ids() == [RUN]
    assert "as it was last seen" in caplog.text
    assert store.studies() == ()
    assert store.race() is None


def test_an_outage_is_an_error_that_passes_for_a_worker_and_one_of_the_store_for_people():
    names = {base.__name__ for base in S3UnreachableError.__mro__}
    assert names & set(TRANSIENT)
    assert issubclass(S3UnreachableError, StoreError)
    assert issubclass(S3UnreachableError, OSError)
    assert not {base.__name__ for base in S3Error.__mro__} & set(TRANSIENT)


def test_without_credentials_it_is_said_at_once(s3_place, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del os.environ[name]
    with pytest.raises(StoreError, match="there are no credentials; set AWS_ACCESS_KEY_ID"):
        S3Store(dataclasses.replace(s3_place, wait_seconds=600.0), tmp_path).prepare()


def test_a_bucket_that_goes_away_is_said_at_once(store, s3_port):
    leave(store)
    patient = S3Store(dataclasses.replace(store.place, bucket="gone-for-good", wait_seconds=600.0), store.root)
    with pytest.raises(S3Error, match="gone-for-good"):
        patient.fetch(RUN, "encoder")
    with pytest.raises(S3Error, match="there is no bucket 'gone-for-good'"):
        patient._bucket.upload(patient.artefact(RUN, "encoder") / "model.safetensors", "a")


def test_a_file_that_cannot_be_read_here_is_no_error_of_the_service(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store._bucket.upload(tmp_path / "nothing", "a")
    with pytest.raises(IsADirectoryError):
        leave(store) and store._bucket.download(f"runs/{RUN}/record.json", tmp_path)


def test_patience_doubles_its_pauses_and_gives_up_in_time(monkeypatch):
    pauses, now = [], [0.0]

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("trainables.ledger.s3.patience.time.sleep", sleep)
    monkeypatch.setattr("trainables.ledger.s3.patience.time.monotonic", lambda: now[0])
    monkeypatch.setattr("trainables.ledger.s3.patience.random.uniform", lambda low, high: high)

    def fails():
        raise TransferError("half of it")

    patience = Patience("s3://made", 100.0)
    with pytest.raises(S3UnreachableError, match="s3://made has not answered for 92 s: half of it"):
        patience(fails)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
    with pytest.raises(S3UnreachableError):
        patience(fails)
    assert len(pauses) == 8
    assert patience(lambda: 7) == 7
    with pytest.raises(S3UnreachableError):
        patience(fails)
    assert len(pauses) == 16
