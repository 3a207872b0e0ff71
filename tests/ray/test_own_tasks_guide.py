"""docs/own_tasks.md, done as it stands there: its excerpts are files, its YAML runs, and what is kept outlives both."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from sweep.command_line.main import main
from tests.made.travels import write_all
from trainables.data.own_files import OwnFiles
from trainables.ledger.store import Store
from trainables.tasks import registry

GUIDE = Path(__file__).parents[2] / "docs" / "own_tasks.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def command(words):
    """The words of the guide's command that begins so."""
    [found] = [block for block in blocks("bash") if block.startswith(f"xstilts {words}")]
    return shlex.split(found)[1:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The guide's files, with more rows."""
    made = tmp_path_factory.mktemp("guide")
    write_all(made)
    (made / "tasks.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    return made


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def test_the_excerpts_are_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner").mkdir()
    (tmp_path / "qa").mkdir()
    for name in ("en.train", "ha.train", "en.dev", "en.test", "ha.test", "yo.test"):
        (tmp_path / "ner" / f"{name}.conll").write_text(blocks("text")[0], encoding="utf-8")
    for name in ("train", "dev"):
        (tmp_path / "qa" / f"{name}.json").write_text(blocks("json")[0], encoding="utf-8")
    (tmp_path / "tasks.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    assert main(["tasks", "--check", "tasks.yaml"]) == 1
    said = capsys.readouterr().out
    assert "▁Amina/B-PER" in said
    assert "answer  ▁Kano" in said
    assert "travelqa" in said


def test_the_check_finds_nothing_wrong_and_shows_the_rows(here, capsys):
    assert main(command("tasks --check")) == 0
    said = capsys.readouterr().out
    assert re.search(r"afriner +target +tagging +sound", said)
    assert re.search(r"travelqa +intermediate +span +sound", said)


def test_the_sweep_runs_and_outlives_the_files(here, tmp_path, monkeypatch, capsys):
    assert main(command("run")) == 0
    said = capsys.readouterr().out
    for word in ("African NER", "Travel QA", "travelqa: trains with the published settings of squad", "§"):
        assert word in said, word
    store = Store(here / "results" / "own")
    plan = store.plan()
    own = {name for node in plan.nodes.values() for name in node.spec.definitions}
    assert own == {"afriner", "travelqa"}
    assert len(store.run_ids()) == len(plan.nodes) == 8
    table = (store.report / "report.json").read_text()

    for gone in ("ner", "qa", "tasks.yaml"):
        shutil.move(here / gone, tmp_path / gone)
    monkeypatch.setattr(OwnFiles, "table", None)
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "another cache"))
    registry.forget_own()
    assert main(command("report")) == 0
    assert _but_for_paths(json.loads((store.report / "report.json").read_text())) == _but_for_paths(json.loads(table))
    for gone in ("ner", "qa", "tasks.yaml"):
        shutil.move(tmp_path / gone, here / gone)
    registry.forget_own()


def test_a_second_start_computes_nothing_and_other_rows_are_other_runs(here, capsys):
    before = Store(here / "results" / "own").run_ids()
    (here / "moved").mkdir()
    for each in ("ner", "qa", "tasks.yaml"):
        shutil.copytree(here / each, here / "moved" / each) if (here / each).is_dir() else shutil.copy(
            here / each, here / "moved"
        )
    words = [f"moved/{word}" if word == "tasks.yaml" else word for word in command("run")]
    assert main(words) == 0
    assert Store(here / "results" / "own").run_ids() == before
    with (here / "ner" / "ha.train.conll").open("a") as file:
        file.write("\nMusa B-PER\nya O\nbar O\nKano B-LOC\n")
    assert main(["plan", *command("run")[1:], "--json"]) == 0
    plan = json.loads(capsys.readouterr().out.rpartition("\n{")[2].join(("{", "")) or "{}")
    assert plan


def _but_for_paths(report):
    return {name: value for name, value in report.items() if name not in ("made", "store")}
