"""Rows of one source in training and in evaluation, on the data at hand: `python -m benchmarks.shared_rows --data DIR`.

Every task that trains, its training and its stopping rows in English, against the evaluated English rows of each target
of its family. Where one file serves both (English dev rows stop a run and select, protocol.md 2.5) that is said. The
counts are those of the rows in DIR: of samples they say nothing of the data sets.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from trainables.data.loading import load
from trainables.data.mirror import MirrorData
from trainables.data.shared_rows import shared_rows
from trainables.data.source import DataError, DataSource
from trainables.tasks.families import family_of
from trainables.tasks.languages import ENGLISH
from trainables.tasks.registry import targets, tasks
from trainables.tasks.task import Split, Task

_SEEN, _EVALUATED = (Split.TRAIN, Split.STOPPING), (Split.DEV, Split.TEST)


def main() -> None:
    """Print a line for every pair of splits that can be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a mirror of the hub: DIR/<repo>/<config>/<split>")
    table = Table("trained on", "split", "target", "split", "rows", "by id", "by text", "either", "same file")
    for line in _lines(MirrorData(parser.parse_args().data)):
        table.add_row(*line)
    Console().print(table)


def _lines(data: DataSource) -> Iterator[tuple[str, ...]]:
    for own in tasks().values():
        for target in targets() if own.trains else ():
            if family_of(own.name) == family_of(target.name):
                for seen in _SEEN:
                    for split in _EVALUATED:
                        if ENGLISH in target.languages.get(split, ()):
                            yield (
                                own.name,
                                seen.value,
                                target.name,
                                split.value,
                                *_counts(own, seen, target, split, data),
                            )


def _counts(own: Task, seen: Split, target: Task, split: Split, data: DataSource) -> tuple[str, ...]:
    try:
        found = shared_rows(load(own, seen, ENGLISH, data).examples, load(target, split, ENGLISH, data).examples)
    except DataError as error:
        return ("", "", "", "", str(error).partition("\n")[0][:60])
    same = {file.path for file in own.files(seen, ENGLISH)} & {file.path for file in target.files(split, ENGLISH)}
    return (*map(str, (found.rows, found.by_id, found.by_text, found.either)), "yes" if same else "")


if __name__ == "__main__":
    main()
