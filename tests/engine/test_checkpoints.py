"""Checkpoints beside a training: what stands in them, how often they come, and what disturbs them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.made.engine import finish, network, tiny_encoder, training
from trainables.ledger.slots import Slots
from trainables.training import checkpoint, keeper, loop
from trainables.training.checkpoint import TrainingState
from trainables.training.keeper import Keeper, Keeping
from trainables.training.loop import Training
from trainables.training.memory import available_bytes
from trainables.training.optimiser import new_optimiser

OLD = Path(__file__).parents[1] / "golden" / "checkpoint-1.safetensors"


@pytest.fixture(autouse=True)
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training gives a sign of life after every step."""
    monkeypatch.setattr(loop, "SIGN_SECONDS", 0.0)


def made(path: Path, *, seconds: float = 0.0, slots: Slots = keeper.NO_LIMIT) -> Training:
    """8 steps, evaluated after every second one, each time better than before."""
    run = training(network(tiny_encoder(dropout=0.1), dropout=0.1), ["pairs"], path, checkpoint_seconds=seconds,
                   slots=slots)  # fmt: skip
    figures = itertools.count(1.0)
    run.evaluate = lambda: (next(figures), {})
    return run


class Disk:
    """The disk of a test: writing waits until it is let go, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.begun: list[int] = []
        self.threads: set[str] = set()
        self.error: OSError | None = None
        self._write: Callable[..., None] = checkpoint.write
        monkeypatch.setattr(checkpoint, "write", self._slowly)

    def _slowly(self, path, moving, best, header, *, threads=None) -> None:
        self.begun.append(header["step"])
        name = threading.current_thread().name
        self.threads.add(name)
        if name != "MainThread":
            assert self.free.wait(60)
        if self.error:
            raise self.error
        self._write(path, moving, best, header, threads=threads)

    @contextmanager
    def free_later(self) -> Iterator[None]:
        """Let it go a little after the block has begun."""
        timer = threading.Timer(0.2, self.free.set)
        timer.start()
        yield
        timer.join()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    found = Disk(monkeypatch)
    yield found
    found.free.set()


def step_of(path: Path) -> int:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["state"])["step"]


def snapshots(run: Training) -> dict[int, dict[str, torch.Tensor]]:
    """Parameters after every step of an undisturbed run."""
    return {each.step: checkpoint.snapshot(run.network) for each in run.run()}


def test_training_goes_on_while_the_disk_is_slow_and_what_is_written_is_of_one_step(tmp_path, disk: Disk) -> None:
    """The parameters move on and better ones are found while those of step 3 are on their way."""
    at = snapshots(made(tmp_path / "calm", seconds=1e9))
    running = made(tmp_path / "c.safetensors", seconds=1e9).run()
    for _ in range(2):
        next(running)
    due(running)
    assert [next(running).step for _ in range(6)] == [3, 4, 5, 6, 7, 8]
    assert disk.begun == [3], "one on its way at most"
    assert not (tmp_path / "c.safetensors").exists()
    with disk.free_later(), pytest.raises(StopIteration):
        next(running)
    assert "MainThread" not in disk.threads
    assert step_of(tmp_path / "c.safetensors") == 3
    found = load_file(tmp_path / "c.safetensors")
    for name, tensor in at[3].items():
        assert torch.equal(found[f"model.{name}"], tensor), name
        assert torch.equal(found[f"best.{name}"], at[2][name]), name


def due(running) -> None:
    """Have the next step find that it is time."""
    running.gi_frame.f_locals["keeper"]._due = 0.0


def test_what_was_on_its_way_at_the_end_is_of_use_to_the_next_attempt(tmp_path, disk: Disk) -> None:
    """Killed after its training, such as while it predicts, a run goes on from there and ends the same."""
    whole = made(tmp_path / "calm", seconds=1e9)
    finish(whole)
    path = tmp_path / "c.safetensors"
    running = made(path, seconds=1e9).run()
    next(running)
    due(running)
    with disk.free_later():
        finish_rest(running)
    assert step_of(path) == 2
    again = made(path, seconds=1e9)
    figures = itertools.count(2.0)
    again.evaluate = lambda: (next(figures), {})
    finish(again)
    for (name, parameter), other in zip(whole.network.named_parameters(), again.network.parameters(), strict=True):
        assert torch.equal(parameter, other), name


def test_a_full_disk_ends_the_run_at_one_of_the_next_steps_and_leaves_the_checkpoint_before(
    tmp_path, disk: Disk
) -> None:
    path = tmp_path / "c.safetensors"
    disk.free.set()
    running = made(path, seconds=1e9).run()
    next(running)
    due(running)
    next(running)
    wait_for(path.exists)
    before = path.read_bytes()
    disk.error = OSError(28, "No space left on device", str(path))
    next(running)
    due(running)
    with pytest.raises(OSError, match="No space left"):
        finish_rest(running, 0.01)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def wait_for(found: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_disk_that_is_full_at_the_very_end_is_noted(tmp_path, disk: Disk, caplog) -> None:
    """All is trained; whether the predictions find room is another matter."""
    run = made(tmp_path / "c.safetensors", seconds=1e9)
    running = run.run()
    for _ in range(7):
        next(running)
    due(running)
    next(running)
    disk.error = OSError(28, "No space left on device")
    with disk.free_later(), pytest.raises(StopIteration):
        next(running)
    assert run.notes == ["the last checkpoint could not be written: [Errno 28] No space left on device"]
    assert "could not be written" in caplog.text


def test_who_is_stopped_while_one_is_on_its_way_leaves_the_newest(tmp_path, disk: Disk) -> None:
    path = tmp_path / "c.safetensors"
    running = made(path, seconds=1e9).run()
    next(running)
    due(running)
    for _ in range(3):
        next(running)
    with disk.free_later():
        running.close()
    assert disk.begun == [2, 4], "one after the other, the newest last"
    assert step_of(path) == 4


def test_who_is_stopped_and_could_not_write_the_last_one_tries_the_newest(tmp_path, disk: Disk, caplog) -> None:
    path = tmp_path / "c.safetensors"
    running = made(path, seconds=1e9).run()
    next(running)
    due(running)
    next(running)
    next(running)
    disk.error = OSError(28, "No space left on device")
    with disk.free_later(), pytest.raises(OSError, match="No space left"):
        running.close()
    assert disk.begun == [2, 3]
    assert not path.exists()


def test_of_a_run_that_is_pruned_while_one_is_on_its_way_nothing_stays(tmp_path, disk: Disk) -> None:
    """The driver clears its folder before it stops the worker, so what comes later would lie there for ever."""
    wanted = [True]
    run = made(tmp_path / "c.safetensors", seconds=1e9)
    run.is_wanted = lambda: wanted[0]
    running = run.run()
    next(running)
    due(running)
    next(running)
    wanted[0] = False
    with disk.free_later():
        running.close()
    assert disk.begun == [2]
    assert list(tmp_path.iterdir()) == []


def test_after_an_error_of_the_training_nothing_is_written(tmp_path, disk: Disk, monkeypatch) -> None:
    run = made(tmp_path / "c.safetensors", seconds=1e9)
    running = run.run()
    next(running)
    due(running)
    next(running)
    run._update = lambda *_: 1 / 0
    with disk.free_later(), pytest.raises(ZeroDivisionError):
        next(running)
    (tmp_path / "c.safetensors").unlink()
    time.sleep(0.2)
    assert list(tmp_path.iterdir()) == []


HOLD = """
import sys, time
from pathlib import Path
from trainables.ledger.slots import Slots
taken = [Slots(folder=Path(sys.argv[1]), number=2).take() for _ in range(2)]
print(all(taken), flush=True)
time.sleep(60)
"""


def test_who_finds_all_places_taken_trains_on_and_asks_again(tmp_path, monkeypatch) -> None:
    """Another process holds both; killed, it holds none."""
    monkeypatch.setattr(keeper, "SLOT_SECONDS", 0.05)
    slots, path = Slots(folder=tmp_path / "slots", number=2), tmp_path / "c.safetensors"
    with subprocess.Popen([sys.executable, "-c", HOLD, slots.folder], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "True\n"
            assert slots.take() is None
            running = made(path, slots=slots).run()
            for _ in range(4):
                next(running)
                time.sleep(0.06)
            assert not path.exists()
        finally:
            other.kill()
    next(running)
    time.sleep(0.06)
    next(running)
    wait_for(path.exists)
    finish_rest(running)
    taken = [slots.take() for _ in range(3)]
    assert [bool(slot) for slot in taken] == [True, True, False], "its place is free again"


def finish_rest(running, seconds: float = 0.0) -> None:
    for _ in running:
        time.sleep(seconds)


def test_a_place_is_given_back_whatever_happens(tmp_path, disk: Disk) -> None:
    slots = Slots(folder=tmp_path / "slots", number=1)
    running = made(tmp_path / "c.safetensors", seconds=1e9, slots=slots).run()
    next(running)
    due(running)
    next(running)
    assert slots.take() is None
    disk.error = OSError(28, "No space left on device")
    disk.free.set()
    with pytest.raises(OSError, match="No space"):
        finish_rest(running, 0.02)
    slot = slots.take()
    assert slot
    slot.give_back()
    slot.give_back()


def kept(path: Path, **how: float) -> tuple[Keeper, TrainingState]:
    net, state = network(tiny_encoder()), TrainingState()
    optimiser = new_optimiser(net, 0.0)
    found = Keeper(path, net, optimiser, Keeping(**how), state=state, is_wanted=lambda: True, notes=[])
    return found, state


@pytest.mark.parametrize(("seconds", "share", "least"), [(0.3, 1.0, 0.3), (0.001, 0.1, 0.5)])
def test_the_time_between_two_is_the_shortest_or_what_the_share_says(
    tmp_path, monkeypatch, seconds: float, share: float, least: float
) -> None:
    """A writer that takes 0.05 s of a processor may write every 0.5 s if a tenth is allowed; waiting costs nothing."""
    begun: list[float] = []

    def write(*_: object, **__: object) -> None:
        begun.append(time.monotonic())
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        time.sleep(0.05)

    monkeypatch.setattr(checkpoint, "write", write)
    found, state = kept(tmp_path / "c", seconds=seconds, share=share)
    until = time.monotonic() + 3 * least + 0.5
    while time.monotonic() < until:
        state.step += 1
        found.pass_by(0.0)
        time.sleep(0.002)
    found.close()
    gaps = [after - before for before, after in itertools.pairwise(begun)]
    assert len(gaps) >= 2
    assert min(gaps) >= least - 0.01
    assert state.checkpoints == len(begun)


def test_where_memory_is_short_it_is_written_in_the_foreground(tmp_path, disk: Disk, monkeypatch) -> None:
    monkeypatch.setattr(keeper, "available_bytes", lambda: 1000)
    path = tmp_path / "c.safetensors"
    running = made(path, seconds=1e9).run()
    next(running)
    due(running)
    next(running)
    assert step_of(path) == 2
    assert disk.threads == {"MainThread"}
    running.close()
    assert step_of(path) == 2, "nothing is newer"


def test_memory_is_what_the_tightest_group_leaves(tmp_path) -> None:
    """Of 1,000 bytes 700 are taken, 200 of which are pages of files; the group above leaves 400, the root all."""
    own = tmp_path / "cgroup"
    own.write_text("0::/job/step\n")
    assert available_bytes(tmp_path / "none", own) > 10**6
    for group, limit, taken, files in (("job/step", "1000", 700, 200), ("job", "600", 200, 0), ("", "max", 10, 0)):
        folder = tmp_path / "groups" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{taken}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {files}\n")
    assert available_bytes(tmp_path / "groups", own) == 400
    (tmp_path / "groups" / "job" / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path / "groups", own) == 500
    own.write_text("12:memory:/elsewhere\n")
    assert available_bytes(tmp_path / "groups", own) > 10**6


def test_a_checkpoint_of_the_version_before_is_gone_on_from(tmp_path) -> None:
    """`checkpoint-1.safetensors` was written by commit 7c847c0 after two of four evaluations."""
    path = tmp_path / "c.safetensors"
    path.write_bytes(OLD.read_bytes())
    net = network(tiny_encoder(layers=1, seed=3))
    optimiser = new_optimiser(net, 0.01)
    state = checkpoint.load(path, net, optimiser)
    found = load_file(path)
    assert (state.step, [point.step for point in state.curve], state.checkpoints) == (4, [2, 4], 0)
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, found[f"model.{name}"])
        assert torch.equal(state.best[name], found[f"best.{name}"])
        if f"exp_avg.{name}" in found:
            assert torch.equal(optimiser.state[parameter]["exp_avg"], found[f"exp_avg.{name}"])
    run = training(network(tiny_encoder(layers=1, seed=3)), ["pairs"], path)
    assert finish(run).curve[:2] == tuple(state.curve)
    assert run.notes == []


def test_a_checkpoint_of_today_is_read_by_the_version_before(tmp_path) -> None:
    """Which takes from the header what it knows, and compares the digests of all tensors."""
    path = tmp_path / "c.safetensors"
    running = made(path, seconds=1e9).run()
    next(running)
    running.close()
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["state"])
    assert header["format"] == 1
    assert {"step", "tokens", "seconds", "curve", "digests"} <= header.keys()
    assert header["digests"].keys() == load_file(path).keys()
