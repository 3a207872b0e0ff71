"""Facts: what a node answers. Where something is wrong it says what, in a text that is else empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was seen on one machine; sizes are in bytes, times in seconds.

    Attributes:
        host: name of the machine.
        versions: of Python and packages, by name.
        code: digest of this project's modules.
        cpus: cores.
        memory: of the machine.
        devices: as `trainables.model.devices` says them; with `problem` where it could not.
        driver: version of NVIDIA's driver; empty where there is none.
        files: path -> what is wrong with a file of rows.
        encoder: fingerprint of its files.
        encoder_problem: why it cannot be used.
        is_same_disk: whether the driver's probe is seen, with its content.
        store_problem: why the store cannot be written.
        lock_is_seen: whether the lock that the driver holds is held here, too.
        store_clock: how far the clock of the store's disk is ahead of the machine's.
        store_disk: kind of file system and how it is mounted.
        cache: the folder for what can be made again.
        cache_problem: why it cannot be used.
        temporary: folder for temporary files.
        temporary_free: room in it.
        temporary_problem: why Ray or Python cannot use it.
        shared_memory: size of `/dev/shm`.
        open_files: how many a process may have open.
        name_problem: why the machine's own name leads nowhere.
        peers: address -> why it cannot be reached; empty where it can.
        hub_problem: why the hub cannot be reached.
        variables: of the environment, those that decide where files come from.
    """

    host: str
    versions: Mapping[str, str]
    code: str
    cpus: int
    memory: int
    devices: Mapping[str, Any]
    driver: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    encoder: str = ""
    encoder_problem: str = ""
    is_same_disk: bool = True
    store_problem: str = ""
    lock_is_seen: bool = True
    store_clock: float = 0.0
    store_disk: str = ""
    cache: str = ""
    cache_problem: str = ""
    temporary: str = ""
    temporary_free: int = 0
    temporary_problem: str = ""
    shared_memory: int = 0
    open_files: int = 0
    name_problem: str = ""
    peers: Mapping[str, str] = field(default_factory=dict)
    hub_problem: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from a node of the cluster.

    Attributes:
        node: its name.
        facts: None where it did not answer.
        problem: why not.
        gpus: that Ray has there.
        skew: how far its clock is ahead of the driver's.
        skew_error: how far that may be off.
    """

    node: str
    facts: Facts | None = None
    problem: str = ""
    gpus: int = 0
    skew: float = 0.0
    skew_error: float = 0.0
