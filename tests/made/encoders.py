"""Folders with tiny random encoders of any architecture, and a tokenizer of a few hundred word pieces."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import CONFIG_MAPPING, AutoModel, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROWS = 400
"""Of the word embedding."""
POSITIONS = 520


def encoder_folder(folder: Path, kind: str, **changes: object) -> Path:
    """Write an encoder of two layers and its tokenizer; `changes` are of its configuration."""
    wanted = {
        "vocab_size": ROWS, "hidden_size": 16, "embedding_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": POSITIONS, "pad_token_id": 0, "cls_token_id": 2,
        "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3,
    }  # fmt: skip
    config = CONFIG_MAPPING[kind](**wanted | changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def rewrite(file: Path, **changes: object) -> None:
    """Change fields of a JSON file; None removes one."""
    held = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in held.items() if value is not None}))


@functools.cache
def tokenizer() -> PreTrainedTokenizerFast:
    """Word pieces of the demo's English and German texts, laid out as BERT has it."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = Path(__file__).parents[2] / "trainables" / "data" / "demo" / "languages"
    trainer = trainers.WordPieceTrainer(vocab_size=ROWS - 50, special_tokens=list(SPECIAL), show_progress=False)
    pieces.train([str(texts / f"{code}.txt") for code in ("en", "de")], trainer)
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    special, inputs = dict(zip(names, SPECIAL, strict=True)), ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=pieces, **special, model_input_names=inputs)
