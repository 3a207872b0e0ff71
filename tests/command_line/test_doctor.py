"""`doctor` on this machine alone: what it finds of rows, encoder, store and space, how it says so, how it exits."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from sweep.command_line.main import main
from sweep.planning.disk import Forecast
from sweep.planning.preflight.look import code_digest
from tests.made.offline import mirror
from trainables.ledger.store import Store

CORES = ["--set", "cluster.gpus.target=0"]
GRID = ["--intermediates", "none", "--targets", "pawsx", "--languages", "en,de", *CORES]


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch is asked in a process of its own, which takes seconds; `tests/planning/test_preflight.py` does that."""
    found = {"cuda": "", "gpus": [], "problem": "torch sees no GPU", "cpu_has_bf16": True}
    monkeypatch.setattr("sweep.planning.preflight.look._devices", lambda *, all_gpus: found)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mirror(tmp_path_factory.mktemp("mirror"), "google/xtreme")


@pytest.fixture
def words(source, encoder, tmp_path) -> list[str]:
    return ["doctor", *GRID, "--data", str(source), "--encoder", str(encoder), "--store", str(tmp_path / "store")]


def problems(said: str) -> list[str]:
    return [line.removeprefix("problem  ") for line in said.splitlines() if line.startswith("problem")]


def test_a_machine_that_has_all_is_well_and_nothing_is_left(words, tmp_path, capsys):
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "looked at this machine alone: all is as the sweep needs it"
    assert "data on here: 5 files of rows are there, of the same size" in said
    assert list(tmp_path.iterdir()) == []


def test_as_json_it_is_one_object_with_every_finding_and_all_facts(words, capsys):
    assert main([*words, "--json", "--digests"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"] is True
    assert told["nodes"]["here"]["code"] == code_digest()
    assert {"check": "data", "level": "good", "node": "here", "remedy": "",
            "text": "5 files of rows are there, with the same content"} in told["findings"]  # fmt: skip


def test_rows_that_are_not_there_are_a_problem_not_the_end(words, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    words[words.index("--data") + 1] = str(tmp_path / "empty")
    assert main(words) == 1
    [it] = problems(capsys.readouterr().out)
    assert it.startswith(f"data: data '{tmp_path / 'empty'}' holds none of the repositories")


def test_cells_without_rows_are_a_warning(words, capsys):
    words[words.index("pawsx")] = "pawsx,bucc"
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "warning  data: no rows for 1 cell: bucc has no rows to evaluate" in said
    assert said.strip().endswith("1 warning")


def test_an_encoder_that_cannot_be_had_is_a_problem(words, tmp_path, encoder, capsys):
    shutil.copytree(encoder, tmp_path / "cut")
    weights = tmp_path / "cut/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    words[words.index("--encoder") + 1] = str(tmp_path / "cut")
    assert main(words) == 1
    assert "the weights in" in problems(capsys.readouterr().out)[0]


def test_fetched_files_that_have_changed_are_found(source, encoder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["fetch", *GRID, "--data", str(source), "--encoder", str(encoder), "--out", str(out)]) == 0
    words = ["doctor", *GRID, "--data", str(out), "--encoder", str(out / "encoders/tiny"), "--store", str(tmp_path)]
    assert main(words) == 0
    readme = out / "encoders/tiny/tokenizer_config.json"
    readme.write_text(readme.read_text() + " ")
    capsys.readouterr()
    assert main(words) == 1
    assert problems(capsys.readouterr().out) == [
        "data: 1 files are not as they were fetched: encoders/tiny/tokenizer_config.json"
    ]


def test_of_fetched_files_that_are_to_be_read_a_bit_that_flipped_is_found(source, encoder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["fetch", *GRID, "--data", str(source), "--encoder", str(encoder), "--out", str(out)]) == 0
    words = ["doctor", *GRID, "--data", str(out), "--encoder", str(out / "encoders/tiny"), "--store", str(tmp_path)]
    rows = out / "google/xtreme/PAWS-X.de/test.parquet"
    content = bytearray(rows.read_bytes())
    content[len(content) // 3] ^= 1
    rows.write_bytes(content)
    assert main(words) == 0
    capsys.readouterr()
    assert main([*words, "--digests"]) == 1
    assert problems(capsys.readouterr().out) == [
        "data: 1 files are not as they were fetched: google/xtreme/PAWS-X.de/test.parquet"
    ]


def test_a_disk_without_room_for_the_peak_is_a_problem(words, monkeypatch, capsys):
    full = Forecast(held=0, peak=5 * 10**9, end=10**9, free=10**9)
    monkeypatch.setattr("sweep.command_line.requirements.forecast", lambda *arguments, **named: full)
    assert main(words) == 1
    [it] = problems(capsys.readouterr().out)
    assert it.startswith("space: 5.0 GB at the peak, 1.0 GB are free on the disk of")
    assert not dataclasses.replace(full, free=5 * 10**9).lacking


def test_a_store_where_nothing_can_be_written_is_a_problem(words, capsys):
    words[words.index("--store") + 1] = "/proc/sys/store"
    assert main(words) == 1
    assert any(line.startswith("store: /proc/sys/.xstilts-doctor-") for line in problems(capsys.readouterr().out))


def test_a_store_where_a_sweep_is_at_work_is_a_warning(words, tmp_path, capsys):
    with Store(tmp_path / "store").prepare().driver_lock():
        assert main(words) == 0
    assert f"warning  store: another sweep is at work on {tmp_path / 'store'}" in capsys.readouterr().out


def test_a_temporary_folder_with_a_long_path_is_a_problem_for_a_ray_of_ones_own(words, monkeypatch, capsys):
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "x" * 60)
    assert main(words) == 1
    assert "has a path of 65 bytes; allowed for Ray's sockets" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--targets", "xnil"], "did you mean 'xnli'"), (["--digest"], "did you mean '--digests'"), (["x"], "unexpected")],
)
def test_bad_input_is_one_message(words, more, said, capsys):
    assert main([*words, *more]) == 2
    assert said in capsys.readouterr().err
