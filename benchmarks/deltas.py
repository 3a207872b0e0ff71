"""What a child of an intermediate run starts from: the encoder as what has changed, beside the whole folder.

An intermediate run on QQP is computed twice, with `engine.store_deltas` on and off; `written` is what its stage `save`
takes. Then a process of its own, as a worker is, starts a child: the encoder is read, compared with its digests, and
trimmed to the rows of the child's texts. Nothing is trained. The second start in the same process compares nothing
again. Processor seconds depend little on what else a machine does. Peak memory is what the start adds to the process,
pages of mapped files included; private memory is what it keeps of it that no other process shares. Files lie in the
page cache.

    python -m benchmarks.deltas [--encoder bundled:3] [--rows 480] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import dataclasses
import gc
import json
import shutil
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

MODULE = "benchmarks.deltas"
CONTENDERS = ("whole", "delta")
CHILDREN = ("xnli", "tatoeba")


def one(what: str, contender: str, root: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One measurement, in this process: computing the parent, or starting the child `what`."""
    from search_spaces.config_file import apply_sets
    from search_spaces.presets import grid_demo
    from sweep.command_line.compute import run_options
    from sweep.planning.planner import build_plan
    from trainables.ledger.spec import Phase
    from trainables.ledger.store import Store
    from trainables.phases.run import run_to_end

    sets = [
        "grid.intermediates=qqp", "grid.mlm=off", f"grid.targets={','.join(CHILDREN)}",
        f"encoder.name={settings['encoder']}", f"data.train_rows={settings['rows']}",
        f"cluster.threads={settings['threads']}", f"engine.store_deltas={contender == 'delta'}",
    ]  # fmt: skip
    config = apply_sets(grid_demo(), sets)
    plan = build_plan(config)
    options = dataclasses.replace(
        run_options(config, plan), device=settings["device"], store_deltas=contender == "delta"
    )
    store = Store(Path(root)).prepare()
    [parent] = [node for node in plan.nodes.values() if node.spec.phase is Phase.INTERMEDIATE]
    if what == "parent":
        record = run_to_end(parent.spec, parent.name, store, options)
        folder = store.fetch(parent.spec.run_id, "encoder")
        own = sum(path.stat().st_size for path in folder.iterdir() if path.stat().st_nlink == 1)
        return {"written": record.seconds["save"], "bytes": own}
    [child] = [
        node for node in plan.nodes.values() if node.spec.tasks[0] == what and node.spec.parent == parent.spec.run_id
    ]
    return _starts(child, store, options)


def _starts(child: Any, store: Any, options: Any) -> dict[str, float]:
    """Seconds and memory of two starts of a child; its texts are tokenised before."""
    import numpy as np

    from trainables.ledger.spec import Phase
    from trainables.model.network import Network
    from trainables.model.vocabulary import trim, used_ids
    from trainables.phases.context import Context

    found: dict[str, float] = {}
    for turn in ("first", "second"):
        context = Context(spec=child.spec, name=child.name, store=store, options=options)
        task = context.task(child.spec.tasks[0])
        texts = context.encode(task, task.selection_split, "de", 128, limit=0)
        gc.collect()
        context = Context(spec=child.spec, name=child.name, store=store, options=options)  # its peak begins here
        before, kept = peak_bytes(), _private_bytes()
        began, worked = time.perf_counter(), time.process_time()
        encoder = context.encoder(mapped=True)
        vocabulary = encoder.get_input_embeddings().num_embeddings
        if child.spec.phase is not Phase.RETRIEVAL:
            ids = used_ids([texts.sequences], vocabulary, 1)
            trim(Network(encoder, {}), ids)
        else:
            import torch

            ids = np.unique(texts.sequences.used)
            encoder.get_input_embeddings()(torch.from_numpy(ids.astype(np.int64)))
        found[f"{turn} seconds"] = time.perf_counter() - began
        found[f"{turn} processor"] = time.process_time() - worked
        found[f"{turn} peak"] = peak_bytes() - before
        found[f"{turn} private"] = _private_bytes() - kept
        del encoder
    return found


def _private_bytes() -> int:
    """Memory of this process that lies in no file."""
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("RssAnon")]
    return int(line.split()[1]) * 1024


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--encoder", default="bundled:3")
    parser.add_argument("--rows", type=int, default=480, help="training rows of the intermediate run")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    settings = {name: getattr(options, name) for name in ("encoder", "rows", "device", "threads")}
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.repetitions):
            for name in CONTENDERS:
                root = f"{folder}/{name}-{turn}"
                for what in ("parent", *CHILDREN):
                    given = {"what": what, "contender": name, "root": root, "settings": settings}
                    for figure, value in in_a_process(MODULE, **given).items():
                        found[name][figure if what == "parent" else f"{what} {figure}"].append(value)
                shutil.rmtree(root)
    _show(found, options.encoder)
    write(options.json, {"settings": settings, "contenders": found})


def _show(found: Mapping[str, Mapping[str, list[float]]], encoder: str) -> None:
    table = Table(title=f"An encoder of {encoder}, and the start of a child", title_justify="left")
    table.add_column("figure")
    for name in found:
        table.add_column(name, justify="right")
    for figure in found["whole"]:
        is_bytes = figure.split()[-1] in ("bytes", "peak", "private")
        scale, unit = (1e6, "MB") if is_bytes else (1.0, "s")
        cells = (summary([value / scale for value in each[figure]], 1 if is_bytes else 2) for each in found.values())
        table.add_row(f"{figure}, {unit}", *cells)
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()
