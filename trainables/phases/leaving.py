"""Leaving: the encoder that a run has trained, as it stays in the store."""

from __future__ import annotations

from pathlib import Path

from trainables.ledger.artefacts import ENCODER
from trainables.ledger.recipe import MLM
from trainables.model.adapted import save_adapted
from trainables.model.base import Base
from trainables.model.finite import check_finite
from trainables.model.stack import read_stack
from trainables.model.stored import save_stored
from trainables.model.tokenizer import tokenizer_files
from trainables.phases.context import Context
from trainables.phases.fit import Fitted


def leave_encoder(context: Context, fitted: Fitted) -> None:
    """Publish the encoder and its tokenizer; the network is as it was.

    Of a run with a method the adapters are written. Of a trimmed vocabulary what has changed is written, unless the
    options want the whole. Raises NotFiniteError for weights that are no numbers.
    """
    encoder, made = fitted.network.encoder, context.work / ENCODER
    check_finite(encoder, f"the encoder that {context.name} has trained")
    if fitted.adapters:
        spec = context.spec
        save_adapted(
            encoder, made, fitted.adapters,
            parent=_parent(context), base=Base(name=spec.encoder.name, revision=spec.encoder.revision),
            languages=spec.mlm.languages if spec.mlm and spec.tasks == (MLM,) else (),
        )  # fmt: skip
    else:
        _save(context, fitted, made)
    context.store.link_tokenizer(tokenizer_files(context.tokenizer), made)
    context.publish(ENCODER, made)


def _save(context: Context, fitted: Fitted, made: Path) -> None:
    base = context.base if context.options.store_deltas and _changes_the_pretrained(context, fitted) else None
    save_stored(fitted.network.encoder, made, table=fitted.table, base=base, base_name=context.spec.encoder.name)


def _parent(context: Context) -> Path | None:
    """The folder of the encoder that the run started from, if that was a run's."""
    return context.store.fetch(context.spec.parent, ENCODER) if context.spec.parent else None


def _changes_the_pretrained(context: Context, fitted: Fitted) -> bool:
    """Whether the word embedding is a change of the pretrained one's; after a parent that is kept whole it is not."""
    trimmed, parent = fitted.trimmed, _parent(context)
    return trimmed is not None and (not parent or trimmed.table.changes is not None or bool(read_stack(parent).base))
