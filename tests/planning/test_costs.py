"""Costs of a plan: from what is assumed, from a probe, from finished runs; how far they were off."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from search_spaces.config_file import apply_sets
from search_spaces.encoders import EncoderSize
from search_spaces.presets import demo
from sweep.graph.capacity import Machine
from sweep.planning import known_costs, rates_file
from sweep.planning.clusters import of_sizes
from sweep.planning.cost import Costs, Device
from sweep.planning.errors_so_far import ErrorSoFar
from sweep.planning.gpus import Gpus
from sweep.planning.known_costs import core_name, costs_of, remember
from sweep.planning.measured import Measured, key_of, measured
from sweep.planning.planner import build_plan
from sweep.planning.rates import CORE, stage_seconds
from sweep.planning.rates_file import Probe
from sweep.planning.work import work_of
from sweep.terminal.cost_lines import cost_lines
from tests.made.phases import OPTIONS, spec
from trainables.ledger.plan import Share
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.phases.run import run_to_end

SIZE = EncoderSize(num_layers=1, hidden=384, vocabulary=250_002)
SPEC = spec(Phase.TARGET, "pawsx")
OTHER = spec(Phase.TARGET, "xnli")
WORK = work_of(SPEC, SIZE, rows={"pawsx": 20_000}, evaluated={"pawsx": 4000})
CORES = Device(name="a core, 1 threads", on_gpu=False)
COUNTED = stage_seconds(WORK, CORE, 1.0)


def ran(times: float, task: str = "pawsx", device: str = CORES.name) -> Measured:
    """A run that took so many times what is assumed of its machine."""
    key = key_of(SPEC if task == "pawsx" else OTHER)
    return Measured(
        device=device, kind=str(key.kind), task=str(key.task), bf16=False, parts=1.0, work=WORK,
        seconds={stage: times * seconds for stage, seconds in COUNTED.items()}, count=1, squares={},
    )  # fmt: skip


def seconds(costs: Costs, **changes: object) -> float:
    return costs.estimate(dataclasses.replace(SPEC, **changes), WORK, Share(), 1).seconds


def test_without_measurements_a_cost_is_the_counted_work_in_a_wide_interval() -> None:
    found = Costs(devices=[CORES]).estimate(SPEC, WORK, Share(), 1)
    assert dict(found.stages) == pytest.approx(COUNTED)
    assert found.high / found.seconds == pytest.approx(found.seconds / found.low)
    assert 2.5 < found.high / found.seconds < 3.5


def test_finished_runs_move_their_own_kind_and_narrow_the_interval() -> None:
    assumed, some = Costs(devices=[CORES]), Costs(devices=[CORES], own={str(n): ran(3.0) for n in range(6)})
    assert seconds(some) / seconds(assumed) == pytest.approx(3.0, rel=0.05)
    found = some.estimate(SPEC, WORK, Share(), 1)
    assert found.high / found.low < 2
    beside = some.estimate(OTHER, WORK, Share(), 1).seconds / sum(COUNTED.values())
    assert 2 < beside < 3


def test_runs_of_other_stores_count_on_the_same_device_and_nowhere_else() -> None:
    assumed = seconds(Costs(devices=[CORES]))
    assert seconds(Costs(devices=[CORES], others=[ran(3.0)])) > 2 * assumed
    assert seconds(Costs(devices=[CORES], others=[ran(3.0, device="another, 1 threads")])) == pytest.approx(assumed)
    assert seconds(Costs(devices=[CORES], others=[ran(3.0, device="NVIDIA H100")])) == pytest.approx(assumed)


def test_on_a_cluster_that_is_not_known_the_runs_of_the_store_count_wherever_they_ran() -> None:
    unknown = Device(name="", on_gpu=False)
    found = Costs(devices=[unknown], own={"1": ran(3.0), "2": ran(3.0, device="another, 1 threads")})
    assert seconds(found) > 2.5 * seconds(Costs(devices=[unknown]))
    assert seconds(Costs(devices=[unknown], others=[ran(3.0)])) == seconds(Costs(devices=[unknown]))


def probe(times: float, encoder: str = "bundled:1", at: str = "2026-01-01", device: str = CORES.name) -> Probe:
    """Of a machine that is so many times as fast as is assumed, in everything."""
    slower = ("step_seconds", "layer_seconds", "evaluation_seconds", "row_seconds", "load_seconds", "part_seconds")
    fields = {field.name: getattr(CORE, field.name) for field in dataclasses.fields(CORE)}
    rates = {name: value / times if name in slower else value * times for name, value in fields.items()}
    return Probe(device=device, encoder=encoder, bf16=False, rates=type(CORE)(**rates), at=at, seconds=30.0)


def test_a_probe_stands_in_the_place_of_what_is_assumed_and_is_trusted_more() -> None:
    assumed = Costs(devices=[CORES]).estimate(SPEC, WORK, Share(), 1)
    found = Costs(devices=[CORES], probes=[probe(2.0)]).estimate(SPEC, WORK, Share(), 1)
    assert found.seconds == pytest.approx(assumed.seconds / 2)
    assert found.high / found.low < assumed.high / assumed.low
    elsewhere = Costs(devices=[CORES], probes=[probe(2.0, device="another, 1 threads")])
    assert seconds(elsewhere) == pytest.approx(assumed.seconds)


def test_of_probes_the_latest_with_the_encoder_of_the_plan_counts() -> None:
    made = [probe(2.0, encoder="y"), probe(4.0, encoder="x"), probe(8.0, encoder="x")]
    base = seconds(Costs(devices=[CORES]))
    for encoder, times in (("x", 4), ("y", 2), ("z", 2)):
        assert seconds(Costs(devices=[CORES], probes=made, encoder=encoder)) == pytest.approx(base / times)


def test_runs_correct_a_probe_too() -> None:
    found = Costs(devices=[CORES], probes=[probe(2.0)], own={str(n): ran(3.0) for n in range(9)})
    assert seconds(found) == pytest.approx(3.0 * sum(COUNTED.values()), rel=0.05)


# how far they were off


def test_an_error_is_of_ratios_measured_by_estimated() -> None:
    runs = [(1.0, 1.0, 0.5, 2.0), (3.0, 1.0, 0.5, 2.0), (1.0, 2.0, 1.0, 4.0), (8.0, 4.0, 2.0, 8.0), (5.0, 5.0, 0, 0)]
    found = ErrorSoFar.of(runs)
    # ratios 0.5, 1, 1, 2, 3; a tenth of the way is 0.4 of the first step, nine tenths 0.6 of the last
    assert (found.runs, found.ratio) == (5, 1)
    assert (found.low, found.high) == pytest.approx((0.7, 2.6))
    assert found.whole == pytest.approx(18 / 13)
    assert found.covered == 3 / 4
    assert str(found) == "5 runs took 1.00 times the estimate in the median (8 of 10: 0.70 to 2.60)"
    assert str(ErrorSoFar.of(runs[1:2])) == "1 run took 3.00 times the estimate in the median"
    with pytest.raises(ValueError, match="no run has ended"):
        ErrorSoFar.of([])


def test_the_error_so_far_is_that_of_estimates_from_the_other_runs() -> None:
    assert Costs(devices=[CORES]).error() is None
    alone = Costs(devices=[CORES], own={"1": ran(3.0)}).error()
    assert alone
    assert (alone.runs, alone.ratio) == (1, pytest.approx(3.0))  # nothing else to learn from
    found = Costs(devices=[CORES], own={str(n): ran(3.0) for n in range(8)}).error()
    assert found
    assert found.ratio == pytest.approx(1.0, abs=0.05)
    assert found.covered == 1


def said(costs: Costs) -> str:
    console = Console(file=io.StringIO(), width=200)
    for line in cost_lines(costs):
        console.print(line)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_plan_says_what_its_costs_stand_on() -> None:
    assert said(Costs(devices=[CORES])) == (
        "costs on a core, 1 threads: assumed rates, nothing was measured there\n"
        "`plan --probe` measures the machine in under two minutes\n"
    )
    found = said(Costs(devices=[CORES], own={"1": ran(3.0)}, others=[ran(2.0), ran(2.0)], probes=[probe(2.0)]))
    assert found.splitlines()[0] == (
        "costs on a core, 1 threads: a probe of 2026-01-01 with the geometry of bundled:1 and 1 finished run of this "
        "store and 2 finished runs of other stores"
    )
    assert found.splitlines()[1].startswith("error so far: 1 run took 1.6")  # 6 times the probe, 3.7 expected
    assert "--probe" not in found


def test_gpus_that_are_asked_about_are_not_taken_for_the_cores_here(store: Store, monkeypatch) -> None:
    """On a machine without a GPU: what is known of its cores is not what the costs of GPUs stand on."""
    monkeypatch.setattr(known_costs, "this_machine", lambda: Machine(name="here", cpus=2))
    [there] = [cluster.machines for cluster in of_sizes([Gpus(8)])]
    gpu, cores = costs_of(demo(), store, there).devices
    assert (gpu, cores.on_gpu) == (Device(name="", on_gpu=True), False)
    assert [device.on_gpu for device in costs_of(demo(), store).devices] == [False]
    out = io.StringIO()
    for line in cost_lines(costs_of(demo(), store, there)):
        Console(file=out, width=200).print(line)
    assert out.getvalue().startswith("costs on GPUs that are not known: assumed rates, nothing was measured there\n")


# from a real run to the next plan


def test_a_finished_run_is_known_to_the_plans_of_its_store_and_of_others(store: Store, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "cache"))
    run_to_end(SPEC, "x", store, OPTIONS)
    sets = ["encoder.name=bundled:1", "grid.intermediates=none", "grid.targets=pawsx", "grid.seeds=1"]
    config = apply_sets(demo(), sets)
    own = costs_of(config, store)
    assert list(own.own) == [SPEC.run_id]
    assert own.own[SPEC.run_id] == measured(store.record(SPEC.run_id), SIZE, Share())
    assert [(basis.device.name, basis.own, basis.others) for basis in own.bases] == [(core_name(1), 1, 0)]
    elsewhere = Store(tmp_path / "elsewhere")
    assert [(basis.own, basis.others) for basis in costs_of(config, elsewhere).bases] == [(0, 0)]
    remember(config, store)
    assert list(rates_file.read().stores) == [str(store)]
    found = costs_of(config, elsewhere)
    assert [(basis.own, basis.others) for basis in found.bases] == [(0, 1)]
    [(node, assumed)] = zip(
        build_plan(config, costs=found).nodes.values(), build_plan(config).nodes.values(), strict=True
    )
    assert node.run_id == assumed.run_id
    assert node.cost != assumed.cost
    assert node.cost_high / node.cost_low < assumed.cost_high / assumed.cost_low
    assert costs_of(config, store).bases[0].others == 0, "its own runs are not counted twice"
