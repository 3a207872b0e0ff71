"""Tasks of one's own as a sweep carries them: what they say and their rows, in one folder named by both.

    <cache folder>/own/tasks/<name>-<definition>/task.json
                                                /<language>/<split>.parquet

The planner writes the folder, the store keeps a copy below `tasks/`, and whoever needs the task later, a worker or a
report, takes it from there: neither the files it was read from nor their code are asked again.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.cache_folder import cache_folder, fills_cache
from trainables.data.digests import DIGITS
from trainables.data.labels import with_labels
from trainables.data.loading import read_examples
from trainables.data.mirror import MirrorData
from trainables.data.own_files import columns_of
from trainables.data.shared_rows import SeenRows, row_hashes
from trainables.data.source import DataError, DataSource, MissingDataError
from trainables.ledger import files
from trainables.ledger.digests import put_aside
from trainables.ledger.errors import LedgerError
from trainables.ledger.own_tasks import OWN_TASK_FILE
from trainables.ledger.paths import names_in
from trainables.ledger.plain import plain
from trainables.ledger.seal import sealed, unsealed
from trainables.ledger.store import Store
from trainables.tasks import registry
from trainables.tasks.declared import NAME, OWN, Declared, declared, row_of
from trainables.tasks.examples import Example
from trainables.tasks.task import Source, Split, Task

_FORMAT = 1
_DEFINITION = re.compile(f"[0-9a-f]{{{DIGITS}}}")


class CarriedData(MirrorData):
    """The rows of carried tasks, whose folders are named by their content."""

    def __init__(self) -> None:
        super().__init__(cache_folder(), kind=OWN)

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        """Of the names of the files, which stand for their content; `anew` holds that against the name."""
        for folder in sorted({self.root / source.repository for source in sources}) if anew else ():
            check_folder(folder)
        names = sorted({source.path for source in sources for _ in self.files(source)})
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:DIGITS]


def carry(of: Task, data: DataSource, preference: str, note: Callable[[str], object]) -> Task:
    """The task as a sweep carries it; its rows are read here, all of them.

    Languages of evaluated splits without files are left out. `note` is told of rows that are both trained and evaluated
    on, where the task allows them. Raises DataError where it does not, and for rows that are missing or break the
    schema, ValueError for a task that cannot be carried.
    """
    of = with_labels(of, data, preference)
    rows = dict(_read(of, data, preference))
    for (split, language), examples in rows.items():
        _check_ids(of, split, language, examples)
    _check_shared(of, rows, note)
    counted = sum(len(rows.get((Split.TRAIN, code), ())) for code in of.usual_training_languages) if of.trains else 0
    says = dataclasses.replace(declared(of), num_train_rows=counted)
    with fills_cache():
        return _written(says, rows)


def keep(definitions: Mapping[str, str], store: Store) -> None:
    """Have a store keep the folders of tasks, by name and definition; what it has stays, unless it is damaged."""
    for name, definition in definitions.items():
        key = _key(name, definition)
        kept = store.own_task(key) if store.has_own_task(key) else None
        if kept is None or not _is_sound(kept, key):
            store.keep_own_task(key, _folder(key))


def admit(definitions: Mapping[str, str], store: Store) -> None:
    """Enlist the tasks of these definitions, whose folders are here or in the store.

    Raises DataError for a task that the store does not have, or that is damaged there.
    """
    for name, definition in definitions.items():
        key = _key(name, definition)
        known = registry.is_own(name) and registry.task(name).definition == definition
        if not (known and _is_here(key)):
            registry.enlist(_said(_brought(key, store)).task(definition))


def admit_all(store: Store, sweep: str = "") -> None:
    """Enlist the tasks of one's own that a store's runs are of: as the sweep that is named has them, else the last one.

    Raises as `admit` does.
    """
    if not store.own_tasks() and not store.plans_own_tasks:
        return
    found: dict[str, str] = {}
    for each in dict.fromkeys([*([sweep] if sweep else []), *store.sweeps()]):
        with suppress(LedgerError):
            found = {**store.plan(each).definitions, **found}
    admit(found, store)


def check_folder(folder: Path, key: str = "") -> None:
    """Raise DataError unless a folder holds the task and the rows that its key stands for, by default its name."""
    key = key or folder.name
    held = {}
    for path in _rows_in(folder):
        try:
            held[f"{path.stem}/{path.parent.name}"] = _digest(pq.read_table(path).to_pylist())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error
    says = _said(folder)
    definition = _definition(says, held)
    if key != f"{says.name}-{definition}":
        raise DataError(f"{folder} is not what its name stands for: its content comes to {says.name}-{definition}")


def _rows_in(folder: Path) -> list[Path]:
    """The files of rows in the folder of a task, `<language>/<split>.parquet`; no links."""
    found = (folder / language / f"{split}.parquet" for language in names_in(folder) for split in Split)
    return sorted(path for path in found if path.is_file() and not path.is_symlink() and not path.parent.is_symlink())


def _is_sound(folder: Path, key: str) -> bool:
    try:
        check_folder(folder, key)
    except DataError:
        return False
    return True


@functools.cache
def _is_sound_here(folder: Path, changed_ns: int) -> bool:
    """Whether a folder of the cache is sound; read once in a process and time of change."""
    return _is_sound(folder, folder.name)


def _is_here(key: str) -> bool:
    """Whether the cache folder has a task, sound."""
    folder = _folder(key)
    try:
        changed = max(path.stat().st_mtime_ns for path in (folder / OWN_TASK_FILE, *_rows_in(folder)))
    except OSError:
        return False
    return _is_sound_here(folder, changed)


def _read(of: Task, data: DataSource, preference: str) -> Iterator[tuple[tuple[Split, str], list[Example]]]:
    for split in dict.fromkeys((*of.languages, *of.other_languages)):
        for language in of.languages_of(split):
            sources = of.files(split, language, preference)
            if problem := next(filter(None, map(data.problem, sources)), ""):
                if split in (Split.TRAIN, Split.STOPPING) and language in of.languages.get(split, ()):
                    raise MissingDataError(f"{of.name} has no {split} rows: {problem}")
                continue
            yield (split, language), [example for source in sources for example in read_examples(source, data).examples]


def _check_ids(of: Task, split: Split, language: str, examples: Sequence[Example]) -> None:
    seen: set[str] = set()
    for example in examples:
        if example.id in seen:
            raise DataError(f"{of.name}, {split} rows in {language}: the id {example.id!r} stands twice")
        seen.add(example.id)


def _check_shared(of: Task, rows: Mapping[tuple[Split, str], Sequence[Example]], note: Callable[[str], object]) -> None:
    """Say which rows of training are evaluated, too; raise DataError unless the task allows them."""
    trained = (example for (split, _), examples in rows.items() if split is Split.TRAIN for example in examples)
    seen = SeenRows(row_hashes(trained))
    for (split, language), examples in rows.items():
        if split is Split.TRAIN or not (found := seen.shared(examples)).by_text:
            continue
        what = f"{of.name}: {found.by_text} of {found.rows} {split} rows in {language} are training rows, too"
        if not of.shares_rows:
            raise DataError(f"{what}; allowed: rows of one split only, or `shares_rows: true` in the task")
        note(what)


def _written(says: Declared, rows: Mapping[tuple[Split, str], Sequence[Example]]) -> Task:
    held = {(split, code): [row_of(each, says.labels) for each in examples] for (split, code), examples in rows.items()}
    digests = {f"{split}/{code}": _digest(found) for (split, code), found in held.items()}
    definition = _definition(says, digests)

    def write(folder: Path) -> None:
        folder.mkdir()
        for (split, code), found in held.items():
            path = folder / code / f"{split}.parquet"
            path.parent.mkdir(exist_ok=True)
            pq.write_table(pa.Table.from_pylist(found, columns_of(says.kind)), path)
        text = sealed({"format": _FORMAT, "task": says.to_dict()})
        (folder / OWN_TASK_FILE).write_text(text, encoding="utf-8")

    _have(_key(says.name, definition), write)
    return says.task(definition)


def _have(key: str, make: Callable[[Path], object]) -> Path:
    """The folder of a task in the cache folder, made where it is not there or not sound; many processes may ask."""
    folder = _folder(key)
    if _is_here(key):
        return folder
    files.make_folder(folder.parent)
    with filelock.FileLock(folder.with_name(f"{key}.lock")):
        if _is_here(key):
            return folder
        if folder.exists():
            put_aside(folder)
        with files.replacing(folder, sole=True) as partial:
            make(partial)
            check_folder(partial, key)
    return folder


def _said(folder: Path) -> Declared:
    """What the task in a folder says; raises DataError where that cannot be read."""
    path = folder / OWN_TASK_FILE
    try:
        told = unsealed(path.read_text(encoding="utf-8"), range(1, _FORMAT + 1), sealed_since=1)
        return Declared.from_dict(told["task"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is no task of one's own ({error})") from error


def _brought(key: str, store: Store) -> Path:
    """The folder of a task in the cache folder, taken from a store where it is not there or not sound."""

    def copy(folder: Path) -> None:
        kept = store.own_task(key)
        if kept is None:
            raise DataError(f"{store} does not have the task {key}, which its runs are of")
        folder.mkdir()
        for path in (kept / OWN_TASK_FILE, *_rows_in(kept)):
            made = folder / path.relative_to(kept)
            made.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, made, follow_symlinks=False)

    with fills_cache():
        return _have(key, copy)


def _folder(key: str) -> Path:
    return cache_folder() / OWN / key


def _key(name: str, definition: str) -> str:
    """Name of the folder of a task; raises DataError for what is none, whatever a store says."""
    if not NAME.fullmatch(name) or not _DEFINITION.fullmatch(definition):
        raise DataError(f"{plain(name, 60)!r} with the definition {plain(definition, 60)!r} is no task of one's own")
    return f"{name}-{definition}"


def _definition(says: Declared, digests: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits of what a task says and of the rows that it has, by split and language."""
    return hashlib.sha256(_json({"task": says.to_dict(), "rows": dict(digests)}).encode()).hexdigest()[:DIGITS]


def _digest(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of the rows themselves: files of the same rows differ from one version of Arrow to the next."""
    whole = hashlib.sha256()
    for row in rows:
        whole.update(_json(row).encode(errors="surrogatepass") + b"\n")
    return whole.hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
