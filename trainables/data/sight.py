"""Sight: examples as the model sees them, sub-word by sub-word, and what it is to predict of each."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from trainables.ledger.plain import plain
from trainables.tasks.examples import BitextExample, Example
from trainables.tasks.formats.base import Encoded, Head, Tokenizer
from trainables.tasks.formats.mining import MiningFormat, corpus_examples
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.task import Task

LONGEST = 60
"""Sub-words of an input that are shown."""
_AROUND = 8
"""Sub-words on both sides of an answer that are shown."""
_LONGEST_ID = 60
_LOOKED_AT = 20
"""Examples for each that is shown: a question whose answer is not in its context has no row in training."""
GAP = "…"
PAIR = ("English", "foreign")


class Kind(StrEnum):
    """What a sub-word is."""

    SPECIAL = "special"
    TEXT = "text"
    ANSWER = "answer"
    """Of the answer; of tagging, where a tag is read."""
    GAP = "gap"
    """In place of sub-words that are left out."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A sub-word, its text made plain."""

    text: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Input:
    """One sequence.

    Attributes:
        tokens: its sub-words; of a long one some are left out.
        name: which choice or side of a bitext it is; empty where a row has one sequence.
    """

    tokens: tuple[Token, ...]
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One row.

    Attributes:
        id: of its example.
        part: which piece or window it is of how many; empty where an example has one row.
        inputs: a sequence for each choice, or for each side of a bitext; else one.
        what: kind of what is to be predicted, for example `label`; empty for retrieval, where pairs are to be found.
        wanted: what is to be predicted; of tagging `sub-word/tag` for each word that is shown.
    """

    id: str
    part: str
    inputs: tuple[Input, ...]
    what: str
    wanted: tuple[str, ...]


def sights(
    task: Task, examples: Sequence[Example], tokenizer: Tokenizer, *, training: bool, limit: int = 5
) -> list[Sight]:
    """A row of each of the first `limit` examples that have one: the first row with what is to be predicted.

    Of comparable corpora sentences are shown with their translation. Raises what the task's format does.
    """
    if isinstance(task.format, MiningFormat):
        task, examples = replace(task, format=SentenceFormat()), _pairs(examples, limit)
    some = examples[: limit * _LOOKED_AT]
    encoded = task.format.encode(some, tokenizer, task.max_length, training=training)
    found = []
    for owner, rows in itertools.groupby(range(encoded.num_rows), key=lambda row: int(encoded.owners[row])):
        own = list(rows)
        row = next((row for row in own if len(encoded.spans) and encoded.spans[row].any()), own[0])
        part = f"{own.index(row) + 1} of {len(own)}" if len(own) > 1 else ""
        found.append(_sight(task, encoded, row, part, plain(str(some[owner].id), _LONGEST_ID), tokenizer))
        if len(found) == limit:
            break
    return found


def _pairs(examples: Sequence[Example], limit: int) -> list[Example]:
    sentences = corpus_examples(examples)
    texts = {sentence.id: sentence.text for sentence in sentences}
    found = (
        BitextExample(sentence.id, sentence.text, texts[sentence.translations[0]])
        for sentence in sentences
        if sentence.translations and sentence.translations[0] in texts
    )
    return list(itertools.islice(found, limit))


def _sight(task: Task, encoded: Encoded, row: int, part: str, name: str, tokenizer: Tokenizer) -> Sight:
    head, labels, group = task.format.head, [plain(label) for label in task.format.labels], encoded.group
    sequences = [encoded.sequences[row * group + number].tolist() for number in range(group)]
    texts = [[plain(str(text)) for text in tokenizer.convert_ids_to_tokens(ids)] for ids in sequences]
    names, marked, what, wanted = [""] * group, range(0), "", []
    if head is Head.CLASSIFICATION:
        what, wanted = "label", [labels[encoded.labels[row]]]
    elif head is Head.CHOICE:
        names, what, wanted = labels, "choice", [labels[encoded.labels[row]]]
    elif head is Head.TAGGING:
        marked, what = encoded.word_positions[row].tolist(), "tags"
        pairs = zip(marked, encoded.tags[row].tolist(), strict=True)
        shown = _kept(len(texts[0]), marked)
        wanted = [f"{texts[0][at]}/{labels[tag]}" for at, tag in pairs if at in shown]
    elif head is Head.SPAN:
        start, end = encoded.spans[row].tolist() if len(encoded.spans) else (0, 0)
        marked = range(start, end + 1) if start else range(0)
        what, wanted = "answer", [" ".join(texts[0][at] for at in marked) or "not in this window"]
    elif head is Head.EMBEDDING:
        names = list(PAIR)
    special = set(tokenizer.all_special_ids)
    inputs = [
        Input(tokens=tuple(_tokens(of, ids, special, marked)), name=called)
        for of, ids, called in zip(texts, sequences, names, strict=True)
    ]
    return Sight(id=name, part=part, inputs=tuple(inputs), what=what, wanted=tuple(wanted))


def _tokens(
    texts: Sequence[str], ids: Sequence[int], special: Collection[int], marked: Collection[int]
) -> Iterator[Token]:
    before = -1
    for place in sorted(_kept(len(texts), marked)):
        if place > before + 1:
            yield Token(text=GAP, kind=Kind.GAP)
        before = place
        kind = Kind.SPECIAL if ids[place] in special else Kind.TEXT
        yield Token(text=texts[place], kind=Kind.ANSWER if place in marked else kind)


def _kept(length: int, marked: Collection[int]) -> set[int]:
    """Which sub-words are shown: all of a short input, else begin and end and those around an answer."""
    if length <= LONGEST:
        return set(range(length))
    first, last = (min(marked), max(marked)) if marked else (0, 0)
    answer = set(range(first - _AROUND, last + _AROUND + 1)) if last - first < LONGEST // 2 else set()
    begin = range(LONGEST - 2 - len(answer))
    return {place for place in (*begin, *answer, length - 2, length - 1) if 0 <= place < length}
