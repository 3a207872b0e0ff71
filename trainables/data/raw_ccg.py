"""CCGbank (LDC2005T13): words and categories from the leaves of its AUTO derivations (protocol.md 3.5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from trainables.data.raw import RawRelease, numbered_lines, select
from trainables.data.source import DataError
from trainables.tasks.tagging import CCGBANK
from trainables.tasks.task import Source

SECTIONS = {"train": range(19), "test": range(22, 25), "dev": range(19, 22)}
"""Sections of each split; the order is that in which categories are numbered. Not the customary split of CCGbank."""

_LEAF = re.compile(r"\(<L (\S+) \S+ \S+ (\S+) \S+>\)")

Sentence = tuple[list[str], list[str]]
"""Words and their categories."""


class CcgFiles(RawRelease):
    """`data/AUTO/<section>/wsj_<number>.auto`: two lines a sentence, `ID=...` and the derivation.

    `categories` are numbers into the inventory of all splits, whose names the table declares like a file of the hub.
    """

    repository = CCGBANK
    option = "ccg"
    where_from = "CCGbank (LDC2005T13, licensed by the Linguistic Data Consortium)"
    inner = ("", "AUTO", "data/AUTO", "ccgbank_1_1/data/AUTO")

    def looks_right(self, folder: Path) -> bool:
        return any(folder.glob("[0-9][0-9]/*.auto"))

    def files(self, source: Source) -> list[Path]:
        """All sections, since the numbers of the categories depend on all of them."""
        return [path for split in SECTIONS for path in self._files(split)]

    def problem(self, source: Source) -> str:
        if self.root:
            absent = [f"{n:02}" for split in SECTIONS.values() for n in split if not any(self._section(n))]
            if absent:
                return f"{self.root} lacks sections {', '.join(sorted(absent))}; expected 00 to 24"
        return super().problem(source)

    def table(self, source: Source) -> pa.Table:
        self.existing(source)
        numbers = {category: number for number, category in enumerate(self.categories)}
        sentences = list(self._sentences(source.split))
        columns = {
            "tokens": [words for words, _ in sentences],
            "categories": [[numbers[category] for category in categories] for _, categories in sentences],
        }
        label = {"feature": {"names": self.categories, "_type": "ClassLabel"}, "_type": "List"}
        features = json.dumps({"info": {"features": {"categories": label}}})
        schema = pa.schema({"tokens": pa.list_(pa.string()), "categories": pa.list_(pa.int32())})
        return select(pa.table(columns, schema=schema).replace_schema_metadata({"huggingface": features}), source)

    @cached_property
    def categories(self) -> list[str]:
        """The inventory, by first occurrence over train, then test, then dev."""
        of_sentences = (categories for split in SECTIONS for _, categories in self._sentences(split))
        return list(dict.fromkeys(category for categories in of_sentences for category in categories))

    def _sentences(self, split: str) -> Iterator[Sentence]:
        for path in self._files(split):
            yield from derivations(path)

    def _files(self, split: str) -> list[Path]:
        return [path for number in SECTIONS[split] for path in self._section(number)]

    def _section(self, number: int) -> list[Path]:
        assert self.root
        return sorted((self.root / f"{number:02}").glob("*.auto"))


def derivations(path: Path) -> Iterator[Sentence]:
    """Words and categories of every sentence of an AUTO file; raises DataError for what is no derivation."""
    header = ""
    for number, line in numbered_lines(path):
        if line.startswith("ID="):
            if header:
                raise DataError(f"{path}, line {number}: {header} has no derivation")
            header = line.split(maxsplit=1)[0]
        elif line.strip():
            if not header:
                raise DataError(f"{path}, line {number}: a derivation without a line ID=... before it")
            leaves = _LEAF.findall(line)
            if not leaves or len(leaves) != line.count("(<L "):
                raise DataError(
                    f"{path}, line {number}: {header} has a leaf that is not (<L category tag tag word category>)"
                )
            header = ""
            yield [word for _, word in leaves], [category for category, _ in leaves]
    if header:
        raise DataError(f"{path}: {header} has no derivation")
