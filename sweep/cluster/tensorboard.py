"""TensorBoard files of a sweep: one folder a run, written straight to the results, so that they can be watched."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ray.tune.experiment import Trial
from rich.console import Console

from sweep.cluster.guard import Guarded
from trainables.report import Advanced, Finished, figures, read

UNINTERESTING = ("training_iteration", "timestamp", "pid")
"""What Tune counts for itself."""


class TensorBoard(Guarded):
    """Writes the dev evaluations and the ends of runs; training steps are the horizontal axis.

    Tune's own logger writes to the session folder in /tmp, from where files are copied every five minutes.
    """

    what = "TensorBoard"

    def __init__(self, folder: Path, console: Console) -> None:
        super().__init__(console)
        self._folder = folder
        self._files: dict[str, EventFile] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Append one report, if it has something to draw."""
        report = read(result)
        if isinstance(report, Finished) or (isinstance(report, Advanced) and report.dev_point):
            values = {name: value for name, value in figures(result).items() if name not in UNINTERESTING}
            if trial.trial_id not in self._files:
                self._files[trial.trial_id] = EventFile(self._folder / str(trial.custom_dirname))
            self._files[trial.trial_id].write(values, report.step)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Close the file of a run."""
        self._close(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Close the file of a run that failed."""
        self._close(trial)

    def _close(self, trial: Trial) -> None:
        if file := self._files.pop(trial.trial_id, None):
            file.close()


class EventFile:
    """One event file, written by the caller's own thread, so that the caller learns of a full disk.

    The thread of tensorboardX's SummaryWriter would die of it, and its caller then wait for ever. Raises OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._board = tensorboardx()
        folder.mkdir(exist_ok=True)  # not what is above it: of a store that is away nothing is made anew
        # the attempts of a run share a folder, and two may begin within a second
        self._file = (folder / f"events.out.tfevents.{time.time():.6f}.{os.uname().nodename}").open("wb")
        self._append(file_version="brain.Event:2")

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Append scalars of a step."""
        summary = self._board.proto.summary_pb2.Summary
        scalars = [summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._append(step=step, summary=summary(value=scalars))

    def close(self) -> None:
        """Write what is left."""
        self._file.close()

    def _append(self, **fields: Any) -> None:
        """One record: its length and its bytes, each with a checksum after it."""
        data = self._board.proto.event_pb2.Event(wall_time=time.time(), **fields).SerializeToString()
        checksum = self._board.record_writer.masked_crc32c
        length = struct.pack("<Q", len(data))
        for part in (length, struct.pack("<I", checksum(length)), data, struct.pack("<I", checksum(data))):
            self._file.write(part)
        self._file.flush()


def tensorboardx() -> ModuleType:
    """The package, without torch, which it imports when it can; a driver has no use for it."""
    hide = "torch" not in sys.modules
    if hide:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import tensorboardX
        import tensorboardX.record_writer
    finally:
        if hide:
            del sys.modules["torch"]
    return tensorboardX
