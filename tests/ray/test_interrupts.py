"""A sweep that is killed again and again ends with exactly the scores of one that is left alone.

Real training on the built-in corpus, through the command line: the driver is killed three times (SIGKILL), a worker
once, and Ctrl-C is pressed once, at random moments after a training run has left a checkpoint.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from trainables.ledger.store import Store

COMMAND = [
    sys.executable, "-m", "sweep.grid", "run", "--data", "demo", "--encoder", "bundled:2",
    "--intermediates", "none,qqp", "--mlm", "off", "--targets", "xnli,tatoeba", "--languages", "en,de,zh",
    "--train-rows", "96", "--eval-rows", "12",
    "--set", "intermediate.learning_rate=1e-4", "--set", "target.learning_rate=1e-4",
    "--set", "intermediate.batch_size=4", "--set", "target.batch_size=4",
    "--set", "cluster.checkpoint_seconds=0.2", "--set", "cluster.checkpoint_share=1",
]  # fmt: skip
INTERRUPTIONS = [signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGKILL]


def start(store: Path) -> subprocess.Popen[bytes]:
    log = (store.parent / f"{store.name}.log").open("ab")
    return subprocess.Popen([*COMMAND, "--store", str(store)], stdout=log, stderr=log, start_new_session=True)


def workers(driver: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of this driver that compute runs."""
    found = []
    for process in psutil.Process(driver.pid).children(recursive=True):
        try:
            if "Trainable" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_for_training(driver: subprocess.Popen[bytes], store: Path, seconds: float = 120) -> bool:
    """Wait until a worker of this driver has left a checkpoint; False when the driver ended before.

    Workers of a killed driver live on for moments and may still write, so the driver's own worker is waited for first.
    """
    deadline = time.time() + seconds
    while driver.poll() is None and not workers(driver) and time.time() < deadline:
        time.sleep(0.1)
    began = time.time()
    while time.time() < deadline:
        for checkpoint in store.glob("runs/*/.work/checkpoint.safetensors"):
            try:
                if checkpoint.stat().st_mtime > began:
                    return True
            except FileNotFoundError:
                continue
        if driver.poll() is not None:
            return False
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint in {seconds} s; see {store}.log")


def results(store: Path) -> dict[str, object]:
    """What a sweep computed, without what depends on when and where."""
    opened = Store(store)
    records = [opened.record(run_id) for run_id in opened.run_ids()]
    return {r.name: (r.run_id, r.scores, r.dev_curve, r.best_step, r.steps, r.tokens) for r in records}


def predictions(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.glob("runs/*/predictions/*"))}


def encoders(store: Path) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in sorted(store.glob("runs/*/encoder/model.safetensors"))}


@pytest.mark.timeout(600)
def test_a_sweep_killed_again_and_again_ends_with_the_same_scores(tmp_path):
    calm, disturbed = tmp_path / "calm", tmp_path / "disturbed"
    assert start(calm).wait(timeout=300) == 0
    moments = random.Random(20201001)
    for number in INTERRUPTIONS:
        driver = start(disturbed)
        try:
            assert wait_for_training(driver, disturbed), "the sweep ended before it could be interrupted"
            time.sleep(moments.uniform(0, 1))
            driver.send_signal(number)
            code = driver.wait(timeout=60)
            assert code == (130 if number == signal.SIGINT else -signal.SIGKILL)
        finally:
            if driver.poll() is None:
                driver.kill()
    last = start(disturbed)
    assert wait_for_training(last, disturbed), "the sweep ended before a worker could be killed"
    lost = workers(last)
    assert lost
    lost[0].kill()
    assert last.wait(timeout=300) == 0

    assert results(disturbed) == results(calm)
    assert predictions(disturbed) == predictions(calm)
    assert encoders(disturbed) == encoders(calm)
