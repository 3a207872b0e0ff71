"""Universal Dependencies 2.5: words and universal tags, multi-word tokens as they are written (protocol.md 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from trainables.data.raw import RawRelease, numbered_lines, select
from trainables.data.source import DataError
from trainables.tasks.tagging import UD_RELEASE
from trainables.tasks.task import Source

SCHEMA = pa.schema({"tokens": pa.list_(pa.string()), "pos_tags": pa.list_(pa.string())})
NUM_COLUMNS = 10

RANKING = (
    "VERB", "NOUN", "PROPN", "PRON", "ADJ", "NUM", "ADV", "INTJ", "AUX", "ADP", "DET", "PART", "CCONJ", "SCONJ", "X",
    "PUNCT",
)  # fmt: skip
"""Which component's tag a multi-word token takes when several are equally close to the root."""

OWN_RANKINGS: Mapping[str, tuple[str, ...]] = {
    "es": ("VERB", "AUX", "PRON", "ADP", "DET"),
    "fr": ("VERB", "AUX", "PRON", "NOUN", "ADJ", "ADV", "ADP", "DET", "PART", "SCONJ"),
    "it": ("VERB", "AUX", "ADV", "PRON", "ADP", "DET", "INTJ"),
}
"""Rankings of languages that have their own."""


@dataclass(frozen=True, slots=True)
class Word:
    """A syntactic word; `head` is 0 for the root."""

    form: str
    tag: str
    head: int


@dataclass(frozen=True, slots=True)
class Fused:
    """A multi-word token and its components, `first` to `last`."""

    first: int
    last: int
    form: str


class UdFiles(RawRelease):
    """`UD_*/<code>_<treebank>-ud-{train,dev,test}.conllu`: all treebanks of a language, in the order of file names."""

    repository = UD_RELEASE
    option = "ud"
    where_from = "Universal Dependencies 2.5 (https://hdl.handle.net/11234/1-3105)"
    inner = ("", UD_RELEASE)

    def looks_right(self, folder: Path) -> bool:
        return any(folder.glob("UD_*/*.conllu"))

    def files(self, source: Source) -> list[Path]:
        assert self.root
        found = self.root.glob(f"*/{source.config}_*-ud-{source.split}*.conllu")
        return sorted(found, key=lambda path: path.name)

    def table(self, source: Source) -> pa.Table:
        sentences = [found for path in self.existing(source) for found in read_conllu(path, source.config)]
        columns = {"tokens": [words for words, _ in sentences], "pos_tags": [tags for _, tags in sentences]}
        return select(pa.table(columns, schema=SCHEMA), source)


def read_conllu(path: Path, language: str) -> Iterator[tuple[list[str], list[str]]]:
    """Surface words and tags of every sentence; raises DataError naming the line that is no CoNLL-U."""
    words: dict[int, Word] = {}
    fused: list[Fused] = []
    for number, line in numbered_lines(path):
        if line.startswith("#"):
            continue
        if not line.strip():
            if words:
                yield surface(words, _within(fused, words, f"{path}, before line {number}"), language)
            words, fused = {}, []
            continue
        fields = line.split("\t")
        if len(fields) != NUM_COLUMNS:
            raise DataError(f"{path}, line {number}: {len(fields)} columns, expected {NUM_COLUMNS} with tabs between")
        try:
            _add(fields, words, fused)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    if words:
        yield surface(words, _within(fused, words, f"{path}, at its end"), language)


def surface(words: Mapping[int, Word], fused: Sequence[Fused], language: str) -> tuple[list[str], list[str]]:
    """Words as they are written and their tags: multi-word tokens in place of their components."""
    forms, tags = [], []
    begins = {token.first: token for token in fused}
    inside = {number for token in fused for number in range(token.first + 1, token.last + 1)}
    for number, word in words.items():
        token = begins.get(number)
        if token:
            forms.append(token.form)
            tags.append(_tag_of(token, words, OWN_RANKINGS.get(language, RANKING)))
        elif number not in inside:
            forms.append(word.form)
            tags.append(word.tag)
    return forms, tags


def _add(fields: Sequence[str], words: dict[int, Word], fused: list[Fused]) -> None:
    name, form, tag, head = fields[0], fields[1].strip(), fields[3].strip(), fields[6]
    first, dash, last = name.partition("-")
    if "." in name:  # an empty node: elided, so not written
        return
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f"id is {name!r}, expected a number, a range 3-4 or an empty node 3.1")
    if dash:
        fused.append(Fused(int(first), int(last), form))
        return
    if int(first) != len(words) + 1:
        raise ValueError(f"id is {first}, expected {len(words) + 1}")
    words[int(first)] = Word(form, tag, int(head) if head.isdecimal() else 0)


def _within(fused: Sequence[Fused], words: Mapping[int, Word], place: str) -> Sequence[Fused]:
    """The multi-word tokens of a sentence; raises DataError for one whose components are not in it."""
    for token in fused:
        if not 1 <= token.first <= token.last <= len(words):
            raise DataError(f"{place}: the token {token.first}-{token.last} is of a sentence with {len(words)} words")
    return fused


def _tag_of(token: Fused, words: Mapping[int, Word], ranking: Sequence[str]) -> str:
    """Tag of the component closest to the root; among equals the first in the ranking, unranked tags last."""
    parts = [number for number in range(token.first, token.last + 1) if number in words]
    depth = {number: _num_ancestors(number, words) for number in parts}
    tags = [words[number].tag for number in parts if depth[number] == min(depth.values())]
    return min(tags, key=lambda tag: ranking.index(tag) if tag in ranking else len(ranking))


def _num_ancestors(number: int, words: Mapping[int, Word]) -> int:
    seen = {number}
    while (head := words[number].head) in words and head not in seen:
        seen.add(head)
        number = head
    return len(seen) - 1
