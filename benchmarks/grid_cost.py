"""GPU-hours of training the whole grid of the paper, from measured steps a second and the step counts of protocol.md.

Reads what `benchmarks.training --json FILE` wrote for all the tasks of the grid and MLM. Counted are the updates of the
16 intermediate runs and of the 17 x 6 fine-tunings; evaluation and retrieval are not. A run with MLM cannot trim the
vocabulary, so its tasks count at the speed of the engine with the whole table.

    python -m benchmarks.training --tasks all --contenders engine "engine, whole table" Trainer --json FILE ...
    python -m benchmarks.grid_cost FILE
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from search_spaces.published import INTERMEDIATE, LEFT_OUT_OF_MULTI_TASK, MLM, MULTI_TASK_EPOCHS, TARGET
from trainables.ledger.cells import MULTI_TASK
from trainables.ledger.recipe import MLM as MLM_TASK
from trainables.training.mixing import probabilities, total_steps

ROWS = {
    "anli": 1_104_934, "qqp": 363_846, "squad": 87_599, "hellaswag": 39_905, "ccg": 38_015, "cosmosqa": 25_588,
    "csqa": 9_741, "mlm": 2_000_000, "xnli": 392_702, "pawsx": 49_401, "udpos": 21_253, "panx": 20_000,
    "xquad": 87_599, "tydiqa": 3_696,
}  # fmt: skip
"""Training rows (protocol.md 2.4, 3 and 4)."""
FINE_TUNINGS = ("xnli", "pawsx", "udpos", "panx", "xquad", "tydiqa")
TRIMMED, WHOLE = "engine", "engine, whole table"


def intermediate_steps(row: str, *, mlm: bool) -> dict[str, float]:
    """Expected updates of each task in an intermediate run."""
    mixture = row == MULTI_TASK
    members = [name for name in INTERMEDIATE if name not in LEFT_OUT_OF_MULTI_TASK] if mixture else [row]
    rows = {name: ROWS[name] for name in members} | ({MLM_TASK: ROWS["mlm"]} if mlm else {})
    batches = {name: INTERMEDIATE[name].batch_size for name in members} | {MLM_TASK: MLM.batch_size}
    epochs = MULTI_TASK_EPOCHS if mixture else INTERMEDIATE[row].epochs
    steps = total_steps(rows, batches, epochs, MLM.mixing_cap, MLM.length(len(members)))
    return {name: steps * chance for name, chance in probabilities(rows, MLM.mixing_cap).items()}


def target_steps(name: str) -> dict[str, float]:
    """Updates of a fine-tuning."""
    known = TARGET[name]
    batch = {name: known.batch_size}
    steps = total_steps({name: ROWS[name]}, batch, known.epochs, MLM.mixing_cap, MLM.length(1))
    return {name: steps}


def hours(rates: Mapping[str, Mapping[str, float]], contender: str) -> dict[str, float]:
    """Hours of each part of the grid; `rates` holds steps a second by contender and task."""

    def spent(steps: Mapping[str, float], who: str) -> float:
        return sum(count / rates[who][name] for name, count in steps.items()) / 3600

    whole = WHOLE if contender == TRIMMED and WHOLE in rates else contender
    rows = [*INTERMEDIATE, MULTI_TASK]
    return {
        "intermediate": sum(spent(intermediate_steps(row, mlm=False), contender) for row in rows),
        "intermediate with MLM": sum(spent(intermediate_steps(row, mlm=True), whole) for row in rows),
        "17 x 6 fine-tunings": 17 * sum(spent(target_steps(name), contender) for name in FINE_TUNINGS),
    }


def main(arguments: list[str] | None = None) -> None:
    """Add up and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path, help="JSON of benchmarks.training")
    given = json.loads(parser.parse_args(arguments).figures.read_text())
    rates: dict[str, dict[str, float]] = {}
    for task, contenders in given["tasks"].items():
        for contender, figures in contenders.items():
            rates.setdefault(contender, {})[task] = statistics.median(figures["steps_a_second"])
    lacking = sorted(set(ROWS) - set(given["tasks"]))
    if lacking:
        parser.error(f"the figures lack {', '.join(lacking)}; run benchmarks.training with --tasks all")
    table = Table(title="Hours of training on one device, whole grid", title_justify="left")
    table.add_column("part")
    shown = [name for name in rates if name != WHOLE]
    for name in shown:
        table.add_column(name, justify="right")
    parts = {name: hours(rates, name) for name in shown}
    for part in parts[shown[0]]:
        table.add_row(part, *(f"{parts[name][part]:.1f}" for name in shown))
    table.add_row("all", *(f"{sum(parts[name].values()):.1f}" for name in shown))
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in (given["machine"] | given["settings"]).items()))


if __name__ == "__main__":
    main()
