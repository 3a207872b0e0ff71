"""A Ray session: starting or joining Ray, keeping it quiet, and leaving it when told to or when Ray has died."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import ray

import trainables

log = logging.getLogger(__name__)

JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray in the entry point of a submitted job."""
OBJECT_STORE_BYTES = 256 * 2**20
"""Runs exchange files, not objects; Ray would take a third of the memory."""
DEAD_SECONDS = 20.0
"""How long every node may be gone before the sweep gives up."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_DEDUP_LOGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
}
"""What Ray and Tune read while a sweep runs. Tune's own state is saved at the end only: the records are the truth."""


class RayError(RuntimeError):
    """Ray cannot be started or joined as asked."""


@contextlib.contextmanager
def ray_session(address: str, log_file: Path, *, cpus: int = 0, gpus: int = -1) -> Iterator[None]:
    """Ray for the time of a sweep.

    Inside a submitted job: that cluster. `local`: a new Ray on this machine (`cpus` cores and `gpus` GPUs if given).
    Anything else: the running cluster at that address (`auto`: found on this machine). A Ray that is already connected
    is used and left running. Ray's own messages go to `log_file`.
    """
    if ray.is_initialized():
        with environment(ENVIRONMENT), quiet(log_file):
            yield
        return
    arguments: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    variables = dict(ENVIRONMENT)
    code = str(Path(next(iter(trainables.__path__))).resolve().parent)
    paths = os.pathsep.join(dict.fromkeys([code, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))
    if JOB_VARIABLE in os.environ:
        pass
    elif address == "local":
        variables["PYTHONPATH"] = paths
        arguments |= {"address": "local", "object_store_memory": OBJECT_STORE_BYTES}
        arguments |= ({"num_cpus": cpus} if cpus else {}) | ({"num_gpus": gpus} if gpus >= 0 else {})
    else:
        arguments |= {"address": address, "runtime_env": {"env_vars": {"PYTHONPATH": paths}}}
    with environment(variables), quiet(log_file):
        try:
            ray.init(**arguments)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RayError(f"cannot reach Ray at address {address!r}: {error}") from error
        try:
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; those that the user has set stay as they are, PYTHONPATH excepted."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: v for name, v in variables.items() if name == "PYTHONPATH" or before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def quiet(log_file: Path) -> Iterator[None]:
    """Send the messages of Ray and Tune to a file."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_file, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ray")
    before, propagate = list(logger.handlers), logger.propagate
    logger.handlers, logger.propagate = [handler], False
    tune_logger = logging.getLogger("ray.tune")
    tune_before = list(tune_logger.handlers)
    tune_logger.handlers = []
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before, propagate
        tune_logger.handlers = tune_before
        handler.close()


class Interruption:
    """Turns Ctrl-C and SIGTERM into KeyboardInterrupt in the main thread; a second one ends the process at once.

    Ray's own handler for SIGTERM aborts the process, and Tune's waits up to 15 s for busy workers; here the caller
    leaves at once and takes the workers along. Records and checkpoints are written atomically, so nothing is lost.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.reason = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self.listen()
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Take over the signals; to be called again after `ray.init`, which takes SIGTERM for itself."""
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                handler = signal.signal(number, self._leave)
                self._before.setdefault(number, handler)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        for each in self.SIGNALS:
            signal.signal(each, _exit_at_once)
        self.reason = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
        raise KeyboardInterrupt  # Ray replaces an exception of any other type by this one


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


class Watchdog:
    """Ends the sweep when every node of the cluster has died: Tune would wait for ever."""

    def __init__(self, dead_seconds: float = DEAD_SECONDS, exit_process: Callable[[int], Any] = os._exit) -> None:
        self.barked = False
        self._dead_seconds = dead_seconds
        self._exit = exit_process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()

    def _watch(self) -> None:
        alive_at = time.monotonic()
        while not self._stop.wait(self._dead_seconds / 10):
            if self._alive():
                alive_at = time.monotonic()
            elif time.monotonic() - alive_at > self._dead_seconds:
                self._bark()
                return

    def _bark(self) -> None:
        self.barked = True
        log.error("every node of the Ray cluster has died; the sweep ends here")
        if main := threading.main_thread().ident:
            signal.pthread_kill(main, signal.SIGINT)
        if not self._stop.wait(self._dead_seconds):
            self._exit(1)  # the main thread is stuck inside Ray

    @staticmethod
    def _alive() -> bool:
        try:
            return any(node["Alive"] for node in ray.nodes())
        except Exception:  # whatever Ray raises when its head is gone
            return False
