"""Tasks from a file of Python: those of the guide load and encode, and what is wrong with one is said."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from search_spaces.own_tasks import read_tasks
from tests.made.texts import tokenizer, write_rows, write_text
from trainables.data.hub import load, open_data
from trainables.data.source import DataError
from trainables.tasks.task import Role, Split

pytestmark = pytest.mark.usefixtures("own_cache")
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "adding_a_task.md"


def guide() -> str:
    """The file of the guide."""
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0]


def test_the_file_of_the_guide_is_a_task(tmp_path):
    (rte,) = read_tasks(write_text(tmp_path / "rte.py", guide()))
    assert (rte.name, rte.role, rte.max_length) == ("rte", Role.INTERMEDIATE, 256)
    columns = {"sentence1": ["It rained."], "sentence2": ["It was wet."], "label": ["entailment"]}
    write_rows(tmp_path, "nyu-mll/glue/rte/train", columns)
    examples = load(rte, Split.TRAIN, "en", open_data(str(tmp_path))).examples
    assert rte.format.encode(examples, tokenizer(), rte.max_length, training=True).labels.tolist() == [0]


def test_tasks_are_public_functions_and_objects_of_the_file(tmp_path):
    text = guide() + (
        "\nfrom trainables.tasks.nli import anli\n"  # of another module
        "import dataclasses\n"
        "HANS = dataclasses.replace(rte(), name='hans')\n"
        "AGAIN = HANS\n"
        "def _hidden() -> Task: raise RuntimeError\n"
        "def made(name: str) -> Task: raise RuntimeError\n"
        "def number() -> int: raise RuntimeError\n"
    )
    before = set(sys.modules)
    assert [task.name for task in read_tasks(write_text(tmp_path / "mine.py", text))] == ["rte", "hans"]
    assert not [name for name in set(sys.modules) - before if name.startswith("xstilts")]


def test_a_changed_file_is_read_anew(tmp_path):
    path = write_text(tmp_path / "mine.py", guide())
    read_tasks(path)
    path.write_text(guide().replace('name="rte"', 'name="etr"'), encoding="utf-8")
    assert [task.name for task in read_tasks(path)] == ["etr"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_here", r"mine\.py cannot be imported: ModuleNotFoundError: No module.* \(line 1\)"),
        ("\nx = (", r"mine\.py cannot be imported: SyntaxError: '\(' was never closed \(line 2\)"),
        ("\n\nraise SystemExit(3)", r"SystemExit: 3 \(line 3\)"),
        ("open('/nowhere/at/all')", r"cannot be imported: FileNotFoundError: .*/nowhere/at/all.* \(line 1\)"),
        ("x = 3", r"mine\.py has no task; allowed: `def name\(\) -> Task`"),
        ("", r"mine\.py has no task"),
        (
            "from trainables.tasks.task import Task\ndef one() -> Task:\n    return 3",
            r"mine\.py: one\(\): TypeError: it gives 3, expected a Task",
        ),
        (
            "from trainables.tasks.task import Task\ndef one() -> Task:\n    return {}['a']",
            r"mine\.py: one\(\): KeyError: 'a' \(line 3\)",
        ),
        (guide() + "\ndef other() -> Task:\n    return rte()", r"two tasks 'rte': rte\(\) and other\(\)"),
        (guide().replace('name="rte"', 'name="squad"'), "task squad: there is a task 'squad' already"),
        (guide().replace('name="rte"', 'name="sw"'), "the name 'sw' is a language"),
        (guide().replace('name="rte"', 'name="none"'), "the name 'none' is a word of recipes"),
        (guide().replace('name="rte"', 'name="lora"'), "the name 'lora' is a word of recipes"),
        (guide().replace('name="rte"', 'name="Rte.x"'), "given the name 'Rte.x'; allowed: at most 40 characters"),
        (guide().replace('name="rte"', f'name="{"a" * 41}"'), "allowed: at most 40 characters"),
        (guide().replace("INTERMEDIATE", "MLM"), "unknown role 'mlm'"),
        (
            guide().replace("INTERMEDIATE", "TARGET"),
            "no rows of test; a task with the role target needs train, stopping and test",
        ),
        (guide().replace("(ENGLISH,)", "('swh',)"), "unknown language 'swh'; did you mean 'sw'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        read_tasks(write_text(tmp_path / "mine.py", text))


def test_a_file_that_is_not_there_may_be_another(tmp_path):
    write_text(tmp_path / "mine.py", guide())
    with pytest.raises(DataError, match=r"mien\.py is no file; did you mean 'mine\.py'"):
        read_tasks(tmp_path / "mien.py")
    with pytest.raises(DataError, match=r"unknown kind of file of tasks '\.txt'; .*known: \.py, \.yaml, \.yml"):
        read_tasks(tmp_path / "mine.txt")
