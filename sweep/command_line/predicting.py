"""From a file of rows to a file of predictions, and the score where rows say what is right."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.own_rows import OwnRows, read_rows
from trainables.data.row_files import SUFFIXES
from trainables.ledger import files
from trainables.ledger.console import make_console
from trainables.ledger.nearest import unknown
from trainables.ledger.terminal import complain
from trainables.phases.exported_model import ExportedModel, Predicted, has_cuda
from trainables.tasks.registry import task
from trainables.tasks.task import Task

Line = dict[str, Any]
_OBEYED = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
"""Characters that control a terminal or reorder its text; JSON escapes the others itself."""


def predict_file(model: Path, rows: Path, out: Path | None, *, language: str, device: str, max_tokens: int) -> None:
    """Predict all rows of a file; raises ExportedError for the model, DataError for the rows, OSError for the files."""
    if out and out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--out {out}: {unknown('kind of file', out.suffix or 'none', SUFFIXES)}")
    if out and out.is_dir():
        raise ValueError(f"--out {out}: it is a folder; allowed: a file")
    _check_device(device)
    loaded = ExportedModel.load(model, device)
    of = _task(loaded)
    read = read_rows(rows, of, language)
    found = loaded.predict(read.examples, max_tokens)
    lines = list(_lines(read, found))
    if out is None:
        sys.stdout.write(_as_json(lines))
    else:
        _write(out, lines)
    said = list(_scores(of, read, found))
    if out is None:
        for each in said:
            complain(each)
        return
    console = make_console(soft_wrap=True)
    for each in (*said, f"Predictions of {len(lines):,} rows: {out}"):
        console.print(each)


def _task(loaded: ExportedModel) -> Task:
    """The task of a model, with its labels."""
    of = task(loaded.exported.task)
    return of.open_labels.task(loaded.exported.labels) if of.open_labels else of


def _check_device(device: str) -> None:
    if device == "cuda" and not has_cuda():
        raise ValueError("--device cuda: PyTorch finds no GPU here; allowed here: cpu")


def _lines(read: OwnRows, found: Predicted) -> Iterator[Line]:
    for place, (example, language) in enumerate(zip(read.examples, read.languages, strict=True)):
        line: Line = {"id": example.id}
        if read.has_languages:
            line["language"] = language
        line["prediction"] = found.predictions[place]
        if found.probabilities:
            line["probabilities"] = {name: round(each, 6) for name, each in found.probabilities[place].items()}
        yield line


def _scores(of: Task, read: OwnRows, found: Predicted) -> Iterator[str]:
    """The score of every language over the rows that say what is right, and the mean over the languages."""
    scored: dict[str, list[int]] = {}
    for place, (language, gold) in enumerate(zip(read.languages, read.is_gold, strict=True)):
        if gold:
            scored.setdefault(language, []).append(place)
    means: dict[str, list[float]] = {}
    for language, places in scored.items():
        references = of.format.references([read.examples[place] for place in places])
        scores = of.format.score(references, [found.predictions[place] for place in places], language)
        for metric, value in scores.items():
            means.setdefault(metric, []).append(value)
        yield f"{language}: {_shown(scores)} over {len(places):,} rows"
    if len(scored) > 1:
        mean = {metric: statistics.fmean(values) for metric, values in means.items()}
        yield f"mean over {len(scored)} languages: {_shown(mean)}"


def _shown(scores: Any) -> str:
    return ", ".join(f"{metric} {value:.1f}" for metric, value in scores.items())


def _write(path: Path, lines: Sequence[Line]) -> None:
    with files.replacing(path.expanduser().absolute()) as partial:
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(list(lines)), partial)
        elif suffix in (".csv", ".tsv"):
            partial.write_text(_as_csv(lines, "," if suffix == ".csv" else "\t"), encoding="utf-8")
        else:
            partial.write_text(_as_json(lines), encoding="utf-8")


def _as_json(lines: Sequence[Line]) -> str:
    """Objects a line each; what a terminal would obey stands as JSON's escapes, which say the same."""
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _as_csv(lines: Sequence[Line], between: str) -> str:
    """Tags as words apart by blanks; a column for each probability."""
    flat = [_flat(line) for line in lines]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat[0]), delimiter=between, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(line: Line) -> Line:
    own = {name: each for name, each in line.items() if name != "probabilities"}
    if isinstance(own["prediction"], list):
        own["prediction"] = " ".join(own["prediction"])
    return own | {f"probability_{name}": each for name, each in line.get("probabilities", {}).items()}
