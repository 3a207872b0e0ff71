"""Writing a safetensors file straight from the memory of its tensors: equal tensors and metadata make equal bytes.

The library's own `save_file` puts several metadata into another order from call to call, so that their digest says
nothing; and it needs from as much processor time to ten times as much for the same bytes
(`python -m benchmarks.checkpoints`), which who writes beside a training takes from it. The format is that of
https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
_PIECE_BYTES = 2**24
"""Written at once; more is no faster, and a writer that is told to end does so between two pieces."""
_ALIGNMENT = 8


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write floating-point tensors, which lie on the CPU without gaps. Not flushed.

    The largest elements come first and the header is padded, so that every tensor can be read in place.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        begin, end = end, end + tensors[name].nbytes
        kind = _DTYPES[tensors[name].dtype]
        header[name] = {"dtype": kind, "shape": list(tensors[name].shape), "data_offsets": [begin, end]}
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % _ALIGNMENT)
    with path.open("wb", buffering=0) as file:
        _write(file.write, memoryview(len(said).to_bytes(8, "little") + said))
        for name in names:
            _write(file.write, content(tensors[name]))


def content(tensor: Tensor) -> memoryview:
    """The bytes of a tensor on the CPU, in its own memory."""
    found: Any = tensor.detach().reshape(-1).view(torch.uint8).numpy()
    return memoryview(found)


def _write(write: Callable[[memoryview], int], remaining: memoryview) -> None:
    while remaining:
        remaining = remaining[write(remaining[:_PIECE_BYTES]) :]
