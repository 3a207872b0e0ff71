"""What a share of a GPU is worth to a process: how much of its memory PyTorch may give out there.

PyTorch limits what it gives out itself. CUDA takes some more for each process, outside of that limit: eight processes
that each filled an eighth would be more than one GPU has.
"""

from __future__ import annotations

CONTEXT_BYTES = 600_000_000
"""What CUDA takes for a process: its context and the kernels that were loaded; assumed."""
LEAST_BYTES = 64_000_000
"""In less nothing can be computed."""


class ShareTooSmallError(ValueError):
    """A share of a GPU that CUDA alone would fill."""


def limit_fraction(gpus: float, total: int) -> float:
    """The part of a GPU's `total` bytes that PyTorch may give out to a process with this share; of a whole GPU all.

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
