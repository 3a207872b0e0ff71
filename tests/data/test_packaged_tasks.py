"""Tasks of installed packages; one that cannot be used is warned of and stops nothing."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import pytest

from search_spaces.own_tasks import packaged_tasks
from tests.made.texts import write_text
from trainables.data.cache_folder import warn_once

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "adding_a_task.md"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package whose module has a text and whose entries are `name = value`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    warn_once.cache_clear()
    made = []

    def installed(package, text, *entries):
        write_text(tmp_path / f"{package}.py", text)
        folder = tmp_path / f"{package}-1.2.dist-info"
        write_text(folder / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        write_text(folder / "entry_points.txt", "\n".join(["[xstilts.tasks]", *entries]))
        made.append(package)

    yield installed
    for package in made:
        sys.modules.pop(package, None)


@pytest.fixture
def rte():
    """The file of the guide."""
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0]


def test_an_entry_is_a_function_a_task_or_several(install, rte):
    more = (
        "\nfrom dataclasses import replace\nHANS = replace(rte(), name='hans')\n"
        "def two(): return (replace(rte(), name='a1'), lambda: replace(rte(), name='a2'))\n"
    )
    install("pkg_of_tasks", rte + more, "c = pkg_of_tasks:rte", "b = pkg_of_tasks:HANS", "a = pkg_of_tasks:two")
    assert [task.name for task in packaged_tasks()] == ["a1", "a2", "hans", "rte"]


@pytest.mark.parametrize(
    ("text", "entry", "says"),
    [
        ("import nothing_here", "x = pkg_broken:x", "ModuleNotFoundError: No module named 'nothing_here'"),
        ("y = 3", "x = pkg_broken:x", "AttributeError: .*'x'"),
        ("x = 3", "x = pkg_broken:x", "TypeError: it gives 3, expected a Task"),
        ("def x(): raise RuntimeError('no rows')", "x = pkg_broken:x", "RuntimeError: no rows"),
        ("def x(): raise SystemExit(2)", "x = pkg_broken:x", "SystemExit: 2"),
        ("from trainables.tasks.nli import xnli as x", "x = pkg_broken:x", "there is a task 'xnli' already"),
    ],
)
def test_an_entry_that_cannot_be_used_is_warned_of(install, rte, caplog, text, entry, says):
    install("pkg_broken", text, entry)
    install("pkg_sound", rte, "rte = pkg_sound:rte")
    with caplog.at_level(logging.WARNING):
        assert [task.name for task in packaged_tasks()] == ["rte"]
        packaged_tasks()
    [message] = [record.getMessage() for record in caplog.records]
    assert re.search(f"xstilts.tasks: x of pkg_broken 1.2 cannot be used: .*{says}", message)


def test_a_name_that_another_package_has_is_warned_of(install, rte, caplog):
    install("pkg_first", rte, "rte = pkg_first:rte")
    install("pkg_second", rte, "rte = pkg_second:rte")
    with caplog.at_level(logging.WARNING):
        assert [task.name for task in packaged_tasks()] == ["rte"]
    assert "rte of pkg_second 1.2 cannot be used: another entry has a task 'rte'" in caplog.text
