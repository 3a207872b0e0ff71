"""The sockets of a Ray on this machine, whose paths the system holds to a length."""

from __future__ import annotations

import os

from sweep.cluster.errors import RayError

MOST_BYTES = 107
"""Of the path of a Unix socket on Linux."""
_BELOW = "/ray/session_2000-01-01_00-00-00_000000_9999999/sockets/plasma_store"
"""What Ray puts below the folder for temporary files; the last number is a process id."""


def check_sockets() -> None:
    """Raise RayError when the folder for temporary files has too long a path for Ray's sockets."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    length, most = len(os.fsencode(folder)), MOST_BYTES - len(_BELOW)
    if length > most:
        raise RayError(
            f"the folder for temporary files {folder!r} has a path of {length} bytes; allowed for Ray's sockets: "
            f"{most}. Set the variable RAY_TMPDIR to a shorter one, for example /tmp"
        )
