"""Architectures: the encoders that runs can compute. A new one is added here, and tests/engine/test_architectures.py
then takes it through every phase. No torch here: the planner asks before anything heavy is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_SENTENCE_PIECE = ("sentencepiece.bpe.model",)
_WORD_PIECE = ("vocab.txt",)
_BYTE_PAIRS = ("vocab.json", "merges.txt")


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """The head for pairs of sentences: dropout, dense, activation, norm, dropout, linear, on the first sub-word.

    Names are those of transformers' own `...ForSequenceClassification`, so that what is trained here can be loaded
    there.

    Attributes:
        dense: module of the first layer; below the encoder's prefix where that is its pooling layer.
        out: module of the last layer.
        activation: by its name in transformers.
        norm: module that follows the activation; empty for none.
    """

    dense: str = "classifier.dense"
    out: str = "classifier.out_proj"
    activation: str = "tanh"
    norm: str = ""


_POOLED = Classifier(dense="bert.pooler.dense", out="classifier")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What must be known of an architecture before a run.

    Attributes:
        classifier: its head for pairs of sentences.
        vocabulary: files from which its tokenizer is made where there is no `tokenizer.json`; empty for none.
        shifts_positions: whether its positions begin after the padding id, which takes that many off its longest input.
        can_be_cut: whether it has a list of layers, so that sentences can be embedded by one in the middle.
        last_norm: module that normalises what the last layer gives; empty where the layers do so themselves.
    """

    classifier: Classifier = Classifier()
    vocabulary: tuple[str, ...] = ()
    shifts_positions: bool = False
    can_be_cut: bool = True
    last_norm: str = ""


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({
    "xlm-roberta": Architecture(vocabulary=_SENTENCE_PIECE, shifts_positions=True),
    "xlm-roberta-xl": Architecture(shifts_positions=True, last_norm="encoder.LayerNorm"),
    "roberta": Architecture(vocabulary=_BYTE_PAIRS, shifts_positions=True),
    "roberta-prelayernorm": Architecture(vocabulary=_BYTE_PAIRS, shifts_positions=True, last_norm="LayerNorm"),
    "camembert": Architecture(vocabulary=_SENTENCE_PIECE, shifts_positions=True),
    "data2vec-text": Architecture(vocabulary=_BYTE_PAIRS, shifts_positions=True),
    "bert": Architecture(classifier=_POOLED, vocabulary=_WORD_PIECE),
    "electra": Architecture(vocabulary=_WORD_PIECE),
    "ernie": Architecture(vocabulary=_WORD_PIECE),
    "mobilebert": Architecture(vocabulary=_WORD_PIECE),
    "albert": Architecture(can_be_cut=False),
    "nomic_bert": Architecture(can_be_cut=False),
    "jina_embeddings_v3": Architecture(can_be_cut=False),
})  # fmt: skip
"""By `model_type` in an encoder's `config.json`."""

SLOW_TOKENIZERS = frozenset({
    "BartphoTokenizer", "BertGenerationTokenizer", "BertJapaneseTokenizer", "BertTokenizerLegacy", "BertweetTokenizer",
    "BioGptTokenizer", "ByT5Tokenizer", "CanineTokenizer", "CpmTokenizer", "EsmTokenizer", "FlaubertTokenizer",
    "MarianTokenizer", "MyT5Tokenizer", "PhobertTokenizer", "RoCBertTokenizer", "TapasTokenizer", "XLMTokenizer",
})  # fmt: skip
"""Classes of tokenizers without a fast version, which alone has the character offsets that spans need."""
