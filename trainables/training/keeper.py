"""Keeper: when a training run leaves a checkpoint, and how it does so without standing still.

At a step boundary the training thread copies what the next step changes into memory of the keeper's own; a thread
beside it takes the digests, writes, flushes and replaces. One is on its way at most. Training stands still for the copy
alone, which takes as much memory on the CPU as parameters and moments together; where that is not there, the checkpoint
is written in the foreground.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.ledger.slots import NO_LIMIT, Slot, Slots
from trainables.training import checkpoint
from trainables.training.checkpoint import TrainingState
from trainables.training.memory import available_bytes

log = logging.getLogger(__name__)

SLOT_SECONDS = 5.0
"""After that long a place among the writers is asked for again."""
MEMORY_SHARE = 0.5
"""Most of the memory that is left which the copy may take; other runs of this machine want theirs."""
ESTIMATED_SECONDS_PER_BYTE = 2e-9
"""Of the first checkpoint, before one was measured: copy, digest and writing on a CPU (`benchmarks.checkpoints`)."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How often, and beside how many others.

    Attributes:
        seconds: shortest time from one checkpoint to the next.
        share: most of the training time that checkpoints may take, above 0 and at most 1.
        slots: places of those who write at the same time.
        kept: called when a checkpoint was replaced or removed, by the thread that has; raises OSError.
    """

    seconds: float
    share: float = 0.01
    slots: Slots = NO_LIMIT
    kept: Callable[[], object] = lambda: None


@dataclass(frozen=True, kw_only=True)
class _OnItsWay:
    """A checkpoint that is being written: of which step, since when, and for how long training stood still for it.

    What is awaited is the processor time of its writer.
    """

    step: int
    began: float
    held: float
    written: Future[float]


class Keeper:
    """Leaves the checkpoints of one training run. For one thread, and to be closed."""

    def __init__(
        self,
        path: Path,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        keeping: Keeping,
        *,
        state: TrainingState,
        is_wanted: Callable[[], bool],
        notes: list[str],
    ) -> None:
        self._path = path
        self._module = module
        self._optimiser = optimiser
        self._keeping = keeping
        self._state = state
        self._is_wanted = is_wanted
        self._notes = notes
        self._on_cpu = all(parameter.device.type == "cpu" for parameter in module.parameters())
        self._copies: dict[str, Tensor] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._on_its_way: _OnItsWay | None = None
        self._step = state.step
        size = sum(parameter.nbytes for _, parameter in checkpoint.trained(module))
        self._due = self._next(time.monotonic(), 4 * size * ESTIMATED_SECONDS_PER_BYTE)

    @property
    def is_writing(self) -> bool:
        """Whether a checkpoint is on its way, so that the best parameters that it was given are not to be changed."""
        return self._on_its_way is not None and not self._on_its_way.written.done()

    def pass_by(self, seconds: float) -> None:
        """A step is done: begin a checkpoint if it is time; `seconds` is the age of the run.

        Raises what stopped the last one, such as OSError on a full disk.
        """
        if self.is_writing:
            return
        self._collect()
        if time.monotonic() < self._due:
            return
        slot = self._keeping.slots.take()
        if slot is None:
            self._due = time.monotonic() + SLOT_SECONDS
            return
        is_handed_on = False
        try:
            is_handed_on = self._begin(slot, seconds)
            if not is_handed_on:
                began = time.monotonic()
                self._write_now(seconds)
                self._due = self._next(began, time.monotonic() - began)
        finally:
            if not is_handed_on:
                slot.give_back()

    def leave(self, seconds: float) -> None:
        """Training ends here before its end: leave a checkpoint of exactly here, or none if nobody wants one.

        What is on its way is awaited first: should there be no time for the newest, that one is there. Nobody waits for
        a place among the writers.
        """
        self.close()
        if not self._is_wanted():
            self._path.unlink(missing_ok=True)  # what was on its way may have come after the folder was cleared
            self._keeping.kept()
        elif self._state.step > self._step:
            self._write_now(seconds)

    def close(self) -> None:
        """Wait for what is on its way; nothing is written after that. An error of it is logged and noted."""
        began = time.monotonic()
        self._writer.shutdown(wait=True)
        if self._on_its_way:
            self._state.checkpoint_seconds += time.monotonic() - began
        try:
            self._collect()
        except Exception as error:
            log.exception("%s: the checkpoint that was on its way could not be written", self._path)
            self._notes.append(f"the last checkpoint could not be written: {error}")
        self._copies.clear()

    def _begin(self, slot: Slot, seconds: float) -> bool:
        """Copy, and have the copy written and the place given back; False where memory is short."""
        began = time.monotonic()
        moving = checkpoint.moving(self._module, self._optimiser)
        missing = sum(tensor.nbytes for name, tensor in moving.items() if name not in self._copies)
        if missing > MEMORY_SHARE * available_bytes():
            return False
        for name, tensor in moving.items():
            if name not in self._copies:
                self._copies[name] = torch.empty_like(tensor, device="cpu", memory_format=torch.contiguous_format)
            self._copies[name].copy_(tensor)
        copies = {name: self._copies[name] for name in moving}
        self._state.seconds = seconds
        parts = copies, checkpoint.best(self._state), checkpoint.header(self._state)
        held = time.monotonic() - began
        self._state.checkpoint_seconds += held
        written = self._writer.submit(self._write, slot, *parts)
        self._on_its_way = _OnItsWay(step=self._state.step, began=began, held=held, written=written)
        return True

    def _write(
        self, slot: Slot, copies: Mapping[str, Tensor], best: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> float:
        """In the writer's thread: the processor time that it took."""
        began = time.thread_time()
        try:
            checkpoint.write(self._path, copies, best, header, threads=1)
            self._keeping.kept()
            return time.thread_time() - began
        finally:
            slot.give_back()

    def _collect(self) -> None:
        """Take note of what was on its way; raises what stopped it, if anybody wants to know."""
        done, self._on_its_way = self._on_its_way, None
        if not done:
            return
        try:
            spent = done.written.result()
        except OSError:
            if self._is_wanted():
                raise
            return
        self._kept(done.step)
        self._due = self._next(done.began, done.held + (spent if self._on_cpu else 0.0))

    def _write_now(self, seconds: float) -> None:
        """Write a checkpoint of now, in the foreground."""
        began = time.monotonic()
        self._state.seconds = seconds
        checkpoint.save(self._path, self._module, self._optimiser, self._state)
        self._keeping.kept()
        self._state.checkpoint_seconds += time.monotonic() - began
        self._kept(self._state.step)

    def _kept(self, step: int) -> None:
        self._step = step
        self._state.checkpoints += 1

    def _next(self, began: float, cost: float) -> float:
        """When the next one is due after one that began then and took so many seconds from training."""
        return began + max(self._keeping.seconds, cost / self._keeping.share)
