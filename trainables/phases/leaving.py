"""Leaving: the encoder that a run has trained, as it stays in the store."""

from __future__ import annotations

from trainables.ledger.artefacts import ENCODER
from trainables.model.finite import check_finite
from trainables.model.stored import save_stored
from trainables.model.tokenizer import tokenizer_files
from trainables.phases.context import Context
from trainables.phases.fit import Fitted


def leave_encoder(context: Context, fitted: Fitted) -> None:
    """Publish the encoder and its tokenizer; the network is as it was.

    Of a trimmed vocabulary what has changed is written, unless the options want the whole. Raises NotFiniteError for
    weights that are no numbers.
    """
    encoder, made = fitted.network.encoder, context.work / ENCODER
    check_finite(encoder, f"the encoder that {context.name} has trained")
    base = context.base if context.options.store_deltas and _changes_the_pretrained(context, fitted) else None
    save_stored(encoder, made, table=fitted.table, base=base, base_name=context.spec.encoder.name)
    context.store.link_tokenizer(tokenizer_files(context.tokenizer), made)
    context.publish(ENCODER, made)


def _changes_the_pretrained(context: Context, fitted: Fitted) -> bool:
    """Whether the word embedding is a change of the pretrained one's; after a parent that is kept whole it is not."""
    trimmed = fitted.trimmed
    return trimmed is not None and (not context.spec.parent or trimmed.table.changes is not None)
