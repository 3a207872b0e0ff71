"""The store as one machine sees it: whether it is the driver's, can be written, and has locks and a clock that hold."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweep.planning.preflight.question import Question
from trainables.data.stores import store_at
from trainables.ledger.errors import StoreError
from trainables.ledger.locks import is_held

_PROBE_BYTES = b"0" * 4096


def store_facts(question: Question) -> dict[str, Any]:
    """Fields of `Facts` about the store; none where there is no probe. Writes a file of its own and removes it."""
    if question.bucket:
        return {"store_problem": _bucket_problem(question.bucket)}
    if not question.probe:
        return {}
    probe = Path(question.probe)
    own = probe.with_name(f"{probe.name}-{uuid.uuid4().hex}")
    found: dict[str, Any] = {"store_disk": _mount(probe.parent)}
    try:
        found["is_same_disk"] = probe.read_text(encoding="utf-8") == question.token
    except (OSError, ValueError):
        found["is_same_disk"] = False
    found["lock_is_seen"] = found["is_same_disk"] and is_held(Path(question.lock))
    try:
        own.write_bytes(_PROBE_BYTES)
        found["store_clock"] = own.stat().st_mtime - time.time()
    except OSError as error:
        found["store_problem"] = error.strerror or str(error)
    finally:
        with suppress(OSError):
            own.unlink(missing_ok=True)
    return found


def _bucket_problem(address: str) -> str:
    """Why the bucket cannot be written from here, on a condition too; a probe is written and removed."""
    try:
        store_at(address).prepare()
    except (ImportError, OSError, ValueError, StoreError) as error:
        return str(error)
    return ""


def _mount(path: Path) -> str:
    """For example `nfs4 (rw,hard,vers=4.2)`: of the mount that a path is in."""
    place, best, found = path.resolve(), -1, ""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, at, kind, how, *_ = line.split(" ")
        inside = Path(at.replace("\\040", " "))
        if (inside == place or inside in place.parents) and len(inside.parts) >= best:
            best, found = len(inside.parts), f"{kind} ({how})"
    return found
