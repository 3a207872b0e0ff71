"""A Ray session: starting or joining Ray, keeping it quiet, and leaving it when told to or when Ray has died."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ray

import trainables
from sweep.cluster.errors import RayError
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.paths import expanded
from trainables.ledger.plain import PlainFormatter

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


CACHES = (CACHE_VARIABLE, "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")
"""Variables that name folders in which workers keep what they have made or fetched."""


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
    paths = _search_path()
    if JOB_VARIABLE in os.environ:
        pass
    elif address == "local":
        variables |= {"PYTHONPATH": paths} | _caches()
        arguments |= {"address": "local", "object_store_memory": OBJECT_STORE_BYTES}
        arguments |= ({"num_cpus": cpus} if cpus else {}) | ({"num_gpus": gpus} if gpus >= 0 else {})
    else:
        arguments |= {"address": address, "runtime_env": {"env_vars": {"PYTHONPATH": paths}}}
    with environment(variables), quiet(log_file):
        try:
            # Ray puts the current folder first on the workers' search path; a user's `analysis.py` must not be there
            with contextlib.chdir(log_file.parent):
                ray.init(**arguments)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RayError(f"cannot reach Ray at address {address!r}: {error}") from error
        try:
            yield
        finally:
            ray.shutdown()


def _caches() -> dict[str, str]:
    """The user's cache folders, absolute: workers have a current folder of their own."""
    given = {name: os.environ[name] for name in CACHES if os.environ.get(name)}
    return {name: str(expanded(folder).absolute()) for name, folder in given.items()}


def _search_path() -> str:
    """PYTHONPATH of the workers: this code first, and the current folder only where this process looks there too."""
    code = str(Path(next(iter(trainables.__path__))).resolve().parent)
    current = str(Path.cwd())
    own = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return os.pathsep.join(dict.fromkeys([code, *own, *([current] if {"", current} & set(sys.path) else [])]))


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; those that the user has set stay as they are, but for search paths."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: v for name, v in variables.items() if name not in ENVIRONMENT or before[name] is None})
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
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
