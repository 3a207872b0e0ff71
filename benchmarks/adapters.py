"""Adapters beside full fine-tuning: training speed, memory, bytes that a run leaves, and scores of both.

An intermediate run and a target run that starts from it are computed with each method, all weights among them, every
pair in a process of its own, the contenders in turn. Speed is that of the updates (dev evaluations included), processor
time that of the whole process. Bytes are those of the encoder's folder without the tokenizer, which a store keeps
once. The score is that of the target's dev rows over all languages, in percent; with few rows it is mostly chance.
Below stands what each method leaves for the geometry of XLM-R Large.

    python -m benchmarks.adapters [--encoder bundled:3] [--data DIR] [--rows 480] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, machine, options_of, peak_bytes, summary, write

MODULE = "benchmarks.adapters"
ALL = "all weights"
INTERMEDIATE, TARGET = "qqp", "udpos"


def one(method: str, settings: Mapping[str, Any]) -> dict[str, float]:
    """Both runs with a method, in this process."""
    from search_spaces.config_file import apply_sets
    from search_spaces.presets import grid_demo
    from search_spaces.resolve import for_method
    from sweep.command_line.compute import run_options
    from sweep.planning.planner import build_plan
    from trainables.ledger.recipe import parse_recipe
    from trainables.ledger.spec import Phase
    from trainables.ledger.store import Store
    from trainables.phases.run import run_to_end

    sets = [
        f"grid.intermediates={INTERMEDIATE}", "grid.mlm=off", f"grid.targets={TARGET}",
        f"encoder.name={settings['encoder']}", f"data.source={settings['data']}",
        f"data.train_rows={settings['rows']}", f"data.eval_rows={settings['eval_rows']}",
        f"cluster.threads={settings['threads']}",
    ]  # fmt: skip
    config = apply_sets(grid_demo(), sets)
    plan = build_plan(config)
    options = dataclasses.replace(run_options(config, plan), device=settings["device"], keep_models=True)
    own = None if method == ALL else parse_recipe(f"{INTERMEDIATE}/{method}").stages[0].method
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as root:
        store, parent = Store(Path(root)).prepare(), ""
        for phase in (Phase.INTERMEDIATE, Phase.TARGET):
            node = next(
                node for node in plan.nodes.values()
                if node.spec.phase is phase and bool(node.spec.parent) == bool(parent)
            )  # fmt: skip
            trained = for_method(node.spec.optimisation, own) if node.spec.optimisation else None
            spec = dataclasses.replace(node.spec, method=own, parent=parent, optimisation=trained)
            worked = time.process_time()
            record = run_to_end(spec, node.name, store, options)
            found[f"{phase} processor seconds"] = time.process_time() - worked
            found[f"{phase} steps a second"] = record.steps / record.seconds["train"]
            folder = store.fetch(spec.run_id, "encoder")
            files = [path for path in folder.iterdir() if not path.name.startswith("tokenizer")]
            found[f"{phase} bytes"] = sum(path.stat().st_size for path in files)
            parent = spec.run_id
        found["score"] = statistics.fmean(score.value for score in record.scores if score.split == "dev")
    return found | {"peak bytes": peak_bytes()}


def large_bytes(method: str) -> int:
    """What a run with a method leaves of an encoder with the geometry of XLM-R Large, no memory taken."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    from trainables.ledger.recipe import parse_recipe
    from trainables.model.adapters import add_adapters

    geometry = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    config = XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1, **geometry)
    with torch.device("meta"):
        encoder = XLMRobertaModel(config, add_pooling_layer=False)
        if method == ALL:
            return sum(parameter.nbytes for parameter in encoder.parameters())
        [stage] = parse_recipe(f"{INTERMEDIATE}/{method}").stages
        assert stage.method
        parts = add_adapters(encoder, stage.method).parts.values()
    return sum(parameter.nbytes for part in parts for parameter in part.parameters())


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    mirror = Path("../shared/data/mirror")
    parser.add_argument("--encoder", default="bundled:3")
    parser.add_argument("--data", default=str(mirror.resolve()) if mirror.is_dir() else "demo")
    parser.add_argument("--rows", type=int, default=480, help="training rows of each run")
    parser.add_argument("--eval-rows", type=int, default=100, help="rows of every language and split")
    parser.add_argument("--methods", nargs="+", default=["lora", "adapter"], metavar="METHOD", help="as in recipes")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    names = ("encoder", "data", "rows", "eval_rows", "threads", "device")
    settings = {name: getattr(options, name) for name in names}
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    methods = [ALL, *options.methods]
    for _ in range(options.repetitions):
        for method in methods:
            for name, value in in_a_process(module=MODULE, method=method, settings=settings).items():
                found[method][name].append(value)
    large = {method: large_bytes(method) for method in methods}
    _show(found, large, options.encoder)
    write(options.json, {"settings": settings, "methods": found, "large_bytes": large})


def _show(found: Mapping[str, Mapping[str, list[float]]], large: Mapping[str, int], encoder: str) -> None:
    console = Console()
    drawn = Table(title=f"{encoder}: medians (lowest to highest)", title_justify="left")
    drawn.add_column("")
    for method in found:
        drawn.add_column(method, justify="right")
    for name in next(iter(found.values())):
        scale, unit = (1e6, ", MB") if "bytes" in name else (1, "")
        drawn.add_row(name.replace(" bytes", "") + unit, *(summary([each / scale for each in figures[name]])
                                                           for figures in found.values()))  # fmt: skip
    drawn.add_row("left of XLM-R Large, MB", *(f"{large[method] / 1e6:.1f}" for method in found))
    console.print(drawn)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()
