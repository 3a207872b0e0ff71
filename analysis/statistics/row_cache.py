"""Scores by row on disk, so that the next reader need not compute them: `STORE/cache/rows/<run>/<target>-<split>.rows`.

A file is an `.npz` behind its own digest. It says what it was made from: the SHA-256 of the predictions, how rows are
scored, and the version of the rules here. Whatever is not exactly that, or cannot be read, counts as not there. A store
that cannot be written keeps nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.scoring import Scoring
from trainables.ledger import files
from trainables.ledger.digests import digest
from trainables.ledger.record import Record
from trainables.ledger.seal import sealed_bytes, unsealed_bytes
from trainables.ledger.store import Store
from trainables.tasks.task import Split

VERSION = 2
"""Of the rules of scores (`row_scores`) and items (`row_items`); another one makes all kept rows void."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Which rows were measured: what runs on the same rows have in common.

    Attributes:
        keys: N pairs of language and id, rows of a language together.
        items: N numbers; translations of one sentence have the same.
    """

    keys: tuple[tuple[str, str], ...]
    items: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What scores by row are of: a run on a split of a target, whose task score is recorded in percent; and how."""

    record: Record
    target: str
    split: Split
    recorded: float
    how: Scoring


class RowCache:
    """Kept scores of a store. Frames are read once and shared."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._frames: dict[str, Frame] = {}

    def get(self, of: Measured) -> tuple[Frame, NDArray[Any]] | None:
        """Frame and scores; None where they are not kept."""
        try:
            kept = unsealed_bytes(self._path(of).read_bytes())
            with np.load(io.BytesIO(kept), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                if about["from"] != self._made_from(of):
                    return None
                scores: NDArray[Any] = arrays["scores"]
                return self._frame(about["frame"], arrays), scores
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None

    def put(self, of: Measured, frame: Frame, scores: NDArray[Any]) -> tuple[Frame, NDArray[Any]]:
        """Keep frame and scores, where that is possible; returns what `get` would give."""
        arrays = _arrays(frame)
        name = _name(arrays)
        with suppress(OSError):  # a store that cannot be written, or a full disk
            about = _bytes(json.dumps({"from": self._made_from(of), "frame": name}))
            written = io.BytesIO()
            np.savez_compressed(written, allow_pickle=False, about=about, scores=scores, **arrays)
            files.write(self._path(of), sealed_bytes(written.getvalue()), durable=False)
        return self._frames.setdefault(name, frame), scores

    def _frame(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> Frame:
        if name not in self._frames:
            self._frames[name] = _read(arrays)
        return self._frames[name]

    def _path(self, of: Measured) -> Path:
        return self._store.cache / "rows" / of.record.run_id / f"{of.target}-{of.split}.rows"

    def _made_from(self, of: Measured) -> dict[str, Any]:
        """What scores follow from; records of format 1 do not say the digest of the predictions."""
        name = f"predictions/{of.target}.parquet"
        said = of.record.files.get(name) or digest(self._store.fetch(of.record.run_id, name))
        return {
            "version": VERSION,
            "predictions": said,
            "target": of.target,
            "split": str(of.split),
            "recorded": of.recorded,
            "scoring": str(of.how),
            "source": of.record.spec.data.source,
        }


def _arrays(frame: Frame) -> dict[str, NDArray[Any]]:
    """Texts stand one behind another in UTF-8, with the number of characters of each."""
    languages = list(dict.fromkeys(language for language, _ in frame.keys))
    numbers = {language: number for number, language in enumerate(languages)}
    ids = [row for _, row in frame.keys]
    return {
        "languages": _bytes(json.dumps(languages)),
        "language": np.array([numbers[language] for language, _ in frame.keys], dtype=np.int32),
        "ids": _bytes("".join(ids)),
        "lengths": np.array([len(row) for row in ids], dtype=np.int32),
        "items": np.array(frame.items, dtype=np.int32),
    }


def _read(arrays: Mapping[str, NDArray[Any]]) -> Frame:
    languages = json.loads(arrays["languages"].tobytes())
    text = arrays["ids"].tobytes().decode()
    of_row = [languages[number] for number in arrays["language"].tolist()]
    ends = np.cumsum(arrays["lengths"], dtype=np.int64)
    places = zip((ends - arrays["lengths"]).tolist(), ends.tolist(), strict=True)
    ids = [text[begin:end] for begin, end in places]
    return Frame(keys=tuple(zip(of_row, ids, strict=True)), items=tuple(arrays["items"].tolist()))


def _name(arrays: Mapping[str, NDArray[Any]]) -> str:
    found = hashlib.sha256()
    for array in arrays.values():
        found.update(len(array).to_bytes(8, "little") + array.tobytes())
    return found.hexdigest()


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
