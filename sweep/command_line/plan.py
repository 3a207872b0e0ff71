"""The command `plan`: what `run` would do. Writes nothing."""

from __future__ import annotations

import argparse

from rich.console import Console

from sweep.command_line.setup import described, set_up


def plan(given: argparse.Namespace, console: Console) -> int:
    """Say what `run` would do; returns the exit code."""
    console.print(described(set_up(given, console)))
    return 0
