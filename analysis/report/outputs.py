"""The long table's schema: what `scores.csv` and `scores.parquet` hold, for whoever reads them (docs/outputs.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column: its type in the parquet file, its unit where it has one, and what it says."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""


TEXT = pa.large_string()
FIELDS = (
    Field(name="run_id", type=TEXT, meaning="run that was measured: 12 hexadecimal digits, folder of STORE/runs"),
    Field(name="phase", type=TEXT, meaning="`intermediate`, `target` or `retrieval`"),
    Field(name="intermediate", type=TEXT,
          meaning="recipe of the encoder, without `+mlm` at its end: a task for rows of the paper; `none` for the "
          "baseline, `multitask` for the mixture"),
    Field(name="mlm", type=pa.bool_(), meaning="whether MLM was co-trained with it"),
    Field(name="target", type=TEXT, meaning="task that was measured; of an intermediate run, its own"),
    Field(name="seed", type=pa.int64(), meaning="seed of the run"),
    Field(name="split", type=TEXT, meaning="`dev`, `test`, or `stopping` (rows that choose the checkpoint)"),
    Field(name="language", type=TEXT, meaning="code of the language of the rows, as XTREME has it"),
    Field(name="metric", type=TEXT, meaning="`accuracy`, `f1`, `exact_match`, or another of the task"),
    Field(name="value", type=pa.float64(), unit="percent", meaning="score, unrounded"),
    Field(name="rows", type=pa.int64(), unit="rows", meaning="rows that the score is over"),
    Field(name="capped", type=pa.bool_(), meaning="whether the run or its parent saw fewer rows than the data has"),
    Field(name="restricted", type=TEXT,
          meaning="languages the run was restricted to, separated by commas; empty means all"),
    Field(name="encoder", type=TEXT, meaning="name of the pretrained encoder"),
    Field(name="data_source", type=TEXT, meaning="`hub`, `mirror` or `demo`"),
    Field(name="parent", type=TEXT, meaning="run whose encoder it starts from; empty for the pretrained one"),
)  # fmt: skip
"""Every column in order; one line a run, task, split, language and metric."""
SCHEMA = pa.schema([(field.name, field.type) for field in FIELDS])


def in_arrow(frame: DataFrame) -> pa.Table:
    """The long table (`load.score_table`) with its types, also where it has no lines.

    Raises pyarrow's ArrowInvalid or ArrowTypeError for values of other types, KeyError for a column that lacks.
    """
    return pa.Table.from_pandas(frame[SCHEMA.names], schema=SCHEMA, preserve_index=False)


def write_parquet(frame: DataFrame, path: Path) -> None:
    """Write the long table; errors are those of `in_arrow`, and OSError."""
    pq.write_table(in_arrow(frame), path)
