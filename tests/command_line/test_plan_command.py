"""The command `plan` from its words to its lines and its JSON, with and without the hub."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import HfApi

from sweep.command_line.main import grid, main
from tests.made.data import FakeData

SMALL = ["--encoder", "bundled:6", "--intermediates", "none,qqp", "--mlm", "off", "--targets", "xnli,pawsx"]
KEYS = {
    "format", "name", "store", "sweep", "encoder", "cells", "runs", "hours", "clusters", "critical_path",
    "next_chains", "disk", "costs", "cannot_be_had", "row_counts", "preliminary", "notes", "cautions",
}  # fmt: skip
"""docs/plan.md promises these."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder on a machine of two cores, and a hub that does not answer."""

    def no_route(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("sweep.planning.machines._num_gpus", lambda: 0)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(HfApi, "model_info", no_route)
    monkeypatch.setattr(HfApi, "dataset_info", no_route)


@pytest.fixture
def no_pawsx(monkeypatch):
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData("PAWS-X.en"))


def lines(capsys, *words) -> list[str]:
    assert main(["plan", *words]) == 0
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def as_json(capsys, *words):
    assert main(["plan", "--json", *words]) == 0
    found = capsys.readouterr()
    assert found.err == ""
    return json.loads(found.out)


def test_the_paper_is_planned_offline_on_any_number_of_gpus(capsys, tmp_path):
    found = lines(capsys, "--preset", "paper", "--gpus", "1,8,64")
    text = "\n".join(found)
    assert found[0] == "153 cells, 1 seed: 33 no data, 120 pending"
    [head] = [number for number, line in enumerate(found) if line.startswith("cluster ")]
    assert [line.split("  ")[0] for line in found[head + 1 : head + 4]] == ["1 GPU", "8 GPUs", "64 GPUs"]
    [path] = [number for number, line in enumerate(found) if line.startswith("critical path: ")]
    # the longest of the paper by far is an MLM run, of CosmosQA; those of CSQA and of all tasks come next, about alike
    assert found[path + 1].endswith("h  cosmosqa+mlm #42")
    assert found[path + 2].endswith("cosmosqa+mlm -> xnli #42")
    names = [line.partition(" for ")[2] for line in found[path + 3 : path + 5]]
    assert sorted(names) == [f"{row} #42, then {row} -> xnli #42" for row in ("csqa+mlm", "multitask+mlm")]
    assert "row counts are published ones, none was counted" in text
    assert "preliminary: the hub did not say which commit allenai/cosmos_qa is at, so 32 runs of 119" in text
    assert "runs would train in fp32 on GPUs" in text
    assert "on 64 GPUs the GPUs would be idle for" in text
    assert "`run` would refuse here" in text
    assert not list(tmp_path.iterdir())


def test_without_the_hub_a_run_of_the_paper_is_refused(capsys, tmp_path):
    assert main(["run", "--preset", "paper"]) == 2
    assert "hub allenai/cosmos_qa@refs/convert/parquet cannot be read" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_json_is_one_object_and_has_all_that_is_promised(capsys, no_pawsx):
    found = as_json(capsys, *SMALL, "--gpus", "1,2")
    assert set(found) == KEYS
    assert found["format"] == 1
    assert found["cells"] == {"all": 4, "seeds": 1, "no_data": 2, "pending": 2}
    assert {name: lot["runs"] for name, lot in found["runs"].items()} == {
        "intermediate": 1, "target": 2, "retrieval": 0, "all": 3,
    }  # fmt: skip
    [absent] = found["cannot_be_had"]
    assert [cell["target"] for cell in absent["cells"]] == ["pawsx", "pawsx"]
    assert "PAWS-X.en" in absent["why"]
    assert [(each["cluster"], each["gpus"], each["is_real"]) for each in found["clusters"]] == [
        ("1 GPU", 1, False), ("2 GPUs", 2, False),
    ]  # fmt: skip
    assert found["hours"]["unit"] == "GPU-hours"
    one, two = found["clusters"]
    # one GPU is busy all the time: the wall clock is the work, and what is paid is what is used
    assert one["busy"] == pytest.approx(1)
    assert one["seconds"]["expected"] / 3600 == pytest.approx(found["hours"]["expected"])
    assert one["paid_gpu_hours"] == pytest.approx(found["hours"]["expected"])
    assert two["seconds"]["expected"] == pytest.approx(found["critical_path"]["seconds"]["expected"])
    assert [run["name"] for run in found["critical_path"]["runs"]] == ["qqp #42", "qqp -> xnli #42"]
    assert {caution["kind"] for caution in found["cautions"]} == {"fp32-on-gpu"}
    assert found["row_counts"]["counted"] == []
    assert found["preliminary"] == {"because": {}, "runs": []}


def test_json_says_null_where_no_range_is_known(capsys, no_pawsx, monkeypatch):
    """Seconds of nodes have no range here, whatever the formula says of them."""
    monkeypatch.setattr("sweep.planning.span.Span.is_known", False)
    found = as_json(capsys, *SMALL)
    assert (found["hours"]["low"], found["hours"]["high"]) == (None, None)
    assert found["hours"]["expected"] > 0
    [here] = found["clusters"]
    assert (here["cluster"], here["is_real"], here["nodes"]) == ("2 cores", True, 1)


