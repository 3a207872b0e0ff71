"""BUCC 2018: two monolingual files and a file of gold pairs for each language pair (protocol.md 4.6)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from trainables.data.raw import RawRelease, numbered_lines, select
from trainables.data.source import DataError
from trainables.tasks.languages import ENGLISH
from trainables.tasks.retrieval import BUCC_RELEASE
from trainables.tasks.task import Source

SCHEMA = pa.schema(
    {"id": pa.string(), "language": pa.string(), "sentence": pa.string(), "translations": pa.list_(pa.string())}
)


class BuccFiles(RawRelease):
    """`<l>-en/<l>-en.{sample,training}.{<l>,en,gold}`: lines `id<TAB>sentence`, and `id<TAB>id` in gold files.

    A row is a sentence: first the foreign ones, then the English; `translations` holds the English ids of its pairs.
    """

    repository = BUCC_RELEASE
    option = "bucc"
    where_from = "BUCC 2018 (https://comparable.limsi.fr/bucc2018)"
    inner = ("", BUCC_RELEASE)

    def looks_right(self, folder: Path) -> bool:
        return any(folder.glob("??-en/??-en.*.gold"))

    def files(self, source: Source) -> list[Path]:
        assert self.root
        foreign = source.config.removesuffix("-en")
        stem = self.root / source.config / f"{source.config}.{source.split}"
        return [stem.with_name(f"{stem.name}.{part}") for part in (foreign, ENGLISH, "gold")]

    def table(self, source: Source) -> pa.Table:
        foreign_file, english_file, gold_file = self.existing(source)
        foreign, english = _sentences(foreign_file), _sentences(english_file)
        pairs = _pairs(gold_file, foreign, english)
        columns = {
            "id": [*foreign, *english],
            "language": [source.config.removesuffix("-en")] * len(foreign) + [ENGLISH] * len(english),
            "sentence": [*foreign.values(), *english.values()],
            "translations": [pairs.get(name, []) for name in foreign] + [[]] * len(english),
        }
        return select(pa.table(columns, schema=SCHEMA), source)


def _sentences(path: Path) -> dict[str, str]:
    """Id -> sentence, in the order of the file."""
    found: dict[str, str] = {}
    for number, line in numbered_lines(path):
        name, tab, sentence = line.partition("\t")
        if not tab or not name:
            raise DataError(f"{path}, line {number}: {_short(line)}, expected id, tab, sentence")
        if name in found:
            raise DataError(f"{path}, line {number}: id {name} is given twice")
        found[name] = sentence.strip()
    return found


def _pairs(path: Path, foreign: Collection[str], english: Collection[str]) -> dict[str, list[str]]:
    """Foreign id -> English ids of its translations."""
    found: dict[str, list[str]] = {}
    for number, line in numbered_lines(path):
        pair = line.split("\t")
        if len(pair) != 2:
            raise DataError(f"{path}, line {number}: {_short(line)}, expected the ids of a pair with a tab between")
        for name, side, known in zip(pair, ("foreign", "English"), (foreign, english), strict=True):
            if name not in known:
                raise DataError(f"{path}, line {number}: {name!r} is no id of the {side} file")
        if pair[1] in found.setdefault(pair[0], []):
            raise DataError(f"{path}, line {number}: the pair {pair[0]} {pair[1]} is given twice")
        found[pair[0]].append(pair[1])
    return found


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
