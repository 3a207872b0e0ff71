"""Stores that several modules here begin from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.made.records import fill
from trainables.ledger.store import Store


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with the whole grid, to be copied."""
    return fill(tmp_path_factory.mktemp("filled")).root


@pytest.fixture
def whole_grid(filled: Path, tmp_path: Path) -> Store:
    """A store with the whole grid, of one's own."""
    return Store(Path(shutil.copytree(filled, tmp_path / "store")))
