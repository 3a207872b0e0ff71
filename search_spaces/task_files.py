"""Files of tasks of one's own in a configuration: reading them is what makes their names known to all other fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from search_spaces.fields import distinct, listed
from search_spaces.own_tasks import packaged_tasks, read_tasks
from search_spaces.text_fields import PathText
from trainables.ledger.paths import expanded
from trainables.tasks import registry


def enlist_files(paths: Sequence[str]) -> tuple[str, ...]:
    """Enlist the tasks of these files and of installed packages; returns the absolute paths, each once.

    Raises DataError for a file that cannot be read as tasks, ValueError for two tasks of one name.
    """
    places = {}
    for own in packaged_tasks():
        places[own.name] = "an installed package"
        registry.enlist(own)
    found = distinct(tuple(str(expanded(path).resolve()) for path in paths))
    for path, own in ((each, own) for each in found for own in read_tasks(Path(each))):
        if own.name in places:
            raise ValueError(f"two tasks have the name {own.name!r}, of {places[own.name]} and of {path}")
        places[own.name] = path
        registry.enlist(own)
    return found


TaskFiles = Annotated[tuple[PathText, ...], BeforeValidator(listed), AfterValidator(enlist_files)]
