"""Intermediate phase: train the encoder on one English task or a mixture, with or without MLM; leave the encoder."""

from __future__ import annotations

from collections.abc import Generator

from trainables.ledger.record import Record
from trainables.model.encoder import save_encoder
from trainables.phases.context import ENCODER, Context
from trainables.phases.fit import fit
from trainables.report import Advanced


def run_intermediate(context: Context) -> Generator[Advanced, None, Record]:
    """Compute the run; its encoder is published before its record is returned."""
    names = context.spec.tasks
    if len(names) > 1:
        context.notes.append(f"mixture of {', '.join(names)}")
    fitted = yield from fit(context, [context.task(name) for name in names])
    with context.stage("save"):
        fitted.restore()
        made = context.work / ENCODER
        save_encoder(fitted.network.encoder, made)
        context.store.publish(context.spec.run_id, ENCODER, made)
    return context.record(fitted.scores, **fitted.record_fields)
