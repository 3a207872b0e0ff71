"""Sentences with tags in columns of text, as in the shared tasks of CoNLL: a word a line, an empty line after each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trainables.data.source import DataError
from trainables.ledger.plain import plain

_DOCUMENT = "-DOCSTART-"
_NO_WORD = re.compile(r"[0-9]+[-.][0-9]+")
"""Numbers of multi-word tokens and empty nodes in CoNLL-U, which are no words of the sentence."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where words and tags stand: numbers of columns from 0, or from the end if negative.

    Columns end at a tab where a line has one, else at any white space. Lines before a sentence's first word that begin
    with `comment` are left out; without one every line is a word, as some sentences begin with `#`.
    """

    words: int = 0
    tags: int = -1
    comment: str = ""


LAYOUTS: Mapping[str, Columns] = MappingProxyType({
    ".conll": Columns(), ".conllu": Columns(words=1, tags=3, comment="#"), ".txt": Columns(),
})  # fmt: skip
"""Where words and tags are where nothing else is said, by the suffix of the file."""


def read_columns_file(path: Path, columns: Columns = Columns()) -> list[dict[str, Any]]:
    """Rows `{"words": [...], "tags": [...]}`, a sentence each; raises DataError with the number of a bad line."""
    rows = []
    for words in _sentences(path, columns):
        rows.append({"words": [word for word, _ in words], "tags": [tag for _, tag in words]})
    if not rows:
        raise DataError(f"{path} has no sentences; expected a word and its tag a line, an empty line after a sentence")
    return rows


def _sentences(path: Path, columns: Columns) -> Iterator[list[tuple[str, str]]]:
    words: list[tuple[str, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            if words:
                yield words
            words = []
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        if cells[0] == _DOCUMENT or (columns.words and _NO_WORD.fullmatch(cells[0])):
            continue
        if columns.comment and not words and line.startswith(columns.comment):
            continue
        words.append(_word(path, number, cells, columns))
    if words:
        yield words


def _word(path: Path, number: int, cells: list[str], columns: Columns) -> tuple[str, str]:
    found = []
    for name, column in (("words", columns.words), ("tags", columns.tags)):
        if not -len(cells) <= column < len(cells):
            raise DataError(f"{path}, line {number}: no column {column} for {name}; it has {len(cells)}, from 0")
        found.append(cells[column].strip())
    if columns.words % len(cells) == columns.tags % len(cells):
        raise DataError(f"{path}, line {number}: {plain(cells[0])!r} has no tag; words and tags are the same column")
    if not all(found):
        raise DataError(f"{path}, line {number}: an empty word or tag")
    return found[0], found[1]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
