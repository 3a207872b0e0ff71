"""EventFile: one file of TensorBoard, written straight."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any


class EventFile:
    """One event file, written by the caller's own thread, so that the caller learns of a full disk.

    The thread of tensorboardX's SummaryWriter would die of it, and its caller then wait for ever. Raises OSError.

    `name` is for a file that takes the place of an earlier one; the attempts of a run share a folder, and two may begin
    within a second.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self._board = tensorboardx()
        folder.mkdir(exist_ok=True)  # not what is above it: of a store that is away nothing is made anew
        name = name or f"{time.time():.6f}.{os.uname().nodename}"
        self._file = (folder / f"events.out.tfevents.{name}").open("wb")
        self._append(file_version="brain.Event:2")

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Append scalars of a step."""
        summary = self._board.proto.summary_pb2.Summary
        scalars = [summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._append(step=step, summary=summary(value=scalars))

    def write_plugin(self, plugin: str, tag: str, content: bytes) -> None:
        """Append what a plugin of TensorBoard keeps of this folder."""
        proto = self._board.proto.summary_pb2
        data = proto.SummaryMetadata.PluginData(plugin_name=plugin, content=content)
        value = proto.Summary.Value(tag=tag, metadata=proto.SummaryMetadata(plugin_data=data))
        self._append(summary=proto.Summary(value=[value]))

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
        import tensorboardX.proto.plugin_hparams_pb2
        import tensorboardX.record_writer
    finally:
        if hide:
            del sys.modules["torch"]
    return tensorboardX
