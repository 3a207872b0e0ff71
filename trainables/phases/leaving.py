"""The encoder that a run leaves."""

from __future__ import annotations

from trainables.ledger.artefacts import ENCODER
from trainables.model.encoder import save_encoder
from trainables.model.finite import check_finite
from trainables.phases.context import Context
from trainables.phases.fit import Fitted


def leave_encoder(context: Context, fitted: Fitted) -> None:
    """Publish the encoder of a network that was trained; the network stays as it is, so that it can predict.

    Raises NotFiniteError for weights that are no numbers.
    """
    network = fitted.network
    trained, ids = network.word_embedding, network.trimmed_ids
    fitted.restore()
    check_finite(network.encoder, f"the encoder that {context.name} has trained")
    made = context.work / ENCODER
    save_encoder(network.encoder, made)
    network.encoder.set_input_embeddings(trained)
    network.trimmed_ids = ids
    context.publish(ENCODER, made)
