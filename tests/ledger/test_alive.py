"""What a driver writes about itself and its runs, and what is read of it by whoever looks from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainables.ledger import alive
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.store import Store

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUN = LiveRun(run_id="ab", name="qqp [x] #1", node="n1", stage="train", step=3, planned_steps=40, spoke=NOON)


def test_reading_is_the_inverse_of_writing() -> None:
    driver = Driver(host="h", pid=7, started=NOON, beat=NOON + timedelta(seconds=1.5))
    assert Driver.from_json(driver.to_json()) == driver
    assert json.loads(driver.to_json())["beat"] == "2026-11-26T12:00:01.500+00:00"
    assert alive.from_json(alive.to_json([RUN, RUN])) == (RUN, RUN)


def test_a_driver_is_known_while_it_holds_the_store_and_gone_after_it(store: Store) -> None:
    assert (store.is_driven, store.driver(), store.running()) == (False, None, ())
    with store.driver_lock():
        assert store.is_driven
        found = store.driver()
        assert found
        assert (found.host, found.pid, found.started <= found.beat) == (os.uname().nodename, os.getpid(), True)
        store.beat(NOON, [RUN])
        later = store.driver()
        assert later
        assert (later.started, later.beat >= found.beat) == (NOON, True)
        assert store.running() == (RUN,)
    assert (store.is_driven, store.driver(), store.running()) == (False, None, ())
    assert sorted(path.name for path in store.root.iterdir()) == ["driver.lock", "runs"]


def test_a_killed_driver_leaves_its_last_words(store: Store) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from trainables.ledger.store import Store
store = Store(Path({str(store.root)!r}))
with store.driver_lock():
    store.beat(datetime(2026, 11, 26, 12, tzinfo=UTC), [])
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])
    assert not store.is_driven
    found = store.driver()
    assert found
    assert found.started == NOON
    assert found.pid != os.getpid()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"host": "h", "pid": 7}', '[{"run_id": "x"}]', "\x00", "null"])
def test_what_cannot_be_read_is_nothing(store: Store, text: str) -> None:
    for name in ("driver.json", "running.json"):
        (store.root / name).write_text(text)
    assert (store.driver(), store.running()) == (None, ())


def test_whether_a_worker_is_at_a_run(store: Store) -> None:
    assert not store.is_computed("ab")
    with store.run_lock("ab", seconds=0):
        assert store.is_computed("ab")
    assert not store.is_computed("ab")


def test_what_befell_attempts_is_kept_until_the_run_is_let_go_of(store: Store) -> None:
    assert store.attempts("ab") == ()
    for text in ("lost", "häng [x]"):
        store.note_attempt("ab", text)
    assert store.attempts("ab") == ("lost", "häng [x]")
    store.discard("ab")
    assert store.attempts("ab") == ()


@pytest.mark.parametrize("text", ["", "{", "7"])
def test_a_broken_note_of_attempts_says_so_and_stops_nothing(store: Store, text: str) -> None:
    (store.work("ab") / "attempts.json").write_text(text)
    assert store.attempts("ab") == ("an earlier attempt was lost; its note cannot be read",)
