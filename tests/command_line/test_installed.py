"""The installed command: what a wheel holds, and that files of the user's own folder are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("sweep", "trainables", "search_spaces", "analysis")
SCRIPT = "import sys\nfrom {module} import {function}\nsys.exit({function}())\n"


@pytest.fixture
def xstilts(tmp_path):
    """Runs the script that pip makes of the entry point, in a folder whose modules are named like the packages."""
    module, _, function = PROJECT["project"]["scripts"]["xstilts"].partition(":")
    script = tmp_path / "bin" / "xstilts"
    script.parent.mkdir()
    script.write_text(SCRIPT.format(module=module, function=function))
    own = tmp_path / "own"
    own.mkdir()
    for package in PACKAGES:
        (own / f"{package}.py").write_text("raise SystemExit('mine')")

    def run(*words):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(script), *words]
        return subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("command", ["plan", "status", "report"])
def test_modules_in_the_users_folder_are_not_taken_for_the_packages(command, xstilts, tmp_path):
    words = {"plan": ["--preset", "grid-demo"], "status": ["--store", str(tmp_path)], "report": [str(tmp_path)]}[
        command
    ]
    done = xstilts(command, *words)
    said = {"plan": "153 cells", "status": "no sweep in", "report": "xstilts report: "}[command]
    assert said in done.stdout + done.stderr
    assert done.returncode == (0 if command == "plan" else 2)
    assert "mine" not in done.stderr


def test_usage_names_the_script(xstilts):
    assert xstilts("plan", "--help").stdout.startswith("usage: xstilts plan ")


def test_the_entry_point_is_a_function():
    module, _, function = PROJECT["project"]["scripts"]["xstilts"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_a_wheel_holds_every_file_of_the_packages():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in (".py", ".pyc")]
    assert {path.suffix for path in data} >= {".csv", ".json", ".txt"}
    assert [path for path in data if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []
    assert {path.parent.name for path in data if path.name == "py.typed"} == set(PACKAGES)
    folders = {path.parent for path in files if path.suffix == ".py"}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["project"]["version"]
    assert [len(work["authors"]) for work in citation["references"]] == [8]
