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
    """Development block of Table 2: label, intermediate, mlm, target, metric, value (percent, absolute), printed.

    `printed` is the text in the paper: the change against the baseline, for the baseline itself the score.
    """
    table = _read("table2_dev.csv")
    lines = [
        (label, INTERMEDIATES[label], bool(int(mlm)), target, metric, float(value), _printed(change, value))
        for column in table.columns
        if column.endswith("_abs") and not column.startswith("avg")
        for name in [column.removesuffix("_abs")]
        for target, metric in [_split(name)]
        for label, mlm, value, change in zip(
            table["intermediate_task"], table["with_mlm"], table[column], table[f"{name}_delta_printed"], strict=True
        )
    ]
    return DataFrame(lines, columns=["label", "intermediate", "mlm", "target", "metric", "value", "printed"])


def benchmark_scores() -> DataFrame:
    """Test block of Table 2: label, target, metric, value, printed; cells that are a dash in the paper are left out."""
    table = _read("table2_xtreme.csv")
    lines = [
        (label, *_split(column), float(value), value)
        for column in table.columns
        if column.partition("_")[0] in _PREFIXES
        for label, value in zip(table["model"], table[column], strict=True)
        if isinstance(value, str)
    ]
    return DataFrame(lines, columns=["label", "target", "metric", "value", "printed"])


def dev_averages() -> DataFrame:
    """The column `Avg` of the development block: label, intermediate, mlm, printed (as in `dev_scores`), note.

    `note` is what was hard to read in the row, or odd about it; empty for most.
    """
    table = _read("table2_dev.csv")
    lines = [
        (label, INTERMEDIATES[label], bool(int(mlm)), _printed(change, value), note if isinstance(note, str) else "")
        for label, mlm, change, value, note in zip(
            table["intermediate_task"], table["with_mlm"], table["avg_delta_printed"], table["avg_abs"], table["note"],
            strict=True,
        )
    ]  # fmt: skip
    return DataFrame(lines, columns=["label", "intermediate", "mlm", "printed", "note"])


def benchmark_averages() -> DataFrame:
    """The column `Avg` of the test block: label, printed, note; a row without an average is left out."""
    table = _read("table2_xtreme.csv")
    lines = [
        (label, printed, note if isinstance(note, str) else "")
        for label, printed, note in zip(table["model"], table["avg_printed"], table["note"], strict=True)
        if isinstance(printed, str)
    ]
    return DataFrame(lines, columns=["label", "printed", "note"])


def epochs_and_batches() -> dict[tuple[str, str], tuple[float | None, int | None]]:
    """Tables 3 and 4: phase and task (as this project names it) -> epochs and effective batch; None for a dash."""
    return {
        (phase, names[label]): (_number(epochs), None if (size := _number(batch)) is None else int(size))
        for file, phase, names in (
            ("table3_intermediate.csv", "intermediate", INTERMEDIATES),
            ("table4_target.csv", "target", TARGETS),
        )
        for table in [_read(file)]
        for label, epochs, batch in zip(table["task"], table["epochs"], table["batch_size"], strict=True)
    }


def tasks() -> DataFrame:
    """Table 1: row counts of every task; `task` is this project's name."""
    table = _read("table1_tasks.csv")
    table.insert(0, "task", table["name"].map({**INTERMEDIATES, **TARGETS}))
    whole = ["train_rows", "dev_rows", "test_rows_min", "test_rows_max"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _number(text: str | float) -> float | None:
    return float(text) if isinstance(text, str) else None


def _printed(change: str | float, value: str) -> str:
    """The change where one is printed, else the score itself."""
    return change if isinstance(change, str) else value


def _split(column: str) -> tuple[str, str]:
    prefix, _, metric = column.partition("_")
    return _PREFIXES[prefix], _METRICS[metric]


def _read(name: str) -> DataFrame:
    """All columns as text, exactly as in the file; empty cells are missing."""
    with files("analysis.published").joinpath(name).open(encoding="utf-8") as file:
        return read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
