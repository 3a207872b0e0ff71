"""The check of tasks of one's own: `tasks --check FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console
from rich.text import Text

from search_spaces.config import SweepConfig
from search_spaces.own_tasks import read_tasks
from sweep.command_line.configuration import configure
from sweep.terminal.task_findings import findings_of, verdicts
from trainables.data.appraisal import Appraisal, appraise
from trainables.data.asked_once import AskedOnce
from trainables.data.hub import HUB, open_data
from trainables.data.own_files import FILES
from trainables.data.sight import Sight, sights
from trainables.ledger.plain import plain
from trainables.model.names import EncoderKind, parse_encoder
from trainables.tasks.formats.base import Tokenizer
from trainables.tasks.task import Split, Task

BUNDLED = "bundled"


def check_tasks(given: argparse.Namespace, console: Console) -> int:
    """Check the tasks of a file and say what was found; returns the exit code.

    Raises DataError for a file that has no tasks, and what says that rows or tokenizer cannot be had.
    """
    tasks = read_tasks(given.check)
    config = _configured(given)
    data = AskedOnce(open_data(config.data.source, config.data.raw.folders))
    tokenizer = _tokenizer(config)
    found = [appraise(task, data, tokenizer) for task in tasks]
    console.print(verdicts(found))
    said = f"Rows of {_rows_of(tasks, config.data.source)}; tokenizer of {config.encoder.name}."
    console.print(Text(plain(said), style="dim"))
    for each in found:
        console.print()
        console.print(findings_of(each, *_sights(each, tokenizer)))
    return 1 if any(each.problems for each in found) else 0


def _configured(given: argparse.Namespace) -> SweepConfig:
    """The configuration; what nothing says is the hub, of which only what the tasks name is read, and `bundled`."""
    whole = given.preset is not None or given.config
    given.data = given.data if given.data is not None or whole else HUB
    given.encoder = given.encoder if given.encoder is not None or whole else BUNDLED
    return configure(given)


def _rows_of(tasks: Sequence[Task], data: str) -> str:
    """Where the rows of the tasks are from."""
    named = {name for task in tasks for name in _repositories(task)}
    if FILES not in named:
        return data
    return "their own files" if named == {FILES} else f"their own files and of {data}"


def _repositories(task: Task) -> list[str]:
    found: list[str] = []
    for split in Split:
        for code in task.languages_of(split):
            with suppress(Exception):  # the function is the task's own; what it raises is among the problems
                found += [source.repository for source in task.files(split, code)]
    return found


def _tokenizer(config: SweepConfig) -> Tokenizer:
    from trainables.model.tokenizer import load_tokenizer  # late: a file that is wrong is said sooner

    is_hub = parse_encoder(config.encoder.name).kind is EncoderKind.HUB
    found: Tokenizer = load_tokenizer(config.encoder.name, config.encoder.revision if is_hub else None)
    return found


def _sights(found: Appraisal, tokenizer: Tokenizer) -> tuple[Sequence[Sight], str]:
    """The first training examples, of a retrieval task those of its test, and their split and language.

    None of a task that cannot encode them: what its functions raise is among the problems.
    """
    wanted = Split.TRAIN if found.task.trains else Split.TEST
    place = min(found.examples, key=lambda place: place[0] is not wanted, default=None)
    if place is None:
        return (), ""
    split, language = place
    try:
        shown = sights(found.task, found.examples[place], tokenizer, training=split is Split.TRAIN)
    except Exception:
        return (), ""
    return shown, f"{split} {language}"
