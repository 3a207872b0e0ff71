"""Probing: a machine's rates from the few updates that a probe times on it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime

from search_spaces.config import SweepConfig
from search_spaces.encoders import EncoderSize
from sweep.planning.rates import UPDATE_BYTES, Rates, default_rates
from sweep.planning.rates_file import Probe
from trainables.ledger.spec import Precision
from trainables.phases.geometry import ProbeRequest, Timed, Timings

_MODULE = "trainables.phases.probe"
_LONGEST_SECONDS = 600.0
"""A probe that takes longer is given up."""
_TRAIN, _FORWARD = 6, 2
"""Operations a weight and sub-word."""
_MOST_OF_FORWARD = 1.25
"""Training is no faster than evaluation by more than this: beyond lies noise."""


class ProbeError(RuntimeError):
    """A machine could not be probed."""


def requests(config: SweepConfig, size: EncoderSize, *, on_gpu: bool) -> list[ProbeRequest]:
    """What to probe for the plans of a configuration: its encoder, in each arithmetic that its runs train with."""
    kinds: dict[bool, None] = {}
    for section in (config.intermediate, config.target):
        for own in (section, *section.tasks.values()):
            kinds[(own.precision or section.precision) is Precision.BF16] = None
    inner = size.inner or 4 * size.hidden
    return [
        ProbeRequest(
            layers=size.num_layers, hidden=size.hidden, inner=inner * 3 // 2 if size.gated else inner,
            vocabulary=size.vocabulary, bf16=bf16, device="cuda" if on_gpu else "cpu", threads=config.cluster.threads,
            folder="",
        )
        for bf16 in kinds
    ]  # fmt: skip


def probe_here(asked: ProbeRequest, encoder: str, address: str = "") -> Probe:
    """Probe the machine that this runs on, in a process of its own. Raises ProbeError where that fails."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xstilts-probe-") as folder:
        given = dataclasses.asdict(dataclasses.replace(asked, folder=asked.folder or folder))
        command = [sys.executable, "-m", _MODULE, json.dumps(given)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout
            process.stdout.readline()
            worker_seconds = time.monotonic() - began
            try:
                said, errors = process.communicate(timeout=_LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise ProbeError(f"the probe took longer than {_LONGEST_SECONDS:.0f} s and was given up") from None
    if process.returncode:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise ProbeError(f"the probe ended with exit status {process.returncode}: {last}")
    timings = timings_from(json.loads(said))
    return Probe(
        device=timings.device,
        encoder=encoder,
        bf16=asked.bf16,
        rates=rates_from(timings, asked, worker_seconds),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - began,
        address=address,
    )


def timings_from(given: dict[str, object]) -> Timings:
    """Read what a probe prints."""
    nested = {name: Timed(**value) for name, value in given.items() if isinstance(value, dict)}
    return Timings(**{**given, **nested})  # type: ignore[arg-type]


def rates_from(found: Timings, asked: ProbeRequest, worker_seconds: float) -> Rates:
    """Rates of one core, or of the GPU, from what was timed.

    Two updates that differ in their sub-words give the arithmetic and what does not depend on it; the same update with
    the whole word embedding, the memory traffic; one with MLM, the products with the vocabulary. Where noise makes one
    of these differences negative, what is assumed stands in its place.
    """
    assumed = default_rates(found.device, on_gpu=asked.device == "cuda", bf16=asked.bf16)
    parts = 1.0 if asked.device == "cuda" else float(asked.threads)
    small, large = found.small, found.large

    def rate(amount: float, seconds: float, otherwise: float) -> float:
        return amount / seconds / parts if seconds > 0 else otherwise

    per_token = _TRAIN * found.layer_weights
    forward = rate(_FORWARD * found.layer_weights * found.forward.tokens, found.forward.seconds, assumed.forward_flops)
    least = per_token * large.tokens / large.seconds / parts
    apart = rate(per_token * (large.tokens - small.tokens), large.seconds - small.seconds, least)
    flops = max(min(apart, _MOST_OF_FORWARD * forward), least)
    more = found.table_weights - found.trimmed_weights
    traffic = rate(UPDATE_BYTES * more, found.whole.seconds - small.seconds, assumed.bytes_per_second)

    def rest(timed: Timed, weights: float) -> float:
        """Seconds that neither the layers nor the update take."""
        update = UPDATE_BYTES * (found.layer_weights + weights) / (traffic * parts)
        return timed.seconds - per_token * timed.tokens / (flops * parts) - update

    overhead = max(rest(small, found.trimmed_weights), 0.0)
    table = rate(
        _TRAIN * found.table_weights * found.mlm.masked,
        rest(found.mlm, found.table_weights) - overhead,
        flops,
    )
    return dataclasses.replace(
        assumed,
        flops=flops,
        table_flops=table,
        forward_flops=forward,
        bytes_per_second=traffic,
        step_seconds=max(overhead - found.layers * assumed.layer_seconds, 0.0),
        disk_bytes_per_second=found.disk_bytes / found.disk_seconds,
        worker_seconds=worker_seconds,
    )
