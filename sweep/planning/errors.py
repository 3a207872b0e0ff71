"""What can be wrong with a probe; without its packages, so that the command line starts fast."""

from __future__ import annotations


class ProbeError(RuntimeError):
    """A machine could not be probed."""
