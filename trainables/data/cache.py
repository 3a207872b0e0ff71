"""Token cache: texts are tokenised once for each (data, tokenizer, format) and memory-mapped by every run after that.

```
CACHE/tokens/<key>/sequences.arrow  token ids, one list a sequence
CACHE/tokens/<key>/rows.arrow       what belongs to each row: owner, label, words and tags, span, window
CACHE/tokens/<key>/examples.arrow   the examples
CACHE/tokens/<key>/complete.json    written last: an entry without it does not count
```
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

import filelock
import numpy as np
import pyarrow as pa

from trainables.data.cache_folder import own_folder, warn_once
from trainables.ledger import files
from trainables.ledger.digests import DamagedFileError, check, digest, put_aside
from trainables.ledger.record import DataUse
from trainables.ledger.seal import sealed, unsealed
from trainables.tasks.examples import TYPES, Example
from trainables.tasks.formats.base import Encoded, appended
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.windows import Windows

log = logging.getLogger(__name__)

COMPLETE = "complete.json"
FILES = ("sequences", "rows", "examples")
KEPT_SECONDS = 30 * 86_400
"""Entries that nothing has read for this long are removed when a new one is made."""
LEFTOVER_SECONDS = 86_400
"""No process takes this long to write an entry: what is older was left by a killed one."""
_TUPLE_TYPES = {"choices": pa.string(), "words": pa.string(), "answers": pa.string(), "translations": pa.string(),
                "tags": pa.int32(), "starts": pa.int32()}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokens:
    """Encoded rows, what was read for them, and what the user should know about it."""

    encoded: Encoded
    uses: tuple[DataUse, ...] = ()
    notes: tuple[str, ...] = ()


def joined(parts: Sequence[Tokens]) -> Tokens:
    """Tokens of one format, one part after another, with all that was read."""
    return Tokens(
        encoded=appended([part.encoded for part in parts]),
        uses=tuple(use for part in parts for use in part.uses),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


class TokenCache:
    """Entries in a folder. Many processes may ask for the same one at once: the first makes it, the others wait.

    A folder that cannot be written is no error: the tokens are then made anew every time, and the log says so.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or own_folder("tokens")

    def get(self, key: Mapping[str, object], make: Callable[[], Tokens]) -> Tokens:
        """The entry of a key, made if there is none. The key must name all that decides the tokens except our code."""
        if self._folder is None:
            return make()
        entry = self._folder / _digest(key)
        if found := self._sound(entry):
            return found
        lock = filelock.FileLock(entry.with_suffix(".lock"))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            self._warn(error)
            return make()
        try:
            return self._sound(entry, locked=True) or self._kept(entry, make())
        finally:
            lock.release()

    def _sound(self, entry: Path, *, locked: bool = False) -> Tokens | None:
        """The entry, if there is one that is what was written; a damaged one is put aside under the lock."""
        try:
            return _read(entry)
        except (DamagedFileError, OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            if locked:
                log.warning("the tokens in %s are damaged, put aside and made anew: %s", entry, error)
                with contextlib.suppress(OSError):
                    put_aside(entry)
            return None

    def _kept(self, entry: Path, made: Tokens) -> Tokens:
        """What was made, from its file if it could be written."""
        try:
            self._remove_unused()
            _write(entry, made)
        except OSError as error:
            self._warn(error)
        return self._sound(entry) or made

    def _warn(self, error: OSError) -> None:
        warn_once(f"cannot keep tokens in {self._folder}, they are made anew: {error}")

    def _remove_unused(self) -> None:
        assert self._folder
        for marker in self._folder.glob(f"*/{COMPLETE}"):
            if _age(marker) > KEPT_SECONDS:
                files.remove(marker.parent)
        for aside in self._folder.glob("*.damaged-*"):
            if _age(aside) > KEPT_SECONDS:
                files.remove(aside)
        for left_by_killed in files.leftovers(self._folder):
            if _age(left_by_killed) > LEFTOVER_SECONDS:
                files.remove(left_by_killed)


class StoredExamples(Sequence[Example]):
    """Examples in an Arrow table, built when one of them is first asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @functools.cached_property
    def _built(self) -> list[Example]:
        kind = TYPES[self._table.schema.metadata[b"type"].decode()]
        columns = [
            [tuple(value) for value in column.to_pylist()] if pa.types.is_list(column.type) else column.to_pylist()
            for column in self._table.columns
        ]
        return [kind(*values) for values in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        return self._built[place]

    def __iter__(self) -> Iterator[Example]:
        return iter(self._built)


@functools.cache
def _code_digest() -> str:
    """Of the code that reads and formats rows, and of the libraries that tokenise: other code, other entries."""
    package = Path(__file__).parent.parent
    whole = hashlib.sha256(f"{version('tokenizers')} {version('transformers')}".encode())
    for file in sorted([*(package / "data").glob("*.py"), *(package / "tasks").rglob("*.py")]):
        whole.update(file.read_bytes())
    return whole.hexdigest()


def _digest(key: Mapping[str, object]) -> str:
    text = json.dumps({**key, "code": _code_digest()}, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(entry: Path) -> Tokens | None:
    """The entry, memory-mapped, its files compared with their digests once in a process; None when there is none.

    Raises DamagedFileError, OSError, ValueError, KeyError, TypeError or ArrowException for one that is damaged.
    """
    marker = entry / COMPLETE
    if not entry.is_dir():
        return None
    told = unsealed(marker.read_text(encoding="utf-8"), range(2, 3), sealed_since=2)
    check(entry, told["files"])
    sequences, rows, examples = (_open(entry / f"{name}.arrow") for name in FILES)
    with contextlib.suppress(OSError):  # in a cache that is read-only nothing is ever removed
        marker.touch()
    return Tokens(
        encoded=_encoded(sequences, rows, examples, told),
        uses=tuple(DataUse(**use) for use in told["uses"]),
        notes=tuple(told["notes"]),
    )


def _write(entry: Path, tokens: Tokens) -> None:
    """Write under a temporary name, the marker last, and move into place. The caller holds the lock of the entry."""
    encoded = tokens.encoded
    with files.replacing(entry, sole=True) as partial:
        partial.mkdir()
        tables = (_sequences(encoded), _rows(encoded), _examples(encoded.examples))
        for name, batch in zip(FILES, tables, strict=True):
            file = partial / f"{name}.arrow"
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
                writer.write_batch(batch)
        told = {
            "format": 2,
            "files": {f"{name}.arrow": digest(partial / f"{name}.arrow") for name in FILES},
            "uses": [dataclasses.asdict(use) for use in tokens.uses],
            "notes": tokens.notes,
            "group": encoded.group,
            "skipped": encoded.skipped,
            "repaired": encoded.repaired,
        }
        (partial / COMPLETE).write_text(sealed(told), encoding="utf-8")


def _age(path: Path) -> float:
    """Seconds since the last change; 0 for what another process has just moved or removed."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sequences(encoded: Encoded) -> pa.RecordBatch:
    return pa.record_batch({"ids": _lists(encoded.sequences)})


def _rows(encoded: Encoded) -> pa.RecordBatch:
    columns: dict[str, Any] = {"owner": pa.array(encoded.owners)}
    if len(encoded.labels):
        columns["label"] = pa.array(encoded.labels)
    if len(encoded.word_positions):
        columns |= {"word_positions": _lists(encoded.word_positions), "tags": _lists(encoded.tags)}
    if len(encoded.spans):
        columns |= {"span_start": pa.array(encoded.spans[:, 0]), "span_end": pa.array(encoded.spans[:, 1])}
    if len(encoded.windows):
        columns |= {
            "window_position": pa.array(encoded.windows.positions),
            "window_begins": _lists(encoded.windows.begins),
            "window_ends": _lists(encoded.windows.ends),
            "window_best": _lists(encoded.windows.best_contexts),
        }
    return pa.record_batch(columns)


def _examples(examples: Sequence[Example]) -> pa.RecordBatch:
    kind = type(examples[0]) if examples else TYPES["TextExample"]
    assert all(type(example) is kind for example in examples)
    columns = {}
    for field in dataclasses.fields(kind):
        values = [getattr(example, field.name) for example in examples]
        inner = _TUPLE_TYPES.get(field.name) if str(field.type).startswith("tuple") else None
        columns[field.name] = pa.array(values, pa.list_(inner) if inner else None)
    return pa.record_batch(columns).replace_schema_metadata({"type": kind.__name__})


def _encoded(sequences: pa.Table, rows: pa.Table, examples: pa.Table, told: Mapping[str, Any]) -> Encoded:
    held = set(rows.column_names)
    fields: dict[str, Any] = {"owners": _numbers(rows["owner"])}
    if "label" in held:
        fields["labels"] = _numbers(rows["label"])
    if "tags" in held:
        fields |= {"word_positions": _ragged(rows["word_positions"]), "tags": _ragged(rows["tags"])}
    if "span_start" in held:
        fields["spans"] = np.stack([_numbers(rows["span_start"]), _numbers(rows["span_end"])], axis=1)
    if "window_position" in held:
        fields["windows"] = Windows(
            _numbers(rows["window_position"]),
            _ragged(rows["window_begins"]),
            _ragged(rows["window_ends"]),
            _ragged(rows["window_best"], np.bool_),
        )
    return Encoded(
        examples=StoredExamples(examples),
        sequences=_ragged(sequences["ids"]),
        group=told["group"],
        skipped=told["skipped"],
        repaired=told["repaired"],
        **fields,
    )


def _open(file: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()


def _lists(ragged: Ragged) -> pa.Array:
    """Lists in the order of the arrays; truth values as bytes, which can be mapped."""
    values = ragged.used.view(np.uint8) if ragged.values.dtype == np.bool_ else ragged.used
    return pa.LargeListArray.from_arrays(pa.array(ragged.offsets - ragged.offsets[0]), pa.array(values))


def _ragged(column: pa.ChunkedArray, dtype: type[np.generic] = np.int32) -> Ragged:
    lists = column.chunk(0)
    return Ragged(lists.values.to_numpy().view(dtype), lists.offsets.to_numpy())


def _numbers(column: pa.ChunkedArray) -> Any:
    return column.chunk(0).to_numpy()
