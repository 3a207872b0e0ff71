"""What checkpoints take from a training: without any, in the foreground, and in the background at the same interval.

Training of the bundled encoder on made-up rows in the shape of a sentence-pair task, once with its vocabulary trimmed
(5,000 rows) and once with MLM, which keeps the whole table. All contenders run in one process, in turn, and make the
same updates. `stood still` is the wall time of the training thread in the copy or the writing, waiting for the last one
at the end included; `processor` is what a checkpoint adds to the processor time of the process, `lost` what it adds to
the wall time of the training. `next` is the time from one to the next by the rule (1 % of training time).

    python -m benchmarks.checkpoints [--encoder bundled:3] [--seconds 40] [--interval 8] [--threads 2] [--repetitions 3]
"""

from __future__ import annotations

import gc
import itertools
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text
from safetensors.torch import save_file

from benchmarks.measure import machine, options_of, summary, write
from trainables.ledger.spec import MlmLength, Optimisation
from trainables.model import tensor_file
from trainables.model.encoder import load_encoder
from trainables.model.heads import MlmHead, SequenceHead
from trainables.model.network import Network
from trainables.model.vocabulary import trim
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.training import keeper
from trainables.training.keeper import Keeping
from trainables.training.loop import Training, TrainingSet
from trainables.training.masking import Masking

