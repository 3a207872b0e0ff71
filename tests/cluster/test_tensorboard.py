"""TensorBoard files: what is in them, and that a full disk is an error at once and not a hang."""

from __future__ import annotations

import dataclasses
import errno
import io
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sweep.cluster.event_file import EventFile, tensorboardx
from sweep.cluster.hparams import METRICS, Hparams
from sweep.cluster.tensorboard import TensorBoard
from sweep.graph.graph import Graph
from tests.made import graphs
from trainables.ledger.store import Store
from trainables.report import Advanced, Finished, Pace

TUNES = {"training_iteration": 3, "timestamp": 1_700_000_000, "pid": 7, "time_total_s": 1.5, "hostname": "here"}
EVALUATED = Advanced(stage="train", step=10, planned_steps=40, selection=61.5, metrics={"xnli.accuracy": 60.0})
ENDED = Finished(run_id="abc", step=40, planned_steps=40, tokens=900, scores={"dev/xnli/accuracy": 62.0})


PACE = Pace(
    loss=0.5, learning_rate=0.25, steps_per_second=2.0, tokens_per_second=50.0, tokens=400, peak_bytes=1024
)  # fmt: skip
FULL = Path("/dev/full").open
"""Every write to this device fails as on a full disk."""


def trial(name: str = "t0", run_id: str = "") -> SimpleNamespace:
    config = {"run_id": run_id or graphs.node("a").run_id}
    return SimpleNamespace(trial_id=name, custom_dirname=f"folder-{name}", config=config)


@pytest.fixture
def graph(store: Store) -> Graph:
    """An intermediate run that can start, and a target that waits for it."""
    first = graphs.node("a")
    return graphs.graph_of(graphs.plan([first, graphs.node("x", parent=first)]), store, machines=graphs.TWO_CORES)


@pytest.fixture
def board(tmp_path: Path, graph: Graph) -> TensorBoard:
    return TensorBoard(tmp_path, Console(file=io.StringIO(), width=200), Hparams(graph))


def events(file: Path) -> Iterator[object]:
    """The events of a file, by its format: length, checksum, bytes, checksum."""
    content = io.BytesIO(file.read_bytes())
    while header := content.read(12):
        (length, _) = struct.unpack("<QI", header)
        yield tensorboardx().proto.event_pb2.Event.FromString(content.read(length))
        assert len(content.read(4)) == 4


def scalars(folder: Path) -> dict[int, dict[str, float]]:
    [file] = folder.glob("events.out.tfevents.*")
    first, *others = events(file)
    assert first.file_version == "brain.Event:2"
    return {
        event.step: {value.tag: value.simple_value for value in event.summary.value}
        for event in others
        if not any(value.HasField("metadata") for value in event.summary.value)
    }


def hparams(folder: Path) -> dict[str, Any]:
    """What the hparams view is told in a folder, by the field of its content."""
    proto = tensorboardx().proto.plugin_hparams_pb2
    found = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for event in events(file):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "hparams":
                    content = proto.HParamsPluginData.FromString(value.metadata.plugin_data.content)
                    kind = content.WhichOneof("data")
                    assert value.tag == f"_hparams_/{kind}"
                    found[kind] = getattr(content, kind)
    return found


def test_evaluations_and_ends_are_drawn_over_the_steps(board: TensorBoard, tmp_path: Path) -> None:
    for report in (Advanced(stage="load"), Advanced(stage="train", step=5, planned_steps=40), EVALUATED, ENDED):
        board.on_trial_result(0, [], trial(), TUNES | report.to_result())
    assert scalars(tmp_path / "folder-t0") == {
        10: {"step": 10, "planned_steps": 40, "selection": 61.5, "dev/xnli.accuracy": 60.0, "time_total_s": 1.5},
        40: {
            "step": 40, "planned_steps": 40, "tokens": 900, "peak_bytes": 0, "dev/xnli/accuracy": 62.0,
            "time_total_s": 1.5,
        },
    }  # fmt: skip
    board.on_trial_complete(0, [], trial())
    assert len(scalars(tmp_path / "folder-t0")) == 2


def test_training_is_drawn_beside_the_dev_curve(board: TensorBoard, tmp_path: Path) -> None:
    """One point for every report, on the axis of the evaluations; the memory and the tokens go on to the end."""
    board.on_trial_result(0, [], trial(), TUNES | Advanced(stage="train", step=5, pace=PACE).to_result())
    board.on_trial_result(0, [], trial(), TUNES | dataclasses.replace(EVALUATED, pace=PACE).to_result())
    training = {
        "train/loss": 0.5, "train/learning_rate": 0.25, "train/steps_per_second": 2.0,
        "train/tokens_per_second": 50.0, "tokens": 400.0, "peak_bytes": 1024.0,
    }  # fmt: skip
    found = scalars(tmp_path / "folder-t0")
    assert found[5] == training
    assert found[10] == training | {
        "step": 10, "planned_steps": 40, "selection": 61.5, "dev/xnli.accuracy": 60.0, "time_total_s": 1.5,
    }  # fmt: skip


