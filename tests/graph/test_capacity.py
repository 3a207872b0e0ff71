"""Capacity: where a run fits best, and what fits nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.graph.capacity import Capacity, Machine, Seat, UnplaceableError
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


# parts of a GPU from the memory that a run needs

GB = 10**9
H100 = Machine(name="h100", cpus=64, gpus=2, gpu_type="H100", gpu_bytes=80 * GB)
A10G = Machine(name="a10g", cpus=64, gpus=4, gpu_type="A10G", gpu_bytes=24 * GB)


def needing(gigabytes: float, least: float = 0.0, **more: float) -> Share:
    return Share(gpus=1.0, gpu_bytes=int(gigabytes * GB), least_gpu_bytes=int(least * GB), **more)


@pytest.mark.parametrize(
    ("gigabytes", "parts"), [(0.1, 8), (10, 8), (10.1, 4), (20, 4), (20.1, 2), (40, 2), (40.1, 1), (80, 1)]
)
def test_a_run_takes_the_smallest_part_that_holds_it(gigabytes: float, parts: int) -> None:
    taken = H100.taken_by(needing(gigabytes))
    assert taken
    assert taken.gpus == 1 / parts


def test_a_run_that_fits_only_in_smaller_passes_takes_a_whole_gpu() -> None:
    assert H100.taken_by(needing(90, least=12)) == Share(
        gpus=1.0, gpu_bytes=90 * GB, least_gpu_bytes=12 * GB
    )  # fmt: skip
    assert H100.taken_by(needing(90)) is None
    assert H100.taken_by(needing(90, least=81)) is None


def test_no_more_runs_share_a_gpu_than_the_cores_can_serve() -> None:
    """4 cores on each of 2 GPUs: with 2 cores a run, 2 on a GPU, so that a half costs nobody anything."""
    machine = Machine(name="m", cpus=8, gpus=2, gpu_bytes=80 * GB)
    taken = [machine.taken_by(needing(1, cpus=cpus)) for cpus in (1, 2, 3, 8)]
    assert [each and each.gpus for each in taken] == [0.25, 0.5, 1.0, 1.0]


def test_the_same_run_takes_another_part_of_another_gpu() -> None:
    capacity = Capacity([H100, A10G])
    seats = []
    while seat := capacity.seat(needing(11)):
        capacity.take(seat)
        seats.append((seat.machine, seat.gpus, seat.share.gpus))
    assert len(seats) == 4 * 2 + 2 * 4
    assert seats.count(("a10g", (3,), 0.5)) == 2, "11 of 24 GB are a half"
    assert seats.count(("h100", (1,), 0.25)) == 4, "11 of 80 GB are a quarter"


def test_a_number_that_a_user_gives_is_taken_on_every_gpu() -> None:
    assert [machine.taken_by(QUARTER) for machine in (H100, A10G)] == [QUARTER, QUARTER]


def test_a_gpu_of_unknown_size_is_taken_as_planned() -> None:
    unknown = Machine(name="m", cpus=64, gpus=1)
    assert unknown.taken_by(needing(11)) == needing(11)


def test_a_run_goes_where_its_batches_stay_whole_if_there_is_room() -> None:
    run = needing(30, least=4)
    capacity = Capacity([A10G, H100])
    machines = []
    while seat := capacity.seat(run):
        capacity.take(seat)
        machines.append(seat.machine)
    assert machines == ["h100"] * 4 + ["a10g"] * 4


def test_parts_of_different_sizes_leave_no_gap() -> None:
    """Halves, quarters and eighths of one GPU in any order fill it to the brim."""
    machine = Machine(name="m", cpus=64, gpus=1, gpu_bytes=80 * GB)
    for sizes in ([10, 40, 10, 20], [20, 10, 10, 40], [10, 10, 10, 10, 40]):
        capacity = Capacity([machine])
        for gigabytes in sizes:
            seat = capacity.seat(needing(gigabytes))
            assert seat
            capacity.take(seat)
        assert capacity.seat(needing(1)) is None


def test_a_run_that_no_gpu_can_hold_even_row_by_row_is_refused_with_what_to_do() -> None:
    capacity = Capacity([H100, A10G])
    capacity.check(needing(90, least=79), "cut")
    expected = r"huge needs 81.0 GB of a GPU's memory, one row at a time; the largest GPU .* has 80.0 GB \(H100\)"
    with pytest.raises(UnplaceableError, match=expected):
        capacity.check(needing(90, least=81), "huge")


@pytest.mark.parametrize(
    ("asked", "machine", "gpus", "more"),
    [
        (needing(9), H100, 1 / 8, needing(20)),
        (needing(11), A10G, 1 / 2, needing(24)),
        (needing(20), A10G, 1.0, needing(48)),
        (needing(50), H100, 1.0, None),
        (QUARTER, H100, 0.25, Share(gpus=0.5)),
        (Share(gpus=1 / 3), H100, 1 / 3, ONE_GPU),
        (ONE_GPU, H100, 1.0, None),
    ],
)
def test_a_run_that_had_too_little_asks_for_twice_as_much(
    asked: Share, machine: Machine, gpus: float, more: Share | None
) -> None:
    """Of what it had, not of what it asked for; a whole GPU of the small type leads to the large one."""
    taken = machine.taken_by(asked)
    assert taken
    assert taken.gpus == gpus
    assert Capacity([H100, A10G]).larger(Seat(machine=machine.name, gpus=(0,), share=taken), asked) == more


# memory of the nodes


def test_runs_on_cores_are_admitted_by_the_memory_of_their_node() -> None:
    capacity = Capacity([Machine(name="m", cpus=16, memory_bytes=10 * GB)])
    run, seats = Share(memory_bytes=3 * GB), []
    while seat := capacity.seat(run):
        capacity.take(seat)
        seats.append(seat)
    assert len(seats) == 3
    capacity.give_back(seats[0])
    assert capacity.seat(run)


def test_a_run_that_is_expected_to_need_more_than_a_node_has_runs_there_alone() -> None:
    capacity = Capacity([Machine(name="m", cpus=16, memory_bytes=10 * GB)])
    huge = Share(memory_bytes=30 * GB)
    capacity.check(huge, "huge")
    seat = capacity.seat(huge)
    assert seat
    capacity.take(seat)
    assert capacity.seat(Share(memory_bytes=1)) is None
    assert capacity.seat(Share())


def test_a_reservation_keeps_its_memory_too() -> None:
    capacity = Capacity([Machine(name="m", cpus=16, memory_bytes=10 * GB)])
    busy = capacity.seat(Share(memory_bytes=8 * GB))
    assert busy
    capacity.take(busy)
    reserved = capacity.reserve(Share(memory_bytes=9 * GB), [(5.0, busy)])
    assert reserved
    assert reserved.time == 5.0
    assert capacity.seat(Share(memory_bytes=2 * GB))
    assert capacity.seat_beside(reserved, Share(memory_bytes=2 * GB)) is None
    assert capacity.seat_beside(reserved, Share(memory_bytes=GB))


def test_on_a_cluster_without_gpus_what_a_gpu_would_have_held_counts_as_memory() -> None:
    capacity = Capacity([Machine(name="m", cpus=16, memory_bytes=100 * GB)])
    share = needing(18, least=4, cpus=2, memory_bytes=5 * GB)
    assert capacity.fitted(share) == Share(cpus=2, memory_bytes=23 * GB)


def test_a_run_that_was_killed_for_memory_asks_for_twice_as_much_of_it() -> None:
    small, large = (Machine(name=f"m{size}", cpus=16, memory_bytes=size * GB) for size in (10, 64))
    capacity = Capacity([small, large])

    def more(machine: Machine, gigabytes: int) -> Share | None:
        taken = machine.taken_by(Share(memory_bytes=gigabytes * GB))
        assert taken
        return capacity.with_more_memory(Seat(machine=machine.name, gpus=(), share=taken), Share())

    assert [more(small, gigabytes) for gigabytes in (3, 0, 12)] == [
        Share(memory_bytes=gigabytes * GB) for gigabytes in (6, 10, 20)
    ]  # fmt: skip
    assert more(large, 40) == Share(memory_bytes=64 * GB)
    assert more(large, 64) is None, "it had all that there is"


SHARES = st.builds(
    Share,
    gpus=st.sampled_from([0.0, 0.25, 1 / 3, 1.0]),
    cpus=st.integers(1, 3),
    gpu_bytes=st.sampled_from([0, 2 * GB, 9 * GB, 30 * GB, 100 * GB]),
    least_gpu_bytes=st.sampled_from([0, GB, 25 * GB]),
    memory_bytes=st.integers(0, 12) | st.sampled_from([0, 3 * GB, 40 * GB]),
)
MACHINES = st.lists(
    st.builds(
        Machine,
        name=st.uuids().map(str),
        cpus=st.integers(1, 9),
        gpus=st.integers(0, 3),
        gpu_bytes=st.sampled_from([0, 24 * GB, 80 * GB]),
        memory_bytes=st.sampled_from([0, 10 * GB, 64 * GB]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=200)
@given(machines=MACHINES, shares=st.lists(SHARES, max_size=20), leave=st.lists(st.booleans(), max_size=20))
def test_nothing_is_given_out_twice(machines: list[Machine], shares: list[Share], leave: list[bool]) -> None:
    """Summed by hand: cores, memory, each GPU, and what runs on one GPU need of its memory."""
    capacity, seats = Capacity(machines), []
    for share, leaves in zip(shares, [*leave, *[False] * len(shares)], strict=False):
        if seats and leaves:
            capacity.give_back(seats.pop()[0])
        if seat := capacity.seat(share):
            capacity.take(seat)
            seats.append((seat, share))
        for machine in machines:
            here = [(seat, asked) for seat, asked in seats if seat.machine == machine.name]
            assert sum(seat.share.cpus for seat, _ in here) <= machine.cpus
            assert not machine.memory_bytes or sum(seat.share.memory_bytes for seat, _ in here) <= machine.memory_bytes
            for gpu in range(machine.gpus):
                on = [(seat, asked) for seat, asked in here if gpu in seat.gpus]
                assert sum(seat.share.gpus for seat, _ in on) <= 1 + 1e-9
                sized = [asked.gpu_bytes for seat, asked in on if seat.share.gpus < 1 and asked.gpus]
                if machine.gpu_bytes and all(sized) and len(sized) > 1:
                    assert sum(sized) <= machine.gpu_bytes
