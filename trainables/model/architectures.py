"""Architectures: the encoders that runs can compute. A new one is added here, and tests/engine/test_architectures.py
then takes it through every phase. No torch here: the planner asks before anything heavy is imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from trainables.tasks.formats.base import Head

_SENTENCE_PIECE = ("sentencepiece.bpe.model",)
_WORD_PIECE = ("vocab.txt",)
_BYTE_PAIRS = ("vocab.json", "merges.txt")


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """What stands between the hidden states and the logits: dropout, dense, activation, norm, dropout, linear.

    Sequence and choice heads read the first sub-word, tagging heads the first one of each word, span heads all. Where
    `dense` is empty there is no more than dropout and linear (span heads have no dropout). Names are those of
    transformers' own class for the task (`...ForSequenceClassification`, `...ForMultipleChoice`,
    `...ForTokenClassification`, `...ForQuestionAnswering`), so that what is trained here can be loaded there.

    Attributes:
        dense: module of the first layer; below the encoder's prefix where that is its pooling layer; empty for none.
        out: module of the last layer.
        activation: by its name in transformers, or `config.FIELD` where the encoder's configuration has the name.
        bias: field of the configuration that says whether the dense layer has a bias; empty: it has one.
        norm: layer norm that follows the activation; empty for none.
        settings: (field, value) of what the configuration must say for transformers' class to compute the same.
        differs: why transformers' class computes something else all the same, in words that go on after a name; empty
            where it does not.
    """

    dense: str = "classifier.dense"
    out: str = "classifier.out_proj"
    activation: str = "tanh"
    bias: str = ""
    norm: str = ""
    settings: tuple[tuple[str, object], ...] = ()
    differs: str = ""


@dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """Names in a checkpoint of a masked-language-model head: dense, activation, norm, projection to the vocabulary.

    Attributes:
        dense: its first layer; empty where there is none, and no norm either.
        norm: the norm after it.
        decoder: the projection; where the configuration does not tie it to the word embedding, it has weights.
        bias: of the projection; names under which checkpoints have it, the first one found counts.
        rest: rows of the projection beyond the width of the word embedding; empty for none.
        activation: by its name in transformers, or `config.FIELD`.
        has_biases: whether every layer must have a bias.
        always_tied: whether the configuration cannot untie it.
    """

    dense: str = "lm_head.dense"
    norm: str = "lm_head.layer_norm"
    decoder: str = "lm_head.decoder"
    bias: tuple[str, ...] = ("lm_head.bias", "lm_head.decoder.bias")
    rest: str = ""
    activation: str = "gelu"
    has_biases: bool = True
    always_tied: bool = False


_LM_HEAD = LanguageModel()
_PREDICTIONS = LanguageModel(
    dense="cls.predictions.transform.dense", norm="cls.predictions.transform.LayerNorm",
    decoder="cls.predictions.decoder", bias=("cls.predictions.bias", "cls.predictions.decoder.bias"),
    activation="config.hidden_act",
)  # fmt: skip
_LM_PREDICTIONS = LanguageModel(
    dense="lm_predictions.lm_head.dense", norm="lm_predictions.lm_head.LayerNorm", decoder="",
    bias=("lm_predictions.lm_head.bias",), activation="config.hidden_act", always_tied=True,
)  # fmt: skip
_GENERATOR = LanguageModel(
    dense="generator_predictions.dense", norm="generator_predictions.LayerNorm", decoder="generator_lm_head",
    bias=("generator_lm_head.bias",),
)  # fmt: skip
_DECODER = LanguageModel(
    dense="head.dense", norm="head.norm", decoder="decoder", bias=("decoder.bias",),
    activation="config.classifier_activation", has_biases=False,
)  # fmt: skip
_LINEAR = LanguageModel(dense="", norm="", decoder="lm_head", bias=("lm_head.bias",), has_biases=False)
_REMBERT = dataclasses.replace(_PREDICTIONS, dense="cls.predictions.dense", norm="cls.predictions.LayerNorm")
_ALBERT = LanguageModel(
    dense="predictions.dense", norm="predictions.LayerNorm", decoder="predictions.decoder",
    bias=("predictions.bias", "predictions.decoder.bias"), activation="config.hidden_act",
)  # fmt: skip


def _pooled(pooler: str, **more: object) -> Classifier:
    return Classifier(dense=pooler, out="classifier", **more)  # type: ignore[arg-type]


_TAGGING = Classifier(dense="", out="classifier")
_SPAN = Classifier(dense="", out="qa_outputs")
_PREDICTION_HEAD = Classifier(
    dense="head.dense", out="classifier", activation="config.classifier_activation", bias="classifier_bias",
    norm="head.norm", settings=(("classifier_pooling", "cls"),),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What must be known of an architecture before a run.

    Attributes:
        classifier: its head for pairs of sentences.
        choice: its head for multiple choice; None where transformers has no class for that.
        tagging: its head for words.
        span: its head for answers; None where transformers has no class for that.
        head_dropout: field of the configuration with the dropout of new heads; empty for none.
        language_models: names that its masked-language-model head has in checkpoints, the likeliest first.
        table: the weights of its word embedding.
        width: field of the configuration with the width of the word embedding, where that need not be `hidden_size`.
        vocabulary: files from which its tokenizer is made where there is no `tokenizer.json`; empty for none.
        gated: whether its feed-forward blocks have three matrices in place of two.
        refused: (field, values that runs can compute, why no others) of the configuration.
        shifts_positions: whether its positions begin after the padding id, which takes that many off its longest input.
        layers: its list of layers; empty where it has none, so that sentences cannot be embedded by one in the middle.
        last_norm: module that normalises what the last layer gives; empty where the layers do so themselves.
    """

    classifier: Classifier = Classifier()
    choice: Classifier | None = None
    tagging: Classifier = _TAGGING
    span: Classifier | None = _SPAN
    head_dropout: str = "hidden_dropout_prob"
    language_models: tuple[LanguageModel, ...] = (_LM_HEAD,)
    table: str = "embeddings.word_embeddings.weight"
    width: str = ""
    vocabulary: tuple[str, ...] = ()
    gated: bool = False
    refused: tuple[tuple[str, tuple[object, ...], str], ...] = ()
    shifts_positions: bool = False
    layers: str = "encoder.layer"
    last_norm: str = ""

    @property
    def can_be_cut(self) -> bool:
        """Whether sentences can be embedded by one of its layers."""
        return bool(self.layers)

    def head(self, kind: Head) -> Classifier | None:
        """Its head of a kind; None where transformers has no class for it."""
        return {
            Head.CLASSIFICATION: self.classifier, Head.CHOICE: self.choice, Head.TAGGING: self.tagging,
            Head.SPAN: self.span,
        }.get(kind)  # fmt: skip


