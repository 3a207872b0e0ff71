"""Size of an encoder from its name, without loading it: for the retrieval layer, the cost and the disk estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.encoder_files import CONFIG, architecture_of, encoder_files, number_in
from trainables.ledger.recipe import Method, MethodKind
from trainables.model.names import EncoderKind, parse_encoder


@dataclass(frozen=True, kw_only=True)
class EncoderSize:
    """Geometry of an encoder.

    Attributes:
        num_layers: of its stack.
        hidden: width of its hidden states.
        vocabulary: rows of its word embedding.
        width: of the word embedding; 0 is as wide as the hidden states.
        inner: width inside the feed-forward blocks; 0 is four times the hidden states.
        gated: whether these blocks have three matrices in place of two.
        shared_keys: how many heads of queries share one of keys and values.
    """

    num_layers: int
    hidden: int
    vocabulary: int
    width: int = 0
    inner: int = 0
    gated: bool = False
    shared_keys: int = 1

    @property
    def layer_parameters(self) -> int:
        """Weights of all layers: the matrices of attention and of the feed-forward blocks."""
        attention = 2 * self.hidden**2 + 2 * self.hidden**2 // self.shared_keys
        block = (3 if self.gated else 2) * self.hidden * (self.inner or 4 * self.hidden)
        return self.num_layers * (attention + block)

    @property
    def parameters(self) -> int:
        """All weights, word embedding included."""
        return self.layer_parameters + (self.width or self.hidden) * (self.vocabulary + 514)

    def method_parameters(self, method: Method) -> int:
        """Weights that a method adds: to every matrix of the layers two thin ones, or two of a bottleneck a layer."""
        if method.kind is MethodKind.ADAPTER:
            return self.num_layers * (2 * self.hidden * method.size + method.size + self.hidden)
        inner = self.inner or 4 * self.hidden
        attention = 4 * self.hidden + 2 * (self.hidden + self.hidden // self.shared_keys)
        block = (3 if self.gated else 2) * (self.hidden + inner)
        return self.num_layers * method.size * (attention + block)


def _modernbert(num_layers: int, hidden: int, inner: int, vocabulary: int) -> EncoderSize:
    return EncoderSize(num_layers=num_layers, hidden=hidden, vocabulary=vocabulary, inner=inner, gated=True)


def _eurobert(num_layers: int, hidden: int, inner: int, shared_keys: int) -> EncoderSize:
    return EncoderSize(
        num_layers=num_layers, hidden=hidden, vocabulary=128_256, inner=inner, gated=True, shared_keys=shared_keys
    )


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
    "microsoft/infoxlm-base": EncoderSize(num_layers=12, hidden=768, vocabulary=XLMR_VOCABULARY),
    "microsoft/infoxlm-large": EncoderSize(num_layers=24, hidden=1024, vocabulary=XLMR_VOCABULARY),
    "cis-lmu/glot500-base": EncoderSize(num_layers=12, hidden=768, vocabulary=401_145),
    "facebook/xlm-roberta-xl": EncoderSize(num_layers=36, hidden=2560, vocabulary=250_880),
    "sentence-transformers/LaBSE": EncoderSize(num_layers=12, hidden=768, vocabulary=501_153),
    "microsoft/mdeberta-v3-base": EncoderSize(num_layers=12, hidden=768, vocabulary=251_000),
    "google/rembert": EncoderSize(num_layers=32, hidden=1152, vocabulary=250_300, width=256),
    "jhu-clsp/mmBERT-small": _modernbert(22, 384, 1152, 256_000),
    "jhu-clsp/mmBERT-base": _modernbert(22, 768, 1152, 256_000),
    "EuroBERT/EuroBERT-210m": _eurobert(12, 768, 3072, 1),
    "EuroBERT/EuroBERT-610m": _eurobert(26, 1152, 4096, 3),
    "EuroBERT/EuroBERT-2.1B": _eurobert(32, 2304, 6144, 3),
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
    known = architecture_of(encoder, config)

    def given(field: str, otherwise: int) -> int:
        return number_in(encoder, config, field) if config.get(field) is not None else otherwise

    heads = given("num_attention_heads", 1)
    return EncoderSize(
        num_layers=number_in(encoder, config, "num_hidden_layers"),
        hidden=number_in(encoder, config, "hidden_size"),
        vocabulary=number_in(encoder, config, "vocab_size"),
        width=given(known.width, 0) if known.width else 0,
        inner=given("intermediate_size", 0),
        gated=known.gated,
        shared_keys=max(1, heads // given("num_key_value_heads", heads)),
    )