def test_gpus_of_a_type_are_shared_by_what_fits_into_one(capsys, no_pawsx):
    whole, shared = as_json(capsys, *SMALL, "--gpus", "1"), as_json(capsys, *SMALL, "--gpus", "1xh100,1xA10G")
    assert [each["cluster"] for each in shared["clusters"]] == ["1 H100", "1 A10G"]
    assert shared["hours"]["expected"] < whole["hours"]["expected"], "an eighth of a GPU for so long, not all of it"


def test_costs_on_gpus_are_those_of_gpus_although_this_machine_has_none(capsys, no_pawsx):
    here, there = as_json(capsys, *SMALL), as_json(capsys, *SMALL, "--gpus", "1")
    assert (here["hours"]["unit"], there["hours"]["unit"]) == ("core-hours", "GPU-hours")
    assert there["runs"]["all"]["seconds"]["expected"] < here["runs"]["all"]["seconds"]["expected"] / 5
    assert here["sweep"] == there["sweep"]


def test_bf16_is_no_waste_and_its_hours_are_those_that_the_warning_of_fp32_says(capsys, no_pawsx):
    slow = as_json(capsys, *SMALL, "--gpus", "1")
    bf16 = ["--set", "intermediate.precision=bf16", "--set", "target.precision=bf16"]
    fast = as_json(capsys, *SMALL, "--gpus", "1", *bf16)
    assert not fast["cautions"]
    [caution] = slow["cautions"]
    said = caution["text"].partition("faster: ")[2].split()[0]
    assert float(said) == pytest.approx(fast["hours"]["expected"], rel=0.05)


def test_hours_at_hand(capsys, no_pawsx):
    found = as_json(capsys, *SMALL, "--gpus", "1", "--budget", "0.01")
    assert "budget" in {caution["kind"] for caution in found["cautions"]}


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_longer_than_the_terminal(capsys, monkeypatch, width):
    monkeypatch.setattr("sweep.command_line.main.LOG_WIDTH", width)
    found = lines(capsys, "--preset", "paper", "--gpus", "1,8,64", "--search", "40h", "--seeds", "1,2")
    assert max(map(len, found)) <= width
    [head] = [number for number, line in enumerate(found) if line.startswith("cluster ")]
    words = " ".join(found[head - 1 : head + 1]).split()  # a heading may take two lines
    headings = ["cluster", "wall clock", "range", "no searches", "busy", "paid GPU-hours", "set by"]
    assert sorted(words[-11:]) == sorted(" ".join(headings).split())
    assert "…" not in "".join(found[head:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--gpus", "0"],
            "given '0'; allowed: a whole number from 1 to 100000, or one of a type, as 8xH100, or several with commas",
        ),
        (["--gpus", "8xH10"], "given '8xH10'; unknown type of GPU 'H10'; did you mean 'H100'?"),
        (["--gpus", "xH100"], "given 'xH100'; allowed: a whole number from 1 to 100000"),
        (["--gpus", "1,,8"], "given '1,,8'; allowed: a whole number from 1 to 100000"),
        (["--gpus", ",".join(map(str, range(1, 30)))], "allowed: at most 20 numbers"),
        (["--budget", "-1"], "allowed: a number above 0"),
        (["--gpu", "8"], "did you mean '--gpus'?"),
    ],
)
def test_words_that_cannot_be(capsys, words, said):
    assert grid(["plan", *words]) == 2
    found = capsys.readouterr()
    assert said in found.err
    assert found.out == ""


def test_options_of_a_plan_are_none_of_a_run(capsys):
    for words in (["--gpus", "8"], ["--budget", "8"], ["--json"]):
        assert main(["run", *words]) == 2
        said = capsys.readouterr().err
        assert f"`xstilts run` has no option '{words[0]}'; " in said
        assert "`xstilts plan`" in said


def test_json_of_bad_input_is_nothing_on_stdout(capsys):
    assert main(["plan", "--json", "--preset", "papr"]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert "did you mean 'paper'" in found.err


def test_a_run_that_this_machine_cannot_hold_is_refused(capsys, no_pawsx):
    assert main(["plan", *SMALL, "--set", "cluster.cpus=3"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "asks for 0 GPUs and 3 CPU cores on one node; the largest node has 0 GPUs and 2 CPU cores" in said
    assert "Ask for less (cluster.gpus, cluster.cpus)" in said


def test_a_cluster_that_does_not_answer_is_said_and_the_plan_is_for_the_usual_sizes(capsys, no_pawsx):
    found = as_json(capsys, *SMALL, "--address", "127.0.0.1:1")
    assert [each["cluster"] for each in found["clusters"]] == ["1 GPU", "8 GPUs"]
    [caution] = [each for each in found["cautions"] if each["kind"] == "cluster-unreachable"]
    assert "no Ray cluster answers at" in caution["text"]
