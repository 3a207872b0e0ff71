"""Sizes: into how many equal parts a GPU is divided for the runs that share it.

Powers of two alone. They nest: whatever is free of a GPU is a sum of parts, so that best fit leaves no gap that nothing
fits into, as a third beside a half would. And they are few: Ray Tune hands a worker on to the next run only between
equal requests, and a new worker costs seconds. Beyond eight, runs of the published batch sizes would take turns on the
GPU rather than fill it, and each holds a core and a CUDA context besides. Shares that a user gives may be any 1/n.
"""

from __future__ import annotations

from trainables.ledger.plan import EPSILON

PARTS = (8, 4, 2, 1)
"""Parts of one GPU, the smallest first."""


def part_of(needed: int, memory: int, most: int = PARTS[0]) -> int:
    """Into how many parts a GPU is divided for runs that need so many bytes; 0 where the whole does not hold one.

    `most` is how many runs could be served beside each other.
    """
    return next((parts for parts in PARTS if needed * parts <= memory and parts <= max(most, 1)), 0)


def most_beside(cpus: int, of_a_run: int, gpus: int) -> int:
    """How many runs the cores of a node can serve on each of its GPUs."""
    return int(cpus / of_a_run / gpus + EPSILON)
