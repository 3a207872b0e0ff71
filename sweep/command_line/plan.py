"""The command `plan`: what `run` would do and take. Writes nothing but the rates that a probe has measured."""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.text import Text

from sweep.command_line.foresight import foresee, remarks
from sweep.command_line.plan_json import as_json
from sweep.command_line.probe import probe
from sweep.command_line.setup import configured
from sweep.terminal.description import describe


def plan(given: argparse.Namespace, console: Console) -> int:
    """Say what `run` would do; returns the exit code."""
    aside = Console(stderr=True, quiet=True) if given.json else console
    config = configured(given, aside)
    if given.probe:
        probe(config, aside)
    found = foresee(config, given.gpus or (), given.budget or 0.0)
    if given.json:
        console.print(Text(json.dumps(as_json(found), indent=2, allow_nan=False)), soft_wrap=True)
        return 0
    console.print(
        describe(
            found.bill,
            found.setup.store,
            config.search,
            racing=config.race.enabled,
            remarks=tuple(remarks(found)),
            costs=found.setup.costs,
            cautions=found.cautions,
        )
    )
    return 0
