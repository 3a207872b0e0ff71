"""Methods: a run that trains adapters and its heads, and leaves everything else as it was."""

from __future__ import annotations

from trainables.model.adapters import Adapters, new_adapters
from trainables.model.network import Network
from trainables.phases.context import Context


def use_method(context: Context, network: Network) -> Adapters | None:
    """Add the adapters that the run is to train, and have nothing else trained but its heads; None without a method."""
    method = context.spec.method
    if method is None:
        return None
    adapters = new_adapters(network.encoder, method)
    trained = sum(weight.numel() for weight in adapters.weights().values())
    context.notes.append(f"trained {method} alone: {trained:,} numbers")
    return adapters
