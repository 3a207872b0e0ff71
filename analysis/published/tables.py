"""The tables of the paper as tidy frames, with this project's names beside the paper's (protocol.md 1, 2.4 and 6).

The CSV files hold what is printed, doubtful cells included; their notes say which cells were hard to read.
"""

from __future__ import annotations

from importlib.resources import files

from pandas import DataFrame, read_csv

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
    table = _read("table2_dev.csv")
    lines = [
        (label, INTERMEDIATES[label], bool(int(mlm)), target, metric, float(value))
        for column in table.columns
        if column.endswith("_abs") and not column.startswith("avg")
        for target, metric in [_split(column.removesuffix("_abs"))]
        for label, mlm, value in zip(table["intermediate_task"], table["with_mlm"], table[column], strict=True)
    ]
    return DataFrame(lines, columns=["label", "intermediate", "mlm", "target", "metric", "value"])


def benchmark_scores() -> DataFrame:
    """Test block of Table 2: label, target, metric, value; cells that are a dash in the paper are left out."""
    table = _read("table2_xtreme.csv")
    lines = [
        (label, *_split(column), float(value))
        for column in table.columns
        if column.partition("_")[0] in _PREFIXES
        for label, value in zip(table["model"], table[column], strict=True)
        if isinstance(value, str)
    ]
    return DataFrame(lines, columns=["label", "target", "metric", "value"])


def tasks() -> DataFrame:
    """Table 1: row counts of every task; `task` is this project's name."""
    table = _read("table1_tasks.csv")
    table.insert(0, "task", table["name"].map({**INTERMEDIATES, **TARGETS}))
    whole = ["train_rows", "dev_rows", "test_rows_min", "test_rows_max"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _split(column: str) -> tuple[str, str]:
    prefix, _, metric = column.partition("_")
    return _PREFIXES[prefix], _METRICS[metric]


def _read(name: str) -> DataFrame:
    """All columns as text, exactly as in the file; empty cells are missing."""
    with files("analysis.published").joinpath(name).open(encoding="utf-8") as file:
        return read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
