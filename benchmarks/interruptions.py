"""One training run is ended at random moments, while it leaves checkpoints all the time, until it ends by itself.

A run of a small encoder with random weights (one intermediate task on the built-in corpus, CPU) is computed
undisturbed. Then, as often as is asked for, it is computed in a fresh store by processes that are ended: killed
(SIGKILL) at any moment, killed while a checkpoint is being written, or told to leave (SIGTERM, upon which the run is
closed as Ray closes it). Every next process goes on, until one ends. Scores, dev curve and the SHA-256 of the encoder
that is left must be those of the undisturbed run.

    python -m benchmarks.interruptions [--times 50] [--seed 1] [--rows 240] [--json FILE]

Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path

# before torch is imported: what is forked must have no threads
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

from rich.console import Console
from rich.table import Table
from rich.text import Text
from safetensors import safe_open

from benchmarks.chaos.forks import in_child
from benchmarks.chaos.lab import room
from benchmarks.measure import machine, write
from search_spaces.config_file import apply_sets
from search_spaces.presets import demo
from sweep.command_line.compute import run_options
from sweep.planning.planner import build_plan
from tests.made.encoders import encoder_folder
from trainables.ledger import files
from trainables.ledger.plan import Node
from trainables.ledger.record import Record
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.phases.run import run

SETTINGS = [
    "grid.intermediates=qqp", "grid.targets=xnli", "grid.mlm=off", "grid.seeds=42",
    "data.languages=en", "data.eval_rows=16", "intermediate.epochs=4", "intermediate.batch_size=8",
    "intermediate.max_length=64", "intermediate.evaluations=10", "intermediate.learning_rate=1e-4",
    "intermediate.precision=fp32", "cluster.checkpoint_seconds=0.01", "cluster.checkpoint_share=1",
]  # fmt: skip


class Way(StrEnum):
    """How an attempt is ended."""

    KILLED = "killed at any moment"
    WRITING = "killed while writing"
    TOLD = "told to leave"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """A process at the run.

    Attributes:
        way: how it was to be ended.
        from_step: of the checkpoint that it went on from; 0 without one.
        code: its exit code; -9 for a kill that met it.
        is_finished: the run ended in it.
        wrote: a checkpoint was being written when it was killed.
    """

    way: Way
    from_step: int
    code: int
    is_finished: bool
    wrote: bool

    @property
    def was_ended(self) -> bool:
        """Whether it met its end before that of the run."""
        return not self.is_finished


def planned(folder: Path, rows: int) -> tuple[Node, Options]:
    """The run, and how it is computed; its encoder is made in the folder. A checkpoint has 8 MB."""
    encoder = encoder_folder(folder, "bert", hidden_size=128, intermediate_size=512, num_attention_heads=4)
    config = apply_sets(demo(), [f"encoder.name={encoder}", *SETTINGS, f"data.train_rows={rows}"])
    plan = build_plan(config)
    [node] = [node for node in plan.nodes.values() if not node.parents and node.name.startswith("qqp")]
    return node, run_options(config, plan)


def left(store: Store, run_id: str) -> str:
    """What must be the same: scores, dev curve and digests of files."""
    record = store.record(run_id)
    curve = [dataclasses.asdict(point) for point in record.dev_curve]
    scores = sorted([score.task, score.split, score.metric, score.value] for score in record.scores)
    return json.dumps({"scores": scores, "curve": curve, "tokens": record.tokens, "files": dict(record.files)})


def computed(node: Node, options: Options, store: Store, end: Ending | None = None) -> bool:
    """Compute the run, or on with it, in this process; whether it was done before its end came."""
    with store.run_lock(node.run_id, seconds=60.0):
        if end:
            end.begin(store.checkpoint(node.run_id))
        items = run(node.spec, node.name, store, options)
        for item in items:
            if isinstance(item, Record):
                return True
            if end and end.is_told.is_set():
                items.close()  # type: ignore[attr-defined]
                return False
    raise AssertionError("a run ends with its record")


@dataclasses.dataclass(kw_only=True)
class Ending:
    """The end of the process that it is begun in.

    Attributes:
        seconds: after which it comes, or the next beginning of a checkpoint is waited for.
        delay: between that and the kill.
    """

    way: Way
    seconds: float
    delay: float
    is_told: threading.Event = dataclasses.field(default_factory=threading.Event)

    def begin(self, checkpoint: Path) -> None:
        """From now on it may come."""
        signal.signal(signal.SIGTERM, lambda *_: self.is_told.set())
        threading.Thread(target=self._come, args=(checkpoint,), daemon=True).start()

    def _come(self, checkpoint: Path) -> None:
        time.sleep(self.seconds)
        if self.way is Way.TOLD:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if self.way is Way.WRITING:
            while not files.leftovers(checkpoint.parent, checkpoint.name):
                time.sleep(0.0005)
            time.sleep(self.delay)
        os.kill(os.getpid(), signal.SIGKILL)


def attempts(node: Node, options: Options, store: Store, longest: float, chance: random.Random) -> Iterator[Attempt]:
    """Processes at one run until it is finished; their ends come within `longest` seconds.

    That grows where one got no further than the one before it: the machine may have become slower.
    """
    finished = False
    while not finished:
        checkpoint = store.checkpoint(node.run_id)
        way = chance.choice(list(Way))
        end = Ending(way=way, seconds=chance.uniform(0.0, longest), delay=chance.uniform(0.0, 0.04))
        before = _step(checkpoint)
        ended = in_child(partial(computed, node, options, store, end))
        if ended.code not in (0, -signal.SIGKILL):
            raise RuntimeError(ended.words[-4000:])
        finished = store.is_finished(node.run_id)
        if not finished and _step(checkpoint) <= before:
            longest *= 1.5
        yield Attempt(
            way=way,
            from_step=before,
            code=ended.code,
            is_finished=finished,
            wrote=ended.code != 0 and bool(files.leftovers(checkpoint.parent, checkpoint.name)),
        )


def _step(checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    with safe_open(checkpoint, framework="pt") as file:
        return int(json.loads(file.metadata()["state"])["step"])


def _table(tried: list[Attempt]) -> Table:
    table = Table("ended how", box=None, padding=(0, 2, 0, 0))
    for heading in ("times", "while writing", "went on from a checkpoint", "at step (median, lowest to highest)"):
        table.add_column(heading, justify="right")
    ended = list(itertools.pairwise(tried))
    for way in (*Way, None):
        pairs = [(one, after) for one, after in ended if one.was_ended and way in (one.way, None)]
        steps = sorted(after.from_step for _, after in pairs if after.from_step)
        said = f"{statistics.median(steps):.0f}, {steps[0]} to {steps[-1]}" if steps else ""
        writing = sum(one.wrote for one, _ in pairs)
        table.add_row(way or "all", str(len(pairs)), str(writing), str(len(steps)), said)
    return table


def main(arguments: list[str] | None = None) -> int:
    """Interrupt, print a table, write JSON; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interruptions", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--times", type=int, default=50, help="how often the run is computed, disturbed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=240, help="of training")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    console, chance, began = Console(width=110), random.Random(given.seed), time.monotonic()
    tried: list[Attempt] = []
    others = 0
    with tempfile.TemporaryDirectory(prefix="interruptions-", dir=room()) as folder:
        node, options = planned(Path(folder) / "encoder", given.rows)
        calm = Store(Path(folder) / "calm").prepare()
        for _ in range(2):  # the first fills the caches
            calm.recompute(node.run_id)
            begun = time.monotonic()
            ended = in_child(partial(computed, node, options, calm))
            if ended.code:
                raise RuntimeError(ended.words[-4000:])
            longest = time.monotonic() - begun
        expected = left(calm, node.run_id)
        for number in range(given.times):
            store = Store(Path(folder) / f"{number}").prepare()
            tried += attempts(node, options, store, longest, chance)
            others += left(store, node.run_id) != expected
            shutil.rmtree(store.root)
    steps = calm_steps(expected)
    console.print(Text(f"a run of {steps} steps and {longest:.1f} s was computed {given.times} times, disturbed"))
    console.print(_table(tried))
    seconds = time.monotonic() - began
    console.print(Text(f"{others} ended otherwise than the undisturbed run; {seconds:.0f} s, seed {given.seed}"))
    console.print(Text(", ".join(f"{name} {value}" for name, value in machine().items())), soft_wrap=True)
    found = {"seed": given.seed, "times": given.times, "differ": others, "seconds": seconds}
    write(given.json, found | {"attempts": [dataclasses.asdict(each) for each in tried]})
    return 1 if others else 0


def calm_steps(expected: str) -> int:
    """Steps of the undisturbed run."""
    return int(json.loads(expected)["curve"][-1]["step"])


if __name__ == "__main__":
    sys.exit(main())
