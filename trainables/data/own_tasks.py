"""Tasks of one's own from files: a definition, the Task it stands for, and its rows in the layout of a mirror.

Tagging reads files in columns, questions the JSON of SQuAD. Rows are written as `own/NAME/LANGUAGE/SPLIT.parquet`, so
that a mirror folder serves them like those of any task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.column_files import Columns, read_columns_file
from trainables.data.source import DataError
from trainables.data.squad_files import read_squad_file
from trainables.ledger.cells import BASELINE
from trainables.ledger.nearest import unknown
from trainables.tasks import languages, registry
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.labels import parse_span, tagging_parser
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Role, Source, Sources, Split, Task

TAGGING = "tagging"
SPAN = "span"
_LENGTHS = {TAGGING: 256, SPAN: 384}
_ROLES = (Role.INTERMEDIATE, Role.TARGET)
_RESERVED = frozenset({BASELINE, "mlm", "multitask", *languages.XTREME})
_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a task of one's own is.

    Attributes:
        name: what users type.
        role: intermediate or target.
        format: tagging or span.
        files: by split and language.
        labels: tags in the order of the head; empty for span.
        columns: where words and tags stand in the files of tagging.
        chunk_f1: whether tags are chunks (B-, I-) that F1 counts; else accuracy over words.
    """

    name: str
    role: Role
    format: str
    files: Mapping[Split, Mapping[str, Path]]
    labels: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)
    chunk_f1: bool = True

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise DataError(f"task {self.name}: " + "; ".join(problems))

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of what it says, without where its files are: rows have a fingerprint."""
        says = {
            "name": self.name, "role": self.role, "format": self.format, "labels": self.labels,
            "columns": asdict(self.columns), "chunk_f1": self.chunk_f1,
            "languages": {split: sorted(files) for split, files in self.files.items()},
        }  # fmt: skip
        return hashlib.sha256(json.dumps(says, sort_keys=True).encode()).hexdigest()[:_DIGITS]

    def task(self, num_train_rows: int = 0) -> Task:
        """The task, whose rows are those that `write_rows` leaves."""
        tagged = self.format == TAGGING
        of_tags = ("f1",) if self.chunk_f1 else ("accuracy",)
        metrics = of_tags if tagged else ("f1", "exact_match")
        return Task(
            name=self.name,
            title=self.name,
            role=self.role,
            format=TaggingFormat(labels=self.labels, chunk_f1=self.chunk_f1) if tagged else SpanFormat(),
            metrics=metrics,
            selection=metrics,
            languages={split: _english_first(files) for split, files in self.files.items()},
            sources={f"own/{self.name}": {split: self._sources(split) for split in self.files}},
            fine_tuning=self.name,
            max_length=_LENGTHS[self.format],
            num_train_rows=num_train_rows,
        )

    def _sources(self, split: Split) -> Sources:
        tagged = self.format == TAGGING
        columns = ("tokens", "tags") if tagged else ("id", "question", "context", "answers")
        parse = tagging_parser("tags", self.labels, str) if tagged else parse_span
        place = f"own/{self.name}"
        return lambda language: (Source(repository=place, config=language, split=split, columns=columns, parse=parse),)

    def _problems(self) -> list[str]:
        found = []
        if self.name in _RESERVED:
            found.append(f"the name {self.name!r} means something else (languages, none, mlm, multitask)")
        if self.name in registry.tasks():
            found.append(f"a task {self.name!r} is there already")
        if self.format not in _LENGTHS:
            found.append(unknown("format", self.format, _LENGTHS))
        if self.role not in _ROLES:
            found.append(unknown("role", str(self.role), _ROLES))
        if self.format == TAGGING and len(set(self.labels)) != max(len(self.labels), 1):
            found.append("labels must be distinct names, at least one")
        wanted = (Split.TRAIN, Split.STOPPING, *((Split.TEST,) if self.role is Role.TARGET else ()))
        if missing := [split for split in wanted if not self.files.get(split)]:
            found.append(f"no files for {', '.join(missing)}")
        codes = dict.fromkeys(code for files in self.files.values() for code in files)
        found += [unknown("language", code, languages.XTREME) for code in codes if code not in languages.XTREME]
        return found


def write_rows(of: Definition, folder: Path) -> dict[Split, int]:
    """Write the rows of a definition into a mirror folder; returns how many each split has, over its languages.

    Raises DataError for a file that cannot be read, a tag that is no label, and rows of training that are in another
    split too.
    """
    counts: dict[Split, int] = {}
    trained: dict[str, Path] = {}
    for split in sorted(of.files, key=lambda split: split is not Split.TRAIN):
        for language, path in of.files[split].items():
            rows = read_columns_file(path, of.columns) if of.format == TAGGING else read_squad_file(path)
            _check_tags(of, path, rows)
            for number, row in enumerate(rows, start=1):
                if split is Split.TRAIN:
                    trained[_text_of(row)] = path
                elif (same := trained.get(_text_of(row))) is not None:
                    raise DataError(f"{path}, row {number}: it is a training row, too, of {same}")
            target = folder / "own" / of.name / language / f"{split}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows), target)
            counts[split] = counts.get(split, 0) + len(rows)
    return counts


def _check_tags(of: Definition, path: Path, rows: list[dict[str, Any]]) -> None:
    for number, row in enumerate(rows, start=1):
        if of.format == TAGGING and (strange := [tag for tag in row["tags"] if tag not in of.labels]):
            raise DataError(f"{path}, sentence {number}: {unknown('label', strange[0], of.labels)}")


def _text_of(row: Mapping[str, Any]) -> str:
    """What a model sees of a row, without its answer."""
    return json.dumps([row.get(name) for name in ("tokens", "question", "context")])


def _english_first(codes: Mapping[str, Path]) -> tuple[str, ...]:
    return tuple(sorted(codes, key=lambda code: code != ENGLISH))
