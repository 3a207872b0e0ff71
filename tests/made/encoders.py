"""Folders with tiny random encoders of any architecture, and a tokenizer of its kind with a few hundred pieces."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CONFIG_MAPPING, PreTrainedModel, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
XLMR_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
REMBERT_SPECIAL = ("<pad>", "[CLS]", "<unk>", "[SEP]", "[MASK]")
EUROBERT_SPECIAL = ("<|begin_of_text|>", "<|end_of_text|>", "<|mask|>", "<|pad|>")
ROWS = 400
"""Of the word embedding."""
PIECES = ROWS - 50
"""Of a tokenizer: as many tables are longer than their vocabulary."""
POSITIONS = 520
TEXTS = Path(__file__).parents[2] / "trainables" / "data" / "demo" / "languages"


def encoder_folder(folder: Path, kind: str, *, head: str = "Model", **changes: object) -> Path:
    """Write an encoder of two layers and its tokenizer; `changes` are of its configuration.

    `head` is what follows `Auto` in the class that is saved: `ModelForMaskedLM` has a language-model head, too.
    """
    made = encoder(kind, head=head, **changes)
    made.save_pretrained(folder)
    tokenizer_of(kind).save_pretrained(folder)
    return folder


def encoder(kind: str, *, head: str = "Model", seed: int = 0, **changes: object) -> PreTrainedModel:
    """Such an encoder, all of its parameters random: transformers begins biases at 0 and norms at 1."""
    words = tokenizer_of(kind)
    wanted = {
        "vocab_size": ROWS, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": POSITIONS, "pad_token_id": words.pad_token_id,
        "cls_token_id": words.cls_token_id, "sep_token_id": words.sep_token_id,
        "bos_token_id": words.convert_tokens_to_ids(str(words.bos_token or words.cls_token)),
        "eos_token_id": words.convert_tokens_to_ids(str(words.eos_token or words.sep_token)),
    }  # fmt: skip
    config = CONFIG_MAPPING[kind](**wanted | OWN.get(kind, {}) | changes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = getattr(transformers, f"Auto{head}").from_config(config)
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.dim() == 1:
                    parameter += 0.1 * torch.randn_like(parameter)
    return made.eval()


OWN: dict[str, dict[str, object]] = {
    "albert": {"embedding_size": 16},
    "electra": {"embedding_size": 16},
    "mobilebert": {"embedding_size": 16},
    "deberta-v2": {  # as mDeBERTa-v3
        "relative_attention": True, "position_buckets": 32, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "pos_att_type": "p2c|c2p", "position_biased_input": False, "pooler_hidden_act": "gelu",
    },
    "modernbert": {  # windows that tests can reach; local and global layers
        "local_attention": 16, "num_hidden_layers": 4, "global_attn_every_n_layers": 3, "attention_dropout": 0.1,
        "embedding_dropout": 0.1, "mlp_dropout": 0.1,
    },
    "eurobert": {"num_attention_heads": 4, "num_key_value_heads": 2, "mask_token_id": PIECES - 2},
    "rembert": {"input_embedding_size": 12, "output_embedding_size": 20, "hidden_dropout_prob": 0.1},
    "xlm-roberta": {"type_vocab_size": 1},
    "xlm-roberta-xl": {"type_vocab_size": 1},
}  # fmt: skip
"""What a family's published configurations have, small."""


def rewrite(file: Path, **changes: object) -> None:
    """Change fields of a JSON file; None removes one."""
    held = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in held.items() if value is not None}))


def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer as encoders of the kind have it."""
    if kind in ("xlm-roberta", "xlm-roberta-xl", "camembert", "jina_embeddings_v3"):
        return unigram("XLMRobertaTokenizer" if kind != "camembert" else "CamembertTokenizer")
    if kind in ("deberta-v2", "rembert"):
        return unigram({"deberta-v2": "DebertaV2Tokenizer", "rembert": "RemBertTokenizer"}[kind])
    if kind in ("roberta", "roberta-prelayernorm", "data2vec-text", "modernbert", "eurobert"):
        return byte_pairs(kind if kind in ("modernbert", "eurobert") else "roberta")
    return tokenizer()


@functools.cache
def tokenizer() -> PreTrainedTokenizerFast:
    """Word pieces of the demo's English and German texts, laid out as BERT has it."""
    words = _words(pre_tokenizers.BertPreTokenizer())
    alphabet = sorted(set("".join(words)))
    known = [*SPECIAL, *alphabet, *(f"##{char}" for char in alphabet), *(word for word in words if len(word) > 1)]
    vocabulary = {piece: number for number, piece in enumerate(known[:PIECES])}
    pieces = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.post_processor = _template("[CLS]", "[SEP]", 2, 3)
    return _fast(pieces, SPECIAL)


