"""Memory of a GPU that a process may use: what its share is worth, and the limit that holds it to that.

PyTorch limits what it gives out itself. CUDA takes some more for each process, outside of that limit; with it eight
processes that each filled an eighth would be more than one GPU has.
"""

from __future__ import annotations

import torch

CONTEXT_BYTES = 600_000_000
"""What CUDA takes for a process: its context and the kernels that were loaded; assumed."""
LEAST_BYTES = 64_000_000
"""Less than that is no limit that anything could be computed in."""


class ShareTooSmallError(ValueError):
    """A share of a GPU that CUDA alone would fill."""


def share_bytes(gpus: float, device: torch.device) -> int:
    """What a share of a GPU is in bytes, CUDA's own part included; 0 on a CPU and without a share."""
    return int(min(gpus, 1.0) * total_bytes(device)) if device.type == "cuda" else 0


def total_bytes(device: torch.device) -> int:
    """Memory of a GPU."""
    return int(torch.cuda.get_device_properties(device).total_memory)


def limit_fraction(gpus: float, total: int) -> float:
    """The part of a GPU's memory that PyTorch may give out to a process with this share; a whole GPU is not limited.

    Raises ShareTooSmallError for a share in which nothing could be computed.
    """
    if not 0 < gpus < 1:
        return 1.0
    left = gpus * total - CONTEXT_BYTES
    if left < LEAST_BYTES:
        raise ShareTooSmallError(
            f"{gpus:g} of this GPU is {gpus * total / 1e9:.1f} GB, which CUDA takes for itself; allowed: a share of at "
            f"least {(CONTEXT_BYTES + LEAST_BYTES) / total:.2g}, or auto"
        )
    return left / total


def limit_gpu_memory(gpus: float) -> None:
    """Hold this process to its share of the GPU that it sees; raises as `limit_fraction` does."""
    device = torch.device("cuda", 0)
    torch.cuda.set_per_process_memory_fraction(limit_fraction(gpus, total_bytes(device)), device)
