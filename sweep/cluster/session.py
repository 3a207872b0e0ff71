"""A Ray session: starting or joining Ray, and leaving it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._private import services, worker
from ray.air._internal import usage

import trainables
from sweep.cluster.admission import check_admission, own_authentication
from sweep.cluster.errors import RayError
from sweep.cluster.interruption import interrupt_main
from sweep.cluster.reach import REMEDY, check
from sweep.cluster.streams import quiet
from sweep.cluster.watchdog import Birth, end_family, is_alive, vital_children
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.paths import expanded

log = logging.getLogger("ray.cluster")

JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray in the entry point of a submitted job."""
OBJECT_STORE_BYTES = 256 * 2**20
"""Runs exchange files, not objects; Ray would take a third of the memory."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_DEDUP_LOGS": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "120",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
}
"""What Ray and Tune read while a sweep runs. Tune's own state is saved at the end only: the records are the truth.
Ray's core would end the process a minute after its head has died, wherever it is; the watchdog is sooner."""

CACHES = (CACHE_VARIABLE, "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")
"""Variables that name folders in which workers keep what they have made or fetched."""


@contextlib.contextmanager
def ray_session(
    address: str, log_file: Path, *, cpus: int = 0, gpus: int = -1, interrupt: Callable[[], None] = interrupt_main
) -> Iterator[None]:
    """Ray for the time of a sweep.

    Inside a submitted job: that cluster. `local`: a new Ray on this machine (`cpus` cores and `gpus` GPUs if given).
    Anything else: the running cluster at that address (`auto`: found on this machine). A Ray that is already connected
    is used and left running. Ray's own messages go to `log_file`. `interrupt` raises KeyboardInterrupt in the main
    thread. Raises RayError where Ray cannot be had.
    """
    if ray.is_initialized():
        with environment(ENVIRONMENT), quiet(log_file), _events_in_log():
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
    with environment(variables), own_authentication(), quiet(log_file), _events_in_log():
        if JOB_VARIABLE not in os.environ and address != "local":
            _look(address)
        started = _start(arguments, address, log_file, interrupt)
        vital = [process for _, process in vital_children()]
        try:
            yield
        finally:
            if not all(map(is_alive, vital)):
                for process in started:
                    end_family(process)
            ray.shutdown()


@contextlib.contextmanager
def without_usage_tags() -> Iterator[None]:
    """Tune does not count callbacks for its usage statistics, which are off: it imports every logger for that."""
    before = usage.tag_callbacks
    usage.tag_callbacks = lambda callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = before


@contextlib.contextmanager
def _events_in_log() -> Iterator[None]:
    """What Ray prints of its cluster, such as the last lines of a raylet that has died, goes to its log."""
    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda data, ignore_prefix: log.warning("%s", "\n".join(data["lines"]))
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _look(address: str) -> None:
    """Raise RayError where no cluster can be, or one that does not let this process in."""
    try:
        found = services.canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError) as error:
        raise RayError(f"no Ray cluster is found at address {address!r} ({error}). {REMEDY}") from error
    check(str(found))
    check_admission(str(found))


def _start(
    arguments: Mapping[str, Any], address: str, log_file: Path, interrupt: Callable[[], None]
) -> list[psutil.Process]:
    """`ray.init`; the processes that it has started. Raises RayError with one reason, as soon as one of them dies.

    What it starts has SIGUSR1 blocked, since Slurm sends it to all processes of a job: it is for the driver alone.
    """
    before = psutil.Process().children()

    def made() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if child not in before]

    where = "on this machine" if address == "local" else f"at address {address!r}"
    said = f"Ray {where} cannot be {'started' if address == 'local' else 'reached'}"
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        # Ray puts the current folder first on the workers' search path; a user's `analysis.py` must not be there
        with contextlib.chdir(log_file.parent), Birth(interrupt) as birth:
            ray.init(**arguments)
    except (Exception, KeyboardInterrupt) as error:
        for process in made():
            end_family(process)
        if birth.why or isinstance(error, Exception):
            raise RayError(f"{said}: {birth.why or error}. Its messages are in {log_file}") from error
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    return made()


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
