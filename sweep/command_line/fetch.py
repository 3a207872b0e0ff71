"""The command `fetch`: all rows and the encoder of a sweep in a folder, for nodes without network."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys

from rich.console import Console
from rich.text import Text

from search_spaces.config_file import moved_yaml
from search_spaces.encoder_check import check_encoder
from sweep.command_line.arguments import XSTILTS, parse
from sweep.command_line.errand import Errand, errand_of
from sweep.command_line.offline import offline_words
from sweep.command_line.setup import configured
from sweep.planning.planner import build_plan
from sweep.terminal.fetching import FetchProgress, contents, in_units
from sweep.terminal.wording import how_many
from trainables.data.bringing import Outcome, bring_all, there
from trainables.data.fetched import MANIFEST
from trainables.ledger import files
from trainables.ledger.console import silent_console
from trainables.ledger.plain import plain
from trainables.ledger.terminal import complain

_FEW = 10
"""Files that did not come which are named."""


def fetch(given: argparse.Namespace, console: Console) -> int:
    """Bring what a sweep needs; returns 0 where all of it is there, 1 where something did not come."""
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when the hub's client is imported, later
    errand = errand_of(given, console)
    console.print(contents(errand.files, errand.licence))
    _check_room(errand, console)
    if given.dry_run:
        return 0
    outcome = bring_all(errand.files, errand.folder, on_end=FetchProgress(console, errand.files).ended)
    outcome.manifest.with_licences(errand.licences).save(errand.folder)
    if outcome.failed:
        _complain(outcome)
        return 1
    if given.config:
        files.write(errand.folder / given.config.name, moved_yaml(given.config))
    console.print(Text(f"{len(outcome.brought)} files fetched, {len(outcome.kept)} were there; {MANIFEST} has digests"))
    return _prove(given, errand, console)


def _check_room(errand: Errand, console: Console) -> None:
    """Say what is still to come; raises ValueError where the disk has no room for it."""
    present = there(errand.files, errand.folder)
    missing = max(sum(each.num_bytes for each in errand.files) - present, 0)
    existing = next(place for place in (errand.folder, *errand.folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    room = f"{in_units(free)} are free on the disk of {plain(str(errand.folder))}"
    if missing > free:
        raise ValueError(f"{in_units(missing)} are to be fetched, {room}. Give another --out, or a smaller sweep")
    console.print(Text(f"{in_units(missing)} to fetch, {in_units(present)} are there; {room}"), soft_wrap=True)


def _complain(outcome: Outcome) -> None:
    failed = sorted(outcome.failed.items())
    for path, why in failed[:_FEW]:
        complain(f"{path}: {why}")
    more = f" ({len(failed) - _FEW} more than are named)" if len(failed) > _FEW else ""
    complain(f"{len(failed)} files did not come{more}; the others are there, and the same command fetches the rest")


def _prove(given: argparse.Namespace, errand: Errand, console: Console) -> int:
    """Plan the sweep from the folder with the very words that are shown; returns 1 where a cell has no data there."""
    words = offline_words(given, errand.config, errand.folder, errand.encoder.path)
    config = configured(parse(words, XSTILTS), silent_console())
    plan = build_plan(config)
    check_encoder(config.encoder.name, config.encoder.revision, [node.spec for node in plan.nodes.values()])
    if lost := [cell for cell in errand.plan.cells if cell not in plan.cells]:
        reason = plan.without_data.get(lost[0], "not planned")
        complain(f"{how_many(len(lost), 'cell')} without data in {errand.folder}: {reason}")
        return 1
    same = plan.nodes.keys() == errand.plan.nodes.keys()
    ids = "their ids are the same" if same else "their ids are new: records of earlier runs do not count for them"
    console.print(Text(f"planned from there: {len(plan.nodes)} runs, {ids}"))
    console.print(Text("to run it without network (put the path of the folder where it lies elsewhere):"))
    console.print(Text(f"HF_HUB_OFFLINE=1 xstilts {shlex.join(words)}"), soft_wrap=True)
    return 0
