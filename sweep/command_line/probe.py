"""The probe of `plan --probe`: this machine, or one node of each kind of a cluster."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.text import Text

from search_spaces import resolve
from search_spaces.config import SweepConfig
from search_spaces.encoders import encoder_size
from sweep.planning import rates_file
from sweep.planning.machines import this_machine
from sweep.planning.probing import probe_here, requests
from sweep.planning.rates_file import Probe
from sweep.terminal.wording import duration
from trainables.ledger.plain import plain
from trainables.ledger.terminal import complain
from trainables.phases.geometry import ProbeRequest


def probe(config: SweepConfig, console: Console) -> None:
    """Measure and keep the rates for the plans of this user.

    Raises ProbeError where a machine cannot be probed, RayError where the cluster cannot be reached.
    """
    size = encoder_size(config.encoder.name, config.encoder.revision)
    encoder = resolve.encoder_ref(config).name

    def asked(on_gpu: bool) -> list[ProbeRequest]:
        return requests(config, size, on_gpu=on_gpu)

    if config.cluster.address:
        cluster = import_module("sweep.cluster.probing")  # late: imports Ray, which takes seconds
        with tempfile.TemporaryDirectory(prefix="xstilts-probe-") as folder:
            found = cluster.probe_cluster(asked, encoder, config.cluster.address, Path(folder) / "ray.log")
    else:
        found = [probe_here(request, encoder) for request in asked(this_machine().gpus > 0)]
    for each in found:
        console.print(Text(f"probe: {_words(each)}"))
    path = rates_file.note_probes(found)
    if path:
        console.print(Text(f"rates: {path}", style="dim"))
    else:
        complain("the rates cannot be kept: there is no cache folder")


def _words(found: Probe) -> str:
    rates, arithmetic = found.rates, "bf16" if found.bf16 else "fp32"
    return (
        f"{plain(found.device)}, {arithmetic}: {rates.flops / 1e9:,.0f} Gflop/s in training and "
        f"{rates.forward_flops / 1e9:,.0f} in evaluation, {rates.bytes_per_second / 1e9:,.1f} GB/s, a worker starts in "
        f"{rates.worker_seconds:.0f} s; took {duration(found.seconds)}"
    )
