"""Tasks of one's own in a store: a folder for each, with what it says and its rows (`trainables.data.carried`)."""

from __future__ import annotations

import shutil
from pathlib import Path

from trainables.ledger import files
from trainables.ledger.paths import names_in

OWN_TASKS = "tasks"
OWN_TASK_FILE = "task.json"
"""What a task says; where it is there, its rows are."""


class OwnTasks:
    """The part of a store that has them; `root` is its folder."""

    root: Path

    def own_tasks(self) -> tuple[str, ...]:
        """The tasks of all sweeps, `<name>-<definition>`, sorted."""
        return tuple(sorted(name for name in names_in(self.root / OWN_TASKS) if "." not in name))

    def own_task(self, key: str) -> Path | None:
        """The folder of a task; None where it is not kept."""
        folder = self.root / OWN_TASKS / key
        return folder if (folder / OWN_TASK_FILE).is_file() else None

    def has_own_task(self, key: str) -> bool:
        """Whether a task is kept for every machine."""
        return self.own_task(key) is not None

    def keep_own_task(self, key: str, folder: Path) -> None:
        """Keep a copy of the folder of a task."""
        with files.replacing(self.root / OWN_TASKS / key) as partial:
            shutil.copytree(folder, partial)