WAYS = ("none", "foreground", "background")
ROWS, BATCH, USED_IDS, SHARE = 2000, 16, 5000, 0.01
PAD, MASK, VOCABULARY = 1, 250_001, 250_002


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One training: wall and processor seconds, checkpoints, how long it stood still for them, bytes of the last."""

    seconds: float
    processor: float
    checkpoints: int
    held: float
    bytes: int


def rows(seed: int) -> Encoded:
    """Pairs of 20 to 80 sub-words, of the rows that are kept."""
    generator = np.random.default_rng(seed)
    texts = [generator.integers(4, USED_IDS, generator.integers(20, 80)).astype(np.int32) for _ in range(ROWS)]
    return Encoded(
        examples=[], sequences=Ragged.of(texts), owners=np.arange(ROWS, dtype=np.int32),
        labels=generator.integers(0, 2, ROWS),
    )  # fmt: skip


def training(encoder: str, path: Path, *, mlm: bool, steps: int, interval: float) -> Training:
    """A training of so many steps, as `phases/fit.py` sets it up on a CPU."""
    model = load_encoder(encoder, mapped=not mlm)
    config = model.config
    torch.manual_seed(0)
    if mlm:
        name, head = "mlm", MlmHead(config.hidden_size, config.vocab_size, config.layer_norm_eps)
    else:
        name, head = "pairs", SequenceHead(config.hidden_size, 2, config.hidden_dropout_prob, choice=False)
    network = Network(model, {name: head})
    network.use_unpadded()
    network.use_fast_dropout()
    if mlm:
        network.keep_table_gradient()
    else:
        trim(network, np.arange(USED_IDS))
    masking = Masking(probability=0.15, mask_id=MASK, vocabulary=VOCABULARY, special_ids=frozenset({0, 1, 2, 3, MASK}))
    figures = itertools.count()
    return Training(
        network=network,
        sets=[TrainingSet(name=name, encoded=rows(1), masking=masking if mlm else None)],
        settings=Optimisation(
            learning_rate=1e-5, epochs=steps * BATCH / ROWS, batch_sizes={name: BATCH}, max_length=128, evaluations=4
        ),
        mlm_length=MlmLength.TASK_EPOCHS,
        seed=1,
        evaluate=lambda: (float(next(figures)), {}),
        path=path,
        pad_id=PAD,
        origin=encoder,
        micro_batch=0,
        micro_tokens=0 if mlm else 1024,
        keeping=Keeping(seconds=interval, share=1.0),
    )


def measured(encoder: str, way: str, *, mlm: bool, steps: int, interval: float) -> Measured:
    """Train once; without the first tenth of the steps, in which memory is touched for the first time."""
    gc.collect()
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(keeper, "available_bytes", _memory(way)):
        path = Path(folder) / "checkpoint.safetensors"
        run = training(encoder, path, mlm=mlm, steps=steps, interval=1e9 if way == "none" else interval)
        with mock.patch("trainables.training.loop.SIGN_SECONDS", 0.0):
            running = run.run()
            while next(running).step < steps // 10:
                pass
        wall, processor = time.perf_counter(), time.process_time()
        while True:
            try:
                next(running)
            except StopIteration as end:
                return Measured(
                    seconds=time.perf_counter() - wall,
                    processor=time.process_time() - processor,
                    checkpoints=end.value.checkpoints,
                    held=end.value.checkpoint_seconds,
                    bytes=path.stat().st_size if path.exists() else 0,
                )


def _memory(way: str):  # type: ignore[no-untyped-def]
    """Without memory for a copy a checkpoint is written in the foreground."""
    return (lambda: 0) if way == "foreground" else keeper.available_bytes


def writing(num_bytes: int) -> Iterator[tuple[str, list[float]]]:
    """Processor seconds of a file of so many bytes, five times: by the library, and by `tensor_file.py`."""
    tensors = {f"{number}": torch.randn(num_bytes // 48) for number in range(12)}
    for name, save in (("safetensors", save_file), ("here", tensor_file.write_tensors)):
        spent = []
        for _ in range(5):
            with tempfile.TemporaryDirectory() as folder:
                began = time.process_time()
                save(tensors, Path(folder) / "file", {"state": ""})
                spent.append(time.process_time() - began)
        yield name, spent


def table(title: str, found: dict[str, list[Measured]]) -> Table:
    """A line a way; differences are those of medians."""
    shown = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    shown.add_column("checkpoints")
    for heading in ("training, s", "written", "MB", "stood still, s each", "processor, s each", "lost, s each", "next"):
        shown.add_column(heading, justify="right")
    calm = {name: statistics.median(getattr(each, name) for each in found["none"]) for name in ("seconds", "processor")}
    for way, runs in found.items():
        number = statistics.median(each.checkpoints for each in runs)
        cells = [summary([each.seconds for each in runs], 1)]
        if number:
            held = [each.held / each.checkpoints for each in runs]
            processor = statistics.median(each.processor for each in runs) - calm["processor"]
            lost = statistics.median(each.seconds for each in runs) - calm["seconds"]
            taken = statistics.median(held) + (processor / number if way == "background" else 0.0)
            cells += [
                f"{number:.0f}", f"{runs[0].bytes / 1e6:,.0f}", summary(held), f"{processor / number:.2f}",
                f"{lost / number:.2f}", f"{max(taken, 0.0) / SHARE:.0f} s",
            ]  # fmt: skip
        shown.add_row(way, *cells)
    return shown


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--encoder", default="bundled:3")
    parser.add_argument("--seconds", type=float, default=40.0, help="about how long a training takes")
    parser.add_argument("--interval", type=float, default=8.0, help="seconds from one checkpoint to the next")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    console = Console(width=120)
    figures: dict[str, object] = {"threads": given.threads, "interval": given.interval}
    for mlm in (False, True):
        pace = measured(given.encoder, "none", mlm=mlm, steps=20, interval=1e9).seconds / 18
        steps = max(20, round(given.seconds / pace))
        found: dict[str, list[Measured]] = defaultdict(list)
        for repetition in range(given.repetitions):
            for way in (*WAYS[repetition % 3 :], *WAYS[: repetition % 3]):
                found[way].append(measured(given.encoder, way, mlm=mlm, steps=steps, interval=given.interval))
        title = f"{given.encoder}, {'MLM, whole table' if mlm else 'trimmed'}, {steps} steps, {given.threads} threads"
        console.print(table(title, {way: found[way] for way in WAYS}))
        figures[title] = {way: [asdict(each) for each in runs] for way, runs in found.items()}
        size = max(each.bytes for runs in found.values() for each in runs)
        spent = dict(writing(size))
        figures[f"{title}, writing"] = spent
        said = ", ".join(f"{name} {summary(seconds)} s" for name, seconds in spent.items())
        console.print(Text(f"processor time of writing {size / 1e6:,.0f} MB: {said}\n"))
    console.print(Text(", ".join(f"{name} {value}" for name, value in machine().items())), soft_wrap=True)
    write(given.json, figures)


if __name__ == "__main__":
    main()
