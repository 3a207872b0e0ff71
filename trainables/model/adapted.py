"""Adapted: the folder of an encoder that was trained with adapters, and how they come back.

Beside `config.json` it holds the adapters (model/stack.py), and what they belong to only where that is not the
pretrained encoder: the weights that a run without a method left, as the very files of that run where links can be made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from transformers import PreTrainedModel

from trainables.ledger import files
from trainables.ledger.recipe import MethodKind
from trainables.model.adapters import Adapters, add_adapters, bottlenecks_of, merge
from trainables.model.base import Base
from trainables.model.bundled import WEIGHTS_FILE
from trainables.model.delta import DELTA_WEIGHTS_FILE
from trainables.model.encoder import write_config
from trainables.model.names import DELTA_FILE, EncoderUnavailableError
from trainables.model.stack import Entry, Stack, read_adapters, read_stack, write_adapters


def apply_adapters(model: PreTrainedModel, folder: Path, stack: Stack) -> None:
    """Give an encoder the adapters that have files: low ranks merged, bottlenecks as they are.

    Raises EncoderUnavailableError for files that are not what was written.
    """
    for entry in stack.apart:
        adapters = add_adapters(model, entry.method)
        try:
            adapters.load(read_adapters(folder, entry))
        except ValueError as error:
            raise EncoderUnavailableError(f"the encoder in {str(folder)!r} is damaged: {error}") from error
        if entry.method.kind is MethodKind.LORA:
            merge(model, adapters)


def save_adapted(
    model: PreTrainedModel,
    path: Path,
    adapters: Adapters,
    *,
    parent: Path | None,
    base: Base,
    languages: tuple[str, ...] = (),
) -> None:
    """Write the adapters that an encoder was trained with into the folder `path`, which appears complete or not at all.

    Of the `parent`'s folder, if there is one, what the adapters belong to comes along, as links where it can: so no
    folder needs another. `languages` are of the text that trained them, for those of MLM alone.
    """
    below = read_stack(parent) if parent else Stack()
    if not parent or below.base:
        below = replace(below, base=base.name, revision=base.revision or "")
    with files.replacing(path) as partial:
        partial.mkdir()
        write_config(model, partial)
        for file in _weights_files(parent, below) if parent else ():
            _link(file, partial / file.name)
        write_adapters(adapters, partial, below, languages).write(partial)


@contextmanager
def language_of(model: PreTrainedModel, stack: Stack, folder: Path) -> Iterator[None]:
    """Have the adapters of a language that another folder holds inside of the block, and those from before after it.

    Raises as `swap_language` does.
    """
    own = bottlenecks_of(model)[_place(stack, _of_language(stack, "this encoder"))]
    before = {name: held.clone() for name, held in own.weights().items()}
    try:
        swap_language(model, stack, folder)
        yield
    finally:
        own.load(before)


def swap_language(model: PreTrainedModel, stack: Stack, folder: Path) -> None:
    """Exchange the adapters of a language in an encoder, which `stack` says, for those that another folder holds.

    Raises ValueError unless each has exactly one of a language, of the same size.
    """
    own, other = _of_language(stack, "this encoder"), _of_language(read_stack(folder), str(folder))
    bottlenecks_of(model)[_place(stack, own)].load(read_adapters(folder, other))


def _of_language(stack: Stack, what: str) -> Entry:
    found = [entry for entry in stack.apart if entry.languages and entry.method.kind is MethodKind.ADAPTER]
    if len(found) != 1:
        raise ValueError(f"{what} has {len(found)} adapters of a language; allowed: one, as mlm@sw/adapter makes it")
    return found[0]


def _place(stack: Stack, own: Entry) -> int:
    """Which of the bottlenecks of an encoder these are."""
    return [entry for entry in stack.entries if entry.method.kind is MethodKind.ADAPTER].index(own)


def _weights_files(parent: Path, stack: Stack) -> list[Path]:
    """The files of a folder that hold an encoder and its adapters."""
    weights = (parent / name for name in (WEIGHTS_FILE, DELTA_FILE, DELTA_WEIGHTS_FILE))
    return [file for file in weights if file.is_file()] + [parent / entry.file for entry in stack.apart]


def _link(source: Path, place: Path) -> None:
    """The same file under another name, or a copy where there can be no link."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
