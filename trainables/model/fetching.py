"""The files of an encoder, as a folder that `--encoder` takes on a machine without network."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import save_file

from trainables.data.hub_files import friendly, hub_file
from trainables.data.wanted import Wanted, copied
from trainables.ledger.digests import digest
from trainables.ledger.paths import names_in
from trainables.model.bundled import CONFIG_FILE, WEIGHTS_FILE, bundled_folder
from trainables.model.names import (
    BUNDLED_LAYERS,
    BUNDLED_TEXT,
    EncoderKind,
    EncoderName,
    encoder_fingerprint,
    parse_encoder,
)

FOLDER = "encoders"
_WHOLE = "model.safetensors"
_PARTS = "model-?????-of-?????.safetensors"
_KEPT = (
    "config.json", "model.safetensors.index.json", "*token*.json", "*.model", "vocab.*", "merges.txt",
    "LICENSE*", "README.md",
)  # fmt: skip
"""Of a checkpoint: what is read of it, and what says whose it is."""
_LAYER = "encoder.layer."
_BYTES = 4
"""Of a weight."""


@dataclass(frozen=True, kw_only=True)
class WantedEncoder:
    """An encoder to bring: its folder below that of the data, its files, and its licence as stated."""

    path: str
    files: tuple[Wanted, ...]
    licence: str = ""


def wanted_encoder(name: str, revision: str) -> WantedEncoder:
    """The encoder `name` as files of a folder.

    A folder keeps its name and its files, and so the ids of its runs. One of the hub has the commit in its name; of the
    bundled one the layers that are asked for are written. Raises ValueError for a name that is not allowed,
    EncoderUnavailableError or MissingDataError when it cannot be had.
    """
    encoder = parse_encoder(name)
    if encoder.kind is EncoderKind.BUNDLED:
        return _bundled(encoder)
    if encoder.kind is EncoderKind.HUB:
        return _of_hub(encoder, revision)
    path = f"{FOLDER}/{encoder.folder.name}"
    names = [each for each in names_in(encoder.folder) if is_kept(each, names_in(encoder.folder), all_weights=True)]
    files = [copied(encoder.folder / each, f"{path}/{each}", repository=encoder.name) for each in names]
    return WantedEncoder(path=path, files=tuple(files))


def is_kept(name: str, beside: list[str], *, all_weights: bool = False) -> bool:
    """Whether a file belongs to an encoder's folder; of the hub one form of the weights does."""
    if name.endswith(".safetensors"):
        return all_weights or name == _WHOLE or (_WHOLE not in beside and fnmatch(name, _PARTS))
    return any(fnmatch(name, pattern) for pattern in _KEPT)


def _of_hub(encoder: EncoderName, revision: str) -> WantedEncoder:
    from huggingface_hub import HfApi  # late: others do without

    with friendly(f"encoder {encoder.name!r} (revision {revision})"):
        told = HfApi().model_info(encoder.name, revision=revision, files_metadata=True)
    commit, siblings = str(told.sha), told.siblings or []
    path = f"{FOLDER}/{encoder.name.partition('/')[2]}@{commit[:12]}"
    names = [each.rfilename for each in siblings]
    files = [
        hub_file(encoder.name, each.rfilename, commit, path=f"{path}/{each.rfilename}", facts=each, kind="model")
        for each in siblings
        if is_kept(each.rfilename, names)
    ]
    card = told.card_data
    return WantedEncoder(path=path, files=tuple(files), licence=str((card and card.get("license")) or ""))


def _bundled(encoder: EncoderName) -> WantedEncoder:
    """The converted encoder, cut to its first layers where fewer are asked for."""
    folder = bundled_folder(CONFIG_FILE, WEIGHTS_FILE)
    path, names = f"{FOLDER}/{encoder_fingerprint(encoder.name)}", names_in(folder)
    files = []
    for name in names:
        if name in _CUTS and encoder.num_layers < BUNDLED_LAYERS:
            files.append(_cut(folder / name, f"{path}/{name}", encoder))
        elif is_kept(name, names):
            files.append(copied(folder / name, f"{path}/{name}", repository=encoder.name))
    return WantedEncoder(path=path, files=tuple(files), licence=f"MIT ({BUNDLED_TEXT})")


def _cut(source: Path, path: str, encoder: EncoderName) -> Wanted:
    """A file of the bundled encoder, written with fewer layers."""
    layers, write = encoder.num_layers, _CUTS[source.name]
    return Wanted(
        path=path,
        repository=encoder.name,
        origin=f"{source}, {layers} of {BUNDLED_LAYERS} layers",
        num_bytes=_cut_bytes(source, layers) if source.name == WEIGHTS_FILE else source.stat().st_size,
        made_from=lambda: f"{digest(source)} layers {layers}",
        bring=lambda made, staging: write(source, made, layers),
    )


def _cut_config(source: Path, made: Path, layers: int) -> None:
    config = json.loads(source.read_text(encoding="utf-8"))
    made.write_text(json.dumps(config | {"num_hidden_layers": layers}, indent=2), encoding="utf-8")


def _cut_weights(source: Path, made: Path, layers: int) -> None:
    with safe_open(source, framework="numpy") as file:
        kept = {name: file.get_tensor(name) for name in file.keys() if _layer_of(name) < layers}  # noqa: SIM118
    save_file(kept, made, metadata={"format": "pt"})
    made.chmod(0o644)  # safetensors makes files that their owner alone may read


def _cut_bytes(source: Path, layers: int) -> int:
    with safe_open(source, framework="numpy") as file:
        kept = [file.get_slice(name).get_shape() for name in file.keys() if _layer_of(name) < layers]  # noqa: SIM118
    return sum(_BYTES * math.prod(shape) for shape in kept)


def _layer_of(name: str) -> int:
    """Number of the layer a weight belongs to; -1 for the embeddings."""
    return int(name.removeprefix(_LAYER).split(".", 1)[0]) if name.startswith(_LAYER) else -1


_CUTS: Mapping[str, Callable[[Path, Path, int], None]] = {CONFIG_FILE: _cut_config, WEIGHTS_FILE: _cut_weights}
"""File -> what writes it with fewer layers."""
