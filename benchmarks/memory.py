"""Memory of runs on cores: what the formula expects, and what the process of a run really takes.

`python -m benchmarks.memory` computes runs of several kinds on the built-in corpus, each in a process of its own, and
prints both, and what a worker takes before it has read anything. `--encoder bundled:3` takes a smaller encoder.
`python -m benchmarks.memory --parts` computes nothing: it prints what the formula says of the paper's runs on GPUs,
with XLM-R Large in bf16, and how many of them share a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.paper_plan import paper_plan
from search_spaces.config_file import apply_sets
from search_spaces.presets import demo
from sweep.command_line.compute import run_options
from sweep.graph.sizes import part_of
from sweep.planning.gpus import GPU_BYTES
from sweep.planning.peaks import BESIDE
from sweep.planning.planner import build_plan
from trainables.ledger.plan import Node
from trainables.ledger.store import Store
from trainables.phases.options import Options

KINDS = ("qqp #42", "qqp+mlm #42", "csqa #42", "none -> xnli #42", "none -> udpos #42", "none -> xquad,mlqa #42",
         "none -> tatoeba #42")  # fmt: skip
GRID = ("grid.intermediates=none,qqp,csqa", "grid.mlm=off,on", "grid.targets=xnli,udpos,xquad,tatoeba",
        "data.train_rows=96", "data.eval_rows=8", "mlm.sentences=64")  # fmt: skip
TYPES = ("L4", "A100", "H100", "H200")
_RESIDENT = "VmRSS"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--parts", action="store_true", help="print what the formula says of runs on GPUs")
    given = parser.parse_args()
    if given.parts:
        _print_parts()
        return
    if given.run:
        print(json.dumps(_compute(json.loads(given.run))))
        return
    config = apply_sets(demo(), [*GRID, f"encoder.name={given.encoder}"])
    plan = build_plan(config)
    nodes = {node.name: node for node in plan.nodes.values()}
    figures: dict[str, Any] = {"encoder": given.encoder, "worker": 0, "runs": {}}
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder)).prepare()
        for name in KINDS:
            found = _apart(nodes[name], run_options(config, plan), Path(folder))
            figures["worker"] = max(figures["worker"], found["worker"])
            expected = nodes[name].share.memory_bytes
            figures["runs"][name] = {"expected": expected, "measured": found["peak"], "next": found["peak"] * BESIDE}
    print(f"a worker with its libraries: {figures['worker'] / 1e6:.0f} MB")
    print(f"{'run':22} {'formula':>9} {'measured':>9} {'ratio':>6}")
    for name, found in figures["runs"].items():
        ratio = found["expected"] / found["measured"]
        print(f"{name:22} {found['expected'] / 1e6:6.0f} MB {found['measured'] / 1e6:6.0f} MB {ratio:6.2f}")
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1) + "\n")


def _print_parts() -> None:
    """What the paper's runs need of a GPU, and how many share one of several types."""
    kinds: dict[Any, Node] = {}
    for node in paper_plan().nodes.values():
        kinds.setdefault((node.spec.phase, node.spec.tasks, bool(node.spec.mlm)), node)
    print(f"{'run':26} {'GB':>6} {'row by row':>10} " + " ".join(f"{kind:>5}" for kind in TYPES))
    for node in kinds.values():
        share = node.share
        parts = [part_of(share.gpu_bytes, GPU_BYTES[kind]) for kind in TYPES]
        shown = " ".join(f"{found or '1, cut':>6}" for found in parts)
        print(f"{node.name:26} {share.gpu_bytes / 1e9:6.1f} {share.least_gpu_bytes / 1e9:10.1f} {shown}")


def _apart(node: Node, options: Options, folder: Path) -> dict[str, int]:
    """Compute a run in a process of its own; what it took at the most, and before it began."""
    asked = {
        "run_id": node.run_id, "name": node.name, "spec": node.spec.to_dict(), "store": str(folder),
        "options": dataclasses.asdict(options), "share": node.share.to_dict(),
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.memory", "--run", json.dumps(asked)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, int] = json.loads(said.splitlines()[-1])
    return found


def _compute(config: dict[str, Any]) -> dict[str, int]:
    """In the process of a run."""
    from trainables.report import Finished, read
    from trainables.trainable import RunTrainable, executor

    worker = RunTrainable(config)
    executor(config["options"]["executor"])
    before = _resident()
    while not isinstance(read(worker.train()), Finished):
        pass
    worker.stop()
    return {"worker": before, "peak": Store(Path(config["store"])).record(config["run_id"]).peak_bytes}


def _resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(_RESIDENT)).split()[1]) * 1024


if __name__ == "__main__":
    main()
