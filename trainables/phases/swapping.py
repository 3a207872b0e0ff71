"""Swapping: the adapters of a language in a trained network, exchanged for those that another run has left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from trainables.ledger.artefacts import ENCODER
from trainables.model.adapted import language_of
from trainables.model.network import Network
from trainables.model.stack import read_stack
from trainables.phases.context import Context


@contextmanager
def swapped(context: Context, network: Network, run_id: str) -> Iterator[None]:
    """Inside of the block the network has the language adapters that a run has left; its own without any.

    Raises MissingRunError for a run that is not finished, EncoderUnavailableError for damaged adapters, ValueError for
    those that do not fit.
    """
    if not run_id:
        yield
        return
    stack = read_stack(context.store.fetch(context.spec.parent, ENCODER))
    with language_of(network.encoder, stack, context.store.fetch(run_id, ENCODER)):
        yield


def said(swaps: Mapping[str, str], languages: Iterable[str]) -> str:
    """What the record says of the adapters that languages were predicted with."""
    codes = sorted(set(languages))
    own = [f"{code} (run {swaps[code]})" for code in codes if code in swaps]
    rest = [code for code in codes if code not in swaps]
    others = f"; with those of the row: {', '.join(rest)}" if rest else ""
    return f"predicted with adapters of their own language: {', '.join(own) or 'none'}{others}"
