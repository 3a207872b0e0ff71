"""The command `tasks`: the tasks, and the rows that the data has for them."""

from __future__ import annotations

import argparse

from rich.console import Console

from sweep.command_line.configuration import configure
from sweep.planning.start import check_data
from sweep.terminal.task_table import task_table
from trainables.data.hub import open_data
from trainables.tasks import registry


def tasks(given: argparse.Namespace, console: Console) -> int:
    """Show the tasks, or check those of a file; returns the exit code."""
    if given.check is not None:
        from sweep.command_line.task_check import check_tasks  # late, as it is another errand

        return check_tasks(given, console)
    if given.encoder is not None:
        raise ValueError(f"--encoder {given.encoder}: its tokenizer is used by --check FILE only")
    config = configure(given)
    data = open_data(config.data.source, config.data.raw.folders)
    check_data(config, registry.tasks())
    console.print(task_table(data, config.data.repositories))
    return 0
