"""A sweep of some minutes with real training, for tests that disturb it, and its scores to the last bit."""

from __future__ import annotations

from trainables.ledger.store import Store

SWEEP = [
    "--data", "demo", "--encoder", "bundled:2", "--intermediates", "none,qqp", "--mlm", "off",
    "--targets", "xnli,tatoeba", "--languages", "en,de,zh", "--train-rows", "64", "--eval-rows", "8",
    "--set", "intermediate.learning_rate=1e-4", "--set", "target.learning_rate=1e-4",
    "--set", "intermediate.batch_size=4", "--set", "target.batch_size=4",
    "--set", "intermediate.epochs=8", "--set", "target.epochs=8",
    "--set", "cluster.checkpoint_seconds=0.5", "--set", "cluster.checkpoint_share=1",
]  # fmt: skip
"""Options of `run`: an intermediate run, two fine-tunings, two retrievals."""

Scores = dict[str, list[tuple[str, str, str, str, float]]]


def scores(store: Store) -> Scores:
    """Every score of every run."""
    return {
        run_id: sorted((s.task, s.split, s.language, s.metric, s.value) for s in store.record(run_id).scores)
        for run_id in store.run_ids()
    }


def trains(store: Store) -> bool:
    """Whether a worker is at a run that has left a checkpoint to go on from."""
    folders = (store.root / "runs").glob("*")
    return any(store.checkpoint(each.name).exists() and store.is_computed(each.name) for each in folders)
