"""Capacity: where a run fits best, and what fits nowhere."""

from __future__ import annotations

import pytest

from sweep.graph.capacity import Capacity, Machine, UnplaceableError
from trainables.ledger.plan import Share

ONE_GPU = Share(gpus=1.0)
QUARTER = Share(gpus=0.25)


def machine(gpus: int = 1, cpus: int = 16, name: str = "m") -> Machine:
    return Machine(name=name, cpus=cpus, gpus=gpus)


def test_best_fit_packs_fractions_and_keeps_whole_gpus() -> None:
    capacity = Capacity([machine(gpus=2)])
    seats = []
    for _ in range(4):
        seat = capacity.seat(QUARTER)
        assert seat
        capacity.take(seat)
        seats.append(seat.gpus)
    assert seats == [(0,)] * 4
    whole = capacity.seat(ONE_GPU)
    assert whole
    assert whole.gpus == (1,)


def test_cpu_runs_leave_the_cores_beside_gpus_alone() -> None:
    capacity = Capacity([machine(gpus=1, name="gpu"), machine(gpus=0, name="cpu")])
    seat = capacity.seat(Share())
    assert seat
    assert seat.machine == "cpu"


@pytest.mark.parametrize(
    ("gpus", "share", "taken"),
    [
        ([0, 0], Share(gpus=0.25, cpus=3), Share(cpus=3)),
        ([0, 0], Share(gpus=2.0, cpus=4), Share(cpus=4)),
        ([0, 1], Share(gpus=0.25, cpus=3), Share(gpus=0.25, cpus=3)),
        ([0, 1], Share(gpus=2.0), Share(gpus=2.0)),  # too large, which is not the same as no GPU at all
        ([0, 1], Share(cpus=2), Share(cpus=2)),
    ],
)
def test_without_any_gpu_a_run_takes_its_cores_alone(gpus: list[int], share: Share, taken: Share) -> None:
    capacity = Capacity([machine(gpus=count, name=f"m{place}") for place, count in enumerate(gpus)])
    assert capacity.fitted(share) == taken


def test_what_no_machine_could_hold_when_empty_is_refused() -> None:
    capacity = Capacity([machine(name="a"), machine(name="b", cpus=4)])
    seat = capacity.seat(Share(gpus=1.0, cpus=16))
    assert seat
    capacity.take(seat)
    capacity.check(Share(gpus=1.0, cpus=16), "taken now, free later")
    for share in (Share(gpus=2.0), Share(cpus=17)):
        with pytest.raises(UnplaceableError, match=f"huge asks for {share.gpus:g} GPUs and {share.cpus} CPU cores"):
            capacity.check(share, "huge")
