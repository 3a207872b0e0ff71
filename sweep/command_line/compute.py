"""From a setup to the driver: how the runs of a sweep are computed, and where."""

from __future__ import annotations

import subprocess
from pathlib import Path

from rich.console import Console

from search_spaces.config import SweepConfig
from sweep.cluster.place import Place
from sweep.cluster.run import run_plan
from sweep.cluster.summary import Summary
from sweep.command_line.setup import Setup
from sweep.planning.known_costs import remember
from trainables.ledger.artefacts import Keep
from trainables.ledger.plan import Plan
from trainables.phases.options import Options


def compute(setup: Setup, console: Console) -> Summary:
    """Compute what a plan lacks, as the configuration says."""
    config = setup.config
    place = Place(
        address=config.cluster.address or "local",
        results=Path(config.cluster.results).expanduser() if config.cluster.results else setup.store.ray,
        name=config.name,
        max_concurrent=config.cluster.max_concurrent,
        hang_seconds=config.cluster.hang_seconds,
        store_seconds=config.cluster.store_seconds,
        callbacks=config.cluster.callbacks,
    )
    options = run_options(config, setup.plan)
    summary = run_plan(
        setup.plan, setup.store, options, place, console, search=config.search, race=setup.rule, keep=config.keep
    )
    if summary.computed:
        remember(config, setup.store)
    return summary


def run_options(config: SweepConfig, plan: Plan) -> Options:
    """How all runs of a plan are computed; paths are absolute, since workers have folders of their own."""
    return Options(
        data=config.data.source,
        raw=config.data.raw.folders,
        encoder=config.encoder.name,
        repositories=dict(config.data.repositories),
        device="cuda" if any(node.share.gpus for node in plan.nodes.values()) else "cpu",
        threads=config.cluster.threads,
        **config.engine.model_dump(),
        keep_models=config.keep is not Keep.NONE,
        checkpoint_seconds=config.cluster.checkpoint_seconds,
        checkpoint_share=config.cluster.checkpoint_share,
        checkpoint_writers=config.cluster.checkpoint_writers,
        commit=code_commit(),
    )


def code_commit() -> str:
    """Commit of the checkout this code runs from, with `+` when files differ from it; empty outside a checkout.

    Code that is installed inside somebody else's checkout has none.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""
