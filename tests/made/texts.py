"""What the tests of tasks and data share: XLM-R's tokenizer, the mirror of real rows, and small parquet files."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.model.tokenizer import load_tokenizer

MIRROR = Path(__file__).resolve().parents[3] / "shared" / "data" / "mirror"


@functools.cache
def tokenizer():
    """The bundled tokenizer: XLM-R's vocabulary and pipeline."""
    return load_tokenizer("bundled")


def write_rows(root: Path, path: str, columns: dict, label_names: dict[str, list[str]] | None = None) -> Path:
    """Write `root/path.parquet`; columns with label names carry them as `datasets` does."""
    features = {}
    for name, names in (label_names or {}).items():
        label = {"names": names, "_type": "ClassLabel"}
        in_lists = isinstance(columns[name][0], list)
        features[name] = {"feature": label, "_type": "List"} if in_lists else label
    table = pa.table(columns)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = root / f"{path}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


def write_text(path: Path, text: str) -> Path:
    """Write a file with its folders, line ends as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def conllu(*lines: str) -> str:
    """Rows `id form tag head` as CoNLL-U; a multi-word token has only id and form."""
    rows = []
    for line in lines:
        name, form, tag, head = [*line.split(" "), "_", "_"][:4]
        rows.append("\t".join([name, form.replace("+", " "), "_", tag, "_", "_", head, "_", "_", "_"]))
    return "\n".join(["# text = made up", *rows]) + "\n\n"
