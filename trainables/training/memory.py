"""Memory that this process may still take: of the machine, and of the control group that a scheduler has put it in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def available_bytes(groups: Path = GROUPS, own: Path = OWN_GROUP) -> int:
    """The least of what the machine has and of what each group above this process leaves.

    Version 2 of control groups alone is looked at; where there is none, the machine decides.
    """
    return min([psutil.virtual_memory().available, *_left(groups, own)])


def _left(groups: Path, own: Path) -> Iterator[int]:
    try:
        [line] = [line for line in own.read_text().splitlines() if line.startswith("0::")]
    except (OSError, ValueError):
        return
    folder = groups / line.removeprefix("0::").lstrip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(groups):
            return
        try:
            limit = (group / "memory.max").read_text().strip()
            taken = int((group / "memory.current").read_text())
            kept = dict(entry.split() for entry in (group / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if limit != "max":
            yield max(0, int(limit) - taken + int(kept.get("inactive_file", 0)))  # pages of files give way
