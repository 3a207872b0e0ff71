"""deploy/slurm.sbatch on two nodes with real `ray symmetric-run`; only Slurm's own commands are stand-ins."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.made.nodes import wait_for
from tests.made.slurm import SlurmJob, can_have_machines
from tests.made.swept_on_nodes import SWEEP, Scores, scores, trains
from trainables.ledger.store import Store

SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm.sbatch"

pytestmark = pytest.mark.skipif(not can_have_machines(), reason="two machines need namespaces of their own")


@pytest.mark.timeout(900)
def test_a_signal_leaves_checkpoints_and_requeues_and_the_next_start_ends_the_sweep(
    undisturbed: Scores, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    job = SlurmJob(tmp_path / "stage", SCRIPT, *SWEEP, "--store", str(store))
    with job.start() as process:
        wait_for(lambda: trains(store), said=job.log.read_text)
        job.batch_script(process).send_signal(signal.SIGUSR1)
        assert process.wait(timeout=120) == 128 + signal.SIGUSR1, job.log.read_text()
    assert job.requeued == ["7"]
    assert "go on from a checkpoint" in job.log.read_text()
    with job.start() as process:
        assert process.wait(timeout=400) == 0, job.log.read_text()
    assert job.requeued == ["7"], "a sweep that is complete is not put back"
    assert scores(store) == undisturbed


@pytest.mark.timeout(300)
def test_bad_input_ends_the_job_and_is_not_tried_again(tmp_path: Path) -> None:
    job = SlurmJob(tmp_path / "stage", SCRIPT, "--preset", "papre", "--store", str(tmp_path / "store"))
    with job.start() as process:
        assert process.wait(timeout=250) == 2, job.log.read_text()
    assert job.requeued == []
    assert "papre" in job.log.read_text()
