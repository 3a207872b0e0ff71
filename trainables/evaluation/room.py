"""Room for arrays that may not fit into memory."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

RESIDENT_BYTES = 2**30
"""Arrays up to this size are kept in memory."""


def room(shape: Sequence[int], folder: Path) -> Tensor:
    """float32 of that shape, to be filled: in memory, or mapped from a file in `folder` above RESIDENT_BYTES.

    The file has no name, so nothing of it is left once the tensor or the process is gone. Its blocks are taken at once:
    on a full disk that raises OSError, with the folder's name, where writing to the mapping would end the process.
    """
    num_bytes = torch.float32.itemsize * math.prod(shape)
    if num_bytes <= RESIDENT_BYTES:
        return torch.empty(tuple(shape))
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, num_bytes)
        except OSError as error:
            error.filename = str(folder)
            raise
        mapped = mmap.mmap(file.fileno(), num_bytes)
    return torch.frombuffer(mapped, dtype=torch.float32).view(*shape)
