"""The nodes of a cluster, for a plan: asked, with nothing started and nothing left behind."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sweep.cluster.errors import RayError
from sweep.cluster.placement import machines
from sweep.cluster.session import ray_session
from sweep.graph.capacity import Machine


def nodes_of(address: str) -> list[Machine]:
    """The living nodes of the running cluster at an address; raises RayError where none answers."""
    with TemporaryDirectory(prefix="xstilts-") as folder, ray_session(address, Path(folder) / "ray.log"):
        if not (found := machines()):
            raise RayError(f"the Ray cluster at address {address!r} has no living node")
        return found
