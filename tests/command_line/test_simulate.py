"""`xstilts simulate`: what it says, as numbers and in words, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep.command_line.main import main
from tests.made.data import FakeData

GOLDEN = Path(__file__).parents[1] / "golden" / "store-2"
SMALL = [
    "--data", "hub", "--encoder", "bundled:6", "--intermediates", "none,qqp", "--mlm", "off",
    "--targets", "xnli,tatoeba",
]  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, on data that needs no disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData())


def simulated(capsys, *words):
    assert main(["simulate", *words, "--json"]) == 0
    said = capsys.readouterr()
    assert not said.err
    return json.loads(said.out)


def refused(capsys, *words):
    assert main(["simulate", *words]) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.err


def test_a_sweep_on_several_clusters(capsys, tmp_path):
    """5 runs, all on whole GPUs: on one GPU one after another, on eight as long as qqp and xnli take."""
    found = simulated(capsys, *SMALL, "--gpus", "1,8,16")
    assert (found["cells"], found["runs"]) == (4, 5)
    one, eight, sixteen = found["clusters"]
    assert [each["nodes"] for each in found["clusters"]] == [1, 1, 2]
    [draw] = one["draws"]
    assert draw["busy"] == pytest.approx(1)
    assert draw["seconds"] == pytest.approx(draw["bound_seconds"])
    assert eight["seconds"] == sixteen["seconds"]
    assert eight["seconds"]["median"] < one["seconds"]["median"]
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_costs_the_cells_below_it(capsys):
    [draw] = simulated(capsys, *SMALL, "--gpus", "2", "--fail", "qqp")["clusters"][0]["draws"]
    assert draw["failed"] == ["qqp #42"]
    assert sorted(draw["blocked"]) == ["qqp -> tatoeba #42", "qqp -> xnli #42"]
    assert draw["cells_done"] == 2


def test_draws_are_the_same_every_time_and_go_on_from_where_one_asks(capsys):
    words = [*SMALL, "--gpus", "2", "--wrong-by", "2", "--lose-worker", "1h"]
    draws = simulated(capsys, *words)["clusters"][0]["draws"]
    assert len(draws) == 20
    assert simulated(capsys, *words)["clusters"][0]["draws"] == draws
    assert simulated(capsys, *words, "--first-draw", "5", "--draws", "3")["clusters"][0]["draws"] == draws[5:8]
    assert len({draw["seconds"] for draw in draws}) > 10


def test_nodes_leave_and_join_when_one_says(capsys):
    words = [*SMALL, "--gpus", "2", "--nodes", "2"]
    [lost] = simulated(capsys, *words, "--lose-node", "1s")["clusters"][0]["draws"]
    [back] = simulated(capsys, *words, "--lose-node", "1s", "--join-node", "2s")["clusters"][0]["draws"]
    [calm] = simulated(capsys, *words)["clusters"][0]["draws"]
    assert lost["nodes_lost"] == back["nodes_lost"] == 1
    assert lost["cells_done"] == back["cells_done"] == 4
    assert calm["seconds"] <= back["seconds"] < lost["seconds"]


def test_the_sweep_of_a_store_is_run_again_with_the_seconds_of_its_records(capsys):
    """One run at a time: all the seconds of all the records, and those of csqa #42 once more for its pruned trial."""
    found = simulated(capsys, "--store", str(GOLDEN), "--replay", "--set", "cluster.max_concurrent=1")
    records = {path.parent.name: json.loads(path.read_text()) for path in GOLDEN.glob("runs/*/record.json")}
    plan = json.loads((GOLDEN / "plan.json").read_text())
    assert sum(node["trials"] for node in plan["nodes"]) == len(records) + 1 == 28
    seconds = {run_id: sum(record["seconds"].values()) for run_id, record in records.items()}
    assert records["0b45751e520f"]["name"] == "csqa #42, trial 0"
    expected = sum(seconds.values()) + seconds["0b45751e520f"]
    assert found["clusters"][0]["seconds"]["median"] == pytest.approx(expected)
    assert found["known_durations"] == found["runs"] == 10


def test_in_words(capsys):
    words = ["--gpus", "2,4", "--nodes", "2", "--lose-node", "1s", "--fail", "qqp"]
    assert main(["simulate", *SMALL, *words]) == 0
    said = capsys.readouterr().out
    assert "4 cells, 5 runs" in said
    assert "2 GPUs on 2 nodes: failed: qqp #42" in said
    assert "2 of 4" in said
    assert main(["simulate", *SMALL, "--gpus", "2", "--fail", "10%"]) == 0
    said = capsys.readouterr().out
    assert "chance: 10 % of runs fail" in said
    assert "medians of 20 draws (0 to 19)" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail", "qpq"], "unknown run 'qpq'; did you mean 'qqp'"),
        (["--fail", "120%"], "a number above 0 and at most 100"),
        (["--lose-worker", "3"], "a number with its unit (min, s, h, d), for example 2h"),
        (["--lose-node", "0h"], "a number above 0"),
        (["--nodes", "3"], "--gpus 2 on --nodes 3"),
        (["--lose-node", "1h", "--lose-node", "2h"], "--lose-node is given 2 times; 2 GPUs are 1 node"),
        (["--node-back", "1h"], "allowed: with --node-life"),
        (["--first-draw", "3"], "nothing is left to chance"),
        (["--wrong-by", "0.5"], "a number from 1 to 100"),
        (["--draws", "0"], "a whole number from 1 to 10000"),
        (["--set", "cluster.cpus=200"], "asks for 1 GPUs and 200 CPU cores"),
        (["--lose-nod", "1h"], "did you mean '--lose-node'"),
    ],
)
def test_what_cannot_be_is_refused(capsys, words, said):
    assert said in refused(capsys, *SMALL, "--gpus", "2", *words)


def test_a_replay_on_gpus_needs_runs_that_took_some(capsys):
    assert "no run of this sweep took a GPU" in refused(capsys, "--store", str(GOLDEN), "--replay", "--gpus", "8")
    assert "nothing/plan.json does not exist" in refused(capsys, "--store", "nothing", "--replay")
