"""Cost of a run in seconds: from its work and the rates of the machine, corrected by what finished runs took.

Every stage of a run (load, train, evaluate, save) is counted, multiplied by the factor that finished runs of its kind
have shown, and given an interval. The sum of the stages is the cost. Where nothing was measured, rates are assumed and
the interval says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sweep.planning.correction import Correction, Factor
from sweep.planning.errors_so_far import ErrorSoFar
from sweep.planning.measured import Measured, is_bf16, key_of
from sweep.planning.rates import STAGES, Rates, default_rates, stage_seconds
from sweep.planning.rates_file import Probe
from sweep.planning.work import Work
from trainables.ledger.plan import Share
from trainables.ledger.spec import RunSpec

ASSUMED_SD = 0.7
"""Of what is assumed of a machine, as a logarithm: in eight cases of ten within a factor of 2.5."""
PROBED_SD = 0.3
"""Of what a probe says of it: within a factor of 1.5."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Expected seconds of a run: by stage, and the ends of the interval that holds eight of ten."""

    stages: Mapping[str, float]
    low: float
    high: float

    @property
    def seconds(self) -> float:
        """The whole run."""
        return math.fsum(self.stages.values())


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where runs of a plan go: GPUs or cores.

    Attributes:
        name: as records have it; empty where it is not known, and then all runs of the store count.
        on_gpu: which of the two.
    """

    name: str
    on_gpu: bool

    def holds(self, device: str, *, on_gpu: bool) -> bool:
        """Whether what was measured there is good for here."""
        return on_gpu == self.on_gpu and (not self.name or device == self.name)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What costs on one device stand on.

    Attributes:
        own: finished runs of this store that were measured.
        others: runs of other stores.
        probe: the one whose rates are used; None where they are assumed.
    """

    device: Device
    own: int
    others: int
    probe: Probe | None


@dataclass(kw_only=True)
class Costs:
    """Estimates for the runs of one plan.

    Attributes:
        devices: those that runs go to; of GPUs and of cores one at most.
        encoder: of the plan, by the name of its spec; probes with its geometry come first.
        own: run id -> what finished runs of the store took.
        others: what those of other stores took.
        probes: of any device.
    """

    devices: Sequence[Device] = ()
    encoder: str = ""
    own: Mapping[str, Measured] = field(default_factory=dict)
    others: Sequence[Measured] = ()
    probes: Sequence[Probe] = ()
    _found: dict[tuple[bool, bool], dict[str, Correction]] = field(default_factory=dict)

    def estimate(self, spec: RunSpec, work: Work, share: Share, threads: int) -> Estimate:
        """What a run is expected to take with this share of the machine, and with so many threads without a GPU."""
        on_gpu, bf16 = share.gpus > 0, is_bf16(spec)
        parts = min(share.gpus, 1.0) if on_gpu else float(threads)
        counted = stage_seconds(work, self.rates(on_gpu, bf16), parts)
        corrections, key = self._corrections(on_gpu, bf16), key_of(spec)
        factors = {stage: corrections[stage].factor(key) for stage in STAGES}
        return _estimate(counted, factors)

    def rates(self, on_gpu: bool, bf16: bool) -> Rates:
        """Those of the device, probed or assumed."""
        probe = self._probe(on_gpu, bf16)
        return probe.rates if probe else default_rates(self._device(on_gpu).name, on_gpu=on_gpu, bf16=bf16)

    @property
    def bases(self) -> list[Basis]:
        """What the costs stand on, by device."""
        found = []
        for device in self.devices:
            own = [each for each in self.own.values() if device.holds(each.device, on_gpu=each.on_gpu)]
            others = self._of_others(device)
            probes = [self._probe(device.on_gpu, bf16) for bf16 in (True, False)]
            found.append(
                Basis(
                    device=device, own=len(own), others=sum(each.count for each in others),
                    probe=next(filter(None, probes), None),
                )
            )  # fmt: skip
        return found

    def error(self) -> ErrorSoFar | None:
        """How far the estimates of the store's finished runs are off, each made from all others; None without any."""
        ratios = []
        for run in self.own.values():
            if not self._device(run.on_gpu).holds(run.device, on_gpu=run.on_gpu):
                continue
            rates = self.rates(run.on_gpu, run.bf16)
            corrections, samples = self._corrections(run.on_gpu, run.bf16), dict(run.samples(rates))
            counted = stage_seconds(run.work, rates, run.parts)
            factors = {stage: corrections[stage].factor(run.key, without=samples.get(stage)) for stage in STAGES}
            expected = _estimate(counted, factors)
            ratios.append((sum(run.seconds.values()), expected.seconds, expected.low, expected.high))
        return ErrorSoFar.of(ratios) if ratios else None

    def _device(self, on_gpu: bool) -> Device:
        return next((each for each in self.devices if each.on_gpu == on_gpu), Device(name="", on_gpu=on_gpu))

    def _probe(self, on_gpu: bool, bf16: bool) -> Probe | None:
        """The latest probe of the device with this arithmetic, one with the plan's encoder first."""
        device = self._device(on_gpu)
        fitting = [
            each for each in self.probes
            if device.name and device.holds(each.device, on_gpu=each.on_gpu) and each.bf16 == bf16
        ]  # fmt: skip
        return next((each for each in fitting if each.encoder == self.encoder), fitting[0] if fitting else None)

    def _corrections(self, on_gpu: bool, bf16: bool) -> dict[str, Correction]:
        """Stage -> correction, from all that was measured on the device, whatever its arithmetic."""
        if (on_gpu, bf16) not in self._found:
            device = self._device(on_gpu)
            sd = PROBED_SD if self._probe(on_gpu, bf16) else ASSUMED_SD
            found = {stage: Correction(prior_sd=sd) for stage in STAGES}
            own = [each for each in self.own.values() if device.holds(each.device, on_gpu=each.on_gpu)]
            for each in (*own, *self._of_others(device)):
                for stage, sample in each.samples(self.rates(on_gpu, each.bf16)):
                    if stage in found:
                        found[stage].add(sample)
            self._found[on_gpu, bf16] = found
        return self._found[on_gpu, bf16]

    def _of_others(self, device: Device) -> list[Measured]:
        """Runs of other stores on the device; of one that is not known there are none."""
        return [each for each in self.others if device.name and device.holds(each.device, on_gpu=each.on_gpu)]


def _estimate(counted: Mapping[str, float], factors: Mapping[str, Factor]) -> Estimate:
    """Counted seconds with their factors; stages are taken to be off together, as they are where a machine is slow."""
    return Estimate(
        stages={stage: seconds * factors[stage].median for stage, seconds in counted.items() if seconds},
        low=math.fsum(seconds * factors[stage].low for stage, seconds in counted.items()),
        high=math.fsum(seconds * factors[stage].high for stage, seconds in counted.items()),
    )
