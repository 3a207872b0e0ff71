"""Which rows the training of a run has seen, as hashes that are kept on disk: several runs ask for the same ones."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np

from trainables.data.cache_folder import own_folder, warn_once
from trainables.data.loading import load
from trainables.data.shared_rows import RowHashes, SeenRows, row_hashes
from trainables.data.source import DataSource
from trainables.ledger import files
from trainables.ledger.seal import sealed_bytes, unsealed_bytes
from trainables.tasks.task import Split, Task


def seen_rows(task: Task, split: Split, limits: Mapping[str, int], data: DataSource, preference: str = "") -> SeenRows:
    """The rows of a split in several languages, of each at most so many (0: all), as `load` takes them.

    Raises DataError for rows that are not there or cannot be read.
    """
    parts = [_hashes(task, split, code, limit, data, preference) for code, limit in limits.items()]
    return SeenRows(np.concatenate(parts, axis=1))


def _hashes(task: Task, split: Split, language: str, limit: int, data: DataSource, preference: str) -> RowHashes:
    folder = own_folder("rows")
    sources = task.files(split, language, preference)
    key = f"{task.name} {split} {language} {limit} {[each.path for each in sources]} {data.fingerprint(sources)}"
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.npy" if folder else None
    try:
        if path:
            return np.load(io.BytesIO(unsealed_bytes(path.read_bytes())), allow_pickle=False)
    except (OSError, ValueError):  # not there, or damaged: made anew
        pass
    made = row_hashes(load(task, split, language, data, limit=limit, preference=preference).examples)
    if path:
        whole = io.BytesIO()
        np.save(whole, made, allow_pickle=False)
        try:
            files.write(path, sealed_bytes(whole.getvalue()), durable=False)
        except OSError as error:
            warn_once(f"cannot keep hashes of rows in {folder}, they are made anew: {error}")
    return made
