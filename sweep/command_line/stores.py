"""Where the results of a sweep are."""

from __future__ import annotations

from pathlib import Path

from search_spaces.config import SweepConfig
from trainables.data.stores import store_at
from trainables.ledger.store import Store


def store_of(config: SweepConfig) -> Store:
    """The store that a configuration names, else `results/<name of the sweep>` in the current folder."""
    return store_at(config.store or Path("results") / config.name)
