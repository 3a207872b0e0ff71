"""Handmade stores of rows in other languages: every score is chosen, by donor and recipient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.made.records import DATA, intermediate_spec, record, target_spec
from trainables.ledger.record import Score
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split

Level = Callable[[str, str], float]
"""(donor, recipient) -> dev score; the donor of the baseline is empty."""


def donor_spec(name: str, *languages: str, parent: str = "") -> RunSpec:
    """An intermediate run on training rows of these languages; English where none is named."""
    train_languages = () if languages == ("en",) else tuple(sorted(languages))
    spec = intermediate_spec(name, data=dataclasses.replace(DATA, train_languages=train_languages))
    return dataclasses.replace(spec, parent=parent)


def scores_of(target: str, level: Callable[[str], float]) -> list[Score]:
    """Scores of a target on dev, and one point above them on test."""
    of = task(target)
    return [
        Score(task=target, split=split.value, language=language, metric=metric, value=level(language) + shift, rows=32)
        for split, shift in ((Split.DEV, 0.0), (Split.TEST, 0.0 if of.selection_split is Split.TEST else 1.0))
        for language in of.languages.get(split, ())
        for metric in of.metrics
    ]


def fill_donors(
    root: Path, name: str, donors: Iterable[str], level: Level, targets: Iterable[str] = ("panx",)
) -> Store:
    """A store with the baseline and a row of one task in each of the languages, measured on targets."""
    store = Store(root).prepare()
    for donor in ("", *donors):
        made = donor_spec(name, donor) if donor else None
        if made:
            store.finish(record(made))
        for target in targets:
            spec = target_spec(target, parent=made.run_id if made else "")
            store.finish(record(spec, scores_of(target, lambda language, of=donor: level(of, language))))
    return store
