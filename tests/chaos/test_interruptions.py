"""The harness that interrupts a training at random moments, a few times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_training_that_is_interrupted_five_times_ends_with_the_same_bits(tmp_path: Path) -> None:
    """In a process of its own: one that has used threads cannot be forked."""
    command = [sys.executable, "-m", "benchmarks.interruptions", "--times", "5", "--rows", "120"]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "found.json")], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["differ"] == 0
    ended = [attempt for attempt in found["attempts"] if not attempt["is_finished"]]
    assert len(ended) >= 5
    assert any(attempt["from_step"] > 0 for attempt in found["attempts"])
