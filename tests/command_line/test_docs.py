"""The examples of docs/ are run as they stand there."""

from __future__ import annotations

import re
import shlex
import sys
import types
from pathlib import Path

import pytest

from search_spaces.config_file import apply_sets
from search_spaces.presets import paper
from sweep.command_line.arguments import XSTILTS, parse
from sweep.command_line.configuration import configure
from sweep.planning.planner import build_plan
from tests.made.conformance import Conformance
from tests.made.data import FakeData
from trainables.data.hub import open_data
from trainables.tasks import registry

GUIDE = Path(__file__).parents[2] / "docs" / "adding_a_task.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def rte(monkeypatch):
    """The guide's task in the registry, where the guide puts it."""
    module = types.ModuleType("trainables.tasks.rte")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(blocks("python")[0], str(GUIDE), "exec"), module.__dict__)
    [diff] = blocks("diff")
    lines = diff.splitlines()
    assert re.fullmatch(r"\+\s+rte\.rte,", lines[1])
    names = [make.__name__ for make in registry._TASKS]
    place = names.index(lines[0].strip(" ,").partition(".")[2]) + 1
    assert names[place] == lines[2].strip(" ,").partition(".")[2]
    monkeypatch.setattr(registry, "_TASKS", (*registry._TASKS[:place], module.rte, *registry._TASKS[place:]))
    registry._of_paper.cache_clear()
    yield "rte"
    registry._of_paper.cache_clear()


def test_the_guide_to_adding_a_task_works_as_written(rte, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[1], str(GUIDE), "exec"), {})
    suite, data = Conformance(), open_data("rows")
    for name in [name for name in dir(suite) if name.startswith("test_")]:
        getattr(suite, name)(rte, data)


def test_the_guides_task_is_a_row_of_the_grid(rte):
    [command] = blocks("bash")
    arguments = shlex.split(command)
    assert arguments[:2] == ["xstilts", "run"]
    found = build_plan(configure(parse(arguments[1:], XSTILTS)), FakeData())
    assert {str(cell.row) for cell in found.cells} == {"none", "rte", "rte+mlm"}
    [run] = [node for node in found.nodes.values() if node.name == "rte #42"]
    assert run.spec.optimisation.batch_sizes == {"rte": 24}
    mixture = build_plan(apply_sets(paper(), ["grid.intermediates=multitask", "grid.mlm=off", "grid.targets=xnli",
        "intermediate.tasks.rte.batch_size=24"]), FakeData())  # fmt: skip
    assert "rte" in mixture.nodes[next(iter(mixture.nodes))].spec.tasks


def test_without_published_settings_the_fields_to_set_are_named(rte):
    with pytest.raises(ValueError, match=r"set intermediate\.tasks\.rte\.\w+"):
        build_plan(apply_sets(paper(), ["grid.intermediates=rte", "grid.targets=xnli"]), FakeData())
