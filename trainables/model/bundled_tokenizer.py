"""XLM-R's tokenizer from the bundled vocabulary: once for transformers, once as a SentencePiece model.

The first is the pipeline that transformers builds for XLM-R. The second is what Google's C++ library runs; it is an
independent reading of the same vocabulary, kept so that the first can be checked against it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from trainables.model.bundled_charsmap import xlmr_charsmap
from trainables.model.bundled_source import Source

TOKENIZER_FILE = "tokenizer.json"
SENTENCEPIECE_FILE = "sentencepiece.bpe.model"
MAX_LENGTH = 512

SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
_UNK_ID = 3
_NUM_LEADING_SPECIAL = 4


def write_tokenizer(source: Source, folder: Path) -> None:
    """Write `tokenizer.json`, `tokenizer_config.json` and `sentencepiece.bpe.model` into the folder."""
    charsmap = xlmr_charsmap(source.normalisation)
    build_tokenizer(source.vocabulary, charsmap).save(str(folder / TOKENIZER_FILE), pretty=False)
    (folder / SENTENCEPIECE_FILE).write_bytes(build_sentencepiece(source.vocabulary, charsmap))
    config = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": MAX_LENGTH, **SPECIAL_TOKENS}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def build_tokenizer(vocabulary: Sequence[tuple[str, float]], charsmap: bytes) -> Tokenizer:
    """The pipeline of transformers' XLMRobertaTokenizer; `vocabulary[i]` is the piece with id i and its score.

    Normalise, split at white space, mark the start of each word with U+2581, take the best unigram segmentation, and
    lay out `<s> A </s>` or `<s> A </s></s> B </s>`, all with type id 0.
    """
    tokenizer = Tokenizer(Unigram(list(vocabulary), unk_id=_UNK_ID, byte_fallback=False))
    tokenizer.normalizer = normalizers.Precompiled(charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))],
    )
    names = ("<s>", "<pad>", "</s>", "<unk>")
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    return tokenizer


def build_sentencepiece(vocabulary: Sequence[tuple[str, float]], charsmap: bytes) -> bytes:
    """A serialised SentencePiece model of the same vocabulary, laid out as the file that XLM-R was published with.

    Its ids are those of `vocabulary` minus one, except `<unk>` 0, `<s>` 1, `</s>` 2; it has no `<pad>` and no `<mask>`.
    """
    model = sentencepiece_model_pb2.ModelProto()
    kind = sentencepiece_model_pb2.ModelProto.SentencePiece
    model.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
    model.normalizer_spec.name = "nmt_nfkc"
    model.normalizer_spec.precompiled_charsmap = charsmap
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    model.pieces.add(piece="<unk>", score=0.0, type=kind.UNKNOWN)
    model.pieces.add(piece="<s>", score=0.0, type=kind.CONTROL)
    model.pieces.add(piece="</s>", score=0.0, type=kind.CONTROL)
    for piece, score in vocabulary[_NUM_LEADING_SPECIAL:-1]:
        model.pieces.add(piece=piece, score=score)
    model.trainer_spec.vocab_size = len(model.pieces)
    serialised: bytes = model.SerializeToString()
    return serialised
