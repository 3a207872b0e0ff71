"""What a sweep has left, read without its own code: the content of its records, and the SHA-256 of every file."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

COMPUTED = (
    "run_id", "name", "spec", "scores", "dev_curve", "best_step", "steps", "planned_steps", "tokens", "data_use",
    "files", "findings",
)  # fmt: skip
"""Fields of a record that do not depend on when, where and in how many attempts it was computed."""
TABLES = ("table2.md", "table2.tex", "scores.csv")


def left(store: Path) -> dict[str, str]:
    """Run and file -> SHA-256, of all runs that have a record."""
    found = {}
    for path in sorted((store / "runs").glob("*/record.json")):
        run = path.parent
        fields = json.loads(path.read_text(encoding="utf-8"))
        kept = json.dumps({name: fields[name] for name in COMPUTED}, sort_keys=True)
        found[f"{run.name} record"] = hashlib.sha256(kept.encode()).hexdigest()
        for made in sorted(each for name in ("encoder", "predictions") for each in (run / name).rglob("*")):
            found[f"{run.name} {made.relative_to(run)}"] = sha256(made)
    return found


def tables(folder: Path) -> dict[str, str]:
    """The files of a report that hold scores."""
    return {name: sha256(folder / name) for name in TABLES if (folder / name).exists()}


def wrong(found: Mapping[str, str], reference: Mapping[str, str]) -> str | None:
    """The first thing that is not as in the reference; what is still missing is not wrong."""
    runs = {name.split()[0] for name in found}
    wanted = {name: digest for name, digest in reference.items() if name.split()[0] in runs}
    differing = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return differing[0] if differing else None


def sha256(path: Path) -> str:
    """Of a file's content; once in a process for a file that several folders share."""
    state = path.stat()
    return _digest(_Content(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, path))


@dataclass(frozen=True)
class _Content:
    device: int
    inode: int
    size: int
    changed_ns: int
    path: Path = field(compare=False)


@functools.cache
def _digest(content: _Content) -> str:
    with content.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