def _like_bert(prefix: str, **more: object) -> Architecture:
    """Pooling layer, dropout, linear, for pairs and for choices."""
    pooled = _pooled(f"{prefix}.pooler.dense")
    return Architecture(classifier=pooled, choice=pooled, **({"language_models": (_PREDICTIONS,)} | more))  # type: ignore[arg-type]


def _like_roberta(prefix: str, **more: object) -> Architecture:
    """A head of its own for pairs; pooling layer, dropout, linear for choices."""
    return Architecture(choice=_pooled(f"{prefix}.pooler.dense"), shifts_positions=True, **more)  # type: ignore[arg-type]


_GELU = "has GELU where this tool trains tanh"
_MOBILE = _pooled("mobilebert.pooler.dense", settings=(("classifier_activation", True),))
_DEBERTA = _pooled("pooler.dense", activation="config.pooler_hidden_act")

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({
    "xlm-roberta": _like_roberta("roberta", vocabulary=_SENTENCE_PIECE),
    "xlm-roberta-xl": _like_roberta("roberta", last_norm="encoder.LayerNorm"),
    "roberta": _like_roberta("roberta", vocabulary=_BYTE_PAIRS),
    "roberta-prelayernorm": _like_roberta("roberta_prelayernorm", vocabulary=_BYTE_PAIRS, last_norm="LayerNorm"),
    "camembert": _like_roberta("roberta", vocabulary=_SENTENCE_PIECE),
    "data2vec-text": _like_roberta("data2vec_text", vocabulary=_BYTE_PAIRS),
    "bert": _like_bert("bert", vocabulary=_WORD_PIECE),
    "electra": Architecture(
        classifier=Classifier(differs=_GELU),
        choice=Classifier(dense="sequence_summary.summary", out="classifier", differs=_GELU),
        language_models=(_GENERATOR,),
        width="embedding_size",
        vocabulary=_WORD_PIECE,
    ),
    "ernie": _like_bert("ernie", vocabulary=_WORD_PIECE),
    "mobilebert": Architecture(
        classifier=_MOBILE,
        choice=_MOBILE,
        language_models=(dataclasses.replace(_PREDICTIONS, rest="cls.predictions.dense"),),
        width="embedding_size",
        vocabulary=_WORD_PIECE,
    ),
    "deberta-v2": Architecture(
        classifier=_DEBERTA,
        choice=_DEBERTA,
        refused=(("conv_kernel_size", (0, None), "its convolution after the first layer is not among what is tested"),),
        language_models=(_LM_PREDICTIONS, _PREDICTIONS),
        width="embedding_size",
    ),
    "modernbert": Architecture(
        classifier=_PREDICTION_HEAD,
        choice=_PREDICTION_HEAD,
        tagging=dataclasses.replace(_PREDICTION_HEAD, settings=()),
        span=dataclasses.replace(_PREDICTION_HEAD, settings=()),
        head_dropout="classifier_dropout",
        language_models=(_DECODER,),
        table="embeddings.tok_embeddings.weight",
        gated=True,
        layers="layers",
        last_norm="final_norm",
    ),
    "eurobert": Architecture(
        classifier=Classifier(
            dense="dense", out="classifier", activation="gelu", settings=(("classifier_pooling", "bos"),)
        ),
        span=None,
        head_dropout="",
        language_models=(_LINEAR,),
        table="embed_tokens.weight",
        gated=True,
        layers="layers",
        last_norm="norm",
    ),
    "rembert": _like_bert(
        "rembert",
        head_dropout="classifier_dropout_prob",
        language_models=(_REMBERT,),
        width="input_embedding_size",
    ),
    "albert": Architecture(
        classifier=_pooled("albert.pooler"),
        choice=_pooled("albert.pooler"),
        language_models=(_ALBERT,),
        width="embedding_size",
        layers="",
    ),
    "nomic_bert": Architecture(
        classifier=_pooled("nomic_bert.pooler.dense"),
        span=None,
        language_models=(dataclasses.replace(_PREDICTIONS, norm="cls.predictions.transform.layer_norm"),),
        gated=True,
        layers="layers",
    ),
    "jina_embeddings_v3": Architecture(layers="layers"),
})  # fmt: skip
"""By `model_type` in an encoder's `config.json`."""

VARYING_ROPE = frozenset({"dynamic", "longrope"})
"""Kinds of rotary positions that turn by the longest sequence of a batch, so that results would depend on batches."""

SLOW_TOKENIZERS = frozenset({
    "BartphoTokenizer", "BertGenerationTokenizer", "BertJapaneseTokenizer", "BertTokenizerLegacy", "BertweetTokenizer",
    "BioGptTokenizer", "ByT5Tokenizer", "CanineTokenizer", "CpmTokenizer", "EsmTokenizer", "FlaubertTokenizer",
    "MarianTokenizer", "MyT5Tokenizer", "PhobertTokenizer", "RoCBertTokenizer", "TapasTokenizer", "XLMTokenizer",
})  # fmt: skip
"""Classes of tokenizers without a fast version, which alone has the character offsets that spans need."""
