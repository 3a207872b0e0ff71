"""Size of an encoder from its name, without loading it: for the retrieval layer, the cost and the disk estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.encoder_files import CONFIG, architecture_of, encoder_files, number_in
from trainables.model.names import EncoderKind, parse_encoder


@dataclass(frozen=True, kw_only=True)
class EncoderSize:
    """Geometry of an encoder. `vocabulary` is the number of rows of its embedding."""

    num_layers: int
    hidden: int
    vocabulary: int

    @property
    def layer_parameters(self) -> int:
        """Weights of all layers: attention and a feed-forward block four times as wide."""
        return 12 * self.num_layers * self.hidden**2

    @property
    def parameters(self) -> int:
        """All weights, word embedding included."""
        return self.layer_parameters + self.hidden * (self.vocabulary + 514)


XLMR_VOCABULARY = 250_002
_BUNDLED_HIDDEN = 384

_KNOWN: Mapping[str, EncoderSize] = {
    "FacebookAI/xlm-roberta-base": EncoderSize(num_layers=12, hidden=768, vocabulary=XLMR_VOCABULARY),
    "FacebookAI/xlm-roberta-large": EncoderSize(num_layers=24, hidden=1024, vocabulary=XLMR_VOCABULARY),
    "google-bert/bert-base-multilingual-cased": EncoderSize(num_layers=12, hidden=768, vocabulary=119_547),
    "facebook/xlm-v-base": EncoderSize(num_layers=12, hidden=768, vocabulary=901_629),
    "intfloat/multilingual-e5-small": EncoderSize(num_layers=12, hidden=384, vocabulary=250_037),
    "intfloat/multilingual-e5-base": EncoderSize(num_layers=12, hidden=768, vocabulary=XLMR_VOCABULARY),
    "intfloat/multilingual-e5-large": EncoderSize(num_layers=24, hidden=1024, vocabulary=XLMR_VOCABULARY),
    "microsoft/Multilingual-MiniLM-L12-H384": EncoderSize(num_layers=12, hidden=384, vocabulary=250_037),
    "BAAI/bge-m3": EncoderSize(num_layers=24, hidden=1024, vocabulary=XLMR_VOCABULARY),
}


def encoder_size(name: str, revision: str) -> EncoderSize:
    """Size of the encoder `name`; asks the hub for the configuration of one that is not well known.

    Raises ValueError when the name is not allowed, or the configuration lacks a size or names an unknown architecture;
    EncoderUnavailableError when it cannot be had.
    """
    encoder = parse_encoder(name)
    if encoder.kind is EncoderKind.BUNDLED:
        return EncoderSize(num_layers=encoder.num_layers, hidden=_BUNDLED_HIDDEN, vocabulary=XLMR_VOCABULARY)
    if encoder.name in _KNOWN:
        return _KNOWN[encoder.name]
    config = encoder_files(encoder, revision).read(CONFIG)
    architecture_of(encoder, config)
    return EncoderSize(
        num_layers=number_in(encoder, config, "num_hidden_layers"),
        hidden=number_in(encoder, config, "hidden_size"),
        vocabulary=number_in(encoder, config, "vocab_size"),
    )
