"""A Ray that does not come to life is left, also where its core does not hear of an interruption."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.cluster.watchdog import Birth


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child of that name that does nothing."""
    program = shutil.copy(shutil.which("sleep") or "/bin/sleep", tmp_path / "raylet")
    with subprocess.Popen([program, "600"]) as process:
        yield process
        process.kill()


def test_a_process_that_dies_is_named_and_the_main_thread_told(raylet: subprocess.Popen[bytes]) -> None:
    told = threading.Event()
    with Birth(told.set) as birth:
        assert not told.wait(1.0), "while it lives there is nothing to tell"
        raylet.kill()
        assert told.wait(30)
    assert birth.why == "its raylet ended at once"


def test_what_is_born_is_left_alone(raylet: subprocess.Popen[bytes]) -> None:
    told: list[str] = []
    with Birth(lambda: told.append("told"), birth_seconds=60.0) as birth:
        pass
    assert (birth.why, told, raylet.poll()) == ("", [], None)


def test_a_main_thread_that_is_stuck_is_ended_with_a_message(
    raylet: subprocess.Popen[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """As when the workers that Ray starts first die of a lack of memory: its core waits for them without end."""
    exits: list[int] = []
    ended = threading.Event()

    def leave(code: int) -> None:
        exits.append(code)
        ended.set()

    with Birth(lambda: None, leave, birth_seconds=0.5, leave_seconds=0.3) as birth:
        assert ended.wait(30)
    assert (exits, birth.why) == ([2], "it was not ready within 0.5 s")
    assert "Ray cannot be started or reached: it was not ready within 0.5 s" in caplog.text
    assert raylet.wait(30) == -9
