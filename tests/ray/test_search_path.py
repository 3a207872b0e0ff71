"""Where workers look for modules: the user's folder never comes before the packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.cluster.session import ray_session

ROOT = Path(__file__).parents[2]
DRIVER = """
import sys
from pathlib import Path
import ray
from sweep.cluster.session import ray_session


def look():
    import os
    from importlib import import_module
    from importlib.util import find_spec
    names = ("sweep", "trainables", "search_spaces", "analysis")
    return [import_module(name).__file__ for name in names], find_spec("users_own") is not None


with ray_session("local", Path(sys.argv[1]) / "ray.log", cpus=1, gpus=0):
    files, own = ray.get(ray.remote(look).remote())
print(*files, own, sep="\\n")
"""


@pytest.mark.parametrize("sees_folder", [False, True])
def test_workers_find_the_packages_first_and_the_users_folder_where_the_driver_does(sees_folder, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("analysis", "sweep", "trainables", "search_spaces"):
        (folder / f"{name}.py").write_text("raise SystemExit('mine')")
    (folder / "users_own.py").touch()
    script = tmp_path / "bin" / "driver"
    script.parent.mkdir()
    script.write_text(DRIVER)
    # an empty entry is the current folder
    search_path = os.pathsep.join([str(ROOT), ""] if sees_folder else [str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": search_path}
    command = [sys.executable, str(script), str(tmp_path / "log")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    *files, own = done.stdout.split()[-5:]
    assert [Path(file).parent.parent for file in files] == 4 * [ROOT]
    assert own == str(sees_folder)


def test_workers_have_the_cache_folders_of_the_driver(tmp_path, monkeypatch):
    """They have a current folder of their own, so relative folders become absolute."""
    seen = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XSTILTS_CACHE", "cache")
    monkeypatch.setenv("HF_HOME", "~/hub")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", lambda **arguments: seen.update(os.environ, folder=str(Path.cwd())))
    monkeypatch.setattr("ray.shutdown", lambda: None)
    with ray_session("local", tmp_path / "log" / "ray.log"):
        pass
    assert seen["folder"] == str(tmp_path / "log")
    assert seen["XSTILTS_CACHE"] == str(tmp_path / "cache")
    assert seen["HF_HOME"] == str(Path.home() / "hub")
    assert os.environ["XSTILTS_CACHE"] == "cache"