def test_the_hparams_view_has_what_differs_between_the_runs(board: TensorBoard, graph: Graph, tmp_path: Path) -> None:
    """Both runs have the learning rate, the epochs and the seed in common."""
    board.setup()
    shown = hparams(tmp_path)["experiment"]
    assert [info.name for info in shown.hparam_infos] == ["phase", "tasks", "starts_from"]
    assert {info.name.tag: info.display_name for info in shown.metric_infos} == METRICS
    board.on_trial_result(0, [], trial(), EVALUATED.to_result())
    board.on_trial_complete(0, [], trial())
    run = hparams(tmp_path / "folder-t0")
    given = run["session_start_info"].hparams
    texts = {name: given[name].string_value for name in ("phase", "tasks", "starts_from", "precision")}
    assert texts == {"phase": "intermediate", "tasks": "a", "starts_from": "pretrained", "precision": "fp32"}
    numbers = {name: given[name].number_value for name in ("learning_rate", "epochs", "batch_size", "seed")}
    assert numbers == {"learning_rate": 1e-5, "epochs": 1, "batch_size": 4, "seed": 42}
    assert given["mlm"].WhichOneof("kind") == "bool_value"
    status = tensorboardx().proto.api_pb2.Status
    assert run["session_end_info"].status == status.Value("STATUS_SUCCESS")


def test_a_failed_attempt_is_one_in_the_hparams_view(board: TensorBoard, tmp_path: Path) -> None:
    board.on_trial_result(0, [], trial(), EVALUATED.to_result())
    board.on_trial_error(0, [], trial())
    status = tensorboardx().proto.api_pb2.Status
    assert hparams(tmp_path / "folder-t0")["session_end_info"].status == status.Value("STATUS_FAILURE")


def test_what_is_searched_is_a_column_and_a_second_start_replaces_them(store: Store, tmp_path: Path) -> None:
    first = graphs.node("a")
    plan = graphs.plan([first, graphs.node("x", parent=first)])
    for search in (graphs.fields(), graphs.fields(target=3)):
        Hparams(graphs.graph_of(plan, store, search)).describe(tmp_path)
    assert [info.name for info in hparams(tmp_path)["experiment"].hparam_infos] == [
        "phase", "tasks", "starts_from", "learning_rate",
    ]  # fmt: skip
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


def test_two_attempts_within_a_second_overwrite_nothing(board: TensorBoard, tmp_path: Path) -> None:
    attempts = [trial(name) for name in ("t0", "t1")]
    for attempt in attempts:
        attempt.custom_dirname = "folder"
    for attempt in attempts:
        board.on_trial_result(0, [], attempt, EVALUATED.to_result())
        board.on_trial_error(0, [], attempt)
    files = sorted((tmp_path / "folder").glob("events.out.tfevents.*"))
    steps = [[event.step for event in events(file) if event.step] for file in files]
    assert steps == [[10], [10]]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing on is an error of the system, as on a full disk; Python ignores the signal that goes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_once_and_nothing_waits(graph: Graph, tmp_path: Path) -> None:
    """More reports than the queue of a SummaryWriter has places for: it would wait for its dead thread."""
    output = io.StringIO()
    board = TensorBoard(tmp_path, Console(file=output, width=200), Hparams(graph))
    board.on_trial_result(0, [], trial(), EVALUATED.to_result())
    [file] = (tmp_path / "folder-t0").iterdir()
    with files_of_at_most(file.stat().st_size + 400):
        for _ in range(100):
            board.on_trial_result(0, [], trial(), EVALUATED.to_result())
        board.on_trial_complete(0, [], trial())
    said = output.getvalue().splitlines()
    assert len(said) == 1
    assert said[0].startswith(
        "TensorBoard is off from here on, and the sweep goes on: OSError: [Errno 27] File too large"
    )


def test_a_device_without_room_is_an_error_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda self, mode: FULL(mode))
    with pytest.raises(OSError, match="No space left on device") as found:
        EventFile(tmp_path)
    assert found.value.errno == errno.ENOSPC


def test_a_driver_does_not_import_torch_for_it() -> None:
    code = """
import sys
from sweep.cluster.event_file import tensorboardx
assert tensorboardx().proto.event_pb2 and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
