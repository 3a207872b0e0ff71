"""What finished runs took of memory, and what the next ones of their kind ask for."""

from __future__ import annotations

import dataclasses

import pytest

from sweep.graph.capacity import Machine
from sweep.planning.memory import SPLIT, STEP_BYTES
from sweep.planning.peaks import BESIDE, Peaks
from sweep.planning.shares import records_like, with_peaks
from tests.made import graphs
from tests.made.records import record
from trainables.ledger.gpu_share import CONTEXT_BYTES
from trainables.ledger.plan import Node, Share
from trainables.ledger.record import Record
from trainables.ledger.store import Store

GB = 10**9
AUTO = Share(gpus=1.0, gpu_bytes=18 * GB, least_gpu_bytes=6 * GB, memory_bytes=5 * GB)
H100 = Machine(name="h", cpus=64, gpus=8, gpu_type="H100", gpu_bytes=80 * GB)


def node(task: str = "a", share: Share = AUTO, **spec: object) -> Node:
    made = graphs.node(task, share=share)
    return dataclasses.replace(made, spec=dataclasses.replace(made.spec, **spec))


def finished(of: Node, peak: float, *, device: str = "NVIDIA H100 80GB HBM3", gpus: float = 0.25, **more) -> Record:
    return dataclasses.replace(record(of.spec), peak_bytes=int(peak * GB), device=device, gpus=gpus, **more)


def measured(peak: float) -> int:
    """In steps, from the peak of PyTorch: what it holds for that, and CUDA itself."""
    needed = CONTEXT_BYTES + SPLIT * peak * GB
    return int(-(-needed // STEP_BYTES) * STEP_BYTES)


def test_a_peak_takes_the_place_of_the_formula_for_runs_of_its_kind():
    peaks = Peaks([finished(node(), 8.0)])
    for alike in (node(), node(seed=7)):
        share = peaks.share(alike)
        assert share == dataclasses.replace(AUTO, gpu_bytes=measured(8.0))
        assert H100.taken_by(share).gpus == 1 / 8, "9.4 GB, where the formula's 18 would have been a quarter"
    assert peaks.share(node("b")) == AUTO


def test_what_a_run_starts_from_makes_no_difference():
    parents = [graphs.node(name) for name in ("b", "c")]
    one, other = (graphs.node("x", parent=parent, share=AUTO) for parent in parents)
    assert Peaks([finished(one, 8.0)]).share(other).gpu_bytes == measured(8.0)


@pytest.mark.parametrize(("field", "value"), [("max_length", 128), ("batch_sizes", {"a": 8})])
def test_another_length_or_batch_is_another_kind(field, value):
    peaks, other = Peaks([finished(node(), 8.0)]), node()
    settings = dataclasses.replace(other.spec.optimisation, **{field: value})
    assert peaks.share(node(optimisation=settings)) == AUTO


def test_the_largest_peak_of_a_kind_counts():
    peaks = Peaks([finished(node(seed=seed), peak) for seed, peak in enumerate((3.0, 31.0, 5.0))])
    assert peaks.share(node()).gpu_bytes == measured(31.0)


def test_a_peak_on_another_type_of_gpu_says_nothing_where_the_types_are_known():
    on_a10 = finished(node(), 4.0, device="NVIDIA A10G")
    on_h100 = finished(node(), 8.0)
    assert Peaks([on_a10], types={"H100"}).share(node()) == AUTO
    assert Peaks([on_a10, on_h100], types={"A10G"}).share(node()).gpu_bytes == measured(4.0)
    assert Peaks([on_a10, on_h100], types={"A10G", "H100"}).share(node()).gpu_bytes == measured(8.0)
    assert Peaks([on_a10]).share(node()).gpu_bytes == measured(4.0)


def test_a_run_whose_passes_were_halved_is_no_reason_for_a_smaller_part():
    """It took 7 GB of its quarter because it had to: an eighth would cut its passes further."""
    cut = finished(node(), 7.0, gpu_bytes=20 * GB, micro_batch=4, is_halved=True)
    share = Peaks([cut]).share(node())
    assert share.gpu_bytes >= 20 * GB
    assert H100.taken_by(share).gpus == 0.25 or share.gpu_bytes > 20 * GB
    assert H100.taken_by(Peaks([finished(node(), 7.0, gpu_bytes=20 * GB)]).share(node())).gpus == 0.125


def test_a_share_that_was_given_as_a_number_stays():
    given = Share(gpus=0.5, memory_bytes=GB)
    assert Peaks([finished(node(), 30.0)]).share(node(share=given)) == given


def test_runs_on_cores_are_measured_by_their_process():
    on_cores = Share(cpus=2, memory_bytes=4 * GB)
    peaks = Peaks([finished(node(), 2.0, device="AMD EPYC, 1 threads", gpus=0.0)])
    expected = int(-(-(BESIDE * 2 * GB) // STEP_BYTES) * STEP_BYTES)
    assert peaks.share(node(share=on_cores)) == Share(cpus=2, memory_bytes=expected)
    assert peaks.share(node()) == AUTO, "what a process takes on cores says nothing of a GPU"
    assert peaks.share(node(share=Share(cpus=2))) == Share(cpus=2), "a plan of an earlier version counts no memory"


def test_records_that_do_not_say_what_they_took_say_nothing():
    assert Peaks([finished(node(), 0.0)]).share(node()) == AUTO


def test_what_a_run_asked_for_after_it_had_too_little_others_of_its_kind_ask_for_too():
    peaks = Peaks([finished(node(), 1.0)])
    peaks.ask(node().spec, dataclasses.replace(AUTO, gpu_bytes=40 * GB))
    assert peaks.share(node(seed=3)).gpu_bytes == 40 * GB
    assert peaks.share(node("b")) == AUTO
    peaks.ask(node().spec, Share(gpus=0.5))
    assert peaks.share(node(share=Share(gpus=0.25))) == Share(gpus=0.5)


def test_a_plan_that_goes_on_is_sized_by_what_its_store_holds(store: Store):
    one, other = node(seed=1), node(seed=2)
    found = graphs.plan([one, other, node("b")])
    assert with_peaks(found, store) == found
    store.finish(finished(one, 8.0))
    sized = with_peaks(found, store)
    assert [each.share.gpu_bytes for each in sized.nodes.values()] == [measured(8.0)] * 2 + [AUTO.gpu_bytes]
    assert [*sized.nodes] == [*found.nodes]


def test_of_a_kind_a_few_records_are_read(store: Store):
    runs = [node(seed=seed) for seed in range(12)]
    for each in runs:
        store.finish(finished(each, 1.0))
    assert len([*records_like(graphs.plan(runs), store)]) == 8
