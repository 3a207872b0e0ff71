"""`xstilts check` says what is sound; `run --recompute` computes a finished run again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sweep.command_line.main import main
from sweep.studies.journal_file import JournalFile
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.store import Store

GOLDEN = Path(__file__).parents[1] / "golden" / "store-1"


@pytest.fixture
def filled(store):
    """A store with a plan and its finished runs, one of which left a file."""
    plan = graphs.fan(["squad"], ["xnli"])
    store.save_plan(plan)
    parent, child = plan.nodes
    for run_id in (parent, child):
        made = store.work(run_id) / "encoder"
        made.mkdir()
        (made / "model.safetensors").write_text(f"weights of {run_id}")
        files = store.publish(run_id, "encoder", made)
        store.finish(replace(quadratic_record(plan.nodes[run_id].spec, plan.nodes[run_id].name), files=files))
    return store


def test_of_a_sound_store_all_is_sound(filled, capsys):
    assert main(["check", str(filled.root)]) == 0
    assert capsys.readouterr().out.startswith("4 sound (")


def test_a_damaged_file_is_named_with_its_remedy_and_noted(filled, capsys):
    run_id = filled.run_ids()[0]
    (filled.root / "runs" / run_id / "encoder" / "model.safetensors").write_text("other")
    assert main(["check", str(filled.root)]) == 1
    said = capsys.readouterr().out
    assert f"damaged  run {run_id} (" in said
    assert f"--recompute {run_id}" in said
    assert said.splitlines()[-1].startswith("3 sound, 1 damaged (")
    assert filled.damage(run_id)


@pytest.mark.parametrize("name", ["plan.json", "runs/{}/record.json"])
def test_a_damaged_record_or_plan_is_named(filled, capsys, name):
    path = filled.root / name.format(filled.run_ids()[0])
    path.write_text(path.read_text().replace("squad", "sqaud", 1))
    assert main(["check", str(filled.root)]) == 1
    assert "damaged  " in capsys.readouterr().out


def test_unfinished_runs_are_no_damage(filled, capsys):
    filled.fail("0123456789ab", "squad", "the disk is full")
    assert main(["check", str(filled.root)]) == 0
    assert "unfinished  run 0123456789ab: failed: the disk is full" in capsys.readouterr().out


def test_of_a_store_without_digests_it_says_that_nothing_can_be_compared(tmp_path, capsys):
    shutil.copytree(GOLDEN, tmp_path / "store")
    assert main(["check", str(tmp_path / "store")]) == 0
    assert "unchecked  run " in capsys.readouterr().out


def test_where_there_is_no_store_it_says_so(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"there is no store at {tmp_path}\n"


@pytest.mark.parametrize(
    ("run_id", "message"),
    [("000000000000", "unknown run of this sweep"), ("unfinished", "is not finished, so `run` computes it")],
)
def test_what_cannot_be_computed_again_is_refused_and_nothing_changed(tmp_path, rows_of_then, capsys, run_id, message):
    shutil.copytree(GOLDEN, tmp_path / "store")
    store = Store(tmp_path / "store")
    rows_of_then(store)
    before = store.run_ids()
    if run_id == "unfinished":
        run_id = before[0]
        (store.root / "runs" / run_id / "record.json").unlink()
    words = ["run", "--config", str(store.root / "config.yaml"), "--store", str(store.root), "--recompute", run_id]
    assert main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["studies.journal", "pruned.json", "config.yaml"])
def test_all_that_a_store_keeps_is_read(tmp_path, capsys, name):
    shutil.copytree(GOLDEN.with_name("store-1-search"), tmp_path / "store")
    store = Store(tmp_path / "store")
    if name == "config.yaml":
        store.save_config("name: a\n")
    if name == "studies.journal":
        JournalFile(store.journal).append_logs([{"op_code": 1, "study_id": 3}])
    assert main(["check", str(store.root)]) == 0
    assert "unchecked  plan.json: an earlier version wrote it without digests" in capsys.readouterr().out
    path = next(store.root.rglob(name))
    content = bytearray(path.read_bytes())
    content[-9 if name != "config.yaml" else 6] ^= 1
    path.write_bytes(content)
    assert main(["check", str(store.root)]) == 1
    assert f"{name}: " in capsys.readouterr().out
