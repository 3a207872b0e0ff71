"""Leases: one holder at a time, a dead one's lease is taken over, one who has lost it is told and writes no more."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from sweep.cluster.interruption import Interruption
from tests.made import buckets
from tests.made.records import intermediate_spec
from trainables.ledger.errors import StoreError
from trainables.ledger.s3.errors import S3Error
from trainables.ledger.s3.lease import LOST, NOT_HEARD, Holding, Lease
from trainables.ledger.s3.store import S3Store

RUN = intermediate_spec("qqp").run_id
LONG = 60.0


@pytest.fixture
def here(s3_place, tmp_path):
    return S3Store(s3_place, tmp_path / "here").prepare()


@pytest.fixture
def there(s3_place, tmp_path):
    return S3Store(s3_place, tmp_path / "there")


def rob(store, key="driver.lock"):
    """Another takes the lease, as after an expiry."""
    other = Holding(holder="process 7 on elsewhere", token="other", machine="elsewhere", seconds=60.0)
    store._bucket.put(key, other.to_json())


def wait(condition):
    until = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_second_driver_is_refused_while_the_first_lives_and_let_in_after_it(here, there):
    with here.driver_lock():
        assert here.is_driven
        assert there.is_driven
        assert there.driver().pid == os.getpid()
        with (
            pytest.raises(StoreError, match=rf"in use by another sweep \(process {os.getpid()} on .*Wait for it"),
            there.driver_lock(),
        ):
            pass
    assert not there.is_driven
    assert there.driver() is None
    with there.driver_lock():
        assert here.is_driven


def test_a_lease_is_renewed_for_as_long_as_it_is_held(here, there):
    with here.run_lock(RUN, 5):
        time.sleep(here.place.lease_seconds + 1.5)
        assert there.is_computed(RUN)
        with pytest.raises(StoreError, match="is still being computed by another process"), there.run_lock(RUN, 1):
            pass
    assert not there.is_computed(RUN)


def hold(place, folder, held):
    with S3Store(place, folder).driver_lock(), S3Store(place, folder).run_lock(RUN, 5):
        held.set()
        time.sleep(600)


@pytest.fixture
def killed(s3_place, tmp_path):
    """A driver on the machine `there` that was killed, with a long lease."""

    def kill(seconds):
        context = multiprocessing.get_context("spawn")
        held = context.Event()
        place = dataclasses.replace(s3_place, lease_seconds=seconds)
        driver = context.Process(target=hold, args=(place, tmp_path / "there", held))
        driver.start()
        assert held.wait(LONG)
        os.kill(driver.pid, signal.SIGKILL)
        driver.join(LONG)

    return kill


def test_the_lease_of_a_driver_that_was_killed_elsewhere_expires_and_is_taken_over(here, killed):
    killed(5.0)
    assert here.is_driven
    assert here.is_computed(RUN)
    with here.driver_lock(), here.run_lock(RUN, LONG):
        assert here.is_driven
    assert not here.is_driven


def test_on_the_machine_where_a_driver_was_killed_nobody_waits_for_its_lease(here, there, killed):
    killed(3600.0)
    assert here.is_driven
    assert not there.is_driven
    assert not there.is_computed(RUN)
    with there.driver_lock(), there.run_lock(RUN, 5):
        assert here.is_driven


def test_a_driver_that_has_lost_its_lease_is_told_and_writes_no_more(here, there):
    told = []
    with here.driver_lock(told.append):
        here.save_config("name: a\n")
        rob(here)
        wait(lambda: told)
        assert told == [f"{LOST} (process 7 on elsewhere)"]
        with pytest.raises(S3Error, match="has taken over"):
            here.save_config("name: b\n")
        with pytest.raises(OSError, match="has taken over"):
            here.beat(datetime.now(UTC))
    assert "name: a" in there.config_text()
    assert there.is_driven
    assert Holding.from_json(here._bucket.get("driver.lock").body).token == "other"


def test_a_sweep_that_has_lost_its_lease_stops(here):
    interruption, robber = Interruption(), threading.Timer(0.5, rob, (here,))
    with pytest.raises(KeyboardInterrupt), interruption, here.driver_lock(interruption.stop):
        robber.start() or time.sleep(LONG)
    assert interruption.reason == f"{LOST} (process 7 on elsewhere)"


def test_who_was_not_heard_of_for_long_asks_before_it_writes(here):
    """A machine that slept: nobody has told it yet that it has lost the store."""
    with here.driver_lock():
        lease = here._driving
        lease._ends.set()  # its thread sleeps, too
        lease._thread.join()
        lease._renewed -= 60
        here.save_config("name: a\n")  # nobody has taken over
        lease._renewed -= 60
        rob(here)
        with pytest.raises(S3Error, match="has taken over"):
            here.save_config("name: b\n")


def test_a_renewal_whose_answer_was_lost_is_no_loss(here):
    told = []
    lease = Lease(here._bucket, "some.lock", holder="a", machine="m", on_lost=told.append)
    assert lease.acquire(5) == ""
    lease._etag = "an earlier one"
    lease._write()
    lease._write()
    assert not told
    lease.release()
    assert Holding.from_json(here._bucket.get("some.lock").body).holder == ""


def test_an_outage_shorter_than_what_is_waited_for_loses_nothing_a_longer_one_stops_the_driver(s3_port, tmp_path):
    os.environ.update(buckets.KEYS)
    bucket, gate = buckets.new_place(s3_port).bucket, buckets.Gate(s3_port)
    store = S3Store(buckets.place(gate.port, bucket, wait_seconds=6.0), tmp_path / "here").prepare()
    told = []
    with store.driver_lock(told.append):
        gate.state = "refuse"
        time.sleep(4.5)  # its lease has run out, and nobody could take it
        gate.state = "open"
        turned_away = gate.turned_away
        assert turned_away
        store.save_config("name: a\n")
        assert not told
        gate.state = "fail"
        wait(lambda: told)
        assert told[0].startswith(NOT_HEARD)
    gate.state = "open"
    assert "name: a" in store.config_text()
    gate.close()


def test_of_many_who_want_a_lease_one_has_it_at_a_time(here):
    """Fifteen holdings by three machines; a counter that nothing else guards loses no step."""
    here._bucket.put("counter", b"0")

    def count(machine):
        for _ in range(5):
            lease = Lease(here._bucket, "counted.lock", holder=machine, machine=machine)
            assert lease.acquire(LONG) == ""
            number = int(here._bucket.get("counter").body)
            time.sleep(0.02)
            here._bucket.put("counter", str(number + 1).encode())
            lease.release()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(count, "abc"))
    assert here._bucket.get("counter").body == b"15"