@functools.cache
def unigram(kind: str) -> PreTrainedTokenizerFast:
    """SentencePiece's unigrams in a class of transformers that is made for them."""
    special = {
        "XLMRobertaTokenizer": XLMR_SPECIAL,
        "CamembertTokenizer": XLMR_SPECIAL,
        "RemBertTokenizer": REMBERT_SPECIAL,
    }
    own = special.get(kind, SPECIAL)
    words = _words(pre_tokenizers.Metaspace())
    chars = sum((Counter(dict.fromkeys(word, number)) for word, number in words.items()), Counter())
    counts = {char: chars[char] for char in sorted(chars)} | {word: n for word, n in words.items() if len(word) > 1}
    found = [(piece, math.log(number / sum(chars.values()))) for piece, number in counts.items()]
    vocabulary = [*((piece, 0.0) for piece in own), *found][:PIECES]
    options = {"additional_special_tokens": []} if kind == "CamembertTokenizer" else {}
    made: PreTrainedTokenizerFast = getattr(transformers, kind)(vocab=vocabulary, **options)
    if kind in ("DebertaV2Tokenizer", "RemBertTokenizer"):
        ids = [made.convert_tokens_to_ids(name) for name in ("[CLS]", "[SEP]")]
        made.backend_tokenizer.post_processor = _template("[CLS]", "[SEP]", *ids)
    return made


@functools.cache
def byte_pairs(kind: str) -> PreTrainedTokenizerFast:
    """Byte-level pairs; ModernBERT's and EuroBERT's special tokens, padding among them, are the last of all."""
    special = {"roberta": XLMR_SPECIAL, "modernbert": SPECIAL, "eurobert": EUROBERT_SPECIAL}[kind]
    first = kind == "roberta"
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES - (0 if first else len(special)), special_tokens=list(special) if first else [],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    pieces.train(_texts(), trainer)
    pieces.add_special_tokens(list(special))
    if kind == "roberta":
        model = json.loads(pieces.to_str())["model"]
        merges = [tuple(merge) for merge in model["merges"]]
        return transformers.RobertaTokenizer(vocab=model["vocab"], merges=merges)
    begin, end = ("[CLS]", "[SEP]") if kind == "modernbert" else special[:2]
    pieces.post_processor = _template(begin, end, pieces.token_to_id(begin), pieces.token_to_id(end))
    if kind == "modernbert":
        return _fast(pieces, SPECIAL)
    names = ("bos_token", "eos_token", "mask_token", "pad_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces, model_input_names=["input_ids", "attention_mask"],
        **dict(zip(names, special, strict=True)),
    )  # fmt: skip


@functools.cache
def gemma_like() -> PreTrainedTokenizerFast:
    """Pairs over texts whose spaces are written `▁`, none put before a text: Gemma's tokenizer, and mmBERT's."""
    pieces = Tokenizer(models.BPE())
    pieces.normalizer = normalizers.Replace(" ", "\u2581")
    pieces.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    pieces.train(_texts(), trainers.BpeTrainer(vocab_size=PIECES, special_tokens=list(SPECIAL), show_progress=False))
    pieces.post_processor = _template("[CLS]", "[SEP]", 2, 3)
    return _fast(pieces, SPECIAL)


def _words(pre_tokenizer: pre_tokenizers.PreTokenizer) -> Counter[str]:
    """Words of the texts, the most frequent ones first, equals by the alphabet.

    The library's trainers of word pieces and unigrams give other vocabularies in every process.
    """
    lines = [line for path in _texts() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    counted = Counter(word for line in lines for word, _ in pre_tokenizer.pre_tokenize_str(line))
    return Counter(dict(sorted(counted.items(), key=lambda each: (-each[1], each[0]))))


def _texts() -> list[str]:
    return [str(TEXTS / f"{code}.txt") for code in ("en", "de")]


def _template(begin: str, end: str, *ids: int) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} $B:1 {end}:1",
        special_tokens=list(zip((begin, end), ids, strict=True)),
    )


def _fast(pieces: Tokenizer, special: tuple[str, ...]) -> PreTrainedTokenizerFast:
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces, model_input_names=["input_ids", "attention_mask"],
        **dict(zip(names, special, strict=True)),
    )  # fmt: skip
