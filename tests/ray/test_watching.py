"""A sweep as others see it while it runs: Ray's own lists, Prometheus, trackers, callbacks of the user."""

from __future__ import annotations

import io
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
import ray
from ray.util.state import list_actors
from rich.console import Console

from sweep.cluster.gauges import GAUGES
from sweep.cluster.run import Place, run_plan
from sweep.cluster.session import ray_session
from sweep.cluster.summary import Summary
from tests.made import graphs
from tests.made.watched import HEARD
from trainables.ledger.store import Store
from trainables.phases.options import Options

NAMES = {"a", "a -> x #42", "a -> y #42", "bad", "killed"}


@dataclass(frozen=True)
class Watched:
    """What was left of a sweep of five runs that are seen and one that is blocked; Ray still lives."""

    summary: Summary
    said: str
    store: Store
    heard: list[str]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    root, output = tmp_path_factory.mktemp("watched"), io.StringIO()
    store = Store(root / "store").prepare()
    first, bad = graphs.node("a"), graphs.node("bad")
    nodes = [first, graphs.node("x", parent=first), graphs.node("y", parent=first), bad, graphs.node("z", parent=bad)]
    plan = graphs.plan([*nodes, graphs.node("killed")])
    patch = pytest.MonkeyPatch()
    patch.setenv(HEARD, str(root / "heard"))
    with ray_session("local", root / "ray.log", cpus=1, gpus=1):
        summary = run_plan(
            plan,
            store,
            Options(data="demo", encoder="bundled", executor="tests.made.watched:paced"),
            Place(
                results=root / "tune", name="seen",
                callbacks=("mlflow", "tests.made.watched:Broken", "tests.made.watched:Listening"),
            ),
            Console(file=output, width=200),
        )  # fmt: skip
        yield Watched(summary, output.getvalue(), store, (root / "heard").read_text().splitlines())
    patch.undo()


def exported() -> dict[tuple[str, str], float]:
    """Name and state of every gauge that the node exports, as Prometheus reads it."""
    [node] = ray.nodes()
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(address, timeout=30) as answer:
        text = answer.read().decode()
    found = {}
    for name, labels, value in re.findall(r"^(ray_xstilts_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        tags = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        assert tags["sweep"] == "seen"
        found[name, tags.get("state", "")] = float(value)
    return found


@pytest.mark.timeout(300)
def test_prometheus_reads_how_the_sweep_ended(watched: Watched) -> None:
    """Of six nodes four are done, one failed and one blocked; nothing is taken, and nothing is left to do."""
    deadline = time.monotonic() + 90
    while exported().get(("ray_xstilts_fraction", "")) != 1.0 and time.monotonic() < deadline:
        time.sleep(1)
    found = exported()
    assert {name for name, _ in found} == {f"ray_{name}" for name in GAUGES}
    states = {state: value for (name, state), value in found.items() if name == "ray_xstilts_runs"}
    assert {state: value for state, value in states.items() if value} == {"done": 4, "failed": 1, "blocked": 1}
    values = {name.removeprefix("ray_xstilts_"): value for (name, state), value in found.items() if not state}
    assert (values["failures"], values["restarts"]) == (1, 1)
    assert (values["cpus"], values["gpus"], values["cpus_taken"], values["gpus_taken"]) == (1, 1, 0, 0)
    assert (values["live"], values["to_go_seconds"], values["fraction"]) == (0, 0, 1)
    assert values["tokens_per_second"] == 0
    assert values["seconds"] > 0


def test_ray_lists_workers_by_class_and_first_run(watched: Watched) -> None:
    address = ray.get_runtime_context().gcs_address
    actors = list_actors(address=address, detail=True, filters=[("class_name", "=", "RunTrainable")])
    assert {actor.repr_name.removesuffix(" (first run)") for actor in actors if actor.repr_name} <= NAMES
    assert any(actor.repr_name.endswith(" (first run)") for actor in actors)


def test_the_process_of_a_worker_bears_the_name_of_its_run(watched: Watched) -> None:
    """Also where a worker has taken its second run: there are more runs than workers."""
    records = [watched.store.record(run_id) for run_id in watched.summary.done]
    seen = {record.name: record.notes[0] for record in records if record.name != "killed"}
    assert seen == {name: f"ray::RunTrainable: {name}" for name in ("a", "a -> x #42", "a -> y #42")}


def test_logs_of_a_worker_say_which_run_wrote_them(watched: Watched) -> None:
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    said = [file.read_text() for file in (session / "logs").glob("worker-*.out")]
    named = {line for text in said for line in text.splitlines() if line.startswith(":actor_name:")}
    assert ":actor_name:a -> y #42" in named or ":actor_name:a -> x #42" in named


def test_mlflow_has_every_run_with_its_settings_and_figures(watched: Watched) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{watched.store.root.parent / 'tune' / 'seen' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("seen")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name for run in runs} == NAMES
    [run] = [run for run in runs if run.info.run_name == "a -> x #42"]
    assert run.info.status == "FINISHED"
    assert run.data.params["tasks"] == "x"
    assert run.data.params["optimisation.learning_rate"] == "1e-05"
    assert (run.data.metrics["selection"], run.data.metrics["dev/x.accuracy"]) == (61.5, 60.0)
    assert (run.data.metrics["selected"], run.data.metrics["train/loss"]) == (61.5, 0.5)
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in history] == [4, 8]
    assert not [name for name in run.data.metrics if name.startswith("config")]
    failed = {run.info.status for run in runs if run.info.run_name == "bad"}
    assert failed == {"FAILED"}


def test_a_callback_that_raises_ends_no_sweep_and_is_said_once(watched: Watched) -> None:
    assert watched.summary.computed
    assert len(watched.summary.done) == 4
    [line] = [line for line in watched.said.splitlines() if "the tracker cannot be reached" in line]
    assert line == (
        "the callback tests.made.watched:Broken is off from here on, and the sweep goes on: RuntimeError: the tracker "
        "cannot be reached"
    )


def test_a_callback_of_the_user_hears_of_runs_by_name(watched: Watched) -> None:
    heard = [line.split("|") for line in watched.heard]
    assert {name for name, *_ in heard} == NAMES
    assert {rate for _, rate, *_ in heard} == {"1e-05"}
    training = "train/learning_rate,train/loss,train/steps_per_second,train/tokens_per_second"
    assert [figures for name, _, _, figures in heard if name == "a"] == [
        training, f"dev/x.accuracy,{training}", "dev/a/accuracy",
    ]  # fmt: skip
