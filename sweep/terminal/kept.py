"""Which models of a sweep are there, and what was removed, in words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.text import Text

from trainables.ledger.artefacts import ENCODER
from trainables.ledger.plain import plain
from trainables.ledger.plan import Plan
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store


def kept_lines(plan: Plan, store: Store) -> Iterator[Text]:
    """What is kept, with the command that makes a model of it, and how much was removed; nothing for nothing.

    `plan` has the winners of its searches.
    """
    held = [run_id for run_id in plan.nodes if store.holds(run_id, ENCODER)]
    models = [run_id for run_id in held if plan.nodes[run_id].spec.phase is Phase.TARGET]
    encoders = [run_id for run_id in held if plan.nodes[run_id].spec.phase is Phase.INTERMEDIATE]
    counts = [f"{len(models)} fine-tuned"] * bool(models) + [f"{_number(encoders, 'encoder')}"] * bool(encoders)
    if counts:
        yield Text(f"models: {' and '.join(counts)} kept{_how(plan, store, models)}")
    if gone := store.removed_ids():
        runs = "1 run" if len(gone) == 1 else f"{len(gone)} runs"
        said = f"removed: models of {runs} that nothing needs; a `run` that does computes them again"
        yield Text(said, style="dim")


def _number(runs: list[str], what: str) -> str:
    return f"{len(runs)} {what}{'s' * (len(runs) > 1)}"


def _how(plan: Plan, store: Store, models: list[str]) -> str:
    """The command for the first target of which a model is kept."""
    target = next((cell.target for cell, run_id in plan.cells.items() if run_id in models), "")
    return f"; xstilts export {shlex.quote(plain(str(store)))} --target {target} --to DIR" if target else ""
