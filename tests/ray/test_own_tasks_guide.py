"""docs/own_tasks.md, done as it stands there: its excerpts are files, its YAML runs, and what is kept outlives both."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from search_spaces import resolve
from search_spaces.encoders import encoder_size
from sweep.command_line.arguments import XSTILTS, parse
from sweep.command_line.configuration import configure
from sweep.command_line.main import main
from sweep.planning.measured import runs_of
from sweep.planning.planner import build_plan
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
    assert re.search(r"▁Am\w*/B-PER ▁visite?d?\w*/O ▁Kan\w*/B-LOC", said)
    assert re.search(r"answer  ▁Kan", said)
    assert said.count("rows are training rows, too") >= 3


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
    told = _told(store)

    for gone in ("ner", "qa", "tasks.yaml"):
        shutil.move(here / gone, tmp_path / gone)
    monkeypatch.setattr(OwnFiles, "table", None)
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "another cache"))
    registry.forget_own()
    assert main(command("report")) == 0
    assert _told(store) == told
    for gone in ("ner", "qa", "tasks.yaml"):
        shutil.move(tmp_path / gone, here / gone)
    registry.forget_own()


def test_a_second_start_computes_nothing_wherever_the_files_are_and_other_rows_are_other_runs(here):
    before = Store(here / "results" / "own").run_ids()
    shutil.copytree(here / "ner", here / "moved" / "ner")
    shutil.copytree(here / "qa", here / "moved" / "qa")
    shutil.copy(here / "tasks.yaml", here / "moved")
    moved = ["moved/tasks.yaml" if word == "tasks.yaml" else word for word in command("run")]
    assert main(moved) == 0
    assert Store(here / "results" / "own").run_ids() == before

    def definitions():
        plan = build_plan(configure(parse(command("run"), XSTILTS)))
        return {name: held for node in plan.nodes.values() for name, held in node.spec.definitions.items()}

    known = definitions()
    with (here / "ner" / "yo.test.conll").open("a") as file:
        file.write("\nMusa B-PER\nlọ O\nKano B-LOC\n")
    changed = definitions()
    assert changed["travelqa"] == known["travelqa"]
    assert changed["afriner"] != known["afriner"]


def test_later_plans_in_the_store_know_its_runs_by_their_tasks(here):
    """Those of the paper's tasks alone, of a changed task, and of the same task: their costs stand on its runs."""
    store = Store(here / "results" / "own")
    registry.forget_own()
    words = ["plan", *command("run")[1:]]
    paper = ["--intermediates", "none", "--targets", "tatoeba", "--languages", "de"]
    assert (
        main(["plan", "--data", "demo", "--encoder", "bundled:3", "--store", str(store), "--mlm", "off", *paper]) == 0
    )
    changed = (here / "tasks.yaml").read_text(encoding="utf-8").replace(", ha: ner/ha.train.conll", "")
    (here / "without.yaml").write_text(changed, encoding="utf-8")
    recipes = [word.replace(",afriner@ha", "").replace("tasks.yaml", "without.yaml") for word in words]
    assert main(recipes) == 0
    shutil.copytree(here / "moved" / "ner", here / "ner", dirs_exist_ok=True)
    config = configure(parse(command("run"), XSTILTS))
    build_plan(config)
    encoder = resolve.encoder_ref(config)
    runs = runs_of(store, encoder, encoder_size(config.encoder.name, config.encoder.revision))
    own = {name: registry.task(name).definition for name in ("afriner", "travelqa")}
    assert own == store.plan().definitions
    assert len(runs) == 8
    [trained] = [runs[node.run_id] for node in store.plan().nodes.values() if node.name == "travelqa #42"]
    assert trained.work.steps == 2 * 120 / 8, "120 questions in batches of 8, twice"


def _told(store):
    return {
        name: (store.report / name).read_text() for name in ("table2.md", "table2.tex", "scores.csv", "languages.tex")
    }
