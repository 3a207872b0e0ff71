"""Locks of a store: whether somebody holds one."""

from __future__ import annotations

from pathlib import Path

import filelock


def is_held(path: Path) -> bool:
    """Whether some process holds a lock; a lock that may not be opened counts as free."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
