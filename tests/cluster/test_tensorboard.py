"""TensorBoard files: what is in them, and that a full disk is an error at once and not a hang."""

from __future__ import annotations

import errno
import io
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from sweep.cluster.tensorboard import EventFile, TensorBoard, tensorboardx
from trainables.report import Advanced, Finished

TUNES = {"training_iteration": 3, "timestamp": 1_700_000_000, "pid": 7, "time_total_s": 1.5, "hostname": "here"}
EVALUATED = Advanced(stage="train", step=10, planned_steps=40, selection=61.5, metrics={"xnli.accuracy": 60.0})
ENDED = Finished(run_id="abc", step=40, planned_steps=40, tokens=900, scores={"dev/xnli/accuracy": 62.0})


FULL = Path("/dev/full").open
"""Every write to this device fails as on a full disk."""


def trial(name: str = "t0") -> SimpleNamespace:
    return SimpleNamespace(trial_id=name, custom_dirname=f"folder-{name}")


def events(file: Path) -> Iterator[object]:
    """The events of a file, by its format: length, checksum, bytes, checksum."""
    content = io.BytesIO(file.read_bytes())
    while header := content.read(12):
        (length, _) = struct.unpack("<QI", header)
        yield tensorboardx().proto.event_pb2.Event.FromString(content.read(length))
        assert len(content.read(4)) == 4


def scalars(folder: Path) -> dict[int, dict[str, float]]:
    [file] = folder.glob("events.out.tfevents.*")
    first, *others = events(file)
    assert first.file_version == "brain.Event:2"
    return {event.step: {value.tag: value.simple_value for value in event.summary.value} for event in others}


def test_evaluations_and_ends_are_drawn_over_the_steps(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, Console(file=io.StringIO()))
    for report in (Advanced(stage="load"), Advanced(stage="train", step=5, planned_steps=40), EVALUATED, ENDED):
        board.on_trial_result(0, [], trial(), TUNES | report.to_result())
    assert scalars(tmp_path / "folder-t0") == {
        10: {"step": 10, "planned_steps": 40, "selection": 61.5, "dev/xnli.accuracy": 60.0, "time_total_s": 1.5},
        40: {
            "step": 40, "planned_steps": 40, "tokens": 900, "peak_bytes": 0, "dev/xnli/accuracy": 62.0,
            "time_total_s": 1.5,
        },
    }  # fmt: skip
    board.on_trial_complete(0, [], trial())
    assert len(scalars(tmp_path / "folder-t0")) == 2


def test_two_attempts_within_a_second_overwrite_nothing(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, Console(file=io.StringIO()))
    attempts = [SimpleNamespace(trial_id=name, custom_dirname="folder") for name in ("t0", "t1")]
    for attempt in attempts:
        board.on_trial_result(0, [], attempt, EVALUATED.to_result())
        board.on_trial_error(0, [], attempt)
    files = sorted((tmp_path / "folder").glob("events.out.tfevents.*"))
    assert [[event.step for event in events(file)] for file in files] == [[0, 10], [0, 10]]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing on is an error of the system, as on a full disk; Python ignores the signal that goes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_once_and_nothing_waits(tmp_path: Path) -> None:
    """More reports than the queue of a SummaryWriter has places for: it would wait for its dead thread."""
    output = io.StringIO()
    board = TensorBoard(tmp_path, Console(file=output, width=200))
    board.on_trial_result(0, [], trial(), EVALUATED.to_result())
    with files_of_at_most(400):
        for _ in range(100):
            board.on_trial_result(0, [], trial(), EVALUATED.to_result())
        board.on_trial_complete(0, [], trial())
    said = output.getvalue().splitlines()
    assert len(said) == 1
    assert said[0].startswith(
        "TensorBoard is off from here on, and the sweep goes on: OSError: [Errno 27] File too large"
    )


def test_a_device_without_room_is_an_error_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda self, mode: FULL(mode))
    with pytest.raises(OSError, match="No space left on device") as found:
        EventFile(tmp_path)
    assert found.value.errno == errno.ENOSPC


def test_a_driver_does_not_import_torch_for_it() -> None:
    code = """
import sys
from sweep.cluster.tensorboard import tensorboardx
assert tensorboardx().proto.event_pb2 and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
