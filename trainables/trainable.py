"""The Ray face of a run: a reusable Tune trainable around the generator that computes one."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import logging
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from ray import _raylet, tune
from ray._private.ray_constants import LOG_PREFIX_ACTOR_NAME
from ray._private.worker import WORKER_MODE, global_worker

from trainables.data.cache_folder import own_folder
from trainables.data.carried import admit
from trainables.data.stores import store_at
from trainables.ledger.artefacts import ENCODER
from trainables.ledger.record import DivergedError, Record
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.report import Advanced, Failed, Finished
from trainables.tasks.registry import is_open

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
"""Reports without a new stage or dev evaluation are at least this far apart."""
LOCK_SECONDS = 120.0
"""How long to wait for an attempt that a killed driver left behind."""
TRANSIENT = ("ConnectionError", "TimeoutError", "AcceleratorError")
"""Names of errors, or of their base classes, that a fresh process may not meet again."""

AWAY = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.EHOSTDOWN, errno.EHOSTUNREACH)
"""What a disk answers that is away for a while."""
OUT_OF_MEMORY = "OutOfMemoryError"
"""Name of PyTorch's error; it is raised once a forward pass of a single row does not fit."""

Executor = Callable[[RunSpec, str, Store, Options], Iterator[Advanced | Record]]


class RunTrainable(tune.Trainable):
    """One run after another in one process.

    The configuration is plain JSON: `run_id`, `name`, `spec`, `store` (folder or address), `options` and `share`.
    Nothing is computed before the first `step`, so that whatever goes wrong is noted in the store. Checkpoints are the
    phases' own, in the store; Tune's are not used.
    """

    _items: Generator[Advanced | Record, None, None] | None
    _error: Exception | None
    _num_taken = 0

    def __repr__(self) -> str:
        """The name of the run, for Ray, which asks once, when the worker has started."""
        name = str(self._run["name"])
        return f"{name} (first run)" if self._num_taken == 1 else name

    def setup(self, config: dict[str, Any]) -> None:
        """Take the first run."""
        # read when torch is first imported, which happens in the executor
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        if compiled := own_folder("compiled"):
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(compiled))
        if config["options"]["device"] == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Drop everything of the last run and take the next; always possible."""
        self.cleanup()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Work until there is something to report.

        A run that fails reports the reason first and raises at the next step: between the two, the driver learns that
        another attempt is of no use. Errors that may pass raise at once and are tried again.
        """
        if self._error:
            raise self._error
        show_name(self._run["name"])
        try:
            return self._advance()
        except Exception as error:
            failed = Failed(
                reason=describe(error), diverged=isinstance(error, DivergedError), needs_more=needs_more(error)
            )
            if not self._is_away():
                with contextlib.suppress(OSError):
                    self._store.fail(self._run["run_id"], self._run["name"], failed.reason, diverged=failed.diverged)
            if self._may_pass(error):
                raise
            self._error = error
            return failed.to_result()

    def cleanup(self) -> None:
        """Leave the run: close its generator, which gives up its lock, and free memory here and on the GPU.

        A run that is left in the middle of its training keeps a checkpoint of where it is.
        """
        if self._items:
            try:
                self._items.close()
            except Exception:
                log.exception("run %s was left and could not keep its state", self._run["run_id"])
        self._items = None
        self._error = None
        gc.collect()
        return_freed_memory()
        torch = sys.modules.get("torch")
        if torch and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _begin(self, config: dict[str, Any]) -> None:
        self._run = config
        self._store = store_at(config["store"])
        self._was_there = self._store.is_in_place
        self._items = None
        self._error = None
        self._stage = ""
        self._num_taken += 1
        if self._num_taken > 1:
            name_output(str(config["name"]))

    def _is_away(self) -> bool:
        """Whether the store was there when the run was taken and is not now."""
        return self._was_there and not self._store.is_in_place

    def _may_pass(self, error: Exception) -> bool:
        """Whether another worker may not meet an error again: it is one of these, or the disk of the store was away."""
        is_disk = isinstance(error, OSError) and error.errno in AWAY
        return is_disk or self._is_away() or any(base.__name__ in TRANSIENT for base in type(error).__mro__)

    def _advance(self) -> dict[str, Any]:
        if self._items is None:
            self._items = self._work()
        report_at = time.monotonic() + REPORT_SECONDS
        for item in self._items:
            if isinstance(item, Record):
                return Finished.of(item, is_open).to_result()
            changed = item.stage != self._stage or item.selection is not None
            self._stage = item.stage
            if changed or time.monotonic() >= report_at:
                return item.to_result()
        raise AssertionError(f"{self._run['options']['executor']} ended without a record")

    def _work(self) -> Generator[Advanced | Record, None, None]:
        run_id, name = self._run["run_id"], self._run["name"]
        spec = RunSpec.from_dict(self._run["spec"])
        options = Options(**self._run["options"])
        admit(spec.definitions, self._store)
        with self._store.run_lock(run_id, seconds=LOCK_SECONDS):
            if self._store.is_finished(run_id) and ENCODER not in self._store.removed(run_id):
                yield self._store.record(run_id)
                return
            if options.device == "cuda":
                from trainables.model.gpu_memory import limit_gpu_memory  # late: `setup` sets what torch reads first

                limit_gpu_memory(self._run["share"]["gpus"])
            reseed(spec.seed)
            yield from executor(options.executor)(spec, name, self._store, options)


def show_name(name: str) -> None:
    """Have `ps`, `top`, py-spy and the dashboard's list of a node's workers show a run, until the step is over.

    Ray names the process of a worker after the method that it calls, whenever it calls one.
    """
    if global_worker.mode == WORKER_MODE:
        _raylet.setproctitle(f"ray::RunTrainable: {name}")  # type: ignore[attr-defined]


def name_output(name: str) -> None:
    """Have Ray's logs say that what this worker writes from here on is a run's; of the first run Ray knows."""
    if global_worker.mode != WORKER_MODE:
        return
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"{LOG_PREFIX_ACTOR_NAME}{name}\n")
        stream.flush()


def executor(reference: str) -> Executor:
    """The function that computes a run, from `module:function`."""
    module, _, function = reference.partition(":")
    if module not in sys.modules:
        importlib.import_module(module)
        gc.freeze()  # the libraries just imported stay: collections between runs need not look at them (45 ms each)
    found: Executor = getattr(sys.modules[module], function)
    return found


def reseed(seed: int) -> None:
    """Seed every generator that is loaded, so that a run cannot depend on what ran before it in this process."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % 2**32)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def return_freed_memory() -> None:
    """Give back to the system what glibc has kept; other C libraries are left as they are."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def needs_more(error: BaseException) -> bool:
    """Whether a run failed for want of memory on its GPU."""
    return any(base.__name__ == OUT_OF_MEMORY for base in type(error).__mro__)


def describe(error: BaseException) -> str:
    """Type and message of an error, and where it was raised, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:500]}{where}"
