"""Where a sweep runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a sweep runs.

    Attributes:
        address: `local`, `auto`, or a Ray address; inside a submitted job that job's cluster is used.
        results: folder of Tune's own files and TensorBoard's.
        name: of the experiment, a folder inside `results`.
        max_concurrent: most runs at once; 0: as many as fit.
        hang_seconds: longest silence of a run before its worker is ended and the run tried again.
        store_seconds: how long a store that cannot be reached is waited for.
        cpus: cores of a local Ray; 0: all.
        gpus: GPUs of a local Ray; -1: all.
        callbacks: others that are told of the runs (`guests.load_guests`).
    """

    address: str = "local"
    results: Path
    name: str
    max_concurrent: int = 0
    hang_seconds: float = 600.0
    store_seconds: float = 300.0
    cpus: int = 0
    gpus: int = -1
    callbacks: tuple[str, ...] = ()
