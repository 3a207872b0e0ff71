"""The tables of the paper as tidy frames, with this project's names beside the paper's (protocol.md 1, 2.4 and 6).

The CSV files hold what is printed, doubtful cells included; their notes say which cells were hard to read.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

INTERMEDIATES = {
    "none": "none", "ANLI+": "anli", "QQP": "qqp", "SQuAD": "squad", "HellaSwag": "hellaswag", "CCG": "ccg",
    "CosmosQA": "cosmosqa", "Cosmos QA": "cosmosqa", "CSQA": "csqa", "CommonsenseQA": "csqa",
    "Multi-task": "multitask", "MLM": "mlm",
}  # fmt: skip
"""Name of an intermediate task in the paper -> in this project."""
TARGETS = {
    "XNLI": "xnli", "PAWS-X": "pawsx", "POS": "udpos", "NER": "panx", "XQuAD": "xquad", "MLQA": "mlqa",
    "TyDiQA": "tydiqa", "TyDiQA-GoldP": "tydiqa", "BUCC": "bucc", "Tatoeba": "tatoeba",
}  # fmt: skip
"""Name of a target task in the paper -> in this project."""
_PREFIXES = {
    "xnli": "xnli", "pawsx": "pawsx", "pos": "udpos", "ner": "panx", "xquad": "xquad", "mlqa": "mlqa",
    "tydiqa": "tydiqa", "bucc": "bucc", "tatoeba": "tatoeba",
}  # fmt: skip
_METRICS = {"acc": "accuracy", "f1": "f1", "em": "exact_match"}


def dev_scores() -> DataFrame:
    """Development block of Table 2: label, intermediate, mlm, target, metric, value (percent, absolute)."""
    from pandas import DataFrame

    table = _read("table2_dev.csv")
    lines = [
        (label, INTERMEDIATES[label], bool(int(mlm)), target, metric, float(value))
        for column in table.columns
        if column.endswith("_abs") and not column.startswith("avg")
        for target, metric in [_split(column.removesuffix("_abs"))]
        for label, mlm, value in zip(table["intermediate_task"], table["with_mlm"], table[column], strict=True)
    ]
    return DataFrame(lines, columns=["label", "intermediate", "mlm", "target", "metric", "value"])


def dev_averages() -> DataFrame:
    """Last column of the development block: label, intermediate, mlm, printed and recomputed average, and the deltas.

    Deltas are those printed; the baseline has none. `reproduced` is `yes`, `no` or `within rounding`.
    """
    table = _read("table2_dev.csv")
    table.insert(0, "intermediate", table["intermediate_task"].map(INTERMEDIATES))
    names = {
        "intermediate_task": "label", "intermediate": "intermediate", "with_mlm": "mlm", "avg_abs": "printed",
        "avg_abs_recomputed": "recomputed", "avg_delta_printed": "delta_printed",
        "avg_delta_recomputed": "delta_recomputed", "avg_reproduced": "reproduced",
    }  # fmt: skip
    table = table[list(names)].rename(columns=names)
    table["mlm"] = table["mlm"].astype(int).astype(bool)
    return table.astype(dict.fromkeys(["printed", "recomputed", "delta_printed", "delta_recomputed"], float))


def benchmark_scores() -> DataFrame:
    """Test block of Table 2: label, target, metric, value; cells that are a dash in the paper are left out."""
    from pandas import DataFrame

    table = _read("table2_xtreme.csv")
    lines = [
        (label, *_split(column), float(value))
        for column in table.columns
        if column.partition("_")[0] in _PREFIXES
        for label, value in zip(table["model"], table[column], strict=True)
        if isinstance(value, str)
    ]
    return DataFrame(lines, columns=["label", "target", "metric", "value"])


def benchmark_averages() -> DataFrame:
    """Last column of the test block: label, printed and recomputed average."""
    table = _read("table2_xtreme.csv")[["model", "avg_printed", "avg_recomputed"]].dropna()
    table.columns = ["label", "printed", "recomputed"]
    return table.astype({"printed": float, "recomputed": float})


def tasks() -> DataFrame:
    """Table 1: row counts of every task; `task` is this project's name."""
    table = _read("table1_tasks.csv")
    table.insert(0, "task", table["name"].map({**INTERMEDIATES, **TARGETS}))
    whole = ["train_rows", "dev_rows", "test_rows_min", "test_rows_max"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def intermediate_settings() -> DataFrame:
    """Table 3: batch size, epochs and learning rates of intermediate training; `task` is this project's name."""
    return _settings("table3_intermediate.csv", INTERMEDIATES)


def target_settings() -> DataFrame:
    """Table 4: batch size, epochs and learning rate of fine-tuning; `task` is this project's name."""
    return _settings("table4_target.csv", TARGETS)


def _settings(name: str, names: dict[str, str]) -> DataFrame:
    table = _read(name)
    table.insert(0, "label", table["task"])
    table["task"] = table["label"].map(names)
    numbers = [column for column in table.columns if column.startswith(("lr_", "learning_rate", "warmup"))]
    return table.astype({**dict.fromkeys(numbers, float), "batch_size": "Int64", "epochs": "Int64"})


def _split(column: str) -> tuple[str, str]:
    prefix, _, metric = column.partition("_")
    return _PREFIXES[prefix], _METRICS[metric]


def _read(name: str) -> DataFrame:
    """All columns as text, exactly as in the file; empty cells are missing."""
    from pandas import read_csv

    with files("analysis.published").joinpath(name).open(encoding="utf-8") as file:
        return read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
