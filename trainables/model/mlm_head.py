"""The masked-language-model head of an encoder: the pretrained one under the names of its family, or a new one.

Shapes: H hidden size, V vocabulary, W width of what is projected, E width of the word embedding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub.errors import EntryNotFoundError
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import PretrainedConfig

from trainables.model.architectures import ARCHITECTURES, LanguageModel
from trainables.model.bundled import WEIGHTS_FILE
from trainables.model.checkpoint_files import INDEX_FILE, encoder_file
from trainables.model.heads import MlmHead, initialise, norm_epsilon, said_by
from trainables.model.names import (
    DEFAULT_REVISION,
    EncoderKind,
    EncoderName,
    check_revision,
    parse_encoder,
    unavailable,
)

_OLD_NAMES = {"gamma": "weight", "beta": "bias"}
"""Of a norm, in checkpoints that were converted from TensorFlow."""


def pretrained_mlm_head(name: str, config: PretrainedConfig, revision: str | None = None) -> MlmHead | None:
    """The head that the encoder `name` was pretrained with, or None where its checkpoint has none."""
    weights = load_mlm_head(name, config, revision)
    if weights is None:
        return None
    activation = said_by(config, ARCHITECTURES[config.model_type].language_models[0].activation)
    return MlmHead.of(weights, norm_epsilon(config), activation)


def new_mlm_head(config: PretrainedConfig) -> MlmHead:
    """A new random head, whatever the family has: dense to the word embedding's width, GELU, norm, projection."""
    width = embedding_width(config)
    head = MlmHead(config.hidden_size, config.vocab_size, norm_epsilon(config), width=width)
    return initialise(head, config.initializer_range)


def embedding_width(config: PretrainedConfig) -> int:
    """Width of the word embedding."""
    field = ARCHITECTURES[config.model_type].width
    return int(getattr(config, field, config.hidden_size)) if field else config.hidden_size


def load_mlm_head(name: str, config: PretrainedConfig, revision: str | None = None) -> dict[str, Tensor] | None:
    """Weights of the masked-language-model head, float32, or None if the checkpoint has none (bundled has none).

    Keys and shapes: `dense.weight` (W, H), `dense.bias` (W), `layer_norm.weight` (W), `layer_norm.bias` (W), `bias`
    (V); `decoder` (V, W) where the projection is not tied to the word embedding, `rest` (W - E, V) where that is
    narrower. Families without some of them leave them out. Raises ValueError when they do not fit `config`, and
    otherwise as `load_encoder` does.
    """
    encoder = parse_encoder(name)
    check_revision(encoder, revision)
    if encoder.kind is EncoderKind.BUNDLED:
        return None
    for form in ARCHITECTURES[config.model_type].language_models:
        tied = form.always_tied or config.tie_word_embeddings
        try:
            found = _read(encoder, revision or DEFAULT_REVISION, _wanted(form, tied=tied))
        except (OSError, ValueError, SafetensorError) as error:
            raise unavailable(encoder, revision, error) from error
        if found or (tied and not form.dense):
            _check(name, config, form, found, tied=tied)
            return found
    return None


def _wanted(form: LanguageModel, *, tied: bool) -> dict[str, str]:
    """Names in a checkpoint -> our own. Of the names of the bias the first one counts."""
    names: dict[str, str] = {}
    for module, own in ((form.dense, "dense"), (form.norm, "layer_norm")):
        if module:
            names |= {f"{module}.{part}": f"{own}.{part}" for part in ("weight", "bias")}
            names |= {f"{module}.{old}": f"{own}.{part}" for old, part in _OLD_NAMES.items() if own == "layer_norm"}
    biases = form.bias if tied else (f"{form.decoder}.bias", *form.bias)
    names |= dict.fromkeys(reversed(biases), "bias")
    if form.rest:
        names[f"{form.rest}.weight"] = "rest"
    if not tied:
        names[f"{form.decoder}.weight"] = "decoder"
    return names


def _check(
    name: str, config: PretrainedConfig, form: LanguageModel, found: Mapping[str, Tensor], *, tied: bool
) -> None:
    """Raise ValueError unless the weights are those that the family has, in the sizes of the configuration."""
    hidden, words, own_width = config.hidden_size, config.vocab_size, embedding_width(config)
    width = hidden if form.rest else own_width
    if not tied:
        width = found["decoder"].shape[1] if "decoder" in found and form.dense else hidden
    expected: dict[str, tuple[int, ...]] = {}
    if form.dense:
        expected |= {"dense.weight": (width, hidden), "dense.bias": (width,)}
        expected |= {"layer_norm.weight": (width,), "layer_norm.bias": (width,)}
    expected["bias"] = (words,)
    if form.rest:
        expected["rest"] = (hidden - own_width, words)
    if not tied:
        expected["decoder"] = (words, width)
    shapes = {key: tuple(tensor.shape) for key, tensor in found.items()}
    if not form.has_biases:
        expected = {key: shape for key, shape in expected.items() if "bias" not in key or key in shapes}
    if shapes != expected:
        raise ValueError(f"encoder {name!r}: expected a language-model head {expected}, found {shapes}")


def _read(encoder: EncoderName, revision: str, wanted: Mapping[str, str]) -> dict[str, Tensor]:
    """The weights of these names, by our own; later names of `wanted` win."""
    held: dict[str, Tensor] = {}
    for path in _weight_files(encoder, revision, wanted):
        with safe_open(path, framework="pt") as file:
            for key in wanted.keys() & set(file.keys()):
                held[key] = file.get_tensor(key).to(torch.float32, copy=True)
    return {own: held[key] for key, own in wanted.items() if key in held}


def _weight_files(encoder: EncoderName, revision: str, wanted: Mapping[str, str]) -> list[Path]:
    """The safetensors files that hold a head; at most one shard in practice."""
    try:
        return [encoder_file(encoder, WEIGHTS_FILE, revision)]
    except (EntryNotFoundError, FileNotFoundError):
        index = json.loads(encoder_file(encoder, INDEX_FILE, revision).read_text(encoding="utf-8"))
        shards = {shard for key, shard in index["weight_map"].items() if key in wanted}
        return [encoder_file(encoder, shard, revision) for shard in sorted(shards)]
