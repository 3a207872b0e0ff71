"""Reaching a Ray cluster: whether one may be at an address, before Ray itself tries for minutes."""

from __future__ import annotations

import os
import socket

from sweep.cluster.errors import RayError

CONNECT_SECONDS = 5.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What a client of HTTP/2 says first, and an empty frame of settings; a server answers with its own."""
_TYPE_OF_FRAME, _IS_SETTINGS = 3, 4
REMEDY = (
    "Give the address that `ray start --head` has printed (its port is 6379; 8265 is the dashboard's), start a cluster "
    "with that command, or leave --address out to start Ray here"
)


def check(address: str) -> None:
    """Raise RayError if no head of a Ray cluster can be at `host:port`; of one with TLS only whether it answers."""
    host, port = host_and_port(address)
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        if not answers(address):
            raise RayError(f"no Ray cluster answers at {address!r}. {REMEDY}")
        return
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as connection:
            connection.sendall(_PREFACE + _SETTINGS)
            answer = connection.recv(len(_SETTINGS))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RayError(f"no Ray cluster answers at {address!r} ({reason}). {REMEDY}") from error
    if len(answer) <= _TYPE_OF_FRAME or answer[_TYPE_OF_FRAME] != _IS_SETTINGS:
        raise RayError(f"what answers at {address!r} is no head of a Ray cluster. {REMEDY}")


def answers(address: str) -> bool:
    """Whether something takes connections at `host:port`."""
    try:
        socket.create_connection(host_and_port(address), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of `host:port`, with or without a scheme, or of `[IPv6]:port`; raises RayError for anything else."""
    host, _, port = address.rpartition("://")[2].rstrip("/").rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 2**16:
        raise RayError(f"{address!r} is no address of a Ray cluster; allowed: local, auto, host:port. {REMEDY}")
    return host.strip("[]"), int(port)
