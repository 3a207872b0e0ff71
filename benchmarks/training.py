"""Steps a second, sub-words a second and peak memory of training: this engine against transformers' Trainer.

Same encoder, rows, effective batch, precision and optimiser; every measurement is a process of its own, the contenders
take turns. Rows are real ones where a mirror is at hand. Operations are those of a plain pass over the sub-words,
without padding; beside them stands their share of the speed at which this machine multiplies large matrices.

    python -m benchmarks.training [--data ../shared/data/mirror] [--encoder bundled] [--precision fp32] [--json FILE]
    python -m benchmarks.training --device cuda --encoder large --precision bf16      # geometry of XLM-R Large

`--tokens FOLDER` keeps the tokens there; on a machine without the data and the tokenizer it is all that is read.
`--prepare` makes them and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, machine, options_of, peak_bytes, summary, write
from benchmarks.training_rows import DEFAULT, SETTINGS, rows
from trainables.data.cache_folder import cache_folder

ENGINE = "engine"
NAMES = (ENGINE, "engine, whole table", "Trainer", "Trainer, length grouping")
USUAL = (ENGINE, "Trainer", "Trainer, length grouping")
MATRICES = "matrix products"
"""Not a contender: what the arithmetic is compared with."""


def one(task: str, contender: str, settings: dict[str, Any]) -> dict[str, float]:
    """One measurement, in this process."""
    import torch

    from benchmarks.training_contenders import CONTENDERS, flops_of_a_token, matrix_flops, tokens, updates

    torch.set_num_threads(settings["threads"])
    if contender == MATRICES:
        return {"flops": matrix_flops(settings)}
    batch = settings["batch"] or SETTINGS[task].batch
    encoded = rows(task, settings["data"], updates(settings["steps"]) * batch, Path(settings["tokens"]))
    seconds = CONTENDERS[contender](task, encoded, settings["steps"], settings)
    peak = peak_bytes()
    steps_a_second = settings["steps"] / seconds
    tokens_a_second = steps_a_second * batch * tokens(encoded)
    return {
        "steps_a_second": steps_a_second,
        "tokens_a_second": tokens_a_second,
        "flops": tokens_a_second * flops_of_a_token(encoded, settings["encoder"]),
        "peak_bytes": peak,
    }


def measure(options: argparse.Namespace, console: Console) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """All measurements: task -> contender -> figure -> values, and task -> operations a second of large matrices."""
    found: dict[str, Any] = {}
    matrices: dict[str, list[float]] = defaultdict(list)
    names = (
        "data", "tokens", "encoder", "device", "precision", "threads", "steps", "batch", "unpadded", "compile",
        "micro_tokens", "fast_dropout",
    )  # fmt: skip
    settings = {name: getattr(options, name) for name in names}
    for task in options.tasks:
        found[task] = defaultdict(lambda: defaultdict(list))
        for repetition in range(options.repetitions):
            given = {"module": "benchmarks.training", "task": task, "settings": settings}
            matrices[task].append(in_a_process(contender=MATRICES, **given)["flops"])
            for contender in options.contenders:
                figures = in_a_process(contender=contender, **given)
                for name, value in figures.items():
                    found[task][contender][name].append(value)
                console.print(
                    f"{task}, {contender}, {repetition + 1} of {options.repetitions}: "
                    f"{figures['steps_a_second']:.2f} steps a second",
                    style="dim",
                )
    return found, matrices


def table(found: dict[str, Any], matrices: dict[str, list[float]], batch: int) -> Table:
    """Medians, their spread, the share of the speed of large matrices, and the engine's figures over each Trainer's."""
    drawn = Table(title="Training: medians (lowest to highest)", title_justify="left")
    for column in (
        "task",
        "batch",
        "contender",
        "steps/s",
        "sub-words/s",
        "TFLOP/s",
        "of matrices",
        "peak GB",
        "engine: speed",
        "memory",
    ):
        drawn.add_column(column, justify="left" if column in ("task", "contender") else "right")
    for task, contenders in found.items():
        for name, figures in contenders.items():
            speed, memory = ratios(contenders, name)
            flops = statistics.median(figures["flops"])
            drawn.add_row(
                task,
                str(batch or SETTINGS[task].batch),
                name,
                summary(figures["steps_a_second"]),
                f"{statistics.median(figures['tokens_a_second']):,.0f}",
                f"{flops / 1e12:.3g}",
                f"{flops / statistics.median(matrices[task]):.0%}",
                f"{statistics.median(figures['peak_bytes']) / 2**30:.2f}",
                f"{speed:.2f}x" if speed else "",
                f"{memory:.2f}x" if memory else "",
            )
    return drawn


def ratios(contenders: dict[str, Any], other: str) -> tuple[float, float]:
    """Speed and memory of the engine over those of another contender; 0 where there is nothing to compare."""
    if other.startswith(ENGINE) or ENGINE not in contenders:
        return 0.0, 0.0
    own, others = (
        {name: statistics.median(values) for name, values in contenders[who].items()} for who in (ENGINE, other)
    )
    return own["steps_a_second"] / others["steps_a_second"], own["peak_bytes"] / others["peak_bytes"]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--tasks", nargs="+", choices=[*SETTINGS, "all"], default=list(DEFAULT), metavar="TASK")
    parser.add_argument("--contenders", nargs="+", choices=NAMES, default=list(USUAL), metavar="NAME")
    mirror = Path("../shared/data/mirror")
    parser.add_argument("--data", default=str(mirror.resolve()) if mirror.is_dir() else "demo")
    parser.add_argument("--tokens", default=str(cache_folder() / "benchmarks"), metavar="FOLDER")
    parser.add_argument("--prepare", action="store_true", help="only make the tokens")
    parser.add_argument("--encoder", default="bundled", help="an encoder name, or `large` with random weights")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--batch", type=int, default=0, help="another effective batch than the published one")
    parser.add_argument("--steps", type=int, default=12, help="timed updates; a third as many go before them")
    parser.add_argument("--micro-tokens", type=int, default=1024, help="of the engine on a CPU")
    parser.add_argument("--fast-dropout", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--unpadded", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--compile", choices=("off", "layers", "graphs"), default="off")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    if options.compile != "off" and options.device == "cpu":
        parser.error(f"--compile {options.compile} is for a GPU; allowed on a CPU: off")
    if "all" in options.tasks:
        options.tasks = list(SETTINGS)
    if options.prepare:
        for task in options.tasks:
            rows(task, options.data, 1, Path(options.tokens))
        return
    console = Console()
    found, matrices = measure(options, console)
    console.print(table(found, matrices, options.batch))
    for other in options.contenders:
        compared = [ratios(contenders, other) for contenders in found.values()]
        if all(speed for speed, _ in compared):
            speed, memory = map(statistics.median, zip(*compared, strict=True))
            console.print(
                f"median over {len(found)} tasks: {speed:.2f}x the speed, {memory:.2f}x the memory of {other}"
            )
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    settings = {name: getattr(options, name) for name in ("data", "encoder", "device", "precision", "threads", "steps")}
    write(options.json, {"settings": settings, "tasks": found, "matrix_flops": matrices})


if __name__ == "__main__":
    main()
