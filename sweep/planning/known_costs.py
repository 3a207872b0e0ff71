"""Known costs: what this user's sweeps have measured, for the runs of one plan; and what a sweep adds to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from search_spaces import resolve
from search_spaces.config import ClusterFields, SweepConfig
from search_spaces.encoders import encoder_size
from sweep.graph.capacity import Machine
from sweep.planning import rates_file
from sweep.planning.cost import Costs, Device
from sweep.planning.machines import this_gpu, this_machine
from sweep.planning.measured import Measured, runs_of
from sweep.planning.rates_file import Probe
from trainables.ledger.processor import processor_name
from trainables.ledger.store import Store


def costs_of(config: SweepConfig, store: Store, machines: Sequence[Machine] = ()) -> Costs:
    """What a plan of this configuration can be costed by: finished runs of the store and of others, and probes.

    `machines` are those that are asked about, in place of this one or beside it. Writes nothing. Raises as
    `encoder_size` does for an encoder that cannot be had.
    """
    encoder = resolve.encoder_ref(config)
    own = runs_of(store, encoder, encoder_size(config.encoder.name, config.encoder.revision))
    known = rates_file.read()
    asks = any(machine.gpus for machine in machines)
    return Costs(
        devices=devices_of(config.cluster, own.values(), known.probes, asks_gpus=asks),
        encoder=encoder.name,
        own=own,
        others=known.beside(str(store)),
        probes=known.probes,
    )


def remember(config: SweepConfig, store: Store) -> None:
    """Keep what the runs of a store took for the plans of other stores."""
    encoder = resolve.encoder_ref(config)
    size = encoder_size(config.encoder.name, config.encoder.revision)
    rates_file.note_store(str(store), list(runs_of(store, encoder, size).values()))


def devices_of(
    cluster: ClusterFields, own: Iterable[Measured], probes: Iterable[Probe], *, asks_gpus: bool = False
) -> tuple[Device, ...]:
    """The devices that runs go to, as records name them; `asks_gpus` says that GPUs are asked about, here or not.

    On this machine they are its own. Of a cluster elsewhere they are those that most finished runs of the store have
    been on, or those probed last, or are not known.
    """
    own, probes = list(own), list(probes)

    def elsewhere(on_gpu: bool) -> Device:
        names = Counter(each.device for each in own if each.on_gpu == on_gpu)
        there = (each.device for each in probes if each.on_gpu == on_gpu and each.address == cluster.address)
        return Device(name="" if len(names) > 1 else next(iter(names), next(there, "")), on_gpu=on_gpu)

    if cluster.address:
        return elsewhere(True), elsewhere(False)
    cores = Device(name=core_name(cluster.threads), on_gpu=False)
    if this_machine().gpus:
        return Device(name=this_gpu(), on_gpu=True), cores
    return (elsewhere(True), cores) if asks_gpus else (cores,)


def core_name(threads: int) -> str:
    """This machine's processor with so many threads of arithmetic, as records name it."""
    return f"{processor_name()}, {threads} threads"
