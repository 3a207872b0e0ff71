"""What can be wrong with the cluster; without Ray, so that the command line can tell it from a fault."""

from __future__ import annotations


class RayError(RuntimeError):
    """Ray cannot be started or joined as asked."""
