"""Usage: what a folder takes on disk, and bytes in words."""

from __future__ import annotations

import os
from pathlib import Path

_BLOCK = 512
"""Bytes that `st_blocks` counts, whatever the block of the file system."""


def bytes_on_disk(path: Path, *, shared: bool = True) -> int:
    """Bytes of the blocks of all files in a folder, a file with several names once; 0 for one that is not there.

    Without `shared`, files that have another name somewhere are left out: removing the folder does not free them. What
    goes while this looks is not counted.
    """
    seen: set[tuple[int, int]] = set()
    total, pending = 0, [str(path)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                continue
            if is_folder:
                pending.append(entry.path)
            elif found.st_nlink > 1 and (not shared or (found.st_dev, found.st_ino) in seen):
                continue
            elif found.st_nlink > 1:
                seen.add((found.st_dev, found.st_ino))
            total += found.st_blocks * _BLOCK
    return total


def size_of(num_bytes: float) -> str:
    """For example `2.2 GB`."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.1f} {name}"
    return f"{num_bytes / 1e6:.0f} MB"
