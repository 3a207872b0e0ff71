"""What tests on several nodes compare themselves with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.made.swept_on_nodes import SWEEP, Scores, scores
from trainables.ledger.store import Store


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Scores:
    """The scores of the sweep on this machine, left alone."""
    store = Store(tmp_path_factory.mktemp("undisturbed") / "store")
    command = [sys.executable, "-m", "sweep.grid", "run", *SWEEP, "--store", str(store)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = scores(store)
    assert len(found) == 5
    return found
