"""Intermediate phase: train the encoder on one task or a mixture, with or without MLM, or by MLM alone.

Rows are English unless the spec says otherwise. A later stage of a chain starts from the encoder of the stage before,
with new heads. Leaves the encoder and the heads of the tasks.
"""

from __future__ import annotations

from collections.abc import Generator

from trainables.ledger.recipe import MLM
from trainables.ledger.record import Record
from trainables.phases.collapse import findings
from trainables.phases.context import Context
from trainables.phases.fit import fit
from trainables.phases.leaving import leave_encoder
from trainables.phases.trained_heads import leave_heads
from trainables.report import Advanced
from trainables.tasks.task import Split


def run_intermediate(context: Context) -> Generator[Advanced, None, Record]:
    """Compute the run; its encoder and heads are published before its record is returned."""
    names = context.spec.tasks
    if len(names) > 1:
        context.notes.append(f"mixture of {', '.join(names)}")
    tasks = [context.task(name) for name in names if name != MLM]
    fitted = yield from fit(context, tasks)
    for task in tasks:
        context.findings += findings(task, Split.STOPPING, {fitted.languages[task.name]: fitted.compared[task.name]})
    with context.stage("save"):
        leave_heads(context, fitted.network, tasks)
        leave_encoder(context, fitted)
    return context.record(fitted.scores, **fitted.record_fields)
