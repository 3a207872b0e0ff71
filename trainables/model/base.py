"""Base: the pretrained encoder of which a stored encoder is a change, and its word embedding in its own file."""

from __future__ import annotations

import functools
import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.errors import EntryNotFoundError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from trainables.model.bundled import CONFIG_FILE, WEIGHTS_FILE, bundled_folder
from trainables.model.checkpoint_files import INDEX_FILE, encoder_file
from trainables.model.encoder import load_encoder
from trainables.model.names import DEFAULT_REVISION, EncoderKind, check_revision, parse_encoder, unavailable

_BLOCK = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """A pretrained encoder by its name and revision, as `load_encoder` takes them."""

    name: str
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """The word embedding of a base: float32[V, H], only to be read, and the SHA-256 of its bytes."""

    table_VH: Tensor
    digest: str


def pretrained_table(base: Base, parameter: str) -> Pretrained:
    """The word embedding that the encoder has under the name `parameter`.

    It stays in the memory map of its file if that holds float32. Its digest is taken once in a process and file.
    Raises as `load_encoder` does for an encoder that is not there.
    """
    encoder = parse_encoder(base.name)
    check_revision(encoder, base.revision)
    try:
        place = _place(base, parameter)
        if place is None:
            weight = load_encoder(base.name, base.revision).get_input_embeddings().weight
            return Pretrained(table_VH=weight.detach(), digest=_digest_of(weight.detach()))
        table_VH = _read(*place)
        state = place[0].stat()
        digest = _digest(*place, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
        return Pretrained(table_VH=table_VH, digest=digest)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise unavailable(encoder, base.revision, error) from error


def _place(base: Base, parameter: str) -> tuple[Path, str] | None:
    """File and key of the table: the one tensor of that name, perhaps behind a prefix; None where it is not clear."""
    encoder, revision = parse_encoder(base.name), base.revision or DEFAULT_REVISION
    if encoder.kind is EncoderKind.BUNDLED:
        return bundled_folder(CONFIG_FILE, WEIGHTS_FILE) / WEIGHTS_FILE, parameter
    try:
        path = encoder_file(encoder, WEIGHTS_FILE, revision).resolve()
        with safe_open(path, framework="pt") as file:
            places = dict.fromkeys(file.keys(), WEIGHTS_FILE)
    except (EntryNotFoundError, FileNotFoundError):
        index = encoder_file(encoder, INDEX_FILE, revision)
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    fitting = [key for key in places if key == parameter or key.endswith(f".{parameter}")]
    if len(fitting) != 1:
        return None
    return encoder_file(encoder, places[fitting[0]], revision).resolve(), fitting[0]


def _read(path: Path, key: str) -> Tensor:
    with safe_open(path, framework="pt") as file:
        found: Tensor = file.get_tensor(key)
    return found.to(torch.float32)


@functools.lru_cache(maxsize=16)
def _digest(path: Path, key: str, size: int, changed_ns: int, status_ns: int, inode: int) -> str:
    """Of float32 the bytes are those in the file; they are read through, since a mapping would count as memory."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        entry = json.loads(stream.read(length))[key]
        if entry["dtype"] != "F32":
            return _digest_of(_read(path, key))
        start, end = entry["data_offsets"]
        stream.seek(8 + length + start)
        whole = hashlib.sha256()
        for done in range(0, end - start, _BLOCK):
            whole.update(stream.read(min(_BLOCK, end - start - done)))
    return whole.hexdigest()


def _digest_of(table_VH: Tensor) -> str:
    return hashlib.sha256(table_VH.contiguous().numpy().data).hexdigest()
