"""What only all rows of a task tell: their numbers, their labels, and which of them training has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from trainables.data.findings import Check, Finding, Problem, Remark
from trainables.data.loading import Loaded
from trainables.data.own_files import FILES
from trainables.data.shared_rows import SeenRows, row_hashes
from trainables.data.source import DataSource, MissingDataError, UnreachableError
from trainables.ledger.plain import plain
from trainables.tasks.examples import ChoiceExample, Example, PairExample, TaggingExample
from trainables.tasks.formats.base import Head
from trainables.tasks.task import Split, Task

Place = tuple[Split, str]
"""Split and language."""
_FEW = 5
"""Names that a finding lists."""


def label_counts(task: Task, examples: Iterable[Example]) -> dict[str, int]:
    """How often each label of the task is right, over examples or over their words; empty without labels."""
    counts: Counter[int] = Counter()
    for example in examples:
        if isinstance(example, PairExample | ChoiceExample):
            counts[example.label] += 1
        elif isinstance(example, TaggingExample):
            counts.update(example.tags)
    return {name: counts[number] for number, name in enumerate(task.format.labels)}


def missing_findings(task: Task, missing: Mapping[Place, MissingDataError]) -> Iterator[Finding]:
    """Rows that are not there, once a split: a problem, or a remark of languages that only some runs ask for.

    Those of a repository that cannot be reached are one finding.
    """
    unreachable: dict[str, list[Place]] = {}
    for place, error in missing.items():
        if isinstance(error, UnreachableError):
            unreachable.setdefault(error.repository, []).append(place)
    for repository, places in unreachable.items():
        splits = ", ".join(dict.fromkeys(split for split, _ in places))
        text = f"{plain(str(missing[places[0]]))}. No rows of {plain(repository)} were looked at: {splits}"
        needed = any(code in task.languages.get(split, ()) for split, code in places)
        yield (Problem if needed else Remark)(check=Check.ROWS, text=text)
    missing = {place: error for place, error in missing.items() if not isinstance(error, UnreachableError)}
    for split in Split:
        usual = task.languages.get(split, ())
        for kind, wanted in ((Problem, True), (Remark, False)):
            codes = [code for of, code in missing if of is split and (code in usual) is wanted]
            if codes:
                text = plain(str(missing[split, codes[0]]))
                more = f"; nor are there rows in {_listed(codes[1:])}" if len(codes) > 1 else ""
                yield kind(check=Check.ROWS, text=f"{text}{more}", split=split, language=codes[0])


def row_findings(split: Split, language: str, loaded: Loaded) -> Iterator[Finding]:
    """What is odd about rows that can be used all the same."""
    dropped, same, blank = (
        sum(getattr(use, name) for use in loaded.uses) for name in ("dropped", "duplicates", "empty")
    )
    said = {
        f"{dropped:,} rows have no label or no answer and are left out": dropped,
        f"{same:,} rows say the same as an earlier one": same,
        f"{blank:,} rows have a blank text or word": blank,
    }
    for text in (*(text for text, number in said.items() if number), *loaded.notes):
        yield Remark(check=Check.ROWS, text=text, split=split, language=language)


def number_findings(task: Task, loaded: Mapping[Place, Loaded], data: DataSource) -> Iterator[Finding]:
    """Whether there are as many training rows as the task says; a remark where the data need not be all of them."""
    places = [(Split.TRAIN, code) for code in task.languages.get(Split.TRAIN, ())]
    if not task.num_train_rows or not places or not all(place in loaded for place in places):
        return
    rows = sum(len(loaded[place].examples) for place in places)
    dropped = sum(use.dropped for place in places for use in loaded[place].uses)
    if task.num_train_rows in (rows, rows + dropped):
        return
    files = [source for place in places for source in task.files(*place)]
    whole = all(source.repository == FILES or data.is_whole(source) for source in files)
    kind = Problem if whole else Remark
    text = f"the task says num_train_rows={task.num_train_rows:,}, there are {rows:,} rows"
    yield kind(check=Check.ROWS, text=text, split=Split.TRAIN)


def label_findings(task: Task, held: Mapping[Place, Sequence[Example]]) -> Iterator[Finding]:
    """Labels that evaluation asks for and training never shows, and those that no training row has."""
    shown = label_counts(task, _trained(held))
    unseen = [name for name, times in shown.items() if not times]
    if unseen:
        text = f"no training row has {_listed(unseen)}"
        yield Remark(check=Check.LABELS, text=text, split=Split.TRAIN)
    for (split, language), examples in held.items():
        asked = label_counts(task, examples) if split is not Split.TRAIN else {}
        strange = [f"{plain(name)} ({asked[name]:,})" for name in unseen if asked.get(name)]
        if strange:
            text = f"training never shows {_listed(strange)}, which is right here"
            yield Problem(check=Check.LABELS, text=text, split=split, language=language)
        if task.format.head is Head.CLASSIFICATION and len(examples) > 1 and sum(map(bool, asked.values())) == 1:
            only = next(name for name, times in asked.items() if times)
            text = f"all {len(examples):,} rows have {plain(only)}"
            yield Remark(check=Check.LABELS, text=text, split=split, language=language)


def shared_findings(task: Task, held: Mapping[Place, Sequence[Example]]) -> Iterator[Finding]:
    """Rows of evaluated splits that are training rows, too: by text, and by id where the data has ids of its own.

    A remark where the task says that it may be so.
    """
    kind = Remark if task.shares_rows else Problem
    seen = SeenRows(row_hashes(_trained(held)))
    own_ids = task.format.head is Head.SPAN
    for (split, language), examples in held.items():
        if split is Split.TRAIN:
            continue
        by_text = [example for example in examples if seen.has_text(example)]
        by_id = [example for example in examples if own_ids and seen.has_id(example)]
        for how, shared in (("text", by_text), ("id", by_id)):
            if shared:
                first = plain(" | ".join(shared[0].texts) if how == "text" else shared[0].id, 60)
                text = f"{len(shared):,} of {len(examples):,} rows are training rows, too, by {how}, as {first!r}"
                yield kind(check=Check.SHARED_ROWS, text=text, split=split, language=language)


def _trained(held: Mapping[Place, Sequence[Example]]) -> Iterator[Example]:
    return (example for (split, _), examples in held.items() if split is Split.TRAIN for example in examples)


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(map(plain, names[:_FEW]))
    return f"{few} and {len(names) - _FEW} more" if len(names) > _FEW else few
