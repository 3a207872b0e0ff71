"""Known costs: what this user's sweeps have measured, for the runs of one plan; and what a sweep adds to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from search_spaces import resolve
from search_spaces.config import ClusterFields, SweepConfig
from search_spaces.encoders import encoder_size
from sweep.planning import rates_file
from sweep.planning.cost import Costs, Device
from sweep.planning.machines import this_gpu, this_machine
from sweep.planning.measured import Measured, runs_of
from sweep.planning.rates_file import Probe
from trainables.ledger.processor import processor_name
from trainables.ledger.store import Store


def costs_of(config: SweepConfig, store: Store) -> Costs:
    """What a plan of this configuration can be costed by: finished runs of the store and of others, and probes.

    Writes nothing. Raises as `encoder_size` does for an encoder that cannot be had.
    """
    encoder = resolve.encoder_ref(config)
    own = runs_of(store, encoder, encoder_size(config.encoder.name, config.encoder.revision))
    known = rates_file.read()
    return Costs(
        devices=devices_of(config.cluster, own.values(), known.probes),
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


def devices_of(cluster: ClusterFields, own: Iterable[Measured], probes: Iterable[Probe]) -> tuple[Device, ...]:
    """The devices that runs go to, as records name them.

    On this machine they are its own. Of a cluster elsewhere they are those that most finished runs of the store have
    been on, or those probed last, or are not known.
    """
    if not cluster.address:
        cores = Device(name=core_name(cluster.threads), on_gpu=False)
        return (Device(name=this_gpu(), on_gpu=True), cores) if this_machine().gpus else (cores,)
    own, found = list(own), []
    for on_gpu in (True, False):
        names = Counter(each.device for each in own if each.on_gpu == on_gpu)
        there = (each.device for each in probes if each.on_gpu == on_gpu and each.address == cluster.address)
        name = "" if len(names) > 1 else next(iter(names), next(there, ""))
        found.append(Device(name=name, on_gpu=on_gpu))
    return tuple(found)


def core_name(threads: int) -> str:
    """This machine's processor with so many threads of arithmetic, as records name it."""
    return f"{processor_name()}, {threads} threads"
