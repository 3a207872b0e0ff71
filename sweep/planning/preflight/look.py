"""Looking at this machine: everything a node is asked, none of which may raise. No Ray here, and torch in a process."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil

import trainables
from sweep.planning.preflight.facts import Facts
from sweep.planning.preflight.question import Question
from sweep.planning.preflight.store import store_facts
from trainables.data.cache_folder import CACHE_VARIABLE, DEFAULT
from trainables.ledger.digests import digest
from trainables.ledger.paths import expanded, writable_folder
from trainables.model.bundled_source import find_source
from trainables.model.names import EncoderKind, EncoderUnavailableError, encoder_fingerprint, parse_encoder

PACKAGES = (
    "ray", "torch", "transformers", "tokenizers", "numpy", "pyarrow", "datasets", "safetensors", "optuna", "pydantic",
)  # fmt: skip
"""Whose versions are compared."""
ROOMS = ("analysis", "search_spaces", "sweep", "trainables")
VARIABLES = (
    CACHE_VARIABLE, "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE",
    "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
HUB = "https://huggingface.co"
CONNECT_SECONDS = 5.0
DEVICES_SECONDS = 120.0
MISSING = "not installed"


def look(question: Question) -> Facts:
    """All that is asked of this machine. Writes a probe beside the store and removes it; nothing else."""
    cache, cache_problem = _cache()
    temporary, temporary_free, temporary_problem = _temporary()
    encoder, encoder_problem = _encoder(question)
    return Facts(
        host=os.uname().nodename,
        versions=versions(),
        code=code_digest(),
        cpus=os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        devices=_devices(all_gpus=question.all_gpus),
        driver=_driver(),
        files=_files(question),
        encoder=encoder,
        encoder_problem=encoder_problem,
        **store_facts(question),
        cache=cache,
        cache_problem=cache_problem,
        temporary=temporary,
        temporary_free=temporary_free,
        temporary_problem=temporary_problem,
        shared_memory=_size_of("/dev/shm"),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        name_problem=_name_problem(),
        peers={peer: _unreachable(peer) for peer in question.peers},
        hub_problem=_hub_problem() if question.needs_hub else "",
        variables={name: os.environ[name] for name in VARIABLES if name in os.environ},
    )


def versions() -> dict[str, str]:
    """Of Python and of the packages, `MISSING` for those that are not there."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = MISSING
    return found


def code_digest() -> str:
    """Twelve digits that stand for the content of all modules of this project."""
    root = Path(next(iter(trainables.__path__))).parent
    whole = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        whole.update(f"{path.relative_to(root).as_posix()}\0{digest(path)}\n".encode())
    return whole.hexdigest()[:12]


def _devices(*, all_gpus: bool) -> Mapping[str, Any]:
    environment = dict(os.environ)
    if all_gpus:
        environment.pop("CUDA_VISIBLE_DEVICES", None)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        said = subprocess.run(
            [sys.executable, "-m", "trainables.model.devices"], env=environment, capture_output=True, text=True,
            timeout=DEVICES_SECONDS, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        found: Mapping[str, Any] = json.loads(said.stdout)
        return found
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        return {"problem": f"torch cannot be used: {last}", "gpus": [], "cpu_has_bf16": False, "cuda": ""}
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return {"problem": f"torch cannot be asked: {error}", "gpus": [], "cpu_has_bf16": False, "cuda": ""}


def _driver() -> str:
    try:
        return Path("/sys/module/nvidia/version").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _files(question: Question) -> dict[str, str]:
    found = {}
    for path, size in question.files.items():
        if why := _why_other(Path(path), size, question.digests.get(path, "")):
            found[path] = why
    return found


def _why_other(path: Path, size: int, wanted: str) -> str:
    try:
        here = path.stat().st_size
        with path.open("rb") as stream:
            stream.read(1)
        if here != size:
            return f"has {here:,} bytes, the driver's has {size:,}"
        if wanted and digest(path) != wanted:
            return "has another content than the driver's"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _encoder(question: Question) -> tuple[str, str]:
    if not question.encoder:
        return "", ""
    try:
        encoder = parse_encoder(question.encoder)
        if encoder.kind is EncoderKind.BUNDLED:
            find_source()
        return encoder_fingerprint(question.encoder, question.revision or None), ""
    except (ValueError, EncoderUnavailableError, OSError) as error:
        return "", str(error)


def _cache() -> tuple[str, str]:
    """The folder and why it cannot be used; it is not made."""
    given = os.environ.get(CACHE_VARIABLE) or DEFAULT
    try:
        return str(expanded(writable_folder(given))), ""
    except ValueError as error:
        return given, str(error)


def _temporary() -> tuple[str, int, str]:
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return folder, 0, error.strerror or str(error)
    return folder, free, "" if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written"


def _size_of(folder: str) -> int:
    try:
        return shutil.disk_usage(folder).total
    except OSError:
        return 0


def _name_problem() -> str:
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _unreachable(address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _hub_problem() -> str:
    """Python's own client, which knows proxies; any answer will do."""
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    try:
        urlopen(endpoint, timeout=CONNECT_SECONDS).close()
    except HTTPError:
        return ""
    except (OSError, ValueError) as error:
        return f"{endpoint}: {getattr(error, 'reason', error)}"
    return ""
