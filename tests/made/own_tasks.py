"""Files of tasks of one's own: rows of every format, in every kind of file, and the YAML that names them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from search_spaces.plain_yaml import write_yaml
from tests.made.texts import write_text
from trainables.tasks.examples import (
    BitextExample,
    ChoiceExample,
    CorpusExample,
    PairExample,
    SpanExample,
    TaggingExample,
)

ROWS = {
    "pair": [
        {"id": "a", "text_a": "It rained [twice].", "text_b": "[1]", "label": "same"},
        {"id": "b", "text_a": "Sí, llovió.", "text_b": "No.", "label": "other"},
    ],
    "choice": [
        {"id": "a", "prompt": "Two and two?", "choices": ["four", "five, or six"], "label": 0},
        {"id": "b", "prompt": "One and one?", "choices": ["three", "two"], "label": 1},
    ],
    "tagging": [
        {"id": "a", "words": ["Anna", "sleeps"], "tags": ["B-PER", "O"]},
        {"id": "b", "words": ["It", "rains", "."], "tags": ["O", "O", "O"]},
    ],
    "span": [
        {"id": "a", "question": "Who?", "context": "It was Anna, Anna!",
         "answers": {"text": ["Anna"], "answer_start": [13]}},
        {"id": "b", "question": "What?", "context": "A house.", "answers": {"text": ["house"], "answer_start": [2]}},
    ],
    "sentence": [
        {"id": "a", "foreign": "Es regnet.", "english": "It rains."},
        {"id": "b", "foreign": "Ja.", "english": "Yes."},
    ],
    "mining": [
        {"id": "de1", "text": "Ja.", "language": "de", "translations": ["en2"]},
        {"id": "de2", "text": "Nie.", "language": "de", "translations": []},
        {"id": "en2", "text": "Yes.", "language": "en", "translations": []},
    ],
}  # fmt: skip
EXAMPLES = {
    "pair": [PairExample("a", "It rained [twice].", "[1]", 1), PairExample("b", "Sí, llovió.", "No.", 0)],
    "choice": [
        ChoiceExample("a", "Two and two?", ("four", "five, or six"), 0),
        ChoiceExample("b", "One and one?", ("three", "two"), 1),
    ],
    "tagging": [
        TaggingExample("a", ("Anna", "sleeps"), (1, 0)),
        TaggingExample("b", ("It", "rains", "."), (0, 0, 0)),
    ],
    "span": [
        SpanExample("a", "Who?", "It was Anna, Anna!", ("Anna",), (13,)),
        SpanExample("b", "What?", "A house.", ("house",), (2,)),
    ],
    "sentence": [BitextExample("a", "Es regnet.", "It rains."), BitextExample("b", "Ja.", "Yes.")],
    "mining": [
        CorpusExample("de1", "Ja.", "de", ("en2",)),
        CorpusExample("de2", "Nie.", "de", ()),
        CorpusExample("en2", "Yes.", "en", ()),
    ],
}
"""What the rows are, with inferred labels where they may be inferred: `other`, `same`; `O`, `B-PER`."""


def write_rows_as(path: Path, rows: list[dict]) -> Path:
    """Write rows in the kind of file that its suffix says; lists and records are JSON in CSV and TSV."""
    if path.suffix == ".parquet":
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if path.suffix in (".csv", ".tsv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t")
        writer.writeheader()
        writer.writerows({name: json.dumps(v) if isinstance(v, list | dict) else v for name, v in row.items()}
                         for row in rows)  # fmt: skip
        return write_text(path, text.getvalue())
    return write_text(path, "".join(f"{json.dumps(row)}\n" for row in rows))


def section(kind: str, suffix: str = ".jsonl", **says) -> dict:
    """A target task of a format with files in German and, where it is trained, in English; fields that are None go."""
    trained = {} if kind in ("sentence", "mining") else {"train": {"en": "rows/a"}, "stopping": {"en": "rows/a"}}
    files = {**trained, "dev": {"de": "rows/a"}, "test": {"de": "rows/a"}}
    held = {split: {code: f"{path}{suffix}" for code, path in of.items()} for split, of in files.items()}
    labels = {"labels": [0, 1]} if kind == "choice" else {}
    whole = {"role": "target", "format": kind, "files": held, **labels, **says}
    return {name: value for name, value in whole.items() if value is not None}


def write_task(folder: Path, kind: str, suffix: str = ".jsonl", rows: list[dict] | None = None, **says) -> Path:
    """Write `rows/a` and `mine.yaml` with the task `mine` into a folder; returns the YAML file."""
    write_rows_as(folder / "rows" / f"a{suffix}", ROWS[kind] if rows is None else rows)
    return write_text(folder / "mine.yaml", write_yaml({"mine": section(kind, suffix, **says)}))
