"""Zero-shot evaluation of one target in all its languages: one pass by token budget against a padded loop.

The alternative is what evaluation scripts do: language by language, batches of a fixed number of rows in the order of
the file, padded to the longest of the batch. Same network and rows; the share of equal predictions is printed.

    python -m benchmarks.evaluation [--task xnli] [--rows 100] [--data ../shared/data/mirror] [--json FILE]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, machine, options_of, peak_bytes, summary, write

BATCH, PAD, MAX_TOKENS = 32, 1, 8192
CONTENDERS = ("engine", "padded loop")


def one(contender: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One measurement, in this process; `digest` holds the predictions."""
    import torch

    from trainables.data.hub import load, open_data
    from trainables.evaluation.predict import predict_all, to_the_end
    from trainables.ledger.spec import Precision
    from trainables.model.batches import collate
    from trainables.model.encoder import load_encoder
    from trainables.model.heads import new_head
    from trainables.model.network import Network
    from trainables.model.precision import attention
    from trainables.model.tokenizer import load_tokenizer
    from trainables.tasks.registry import task
    from trainables.tasks.task import Split

    torch.set_num_threads(settings["threads"])
    device = torch.device(settings["device"])
    known, data, tokenizer = task(settings["task"]), open_data(settings["data"]), load_tokenizer("bundled")
    parts = []
    for language in known.languages[Split.TEST]:
        if all(data.has(source) for source in known.files(Split.TEST, language)):
            loaded = load(known, Split.TEST, language, data, limit=settings["rows"])
            parts.append(known.format.encode(loaded.examples, tokenizer, known.max_length, training=False))
    torch.manual_seed(42)
    encoder = load_encoder(settings["encoder"], attn_implementation=attention(device, Precision.FP32))
    config = encoder.config
    head = new_head(known.format, config)
    network = Network(encoder, {known.name: head}).to(device).eval()
    if contender == "engine" and device.type == "cpu":  # as phases/fit.py does; on a GPU in bf16 only
        network.use_unpadded()
    started = time.perf_counter()
    if contender == "engine":
        outputs = to_the_end(predict_all(network, known.name, parts, pad_id=PAD, max_tokens=MAX_TOKENS))
    else:
        outputs = []
        for part in parts:
            rows = [np.arange(first, min(first + BATCH, part.num_rows)) for first in range(0, part.num_rows, BATCH)]
            outputs.append([
                output for some in rows for output in network.outputs(known.name, collate(part, some, PAD).to(device))
            ])  # fmt: skip
    seconds = time.perf_counter() - started
    predictions = [known.format.decode(part, found) for part, found in zip(parts, outputs, strict=True)]
    return {
        "seconds": seconds,
        "rows": sum(part.num_rows for part in parts),
        "languages": len(parts),
        "peak_bytes": peak_bytes(),
        "predictions": [str(prediction) for some in predictions for prediction in some],
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    mirror = Path("../shared/data/mirror")
    parser.add_argument("--task", default="xnli")
    parser.add_argument("--rows", type=int, default=100, help="rows of each language; 0 for all")
    parser.add_argument("--data", default=str(mirror.resolve()) if mirror.is_dir() else "demo")
    parser.add_argument("--encoder", default="bundled")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    settings = {name: getattr(options, name) for name in ("task", "rows", "data", "encoder", "device", "threads")}
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in CONTENDERS}
    predictions: dict[str, list[str]] = {}
    for _ in range(options.repetitions):
        for name in CONTENDERS:
            figures = in_a_process("benchmarks.evaluation", contender=name, settings=settings)
            predictions[name] = figures.pop("predictions")
            for figure, value in figures.items():
                found[name][figure].append(value)
    title = f"Zero-shot evaluation of {options.task} in {found['engine']['languages'][0]} languages"
    table = Table(title=title, title_justify="left")
    for column in ("contender", "rows", "seconds", "rows/s", "peak GB"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for name, figures in found.items():
        seconds = statistics.median(figures["seconds"])
        peak = statistics.median(figures["peak_bytes"]) / 2**30
        table.add_row(
            name,
            f"{figures['rows'][0]}",
            summary(figures["seconds"]),
            f"{figures['rows'][0] / seconds:.1f}",
            f"{peak:.2f}",
        )
    console = Console()
    console.print(table)
    own, other = (statistics.median(found[name]["seconds"]) for name in CONTENDERS)
    pairs = list(zip(predictions["engine"], predictions["padded loop"], strict=True))
    equal = sum(one == two for one, two in pairs) / len(pairs)
    console.print(f"{other / own:.2f} times as fast; {equal:.2%} of the predictions are equal")
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    write(options.json, {"settings": settings, "contenders": found, "equal_predictions": equal})


if __name__ == "__main__":
    main()
