"""The section on the notes of the runs: those that differ in figures and names alone are folded into one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from analysis.report.content import Block, Folded, Item, Items, Section
from analysis.scores.headings import heading
from analysis.scores.load import Run
from analysis.showing.kinds import kind
from trainables.tasks.registry import tasks

_NAMED = 3
"""Runs that a note names."""


def notes_section(runs: Sequence[Run]) -> Section:
    """One line a kind; the notes of a kind with several are folded below it."""
    names: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for note in run.record.notes:
            names[note].append(run.record.name)
    words = _variable_words(runs)
    kinds: dict[str, list[str]] = defaultdict(list)
    for note in names:
        kinds[kind(note, words)].append(note)
    blocks: list[Block] = []
    single: list[Item] = []
    for notes in kinds.values():
        if len(notes) == 1:
            single.append(_item(notes[0], names[notes[0]]))
            continue
        if single:
            blocks.append(Items(items=tuple(single)))
            single = []
        run_names = {name for note in notes for name in names[note]}
        said = f"{notes[0]} (and {len(notes) - 1} more of this kind; {len(run_names)} run{'s' * (len(run_names) > 1)})"
        blocks.append(Folded(said=said, blocks=(Items(items=tuple(_item(note, names[note]) for note in notes)),)))
    if single:
        blocks.append(Items(items=tuple(single)))
    return Section(id="notes", title="Notes of the runs", blocks=tuple(blocks))


def _variable_words(runs: Sequence[Run]) -> set[str]:
    """Languages and tasks: by these, too, notes of one kind differ."""
    measured = {score.language for run in runs for score in run.record.scores}
    known = {language for each in tasks().values() for some in each.languages.values() for language in some}
    return {word for word in measured | known | set(tasks()) | {heading(name) for name in tasks()} if word}


def _item(note: str, names: Sequence[str]) -> Item:
    shown = ", ".join(dict.fromkeys(names[:_NAMED])) if len(names) <= _NAMED else f"{len(names)} runs"
    return Item(said=f"{note or 'no reason noted'} ({shown})")
